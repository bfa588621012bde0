// SPDX-License-Identifier: Apache-2.0
// Answers by mail: which case, whose words, and whether they are his.
#include "controller/intake/mail_reply.hpp"

#include <gtest/gtest.h>

namespace bailiff::test {
namespace {

constexpr const char* authserv = "mx.provider.example";

std::optional<MailReply> reply(const std::string& headers, const std::string& body, const std::string& subject = "Re: [C-12] Virus content: please act on web1") {
    const std::string mail = "From: Asha Rao <Asha@Lotus.example>\r\nTo: abuse@provider.example\r\nSubject: " + subject + "\r\n" + headers +
                             "Content-Type: text/plain; charset=utf-8\r\n\r\n" + body;
    return read_reply(read_mail(mail, {}), authserv);
}
SenderProof proof(const std::string& results) {
    const auto out = reply("Authentication-Results: " + results + "\r\n", "fixed\r\n");
    return out ? out->proof : SenderProof::none;
}

TEST(MailReply, names_its_case_by_what_it_answers_and_else_by_its_subject) {
    const auto by_reference = reply("In-Reply-To: <C-7.ticket.0123456789ab@provider.example>\r\n", "ok\r\n");
    ASSERT_TRUE(by_reference);
    EXPECT_EQ(by_reference->case_id, "C-7");
    EXPECT_TRUE(by_reference->by_reference);
    const auto newest = reply("References: <C-1.ticket.aa@p.example> <x@y.example> <C-2.further_report-2.bb@p.example>\r\n", "ok\r\n");
    EXPECT_EQ(newest->case_id, "C-2");
    const auto by_subject = reply("", "ok\r\n");
    EXPECT_EQ(by_subject->case_id, "C-12");
    EXPECT_FALSE(by_subject->by_reference);
    for (const char* subject : {"Hello", "C-12", "[C-]", "[C-12", "[X-12]", "[C-12x]", "[C-123456789012345678901]"}) EXPECT_FALSE(reply("", "ok\r\n", subject)) << subject;
    EXPECT_FALSE(reply("In-Reply-To: <C-7@elsewhere.example>\r\n", "ok\r\n", "Hello"));
    EXPECT_EQ(by_subject->from, "asha@lotus.example");
}

TEST(MailReply, is_its_own_words) {
    const auto text = [](const std::string& body) { return reply("", body)->text; };
    EXPECT_EQ(text("We removed it.\r\nIt came by FTP.\r\n\r\n-- \r\nAsha Rao\r\n+91 80 5550\r\n"), "We removed it.\nIt came by FTP.");
    EXPECT_EQ(text("Done.\r\n\r\nOn Mon, 2 Mar 2026 at 09:00, Abuse desk <abuse@provider.example> wrote:\r\n> please act\r\n"), "Done.");
    EXPECT_EQ(text("Done.\r\n\r\nOn Mon, 2 Mar 2026 at 09:00, Abuse desk\r\n<abuse@provider.example> wrote:\r\n> please act\r\n"), "Done.");
    EXPECT_EQ(text("Erledigt.\r\n\r\nAm 02.03.26 um 09:00 schrieb Abuse desk:\r\n"), "Erledigt.");
    EXPECT_EQ(text("Erledigt.\r\n\r\nAm 02.03.26 um 09:00 Abuse desk schrieb:\r\n> alt\r\n"), "Erledigt.");
    EXPECT_EQ(text("ठीक किया।\r\n\r\nसोम, 2 मार्च 2026 को abuse@provider.example ने लिखा:\r\n> पुराना\r\n"), "ठीक किया।");
    EXPECT_EQ(text("Done.\r\n-----Original Message-----\r\nFrom: abuse\r\n"), "Done.");
    EXPECT_EQ(text("Done.\r\nFrom: Abuse desk\r\nSent: Monday\r\n"), "Done.");
    EXPECT_EQ(text("> you asked what\r\nthe steps\r\n> and why\r\nthe cause\r\n"), "the steps\nthe cause") << "answers between the lines";
    EXPECT_EQ(text("They wrote: nothing\r\nso I did\r\n"), "They wrote: nothing\nso I did") << "no quotation";
    EXPECT_LE(text(std::string(100'000, 'a')).size(), size_t{16 << 10});
    EXPECT_EQ(text("> only quoted\r\n"), "");
}

TEST(MailReply, the_sender_is_proven_by_our_own_mail_server_and_by_nobody_else) {
    EXPECT_EQ(proof("mx.provider.example; dkim=pass header.d=lotus.example header.s=k"), SenderProof::aligned);
    EXPECT_EQ(proof("mx.provider.example 1; spf=pass smtp.mailfrom=x; dkim=pass header.i=@mail.lotus.example"), SenderProof::aligned) << "relaxed alignment";
    EXPECT_EQ(proof("mx.provider.example; dmarc=pass (p=reject) header.from=lotus.example"), SenderProof::aligned);
    EXPECT_EQ(proof("MX.Provider.Example; dkim=fail; dkim=pass header.d=\"lotus.example\""), SenderProof::aligned);
    for (const char* results : {"mx.elsewhere.example; dkim=pass header.d=lotus.example", "mx.provider.example; dkim=pass header.d=evil.example",
                                "mx.provider.example; dkim=fail header.d=lotus.example", "mx.provider.example; none", "mx.provider.example",
                                "mx.provider.example; spf=pass smtp.mailfrom=lotus.example", "mx.provider.example; dkim=pass header.d=notlotus.example",
                                "mx.provider.example; dkim=pass header.d=example", "mx.provider.example; dmarc=pass header.from=evil.example",
                                "mx.provider.example; xdkim=pass header.d=lotus.example", ""})
        EXPECT_EQ(proof(results), SenderProof::none) << results;
    // The first of our name is our server's; what follows came with the mail.
    EXPECT_EQ(proof("mx.provider.example; dkim=fail\r\nAuthentication-Results: mx.provider.example; dkim=pass header.d=lotus.example"), SenderProof::none);
    const auto unnamed = read_reply(read_mail("From: a@lotus.example\r\nSubject: [C-1]\r\nAuthentication-Results: ; dkim=pass header.d=lotus.example\r\n\r\nx\r\n", {}), "");
    EXPECT_EQ(unnamed->proof, SenderProof::none) << "without a name no field counts";
}

TEST(MailReply, what_no_person_wrote_is_known) {
    for (const char* header : {"Auto-Submitted: auto-replied\r\n", "Precedence: auto_reply\r\n", "X-Autoreply: yes\r\n", "Return-Path: <>\r\n"})
        EXPECT_TRUE(reply(header, "I am away.\r\n")->automatic) << header;
    for (const char* header : {"Auto-Submitted: no\r\n", "Precedence: bulk\r\n", "List-Id: <abuse.lotus.example>\r\n"})
        EXPECT_FALSE(reply(header, "Done.\r\n")->automatic) << "a customer's address may be a list: " << header;
    EXPECT_TRUE(read_reply(read_mail("From: MAILER-DAEMON@mx.example\r\nSubject: Undelivered [C-1]\r\n\r\nx\r\n", {}), authserv)->automatic);
}

TEST(MailReply, attachments_are_named_and_attached_mails_are_not_its_words) {
    const std::string mail = "From: a@lotus.example\r\nSubject: [C-3] fixed\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
                             "--b\r\nContent-Type: text/plain\r\n\r\nSee the log.\r\n--b\r\nContent-Type: text/plain; name=scan.log\r\n"
                             "Content-Disposition: attachment; filename=scan.log\r\n\r\nnothing found\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
                             "Subject: old\r\n\r\nold words\r\n--b--\r\n";
    const auto out = read_reply(read_mail(mail, {}), authserv);
    ASSERT_TRUE(out);
    EXPECT_EQ(out->text, "See the log.");
    EXPECT_EQ(out->attachments, std::vector<std::string>{"scan.log"});
}

TEST(MailReply, names_its_case_by_the_address_that_it_went_to) {
    const std::string token = "0123456789abcdef0123456789ABCDEF", small = "0123456789abcdef0123456789abcdef";
    const auto to = [&](const std::string& headers, const std::string& subject = "Hello") { return reply(headers, "ok\r\n", subject); };
    for (const std::string field : {"Delivered-To", "X-Original-To", "Envelope-To", "Cc"}) {
        const auto found = to(field + ": Abuse desk <desk+" + token + "@provider.example>\r\n");
        ASSERT_TRUE(found) << field;
        EXPECT_EQ(found->token, small) << field;
        EXPECT_EQ(found->case_id, "");
        EXPECT_EQ(found->text, "ok");
    }
    const auto both = to("Delivered-To: desk+" + token + "@provider.example\r\n", "Re: [C-12] x");
    EXPECT_EQ(both->case_id, "C-12");
    EXPECT_EQ(both->token, small);
    for (const std::string& address : {"desk+" + small.substr(1) + "@p.example", "desk+" + small + "0@p.example", "desk-" + small + "@p.example", "desk+" + small, std::string("desk+x@p.example")})
        EXPECT_FALSE(to("Delivered-To: " + address + "\r\n")) << address;
    EXPECT_FALSE(reply("", "desk+" + small + "@provider.example\r\n", "Hello")) << "what it quotes is no address that it went to";
}

}  // namespace
}  // namespace bailiff::test
