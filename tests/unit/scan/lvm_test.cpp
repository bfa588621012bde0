// SPDX-License-Identifier: Apache-2.0
// Logical volumes: read where they lie, or named as unreadable; whatever the guest wrote, none is passed over.
#include "agent/scan/image/volume.hpp"
#include "agent/scan/lvm/lvm_text.hpp"

#include "tests/unit/scan/lvm_disk.hpp"

#include <gtest/gtest.h>

#include <map>

namespace bailiff::agent {
namespace {

using namespace bailiff::test;

std::map<std::string, Volume> volumes_of(MemoryImage& disk) {
    std::map<std::string, Volume> out;
    for (auto& volume : find_volumes(disk)) {
        EXPECT_FALSE(out.contains(volume.name)) << volume.name << " twice";
        EXPECT_EQ(volume.reason.empty(), volume.kind != VolumeKind::unreadable && volume.kind != VolumeKind::container) << volume.name;
        out[volume.name] = std::move(volume);
    }
    return out;
}
/// Of a disk with this one logical volume's segments.
Volume only_volume(const std::vector<std::string>& segments, const std::string& more = "") {
    auto disk = lvm_disk(lvm_group("a", lvm_logical("root", segments), 3, more));
    auto found = volumes_of(disk);
    EXPECT_TRUE(found.contains("disk/vg0/root"));
    return found["disk/vg0/root"];
}
std::string linear(uint64_t start, uint64_t count, uint64_t at, const std::string& device = "pv0") { return lvm_segment(1, start, count, lvm_linear(at, device)); }

TEST(Lvm, LinearVolumesAreFoundAndRecognised) {
    auto disk = lvm_disk(lvm_group("a", lvm_logical("root", {lvm_segment(1, 0, 2, lvm_linear(3)), lvm_segment(2, 2, 1, lvm_linear(0))}) + lvm_logical("swap_1", {linear(0, 2, 6)}) +
                                            lvm_logical("data.new+x-y", {linear(0, 1, 10)})));
    ext_mark(disk, lvm_extent_at(3));
    disk.put(lvm_extent_at(0), "third extent");
    disk.put(lvm_extent_at(6) + 4086, "SWAPSPACE2");
    const auto found = volumes_of(disk);
    ASSERT_EQ(found.size(), 4U);
    EXPECT_EQ(found.at("disk").kind, VolumeKind::container);
    EXPECT_EQ(found.at("disk").reason, "a physical volume of the volume group vg0");
    const Volume& root = found.at("disk/vg0/root");
    EXPECT_EQ(root.kind, VolumeKind::ext);
    EXPECT_EQ(root.size, 3 * lvm_extent);
    EXPECT_EQ(root.start, 0U);
    EXPECT_EQ(root.no_writing, "");
    const auto bytes = root.on(disk).bytes(2 * lvm_extent, 12);
    EXPECT_EQ(std::string(bytes.begin(), bytes.end()), "third extent");
    EXPECT_EQ(found.at("disk/vg0/swap_1").kind, VolumeKind::swap);
    EXPECT_EQ(found.at("disk/vg0/data.new+x-y").kind, VolumeKind::empty);
}

TEST(Lvm, TextsThatGoRoundTheRing) {
    const auto text = lvm_group("a", lvm_logical("root", {linear(0, 2, 0)}));
    for (const uint64_t offset : {lvm_area_size - 1, lvm_area_size - 100, lvm_area_size - text.size(), lvm_area_size - text.size() + 1}) {
        auto disk = lvm_disk(text, offset);
        EXPECT_EQ(volumes_of(disk).at("disk/vg0/root").kind, VolumeKind::empty) << offset;
    }
}

TEST(Lvm, StripesAcrossPartitions) {
    MemoryImage disk(4U << 20);
    disk.raw()[510] = 0x55, disk.raw()[511] = 0xaa;
    for (size_t i = 0; i < 2; ++i) {
        disk.raw()[446 + 16 * i + 4] = 0x8e;
        disk.little(446 + 16 * i + 8, 2048 * (i + 1), 4);
        disk.little(446 + 16 * i + 12, 2048, 4);
        lvm_label(disk, (i + 1) << 20, i ? 'b' : 'a');
    }
    const std::string stripes = "type = \"striped\"\nstripe_count = 2\nstripe_size = 128\nstripes = [\n\"pv1\", 2,\n\"pv0\", 5\n]\n";
    // The newest description counts, whoever has it; the other is older and knows less.
    lvm_text(disk, 1U << 20, lvm_group("ab", "", 2));
    lvm_text(disk, 2U << 20, lvm_group("ab", lvm_logical("wide", {lvm_segment(1, 0, 4, stripes)}), 3));
    ext_mark(disk, lvm_extent_at(2, 2U << 20));
    disk.put(lvm_extent_at(5, 1U << 20), "second stripe");
    disk.put(lvm_extent_at(3, 2U << 20), "third stripe");
    const auto found = volumes_of(disk);
    ASSERT_EQ(found.size(), 3U);
    EXPECT_EQ(found.at("mbr1").kind, VolumeKind::container);
    EXPECT_EQ(found.at("mbr2").kind, VolumeKind::container);
    const Volume& wide = found.at("mbr1/vg0/wide");
    EXPECT_EQ(wide.kind, VolumeKind::ext);
    auto bytes = wide.on(disk).bytes(65536, 13);
    EXPECT_EQ(std::string(bytes.begin(), bytes.end()), "second stripe");
    bytes = wide.on(disk).bytes(2 * 65536, 12);
    EXPECT_EQ(std::string(bytes.begin(), bytes.end()), "third stripe");

    // One age, two stories.
    lvm_text(disk, 1U << 20, lvm_group("ab", "", 3));
    const auto doubted = volumes_of(disk);
    ASSERT_EQ(doubted.size(), 2U);
    for (const auto& [name, volume] : doubted) EXPECT_EQ(volume.reason, "the copies of the LVM metadata disagree");

    // Without its partner's label, a volume on both cannot be read.
    lvm_text(disk, 1U << 20, lvm_group("ab", lvm_logical("wide", {lvm_segment(1, 0, 4, stripes)}) + lvm_logical("near", {linear(0, 1, 0)}), 4));
    disk.raw()[(2U << 20) + 512] = 'X';
    const auto halved = volumes_of(disk);
    EXPECT_EQ(halved.at("mbr1/vg0/wide").reason, "the logical volume cannot be read: it needs the physical volume pv1, which is not on this disk");
    EXPECT_EQ(halved.at("mbr1/vg0/near").kind, VolumeKind::empty);
    EXPECT_EQ(halved.at("mbr2").kind, VolumeKind::unreadable);
}

TEST(Lvm, TypesThatAreNotReadAreNamed) {
    for (const std::string type : {"thin-pool", "thin", "cache", "cache-pool", "writecache", "vdo", "vdo-pool", "raid5", "raid6", "raid10", "raid0", "mirror", "snapshot", "zero", "error",
                                   "integrity", "striped+FLAG", "made up"}) {
        const auto volume = only_volume({lvm_segment(1, 0, 2, "type = \"" + type + "\"\n")});
        EXPECT_EQ(volume.kind, VolumeKind::unreadable) << type;
        EXPECT_NE(volume.reason.find("'" + type + "'"), std::string::npos) << volume.reason;
        EXPECT_TRUE(volume.unsupported);
    }
}

TEST(Lvm, PartsOfAnUnreadableVolumeAreNotListedButOrphansAre) {
    auto disk = lvm_disk(lvm_group("a", lvm_logical("pool", {lvm_segment(1, 0, 2, "type = \"thin-pool\"\nmetadata = \"pool_tmeta\"\npool = \"pool_tdata\"\n")}) +
                                            lvm_logical("guest", {lvm_segment(1, 0, 9, "type = \"thin\"\nthin_pool = \"pool\"\n")}) + lvm_logical("pool_tmeta", {linear(0, 1, 0)}, false) +
                                            lvm_logical("pool_tdata", {linear(0, 2, 1)}, false) + lvm_logical("lvol0_pmspare", {linear(0, 1, 3)}, false)));
    const auto found = volumes_of(disk);
    ASSERT_EQ(found.size(), 4U);
    EXPECT_EQ(found.at("disk/vg0/guest").kind, VolumeKind::unreadable);
    EXPECT_EQ(found.at("disk/vg0/lvol0_pmspare").kind, VolumeKind::empty);
}

TEST(Lvm, SnapshotsAreNotReadButTheirOriginsAre) {
    const std::string volumes = lvm_logical("root", {linear(0, 2, 0)}) + lvm_logical("snap", {linear(0, 1, 4)});
    const auto with = [&](const std::string& keys) {
        auto disk = lvm_disk(lvm_group("a", volumes + lvm_logical("snapshot0", {lvm_segment(1, 0, 2, "type = \"snapshot\"\nchunk_size = 8\norigin = \"root\"\n" + keys)}, false)));
        return volumes_of(disk);
    };
    auto found = with("cow_store = \"snap\"\n");
    EXPECT_EQ(found.size(), 3U) << "the hidden volume that says so is told by its store";
    EXPECT_EQ(found.at("disk/vg0/root").kind, VolumeKind::empty);
    EXPECT_NE(found.at("disk/vg0/snap").reason.find("snapshot"), std::string::npos);
    found = with("merging_store = \"snap\"\n");
    EXPECT_NE(found.at("disk/vg0/root").reason.find("merged"), std::string::npos);
    EXPECT_EQ(with("cow_store = \"gone\"\n").at("disk/vg0/snapshot0").kind, VolumeKind::unreadable);
}

TEST(Lvm, MirrorsAreReadBySides) {
    const std::string raids = "type = \"raid1\"\ndevice_count = 2\nregion_size = 1024\nraids = [\n\"m_rmeta_0\", \"m_rimage_0\",\n\"m_rmeta_1\", \"m_rimage_1\"\n]\n";
    const auto sides = [&](const std::string& second) {
        return lvm_logical("m", {lvm_segment(1, 0, 2, raids)}) + lvm_logical("m_rmeta_0", {linear(0, 1, 0)}, false) + lvm_logical("m_rimage_0", {linear(0, 2, 1)}, false) +
               lvm_logical("m_rmeta_1", {linear(0, 1, 4)}, false) + second;
    };
    auto both = lvm_disk(lvm_group("a", sides(lvm_logical("m_rimage_1", {linear(0, 2, 5)}, false))));
    ext_mark(both, lvm_extent_at(1));
    auto found = volumes_of(both);
    ASSERT_EQ(found.size(), 3U);
    EXPECT_EQ(found.at("disk/vg0/m").kind, VolumeKind::ext);
    EXPECT_EQ(found.at("disk/vg0/m").notes.size(), 1U);
    EXPECT_NE(found.at("disk/vg0/m").no_writing, "");
    EXPECT_EQ(found.at("disk/vg0/m_rimage_1").kind, VolumeKind::empty) << "the other side is read, too";
    EXPECT_NE(found.at("disk/vg0/m_rimage_1").no_writing, "");

    auto one = lvm_disk(lvm_group("ab", sides(lvm_logical("m_rimage_1", {linear(0, 2, 5, "pv1")}, false))));
    found = volumes_of(one);
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found.at("disk/vg0/m").kind, VolumeKind::empty);
    EXPECT_EQ(found.at("disk/vg0/m").notes.size(), 2U);

