// SPDX-License-Identifier: Apache-2.0
// What no file holds, on disks made by the real tools: found when asked for, and named by where it lies.
#include "tests/integration/scan/workshop.hpp"

namespace bailiff::test {
namespace {

bool named(const ScanRun& scan, const std::string& volume, const std::string& begin) {
    return std::any_of(scan.verdict.hits.begin(), scan.verdict.hits.end(), [&](const auto& hit) { return hit.volume == volume && hit.path.starts_with(begin); });
}

TEST(ScanLeftovers, a_deleted_file_of_ext4_is_in_free_space) {
    Workshop shop;
    shop.file("etc/hosts", "127.0.0.1 localhost\n");
    shop.file("tmp/gone.com", eicar() + std::string(5000, ' '));
    const auto image = shop.ext("disk.raw");
    EXPECT_EQ(scan_image(with_clamd({image})).found(), std::set<std::string>{"disk /tmp/gone.com"});
    Workshop::run({"debugfs", "-w", "-R", "rm /tmp/gone.com", image});
    EXPECT_EQ(scan_image(with_clamd({image})).exit, 0) << "no file holds it any more";
    const auto scan = scan_image(with_clamd({"--leftovers", image}));
    EXPECT_EQ(scan.exit, 1);
    EXPECT_TRUE(named(scan, "disk", "/(free space 0x")) << scan.out;
}

TEST(ScanLeftovers, a_deleted_file_of_fat_has_its_name) {
    Workshop shop;
    shop.file("gone.com", eicar());
    shop.file("kept.txt", "kept");
    const auto image = shop.fat("disk.raw", {"gone.com", "kept.txt"});
    Workshop::run({"mdel", "-i", image, "::gone.com"});
    EXPECT_EQ(scan_image(with_clamd({image})).exit, 0);
    const auto scan = scan_image(with_clamd({"--leftovers", image}));
    EXPECT_TRUE(named(scan, "disk", "/(deleted inode ")) << scan.out;
}

TEST(ScanLeftovers, swap_and_the_gap_behind_the_partition_table) {
    Workshop shop;
    shop.file("etc/hosts", "127.0.0.1 localhost\n");
    const auto system = shop.ext("system.raw", "ext4", 16U << 20), swap = shop.blank("swap.raw", 4U << 20);
    Workshop::run({"mkswap", swap});
    const auto put = [](const std::string& file, uint64_t at) {
        std::fstream out(file, std::ios::binary | std::ios::in | std::ios::out);
        out.seekp(static_cast<std::streamoff>(at));
        out << eicar();
    };
    put(swap, 3U << 20);
    const auto disk = shop.gpt("disk.raw", {{system, 16U << 20}, {swap, 4U << 20}});
    put(disk, 500'000);
    EXPECT_EQ(scan_image(with_clamd({disk})).exit, 0);
    const auto scan = scan_image(with_clamd({"--leftovers", disk}));
    EXPECT_TRUE(named(scan, "gpt2", "/(swap 0x0-0x301000)")) << scan.out;
    EXPECT_TRUE(named(scan, "gaps", "/(gap 0x")) << scan.out;
    EXPECT_EQ(scan.verdict.hits_total, 2u);
}

TEST(ScanLeftovers, slack_behind_a_file) {
    Workshop shop;
    shop.file("etc/note", "short");
    const auto image = shop.ext("disk.raw", "ext2");
    // The block of the only file with this text: what lies behind its end belongs to no file.
    std::ifstream in(image, std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(in)), {});
    const size_t at = bytes.find("short");
    ASSERT_NE(at, bytes.npos);
    {
        std::fstream out(image, std::ios::binary | std::ios::in | std::ios::out);
        out.seekp(static_cast<std::streamoff>(at + 100));
        out << eicar();
    }
    EXPECT_EQ(scan_image(with_clamd({image})).exit, 0);
    const auto scan = scan_image(with_clamd({"--leftovers", image}));
    EXPECT_TRUE(named(scan, "disk", "/(slack of inodes ")) << scan.out;
}

}  // namespace
}  // namespace bailiff::test
