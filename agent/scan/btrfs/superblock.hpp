// SPDX-License-Identifier: Apache-2.0
// Where a btrfs filesystem begins: the superblock, its mirrors, and what of its features is read here.
// Format: https://btrfs.readthedocs.io/en/latest/dev/On-disk-format.html
#pragma once

#include "agent/scan/btrfs/checksum.hpp"
#include "agent/scan/image/image.hpp"
#include "agent/scan/image/volume.hpp"

#include <bailiff/result.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace bailiff::agent {

using BtrfsUuid = std::array<uint8_t, 16>;

inline constexpr uint64_t btrfs_superblock_at = 64 << 10;
inline constexpr size_t btrfs_superblock_size = 4096, btrfs_sys_chunks_size = 2048;

/// The root node of a tree, as whoever points to it describes it; a node that differs is not the one that was meant.
struct BtrfsRoot {
    uint64_t logical = 0;
    uint64_t generation = 0;
    uint8_t level = 0;
};

struct BtrfsSuperblock {
    BtrfsRoot root_tree, chunk_tree;
    uint64_t log_tree = 0;     ///< logical; 0 = nothing to replay
    uint64_t devices = 0;      ///< of the whole filesystem
    uint64_t device_id = 0;    ///< of this one
    uint64_t flags = 0, incompatible = 0;
    uint32_t sector_size = 0, node_size = 0;  ///< bytes, powers of two from 4 KiB to 64 KiB
    BtrfsChecksum checksum = BtrfsChecksum::crc32c;
    BtrfsUuid device_uuid{};
    BtrfsUuid node_uuid{};     ///< what every node of this filesystem carries
    std::vector<uint8_t> sys_chunks;  ///< keys and chunk items one after another, enough to find the chunk tree
    bool mirror = false;       ///< the first copy is damaged, and this is another one
};

/// The first copy when it is sound, as the kernel takes it; or else the newest sound mirror. An error with `Errc::invalid`
/// means damage, `Errc::unavailable` a kind of btrfs that is not read here (its text says which).
Result<BtrfsSuperblock> read_btrfs_superblock(Image& image, const Volume& volume);

/// Whether btrfs's magic stands at the place of the first copy, or of a mirror when `mirrors` is set.
bool has_btrfs_magic(Image& image, const Volume& volume, bool mirrors);

/// Fills in kind, reason and notes of a volume that carries btrfs's magic.
void recognise_btrfs(Image& image, Volume& volume);

}  // namespace bailiff::agent
