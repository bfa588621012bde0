// SPDX-License-Identifier: Apache-2.0
// Sessions live on the io thread; the one table that the desk's thread reads (whom can I send to) is behind a mutex,
// because `send` must answer at once.
#include "controller/gateway/gateway.hpp"

#include "controller/api/http_server.hpp"

#include <atomic>
#include <map>
#include <mutex>
#include <set>

namespace bailiff {
namespace {

/// One WebSocket of one host; io thread only.
struct Session {
    HostId host;
    Instant expires{};
    std::chrono::milliseconds since{};
    std::shared_ptr<WebSocket> socket;
    bool greeted = false;
    double budget = 0;   ///< frames it may still send at once
    void close(const std::string& reason) const { socket->close(1008, reason); }
};
using SessionPointer = std::shared_ptr<Session>;

bool comes_from_agents(const Message& message) {
    return std::holds_alternative<Hello>(message) || std::holds_alternative<Heartbeat>(message) || std::holds_alternative<InventoryPart>(message) ||
           std::holds_alternative<VmEvent>(message) || std::holds_alternative<OrderAnswer>(message) ||
           std::holds_alternative<JobAnswer>(message) || std::holds_alternative<Ack>(message) || std::holds_alternative<Discovery>(message);
}

int status_of(Errc code) {
    switch (code) {
        case Errc::not_found: return 404;
        case Errc::conflict: return 409;
        case Errc::invalid: return 400;
        case Errc::forbidden: return 403;
        case Errc::unavailable: return 503;
        case Errc::unknown_outcome: return 503;
    }
    return 500;
}

HttpResponse refusal(const Error& error) { return http_problem(status_of(error.code), error.text); }

}  // namespace

struct Gateway::State : std::enable_shared_from_this<Gateway::State> {
    State(GatewayOptions o, Enrolment& e, PostTurn p, GatewayEvents v)
        : options(std::move(o)), enrolment(e), post(std::move(p)), events(std::move(v)) {}

    // -- HTTP -----------------------------------------------------------------------------------------------------
    void admit(const HttpRequest& header, const Admit& admit) const {
        const bool needs_certificate = header.path == "/renew" || header.path == "/agent";
        if (needs_certificate && header.client_certificate_host.empty())
            return admit({http_problem(401, "Come with the host's certificate; a host without one enrols with a token."), 0});
        const bool known = needs_certificate || header.path == "/enrol" || header.path == "/healthz";
        if (!known) return admit({http_problem(404, "Nothing is here; this listener is for agents."), 0});
        admit({std::nullopt, 32 * 1024});
    }

    void handle(const HttpRequest& request, const Respond& respond) {
        if (request.path == "/healthz") return respond(http_json(200, R"({"status":"ok"})"));
        if (request.path == "/agent") return respond(http_problem(426, "This address is for a WebSocket."));
        if (request.method != "POST") return respond({405, {{"Allow", "POST"}}, ""});
        const bool fresh = request.path == "/enrol";
        const auto json = parse_json(request.body, JsonLimits{32 * 1024, 4});
        if (!json) return respond(refusal(json.error()));
        std::vector<Mistake> mistakes;
        JsonReader read(*json, mistakes);
        const std::string csr = read.text("csr_pem", 16 * 1024);
        const std::string token = fresh ? read.text("token", 256) : "";
        if (!mistakes.empty()) return respond(http_problem(400, describe(mistakes, 5)));
        const HostId host(request.client_certificate_host);
        const auto work = [self = shared_from_this(), fresh, host, token, csr, respond]() -> std::function<void()> {
            Json out;
            if (fresh) {
                auto issued = self->enrolment.enrol(token, csr);
                if (!issued) return [respond, error = issued.error()] { respond(refusal(error)); };
                const auto& authority = self->enrolment.authority();
                out = {{"host", issued->first.text()}, {"certificate", issued->second.pem}, {"ca", authority.authority_pem()},
                       {"order_key", authority.order_key().public_pem()}};
            } else {
                auto issued = self->enrolment.renew(host, csr);
                if (!issued) return [respond, error = issued.error()] { respond(refusal(error)); };
                out = {{"host", host.text()}, {"certificate", issued->pem}};
            }
            return [respond, text = dump_json(out)] { respond(http_json(200, text)); };
        };
        ask_desk(work, [respond] { respond(http_problem(503, "The controller cannot look into its storage now; try again later.")); });
    }

