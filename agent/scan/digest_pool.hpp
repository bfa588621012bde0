// SPDX-License-Identifier: Apache-2.0
// SHA-256 of large contents on threads of their own, so that the scan's thread goes on feeding the engines meanwhile.
#pragma once

#include "agent/scan/box/descriptor.hpp"
#include "agent/scan/box/memory_file.hpp"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace bailiff::agent {

/// Belongs to one thread, which gives contents and collects digests; those that do the work are nobody's business.
class DigestPool {
  public:
    /// Without threads (none asked for, or the system gives none) contents are digested while they are given.
    explicit DigestPool(unsigned threads);
    ~DigestPool();
    DigestPool(const DigestPool&) = delete;
    DigestPool& operator=(const DigestPool&) = delete;

    /// Readable while something is to be collected.
    int fd() const { return ready_.fd(); }
    /// `content` is a sealed memory file; it must stay open until its digest was collected, or the pool is gone.
    void give(uint64_t ticket, int content, uint64_t size);
    /// What is ready, by ticket; nothing instead of a digest when the content could not be read.
    std::vector<std::pair<uint64_t, std::optional<ContentDigest>>> collect();

  private:
    struct Work {
        uint64_t ticket;
        int content;
        uint64_t size;
    };
    void serve();
    void finish(const Work& work);

    Descriptor ready_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool stopping_ = false;
    std::deque<Work> waiting_;
    std::vector<std::pair<uint64_t, std::optional<ContentDigest>>> done_;
    std::vector<std::thread> threads_;
};

}  // namespace bailiff::agent
