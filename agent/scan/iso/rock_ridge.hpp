// SPDX-License-Identifier: Apache-2.0
// Rock Ridge: what POSIX systems keep in the system use area of a directory's record (IEEE P1281 and P1282).
#pragma once

#include "agent/scan/image/byte_order.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace bailiff::agent {

/// How a file that mkzftree compressed says it is stored (the entry ZF).
struct IsoPacked {
    bool known = false;         ///< "pz", the one algorithm that is unpacked here
    uint8_t header_words = 0;   ///< size of the header in front of the content, in units of four bytes
    uint8_t block_bits = 0;     ///< of the blocks that were compressed each by itself
    uint32_t size = 0;          ///< bytes, unpacked
    friend bool operator==(const IsoPacked&, const IsoPacked&) = default;
};

struct IsoRockRidge {
    bool any = false;                   ///< an entry of Rock Ridge is there
    bool damaged = false;               ///< something in it does not fit: the rest was not read
    std::optional<std::string> name;    ///< NM, all its parts
    std::optional<uint32_t> mode;       ///< PX, as in struct stat
    std::optional<uint32_t> child;      ///< CL: the block of the directory that belongs here and lies elsewhere
    bool relocated = false;             ///< RE: this directory belongs elsewhere, and a CL there says so
    std::optional<IsoPacked> packed;    ///< ZF
};

/// The bytes of a continuation area; empty when it cannot be read.
using IsoArea = std::function<std::vector<uint8_t>(uint32_t block, uint32_t offset, uint32_t length)>;

/// Reads the entries of one record and of its continuation areas. `skip` is how many bytes of each system use area are another's.
IsoRockRidge read_rock_ridge(Bytes system_use, size_t skip, const IsoArea& area);

/// What the root directory's own record says about `skip` (the entry SP); nothing when the tree has none.
std::optional<size_t> rock_ridge_skip(Bytes system_use);

}  // namespace bailiff::agent
