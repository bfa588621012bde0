// SPDX-License-Identifier: Apache-2.0
// The lock on a real libvirtd: whoever starts a locked VM gets our words, and a gate that is down is noticed.
#include "tests/integration/hypervisor/host_fixture.hpp"

#include "agent/files/durable_file.hpp"
#include "agent/process/process.hpp"

#include <sys/stat.h>
#include <filesystem>

namespace bailiff::test {
namespace {

using agent::FileGuard;
using agent::LockRecord;

class Gate : public HostFixture {
  protected:
    LockRecord record(const LabGuest& guest) {
        return {VmId(guest.uuid()),
                CaseId("C-17"),
                guest.name(),
                {{"vda", "qcow2", guest.disk(), false}},
                true,
                false,
                {}};
    }
    /// What a panel or a customer would see.
    std::string virsh_error(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"virsh", "--quiet", "--connect", host_->uri()});
        const auto result = agent::Process::run(arguments);
        return result && !result->ok() ? result->err : "";
    }
};

TEST_F(Gate, a_first_hook_counts_from_the_signal_on_and_refuses_locked_starts) {
    FileGuard guard(gate_options().locks_folder);
    EXPECT_EQ(hypervisor_->prove_gate().value_or(true), false)
        << "there is no gate yet, and the canary says so";
    const auto change = agent::install_gate(gate_options());
    ASSERT_TRUE(change) << change.error().text;
    EXPECT_TRUE(change->signalled);
    ASSERT_TRUE(gate_up());
    measured("canary", [&] { EXPECT_TRUE(*hypervisor_->prove_gate()); });
    EXPECT_EQ(host_->virsh({"list", "--all", "--name"}).find("bailiff-canary"), std::string::npos);

    LabGuest guest(*host_, {.name = "locked"});
    ASSERT_TRUE(guard.lock(record(guest)));
    const auto refused = hypervisor_->start(VmId(guest.uuid()));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::forbidden);
    EXPECT_NE(refused.error().text.find("(code 70)"), std::string::npos) << refused.error().text;
    EXPECT_NE(
        virsh_error({"start", "locked"}).find("Bailiff: VM " + guest.uuid() + " is locked by case C-17"),
        std::string::npos);
    EXPECT_EQ(power(guest), Power::off);
    // The same disk under another name and UUID.
    std::string xml = host_->virsh({"dumpxml", "locked"});
    xml.replace(xml.find("<name>locked"), 12, "<name>other");
    const size_t uuid = xml.find("<uuid>");
    xml.erase(uuid, xml.find("</uuid>") + 7 - uuid);
    const std::string path = host_->folder() + "/other.xml";
    ASSERT_TRUE(agent::write_durably(path, xml, 0600));
    EXPECT_NE(virsh_error({"create", path}).find("which is locked by case C-17"), std::string::npos);

    ASSERT_TRUE(guard.unlock(VmId(guest.uuid())));
    EXPECT_TRUE(hypervisor_->start(VmId(guest.uuid())));
    ASSERT_TRUE(hypervisor_->power_off(VmId(guest.uuid()), false));
}

TEST_F(Gate, autostart_and_saved_memory_do_not_get_past_it) {
    FileGuard guard(gate_options().locks_folder);
    ASSERT_TRUE(gate_up());
    LabGuest guest(*host_, {.name = "eager"});
    const VmId vm(guest.uuid());
    guest.start();
    host_->virsh({"managedsave", "eager"});
    ASSERT_TRUE(guard.lock(record(guest)));
    EXPECT_EQ(hypervisor_->start(vm).error().code, Errc::forbidden);
    EXPECT_TRUE(hypervisor_->observe(vm)->managed_save) << "the saved memory is still there";
    host_->virsh({"managedsave-remove", "eager"});
    ASSERT_TRUE(hypervisor_->set_autostart(vm, true));
    host_->kill_daemon();
    // What libvirt writes to start VMs once per boot of the host only.
    std::filesystem::remove(host_->run_folder() + "/autostarted");
    host_->start_daemon();
    ASSERT_TRUE(eventually([&] { return hypervisor_->prove_gate().value_or(false); }));
    EXPECT_EQ(power(guest), Power::off);
    ASSERT_TRUE(hypervisor_->set_autostart(vm, false));
    ASSERT_TRUE(guard.unlock(vm));
}

TEST_F(Gate, a_running_vm_is_not_hurt_by_its_lock_when_the_daemon_comes_back) {
    FileGuard guard(gate_options().locks_folder);
    ASSERT_TRUE(gate_up());
    LabGuest guest(*host_, {.name = "survivor"});
    guest.start();
    ASSERT_TRUE(guard.lock(record(guest)));
    host_->kill_daemon();
    host_->start_daemon();
    ASSERT_TRUE(eventually([&] { return hypervisor_->prove_gate().value_or(false); }));
    EXPECT_EQ(power(guest), Power::running) << "a refused reconnect would have killed it";
    ASSERT_TRUE(hypervisor_->power_off(VmId(guest.uuid()), false));
    EXPECT_EQ(hypervisor_->start(VmId(guest.uuid())).error().code, Errc::forbidden);
    ASSERT_TRUE(guard.unlock(VmId(guest.uuid())));
}

TEST_F(Gate, the_canary_notices_a_gate_that_is_down) {
    FileGuard guard(gate_options().locks_folder);
    ASSERT_TRUE(gate_up());
    const std::string gate = host_->hooks_folder() + "/qemu.d/00-bailiff";
    ::chmod(gate.c_str(), 0644);
    EXPECT_EQ(hypervisor_->prove_gate().value_or(true), false) << "no execute bit";
    EXPECT_TRUE(agent::install_gate(gate_options())->changed);
    EXPECT_TRUE(hypervisor_->prove_gate().value_or(false)) << "repaired, without a signal";
    std::filesystem::rename(guard.folder(), guard.folder() + ".away");
    EXPECT_EQ(hypervisor_->prove_gate().value_or(true), false) << "no locks";
    std::filesystem::rename(guard.folder() + ".away", guard.folder());
    EXPECT_TRUE(hypervisor_->prove_gate().value_or(false));
    EXPECT_EQ(host_->virsh({"list", "--all", "--name"}).find("bailiff-canary"), std::string::npos);
}

}  // namespace
}  // namespace bailiff::test
