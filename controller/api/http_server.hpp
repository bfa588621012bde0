// SPDX-License-Identifier: Apache-2.0
// An HTTP/1.1 server on one io thread of its own: TLS, server-sent events, WebSocket. No Boost in this header, since
// Beast costs a minute and 2 GB per unit that sees it.
//
// One exchange goes: header read -> the server's own rules -> `admit` decides on the header alone -> body read under
// the limit -> `handle` answers, from whatever thread and whenever it likes -> next request on the connection.
#pragma once

#include "controller/api/http_message.hpp"

#include <bailiff/result.hpp>
#include <bailiff/time.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace bailiff {

/// A stream of server-sent events to one browser. Thread-safe. The server closes it when the peer goes, when its queue
/// is full (the browser comes back with Last-Event-ID) and at stop; dropping the last reference closes it too.
class EventStream {
  public:
    virtual ~EventStream() = default;
    /// False when the stream is closed, or was closed now because the peer does not read fast enough. `event` and `id`
    /// are one line each (cut at a line break) and may be empty; `data` may have several lines.
    virtual bool send(std::string_view event, std::string_view data, std::string_view id) = 0;
    virtual void close() = 0;
    virtual bool closed() const = 0;
};

/// The server's side of one exchange. Handlers use it through Respond; tests of handlers implement it.
class HttpExchange {
  public:
    virtual ~HttpExchange() = default;
    virtual void answer(HttpResponse response) = 0;
    virtual std::shared_ptr<EventStream> stream(HttpFields headers) = 0;
};

/// How a handler answers: exactly once, from any thread, at once or later; later calls are ignored. When every copy is
/// gone without an answer, the server says 500.
class Respond {
  public:
    explicit Respond(std::shared_ptr<HttpExchange> exchange) : exchange_(std::move(exchange)) {}
    void operator()(HttpResponse response) const { exchange_->answer(std::move(response)); }
    /// Answers with 200 and text/event-stream, and keeps the connection until the stream closes.
    std::shared_ptr<EventStream> stream(HttpFields headers = {}) const { return exchange_->stream(std::move(headers)); }

  private:
    std::shared_ptr<HttpExchange> exchange_;
};

/// What `admit` says of a header: a refusal (the body is not read and the connection closes), or how large a body may be.
struct Admission {
    std::optional<HttpResponse> refusal;
    size_t body_limit = 0;  ///< 0: the server's own limit
};
/// Callable once from any thread; dropped without a call it means 503.
using Admit = std::function<void(Admission)>;

/// One accepted WebSocket. Thread-safe. Text messages only.
class WebSocket {
  public:
    virtual ~WebSocket() = default;
    /// False when the socket is closed, or was closed now because the queue is full (a slow peer).
    virtual bool send(std::string text) = 0;
    /// `code` as in RFC 6455 §7.4.1, 1008 for "you may not". The peer has half a second to agree.
    virtual void close(uint16_t code, std::string reason) = 0;
};

/// What an accepted WebSocket does. All callbacks come on the io thread; `on_close` comes once, last.
struct WebSocketUse {
    size_t largest_message = 1 << 20;    ///< a larger one closes with 1009
    size_t most_queued_bytes = 8 << 20;  ///< outgoing
    std::chrono::milliseconds idle{30'000};  ///< pinged after half of it without traffic, closed after all of it
    std::function<void(std::shared_ptr<WebSocket>)> on_open;
    std::function<void(std::string)> on_text;
    std::function<void(std::string reason)> on_close;
};

/// The server's side of a WebSocket handshake; exactly one of the two, once, from any thread.
class UpgradeExchange {
  public:
    virtual ~UpgradeExchange() = default;
    virtual void accept(WebSocketUse use) = 0;
    virtual void refuse(HttpResponse response) = 0;
};

/// What the owner of a server provides. All are called on the io thread and must not block.
struct HttpHandlers {
    /// Optional: everybody is admitted without it.
    std::function<void(const HttpRequest& header, Admit admit)> admit;
    std::function<void(HttpRequest request, Respond respond)> handle;
    /// Optional: without it upgrades are answered with 426. TLS listeners only.
    std::function<void(HttpRequest request, std::shared_ptr<UpgradeExchange> upgrade)> upgrade;
};

/// PEM files. With `client_ca_file` clients are asked for a certificate; one that does not verify ends the handshake,
/// none leaves `client_certificate_host` empty.
struct HttpTls {
    std::string certificate_file;  ///< leaf first, then the chain
    std::string key_file;
    std::string client_ca_file;
    bool only_tls_1_3 = false;     ///< otherwise 1.2 and 1.3
};

struct HttpOptions {
    std::string address = "127.0.0.1";
    uint16_t port = 0;                  ///< 0: any free one; see bound_port()
    std::optional<HttpTls> tls;         ///< without it only loopback addresses are served
    size_t header_limit = 16 * 1024;    ///< 431 above
    size_t body_limit = 1 << 20;        ///< 413 above
    size_t most_connections = 2048;     ///< more are closed at once
    size_t most_connections_per_address = 512;
    size_t most_stream_bytes = 1 << 20; ///< queued per event stream
    std::chrono::milliseconds handshake_timeout{10'000};
    std::chrono::milliseconds header_timeout{10'000};  ///< the whole header, from its first byte
    std::chrono::milliseconds body_timeout{30'000};    ///< the whole body
    std::chrono::milliseconds write_timeout{30'000};
    std::chrono::milliseconds idle_timeout{60'000};    ///< between requests
    std::chrono::milliseconds stream_comment{15'000};  ///< keep-alive comment of event streams
    const Clock* clock = nullptr;       ///< for the Date field; must outlive the server
};

struct HttpCore;

/// Life: construct, start() once, stop() once (or the destructor). start, stop and the destructor are for one thread;
/// post and every are for any.
class HttpServer {
  public:
    HttpServer(HttpOptions options, HttpHandlers handlers);
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    /// Binds and starts the io thread. `invalid` for options or files that cannot be used, `unavailable` for a port taken.
    Result<void> start();
    /// Accepts no more, gives exchanges in progress `grace` to finish, then closes everything and joins the thread.
    void stop(std::chrono::milliseconds grace = std::chrono::milliseconds(2000));
    uint16_t bound_port() const;
    /// Open connections, streams and WebSockets included.
    size_t connections() const;

    /// Reads the TLS files again; connections from now on use them. Any thread; on an error the old ones stay.
    Result<void> reload_tls();
    /// Runs `work` on the io thread; dropped when the server has stopped.
    void post(std::function<void()> work);
    /// Runs `work` on the io thread again and again until stop. Call before or after start.
    void every(std::chrono::milliseconds interval, std::function<void()> work);

  private:
    std::shared_ptr<HttpCore> core_;
};

}  // namespace bailiff
