// SPDX-License-Identifier: Apache-2.0
// The names in one directory of btrfs.
#pragma once

#include "agent/scan/btrfs/tree.hpp"

#include <bailiff/result.hpp>

#include <cstdint>
#include <functional>
#include <string>

namespace bailiff::agent {

struct BtrfsEntry {
    std::string name;      ///< bytes
    BtrfsKey target;       ///< an inode of the same tree, or another subvolume
    bool sound = true;     ///< false: the entry is damaged, and `name` is empty or no name at all
};

/// Calls `take` with each entry until it answers false. btrfs keeps every name twice, by order and by hash; what stands in one
/// of the two only would be hidden from a reader of the other, so both are read. An error names damage that hides entries.
Result<void> read_btrfs_directory(BtrfsTrees& trees, const BtrfsRoot& root, uint64_t inode, const std::function<bool(const BtrfsEntry&)>& take);

}  // namespace bailiff::agent
