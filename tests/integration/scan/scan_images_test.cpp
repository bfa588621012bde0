// SPDX-License-Identifier: Apache-2.0
// Plants are found wherever they stand, and what cannot be read is never called clean.
#include "tests/integration/scan/workshop.hpp"

namespace bailiff::test {
namespace {

using agent::VolumeState;
using Set = std::set<std::string>;
const std::string eicar_sha256 = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";

/// A tree with harmless files and every plant.
void plant(Workshop& shop) {
    for (int i = 0; i < 40; ++i) shop.file("srv/data/f" + std::to_string(i), std::string(static_cast<size_t>(i) * 997 + 1, static_cast<char>('a' + i % 26)));
    shop.file("root/eicar.com", eicar());
    shop.file("srv/web/bad\nname\xff\x1b[31m.php", "<?php " + eicar());
    shop.file("inner.com", eicar());
    Workshop::run({"zip", "-q", "-j", shop.tree() + "/srv/old.zip", shop.tree() + "/inner.com", shop.tree() + "/srv/data/f9"});
    std::filesystem::remove(shop.tree() + "/inner.com");
    std::filesystem::create_symlink("/etc/passwd", shop.tree() + "/srv/link");
    std::filesystem::create_symlink(".", shop.tree() + "/srv/loop");
}
const Set all_plants{"disk /root/eicar.com", "disk /srv/old.zip", "disk /srv/web/bad\\x0aname\\xff\\x1b[31m.php"};

TEST(ScanImages, ExtOnTheBareDisk) {
    Workshop shop;
    plant(shop);
    for (const char* type : {"ext2", "ext3", "ext4"}) {
        const auto run = scan_image(with_clamd({shop.ext(type, type)}));
        EXPECT_EQ(run.verdict.verdict, ScanVerdict::infected) << run.err;
        EXPECT_EQ(run.found(), all_plants) << type;
        EXPECT_EQ(run.skipped(), Set{}) << type;
        EXPECT_EQ(run.verdict.volumes.at(0).filesystem, type);
        EXPECT_EQ(run.verdict.files, 43U);
        for (const auto& hit : run.verdict.hits) {
            EXPECT_EQ(hit.signature, "Test.Eicar.UNOFFICIAL");
            if (hit.path == "/root/eicar.com") {
                EXPECT_EQ(hit.sha256, eicar_sha256);
                EXPECT_EQ(hit.size, 68U);
            }
        }
    }
}

TEST(ScanImages, XfsOnTheBareDisk) {
    if (!std::filesystem::exists("/sbin/mkfs.xfs")) GTEST_SKIP() << "mkfs.xfs is not installed (package xfsprogs)";
    Workshop shop;
    plant(shop);
    const auto run = scan_image(with_clamd({shop.xfs("xfs.raw", {"root/eicar.com", "srv/old.zip"})}));
    EXPECT_EQ(run.found(), (Set{"disk /eicar.com", "disk /old.zip"})) << run.out << run.err;
    EXPECT_EQ(run.skipped(), Set{});
    EXPECT_EQ(run.verdict.volumes.at(0).filesystem, "xfs");
    EXPECT_EQ(run.verdict.volumes.at(0).state, VolumeState::read);
}

TEST(ScanImages, IsoBareAndHybrid) {
    if (!std::filesystem::exists("/usr/bin/xorriso")) GTEST_SKIP() << "xorriso is not installed (package xorriso)";
    Workshop shop;
    plant(shop);
    shop.file("a/b/c/d/e/f/g/h/i/deep and long.txt", "deep " + eicar());
    Set plants = all_plants;
    plants.insert("disk /a/b/c/d/e/f/g/h/i/deep and long.txt");
    const auto bare = scan_image(with_clamd({shop.iso("bare.iso", {"-R"})}));
    EXPECT_EQ(bare.found(), plants) << bare.out << bare.err;
    EXPECT_EQ(bare.skipped(), Set{});
    ASSERT_EQ(bare.verdict.volumes.size(), 1U);
    EXPECT_EQ(bare.verdict.volumes[0].filesystem, "iso9660");
    EXPECT_EQ(bare.verdict.volumes[0].state, VolumeState::read);
    EXPECT_EQ(bare.verdict.files, 44U);
    // A partition of its own inside, and a gap before it that shows the filesystem's own bytes once more.
    const std::string fat = shop.fat("esp.raw", {"root/eicar.com"}, 12, 2U << 20);
    const auto hybrid = scan_image(with_clamd({shop.iso("hybrid.iso", {"-R", "-J", "-append_partition", "2", "0xef", fat, "-appended_part_as_gpt"})}));
    plants.insert("gpt2 /eicar.com");
    EXPECT_EQ(hybrid.found(), plants) << hybrid.out << hybrid.err;
    EXPECT_EQ(hybrid.skipped(), Set{});
    EXPECT_EQ(hybrid.verdict.files, 45U);
}

TEST(ScanImages, Qcow2GivesTheSameAndCleanIsClean) {
    Workshop shop;
    plant(shop);
    const auto infected = scan_image(with_clamd({"--format", "qcow2", shop.qcow2(shop.ext("a.raw"))}));
    EXPECT_EQ(infected.found(), all_plants) << infected.err;
    Workshop harmless;
    harmless.file("etc/motd", "welcome");
    const auto clean = scan_image(with_clamd({"--format", "qcow2", harmless.qcow2(harmless.ext("a.raw"), {"-c"})}));
    EXPECT_EQ(clean.exit, 0) << clean.out << clean.err;
    EXPECT_EQ(clean.verdict.files, 1U);
    ASSERT_EQ(clean.verdict.engines.size(), 1U);
    EXPECT_EQ(clean.verdict.engines[0].name, "clamav");
    EXPECT_TRUE(clean.verdict.engines[0].reports_limits);
}

TEST(ScanImages, GptWithFatNtfsSwapAndBlank) {
    Workshop shop;
    shop.file("eicar.com", eicar());
    shop.file("fine.txt", "nothing");
    const std::string fat = shop.fat("fat.raw", {"eicar.com", "fine.txt"}), ntfs = shop.ntfs("ntfs.raw", {"eicar.com", "fine.txt"});
    Workshop::run({"ntfscp", "-f", "-N", "hidden", ntfs, shop.tree() + "/eicar.com", "fine.txt"});
    const std::string swap = shop.blank("swap.raw", 4U << 20);
    std::fstream(swap, std::ios::binary | std::ios::in | std::ios::out).seekp(4086) << "SWAPSPACE2";
    const std::string disk = shop.gpt("disk.raw", {{fat, 32U << 20}, {ntfs, 16U << 20}, {swap, 4U << 20}, {"", 4U << 20}});
    const auto run = scan_image(with_clamd({disk}));
    EXPECT_EQ(run.found(), (Set{"gpt1 /eicar.com", "gpt2 /eicar.com", "gpt2 /fine.txt:hidden"})) << run.out;
    EXPECT_EQ(run.skipped(), Set{});
    ASSERT_EQ(run.verdict.volumes.size(), 4U);
    EXPECT_EQ(run.verdict.volumes[2].state, VolumeState::no_filesystem);
    EXPECT_EQ(run.verdict.volumes[3].state, VolumeState::no_filesystem);
}

TEST(ScanImages, EveryKindOfFat) {
    Workshop shop;
    shop.file("eicar.com", eicar());
    for (const auto& [bits, size] : {std::pair<int, uint64_t>{12, 2U << 20}, {16, 32U << 20}, {32, 64U << 20}})
        EXPECT_EQ(scan_image(with_clamd({shop.fat("fat" + std::to_string(bits), {"eicar.com"}, bits, size)})).found(), Set{"disk /eicar.com"}) << bits;
}

TEST(ScanImages, FilesAboveTheLimitAreNamed) {
    Workshop shop;
    shop.file("big", std::string(3U << 20, 'x') + eicar());
    shop.file("small", "fine");
    const std::string image = shop.ext("a.raw");
    const auto reader = scan_image(with_clamd({"--max-file-size", "2M", image}));
    EXPECT_EQ(reader.exit, 3);
    EXPECT_EQ(reader.skipped(), Set{"disk /big size"});
    const auto engine = scan_image(with_clamd({"--clamd-max-file-size", "2M", image}));
    EXPECT_EQ(engine.exit, 3);
    EXPECT_EQ(engine.skipped(), Set{"disk /big size"});
    EXPECT_EQ(scan_image(with_clamd({image})).found(), Set{"disk /big"});
}

TEST(ScanImages, ForeignAndDamagedVolumesAreIncomplete) {
    Workshop shop;
    struct Case {
        const char* name;
        std::streamoff at;
        std::string magic;
        const char* reason;
    };
    for (const auto& [name, at, magic, reason] : {Case{"xfs", 0, "XFSB", "unreadable"}, {"luks", 0, "LUKS\xba\xbe", "encrypted"},
                                                  {"btrfs", 65600, "_BHRfS_M", "unreadable"}, {"noise", 7777, "something", "unsupported"}}) {
        const std::string image = shop.blank(name, 4U << 20);
        std::fstream(image, std::ios::binary | std::ios::in | std::ios::out).seekp(at) << magic;
        const auto run = scan_image(with_clamd({image}));
        EXPECT_EQ(run.exit, 3) << name;
        EXPECT_EQ(run.skipped(), Set{std::string("disk  ") + reason}) << name;
    }
    shop.file("a", "b");
    EXPECT_EQ(scan_image(with_clamd({shop.ext("inline", "ext4", 8U << 20, 0, "inline_data")})).exit, 3);
    const std::string broken = shop.ext("broken.raw");
    std::fstream(broken, std::ios::binary | std::ios::in | std::ios::out).seekp(262 << 10) << std::string(300'000, '\xff');
    EXPECT_EQ(scan_image(with_clamd({broken})).exit, 3) << "inodes overwritten";
    shop.file("folder/eicar.com", eicar());
    const std::string hole = shop.ext("hole.raw");
    const std::string block = Workshop::run({"debugfs", "-R", "blocks /folder", hole});
    std::fstream(hole, std::ios::binary | std::ios::in | std::ios::out).seekp(std::stoll(block) << 10) << std::string(1024, '\0');
    const auto run = scan_image(with_clamd({hole}));
    EXPECT_EQ(run.exit, 3) << "a directory's block overwritten";
    EXPECT_EQ(run.skipped(), Set{"disk /folder/ unreadable"});
}

TEST(ScanImages, TruncatedImagesAreIncomplete) {
    Workshop shop;
    for (int i = 0; i < 60; ++i) shop.file("d" + std::to_string(i) + "/f", std::string(400'000, static_cast<char>('a' + i % 26)));
    const std::string bare = shop.ext("bare.raw", "ext4", 40U << 20);
    std::filesystem::resize_file(bare, 12U << 20);
    const auto cut = scan_image(with_clamd({bare}));
    EXPECT_EQ(cut.exit, 3) << cut.out;
    const std::string disk = shop.gpt("disk.raw", {{"", 8U << 20}, {shop.ext("part.raw", "ext4", 40U << 20), 40U << 20}});
    std::filesystem::resize_file(disk, 30U << 20);
    const auto part = scan_image(with_clamd({disk}));
    EXPECT_EQ(part.exit, 3) << part.out;
}

TEST(ScanImages, ADirtyJournalIsNoted) {
    Workshop shop;
    shop.file("a", "b");
    const std::string image = shop.ext("dirty.raw");
    Workshop::run({"debugfs", "-w", "-R", "feature needs_recovery", image});
    const auto run = scan_image(with_clamd({image}));
    ASSERT_EQ(run.verdict.volumes.size(), 1U) << run.out << run.err;
    EXPECT_EQ(run.verdict.volumes[0].notes.size(), 1U);
}

TEST(ScanImages, DeepAndManyFoldersAreWalked) {
    Workshop shop;
    std::string deep;
    for (int i = 0; i < 200; ++i) deep += "d/";
    shop.file(deep + "eicar.com", eicar());
    for (int i = 0; i < 600; ++i) shop.file("many/a-rather-long-name-for-a-file-" + std::to_string(i), "x");
    const auto run = scan_image(with_clamd({shop.ext("a.raw")}));
    EXPECT_EQ(run.found(), Set{"disk /" + deep + "eicar.com"});
    EXPECT_EQ(run.verdict.files, 601U);
    EXPECT_EQ(run.skipped(), Set{});
    const auto capped = scan_image(with_clamd({"--max-files", "300", shop.path("a.raw")}));
    EXPECT_NE(capped.exit, 0);
    EXPECT_TRUE(capped.skipped().contains("disk  too_many"));
}

}  // namespace
}  // namespace bailiff::test
