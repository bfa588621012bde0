// SPDX-License-Identifier: Apache-2.0
// What the parser understood, in the desk's words.
#include "controller/parsing/reading_of.hpp"

#include <gtest/gtest.h>

namespace bailiff::test {
namespace {

ParsedReport parsed(const std::string& category, const std::string& type) {
    ParsedReport out;
    out.format = "x-arf";
    ReportedEvent event;
    event.category = category;
    event.type = type;
    event.category_raw = "Abuse";
    event.type_raw = "Login-Attack";
    event.source.ip = "192.0.2.10";
    out.events.push_back(event);
    return out;
}

TEST(ReadingOf, known_kinds_stand_as_category_and_type_and_others_never_do) {
    EXPECT_EQ(reading_of(parsed("connection", "login_attack")).events[0].type, "connection/login_attack");
    EXPECT_EQ(reading_of(parsed("", "")).events[0].type, "Abuse Login-Attack");
    auto slashed = parsed("", "");
    slashed.events[0].category_raw = "content/malware";
    EXPECT_EQ(reading_of(slashed).events[0].type.find('/'), std::string::npos) << "a word of the reporter's is no policy's";
}

TEST(ReadingOf, says_where_and_who) {
    auto report = parsed("content", "phishing");
    report.events[0].source.host = "shop.example";
    report.events[0].source.port = uint16_t{8080};
    EXPECT_EQ(reading_of(report).events[0].place, "shop.example:8080");
    report.events[0].source.url = "http://shop.example/login";
    EXPECT_EQ(reading_of(report).events[0].place, "http://shop.example/login");
    report.reporter = {"CERT", "", "cert.example"};
    EXPECT_EQ(reading_of(report).reporter, "CERT");
    report.reporter.contact = "c@cert.example";
    EXPECT_EQ(reading_of(report).reporter, "c@cert.example");
}

TEST(ReadingOf, is_within_what_is_taken_back) {
    auto report = parsed("content", "phishing");
    report.subject = std::string(100'000, 's');
    report.triage = std::string(100'000, 't');
    report.events[0].summary = std::string(100'000, 'x');
    report.events[0].report_id = std::string(100'000, 'y');
    report.events[0].source.url = "http://" + std::string(100'000, 'z');
    report.warnings.assign(1000, std::string(10'000, 'w'));
    report.suggestions.addresses.assign(1000, "192.0.2.1");
    report.events.resize(30'000, parsed("content", "phishing").events[0]);
    const auto back = reading_from(*parse_json(dump_json(to_json(reading_of(report))), {256u << 20, 8}));
    ASSERT_TRUE(back) << back.error().text;
    EXPECT_EQ(back->events.size(), 20'000u);
}

TEST(ReadingOf, tells_what_is_no_abuse) {
    auto report = parsed("", "");
    report.events[0].abuse = false;
    EXPECT_FALSE(reading_of(report).events[0].abuse);
    EXPECT_TRUE(reading_of(report).abuse);
    report.format = "dsn";
    EXPECT_FALSE(reading_of(report).abuse);
}

TEST(ReadDelivery, says_who_sent_it_and_whether_that_is_proven) {
    const auto sender = [](const std::string& header) {
        const Reading got = read_delivery(header + "From: Cert <cert@example.net>\r\nTo: abuse@provider.example\r\nSubject: s\r\nDate: Mon, 2 Mar 2026 09:00:00 +0530\r\n"
                                                   "Message-ID: <1@example.net>\r\n\r\n192.0.2.1 sends spam\r\n",
                                          {nullptr, "mx.provider.example"});
        const auto back = reading_from(to_json(got));
        EXPECT_TRUE(back) << (back ? "" : back.error().text);
        EXPECT_EQ(back->sender, got.sender) << "it crosses between the processes whole";
        return got.sender.value_or(ReadSender{});
    };
    const auto plain = sender("");
    EXPECT_EQ(plain.from, "cert@example.net");
    EXPECT_FALSE(plain.proven);
    EXPECT_FALSE(plain.automatic);
    const std::string signed_by = "Authentication-Results: mx.provider.example; dkim=pass header.d=";
    EXPECT_TRUE(sender(signed_by + "example.net\r\n").proven);
    EXPECT_FALSE(sender(signed_by + "other.example\r\n").proven);
    EXPECT_FALSE(sender("Authentication-Results: mx.stranger.example; dkim=pass header.d=example.net\r\n").proven) << "a field of his own";
    EXPECT_EQ(sender("Reply-To: Desk <desk@example.net>\r\n").reply_to, "desk@example.net");
    EXPECT_EQ(sender("Reply-To: a@example.net, b@example.net\r\n").reply_to, "") << "one, or none";
    EXPECT_TRUE(sender("Auto-Submitted: auto-generated\r\n").automatic);
    EXPECT_TRUE(sender("Return-Path: <>\r\n").automatic);
    EXPECT_FALSE(read_delivery(R"({"xarf_version":"4.0.0"})").sender) << "no mail, no sender";
}

const std::string bounce =
    "From: MAILER-DAEMON@mx.lotus.example\r\nTo: abuse@provider.example\r\nSubject: Undelivered Mail Returned to Sender\r\nMIME-Version: 1.0\r\n"
    "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nsorry\r\n"
    "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\nFinal-Recipient: rfc822; asha@lotus.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    "Diagnostic-Code: smtp; 550 no such user\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
    "Message-ID: <C-12.ticket.0123456789ab@provider.example>\r\nSubject: [C-12] x\r\nFrom: abuse@provider.example\r\n\r\n192.0.2.10 serves malware\r\n--b--\r\n";

TEST(ReadDelivery, a_bounce_is_one_and_no_report_and_comes_back_from_json_as_it_was) {
    const Reading reading = read_delivery(bounce, {});
    ASSERT_TRUE(reading.bounce);
    EXPECT_EQ(*reading.bounce, (ReadBounce{"<C-12.ticket.0123456789ab@provider.example>", "asha@lotus.example", "5.1.1", "550 no such user", true}));
    EXPECT_TRUE(reading.automatic);
    EXPECT_TRUE(reading.events.empty()) << "what it returns is our own mail";
    const auto back = reading_from(*parse_json(dump_json(to_json(reading))));
    ASSERT_TRUE(back) << back.error().text;
    EXPECT_EQ(*back, reading);
}

TEST(ReadDelivery, whose_words_a_mail_is_that_is_no_report) {
    const std::string head = "From: Asha Rao <Asha@Lotus.example>\r\nTo: contacts@provider.example\r\nSubject: our new number\r\n";
    const Reading plain = read_delivery(head + "\r\nIt is +91 80 5550 0999.\r\n\r\n-- \r\nAsha\r\n", {});
    EXPECT_EQ(plain.from, "asha@lotus.example");
    EXPECT_FALSE(plain.proven);
    EXPECT_FALSE(plain.automatic);
    EXPECT_EQ(plain.words, "It is +91 80 5550 0999.");
    const auto back = reading_from(*parse_json(dump_json(to_json(plain))));
    ASSERT_TRUE(back) << back.error().text;
    EXPECT_EQ(*back, plain);
    ReadingContext context;
    context.authserv = "mx.provider.example";
    EXPECT_TRUE(read_delivery("Authentication-Results: mx.provider.example; dkim=pass header.d=lotus.example\r\n" + head + "\r\nhello\r\n", context).proven);
    EXPECT_TRUE(read_delivery("Auto-Submitted: auto-replied\r\n" + head + "\r\nI am away\r\n", {}).automatic);
}

}  // namespace
}  // namespace bailiff::test
