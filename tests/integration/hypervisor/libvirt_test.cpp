// SPDX-License-Identifier: Apache-2.0
// Looking at VMs and ending them, on a real libvirtd with real guests.
#include "tests/integration/hypervisor/host_fixture.hpp"

#include <algorithm>
#include <csignal>
#include <mutex>

namespace bailiff::test {
namespace {

using agent::ShutdownBy;
using std::chrono::milliseconds;

class Libvirt : public HostFixture {};

/// Collects events from the adapter's thread.
class Events {
  public:
    std::function<void(VmEvent)> collector() {
        return [this](const VmEvent& event) {
            const std::lock_guard guard(mutex_);
            events_.push_back(event);
        };
    }
    int count(const std::string& vm, const std::string& what) {
        const std::lock_guard guard(mutex_);
        return int(std::count_if(events_.begin(), events_.end(), [&](const VmEvent& event) {
            return event.vm.text() == vm && event.what == what;
        }));
    }

  private:
    std::mutex mutex_;
    std::vector<VmEvent> events_;
};

TEST_F(Libvirt, lists_and_observes_what_there_is) {
    LabGuest guest(*host_, {.name = "seen"});
    const VmId vm(guest.uuid());
    const auto off = hypervisor_->observe(vm);
    ASSERT_TRUE(off) << off.error().text;
    EXPECT_TRUE(off->exists);
    EXPECT_EQ(off->name, "seen");
    EXPECT_EQ(off->power, Power::off);
    EXPECT_TRUE(off->persistent);
    EXPECT_FALSE(off->autostart || off->managed_save || off->migrating || off->quarantine_running ||
                 off->stuck);
    EXPECT_EQ(off->disks, (std::vector<VmDisk>{{"vda", "qcow2", guest.disk(), false}}));
    EXPECT_EQ(off->nics, (std::vector<VmNic>{{guest.mac(), "customers", true}}));
    measured("start of a VM (call)", [&] { ASSERT_TRUE(hypervisor_->start(vm)); });
    measured("guest's boot until its first words", [&] { ASSERT_TRUE(guest.wait_boots(1)); });
    ASSERT_TRUE(hypervisor_->start(vm)) << "starting twice is starting once";
    EXPECT_EQ(power(guest), Power::running);
    const auto listed = hypervisor_->list();
    ASSERT_TRUE(listed) << listed.error().text;
    const auto found =
        std::find_if(listed->begin(), listed->end(), [&](const VmRecord& record) { return record.vm == vm; });
    ASSERT_NE(found, listed->end());
    EXPECT_EQ(found->power, Power::running);
    EXPECT_EQ(found->state, VmState::running);
    EXPECT_NE(hypervisor_->definition(vm, true)->find("' id='"), std::string::npos)
        << "a running VM has a number";
    EXPECT_EQ(hypervisor_->definition(vm, false)->find("' id='"), std::string::npos);
    ASSERT_TRUE(hypervisor_->set_autostart(vm, true));
    EXPECT_TRUE(hypervisor_->observe(vm)->autostart);
    ASSERT_TRUE(hypervisor_->set_autostart(vm, false));
    host_->virsh({"managedsave", "seen"});
    EXPECT_TRUE(hypervisor_->observe(vm)->managed_save);
    host_->virsh({"managedsave-remove", "seen"});
    EXPECT_EQ(*hypervisor_->nvram_path(vm), "");
}

TEST_F(Libvirt, says_that_a_vm_is_not_here) {
    const VmId nobody("00000000-0000-4000-8000-000000000001");
    const auto seen = hypervisor_->observe(nobody);
    ASSERT_TRUE(seen) << seen.error().text;
    EXPECT_FALSE(seen->exists);
    EXPECT_EQ(hypervisor_->definition(nobody, false).error().code, Errc::not_found);
    EXPECT_EQ(hypervisor_->start(nobody).error().code, Errc::not_found);
    EXPECT_TRUE(hypervisor_->power_off(nobody, false)) << "what is not here is off";
    agent::LibvirtOptions nowhere = options();
    nowhere.uri = "qemu+unix:///system?socket=/tmp/no-such-socket";
    agent::LibvirtHypervisor cut_off(nowhere, clock_);
    EXPECT_EQ(cut_off.observe(nobody).error().code, Errc::unavailable);
}

TEST_F(Libvirt, each_rung_of_the_ladder_ends_a_guest) {
    LabGuest guest(*host_, {.name = "obedient"});
    const VmId vm(guest.uuid());
    const auto until_off = [&] {
        ASSERT_TRUE(eventually([&] { return power(guest) == Power::off && !guest.runs(); }));
    };
    guest.start();
    ASSERT_TRUE(eventually([&] { return bool(hypervisor_->shut_down(vm, ShutdownBy::guest_agent)); },
                           milliseconds{5000}));
    measured("shutdown by guest agent until off", until_off);
    guest.start();
    measured("shutdown by ACPI until off", [&] {
        ASSERT_TRUE(hypervisor_->shut_down(vm, ShutdownBy::acpi));
        until_off();
    });
    EXPECT_TRUE(hypervisor_->shut_down(vm, ShutdownBy::acpi)) << "off already";
    guest.start();
    measured("power off, graceful, until the process is gone",
             [&] { ASSERT_TRUE(hypervisor_->power_off(vm, true)); });
    EXPECT_EQ(power(guest), Power::off);
    guest.start();
    measured("power off, forced, until the process is gone",
             [&] { ASSERT_TRUE(hypervisor_->power_off(vm, false)); });
    EXPECT_FALSE(guest.runs());
    EXPECT_TRUE(hypervisor_->power_off(vm, false)) << "off already";
}

TEST_F(Libvirt, links_are_cut_live_and_across_a_restart_and_come_back_as_they_were) {
    LabGuest guest(*host_, {.name = "linked"});
    const VmId vm(guest.uuid());
    const std::string before = *hypervisor_->definition(vm, false);
    guest.start();
    measured("cutting the links of a running VM", [&] { ASSERT_TRUE(hypervisor_->set_links(vm, false)); });
    EXPECT_FALSE(hypervisor_->observe(vm)->nics.at(0).link_up);
    ASSERT_TRUE(hypervisor_->set_links(vm, false));
    ASSERT_TRUE(hypervisor_->power_off(vm, false));
    guest.start();
    EXPECT_FALSE(hypervisor_->observe(vm)->nics.at(0).link_up) << "a restart does not reconnect";
    ASSERT_TRUE(hypervisor_->set_links(vm, true));
    EXPECT_TRUE(hypervisor_->observe(vm)->nics.at(0).link_up);
    EXPECT_EQ(*hypervisor_->definition(vm, false), before);
    ASSERT_TRUE(hypervisor_->power_off(vm, false));
}

TEST_F(Libvirt, a_guest_that_does_not_listen_goes_on_until_its_power_is_cut) {
    LabGuest guest(*host_, {.name = "deaf", .ignore_acpi = true});
    const VmId vm(guest.uuid());
    guest.start();
    EXPECT_EQ(hypervisor_->shut_down(vm, ShutdownBy::guest_agent).error().code, Errc::invalid)
        << "no agent to ask";
    ASSERT_TRUE(hypervisor_->shut_down(vm, ShutdownBy::acpi)) << "asking succeeds";
    EXPECT_FALSE(eventually([&] { return power(guest) == Power::off; }, milliseconds{2500}))
        << "obeying does not";
    ASSERT_TRUE(hypervisor_->power_off(vm, true));
    EXPECT_EQ(power(guest), Power::off);
}

TEST_F(Libvirt, a_transient_vm_is_kept_beyond_its_end) {
    LabGuest guest(*host_, {.name = "transient", .define = false});
    const VmId vm(guest.uuid());
    guest.start();
    EXPECT_FALSE(hypervisor_->observe(vm)->persistent);
    EXPECT_TRUE(hypervisor_->set_autostart(vm, false));
    EXPECT_EQ(hypervisor_->set_autostart(vm, true).error().code, Errc::invalid);
    ASSERT_TRUE(hypervisor_->power_off(vm, false));
    const auto seen = hypervisor_->observe(vm);
    ASSERT_TRUE(seen);
    EXPECT_TRUE(seen->exists);
    EXPECT_EQ(seen->power, Power::off);
    EXPECT_EQ(seen->disks, (std::vector<VmDisk>{{"vda", "qcow2", guest.disk(), false}}));
    ASSERT_TRUE(hypervisor_->start(vm));
    EXPECT_TRUE(guest.wait_boots(2));
    ASSERT_TRUE(hypervisor_->power_off(vm, false));
}

TEST_F(Libvirt, events_come_in_and_come_back_after_the_daemon_was_killed) {
    Events events;
    hypervisor_->watch(events.collector());
    ASSERT_TRUE(eventually([&] { return events.count("", "relisted") == 1; }));
    LabGuest guest(*host_, {.name = "watched"});
    EXPECT_TRUE(eventually([&] { return events.count(guest.uuid(), "defined") == 1; }));
    guest.start();
    EXPECT_TRUE(eventually([&] { return events.count(guest.uuid(), "started") == 1; }));
    host_->virsh({"suspend", "watched"});
    EXPECT_EQ(power(guest), Power::paused);
    host_->virsh({"resume", "watched"});
    EXPECT_TRUE(eventually([&] {
        return events.count(guest.uuid(), "paused") == 1 && events.count(guest.uuid(), "resumed") >= 1;
    }));
    host_->kill_daemon();
    EXPECT_TRUE(guest.runs()) << "guests outlive the daemon";
    EXPECT_EQ(hypervisor_->observe(VmId(guest.uuid())).error().code, Errc::unavailable);
    host_->start_daemon();
    measured("until events flow again after the daemon's return",
             [&] { ASSERT_TRUE(eventually([&] { return events.count("", "relisted") == 2; })); });
    EXPECT_EQ(power(guest), Power::running);
    ::kill(host_->qemu("watched"), SIGKILL);
    EXPECT_TRUE(eventually([&] { return events.count(guest.uuid(), "crashed") == 1; }));
    EXPECT_EQ(power(guest), Power::off);
    host_->virsh({"undefine", "watched"});
    EXPECT_TRUE(eventually([&] { return events.count(guest.uuid(), "undefined") == 1; }));
    EXPECT_FALSE(hypervisor_->observe(VmId(guest.uuid()))->exists);
}

TEST_F(Libvirt, a_stopped_qemu_is_stuck_blocks_nobody_and_can_be_ended) {
    LabGuest guest(*host_, {.name = "frozen"}), other(*host_, {.name = "lively"});
    const VmId vm(guest.uuid());
    guest.start();
    agent::LibvirtOptions impatient = options();
    impatient.ask_timeout = milliseconds{1500};
    agent::LibvirtHypervisor hypervisor(impatient, clock_);
    ::kill(host_->qemu("frozen"), SIGSTOP);
    EXPECT_EQ(hypervisor.shut_down(vm, ShutdownBy::acpi).error().code, Errc::unknown_outcome);
    const auto stuck = hypervisor.observe(vm);
    ASSERT_TRUE(stuck) << stuck.error().text;
    EXPECT_TRUE(stuck->stuck);
    EXPECT_TRUE(hypervisor.list()) << "the host is not stuck";
    ASSERT_TRUE(hypervisor.start(VmId(other.uuid())));
    measured("observing another VM meanwhile",
             [&] { EXPECT_FALSE(hypervisor.observe(VmId(other.uuid()))->stuck); });
    measured("power off of a VM whose QEMU is stopped", [&] {
        const auto off = hypervisor.power_off(vm, false);
        EXPECT_TRUE(off) << off.error().text;
    });
    EXPECT_FALSE(guest.runs());
    EXPECT_TRUE(eventually([&] { return !hypervisor.observe(vm)->stuck; })) << "the hung call came back";
    ASSERT_TRUE(hypervisor.power_off(VmId(other.uuid()), false));
}

TEST_F(Libvirt, a_stopped_daemon_is_an_outage_and_no_hang) {
    agent::LibvirtOptions impatient = options();
    impatient.read_timeout = milliseconds{1000};
    agent::LibvirtHypervisor hypervisor(impatient, clock_);
    ASSERT_TRUE(hypervisor.list());
    ::kill(host_->daemon(), SIGSTOP);
    const auto took = measured("answer while the daemon hangs",
                               [&] { EXPECT_EQ(hypervisor.list().error().code, Errc::unavailable); });
    EXPECT_LT(took, milliseconds{3000});
    ::kill(host_->daemon(), SIGCONT);
    EXPECT_TRUE(eventually([&] { return bool(hypervisor.list()); }, milliseconds{15'000}));
}

}  // namespace
}  // namespace bailiff::test
