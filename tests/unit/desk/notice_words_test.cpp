// SPDX-License-Identifier: Apache-2.0
// Every notice to a customer, written from a real case with the shipped templates: what was found, with evidence in which nobody
// else's matters stand; what to do; what happens when, in the customer's zone; how to answer. In every language.
#include "controller/mail/notice_text.hpp"
#include "tests/unit/desk/desk_world.hpp"

namespace bailiff::test {
namespace {

NoticeTexts shipped_notices() {
    std::vector<Mistake> mistakes;
    auto texts = NoticeTexts::load(std::string(BAILIFF_SOURCE_DIR) + "/policies/notices", mistakes);
    if (!texts) throw std::runtime_error(texts.error().text);
    return std::move(*texts);
}

struct Words : DeskWorld, testing::WithParamInterface<std::string> {
    NoticeTexts texts = shipped_notices();
    std::unique_ptr<Desk> desk;
    const std::string evidence = "GET /invoice.zip from 203.0.113.77, mailed to jane@victim.example, password=hunter2, told by cert@reporter.example";

    Words() {
        storage.put_customer({CustomerId("7"), "Lotus Textiles", {"Asha Rao", "asha@lotus.example", "+91 80 5550 0117", GetParam(), "Asia/Dubai"}, 0});
        options.answer_to = "desk@provider.example";
        options.page_url = "https://abuse.provider.example";
        options.mails_per_hour = 0;
        desk = std::make_unique<Desk>(Desk::Ports{storage, clock, random, signer, mailer, texts, hosts, watchers}, shipped_policies(), options);
    }
    void tick() {
        (void)storage.transaction([&]() -> Result<void> { return desk->tick(), Result<void>(); });
        desk->flush();
    }
    void report(const std::string& type) {
        ReportInput input = report_of(type);
        input.reporter = "cert@reporter.example";
        input.summary = evidence;
        ASSERT_TRUE(desk->report(input, "staff:ana"));
        tick();
    }
    void act(const char* id, const core::Input& input, const char* actor = "staff:meera") {
        const auto done = desk->act(CaseId(id), input, actor);
        ASSERT_TRUE(done) << done.error().text;
        tick();
    }
    void host_obeys() {
        for (int i = 0; i < 3; ++i)
            for (const auto& order : storage.open_orders(HostId("h1"))) {
                desk->on_frame(HostId("h1"), Frame{MessageId("m" + order.order.order_id.text()), OrderAnswer{order.order.order_id, AnswerStatus::done, Refusal::none, "", order.order.desired,
                                                                                        order.order.desired == VmState::off ? Power::off : Power::running, clock.now(), {}, {}, {}}});
                tick();
            }
    }
    OutgoingMail last() {
        for (size_t i = mailer.sent.size(); i-- > 0;)
            if (mailer.sent[i].to == "asha@lotus.example") return mailer.sent[i];
        return {};
    }
    /// What no notice to a customer may say, and what each says.
    void check(const OutgoingMail& mail, const char* id, bool finding) {
        SCOPED_TRACE(GetParam() + ": " + mail.subject + "\n" + mail.text);
        ASSERT_FALSE(mail.text.empty());
        EXPECT_NE(mail.subject.find(std::string("[") + id + "]"), std::string::npos);
        for (const std::string& text : {mail.text, mail.html}) {
            for (const char* secret : {"203.0.113.77", "jane@", "hunter2", "cert@reporter.example"}) EXPECT_EQ(text.find(secret), std::string::npos) << secret;
            EXPECT_NE(text.find("desk@provider.example"), std::string::npos) << "how to answer";
            EXPECT_NE(text.find(id), std::string::npos);
            EXPECT_NE(text.find(desk->policies().find(storage.find_case(CaseId(id))->policy, 1)->nature), std::string::npos) << "what was found";
            if (finding) {
                EXPECT_NE(text.find("203.0.113.x"), std::string::npos) << "the evidence";
                EXPECT_NE(text.find("***@victim.example"), std::string::npos);
            }
        }
    }
    void times(const std::string& text, std::initializer_list<const char*> in_dubai) {
        for (const char* time : in_dubai) EXPECT_NE(text.find(time), std::string::npos) << time << " in\n" << text;
        EXPECT_NE(text.find("Asia/Dubai"), std::string::npos) << text;
    }
};

TEST_P(Words, of_a_ticket) {
    report("content/malware");
    check(last(), "C-1", true);
    times(last().text, {"2026-03-02 08:30 +04 (2026-03-02T04:30:00Z)"});
    EXPECT_NE(last().text.find("https://abuse.provider.example/s/"), std::string::npos);
    EXPECT_NE(last().html.find("<a class=\"page\" href=\"https://abuse.provider.example/s/"), std::string::npos);
    EXPECT_EQ(last().reply_to, "desk@provider.example");
}

TEST_P(Words, of_further_reports) {
    report("content/malware");
    report("content/malware");
    report("content/malware");
    check(last(), "C-1", true);
    times(last().text, {"2026-03-02 08:30 +04"});
    clock.advance(Seconds(3600));
    tick();
    check(last(), "C-1", true);
    EXPECT_NE(last().text.find("R-3"), std::string::npos) << last().text;
}

TEST_P(Words, of_an_incomplete_answer) {
    report("content/malware");
    act("C-1", core::RecordReply{{core::Channel::page, core::ReplyKind::fixed, "removed it", "", "", ""}}, "customer");
    check(last(), "C-1", false);
    times(last().text, {"2026-03-02 11:30 +04"});
}

TEST_P(Words, of_a_machine_that_was_switched_off_and_came_back) {
    report("content/malware");
    act("C-1", core::LogCall{"Asha Rao", "+91", core::CallOutcome::no_answer, ""});
    clock.advance(Seconds(3600));
    tick();
    act("C-1", core::LogCall{"Asha Rao", "+91", core::CallOutcome::no_answer, ""});
    clock.advance(Seconds(3 * 3600));
    tick();
    check(last(), "C-1", true);
    times(last().text, {"2026-03-02 11:30 +04"});
    host_obeys();
    act("C-1", core::AskReview{"a doubt"});
    act("C-1", core::Decide{core::Decision::dismiss, "the sensor was wrong"});
    host_obeys();
    ASSERT_EQ(storage.find_case(CaseId("C-1"))->phase, core::Phase::closed);
    check(last(), "C-1", false);
    times(last().text, {"2026-03-02 11:30 +04"});
}

TEST_P(Words, of_a_network_that_was_cut) {
    report("connection/ddos");
    check(last(), "C-1", true);
    times(last().text, {"2026-03-02 07:30 +04"});
}

TEST_P(Words, of_a_case_that_was_closed) {
    report("content/malware");
    act("C-1", core::Close{"tested"});
    check(last(), "C-1", false);
    times(last().text, {"2026-03-02 07:30 +04"});
}

TEST_P(Words, of_a_preview_are_those_that_would_be_sent) {
    report("content/malware");
    const auto preview = desk->preview_notice(CaseId("C-1"), core::Notice::ticket, "");
    ASSERT_TRUE(preview) << preview.error().text;
    EXPECT_EQ(preview->subject, last().subject);
    // Nothing but the address differs.
    const auto without_address = [](std::string text) { return text.replace(text.find("/s/"), text.find('\n', text.find("/s/")) - text.find("/s/"), ""); };
    EXPECT_EQ(without_address(preview->text), without_address(last().text));
    EXPECT_NE(preview->text.find("https://abuse.provider.example/s/preview\n"), std::string::npos);
    EXPECT_FALSE(storage.case_of_token(TokenUse::page, sha256_hex("preview")));
    const size_t sent = mailer.sent.size();
    tick();
    EXPECT_EQ(mailer.sent.size(), sent);
    for (const auto& [notice, word] : Names<core::Notice>::table) EXPECT_TRUE(desk->preview_notice(CaseId("C-1"), notice, GetParam())) << word;
    EXPECT_FALSE(desk->preview_notice(CaseId("C-99"), core::Notice::ticket, ""));
}

INSTANTIATE_TEST_SUITE_P(In, Words, testing::Values("en", "hi"), [](const auto& language) { return language.param; });

}  // namespace
}  // namespace bailiff::test
