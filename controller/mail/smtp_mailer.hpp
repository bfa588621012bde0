// SPDX-License-Identifier: Apache-2.0
// Hands mails to one SMTP server, and says exactly what became of each.
#pragma once

#include "controller/desk/ports.hpp"
#include "controller/mail/message.hpp"

#include <bailiff/names.hpp>

#include <chrono>

namespace bailiff {

/// Whether the connection must be encrypted before anything is said on it (smtps:// always is).
enum class StartTls {
    required,    ///< no STARTTLS, no mail
    if_offered,  ///< for a relay on the same machine; a password is then never sent
    never,
};
template <>
struct Names<StartTls> {
    static constexpr std::array table{std::pair{StartTls::required, std::string_view("required")},
                                      std::pair{StartTls::if_offered, std::string_view("if_offered")},
                                      std::pair{StartTls::never, std::string_view("never")}};
    static constexpr std::string_view what = "use of STARTTLS";
};

/// Where and how mail goes out. Secrets come from files, so that they stand in no argument list and no log.
struct SmtpOptions {
    std::string server;  ///< smtp://host[:port] or smtps://host[:port]
    StartTls starttls = StartTls::required;
    std::string user;           ///< empty: no authentication
    std::string password_file;  ///< first line; read at each attempt, so that a rotated password needs no restart
    std::string ca_file;        ///< PEM; empty: the system's
    std::string hello;          ///< our name in EHLO; empty: the sender's domain
    MailAddress from;           ///< used where a mail names no sender of its own; also the return path
    std::chrono::milliseconds connect_timeout{10'000};
    std::chrono::milliseconds total_timeout{60'000};
};

/// One blocking attempt per call, over a connection of its own. `send` may be called from any thread; a silent
/// server holds the caller for twice `total_timeout` at most (libcurl waits once more for the answer to QUIT).
class SmtpMailer {
  public:
    /// Refuses options that cannot work or would send a password in the clear.
    static Result<SmtpMailer> make(SmtpOptions options);
    MailAnswer send(const Mail& mail) const;
    const SmtpOptions& options() const { return options_; }

  private:
    explicit SmtpMailer(SmtpOptions options) : options_(std::move(options)) {}
    SmtpOptions options_;
};

}  // namespace bailiff
