// SPDX-License-Identifier: Apache-2.0
// The way of a request through admission, authentication, idempotency and its handler.
#include "controller/api/api.hpp"

#include "controller/api/api_call.hpp"
#include "controller/api/problem.hpp"

#include <bailiff/dsse.hpp>

#include <exception>

namespace bailiff {

/// What one request needs until its answer has left.
struct Api::Exchange {
    HttpRequest request;
    Respond respond;
    RouteMatch match;
    Json body;
    std::chrono::milliseconds began{0};
    std::string account;
    std::optional<DeliveryInput> delivery{};
};

namespace {

constexpr size_t largest_body = 1 << 20;
/// A file of 5 MiB in base64, and some words.
constexpr size_t largest_body_with_file = 7 << 20;

/// The token of "Authorization: Bearer …", or nothing.
std::optional<std::string> bearer(const HttpRequest& request) {
    const std::string_view field = request.header("authorization");
    constexpr std::string_view scheme = "bearer ";
    if (field.size() <= scheme.size() || field.size() > 512) return std::nullopt;
    for (size_t i = 0; i < scheme.size(); ++i) {
        const char c = field[i] >= 'A' && field[i] <= 'Z' ? char(field[i] - 'A' + 'a') : field[i];
        if (c != scheme[i]) return std::nullopt;
    }
    std::string token(field.substr(scheme.size()));
    while (!token.empty() && token.front() == ' ') token.erase(0, 1);
    if (token.empty()) return std::nullopt;
    return token;
}

HttpResponse unauthorized(std::string_view detail) {
    HttpResponse out = problem(401, detail);
    out.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"bailiff\"");
    return out;
}

HttpResponse slow_down() {
    HttpResponse out = problem(429, "Too many wrong tokens came from this address; wait a minute, then check the token file.");
    out.headers.emplace_back("Retry-After", "60");
    return out;
}

/// Why there is no handler for a request: 404, 405, or the answer to OPTIONS.
HttpResponse unrouted(const HttpRequest& request, const RouteMatch& match) {
    if (match.allow.empty())
        return problem(404, "There is nothing at this address; /api/v1/openapi.yaml lists what there is.");
    HttpResponse out = request.method == "OPTIONS"
                           ? HttpResponse{204, {}, {}}
                           : problem(405, "This address does not take " + request.method + "; it takes " + match.allow + ".");
    out.headers.emplace_back("Allow", match.allow);
    return out;
}

/// "application/json" of "Application/JSON; charset=utf-8".
std::string media_type(const HttpRequest& request) {
    std::string_view type = request.header("content-type");
    type = type.substr(0, size_t(std::find(type.begin(), type.end(), ';') - type.begin()));
    std::string word;
    for (const char c : type)
        if (c != ' ') word += c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
    return word;
}

bool is_delivery(std::string_view type) { return type == "message/rfc822" || type == "application/xarf+json"; }

/// XARF comes as application/json too. Our own reports have other fields, and nothing longer than a mebibyte is one.
bool looks_like_xarf(const std::string& text, const Result<Json>& json) {
    if (text.size() > largest_body) return text[0] == '{' || text[0] == '[';
    if (!json) return false;
    if (json->is_array()) return !json->empty() && json->at(0).is_object();
    return json->is_object() && (json->contains("xarf_version") || json->contains("ReporterInfo") || json->contains("Report"));
}

size_t largest_json(const Route& route) { return route.body == BodyUse::file ? largest_body_with_file : largest_body; }

bool has_body(const HttpRequest& request) {
    const auto length = request.header("content-length");
    return !length.empty() && length != "0";
}

}  // namespace

Api::Api(ApiParts parts, std::function<void(const ApiLogLine&)> log) : parts_(std::move(parts)), log_(std::move(log)) {}

bool Api::owns(std::string_view path) {
    return path.starts_with("/api/") || path == "/healthz" || path == "/readyz" || path == "/metrics";
}

HttpHandlers Api::handlers() {
    HttpHandlers out;
    out.admit = [this](const HttpRequest& header, Admit admit_) { admit(header, admit_); };
    out.handle = [this](HttpRequest request, Respond respond) { handle(std::move(request), respond); };
    return out;
}

