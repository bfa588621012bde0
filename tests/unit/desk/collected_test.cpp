// SPDX-License-Identifier: Apache-2.0
// Further reports of one contact are one mail per window; nobody gets more mails an hour than he can read, and nothing is lost.
#include "tests/unit/desk/desk_world.hpp"

#include <set>

namespace bailiff::test {
namespace {

struct Collected : DeskWorld {
    const VmId db1{"22222222-2222-4222-8222-222222222222"};
    std::unique_ptr<Desk> desk;

    Collected() {
        storage.put_vm({db1, "db1", HostId("h1"), CustomerId("7"), {"192.0.2.11"}, Power::running, VmState::running, false, false, clock.now()});
        start();
    }
    void start() { desk = std::make_unique<Desk>(ports(), shipped_policies(), options); }
    void tick() {
        (void)storage.transaction([&]() -> Result<void> { return desk->tick(), Result<void>(); });
        desk->flush();
        desk->flush();
    }
    void minutes(int n) { clock.advance(Seconds(60 * n)), tick(); }
    void report(const std::string& vm = "web1", const std::string& summary = "seen by a test") {
        ReportInput input = report_of("content/malware");
        input.vm_name = vm;
        input.summary = summary;
        EXPECT_TRUE(desk->report(input, "staff:ana"));
    }
    /// "ticket C-1; further_report C-1" of what went to the customer.
    std::string subjects() {
        std::string out;
        for (const auto& mail : mailer.sent)
            if (mail.to == "asha@lotus.example") out += (out.empty() ? "" : "; ") + mail.subject.substr(0, mail.subject.find(" ("));
        return out;
    }
    /// The newest mail to the customer.
    OutgoingMail last() {
        OutgoingMail out;
        for (const auto& mail : mailer.sent)
            if (mail.to == "asha@lotus.example") out = mail;
        return out;
    }
    std::vector<std::string> told(const OutgoingMail& mail) {
        std::vector<std::string> out;
        const Json context = Json::parse(mail.text);
        for (const auto& one : context.at("new_reports")) out.push_back(one.at("case_id").get<std::string>() + "/" + one.at("report_id").get<std::string>());
        return out;
    }
    std::string owed(const char* id = "C-1") {
        std::string out;
        const auto c = storage.find_case(CaseId(id));
        for (const auto& due : c->notices)
            if (due.audience == core::Audience::customer) out += due.key + " ";
        return out;
    }
};

TEST_F(Collected, the_first_further_report_goes_at_once_and_those_after_it_as_one_mail) {
    report(), tick();
    for (int i = 0; i < 5; ++i) report(), minutes(1);
    EXPECT_EQ(subjects(), "[C-1] ticket; [C-1] further_report");
    EXPECT_EQ(told(mailer.sent[1]), (std::vector<std::string>{"C-1/R-2"}));
    EXPECT_EQ(owed(), "further_report/3 further_report/4 further_report/5 further_report/6 ");
    minutes(54);
    EXPECT_EQ(subjects(), "[C-1] ticket; [C-1] further_report") << "59 minutes after it";
    minutes(2);
    EXPECT_EQ(subjects(), "[C-1] ticket; [C-1] further_report; [C-1] further_report");
    EXPECT_EQ(told(last()), (std::vector<std::string>{"C-1/R-3", "C-1/R-4", "C-1/R-5", "C-1/R-6"}));
    EXPECT_EQ(owed(), "") << "each of them counts as told";
    const auto mails = storage.mails_of(CaseId("C-1"));
    std::set<std::string> ids;
    for (const auto& mail : mails)
        if (mail.due.notice == core::Notice::further_report) {
            ids.insert(mail.message_id);
            EXPECT_EQ(mail.state, MailState::sent) << mail.due.key;
        }
    EXPECT_EQ(ids.size(), 2u) << "two mails, two Message-IDs";
    for (int i = 0; i < 300; ++i) minutes(1);
    EXPECT_EQ(subjects(), "[C-1] ticket; [C-1] further_report; [C-1] further_report") << "none twice";
}

TEST_F(Collected, what_the_ticket_lists_already_is_told_with_it) {
    report(), report(), report();
    tick();
    EXPECT_EQ(subjects(), "[C-1] ticket");
    EXPECT_EQ(Json::parse(mailer.sent[0].text).at("reports").size(), 3u);
    EXPECT_EQ(owed(), "");
}

TEST_F(Collected, one_mail_lists_the_reports_of_all_cases_of_the_contact) {
    report("web1"), report("db1"), tick();
    report("web1"), tick();
    report("db1"), report("web1"), report("db1"), tick();
    EXPECT_EQ(subjects(), "[C-1] ticket; [C-2] ticket; [C-1] further_report");
    minutes(60);
    EXPECT_EQ(subjects(), "[C-1] ticket; [C-2] ticket; [C-1] further_report; [C-2] further_report");
    EXPECT_EQ(told(last()).size(), 3u);
    const Json context = Json::parse(last().text);
    ASSERT_EQ(context.at("other_cases").size(), 1u);
    EXPECT_EQ(context.at("other_cases")[0].at("case_id"), "C-1");
    EXPECT_TRUE(context.at("elsewhere").get<bool>());
    EXPECT_EQ(owed("C-1") + owed("C-2"), "");
}

TEST_F(Collected, an_answer_to_such_a_mail_stops_what_would_harm_in_every_case_that_it_told_of) {
    report("web1"), report("db1"), tick();
    report("web1"), report("db1"), tick();
    EXPECT_EQ(subjects(), "[C-1] ticket; [C-2] ticket; [C-1] further_report") << "one mail for both";
    ASSERT_TRUE(desk->reply_by_mail({"C-1", "asha@lotus.example", true, false, true, "Both are fixed.", {}}));
    EXPECT_EQ(storage.find_case(CaseId("C-1"))->phase, core::Phase::answered);
    EXPECT_EQ(storage.find_case(CaseId("C-2"))->phase, core::Phase::answered);
    EXPECT_NE(storage.find_case(CaseId("C-2"))->replies.at(0).text.find("an answer to a mail about C-1"), std::string::npos);
}

TEST_F(Collected, a_machine_that_answers_such_a_mail_stops_nothing_in_any_case) {
    report("web1"), report("db1"), tick();
    report("web1"), report("db1"), tick();
    ASSERT_TRUE(desk->reply_by_mail({"C-1", "asha@lotus.example", true, true, true, "I am away.", {}}));
    EXPECT_EQ(storage.find_case(CaseId("C-1"))->phase, core::Phase::open);
    EXPECT_EQ(storage.find_case(CaseId("C-2"))->phase, core::Phase::open);
}

TEST_F(Collected, a_restart_forgets_neither_the_window_nor_what_waits) {
    report(), tick();
    report(), tick();
    report(), report(), tick();
    start();
    minutes(30);
    EXPECT_EQ(subjects(), "[C-1] ticket; [C-1] further_report");
    start();
    minutes(31);
    EXPECT_EQ(subjects(), "[C-1] ticket; [C-1] further_report; [C-1] further_report");
    EXPECT_EQ(told(last()).size(), 2u);
}

TEST_F(Collected, a_mail_server_that_was_away_gets_one_mail_and_a_refusal_is_told_of_each) {
    report(), tick();
    mailer.answer = {MailFate::retry_later, 0, "no connection"};
    report(), report(), report(), tick();
    minutes(10);
    mailer.answer = {MailFate::accepted, 250, "ok"};
    minutes(10);
    EXPECT_EQ(subjects(), "[C-1] ticket; [C-1] further_report");
    EXPECT_EQ(told(last()).size(), 3u);
    minutes(60);
    mailer.answer = {MailFate::refused, 550, "no such user"};
    report(), report(), tick();
    for (const auto& mail : storage.mails_of(CaseId("C-1")))
        if (mail.due.key == "further_report/5" || mail.due.key == "further_report/6") {
            EXPECT_EQ(mail.state, MailState::failed) << mail.due.key;
        }
    EXPECT_TRUE(storage.waiting_for("asha@lotus.example", 10).empty());
}

TEST_F(Collected, a_mail_that_may_have_arrived_goes_again_under_its_message_id_and_with_nothing_new) {
    report("web1"), report("db1"), tick();
    mailer.answer = {MailFate::unknown, 0, "connection lost after the last byte"};
    report("db1"), tick();
    const auto first = storage.mails_of(CaseId("C-2")).back();
    ASSERT_EQ(first.attempts, 1);
    mailer.answer = {MailFate::accepted, 250, "ok"};
    report("web1"), report("db1"), minutes(30);
    minutes(120);
    bool again = false;
    for (const auto& mail : mailer.sent)
        if (mail.message_id == first.message_id) {
            again = true;
            EXPECT_EQ(told(mail), (std::vector<std::string>{"C-2/R-3"}));
        }
    EXPECT_TRUE(again);
    EXPECT_EQ(owed("C-1") + owed("C-2"), "") << "what came meanwhile follows";
}

TEST_F(Collected, with_no_window_each_tells_at_once) {
    options.further_window = Seconds(0);
    start();
    report(), tick();
    for (int i = 0; i < 3; ++i) report(), tick();
    EXPECT_EQ(subjects(), "[C-1] ticket; [C-1] further_report; [C-1] further_report; [C-1] further_report");
}

TEST_F(Collected, the_deadlines_do_not_wait) {
    report(), tick();
    for (int i = 0; i < 5; ++i) report(), minutes(1);
    minutes(55);
    EXPECT_NE(mailer.sent.back().subject.find("call_reminder"), std::string::npos) << "staff is told at 10:00: " << mailer.sent.back().subject;
}

TEST_F(Collected, more_mails_an_hour_than_the_bound_wait_and_tickets_never_do) {
    options.mails_per_hour = 3;
    options.further_window = Seconds(60);
    start();
    report(), tick();
    for (int i = 0; i < 6; ++i) report(), minutes(2);
    EXPECT_EQ(subjects(), "[C-1] ticket; [C-1] further_report; [C-1] further_report") << "the ticket counts";
    bool said = false;
    for (const auto& mail : storage.mails_of(CaseId("C-1"))) said = said || mail.last_reply.find("3 mails went to this contact within an hour") != std::string::npos;
    EXPECT_TRUE(said) << "staff reads why";
    report("db1"), tick();
    EXPECT_EQ(mailer.sent.back().subject, "[C-2] ticket (en)");
    for (int i = 0; i < 90; ++i) minutes(1);
    EXPECT_EQ(owed("C-1") + owed("C-2"), "") << "and in the end all are told";
}

TEST_F(Collected, what_waits_when_the_case_closes_is_told_by_the_last_word_alone) {
    report(), tick();
    report(), tick();
    report(), tick();
    ASSERT_TRUE(desk->act(CaseId("C-1"), core::Close{"tested"}, "staff:ana"));
    tick();
    minutes(120);
    EXPECT_EQ(subjects(), "[C-1] ticket; [C-1] further_report; [C-1] closed");
    report("db1"), tick();
    report("db1"), tick();
    EXPECT_EQ(told(last()), (std::vector<std::string>{"C-2/R-5"})) << "what was withdrawn is not taken along";
}

}  // namespace
}  // namespace bailiff::test
