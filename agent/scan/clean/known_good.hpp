// SPDX-License-Identifier: Apache-2.0
// Trees of known-good files, such as an unpacked golden image: what may take the place of what is taken out.
#pragma once

#include "agent/scan/box/memory_file.hpp"

#include <bailiff/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bailiff::agent {

struct KnownGood {
    MemoryFile content;      ///< sealed: the tree may change meanwhile, this cannot
    uint64_t size = 0;       ///< bytes
    ContentDigest sha256{};
    std::string file;        ///< where it came from, bytes
    int64_t mtime = 0;       ///< seconds since 1970
};

/// The regular file that the first of `trees` has at `path`, the bytes of an absolute path in the guest; nothing when none has.
/// `path` is a customer's attacker's choice: no symbolic link is followed, in no part of it, and it cannot leave the tree.
/// Errors: invalid (larger than two gigabytes), unavailable (it is there and cannot be read).
Result<std::optional<KnownGood>> find_known_good(const std::vector<std::string>& trees, const std::string& path);

}  // namespace bailiff::agent
