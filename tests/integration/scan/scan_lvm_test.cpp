// SPDX-License-Identifier: Apache-2.0
// What LVM's own tools wrote is read back: every file of every logical volume, and a reason for each that is not read.
#include "tests/integration/scan/volume_group.hpp"

namespace bailiff::test {
namespace {

using agent::VolumeState;
using Set = std::set<std::string>;
constexpr uint64_t mib = 1U << 20;

/// Copies part of a file, so that a filesystem can be spread as a logical volume is.
void copy_piece(const std::string& from, uint64_t from_at, const std::string& to, uint64_t to_at, uint64_t length) {
    std::ifstream in(from, std::ios::binary);
    std::fstream out(to, std::ios::binary | std::ios::in | std::ios::out);
    std::string bytes(length, '\0');
    in.seekg(static_cast<std::streamoff>(from_at));
    in.read(bytes.data(), static_cast<std::streamsize>(length));
    out.seekp(static_cast<std::streamoff>(to_at));
    out << bytes;
}

TEST(ScanLvm, LinearGrownAndStripedVolumesOverTwoPartitions) {
    Workshop shop;
    if (const auto missing = VolumeGroup::missing(shop); !missing.empty()) GTEST_SKIP() << missing;
    shop.file("root/eicar.com", eicar());
    shop.file("big", std::string(3 * mib, 'x'));
    const std::string fs = shop.ext("fs.raw", "ext4", 12 * mib);
    const std::string disk = shop.gpt("disk.raw", {{"", 40 * mib}, {"", 40 * mib}});
    constexpr uint64_t first = mib, second = 41 * mib;
    VolumeGroup group(shop);
    VolumeGroup::create(group, disk, {{first, 40 * mib}, {second, 40 * mib}});
    group.volume("root", 8, {group.device(0) + ":0-7"});
    group.volume("wide", 12, {group.device(0) + ":8-13", group.device(1) + ":0-5"}, {"-i2", "-I64k"});
    group.volume("swap_1", 1, {group.device(1) + ":10-10"});
    group.lvm("lvextend", {"-l", "12", "vg0/root", group.device(1) + ":20-23"});

    copy_piece(fs, 0, disk, first + mib, 8 * mib);
    copy_piece(fs, 8 * mib, disk, second + mib + 20 * mib, 4 * mib);
    for (uint64_t at = 0, stripe = 0; at < 12 * mib; at += 65536, ++stripe)
        copy_piece(fs, at, disk, (stripe % 2 ? second + mib : first + mib + 8 * mib) + stripe / 2 * 65536, 65536);
    copy_piece(fs, 0, disk, second + mib + 30 * mib, mib);  // an extent that no volume has is not looked at

    const auto run = scan_image(with_clamd({disk}));
    EXPECT_EQ(run.found(), (Set{"gpt1/vg0/root /root/eicar.com", "gpt1/vg0/wide /root/eicar.com"})) << run.out << run.err;
    EXPECT_EQ(run.skipped(), Set{});
    ASSERT_EQ(run.verdict.volumes.size(), 5U);
    EXPECT_EQ(run.verdict.volumes[0].name, "gpt1");
    EXPECT_EQ(run.verdict.volumes[0].state, VolumeState::no_filesystem);
    EXPECT_EQ(run.verdict.volumes[0].reason, "a physical volume of the volume group vg0");
    EXPECT_EQ(run.verdict.files, 4U);
}

TEST(ScanLvm, CleanIsCleanAndAMissingDiskIsIncomplete) {
    Workshop shop;
    if (const auto missing = VolumeGroup::missing(shop); !missing.empty()) GTEST_SKIP() << missing;
    shop.file("etc/motd", "welcome");
    const std::string disk = shop.blank("disk.raw", 16 * mib), other = shop.blank("other.raw", 16 * mib), fs = shop.ext("fs.raw", "ext4", 8 * mib);
    {
        VolumeGroup group(shop);
        VolumeGroup::create(group, disk, {{0, 16 * mib}});
        group.volume("root", 8, {});
        copy_piece(fs, 0, disk, mib, 8 * mib);
    }
    const auto clean = scan_image(with_clamd({disk}));
    EXPECT_EQ(clean.exit, 0) << clean.out << clean.err;
    EXPECT_EQ(clean.verdict.files, 1U);
    EXPECT_EQ(scan_image(with_clamd({"--format", "qcow2", shop.qcow2(disk)})).exit, 0);

    VolumeGroup group(shop);
    const std::string both = shop.blank("both.raw", 32 * mib);
    VolumeGroup::create(group, both, {{0, 16 * mib}, {16 * mib, 16 * mib}});
    group.volume("far", 4, {group.device(1)});
    copy_piece(both, 0, disk, 0, 16 * mib);
    const auto half = scan_image(with_clamd({disk}));
    EXPECT_EQ(half.exit, 3);
    EXPECT_EQ(half.skipped(), Set{"disk/vg0/far  unsupported"}) << half.out;
}

/// Thin pools and mirrors cannot be made without a device mapper, but LVM takes and checks a text that describes them.
TEST(ScanLvm, MirrorsAreReadAndThinPoolsAndSnapshotsAreNamed) {
    Workshop shop;
    if (const auto missing = VolumeGroup::missing(shop); !missing.empty()) GTEST_SKIP() << missing;
    shop.file("eicar.com", eicar());
    const std::string disk = shop.blank("disk.raw", 40 * mib), fs = shop.ext("fs.raw", "ext4", 8 * mib);
    VolumeGroup group(shop);
    VolumeGroup::create(group, disk, {{0, 40 * mib}});
    group.volume("root", 2, {group.device(0) + ":0-1"});
    group.lvm("vgcfgbackup", {"-f", shop.path("text"), "vg0"});
    std::stringstream text;
    text << std::ifstream(shop.path("text")).rdbuf();
    char letter = 'a';
    const auto logical = [&](const std::string& name, const std::string& body, bool visible) {
        const auto part = [&](size_t n) { return std::string(n, letter); };
        const std::string id = part(6) + "-" + part(4) + "-" + part(4) + "-" + part(4) + "-" + part(4) + "-" + part(4) + "-" + part(6);
        ++letter;
        return name + " {\nid = \"" + id + "\"\nstatus = [\"READ\", \"WRITE\"" + (visible ? ", \"VISIBLE\"" : "") + "]\nflags = []\nsegment_count = 1\nsegment1 {\nstart_extent = 0\n" + body + "}\n}\n";
    };
    const auto linear = [](int at, int count) {
        return "extent_count = " + std::to_string(count) + "\ntype = \"striped\"\nstripe_count = 1\nstripes = [\"pv0\", " + std::to_string(at) + "]\n";
    };
    std::string more = logical("mirror", "extent_count = 8\ntype = \"raid1\"\ndevice_count = 2\nregion_size = 1024\nraids = [\"mirror_rmeta_0\", \"mirror_rimage_0\", \"mirror_rmeta_1\", \"mirror_rimage_1\"]\n", true);
    more += logical("mirror_rmeta_0", linear(2, 1), false) + logical("mirror_rimage_0", linear(3, 8), false);
    more += logical("mirror_rmeta_1", linear(11, 1), false) + logical("mirror_rimage_1", linear(12, 8), false);
    more += logical("pool", "extent_count = 4\ntype = \"thin-pool\"\nmetadata = \"pool_tmeta\"\npool = \"pool_tdata\"\ntransaction_id = 1\nchunk_size = 128\ndiscards = \"passdown\"\nzero_new_blocks = 1\n", true);
    more += logical("pool_tmeta", linear(20, 1), false) + logical("pool_tdata", linear(21, 4), false);
    more += logical("guest", "extent_count = 9\ntype = \"thin\"\nthin_pool = \"pool\"\ntransaction_id = 0\ndevice_id = 1\n", true);
    more += logical("snap", linear(26, 1), true) + logical("snapshot0", "extent_count = 2\ntype = \"snapshot\"\nchunk_size = 8\norigin = \"root\"\ncow_store = \"snap\"\n", false);
    std::string whole = text.str();
    const std::string opening = "logical_volumes {";
    whole.insert(whole.find(opening) + opening.size(), "\n" + more);
    std::ofstream(shop.path("text")) << whole;
    group.lvm("vgcfgrestore", {"--force", "-f", shop.path("text"), "vg0"});
    for (const uint64_t extent : {3U, 12U}) copy_piece(fs, 0, disk, (1 + extent) * mib, 8 * mib);

    const auto run = scan_image(with_clamd({disk}));
    EXPECT_EQ(run.found(), (Set{"disk/vg0/mirror /eicar.com", "disk/vg0/mirror_rimage_1 /eicar.com"})) << run.out << run.err;
    EXPECT_EQ(run.skipped(), (Set{"disk/vg0/pool  unsupported", "disk/vg0/guest  unsupported", "disk/vg0/snap  unsupported"}));
    for (const auto& volume : run.verdict.volumes) {
        if (volume.name == "disk/vg0/guest") {
            EXPECT_NE(volume.reason.find("'thin'"), std::string::npos) << volume.reason;
        }
    }
}

}  // namespace
}  // namespace bailiff::test
