// SPDX-License-Identifier: Apache-2.0
// TLS settings of a listener and the identity in a client's certificate, in OpenSSL's own terms.
#pragma once

#include "controller/api/http_server.hpp"

#include <openssl/ssl.h>

namespace bailiff {

/// Who a verified client certificate speaks for.
struct TlsPeer {
    std::string host;   ///< from the one URI name `bailiff://host/<name>`; "" without certificate or with another name
    Instant expires{};
};

/// The caller owns the context. No session is ever resumed: a resumed one would skip the look at the certificate.
Result<SSL_CTX*> make_server_tls(const HttpTls& options);

/// After the handshake.
TlsPeer tls_peer(SSL* ssl);

}  // namespace bailiff
