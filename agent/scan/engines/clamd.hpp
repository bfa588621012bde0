// SPDX-License-Identifier: Apache-2.0
// One conversation with clamd over its Unix socket; contents are passed as descriptors, never as bytes or paths.
#pragma once

#include "agent/scan/box/descriptor.hpp"

#include <bailiff/result.hpp>
#include <bailiff/time.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bailiff::agent {

/// What clamd said about one content.
struct ClamdAnswer {
    enum class Kind { clean, found, limit, error } kind = Kind::error;
    std::string text;  ///< the signature, or what went wrong; printable
};

/// "1: fd[12]: Eicar-Test-Signature FOUND" -> found. Whatever is not understood is an error, never clean.
ClamdAnswer parse_clamd_answer(std::string_view line);

/// A session (IDSESSION) with at most one question open. Belongs to the scan's thread.
class ClamdSession {
  public:
    /// Connects anew; drops what was open.
    Result<void> connect(const std::string& socket_path);
    bool connected() const { return static_cast<bool>(socket_); }
    int fd() const { return socket_.fd(); }
    /// False when clamd has gone; then connect again.
    bool ask(int content);
    /// After poll says readable: the answer once it is whole; nothing when more is to come; an error when clamd has gone.
    Result<std::optional<ClamdAnswer>> answer();
    void disconnect() { socket_.reset(); }

  private:
    Descriptor socket_;
    std::string received_;
};

/// What is found out once, before the first file.
struct ClamdFacts {
    std::string version;          ///< "ClamAV 1.4.6/27400/…"
    Instant signatures_at{};      ///< of its database; 0 = it has no date
    bool reports_limits = false;  ///< whether files over clamd's limits are answered with an alert (AlertExceedsMax yes)
};

/// What clamd says of one content, on a connection of its own.
Result<ClamdAnswer> ask_clamd_about(const std::string& socket_path, int content, std::chrono::seconds limit);

/// Tells clamd to load its signatures anew, which it does while it goes on answering.
Result<void> reload_clamd(const std::string& socket_path, std::chrono::seconds limit);

/// The date in "ClamAV 1.0.7/27500/Tue Nov 24 08:00:00 2026", which clamd prints in its host's local time. Nothing when
/// there is none: a database of local files only has no number and no date.
std::optional<Instant> signatures_date(std::string_view version);

/// Asks PING and VERSION, and shows clamd a sparse file above any limit it can have. An error names the remedy.
Result<ClamdFacts> examine_clamd(const std::string& socket_path, std::chrono::seconds limit);

}  // namespace bailiff::agent
