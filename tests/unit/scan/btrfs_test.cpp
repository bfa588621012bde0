// SPDX-License-Identifier: Apache-2.0
// btrfs as guests write it: contents byte for byte, subvolumes, and every refusal by its name.
#include "agent/scan/btrfs/walk.hpp"

#include "tests/fixtures/program.hpp"
#include "tests/unit/scan/btrfs_image.hpp"
#include "tests/unit/scan/btrfs_sink.hpp"

#include <gtest/gtest.h>
#include <lzo/lzo1x.h>
#include <zlib.h>
#include <zstd.h>

#include <filesystem>
#include <fstream>
#include <random>

namespace bailiff::agent {
namespace {

using test::BtrfsImage;
using test::BtrfsWalked;
using Files = std::map<std::string, std::string>;
using Skips = std::vector<std::pair<std::string, SkipReason>>;
constexpr uint64_t top = BtrfsImage::top, root = BtrfsImage::root_directory;

std::string noise(size_t size) {
    std::mt19937_64 random(size);
    std::string out(size, '\0');
    for (char& c : out) c = static_cast<char>(random());
    return out;
}

std::string prose(size_t size) {
    std::string out;
    for (int i = 0; out.size() < size; ++i) out += "line " + std::to_string(i * i) + " of a text that packs well\n";
    out.resize(size);
    return out;
}

std::string little(size_t value) {
    return test::BtrfsBytes().u32(value);
}

std::string pack(uint8_t kind, const std::string& plain) {
    if (kind == 1) {
        uLongf size = compressBound(plain.size());
        std::string out(size, '\0');
        compress(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(plain.data()), plain.size());
        return out.substr(0, size);
    }
    if (kind == 3) {
        std::string out(ZSTD_compressBound(plain.size()), '\0');
        return out.substr(0, ZSTD_compress(out.data(), out.size(), plain.data(), plain.size(), 3));
    }
    std::string out(4, '\0'), work(LZO1X_1_MEM_COMPRESS, '\0');
    for (size_t at = 0; at < plain.size(); at += 4096) {
        const auto part = plain.substr(at, 4096);
        std::string packed(part.size() + part.size() / 16 + 67, '\0');
        lzo_uint size = packed.size();
        lzo1x_1_compress(reinterpret_cast<const uint8_t*>(part.data()), part.size(), reinterpret_cast<uint8_t*>(packed.data()), &size, work.data());
        if (const size_t left = 4096 - out.size() % 4096; left < 4) out.append(left, '\0');
        out += little(size) + packed.substr(0, size);
    }
    return out.replace(0, 4, little(out.size()));
}

TEST(Btrfs, ReadsWhatMkfsWrites) {
    if (::access("/usr/sbin/mkfs.btrfs", X_OK) != 0 && ::access("/sbin/mkfs.btrfs", X_OK) != 0) GTEST_SKIP() << "mkfs.btrfs is not installed (package btrfs-progs)";
    char pattern[] = "/tmp/bailiff-btrfs-XXXXXX";
    const std::filesystem::path folder = ::mkdtemp(pattern);
    const auto tree = folder / "tree", image = folder / "image";
    Files wanted;
    const auto put = [&](const std::string& path, const std::string& bytes) {
        std::filesystem::create_directories((tree / path.substr(1)).parent_path());
        std::ofstream(tree / path.substr(1), std::ios::binary) << bytes;
        if (!bytes.empty()) wanted[path] = bytes;
    };
    for (const size_t size : {0U, 1U, 2047U, 2048U, 4095U, 4096U, 4097U, 65536U, 131073U, 1000003U}) put("/sizes/" + std::to_string(size), noise(size));
    // Enough names that the tree has inner nodes.
    for (int i = 0; i < 2000; ++i) put("/many/" + std::to_string(i), "file " + std::to_string(i));
    put("/odd/new\nline", "a");
    put("/odd/\xff\xfe", "b");
    put("/odd/" + std::string(255, 'n'), "c");
    std::string deep;
    for (int i = 0; i < 40; ++i) deep += "/d";
    put(deep + "/bottom", "deep down");
    std::filesystem::create_symlink("/etc/passwd", tree / "link");
    EXPECT_EQ(test::Program({"/usr/sbin/mkfs.btrfs", "-q", "-d", "single", "-m", "dup", "--rootdir", tree, "--shrink", image}, folder / "log").wait(), 0);
    {
        const Descriptor file(::open(image.c_str(), O_RDONLY | O_CLOEXEC));
        auto opened = open_raw_image(file.fd());
        ASSERT_TRUE(opened);
        const auto volumes = find_volumes(**opened);
        ASSERT_EQ(volumes.size(), 1U);
        EXPECT_EQ(volumes[0].kind, VolumeKind::btrfs) << volumes[0].reason;
        EXPECT_TRUE(volumes[0].notes.empty());
        const BtrfsWalked walked(**opened);
        EXPECT_EQ(walked.error, "");
        EXPECT_TRUE(walked.files == wanted) << walked.files.size() << " of " << wanted.size();
        EXPECT_EQ(walked.skips, Skips{});
    }
    std::filesystem::remove_all(folder);
}

TEST(Btrfs, UnpacksEveryCompression) {
    for (const uint8_t kind : {uint8_t{1}, uint8_t{2}, uint8_t{3}}) {
        BtrfsImage disk;
        const std::string whole = prose(100'000), small = prose(1500);
        const std::string packed = pack(kind, whole);
        const uint64_t at = disk.data(packed), on_disk = BtrfsImage::padded(packed.size()), unpacked = BtrfsImage::padded(whole.size());
        disk.name(top, root, "whole", 257);
        disk.inode(top, 257, whole.size());
        disk.extent(top, 257, 0, at, on_disk, 0, unpacked, unpacked, kind);
        // Two parts of one extent in the other order, as an overwritten file has them, and a tail that is zeros.
        disk.name(top, root, "parts", 258);
        disk.inode(top, 258, 20'000);
        disk.extent(top, 258, 0, at, on_disk, 40'960, 8192, unpacked, kind);
        disk.extent(top, 258, 8192, at, on_disk, 4096, 4096, unpacked, kind);
        disk.name(top, root, "inline", 259);
        disk.inode(top, 259, small.size());
        disk.inline_extent(top, 259, pack(kind, small), small.size(), kind);
        const BtrfsWalked walked(disk.build());
        EXPECT_EQ(walked.files.at("/whole"), whole) << int{kind};
        EXPECT_EQ(walked.files.at("/parts"), whole.substr(40'960, 8192) + whole.substr(4096, 4096) + std::string(7712, '\0')) << int{kind};
        EXPECT_EQ(walked.files.at("/inline"), small) << int{kind};
        EXPECT_EQ(walked.skips, Skips{});
    }
}

TEST(Btrfs, HolesAndPreallocatedExtentsAreZeros) {
    BtrfsImage disk;
    const std::string bytes = noise(8192);
    const uint64_t at = disk.data(bytes);
    disk.name(top, root, "sparse", 257);
    disk.inode(top, 257, 40'000);
    disk.extent(top, 257, 4096, at, 8192, 4096, 4096, 8192);
    disk.extent(top, 257, 8192, 0, 0, 0, 4096, 4096);
    disk.extent(top, 257, 16'384, at, 8192, 0, 4096, 8192, 0, 2);
    disk.extent(top, 257, 20'480, at, 8192, 0, 8192, 8192);
    // Beyond the file's end, as fallocate leaves it: never looked at.
    disk.extent(top, 257, 40'960, 1, 2, 3, 4096, 5, 99);
    const BtrfsWalked walked(disk.build());
    EXPECT_EQ(walked.files.at("/sparse"), std::string(4096, '\0') + bytes.substr(4096) + std::string(12'288, '\0') + bytes + std::string(11'328, '\0'));
    EXPECT_EQ(walked.skips, Skips{});
}

TEST(Btrfs, WalksEverySubvolumeOnce) {
    BtrfsImage disk;
    disk.file(top, root, "file", 257, "at the top");
    disk.subvolume(260);
    disk.subvolume(261);
    disk.subvolume(262);
    disk.subvolume(263, 0, false, 0);
    disk.hang(top, root, "home", 260);
    disk.hang(260, root, "inner", 261);
    disk.file(260, root, "shared", 257, "in both");
    disk.file(260, root, "twin", 258, "at the top");
    disk.file(261, root, "deep", 257, "deeper");
    disk.file(262, root, "lost", 257, "hangs nowhere");
    disk.file(263, root, "deleted", 257, "deleted");
    // The snapshot shares one file, has changed another, and its entry for the inner subvolume leads nowhere.
    disk.snapshot(260, 264);
    disk.inline_extent(264, 258, "AT THE TOP", 10);
    disk.inode(top, 300, 0, 040755);
    disk.name(top, root, "snapshots", 300);
    disk.hang(top, 300, "monday", 264);
    const BtrfsWalked walked(disk.build());
    EXPECT_EQ(walked.error, "");
    EXPECT_EQ(walked.files, (Files{{"/file", "at the top"}, {"/home/shared", "in both"}, {"/home/twin", "at the top"}, {"/home/inner/deep", "deeper"},
                                   {"/snapshots/monday/twin", "AT THE TOP"}, {"/(subvolume 262)/lost", "hangs nowhere"}}));
    EXPECT_EQ(walked.skips, Skips{});
}

TEST(Btrfs, ASubvolumeThatHoldsItselfEnds) {
    BtrfsImage disk;
    disk.subvolume(260);
    disk.hang(top, root, "a", 260);
    disk.hang(260, root, "again", 260);
    disk.name(260, root, "loop", root);
    disk.file(260, root, "file", 257, "once");
    EXPECT_EQ(BtrfsWalked(disk.build()).files, (Files{{"/a/file", "once"}}));
}

TEST(Btrfs, NamesOfEitherListAreFollowed) {
    BtrfsImage disk;
    for (uint64_t number = 257; number < 261; ++number) {
        disk.inode(top, number, 4);
        disk.inline_extent(top, number, "body", 4);
    }
    disk.name(top, root, "both", 257);
    disk.put(top, {root, 84, 900}, BtrfsImage::entry("hashed one", {258, 1, 0}) + BtrfsImage::entry("hashed two", {259, 1, 0}));
    disk.put(top, {root, 96, 901}, BtrfsImage::entry("listed", {260, 1, 0}));
    const BtrfsWalked walked(disk.build());
    EXPECT_EQ(walked.files, (Files{{"/both", "body"}, {"/hashed one", "body"}, {"/hashed two", "body"}, {"/listed", "body"}}));
    EXPECT_EQ(walked.skips, Skips{});
}

TEST(Btrfs, ImpossibleNamesAreDamage) {
    for (const std::string_view bad : {std::string_view("a/b"), std::string_view("a\0b", 3), std::string_view(".."), std::string_view("")}) {
        BtrfsImage disk;
        disk.file(top, root, "good", 257, "body");
        disk.put(top, {root, 96, 900}, BtrfsImage::entry(bad, {257, 1, 0}));
        const BtrfsWalked walked(disk.build());
        EXPECT_EQ(walked.files, (Files{{"/good", "body"}}));
        EXPECT_EQ(walked.skips, (Skips{{"/", SkipReason::unreadable}}));
    }
}

TEST(Btrfs, WhatIsNotReadIsNamed) {
    struct Case {
        const char* what;
        SkipReason reason;
        void (*make)(BtrfsImage&);
    };
    const Case table[] = {
        {"no inode", SkipReason::unreadable, [](BtrfsImage& d) { d.erase(top, {257, 1, 0}); }},
        {"no type", SkipReason::unreadable, [](BtrfsImage& d) { d.inode(top, 257, 4, 0644); }},
        {"absurd size", SkipReason::size, [](BtrfsImage& d) { d.inode(top, 257, uint64_t{1} << 63); }},
        {"encrypted", SkipReason::encrypted, [](BtrfsImage& d) { d.item(top, {257, 108, 0})[17] = 1; }},
        {"unknown compression", SkipReason::compressed, [](BtrfsImage& d) { d.item(top, {257, 108, 0})[16] = 4; }},
        {"other encoding", SkipReason::compressed, [](BtrfsImage& d) { d.item(top, {257, 108, 0})[18] = 1; }},
        {"unknown kind of extent", SkipReason::unreadable, [](BtrfsImage& d) { d.item(top, {257, 108, 0})[20] = 3; }},
        {"short extent", SkipReason::unreadable, [](BtrfsImage& d) { d.item(top, {257, 108, 0}).resize(20); }},
        {"inline that lies", SkipReason::unreadable, [](BtrfsImage& d) { d.item(top, {257, 108, 0})[8] = 5; }},
        {"inline bomb", SkipReason::unreadable, [](BtrfsImage& d) { d.inline_extent(top, 257, pack(1, std::string(100'000, '\0')), 100'000, 1); }},
        {"garbage for zlib", SkipReason::unreadable, [](BtrfsImage& d) { d.inline_extent(top, 257, "garbage", 100, 1); }},
        {"garbage for lzo", SkipReason::unreadable, [](BtrfsImage& d) { d.inline_extent(top, 257, "garbage", 100, 2); }},
        {"garbage for zstd", SkipReason::unreadable, [](BtrfsImage& d) { d.inline_extent(top, 257, "garbage", 100, 3); }},
        {"cut zstd", SkipReason::unreadable, [](BtrfsImage& d) { d.inline_extent(top, 257, pack(3, noise(1000)).substr(0, 500), 1000, 3); }},
        {"outside of every chunk", SkipReason::unreadable, [](BtrfsImage& d) { d.extent(top, 257, 0, 99 << 20, 4096, 0, 4096, 4096); }},
        {"beyond its extent", SkipReason::unreadable, [](BtrfsImage& d) { d.extent(top, 257, 0, d.data("x"), 4096, 4096, 4096, 4096); }},
        {"beyond, by overflow", SkipReason::unreadable, [](BtrfsImage& d) { d.extent(top, 257, 0, d.data("x"), 4096, ~uint64_t{4095}, 8192, 4096); }},
        {"too large when unpacked", SkipReason::unreadable, [](BtrfsImage& d) { d.extent(top, 257, 0, d.data("x"), 4096, 0, 4096, 1 << 20, 1); }},
        {"too large when packed", SkipReason::unreadable, [](BtrfsImage& d) { d.extent(top, 257, 0, d.data("x"), 1 << 20, 0, 4096, 4096, 1); }},
        {"no length", SkipReason::unreadable, [](BtrfsImage& d) { d.extent(top, 257, 0, d.data("x"), 4096, 0, 0, 4096); }},
        {"overlap", SkipReason::unreadable, [](BtrfsImage& d) {
             d.inode(top, 257, 8192);
             d.extent(top, 257, 0, d.data("x"), 8192, 0, 8192, 8192);
             d.extent(top, 257, 4096, d.data("y"), 4096, 0, 4096, 4096);
         }},
        {"leads nowhere", SkipReason::unreadable, [](BtrfsImage& d) { d.put(top, {root, 96, 2}, BtrfsImage::entry("file", {257, 77, 0})); d.erase(top, {root, 84, 2}); }},
    };
    for (const auto& [what, reason, make] : table) {
        BtrfsImage disk;
        disk.file(top, root, "file", 257, "body");
        disk.file(top, root, "neighbour", 258, "sound");
        make(disk);
        const BtrfsWalked walked(disk.build());
        EXPECT_EQ(walked.error, "") << what;
        EXPECT_EQ(walked.files, (Files{{"/neighbour", "sound"}})) << what;
        EXPECT_EQ(walked.skips, (Skips{{"/file", reason}})) << what;
    }
}

TEST(Btrfs, CapsEndTheWalkAloud) {
    BtrfsImage disk;
    for (uint64_t i = 0; i < 5; ++i) disk.file(top, root, "f" + std::to_string(i), 257 + i, "body");
    uint64_t above = root;
    for (uint64_t number = 300; number < 304; above = number++) {
        disk.inode(top, number, 0, 040755);
        disk.name(top, above, "d", number);
    }
    disk.build();
    WalkLimits limits;
    limits.entries = 5;
    EXPECT_EQ(BtrfsWalked(disk.image, limits).skips, (Skips{{"", SkipReason::too_many}}));
    limits = {};
    limits.depth = 3;
    EXPECT_EQ(BtrfsWalked(disk.image, limits).skips, (Skips{{"/d/d/d/", SkipReason::too_many}}));
    limits = {};
    limits.path = 7;
    EXPECT_EQ(BtrfsWalked(disk.image, limits).skips, (Skips{{"/d/d/d/", SkipReason::too_many}}));
    limits = {};
    limits.file_size = 3;
    EXPECT_EQ(BtrfsWalked(disk.image, limits).skips.size(), 5U);
}

TEST(Btrfs, SnapshotsHaveACapOfTheirOwn) {
    BtrfsImage disk;
    for (uint64_t i = 0; i < 3; ++i) disk.file(top, root, "f" + std::to_string(i), 257 + i, "body");
    for (uint64_t id = 260; id < 265; ++id) disk.snapshot(top, id);
    for (uint64_t id = 260; id < 265; ++id) disk.hang(top, root, "s" + std::to_string(id), id);
    WalkLimits limits;
    limits.entries = 8;
    const BtrfsWalked walked(disk.build(), limits);
    EXPECT_EQ(walked.files, (Files{{"/f0", "body"}, {"/f1", "body"}, {"/f2", "body"}}));
    EXPECT_EQ(walked.skips, Skips{});
}

}  // namespace
}  // namespace bailiff::agent
