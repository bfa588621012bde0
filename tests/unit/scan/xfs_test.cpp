// SPDX-License-Identifier: Apache-2.0
// XFS by hand: every form of directory and content, and what a hostile disk might say instead.
#include "tests/unit/scan/xfs_files.hpp"
#include "tests/unit/scan/xfs_image.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace bailiff::agent {
namespace {

using test::walk_xfs_files;
using test::XfsFiles;
using test::XfsImage;
using Extent = XfsImage::Extent;

constexpr uint64_t root = XfsImage::root, block = XfsImage::block_size, far = XfsImage::second_group;

/// Runs for version 4 and for version 5.
class Xfs : public testing::TestWithParam<bool> {
  protected:
    XfsImage disk{GetParam()};
    XfsFiles files;
    std::string error;
    void walk(const WalkLimits& limits = {}) { files = walk_xfs_files(disk, limits, &error); }
    Volume recognised() {
        const auto volumes = find_volumes(disk);
        EXPECT_EQ(volumes.size(), 1U);
        return volumes.front();
    }
};
INSTANTIATE_TEST_SUITE_P(Versions, Xfs, testing::Bool(), [](const auto& tested) { return tested.param ? "v5" : "v4"; });

const std::map<std::string, std::string>& sampled() {
    const auto filled = [](char c) { return std::string(block, c); };
    const std::string zeros(block, '\0');
    static const std::map<std::string, std::string> files{
        {"/small", "small content"}, {"/block/first", "the first"}, {"/block/second", "the second"}, {"/block/wide/in", "wide number"},
        {"/large/one", "one of two"}, {"/large/two", "two of two"}, {"/broad/leaf", "leaf"},
        {"/tree", filled('a') + filled('b') + zeros + filled('c')},
        {"/sparse", zeros + filled('x') + zeros + zeros + zeros + zeros + "tail"}};
    return files;
}

TEST_P(Xfs, ReadsEveryForm) {
    disk = test::xfs_sampler(GetParam());
    const auto volume = recognised();
    EXPECT_EQ(volume.kind, VolumeKind::xfs);
    EXPECT_EQ(volume.filesystem, "xfs");
    EXPECT_TRUE(volume.notes.empty());
    walk();
    EXPECT_EQ(error, "");
    EXPECT_EQ(files.contents, sampled());
    EXPECT_TRUE(files.skips.empty()) << files.said;
}

TEST_P(Xfs, AVolumeBeginsAnywhereAndEndsWhereItIsSaidTo) {
    auto sample = test::xfs_sampler(GetParam());
    constexpr uint64_t start = 12'800;
    test::MemoryImage whole(start + sample.size() + 999);
    std::copy(sample.raw().begin(), sample.raw().end(), whole.raw().begin() + start);
    Volume volume;
    volume.start = start;
    volume.size = sample.size();
    ASSERT_TRUE(walk_xfs(whole, volume, {}, files));
    EXPECT_EQ(files.contents, sampled());
    EXPECT_TRUE(files.skips.empty()) << files.said;

    XfsFiles cut;
    volume.size = XfsImage::group_blocks * block;
    ASSERT_TRUE(walk_xfs(whole, volume, {}, cut));
    EXPECT_TRUE(cut.skipped("/small", SkipReason::unreadable)) << "its bytes are there, but behind the volume's end";
}

TEST_P(Xfs, DirectoryBlocksMayLieInPieces) {
    disk.big(192, 1, 1);
    disk.seal_superblock();
    const auto both = disk.directory_block(40, root, {{".", root}, {"..", root}, {std::string(200, 'n'), 18}, {"late", 20}}, true, 2 * block);
    disk.bytes(40, std::span(both).first(block));
    disk.bytes(far + 7, std::span(both).subspan(block));
    disk.inode(root, XfsImage::directory_mode, XfsImage::extents, 2 * block, 2, XfsImage::records({{0, 40, 1}, {1, far + 7, 1}}));
    disk.file(18, 50, "long");
    disk.file(20, 51, "late");
    walk();
    EXPECT_EQ(files.contents, (std::map<std::string, std::string>{{"/" + std::string(200, 'n'), "long"}, {"/late", "late"}}));
    EXPECT_TRUE(files.skips.empty()) << files.said;

    disk.inode(root, XfsImage::directory_mode, XfsImage::extents, 2 * block, 1, XfsImage::records({{0, 40, 1}}));
    walk();
    EXPECT_TRUE(files.contents.empty());
    EXPECT_TRUE(files.skipped("/", SkipReason::unreadable));
}

TEST_P(Xfs, NamesAreBytes) {
    const std::string odd = "a\n\xff\x1b[31m\"";
    disk.directory(root, 40, {{odd, 18}, {"a/b", 18}, {std::string("a\0b", 3), 18}, {std::string(255, 'z'), 20}});
    disk.file(18, 50, "odd");
    disk.file(20, 51, "long");
    walk();
    EXPECT_EQ(files.contents, (std::map<std::string, std::string>{{"/" + odd, "odd"}, {"/" + std::string(255, 'z'), "long"}}));
    EXPECT_EQ(files.skips, (std::vector<std::pair<std::string, SkipReason>>(2, {"/", SkipReason::unreadable}))) << files.said;
}

TEST_P(Xfs, AbsurdSizesAreSkippedBySize) {
    disk.short_directory(root, {{"sparse", 18}, {"negative", 20}, {"hole", 22}});
    disk.file(18, static_cast<uint64_t>(std::numeric_limits<int64_t>::max()), std::vector<Extent>{});
    disk.file(20, uint64_t{1} << 63, std::vector<Extent>{});
    disk.file(22, 3 * block, std::vector<Extent>{});
    walk();
    EXPECT_TRUE(files.skipped("/sparse", SkipReason::size));
    EXPECT_TRUE(files.skipped("/negative", SkipReason::unreadable));
    EXPECT_EQ(files.contents, (std::map<std::string, std::string>{{"/hole", std::string(3 * block, '\0')}}));
}

TEST_P(Xfs, ExtentsBehindTheEndOfTheFileAreNotItsContent) {
    disk.short_directory(root, {{"reserved", 18}});
    disk.put(XfsImage::offset(50), "content");
    disk.file(18, 7, {{0, 50, 4}, {1000, 60, 8, true}});
    walk();
    EXPECT_EQ(files.contents["/reserved"], "content");
    EXPECT_TRUE(files.skips.empty()) << files.said;
}

TEST_P(Xfs, RealtimeFilesAndForeignLogsAreNamed) {
    disk.short_directory(root, {{"realtime", 18}, {"plain", 20}});
    disk.file(18, 50, "elsewhere");
    disk.big(XfsImage::inode_offset(18) + 90, 1, 2);
    disk.seal_inode(18);
    disk.file(20, 51, "here");
    disk.big(48, 0, 8);
    disk.seal_superblock();
    EXPECT_EQ(recognised().kind, VolumeKind::xfs);
    walk();
    EXPECT_EQ(files.contents, (std::map<std::string, std::string>{{"/plain", "here"}}));
    EXPECT_TRUE(files.skipped("/realtime", SkipReason::unsupported));
    EXPECT_TRUE(files.skipped("", SkipReason::unsupported)) << "the log";
}

TEST_P(Xfs, TheLogsLastRecordTellsWhetherItWasReplayed) {
    // Wherever the ring was left, also with its last record across its end, or exactly before it.
    for (uint64_t at = 0; at < XfsImage::log_blocks * block / 512; ++at)
        for (const uint32_t round : {1U, 2U, 77U}) {
            if (round == 1 && at > 5) continue;
            disk.unmount_record(0x20, at, round);
            EXPECT_TRUE(recognised().notes.empty()) << at << " in round " << round;
            disk.unmount_record(0, at, round);
            EXPECT_EQ(recognised().notes.size(), 1U) << at << " in round " << round;
        }
    disk.unmount_record(0);
    ASSERT_EQ(recognised().notes.size(), 1U);
    EXPECT_NE(recognised().notes[0].find("not replayed"), std::string::npos);
    for (uint64_t i = 0; i < XfsImage::log_blocks * block; ++i) disk.raw()[XfsImage::offset(XfsImage::log_block) + i] = 0;
    ASSERT_EQ(recognised().notes.size(), 1U);
    EXPECT_NE(recognised().notes[0].find("not understood"), std::string::npos);
}

TEST_P(Xfs, UnknownFeaturesAreRefused) {
    const size_t word = GetParam() ? 216 : 200;
    const auto before = big_endian<uint32_t>(disk.raw(), word);
    for (const uint32_t bit : {0x400U, 0x800U, 0x80000000U}) {
        disk.big(word, before | bit, 4);
        disk.seal_superblock();
        const auto volume = recognised();
        EXPECT_EQ(volume.kind, VolumeKind::unreadable) << bit;
        EXPECT_TRUE(volume.unsupported);
        EXPECT_NE(volume.reason.find("feature"), std::string::npos) << volume.reason;
    }
    disk.big(word, before, 4);
    disk.big(100, GetParam() ? 0xb4a6 : 0xb4a3, 2);
    EXPECT_EQ(recognised().kind, VolumeKind::unreadable) << "another version";
}

TEST_P(Xfs, NeedOfRepairIsNoted) {
    if (!GetParam()) GTEST_SKIP() << "version 4 has no such mark";
    disk.big(216, big_endian<uint32_t>(disk.raw(), 216) | 0x10, 4);
    disk.seal_superblock();
    EXPECT_EQ(recognised().kind, VolumeKind::xfs);
    EXPECT_EQ(recognised().notes.size(), 1U);
}

TEST_P(Xfs, SuperblocksOutOfBoundsAreDamaged) {
    struct Change {
        uint64_t at, value;
        size_t size;
    };
    for (const auto& [at, value, size] : {Change{4, 0, 4}, {4, 3000, 4}, {4, 1U << 30, 4}, {8, 0, 8}, {8, UINT64_MAX, 8}, {8, 1000, 8}, {56, 1U << 20, 8},
                                          {84, 0, 4}, {84, UINT32_MAX, 4}, {88, 0, 4}, {88, UINT32_MAX, 4}, {102, 0, 2}, {102, 65535, 2}, {104, 64, 2},
                                          {104, 4096, 2}, {120, 200, 1}, {121, 200, 1}, {122, 200, 1}, {123, 200, 1}, {124, 200, 1}, {126, 1, 1},
                                          {192, 200, 1}, {192, 7, 1}}) {
        XfsImage changed(GetParam());
        changed.big(at, value, size);
        changed.seal_superblock();
        const auto volume = find_volumes(changed).front();
        EXPECT_EQ(volume.kind, VolumeKind::unreadable) << at << " " << value;
        EXPECT_FALSE(volume.unsupported) << at;
        EXPECT_FALSE(walk_xfs_files(changed, {}, &error).said.size()) << at;
    }
    XfsImage tiny(GetParam());
    tiny.raw().resize(100);
    EXPECT_EQ(find_volumes(tiny).front().kind, VolumeKind::unreadable);
}

TEST_P(Xfs, TwoMarksAreReadAndDoubted) {
    disk.put(512, "LABELONE");
    disk.put(512 + 24, "LVM2 001");
    const auto lvm = find_volumes(disk);
    ASSERT_EQ(lvm.size(), 2U);
    EXPECT_EQ(lvm[0].kind, VolumeKind::xfs);
    EXPECT_EQ(lvm[1].filesystem, "lvm");
    XfsImage ext(GetParam());
    ext.little(1080, 0xef53, 2);
    const auto both = find_volumes(ext);
    ASSERT_EQ(both.size(), 2U);
    EXPECT_EQ(both[0].kind, VolumeKind::ext);
    EXPECT_EQ(both[1].filesystem, "xfs");
}

TEST_P(Xfs, LoopsEnd) {
    disk.directory(root, 40, {{"self", root}, {"child", 18}});
    disk.directory(18, 41, {{"up", root}, {"itself", 18}, {"file", 20}});
    disk.file(20, 50, "found");
    walk();
    EXPECT_EQ(files.contents, (std::map<std::string, std::string>{{"/child/file", "found"}}));

    disk.short_directory(root, {{"tree", 18}, {"ladder", 22}});
    disk.tree_node(60, 18, 1, {60, 60});
    disk.inode(18, XfsImage::file_mode, XfsImage::btree, 100 * block, 5, disk.tree_root(2, {60}));
    disk.tree_node(61, 22, 2, {62, 62});
    disk.tree_node(62, 22, 1, {63, 63});
    disk.tree_leaf(63, 22, {{0, 50, 1}});
    disk.inode(22, XfsImage::file_mode, XfsImage::btree, 100 * block, 4, disk.tree_root(3, {61, 61}));
    walk();
    EXPECT_TRUE(files.skipped("/tree", SkipReason::unreadable));
    EXPECT_TRUE(files.skipped("/ladder", SkipReason::unreadable));
}

TEST_P(Xfs, CapsAreReported) {
    disk = test::xfs_sampler(GetParam());
    WalkLimits limits;
    limits.entries = 5;
    walk(limits);
    EXPECT_TRUE(files.skipped("", SkipReason::too_many));
    limits = {};
    limits.depth = 2;
    walk(limits);
    EXPECT_TRUE(files.skipped("/block/wide/", SkipReason::too_many));
    EXPECT_EQ(files.contents.size(), 8U);
    limits = {};
    limits.path = 10;
    walk(limits);
    EXPECT_TRUE(files.skipped("/block/fir", SkipReason::too_many));
    limits = {};
    limits.file_size = block;
    walk(limits);
    EXPECT_TRUE(files.skipped("/tree", SkipReason::size));
}

TEST_P(Xfs, DamagedExtentsAreSkips) {
    disk.short_directory(root, {{"overlap", 18}, {"outside", 20}, {"across", 22}, {"lost", 24}, {"many", 26}, {"none", 28}, {"local", 30}});
    disk.file(18, 3 * block, {{0, 50, 2}, {1, 60, 1}});
    disk.file(20, block, {{0, uint64_t{1} << 40, 1}});
    disk.file(22, 20 * block, {{0, 180, 20}});  // beyond the end of its group
    disk.tree_leaf(70, 24, {{0, 50, 1}});
    disk.inode(24, XfsImage::file_mode, XfsImage::btree, 2 * block, 2, disk.tree_root(1, {70}));
    disk.inode(26, XfsImage::file_mode, XfsImage::extents, block, UINT32_MAX, {});
    disk.file(28, block, {{0, 50, 0}});
    disk.inode(30, XfsImage::file_mode, XfsImage::local, 5, 0, {1, 2, 3, 4, 5});
    walk();
    EXPECT_TRUE(files.contents.empty());
    for (const char* path : {"/overlap", "/outside", "/across", "/lost", "/many", "/none", "/local"})
        EXPECT_TRUE(files.skipped(path, SkipReason::unreadable)) << path;
}

TEST_P(Xfs, DamagedDirectoriesAreSkips) {
    const auto shot = [&](auto&& damage) {
        disk = test::xfs_sampler(GetParam());
        damage();
        walk();
        EXPECT_TRUE(files.skipped("/block/", SkipReason::unreadable) || files.skipped("/block", SkipReason::unreadable)) << files.said;
        EXPECT_EQ(files.contents["/small"], "small content") << "the rest is still read";
    };
    const uint64_t at = XfsImage::offset(far + 2);
    const size_t header = GetParam() ? 64 : 16;
    const auto sealed = [&] {
        if (GetParam()) disk.seal(at, block, 4);
    };
    shot([&] { disk.raw()[at] ^= 1; });
    shot([&] { disk.big(at + header + 8, 200, 1), sealed(); });             // a name that reaches elsewhere
    shot([&] { disk.big(at + block - 8, UINT32_MAX, 4), sealed(); });       // more hashes than room
    shot([&] { disk.big(at + header + 7, 99, 1), sealed(); });              // "." of another directory
    shot([&] { disk.big(at + header + 8, 0, 1), sealed(); });               // an empty name
    shot([&] { disk.inode(20, XfsImage::directory_mode, XfsImage::extents, block, 0, {}); });
    shot([&] { disk.inode(20, XfsImage::directory_mode, XfsImage::extents, block, 1, XfsImage::records({{0, far + 2, 1, true}})); });
    shot([&] { disk.inode(20, XfsImage::directory_mode, XfsImage::local, 5000, 0, {}); });
    shot([&] { disk.inode(20, XfsImage::directory_mode, XfsImage::local, 40, 0, {200, 0, 0, 0, 0, 16}); });
    shot([&] { disk.raw()[XfsImage::inode_offset(20)] ^= 1; });
    shot([&] { disk.inode(20, 0, XfsImage::extents, block, 1, XfsImage::records({{0, far + 2, 1}})); });
    if (GetParam()) {
        shot([&] { disk.raw()[XfsImage::inode_offset(20) + 40] ^= 1; });
        shot([&] { disk.bytes(far + 2, disk.directory_block(far + 2, 99, {{".", 20}}, true)); });   // another owner
        shot([&] { disk.bytes(far + 2, disk.directory_block(far + 3, 20, {{".", 20}}, true)); });   // another place
    }
}

TEST_P(Xfs, ShortImagesAreSkipsAndNeverGarbage) {
    const auto whole = test::xfs_sampler(GetParam());
    for (size_t length = 0; length < whole.size(); length += 509) {
        disk = whole;
        disk.raw().resize(length);
        error.clear();
        walk();
        for (const auto& [path, content] : files.contents) EXPECT_EQ(content, sampled().at(path)) << path << " at " << length;
        if (files.contents != sampled()) {
            EXPECT_FALSE(files.skips.empty() && error.empty()) << length;
        }
    }
}

/// Where the sampler keeps metadata: superblock, inodes, and the blocks of directories and trees. Every byte that says
/// something, and one in sixteen of the zeros between them.
std::vector<uint64_t> metadata(XfsImage disk) {
    std::vector<std::pair<uint64_t, size_t>> places{{0, 512}};
    for (uint64_t number = 16; number <= 30; ++number) places.emplace_back(XfsImage::inode_offset(number), 512);
    for (const uint64_t at : {far + 2, uint64_t{40}, uint64_t{42}, uint64_t{50}, uint64_t{51}, uint64_t{52}, uint64_t{70}, uint64_t{71}})
        places.emplace_back(XfsImage::offset(at), block);
    std::vector<uint64_t> out;
    for (const auto& [start, length] : places)
        for (uint64_t at = start; at < start + length; ++at)
            if (disk.raw()[at] != 0 || at % 16 == 0) out.push_back(at);
    return out;
}

TEST(XfsFlips, NoFlippedBitIsSilentUnderChecksums) {
    auto disk = test::xfs_sampler(true);
    for (const uint64_t at : metadata(disk)) {
        const auto bit = static_cast<uint8_t>(1U << (at * 5 % 8));
        disk.raw()[at] ^= bit;
        std::string error;
        const auto files = walk_xfs_files(disk, {}, &error);
        if (files.contents != sampled()) {
            EXPECT_FALSE(files.skips.empty() && error.empty()) << at;
        }
        for (const auto& [path, content] : files.contents) EXPECT_EQ(content, sampled().at(path)) << path << " at " << at;
        disk.raw()[at] ^= bit;
    }
}

TEST(XfsFlips, WalksOverForgedMetadataEnd) {
    // Without checksums every flip gets past the gate, as one by an attacker would who can compute them.
    auto disk = test::xfs_sampler(false);
    WalkLimits limits;
    limits.file_size = 1U << 20;
    limits.entries = 10'000;
    for (const uint64_t at : metadata(disk))
        for (const uint8_t value : {uint8_t{0x00}, uint8_t{0xff}, uint8_t{0x80}, static_cast<uint8_t>(disk.raw()[at] ^ 1)}) {
            const uint8_t before = std::exchange(disk.raw()[at], value);
            if (at < 512) (void)find_volumes(disk);
            EXPECT_LE(walk_xfs_files(disk, limits).contents.size(), 10'000U);
            disk.raw()[at] = before;
        }
}

}  // namespace
}  // namespace bailiff::agent
