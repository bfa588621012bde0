// SPDX-License-Identifier: Apache-2.0
// The subvolumes and snapshots of a btrfs filesystem, as its root tree lists them.
#pragma once

#include "agent/scan/btrfs/tree.hpp"

#include <bailiff/result.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace bailiff::agent {

inline constexpr uint64_t btrfs_top_level = 5;

/// In the order of walking: what two trees share is reported where people work with it, not in a snapshot.
enum class BtrfsLineage : uint8_t { original, writable_snapshot, read_only };

struct BtrfsSubvolume {
    BtrfsRoot root;
    uint64_t directory = 0;  ///< the inode of its root directory
    BtrfsLineage lineage = BtrfsLineage::original;
};

struct BtrfsSubvolumes {
    std::map<uint64_t, BtrfsSubvolume> by_id;  ///< without those that were deleted
    bool complete = true;                      ///< false: there are more than are followed
    std::string damage;                        ///< a part of the list could not be read; "" when all was
};

/// Whether trees of this number hold files: the top level, and everything that was made later.
bool is_btrfs_subvolume(uint64_t id);

/// A deleted subvolume that the cleaner has not reached yet is left out, as deleted files are.
BtrfsSubvolumes read_btrfs_subvolumes(BtrfsTrees& trees, const BtrfsRoot& root_tree);

/// Whether `child` really hangs in `parent` under that name in that directory. A snapshot keeps the entries of the subvolumes
/// below its source, but they lead nowhere there; the kernel shows empty directories in their place.
Result<bool> is_btrfs_mount_place(BtrfsTrees& trees, const BtrfsRoot& root_tree, uint64_t parent, uint64_t child, uint64_t directory,
                                  std::string_view name);

}  // namespace bailiff::agent
