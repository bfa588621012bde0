// SPDX-License-Identifier: Apache-2.0
// What the desk needs in order to tell other systems: how far each has been told, and somebody who hands messages over.
#pragma once

#include <bailiff/time.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace bailiff {

/// How far another system has been told what the audit chain says.
struct WebhookState {
    std::string id;
    int64_t position = 0;                 ///< of the last item that it has, or need not have
    int64_t failures = 0;                 ///< since the last success
    Instant next_try{};
    std::string last_answer;
    friend bool operator==(const WebhookState&, const WebhookState&) = default;
};

class Webhooks {
  public:
    virtual ~Webhooks() = default;
    virtual void put_webhook(const WebhookState& state) = 0;   ///< by id
    virtual std::optional<WebhookState> find_webhook(const std::string& id) = 0;
};

/// One message to another system. `id` stays the same at every attempt, so that it is taken once.
struct WebhookMessage {
    std::string id, url, secret, body;
    Instant at{};                         ///< of this attempt: the signature covers it
};
struct WebhookAnswer {
    bool accepted = false;                ///< 2xx
    std::string text;                     ///< "HTTP 204", or what went wrong with its remedy
};

/// Hands messages to other systems. `send` returns at once; `done` is called later (from any thread), exactly once.
class WebhookPoster {
  public:
    virtual ~WebhookPoster() = default;
    virtual void send(const WebhookMessage& message, std::function<void(WebhookAnswer)> done) = 0;
};

}  // namespace bailiff