tl::expected<Account, HttpResponse> Api::authenticate(Access& access, const HttpRequest& request, const Route& route) {
    const auto token = bearer(request);
    if (!token) return tl::unexpected(unauthorized("Send your token: 'Authorization: Bearer TOKEN'."));
    const std::string hash = sha256_hex(*token);
    const auto account = access.account_by_token(hash);
    if (!account || account->disabled) {
        limiter_.failed(request.peer_address, parts_.clock->monotonic());
        return tl::unexpected(unauthorized("This token is not known, or its account is disabled; ask an administrator for a new one."));
    }
    limiter_.succeeded(hash);
    if (account->role < *route.role)
        return tl::unexpected(problem(403, "This takes the role " + std::string(name(*route.role)) + "; " + account->name +
                                               " has the role " + std::string(name(account->role)) + "."));
    return *account;
}

void Api::admit(const HttpRequest& header, const Admit& admit) {
    auto match = match_route(api_routes(), header.method, header.path);
    const auto refuse = [&](HttpResponse response) {
        answers_[size_t(response.status) / 100 % answers_.size()]++;
        if (log_) log_({header.method, header.path, "", header.peer_address, response.status, {}});
        admit({std::move(response), 0});
    };
    if (!match.route) return refuse(unrouted(header, match));
    const Route& route = *match.route;
    if (route.role) {
        const auto token = bearer(header);
        if (!token) return refuse(unauthorized("Send your token: 'Authorization: Bearer TOKEN'."));
        if (limiter_.blocked(header.peer_address, sha256_hex(*token), parts_.clock->monotonic())) return refuse(slow_down());
    }
    if (!has_body(header)) return admit({std::nullopt, 0});
    if (route.body == BodyUse::none) return refuse(problem(413, "This address takes no body."));
    const std::string type = media_type(header);
    const bool report = route.body == BodyUse::report;
    if (type != "application/json" && !(report && is_delivery(type)))
        return refuse(problem(415, report ? "Send JSON, 'Content-Type: application/json', or a mail, 'Content-Type: message/rfc822'."
                                          : "Send JSON: 'Content-Type: application/json'."));
    if (!route.role) return admit({std::nullopt, largest_body});
    const size_t limit = report ? largest_delivery : largest_json(route);
    // The body may cost memory and parsing: strangers do not get that far.
    DeskTurn turn;
    turn.work = [this, header, admit, &route, limit](Desk& desk) -> std::function<void()> {
        auto account = authenticate(desk.storage(), header, route);
        if (account) return [admit, limit] { admit({std::nullopt, limit}); };
        answers_[size_t(account.error().status) / 100]++;
        return [admit, refusal = std::move(account.error())] { admit({refusal, 0}); };
    };
    turn.failed = [admit](const std::string& outage) { admit({problem(503, "The storage is not available: " + outage), 0}); };
    if (!parts_.post(std::move(turn))) refuse(problem(503, "The controller is overloaded or stopping; try again."));
}

void Api::handle(HttpRequest request, const Respond& respond) {
    auto exchange = std::make_shared<Exchange>(Exchange{std::move(request), respond, {}, Json::object(), parts_.clock->monotonic(), {}, {}});
    exchange->match = match_route(api_routes(), exchange->request.method, exchange->request.path);
    const Route* route = exchange->match.route;
    if (!route) return finish(*exchange, unrouted(exchange->request, exchange->match));
    if (route->direct) return finish(*exchange, route->direct(*this, exchange->request));
    const bool report = route->body == BodyUse::report;
    if (report && is_delivery(media_type(exchange->request)) && !exchange->request.body.empty()) return read_delivery(exchange);
    if (route->body != BodyUse::none && !exchange->request.body.empty()) {
        auto body = parse_json(exchange->request.body, {largest_json(*route), 32});
        if (report && looks_like_xarf(exchange->request.body, body)) return read_delivery(exchange);
        const int status = exchange->request.body.size() > largest_json(*route) ? 413 : 400;
        if (!body) return finish(*exchange, problem(status, "The body is no JSON text that is taken here: " + body.error().text + "."));
        exchange->body = std::move(*body);
    }
    post(exchange);
}

