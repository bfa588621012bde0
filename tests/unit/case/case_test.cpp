// SPDX-License-Identifier: Apache-2.0
// What the stories do not show: clocks that stand and run again, and who may do what.

#include "tests/unit/case/situations.hpp"

#include <gtest/gtest.h>

namespace bailiff::test {
namespace {

Instant due_of(const Walk& walk) { return owed(walk.c, walk.policy, walk.calendar).deadline.value().at; }

TEST(Case, a_hold_keeps_exactly_what_was_left) {
    Walk walk(virus_policy());
    walk.now += Seconds(1201);
    walk.then(PlaceHold{"police"});
    EXPECT_FALSE(owed(walk.c, walk.policy, walk.calendar).deadline);
    walk.now += Seconds(40 * 3600);
    walk.then(LiftHold{"done"});
    const Instant resumed = walk.calendar.next_opening(walk.now);
    EXPECT_EQ(due_of(walk), resumed + Seconds(3600 - 1201));
}

TEST(Case, two_holds_do_not_add_time) {
    Walk walk(virus_policy());
    for (int i = 0; i < 2; ++i) {
        walk.now += Seconds(600);
        walk.then(PlaceHold{"wait"});
        walk.now += Seconds(3600);
        walk.then(LiftHold{"go"});
    }
    EXPECT_EQ(due_of(walk), walk.now + Seconds(2400));
}

TEST(Case, a_deadline_taken_early_is_none) {
    Walk walk(virus_policy());
    walk.now = due_of(walk) - Seconds(1);
    EXPECT_TRUE(walk.ask(DeadlineReached{walk.c.revision})->empty());
    walk.now += Seconds(1);
    EXPECT_FALSE(walk.ask(DeadlineReached{walk.c.revision})->empty());
}

TEST(Case, a_job_that_ends_during_a_hold_is_not_lost) {
    Walk walk = Walk(virus_policy()).due().called().due().obeyed();
    walk.then(PlaceHold{"wait"});
    EXPECT_FALSE(owed(walk.c, walk.policy, walk.calendar).job);
    walk.finished();
    EXPECT_EQ(walk.c.stage, Stage::scan);
    EXPECT_FALSE(owed(walk.c, walk.policy, walk.calendar).job);
    walk.then(LiftHold{"go"});
    EXPECT_EQ(owed(walk.c, walk.policy, walk.calendar).job->key, "scan/2");
}

TEST(Case, an_order_obeyed_during_a_review_leads_on_when_resumed) {
    Walk walk = Walk(virus_policy()).due().called().due().then(AskReview{"doubt"});
    EXPECT_FALSE(owed(walk.c, walk.policy, walk.calendar).order);
    walk.obeyed().then(Decide{Decision::resume, "fine"});
    EXPECT_EQ(walk.c.stage, Stage::evidence);
}

TEST(Case, only_a_scan_newer_than_the_cleaning_counts_as_clean) {
    Walk walk = Walk(virus_policy()).due().called().due().obeyed().finished().finished(ScanVerdict::infected);
    walk.then(Approve{Stage::clean_decision, "go"}).finished();
    EXPECT_FALSE(walk.c.verdict);
    walk.then(AskReview{"doubt"});
    const auto accepted = walk.ask(Decide{Decision::accept, "looks fine"});
    ASSERT_FALSE(accepted);
    EXPECT_EQ(accepted.error().code, Errc::forbidden);
}

TEST(Case, restores_with_evidence_required) {
    const auto all = situations();
    for (const auto& [situation, walk] : all)
        if (situation == "restoring") {
            EXPECT_EQ(owed(walk.c, walk.policy, walk.calendar).order->evidence, EvidenceRule::required);
            EXPECT_EQ(walk.c.desired, VmState::running);
        }
}

TEST(Case, nothing_is_owed_twice_after_it_was_sent) {
    Walk walk(virus_policy());
    walk.then(NoticeAccepted{Notice::ticket, "ticket", "asha@lotus.example", "<1@x>"});
    EXPECT_TRUE(owed(walk.c, walk.policy, walk.calendar).notices.empty());
    EXPECT_TRUE(walk.ask(NoticeAccepted{Notice::ticket, "ticket", "asha@lotus.example", "<1@x>"})->empty());
}

TEST(Case, acts_need_reasons) {
    const Walk walk(virus_policy());
    for (const Input& input : std::initializer_list<Input>{Extend{Seconds(60), ""}, PlaceHold{""}, AskReview{""}, Close{""}, AddNote{""}})
        EXPECT_EQ(walk.ask(input).error().code, Errc::invalid) << word_of(input);
}

}  // namespace
}  // namespace bailiff::test
