// SPDX-License-Identifier: Apache-2.0
// A few numbers out of each kind's superblock.
#include "agent/scan/image/used_bytes.hpp"

#include <algorithm>

namespace bailiff::agent {
namespace {

uint64_t ext_used(Bytes s) {
    const bool wide = little_endian<uint32_t>(s, 0x60) & 0x80;
    const auto number = [&](size_t low, size_t high) { return little_endian<uint32_t>(s, low) | (wide ? uint64_t{little_endian<uint32_t>(s, high)} << 32 : 0); };
    const uint64_t blocks = number(0x04, 0x150), unused = number(0x0c, 0x158);
    const auto bits = std::min(little_endian<uint32_t>(s, 0x18), 6U) + 10;
    return unused > blocks || blocks > uint64_t{1} << 46 ? 0 : (blocks - unused) << bits;
}

uint64_t xfs_used(Bytes s) {
    const auto blocks = big_endian<uint64_t>(s, 8), unused = big_endian<uint64_t>(s, 144), size = uint64_t{big_endian<uint32_t>(s, 4)};
    return unused > blocks || blocks > uint64_t{1} << 46 || size > 65536 ? 0 : (blocks - unused) * size;
}

/// FAT32 keeps a count in a sector that its boot sector names; it may be wrong or missing.
uint64_t fat_used(Image& image, const Volume& volume, Bytes boot) {
    const uint64_t sector = little_endian<uint16_t>(boot, 11), cluster = sector * boot[13];
    if (little_endian<uint16_t>(boot, 22) != 0 || cluster == 0) return 0;
    const auto info = image.bytes(volume.start + sector * little_endian<uint16_t>(boot, 48), 512);
    if (info.size() < 512 || little_endian<uint32_t>(info, 0) != 0x41615252 || little_endian<uint32_t>(info, 488) == ~uint32_t{0}) return 0;
    const uint64_t unused = little_endian<uint32_t>(info, 488) * cluster;
    return unused > volume.size ? 0 : volume.size - unused;
}

uint64_t claimed(Image& image, const Volume& volume) {
    const auto at = [&](uint64_t offset, size_t size) {
        auto out = image.bytes(volume.start + offset, size);
        out.resize(size);
        return out;
    };
    switch (volume.kind) {
        case VolumeKind::ext: return ext_used(at(1024, 1024));
        case VolumeKind::xfs: return xfs_used(at(0, 512));
        case VolumeKind::btrfs: return little_endian<uint64_t>(at(0x10000, 512), 0x78);
        case VolumeKind::exfat: {
            const uint8_t percent = at(0, 512)[112];
            return percent > 100 ? 0 : volume.size / 100 * percent;
        }
        case VolumeKind::fat: return fat_used(image, volume, at(0, 512));
        case VolumeKind::ntfs:
        case VolumeKind::iso9660:
        case VolumeKind::boot_code:
        case VolumeKind::swap:
        case VolumeKind::empty:
        case VolumeKind::container:
        case VolumeKind::unreadable: return 0;
    }
    return 0;
}

}  // namespace

uint64_t used_bytes(Image& image, const Volume& volume) {
    switch (volume.kind) {
        case VolumeKind::swap:
        case VolumeKind::empty:
        case VolumeKind::container:
        case VolumeKind::unreadable: return 0;
        case VolumeKind::ext:
        case VolumeKind::ntfs:
        case VolumeKind::fat:
        case VolumeKind::exfat:
        case VolumeKind::xfs:
        case VolumeKind::btrfs:
        case VolumeKind::iso9660:
        case VolumeKind::boot_code: break;
    }
    const uint64_t used = claimed(image, volume);
    return used == 0 ? volume.size : std::min(used, volume.size);
}

}  // namespace bailiff::agent
