// SPDX-License-Identifier: Apache-2.0
// SmtpMailer against a real server that behaves, refuses, hangs, hides STARTTLS, or is dead.
#include "controller/mail/mail_worker.hpp"
#include "controller/mail/smtp_mailer.hpp"
#include "tests/fixtures/smtp_server.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <future>

namespace bailiff::test {
namespace {

using Words = std::vector<std::string>;
const Words tls{"--tls-cert", "FOLDER/server.pem"};
const Words login{"--tls-cert", "FOLDER/server.pem", "--user", "desk", "--password-file", "FOLDER/password"};

Mail notice() {
    Mail mail;
    mail.message_id = "notice-81.c17@desk.example";
    mail.date = *parse_rfc3339("2026-03-02T03:30:00Z");
    mail.to = {"asha@customer.example", "Asha Rao"};
    mail.subject = "[C-17] Virus content: please act on web1";
    mail.text = "Hello.\n.\nA line with a single dot above.\n";
    return mail;
}

/// A mailer for the server, with short waits; `change` adjusts its options first.
SmtpMailer mailer_for(const TestSmtp& server, const std::function<void(SmtpOptions&)>& change = {}) {
    SmtpOptions options;
    options.server = server.url();
    options.starttls = StartTls::never;
    options.from = {"desk@desk.example", "Abuse desk"};
    options.total_timeout = std::chrono::milliseconds(8000);
    if (change) change(options);
    auto mailer = SmtpMailer::make(options);
    if (!mailer) throw std::runtime_error(mailer.error().text);
    return *mailer;
}

void use_tls(const TestSmtp& server, SmtpOptions& options) {
    options.starttls = StartTls::required;
    options.ca_file = server.certificate();
}

TEST(Smtp, an_accepted_mail_arrives_with_its_own_message_id_at_every_attempt) {
    TestSmtp server;
    const auto mailer = mailer_for(server);
    for (int attempt = 0; attempt < 2; ++attempt) {
        const auto outcome = mailer.send(notice());
        EXPECT_EQ(outcome.fate, MailFate::accepted) << outcome.text;
        EXPECT_EQ(outcome.reply_code, 250);
    }
    const auto mails = server.mails();
    ASSERT_EQ(mails.size(), 2u);
    EXPECT_EQ(mails[0].bytes, mails[1].bytes);
    EXPECT_NE(mails[0].bytes.find("Message-ID: <notice-81.c17@desk.example>\r\n"), std::string::npos);
    EXPECT_NE(mails[0].bytes.find("Hello.\r\n.\r\nA line"), std::string::npos) << mails[0].bytes;
    EXPECT_EQ(mails[0].from, "desk@desk.example");
    EXPECT_EQ(mails[0].to, Words{"asha@customer.example"});
    EXPECT_FALSE(mails[0].tls);
}

TEST(Smtp, a_temporary_no_is_tried_again_and_then_succeeds) {
    for (const char* stage : {"mail", "rcpt", "data", "end"}) {
        TestSmtp server({"--reply", std::string(stage) + "=451 4.3.0 try later", "--reply-times", "1"});
        const auto mailer = mailer_for(server);
        const auto first = mailer.send(notice());
        EXPECT_EQ(first.fate, MailFate::retry_later) << stage << ": " << first.text;
        EXPECT_EQ(first.reply_code, 451) << stage;
        EXPECT_NE(first.text.find("try later"), std::string::npos) << stage << ": " << first.text;
        EXPECT_TRUE(server.mails().empty());
        EXPECT_EQ(mailer.send(notice()).fate, MailFate::accepted) << stage;
    }
}

TEST(Smtp, a_final_no_to_the_mail_is_final) {
    for (const char* stage : {"mail", "rcpt", "data", "end"}) {
        TestSmtp server({"--reply", std::string(stage) + "=550 5.1.1 unknown here"});
        const auto outcome = mailer_for(server).send(notice());
        EXPECT_EQ(outcome.fate, MailFate::refused) << stage << ": " << outcome.text;
        EXPECT_EQ(outcome.reply_code, 550) << stage;
        EXPECT_NE(outcome.text.find("5.1.1 unknown here"), std::string::npos) << stage << ": " << outcome.text;
        EXPECT_TRUE(server.mails().empty());
    }
}

TEST(Smtp, a_final_no_to_us_lets_the_mail_wait) {
    for (const char* stage : {"connect", "ehlo"}) {
        TestSmtp server({"--reply", std::string(stage) + "=554 5.7.1 you are blocked"});
        const auto outcome = mailer_for(server).send(notice());
        EXPECT_EQ(outcome.fate, MailFate::retry_later) << stage << ": " << outcome.text;
        EXPECT_EQ(outcome.reply_code, 554) << stage;
    }
}

TEST(Smtp, starttls_is_used_where_it_is_required) {
    TestSmtp server(tls);
    const auto outcome = mailer_for(server, [&](auto& o) { use_tls(server, o); }).send(notice());
    EXPECT_EQ(outcome.fate, MailFate::accepted) << outcome.text;
    ASSERT_EQ(server.mails().size(), 1u);
    EXPECT_TRUE(server.mails()[0].tls);
}

TEST(Smtp, without_the_required_starttls_nothing_is_sent) {
    TestSmtp server;
    const auto outcome = mailer_for(server, [](auto& o) { o.starttls = StartTls::required; }).send(notice());
    EXPECT_EQ(outcome.fate, MailFate::retry_later);
    EXPECT_NE(outcome.text.find("STARTTLS"), std::string::npos) << outcome.text;
    EXPECT_TRUE(server.mails().empty());
}

TEST(Smtp, starttls_if_offered_is_taken_when_offered_and_done_without_otherwise) {
    TestSmtp with(tls), without;
    const auto set = [&](auto& o) {
        o.starttls = StartTls::if_offered;
        o.ca_file = with.certificate();
    };
    EXPECT_EQ(mailer_for(with, set).send(notice()).fate, MailFate::accepted);
    ASSERT_EQ(with.mails().size(), 1u);
    EXPECT_TRUE(with.mails()[0].tls);
    EXPECT_EQ(mailer_for(without, set).send(notice()).fate, MailFate::accepted);
    ASSERT_EQ(without.mails().size(), 1u);
    EXPECT_FALSE(without.mails()[0].tls);
}

TEST(Smtp, a_certificate_that_nobody_vouches_for_stops_the_mail) {
    TestSmtp server(tls);
    const auto outcome = mailer_for(server, [](auto& o) { o.starttls = StartTls::required; }).send(notice());
    EXPECT_EQ(outcome.fate, MailFate::retry_later);
    EXPECT_NE(outcome.text.find("CA file"), std::string::npos) << outcome.text;
    EXPECT_TRUE(server.mails().empty());
}

TEST(Smtp, a_login_with_the_right_password_sends_and_with_a_wrong_one_waits) {
    TestSmtp server(login);
    const auto set = [&](auto& o) {
        use_tls(server, o);
        o.user = "desk";
        o.password_file = server.folder() / "password";
    };
    EXPECT_EQ(mailer_for(server, set).send(notice()).fate, MailFate::accepted);
    ASSERT_EQ(server.mails().size(), 1u);
    EXPECT_EQ(server.mails()[0].user, "desk");

    std::ofstream(server.folder() / "wrong") << "open\n";
    const auto outcome = mailer_for(server, [&](auto& o) {
        set(o);
        o.password_file = server.folder() / "wrong";
    }).send(notice());
    EXPECT_EQ(outcome.fate, MailFate::retry_later) << outcome.text;
    EXPECT_EQ(outcome.reply_code, 535);
    EXPECT_NE(outcome.text.find("password file"), std::string::npos) << outcome.text;
    EXPECT_EQ(outcome.text.find("open"), std::string::npos) << "the password is in the text";

    const auto nobody = mailer_for(server, [&](auto& o) { use_tls(server, o); }).send(notice());
    EXPECT_EQ(nobody.fate, MailFate::retry_later) << "a server that wants a login says no to us, not to the mail";
}

TEST(Smtp, silence_before_the_text_is_over_is_tried_again) {
    for (const char* stage : {"connect", "ehlo", "rcpt", "data"}) {
        TestSmtp server({"--hang", stage});
        const auto outcome = mailer_for(server, [](auto& o) { o.total_timeout = std::chrono::milliseconds(600); }).send(notice());
        EXPECT_EQ(outcome.fate, MailFate::retry_later) << stage << ": " << outcome.text;
        EXPECT_EQ(outcome.reply_code, 0) << stage;
    }
}

TEST(Smtp, silence_after_the_final_dot_is_an_unknown_outcome) {
    TestSmtp hanging({"--hang", "end"});
    const auto timed_out = mailer_for(hanging, [](auto& o) { o.total_timeout = std::chrono::milliseconds(800); }).send(notice());
    EXPECT_EQ(timed_out.fate, MailFate::unknown) << timed_out.text;
    TestSmtp dropping({"--drop", "end"});
    const auto cut = mailer_for(dropping).send(notice());
    EXPECT_EQ(cut.fate, MailFate::unknown) << cut.text;
}

TEST(Smtp, a_connection_cut_before_the_text_is_tried_again) {
    TestSmtp server({"--drop", "rcpt"});
    EXPECT_EQ(mailer_for(server).send(notice()).fate, MailFate::retry_later);
}

TEST(Smtp, a_dead_server_is_tried_again) {
    TestSmtp server;
    const auto mailer = mailer_for(server);
    server.stop();
    const auto outcome = mailer.send(notice());
    EXPECT_EQ(outcome.fate, MailFate::retry_later);
    EXPECT_NE(outcome.text.find("check the server's name and port"), std::string::npos) << outcome.text;
}

TEST(Smtp, a_slow_server_is_waited_for) {
    TestSmtp server({"--delay", "0.3"});
    EXPECT_EQ(mailer_for(server).send(notice()).fate, MailFate::accepted);
}

TEST(Smtp, an_address_that_is_none_never_reaches_the_server) {
    TestSmtp server;
    Mail mail = notice();
    mail.to.address = "asha@customer.example>\r\nRCPT TO:<other@else.example";
    const auto outcome = mailer_for(server).send(mail);
    EXPECT_EQ(outcome.fate, MailFate::refused);
    EXPECT_TRUE(server.mails().empty());
}

TEST(Smtp, options_that_cannot_work_are_refused_with_their_remedy) {
    const auto error = [](const std::function<void(SmtpOptions&)>& change) {
        SmtpOptions options;
        options.server = "smtp://localhost:25";
        options.from = {"desk@desk.example", ""};
        change(options);
        const auto mailer = SmtpMailer::make(options);
        return mailer ? std::string("accepted") : mailer.error().text;
    };
    EXPECT_EQ(error([](auto&) {}), "accepted");
    EXPECT_NE(error([](auto& o) { o.server = "http://localhost"; }).find("smtp://host:port"), std::string::npos);
    EXPECT_NE(error([](auto& o) { o.server = "smtp://user:pw@host"; }).find("smtp://host:port"), std::string::npos);
    EXPECT_NE(error([](auto& o) { o.from.address = "desk"; }).find("no mail address"), std::string::npos);
    EXPECT_NE(error([](auto& o) { o.user = "desk"; o.starttls = StartTls::if_offered; }).find("in the clear"), std::string::npos);
    EXPECT_NE(error([](auto& o) { o.user = "desk"; }).find("password file"), std::string::npos);
    EXPECT_NE(error([](auto& o) { o.hello = "a b"; }).find("EHLO"), std::string::npos);
}

TEST(Smtp, the_worker_answers_each_mail_once_and_lets_go_of_the_rest_when_it_stops) {
    TestSmtp server;
    OutgoingMail mail{"<notice-82.c17@desk.example>", "asha@customer.example", "Asha Rao", "[C-17] hello", "Hello.\n", "", notice().date, {"<notice-80.c17@desk.example>", "<notice-81.c17@desk.example>"}};
    std::vector<std::promise<MailAnswer>> answers(3);
    {
        MailWorker worker(mailer_for(server));
        for (auto& answer : answers) worker.send(mail, [&](MailAnswer a) { answer.set_value(std::move(a)); });
        EXPECT_EQ(answers[0].get_future().get().fate, MailFate::accepted);
    }
    for (size_t i = 1; i < answers.size(); ++i) {
        const auto fate = answers[i].get_future().get().fate;
        EXPECT_TRUE(fate == MailFate::accepted || fate == MailFate::retry_later);
    }
    const std::string bytes = server.mails().at(0).bytes;
    EXPECT_NE(bytes.find("Message-ID: <notice-82.c17@desk.example>\r\n"), std::string::npos);
    EXPECT_NE(bytes.find("In-Reply-To: <notice-81.c17@desk.example>\r\n"), std::string::npos) << bytes;
    EXPECT_NE(bytes.find("References: <notice-80.c17@desk.example>"), std::string::npos) << bytes;
}

}  // namespace
}  // namespace bailiff::test
