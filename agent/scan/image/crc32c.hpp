// SPDX-License-Identifier: Apache-2.0
// Castagnoli's CRC (RFC 3720, appendix B.4), which XFS and btrfs keep of their blocks.
#pragma once

#include "agent/scan/image/byte_order.hpp"

#include <cstdint>

namespace bailiff::agent {

/// With the usual inversions before and after.
uint32_t crc32c(Bytes bytes);

/// A step of it, without them: for a checksum over several pieces, begun with `~0U` and inverted at the end.
uint32_t crc32c_step(uint32_t rest, Bytes bytes);

}  // namespace bailiff::agent
