// SPDX-License-Identifier: Apache-2.0
// The port Hypervisor over libvirt and QEMU.
//
// Connections of three purposes: events, operations, urgent. Ending a VM never waits behind an operation that
// hangs, and nobody waits for libvirt longer than the call's watchdog: a call that does not return marks its
// VM stuck, keeps its connection, and is left alone.
#pragma once

#include "agent/hypervisor/libvirt_connection.hpp"
#include "agent/hypervisor/watchdog.hpp"
#include "agent/ports.hpp"

#include <bailiff/time.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

namespace bailiff::agent {

class LibvirtEvents;

/// Where the hypervisor is and how patient we are with it.
struct LibvirtOptions {
    std::string uri = "qemu:///system";
    std::string run_folder =
        "/run/libvirt/qemu";  ///< of the pid files, to see that a process has really ended
    std::string
        definitions_folder;  ///< keeps definitions of transient VMs beyond their end; empty: they are lost
    std::string quarantine_network = "bailiff-quarantine";
    std::string quarantine_bridge = "bailiffq0";
    std::string canary_type;  ///< "kvm" or "qemu"; empty: kvm where it can work
    int agent_timeout_seconds =
        5;  ///< given to every VM: libvirt's own default waits for a guest agent for ever
    std::chrono::milliseconds read_timeout{10'000};
    std::chrono::milliseconds job_timeout{2'000};   ///< whether it migrates; waits for other jobs of the VM
    std::chrono::milliseconds ask_timeout{12'000};  ///< shutdown requests, autostart
    std::chrono::milliseconds start_timeout{90'000};
    std::chrono::milliseconds destroy_timeout{45'000};
};

/// Thread-safe. A refused start is `forbidden` with the gate's own words.
class LibvirtHypervisor : public Hypervisor {
  public:
    LibvirtHypervisor(LibvirtOptions options, const Clock& clock);
    ~LibvirtHypervisor() override;

    Result<std::vector<VmRecord>> list() override;
    Result<VmObservation> observe(const VmId& vm) override;
    Result<std::string> definition(const VmId& vm, bool live) override;
    Result<void> shut_down(const VmId& vm, ShutdownBy by) override;
    Result<void> power_off(const VmId& vm, bool graceful) override;
    Result<void> start(const VmId& vm) override;
    Result<void> start_quarantined(const VmId& vm, const QuarantineBoot& boot) override;
    Result<void> set_autostart(const VmId& vm, bool on) override;
    Result<void> set_links(const VmId& vm, bool up) override;
    Result<bool> prove_gate() override;
    void watch(std::function<void(VmEvent)> on_event) override;

    /// Path of the VM's nvram file, "" when it has none: for Overlays and EvidenceStore.
    Result<std::string> nvram_path(const VmId& vm);

  private:
    /// All that a call uses: it may outlive this object when it hangs.
    struct Core {
        LibvirtOptions options;
        LibvirtConnections operations, urgent;
        std::mutex network_mutex;
        explicit Core(LibvirtOptions given);
    };
    using Call = std::function<Result<void>(Core&)>;

    Result<void> act(const VmId& vm, std::chrono::milliseconds timeout, const std::string& doing, Call call);
    static Result<VmObservation> look(Core& core, const VmId& vm);
    static Result<std::string> stored_definition(Core& core, const VmId& vm);
    static Result<void> keep_transient_definition(Core& core, virDomainPtr domain, const VmId& vm);
    static Result<void> ensure_quarantine_network(Core& core, const ConnectionHandle& connection);
    static Result<void> boot_quarantined(Core& core, const VmId& vm, const QuarantineBoot& boot);

    std::shared_ptr<Core> core_;
    const Clock& clock_;
    Watchdog watchdog_;
    std::mutex events_mutex_;
    std::unique_ptr<LibvirtEvents> events_;
};

}  // namespace bailiff::agent
