// SPDX-License-Identifier: Apache-2.0
// How answers come back from other threads: each holds the inlet and a weak reference that only the io thread locks,
// so that a connection always ends on the io thread. Private to http_*.cpp.
#pragma once

#include "controller/api/http_core.hpp"

namespace bailiff {

/// What a session lets an exchange do to it; all on the io thread.
class ExchangeTarget {
  public:
    virtual ~ExchangeTarget() = default;
    virtual void admitted(Admission admission) = 0;
    virtual void answered(HttpResponse response) = 0;
    virtual void begin_stream(HttpFields headers, std::shared_ptr<OutgoingState> state) = 0;
    virtual void push(std::string text) = 0;
    virtual void end_stream() = 0;
    virtual void begin_web_socket(WebSocketUse use) = 0;
};

/// Posts to a target, if it is still there when its turn comes.
struct TargetInlet {
    std::shared_ptr<HttpInlet> inlet;
    std::weak_ptr<ExchangeTarget> target;
    template <class Act>
    void post(Act act) const {
        inlet->post([weak = target, act = std::move(act)]() mutable {
            if (const auto session = weak.lock()) act(*session);
        });
    }
};

class Events final : public EventStream {
  public:
    Events(TargetInlet to, std::shared_ptr<OutgoingState> state, size_t most) : to_(std::move(to)), state_(std::move(state)), most_(most) {}
    ~Events() override { close(); }
    bool send(std::string_view event, std::string_view data, std::string_view id) override {
        std::string text;
        if (!id.empty()) text += "id: " + std::string(id.substr(0, id.find_first_of("\r\n"))) + "\n";
        if (!event.empty()) text += "event: " + std::string(event.substr(0, event.find_first_of("\r\n"))) + "\n";
        for (size_t at = 0; at <= data.size();) {
            const size_t end = std::min(data.find_first_of("\r\n", at), data.size());
            text += "data: " + std::string(data.substr(at, end - at)) + "\n";
            at = end + (data.substr(end, 2) == "\r\n" ? 2 : 1);
        }
        text += "\n";
        if (state_->closed) return false;
        if (state_->queued_bytes.fetch_add(text.size()) + text.size() > most_) {
            close();
            return false;
        }
        to_.post([text = std::move(text)](ExchangeTarget& session) mutable { session.push(std::move(text)); });
        return true;
    }
    void close() override {
        if (!state_->closed.exchange(true)) to_.post([](ExchangeTarget& session) { session.end_stream(); });
    }
    bool closed() const override { return state_->closed; }

  private:
    const TargetInlet to_;
    const std::shared_ptr<OutgoingState> state_;
    const size_t most_;
};

class Exchange final : public HttpExchange, public UpgradeExchange {
  public:
    Exchange(TargetInlet to, size_t most_stream_bytes) : to_(std::move(to)), most_(most_stream_bytes) {}
    ~Exchange() override {
        answer(http_problem(500, "The request was dropped without an answer; this is a fault of the server, please report it."));
    }
    void answer(HttpResponse response) override {
        if (used_.exchange(true)) return;
        to_.post([response = std::move(response)](ExchangeTarget& session) mutable { session.answered(std::move(response)); });
    }
    std::shared_ptr<EventStream> stream(HttpFields headers) override {
        auto state = std::make_shared<OutgoingState>();
        if (used_.exchange(true)) {
            state->closed = true;
        } else {
            to_.post([headers = std::move(headers), state](ExchangeTarget& session) mutable {
                session.begin_stream(std::move(headers), std::move(state));
            });
        }
        return std::make_shared<Events>(to_, std::move(state), most_);
    }
    void accept(WebSocketUse use) override {
        if (used_.exchange(true)) return;
        to_.post([use = std::move(use)](ExchangeTarget& session) mutable { session.begin_web_socket(std::move(use)); });
    }
    void refuse(HttpResponse response) override { answer(std::move(response)); }

  private:
    const TargetInlet to_;
    const size_t most_;
    std::atomic<bool> used_{false};
};

/// Carries an admission to its session, once; lost means 503.
class AdmitOnce {
  public:
    explicit AdmitOnce(TargetInlet to) : to_(std::move(to)) {}
    ~AdmitOnce() { decide({http_problem(503, "The server could not decide on this request; try again later."), 0}); }
    void decide(Admission admission) {
        if (used_.exchange(true)) return;
        to_.post([admission = std::move(admission)](ExchangeTarget& session) mutable { session.admitted(std::move(admission)); });
    }

  private:
    const TargetInlet to_;
    std::atomic<bool> used_{false};
};

}  // namespace bailiff
