// SPDX-License-Identifier: Apache-2.0
// md's superblocks, as include/uapi/linux/raid/md_p.h of the kernel describes their fields.
#include "agent/scan/lvm/md_raid.hpp"

#include "agent/scan/image/mapped_image.hpp"

#include <algorithm>
#include <optional>
#include <string>

namespace bailiff::agent {
namespace {

constexpr uint32_t magic = 0xa92b4efc;
constexpr uint64_t sector = 512;
constexpr size_t superblock_size = 4096;
constexpr uint64_t most_sectors = uint64_t{1} << 53;  // what still fits when it becomes bytes
constexpr uint32_t recovering = 0x2, reshaping = 0x4, bad_blocks = 0x8, journal = 0x200, known_features = 0x1f7f;
constexpr uint32_t in_the_way = recovering | reshaping | bad_blocks | journal | 0x40;  // 0x40: another data offset is on its way
constexpr char one_side[] = "the volume is one side of a mirror (md); a change would have to reach every side: clean it from within the VM";

struct Superblock {
    std::string version;              // "0.90", "1.0", "1.1", "1.2"
    int32_t level = 0;
    uint32_t members = 0;
    uint64_t data = 0, length = 0;    // sectors: where the member's data begins, and how many it gives to the array
    std::string problem;              // why even a mirror's member cannot be read by itself; "" when it can
};

std::string level_name(int32_t level) {
    if (level == -1) return "linear";
    if (level == -4) return "multipath";
    return level >= 0 && level <= 10 ? "raid" + std::to_string(level) : "an unknown level";
}

/// Both forms sum their 32-bit words, with the sum's own place taken as zero, and fold the carry back in.
uint32_t folded_sum(Bytes bytes, size_t sum_at) {
    uint64_t sum = 0;
    size_t at = 0;
    for (; at + 4 <= bytes.size(); at += 4)
        if (at != sum_at) sum += little_endian<uint32_t>(bytes, at);
    if (at + 2 <= bytes.size()) sum += little_endian<uint16_t>(bytes, at);
    return static_cast<uint32_t>((sum & 0xffffffff) + (sum >> 32));
}

/// Version 1 with its place checked: each superblock says at which sector of the member it stands, so that one which belongs to
/// a whole disk is not taken for its last partition's. A damaged one answers with a problem.
std::optional<Superblock> read_version_1(Image& image, uint64_t start, uint64_t size, uint64_t at, const char* version) {
    if (at > size || size - at < superblock_size) return std::nullopt;
    const auto bytes = image.bytes(start + at, superblock_size);
    if (bytes.size() != superblock_size || little_endian<uint32_t>(bytes, 0) != magic || little_endian<uint32_t>(bytes, 4) != 1) return std::nullopt;
    if (little_endian<uint64_t>(bytes, 144) != at / sector) return std::nullopt;
    Superblock out;
    out.version = version;
    out.level = static_cast<int32_t>(little_endian<uint32_t>(bytes, 72));
    out.members = little_endian<uint32_t>(bytes, 92);
    out.data = little_endian<uint64_t>(bytes, 128);
    out.length = little_endian<uint64_t>(bytes, 80);
    const auto features = little_endian<uint32_t>(bytes, 8), number = little_endian<uint32_t>(bytes, 160), slots = little_endian<uint32_t>(bytes, 220);
    const uint64_t summed = 256 + uint64_t{slots} * 2;
    if (summed > superblock_size || folded_sum(Bytes(bytes).first(summed), 216) != little_endian<uint32_t>(bytes, 216))
        out.problem = "the superblock is damaged";
    else if (out.data > most_sectors || out.length == 0 || out.length > most_sectors || out.data * sector >= size || out.length * sector > size - out.data * sector)
        out.problem = "the data would reach past the end of the member";
    else if (out.data * sector < at + superblock_size && (out.data + out.length) * sector > at)
        out.problem = "the data would cover the superblock";  // a member inside of itself, without end
    else if (features & ~known_features) out.problem = "it uses a feature that is not known here";
    else if (features & in_the_way) out.problem = "the member is being rebuilt, or has bad blocks";
    // A role says which side of the mirror this is. The highest three mean a journal, a failed member and a spare.
    else if (number >= slots || little_endian<uint16_t>(bytes, 256 + uint64_t{number} * 2) >= 0xfffd) out.problem = "the member is a spare or has failed";
    return out;
}

std::optional<Superblock> read_version_0(Image& image, uint64_t start, uint64_t size) {
    constexpr uint64_t reserved = 65536;
    if (size < 2 * reserved) return std::nullopt;
    const uint64_t at = size / reserved * reserved - reserved;
    const auto bytes = image.bytes(start + at, superblock_size);
    const auto word = [&](size_t index) { return little_endian<uint32_t>(bytes, index * 4); };
    if (bytes.size() != superblock_size || word(0) != magic || word(1) != 0) return std::nullopt;
    Superblock out;
    out.version = "0.90";
    out.level = static_cast<int32_t>(word(7));
    out.members = word(10);
    out.length = uint64_t{word(8)} * 2;
    if (folded_sum(bytes, 38 * 4) != word(38)) out.problem = "the superblock is damaged";
    return out;
}

std::optional<Superblock> read_at_end(Image& image, uint64_t start, uint64_t size) {
    if (size / sector < 16) return std::nullopt;
    const uint64_t at = ((size / sector - 16) & ~uint64_t{7}) * sector;
    if (auto found = read_version_1(image, start, size, at, "1.0")) return found;
    return read_version_0(image, start, size);
}

std::string description(const Superblock& superblock) {
    return "a member of an md array (" + level_name(superblock.level) + ", metadata " + superblock.version + ")";
}

void spoil(Volume& volume, const std::string& reason, bool unsupported) {
    volume.kind = VolumeKind::unreadable;
    volume.filesystem = "mdraid";
    volume.reason = reason;
    volume.unsupported = unsupported;
}

}  // namespace

std::vector<Volume> read_md_member(const std::shared_ptr<Image>& disk, Volume& member) {
    const auto image = member.mapped ? member.mapped : disk;
    std::optional<Superblock> found;
    for (const auto& [at, version] : {std::pair<uint64_t, const char*>{4096, "1.2"}, {0, "1.1"}})
        if (!found) found = read_version_1(*image, member.start, member.size, at, version);
    if (!found) return spoil(member, "the volume carries the mark of an md array, but no sound superblock", false), std::vector<Volume>{};
    const std::string what = description(*found);
    if (!found->problem.empty()) return spoil(member, "the volume is " + what + ": " + found->problem, false), std::vector<Volume>{};
    if (found->level != 1) return spoil(member, "the volume is " + what + ", which is not read by this version", true), std::vector<Volume>{};

    Volume inside;
    inside.name = member.name + "/md";
    MappedSegment whole{found->length * sector, 0, {{image, member.start + found->data * sector}}};
    inside.mapped = MappedImage::create({std::move(whole)});
    if (!inside.mapped) return spoil(member, "the volume is " + what + ", whose data has no place", false), std::vector<Volume>{};
    inside.size = inside.mapped->size();
    inside.no_writing = one_side;
    inside.notes.push_back("one side of a mirror of " + std::to_string(found->members) + " was read by itself; if it was out of step, the guest sees another");
    member.kind = VolumeKind::container;
    member.unsupported = false;
    member.reason = what;
    return {inside};
}

void look_for_md_at_end(Image& disk, Volume& volume) {
    Image& image = volume.on(disk);
    if (volume.start > image.size() || volume.size > image.size() - volume.start) return;
    const auto found = read_at_end(image, volume.start, volume.size);
    if (!found) return;
    const std::string what = description(*found);
    // The kernel would not assemble it either. What stands at the start is then all there is to go by.
    if (found->problem == "the superblock is damaged") return volume.notes.push_back("the volume ends in a damaged superblock of an md array, which was passed over");
    if (found->level != 1) return spoil(volume, "the volume is " + what + ", which is not read by this version", true);
    if (found->data != 0 || !found->problem.empty())
        return spoil(volume, "the volume is " + what + ": " + (found->problem.empty() ? "its data does not begin at its start" : found->problem), false);
    if (volume.no_writing.empty()) volume.no_writing = one_side;
    volume.notes.push_back("the volume is " + what + ", of " + std::to_string(found->members) + ", and was read by itself; if it was out of step, the guest sees another");
}

}  // namespace bailiff::agent
