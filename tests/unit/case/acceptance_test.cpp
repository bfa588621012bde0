// SPDX-License-Identifier: Apache-2.0
// An incomplete scan may count as clean when two people say so, and in no other way.

#include "tests/unit/case/situations.hpp"

#include <gtest/gtest.h>

namespace bailiff::test {
namespace {

const std::string meera = "staff:meera", ravi = "staff:ravi";

Walk scanned(ScanVerdict verdict, Policy policy = virus_policy()) {
    return Walk(std::move(policy)).due().called().due().obeyed().finished().finished(verdict);
}
AcceptIncomplete accept(const Walk& walk, const std::string& by) { return {walk.c.incomplete_scan, "two swap files", by}; }
Errc refused(const Walk& walk, const Input& input) {
    const auto facts = walk.ask(input);
    EXPECT_FALSE(facts);
    return facts ? Errc::unavailable : facts.error().code;
}

TEST(Acceptance, of_two_people_leads_on_as_a_clean_scan_does) {
    Walk walk = scanned(ScanVerdict::incomplete);
    ASSERT_EQ(walk.c.phase, Phase::review);
    const JobId scan = walk.c.scan_job;
    walk.then(accept(walk, meera), meera);
    EXPECT_EQ(walk.c.phase, Phase::review);
    EXPECT_NE(walk.c.review_reason.find("waiting for a second person"), std::string::npos) << walk.c.review_reason;
    EXPECT_FALSE(owed(walk.c, walk.policy, walk.calendar).order);
    walk.then(accept(walk, ravi), ravi);
    EXPECT_EQ(walk.c.phase, Phase::restoring);
    EXPECT_TRUE(walk.c.review_reason.empty());
    ASSERT_EQ(walk.c.acceptances.size(), 2u);
    EXPECT_EQ(walk.c.acceptances[0].actor, meera);
    EXPECT_EQ(walk.c.acceptances[1].reason, "two swap files");
    const auto order = owed(walk.c, walk.policy, walk.calendar).order;
    ASSERT_TRUE(order);
    EXPECT_EQ(order->desired, VmState::running);
    EXPECT_EQ(order->evidence, EvidenceRule::required);
    EXPECT_EQ(order->accepted_scan, scan);
    for (const auto& due : walk.c.notices) EXPECT_NE(due.notice, Notice::review_needed) << "nobody needs to look any more";
    EXPECT_EQ(parse_case(json_of(walk.c)), walk.c);
    Case folded;
    for (const auto& item : walk.history) folded = evolve(std::move(folded), parse_item(json_of(item)).value());
    EXPECT_EQ(folded, walk.c);
}

TEST(Acceptance, leaves_the_restore_to_a_person_where_the_policy_does) {
    Policy careful = virus_policy();
    careful.restore_by = DecidedBy::staff;
    Walk walk = scanned(ScanVerdict::incomplete, careful);
    walk.then(accept(walk, meera), meera);
    walk.then(accept(walk, ravi), ravi);
    EXPECT_EQ(walk.c.phase, Phase::treatment);
    EXPECT_EQ(walk.c.stage, Stage::restore_decision);
    walk.then(Approve{Stage::restore_decision, "go"});
    EXPECT_EQ(owed(walk.c, walk.policy, walk.calendar).order->accepted_scan, walk.c.scan_job);
}

TEST(Acceptance, of_one_person_twice_is_one) {
    Walk walk = scanned(ScanVerdict::incomplete);
    walk.then(accept(walk, meera), meera);
    EXPECT_EQ(refused(walk, accept(walk, meera)), Errc::conflict);
}

TEST(Acceptance, is_for_staff_with_a_reason) {
    const Walk walk = scanned(ScanVerdict::incomplete);
    for (const char* other : {"customer", "host:h1", "clock", "controller", ""}) EXPECT_EQ(refused(walk, accept(walk, other)), Errc::forbidden) << other;
    EXPECT_EQ(refused(walk, AcceptIncomplete{walk.c.incomplete_scan, "", meera}), Errc::invalid);
}

TEST(Acceptance, is_of_the_one_scan_that_was_looked_at) {
    Walk walk = scanned(ScanVerdict::incomplete);
    const auto of_the_first = accept(walk, ravi);
    EXPECT_EQ(refused(walk, AcceptIncomplete{JobId("scan/9"), "why", meera}), Errc::conflict);
    walk.then(accept(walk, meera), meera);
    walk.then(Decide{Decision::resume, "scan again"});
    EXPECT_EQ(refused(walk, of_the_first), Errc::conflict) << "a new scan is under way";
    walk.then(AskReview{"doubt"});
    EXPECT_EQ(refused(walk, of_the_first), Errc::conflict) << "and still is";
    walk.then(Decide{Decision::resume, "none"}).finished(ScanVerdict::incomplete);
    EXPECT_TRUE(walk.c.acceptances.empty());
    EXPECT_EQ(refused(walk, of_the_first), Errc::conflict) << "that scan is not the last one any more";
    walk.then(accept(walk, ravi), ravi);
    EXPECT_EQ(walk.c.phase, Phase::review) << "the second scan needs two people of its own";
}

TEST(Acceptance, never_covers_what_was_found) {
    Walk walk = scanned(ScanVerdict::infected);
    EXPECT_EQ(refused(walk, AcceptIncomplete{walk.c.scan_job, "why", meera}), Errc::forbidden);
    walk.then(AskReview{"doubt"});
    EXPECT_EQ(refused(walk, AcceptIncomplete{walk.c.scan_job, "why", meera}), Errc::forbidden);
}

TEST(Acceptance, comes_too_late_for_a_closed_case_and_not_during_a_hold) {
    Walk walk = scanned(ScanVerdict::incomplete);
    const auto late = accept(walk, meera);
    Walk held = walk;
    held.then(PlaceHold{"police"});
    EXPECT_EQ(refused(held, late), Errc::conflict);
    walk.then(Decide{Decision::dismiss, "false"});
    EXPECT_EQ(refused(walk, late), Errc::conflict) << "decided otherwise";
    walk.obeyed();
    ASSERT_EQ(walk.c.phase, Phase::closed);
    EXPECT_EQ(refused(walk, late), Errc::conflict);
}

TEST(Acceptance, can_be_forbidden_by_the_policy) {
    Policy strict = virus_policy();
    strict.incomplete = AcceptsIncomplete::never;
    const Walk walk = scanned(ScanVerdict::incomplete, strict);
    EXPECT_EQ(refused(walk, accept(walk, meera)), Errc::forbidden);
}

TEST(Acceptance, ends_when_the_host_does_not_share_it) {
    Walk walk = scanned(ScanVerdict::incomplete);
    walk.then(accept(walk, meera), meera);
    walk.then(accept(walk, ravi), ravi);
    OrderAnswer answer;
    answer.status = AnswerStatus::refused;
    answer.refusal = Refusal::not_verified_clean;
    walk.then(OrderAnswered{walk.c.demand, answer});
    EXPECT_EQ(walk.c.phase, Phase::review);
    EXPECT_TRUE(walk.c.accepted_scan.empty() && walk.c.acceptances.empty());
    EXPECT_EQ(refused(walk, Decide{Decision::accept, "fine"}), Errc::forbidden) << "nothing vouches for the VM";
}

TEST(Acceptance, of_a_cleaned_vm_commits_what_was_cleaned) {
    Walk walk = scanned(ScanVerdict::infected).then(Approve{Stage::clean_decision, "go"}).finished().obeyed().obeyed().finished(ScanVerdict::incomplete);
    ASSERT_EQ(walk.c.stage, Stage::rescan);
    ASSERT_EQ(walk.c.phase, Phase::review);
    walk.then(accept(walk, meera), meera);
    walk.then(accept(walk, ravi), ravi);
    EXPECT_EQ(owed(walk.c, walk.policy, walk.calendar).order->accepted_scan, walk.c.scan_job);
    walk.obeyed();
    EXPECT_EQ(walk.c.outcome, Outcome::cleaned);
}

}  // namespace
}  // namespace bailiff::test
