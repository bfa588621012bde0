// SPDX-License-Identifier: Apache-2.0
// Cases that belong together, through the real desk: both histories or none, and the customer's words find their case.
#include "tests/unit/desk/desk_world.hpp"

namespace bailiff::test {
namespace {

struct Two : DeskWorld {
    std::unique_ptr<Desk> desk;
    const CaseId first{"C-1"}, second{"C-2"};

    Two() {
        start();
        EXPECT_TRUE(desk->report(report_of("content/malware"), "staff:ana"));
        EXPECT_TRUE(desk->report(report_of("messaging/spam"), "staff:ana"));
        tick();
    }
    void start() { desk = std::make_unique<Desk>(ports(), shipped_policies(), options); }
    void tick() {
        (void)storage.transaction([&]() -> Result<void> { return desk->tick(), Result<void>(); });
        desk->flush();
    }
    core::Case at(const CaseId& id) { return *storage.find_case(id); }
    bool fold_is_row(const CaseId& id) {
        core::Case folded;
        for (const auto& item : storage.history(id, 0, 1000)) folded = core::evolve(std::move(folded), item);
        return folded == at(id);
    }
    std::vector<std::string> mails_to(const std::string& to) {
        std::vector<std::string> out;
        for (const auto& mail : mailer.sent)
            if (mail.to == to) out.push_back(mail.subject);
        return out;
    }
};

TEST_F(Two, become_one_with_the_reports_of_both) {
    const size_t mails = mailer.sent.size();
    ASSERT_TRUE(desk->merge(first, second, false, "one matter", "staff:ana"));
    tick();
    EXPECT_EQ(at(second).outcome, core::Outcome::merged);
    EXPECT_EQ(at(first).reports.size(), 2u);
    EXPECT_EQ(storage.find_report(ReportId("R-2"))->case_id, first);
    EXPECT_EQ(mailer.sent.size(), mails) << "nobody is told";
    EXPECT_TRUE(fold_is_row(first) && fold_is_row(second));
    // What comes later of the second kind belongs to it as well.
    EXPECT_EQ(desk->report(report_of("messaging/spam"), "staff:ana")->case_id, first);
    ASSERT_TRUE(desk->undo(first, second, "two matters", "staff:apu"));
    EXPECT_EQ(storage.find_report(ReportId("R-2"))->case_id, second);
    EXPECT_EQ(at(second).phase, core::Phase::open);
    EXPECT_EQ(at(first).reports.size(), 2u) << "the third report came to it, and stays";
    EXPECT_TRUE(fold_is_row(first) && fold_is_row(second));
}

TEST_F(Two, or_nothing_happened_at_all) {
    ASSERT_TRUE(desk->act(first, core::Close{"done"}, "staff:apu"));
    desk->flush();
    const auto before = storage.chain_position();
    const size_t told = watchers.seen.size();
    const auto refused = desk->merge(first, second, false, "one matter", "staff:ana");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::conflict);
    desk->flush();
    EXPECT_EQ(storage.chain_position(), before);
    EXPECT_EQ(watchers.seen.size(), told) << "the half that was undone must not be told of";
    EXPECT_EQ(at(second).phase, core::Phase::open);
    EXPECT_EQ(desk->merge(second, CaseId("C-9"), false, "x", "staff:ana").error().code, Errc::not_found);
    EXPECT_EQ(desk->merge(second, second, false, "x", "staff:ana").error().code, Errc::invalid);
}

TEST_F(Two, an_answer_to_the_mails_of_the_other_one_arrives) {
    ASSERT_TRUE(desk->merge(first, second, false, "one matter", "staff:ana"));
    const auto fate = desk->reply_by_mail({"C-2", "asha@lotus.example", true, false, true, "We removed it.", {}});
    ASSERT_TRUE(fate);
    EXPECT_EQ(*fate, Desk::ReplyFate::answered);
    EXPECT_EQ(at(first).phase, core::Phase::answered);
    Statement statement;
    statement.case_id = second;
    statement.reply.text = "and this";
    statement.key = "k1";
    ASSERT_TRUE(desk->take_statement(statement));
    EXPECT_EQ(at(first).replies.size(), 2u);
    EXPECT_EQ(desk->undo(first, second, "no", "staff:apu").error().code, Errc::conflict);
}

TEST_F(Two, a_report_that_leaves_opens_a_case_whose_ticket_names_it) {
    auto more = report_of("content/malware");
    ASSERT_TRUE(desk->report(more, "staff:ana"));
    ASSERT_TRUE(desk->report(more, "staff:ana"));
    tick();
    const size_t mails = mailer.sent.size();
    const auto left = desk->split(first, {{ReportId("R-3"), ReportId("R-4")}, false, {}, "another one"}, "staff:apu");
    ASSERT_TRUE(left) << left.error().text;
    tick();
    EXPECT_EQ(left->case_id, CaseId("C-3"));
    EXPECT_EQ(at(CaseId("C-3")).split_from, first);
    EXPECT_TRUE(at(CaseId("C-3")).predecessor.empty());
    EXPECT_EQ(at(CaseId("C-3")).reports.size(), 2u);
    EXPECT_EQ(mailer.sent.size(), mails + 1) << "one ticket, no mail for each report";
    EXPECT_EQ(storage.find_report(ReportId("R-4"))->case_id, CaseId("C-3"));
    // Something more came to it: it is no longer just what left.
    ASSERT_TRUE(desk->act(CaseId("C-3"), core::AddReport{{ReportId("R-77"), "content/malware", "x", clock.now(), ""}}, "staff:ana"));
    EXPECT_EQ(desk->undo(first, CaseId("C-3"), "no", "staff:apu").error().code, Errc::conflict);
    EXPECT_TRUE(fold_is_row(first) && fold_is_row(CaseId("C-3")));
}

TEST_F(Two, a_report_that_leaves_for_triage_comes_back_by_its_vm) {
    ASSERT_TRUE(desk->report(report_of("content/malware"), "staff:ana"));
    ASSERT_TRUE(desk->split(first, {{ReportId("R-3")}, true, {}, "of the neighbour"}, "staff:ana"));
    const auto waiting = storage.reports(true, ReportId(), 10);
    ASSERT_EQ(waiting.size(), 1u);
    EXPECT_EQ(waiting[0].triage, "it was split off case C-1: of the neighbour");
    EXPECT_EQ(desk->resolve_report(ReportId("R-3"), web1, "staff:ana")->case_id, first);
    EXPECT_EQ(at(first).reports.size(), 2u);
    EXPECT_EQ(desk->split(first, {{ReportId("R-1"), ReportId("R-3")}, true, {}, "all"}, "staff:ana").error().code, Errc::invalid);
    EXPECT_EQ(desk->split(first, {{ReportId("R-3")}, false, VmId("99999999-9999-4999-8999-999999999999"), "x"}, "staff:ana").error().code, Errc::not_found);
}

struct Attacked : Two {
    /// The clock of the bandwidth's case stands, also for a controller that has just started.
    core::Case bandwidth(const char* id) { return at(CaseId(id)); }
    std::optional<core::Deadline> deadline(const char* id) { return storage.deadline_of(CaseId(id)); }
};

TEST_F(Attacked, what_stands_still_does_so_in_either_order_and_over_a_restart) {
    ASSERT_TRUE(desk->report(report_of("connection/high_bandwidth"), "staff:ana"));   // C-3
    tick();
    ASSERT_TRUE(deadline("C-3"));
    ASSERT_TRUE(desk->report(report_of("connection/ddos"), "staff:ana"));             // C-4
    EXPECT_EQ(bandwidth("C-3").muted_by, CaseId("C-4"));
    EXPECT_FALSE(deadline("C-3"));
    EXPECT_TRUE(deadline("C-1")) << "what is not inhibited goes on";
    start();
    clock.advance(Seconds(7 * 86400));
    tick();
    EXPECT_EQ(bandwidth("C-3").rung, 0);
    EXPECT_EQ(bandwidth("C-3").phase, core::Phase::open);
}

TEST_F(Attacked, its_ticket_waits_and_goes_out_when_it_goes_on) {
    ASSERT_TRUE(desk->report(report_of("connection/ddos"), "staff:ana"));             // C-3
    ASSERT_TRUE(desk->report(report_of("connection/high_bandwidth"), "staff:ana"));   // C-4
    tick();
    const auto tickets = [&] {
        int64_t out = 0;
        for (const auto& mail : mailer.sent) out += mail.subject == "[C-4] ticket (en)";
        return out;
    };
    for (int i = 0; i < 5; ++i) clock.advance(Seconds(700)), tick();
    EXPECT_EQ(tickets(), 0);
    EXPECT_EQ(desk->act(CaseId("C-4"), core::Close{"of the attack"}, "staff:apu")->c.muted_by, CaseId());
    tick();
    EXPECT_EQ(tickets(), 0) << "what was never sent is not sent after the end";

    ASSERT_TRUE(desk->report(report_of("connection/high_bandwidth"), "staff:ana"));   // C-5
    tick();
    ASSERT_TRUE(desk->act(CaseId("C-3"), core::AskReview{"a test of their own"}, "staff:ana"));
    ASSERT_TRUE(desk->act(CaseId("C-3"), core::Decide{core::Decision::dismiss, "agreed"}, "staff:apu"));
    EXPECT_EQ(bandwidth("C-5").muted_by, CaseId("C-3")) << "until the VM is given back";
    OrderAnswer answer;
    answer.status = AnswerStatus::done;
    answer.state = VmState::running;
    ASSERT_TRUE(desk->act(CaseId("C-3"), core::OrderAnswered{at(CaseId("C-3")).demand, answer}, "host:h1"));
    EXPECT_TRUE(bandwidth("C-5").muted_by.empty());
    ASSERT_TRUE(deadline("C-5"));
    tick();
    EXPECT_EQ(std::count_if(mailer.sent.begin(), mailer.sent.end(), [](const auto& mail) { return mail.subject == "[C-5] ticket (en)"; }), 1);
}

TEST_F(Attacked, what_one_reporter_says_alone_keeps_nothing_still) {
    auto policies = shipped_policies();
    for (auto& [id, policy] : policies.in_force) policy.sources = 2;
    desk = std::make_unique<Desk>(ports(), std::move(policies), options);
    auto attack = report_of("connection/ddos"), again = attack;
    attack.reporter = "one@a.example", again.reporter = "two@b.example";
    ASSERT_TRUE(desk->report(report_of("connection/high_bandwidth"), "staff:ana"));   // C-3
    ASSERT_TRUE(desk->report(attack, "staff:ana"));                                   // C-4
    EXPECT_EQ(at(CaseId("C-4")).phase, core::Phase::review) << "a person looks before the network is cut";
    EXPECT_TRUE(bandwidth("C-3").muted_by.empty());
    EXPECT_TRUE(deadline("C-3"));
    ASSERT_TRUE(desk->report(again, "staff:ana"));
    EXPECT_EQ(bandwidth("C-3").muted_by, CaseId("C-4"));
    ASSERT_TRUE(desk->split(CaseId("C-4"), {{ReportId("R-5")}, true, {}, "of the neighbour"}, "staff:ana"));
    EXPECT_TRUE(bandwidth("C-3").muted_by.empty());
    ASSERT_TRUE(desk->act(CaseId("C-4"), core::Decide{core::Decision::enforce, "the flows show it"}, "staff:apu"));
    EXPECT_EQ(bandwidth("C-3").muted_by, CaseId("C-4")) << "a person has acted on it";
}

TEST_F(Two, appeals_take_another_person_than_decided) {
    ASSERT_TRUE(desk->act(first, core::Close{"done"}, "staff:apu"));
    ASSERT_TRUE(desk->act(first, core::LodgeAppeal{"no", core::Channel::mail}, "customer"));
    EXPECT_EQ(storage.deadline_of(first)->what, "appeal");
    EXPECT_EQ(desk->act(first, core::DecideAppeal{true, "I did well", "", false}, "staff:apu").error().code, Errc::forbidden);
    // What the caller says of himself counts for nothing.
    EXPECT_EQ(desk->act(first, core::DecideAppeal{true, "x", "staff:other", false}, "customer").error().code, Errc::forbidden);
    clock.advance(Seconds(2 * 86400 + 60));
    tick();
    EXPECT_EQ(at(first).appeals.back().level, 1);
    ASSERT_TRUE(desk->act(first, core::DecideAppeal{false, "looked again", "", false}, "staff:ada"));
    tick();
    EXPECT_EQ(mails_to("asha@lotus.example").back(), "[C-1] appeal_decided (en)");
    EXPECT_FALSE(storage.deadline_of(first));
    EXPECT_EQ(desk->act(first, core::LodgeAppeal{"again", core::Channel::mail}, "customer")->c.appeals.size(), 2u);
    EXPECT_EQ(desk->act(first, core::DecideAppeal{false, "x", "", false}, "staff:ada").error().code, Errc::forbidden) << "the first appeal was a decision";
}

TEST_F(Two, cases_are_looked_after_by_accounts_that_there_are) {
    EXPECT_EQ(desk->act(first, core::Assign{"ana"}, "staff:ana").error().code, Errc::not_found);
    storage.put_account({"ana", Role::analyst, "", false});
    storage.put_account({"old", Role::analyst, "", true});
    EXPECT_EQ(desk->act(first, core::Assign{"old"}, "staff:ana").error().code, Errc::not_found);
    ASSERT_TRUE(desk->act(first, core::Assign{"ana"}, "staff:ana"));
    CaseFilter filter;
    filter.assignee = "ana";
    ASSERT_EQ(storage.list_cases(filter).size(), 1u);
    ASSERT_TRUE(desk->act(first, core::Assign{""}, "staff:ana"));
    EXPECT_TRUE(storage.list_cases(filter).empty());
}

TEST_F(Two, the_next_case_names_the_one_before_while_that_is_news) {
    ASSERT_TRUE(desk->act(first, core::Close{"done"}, "staff:apu"));
    clock.advance(Seconds(6 * 86400));
    const auto again = desk->report(report_of("content/malware"), "staff:ana")->case_id;
    EXPECT_EQ(at(again).predecessor, first);
    EXPECT_EQ(at(desk->report(report_of("content/phishing"), "staff:ana")->case_id).predecessor, CaseId()) << "of another policy";
    ASSERT_TRUE(desk->act(again, core::Close{"done"}, "staff:apu"));
    clock.advance(Seconds(7 * 86400 + 1));
    EXPECT_EQ(at(desk->report(report_of("content/malware"), "staff:ana")->case_id).predecessor, CaseId());
}

}  // namespace
}  // namespace bailiff::test
