// SPDX-License-Identifier: Apache-2.0
// A sorted list and a bisection.
#include "agent/scan/image/dirty_map.hpp"

#include <algorithm>

namespace bailiff::agent {

void DirtyMap::add(uint64_t offset, uint64_t length) {
    if (length == 0) return;
    const uint64_t end = length > ~uint64_t{0} - offset ? ~uint64_t{0} : offset + length;
    bytes_ += length;
    if (!ranges_.empty() && offset <= ranges_.back().end + gap_) {
        ranges_.back().end = std::max(ranges_.back().end, end);
        return;
    }
    ranges_.push_back({offset, end});
    while (ranges_.size() > most_ranges_) close_gaps();
}

void DirtyMap::close_gaps() {
    constexpr uint64_t first_gap = 64U << 10, widest_gap = uint64_t{1} << 62;
    gap_ = gap_ == 0 ? first_gap : gap_ >= widest_gap ? widest_gap : gap_ * 2;
    size_t kept = 0;
    for (size_t i = 1; i < ranges_.size(); ++i) {
        if (ranges_[i].begin <= ranges_[kept].end + gap_) ranges_[kept].end = std::max(ranges_[kept].end, ranges_[i].end);
        else ranges_[++kept] = ranges_[i];
    }
    ranges_.resize(kept + 1);
}

bool DirtyMap::touches(uint64_t offset, uint64_t length) const {
    if (length == 0) return false;
    if (length > ~uint64_t{0} - offset) return true;
    const auto after = std::upper_bound(ranges_.begin(), ranges_.end(), offset, [](uint64_t at, const Range& range) { return at < range.end; });
    return after != ranges_.end() && after->begin < offset + length;
}

}  // namespace bailiff::agent
