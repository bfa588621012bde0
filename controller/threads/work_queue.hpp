// SPDX-License-Identifier: Apache-2.0
// Questions that somebody else's thread must not wait for: a queue, some threads, and an answer to each, whatever happens.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace bailiff {

struct WorkQueueOptions {
    size_t threads = 1;
    size_t most_waiting = SIZE_MAX;   ///< beside those that are worked on
    std::string when_stopping;        ///< the sentence for what still waits at the end
    std::string when_full{};          ///< the sentence for what finds no room
};

/// Owns its threads from construction to destruction. `put` may be called from any thread, also by `done`, and never blocks.
///
///   put ──> waiting ──> work ──> done(answer)
///    │         └─ the end ─┬─ work throws ──> done(failed(sentence))
///    └─ full, or the end ──┘
///
/// `done` is called exactly once for each question: as a rule on a thread of the queue, for what is refused on the thread that
/// puts it, before `put` returns, and for what waits at the end on the thread that destroys. It must not throw. The destructor waits
/// for the work in progress; AFTER it has returned nothing is called. The queue is its owner's last member: `work` uses the others.
template <class Question, class Answer>
class WorkQueue {
  public:
    using Done = std::function<void(Answer)>;
    /// Called by all threads at once. `stopping` turns true when the end begins, so that long work can give up.
    using Work = std::function<Answer(const Question&, const std::atomic<bool>& stopping)>;
    /// What to answer where the work has none, for a sentence that says why.
    using Failed = std::function<Answer(std::string)>;

    WorkQueue(WorkQueueOptions options, Work work, Failed failed) : options_(std::move(options)), work_(std::move(work)), failed_(std::move(failed)) {
        try {
            for (size_t i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { run(); });
        } catch (...) {
            stop();   // the system gives fewer threads; those that run must not outlive us
            throw;
        }
    }
    ~WorkQueue() {
        stop();
        for (auto& task : waiting_) task.done(failed_(options_.when_stopping));
    }
    WorkQueue(const WorkQueue&) = delete;
    WorkQueue& operator=(const WorkQueue&) = delete;

    /// Comes after all that wait.
    void put(Question question, Done done) { enter({std::move(question), std::move(done)}, false); }
    /// Comes before all that wait; the bound holds for it as well.
    void put_first(Question question, Done done) { enter({std::move(question), std::move(done)}, true); }

  private:
    struct Task {
        Question question;
        Done done;
    };

    void enter(Task task, bool first) {
        const std::string* refused = nullptr;
        {
            const std::lock_guard lock(mutex_);
            if (stopping_) refused = &options_.when_stopping;
            else if (waiting_.size() >= options_.most_waiting) refused = &options_.when_full;
            else if (first) waiting_.push_front(std::move(task));
            else waiting_.push_back(std::move(task));
        }
        // Without the lock: `done` may put the next one.
        if (refused) task.done(failed_(*refused));
        else changed_.notify_one();
    }

    void run() {
        for (;;) {
            Task task;
            {
                std::unique_lock lock(mutex_);
                changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
                if (stopping_) return;
                task = std::move(waiting_.front());
                waiting_.pop_front();
            }
            task.done(answer_to(task.question));
        }
    }

    Answer answer_to(const Question& question) {
        try {
            return work_(question, stopping_);
        } catch (const std::exception& trouble) {
            return failed_(trouble.what());
        }
    }

    void stop() {
        {
            // Under the lock: a thread that has just found nothing to do must not sleep through it.
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        changed_.notify_all();
        for (auto& thread : threads_) thread.join();
    }

    const WorkQueueOptions options_;
    const Work work_;
    const Failed failed_;
    std::mutex mutex_;   // of the queue, and of nothing else
    std::condition_variable changed_;
    std::deque<Task> waiting_;
    std::atomic<bool> stopping_{false};
    std::vector<std::thread> threads_;   // last: they use all of the above
};

}  // namespace bailiff
