// SPDX-License-Identifier: Apache-2.0
#include "controller/webhooks/webhook_worker.hpp"

namespace bailiff {

WebhookWorker::WebhookWorker(HttpPosterOptions options, size_t threads) : poster_(std::move(options)) {
    for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

WebhookWorker::~WebhookWorker() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    for (auto& thread : threads_) thread.join();
    for (auto& task : queue_) task.done({false, "The controller stops; the message is sent after its next start."});
}

void WebhookWorker::send(const WebhookMessage& message, std::function<void(WebhookAnswer)> done) {
    {
        const std::lock_guard lock(mutex_);
        queue_.push_back({message, std::move(done)});
    }
    changed_.notify_one();
}

void WebhookWorker::run() {
    for (;;) {
        Task task;
        {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
            if (stopping_) return;
            task = std::move(queue_.front());
            queue_.pop_front();
        }
        task.done(poster_.post(task.message));
    }
}

}  // namespace bailiff
