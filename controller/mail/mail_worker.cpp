// SPDX-License-Identifier: Apache-2.0
// The queue between the desk and the SMTP server.
#include "controller/mail/mail_worker.hpp"

namespace bailiff {
namespace {

Mail mail_of(const OutgoingMail& out) {
    Mail mail;
    // The desk keeps the id as it stands in the header; the brackets are added when the message is written.
    mail.message_id = out.message_id.starts_with('<') && out.message_id.ends_with('>')
                          ? out.message_id.substr(1, out.message_id.size() - 2)
                          : out.message_id;
    mail.date = out.date;
    mail.to = {out.to, out.to_name};
    mail.subject = out.subject;
    mail.text = out.text;
    mail.html = out.html;
    return mail;
}

}  // namespace

MailWorker::MailWorker(SmtpMailer mailer) : mailer_(std::move(mailer)), thread_([this] { run(); }) {}

MailWorker::~MailWorker() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
    for (auto& task : queue_) task.done({MailFate::retry_later, 0, "The controller stops; the mail is sent after its next start."});
}

void MailWorker::send(const OutgoingMail& mail, std::function<void(MailAnswer)> done) {
    {
        const std::lock_guard lock(mutex_);
        queue_.push_back({mail_of(mail), std::move(done)});
    }
    changed_.notify_one();
}

void MailWorker::run() {
    for (;;) {
        Task task;
        {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
            if (stopping_) return;
            task = std::move(queue_.front());
            queue_.pop_front();
        }
        task.done(mailer_.send(task.mail));
    }
}

}  // namespace bailiff
