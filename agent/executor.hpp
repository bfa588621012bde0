// SPDX-License-Identifier: Apache-2.0
// Where the runner's slow work runs: on worker threads in the program, in line in tests and in the simulation.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace bailiff::agent {

/// Hours of hashing must not keep a power-off waiting, so work comes in lanes.
enum class Lane {
    quick,   ///< calls with a watchdog: seconds
    slow,    ///< reading whole disks: minutes to hours
    live,    ///< reading the disks of a VM that runs: one at a time on a host
    idle,    ///< the host's own sweep, which no order or job must ever wait behind
};

class Executor {
  public:
    virtual ~Executor() = default;
    virtual void run(Lane lane, std::function<void()> work) = 0;
};

/// Runs at once, on the caller's thread: deterministic, and a crash in the work is a crash of the caller.
class InlineExecutor : public Executor {
  public:
    void run(Lane, std::function<void()> work) override { work(); }
};

/// A pool of threads for each lane; one thread reads running VMs, one sweeps. An exception in the work is handed to `on_exception` (any thread).
class ThreadExecutor : public Executor {
  public:
    ThreadExecutor(size_t quick, size_t slow, std::function<void(std::exception_ptr)> on_exception);
    /// Finishes what runs; what was not begun is dropped.
    ~ThreadExecutor() override;
    void run(Lane lane, std::function<void()> work) override;
    /// As the destructor: after it nothing runs.
    void stop();

  private:
    struct Pool {
        std::deque<std::function<void()>> waiting;
        std::condition_variable changed;
    };
    void serve(Pool& pool);
    std::function<void(std::exception_ptr)> on_exception_;
    std::mutex mutex_;
    bool stopping_ = false;
    Pool& pool_of(Lane lane);
    Pool quick_, slow_, live_, idle_;
    std::vector<std::thread> threads_;
};

}  // namespace bailiff::agent
