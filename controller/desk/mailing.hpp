// SPDX-License-Identifier: Apache-2.0
// What the desk needs in order to write to people: somebody who has the words, and somebody who hands mails to a server.
#pragma once

#include <bailiff/json.hpp>
#include <bailiff/result.hpp>
#include <bailiff/time.hpp>
#include "controller/core/case.hpp"
#include "controller/desk/reporters.hpp"

#include <functional>
#include <string>
#include <vector>

namespace bailiff {

/// What leaves as a mail. Addresses are plain ("a@b"), texts UTF-8.
struct OutgoingMail {
    std::string message_id;               ///< "<…@…>"
    std::string to, to_name;
    std::string subject, text, html;
    Instant date{};
    std::vector<std::string> references{};   ///< Message-IDs of the mails before it, the oldest first; it answers the last
    std::string reply_to{};                  ///< where answers go; empty: to the sender
};
enum class MailFate {
    accepted,       ///< the server has it
    retry_later,    ///< 4xx, or no server
    refused,        ///< 5xx: trying again changes nothing
    unknown,        ///< the connection broke after the last byte: sent again with the same Message-ID
};
struct MailAnswer {
    MailFate fate = MailFate::retry_later;
    int reply_code = 0;
    std::string text;
};

/// Hands mails to a server. `send` returns at once; `done` is called later (from any thread), exactly once.
class Mailer {
  public:
    virtual ~Mailer() = default;
    virtual void send(const OutgoingMail& mail, std::function<void(MailAnswer)> done) = 0;
};

/// Texts of notices, from policies/notices.
struct MailText {
    std::string subject, text, html;
};
class NoticeWriter {
  public:
    virtual ~NoticeWriter() = default;
    virtual Result<MailText> write(core::Notice notice, const std::string& language, const Json& context) = 0;
    /// To a reporter.
    virtual Result<MailText> write(ReporterNotice notice, const std::string& language, const Json& context) = 0;
};

}  // namespace bailiff
