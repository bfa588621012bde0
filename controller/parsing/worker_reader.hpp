// SPDX-License-Identifier: Apache-2.0
// The real ReportReader: a queue, a thread, and a worker process that is replaced when it fails.
#pragma once

#include "controller/desk/delivery.hpp"
#include "controller/parsing/worker_process.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace bailiff {

struct WorkerOptions {
    std::string program;                           ///< path of bailiff-intake
    std::chrono::milliseconds patience{10'000};    ///< for one report
    std::chrono::milliseconds start_patience{30'000};
    std::string rules{};                           ///< folder of rules for reports without a format of their own
    std::string authserv{};                        ///< what our mail server calls itself in Authentication-Results
    size_t most_waiting = 2000;
    size_t most_waiting_bytes = 256u << 20;
    uint64_t reports_to_a_worker = 5000;           ///< then a fresh one: whatever leaked goes
};

/// `read` is safe from every thread and never blocks. `stop` (or the destructor) answers what still waits with
/// `unavailable`; after it no `done` is called any more.
class WorkerReader : public ReportReader {
  public:
    WorkerReader(WorkerOptions options, const Clock& clock);
    ~WorkerReader() override;
    bool read(std::shared_ptr<const std::string> bytes, std::function<void(Result<Reading>)> done) override;
    void stop();
    /// How many workers were started so far, and how many reports they did not survive.
    uint64_t workers() const { return workers_; }
    uint64_t failures() const { return failures_; }
    /// Of the worker now; -1 without one. For tests that end it.
    pid_t pid() const { return pid_; }

  private:
    struct Waiting {
        std::shared_ptr<const std::string> bytes;
        std::function<void(Result<Reading>)> done;
    };
    void run();
    Result<Reading> take(const std::string& bytes);
    Result<void> ready_worker();

    const WorkerOptions options_;
    const Clock& clock_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Waiting> queue_;
    size_t queued_bytes_ = 0;
    std::atomic<bool> stopping_{false};
    std::atomic<uint64_t> workers_{0}, failures_{0};
    std::atomic<pid_t> pid_{-1};
    uint64_t taken_ = 0;                           ///< by the worker now
    std::unique_ptr<WorkerProcess> worker_;        ///< the thread's
    std::thread thread_;
};

}  // namespace bailiff
