// SPDX-License-Identifier: Apache-2.0
// Members of md arrays: a mirror's is read, every other is named.
#include "agent/scan/image/volume.hpp"

#include "tests/unit/scan/lvm_disk.hpp"

#include <gtest/gtest.h>

namespace bailiff::agent {
namespace {

using namespace bailiff::test;
constexpr uint64_t disk_size = 4U << 20, data_start = 1U << 20;

void seal(MemoryImage& disk, uint64_t at, size_t size, size_t sum_at) {
    disk.little(at + sum_at, 0, 4);
    uint64_t sum = 0;
    for (size_t i = 0; i < size; i += 4) sum += little_endian<uint32_t>(disk.raw(), at + i);
    disk.little(at + sum_at, (sum & 0xffffffff) + (sum >> 32), 4);
}
void seal_1(MemoryImage& disk, uint64_t at) { seal(disk, at, 256 + 4, 216); }

/// Version 1 at `at`, for a member whose data begins at `data`.
void version_1(MemoryImage& disk, uint64_t at, int32_t level, uint64_t data, uint64_t start = 0) {
    at += start;
    disk.little(at, 0xa92b4efc, 4);
    disk.little(at + 4, 1, 4);
    disk.little(at + 72, static_cast<uint32_t>(level), 4);
    disk.little(at + 80, (2U << 20) / 512, 8);
    disk.little(at + 92, 2, 4);
    disk.little(at + 128, data / 512, 8);
    disk.little(at + 144, (at - start) / 512, 8);
    disk.little(at + 160, 1, 4);
    disk.little(at + 220, 2, 4);
    disk.little(at + 258, 1, 2);
    seal_1(disk, at);
}
MemoryImage member(uint64_t at, int32_t level = 1) {
    MemoryImage disk(disk_size);
    version_1(disk, at, level, data_start);
    ext_mark(disk, data_start);
    return disk;
}

TEST(MdRaid, AMirrorsMemberIsReadAtItsData) {
    for (const uint64_t at : {0U, 4096U}) {
        auto disk = member(at);
        const auto found = find_volumes(disk);
        ASSERT_EQ(found.size(), 2U) << at;
        EXPECT_EQ(found[0].kind, VolumeKind::container);
        EXPECT_EQ(found[0].reason, std::string("a member of an md array (raid1, metadata ") + (at ? "1.2" : "1.1") + ")");
        EXPECT_EQ(found[1].name, "disk/md");
        EXPECT_EQ(found[1].kind, VolumeKind::ext);
        EXPECT_EQ(found[1].size, 2U << 20);
        EXPECT_EQ(found[1].notes.size(), 1U);
        EXPECT_NE(found[1].no_writing, "");
    }
}

TEST(MdRaid, OtherLevelsAndStatesAreNamed) {
    for (const int32_t level : {-4, -1, 0, 4, 5, 6, 10, 77}) {
        auto disk = member(4096, level);
        const auto found = find_volumes(disk);
        ASSERT_EQ(found.size(), 1U) << level;
        EXPECT_EQ(found[0].kind, VolumeKind::unreadable);
        EXPECT_EQ(found[0].filesystem, "mdraid");
        EXPECT_TRUE(found[0].unsupported);
    }
    struct Damage {
        uint64_t at, value;
        size_t size;
    };
    for (const auto& [at, value, size] : {Damage{8, 0x2, 4}, {8, 0x4, 4}, {8, 0x8, 4}, {8, 0x80000000, 4}, {80, ~uint64_t{0}, 8}, {80, 0, 8}, {128, ~uint64_t{0}, 8}, {128, 0, 8},
                                          {144, 9, 8}, {160, 2, 4}, {160, 0xffffffff, 4}, {220, 0xffffffff, 4}, {258, 0xffff, 2}, {258, 0xfffe, 2}}) {
        auto disk = member(4096);
        disk.little(4096 + at, value, size);
        seal_1(disk, 4096);
        const auto found = find_volumes(disk);
        ASSERT_EQ(found.size(), 1U) << at;
        EXPECT_EQ(found[0].kind, VolumeKind::unreadable) << at;
        EXPECT_NE(found[0].reason, "");
    }
    auto torn = member(4096);
    torn.raw()[4096 + 100] ^= 1;
    EXPECT_NE(find_volumes(torn)[0].reason.find("damaged"), std::string::npos);
}

TEST(MdRaid, MetadataAtTheEnd) {
    constexpr uint64_t at = disk_size - 8192;
    const auto look = [](int32_t level) {
        MemoryImage disk(disk_size);
        ext_mark(disk, 0);
        version_1(disk, at, level, 0);
        return find_volumes(disk).at(0);
    };
    EXPECT_EQ(look(1).kind, VolumeKind::ext);
    EXPECT_EQ(look(1).notes.size(), 1U);
    EXPECT_NE(look(1).no_writing, "");
    EXPECT_EQ(look(5).kind, VolumeKind::unreadable) << "it only looks like a filesystem";
    EXPECT_EQ(look(5).filesystem, "mdraid");

    const auto old = [](uint32_t level, bool sound) {
        MemoryImage disk(disk_size);
        ext_mark(disk, 0);
        constexpr uint64_t place = disk_size - 65536;
        disk.little(place, 0xa92b4efc, 4);
        disk.little(place + 8, 90, 4);
        disk.little(place + 28, level, 4);
        disk.little(place + 32, 2048, 4);
        disk.little(place + 40, 2, 4);
        seal(disk, place, 4096, 152);
        if (!sound) disk.raw()[place + 1000] ^= 1;
        return find_volumes(disk).at(0);
    };
    EXPECT_EQ(old(1, true).kind, VolumeKind::ext);
    EXPECT_EQ(old(1, true).notes.size(), 1U);
    EXPECT_EQ(old(0, true).kind, VolumeKind::unreadable);
    EXPECT_EQ(old(0, false).kind, VolumeKind::ext);
    EXPECT_EQ(old(0, false).notes.size(), 1U);
}

TEST(MdRaid, AWholeDiskOfAStripedArrayIsDoubtedBesidesItsPartitions) {
    const auto look = [](int32_t level) {
        MemoryImage disk(disk_size);
        disk.raw()[510] = 0x55, disk.raw()[511] = 0xaa;
        disk.raw()[446 + 4] = 0x83;
        disk.little(446 + 8, 2048, 4);
        disk.little(446 + 12, 2048, 4);
        ext_mark(disk, 1U << 20);
        version_1(disk, disk_size - 8192, level, 0);
        return find_volumes(disk);
    };
    EXPECT_EQ(look(1).size(), 1U);
    ASSERT_EQ(look(0).size(), 2U);
    EXPECT_EQ(look(0)[1].name, "disk");
    EXPECT_EQ(look(0)[1].kind, VolumeKind::unreadable);
}

TEST(MdRaid, HoldsLvmAndPartitions) {
    MemoryImage disk(disk_size);
    version_1(disk, 4096, 1, data_start);
    lvm_label(disk, data_start, 'a');
    lvm_text(disk, data_start, lvm_group("a", lvm_logical("root", {lvm_segment(1, 0, 2, lvm_linear(1))})));
    ext_mark(disk, lvm_extent_at(1, data_start));
    auto found = find_volumes(disk);
    ASSERT_EQ(found.size(), 3U);
    EXPECT_EQ(found[1].kind, VolumeKind::container);
    EXPECT_EQ(found[2].name, "disk/md/vg0/root");
    EXPECT_EQ(found[2].kind, VolumeKind::ext);
    EXPECT_NE(found[2].no_writing, "") << "what stands on a mirror is a mirror";

    MemoryImage table(disk_size);
    version_1(table, 4096, 1, data_start);
    table.raw()[data_start + 510] = 0x55, table.raw()[data_start + 511] = 0xaa;
    table.raw()[data_start + 446 + 4] = 0x83;
    table.little(data_start + 446 + 8, 512, 4);
    table.little(data_start + 446 + 12, 512, 4);
    ext_mark(table, data_start + 512 * 512);
    found = find_volumes(table);
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[1].name, "disk/md/mbr1");
    EXPECT_EQ(found[1].kind, VolumeKind::ext);
}

TEST(MdRaid, AnyFlippedBitEndsInAVerdict) {
    MemoryImage sound(192U << 10);
    version_1(sound, 4096, 1, 64U << 10);
    sound.little(4096 + 80, 128, 8);
    seal_1(sound, 4096);
    ext_mark(sound, 64U << 10);
    for (uint64_t bit = 0; bit < 260 * 8; ++bit)
        for (const bool sealed : {false, true}) {
            auto disk = sound;
            disk.raw()[4096 + bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
            if (sealed) seal_1(disk, 4096);
            const auto found = find_volumes(disk);
            EXPECT_TRUE((found.size() == 2 && found[0].kind == VolumeKind::container) || (found.size() == 1 && found[0].kind == VolumeKind::unreadable)) << bit;
        }
}

}  // namespace
}  // namespace bailiff::agent
