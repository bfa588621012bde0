// SPDX-License-Identifier: Apache-2.0
// Reading the first sector of an XFS volume, and refusing what would be misread.
#include "agent/scan/xfs/superblock.hpp"

#include "agent/scan/image/crc32c.hpp"

#include "agent/scan/xfs/log.hpp"

#include <algorithm>
#include <bit>
#include <string>

namespace bailiff::agent {
namespace {

constexpr size_t smallest_sector = 512, largest_sector = 32768, checksum_at = 224;
constexpr uint32_t largest_block = 65536;

struct Feature {
    uint32_t bit;
    const char* name;
};

/// Version 5's incompatible features that change nothing about where names and contents lie, or that are read here.
constexpr uint32_t entry_types = 0x1, own_uuid = 0x4, needs_repair = 0x10;
constexpr uint32_t known_incompatible = entry_types | 0x2 /* sparse inodes */ | own_uuid | 0x8 /* bigtime */ | needs_repair |
                                        0x20 /* large extent counts */ | 0x40 /* exchange of ranges */ | 0x80 /* parent pointers */;
constexpr Feature refused_incompatible[] = {{0x100, "metadir"}, {0x200, "zoned"}, {0x400, "zone_gaps"}};

/// Version 4 spreads its features over two words. A bit outside these was never given a meaning by a released Linux.
constexpr uint32_t more_bits = 0x8000, version_2_directories = 0x2000;
constexpr uint32_t known_version_bits = 0x000f | 0x0010 | 0x0020 | 0x0040 | 0x0080 | 0x0100 | 0x0400 | 0x0800 | 0x1000 |
                                        version_2_directories | 0x4000 | more_bits;
constexpr uint32_t second_entry_types = 0x200, known_second_word = 0x2 | 0x8 | 0x80 | second_entry_types;

std::string words(uint32_t bits, std::span<const Feature> names) {
    std::string out;
    const auto add = [&](const std::string& word) { out += (out.empty() ? "" : ", ") + word; };
    for (const Feature& feature : names)
        if (bits & feature.bit) {
            add(feature.name);
            bits &= ~feature.bit;
        }
    if (bits) add("an unknown one");
    return out;
}

tl::unexpected<Error> damaged(const std::string& what) {
    return fail(Errc::invalid, "the superblock is damaged: " + what);
}

/// A power of two whose exponent stands beside it, as XFS keeps every such size.
bool fits(uint32_t size, unsigned exponent, uint32_t least, uint32_t most) {
    return size >= least && size <= most && std::has_single_bit(size) && std::countr_zero(size) == static_cast<int>(exponent);
}

Result<void> read_features(Bytes sector, XfsGeometry& out) {
    const uint32_t version = big_endian<uint16_t>(sector, 100);
    // Some old kernels wrote the second word four bytes too far, and all since then look in both places.
    const uint32_t second_word = big_endian<uint32_t>(sector, 200) | big_endian<uint32_t>(sector, 204);
    uint32_t unknown = 0;
    std::string named;
    switch (version & 0xf) {
        case 4:
            unknown = version & ~known_version_bits;
            if (!(version & version_2_directories)) unknown |= 0x10000;
            if (version & more_bits) {
                unknown |= (second_word & ~known_second_word) ? 0x10000 : 0;
                out.entry_types = (second_word & second_entry_types) != 0;
            }
            named = words(unknown, {});
            break;
        case 5: {
            const auto incompatible = big_endian<uint32_t>(sector, 216);
            named = words(incompatible & ~known_incompatible, refused_incompatible);
            out.checksums = true;
            out.entry_types = (incompatible & entry_types) != 0;
            const size_t uuid_at = incompatible & own_uuid ? 248 : 32;
            std::copy_n(sector.begin() + static_cast<std::ptrdiff_t>(uuid_at), out.uuid.size(), out.uuid.begin());
            break;
        }
        default: return fail(Errc::unavailable, "the xfs filesystem is of version " + std::to_string(version & 0xf) + ", which is not read here");
    }
    if (!named.empty()) return fail(Errc::unavailable, "the xfs filesystem uses a feature that is not read here: " + named);
    return {};
}

}  // namespace

uint32_t xfs_checksum(Bytes block, size_t offset) {
    static constexpr uint8_t nothing[4] = {};
    if (offset + 4 > block.size()) return 0;
    return ~crc32c_step(crc32c_step(crc32c_step(~0U, block.first(offset)), nothing), block.subspan(offset + 4));
}

bool xfs_checksum_fits(Bytes block, size_t offset) {
    return offset + 4 <= block.size() && xfs_checksum(block, offset) == little_endian<uint32_t>(block, offset);
}

std::optional<uint64_t> XfsGeometry::offset_of_blocks(uint64_t block, uint64_t count) const {
    const uint64_t group = block >> group_bits, within = block & ((uint64_t{1} << group_bits) - 1);
    if (group >= groups) return std::nullopt;
    const uint64_t first = group * group_blocks;
    const uint64_t length = std::min<uint64_t>(group_blocks, blocks - first);
    if (within >= length || count > length - within) return std::nullopt;
    return (first + within) << block_bits;
}

std::optional<uint64_t> XfsGeometry::offset_of_inode(uint64_t number) const {
    const uint64_t place = number & ((uint64_t{1} << inode_bits) - 1);
    const auto block = offset_of_blocks(number >> inode_bits, 1);
    if (!block) return std::nullopt;
    return *block + place * inode_size;
}

Result<XfsGeometry> read_xfs_superblock(Image& image, const Volume& volume) {
    const auto bytes = image.bytes(volume.start, std::min<uint64_t>(largest_sector, volume.size));
    if (bytes.size() < smallest_sector) return damaged("it cannot be read");
    const Bytes sector(bytes);
    if (big_endian<uint32_t>(sector, 0) != 0x58465342) return damaged("its mark is missing");

    XfsGeometry out;
    out.block_size = big_endian<uint32_t>(sector, 4);
    out.sector_size = big_endian<uint16_t>(sector, 102);
    out.inode_size = big_endian<uint16_t>(sector, 104);
    out.block_bits = sector[120];
    out.inode_bits = sector[123];
    out.group_bits = sector[124];
    out.group_blocks = big_endian<uint32_t>(sector, 84);
    out.groups = big_endian<uint32_t>(sector, 88);
    out.blocks = big_endian<uint64_t>(sector, 8);
    out.root_inode = big_endian<uint64_t>(sector, 56);
    out.log_start = big_endian<uint64_t>(sector, 48);
    out.log_blocks = big_endian<uint32_t>(sector, 96);

    if (!fits(out.sector_size, sector[121], smallest_sector, largest_sector) || out.sector_size > bytes.size()) return damaged("its sector size");
    // The checksum comes before the rest: after it, a number out of bounds is malice and not decay.
    if ((big_endian<uint16_t>(sector, 100) & 0xf) == 5 && !xfs_checksum_fits(sector.first(out.sector_size), checksum_at))
        return damaged("its checksum");
    if (const auto features = read_features(sector, out); !features) return fail(features.error());

    if (!fits(out.block_size, out.block_bits, 512, largest_block) || out.block_size < out.sector_size) return damaged("its block size");
    if (!fits(out.inode_size, sector[122], out.checksums ? 512 : 256, 2048) || out.inode_size > out.block_size) return damaged("its inode size");
    if (out.block_size / out.inode_size != uint64_t{1} << std::min(out.inode_bits, 32U)) return damaged("its number of inodes in a block");
    if (sector[192] > 16 || out.block_size > largest_block >> sector[192]) return damaged("its directory block size");
    out.directory_block_size = out.block_size << sector[192];
    if (out.group_blocks == 0 || out.groups == 0 || out.group_bits > 32 || out.group_blocks > uint64_t{1} << out.group_bits ||
        out.group_blocks <= (uint64_t{1} << out.group_bits) / 2)
        return damaged("its allocation groups");
    const uint64_t most = uint64_t{out.group_blocks} * out.groups;
    if (out.blocks > most || out.blocks <= most - out.group_blocks || out.blocks > UINT64_MAX >> 17) return damaged("its size");
    if (sector[126] != 0) return damaged("it was being made, and never finished");
    if (!out.offset_of_inode(out.root_inode)) return damaged("its root directory");
    return out;
}

void recognise_xfs(Image& image, Volume& volume) {
    volume.filesystem = "xfs";
    const auto geometry = read_xfs_superblock(image, volume);
    if (!geometry) {
        volume.kind = VolumeKind::unreadable;
        volume.unsupported = geometry.error().code == Errc::unavailable;
        volume.reason = geometry.error().text;
        return;
    }
    volume.kind = VolumeKind::xfs;
    const auto sector = image.bytes(volume.start, smallest_sector);
    if (geometry->checksums && (big_endian<uint32_t>(sector, 216) & needs_repair))
        volume.notes.push_back("the filesystem is marked as in need of repair");
    switch (xfs_log_state(image, volume, *geometry)) {
        case XfsLogState::clean: break;
        case XfsLogState::dirty:
            volume.notes.push_back("the log was not replayed: what the guest wrote last may be missing");
            break;
        case XfsLogState::elsewhere: break;  // the walk names it: nobody here can say what it holds
        case XfsLogState::unknown:
            volume.notes.push_back("the log is not understood: if it was not replayed, what the guest wrote last may be missing");
            break;
    }
}

}  // namespace bailiff::agent
