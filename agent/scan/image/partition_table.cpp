// SPDX-License-Identifier: Apache-2.0
// GPT and MBR parsing with caps on every count and checks on every sum.
#include "agent/scan/image/partition_table.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace bailiff::agent {
namespace {

constexpr uint32_t most_gpt_entries = 1024;
constexpr int most_logical = 128;
constexpr uint64_t mbr_sector = 512;

uint32_t crc32(Bytes bytes) {
    uint32_t crc = ~0U;
    for (const uint8_t byte : bytes) {
        crc ^= byte;
        for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320U : 0);
    }
    return ~crc;
}

using TypeGuid = std::array<uint8_t, 16>;
constexpr TypeGuid bios_boot{0x48, 0x61, 0x68, 0x21, 0x49, 0x64, 0x6f, 0x6e, 0x74, 0x4e, 0x65, 0x65, 0x64, 0x45, 0x46, 0x49};
constexpr TypeGuid microsoft_reserved{0x16, 0xe3, 0xc9, 0xe3, 0x5c, 0x0b, 0xb8, 0x4d,
                                      0x81, 0x7d, 0xf9, 0x2d, 0xf0, 0x02, 0x15, 0xae};
constexpr TypeGuid unused{};

void check_extent(Partition& partition, uint64_t image_size) {
    if (partition.size == 0) partition.problem = "the partition is empty or ends before it starts";
    else if (partition.start >= image_size || partition.size > image_size - partition.start)
        partition.problem = "the partition reaches past the end of the image, which is cut off or damaged";
}

/// One copy of the table, whose header stands at `header_at`; nothing when the copy is not valid.
std::optional<PartitionTable> read_gpt_copy(Image& image, uint64_t header_at, uint64_t sector) {
    const auto header = image.bytes(header_at, 512);
    static constexpr std::array<uint8_t, 8> signature{'E', 'F', 'I', ' ', 'P', 'A', 'R', 'T'};
    if (header.size() < 512 || !std::equal(signature.begin(), signature.end(), header.begin())) return std::nullopt;
    const auto length = little_endian<uint32_t>(header, 12);
    if (length < 92 || length > 512) return std::nullopt;
    std::array<uint8_t, 512> summed{};
    std::copy_n(header.begin(), 512, summed.begin());
    std::fill_n(summed.begin() + 16, 4, uint8_t{0});
    if (crc32(Bytes(summed).first(length)) != little_endian<uint32_t>(header, 16)) return std::nullopt;

    const auto entries_lba = little_endian<uint64_t>(header, 72);
    const auto count = little_endian<uint32_t>(header, 80), entry_size = little_endian<uint32_t>(header, 84);
    if (count > most_gpt_entries || entry_size < 128 || entry_size > 4096 || entry_size % 8 != 0) return std::nullopt;
    if (entries_lba > image.size() / sector) return std::nullopt;
    const auto entries = image.bytes(entries_lba * sector, size_t{count} * entry_size);
    if (entries.size() != size_t{count} * entry_size || crc32(entries) != little_endian<uint32_t>(header, 88)) return std::nullopt;

    PartitionTable table;
    for (uint32_t i = 0; i < count; ++i) {
        const Bytes entry = Bytes(entries).subspan(size_t{i} * entry_size, entry_size);
        const auto is = [&](const TypeGuid& guid) { return std::equal(guid.begin(), guid.end(), entry.begin()); };
        if (is(unused)) continue;
        const auto first = little_endian<uint64_t>(entry, 32), last = little_endian<uint64_t>(entry, 40);
        Partition partition;
        partition.name = "gpt" + std::to_string(i + 1);
        partition.boot_code = is(bios_boot) || is(microsoft_reserved);
        const uint64_t most = ~uint64_t{0} / sector - 1;
        if (first > most || last > most) {
            partition.problem = "the partition lies beyond any disk";
        } else {
            partition.start = first * sector;
            partition.size = last < first ? 0 : (last - first + 1) * sector;
            check_extent(partition, image.size());
        }
        table.partitions.push_back(std::move(partition));
    }
    return table;
}

