// SPDX-License-Identifier: Apache-2.0
// Recognition: every volume ends as something, and nothing unknown passes for empty.
#include "agent/scan/image/volume.hpp"

#include "tests/unit/scan/memory_image.hpp"

#include <gtest/gtest.h>

namespace bailiff::agent {
namespace {

using test::MemoryImage;

MemoryImage ext(uint32_t incompatible, uint32_t read_only = 0) {
    MemoryImage disk(1U << 20);
    disk.little(1080, 0xef53, 2);
    disk.little(1024 + 92, 4, 4);
    disk.little(1024 + 96, incompatible, 4);
    disk.little(1024 + 100, read_only, 4);
    return disk;
}

TEST(Volume, RecognisesByMagic) {
    struct Case {
        uint64_t at;
        std::string_view magic;
        const char* name;
        VolumeKind kind;
    };
    const Case table[] = {{0, "XFSB", "xfs", VolumeKind::unreadable},
                          {65600, "_BHRfS_M", "btrfs", VolumeKind::unreadable},
                          {0, "LUKS\xba\xbe", "luks", VolumeKind::unreadable},
                          {3, "-FVE-FS-", "bitlocker", VolumeKind::unreadable},
                          {32769, "CD001", "iso9660", VolumeKind::unreadable},
                          {4096, "\xfc\x4e\x2b\xa9", "mdraid", VolumeKind::unreadable},
                          {4086, "SWAPSPACE2", "swap", VolumeKind::swap},
                          {3, "NTFS    ", "ntfs", VolumeKind::ntfs},
                          {3, "EXFAT   ", "exfat", VolumeKind::exfat}};
    for (const auto& [at, magic, name, kind] : table) {
        MemoryImage disk(1U << 20);
        disk.put(at, magic);
        const auto volumes = find_volumes(disk);
        ASSERT_EQ(volumes.size(), 1U) << name;
        EXPECT_EQ(volumes[0].filesystem, name);
        EXPECT_EQ(volumes[0].kind, kind) << name;
        EXPECT_EQ(volumes[0].reason.empty(), kind != VolumeKind::unreadable) << name;
    }
    MemoryImage lvm(1U << 20);
    lvm.put(512, "LABELONE");
    lvm.put(512 + 24, "LVM2 001");
    EXPECT_EQ(find_volumes(lvm)[0].filesystem, "lvm");
}

TEST(Volume, ExtByItsFeatures) {
    EXPECT_EQ(find_volumes(*std::make_unique<MemoryImage>(ext(0x2)))[0].filesystem, "ext3");
    auto four = ext(0x2c2);
    EXPECT_EQ(find_volumes(four)[0].filesystem, "ext4");
    EXPECT_EQ(find_volumes(four)[0].kind, VolumeKind::ext);
    auto dirty = ext(0x2c6);
    EXPECT_EQ(find_volumes(dirty)[0].notes.size(), 1U) << "the journal was not replayed";
    for (const uint32_t bit : {0x1U, 0x8U, 0x10U, 0x4000U, 0x8000U, 0x10000U, 0x80000000U}) {
        auto odd = ext(0x2c2 | bit);
        EXPECT_EQ(find_volumes(odd)[0].kind, VolumeKind::unreadable) << bit;
    }
    auto big_clusters = ext(0x2c2, 0x200);
    EXPECT_EQ(find_volumes(big_clusters)[0].kind, VolumeKind::unreadable);
}

TEST(Volume, TwoMarksAreReadAndDoubted) {
    auto disk = ext(0x2c2);
    disk.put(512, "LABELONE");
    disk.put(512 + 24, "LVM2 001");
    const auto volumes = find_volumes(disk);
    ASSERT_EQ(volumes.size(), 2U);
    EXPECT_EQ(volumes[0].kind, VolumeKind::ext);
    EXPECT_EQ(volumes[1].kind, VolumeKind::unreadable);
    EXPECT_EQ(volumes[1].filesystem, "lvm");
}

TEST(Volume, OnlyZerosAreEmpty) {
    MemoryImage disk(8U << 20);
    EXPECT_EQ(find_volumes(disk)[0].kind, VolumeKind::empty);
    disk.raw()[(5U << 20) + 17] = 1;
    EXPECT_EQ(find_volumes(disk)[0].kind, VolumeKind::unreadable);
    MemoryImage nothing(0);
    EXPECT_EQ(find_volumes(nothing)[0].kind, VolumeKind::unreadable);
}

}  // namespace
}  // namespace bailiff::agent
