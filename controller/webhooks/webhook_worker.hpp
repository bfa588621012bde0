// SPDX-License-Identifier: Apache-2.0
// The desk's WebhookPoster: some threads that hand messages over.
#pragma once

#include "controller/threads/work_queue.hpp"
#include "controller/webhooks/http_poster.hpp"

#include <functional>

namespace bailiff {

/// `send` may be called from any thread and returns at once; `done` runs on one of the worker's threads. The destructor waits for
/// the attempts in progress; what still waits is answered as failed, since the audit chain keeps it and the next start tells it.
class WebhookWorker : public WebhookPoster {
  public:
    explicit WebhookWorker(HttpPosterOptions options, size_t threads = 4);
    void send(const WebhookMessage& message, std::function<void(WebhookAnswer)> done) override;

  private:
    HttpPoster poster_;
    WorkQueue<WebhookMessage, WebhookAnswer> queue_;  // last: it uses the poster
};

}  // namespace bailiff
