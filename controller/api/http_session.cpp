// SPDX-License-Identifier: Apache-2.0
// One connection of people or agents: handshake, header, rules, admission, body, answer, again. Beast parses; what it
// is lax about (DESIGN.md §9) is refused here. Responses are composed by hand: they are one string.
//
//   handshake -> waiting -> header -> admission -> body -> handling -> writing -> waiting ...
//                                        |                   |-> streaming
//                                        `-> web socket (the stream moves out)
#include "controller/api/http_exchange.hpp"
#include "controller/api/http_header.hpp"
#include "controller/api/http_tls.hpp"

#include <bailiff/json.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <deque>
#include <type_traits>

namespace bailiff {
namespace {

namespace http = beast::http;
using ErrorCode = boost::system::error_code;

template <class Stream>
class Session final : public HttpConnection, public ExchangeTarget, public std::enable_shared_from_this<Session<Stream>> {
  public:
    static constexpr bool tls = std::is_same_v<Stream, TlsStream>;

    Session(HttpCore& core, Stream stream, std::string address)
        : HttpConnection(std::move(address)), core_(core), stream_(std::move(stream)), buffer_(core.options.header_limit + 16384) {}

    void run() override {
        if constexpr (tls) {
            lowest().expires_after(core_.options.handshake_timeout);
            stream_.async_handshake(net::ssl::stream_base::server, [self = self()](ErrorCode error) {
                if (error) return self->leave();
                const TlsPeer peer = tls_peer(self->stream_.native_handle());
                self->certificate_host_ = peer.host;
                self->certificate_expires_ = peer.expires;
                self->wait_for_request();
            });
        } else {
            wait_for_request();
        }
    }

    void end(bool at_once) override {
        closing_ = true;
        if (at_once || state_ == State::waiting) leave();
        else if (state_ == State::streaming) end_stream();
    }

    void admitted(Admission admission) override {
        if (state_ != State::admission) return;
        if (admission.refusal) return refuse(std::move(*admission.refusal));
        const size_t limit = admission.body_limit ? admission.body_limit : core_.options.body_limit;
        const auto length = parser_->content_length();
        if (length && *length > limit)
            return refuse(http_problem(413, "The body has " + std::to_string(*length) + " bytes; at most " + std::to_string(limit) + " are taken here."));
        if (beast::websocket::is_upgrade(parser_->get())) return upgrade();
        if (!parser_->is_done() && head_.header("expect") == "100-continue") {
            write("HTTP/1.1 100 Continue\r\n\r\n", [](Session& s) { s.read_body(); });
            return;
        }
        read_body();
    }

    void answered(HttpResponse response) override {
        if (state_ != State::handling) return;
        respond(std::move(response));
    }

    void begin_stream(HttpFields headers, std::shared_ptr<OutgoingState> state) override {
        stream_state_ = std::move(state);
        if (state_ != State::handling || stream_state_->closed) return leave();
        state_ = State::streaming;
        HttpResponse head{200, std::move(headers), ""};
        head.headers.emplace_back("Content-Type", "text/event-stream");
        head.headers.emplace_back("X-Accel-Buffering", "no");
        lowest().expires_never();
        watch_for_end();
        keep_alive();
        push_text(http_header_text(head, facts(true, false)), 0);
    }
    void push(std::string text) override {
        const size_t size = text.size();
        push_text(std::move(text), size);
    }
    void end_stream() override {
        if (state_ != State::streaming) return;
        closing_ = true;
        if (!writing_) leave();
    }

    void begin_web_socket(WebSocketUse use) override {
        if constexpr (tls) {
            if (state_ != State::handling) return;
            const auto keep = self();
            lowest().expires_never();
            auto socket = make_web_socket(core_, std::move(stream_), peer_address, parser_->release(), std::move(use));
            state_ = State::gone;
            core_.leave(this);
            if (closing_) return;
            core_.enter(socket);
            socket->run();
        } else {
            respond(http_problem(426, "WebSocket is served over TLS only."));
        }
    }

  private:
    enum class State { handshake, waiting, header, admission, body, handling, writing, streaming, gone };
    struct Outgoing {
        std::string text;
        size_t counted;
    };

    std::shared_ptr<Session> self() { return this->shared_from_this(); }
    auto& lowest() { return beast::get_lowest_layer(stream_); }
    TargetInlet inlet() { return {core_.inlet, self()}; }

    void leave() {
        if (state_ == State::gone) return;
        state_ = State::gone;
        if (stream_state_) stream_state_->closed = true;
        if (timer_) timer_->cancel();
        lowest().close();
        core_.leave(this);
    }

