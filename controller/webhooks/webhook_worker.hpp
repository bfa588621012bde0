// SPDX-License-Identifier: Apache-2.0
// The desk's WebhookPoster: some threads that hand messages over.
#pragma once

#include "controller/webhooks/http_poster.hpp"

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace bailiff {

/// Owns its threads from construction to destruction. `send` may be called from any thread and returns at once; `done` runs on
/// one of the worker's threads. The destructor waits for the attempts in progress; what still waits is answered as failed,
/// since the audit chain keeps it and the next start tells it.
class WebhookWorker : public WebhookPoster {
  public:
    explicit WebhookWorker(HttpPosterOptions options, size_t threads = 4);
    ~WebhookWorker() override;
    WebhookWorker(const WebhookWorker&) = delete;
    WebhookWorker& operator=(const WebhookWorker&) = delete;
    void send(const WebhookMessage& message, std::function<void(WebhookAnswer)> done) override;

  private:
    struct Task {
        WebhookMessage message;
        std::function<void(WebhookAnswer)> done;
    };
    void run();
    HttpPoster poster_;
    std::mutex mutex_;  // of the queue, and of nothing else
    std::condition_variable changed_;
    std::deque<Task> queue_;
    bool stopping_ = false;
    std::vector<std::thread> threads_;  // last: they use all of the above
};

}  // namespace bailiff
