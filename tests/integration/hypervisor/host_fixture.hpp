// SPDX-License-Identifier: Apache-2.0
// One laboratory host for all tests of a suite, with the adapter and the guard as an agent wires them.
#pragma once

#include "agent/guard/file_guard.hpp"
#include "agent/guard/gate_install.hpp"
#include "agent/hypervisor/libvirt_hypervisor.hpp"
#include "tests/integration/hypervisor/lab.hpp"

#include <bailiff/system_clock.hpp>

#include <gtest/gtest.h>
#include <memory>

namespace bailiff::test {

/// The host lives as long as the suite; each test makes the guests it needs under names of its own.
class HostFixture : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        if (lab_missing().empty()) host_ = std::make_unique<LabHost>();
    }
    static void TearDownTestSuite() { host_.reset(); }

    void SetUp() override {
        if (const std::string missing = lab_missing(); !missing.empty()) GTEST_SKIP() << missing;
        hypervisor_ = make_hypervisor();
    }

    agent::LibvirtOptions options() const {
        agent::LibvirtOptions options;
        options.uri = host_->uri();
        options.run_folder = host_->run_folder();
        options.definitions_folder = host_->folder() + "/definitions";
        options.notes_folder = host_->folder() + "/networks";
        options.network_namespace = host_->network_namespace();
        return options;
    }
    std::unique_ptr<agent::LibvirtHypervisor> make_hypervisor() const {
        return std::make_unique<agent::LibvirtHypervisor>(options(), clock_);
    }
    agent::GateOptions gate_options() const {
        agent::GateOptions options;
        options.program = BAILIFF_BIN_DIR "/bailiff-gate";
        options.hooks_folder = host_->hooks_folder();
        options.locks_folder = host_->folder() + "/locks";
        options.pid_files = {host_->pid_file()};
        return options;
    }
    /// As an agent does it: the canary decides, and until it is refused the gate is repaired.
    bool gate_up() {
        return eventually(
            [&] {
                if (hypervisor_->prove_gate().value_or(false)) return true;
                agent::repair_gate(gate_options());
                return false;
            },
            std::chrono::seconds{30});
    }
    Power power(const LabGuest& guest) {
        const auto seen = hypervisor_->observe(VmId(guest.uuid()));
        return seen ? seen->power : Power::unknown;
    }

    inline static std::unique_ptr<LabHost> host_;
    SystemClock clock_;
    std::unique_ptr<agent::LibvirtHypervisor> hypervisor_;
};

}  // namespace bailiff::test
