// SPDX-License-Identifier: Apache-2.0
// Superblocks of btrfs: three places, one layout. Every field is checked before anything follows it.
#include "agent/scan/btrfs/superblock.hpp"

#include <algorithm>
#include <bit>
#include <optional>
#include <string_view>

namespace bailiff::agent {
namespace {

constexpr uint64_t places[] = {btrfs_superblock_at, 64ULL << 20, 256ULL << 30};
constexpr std::string_view magic = "_BHRfS_M";
constexpr size_t magic_at = 0x40;
constexpr uint8_t levels = 8;

bool has_magic(Bytes block) {
    return block.size() >= magic_at + magic.size() &&
           std::equal(magic.begin(), magic.end(), block.begin() + magic_at, [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; });
}

struct Flag {
    uint64_t bit;
    const char* name;
};

/// Features that change where content lies or how nodes look. All others up to 11, and 16 (simple quotas), only add
/// what a reader may pass over, or what is read here.
constexpr Flag refused_features[] = {{1ULL << 12, "zoned"}, {1ULL << 13, "extent_tree_v2"}, {1ULL << 14, "raid_stripe_tree"}};
constexpr uint64_t known_features = 0xfff | 1ULL << 16;

/// A metadata dump has no content, and a filesystem in the midst of a conversion has two truths.
constexpr Flag refused_flags[] = {{1ULL << 33, "a metadata dump"}, {1ULL << 34, "a metadata dump"}, {1ULL << 35, "an unfinished change of its UUID"},
                                  {1ULL << 36, "an unfinished change of its UUID"}};
constexpr uint64_t known_flags = 0x7 | 1ULL << 32;

template <size_t n>
std::string names_of(uint64_t bits, const Flag (&table)[n]) {
    std::string out;
    for (const Flag& flag : table)
        if (bits & flag.bit) {
            if (out.find(flag.name) == out.npos) out += (out.empty() ? "" : ", ") + std::string(flag.name);
            bits &= ~flag.bit;
        }
    if (bits) out += (out.empty() ? "" : ", ") + std::string("an unknown one");
    return out;
}

BtrfsUuid uuid_at(Bytes block, size_t at) {
    BtrfsUuid out;
    std::copy_n(block.begin() + static_cast<std::ptrdiff_t>(at), out.size(), out.begin());
    return out;
}

bool is_size(uint32_t bytes) { return std::has_single_bit(bytes) && bytes >= 4096 && bytes <= 65536; }

Result<BtrfsSuperblock> parse(Bytes block, uint64_t place) {
    if (block.size() != btrfs_superblock_size || !has_magic(block)) return fail(Errc::invalid, "the superblock of btrfs is not there");
    BtrfsSuperblock out;
    switch (little_endian<uint16_t>(block, 0xc4)) {
        case 0: out.checksum = BtrfsChecksum::crc32c; break;
        case 2: out.checksum = BtrfsChecksum::sha256; break;
        case 1: return fail(Errc::unavailable, "the btrfs filesystem uses xxhash checksums, which are not read here");
        case 3: return fail(Errc::unavailable, "the btrfs filesystem uses blake2 checksums, which are not read here");
        default: return fail(Errc::unavailable, "the btrfs filesystem uses checksums of an unknown kind");
    }
    if (!btrfs_checksum_holds(out.checksum, block)) return fail(Errc::invalid, "the superblock of btrfs is damaged: its checksum is wrong");
    if (little_endian<uint64_t>(block, 0x30) != place) return fail(Errc::invalid, "the superblock of btrfs is damaged: it names another place");
    out.flags = little_endian<uint64_t>(block, 0x38);
    out.incompatible = little_endian<uint64_t>(block, 0xbc);
    if (const uint64_t odd = out.incompatible & ~known_features)
        return fail(Errc::unavailable, "the btrfs filesystem uses a feature that is not read here: " + names_of(odd, refused_features));
    if (const uint64_t odd = out.flags & ~known_flags)
        return fail(Errc::unavailable, "the btrfs filesystem is in a state that is not read here: " + names_of(odd, refused_flags));

    const auto generation = little_endian<uint64_t>(block, 0x48);
    out.root_tree = {little_endian<uint64_t>(block, 0x50), generation, block[0xc6]};
    out.chunk_tree = {little_endian<uint64_t>(block, 0x58), little_endian<uint64_t>(block, 0xa4), block[0xc7]};
    out.log_tree = little_endian<uint64_t>(block, 0x60);
    out.devices = little_endian<uint64_t>(block, 0x88);
    out.sector_size = little_endian<uint32_t>(block, 0x90);
    out.node_size = little_endian<uint32_t>(block, 0x94);
    out.device_id = little_endian<uint64_t>(block, 0xc9);
    out.device_uuid = uuid_at(block, 0xc9 + 66);
    out.node_uuid = uuid_at(block, out.incompatible & 1ULL << 10 ? 0x23b : 0x20);
    const auto sys_chunks = little_endian<uint32_t>(block, 0xa0);
    if (!is_size(out.sector_size) || !is_size(out.node_size) || out.node_size < out.sector_size || out.root_tree.level >= levels ||
        out.chunk_tree.level >= levels || sys_chunks > btrfs_sys_chunks_size)
        return fail(Errc::invalid, "the superblock of btrfs is damaged: its sizes make no sense");
    out.sys_chunks.assign(block.begin() + 0x32b, block.begin() + 0x32b + sys_chunks);
    return out;
}

Result<BtrfsSuperblock> read_at(Image& image, const Volume& volume, uint64_t place) {
    if (place > volume.size || volume.size - place < btrfs_superblock_size) return fail(Errc::invalid, "the volume is too small for btrfs");
    return parse(image.bytes(volume.start + place, btrfs_superblock_size), place);
}

}  // namespace

Result<BtrfsSuperblock> read_btrfs_superblock(Image& image, const Volume& volume) {
    auto first = read_at(image, volume, places[0]);
    // A sound superblock that asks for something unknown is an answer: its mirrors say the same, or lie.
    if (first || first.error().code != Errc::invalid) return first;
    std::optional<BtrfsSuperblock> newest;
    for (const uint64_t place : {places[1], places[2]}) {
        auto mirror = read_at(image, volume, place);
        if (!mirror && mirror.error().code != Errc::invalid) return mirror;
        if (mirror && (!newest || newest->root_tree.generation < mirror->root_tree.generation)) newest = std::move(*mirror);
    }
    if (!newest) return first;
    newest->mirror = true;
    return std::move(*newest);
}

bool has_btrfs_magic(Image& image, const Volume& volume, bool mirrors) {
    return std::any_of(std::begin(places), mirrors ? std::end(places) : std::begin(places) + 1, [&](uint64_t place) {
        return place <= volume.size && volume.size - place >= btrfs_superblock_size &&
               has_magic(image.bytes(volume.start + place, magic_at + magic.size()));
    });
}

void recognise_btrfs(Image& image, Volume& volume) {
    volume.filesystem = "btrfs";
    const auto superblock = read_btrfs_superblock(image, volume);
    if (!superblock) {
        volume.kind = VolumeKind::unreadable;
        volume.reason = superblock.error().text;
        volume.unsupported = superblock.error().code == Errc::unavailable;
        return;
    }
    volume.kind = VolumeKind::btrfs;
    if (superblock->mirror) volume.notes.push_back("the first superblock is damaged: one of its mirrors was used");
    if (superblock->log_tree)
        volume.notes.push_back("the log tree was not replayed: what the guest wrote in its last seconds may be missing");
    if (superblock->devices > 1)
        volume.notes.push_back("the filesystem has " + std::to_string(superblock->devices) + " devices; this is what one of them holds");
}

}  // namespace bailiff::agent
