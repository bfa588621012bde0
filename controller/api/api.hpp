// SPDX-License-Identifier: Apache-2.0
// The REST API: from an HTTP request to a turn of the desk and back.
//
// One request: io thread: route, limits, (with a body) a turn that looks the token up -> the body is read -> io thread:
// JSON is parsed -> desk's thread: the token again, the idempotency key, the handler, the answer remembered, all in one
// savepoint -> after the commit the answer leaves. An answer of 400 or more rolls back what its handler wrote.
// A mail or a XARF document goes to the reader's process before its turn: no byte of it is looked into on these threads.
#pragma once

#include "controller/api/feed.hpp"
#include "controller/api/host_door.hpp"
#include "controller/api/http_server.hpp"
#include "controller/api/limiter.hpp"
#include "controller/api/router.hpp"
#include "controller/desk/desk_loop.hpp"

#include <bailiff/json.hpp>
#include <bailiff/random.hpp>

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace bailiff {

/// One sample line of /metrics: "bailiff_cases" {phase="open"} 3.
struct Metric {
    std::string name, help;
    bool counter = false;            ///< otherwise a gauge
    std::vector<std::pair<std::string, std::string>> labels;
    double value = 0;
};
/// Prometheus text format 0.0.4. Samples of one name must stand together.
std::string metrics_text(const std::vector<Metric>& metrics);

/// What the API works with. Everything outlives it.
struct ApiParts {
    std::function<bool(DeskTurn)> post;              ///< DeskLoop::post
    std::function<bool()> healthy;                   ///< DeskLoop::healthy
    std::function<size_t()> waiting;                 ///< DeskLoop::waiting
    const Clock* clock = nullptr;                    ///< monotonic() for limits and log lines
    Random* random = nullptr;                        ///< tokens; desk's thread
    Feed* feed = nullptr;
    HostDoor* hosts = nullptr;
    ReportReader* reader = nullptr;                  ///< of mails and XARF documents; without one they get 503
    /// Mistakes of a policy file's text, with JSON pointers. Desk's thread.
    std::function<std::vector<Mistake>(const std::string& text)> check_policy;
    /// Further samples for /metrics (gateway, mail). Desk's thread.
    std::function<void(std::vector<Metric>&)> more_metrics;
    std::string lab_clock_file;                      ///< of --lab-clock; empty: /clock does not exist
    std::string version = BAILIFF_VERSION;
    std::string public_key;                          ///< PEM: what checkpoints are signed with; exports carry it
};

/// One answer of the API in one line of the log.
struct ApiLogLine {
    std::string method, path, account, peer;
    int status = 0;
    std::chrono::milliseconds took{0};
};

/// Thread-safe after construction. Outlives the server that calls its handlers, and the desk loop its last turns.
class Api {
  public:
    explicit Api(ApiParts parts, std::function<void(const ApiLogLine&)> log = {});

    /// Whether a path is the API's, for a program that serves pages beside it.
    static bool owns(std::string_view path);
    void admit(const HttpRequest& header, const Admit& admit);
    void handle(HttpRequest request, const Respond& respond);
    HttpHandlers handlers();

    const ApiParts& parts() const { return parts_; }
    /// Answers given so far by hundreds of status: [2] is 2xx.
    uint64_t answers(size_t hundreds) const { return answers_.at(hundreds).load(); }

  private:
    struct Exchange;
    tl::expected<Account, HttpResponse> authenticate(Access& access, const HttpRequest& request, const Route& route);
    void read_delivery(const std::shared_ptr<Exchange>& exchange);
    void post(const std::shared_ptr<Exchange>& exchange);
    void finish(const Exchange& exchange, HttpResponse response);
    std::function<void()> turn(const std::shared_ptr<Exchange>& exchange, Desk& desk);
    HttpResponse run(Exchange& exchange, ApiCall& call);

    ApiParts parts_;
    std::function<void(const ApiLogLine&)> log_;
    FailureLimiter limiter_;
    std::array<std::atomic<uint64_t>, 6> answers_{};
};

}  // namespace bailiff
