// SPDX-License-Identifier: Apache-2.0
// A client that sends exactly the bytes a test gives it, plain or over TLS, and by hand-made WebSocket frames. Blocking,
// with a time-out on every read: a test that waits in vain fails instead of hanging.
#pragma once

#include <arpa/inet.h>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <memory>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace bailiff::test {

struct RawTls {
    std::string certificate_file, key_file;  ///< "" for none
    int highest = TLS1_3_VERSION;
};

class RawClient {
  public:
    explicit RawClient(uint16_t port, std::optional<RawTls> tls = std::nullopt, int timeout_ms = 5000) {
        std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to a closed socket without MSG_NOSIGNAL
        socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        timeval wait{timeout_ms / 1000, timeout_ms % 1000 * 1000};
        setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        connected_ = ::connect(socket_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
        const int at_once = 1;  // otherwise Nagle and delayed acknowledgements cost 40 ms per exchange
        setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
        if (!connected_ || !tls) return;
        context_.reset(SSL_CTX_new(TLS_client_method()));
        SSL_CTX_set_max_proto_version(context_.get(), tls->highest);
        if (!tls->certificate_file.empty()) {
            SSL_CTX_use_certificate_chain_file(context_.get(), tls->certificate_file.c_str());
            SSL_CTX_use_PrivateKey_file(context_.get(), tls->key_file.c_str(), SSL_FILETYPE_PEM);
        }
        ssl_.reset(SSL_new(context_.get()));
        SSL_set_fd(ssl_.get(), socket_);
        connected_ = SSL_connect(ssl_.get()) == 1;
    }
    ~RawClient() {
        ssl_.reset();
        ::close(socket_);
    }
    RawClient(const RawClient&) = delete;
    RawClient& operator=(const RawClient&) = delete;

    bool connected() const { return connected_; }
    SSL* ssl() const { return ssl_.get(); }

    bool send(const std::string& bytes) {
        if (!connected_) return false;
        if (ssl_) return SSL_write(ssl_.get(), bytes.data(), int(bytes.size())) > 0;
        return ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == ssize_t(bytes.size());
    }

    /// More bytes into the buffer; false at the end of the connection, on an error, or after the time-out.
    bool read_more() {
        char block[16384];
        const ssize_t size = ssl_ ? SSL_read(ssl_.get(), block, sizeof block) : ::recv(socket_, block, sizeof block, 0);
        if (size <= 0) return false;
        buffer_.append(block, size_t(size));
        return true;
    }
    /// Takes what comes up to and including `mark`; "" when it does not come.
    std::string read_until(const std::string& mark) {
        size_t at;
        while ((at = buffer_.find(mark)) == std::string::npos)
            if (!read_more()) return "";
        return take(at + mark.size());
    }
    /// Header and body of one response; "" when none comes.
    std::string read_response() {
        const std::string header = read_until("\r\n\r\n");
        const size_t at = header.find("Content-Length: ");
        if (at == std::string::npos) return header;
        const size_t length = std::stoul(header.substr(at + 16));
        while (buffer_.size() < length)
            if (!read_more()) return "";
        return header + take(length);
    }
    /// Whether the peer has ended the connection (within the read time-out).
    bool ended() {
        while (true) {
            char block[4096];
            const ssize_t size = ssl_ ? SSL_read(ssl_.get(), block, sizeof block) : ::recv(socket_, block, sizeof block, 0);
            if (size > 0) continue;
            return ssl_ ? SSL_get_error(ssl_.get(), int(size)) != SSL_ERROR_WANT_READ : size == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
        }
    }

    // WebSocket ----------------------------------------------------------------------------------------------------
    /// Shakes hands; the whole response.
    std::string upgrade(const std::string& target = "/agent") {
        send("GET " + target + " HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
        return read_response();
    }
    /// A masked frame with opcode 1 (text), 2 (binary), 8 (close), 9 (ping). A zero mask leaves the payload readable.
    bool send_frame(const std::string& payload, int opcode = 1) {
        std::string out(1, char(0x80 | opcode));
        if (payload.size() < 126) {
            out += char(0x80 | int(payload.size()));
        } else {
            const int bytes = payload.size() < 65536 ? 2 : 8;
            out += char(0x80 | (bytes == 2 ? 126 : 127));
            for (int i = bytes - 1; i >= 0; --i) out += char(payload.size() >> (8 * i) & 255);
        }
        return send(out + std::string(4, '\0') + payload);
    }
    struct WsFrame {
        int opcode;
        std::string payload;
    };
    std::optional<WsFrame> read_frame() {
        const auto need = [&](size_t size) {
            while (buffer_.size() < size)
                if (!read_more()) return false;
            return true;
        };
        if (!need(2)) return std::nullopt;
        size_t length = static_cast<unsigned char>(buffer_[1]) & 127, header = 2;
        if (length >= 126) {
            const size_t bytes = length == 126 ? 2 : 8;
            header += bytes;
            if (!need(header)) return std::nullopt;
            length = 0;
            for (size_t i = 2; i < header; ++i) length = length << 8 | static_cast<unsigned char>(buffer_[i]);
        }
        if (!need(header + length)) return std::nullopt;
        const int opcode = buffer_[0] & 15;
        take(header);
        return WsFrame{opcode, take(length)};
    }

    /// What the peer says when it closes, pings and messages before it skipped; nothing when it just goes.
    std::optional<std::string> read_close() {
        while (auto frame = read_frame())
            if (frame->opcode == 8) return frame->payload;
        return std::nullopt;
    }

  private:
    std::string take(size_t size) {
        std::string out = buffer_.substr(0, size);
        buffer_.erase(0, size);
        return out;
    }
    int socket_ = -1;
    bool connected_ = false;
    std::string buffer_;
    std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_{nullptr, SSL_CTX_free};
    std::unique_ptr<SSL, decltype(&SSL_free)> ssl_{nullptr, SSL_free};
};

}  // namespace bailiff::test
