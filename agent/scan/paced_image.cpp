// SPDX-License-Identifier: Apache-2.0
// See paced_image.hpp.
#include "agent/scan/paced_image.hpp"

#include <bailiff/system_clock.hpp>

#include <time.h>

#include <algorithm>

namespace bailiff::agent {
namespace {

/// One piece of a long read: small enough that a guest's own request never waits long behind it.
constexpr size_t piece_bytes = 256U << 10;

/// What a request costs at least: on a disk that turns, a short read takes as long as this much of a long one.
constexpr uint64_t least_cost = 32U << 10;

}  // namespace

ReadPace::Time ReadPace::after(uint64_t bytes, Time now) {
    constexpr uint64_t second = 1'000'000'000;
    // Whole seconds apart, so that nothing overflows.
    const Time cost(static_cast<int64_t>(bytes / rate_ * second + bytes % rate_ * second / rate_));
    constexpr Time saved = std::chrono::milliseconds(100);
    free_at_ = std::max(free_at_, now - saved) + cost;
    return std::max(free_at_ - now, Time(0));
}

bool PacedImage::read(uint64_t offset, std::span<uint8_t> out) {
    const SystemClock clock;
    while (!out.empty()) {
        const auto piece = out.first(std::min(out.size(), piece_bytes));
        if (!image_->read(offset, piece)) return false;
        const auto wait = pace_.after(std::max<uint64_t>(piece.size(), least_cost), clock.monotonic());
        timespec nap{static_cast<time_t>(wait.count() / 1'000'000'000), static_cast<long>(wait.count() % 1'000'000'000)};
        ::nanosleep(&nap, nullptr);
        out = out.subspan(piece.size());
        offset += piece.size();
    }
    return true;
}

}  // namespace bailiff::agent
