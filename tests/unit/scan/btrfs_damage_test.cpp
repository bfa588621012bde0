// SPDX-License-Identifier: Apache-2.0
// btrfs that is damaged, made by an enemy, or of a kind that is not read: told, never guessed, and always to an end.
#include "agent/scan/btrfs/superblock.hpp"

#include "tests/unit/scan/btrfs_image.hpp"
#include "tests/unit/scan/btrfs_sink.hpp"

#include <gtest/gtest.h>

namespace bailiff::agent {
namespace {

using test::BtrfsImage;
using test::BtrfsWalked;
using Files = std::map<std::string, std::string>;
using Skips = std::vector<std::pair<std::string, SkipReason>>;
constexpr uint64_t top = BtrfsImage::top, root = BtrfsImage::root_directory, sub = 260;

/// A file at the top, and one in a subvolume, which has a tree of its own.
struct TwoTrees : BtrfsImage {
    explicit TwoTrees(size_t size = base + 2 * half) : BtrfsImage(size) {
        file(top, root, "file", 257, "body");
        subvolume(sub);
        hang(top, root, "sub", sub);
        file(sub, root, "inner", 257, "more");
        build();
    }
    static inline const Files files{{"/file", "body"}, {"/sub/inner", "more"}};
    Volume recognised() { return find_volumes(image).at(0); }
};

TEST(BtrfsDamage, AMirrorStandsInForTheFirstSuperblock) {
    for (const size_t at : {0x0U, 0x40U, 0x90U, 0xfffU}) {
        TwoTrees disk((64 << 20) + 4096);
        disk.image.raw()[BtrfsImage::superblock_at + at] ^= 1;
        const Volume volume = disk.recognised();
        EXPECT_EQ(volume.kind, VolumeKind::btrfs) << at;
        EXPECT_EQ(volume.notes.size(), 1U) << at;
        EXPECT_EQ(BtrfsWalked(disk.image).files, TwoTrees::files) << at;
    }
    TwoTrees alone;
    alone.image.raw()[BtrfsImage::superblock_at + 0x90] ^= 1;
    EXPECT_EQ(alone.recognised().kind, VolumeKind::unreadable);
    EXPECT_FALSE(alone.recognised().unsupported);
    EXPECT_NE(BtrfsWalked(alone.image).error, "");
}

TEST(BtrfsDamage, ANodeIsReadFromItsOtherCopy) {
    for (const uint64_t tree : {BtrfsImage::chunk_tree, BtrfsImage::root_tree, top, sub}) {
        TwoTrees disk;
        disk.image.raw()[BtrfsImage::leaf_of(tree) + 0x70] ^= 0x10;
        const BtrfsWalked walked(disk.image);
        EXPECT_EQ(walked.files, TwoTrees::files) << tree;
        EXPECT_EQ(walked.skips, Skips{}) << tree;
        // An old node with a true checksum is no better: writes that were lost look like this.
        TwoTrees stale;
        stale.image.little(BtrfsImage::leaf_of(tree) + 0x50, 6, 8);
        stale.seal(BtrfsImage::leaf_of(tree));
        EXPECT_EQ(BtrfsWalked(stale.image).files, TwoTrees::files) << tree;
    }
}

TEST(BtrfsDamage, WhatBothCopiesLostIsNamed) {
    const auto broken = [](uint64_t tree) {
        TwoTrees disk;
        for (const uint64_t at : {uint64_t{0}, BtrfsImage::half}) disk.image.raw()[BtrfsImage::leaf_of(tree) + at + 0x70] ^= 0x10;
        return disk;
    };
    auto inner = broken(sub);
    const BtrfsWalked walked(inner.image);
    EXPECT_EQ(walked.files, (Files{{"/file", "body"}}));
    EXPECT_EQ(walked.skips, (Skips{{"/sub/", SkipReason::unreadable}}));
    for (const uint64_t tree : {BtrfsImage::chunk_tree, BtrfsImage::root_tree, top}) {
        auto disk = broken(tree);
        EXPECT_NE(BtrfsWalked(disk.image).error, "") << tree;
    }
}

TEST(BtrfsDamage, KindsThatAreNotReadSaySo) {
    const auto reason = [](void (*make)(BtrfsImage&)) {
        TwoTrees disk;
        make(disk);
        disk.build();
        const Volume volume = disk.recognised();
        EXPECT_EQ(volume.kind, VolumeKind::unreadable);
        EXPECT_TRUE(volume.unsupported);
        EXPECT_EQ(BtrfsWalked(disk.image).error, volume.reason);
        return volume.reason;
    };
    EXPECT_NE(reason([](BtrfsImage& d) { d.incompatible |= 1 << 12; }).find("zoned"), std::string::npos);
    EXPECT_NE(reason([](BtrfsImage& d) { d.incompatible |= 1 << 14; }).find("raid_stripe_tree"), std::string::npos);
    EXPECT_NE(reason([](BtrfsImage& d) { d.incompatible |= uint64_t{1} << 63; }).find("unknown"), std::string::npos);
    EXPECT_NE(reason([](BtrfsImage& d) { d.checksum_kind = 1; }).find("xxhash"), std::string::npos);
    EXPECT_NE(reason([](BtrfsImage& d) { d.checksum_kind = 9; }).find("unknown"), std::string::npos);
    EXPECT_NE(reason([](BtrfsImage& d) { d.flags |= uint64_t{1} << 33; }).find("dump"), std::string::npos);
}

TEST(BtrfsDamage, ALogThatWasNotReplayedIsNoted) {
    TwoTrees disk;
    EXPECT_TRUE(disk.recognised().notes.empty());
    disk.log_tree = BtrfsImage::base + 40960;
    disk.build();
    EXPECT_EQ(disk.recognised().kind, VolumeKind::btrfs);
    EXPECT_EQ(disk.recognised().notes.size(), 1U);
}

TEST(BtrfsDamage, OneDeviceOfSeveral) {
    TwoTrees mirrored;
    mirrored.devices = 2;
    mirrored.profile = 0x7 | 0x10;
    mirrored.stripes = BtrfsImage::stripe(2, 4096) + BtrfsImage::stripe(BtrfsImage::device, BtrfsImage::base);
    mirrored.build();
    EXPECT_EQ(mirrored.recognised().notes.size(), 1U);
    EXPECT_EQ(BtrfsWalked(mirrored.image).files, TwoTrees::files);
    TwoTrees elsewhere;
    elsewhere.devices = 2;
    elsewhere.profile = 0x7;
    elsewhere.stripes = BtrfsImage::stripe(2, BtrfsImage::base);
    elsewhere.build();
    EXPECT_NE(BtrfsWalked(elsewhere.image).error.find("another"), std::string::npos);
    for (const auto& [bit, profile] : {std::pair{0x8, "RAID0"}, {0x40, "RAID10"}, {0x80, "RAID5"}, {0x100, "RAID6"}}) {
        TwoTrees striped;
        striped.profile = 0x7 | static_cast<uint64_t>(bit);
        striped.build();
        EXPECT_NE(BtrfsWalked(striped.image).error.find(profile), std::string::npos);
    }
}

TEST(BtrfsDamage, ATreeThatLoopsEnds) {
    // The top level's root becomes an inner node whose only child is itself, or a leaf that begins elsewhere.
    for (const uint64_t child : {BtrfsImage::leaf_of(top), BtrfsImage::leaf_of(sub)}) {
        TwoTrees disk;
        disk.item(BtrfsImage::root_tree, {top, 132, 0})[238] = 1;
        disk.build();
        for (const uint64_t at : {BtrfsImage::leaf_of(top), BtrfsImage::leaf_of(top) + BtrfsImage::half}) {
            disk.image.little(at + 0x60, 1, 4);
            disk.image.little(at + 0x64, 1, 1);
            disk.image.put(at + 0x65, std::string(test::BtrfsBytes().key({root, 1, 1}).u64(child).u64(BtrfsImage::generation)));
            disk.seal(at);
        }
        const BtrfsWalked walked(disk.image);
        EXPECT_NE(walked.error, "");
        EXPECT_TRUE(walked.files.empty());
    }
}

TEST(BtrfsDamage, ASecondMarkIsDoubted) {
    TwoTrees disk;
    disk.image.put(512, "LABELONE");
    disk.image.put(512 + 24, "LVM2 001");
    const auto volumes = find_volumes(disk.image);
    ASSERT_EQ(volumes.size(), 2U);
    EXPECT_EQ(volumes[0].kind, VolumeKind::btrfs);
    EXPECT_EQ(volumes[1].kind, VolumeKind::unreadable);
    disk.image.little(1080, 0xef53, 2);
    const auto ext = find_volumes(disk.image);
    ASSERT_EQ(ext.size(), 3U);
    EXPECT_EQ(ext[0].kind, VolumeKind::ext);
    EXPECT_EQ(ext[2].filesystem, "btrfs");
}

TEST(BtrfsDamage, NoFlippedBitCrashesTheWalk) {
    TwoTrees whole;
    const auto sound = whole.image.raw();
    size_t told = 0, walks = 0;
    const auto flip = [&](uint64_t block, bool seal, bool mirror) {
        for (size_t i = seal ? 32 : 0; i < 4096; ++i) {
            // Zeros are the same everywhere: beyond the heads one in sixteen stands for all.
            if (sound[block + i] == 0 && i > 256 && i % 16 != 0) continue;
            for (const uint64_t at : {block, block + BtrfsImage::half}) {
                if (at != block && !mirror) continue;
                whole.image.raw()[at + i] ^= static_cast<uint8_t>(1 << i % 8);
                if (seal) whole.seal(at);
            }
            const BtrfsWalked walked(whole.image);
            ++walks;
            told += !walked.error.empty() || !walked.skips.empty();
            if (!seal) {
                EXPECT_TRUE(!walked.error.empty() || !walked.skips.empty() || walked.files == TwoTrees::files) << "byte " << i << " of " << block;
            }
            std::copy_n(sound.begin() + static_cast<std::ptrdiff_t>(block), 4096, whole.image.raw().begin() + static_cast<std::ptrdiff_t>(block));
            std::copy_n(sound.begin() + static_cast<std::ptrdiff_t>(block + BtrfsImage::half), 4096,
                        whole.image.raw().begin() + static_cast<std::ptrdiff_t>(block + BtrfsImage::half));
        }
    };
    for (const bool seal : {false, true}) {
        flip(BtrfsImage::superblock_at, seal, false);
        for (const uint64_t tree : {BtrfsImage::chunk_tree, BtrfsImage::root_tree, top, sub}) flip(BtrfsImage::leaf_of(tree), seal, true);
    }
    EXPECT_GT(told, walks / 3);
}

}  // namespace
}  // namespace bailiff::agent
