// SPDX-License-Identifier: Apache-2.0
// A queue, some threads, and an eventfd.
#include "agent/scan/digest_pool.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <system_error>

namespace bailiff::agent {

DigestPool::DigestPool(unsigned threads) : ready_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    try {
        for (unsigned i = 0; ready_ && i < threads; ++i) threads_.emplace_back([this] { serve(); });
    } catch (const std::system_error&) {
        // Fewer do as well.
    }
}

DigestPool::~DigestPool() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    for (auto& thread : threads_) thread.join();
}

void DigestPool::give(uint64_t ticket, int content, uint64_t size) {
    const Work work{ticket, content, size};
    if (threads_.empty()) return finish(work);
    {
        const std::lock_guard lock(mutex_);
        waiting_.push_back(work);
    }
    changed_.notify_one();
}

void DigestPool::finish(const Work& work) {
    const auto digest = digest_of(work.content, work.size);
    {
        const std::lock_guard lock(mutex_);
        done_.emplace_back(work.ticket, digest ? std::optional(*digest) : std::nullopt);
    }
    const uint64_t one = 1;
    // The counter cannot be full: each collecting empties it.
    (void)!::write(ready_.fd(), &one, sizeof one);
}

void DigestPool::serve() {
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
        if (stopping_) return;
        const Work work = waiting_.front();
        waiting_.pop_front();
        lock.unlock();
        finish(work);
        lock.lock();
    }
}

std::vector<std::pair<uint64_t, std::optional<ContentDigest>>> DigestPool::collect() {
    uint64_t count = 0;
    (void)!::read(ready_.fd(), &count, sizeof count);
    const std::lock_guard lock(mutex_);
    return std::exchange(done_, {});
}

}  // namespace bailiff::agent
