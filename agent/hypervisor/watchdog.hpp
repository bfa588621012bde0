// SPDX-License-Identifier: Apache-2.0
// Runs calls that may hang on threads of their own, so that the caller always gets an answer in time.
#pragma once

#include <bailiff/id.hpp>
#include <bailiff/result.hpp>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace bailiff::agent {

/// A pool of threads for blocking calls. A call that outlives its time is left to itself: its VM counts as
/// stuck until it returns, and a further thread takes its place, up to a limit. Thread-safe. The destructor
/// waits for calls that still run, at most `drain`, and then leaves their threads behind (they own all that
/// they touch).
class Watchdog {
  public:
    explicit Watchdog(size_t most_threads = 64,
                      std::chrono::milliseconds drain = std::chrono::milliseconds{5000});
    ~Watchdog();
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;

    /// Runs `call` and waits for its result, at most `timeout`. `vm` may be empty for calls about the whole
    /// host. The call must own everything it uses, since it may go on after this function has returned.
    /// `late` is the error when it does: unavailable for reading, unknown_outcome for acting.
    template <class T>
    Result<T> run(const VmId& vm, std::chrono::milliseconds timeout, Error late,
                  std::function<Result<T>()> call) {
        return finish(vm, begin(vm, std::move(call)), timeout, std::move(late));
    }

    /// A call under way; empty when too many hang.
    template <class T>
    struct Answer {
        std::mutex mutex;
        std::condition_variable ready;
        std::optional<Result<T>> result;
    };
    /// The first half of run(), for a caller who has something else to do meanwhile.
    template <class T>
    std::shared_ptr<Answer<T>> begin(const VmId& vm, std::function<Result<T>()> call) {
        auto answer = std::make_shared<Answer<T>>();
        const bool taken = post(vm, [answer, call = std::move(call)] {
            Result<T> result = call();
            const std::lock_guard guard(answer->mutex);
            answer->result.emplace(std::move(result));
            answer->ready.notify_all();
        });
        return taken ? answer : nullptr;
    }
    /// The second half; `timeout` is from now.
    template <class T>
    Result<T> finish(const VmId& vm, const std::shared_ptr<Answer<T>>& answer, std::chrono::milliseconds timeout, Error late) {
        if (!answer) return fail(Errc::unavailable, "Too many calls to the hypervisor hang; it is asked again later.");
        std::unique_lock guard(answer->mutex);
        if (answer->ready.wait_for(guard, timeout, [&] { return answer->result.has_value(); }))
            return std::move(*answer->result);
        guard.unlock();
        mark_late(vm);
        return fail(std::move(late));
    }

    /// Starts a call without waiting for it; false when too many hang.
    bool post(const VmId& vm, std::function<void()> call);
    /// Whether a call on this VM has outlived its time and still runs.
    bool stuck(const VmId& vm) const;

  private:
    struct Job {
        VmId vm;
        std::function<void()> call;
    };
    /// Shared with the threads, which may outlive the Watchdog.
    struct State {
        mutable std::mutex mutex;
        std::condition_variable work, done;
        std::deque<Job> queue;
        size_t threads = 0, idle = 0;
        bool stopping = false;
        std::map<VmId, int> running;  ///< calls under way, by VM
        std::map<VmId, bool> late;
    };
    void mark_late(const VmId& vm);
    static void work(const std::shared_ptr<State>& state);

    std::shared_ptr<State> state_;
    size_t most_threads_;
    std::chrono::milliseconds drain_;
};

}  // namespace bailiff::agent
