// SPDX-License-Identifier: Apache-2.0
// A dialler that is a program of the provider's: one run per message, the message on its standard input.
#pragma once

#include "controller/desk/dialler.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace bailiff {

struct ExecDiallerOptions {
    std::vector<std::string> argv;             ///< the program's path first
    std::chrono::milliseconds patience{30'000};
    size_t most_waiting = 200;
};

/// Owns its thread from construction to destruction; `tell` may be called from any thread. The destructor ends the run in progress
/// and answers what waits as not taken: the storage keeps it, and the next start tells it.
class ExecDialler : public Dialler {
  public:
    ExecDialler(ExecDiallerOptions options, const Clock& clock);
    ~ExecDialler() override;
    ExecDialler(const ExecDialler&) = delete;
    ExecDialler& operator=(const ExecDialler&) = delete;
    void tell(const DialMessage& message, std::function<void(DialAnswer)> done) override;

  private:
    struct Task {
        DialMessage message;
        std::function<void(DialAnswer)> done;
    };
    void run();
    DialAnswer told(const DialMessage& message);

    const ExecDiallerOptions options_;
    const Clock& clock_;
    std::mutex mutex_;  // of the queue, and of nothing else
    std::condition_variable changed_;
    std::deque<Task> queue_;
    std::atomic<bool> stopping_{false};
    std::thread thread_;  // last: it uses all of the above
};

}  // namespace bailiff
