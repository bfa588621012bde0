// SPDX-License-Identifier: Apache-2.0
// The checksums that btrfs keeps in front of its superblocks and tree nodes.
#pragma once

#include "agent/scan/image/byte_order.hpp"

#include <array>
#include <cstdint>

namespace bailiff::agent {

/// As the superblock numbers them. xxhash and blake2 exist as well (1 and 3), and are not read here.
enum class BtrfsChecksum : uint16_t { crc32c = 0, sha256 = 2 };

std::array<uint8_t, 32> sha256(Bytes bytes);

/// Whether the first 32 bytes of a superblock or node hold the checksum of all that follows them.
bool btrfs_checksum_holds(BtrfsChecksum kind, Bytes block);

}  // namespace bailiff::agent
