// SPDX-License-Identifier: Apache-2.0
// Cases that belong together: what a merge, a split and their undoing keep, and what stands still.

#include "tests/unit/case/situations.hpp"

#include <gtest/gtest.h>

namespace bailiff::test {
namespace {

const CaseId second("C-2");
Instant due_of(const Walk& walk) { return owed(walk.c, walk.policy, walk.calendar).deadline.value().at; }
TakeIn taking(OtherCase other = other_case()) { return {std::move(other), false, false, "one matter"}; }
RecordReply answer() { return {{Channel::mail, ReplyKind::acknowledged, "", "", "", "we look"}}; }

TEST(Merge, keeps_the_clock_of_the_case_that_goes_on) {
    Walk walk(virus_policy());
    walk.now += Seconds(600);
    const Instant before = due_of(walk);
    const size_t mails = walk.c.notices.size();
    walk.then(taking());
    EXPECT_EQ(due_of(walk), before);
    EXPECT_EQ(walk.c.reports.size(), 2u);
    EXPECT_EQ(walk.c.notices.size(), mails) << "the customer has that ticket already";
    ASSERT_EQ(walk.c.merged.size(), 1u);
    EXPECT_EQ(walk.c.merged[0].policy, PolicyId("general"));
}

TEST(Merge, tells_what_the_customer_never_read) {
    OtherCase other = other_case();
    other.told = false;
    Walk walk(virus_policy());
    walk.then(taking(other));
    EXPECT_EQ(walk.c.notices.back().key, "further_report/2");
}

TEST(Merge, an_answer_of_the_other_case_is_not_lost) {
    OtherCase other = other_case();
    other.answered = true;
    Walk walk(virus_policy());
    walk.then(taking(other));
    EXPECT_EQ(walk.c.phase, Phase::review);
    EXPECT_FALSE(owed(walk.c, walk.policy, walk.calendar).deadline);
    EXPECT_NE(walk.c.review_reason.find("C-2"), std::string::npos);
    walk.then(Decide{Decision::resume, "it was about the other matter"});
    EXPECT_EQ(due_of(walk), nine() + Seconds(3600)) << "with what was left";
}

TEST(Merge, the_other_one_mails_nobody) {
    Walk walk(virus_policy());
    walk.then(MergeAway{CaseId("C-7"), "one matter"});
    EXPECT_EQ(walk.c.outcome, Outcome::merged);
    EXPECT_EQ(walk.c.merged_into, CaseId("C-7"));
    EXPECT_TRUE(walk.c.notices.empty());
    EXPECT_FALSE(owed(walk.c, walk.policy, walk.calendar).deadline);
}

TEST(Merge, not_what_has_the_vm_in_hand_is_on_hold_or_over) {
    const Walk off = Walk(virus_policy()).due().called().due();
    EXPECT_EQ(off.ask(MergeAway{second, "one"}).error().code, Errc::conflict);
    EXPECT_EQ(Walk(virus_policy()).then(PlaceHold{"police"}).ask(MergeAway{second, "one"}).error().code, Errc::conflict);
    EXPECT_EQ(Walk(virus_policy()).then(Close{"no"}).ask(MergeAway{second, "one"}).error().code, Errc::conflict);
    EXPECT_EQ(Walk(virus_policy()).then(Close{"no"}).ask(taking()).error().code, Errc::conflict);
    EXPECT_EQ(Walk(virus_policy()).ask(MergeAway{second, ""}).error().code, Errc::invalid);
}

TEST(Merge, two_vms_only_if_staff_insists_and_two_customers_never) {
    OtherCase other = other_case();
    other.vm = VmId("22222222-2222-4222-8222-222222222222");
    const Walk walk(virus_policy());
    EXPECT_EQ(walk.ask(taking(other)).error().code, Errc::conflict);
    EXPECT_TRUE(walk.ask(TakeIn{other, true, false, "it moved"}));
    other.customer = CustomerId("8");
    EXPECT_EQ(walk.ask(TakeIn{other, true, false, "it moved"}).error().code, Errc::forbidden);
}

TEST(UndoMerge, gives_back_reports_and_what_was_left_of_the_clocks) {
    Walk walk(virus_policy());
    walk.then(NoticeAccepted{Notice::ticket, "ticket", "a@b", "<1@x>"});
    walk.now += Seconds(600);
    walk.then(MergeAway{second, "one matter"});
    walk.now += Seconds(7 * 86400);
    walk.then(ComeBack{second, "two matters"});
    EXPECT_EQ(walk.c.phase, Phase::open);
    EXPECT_FALSE(walk.c.outcome);
    EXPECT_EQ(due_of(walk), walk.now + Seconds(3000));
    EXPECT_TRUE(walk.c.notices.empty()) << "the ticket was sent long ago";

    Walk other(virus_policy());
    other.then(taking()).then(UndoMerge{second, "two matters"});
    EXPECT_EQ(other.c.reports.size(), 1u);
    EXPECT_TRUE(other.c.merged.empty());
    other.then(AddReport{{ReportId("R-9"), "content/malware", "cert", nine(), ""}});
    EXPECT_EQ(other.c.notices.back().key, "further_report/3") << "a key is never used twice";
}

TEST(UndoMerge, a_ticket_that_never_went_out_is_owed_again) {
    Walk walk(virus_policy());
    walk.then(MergeAway{second, "one"}).then(ComeBack{second, "two"});
    ASSERT_EQ(walk.c.notices.size(), 1u);
    EXPECT_EQ(walk.c.notices[0].notice, Notice::ticket);
    EXPECT_NE(walk.c.notices[0].key, "ticket") << "that one was withdrawn for good";
}

TEST(UndoMerge, brings_answered_cases_and_reviews_back_as_they_were) {
    Walk answered(virus_policy());
    answered.then(answer()).then(MergeAway{second, "one"}).then(ComeBack{second, "two"});
    EXPECT_EQ(answered.c.phase, Phase::answered);
    EXPECT_EQ(owed(answered.c, answered.policy, answered.calendar).deadline->what, "resolution");
    Walk review(virus_policy());
    review.then(AskReview{"doubt"}).then(MergeAway{second, "one"}).then(ComeBack{second, "two"});
    EXPECT_EQ(review.c.phase, Phase::review);
    EXPECT_EQ(review.c.review_reason, "doubt");
    review.then(Decide{Decision::resume, "fine"});
    EXPECT_EQ(review.c.phase, Phase::open);
}

TEST(UndoMerge, not_after_what_makes_it_untrue) {
    const Walk merged = Walk(virus_policy()).then(taking());
    EXPECT_TRUE(merged.ask(UndoMerge{second, "two"}));
    EXPECT_EQ(merged.ask(UndoMerge{CaseId("C-3"), "two"}).error().code, Errc::conflict);
    EXPECT_EQ(Walk(merged).then(answer()).ask(UndoMerge{second, "two"}).error().code, Errc::conflict);
    EXPECT_EQ(Walk(merged).due().called().due().ask(UndoMerge{second, "two"}).error().code, Errc::conflict);
    EXPECT_EQ(Walk(merged).then(Close{"no"}).ask(UndoMerge{second, "two"}).error().code, Errc::conflict);
    EXPECT_EQ(Walk(merged).then(SplitOff{{ReportId("R-8")}, {}, "wrong"}).ask(UndoMerge{second, "two"}).error().code, Errc::conflict);
    EXPECT_EQ(Walk(merged).then(SplitOff{{ReportId("R-1")}, {}, "wrong"}).ask(UndoMerge{second, "two"}).error().code, Errc::conflict);
}

TEST(Split, a_case_keeps_a_report) {
    Walk walk(virus_policy());
    walk.then(AddReport{{ReportId("R-2"), "content/malware", "cert", nine(), ""}});
    EXPECT_EQ(walk.ask(SplitOff{{}, {}, "why"}).error().code, Errc::invalid);
    EXPECT_EQ(walk.ask(SplitOff{{ReportId("R-9")}, {}, "why"}).error().code, Errc::not_found);
    EXPECT_EQ(walk.ask(SplitOff{{ReportId("R-1"), ReportId("R-2")}, {}, "why"}).error().code, Errc::invalid);
    walk.then(SplitOff{{ReportId("R-1"), ReportId("R-1")}, second, "another machine"});
    ASSERT_EQ(walk.c.reports.size(), 1u);
    EXPECT_EQ(walk.c.reports[0].id, ReportId("R-2"));
    EXPECT_EQ(walk.c.splits.at(0).into, second);
    // And back: they are the case's own again, as if they had never left.
    OtherCase other = other_case();
    other.reports = {{ReportId("R-1"), "content/malware", "cert", nine(), ""}};
    walk.then(TakeIn{other, true, true, "it is this machine after all"});
    EXPECT_EQ(walk.c.reports.size(), 2u);
    EXPECT_TRUE(walk.c.splits.empty() && walk.c.merged.empty());
}

TEST(Mute, keeps_exactly_what_was_left) {
    Walk walk(virus_policy());
    walk.now += Seconds(1201);
    walk.then(Mute{CaseId("C-9"), PolicyId("outbound-attack")});
    EXPECT_FALSE(owed(walk.c, walk.policy, walk.calendar).deadline);
    walk.now += Seconds(40 * 3600);
    walk.then(Unmute{"over"});
    EXPECT_EQ(due_of(walk), walk.calendar.next_opening(walk.now) + Seconds(3600 - 1201));
}

TEST(Mute, and_a_hold_each_keep_it_still) {
    Walk walk(virus_policy());
    walk.then(Mute{CaseId("C-9"), PolicyId("x")}).then(PlaceHold{"police"});
    walk.now += Seconds(3600);
    walk.then(Unmute{"over"});
    EXPECT_FALSE(owed(walk.c, walk.policy, walk.calendar).deadline);
    walk.then(Mute{CaseId("C-9"), PolicyId("x")}).then(LiftHold{"go"});
    EXPECT_FALSE(owed(walk.c, walk.policy, walk.calendar).deadline);
    walk.now += Seconds(600);
    walk.then(Unmute{"over"});
    EXPECT_EQ(due_of(walk), walk.now + Seconds(3600));
}

TEST(Mute, time_stands_also_when_a_review_is_resumed_meanwhile) {
    Walk walk(virus_policy());
    walk.now += Seconds(600);
    walk.then(AskReview{"doubt"}).then(Mute{CaseId("C-9"), PolicyId("x")}).then(Decide{Decision::resume, "fine"});
    EXPECT_FALSE(owed(walk.c, walk.policy, walk.calendar).deadline);
    walk.now += Seconds(3600);
    walk.then(AskReview{"doubt again"}).then(Decide{Decision::resume, "fine"}).then(Unmute{"over"});
    EXPECT_EQ(due_of(walk), walk.now + Seconds(3000));
}

TEST(Mute, no_call_no_sanction_and_no_cleaning_meanwhile) {
    Walk walk = Walk(virus_policy()).due().then(Mute{CaseId("C-9"), PolicyId("x")});
    EXPECT_FALSE(owed(walk.c, walk.policy, walk.calendar).call);
    walk.called();
    EXPECT_EQ(walk.c.rung, 1) << "the call that is due comes later";
    const auto asked = walk.ask(RecordReply{{Channel::page, ReplyKind::fix_request, "", "", "", ""}});
    ASSERT_TRUE(asked);
    walk.add(*asked, "customer");
    EXPECT_EQ(walk.c.phase, Phase::review);
    EXPECT_EQ(walk.c.tokens, 0);
    EXPECT_EQ(walk.ask(Decide{Decision::enforce, "now"}).error().code, Errc::conflict);
    EXPECT_EQ(walk.ask(Decide{Decision::treat, "now"}).error().code, Errc::conflict);
}

TEST(Mute, what_has_the_vm_in_hand_goes_on) {
    for (const auto& [situation, walk] : situations()) {
        const Phase phase = walk.c.phase;
        const bool goes_on = phase == Phase::sanctioned || phase == Phase::treatment || phase == Phase::restoring || phase == Phase::closed;
        if (!goes_on) continue;
        EXPECT_TRUE(walk.ask(Mute{CaseId("C-9"), PolicyId("x")})->empty()) << situation;
    }
}

TEST(Rows, every_new_field_comes_back_from_json) {
    for (const auto& [situation, walk] : situations()) {
        const auto read = parse_case(json_of(walk.c));
        ASSERT_TRUE(read) << situation;
        EXPECT_EQ(*read, walk.c) << situation;
        for (const auto& item : walk.history) EXPECT_EQ(*parse_item(json_of(item)), item) << situation;
    }
}

}  // namespace
}  // namespace bailiff::test
