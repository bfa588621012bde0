// SPDX-License-Identifier: Apache-2.0
// ISO 9660: what the volume descriptors say (ECMA-119, 8), believed only after every number was held against its bounds.
#pragma once

#include "agent/scan/image/image.hpp"
#include "agent/scan/image/volume.hpp"

#include <bailiff/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bailiff::agent {

/// One of the trees of directories that an image has; they name the same contents, or do not.
struct IsoTree {
    uint64_t base = 0;       ///< bytes of the volume that its block numbers count from
    uint32_t root = 0;       ///< block of the root directory
    uint32_t root_size = 0;  ///< bytes
    uint32_t path_table = 0, path_table_size = 0;  ///< block and bytes of the little-endian one
    bool joliet = false;     ///< names are UCS-2
    std::string name;        ///< "primary", "joliet" or "supplementary", for people
};

struct IsoDescriptors {
    std::vector<IsoTree> trees;              ///< at least one
    std::vector<uint32_t> boot_catalogs;     ///< blocks (El Torito)
    uint64_t blocks = 0;                     ///< of the volume, by the primary descriptor
    bool udf = false;                        ///< the same bytes are a UDF filesystem, too
    bool complete = true;                    ///< false: there are more trees or catalogs than are followed
    std::optional<Error> problem;            ///< of a descriptor that was passed over, as below
};

/// Reads the descriptors of what begins `base` bytes into the volume. An error when none leads to a tree: Errc::invalid when
/// they are damaged, Errc::unavailable when they are sound, but not read here.
Result<IsoDescriptors> read_iso_descriptors(Image& image, const Volume& volume, uint64_t base);

/// Decides about a volume that carries the mark of ISO 9660: kind, reason, notes.
void recognise_iso(Image& image, Volume& volume);

/// Whether one of the descriptors leads to a directory. When none does, they are what is left of another use of the disk.
bool iso_leads_somewhere(Image& image, const Volume& volume);

/// Other filesystems that such an image may carry besides, for other systems to read: "udf", "hfs", "hfsplus". Files that only
/// they name would not be seen.
std::vector<std::string> iso_neighbours(Image& image, const Volume& volume);

}  // namespace bailiff::agent
