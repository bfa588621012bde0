// SPDX-License-Identifier: Apache-2.0
// A validation entry, a default entry, then sections; all of 32 bytes ("El Torito", version 1.0, 1995).
#include "agent/scan/iso/boot_catalog.hpp"

namespace bailiff::agent {
namespace {

constexpr size_t entry_size = 32, most_images = 64;
constexpr uint64_t virtual_sector = 512;
constexpr uint8_t more_sections = 0x90, last_section = 0x91, extension = 0x44, bootable = 0x88;

IsoBootImage image_of(Bytes entry) {
    IsoBootImage out;
    out.block = little_endian<uint32_t>(entry, 8);
    const auto sectors = little_endian<uint16_t>(entry, 6);
    switch (entry[1] & 0x0f) {
        case 1: out.size = 1200U << 10; break;
        case 2: out.size = 1440U << 10; break;
        case 3: out.size = 2880U << 10; break;
        case 4: out.hard_disk = true; break;
        default:
            out.size = (sectors == 0 ? 1 : sectors) * virtual_sector;
            // A loader of four sectors fetches the rest of itself; firmware of EFI takes 0 and 1 for "to the end".
            out.open_end = sectors <= 4;
    }
    return out;
}

}  // namespace

std::optional<std::vector<IsoBootImage>> parse_iso_boot_catalog(Bytes catalog) {
    if (catalog.size() < 2 * entry_size || catalog[0] != 1 || catalog[30] != 0x55 || catalog[31] != 0xaa) return std::nullopt;
    std::vector<IsoBootImage> out{image_of(catalog.subspan(entry_size, entry_size))};
    bool last = false;
    size_t left = 0;  // entries of the section
    for (size_t at = 2 * entry_size; at + entry_size <= catalog.size() && out.size() < most_images; at += entry_size) {
        const Bytes entry = catalog.subspan(at, entry_size);
        if (left == 0 && !last && (entry[0] == more_sections || entry[0] == last_section)) {
            last = entry[0] == last_section;
            left = little_endian<uint16_t>(entry, 2);
        } else if (entry[0] == extension) {
            continue;
        } else if (left > 0 || entry[0] == bootable) {
            // Some tools put further entries without a section around them.
            out.push_back(image_of(entry));
            if (left > 0) --left;
        } else {
            break;
        }
    }
    return out;
}

}  // namespace bailiff::agent