/// To the reader, and from there to the desk. What makes two deliveries the same is told here, from the bytes alone.
void Api::read_delivery(const std::shared_ptr<Exchange>& exchange) {
    const auto read = [this, exchange](Result<Reading> reading) {
        if (!reading) return finish(*exchange, problem(503, "Reports cannot be read now, and nothing was changed: " + reading.error().text));
        const std::string& bytes = exchange->request.body;
        const bool by_mail = media_type(exchange->request) == "message/rfc822";
        exchange->delivery = DeliveryInput{bytes, sha256_hex(bytes), likeness_of(bytes), {}, {}, 0, by_mail, std::move(*reading)};
        post(exchange);
    };
    if (!parts_.reader || !parts_.reader->read({exchange, &exchange->request.body}, read))
        finish(*exchange, problem(503, "Too many reports wait to be read; try again."));
}

void Api::post(const std::shared_ptr<Exchange>& exchange) {
    DeskTurn turn_;
    turn_.work = [this, exchange](Desk& desk) { return turn(exchange, desk); };
    turn_.failed = [this, exchange](const std::string& outage) {
        finish(*exchange, problem(503, "The storage is not available, and nothing was changed: " + outage));
    };
    if (!parts_.post(std::move(turn_))) finish(*exchange, problem(503, "The controller is overloaded or stopping; try again."));
}

std::function<void()> Api::turn(const std::shared_ptr<Exchange>& exchange, Desk& desk) {
    const auto later = [&](HttpResponse response) -> std::function<void()> {
        return [this, exchange, response = std::move(response)] { finish(*exchange, response); };
    };
    Account account;
    if (exchange->match.route->role) {
        auto found = authenticate(desk.storage(), exchange->request, *exchange->match.route);
        if (!found) return later(std::move(found.error()));
        account = std::move(*found);
    }
    exchange->account = account.name;
    ApiCall call{*this, parts_, desk, exchange->request, exchange->match.values, std::move(account), exchange->body, {}, {},
                 exchange->delivery ? &*exchange->delivery : nullptr};
    HttpResponse response;
    // An answer of 400 or more means that nothing happened: what the handler wrote until then is rolled back.
    (void)desk.storage().transaction([&]() -> Result<void> {
        response = run(*exchange, call);
        if (response.status >= 400) return fail(Errc::invalid, "the request was refused");
        return {};
    });
    if (response.status >= 400) return later(std::move(response));
    return [this, exchange, response = std::move(response), after = std::move(call.after_commit), take_over = std::move(call.take_over)] {
        for (const auto& act : after) act();
        if (!take_over) return finish(*exchange, response);
        answers_[2]++;
        take_over(exchange->respond);
    };
}

/// The handler, once per idempotency key: the same key and request again gets the answer of the first time.
HttpResponse Api::run(Exchange& exchange, ApiCall& call) {
    const Route& route = *exchange.match.route;
    const std::string key(exchange.request.header("idempotency-key"));
    if (key.empty() || route.method != "POST" || route.secret) return route.turn(call);
    if (key.size() > 128) return problem(400, "The Idempotency-Key is longer than 128 bytes; a UUID will do.");
    const std::string print = sha256_hex(exchange.request.path + "\n" + exchange.request.body);
    if (const auto kept = call.storage().recall(call.account.name, key)) {
        const auto json = parse_json(*kept, {16 << 20, 64});
        if (!json) return problem(500, "The answer kept for this Idempotency-Key cannot be read; use a new key.");
        if (json->at("request") != print)
            return problem(409, "This Idempotency-Key was used for another request; use a new key for each new request.");
        HttpResponse out{json->at("status").get<int>(), {}, json->at("body").get<std::string>()};
        for (const auto& [field, value] : json->at("headers").items()) out.headers.emplace_back(field, value.get<std::string>());
        out.headers.emplace_back("Idempotency-Replayed", "true");
        return out;
    }
    HttpResponse out = route.turn(call);
    if (out.status >= 400) return out;
    Json headers = Json::object();
    for (const auto& [field, value] : out.headers) headers[field] = value;
    call.storage().remember(call.account.name, key,
                            dump_json({{"request", print}, {"status", out.status}, {"headers", headers}, {"body", out.body}}),
                            call.desk.now());
    return out;
}

void Api::finish(const Exchange& exchange, HttpResponse response) {
    answers_[size_t(response.status) / 100 % answers_.size()]++;
    if (log_)
        log_({exchange.request.method, exchange.request.path, exchange.account, exchange.request.peer_address, response.status,
              parts_.clock->monotonic() - exchange.began});
    exchange.respond(std::move(response));
}

}  // namespace bailiff