    void upgrade(const HttpRequest& request, const std::shared_ptr<UpgradeExchange>& exchange) {
        if (request.path != "/agent") return exchange->refuse(http_problem(404, "The agents' WebSocket is at /agent."));
        auto session = std::make_shared<Session>();
        session->host = HostId(request.client_certificate_host);
        session->expires = request.client_certificate_expires;
        const auto work = [self = shared_from_this(), session, exchange]() -> std::function<void()> {
            if (self->enrolment.store().banned(session->host))
                return [exchange] { exchange->refuse(http_problem(403, "This host is banned.")); };
            return [self, session, exchange] { exchange->accept(self->use_of(session)); };
        };
        ask_desk(work, [exchange] { exchange->refuse(http_problem(503, "The controller cannot look into its storage now.")); });
    }

    void ask_desk(std::function<std::function<void()>()> work, const std::function<void()>& failed) const {
        if (!post({std::move(work), failed})) failed();
    }

    // -- sessions, all on the io thread ----------------------------------------------------------------------------
    WebSocketUse use_of(const SessionPointer& session) {
        WebSocketUse use;
        use.largest_message = largest_frame;
        use.most_queued_bytes = options.most_queued_bytes;
        use.idle = options.idle;
        const auto self = shared_from_this();
        use.on_open = [self, session](std::shared_ptr<WebSocket> socket) {
            session->socket = std::move(socket);
            session->since = self->enrolment.authority().wall().monotonic();
            session->budget = double(self->options.most_frames_per_second) * 5;
            self->sessions.insert(session);
            // Bans that came between the question and the handshake are found here.
            if (self->bans.contains(session->host)) session->close("this host is banned");
        };
        use.on_text = [self, session](const std::string& text) { self->on_text(session, text); };
        use.on_close = [self, session](const std::string&) {
            self->sessions.erase(session);
            self->drop(session);
        };
        return use;
    }

    void on_text(const SessionPointer& session, const std::string& text) {
        if (bans.contains(session->host)) return session->close("this host is banned");
        if ((session->budget -= 1) < 0) return session->close("more frames than one host may send");
        auto frame = decode(text);
        if (!frame) return session->close(frame.error().text);
        if (!comes_from_agents(frame->message)) return session->close("a message that only controllers send");
        const Hello* hello = std::get_if<Hello>(&frame->message);
        if (hello && hello->host != session->host) return session->close("a host speaks only for itself");
        if (!session->greeted && !hello) return session->close("Hello comes first");
        if (!session->greeted) greet(session);
        if (events.on_frame) events.on_frame(session->host, std::move(*frame));
    }

    void greet(const SessionPointer& session) {
        session->greeted = true;
        SessionPointer older;
        {
            const std::lock_guard lock(mutex);
            std::swap(older, current[session->host]);
            current[session->host] = session;
        }
        if (older) {
            if (events.on_disconnect) events.on_disconnect(session->host);
            older->close("a newer connection of this host took over");
        }
        if (events.on_connect) events.on_connect(session->host);
    }

    void drop(const SessionPointer& session) {
        {
            const std::lock_guard lock(mutex);
            const auto found = current.find(session->host);
            if (found == current.end() || found->second != session) return;
            current.erase(found);
        }
        if (events.on_disconnect) events.on_disconnect(session->host);
    }

    void look_around() {
        const auto& wall = enrolment.authority().wall();
        const auto all = sessions;
        for (const auto& session : all) {
            const double rate = double(options.most_frames_per_second);
            session->budget = std::min(session->budget + rate * double(options.poll.count()) / 1000, rate * 5);
            if (session->expires <= wall.now()) session->close("the certificate has expired; renew it at half its life");
            else if (!session->greeted && wall.monotonic() - session->since > options.hello_timeout) session->close("no Hello came");
        }
        if (asking_for_bans.exchange(true)) return;
        const auto work = [self = shared_from_this()]() -> std::function<void()> {
            return [self, list = self->enrolment.store().banned_hosts()] { self->bans_known(list); };
        };
        ask_desk(work, [self = shared_from_this()] { self->asking_for_bans = false; });
    }

