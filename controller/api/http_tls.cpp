// SPDX-License-Identifier: Apache-2.0
// One place decides which TLS we speak; everything not needed is off.
#include "controller/api/http_tls.hpp"

#include <bailiff/id.hpp>

#include <ctime>
#include <openssl/err.h>
#include <openssl/x509v3.h>

namespace bailiff {
namespace {

std::string openssl_reason() {
    const unsigned long code = ERR_peek_last_error();
    ERR_clear_error();
    const char* reason = ERR_reason_error_string(code);
    return reason ? reason : "no reason given";
}

/// The name in `bailiff://host/<name>`, when that is the certificate's only URI and a name we would give.
std::string host_of(const X509* certificate) {
    const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> names(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)), GENERAL_NAMES_free);
    std::string host;
    int uris = 0;
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
        if (name->type != GEN_URI) continue;
        ++uris;
        const std::string uri(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.uniformResourceIdentifier)),
                              size_t(ASN1_STRING_length(name->d.uniformResourceIdentifier)));
        static constexpr std::string_view prefix = "bailiff://host/";
        if (uri.starts_with(prefix)) host = uri.substr(prefix.size());
    }
    return uris == 1 && is_name(host) ? host : "";
}

}  // namespace

Result<SSL_CTX*> make_server_tls(const HttpTls& options) {
    ERR_clear_error();
    std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
    if (!context) throw std::runtime_error("OpenSSL gives no TLS context");
    SSL_CTX* tls = context.get();
    SSL_CTX_set_min_proto_version(tls, options.only_tls_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
    SSL_CTX_set_options(tls, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_cipher_list(tls, "ECDHE+AESGCM:ECDHE+CHACHA20");
    SSL_CTX_set_num_tickets(tls, 0);
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_max_cert_list(tls, 16 * 1024);
    if (SSL_CTX_use_certificate_chain_file(tls, options.certificate_file.c_str()) != 1)
        return fail(Errc::invalid, "The TLS certificate " + options.certificate_file + " cannot be used (" + openssl_reason() +
                                       "); it must be PEM, the server's own certificate first.");
    if (SSL_CTX_use_PrivateKey_file(tls, options.key_file.c_str(), SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(tls) != 1)
        return fail(Errc::invalid, "The TLS key " + options.key_file + " cannot be used (" + openssl_reason() +
                                       "); it must be PEM, without a passphrase, and belong to the certificate.");
    if (!options.client_ca_file.empty()) {
        STACK_OF(X509_NAME)* names = SSL_load_client_CA_file(options.client_ca_file.c_str());
        if (!names || SSL_CTX_load_verify_locations(tls, options.client_ca_file.c_str(), nullptr) != 1)
            return fail(Errc::invalid, "The clients' CA " + options.client_ca_file + " cannot be used (" + openssl_reason() +
                                           "); it must be PEM.");
        SSL_CTX_set_client_CA_list(tls, names);
        // Enrolment comes without a certificate; what needs one asks for client_certificate_host.
        SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, nullptr);
        SSL_CTX_set_verify_depth(tls, 1);
    }
    return context.release();
}

TlsPeer tls_peer(SSL* ssl) {
    TlsPeer peer;
    const X509* certificate = SSL_get0_peer_certificate(ssl);
    if (!certificate || SSL_get_verify_result(ssl) != X509_V_OK || SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE) return peer;
    peer.host = host_of(certificate);
    std::tm expiry{};
    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &expiry) == 1)
        peer.expires = Instant(Seconds(timegm(&expiry)));
    return peer;
}

}  // namespace bailiff
