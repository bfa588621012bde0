// SPDX-License-Identifier: Apache-2.0
// Answers by mail stop what would harm, whoever they are from; only a proven one is the answer.
#include "tests/unit/desk/desk_world.hpp"

namespace bailiff::test {
namespace {

struct Mailed : DeskWorld {
    std::unique_ptr<Desk> desk;
    int mails_ = 0;
    using Fate = Desk::ReplyFate;

    Mailed() : desk(std::make_unique<Desk>(ports(), shipped_policies(), options)) {
        EXPECT_TRUE(desk->report(report_of("content/malware"), "staff:ana"));
        tick();
    }
    void tick() {
        (void)storage.transaction([&]() -> Result<void> { return desk->tick(), Result<void>(); });
        desk->flush();
    }
    std::optional<Fate> mail(const std::string& from, bool proven, bool automatic = false, const std::string& id = "C-1") {
        const auto fate = desk->reply_by_mail({id, from, proven, automatic, true, "We removed it.", {"scan.log"}});
        tick();
        return fate ? std::optional(*fate) : std::nullopt;
    }
    core::Case now() { return *storage.find_case(CaseId("C-1")); }
    std::string phase() { return std::string(name(now().phase)); }
    std::string history() {
        std::string out;
        for (const auto& item : storage.history(CaseId("C-1"), 0, 1000)) out += item.actor + ": " + core::describe(item.fact) + "\n";
        return out;
    }
    /// Lets the ladder run as far as it goes without a call.
    void a_day() {
        for (int hour = 0; hour < 24; ++hour) clock.advance(Seconds(3600)), tick();
    }
};

TEST_F(Mailed, the_contacts_own_proven_answer_stops_the_ladder) {
    EXPECT_EQ(mail("ASHA@lotus.example", true), Fate::answered);
    EXPECT_EQ(phase(), "answered");
    ASSERT_EQ(now().replies.size(), 1u);
    EXPECT_NE(now().replies[0].text.find("We removed it."), std::string::npos);
    EXPECT_NE(now().replies[0].text.find("scan.log"), std::string::npos);
}

TEST_F(Mailed, any_other_persons_mail_proves_nothing_and_stops_what_would_harm) {
    EXPECT_EQ(mail("asha@lotus.example", false), Fate::for_review);
    EXPECT_EQ(phase(), "review");
    EXPECT_TRUE(now().replies.empty());
    EXPECT_NE(history().find("We removed it."), std::string::npos) << history();
    a_day();
    EXPECT_EQ(phase(), "review") << "a person decides";
    EXPECT_EQ(mail("colleague@lotus.example", true), Fate::noted) << "once in review, another one is for whoever reviews";
}

TEST_F(Mailed, a_proven_colleague_is_not_the_contact) {
    EXPECT_EQ(mail("colleague@lotus.example", true), Fate::for_review);
    EXPECT_EQ(phase(), "review");
}

TEST_F(Mailed, nobody_has_read_what_a_machine_answers) {
    EXPECT_EQ(mail("asha@lotus.example", true, true), Fate::noted);
    EXPECT_EQ(phase(), "open");
    EXPECT_NE(history().find("automatic"), std::string::npos) << history();
}

TEST_F(Mailed, of_a_closed_case_it_is_a_note_and_of_none_nothing) {
    ASSERT_TRUE(desk->act(CaseId("C-1"), core::Close{"tested"}, "staff:ana"));
    EXPECT_EQ(mail("asha@lotus.example", true), Fate::noted);
    EXPECT_EQ(phase(), "closed");
    EXPECT_EQ(mail("asha@lotus.example", true, false, "C-99"), Fate::no_case);
}

TEST_F(Mailed, whatever_phase_the_case_is_in_the_mail_is_kept) {
    ASSERT_TRUE(desk->act(CaseId("C-1"), core::AskReview{"a doubt"}, "staff:ana"));
    ASSERT_TRUE(desk->act(CaseId("C-1"), core::Decide{core::Decision::treat, "suspicious"}, "staff:meera"));
    EXPECT_EQ(phase(), "treatment");
    for (const bool proven : {true, false}) EXPECT_TRUE(mail("asha@lotus.example", proven)) << proven;
    size_t kept = 0;
    for (size_t at = history().find("We removed it."); at != std::string::npos; at = history().find("We removed it.", at + 1)) ++kept;
    EXPECT_EQ(kept + now().replies.size(), 2u) << history();
    EXPECT_EQ(phase(), "review") << "his own answer came while the switch-off was under way";
}

/// Through the door, as a mail comes.
TEST_F(Mailed, an_answer_is_no_report_and_a_report_with_a_cases_number_is_both) {
    const auto receive = [&](bool by_reference, std::vector<ReadEvent> events) {
        DeliveryInput input;
        input.digest = std::to_string(++mails_);
        input.by_mail = true;
        input.raw = "mail";
        input.reading.format = "prose";
        input.reading.events = std::move(events);
        input.reading.reply = ReadReply{"C-1", "asha@lotus.example", true, false, by_reference, "Done.", {}};
        const auto out = desk->receive(input, "intake");
        EXPECT_TRUE(out) << out.error().text;
        return out ? std::string(name(out->delivery.state)) : "";
    };
    ReadEvent event;
    event.type = "messaging/spam";
    event.address = "192.0.2.10";
    event.summary = "a line of the evidence that we sent";
    EXPECT_EQ(receive(true, {event}), "not_abuse");
    EXPECT_EQ(phase(), "answered");
    EXPECT_EQ(storage.open_cases_of(web1).size(), 1u) << "what it quotes opens nothing";
    EXPECT_EQ(receive(false, {event}), "filed");
    EXPECT_EQ(storage.open_cases_of(web1).size(), 2u);
    EXPECT_EQ(receive(false, {}), "not_abuse");
}

/// Notices that are answered to addresses of their own.
struct Addressed : Mailed {
    Addressed() {
        options.answer_to = "desk@provider.example";
        options.reply_addresses = true;
        desk = std::make_unique<Desk>(ports(), shipped_policies(), options);
        EXPECT_TRUE(desk->report(report_of("messaging/spam"), "staff:ana"));
        tick();
    }
    std::string address() { return mailer.sent.back().reply_to; }
    std::string token() { return address().substr(5, reply_token_digits); }
    /// A mail to `to`, of which the parser found `reply`.
    std::string receive(const std::string& to, std::optional<ReadReply> reply, const std::string& sender = "asha@lotus.example") {
        DeliveryInput input;
        input.digest = std::to_string(++mails_);
        input.by_mail = true;
        input.raw = "mail";
        input.sender = sender;
        input.recipient = to;
        input.reading.format = "prose";
        input.reading.triage = "no event could be read";
        input.reading.reply = std::move(reply);
        const auto out = desk->receive(input, "intake");
        tick();
        return out ? std::string(name(out->delivery.state)) : out.error().text;
    }
    std::string phase_of(const char* id) { return std::string(name(storage.find_case(CaseId(id))->phase)); }
};

TEST_F(Addressed, each_notice_has_one_and_only_its_hash_is_kept) {
    ASSERT_EQ(address().size(), std::string("desk+@provider.example").size() + reply_token_digits) << address();
    EXPECT_TRUE(address().starts_with("desk+") && address().ends_with("@provider.example")) << address();
    EXPECT_EQ(Json::parse(mailer.sent.back().text).at("answer_to"), address());
    EXPECT_EQ(storage.case_of_token(TokenUse::reply, sha256_hex(token())), CaseId("C-2"));
    EXPECT_FALSE(storage.case_of_token(TokenUse::reply, token()));
    EXPECT_FALSE(storage.case_of_token(TokenUse::page, sha256_hex(token()))) << "an address in a header opens no page";
    clock.advance(Seconds(3 * 3600));
    tick();
    EXPECT_TRUE(mailer.sent.back().subject.find("call_reminder") != std::string::npos && address().empty()) << "staff answers as ever";
}

TEST_F(Addressed, an_answer_finds_its_case_without_subject_and_references) {
    EXPECT_EQ(receive("", ReadReply{"", "asha@lotus.example", true, false, false, "Done.", {}, token()}), "not_abuse");
    EXPECT_EQ(phase_of("C-2"), "answered");
    EXPECT_EQ(phase_of("C-1"), "open");
}

TEST_F(Addressed, it_proves_nothing_about_who_writes) {
    receive("", ReadReply{"", "asha@lotus.example", false, false, false, "Done.", {}, token()});
    EXPECT_EQ(phase_of("C-2"), "review");
    EXPECT_TRUE(storage.find_case(CaseId("C-2"))->replies.empty());
}

TEST_F(Addressed, it_says_more_than_a_subject_that_names_another_case) {
    receive("", ReadReply{"C-1", "asha@lotus.example", true, false, false, "Done.", {}, token()});
    EXPECT_EQ(phase_of("C-2"), "answered");
    EXPECT_EQ(phase_of("C-1"), "open");
}

TEST_F(Addressed, the_envelope_may_know_what_no_header_names) {
    EXPECT_EQ(receive("Desk+" + token() + "@provider.example", std::nullopt), "not_abuse");
    EXPECT_EQ(phase_of("C-2"), "review") << "nobody vouches for the sender";
    bool kept = false;
    for (const auto& item : storage.history(CaseId("C-2"), 0, 100)) kept = kept || core::describe(item.fact).find("see delivery M-") != std::string::npos;
    EXPECT_TRUE(kept);
}

TEST_F(Addressed, a_bounce_to_it_is_a_note) {
    receive("desk+" + token() + "@provider.example", std::nullopt, "<>");
    EXPECT_EQ(phase_of("C-2"), "open");
    receive("", ReadReply{"", "mailer-daemon@mx.example", false, true, false, "undeliverable", {}, token()});
    EXPECT_EQ(phase_of("C-2"), "open");
}

TEST_F(Addressed, one_of_nobody_is_any_mail) {
    const std::string none(reply_token_digits, 'a');
    EXPECT_EQ(receive("desk+" + none + "@provider.example", std::nullopt), "triage");
    EXPECT_EQ(receive("", ReadReply{"", "asha@lotus.example", true, false, false, "Done.", {}, none}), "triage");
    for (const char* odd : {"desk+@provider.example", "desk@provider.example", "+", "@", "desk+abc@provider.example"}) EXPECT_EQ(receive(odd, std::nullopt), "triage") << odd;
    EXPECT_EQ(phase_of("C-2"), "open");
}

TEST_F(Addressed, it_ends_a_month_after_its_case) {
    const std::string known = token();
    ASSERT_TRUE(desk->act(CaseId("C-2"), core::Close{"tested"}, "staff:ana"));
    EXPECT_EQ(receive("", ReadReply{"", "asha@lotus.example", true, false, false, "Thank you.", {}, known}), "not_abuse") << "a note in the closed case";
    clock.advance(Seconds(31 * 86400));
    EXPECT_EQ(receive("", ReadReply{"", "asha@lotus.example", true, false, false, "Again.", {}, known}), "triage");
}

TEST_F(Addressed, no_mail_that_comes_to_it_makes_us_write_to_its_sender) {
    const size_t before = mailer.sent.size();
    for (const bool automatic : {true, false})
        for (const bool proven : {true, false})
            for (int i = 0; i < 3; ++i) receive("", ReadReply{"", "asha@lotus.example", proven, automatic, false, "Round and round.", {}, token()});
    for (size_t i = before; i < mailer.sent.size(); ++i) EXPECT_EQ(mailer.sent[i].to, options.staff_address) << mailer.sent[i].subject;
}

}  // namespace
}  // namespace bailiff::test
