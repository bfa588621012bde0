// SPDX-License-Identifier: Apache-2.0
// Recognition by magic numbers, and the decision between GPT, MBR and a filesystem on the bare disk.
#include "agent/scan/image/volume.hpp"

#include "agent/scan/btrfs/superblock.hpp"
#include "agent/scan/image/partition_table.hpp"
#include "agent/scan/iso/descriptors.hpp"
#include "agent/scan/xfs/superblock.hpp"

#include <algorithm>
#include <bit>
#include <iterator>
#include <optional>
#include <string_view>

namespace bailiff::agent {
namespace {

/// The first bytes of a volume; the farthest magic that is looked for (btrfs) ends at 65 608.
constexpr size_t head_size = 68 * 1024;

bool stands(Bytes head, size_t at, std::string_view magic) {
    return head.size() >= at + magic.size() && std::equal(magic.begin(), magic.end(), head.begin() + static_cast<std::ptrdiff_t>(at),
                                                          [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; });
}

/// Things that we recognise but cannot read: their name, or nothing.
std::optional<std::string> foreign_name(Bytes head) {
    if (stands(head, 0, "LUKS\xba\xbe")) return "luks";
    if (stands(head, 3, "-FVE-FS-")) return "bitlocker";
    for (size_t sector = 0; sector < 4; ++sector)
        if (stands(head, sector * 512, "LABELONE") && stands(head, sector * 512 + 24, "LVM2 001")) return "lvm";
    if (stands(head, 0, "\xfc\x4e\x2b\xa9") || stands(head, 4096, "\xfc\x4e\x2b\xa9")) return "mdraid";
    if (stands(head, 1024, "\x10\x20\xf5\xf2")) return "f2fs";
    if (stands(head, 32769, "BEA01")) return "udf";
    if (stands(head, 0, "hsqs")) return "squashfs";
    if (stands(head, 32, "NXSB")) return "apfs";
    if (stands(head, 1024, "H+") || stands(head, 1024, "HX")) return "hfsplus";
    if (stands(head, 3, std::string_view("ReFS\0\0\0\0", 8))) return "refs";
    return std::nullopt;
}

/// The first volume descriptor of ISO9660, which leaves room for other things in front of it.
bool is_iso(Bytes head) { return stands(head, 32769, "CD001"); }

bool is_swap(Bytes head) {
    for (const size_t page : {4096U, 8192U, 16384U, 65536U})
        if (stands(head, page - 10, "SWAPSPACE2") || stands(head, page - 10, "SWAP-SPACE")) return true;
    return false;
}

bool is_fat(Bytes head) {
    if (head.size() < 512 || head[510] != 0x55 || head[511] != 0xaa || (head[0] != 0xeb && head[0] != 0xe9)) return false;
    const auto sector = little_endian<uint16_t>(head, 11), reserved = little_endian<uint16_t>(head, 14);
    return sector >= 512 && sector <= 4096 && std::has_single_bit(sector) && std::has_single_bit(head[13]) && reserved != 0 &&
           (head[16] == 1 || head[16] == 2) && head[21] >= 0xf0;
}

/// The features of ext4 that change how content is stored, and that the reader does not know. With one of them
/// it would hand over wrong bytes without an error, so the whole volume is declared unreadable.
std::string unknown_ext_features(uint32_t incompatible, uint32_t read_only_compatible) {
    struct Feature {
        uint32_t bit;
        const char* name;
    };
    static constexpr Feature refused[] = {{0x1, "compression"}, {0x8, "journal_dev"}, {0x10, "meta_bg"}, {0x1000, "dirdata"},
                                          {0x4000, "large_dir"}, {0x8000, "inline_data"}, {0x10000, "encrypt"}};
    constexpr uint32_t known = 0x2 | 0x4 | 0x40 | 0x80 | 0x100 | 0x200 | 0x400 | 0x2000 | 0x20000;
    std::string out;
    uint32_t left = incompatible & ~known;
    for (const Feature& feature : refused)
        if (left & feature.bit) {
            out += (out.empty() ? "" : ", ") + std::string(feature.name);
            left &= ~feature.bit;
        }
    if (left) out += (out.empty() ? "" : ", ") + std::string("an unknown one");
    if (read_only_compatible & 0x200) out += (out.empty() ? "" : ", ") + std::string("bigalloc");
    return out;
}

void recognise_ext(Bytes head, Volume& volume) {
    const auto compatible = little_endian<uint32_t>(head, 1024 + 92), incompatible = little_endian<uint32_t>(head, 1024 + 96),
               read_only = little_endian<uint32_t>(head, 1024 + 100);
    volume.filesystem = incompatible & (0x40 | 0x80 | 0x200) ? "ext4" : compatible & 0x4 ? "ext3" : "ext2";
    volume.kind = VolumeKind::ext;
    if (incompatible & 0x4)
        volume.notes = {"the journal was not replayed: what the guest wrote in its last seconds may be missing"};
    if (const auto features = unknown_ext_features(incompatible, read_only); !features.empty()) {
        volume.kind = VolumeKind::unreadable;
        volume.unsupported = true;
        volume.reason = "the " + volume.filesystem + " filesystem uses a feature that is not read here: " + features;
    }
}

/// Whether the volume holds nothing but zeros, by its head, its tail and samples over its whole length. An
/// encrypted volume without a header would be random everywhere, so samples cannot miss it.
bool looks_empty(Image& image, const Volume& volume, Bytes head) {
    const auto zeros = [](Bytes bytes) { return std::all_of(bytes.begin(), bytes.end(), [](uint8_t b) { return b == 0; }); };
    if (!zeros(head)) return false;
    constexpr uint64_t whole = 64U << 20, samples = 512, step_size = 1U << 20, sample_size = 64U << 10;
    const uint64_t step = volume.size <= whole ? step_size : std::max(step_size, volume.size / samples);
    const uint64_t piece = volume.size <= whole ? step_size : sample_size;
    for (uint64_t at = 0; at < volume.size; at += step) {
        const auto bytes = image.bytes(volume.start + at, std::min(piece, volume.size - at));
        if (bytes.empty() || !zeros(bytes)) return false;
    }
    const uint64_t tail = std::min(volume.size, step_size);
    const auto bytes = image.bytes(volume.start + volume.size - tail, tail);
    return bytes.size() == tail && zeros(bytes);
}

Volume unreadable(Volume volume, std::string filesystem, std::string reason, bool unsupported) {
    volume.kind = VolumeKind::unreadable;
    volume.filesystem = std::move(filesystem);
    volume.reason = std::move(reason);
    volume.unsupported = unsupported;
    return volume;
}

Volume foreign(Volume volume, const std::string& what) {
    const std::string reason = what == "luks" || what == "bitlocker" ? "the volume is encrypted (" + what + ") and no key is here"
                                                                     : what + " is not read by this version";
    return unreadable(std::move(volume), what, reason, true);
}

Volume doubtful(Volume volume, const std::string& mark) {
    volume.notes.clear();
    return unreadable(std::move(volume), mark, "the volume also carries the mark of " + mark + ", which is not read", true);
}

std::vector<Volume> volumes_of(Image& image, const Volume& whole, const PartitionTable& table) {
    std::vector<Volume> out;
    for (const Partition& partition : table.partitions) {
        Volume volume = whole;
        volume.name = whole.mapped ? whole.name + "/" + partition.name : partition.name;
        volume.start = partition.start;
        volume.size = partition.size;
        if (!partition.problem.empty()) {
            out.push_back(unreadable(volume, "", partition.problem, false));
            continue;
        }
        auto found = recognise(image, volume);
        if (partition.boot_code && found.size() == 1 && found[0].kind == VolumeKind::unreadable && found[0].filesystem.empty()) {
            found[0].kind = VolumeKind::boot_code;
            found[0].filesystem = "boot_code";
            found[0].reason.clear();
        }
        out.insert(out.end(), found.begin(), found.end());
    }
    if (!table.problem.empty()) out.push_back(unreadable(whole, "", table.problem, false));
    else if (out.empty()) out.push_back(unreadable(whole, "", "the partition table names no partition", false));
    for (const auto& note : table.notes) out.front().notes.push_back(note);
    return out;
}

/// An image for a disc that starts from a stick, too: its filesystem covers the partitions that its table names ("isohybrid").
/// What they hold for themselves is read; what only shows the same bytes once more is not.
std::vector<Volume> hybrid_volumes(Image& image, const Volume& whole, PartitionTable table) {
    if (!iso_leads_somewhere(image, whole)) {
        auto out = volumes_of(image, whole, table);
        out.front().notes.emplace_back("an ISO9660 volume descriptor stands before the partitions and leads nowhere: it is left from another use of the disk");
        return out;
    }
    Volume iso = whole;
    recognise_iso(image, iso);
    iso.notes.insert(iso.notes.end(), table.notes.begin(), table.notes.end());
    table.notes.clear();
    std::erase_if(table.partitions, [](const Partition& partition) { return partition.start == 0; });
    std::vector<Volume> inside;
    if (!table.partitions.empty() || !table.problem.empty()) inside = volumes_of(image, whole, table);
    constexpr size_t most_views = 8;
    constexpr uint64_t descriptors_at = 32768;
    for (Volume& volume : inside) {
        if (iso.kind != VolumeKind::iso9660) break;
        if (volume.kind == VolumeKind::iso9660 && volume.filesystem == "iso9660" && iso.also_at.size() < most_views) {
            iso.also_at.push_back(volume.start - whole.start);
            volume.reason = "another view of the ISO9660 filesystem of " + whole.name + ", and read with it";
        } else if (volume.kind == VolumeKind::unreadable && volume.filesystem.empty() && volume.unsupported && volume.start == descriptors_at) {
            // The gap before the first real partition, which begins with the very descriptors.
            volume.reason = "a part of the ISO9660 filesystem of " + whole.name;
        } else {
            continue;
        }
        volume.kind = VolumeKind::container;
        volume.unsupported = false;
    }
    std::vector<Volume> out{iso};
    for (const std::string& mark : iso_neighbours(image, whole)) out.push_back(doubtful(whole, mark));
    std::move(inside.begin(), inside.end(), std::back_inserter(out));
    return out;
}

}  // namespace

std::vector<Volume> recognise(Image& image, Volume volume) {
    const auto head = image.bytes(volume.start, std::min<uint64_t>(head_size, volume.size));
    if (head.empty()) return {unreadable(volume, "", "the first bytes of the volume cannot be read", false)};
    auto other = foreign_name(head);
    const bool iso = is_iso(head);
    const Volume given = volume;
    const bool xfs = stands(head, 0, "XFSB"), btrfs = has_btrfs_magic(image, volume, false);
    if (head.size() >= 2048 && little_endian<uint16_t>(head, 1080) == 0xef53) {
        recognise_ext(head, volume);
        if (xfs && !other) other = "xfs";
    } else if (xfs) {
        recognise_xfs(image, volume);
    } else if (stands(head, 3, "NTFS    ")) {
        volume.kind = VolumeKind::ntfs;
        volume.filesystem = "ntfs";
    } else if (stands(head, 3, "EXFAT   ")) {
        volume.kind = VolumeKind::exfat;
        volume.filesystem = "exfat";
    } else if (is_fat(head) && !other) {
        volume.kind = VolumeKind::fat;
        volume.filesystem = "fat";
    } else if (btrfs) {
        recognise_btrfs(image, volume);
    } else if (iso) {
        recognise_iso(image, volume);
    } else if (other) {
        return {foreign(volume, *other)};
    } else if (is_swap(head)) {
        volume.kind = VolumeKind::swap;
        volume.filesystem = "swap";
    } else if (has_btrfs_magic(image, volume, true)) {
        recognise_btrfs(image, volume);
    } else if (looks_empty(image, volume, head)) {
        volume.kind = VolumeKind::empty;
    } else {
        return {unreadable(volume, "", "the content is of no kind that is known here", true)};
    }
    std::vector<Volume> out{volume};
    if (other) out.push_back(doubtful(given, *other));
    if (btrfs && volume.filesystem != "btrfs") out.push_back(doubtful(given, "btrfs"));
    if (iso && volume.filesystem != "iso9660") {
        Volume second = given;
        second.name += "/iso9660";
        recognise_iso(image, second);
        out.push_back(std::move(second));
    }
    if (iso)
        for (const std::string& mark : iso_neighbours(image, given)) out.push_back(doubtful(given, mark));
    return out;
}

std::vector<Volume> split(Image& image, const Volume& whole) {
    const auto head = image.bytes(0, std::min<uint64_t>(head_size, whole.size));
    auto table = read_gpt(image);
    if (table) {
        if (const auto mbr = read_mbr(image)) add_hybrid_partitions(*table, *mbr);
    } else if (!stands(head, 3, "NTFS    ") && !stands(head, 3, "EXFAT   ") && !is_fat(head)) {
        // A FAT or NTFS boot sector also ends in 55 AA, so a filesystem on the bare disk is looked for before an MBR.
        table = read_mbr(image);
    }
    if (!table) return recognise(image, whole);
    return is_iso(head) ? hybrid_volumes(image, whole, *table) : volumes_of(image, whole, *table);
}

}  // namespace bailiff::agent