    auto short_side = lvm_disk(lvm_group("a", sides(lvm_logical("m_rimage_1", {linear(0, 1, 5)}, false))));
    EXPECT_EQ(volumes_of(short_side).size(), 3U);
    auto twice = lvm_disk(lvm_group("a", lvm_logical("m", {lvm_segment(1, 0, 2, "type = \"raid1\"\ndevice_count = 2\nraids = [\"a\", \"m_rimage_0\", \"a\", \"m_rimage_0\"]\n")}) +
                                             lvm_logical("m_rimage_0", {linear(0, 2, 1)}, false)));
    EXPECT_EQ(volumes_of(twice).at("disk/vg0/m").kind, VolumeKind::unreadable);
    auto itself = lvm_disk(lvm_group("a", lvm_logical("m", {lvm_segment(1, 0, 2, "type = \"raid1\"\ndevice_count = 1\nraids = [\"a\", \"m\"]\n")})));
    EXPECT_EQ(volumes_of(itself).at("disk/vg0/m").kind, VolumeKind::unreadable);
}

TEST(Lvm, DamagedVolumesStayInTheList) {
    const auto reason = [](const std::vector<std::string>& segments, const std::string& more = "") {
        const auto volume = only_volume(segments, more);
        EXPECT_EQ(volume.kind, VolumeKind::unreadable);
        return volume.reason;
    };
    EXPECT_NE(reason({linear(0, 2, 13)}).find("past the end"), std::string::npos);
    EXPECT_NE(reason({linear(0, 15, 0)}).find("past the end"), std::string::npos);
    EXPECT_NE(reason({linear(0, 2, 4294967296)}).find("past the end"), std::string::npos);
    EXPECT_NE(reason({linear(0, 4294967296, 1)}).find("past the end"), std::string::npos);
    EXPECT_NE(reason({linear(0, 2, 0, "pv9")}).find("does not have"), std::string::npos);
    EXPECT_NE(reason({linear(0, 2, 0, "root")}).find("another logical volume"), std::string::npos);
    EXPECT_NE(reason({linear(1, 2, 0)}).find("gaps"), std::string::npos);
    EXPECT_NE(reason({linear(0, 2, 0), lvm_segment(2, 1, 2, lvm_linear(5))}).find("overlap"), std::string::npos);
    EXPECT_NE(reason({linear(0, 2, 0), lvm_segment(2, 2, 2, lvm_linear(1))}).find("shares extents"), std::string::npos);
    EXPECT_NE(reason({}).find("segments"), std::string::npos);
    EXPECT_NE(reason({linear(0, 0, 0)}).find("extents are damaged"), std::string::npos);
    EXPECT_NE(reason({lvm_segment(1, 0, 2, "type = \"striped\"\nstripe_count = 1\n")}).find("stripes"), std::string::npos);
    EXPECT_NE(reason({lvm_segment(1, 0, 2, "type = \"striped\"\nstripe_count = 1000000000\nstripes = [\"pv0\", 0]\n")}).find("stripes"), std::string::npos);
    EXPECT_NE(reason({lvm_segment(1, 0, 2, "type = \"striped\"\nstripe_count = 2\nstripes = [\"pv0\", 0, \"pv0\", 1]\n")}).find("stripes"), std::string::npos);
    EXPECT_NE(reason({lvm_segment(1, 0, 2, "type = \"striped\"\nstripe_count = 2\nstripe_size = 7\nstripes = [\"pv0\", 0, \"pv0\", 1]\n")}).find("stripes"), std::string::npos);
    EXPECT_NE(reason({linear(0, 2, 0)}, "flags = [\"MISSING\"]\n").find("missing"), std::string::npos);

    auto shared = lvm_disk(lvm_group("a", lvm_logical("one", {linear(0, 3, 0)}) + lvm_logical("two", {linear(0, 3, 2)}) + lvm_logical("three", {linear(0, 1, 5)})));
    const auto found = volumes_of(shared);
    EXPECT_EQ(found.at("disk/vg0/one").kind, VolumeKind::unreadable);
    EXPECT_EQ(found.at("disk/vg0/two").kind, VolumeKind::unreadable);
    EXPECT_EQ(found.at("disk/vg0/three").kind, VolumeKind::empty);

    auto text = lvm_group("a", lvm_logical("root", {linear(0, 2, 0)}));
    text.replace(text.find("segment_count = 1"), 17, "segment_count = 1000000000");
    auto many = lvm_disk(text);
    EXPECT_NE(volumes_of(many).at("disk/vg0/root").reason.find("segments"), std::string::npos);
}

TEST(Lvm, DamagedDescriptionsMakeThePhysicalVolumeUnreadable) {
    const auto text = lvm_group("a", lvm_logical("root", {linear(0, 2, 0)}));
    const auto reason = [](MemoryImage disk) {
        const auto found = find_volumes(disk);
        EXPECT_EQ(found.size(), 1U);
        EXPECT_EQ(found[0].kind, VolumeKind::unreadable);
        EXPECT_EQ(found[0].filesystem, "lvm");
        return found[0].reason;
    };
    auto disk = lvm_disk(text);
    disk.raw()[512 + 40] ^= 1;
    EXPECT_EQ(reason(disk), "the LVM label is damaged");
    disk = lvm_disk(text);
    disk.raw()[lvm_area + 600] ^= 1;
    EXPECT_EQ(reason(disk), "a copy of the LVM metadata has a wrong checksum");
    disk = lvm_disk(text);
    disk.raw()[lvm_area + 300] ^= 1;
    EXPECT_EQ(reason(disk), "a copy of the LVM metadata has a header with a wrong checksum");
    for (const auto& [at, value] : {std::pair<uint64_t, uint64_t>{24, 0}, {32, ~uint64_t{0}}, {32, 0}, {40, 1}, {40, ~uint64_t{0}}, {48, ~uint64_t{0}}, {48, 0}}) {
        disk = lvm_disk(text);
        disk.little(lvm_area + at, value, 8);
        lvm_seal_area(disk, lvm_area);
        EXPECT_NE(reason(disk), "") << at;
    }
    for (const uint64_t area : {uint64_t{1} << 20, ~uint64_t{0}, (uint64_t{1} << 20) - 100, uint64_t{8192}}) {
        disk = lvm_disk(text);
        lvm_label(disk, 0, 'a', area);
        EXPECT_NE(reason(disk), "") << area;
    }
    disk = lvm_disk(text);
    disk.little(512 + 20, 0xffffff00, 4);
    lvm_seal_label(disk, 512);
    EXPECT_NE(reason(disk), "");
    disk = lvm_disk(text);
    for (uint64_t at = 72; at < 512; ++at) disk.raw()[512 + at] = 0xff;
    lvm_seal_label(disk, 512);
    EXPECT_NE(reason(disk), "") << "a list without an end";
    disk = lvm_disk(text);
    lvm_label(disk, 0, 'z');
    EXPECT_NE(find_volumes(disk).at(0).reason.find("belongs to no volume group"), std::string::npos) << "the text knows it under another name";
    lvm_label(disk, 0, 'a', 0);
    EXPECT_NE(reason(disk).find("belongs to no volume group"), std::string::npos) << "no metadata at all";
    disk = lvm_disk(text);
    disk.little(lvm_area + 60, 1, 4);
    lvm_seal_area(disk, lvm_area);
    EXPECT_NE(reason(disk).find("belongs to no volume group"), std::string::npos) << "an area that LVM ignores may be old";

    disk = lvm_disk(text);
    for (size_t cut = 0; cut < text.rfind("version = 1") + 10; cut += 3) {
        lvm_text(disk, 0, text.substr(0, cut));
        const auto found = find_volumes(disk);
        ASSERT_EQ(found.size(), 1U) << cut;
        EXPECT_EQ(found[0].kind, VolumeKind::unreadable) << cut;
    }
    for (const std::string wrong : {"logical_volumes = 1", "physical_volumes = 1", "vg1 { }", "contents = \"x\"", "a b", "{ }", "}", "x = ", "x = [ 1", "x = \"", "x = 99999999999999999999", "x = 1x", "x = y"}) {
        auto odd = text.substr(0, text.size() - 1);
        odd.insert(wrong.find("volumes") == wrong.npos ? odd.size() : odd.find("physical_volumes"), wrong + "\n");
        EXPECT_NE(reason(lvm_disk(odd)), "") << wrong;
    }
    EXPECT_NE(reason(lvm_disk(lvm_group("a", lvm_logical("root", {linear(0, 2, 0)}) + lvm_logical("root", {linear(0, 2, 4)})))), "") << "one name, two volumes";
}

TEST(Lvm, CountsAndDepthAreBounded) {
    std::string deep;
    for (int i = 0; i < 100'000; ++i) deep += "a{";
    EXPECT_FALSE(parse_lvm_text(deep));
    std::string wide = "x = [";
    for (size_t i = 0; i < most_lvm_nodes; ++i) wide += "1,";
    EXPECT_FALSE(parse_lvm_text(wide + "1]"));
    EXPECT_TRUE(parse_lvm_text("x = [1, -2, 3.5, \"y\"] # end"));
    EXPECT_FALSE(parse_lvm_text(std::string_view("x = 1\0y = 2", 11)));
    EXPECT_EQ(parse_lvm_text("x=7 y { z=\"a\\\\b\" }")->section("y")->text("z"), "a\\b");
}

TEST(Lvm, OneInsideTheOtherUpToABound) {
    // The logical volume is the whole rest of the disk, and holds the next physical volume.
    MemoryImage disk(2U << 20);
    const auto text = [](const std::string& name) { return lvm_group("a", lvm_logical("in", {linear(0, 14, 0)}), 3, "", name); };
    lvm_label(disk, 0, 'a');
    lvm_text(disk, 0, text("outer"));
    lvm_label(disk, lvm_first_extent, 'a');
    lvm_text(disk, lvm_first_extent, lvm_group("a", lvm_logical("in", {linear(0, 12, 0)}), 3, "", "inner"));
    ext_mark(disk, 2 * lvm_first_extent);
    EXPECT_EQ(volumes_of(disk).at("disk/outer/in/inner/in").kind, VolumeKind::ext);

    MemoryImage steep(1U << 20);
    for (uint64_t level = 0; level < 6; ++level) {
        lvm_label(steep, level * lvm_first_extent, 'a');
        lvm_text(steep, level * lvm_first_extent, lvm_group("a", lvm_logical("in", {linear(0, 14 - 2 * level, 0)})));
    }
    const auto found = volumes_of(steep);
    EXPECT_EQ(found.size(), 5U);
    EXPECT_NE(found.rbegin()->second.reason.find("deeper"), std::string::npos) << found.rbegin()->first;
}

TEST(Lvm, MoreVolumesThanAreFollowedAreSaidToBeThere) {
    MemoryImage disk(4U << 20);
    std::string many;
    for (int i = 0; i < 2000; ++i) many += "v" + std::to_string(i) + "{}\n";
    lvm_label(disk, 0, 'a');
    lvm_text(disk, 0, lvm_group("a", many));
    const auto found = find_volumes(disk);
    EXPECT_EQ(found.size(), 1501U);
    EXPECT_EQ(found.front().kind, VolumeKind::container);
    EXPECT_EQ(found.back().reason, "the disk describes more volumes than are followed");
}

TEST(Lvm, APartitionTableInsideIsSplit) {
    auto disk = lvm_disk(lvm_group("a", lvm_logical("guest", {linear(0, 10, 0)})));
    const uint64_t at = lvm_extent_at(0);
    disk.raw()[at + 510] = 0x55, disk.raw()[at + 511] = 0xaa;
    disk.raw()[at + 446 + 4] = 0x83;
    disk.little(at + 446 + 8, 128, 4);
    disk.little(at + 446 + 12, 256, 4);
    ext_mark(disk, at + 65536);
    const auto found = volumes_of(disk);
    EXPECT_EQ(found.at("disk/vg0/guest/mbr1").kind, VolumeKind::ext);
    EXPECT_EQ(found.at("disk/vg0/guest/mbr1").start, 65536U);
}

TEST(Lvm, AnyFlippedBitEndsInAVerdict) {
    const auto text = lvm_group("a", lvm_logical("root", {lvm_segment(1, 0, 2, lvm_linear(3)), lvm_segment(2, 2, 1, lvm_linear(0))}) + lvm_logical("home", {linear(0, 2, 6)}));
    auto disk = lvm_disk(text);
    for (const uint64_t extent : {3U, 6U}) ext_mark(disk, lvm_extent_at(extent));
    ASSERT_EQ(find_volumes(disk).size(), 3U);
    // Behind a good checksum, as a guest that means harm would do it: either both volumes are still accounted for, or something
    // is doubted. A bit that changes a volume's name keeps their number.
    for (size_t bit = 0; bit < text.size() * 8; bit += 5) {
        auto flipped = text;
        flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
        lvm_text(disk, 0, flipped);
        const auto found = find_volumes(disk);
        const bool doubted = std::any_of(found.begin(), found.end(), [](const Volume& v) { return v.kind == VolumeKind::unreadable; });
        EXPECT_TRUE(found.size() == 3 || doubted) << "bit " << bit << " gave " << found.size();
    }
    lvm_text(disk, 0, text);
    for (const auto& [first, last] : {std::pair<uint64_t, uint64_t>{512, 672}, {lvm_area, lvm_area + 80}})
        for (uint64_t bit = first * 8; bit < last * 8; ++bit)
            for (const bool seal : {false, true}) {
                const std::vector<uint8_t> label(disk.raw().begin() + 512, disk.raw().begin() + 1024), area(disk.raw().begin() + lvm_area, disk.raw().begin() + lvm_area + 512);
                disk.raw()[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
                if (seal) lvm_seal_label(disk, 512), lvm_seal_area(disk, lvm_area);
                const auto found = find_volumes(disk);
                EXPECT_TRUE(found.size() == 3 || (found.size() == 1 && found[0].kind == VolumeKind::unreadable)) << bit;
                std::copy(label.begin(), label.end(), disk.raw().begin() + 512);
                std::copy(area.begin(), area.end(), disk.raw().begin() + lvm_area);
            }
}

}  // namespace
}  // namespace bailiff::agent
