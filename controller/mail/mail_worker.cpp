// SPDX-License-Identifier: Apache-2.0
// The queue between the desk and the SMTP server.
#include "controller/mail/mail_worker.hpp"

namespace bailiff {
namespace {

/// The desk keeps an id as it stands in the header; the brackets are added when the message is written.
std::string without_brackets(const std::string& id) {
    return id.starts_with('<') && id.ends_with('>') ? id.substr(1, id.size() - 2) : id;
}

Mail mail_of(const OutgoingMail& out) {
    Mail mail;
    mail.message_id = without_brackets(out.message_id);
    for (const auto& earlier : out.references) mail.references.push_back(without_brackets(earlier));
    if (!mail.references.empty()) mail.in_reply_to = mail.references.back();
    mail.date = out.date;
    mail.to = {out.to, out.to_name};
    mail.reply_to = out.reply_to;
    mail.subject = out.subject;
    mail.text = out.text;
    mail.html = out.html;
    return mail;
}

}  // namespace

MailWorker::MailWorker(SmtpMailer mailer)
    : mailer_(std::move(mailer)),
      queue_({.when_stopping = "The controller stops; the mail is sent after its next start."},
             [this](const Mail& mail, const std::atomic<bool>&) { return mailer_.send(mail); },
             [](std::string why) { return MailAnswer{MailFate::retry_later, 0, std::move(why)}; }) {}

void MailWorker::send(const OutgoingMail& mail, std::function<void(MailAnswer)> done) { queue_.put(mail_of(mail), std::move(done)); }

}  // namespace bailiff
