// SPDX-License-Identifier: Apache-2.0
// One io thread; blocking requests (renewal, the look at the preferred controller) run on a worker, one at a time.
#include "agent/link/link.hpp"

#include "agent/link/enrol.hpp"
#include "agent/link/https.hpp"
#include "agent/link/identity.hpp"
#include "agent/link/itinerary.hpp"
#include "agent/link/relay.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <spdlog/spdlog.h>
#include <thread>

namespace bailiff::agent {
namespace {

namespace net = boost::asio;
using ErrorCode = boost::system::error_code;
using std::chrono::milliseconds;

class LinkLoop {
  public:
    LinkLoop(const LinkOptions& options, const Clock& clock, Random& random)
        : options_(options), clock_(clock), random_(random), itinerary_(options.controllers.size(), options.back_off_first, options.back_off_most) {
        for (const auto& url : options.controllers) controllers_.push_back(parse_controller(url).value());
    }

    int run() {
        signals_.async_wait([this](ErrorCode error, int) {
            if (!error) stop();
        });
        connect();
        look_at_certificate();
        look_for_preferred();
        io_.run();
        if (worker_.joinable()) worker_.join();
        return 0;
    }

  private:
    const ControllerAddress& current() const { return controllers_[itinerary_.current()]; }

    void stop() {
        stopping_ = true;
        spdlog::info("ending on a signal");
        for (auto* timer : {&retry_, &renewal_, &preference_}) timer->cancel();
        if (relay_) relay_->stop("this program ends");
    }

    // -- the relay --------------------------------------------------------------------------------------------------
    void connect() {
        if (stopping_) return;
        RelayEvents events;
        events.on_up = [this] {
            up_ = true;
            spdlog::info("connected controller={}", current().text());
        };
        events.on_end = [this](const RelayEnd& end) { ended(end); };
        auto relay = make_relay(io_, options_, current(), std::move(events));
        if (!relay) {
            // Files may come any time by an enrolment: no reason to give up.
            spdlog::error("{}", relay.error().text);
            itinerary_.restart();
            return retry_after(options_.back_off_most);
        }
        relay_ = std::move(*relay);
        relay_->run();
    }

    void ended(const RelayEnd& end) {
        relay_.reset();
        up_ = false;
        if (stopping_) return;
        const std::string controller = current().text();
        milliseconds pause{0};
        if (reconnect_) itinerary_.restart();
        else pause = end.was_up ? itinerary_.ended(random_) : itinerary_.failed(random_);
        if (reconnect_) spdlog::info("reconnecting controller={} reason=\"{}\"", controller, end.reason);
        else spdlog::warn("not connected controller={} reason=\"{}\" pause_ms={}", controller, end.reason, pause.count());
        reconnect_ = false;
        retry_after(pause);
    }

    void retry_after(milliseconds pause) {
        retry_.expires_after(pause);
        retry_.async_wait([this](ErrorCode error) {
            if (!error) connect();
        });
    }

    /// Leaves the present connection on purpose and comes back at once.
    void reconnect(const std::string& reason) {
        if (!relay_) return;
        reconnect_ = true;
        relay_->stop(reason);
    }

    // -- the certificate ----------------------------------------------------------------------------------------------
    void look_at_certificate() {
        const auto life = certificate_life(options_.identity_file());
        milliseconds next{60'000};
        if (life) {
            const Instant now = clock_.now();
            if (now >= life->ends) spdlog::error("this host's certificate has expired; ask the abuse desk for a token and run `bailiff-link enrol`");
            else if (now >= life->half()) renew_now();
            const milliseconds whole = life->ends - life->begins;
            next = std::clamp(whole / 20, milliseconds(200), milliseconds(60'000));
        }
        renewal_.expires_after(next);
        renewal_.async_wait([this](ErrorCode error) {
            if (!error) look_at_certificate();
        });
    }

    void renew_now() {
        // The controller we are connected to is alive; otherwise whichever is next.
        work([options = options_, to = current(), &clock = clock_] { return renew(options, to, clock); },
             [this](const Result<void>& done) {
                 if (!done) return spdlog::warn("renewal failed: {}", done.error().text);
                 spdlog::info("certificate renewed");
                 reconnect("a new certificate");
             });
    }

    // -- the preferred controller -------------------------------------------------------------------------------------
    void look_for_preferred() {
        preference_.expires_after(options_.prefer_first_after);
        preference_.async_wait([this](ErrorCode error) {
            if (error) return;
            if (up_ && itinerary_.current() != 0)
                work(
                    [options = options_, to = controllers_[0], &clock = clock_]() -> Result<void> {
                        auto answer = https_request(to, {options.authority_file(), "", options.identity_file()}, "GET", "/healthz", "", clock);
                        if (!answer) return fail(answer.error());
                        if (answer->status != 200) return fail(Errc::unavailable, "it is not well");
                        return {};
                    },
                    [this](const Result<void>& alive) {
                        if (alive && itinerary_.current() != 0) reconnect("the preferred controller is back");
                    });
            look_for_preferred();
        });
    }

    /// `task` on the worker, then `done` here. Skipped while another task runs: both kinds come again by their timers.
    template <class Task, class Done>
    void work(Task task, Done done) {
        if (working_ || stopping_) return;
        working_ = true;
        if (worker_.joinable()) worker_.join();
        worker_ = std::thread([this, task = std::move(task), done = std::move(done), guard = net::make_work_guard(io_)]() mutable {
            Result<void> outcome = task();
            net::post(io_, [this, done = std::move(done), outcome = std::move(outcome)] {
                working_ = false;
                if (!stopping_) done(outcome);
            });
        });
    }

    const LinkOptions options_;
    const Clock& clock_;
    Random& random_;
    std::vector<ControllerAddress> controllers_;
    Itinerary itinerary_;
    net::io_context io_{1};
    net::signal_set signals_{io_, SIGTERM, SIGINT};
    net::steady_timer retry_{io_}, renewal_{io_}, preference_{io_};
    std::shared_ptr<Relay> relay_;
    std::thread worker_;
    bool stopping_ = false, up_ = false, reconnect_ = false, working_ = false;
};

}  // namespace

int run_link(const LinkOptions& options, const Clock& clock, Random& random) { return LinkLoop(options, clock, random).run(); }

}  // namespace bailiff::agent
