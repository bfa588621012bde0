// SPDX-License-Identifier: Apache-2.0
// Which bytes of a disk were written since a moment: what a dirty bitmap says, as ranges.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace bailiff::agent {

/// Ranges of bytes. Filled in the order of the disk, then asked. A map that would grow too large closes the narrowest gaps
/// between its ranges: it may then say "written" of what was not, and never the other way round.
class DirtyMap {
  public:
    explicit DirtyMap(size_t most_ranges = size_t{1} << 20) : most_ranges_(most_ranges < 1 ? 1 : most_ranges) {}

    /// `offset` is not before the last range's end. No length, no range.
    void add(uint64_t offset, uint64_t length);
    /// Whether any byte of these was written. What lies beyond the end of numbers was.
    bool touches(uint64_t offset, uint64_t length) const;
    /// How many bytes were added; closing gaps does not change it.
    uint64_t bytes() const { return bytes_; }
    size_t ranges() const { return ranges_.size(); }

  private:
    struct Range {
        uint64_t begin, end;
    };
    void close_gaps();
    size_t most_ranges_;
    uint64_t bytes_ = 0, gap_ = 0;
    std::vector<Range> ranges_;  // ascending, apart by more than gap_
};

}  // namespace bailiff::agent
