// SPDX-License-Identifier: Apache-2.0
// Two hosts, two agents, one guest on storage that both reach: the VM moves, is started elsewhere, and its host dies.
#include "tests/integration/cluster/officer.hpp"

#include "agent/guard/file_guard.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace bailiff::test {
namespace {

using namespace std::chrono_literals;

/// The hosts and the guest live as long as the suite. The guest hears neither agent nor power button, so that an order
/// waits for it as long as the test needs.
class Moves : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        if (!lab_missing().empty()) return;
        numbers = std::make_unique<Numbers>();
        a = std::make_unique<Officer>(*numbers, "ha");
        b = std::make_unique<Officer>(*numbers, "hb");
        for (auto* one : {a.get(), b.get()}) one->agent.agent_patience = one->agent.acpi_patience = 3;
        guest = std::make_unique<LabGuest>(a->host, LabGuestOptions{.name = "web1", .ignore_acpi = true});
        vm = VmId(guest->uuid());
        guest->start();
    }
    static void TearDownTestSuite() {
        guest.reset();
        a.reset();
        b.reset();
    }
    void SetUp() override {
        if (const std::string missing = lab_missing(); !missing.empty()) GTEST_SKIP() << missing;
        for (auto* one : {a.get(), b.get()}) {
            if (!one->agent.running()) one->agent.start();
            one->meanwhile = nullptr;
            (void)agent::FileGuard(one->locks_folder()).unlock(vm);
            ASSERT_TRUE(eventually([&] { return one->agent.listen(50ms), one->agent.beat.gate_up; })) << "the gate is not up";
        }
        ASSERT_TRUE(on_a()) << "the guest is not back on its first host";
    }
    void TearDown() override {
        if (!HasFailure() || !a) return;
        for (auto* one : {a.get(), b.get()}) {
            one->agent.stop();
            std::cout << one->agent.log();
        }
    }
    /// Running on the first host, whatever the test before left.
    static bool on_a() {
        if (b->state("web1") == "running") return b->host.migrate("web1", a->host);
        if (!b->state("web1").empty()) b->host.virsh({"undefine", "web1"});
        if (a->state("web1").empty()) a->host.virsh({"define", guest->xml_path()});
        if (a->state("web1") != "running") guest->start();
        return true;
    }
    static bool off(const Officer& one) { return one.state("web1") != "running" && one.state("web1") != "paused"; }

    inline static std::unique_ptr<Numbers> numbers;
    inline static std::unique_ptr<Officer> a, b;
    inline static std::unique_ptr<LabGuest> guest;
    inline static VmId vm;
    SystemClock clock;
};

TEST_F(Moves, a_guest_migrates_alive_between_two_hosts) {
    EXPECT_NE(a->host.exec({"hostname"}), b->host.exec({"hostname"}));
    EXPECT_NE(a->host.virsh({"capabilities"}).find("<uuid>"), std::string::npos);
    const auto uuid = [](const Officer& one) {
        const std::string text = one.host.virsh({"capabilities"});
        return text.substr(text.find("<uuid>"), 42);
    };
    EXPECT_NE(uuid(*a), uuid(*b)) << "libvirt refuses a migration to a host with its own UUID";
    const int boots = guest->boots();
    std::string why;
    measured("live migration of a guest of 128 MiB", [&] { ASSERT_TRUE(a->host.migrate("web1", b->host, &why)) << why; });
    EXPECT_EQ(a->state("web1"), "");
    EXPECT_EQ(b->state("web1"), "running");
    const auto beats = guest->console().size();
    EXPECT_TRUE(eventually([&] { return guest->console().size() > beats; })) << "the guest stands still on its new host";
    EXPECT_EQ(guest->boots(), boots) << "it went on, and was not booted anew";
    EXPECT_TRUE(a->agent.told("migrated", vm.text(), 10s)) << "the old host tells that it left";
    EXPECT_TRUE(b->agent.told("started", vm.text(), 10s));
}

TEST_F(Moves, an_order_to_the_host_that_it_left_is_refused_in_clear_words) {
    ASSERT_TRUE(a->host.migrate("web1", b->host));
    ASSERT_TRUE(a->agent.told("migrated", vm.text(), 10s));
    const auto late = a->make(vm, VmState::off);
    EXPECT_EQ(late.status, AnswerStatus::refused);
    EXPECT_EQ(late.refusal, Refusal::unknown_vm);
    EXPECT_NE(late.text.find("it was migrated away at"), std::string::npos) << late.text;
    EXPECT_FALSE(a->locks(vm)) << "what is refused leaves nothing";
    EXPECT_EQ(b->state("web1"), "running");
    const auto there = b->make(vm, VmState::off);
    EXPECT_TRUE(reached(there.status)) << there.text;
    EXPECT_TRUE(off(*b));
    EXPECT_TRUE(b->locks(vm));
    EXPECT_TRUE(reached(b->make(vm, VmState::running).status));
    EXPECT_EQ(b->state("web1"), "running");
}

