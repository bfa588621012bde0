// SPDX-License-Identifier: Apache-2.0
// The customers' listener: the page of a case under an address that only its customer has. GET shows and changes nothing,
// so that scanners of mails may fetch it; POST hands a statement in, once however often it is sent.
#pragma once

#include "controller/api/http_server.hpp"
#include "controller/api/limiter.hpp"
#include "controller/desk/desk_loop.hpp"
#include "controller/web/form.hpp"
#include "controller/web/page_texts.hpp"
#include "controller/web/page_view.hpp"

#include <bailiff/random.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace bailiff {

/// What the page works with. Everything outlives it.
struct StatementPageParts {
    std::function<bool(DeskTurn)> post;      ///< DeskLoop::post
    const Clock* clock = nullptr;            ///< monotonic() for limits and log lines
    Random* random = nullptr;                ///< keys of forms; desk's thread
    std::string url;                         ///< DeskOptions::page_url: forms may come from its origin
    std::vector<std::string> proxies;        ///< addresses whose X-Forwarded-For is believed; usually none
};

/// One answer in one line of the log. The address is not in it: who has it can answer for the customer.
struct PageLogLine {
    std::string method, what, case_id, peer;
    int status = 0;
    std::chrono::milliseconds took{0};
};

/// Thread-safe after construction. Outlives the server that calls its handlers, and the desk loop its last turns.
class StatementPage {
  public:
    /// A little more than the files that are taken: a form a little too large is answered beside its field.
    static constexpr size_t largest_body = 6 << 20;

    StatementPage(StatementPageParts parts, PageTexts texts, std::function<void(const PageLogLine&)> log = {});
    void admit(const HttpRequest& header, const Admit& admit);
    void handle(HttpRequest request, const Respond& respond);
    HttpHandlers handlers();

  private:
    struct Visit;
    struct Found;
    std::shared_ptr<Visit> visit_of(const HttpRequest& request) const;
    std::optional<Found> find(Desk& desk, Visit& visit);
    HttpResponse problem(const Visit& visit, int status, const std::string& key) const;
    HttpResponse page(Desk& desk, const Visit& visit, const Found& found, const PageEntry& entry, int status);
    HttpResponse show(Desk& desk, Visit& visit);
    HttpResponse take(Desk& desk, Visit& visit);
    HttpResponse take_appeal(Desk& desk, const Visit& visit, const Found& found);
    HttpResponse taken_in(const Found& found, const StatementTaken& taken) const;
    HttpResponse html(int status, const std::string& language, const Json& view) const;
    void finish(const Visit& visit, const HttpResponse& response) const;
    std::string peer_of(const HttpRequest& request) const;
    bool from_elsewhere(const HttpRequest& request) const;

    StatementPageParts parts_;
    PageTexts texts_;
    std::function<void(const PageLogLine&)> log_;
    FailureLimiter limiter_;
};

}  // namespace bailiff
