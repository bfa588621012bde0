// SPDX-License-Identifier: Apache-2.0
// XFS: the names in a directory, whichever of its forms it has.
#pragma once

#include "agent/scan/xfs/inode.hpp"

#include <string_view>

namespace bailiff::agent {

/// Who takes what a directory holds, in the order of the disk. False ends the reading.
class XfsNames {
  public:
    virtual ~XfsNames() = default;
    /// `name` is raw: 1 to 255 bytes, any of them. "." and ".." do not come here.
    virtual bool name(std::string_view name, uint64_t inode) = 0;
    /// A part that cannot be trusted was left out; what follows it still comes.
    virtual bool damaged(const std::string& what) = 0;
    /// A block was read, which costs time even when no name comes from it.
    virtual bool block() = 0;
};

/// Reads short forms inside the inode, and the data blocks of block, leaf, node and B+tree directories; the hashes that
/// index them are not needed.
void read_xfs_directory(XfsReader& reader, const XfsInode& directory, XfsNames& names);

}  // namespace bailiff::agent
