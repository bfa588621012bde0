// SPDX-License-Identifier: Apache-2.0
#include "controller/webhooks/webhook_worker.hpp"

namespace bailiff {

WebhookWorker::WebhookWorker(HttpPosterOptions options, size_t threads)
    : poster_(std::move(options)),
      queue_({.threads = threads, .when_stopping = "The controller stops; the message is sent after its next start."},
             [this](const WebhookMessage& message, const std::atomic<bool>&) { return poster_.post(message); },
             [](std::string why) { return WebhookAnswer{false, std::move(why)}; }) {}

void WebhookWorker::send(const WebhookMessage& message, std::function<void(WebhookAnswer)> done) { queue_.put(message, std::move(done)); }

}  // namespace bailiff
