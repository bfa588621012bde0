// SPDX-License-Identifier: Apache-2.0
// The desk's Mailer: one thread that hands mails to the server, one after the other.
#pragma once

#include "controller/desk/ports.hpp"
#include "controller/mail/smtp_mailer.hpp"
#include "controller/threads/work_queue.hpp"

#include <functional>

namespace bailiff {

/// `send` may be called from any thread and returns at once; `done` runs on the worker's thread, exactly once for each mail. The
/// destructor waits for the attempt in progress; mails that still wait get `retry_later`, since the outbox keeps them and the next
/// start sends them.
class MailWorker : public Mailer {
  public:
    explicit MailWorker(SmtpMailer mailer);
    void send(const OutgoingMail& mail, std::function<void(MailAnswer)> done) override;

  private:
    SmtpMailer mailer_;
    WorkQueue<Mail, MailAnswer> queue_;  // last: it uses the mailer
};

}  // namespace bailiff