TEST_F(Moves, off_while_it_migrates_ends_the_vm_and_the_migration) {
    // Autostart on: libvirt changes it only when the migration is over, and off must not wait for that.
    a->host.virsh({"autostart", "web1"});
    a->host.virsh({"migrate-setspeed", "web1", "1"});
    auto migration = agent::Process::start(a->host.migrate_live("web1", b->host)).value();
    ASSERT_TRUE(eventually([&] { return a->host.virsh({"domjobinfo", "web1"}).find("Outgoing migration") != std::string::npos; }));
    OrderAnswer answer;
    const auto took = measured("off ordered in mid-migration -> off and locked", [&] { answer = a->make(vm, VmState::off); });
    EXPECT_TRUE(reached(answer.status)) << answer.text;
    EXPECT_LT(took, 30s);
    EXPECT_TRUE(off(*a));
    EXPECT_TRUE(eventually([&] { return b->state("web1").empty(); }, 20s)) << "nothing of it is left on the other host";
    EXPECT_NE(migration.wait(20s).exit_code, 0) << "the migration must have failed";
    EXPECT_TRUE(a->locks(vm));
    EXPECT_NE(a->virsh_error({"start", "web1"}).find("locked by case C-1"), std::string::npos);
    EXPECT_EQ(a->host.virsh({"dominfo", "web1"}).find("Autostart:      enable"), std::string::npos) << a->host.virsh({"dominfo", "web1"});
    const auto back = a->make(vm, VmState::running);
    EXPECT_TRUE(reached(back.status)) << back.text;
    EXPECT_EQ(a->state("web1"), "running");
    EXPECT_NE(a->host.virsh({"dominfo", "web1"}).find("Autostart:      enable"), std::string::npos) << "autostart was not given back";
    a->host.virsh({"autostart", "--disable", "web1"});
}

TEST_F(Moves, it_does_not_get_away_while_the_order_is_under_way) {
    a->agent.stop();
    a->agent.agent_patience = a->agent.acpi_patience = 60;   // the guest, which hears nobody, would be asked for a minute
    a->agent.start();
    std::optional<agent::Process> migration;
    a->meanwhile = [&] {
        if (!migration && a->locks(vm)) migration = agent::Process::start(a->host.migrate_live("web1", b->host)).value();
    };
    OrderAnswer answer;
    const auto took = measured("a migration begins under the order -> off and locked", [&] { answer = a->make(vm, VmState::off); });
    ASSERT_TRUE(migration);
    EXPECT_TRUE(reached(answer.status)) << answer.text;
    EXPECT_LT(took, 30s) << "a VM that leaves is not asked any longer";
    EXPECT_NE(migration->wait(30s).exit_code, 0);
    EXPECT_TRUE(off(*a));
    EXPECT_TRUE(a->locks(vm));
    EXPECT_TRUE(eventually([&] { return b->state("web1").empty(); }, 20s)) << "it came up on the other host";
    EXPECT_TRUE(reached(a->make(vm, VmState::running).status));
    a->agent.stop();
    a->agent.agent_patience = a->agent.acpi_patience = 3;
}

TEST_F(Moves, it_is_moved_between_evidence_and_cleaning) {
    ASSERT_TRUE(reached(a->make(vm, VmState::off).status));
    const auto disk = sha256_of_file(guest->disk());
    const int boots = guest->boots();
    ASSERT_TRUE(reached(a->run(vm, JobKind::evidence).status));
    const auto found = a->run(vm, JobKind::scan);
    ASSERT_EQ(found.verdict, ScanVerdict::infected) << found.text;
    // The panel moves the definition of the VM that is off.
    std::string why;
    ASSERT_TRUE(a->host.migrate("web1", b->host, &why)) << why;
    EXPECT_EQ(b->state("web1"), "shut off");
    const auto late = a->run(vm, JobKind::clean, found.job_id.text());
    EXPECT_EQ(late.refusal, Refusal::unknown_vm) << late.text;
    EXPECT_TRUE(a->locks(vm)) << "the lock stays on the host that it may come back to";
    // As the controller goes on when the case has moved: off again where it is now, and the treatment from its beginning.
    EXPECT_TRUE(reached(b->make(vm, VmState::off).status));
    EXPECT_NE(b->virsh_error({"start", "web1"}).find("locked by case C-1"), std::string::npos);
    EXPECT_TRUE(reached(b->run(vm, JobKind::evidence).status));
    EXPECT_EQ(b->run(vm, JobKind::scan).verdict, ScanVerdict::infected);
    EXPECT_EQ(guest->boots(), boots) << "it ran in between";
    EXPECT_EQ(sha256_of_file(guest->disk()), disk) << "the disk was written in between";
    EXPECT_TRUE(reached(b->make(vm, VmState::running).status));
    // The host that it left keeps its lock, and what holds the disks, until it is told otherwise (by an unguard job).
    (void)agent::FileGuard(a->locks_folder()).unlock(vm);
    EXPECT_EQ(b->virsh_error({"start", "web1"}), "") << "it is anybody's to start again";
}

