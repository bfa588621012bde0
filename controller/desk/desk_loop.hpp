// SPDX-License-Identifier: Apache-2.0
// The desk's thread: a queue of turns. Turns that wait together share one transaction (and its fsync); each is a
// savepoint of its own, and its answer leaves only after the commit.
#pragma once

#include "controller/desk/desk.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace bailiff {

/// One turn: `work` runs on the desk's thread inside the transaction and returns what to do after the commit (answer
/// the HTTP request); `failed` is called instead when the storage was not available.
struct DeskTurn {
    std::function<std::function<void()>(Desk&)> work;
    std::function<void(const std::string& outage)> failed;
};

/// Owns the thread, not the desk. `post` is safe from every thread, never blocks, and is refused (false) when the
/// queue is full or the loop has ended. Ticks every `tick_every` of real time.
class DeskLoop {
  public:
    DeskLoop(Desk& desk, Storage& storage, const Clock& clock, std::chrono::milliseconds tick_every, size_t queue_limit = 10'000);
    ~DeskLoop();
    bool post(DeskTurn turn);
    /// A turn without an answer.
    bool post(std::function<void(Desk&)> work);
    void stop();
    /// Whether the storage takes writes, as far as known: false from a turn that broke until a write succeeded. For /readyz.
    bool healthy() const { return healthy_; }
    size_t waiting() const;

  private:
    void run();
    void take(std::deque<DeskTurn>& batch);
    std::function<void()> prove();
    Desk& desk_;
    Storage& storage_;
    const Clock& clock_;
    std::chrono::milliseconds tick_every_;
    size_t queue_limit_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<DeskTurn> queue_;
    bool stopping_ = false;
    std::atomic<bool> healthy_{true};
    std::string outage_;   ///< the last one told in the log
    std::thread thread_;
};

}  // namespace bailiff
