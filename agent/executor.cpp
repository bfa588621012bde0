// SPDX-License-Identifier: Apache-2.0
// See executor.hpp.
#include "agent/executor.hpp"

#include <exception>
#include <utility>

namespace bailiff::agent {

ThreadExecutor::ThreadExecutor(size_t quick, size_t slow, std::function<void(std::exception_ptr)> on_exception)
    : on_exception_(std::move(on_exception)) {
    for (size_t i = 0; i < quick; ++i) threads_.emplace_back([this] { serve(quick_); });
    for (size_t i = 0; i < slow; ++i) threads_.emplace_back([this] { serve(slow_); });
    threads_.emplace_back([this] { serve(live_); });
    threads_.emplace_back([this] { serve(idle_); });
}

ThreadExecutor::~ThreadExecutor() { stop(); }

void ThreadExecutor::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    for (Pool* pool : {&quick_, &slow_, &live_, &idle_}) pool->changed.notify_all();
    for (auto& thread : threads_) thread.join();
    threads_.clear();
}

ThreadExecutor::Pool& ThreadExecutor::pool_of(Lane lane) {
    switch (lane) {
        case Lane::quick: return quick_;
        case Lane::slow: return slow_;
        case Lane::live: return live_;
        case Lane::idle: return idle_;
    }
    return slow_;
}

void ThreadExecutor::run(Lane lane, std::function<void()> work) {
    Pool& pool = pool_of(lane);
    {
        const std::lock_guard lock(mutex_);
        if (stopping_) return;
        pool.waiting.push_back(std::move(work));
    }
    pool.changed.notify_one();
}

void ThreadExecutor::serve(Pool& pool) {
    for (;;) {
        std::function<void()> work;
        {
            std::unique_lock lock(mutex_);
            pool.changed.wait(lock, [&] { return stopping_ || !pool.waiting.empty(); });
            if (stopping_) return;
            work = std::move(pool.waiting.front());
            pool.waiting.pop_front();
        }
        try {
            work();
        } catch (...) {
            on_exception_(std::current_exception());
        }
    }
}

}  // namespace bailiff::agent
