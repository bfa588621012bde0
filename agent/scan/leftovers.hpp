// SPDX-License-Identifier: Apache-2.0
// What no file holds any more or ever did: free blocks, the slack behind files' ends, deleted files, swap, and the gaps
// between partitions, where boot code lives. Looked at only when asked for. Runs in the reader only.
#pragma once

#include "agent/scan/filesystem_walk.hpp"
#include "agent/scan/image/image.hpp"
#include "agent/scan/image/volume.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace bailiff::agent {

/// Bytes of the disk from `start` up to `end`.
struct DiskRange {
    uint64_t start = 0, end = 0;
    friend bool operator==(const DiskRange&, const DiskRange&) = default;
};

/// The parts of a disk that no volume covers, in order. Volumes that do not lie on the disk as they are count for nothing.
std::vector<DiskRange> gaps_between(const std::vector<Volume>& volumes, uint64_t disk_size);

/// Hands over the range in pieces of at most `leftover_piece` bytes that overlap by `leftover_overlap`, so that nothing is cut at
/// their edges; what is nothing but zeros is left out. Their paths are "/(LABEL 0xSTART-0xEND)", counted from `origin`.
void hand_over_range(Image& image, DiskRange range, uint64_t origin, const std::string& label, const WalkLimits& limits, WalkSink& sink);

inline constexpr uint64_t leftover_piece = 8U << 20, leftover_overlap = 64U << 10;

/// The leftovers of one filesystem or of swap. Free blocks are put together in the order of the disk, "/(free space 0x…-0x…)" names
/// the first and the last byte; slack likewise by inodes; a deleted file is "/(deleted inode N)" with its name behind it when the
/// filesystem still has that. For XFS and btrfs a `skipped` says that they were not looked at.
void walk_leftovers(Image& image, const Volume& volume, const WalkLimits& limits, WalkSink& sink);

}  // namespace bailiff::agent
