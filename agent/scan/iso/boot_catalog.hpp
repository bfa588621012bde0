// SPDX-License-Identifier: Apache-2.0
// El Torito: the images that firmware starts from an ISO 9660, which no directory has to name.
#pragma once

#include "agent/scan/image/image.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace bailiff::agent {

struct IsoBootImage {
    uint32_t block = 0;
    uint64_t size = 0;        ///< bytes, as the catalog says; a hard disk's is what its own partition table says (0 here)
    bool hard_disk = false;
    bool open_end = false;    ///< the catalog only tells how much firmware loads at first
};

/// At most as many as one sector has entries for. `catalog` is what stands at the catalog's block, up to a few sectors. Nothing when it is none.
std::optional<std::vector<IsoBootImage>> parse_iso_boot_catalog(Bytes catalog);

}  // namespace bailiff::agent
