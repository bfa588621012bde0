// SPDX-License-Identifier: Apache-2.0
// The host's half of a case on a real guest: lock, power off, evidence, quarantine boot, commit, restore,
// release.
#include "tests/integration/hypervisor/host_fixture.hpp"

#include "agent/evidence/file_evidence.hpp"
#include "agent/evidence/qemu_overlays.hpp"

#include <algorithm>

namespace bailiff::test {
namespace {

using agent::EvidenceSet;
using agent::QuarantineBoot;

class Quarantine : public HostFixture {
  protected:
    void SetUp() override {
        HostFixture::SetUp();
        if (IsSkipped()) return;
        guard_ = std::make_unique<agent::FileGuard>(gate_options().locks_folder);
        ASSERT_TRUE(gate_up());
        const auto nvram_of = [this](const VmId& vm) { return hypervisor_->nvram_path(vm); };
        evidence_ = std::make_unique<agent::FileEvidence>(host_->folder() + "/evidence", nvram_of);
        overlays_ = std::make_unique<agent::QemuOverlays>(host_->folder() + "/overlays", nvram_of);
    }

    std::vector<VmDisk> disks(const LabGuest& guest) const { return {{"vda", "qcow2", guest.disk(), false}}; }

    void lock(const LabGuest& guest) {
        ASSERT_TRUE(guard_->lock({VmId(guest.uuid()), case_, guest.name(), disks(guest), true, false, {}}));
    }
    /// The overlays, the permit, the start: as the runner does it.
    Result<void> boot(const LabGuest& guest) {
        const VmId vm(guest.uuid());
        const auto overlay = overlays_->create(vm, case_, disks(guest)[0]);
        if (!overlay) return fail(overlay.error());
        boot_ = {{{"vda", overlay->path}}, "a-token-of-32-characters-or-more-", ""};
        if (auto permitted = guard_->permit(vm, boot_.token); !permitted) return permitted;
        auto started = hypervisor_->start_quarantined(vm, boot_);
        if (auto revoked = guard_->revoke(vm); !revoked) return revoked;
        return started;
    }

