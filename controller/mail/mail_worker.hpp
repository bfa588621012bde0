// SPDX-License-Identifier: Apache-2.0
// The desk's Mailer: one thread that hands mails to the server, one after the other.
#pragma once

#include "controller/desk/ports.hpp"
#include "controller/mail/smtp_mailer.hpp"

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace bailiff {

/// Owns its thread from construction to destruction. `send` may be called from any thread and returns at once; `done`
/// runs on the worker's thread, exactly once for each mail. The destructor waits for the attempt in progress; mails
/// that still wait get `retry_later`, since the outbox keeps them and the next start sends them.
class MailWorker : public Mailer {
  public:
    explicit MailWorker(SmtpMailer mailer);
    ~MailWorker() override;
    MailWorker(const MailWorker&) = delete;
    MailWorker& operator=(const MailWorker&) = delete;
    void send(const OutgoingMail& mail, std::function<void(MailAnswer)> done) override;

  private:
    struct Task {
        Mail mail;
        std::function<void(MailAnswer)> done;
    };
    void run();
    SmtpMailer mailer_;
    std::mutex mutex_;  // of the queue, and of nothing else
    std::condition_variable changed_;
    std::deque<Task> queue_;
    bool stopping_ = false;
    std::thread thread_;  // last: it uses all of the above
};

}  // namespace bailiff
