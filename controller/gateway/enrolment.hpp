// SPDX-License-Identifier: Apache-2.0
// How a host comes to its certificate: a one-time token first, its own certificate later. No network here.
#pragma once

#include "controller/gateway/certificate_authority.hpp"
#include "controller/gateway/ports.hpp"

#include <bailiff/random.hpp>

namespace bailiff {

/// What staff hands to the host's admin.
struct EnrolmentToken {
    std::string token;              ///< shown once, never stored
    HostId host;
    Instant expires{};
    std::string authority_sha256;   ///< `--ca-sha256` of `bailiff-link enrol`
};

/// Runs on the desk's thread, inside its transaction: taking the token and recording the certificate stand or fall
/// together.
class Enrolment {
  public:
    static constexpr Seconds longest_token_life{3600};

    /// All must outlive it. `random` must be the kernel's, except in tests.
    Enrolment(const CertificateAuthority& authority, EnrolmentStore& store, Random& random)
        : authority_(authority), store_(store), random_(random) {}

    /// `invalid` for a name or a life that cannot be, `forbidden` for a banned host.
    Result<EnrolmentToken> make_token(const HostId& host, Seconds life = longest_token_life);
    /// The token decides who the host is; the request only brings a key. One answer for unknown, used and expired
    /// tokens, so that guessing learns nothing.
    Result<std::pair<HostId, IssuedCertificate>> enrol(const std::string& token, const std::string& request_pem);
    /// For a host that proved its identity by its current certificate.
    Result<IssuedCertificate> renew(const HostId& host, const std::string& request_pem);

    const CertificateAuthority& authority() const { return authority_; }
    EnrolmentStore& store() { return store_; }

  private:
    const CertificateAuthority& authority_;
    EnrolmentStore& store_;
    Random& random_;
};

}  // namespace bailiff
