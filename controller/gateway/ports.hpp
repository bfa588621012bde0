// SPDX-License-Identifier: Apache-2.0
// What the gateway needs of the rest: a place for tokens and bans, and the desk's thread to ask it on.
#pragma once

#include <bailiff/id.hpp>
#include <bailiff/time.hpp>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace bailiff {

/// A token as stored: whom it admits and until when.
struct PendingEnrolment {
    HostId host;
    Instant expires{};
    friend bool operator==(const PendingEnrolment&, const PendingEnrolment&) = default;
};

/// Tokens (by SHA-256, never in clear), bans and issued certificates. Called on the desk's thread only, inside its
/// transaction; an outage is an exception.
class EnrolmentStore {
  public:
    virtual ~EnrolmentStore() = default;
    /// `token_hash`: 64 lower-case hex digits.
    virtual void put(const std::string& token_hash, const HostId& host, Instant expires) = 0;
    /// Deletes and returns: of several takers exactly one gets it. The caller checks `expires` AFTER.
    virtual std::optional<PendingEnrolment> take(const std::string& token_hash) = 0;
    virtual bool banned(const HostId& host) = 0;
    virtual std::vector<HostId> banned_hosts() = 0;
    /// Both may be repeated. A ban outlives enrolment: a banned host's token is worth nothing.
    virtual void ban(const HostId& host) = 0;
    virtual void unban(const HostId& host) = 0;
    /// `serial`: lower-case hex. Kept for people who ask which certificates a host ever had.
    virtual void record_host_certificate(const HostId& host, const std::string& serial, Instant expires) = 0;
};

/// One turn on the desk's thread: `work` runs inside the transaction, what it returns runs AFTER the commit (the answer
/// leaves only then); `failed` runs instead when the storage was away.
struct GatewayTurn {
    std::function<std::function<void()>()> work;
    std::function<void()> failed;
};
/// Never blocks; false when the desk takes no more.
using PostTurn = std::function<bool(GatewayTurn)>;

}  // namespace bailiff
