// SPDX-License-Identifier: Apache-2.0
// Counts failed sign-ins per peer, in bounded memory and without a lock: the io thread asks, the desk's thread counts.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string_view>

namespace bailiff {

/// At most `most` wrong tokens per minute and peer are looked up; then the peer hears 429 until the minute ends.
/// Peers that share a slot share its budget, which is harmless. A token that was right lately is looked up all the
/// same: behind a reverse proxy every client is one peer, and a stranger must not be able to lock the staff out.
class FailureLimiter {
  public:
    static constexpr uint32_t most = 10;

    bool blocked(std::string_view peer, std::string_view token_hash, std::chrono::milliseconds now) const {
        const uint64_t value = slots_[slot(peer)].load(std::memory_order_relaxed);
        return uint32_t(value >> 32) == minute(now) && uint32_t(value) >= most && !good(token_hash);
    }
    void failed(std::string_view peer, std::chrono::milliseconds now) {
        auto& cell = slots_[slot(peer)];
        uint64_t value = cell.load(std::memory_order_relaxed), next;
        do next = uint32_t(value >> 32) == minute(now) ? value + 1 : (uint64_t(minute(now)) << 32 | 1);
        while (!cell.compare_exchange_weak(value, next, std::memory_order_relaxed));
    }
    void succeeded(std::string_view token_hash) {
        const uint64_t mark = mark_of(token_hash);
        good_[mark % good_.size()].store(mark, std::memory_order_relaxed);
    }

  private:
    static uint64_t mark_of(std::string_view text) { return std::hash<std::string_view>{}(text) | 1; }
    static size_t slot(std::string_view peer) { return mark_of(peer) / 2 % 4096; }
    static uint32_t minute(std::chrono::milliseconds now) { return uint32_t(now.count() / 60'000 + 1); }
    bool good(std::string_view token_hash) const {
        const uint64_t mark = mark_of(token_hash);
        return good_[mark % good_.size()].load(std::memory_order_relaxed) == mark;
    }
    std::array<std::atomic<uint64_t>, 4096> slots_{};   ///< minute in the upper half, count in the lower
    std::array<std::atomic<uint64_t>, 1024> good_{};
};

}  // namespace bailiff
