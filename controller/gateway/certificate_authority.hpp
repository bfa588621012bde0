// SPDX-License-Identifier: Apache-2.0
// The small CA of the agents: one key that signs host certificates and the gateway's own, and the key that signs orders.
#pragma once

#include "controller/gateway/x509.hpp"

#include <bailiff/dsse.hpp>
#include <bailiff/id.hpp>
#include <bailiff/result.hpp>
#include <bailiff/time.hpp>

#include <string>
#include <vector>

namespace bailiff {

struct AuthorityOptions {
    std::string folder;                     ///< made (0700) when missing; replicas of one controller share its content
    std::vector<std::string> server_names;  ///< DNS names and IP addresses under which agents reach the gateway
    Seconds host_life{24 * 3600};
    Seconds server_life{90 * 24 * 3600};
    Seconds authority_life{int64_t{3652} * 24 * 3600};
};

struct IssuedCertificate {
    std::string pem;
    std::string serial;
    Instant expires{};
};

/// Files: ca.key ca.crt server.key server.crt (with the CA behind it) order.key order.pub; keys have mode 0600.
/// Immutable after open(); usable from every thread.
class CertificateAuthority {
  public:
    /// Reads the folder, makes what is missing. `wall` is the machine's clock, not a laboratory's: certificates are
    /// judged by OpenSSL against the real time. It must outlive the authority.
    static Result<CertificateAuthority> open(AuthorityOptions options, const Clock& wall);

    /// Signs for `host` whatever name the request asks for: subject and extensions of the request are ignored.
    Result<IssuedCertificate> issue_host(const HostId& host, const std::string& request_pem) const;
    /// Makes the gateway's certificate anew when half its life is over or its names changed; true when it did (then the
    /// listener must read its files again). Not from two threads at once.
    Result<bool> refresh_server() const;

    const std::string& authority_pem() const { return authority_pem_; }
    /// SHA-256 of the CA's DER: given to the host's admin together with the token.
    std::string authority_sha256() const { return certificate_sha256(certificate_.get()); }
    const SignatureKey& order_key() const { return *order_key_; }
    const Clock& wall() const { return *wall_; }
    std::string file(const std::string& name) const { return options_.folder + "/" + name; }

  private:
    CertificateAuthority() = default;
    Result<void> load();
    AuthorityOptions options_;
    const Clock* wall_ = nullptr;
    KeyPointer key_;
    CertificatePointer certificate_;
    std::string authority_pem_;
    std::optional<SignatureKey> order_key_;
};

}  // namespace bailiff
