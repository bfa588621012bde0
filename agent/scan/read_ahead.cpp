// SPDX-License-Identifier: Apache-2.0
// One window.
#include "agent/scan/read_ahead.hpp"

#include <algorithm>

namespace bailiff::agent {
namespace {

constexpr uint64_t window_bytes = 2U << 20;
/// Reading over a gap of this size is cheaper than asking twice (SCAN.md).
constexpr uint64_t widest_gap = 64U << 10;

}  // namespace

bool ReadAheadImage::read(uint64_t offset, std::span<uint8_t> out) {
    const uint64_t end = offset + out.size();
    const bool in_order = offset >= last_end_ && offset - last_end_ <= widest_gap;
    last_end_ = end;
    if (offset >= start_ && end <= start_ + window_.size() && end >= offset) {
        std::copy_n(window_.begin() + static_cast<std::ptrdiff_t>(offset - start_), out.size(), out.begin());
        return true;
    }
    if (!in_order || out.size() >= window_bytes || offset >= size()) return image_->read(offset, out);
    window_.resize(std::min(window_bytes, size() - offset));
    start_ = offset;
    if (!image_->read(offset, window_)) {
        // A bad spot ahead is not this read's matter.
        window_.clear();
        return image_->read(offset, out);
    }
    if (out.size() > window_.size()) return false;
    std::copy_n(window_.begin(), out.size(), out.begin());
    return true;
}

}  // namespace bailiff::agent
