// SPDX-License-Identifier: Apache-2.0
// One accepted WebSocket: reads text messages one by one, writes from a bounded queue, pings, and closes in time.
#include "controller/api/http_core.hpp"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <deque>

namespace bailiff {
namespace {

namespace websocket = beast::websocket;
using ErrorCode = boost::system::error_code;

class SocketSession;

/// What owners hold: it never keeps the session alive, so that a session always ends on the io thread.
class Handle final : public WebSocket {
  public:
    Handle(std::shared_ptr<HttpInlet> inlet, std::weak_ptr<SocketSession> session, std::shared_ptr<OutgoingState> state, size_t most)
        : inlet_(std::move(inlet)), session_(std::move(session)), state_(std::move(state)), most_(most) {}
    bool send(std::string text) override;
    void close(uint16_t code, std::string reason) override;

  private:
    const std::shared_ptr<HttpInlet> inlet_;
    const std::weak_ptr<SocketSession> session_;
    const std::shared_ptr<OutgoingState> state_;
    const size_t most_;
};

class SocketSession final : public HttpConnection, public std::enable_shared_from_this<SocketSession> {
  public:
    using Request = beast::http::request<beast::http::string_body>;

    SocketSession(HttpCore& core, TlsStream stream, std::string address, Request request, WebSocketUse use)
        : HttpConnection(std::move(address)), core_(core), socket_(std::move(stream)), request_(std::move(request)), use_(std::move(use)),
          timer_(core.io) {}

    void run() override {
        websocket::stream_base::timeout times{core_.options.handshake_timeout, use_.idle, true};
        socket_.set_option(times);
        socket_.read_message_max(use_.largest_message);
        socket_.auto_fragment(false);
        socket_.text(true);
        socket_.async_accept(request_, [self = shared_from_this()](ErrorCode error) {
            self->request_ = {};
            if (error) return self->leave(error.message());
            self->open_ = true;
            if (self->use_.on_open)
                self->use_.on_open(std::make_shared<Handle>(self->core_.inlet, self, self->state_, self->use_.most_queued_bytes));
            self->read();
        });
    }

    void end(bool at_once) override {
        if (at_once) leave("the server ended");
        else close(1001, "the server ends");
    }

    void push(std::string text) {
        if (gone_ || closing_) return;
        queue_.push_back(std::move(text));
        if (!writing_) write();
    }

    void close(uint16_t code, const std::string& reason) {
        if (gone_ || closing_) return;
        closing_ = true;
        state_->closed = true;
        why_ = reason;
        // A peer that does not agree in time is cut off: a banned host has no say in how long it stays.
        timer_.expires_after(std::chrono::milliseconds(500));
        timer_.async_wait([self = shared_from_this()](ErrorCode error) {
            if (!error) self->leave(self->why_);
        });
        if (!open_) return;
        websocket::close_reason why;
        why.code = code;
        why.reason.assign(reason.data(), std::min<size_t>(reason.size(), 120));
        socket_.async_close(why, [self = shared_from_this()](ErrorCode) { self->leave(self->why_); });
    }

  private:
    void leave(const std::string& reason) {
        if (gone_) return;
        gone_ = true;
        state_->closed = true;
        timer_.cancel();
        beast::get_lowest_layer(socket_).close();
        const auto keep = shared_from_this();
        core_.leave(this);
        if (open_ && use_.on_close) use_.on_close(reason);
        use_ = {};
    }

    void read() {
        socket_.async_read(buffer_, [self = shared_from_this()](ErrorCode error, size_t) {
            if (self->gone_) return;
            if (error) {
                // While we close, the end of reading is expected; async_close or the timer has the last word.
                if (self->closing_ && error == net::error::operation_aborted) return;
                return self->leave(self->closing_ ? self->why_ : error.message());
            }
            if (!self->socket_.got_text()) return self->close(1003, "only text messages are taken");
            if (!self->closing_) {
                const auto data = self->buffer_.cdata();
                std::string text(static_cast<const char*>(data.data()), data.size());
                self->buffer_.clear();
                if (self->buffer_.capacity() > 65536) self->buffer_.shrink_to_fit();
                self->use_.on_text(std::move(text));
            }
            if (!self->gone_) self->read();
        });
    }

    void write() {
        writing_ = true;
        socket_.async_write(net::buffer(queue_.front()), [self = shared_from_this()](ErrorCode error, size_t) {
            self->writing_ = false;
            if (self->gone_) return;
            self->state_->queued_bytes -= self->queue_.front().size();
            self->queue_.pop_front();
            if (error && !self->closing_) return self->leave(error.message());
            if (!self->queue_.empty() && !self->closing_) self->write();
        });
    }

    HttpCore& core_;
    websocket::stream<TlsStream, false> socket_;   // never compressed: what a stranger sends is not inflated
    Request request_;
    WebSocketUse use_;
    net::steady_timer timer_;
    beast::flat_buffer buffer_;
    std::deque<std::string> queue_;
    std::string why_;
    bool open_ = false, closing_ = false, writing_ = false, gone_ = false;
    const std::shared_ptr<OutgoingState> state_ = std::make_shared<OutgoingState>();
};

bool Handle::send(std::string text) {
    if (state_->closed) return false;
    const size_t size = text.size();
    if (state_->queued_bytes.fetch_add(size) + size > most_) {
        close(1008, "messages are not read fast enough");
        return false;
    }
    inlet_->post([weak = session_, text = std::move(text)]() mutable {
        if (const auto session = weak.lock()) session->push(std::move(text));
    });
    return true;
}

void Handle::close(uint16_t code, std::string reason) {
    inlet_->post([weak = session_, code, reason = std::move(reason)] {
        if (const auto session = weak.lock()) session->close(code, reason);
    });
}

}  // namespace

std::shared_ptr<HttpConnection> make_web_socket(HttpCore& core, TlsStream stream, std::string address,
                                                beast::http::request<beast::http::string_body> request, WebSocketUse use) {
    return std::make_shared<SocketSession>(core, std::move(stream), std::move(address), std::move(request), std::move(use));
}

}  // namespace bailiff
