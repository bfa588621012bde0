// SPDX-License-Identifier: Apache-2.0
// The way back on a real guest: cleaned, committed, scanned again; put back from its evidence when that finds more; given
// back with its health seen.
#include "tests/integration/hypervisor/kinds_fixture.hpp"

namespace bailiff::test {
namespace {

class Restore : public KindsFixture {
  protected:
    std::string seen_by_guest(const KindVm& it) {
        const std::string raw = host_->folder() + "/seen.raw";
        must({"qemu-img", "convert", "-f", "qcow2", "-O", "raw", it.images[0], raw});
        return sha256_of_file(raw);
    }
    /// Scan, clean, scan: the overlays are ready to be accepted.
    void treat(const KindVm& it, int64_t files) {
        const auto found = run(it, JobKind::scan);
        ASSERT_EQ(found.verdict, ScanVerdict::infected) << found.text;
        const auto cleaned = run(it, JobKind::clean, found.job_id.text());
        expect_done(cleaned);
        EXPECT_EQ(cleaned.files, files);
        EXPECT_EQ(run(it, JobKind::scan).verdict, ScanVerdict::clean);
    }
};

TEST_F(Restore, a_cleaned_guest_goes_back_to_its_evidence_and_then_home) {
    const KindVm it = vm("patient", image("patient.qcow2"));
    start(it);
    ASSERT_TRUE(booted(it));
    const std::string definition = *hypervisor_->definition(it.id(), false);
    expect_done(make(it, VmState::off));
    expect_done(run(it, JobKind::evidence));
    const std::string original = seen_by_guest(it);
    treat(it, 1);
    EXPECT_EQ(seen_by_guest(it), original);

    // Between the clean verdict and the release, the scanner learns of another virus on the same disk.
    learn("page", "A customer's page");
    const auto required = [](Order& o) { o.evidence = EvidenceRule::required; };
    const auto refused = make(it, VmState::running, required);
    EXPECT_EQ(refused.status, AnswerStatus::needs_operator) << refused.text;
    EXPECT_EQ(name(refused.refusal), name(Refusal::not_verified_clean));
    EXPECT_NE(seen_by_guest(it), original) << "it was committed";
    EXPECT_FALSE(can_be_started(it)) << "and the lock still holds";

    measured("putting a 64 MiB disk back from its evidence set", [&] { expect_done(run(it, JobKind::revert)); });
    EXPECT_EQ(seen_by_guest(it), original);
    EXPECT_FALSE(can_be_started(it));
    EXPECT_FALSE(std::filesystem::exists(it.images[0] + ".bailiff-part"));
    EXPECT_EQ(agent::Process::run({"qemu-img", "check", it.images[0]})->exit_code, 0);

    treat(it, 2);
    const auto old_signatures = make(it, VmState::running, [](Order& o) {
        o.evidence = EvidenceRule::required;
        o.signatures_seconds = 86400;
    });
    EXPECT_EQ(name(old_signatures.refusal), name(Refusal::not_verified_clean)) << "rules have no date";
    const auto released = make(it, VmState::running, [](Order& o) {
        o.evidence = EvidenceRule::required;
        o.health = Health::guest_agent;
        o.health_seconds = 120;
    });
    EXPECT_EQ(released.status, AnswerStatus::done) << released.text;
    EXPECT_TRUE(booted(it, 2));
    EXPECT_EQ(*hypervisor_->definition(it.id(), false), definition);
    nothing_is_left(it);
}

}  // namespace
}  // namespace bailiff::test