TEST_F(Moves, a_guarded_host_refuses_the_panel_that_starts_it_there) {
    ASSERT_TRUE(reached(a->make(vm, VmState::off).status));
    // What a guard job leaves on a candidate host, without needing one.
    agent::FileGuard guard(b->locks_folder());
    const auto record = agent::FileGuard(a->locks_folder()).find(vm);
    ASSERT_TRUE(record);
    ASSERT_TRUE(guard.lock(*record));
    const std::string own = a->host.virsh({"dumpxml", "--inactive", "web1"});
    const auto write = [&](const std::string& name, const std::string& xml) {
        std::ofstream(b->host.folder() + "/" + name) << xml;
        return b->host.folder() + "/" + name;
    };
    // HA: the same definition, started on the other host.
    EXPECT_NE(b->virsh_error({"create", write("same.xml", own)}).find("locked by case C-1"), std::string::npos);
    // A panel that makes a fresh definition around the same disks.
    std::string fresh = own;
    fresh.replace(fresh.find("<name>web1"), 10, "<name>i-2-77-VM");
    fresh.erase(fresh.find("<uuid>"), fresh.find("</uuid>") + 7 - fresh.find("<uuid>"));
    EXPECT_NE(b->virsh_error({"create", write("fresh.xml", fresh)}).find("belongs to VM " + vm.text()), std::string::npos);
    // Defining it is nobody's harm; starting it is.
    EXPECT_EQ(b->virsh_error({"define", write("same.xml", own)}), "");
    EXPECT_NE(b->virsh_error({"start", "web1"}).find("locked by case C-1"), std::string::npos);
    EXPECT_NE(b->virsh_error({"start", "--force-boot", "web1"}).find("locked by case C-1"), std::string::npos);
    EXPECT_TRUE(off(*b));
    EXPECT_TRUE(off(*a));
    b->host.virsh({"undefine", "web1"});
    ASSERT_TRUE(guard.unlock(vm));
}

TEST_F(Moves, a_guard_job_makes_the_other_host_refuse) {
    const auto guarded = b->run(vm, JobKind::guard);
    if (guarded.refusal == Refusal::unsupported) GTEST_SKIP() << "this agent has no guard jobs: " << guarded.text;
    ASSERT_TRUE(reached(guarded.status)) << guarded.text;
    std::string why;
    EXPECT_FALSE(a->host.migrate("web1", b->host, &why));
    EXPECT_NE(why.find("Bailiff"), std::string::npos) << why;
    EXPECT_EQ(a->state("web1"), "running");
    EXPECT_TRUE(reached(b->run(vm, JobKind::unguard).status));
    EXPECT_TRUE(a->host.migrate("web1", b->host, &why)) << why;
}

TEST_F(Moves, its_host_dies_while_off_is_ordered) {
    bool died = false;
    a->meanwhile = [&] {
        if (died || !a->locks(vm)) return;
        died = true;
        a->agent.kill();
        a->host.crash();
        EXPECT_EQ(a->host.qemu("web1"), 0);
        a->host.up();
    };
    const auto answer = a->make(vm, VmState::off);
    ASSERT_TRUE(died);
    EXPECT_TRUE(reached(answer.status)) << answer.text;
    EXPECT_TRUE(off(*a));
    EXPECT_TRUE(a->locks(vm));
    EXPECT_NE(a->virsh_error({"start", "web1"}).find("locked by case C-1"), std::string::npos) << "the gate is back after the reboot";
    const auto back = a->make(vm, VmState::running);
    EXPECT_TRUE(reached(back.status)) << back.text;
    EXPECT_EQ(a->state("web1"), "running") << "it ran when it was locked, so it runs when it is released";
}

}  // namespace
}  // namespace bailiff::test