    /// Any thread.
    void bans_known(std::vector<HostId> list) {
        asking_for_bans = false;
        server->post([weak = weak_from_this(), list = std::move(list)] {
            const auto self = weak.lock();
            if (!self) return;
            self->bans = {list.begin(), list.end()};
            const auto all = self->sessions;
            for (const auto& session : all)
                if (self->bans.contains(session->host)) session->close("this host is banned");
        });
    }

    const GatewayOptions options;
    Enrolment& enrolment;
    const PostTurn post;
    const GatewayEvents events;
    std::shared_ptr<HttpServer> server;
    std::set<SessionPointer> sessions;
    std::set<HostId> bans;
    std::atomic<bool> asking_for_bans{false};
    mutable std::mutex mutex;
    std::map<HostId, SessionPointer> current;   ///< greeted ones, by host; guarded by `mutex`
};

Gateway::Gateway(GatewayOptions options, Enrolment& enrolment, PostTurn post, GatewayEvents events)
    : state_(std::make_shared<State>(std::move(options), enrolment, std::move(post), std::move(events))) {
    const auto& authority = enrolment.authority();
    HttpOptions http;
    http.address = state_->options.address;
    http.port = state_->options.port;
    http.tls = HttpTls{authority.file("server.crt"), authority.file("server.key"), authority.file("ca.crt"), true};
    http.body_limit = 32 * 1024;
    http.most_connections = state_->options.most_connections;
    http.most_connections_per_address = state_->options.most_connections_per_address;
    http.clock = &authority.wall();
    // The server's handlers hold the state weakly: the state holds the server.
    const std::weak_ptr<State> weak = state_;
    HttpHandlers handlers;
    handlers.admit = [weak](const HttpRequest& header, Admit admit) {
        if (const auto state = weak.lock()) state->admit(header, admit);
    };
    handlers.handle = [weak](const HttpRequest& request, Respond respond) {
        if (const auto state = weak.lock()) state->handle(request, respond);
    };
    handlers.upgrade = [weak](const HttpRequest& request, const std::shared_ptr<UpgradeExchange>& exchange) {
        if (const auto state = weak.lock()) state->upgrade(request, exchange);
    };
    state_->server = std::make_shared<HttpServer>(http, std::move(handlers));
}

Gateway::~Gateway() { stop(); }

Result<void> Gateway::start() {
    if (auto started = state_->server->start(); !started) return started;
    const std::weak_ptr<State> weak = state_;
    state_->server->every(state_->options.poll, [weak] {
        if (const auto state = weak.lock()) state->look_around();
    });
    state_->server->every(std::chrono::hours(1), [weak] {
        const auto state = weak.lock();
        if (!state) return;
        if (const auto fresh = state->enrolment.authority().refresh_server(); fresh && *fresh) (void)state->server->reload_tls();
    });
    state_->look_around();
    return {};
}

void Gateway::stop() { state_->server->stop(); }
uint16_t Gateway::bound_port() const { return state_->server->bound_port(); }

bool Gateway::send(const HostId& host, const Frame& frame) {
    std::shared_ptr<WebSocket> socket;
    {
        const std::lock_guard lock(state_->mutex);
        const auto found = state_->current.find(host);
        if (found == state_->current.end()) return false;
        socket = found->second->socket;
    }
    return socket->send(encode(frame));
}

bool Gateway::connected(const HostId& host) {
    const std::lock_guard lock(state_->mutex);
    return state_->current.contains(host);
}

size_t Gateway::connections() const { return state_->server->connections(); }

std::vector<HostId> Gateway::connected_hosts() const {
    const std::lock_guard lock(state_->mutex);
    std::vector<HostId> out;
    for (const auto& [host, session] : state_->current) out.push_back(host);
    return out;
}

void Gateway::close(const HostId& host, const std::string& reason) {
    state_->server->post([weak = state_->weak_from_this(), host, reason] {
        const auto state = weak.lock();
        if (!state) return;
        const auto all = state->sessions;
        for (const auto& session : all)
            if (session->host == host) session->close(reason);
    });
}

void Gateway::banned(const HostId& host) {
    state_->server->post([weak = state_->weak_from_this(), host] {
        if (const auto state = weak.lock()) state->bans.insert(host);
    });
    close(host, "this host is banned");
}

}  // namespace bailiff
