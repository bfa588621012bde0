// SPDX-License-Identifier: Apache-2.0
#include "controller/gateway/enrolment.hpp"

namespace bailiff {

Result<EnrolmentToken> Enrolment::make_token(const HostId& host, Seconds life) {
    if (!is_name(host.text())) return fail(Errc::invalid, "A host's name has 1 to 64 of A-Z a-z 0-9 . _ - and does not begin with a dot.");
    if (life <= Seconds(0) || life > longest_token_life) return fail(Errc::invalid, "A token lives for at most one hour.");
    if (store_.banned(host)) return fail(Errc::forbidden, "The host " + host.text() + " is banned; lift the ban first.");
    const std::string token = random_.hex128() + random_.hex128();
    const Instant expires = authority_.wall().now() + life;
    store_.put(sha256_hex(token), host, expires);
    return EnrolmentToken{token, host, expires, authority_.authority_sha256()};
}

Result<std::pair<HostId, IssuedCertificate>> Enrolment::enrol(const std::string& token, const std::string& request_pem) {
    // A request that cannot be used does not cost the token: the admin may try again with a better one.
    if (auto request = read_request(request_pem); !request) return fail(request.error());
    const auto taken = store_.take(sha256_hex(token));
    if (!taken || taken->expires <= authority_.wall().now() || store_.banned(taken->host))
        return fail(Errc::forbidden, "The token is unknown, used or expired, or its host is banned; ask the abuse desk for a new one.");
    auto issued = authority_.issue_host(taken->host, request_pem);
    if (!issued) return fail(issued.error());
    store_.record_host_certificate(taken->host, issued->serial, issued->expires);
    return std::pair{taken->host, std::move(*issued)};
}

Result<IssuedCertificate> Enrolment::renew(const HostId& host, const std::string& request_pem) {
    if (store_.banned(host)) return fail(Errc::forbidden, "The host " + host.text() + " is banned.");
    auto issued = authority_.issue_host(host, request_pem);
    if (issued) store_.record_host_certificate(host, issued->serial, issued->expires);
    return issued;
}

}  // namespace bailiff
