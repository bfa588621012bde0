// SPDX-License-Identifier: Apache-2.0
// Compressed extents of btrfs, unpacked into a buffer whose size the caller has bounded.
#pragma once

#include "agent/scan/image/byte_order.hpp"

#include <bailiff/result.hpp>

#include <cstdint>
#include <span>

namespace bailiff::agent {

/// As the extent items number them.
enum class BtrfsCompression : uint8_t { none = 0, zlib = 1, lzo = 2, zstd = 3 };

/// Both sizes of a compressed extent end here, on disk and in memory.
inline constexpr uint64_t btrfs_largest_compressed = 128 << 10;

/// Unpacks `packed` (whose end may be padding) into `out`, and fills what the stream does not reach with zeros, as the kernel
/// does. A stream that is longer than `out` is cut; one that is damaged or ends too early is an error.
Result<void> btrfs_decompress(BtrfsCompression kind, Bytes packed, std::span<uint8_t> out, size_t sector_size);

}  // namespace bailiff::agent
