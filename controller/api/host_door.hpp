// SPDX-License-Identifier: Apache-2.0
// What the API needs of the hosts' gateway, in its own words. Called on the desk's thread.
#pragma once

#include <bailiff/id.hpp>
#include <bailiff/result.hpp>
#include <bailiff/time.hpp>

#include <string>

namespace bailiff {

/// A one-time right to submit one certificate request as one host. Shown once, stored hashed.
struct HostToken {
    std::string token;
    std::string ca_sha256;       ///< of the agents' CA certificate, which the host pins
    Instant expires_at{};
};

class HostDoor {
  public:
    virtual ~HostDoor() = default;
    virtual bool connected(const HostId& host) = 0;
    virtual Result<HostToken> enrolment_token(const HostId& host) = 0;
    /// Closes the host's live connection, if any. Called after the ban is committed.
    virtual void shut_out(const HostId& host) = 0;
};

}  // namespace bailiff
