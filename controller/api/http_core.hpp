// SPDX-License-Identifier: Apache-2.0
// What the parts of the HTTP server share: the io loop, its inlet for other threads, and the table of connections.
// Private to http_*.cpp; it shows Boost.
#pragma once

#include "controller/api/http_server.hpp"

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <map>
#include <mutex>
#include <thread>

namespace bailiff {

namespace net = boost::asio;
namespace beast = boost::beast;
using tcp = net::ip::tcp;
using TlsStream = beast::ssl_stream<beast::tcp_stream>;

/// The queue into the io thread, and the only mutex of the server. Answers may come from a thread that outlives the
/// server: what is posted after `shut` is dropped.
class HttpInlet {
  public:
    explicit HttpInlet(net::io_context& io) : io_(&io) {}
    template <class Work>
    void post(Work&& work) {
        const std::lock_guard lock(mutex_);
        if (io_) net::post(*io_, std::forward<Work>(work));
    }
    void shut() {
        const std::lock_guard lock(mutex_);
        io_ = nullptr;
    }

  private:
    std::mutex mutex_;
    net::io_context* io_;
};

/// One peer. The core's table owns it until it leaves; all calls on the io thread.
class HttpConnection {
  public:
    explicit HttpConnection(std::string address) : peer_address(std::move(address)) {}
    virtual ~HttpConnection() = default;
    virtual void run() = 0;
    /// Ends: politely (what is in progress finishes), or at once.
    virtual void end(bool at_once) = 0;
    const std::string peer_address;
};

/// What a queue into a connection has to agree on with the threads that fill it.
struct OutgoingState {
    std::atomic<size_t> queued_bytes{0};
    std::atomic<bool> closed{false};
};

struct HttpCore {
    HttpCore(HttpOptions o, HttpHandlers h) : options(std::move(o)), handlers(std::move(h)), acceptor(io) {}

    void enter(std::shared_ptr<HttpConnection> connection) {
        ++per_address[connection->peer_address];
        HttpConnection* key = connection.get();
        connections.emplace(key, std::move(connection));
        count = connections.size();
    }
    /// The caller keeps its own reference while it still runs.
    void leave(HttpConnection* connection) {
        const auto found = connections.find(connection);
        if (found == connections.end()) return;
        const auto address = per_address.find(connection->peer_address);
        if (--address->second == 0) per_address.erase(address);
        connections.erase(found);
        count = connections.size();
    }

    const HttpOptions options;
    const HttpHandlers handlers;
    std::atomic<uint16_t> bound_port{0};
    std::atomic<size_t> count{0};
    bool stopping = false;
    std::map<std::string, size_t> per_address;
    // From here on the order matters: timers, sockets and connections end before their loop.
    net::io_context io{1};
    std::shared_ptr<HttpInlet> inlet = std::make_shared<HttpInlet>(io);
    std::shared_ptr<net::ssl::context> tls;
    tcp::acceptor acceptor;
    std::vector<std::shared_ptr<net::steady_timer>> timers;
    std::map<HttpConnection*, std::shared_ptr<HttpConnection>> connections;
    std::thread thread;
};

/// http_session.cpp
std::shared_ptr<HttpConnection> make_http_session(HttpCore& core, tcp::socket socket, std::string address);
/// http_web_socket.cpp: takes the stream over; `request` is the handshake.
std::shared_ptr<HttpConnection> make_web_socket(HttpCore& core, TlsStream stream, std::string address,
                                                beast::http::request<beast::http::string_body> request, WebSocketUse use);

}  // namespace bailiff