    void wait_for_request() {
        state_ = State::waiting;
        if (closing_ || core_.stopping) return leave();
        parser_.emplace();
        parser_->header_limit(std::uint32_t(core_.options.header_limit));
        parser_->body_limit(boost::none);  // decided by us, once the header is known
        if (buffer_.size()) return read_header();
        // Waiting for the next request and reading its header have different patience: a byte now and then must not
        // keep a header open.
        lowest().expires_after(core_.options.idle_timeout);
        stream_.async_read_some(buffer_.prepare(2048), [self = self()](ErrorCode error, size_t size) {
            if (error) return self->leave();
            self->buffer_.commit(size);
            self->read_header();
        });
    }

    void read_header() {
        state_ = State::header;
        lowest().expires_after(core_.options.header_timeout);
        http::async_read_header(stream_, buffer_, *parser_, [self = self()](ErrorCode error, size_t) {
            if (self->state_ == State::gone) return;
            if (!error) return self->judge_header();
            if (error == http::error::header_limit || error == http::error::buffer_overflow)
                return self->refuse(http_problem(431, "The header is too large; send fewer or shorter fields."));
            if (error.category() == http::make_error_code(http::error::bad_method).category() && error != http::error::end_of_stream &&
                error != http::error::partial_message)
                return self->refuse(http_problem(400, "This is no HTTP/1.1 request."));
            self->leave();
        });
    }

    void judge_header() {
        state_ = State::admission;
        const auto& fields = parser_->get();
        head_ = HttpRequest{};
        head_.method = std::string(fields.method_string());
        head_.peer_address = peer_address;
        head_.client_certificate_host = certificate_host_;
        head_.client_certificate_expires = certificate_expires_;
        if (fields.version() != 11) return refuse(http_problem(505, "Only HTTP/1.1 is spoken here."));
        if (fields.count(http::field::transfer_encoding)) return refuse(http_problem(411, "Send the body with Content-Length, without a transfer encoding."));
        if (fields.count(http::field::host) != 1) return refuse(http_problem(400, "A request names exactly one Host."));
        for (const auto single : {http::field::content_length, http::field::authorization, http::field::content_type, http::field::cookie})
            if (fields.count(single) > 1) return refuse(http_problem(400, "The field " + std::string(http::to_string(single)) + " stands twice."));
        if (!parse_http_target(std::string_view(fields.target().data(), fields.target().size()), head_))
            return refuse(http_problem(400, "The request target is malformed or ambiguous."));
        for (const auto& field : fields) {
            std::string name(field.name_string());
            for (char& c : name) c = c >= 'A' && c <= 'Z' ? char(c + 32) : c;
            auto [at, fresh] = head_.headers.try_emplace(std::move(name), std::string(field.value()));
            if (!fresh) at->second += ", " + std::string(field.value());
        }
        if (!core_.handlers.admit) return admitted({});
        const auto once = std::make_shared<AdmitOnce>(inlet());
        guarded([&] { core_.handlers.admit(head_, [once](Admission admission) { once->decide(std::move(admission)); }); });
    }

    void upgrade() {
        if (!parser_->is_done()) return refuse(http_problem(400, "A WebSocket handshake has no body."));
        state_ = State::handling;
        if (!core_.handlers.upgrade) return respond(http_problem(426, "No WebSocket is served here."));
        const auto exchange = std::make_shared<Exchange>(inlet(), 0);
        guarded([&] { core_.handlers.upgrade(std::move(head_), exchange); });
    }

    void read_body() {
        if (parser_->is_done()) return handle();
        state_ = State::body;
        lowest().expires_after(core_.options.body_timeout);
        http::async_read(stream_, buffer_, *parser_, [self = self()](ErrorCode error, size_t) {
            if (self->state_ == State::gone) return;
            if (error) return self->leave();
            self->handle();
        });
    }

    void handle() {
        state_ = State::handling;
        head_.body = std::move(parser_->get().body());
        const Respond respond_later(std::make_shared<Exchange>(inlet(), core_.options.most_stream_bytes));
        guarded([&] { core_.handlers.handle(std::move(head_), respond_later); });
    }

    /// An exception of a handler is an outage nobody here can mend: this exchange ends with 503, the loop goes on.
    template <class Call>
    void guarded(Call call) {
        try {
            call();
        } catch (const std::exception&) {
            if (state_ == State::admission || state_ == State::handling)
                refuse(http_problem(503, "The server cannot do this now; try again later."));
        }
    }

