// SPDX-License-Identifier: Apache-2.0
// Appeals: who may lodge and decide them, their clock beside the case's own, and what follows.

#include "controller/core/appeal.hpp"
#include "tests/unit/case/situations.hpp"

#include <gtest/gtest.h>

namespace bailiff::test {
namespace {

Walk cut_off() { return Walk(spam_policy()).due().called().due().obeyed(); }
Walk appealed() { return cut_off().then(LodgeAppeal{"it was not us", Channel::mail}, "customer"); }
DecideAppeal decides(bool upheld, const char* by = "staff:anil", bool took_part = false) { return {upheld, "looked at the logs", by, took_part}; }

TEST(Appeal, only_against_what_was_decided) {
    EXPECT_EQ(Walk(virus_policy()).ask(LodgeAppeal{"no", Channel::mail}).error().code, Errc::conflict);
    EXPECT_TRUE(cut_off().ask(LodgeAppeal{"no", Channel::mail}));
    EXPECT_TRUE(Walk(virus_policy()).then(Close{"done"}).ask(LodgeAppeal{"no", Channel::mail}));
    EXPECT_EQ(cut_off().ask(LodgeAppeal{"", Channel::mail}).error().code, Errc::invalid);
    EXPECT_EQ(appealed().ask(LodgeAppeal{"again", Channel::mail}).error().code, Errc::conflict);
    EXPECT_EQ(Walk(virus_policy()).then(MergeAway{CaseId("C-2"), "one"}).ask(LodgeAppeal{"no", Channel::mail}).error().code, Errc::conflict);
}

TEST(Appeal, changes_nothing_until_it_is_decided) {
    const Walk before = cut_off(), walk = appealed();
    EXPECT_EQ(walk.c.phase, before.c.phase);
    EXPECT_EQ(walk.c.desired, before.c.desired);
    EXPECT_EQ(walk.c.demand, before.c.demand);
    const auto due = owed(walk.c, walk.policy, walk.calendar).deadline;
    ASSERT_TRUE(due);
    EXPECT_EQ(due->what, "appeal");
    EXPECT_EQ(due->at, walk.now + Seconds(2 * 86400));
}

TEST(Appeal, overdue_it_reminds_ever_rarer) {
    Walk walk = appealed();
    const Instant lodged = walk.now;
    walk.due();
    EXPECT_EQ(walk.now, lodged + Seconds(2 * 86400));
    EXPECT_EQ(walk.c.appeals.back().level, 1);
    EXPECT_EQ(walk.c.notices.back().key, "review_needed/appeal-1-overdue-1");
    EXPECT_EQ(walk.c.notices.back().audience, Audience::staff);
    walk.due();
    EXPECT_EQ(walk.now, lodged + Seconds(4 * 86400));
    EXPECT_EQ(walk.c.notices.back().audience, Audience::supervisor);
    walk.due();
    EXPECT_EQ(walk.now, lodged + Seconds(8 * 86400));
    EXPECT_EQ(walk.c.phase, Phase::sanctioned);
}

TEST(Appeal, its_clock_runs_though_the_case_is_on_hold) {
    Walk walk = appealed().then(PlaceHold{"police"});
    EXPECT_EQ(owed(walk.c, walk.policy, walk.calendar).deadline->what, "appeal");
    EXPECT_EQ(walk.ask(decides(true)).error().code, Errc::conflict);
    EXPECT_TRUE(walk.ask(decides(false)));
}

TEST(Appeal, decided_by_staff_who_took_no_part) {
    const Walk walk = appealed();
    EXPECT_EQ(walk.ask(decides(false, "staff:meera", true)).error().code, Errc::forbidden);
    EXPECT_EQ(walk.ask(decides(true, "customer")).error().code, Errc::forbidden);
    EXPECT_EQ(walk.ask(DecideAppeal{true, "", "staff:anil", false}).error().code, Errc::invalid);
    EXPECT_EQ(cut_off().ask(decides(true)).error().code, Errc::conflict);
}

TEST(Appeal, rejected_it_leaves_everything_as_it_is_and_says_so) {
    Walk walk = appealed().then(decides(false), "staff:anil");
    EXPECT_EQ(walk.c.phase, Phase::sanctioned);
    EXPECT_EQ(walk.c.desired, VmState::isolated);
    EXPECT_FALSE(owed(walk.c, walk.policy, walk.calendar).deadline);
    EXPECT_EQ(walk.c.notices.back().key, "appeal_decided/1");
    EXPECT_EQ(walk.c.appeals.back().decided_by, "staff:anil");
    EXPECT_TRUE(walk.ask(LodgeAppeal{"new facts", Channel::mail}));
}

TEST(Appeal, upheld_it_gives_the_vm_back) {
    Walk walk = appealed().then(decides(true), "staff:anil");
    EXPECT_EQ(walk.c.phase, Phase::restoring);
    EXPECT_EQ(walk.c.desired, VmState::running);
    walk.obeyed();
    EXPECT_EQ(walk.c.outcome, Outcome::false_positive);
}

TEST(Appeal, upheld_out_of_a_review_or_a_treatment) {
    Walk review = appealed().then(AskReview{"the customer phoned"}).then(decides(true), "staff:anil").obeyed();
    EXPECT_EQ(review.c.outcome, Outcome::false_positive);
    EXPECT_TRUE(review.c.review_reason.empty());
    const Walk infected = Walk(virus_policy()).due().called().due().obeyed().finished().finished(ScanVerdict::infected);
    Walk cleaning = Walk(infected).then(Approve{Stage::clean_decision, "go"}).then(LodgeAppeal{"those are my tools", Channel::mail}).then(decides(true), "staff:anil");
    EXPECT_EQ(cleaning.c.stage, Stage::revert) << "what was cleaned and never verified is dropped first";
    cleaning.finished().obeyed();
    EXPECT_EQ(cleaning.c.outcome, Outcome::false_positive);
}

TEST(Appeal, after_the_end_it_is_decided_and_told_and_nothing_reopens) {
    Walk walk = Walk(virus_policy()).then(Close{"done"}).then(LodgeAppeal{"no", Channel::phone}, "staff:ravi").then(decides(true), "staff:anil");
    EXPECT_EQ(walk.c.phase, Phase::closed);
    EXPECT_EQ(walk.c.outcome, Outcome::closed_by_staff);
    EXPECT_EQ(walk.c.notices.back().notice, Notice::appeal_decided);
    EXPECT_TRUE(walk.c.appeals.back().upheld);
}

TEST(Appeal, whether_one_would_be_taken_is_told_as_it_is_decided) {
    Walk many = cut_off();
    for (int i = 0; i < 20; ++i) many.then(LodgeAppeal{"again", Channel::page}, "customer").then(decides(false), "staff:anil");
    const Walk walks[] = {Walk(virus_policy()), cut_off(), appealed(), appealed().then(decides(false), "staff:anil"), Walk(virus_policy()).then(Close{"done"}),
                          Walk(virus_policy()).then(MergeAway{CaseId("C-2"), "one"}), many};
    for (const Walk& walk : walks) {
        const auto told = may_appeal(walk.c);
        const auto decided = walk.ask(LodgeAppeal{"no", Channel::page});
        ASSERT_EQ(told.has_value(), decided.has_value());
        if (!told) {
            EXPECT_EQ(told.error().code, decided.error().code);
            EXPECT_EQ(told.error().text, decided.error().text);
        }
    }
    EXPECT_EQ(may_appeal(many.c).error().code, Errc::forbidden);
}

TEST(Appeal, what_was_promised_stays_when_reminders_have_come) {
    Walk walk = appealed();
    const Instant promised = walk.now + Seconds(2 * 86400);
    EXPECT_EQ(appeal_due(walk.c.appeals.back(), walk.policy, walk.calendar), promised);
    walk.due().due();
    EXPECT_EQ(appeal_due(walk.c.appeals.back(), walk.policy, walk.calendar), promised);
}

TEST(Appeal, is_promised_on_the_policys_clock) {
    Policy policy = spam_policy();
    policy.appeal = {Seconds(8 * 3600), StepClock::working};
    Walk walk = Walk(policy).due().called().due().obeyed().then(LodgeAppeal{"no", Channel::page}, "customer");   // Monday 13:00, open until 18:00
    EXPECT_EQ(appeal_due(walk.c.appeals.back(), walk.policy, walk.calendar), walk.now + Seconds(5 * 3600 + 15 * 3600 + 3 * 3600));
    EXPECT_EQ(appeal_due(walk.c.appeals.back(), walk.policy, walk.calendar), owed(walk.c, walk.policy, walk.calendar).deadline->at);
}

TEST(Assign, to_somebody_and_to_nobody) {
    Walk walk(virus_policy());
    walk.then(Assign{"ravi"});
    EXPECT_EQ(walk.c.assignee, "ravi");
    EXPECT_TRUE(walk.ask(Assign{"ravi"})->empty());
    walk.then(Assign{""});
    EXPECT_TRUE(walk.c.assignee.empty());
    EXPECT_EQ(walk.ask(Assign{std::string(65, 'a')}).error().code, Errc::invalid);
}

}  // namespace
}  // namespace bailiff::test
