// SPDX-License-Identifier: Apache-2.0
#include "agent/link/https.hpp"

#include <bailiff/dsse.hpp>

#include <arpa/inet.h>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

namespace bailiff::agent {
namespace {

template <class T, void (*release)(T*)>
struct Release {
    void operator()(T* p) const { release(p); }
};
template <class T, void (*release)(T*)>
using Owned = std::unique_ptr<T, Release<T, release>>;

constexpr size_t most_answer_bytes = 256 * 1024;

struct Socket {
    int fd = -1;
    ~Socket() {
        if (fd >= 0) close(fd);
    }
};

/// What the verification needs, and the CA that it found.
struct Pin {
    std::string sha256;
    std::string host;
    std::string found_pem;
};

std::string openssl_reason() {
    const char* reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return reason ? reason : "the connection ended";
}

bool name_server(X509_VERIFY_PARAM* param, const std::string& host) {
    unsigned char address[16];
    if (inet_pton(AF_INET, host.c_str(), address) == 1 || inet_pton(AF_INET6, host.c_str(), address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(param, host.c_str()) == 1;
    return X509_VERIFY_PARAM_set1_host(param, host.c_str(), 0) == 1;
}

/// Runs inside the handshake, so that nothing of ours is sent before it says yes: finds the CA with the pinned digest
/// in what the server presented, and verifies the server's certificate by that CA alone.
int verify_by_pin(X509_STORE_CTX* presented, void* data) {
    Pin& pin = *static_cast<Pin*>(data);
    X509_STORE_CTX_set_error(presented, X509_V_ERR_CERT_UNTRUSTED);
    STACK_OF(X509)* chain = X509_STORE_CTX_get0_untrusted(presented);
    for (int i = 0; i < sk_X509_num(chain); ++i) {
        X509* candidate = sk_X509_value(chain, i);
        unsigned char* der = nullptr;
        const int size = i2d_X509(candidate, &der);
        if (size <= 0) continue;
        const std::string digest = sha256_hex({reinterpret_cast<char*>(der), size_t(size)});
        OPENSSL_free(der);
        if (digest != pin.sha256) continue;
        const Owned<X509_STORE, X509_STORE_free> store(X509_STORE_new());
        const Owned<X509_STORE_CTX, X509_STORE_CTX_free> check(X509_STORE_CTX_new());
        if (!store || !check || X509_STORE_add_cert(store.get(), candidate) != 1 ||
            X509_STORE_CTX_init(check.get(), store.get(), X509_STORE_CTX_get0_cert(presented), chain) != 1 ||
            X509_STORE_CTX_set_default(check.get(), "ssl_server") != 1 || !name_server(X509_STORE_CTX_get0_param(check.get()), pin.host))
            return 0;
        if (X509_verify_cert(check.get()) != 1) {
            X509_STORE_CTX_set_error(presented, X509_STORE_CTX_get_error(check.get()));
            return 0;
        }
        const Owned<BIO, BIO_free_all> bio(BIO_new(BIO_s_mem()));
        PEM_write_bio_X509(bio.get(), candidate);
        char* text = nullptr;
        const long length = BIO_get_mem_data(bio.get(), &text);
        pin.found_pem.assign(text, size_t(length));
        X509_STORE_CTX_set_error(presented, X509_V_OK);
        return 1;
    }
    return 0;
}

Result<void> connect_to(Socket& socket, const ControllerAddress& to, std::chrono::milliseconds patience) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    const int code = getaddrinfo(to.host.c_str(), std::to_string(to.port).c_str(), &hints, &list);
    if (code != 0) return fail(Errc::unavailable, "The controller's name " + to.host + " has no address (" + gai_strerror(code) + ").");
    const Owned<addrinfo, freeaddrinfo> owner(list);
    int reason = 0;
    for (const addrinfo* at = list; at; at = at->ai_next) {
        if (socket.fd >= 0) close(socket.fd);
        socket.fd = ::socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
        timeval wait{patience.count() / 1000, patience.count() % 1000 * 1000};
        setsockopt(socket.fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
        setsockopt(socket.fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
        if (connect(socket.fd, at->ai_addr, at->ai_addrlen) == 0) return {};
        reason = errno;
    }
    return fail(Errc::unavailable, "The controller " + to.text() + " cannot be reached (" + std::strerror(reason) + ").");
}

Result<HttpsAnswer> parse(const std::string& text) {
    HttpsAnswer out;
    const size_t end = text.find("\r\n\r\n");
    if (!text.starts_with("HTTP/1.1 ") || end == std::string::npos || text.size() < 12 ||
        std::from_chars(text.data() + 9, text.data() + 12, out.status).ec != std::errc{})
        return fail(Errc::unavailable, "The controller's answer is no HTTP/1.1 response.");
    out.body = text.substr(end + 4);
    return out;
}

}  // namespace

Result<HttpsAnswer> https_request(const ControllerAddress& to, const HttpsTrust& trust, const std::string& method, const std::string& path,
                                  const std::string& body, const Clock& clock, std::chrono::milliseconds patience) {
    Pin pin{trust.authority_sha256, to.host, ""};
    ERR_clear_error();
    const Owned<SSL_CTX, SSL_CTX_free> context(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    if (!trust.authority_sha256.empty()) {
        SSL_CTX_set_cert_verify_callback(context.get(), verify_by_pin, &pin);
    } else if (SSL_CTX_load_verify_locations(context.get(), trust.authority_file.c_str(), nullptr) != 1) {
        return fail(Errc::invalid, "The controllers' CA " + trust.authority_file + " cannot be read; enrol this host again.");
    }
    if (!trust.identity_file.empty() && (SSL_CTX_use_certificate_chain_file(context.get(), trust.identity_file.c_str()) != 1 ||
                                         SSL_CTX_use_PrivateKey_file(context.get(), trust.identity_file.c_str(), SSL_FILETYPE_PEM) != 1))
        return fail(Errc::invalid, "This host's key and certificate in " + trust.identity_file + " cannot be used; enrol it again.");

    Socket socket;
    if (auto connected = connect_to(socket, to, patience); !connected) return fail(connected.error());
    const Owned<SSL, SSL_free> ssl(SSL_new(context.get()));
    SSL_set_fd(ssl.get(), socket.fd);
    SSL_set_tlsext_host_name(ssl.get(), to.host.c_str());
    if (!name_server(SSL_get0_param(ssl.get()), to.host)) throw std::runtime_error("OpenSSL takes no server name");
    if (SSL_connect(ssl.get()) != 1) {
        const long verdict = SSL_get_verify_result(ssl.get());
        if (verdict != X509_V_OK)
            return fail(Errc::forbidden, "The controller " + to.text() + " does not prove who it is (" + X509_verify_cert_error_string(verdict) +
                                             "); compare the CA's SHA-256 with the abuse desk's. Nothing was sent to it.");
        return fail(Errc::unavailable, "No TLS 1.3 with " + to.text() + " (" + openssl_reason() + ").");
    }
    const std::string request = method + " " + path + " HTTP/1.1\r\nHost: " + to.text() + "\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: " +
                                std::to_string(body.size()) + "\r\n\r\n" + body;
    if (SSL_write(ssl.get(), request.data(), int(request.size())) <= 0)
        return fail(Errc::unavailable, "The controller " + to.text() + " took no request (" + openssl_reason() + ").");
    const auto deadline = clock.monotonic() + patience;
    std::string text;
    char block[8192];
    int size;
    while ((size = SSL_read(ssl.get(), block, sizeof block)) > 0) {
        text.append(block, size_t(size));
        if (text.size() > most_answer_bytes || clock.monotonic() > deadline) return fail(Errc::unavailable, "The controller's answer does not end.");
    }
    if (text.empty()) return fail(Errc::unavailable, "The controller " + to.text() + " gave no answer (" + openssl_reason() + ").");
    auto answer = parse(text);
    if (answer) answer->authority_pem = pin.found_pem;
    return answer;
}

}  // namespace bailiff::agent
