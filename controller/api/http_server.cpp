// SPDX-License-Identifier: Apache-2.0
// The listener: accepts, counts, and ends.
#include "controller/api/http_server.hpp"

#include "controller/api/http_core.hpp"
#include "controller/api/http_tls.hpp"

#include <cassert>
#include <fcntl.h>

namespace bailiff {
namespace {

/// Asio does not set it, and a child process that keeps a listener would keep the port taken after our end.
void not_for_children(int socket) { fcntl(socket, F_SETFD, FD_CLOEXEC); }

void accept_next(HttpCore& core) {
    core.acceptor.async_accept([&core](boost::system::error_code error, tcp::socket socket) {
        if (error == net::error::operation_aborted || core.stopping) return;
        if (error) {
            // Out of descriptors, most likely: give others time to close theirs instead of spinning.
            auto pause = std::make_shared<net::steady_timer>(core.io, std::chrono::milliseconds(100));
            pause->async_wait([&core, pause](boost::system::error_code ended) {
                if (!ended && !core.stopping) accept_next(core);
            });
            return;
        }
        not_for_children(socket.native_handle());
        boost::system::error_code gone;
        const auto peer = socket.remote_endpoint(gone);
        if (!gone) {
            std::string address = peer.address().to_string();
            const auto same = core.per_address.find(address);
            const bool full = core.connections.size() >= core.options.most_connections ||
                              (same != core.per_address.end() && same->second >= core.options.most_connections_per_address);
            socket.set_option(tcp::no_delay(true), gone);
            if (!full) {
                auto session = make_http_session(core, std::move(socket), std::move(address));
                core.enter(session);
                session->run();
            }
        }
        accept_next(core);
    });
}

void repeat(const std::shared_ptr<net::steady_timer>& timer, std::chrono::milliseconds interval,
            const std::shared_ptr<std::function<void()>>& work) {
    timer->expires_after(interval);
    timer->async_wait([timer, interval, work](boost::system::error_code error) {
        if (error) return;
        (*work)();
        repeat(timer, interval, work);
    });
}

/// Runs on the io thread until nobody is left or the time is up, then ends the loop.
void wind_down(HttpCore& core, const std::shared_ptr<net::steady_timer>& timer, int rounds) {
    if (core.connections.empty() || rounds <= -20) {
        core.io.stop();
        return;
    }
    if (rounds == 0) {
        const auto last = core.connections;
        for (const auto& [key, connection] : last) connection->end(true);
    }
    timer->expires_after(std::chrono::milliseconds(10));
    timer->async_wait([&core, timer, rounds](boost::system::error_code) { wind_down(core, timer, rounds - 1); });
}

Result<std::shared_ptr<net::ssl::context>> load_tls(const HttpOptions& options) {
    auto loaded = make_server_tls(*options.tls);
    if (!loaded) return fail(loaded.error());
    return std::make_shared<net::ssl::context>(*loaded);
}

}  // namespace

HttpServer::HttpServer(HttpOptions options, HttpHandlers handlers)
    : core_(std::make_shared<HttpCore>(std::move(options), std::move(handlers))) {
    assert(core_->handlers.handle);
}

HttpServer::~HttpServer() { stop(); }

Result<void> HttpServer::start() {
    HttpCore& core = *core_;
    boost::system::error_code error;
    const auto address = net::ip::make_address(core.options.address, error);
    if (error) return fail(Errc::invalid, "'" + core.options.address + "' is no IP address to listen on; write 127.0.0.1, ::1, 0.0.0.0 or ::.");
    if (!core.options.tls && !address.is_loopback())
        return fail(Errc::invalid, "Without TLS only loopback addresses are served; give certificate and key, or listen on 127.0.0.1.");
    if (core.options.tls) {
        auto tls = load_tls(core.options);
        if (!tls) return fail(tls.error());
        core.tls = std::move(*tls);
    }
    const tcp::endpoint endpoint(address, core.options.port);
    core.acceptor.open(endpoint.protocol(), error);
    if (!error) not_for_children(core.acceptor.native_handle());
    if (!error) core.acceptor.set_option(net::socket_base::reuse_address(true), error);
    if (!error) core.acceptor.bind(endpoint, error);
    if (!error) core.acceptor.listen(1024, error);
    if (error)
        return fail(Errc::unavailable, "Cannot listen on " + core.options.address + " port " + std::to_string(core.options.port) + " (" +
                                           error.message() + "); is another program using it?");
    core.bound_port = core.acceptor.local_endpoint().port();
    accept_next(core);
    core.thread = std::thread([&core] {
        const auto work = net::make_work_guard(core.io);
        core.io.run();
    });
    return {};
}

void HttpServer::stop(std::chrono::milliseconds grace) {
    HttpCore& core = *core_;
    if (core.thread.joinable()) {
        core.inlet->post([&core, grace] {
            core.stopping = true;
            boost::system::error_code ignored;
            core.acceptor.close(ignored);
            const auto now = core.connections;
            for (const auto& [key, connection] : now) connection->end(false);
            wind_down(core, std::make_shared<net::steady_timer>(core.io), int(grace.count() / 10) + 1);
        });
        core.thread.join();
    }
    core.inlet->shut();
    core.connections.clear();
    core.timers.clear();
    core.count = 0;
}

uint16_t HttpServer::bound_port() const { return core_->bound_port; }
size_t HttpServer::connections() const { return core_->count; }

Result<void> HttpServer::reload_tls() {
    if (!core_->options.tls) return {};
    auto tls = load_tls(core_->options);
    if (!tls) return fail(tls.error());
    core_->inlet->post([&core = *core_, fresh = std::move(*tls)] { core.tls = fresh; });
    return {};
}

void HttpServer::post(std::function<void()> work) { core_->inlet->post(std::move(work)); }

void HttpServer::every(std::chrono::milliseconds interval, std::function<void()> work) {
    core_->inlet->post([&core = *core_, interval, shared = std::make_shared<std::function<void()>>(std::move(work))] {
        core.timers.push_back(std::make_shared<net::steady_timer>(core.io));
        repeat(core.timers.back(), interval, shared);
    });
}

}  // namespace bailiff
