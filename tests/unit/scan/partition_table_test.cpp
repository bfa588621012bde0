// SPDX-License-Identifier: Apache-2.0
// GPT and MBR, sound and hostile.
#include "agent/scan/image/partition_table.hpp"

#include "tests/unit/scan/memory_image.hpp"

#include <gtest/gtest.h>

namespace bailiff::agent {
namespace {

using test::MemoryImage;
constexpr size_t disk_size = 4U << 20;

uint32_t crc32(const uint8_t* bytes, size_t size) {
    uint32_t crc = ~0U;
    for (size_t i = 0; i < size; ++i) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320U : 0);
    }
    return ~crc;
}

void mbr_entry(MemoryImage& disk, uint64_t sector, size_t index, uint8_t type, uint32_t start, uint32_t count) {
    disk.raw()[sector * 512 + 510] = 0x55;
    disk.raw()[sector * 512 + 511] = 0xaa;
    const size_t at = sector * 512 + 446 + index * 16;
    disk.raw()[at + 4] = type;
    disk.little(at + 8, start, 4);
    disk.little(at + 12, count, 4);
}

/// Writes both copies of a GPT with 128 entries of 128 bytes.
void write_gpt(MemoryImage& disk, const std::vector<std::pair<uint64_t, uint64_t>>& partitions) {
    const uint64_t last = disk.size() / 512 - 1;
    for (const auto& [header, entries] : {std::pair<uint64_t, uint64_t>{1, 2}, {last, last - 32}}) {
        for (size_t i = 0; i < partitions.size(); ++i) {
            const uint64_t at = entries * 512 + i * 128;
            disk.put(at, "some type guid!!");
            disk.little(at + 32, partitions[i].first, 8);
            disk.little(at + 40, partitions[i].second, 8);
        }
        const uint64_t at = header * 512;
        disk.put(at, "EFI PART");
        disk.little(at + 12, 92, 4);
        disk.little(at + 16, 0, 4);
        disk.little(at + 72, entries, 8);
        disk.little(at + 80, 128, 4);
        disk.little(at + 84, 128, 4);
        disk.little(at + 88, crc32(disk.raw().data() + entries * 512, 128 * 128), 4);
        disk.little(at + 16, crc32(disk.raw().data() + at, 92), 4);
    }
}

TEST(Gpt, ReadsEitherCopy) {
    MemoryImage disk(disk_size);
    write_gpt(disk, {{64, 127}, {128, 1023}});
    auto table = read_gpt(disk);
    ASSERT_TRUE(table);
    ASSERT_EQ(table->partitions.size(), 2U);
    EXPECT_EQ(table->partitions[1].name, "gpt2");
    EXPECT_EQ(table->partitions[1].start, 128U * 512);
    EXPECT_EQ(table->partitions[1].size, 896U * 512);
    EXPECT_EQ(table->partitions[1].problem, "");

    disk.raw()[512 + 20] ^= 1;
    table = read_gpt(disk);
    ASSERT_TRUE(table);
    EXPECT_EQ(table->partitions.size(), 2U);
    EXPECT_EQ(table->notes.size(), 1U) << "the second copy was used, and we say so";

    disk.raw()[disk_size - 512 + 20] ^= 1;
    table = read_gpt(disk);
    ASSERT_TRUE(table);
    EXPECT_NE(table->problem, "");
}

TEST(Gpt, PartitionsBeyondTheImageAreNamed) {
    MemoryImage disk(disk_size);
    write_gpt(disk, {{64, 1U << 20}, {200, 100}, {~uint64_t{0}, ~uint64_t{0}}, {64, 127}});
    const auto table = read_gpt(disk);
    ASSERT_TRUE(table);
    for (size_t i = 0; i < 3; ++i) EXPECT_NE(table->partitions[i].problem, "") << i;
    EXPECT_EQ(table->partitions[3].problem, "");
}