    const CaseId case_{"C-17"};
    std::unique_ptr<agent::FileGuard> guard_;
    std::unique_ptr<agent::FileEvidence> evidence_;
    std::unique_ptr<agent::QemuOverlays> overlays_;
    QuarantineBoot boot_;
};

TEST_F(Quarantine, a_case_from_the_lock_to_the_release) {
    LabGuest guest(*host_, {.name = "patient"});
    const VmId vm(guest.uuid());
    guest.start();
    const std::string before = *hypervisor_->definition(vm, false);
    lock(guest);
    ASSERT_TRUE(hypervisor_->power_off(vm, false));

    const std::string base = sha256_of_file(guest.disk());
    Result<EvidenceSet> set = fail(Errc::unavailable, "");
    measured("evidence of a 64 MiB disk", [&] {
        set = evidence_->freeze({EvidenceId("C-17-1"), vm, case_, disks(guest), before, clock_.now()}, {});
    });
    ASSERT_TRUE(set) << set.error().text;
    EXPECT_TRUE(evidence_->verify(*set));
    EXPECT_EQ(sha256_of_file(guest.disk()), base);

    const auto boot_time = measured("quarantine boot (call)", [&] {
        const auto booted = boot(guest);
        ASSERT_TRUE(booted) << booted.error().text;
    });
    EXPECT_LT(boot_time, std::chrono::seconds{30});
    const auto seen = hypervisor_->observe(vm);
    ASSERT_TRUE(seen) << seen.error().text;
    EXPECT_TRUE(seen->quarantine_running);
    EXPECT_EQ(seen->name, "patient");
    EXPECT_EQ(seen->disks, disks(guest)) << "the stored definition still names the customer's disk";
    ASSERT_TRUE(guest.wait_boots(2));
    EXPECT_NE(guest.console().rfind("uuid=" + guest.uuid() + " mac=" + guest.mac()), std::string::npos)
        << "the guest finds the identity that its licences are bound to";
    const std::string live = *hypervisor_->definition(vm, true);
    EXPECT_NE(live.find(boot_.overlays.at("vda")), std::string::npos);
    EXPECT_NE(live.find("bailiff-quarantine"), std::string::npos);
    EXPECT_EQ(live.find("'customers'"), std::string::npos);
    EXPECT_EQ(*hypervisor_->definition(vm, false), before) << "the stored definition, byte by byte";
    EXPECT_EQ(sha256_of_file(guest.disk()), base) << "the guest has booted and written, but not here";
    ASSERT_TRUE(hypervisor_->start_quarantined(vm, boot_)) << "starting twice is starting once";
    EXPECT_EQ(overlays_->commit((*overlays_->find(vm, case_))[0]).error().code, Errc::unavailable)
        << "not while it runs";

    ASSERT_TRUE(hypervisor_->power_off(vm, false));
    EXPECT_EQ(*hypervisor_->definition(vm, false), before);
    EXPECT_EQ(sha256_of_file(guest.disk()), base);
    EXPECT_EQ(hypervisor_->start(vm).error().code, Errc::forbidden) << "still locked";
    const auto overlays = overlays_->find(vm, case_);
    ASSERT_TRUE(overlays);
    ASSERT_EQ(overlays->size(), 1u);
    measured("commit of the overlay", [&] {
        const auto committed = overlays_->commit(overlays->at(0));
        ASSERT_TRUE(committed) << committed.error().text;
    });
    EXPECT_NE(sha256_of_file(guest.disk()), base) << "what the quarantined guest wrote is now the customer's";
    ASSERT_TRUE(overlays_->drop(overlays->at(0)));
    EXPECT_TRUE(evidence_->verify(*set)) << "the frozen point in time is still there";
    ASSERT_TRUE(guard_->unlock(vm));
    ASSERT_TRUE(hypervisor_->start(vm));
    EXPECT_TRUE(guest.wait_boots(3));
    EXPECT_FALSE(hypervisor_->observe(vm)->quarantine_running);
    EXPECT_EQ(*hypervisor_->definition(vm, false), before);
    ASSERT_TRUE(hypervisor_->power_off(vm, false));
}

TEST_F(Quarantine, needs_its_token_and_an_overlay_for_every_disk) {
    LabGuest guest(*host_, {.name = "tokenless"});
    const VmId vm(guest.uuid());
    lock(guest);
    const auto overlay = overlays_->create(vm, case_, disks(guest)[0]);
    ASSERT_TRUE(overlay);
    const auto refused = hypervisor_->start_quarantined(
        vm, {{{"vda", overlay->path}}, "a-token-nobody-has-permitted-yet", ""});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::forbidden) << refused.error().text;
    EXPECT_EQ(power(guest), Power::off);
    ASSERT_TRUE(guard_->permit(vm, "a-token-nobody-has-permitted-yet"));
    EXPECT_EQ(hypervisor_->start_quarantined(vm, {{}, "a-token-nobody-has-permitted-yet", ""}).error().code,
              Errc::invalid);
    EXPECT_EQ(power(guest), Power::off);
    ASSERT_TRUE(guard_->unlock(vm));
    guest.start();
    EXPECT_EQ(hypervisor_->start_quarantined(vm, {{{"vda", overlay->path}}, "x", ""}).error().code,
              Errc::conflict)
        << "it runs on its own disk";
    ASSERT_TRUE(hypervisor_->power_off(vm, false));
    ASSERT_TRUE(overlays_->drop(*overlay));
}

TEST_F(Quarantine, outlives_the_daemon_and_is_recognised_afterwards) {
    LabGuest guest(*host_, {.name = "outliving"});
    const VmId vm(guest.uuid());
    lock(guest);
    const std::string before = *hypervisor_->definition(vm, false), base = sha256_of_file(guest.disk());
    const auto booted = boot(guest);
    ASSERT_TRUE(booted) << booted.error().text;
    ASSERT_TRUE(guest.wait_boots(1));
    host_->kill_daemon();
    EXPECT_TRUE(guest.runs());
    host_->start_daemon();
    ASSERT_TRUE(eventually([&] { return bool(hypervisor_->observe(vm)); }));
    EXPECT_TRUE(hypervisor_->observe(vm)->quarantine_running);
    const auto listed = hypervisor_->list();
    ASSERT_TRUE(listed) << listed.error().text;
    EXPECT_EQ(std::count_if(listed->begin(), listed->end(),
                            [](const VmRecord& record) { return record.state == VmState::quarantined; }),
              1);
    ASSERT_TRUE(hypervisor_->start_quarantined(vm, boot_)) << "found running as it should be";
    ASSERT_TRUE(hypervisor_->power_off(vm, true));
    EXPECT_EQ(*hypervisor_->definition(vm, false), before);
    EXPECT_EQ(sha256_of_file(guest.disk()), base);
    ASSERT_TRUE(guard_->unlock(vm));
}

TEST_F(Quarantine, a_transient_vm_boots_from_the_definition_kept_at_its_end) {
    LabGuest guest(*host_, {.name = "fleeting", .define = false});
    const VmId vm(guest.uuid());
    guest.start();
    lock(guest);
    ASSERT_TRUE(hypervisor_->power_off(vm, false));
    const std::string base = sha256_of_file(guest.disk());
    const auto booted = boot(guest);
    ASSERT_TRUE(booted) << booted.error().text;
    EXPECT_TRUE(guest.wait_boots(2));
    const auto seen = hypervisor_->observe(vm);
    ASSERT_TRUE(seen);
    EXPECT_TRUE(seen->quarantine_running);
    EXPECT_EQ(seen->disks, disks(guest));
    ASSERT_TRUE(hypervisor_->power_off(vm, false));
    EXPECT_EQ(sha256_of_file(guest.disk()), base);
    ASSERT_TRUE(guard_->unlock(vm));
    ASSERT_TRUE(hypervisor_->start(vm)) << "released, it comes back as it was";
    EXPECT_FALSE(hypervisor_->observe(vm)->quarantine_running);
    host_->virsh({"destroy", "fleeting"});
    EXPECT_FALSE(hypervisor_->observe(vm)->exists) << "what its owner ended later is not ours to remember";
}

TEST_F(Quarantine, no_evidence_of_a_disk_that_a_vm_is_writing) {
    LabGuest guest(*host_, {.name = "busy"});
    guest.start();
    const auto set = evidence_->freeze(
        {EvidenceId("C-17-2"), VmId(guest.uuid()), case_, disks(guest), "<domain/>", clock_.now()}, {});
    ASSERT_FALSE(set);
    EXPECT_EQ(set.error().code, Errc::unavailable);
    EXPECT_NE(set.error().text.find("lock"), std::string::npos) << set.error().text;
    EXPECT_FALSE(evidence_->find(VmId(guest.uuid()), case_));
    ASSERT_TRUE(hypervisor_->power_off(VmId(guest.uuid()), false));
}

}  // namespace
}  // namespace bailiff::test
