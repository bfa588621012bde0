// SPDX-License-Identifier: Apache-2.0
// Bounces of our mails: recognised by the mail that they return, and by nothing that their author can choose.
#include "controller/intake/bounce.hpp"

#include <gtest/gtest.h>

namespace bailiff::test {
namespace {

const std::string ours = "<C-12.ticket.0123456789ab@provider.example>";

struct Dsn {
    std::string recipient = "Final-Recipient: rfc822; asha@lotus.example\r\nAction: failed\r\nStatus: 5.1.1\r\n"
                            "Diagnostic-Code: smtp; 550 5.1.1 <asha@lotus.example>: Recipient address rejected\r\n";
    std::string returned_type = "message/rfc822", returned = "Message-ID: " + ours + "\r\nSubject: [C-12] Virus content\r\nTo: asha@lotus.example\r\n\r\nDear Asha\r\n";
    std::string top = "multipart/report; report-type=delivery-status; boundary=\"b\"", extra;
    std::string status_type = "message/delivery-status";
    std::string text() const {
        return "From: MAILER-DAEMON@mx.lotus.example\r\nTo: abuse@provider.example\r\nSubject: Undelivered Mail Returned to Sender\r\nMIME-Version: 1.0\r\n" + extra +
               "Content-Type: " + top + "\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nI am sorry to have to inform you\r\n--b\r\nContent-Type: " + status_type +
               "\r\n\r\nReporting-MTA: dns; mx.lotus.example\r\nArrival-Date: Mon, 2 Mar 2026 09:00:00 +0530\r\n\r\n" + recipient + "\r\n--b\r\nContent-Type: " + returned_type +
               "\r\n\r\n" + returned + "\r\n--b--\r\n";
    }
};
std::optional<MailBounce> read(const Dsn& dsn) { return read_bounce(read_mail(dsn.text(), {})); }

TEST(Bounce, says_which_mail_whom_and_why) {
    const auto bounce = read({});
    ASSERT_TRUE(bounce);
    EXPECT_EQ(*bounce, (MailBounce{ours, "asha@lotus.example", "5.1.1", "550 5.1.1 <asha@lotus.example>: Recipient address rejected", true}));
}

TEST(Bounce, with_the_headers_alone_is_one_too) {
    Dsn dsn;
    dsn.returned_type = "text/rfc822-headers";
    dsn.returned = "Received: by mx\r\nMessage-Id:\r\n " + ours + "\r\nSubject: x\r\n";
    const auto bounce = read(dsn);
    ASSERT_TRUE(bounce);
    EXPECT_EQ(bounce->message_id, ours);
}

TEST(Bounce, that_is_late_is_not_for_good) {
    Dsn dsn;
    dsn.recipient = "Original-Recipient: rfc822;asha@lotus.example\r\nFinal-Recipient: rfc822;asha@mx2.lotus.example\r\nAction: delayed\r\nStatus: 4.4.1 (no answer from host)\r\n";
    const auto late = read(dsn);
    ASSERT_TRUE(late);
    EXPECT_FALSE(late->final);
    EXPECT_EQ(late->status, "4.4.1");
    EXPECT_EQ(late->recipient, "asha@lotus.example");
    dsn.recipient = "Final-Recipient: rfc822; asha@lotus.example\r\nAction: failed\r\nStatus: 4.4.7\r\n";
    EXPECT_TRUE(read(dsn)->final) << "the server has given up";
}

TEST(Bounce, of_several_recipients_the_one_that_failed_counts) {
    Dsn dsn;
    const std::string late = "Final-Recipient: rfc822; a@lotus.example\r\nAction: delayed\r\nStatus: 4.2.2\r\n";
    dsn.recipient = late + "\r\n" + dsn.recipient;
    EXPECT_EQ(read(dsn)->status, "5.1.1");
    dsn.recipient = "Final-Recipient: rfc822; a@lotus.example\r\nAction: delivered\r\nStatus: 2.0.0\r\n";
    EXPECT_FALSE(read(dsn)) << "nothing failed";
    dsn.recipient = "Final-Recipient: rfc822; a@lotus.example\r\nAction: relayed\r\n";
    EXPECT_FALSE(read(dsn));
}

TEST(Bounce, statuses_that_are_none_are_not_believed) {
    for (const char* status : {"5", "5.1", "9.1.1", "5.x.1", "abc", "5.1.1.1", "5..1", "55.1.1", "5.1.123456789012"}) {
        Dsn dsn;
        dsn.recipient = "Final-Recipient: rfc822; a@lotus.example\r\nAction: failed\r\nStatus: " + std::string(status) + "\r\n";
        const auto bounce = read(dsn);
        ASSERT_TRUE(bounce) << status;
        EXPECT_EQ(bounce->status, "5.0.0") << status;
    }
}

TEST(Bounce, what_the_author_chose_names_no_mail) {
    Dsn dsn;
    dsn.extra = "In-Reply-To: " + ours + "\r\nReferences: " + ours + "\r\n";
    dsn.returned = "Message-ID: <something@else.example>\r\nIn-Reply-To: " + ours + "\r\nSubject: [C-12] x\r\n\r\n" + ours + "\r\n";
    EXPECT_FALSE(read(dsn));
    for (const char* id : {"C-12.ticket.0123456789ab@provider.example", "<C-.ticket.ab@p.example>", "<C-12@p.example>", "<X-12.ticket.ab@p.example>",
                           "<C-12.ticket.ab@p.example> <C-13.ticket.ab@p.example>", "<C-123456789012345678901.t.a@b>"}) {
        dsn.returned = "Message-ID: " + std::string(id) + "\r\nSubject: x\r\n\r\nx\r\n";
        EXPECT_FALSE(read(dsn)) << id;
    }
}

TEST(Bounce, other_reports_are_none) {
    Dsn dsn;
    dsn.top = "multipart/report; report-type=disposition-notification; boundary=\"b\"";
    EXPECT_FALSE(read(dsn));
    dsn.top = "multipart/mixed; boundary=\"b\"";
    EXPECT_FALSE(read(dsn));
    dsn = {};
    dsn.status_type = "message/feedback-report";
    EXPECT_FALSE(read(dsn));
    EXPECT_FALSE(read_bounce(read_mail("Subject: hello\r\nFrom: a@b.example\r\n\r\n" + ours + "\r\n", {})));
}

TEST(Bounce, long_and_broken_ones_cost_little) {
    Dsn dsn;
    dsn.recipient = "";
    for (int i = 0; i < 5000; ++i) dsn.recipient += "Final-Recipient: rfc822; a" + std::to_string(i) + "@lotus.example\r\nAction: delayed\r\nStatus: 4.4.1\r\n\r\n";
    EXPECT_TRUE(read(dsn));
    dsn = {};
    dsn.recipient = "Action: failed\r\nDiagnostic-Code: smtp; " + std::string(100'000, 'x') + "\r\n";
    const auto bounce = read(dsn);
    ASSERT_TRUE(bounce);
    EXPECT_LE(bounce->text.size(), 600u);
    dsn.recipient = std::string(1, '\0') + "\x1b[31m: \r\nAction: failed\r\nFinal-Recipient: rfc822; \x1b[31ma@b\r\n";
    const auto odd = read(dsn);
    if (odd) { EXPECT_EQ(odd->recipient.find('\x1b'), std::string::npos); }
}

}  // namespace
}  // namespace bailiff::test
