// SPDX-License-Identifier: Apache-2.0
// One HTTPS request to a controller, blocking: for enrolment and renewal, which are rare and small. The WebSocket is
// relay.hpp's matter.
#pragma once

#include "agent/link/options.hpp"

#include <bailiff/time.hpp>

namespace bailiff::agent {

/// Whom to believe, and who we are. TLS 1.3 always; the server's name is always checked.
struct HttpsTrust {
    std::string authority_file;     ///< CA in PEM; or
    std::string authority_sha256;   ///< the digest of the CA's DER, which the server must present in its chain
    std::string identity_file;      ///< "" without a client certificate
};

struct HttpsAnswer {
    int status = 0;
    std::string body;
    std::string authority_pem;      ///< with authority_sha256: the CA that has this digest
};

/// `unavailable` when no answer came; `forbidden` when the server is not who it should be: then nothing was sent to it.
/// A dead peer costs at most about `patience` twice.
Result<HttpsAnswer> https_request(const ControllerAddress& to, const HttpsTrust& trust, const std::string& method, const std::string& path,
                                  const std::string& body, const Clock& clock, std::chrono::milliseconds patience = std::chrono::milliseconds(5000));

}  // namespace bailiff::agent
