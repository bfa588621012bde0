// SPDX-License-Identifier: Apache-2.0
// XFS: the superblock, where blocks and inodes lie by its numbers, and the checksum that guards version 5's metadata.
// The format is described in "XFS Algorithms & Data Structures" (kernel.org); everything on the disk is big-endian.
#pragma once

#include "agent/scan/image/image.hpp"
#include "agent/scan/image/volume.hpp"

#include <bailiff/result.hpp>

#include <array>
#include <cstdint>
#include <optional>

namespace bailiff::agent {

/// What the superblock says, believed only after every number was held against its bounds.
struct XfsGeometry {
    uint32_t block_size = 0, sector_size = 0, inode_size = 0;  ///< bytes, powers of two
    uint32_t directory_block_size = 0;                         ///< bytes; one or more blocks, at most 64 KiB
    uint32_t group_blocks = 0, groups = 0;                     ///< allocation groups; the last one may be shorter
    unsigned block_bits = 0, group_bits = 0, inode_bits = 0;   ///< how numbers are split: see the two functions below
    uint64_t blocks = 0;                                       ///< in the whole filesystem
    uint64_t root_inode = 0;
    uint64_t log_start = 0;   ///< a block number; 0 when the log lies on another device
    uint32_t log_blocks = 0;
    bool checksums = false;   ///< version 5
    bool entry_types = false; ///< entries of directories carry a type byte
    std::array<uint8_t, 16> uuid{};  ///< what version 5's metadata blocks name as their filesystem

    /// Where `count` blocks from `block` on begin, in bytes of the volume. Their number names the allocation group in its
    /// upper bits; nothing comes back when they do not lie within one group.
    std::optional<uint64_t> offset_of_blocks(uint64_t block, uint64_t count) const;
    /// Where an inode begins, in bytes of the volume: group, block in it and place in the block, from the top of its number.
    std::optional<uint64_t> offset_of_inode(uint64_t number) const;
};

/// Errc::invalid: damaged. Errc::unavailable: sound, but made with a feature that is not read here.
Result<XfsGeometry> read_xfs_superblock(Image& image, const Volume& volume);

/// Decides about a volume that begins with "XFSB": kind, reason, and a note when its log was not replayed.
void recognise_xfs(Image& image, Volume& volume);

/// Whether `block` matches the checksum (CRC-32C) that stands in its own four bytes at `offset`, which count as zeros.
bool xfs_checksum_fits(Bytes block, size_t offset);
/// The checksum that belongs there.
uint32_t xfs_checksum(Bytes block, size_t offset);

}  // namespace bailiff::agent