TEST(Gpt, HostileCountsAreNoTable) {
    for (const auto& [offset, value] : {std::pair<uint64_t, uint64_t>{80, 0xffffffff}, {84, 0xffffffff}, {84, 1}, {72, ~uint64_t{0}}}) {
        MemoryImage disk(disk_size);
        write_gpt(disk, {{64, 127}});
        for (const uint64_t at : {uint64_t{512}, uint64_t{disk_size - 512}}) {
            disk.little(at + offset, value, offset == 72 ? 8 : 4);
            disk.little(at + 16, 0, 4);
            disk.little(at + 16, crc32(disk.raw().data() + at, 92), 4);
        }
        const auto table = read_gpt(disk);
        ASSERT_TRUE(table);
        EXPECT_NE(table->problem, "") << offset;
    }
}

TEST(Mbr, ReadsPrimaryAndLogical) {
    MemoryImage disk(disk_size);
    mbr_entry(disk, 0, 0, 0x83, 64, 100);
    mbr_entry(disk, 0, 1, 0x05, 1000, 4000);
    mbr_entry(disk, 1000, 0, 0x83, 8, 100);
    mbr_entry(disk, 1000, 1, 0x05, 500, 200);
    mbr_entry(disk, 1500, 0, 0x07, 8, 100);
    const auto table = read_mbr(disk);
    ASSERT_TRUE(table);
    ASSERT_EQ(table->partitions.size(), 3U);
    EXPECT_EQ(table->partitions[0].name, "mbr1");
    EXPECT_EQ(table->partitions[1].name, "mbr5");
    EXPECT_EQ(table->partitions[1].start, 1008U * 512);
    EXPECT_EQ(table->partitions[2].name, "mbr6");
    EXPECT_EQ(table->partitions[2].start, 1508U * 512);
    EXPECT_EQ(table->problem, "");
}

TEST(Mbr, ChainsThatLoopOrBreakAreNamed) {
    MemoryImage disk(disk_size);
    mbr_entry(disk, 0, 0, 0x05, 1000, 4000);
    mbr_entry(disk, 1000, 0, 0x83, 8, 100);
    mbr_entry(disk, 1000, 1, 0x05, 0, 200);
    EXPECT_NE(read_mbr(disk)->problem, "") << "points at itself";
    mbr_entry(disk, 1000, 1, 0x05, 7, 200);
    EXPECT_NE(read_mbr(disk)->problem, "") << "points at nothing";
    mbr_entry(disk, 0, 0, 0x05, 0xffffffff, 4000);
    EXPECT_NE(read_mbr(disk)->problem, "") << "points beyond the disk";
}

TEST(Mbr, BootCodeAloneIsNoTable) {
    MemoryImage disk(disk_size);
    EXPECT_FALSE(read_mbr(disk));
    disk.raw()[510] = 0x55, disk.raw()[511] = 0xaa;
    EXPECT_FALSE(read_mbr(disk)) << "no entry";
    disk.raw()[446] = 0x13, disk.raw()[450] = 0x83, disk.raw()[458] = 1;
    EXPECT_FALSE(read_mbr(disk)) << "a status byte that no table has";
}

TEST(Hybrid, WhatOnlyTheMbrNamesIsAdded) {
    MemoryImage disk(disk_size);
    write_gpt(disk, {{64, 127}});
    mbr_entry(disk, 0, 0, 0xee, 1, 63);
    mbr_entry(disk, 0, 1, 0x83, 64, 64);
    mbr_entry(disk, 0, 2, 0x83, 1024, 64);
    auto gpt = read_gpt(disk);
    const auto mbr = read_mbr(disk);
    ASSERT_TRUE(gpt && mbr);
    add_hybrid_partitions(*gpt, *mbr);
    ASSERT_EQ(gpt->partitions.size(), 2U);
    EXPECT_EQ(gpt->partitions[1].name, "mbr3");
}

}  // namespace
}  // namespace bailiff::agent