    HttpHeaderFacts facts(bool close, bool length) const {
        HttpHeaderFacts out{tls, close, length, std::nullopt};
        if (core_.options.clock) out.date = core_.options.clock->now();
        return out;
    }

    /// Answers without having read the body; the connection cannot be used again.
    void refuse(HttpResponse response) {
        closing_ = unread_ = true;
        respond(std::move(response));
    }

    void respond(HttpResponse response) {
        state_ = State::writing;
        if (!parser_->is_header_done() || !parser_->keep_alive() || core_.stopping) closing_ = true;
        std::string text = http_header_text(response, facts(closing_, true));
        const bool no_body = response.status == 204 || response.status == 304 || parser_->get().method() == http::verb::head;
        if (!no_body) text += response.body;
        write(std::move(text), [](Session& s) { s.closing_ ? s.part() : s.wait_for_request(); });
    }

    template <class Then>
    void write(std::string text, Then then) {
        out_ = std::move(text);
        lowest().expires_after(core_.options.write_timeout);
        net::async_write(stream_, net::buffer(out_), [self = self(), then](ErrorCode error, size_t) {
            if (self->state_ == State::gone) return;
            if (error) return self->leave();
            self->out_ = {};
            then(*self);
        });
    }

    /// Says goodbye. What the peer still sends is read and dropped for a while, otherwise the kernel would answer it
    /// with a reset that can overtake our response.
    void part() {
        lowest().expires_after(std::chrono::seconds(2));
        if (unread_) return drain(size_t{4} << 20);
        if constexpr (tls) {
            stream_.async_shutdown([self = self()](ErrorCode) { self->leave(); });
        } else {
            ErrorCode ignored;
            lowest().socket().shutdown(tcp::socket::shutdown_send, ignored);
            drain(65536);
        }
    }
    void drain(size_t most) {
        buffer_.consume(buffer_.size());
        stream_.async_read_some(buffer_.prepare(16384), [self = self(), most](ErrorCode error, size_t size) {
            if (error || size >= most) return self->leave();
            self->drain(most - size);
        });
    }

    void watch_for_end() {
        buffer_.consume(buffer_.size());
        stream_.async_read_some(buffer_.prepare(512), [self = self()](ErrorCode error, size_t) {
            if (error) return self->leave();
            self->watch_for_end();
        });
    }
    void keep_alive() {
        if (!timer_) timer_.emplace(core_.io);
        timer_->expires_after(core_.options.stream_comment);
        timer_->async_wait([self = self()](ErrorCode error) {
            if (error || self->state_ != State::streaming) return;
            if (self->queue_.empty()) self->push_text(":\n\n", 0);
            self->keep_alive();
        });
    }
    void push_text(std::string text, size_t counted) {
        if (state_ != State::streaming) return;
        queue_.push_back({std::move(text), counted});
        if (!writing_) write_next();
    }
    void write_next() {
        writing_ = true;
        lowest().expires_after(core_.options.write_timeout);  // of the write: the pending read has no limit
        net::async_write(stream_, net::buffer(queue_.front().text), [self = self()](ErrorCode error, size_t) {
            self->writing_ = false;
            if (self->state_ == State::gone) return;
            self->stream_state_->queued_bytes -= self->queue_.front().counted;
            self->queue_.pop_front();
            if (error || (self->closing_ && self->queue_.empty())) return self->leave();
            if (!self->queue_.empty()) self->write_next();
        });
    }

    HttpCore& core_;
    Stream stream_;
    beast::flat_buffer buffer_;
    std::optional<http::request_parser<http::string_body>> parser_;
    HttpRequest head_;
    std::string out_;
    std::string certificate_host_;
    Instant certificate_expires_{};
    State state_ = State::handshake;
    bool closing_ = false, unread_ = false, writing_ = false;
    std::deque<Outgoing> queue_;
    std::shared_ptr<OutgoingState> stream_state_;
    std::optional<net::steady_timer> timer_;
};

}  // namespace

std::shared_ptr<HttpConnection> make_http_session(HttpCore& core, tcp::socket socket, std::string address) {
    if (core.tls)
        return std::make_shared<Session<TlsStream>>(core, TlsStream(beast::tcp_stream(std::move(socket)), *core.tls), std::move(address));
    return std::make_shared<Session<beast::tcp_stream>>(core, beast::tcp_stream(std::move(socket)), std::move(address));
}

}  // namespace bailiff
