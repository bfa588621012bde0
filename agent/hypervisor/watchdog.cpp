// SPDX-License-Identifier: Apache-2.0
// The threads behind Watchdog.
#include "agent/hypervisor/watchdog.hpp"

namespace bailiff::agent {

Watchdog::Watchdog(size_t most_threads, std::chrono::milliseconds drain)
    : state_(std::make_shared<State>()), most_threads_(most_threads), drain_(drain) {}

Watchdog::~Watchdog() {
    std::unique_lock guard(state_->mutex);
    state_->stopping = true;
    state_->queue.clear();
    state_->work.notify_all();
    state_->done.wait_for(guard, drain_, [&] { return state_->threads == 0; });
}

bool Watchdog::post(const VmId& vm, std::function<void()> call) {
    const std::lock_guard guard(state_->mutex);
    // A job never waits for a thread that may hang: either one is idle, or a new one is made, or the caller
    // is told.
    if (state_->idle <= state_->queue.size()) {
        if (state_->threads >= most_threads_) return false;
        ++state_->threads;
        std::thread([state = state_] { work(state); }).detach();
    }
    state_->queue.push_back({vm, std::move(call)});
    ++state_->running[vm];
    state_->work.notify_one();
    return true;
}

void Watchdog::work(const std::shared_ptr<State>& state) {
    std::unique_lock guard(state->mutex);
    while (true) {
        ++state->idle;
        state->work.wait(guard, [&] { return state->stopping || !state->queue.empty(); });
        --state->idle;
        if (state->queue.empty()) break;
        Job job = std::move(state->queue.front());
        state->queue.pop_front();
        guard.unlock();
        job.call();
        job.call = nullptr;
        guard.lock();
        if (--state->running[job.vm] == 0) {
            state->running.erase(job.vm);
            state->late.erase(job.vm);
        }
    }
    --state->threads;
    state->done.notify_all();
}

void Watchdog::mark_late(const VmId& vm) {
    const std::lock_guard guard(state_->mutex);
    if (!vm.empty() && state_->running.contains(vm)) state_->late[vm] = true;
}

bool Watchdog::stuck(const VmId& vm) const {
    const std::lock_guard guard(state_->mutex);
    return state_->late.contains(vm);
}

}  // namespace bailiff::agent
