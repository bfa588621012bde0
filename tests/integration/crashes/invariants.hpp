// SPDX-License-Identifier: Apache-2.0
// What must be true of a host after a case has ended, whatever died in between.
#pragma once

#include "tests/integration/cluster/officer.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

namespace bailiff::test {

/// Pids of processes whose name begins with `program` and whose arguments contain `word`. Others' processes on the same
/// machine are told apart by the host's folder or the guest's UUID as that word.
inline std::vector<pid_t> processes(const std::string& program, const std::string& word) {
    std::vector<pid_t> out;
    std::error_code gone;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", gone)) {
        const std::string name = entry.path().filename();
        if (name.find_first_not_of("0123456789") != std::string::npos) continue;
        std::ifstream comm(entry.path() / "comm"), command(entry.path() / "cmdline");
        std::string what, arguments;
        std::getline(comm, what);
        std::getline(command, arguments);
        if (what.starts_with(program) && arguments.find(word) != std::string::npos) out.push_back(pid_t(std::stol(name)));
    }
    return out;
}

/// The VM is in one state only: libvirt's word and the process agree, and there is never more than one process.
inline void expect_one_state(const Officer& host, const LabGuest& guest) {
    std::string state;
    size_t running = 0;
    // libvirt hears of a process that died a moment later.
    const bool agree = eventually(
        [&] {
            state = host.state(guest.name());
            running = processes("qemu-system", guest.uuid()).size();
            EXPECT_LE(running, 1u) << "two QEMUs run one VM";
            return running == (state == "running" || state == "paused" ? 1u : 0u);
        },
        std::chrono::seconds{10});
    EXPECT_TRUE(agree) << "libvirt says '" << state << "', and there are " << running << " processes";
}

/// After a release: the image is whole, and nothing of ours is left on the host.
inline void expect_nothing_left(const Officer& host, const LabGuest& guest) {
    expect_one_state(host, guest);
    EXPECT_EQ(agent::Process::run({"qemu-img", "check", "-q", "-U", guest.disk()})->exit_code, 0) << "the image is damaged";
    const auto info = agent::Process::run({"qemu-img", "info", "-U", guest.disk()});
    EXPECT_EQ(info->out.find("backing file"), std::string::npos) << "the disk stands on something";
    std::error_code none;
    for (const auto& file : std::filesystem::recursive_directory_iterator(host.agent.state() + "/overlays", none))
        EXPECT_FALSE(file.is_regular_file()) << "orphan overlay " << file.path();
    for (const auto& file : std::filesystem::directory_iterator(host.locks_folder(), none))
        EXPECT_EQ(file.path().string().find(guest.uuid()), std::string::npos) << "a lock without a reason: " << file.path();
    for (const auto& file : std::filesystem::recursive_directory_iterator(host.agent.state(), none))
        EXPECT_FALSE(file.is_socket()) << "orphan socket " << file.path();
    for (const char* program : {"qemu-img", "qemu-nbd", "qemu-storage", "bailiff-scan", "bailiff-clean"})
        EXPECT_TRUE(processes(program, host.agent.state()).empty()) << "an orphan " << program << " works on";
    EXPECT_TRUE(processes("qemu-nbd", guest.disk()).empty()) << "an orphan reads its disk";
    EXPECT_TRUE(processes("bailiff-hold", guest.uuid()).empty()) << "its disks are still held";
    const std::string live = host.state(guest.name()) == "running" ? host.host.virsh({"dumpxml", guest.name()}) : "";
    // Not just "bailiff": the laboratory's own folder is called so.
    for (const char* ours : {"urn:bailiff", "bailiff-quarantine", "<filterref filter='bailiff", "/overlays/"}) {
        EXPECT_EQ(live.find(ours), std::string::npos) << "something of ours is in the live definition: " << live;
        EXPECT_EQ(host.host.virsh({"dumpxml", "--inactive", guest.name()}).find(ours), std::string::npos) << ours << " is in the stored definition";
    }
    EXPECT_EQ(host.host.virsh({"nwfilter-binding-list"}).find("bailiff"), std::string::npos) << "an orphan filter";
    if (!live.empty()) {
        EXPECT_NE(host.host.virsh({"domjobinfo", guest.name()}).find("None"), std::string::npos) << "a job is left";
        EXPECT_EQ(live.find("<link state='down'/>"), std::string::npos) << "the VM is still cut off";
    }
    EXPECT_EQ(host.host.virsh({"list", "--all", "--name"}).find("bailiff"), std::string::npos) << "a canary is left";
}

}  // namespace bailiff::test