struct MbrEntry {
    uint8_t type;
    uint64_t start, size;  // bytes, relative to what the entry's kind says
};

MbrEntry mbr_entry(Bytes sector, size_t index) {
    const size_t at = 446 + index * 16;
    return {sector[at + 4], little_endian<uint32_t>(sector, at + 8) * mbr_sector, little_endian<uint32_t>(sector, at + 12) * mbr_sector};
}

bool is_extended(uint8_t type) { return type == 0x05 || type == 0x0f || type == 0x85; }

/// Follows the chain of extended boot records, each of which holds one logical partition and the way to the next.
void read_logical(Image& image, const MbrEntry& extended, PartitionTable& table, int& number) {
    std::set<uint64_t> seen;
    for (uint64_t at = extended.start;;) {
        if (!seen.insert(at).second || seen.size() > most_logical) {
            table.problem = "the chain of logical partitions does not end";
            return;
        }
        const auto sector = image.bytes(at, mbr_sector);
        if (sector.size() < mbr_sector || sector[510] != 0x55 || sector[511] != 0xaa) {
            table.problem = "an extended boot record cannot be read; logical partitions may be missing";
            return;
        }
        const MbrEntry logical = mbr_entry(sector, 0), next = mbr_entry(sector, 1);
        if (logical.type != 0) {
            Partition partition{"mbr" + std::to_string(number++), at + logical.start, logical.size, false, ""};
            check_extent(partition, image.size());
            table.partitions.push_back(std::move(partition));
        }
        if (!is_extended(next.type)) return;
        at = extended.start + next.start;
    }
}

}  // namespace

std::optional<PartitionTable> read_gpt(Image& image) {
    for (const uint64_t sector : {uint64_t{512}, uint64_t{4096}}) {
        if (auto table = read_gpt_copy(image, sector, sector)) return table;
        if (image.size() < 3 * sector) continue;
        if (auto table = read_gpt_copy(image, image.size() / sector * sector - sector, sector)) {
            table->notes.push_back("the first copy of the partition table is damaged; the second one was used");
            return table;
        }
    }
    for (const uint64_t sector : {uint64_t{512}, uint64_t{4096}}) {
        const auto header = image.bytes(sector, 8);
        if (std::string(header.begin(), header.end()) == "EFI PART") {
            PartitionTable broken;
            broken.problem = "both copies of the GUID partition table are damaged";
            return broken;
        }
    }
    return std::nullopt;
}

std::optional<PartitionTable> read_mbr(Image& image) {
    const auto sector = image.bytes(0, mbr_sector);
    if (sector.size() < mbr_sector || sector[510] != 0x55 || sector[511] != 0xaa) return std::nullopt;
    PartitionTable table;
    int logical_number = 5;
    bool any = false;
    for (size_t i = 0; i < 4; ++i) {
        // Boot code may end in 55 AA without a table; a status byte other than 00 or 80 gives that away.
        if ((sector[446 + i * 16] & 0x7f) != 0) return std::nullopt;
        const MbrEntry entry = mbr_entry(sector, i);
        if (entry.type == 0 || entry.size == 0) continue;
        any = true;
        if (entry.type == 0xee) continue;
        if (is_extended(entry.type)) {
            read_logical(image, entry, table, logical_number);
            continue;
        }
        Partition partition{"mbr" + std::to_string(i + 1), entry.start, entry.size, false, ""};
        check_extent(partition, image.size());
        table.partitions.push_back(std::move(partition));
    }
    if (!any) return std::nullopt;
    return table;
}

void add_hybrid_partitions(PartitionTable& gpt, const PartitionTable& mbr) {
    for (const Partition& extra : mbr.partitions) {
        const bool known = std::any_of(gpt.partitions.begin(), gpt.partitions.end(), [&](const Partition& p) {
            return p.start == extra.start && p.size == extra.size;
        });
        if (known) continue;
        gpt.notes.push_back("the MBR names a partition that the GPT does not: " + extra.name);
        gpt.partitions.push_back(extra);
    }
}

}  // namespace bailiff::agent
