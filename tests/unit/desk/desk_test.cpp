// SPDX-License-Identifier: Apache-2.0
// What the desk forgets, what it makes of a restored backup, and in which words staff is written to.
#include "tests/unit/desk/desk_world.hpp"

#include <algorithm>

namespace bailiff::test {
namespace {

struct ADesk : DeskWorld {
    std::unique_ptr<Desk> desk;
    void SetUp() override { desk = std::make_unique<Desk>(ports(), shipped_policies(), options); }
    void tick() {
        desk->tick();
        desk->flush();
    }
    void hello(int64_t epoch, int64_t seq) {
        desk->on_frame(HostId("h1"), Frame{MessageId("hello"), Hello{HostId("h1"), "0.1.0", epoch, seq, "boot"}});
        desk->flush();
    }
    std::string trouble() { return storage.find_host(HostId("h1"))->trouble; }
    /// The order that an attack leads to at once.
    Order ordered() {
        EXPECT_TRUE(desk->report(report_of("connection/ddos"), "staff:ana"));
        tick();
        const auto open = storage.open_orders(HostId("h1"));
        return open.empty() ? Order{} : open.back().order;
    }
};

TEST_F(ADesk, forgets_frames_after_thirty_days_and_answers_after_seven_by_its_tick) {
    storage.first_time(HostId("h1"), MessageId("m"), clock.now());
    storage.remember("ana", "k", "answer", clock.now());
    tick();
    clock.advance(Seconds(7 * 86400 + 3600));
    tick();
    EXPECT_FALSE(storage.recall("ana", "k"));
    EXPECT_FALSE(storage.first_time(HostId("h1"), MessageId("m"), clock.now()));
    clock.advance(Seconds(24 * 86400));
    tick();
    EXPECT_TRUE(storage.first_time(HostId("h1"), MessageId("m"), clock.now()));
}

TEST_F(ADesk, looks_for_what_to_forget_at_most_hourly) {
    tick();
    storage.remember("ana", "k", "answer", clock.now() - Seconds(30 * 86400));
    clock.advance(Seconds(3599));
    tick();
    EXPECT_TRUE(storage.recall("ana", "k"));
    clock.advance(Seconds(1));
    tick();
    EXPECT_FALSE(storage.recall("ana", "k"));
}

TEST_F(ADesk, a_host_that_has_seen_more_than_the_database_gave_out_says_that_a_backup_was_restored) {
    hello(0, 0);
    EXPECT_EQ(trouble(), "") << "a new host has seen nothing";
    ASSERT_EQ(ordered().seq, 1);
    hello(1, 1);
    EXPECT_EQ(trouble(), "");
    hello(1, 5);
    EXPECT_NE(trouble().find("--begin-epoch"), std::string::npos) << trouble();
    desk->on_frame(HostId("h1"), Frame{MessageId("beat"), Heartbeat{clock.now(), true, 0, 0, ""}});
    EXPECT_NE(trouble().find("a backup was restored"), std::string::npos) << "the next heartbeat does not hide it";
    storage.begin_epoch(clock.now());
    hello(1, 5);
    EXPECT_EQ(trouble(), "");
    hello(storage.epoch() + 1, 0);
    EXPECT_NE(trouble().find("--begin-epoch"), std::string::npos);
}

TEST_F(ADesk, orders_of_a_new_epoch_lie_above_all_that_the_lost_database_gave_out) {
    const Order before = ordered();
    EXPECT_EQ(before.epoch, 1);
    EXPECT_EQ(before.vm_generation, 1);
    const int64_t epoch = storage.begin_epoch(clock.now());
    EXPECT_EQ(storage.epoch(), epoch);
    // The host says that the order which lay open in the backup is of an earlier epoch: it is issued anew, not reviewed.
    OrderAnswer answer;
    answer.order_id = before.order_id;
    answer.status = AnswerStatus::refused;
    answer.refusal = Refusal::stale_epoch;
    desk->on_frame(HostId("h1"), Frame{MessageId("a"), answer});
    desk->flush();
    const auto open = storage.open_orders(HostId("h1"));
    ASSERT_EQ(open.size(), 1u);
    EXPECT_EQ(open[0].order.epoch, epoch);
    EXPECT_GE(open[0].order.vm_generation, epoch);
    EXPECT_EQ(name(storage.find_case(CaseId("C-1"))->phase), name(core::Phase::sanctioned));
    EXPECT_GT(storage.begin_epoch(clock.now()), epoch) << "twice in one second";
    // The same backup once more, a day later: still above what was given out in between.
    MemoryStorage again;
    EXPECT_GT(again.begin_epoch(clock.now() + Seconds(86400)), storage.next_generation(web1));
}

TEST_F(ADesk, writes_to_staff_in_the_staffs_language_and_to_the_customer_in_his) {
    options.staff_language = "hi";
    SetUp();
    ASSERT_TRUE(desk->report(report_of("content/malware"), "staff:ana"));
    tick();
    clock.advance(Seconds(3600));
    tick();
    ASSERT_EQ(mailer.sent.size(), 2u);
    EXPECT_EQ(mailer.sent[0].subject, "[C-1] ticket (en)");
    EXPECT_EQ(mailer.sent[1].subject, "[C-1] call_reminder (hi)");
}

TEST_F(ADesk, keeps_the_mails_of_a_case_to_one_audience_in_one_thread) {
    ASSERT_TRUE(desk->report(report_of("content/malware"), "staff:ana"));
    tick();
    ASSERT_TRUE(desk->report(report_of("content/malware"), "staff:ana"));
    tick();
    clock.advance(Seconds(3600));
    tick();
    ASSERT_EQ(mailer.sent.size(), 3u);
    EXPECT_TRUE(mailer.sent[0].references.empty()) << "the ticket begins it";
    EXPECT_EQ(mailer.sent[1].subject, "[C-1] further_report (en)");
    EXPECT_EQ(mailer.sent[1].references, (std::vector{mailer.sent[0].message_id}));
    EXPECT_TRUE(mailer.sent[2].references.empty()) << "the first one to staff: " << mailer.sent[2].subject;
}

/// What the mails of a case say, as the templates would get it.
struct ANotice : ADesk {
    Json sent(const std::string& subject) {
        for (const auto& mail : mailer.sent)
            if (mail.subject == subject) return Json::parse(mail.text);
        return Json::object();
    }
    void call() {
        ASSERT_TRUE(desk->act(CaseId("C-1"), core::LogCall{"Asha Rao", "+91", core::CallOutcome::no_answer, ""}, "staff:ana"));
        tick();
    }
};

TEST_F(ANotice, names_what_helps_against_this_finding_first) {
    auto report = report_of("content/malware");
    report.summary = "Php.Webshell.Generic-1 in /var/www/html/uploads/x.php";
    ASSERT_TRUE(desk->report(report, "staff:ana"));
    tick();
    const Json ticket = sent("[C-1] ticket (en)");
    const auto& remedies = ticket.at("remedies");
    ASSERT_GT(remedies.size(), 5u);
    EXPECT_NE(remedies.at(0).at("text").get<std::string>().find("web shell"), std::string::npos) << remedies.at(0);
    EXPECT_NE(remedies.back().at("text").get<std::string>().find("install the machine anew"), std::string::npos) << "then what always helps";
}

TEST_F(ANotice, names_the_deadline_that_stands_whatever_was_called_or_extended_since) {
    ASSERT_TRUE(desk->report(report_of("content/malware"), "staff:ana"));
    tick();
    clock.advance(Seconds(3600));
    tick();
    call();   // 10:00: off at 13:00
    clock.advance(Seconds(3600));
    call();   // once more at 11:00: moves nothing
    ASSERT_TRUE(desk->act(CaseId("C-1"), core::Extend{Seconds(1800), "asked for time"}, "staff:ana"));
    ASSERT_TRUE(desk->report(report_of("content/malware"), "staff:ana"));
    tick();
    EXPECT_EQ(sent("[C-1] further_report (en)")["enforce_due_utc"], "2026-03-02T08:00:00Z") << "13:30 in the office's zone";
}

TEST_F(ANotice, does_not_promise_a_switch_off_from_a_call_that_came_too_early) {
    ASSERT_TRUE(desk->report(report_of("content/malware"), "staff:ana"));
    clock.advance(Seconds(600));
    call();
    ASSERT_TRUE(desk->report(report_of("content/malware"), "staff:ana"));
    tick();
    EXPECT_FALSE(sent("[C-1] further_report (en)").contains("enforce_due"));
}

TEST_F(ANotice, of_a_sanction_that_had_to_wait_tells_the_time_of_its_order) {
    ASSERT_TRUE(desk->report(report_of("connection/ddos"), "staff:ana"));
    tick();
    // A second case of the same VM is ripe while the first one has hold of it.
    ASSERT_TRUE(desk->report(report_of("content/malware"), "staff:ana"));
    tick();
    ASSERT_TRUE(desk->act(CaseId("C-2"), core::AskReview{"now"}, "staff:ana"));
    ASSERT_TRUE(desk->act(CaseId("C-2"), core::LogCall{"Asha Rao", "+91", core::CallOutcome::no_answer, ""}, "staff:ana"));
    ASSERT_TRUE(desk->act(CaseId("C-2"), core::Decide{core::Decision::enforce, "now"}, "staff:ana"));
    tick();
    EXPECT_TRUE(sent("[C-2] switched_off (en)").empty()) << "nothing was switched off yet";
    const auto answered = [&](AnswerStatus status) {
        const auto open = storage.open_orders(HostId("h1"));
        ASSERT_FALSE(open.empty());
        OrderAnswer answer;
        answer.order_id = open.front().order.order_id;
        answer.status = status;
        answer.state = open.front().order.desired;
        desk->on_frame(HostId("h1"), Frame{MessageId("a-" + answer.order_id.text()), answer});
        tick();
    };
    answered(AnswerStatus::done);
    clock.advance(Seconds(1200));
    ASSERT_TRUE(desk->act(CaseId("C-1"), core::AskReview{"over"}, "staff:ana"));
    ASSERT_TRUE(desk->act(CaseId("C-1"), core::Decide{core::Decision::dismiss, "a test"}, "staff:ana"));
    tick();
    answered(AnswerStatus::done);
    const Json mail = sent("[C-2] switched_off (en)");
    ASSERT_FALSE(mail.empty()) << "its turn has come";
    EXPECT_EQ(mail["sanction_at_utc"], format_rfc3339(clock.now()));
}

}  // namespace
}  // namespace bailiff::test
