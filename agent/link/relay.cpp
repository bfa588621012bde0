// SPDX-License-Identifier: Apache-2.0
//   resolve -> connect -> TLS -> WebSocket -> the agent's socket -> up: two loops, agent to controller and back
#include "agent/link/relay.hpp"

#include <bailiff/message.hpp>

#include <array>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <boost/beast/websocket/stream.hpp>

namespace bailiff::agent {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using ErrorCode = boost::system::error_code;
using std::chrono::milliseconds;

class SocketRelay final : public Relay, public std::enable_shared_from_this<SocketRelay> {
  public:
    SocketRelay(net::io_context& io, const LinkOptions& options, ControllerAddress to, std::shared_ptr<net::ssl::context> tls, RelayEvents events)
        : options_(options), to_(std::move(to)), events_(std::move(events)), tls_(std::move(tls)), resolver_(io), socket_(io, *tls_), agent_(io), timer_(io) {}

    void run() override {
        timer_.expires_after(milliseconds(10'000));
        timer_.async_wait([self = shared_from_this()](ErrorCode error) {
            if (!error && !self->open_) self->end("the controller does not answer in time");
        });
        resolver_.async_resolve(to_.host, std::to_string(to_.port), [self = shared_from_this()](ErrorCode error, net::ip::tcp::resolver::results_type list) {
            if (self->failed(error, "its name has no address")) return;
            self->stream().expires_never();
            self->stream().async_connect(list, [self](ErrorCode refused, const net::ip::tcp::endpoint&) {
                if (self->failed(refused, "no connection")) return;
                self->stream().socket().set_option(net::ip::tcp::no_delay(true), refused);
                self->secure();
            });
        });
    }

    void stop(const std::string& reason) override {
        if (ended_ || stopping_) return;
        stopping_ = true;
        if (!open_) return end(reason);
        why_ = reason;
        timer_.expires_after(milliseconds(500));
        timer_.async_wait([self = shared_from_this()](ErrorCode error) {
            if (!error) self->end(self->why_);
        });
        socket_.async_close(websocket::close_reason(websocket::close_code::going_away), [self = shared_from_this()](ErrorCode) { self->end(self->why_); });
    }

  private:
    beast::tcp_stream& stream() { return beast::get_lowest_layer(socket_); }

    bool failed(ErrorCode error, const char* what) {
        if (!error && !ended_) return false;
        end(std::string(what) + " (" + error.message() + ")");
        return true;
    }

    void end(std::string reason) {
        if (ended_) return;
        ended_ = true;
        timer_.cancel();
        resolver_.cancel();
        stream().close();
        ErrorCode ignored;
        agent_.close(ignored);
        const auto keep = shared_from_this();
        if (events_.on_end) events_.on_end({up_, std::move(reason)});
        events_ = {};
    }

    void secure() {
        SSL* ssl = socket_.next_layer().native_handle();
        X509_VERIFY_PARAM* param = SSL_get0_param(ssl);
        ErrorCode no_address;
        net::ip::make_address(to_.host, no_address);
        const int named = no_address ? X509_VERIFY_PARAM_set1_host(param, to_.host.c_str(), 0) : X509_VERIFY_PARAM_set1_ip_asc(param, to_.host.c_str());
        if (named != 1) return end("its name cannot be checked");
        if (no_address) SSL_set_tlsext_host_name(ssl, to_.host.c_str());
        socket_.next_layer().async_handshake(net::ssl::stream_base::client, [self = shared_from_this()](ErrorCode error) {
            if (self->failed(error, "TLS failed")) return;
            // Above half of the gateway's idle time: its pings keep us, ours keep it, and a dead path is noticed by both.
            self->socket_.set_option(websocket::stream_base::timeout{milliseconds(10'000), milliseconds(40'000), true});
            self->socket_.read_message_max(largest_frame);
            self->socket_.auto_fragment(false);
            self->socket_.text(true);
            self->socket_.async_handshake(self->response_, self->to_.text(), "/agent", [self](ErrorCode refused) {
                if (refused == websocket::error::upgrade_declined)
                    return self->end("the controller refuses this host with status " + std::to_string(self->response_.result_int()));
                if (self->failed(refused, "no WebSocket")) return;
                self->response_ = {};
                self->open_ = true;
                self->timer_.cancel();
                self->meet_agent(int(self->options_.agent_patience / agent_pause));
            });
        });
    }

    void meet_agent(int more_tries) {
        agent_.async_connect(net::local::stream_protocol::endpoint(options_.agent_socket), [self = shared_from_this(), more_tries](ErrorCode error) {
            if (self->ended_ || self->stopping_) return;
            if (!error) return self->begin();
            if (more_tries <= 0) return self->end("the agent does not listen on " + self->options_.agent_socket + " (" + error.message() + ")");
            ErrorCode ignored;
            self->agent_.close(ignored);
            self->timer_.expires_after(agent_pause);
            self->timer_.async_wait([self, more_tries](ErrorCode cancelled) {
                if (!cancelled && !self->ended_ && !self->stopping_) self->meet_agent(more_tries - 1);
            });
        });
    }

    void begin() {
        up_ = true;
        if (events_.on_up) events_.on_up();
        read_agent();
        read_controller();
    }

    // agent -> controller
    void read_agent() {
        net::async_read(agent_, net::buffer(size_in_), [self = shared_from_this()](ErrorCode error, size_t) {
            if (error) return self->agent_left(error);
            size_t size = 0;
            for (const unsigned char byte : self->size_in_) size = size << 8 | byte;
            if (size == 0 || size > largest_frame) return self->stop("the agent sends a frame of " + std::to_string(size) + " bytes");
            self->from_agent_.resize(size);
            net::async_read(self->agent_, net::buffer(self->from_agent_), [self](ErrorCode cut, size_t) {
                if (cut) return self->agent_left(cut);
                if (self->stopping_) return;
                self->socket_.async_write(net::buffer(self->from_agent_), [self](ErrorCode lost, size_t) {
                    if (self->stopping_) return;
                    if (lost) return self->end("the controller is gone (" + lost.message() + ")");
                    if (self->from_agent_.capacity() > 65536) self->from_agent_ = {};
                    self->read_agent();
                });
            });
        });
    }
    void agent_left(ErrorCode error) {
        if (!ended_ && !stopping_) stop("the agent is gone (" + error.message() + ")");
    }

    // controller -> agent
    void read_controller() {
        socket_.async_read(from_controller_, [self = shared_from_this()](ErrorCode error, size_t size) {
            if (self->ended_) return;
            if (error) {
                if (self->stopping_) return;
                const std::string said(self->socket_.reason().reason.c_str());
                return self->end("the controller is gone (" + (said.empty() ? error.message() : said) + ")");
            }
            if (self->stopping_) {
                // Reading on lets the peer's agreement to our close arrive.
                self->from_controller_.consume(size);
                return self->read_controller();
            }
            if (!self->socket_.got_text() || size == 0) return self->stop("the controller sends what is no frame");
            for (size_t i = 0; i < 4; ++i) self->size_out_[i] = static_cast<unsigned char>(size >> (8 * (3 - i)) & 255);
            const std::array<net::const_buffer, 2> both{net::buffer(self->size_out_), net::const_buffer(self->from_controller_.cdata())};
            net::async_write(self->agent_, both, [self](ErrorCode lost, size_t) {
                if (lost) return self->agent_left(lost);
                self->from_controller_.clear();
                if (self->from_controller_.capacity() > 65536) self->from_controller_.shrink_to_fit();
                self->read_controller();
            });
        });
    }

    static constexpr milliseconds agent_pause{250};
    const LinkOptions options_;
    const ControllerAddress to_;
    RelayEvents events_;
    const std::shared_ptr<net::ssl::context> tls_;
    net::ip::tcp::resolver resolver_;
    websocket::stream<beast::ssl_stream<beast::tcp_stream>, false> socket_;   // never compressed
    net::local::stream_protocol::socket agent_;
    net::steady_timer timer_;
    websocket::response_type response_;
    std::array<unsigned char, 4> size_in_{}, size_out_{};
    std::string from_agent_, why_;
    beast::flat_buffer from_controller_;
    bool open_ = false, up_ = false, stopping_ = false, ended_ = false;
};

}  // namespace

Result<std::shared_ptr<Relay>> make_relay(net::io_context& io, const LinkOptions& options, const ControllerAddress& to, RelayEvents events) {
    auto tls = std::make_shared<net::ssl::context>(net::ssl::context::tls_client);
    SSL_CTX* context = tls->native_handle();
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    if (SSL_CTX_load_verify_locations(context, options.authority_file().c_str(), nullptr) != 1)
        return fail(Errc::invalid, "The controllers' CA " + options.authority_file() + " cannot be read; enrol this host with `bailiff-link enrol`.");
    if (SSL_CTX_use_certificate_chain_file(context, options.identity_file().c_str()) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, options.identity_file().c_str(), SSL_FILETYPE_PEM) != 1)
        return fail(Errc::invalid, "This host's key and certificate in " + options.identity_file() + " cannot be used; enrol it with `bailiff-link enrol`.");
    return std::make_shared<SocketRelay>(io, options, to, std::move(tls), std::move(events));
}

}  // namespace bailiff::agent
