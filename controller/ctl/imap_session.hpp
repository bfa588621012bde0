// SPDX-License-Identifier: Apache-2.0
// One connection to an IMAP server: what waits in a folder, its bytes, and the mark that it was taken.
#pragma once

#include "controller/ctl/intake_door.hpp"

#include <bailiff/result.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff {

struct ImapOptions {
    std::string url;               ///< imaps://HOST[:PORT]/FOLDER; imap:// with STARTTLS, or in the clear on this machine only
    std::string user, password;
    std::string ca_file;           ///< PEM; empty = the system's
    std::chrono::seconds timeout{60};
};

/// libcurl connects, proves who we are and encrypts; the few commands of RFC 9051 are spoken here. libcurl's own FETCH
/// marks a mail as seen before anybody has it, and its own commands look for the end of an answer inside of mails.
/// Not thread-safe. After any error but `not_found` the connection is of no use any more.
class ImapSession {
  public:
    /// Connects, logs in and selects the folder. `invalid`: the URL; `forbidden`: user or password; else `unavailable`.
    static Result<ImapSession> open(const ImapOptions& options);
    /// Numbers (UIDs) of the mails that are not marked as seen, ascending.
    Result<std::vector<uint32_t>> unseen();
    /// Without marking it. `not_found`: it is gone.
    Result<IntakeMail> fetch(uint32_t uid);
    Result<void> mark_seen(uint32_t uid);
    Result<void> move(uint32_t uid, const std::string& folder);

  private:
    struct Wire;
    struct Response {
        std::string text;                    ///< without its literals
        std::vector<std::string> literals;
    };
    explicit ImapSession(std::shared_ptr<Wire> wire) : wire_(std::move(wire)) {}
    Result<std::vector<Response>> command(const std::string& text);
    Result<Response> read_response();
    std::shared_ptr<Wire> wire_;
    int tag_ = 0;
};

}  // namespace bailiff
