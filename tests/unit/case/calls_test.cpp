// SPDX-License-Identifier: Apache-2.0
// Whom to phone, since when.
#include "tests/unit/case/situations.hpp"

#include <gtest/gtest.h>

namespace bailiff::test {
namespace {

std::optional<CallDue> call_of(const Walk& walk) { return owed(walk.c, walk.policy, walk.calendar).call; }

TEST(Calls, an_escalation_does_not_forget_since_when_somebody_waits) {
    Walk walk = Walk(virus_policy()).due();
    const Instant began = walk.now;
    for (int level = 0; level < 4; ++level) {
        ASSERT_TRUE(call_of(walk));
        EXPECT_EQ(call_of(walk)->since, began) << "escalation " << level;
        walk.due();
    }
}

TEST(Calls, a_resumed_rung_waits_since_it_first_began) {
    Walk walk = Walk(virus_policy()).due();
    const Instant began = walk.now;
    walk.now += Seconds(600);
    walk.then(AskReview{"a doubt"});
    EXPECT_FALSE(call_of(walk));
    walk.now += Seconds(7200);
    walk.then(Decide{Decision::resume, "go on"});
    ASSERT_TRUE(call_of(walk));
    EXPECT_EQ(call_of(walk)->since, began);
    walk.then(PlaceHold{"wait"}).then(LiftHold{"go on"});
    ASSERT_TRUE(call_of(walk));
    EXPECT_EQ(call_of(walk)->since, began);
}

TEST(Calls, another_call_rung_waits_since_its_own_beginning) {
    Policy twice = virus_policy();
    twice.ladder.insert(twice.ladder.begin() + 2, {"call_again", WaitsFor::call, StepClock::working, Seconds(1800), std::nullopt, Seconds(3600)});
    Walk walk = Walk(twice).due();
    walk.now += Seconds(900);
    walk.called();
    ASSERT_TRUE(call_of(walk));
    EXPECT_EQ(call_of(walk)->since, walk.now);
    walk.called();
    EXPECT_FALSE(call_of(walk));
    EXPECT_EQ(walk.c.call_since, Instant{});
}

TEST(Calls, a_row_from_before_still_folds_and_stops_forgetting) {
    Walk walk = Walk(virus_policy()).due();
    const Instant began = walk.now;
    Json row = json_of(walk.c);
    row.erase("call_since");
    const auto old = parse_case(row);
    ASSERT_TRUE(old) << old.error().text;
    walk.c = *old;
    EXPECT_EQ(call_of(walk)->since, began);
    walk.due().due();
    EXPECT_EQ(call_of(walk)->since, began);
}

LogCall asked(Instant back, CallOutcome outcome = CallOutcome::reached) { return {"Asha", "+91", outcome, "in a meeting", back}; }

TEST(CallBacks, stand_beside_the_ladder_and_stop_nothing) {
    Walk walk = Walk(virus_policy()).due();
    const Instant back = walk.now + Seconds(5 * 3600);
    walk.then(asked(back));
    const auto dues = owed(walk.c, walk.policy, walk.calendar);
    ASSERT_TRUE(dues.call_back);
    EXPECT_EQ(dues.call_back->at, back);
    EXPECT_FALSE(dues.call) << "it was an attempt like any other";
    ASSERT_TRUE(dues.deadline);
    EXPECT_EQ(dues.deadline->what, "enforce");
    EXPECT_EQ(dues.deadline->at, walk.now + Seconds(3 * 3600));
}

TEST(CallBacks, remind_once_when_they_come) {
    Walk walk = Walk(virus_policy()).due();
    const Instant back = walk.now + Seconds(3600);
    walk.then(asked(back));
    EXPECT_TRUE(walk.ask(CallBackReached{})->empty()) << "too early";
    walk.now = back;
    walk.then(CallBackReached{});
    EXPECT_EQ(walk.c.notices.back().notice, Notice::call_reminder);
    EXPECT_TRUE(owed(walk.c, walk.policy, walk.calendar).call_back->told);
    EXPECT_TRUE(walk.ask(CallBackReached{})->empty());
}

TEST(CallBacks, are_kept_by_a_call_at_their_time_and_moved_by_a_new_promise) {
    Walk early = Walk(virus_policy()).due();
    const Instant back = early.now + Seconds(3600);
    early.then(asked(back)).then(LogCall{"Asha", "+91", CallOutcome::no_answer, ""});
    EXPECT_TRUE(early.c.call_back) << "the contact was tried before the time, and not reached";
    early.then(LogCall{"Vikram", "+92", CallOutcome::reached, ""});
    EXPECT_TRUE(early.c.call_back) << "somebody else was reached";
    Walk moved = early;
    moved.then(asked(back + Seconds(600)));
    EXPECT_EQ(moved.c.call_back->at, back + Seconds(600));
    early.now = back;
    early.then(LogCall{"Asha", "+91", CallOutcome::voicemail, ""});
    EXPECT_FALSE(early.c.call_back) << "we phoned as promised";
}

TEST(CallBacks, end_with_an_answer_and_with_the_case) {
    const Walk promised = Walk(virus_policy()).due().then(asked(nine() + Seconds(6 * 3600)));
    Walk answered = promised;
    answered.then(RecordReply{{Channel::mail, ReplyKind::acknowledged, "", "", "", ""}});
    EXPECT_FALSE(owed(answered.c, answered.policy, answered.calendar).call_back);
    Walk closed = promised;
    closed.then(Close{"done"});
    EXPECT_FALSE(owed(closed.c, closed.policy, closed.calendar).call_back);
}

TEST(CallBacks, are_promised_for_a_time_that_can_be_kept) {
    const Walk walk = Walk(virus_policy()).due();
    for (const Seconds wait : {Seconds(0), Seconds(-60), Seconds(15 * 86400)}) EXPECT_FALSE(walk.ask(asked(walk.now + wait))) << wait.count();
    EXPECT_FALSE(walk.ask(asked(walk.now + Seconds(60), CallOutcome::wrong_number)));
    EXPECT_TRUE(walk.ask(asked(walk.now + Seconds(60), CallOutcome::no_answer)));
}

const Contact vikram{"Vikram", "noc@lotus.example", "", "en", ""};
const Contact meena{"Meena", "meena@lotus.example", "", "en", ""};
std::vector<std::string> keys(const Case& c) {
    std::vector<std::string> out;
    for (const auto& due : c.notices) out.push_back(due.key);
    return out;
}

TEST(MailFailures, lead_to_the_next_contact_and_to_staff) {
    Walk walk(virus_policy());
    walk.then(NoticeRefused{Notice::ticket, "ticket", "asha@lotus.example", "550", vikram});
    EXPECT_EQ(addressee(walk.c).email, "noc@lotus.example");
    EXPECT_EQ(keys(walk.c), (std::vector<std::string>{"operator_needed/3", "ticket/next-1"}));
    walk.then(NoticeAccepted{Notice::ticket, "ticket/next-1", "noc@lotus.example", "<m@d>"});
    walk.then(MailBounced{Notice::ticket, "ticket/next-1", "noc@lotus.example", "5.1.1", "gone", true, meena});
    EXPECT_EQ(addressee(walk.c).email, "meena@lotus.example");
    EXPECT_EQ(keys(walk.c).back(), "ticket/next-2");
    EXPECT_EQ(walk.c.phase, Phase::open);
    EXPECT_TRUE(walk.c.ladder.running) << "a bounce stops nothing";
}

TEST(MailFailures, count_once_and_never_go_round_in_a_circle) {
    Walk walk(virus_policy());
    const MailBounced late{Notice::ticket, "ticket", "asha@lotus.example", "4.4.1", "later", false, {}};
    const MailBounced gone{Notice::ticket, "ticket", "asha@lotus.example", "5.1.1", "gone", true, vikram};
    walk.then(late);
    EXPECT_TRUE(walk.ask(late)->empty());
    walk.then(gone);
    const auto before = walk.c;
    walk.then(gone).then(late);
    EXPECT_EQ(walk.c, before);
    EXPECT_EQ(walk.ask(MailBounced{Notice::ticket, "ticket/next-1", "noc@lotus.example", "5.1.1", "gone", true, Contact{"Asha", "asha@lotus.example", "", "en", ""}})->size(), 1u)
        << "back to whom it did not reach";
}

TEST(MailFailures, a_closed_case_says_its_last_word_only) {
    Walk walk(virus_policy());
    walk.then(Close{"done"});
    EXPECT_EQ(walk.ask(MailBounced{Notice::ticket, "ticket", "asha@lotus.example", "5.1.1", "gone", true, vikram})->size(), 1u);
    EXPECT_EQ(walk.ask(MailBounced{Notice::closed, "closed", "asha@lotus.example", "5.1.1", "gone", true, vikram})->size(), 2u);
}

TEST(MailFailures, a_sanction_keeps_its_number) {
    Walk walk = Walk(virus_policy()).due().called().due();
    walk.then(NoticeRefused{Notice::switched_off, "switched_off/1", "asha@lotus.example", "550", vikram});
    EXPECT_EQ(keys(walk.c).back(), "switched_off/1/next-1");
}

TEST(MailFailures, read_back_from_histories_and_rows) {
    Walk walk = Walk(virus_policy()).due().then(asked(nine() + Seconds(6 * 3600)));
    walk.then(MailBounced{Notice::ticket, "ticket", "asha@lotus.example", "5.1.1", "gone", true, vikram});
    walk.now = nine() + Seconds(6 * 3600);
    walk.then(CallBackReached{});
    Case folded;
    for (const auto& item : walk.history) {
        const auto back = parse_item(json_of(item));
        ASSERT_TRUE(back) << back.error().text;
        EXPECT_EQ(*back, item);
        folded = evolve(std::move(folded), *back);
    }
    EXPECT_EQ(folded, walk.c);
    const auto row = parse_case(json_of(walk.c));
    ASSERT_TRUE(row) << row.error().text;
    EXPECT_EQ(*row, walk.c);
}

}  // namespace
}  // namespace bailiff::test
