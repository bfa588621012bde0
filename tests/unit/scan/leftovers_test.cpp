// SPDX-License-Identifier: Apache-2.0
// Gaps between partitions, and how a range becomes pieces that miss nothing at their edges.
#include "agent/scan/box/descriptor.hpp"
#include "agent/scan/leftovers.hpp"
#include "tests/unit/scan/memory_image.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <map>

namespace bailiff::agent {
namespace {

using test::MemoryImage;

Volume lying(uint64_t start, uint64_t size) {
    Volume out;
    out.start = start, out.size = size;
    return out;
}

TEST(Leftovers, gaps_are_what_no_volume_covers) {
    using Ranges = std::vector<DiskRange>;
    EXPECT_EQ(gaps_between({lying(0, 100)}, 100), Ranges{});
    EXPECT_EQ(gaps_between({}, 100), (Ranges{{0, 100}}));
    EXPECT_EQ(gaps_between({lying(60, 20), lying(10, 20), lying(15, 5)}, 100), (Ranges{{0, 10}, {30, 60}, {80, 100}}));
    EXPECT_EQ(gaps_between({lying(10, ~uint64_t{0}), lying(500, 10)}, 100), (Ranges{{0, 10}})) << "a volume that reaches past the disk";
    Volume logical = lying(0, 100);
    logical.mapped = std::make_shared<MemoryImage>(100);
    EXPECT_EQ(gaps_between({logical}, 100), (Ranges{{0, 100}})) << "a logical volume lies somewhere else";
}

class Pieces : public WalkSink {
  public:
    void file(const std::string& path, uint64_t size, int memory_file) override {
        const Descriptor content(memory_file);
        std::string bytes(size, '\0');
        EXPECT_EQ(::pread(content.fd(), bytes.data(), size, 0), static_cast<ssize_t>(size));
        contents[path] += bytes;
    }
    void skipped(const std::string& path, SkipReason, const std::string&, uint64_t) override { missing.push_back(path); }
    std::map<std::string, std::string> contents;
    std::vector<std::string> missing;
};

TEST(Leftovers, a_range_is_named_by_where_it_lies_and_zeros_are_left_out) {
    MemoryImage disk(1U << 20);
    disk.put(100'000, "hidden here");
    Pieces pieces;
    hand_over_range(disk, {4096, 1U << 20}, 4096, "gap", {}, pieces);
    ASSERT_EQ(pieces.contents.size(), 1u);
    const auto& [path, bytes] = *pieces.contents.begin();
    EXPECT_EQ(path, "/(gap 0x17000-0x18000)");
    EXPECT_EQ(bytes.size(), 4096u);
    EXPECT_NE(bytes.find("hidden here"), std::string::npos);
    EXPECT_TRUE(pieces.missing.empty());
}

TEST(Leftovers, nothing_is_cut_at_the_edge_of_two_pieces) {
    MemoryImage disk(3 * leftover_piece);
    for (uint64_t at = 0; at < disk.size(); at += 512) disk.put(at, "x");
    disk.put(leftover_piece - 5, "across the edge");
    Pieces pieces;
    hand_over_range(disk, {0, disk.size()}, 0, "swap", {}, pieces);
    size_t found = 0;
    for (const auto& [path, bytes] : pieces.contents) {
        EXPECT_LE(bytes.size(), leftover_piece);
        found += bytes.find("across the edge") != std::string::npos;
    }
    EXPECT_EQ(found, 1u);
    EXPECT_GE(pieces.contents.size(), 3u);
}

TEST(Leftovers, what_cannot_be_read_is_told) {
    MemoryImage disk(1U << 20);
    Pieces pieces;
    hand_over_range(disk, {0, 3U << 20}, 0, "gap", {}, pieces);
    EXPECT_EQ(pieces.missing, (std::vector<std::string>{"/(gap 0x100000-0x200000)", "/(gap 0x200000-0x300000)"}));
}

TEST(Leftovers, free_space_of_our_own_readers_is_not_passed_over_in_silence) {
    MemoryImage disk(1U << 20);
    Volume volume = lying(0, 1U << 20);
    volume.kind = VolumeKind::xfs;
    volume.filesystem = "xfs";
    Pieces pieces;
    walk_leftovers(disk, volume, {}, pieces);
    EXPECT_EQ(pieces.missing, std::vector<std::string>{"/(free space)"});
}

}  // namespace
}  // namespace bailiff::agent
