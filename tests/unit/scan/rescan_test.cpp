// SPDX-License-Identifier: Apache-2.0
// What a rescan may pass over: maps of written bytes, fingerprints, states, and the decision itself.
#include "agent/scan/image/mapped_image.hpp"
#include "agent/scan/image/qcow2_bitmap.hpp"
#include "agent/scan/image/used_bytes.hpp"
#include "agent/scan/rescan.hpp"
#include "tests/unit/scan/memory_image.hpp"

#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <tuple>

namespace bailiff::agent {
namespace {

using test::MemoryImage;

TEST(DirtyMap, tells_exactly_what_was_written) {
    DirtyMap map;
    map.add(100, 50);
    map.add(150, 10);
    map.add(300, 0);
    map.add(400, 1);
    EXPECT_EQ(map.ranges(), 2u);
    EXPECT_EQ(map.bytes(), 61u);
    for (const auto& [offset, length, touched] : {std::tuple<uint64_t, uint64_t, bool>{0, 100, false}, {0, 101, true}, {159, 1, true}, {160, 240, false}, {160, 241, true},
                                                  {401, 1000, false}, {120, 0, false}, {~uint64_t{0}, 2, true}, {300, ~uint64_t{0}, true}})
        EXPECT_EQ(map.touches(offset, length), touched) << offset << " " << length;
    EXPECT_FALSE(DirtyMap().touches(0, ~uint64_t{0}));
}

TEST(DirtyMap, grown_too_large_says_more_and_never_less) {
    DirtyMap map(8);
    for (uint64_t i = 0; i < 1000; ++i) map.add(i * 200'000, 10);
    EXPECT_LE(map.ranges(), 8u);
    EXPECT_EQ(map.bytes(), 10'000u);
    for (uint64_t i = 0; i < 1000; ++i) EXPECT_TRUE(map.touches(i * 200'000 + 9, 1)) << i;
    EXPECT_FALSE(map.touches(uint64_t{1} << 40, 100));
}

Volume volume_of(const std::string& name) {
    Volume out;
    out.name = name;
    out.filesystem = "ext4";
    out.size = 1 << 20;
    return out;
}

struct Said {
    std::string path = "/a";
    uint64_t size = 5000, inode = 7, at = 8192;
    std::string volume = "gpt1";
};
Fingerprint print_of(const Said& said, const Image& image, bool* touched = nullptr, DirtyMap map = DirtyMap()) {
    KnownContents known({}, std::move(map));
    known.begin(volume_of(said.volume));
    ContentPlace place(known, said.path, said.size);
    place.number(said.inode);
    place.run(image, said.at, 8192);
    if (touched) *touched = place.touched();
    return place.fingerprint();
}

TEST(Fingerprint, is_another_one_when_anything_is_said_otherwise) {
    const MemoryImage disk(1 << 20);
    const auto first = print_of({}, disk);
    EXPECT_NE(first, no_fingerprint);
    EXPECT_EQ(print_of({}, disk), first);
    for (const Said& other : {Said{"/b"}, Said{"/a", 5001}, Said{"/a", 5000, 8}, Said{"/a", 5000, 7, 12288}, Said{"/a", 5000, 7, 8192, "gpt2"}}) EXPECT_NE(print_of(other, disk), first);
}

TEST(Fingerprint, counts_places_of_the_disk_itself) {
    const auto disk = std::make_shared<MemoryImage>(1 << 20);
    const auto mapped = MappedImage::create({{16384, 0, {{disk, 65536}}}, {16384, 4096, {{disk, 131072}, {disk, 262144}}}});
    std::vector<std::pair<uint64_t, uint64_t>> places;
    const auto collect = [&](uint64_t offset, uint64_t length) { return places.emplace_back(offset, length), true; };
    EXPECT_TRUE(mapped->places(12288, 12288, collect));
    EXPECT_EQ(places, (std::vector<std::pair<uint64_t, uint64_t>>{{77824, 4096}, {131072, 4096}, {262144, 4096}}));
    EXPECT_FALSE(mapped->places(32767, 2, collect));
    bool touched = false;
    DirtyMap map;
    map.add(262144, 1);
    print_of({"/a", 5000, 7, 12288, "gpt1"}, *mapped, &touched, map);
    EXPECT_FALSE(touched);
    print_of({"/a", 5000, 7, 16384, "gpt1"}, *mapped, &touched, map);
    EXPECT_TRUE(touched);
}

TEST(Fingerprint, is_none_when_a_disk_makes_it_dear) {
    const auto disk = std::make_shared<MemoryImage>(1 << 20);
    const KnownContents known({}, DirtyMap());
    ContentPlace place(known, "/a", 100);
    place.run(*disk, 0, uint64_t{1} << 40);
    EXPECT_EQ(place.fingerprint(), no_fingerprint) << "far more bytes than the file has";
    ContentPlace outside(known, "/a", 100);
    outside.run(*disk, 1 << 20, 4096);
    EXPECT_EQ(outside.fingerprint(), no_fingerprint);
    ContentPlace many(known, "/a", uint64_t{1} << 30);
    for (int i = 0; i < 70'000; ++i) many.run(*disk, 0, 512);
    EXPECT_EQ(many.fingerprint(), no_fingerprint);
}

class StateTest : public testing::Test {
  protected:
    StateTest() {
        char name[] = "/tmp/bailiff-state-XXXXXX";
        folder = ::mkdtemp(name);
        path = folder + "/state";
    }
    ~StateTest() override {
        std::error_code ignored;
        std::filesystem::remove_all(folder, ignored);
    }
    static Fingerprint print(uint8_t n) {
        Fingerprint out{};
        out[0] = n, out[15] = 1;
        return out;
    }
    static ContentDigest digest(uint8_t n) {
        ContentDigest out{};
        out[31] = n;
        return out;
    }
    /// What a rescan offers of the state that is in the file.
    std::set<int> offered(RescanOptions options, const Rescan::Disk& now, const std::string& source = "image", uint8_t unknown = 0) {
        options.state = path;
        Rescan rescan(options, source);
        const auto file = rescan.offer(now, [&](const ContentDigest& content) { return content[31] != unknown; });
        EXPECT_TRUE(file);
        notes = rescan.notes();
        std::set<int> out;
        for (uint8_t n = 1; n < 10; ++n)
            if (rescan.offered(print(n))) out.insert(n);
        EXPECT_EQ(sealed_size(file->fd()).value(), out.size() * sizeof(Fingerprint));
        return out;
    }
    void save(const std::string& mark = "b0", uint64_t dirty = 100) { ASSERT_TRUE(save_scan_state(path, {"image", mark, 1 << 20, dirty, {{print(2), digest(2)}, {print(1), digest(1)}, {print(2), digest(9)}}, program})); }
    const Rescan::Disk disk{1 << 20, 100, true, ""};
    std::string folder, path, program = BAILIFF_VERSION;
    std::vector<std::string> notes;
};

TEST_F(StateTest, comes_back_sorted_and_of_equals_the_first_counts) {
    save();
    const auto back = load_scan_state(path);
    ASSERT_TRUE(back) << back.error().text;
    EXPECT_EQ(back->source, "image");
    EXPECT_EQ(back->mark, "b0");
    EXPECT_EQ(back->disk_bytes, 1u << 20);
    EXPECT_EQ(back->dirty_bytes, 100u);
    ASSERT_EQ(back->entries.size(), 2u);
    EXPECT_EQ(back->entries[0].told_by, print(1));
    EXPECT_EQ(back->entries[1].digest, digest(2));
    struct stat status {};
    ::stat(path.c_str(), &status);
    EXPECT_EQ(status.st_mode & 07777, 0600u);
}

TEST_F(StateTest, every_changed_byte_and_every_cut_is_noticed) {
    save();
    std::ifstream in(path, std::ios::binary);
    const std::string whole((std::istreambuf_iterator<char>(in)), {});
    for (size_t i = 0; i < whole.size(); ++i) {
        std::string other = whole;
        other[i] = static_cast<char>(other[i] ^ 1);
        std::ofstream(path, std::ios::binary) << other;
        EXPECT_EQ(load_scan_state(path).error().code, Errc::invalid) << i;
        std::ofstream(path, std::ios::binary) << whole.substr(0, i);
        EXPECT_FALSE(load_scan_state(path)) << i;
    }
    std::filesystem::remove(path);
    EXPECT_EQ(load_scan_state(path).error().code, Errc::not_found);
    std::filesystem::create_symlink("/etc/passwd", path);
    EXPECT_EQ(load_scan_state(path).error().code, Errc::forbidden);
}

TEST_F(StateTest, is_offered_only_when_everything_fits) {
    const RescanOptions by_bitmap{"", "b0", "", "", false};
    EXPECT_TRUE(offered(by_bitmap, disk).empty());
    EXPECT_TRUE(notes.empty()) << "the first scan is no surprise";
    save();
    EXPECT_EQ(offered(by_bitmap, disk), (std::set<int>{1, 2}));
    EXPECT_EQ(offered(by_bitmap, disk, "image", 2), std::set<int>{1}) << "an engine that does not know a content has it read";
    EXPECT_TRUE(notes.empty());
    const auto nothing = [&](const RescanOptions& options, const Rescan::Disk& now, const std::string& source, const std::string& why) {
        EXPECT_TRUE(offered(options, now, source).empty()) << why;
        ASSERT_EQ(notes.size(), 1u) << why;
        EXPECT_NE(notes[0].find(why), std::string::npos) << notes[0];
    };
    nothing(by_bitmap, disk, "another", "another image");
    nothing(by_bitmap, {2 << 20, 100, true, ""}, "image", "another size");
    nothing(by_bitmap, {1 << 20, 99, true, ""}, "image", "shows less");
    nothing(by_bitmap, {1 << 20, 0, false, "no such bitmap"}, "image", "no such bitmap");
    nothing({"", "b1", "", "", false}, disk, "image", "counts from 'b1'");
    nothing({"", "b0", "c1", "c2", false}, disk, "image", "counts from 'c1'");
    EXPECT_TRUE(offered({"", "", "", "", false}, {1 << 20, 0, false, ""}).empty()) << "no bitmap, no trust: a state alone is no proof";
    EXPECT_EQ(offered({"", "", "", "", true}, {1 << 20, 0, false, ""}).size(), 2u);
    program = "0.0.1";
    save();
    nothing(by_bitmap, disk, "image", "another version of this program");
    program = BAILIFF_VERSION;
    save("");
    nothing(by_bitmap, disk, "image", "knew no dirty bitmap");
    save("c1");
    EXPECT_EQ(offered({"", "backup", "c1", "c2", false}, {1 << 20, 0, true, ""}).size(), 2u) << "a bitmap from c1 on may show less each time";
}

TEST_F(StateTest, an_end_before_its_time_loses_nothing_that_is_still_true) {
    const auto after = [&](RescanOptions options, bool complete) {
        options.state = path;
        Rescan rescan(options, "image");
        EXPECT_TRUE(rescan.offer(disk, [](const ContentDigest&) { return true; }));
        rescan.keep(print(3), digest(3));
        rescan.keep(no_fingerprint, digest(4));
        EXPECT_TRUE(rescan.write(complete));
        const auto state = load_scan_state(path);
        std::string out = state->mark + ":";
        for (const auto& entry : state->entries) out += std::to_string(entry.told_by[0]) + " ";
        return out;
    };
    save();
    EXPECT_EQ(after({"", "b0", "", "", false}, false), "b0:1 2 3 ");
    EXPECT_EQ(after({"", "b0", "", "", false}, true), "b0:3 ");
    save("c1");
    EXPECT_EQ(after({"", "b0", "c1", "c2", false}, false), "c1:1 2 ") << "the same command goes on from c1";
    EXPECT_EQ(after({"", "b0", "c1", "c2", false}, true), "c2:3 ");
    save();
    EXPECT_EQ(after({"", "", "", "", true}, true), ":3 ") << "what was taken on trust is of no moment";
}

/// A qcow2 header with one bitmap in its list.
MemoryImage qcow2_with(uint32_t flags, uint64_t autoclear = 1, const std::string& name = "b0") {
    MemoryImage out(1 << 20);
    out.put(0, "QFI\xfb");
    out.big(4, 3, 4);
    out.big(88, autoclear, 8);
    out.big(100, 104, 4);
    out.big(104, 0x23852875, 4);
    out.big(108, 24, 4);
    out.big(112, 1, 4);
    out.big(120, 32, 8);
    out.big(128, 65536, 8);
    out.big(65536 + 12, flags, 4);
    out.big(65536 + 16, 1, 1);
    out.big(65536 + 17, 16, 1);
    out.big(65536 + 18, name.size(), 2);
    out.put(65536 + 24, name);
    return out;
}

TEST(Qcow2Bitmap, only_one_that_records_and_was_closed_is_good) {
    const auto problem = [](MemoryImage image) { return qcow2_bitmap_problem(image, "b0"); };
    EXPECT_EQ(problem(qcow2_with(2)), "");
    EXPECT_NE(problem(qcow2_with(0)).find("disabled"), std::string::npos);
    EXPECT_NE(problem(qcow2_with(3)).find("inconsistent"), std::string::npos);
    EXPECT_NE(problem(qcow2_with(2, 0)).find("keeps no dirty bitmaps"), std::string::npos);
    EXPECT_NE(problem(qcow2_with(2, 1, "b1")).find("no dirty bitmap 'b0'"), std::string::npos);
    EXPECT_NE(problem(MemoryImage(4096)).find("no dirty bitmap"), std::string::npos);
    for (const auto& [at, value, size] : {std::tuple<uint64_t, uint64_t, size_t>{112, 9, 4}, {120, 1 << 30, 8}, {120, 20, 8}, {128, 1 << 20, 8}, {65536 + 18, 400, 2}, {65536 + 20, ~0U, 4}}) {
        auto image = qcow2_with(2, 1, at == 112 ? "b1" : "b0");
        image.big(at, value, size);
        EXPECT_NE(problem(image).find("damaged"), std::string::npos) << at;
    }
}

TEST(UsedBytes, come_from_the_superblock_and_are_never_more_than_the_volume) {
    MemoryImage disk(1 << 20);
    Volume volume = volume_of("disk");
    volume.kind = VolumeKind::ext;
    disk.little(1024 + 4, 1000, 4);
    disk.little(1024 + 12, 400, 4);
    EXPECT_EQ(used_bytes(disk, volume), 600u * 1024);
    disk.little(1024 + 12, 2000, 4);
    EXPECT_EQ(used_bytes(disk, volume), volume.size) << "more unused than there are";
    volume.kind = VolumeKind::ntfs;
    EXPECT_EQ(used_bytes(disk, volume), volume.size);
    volume.kind = VolumeKind::swap;
    EXPECT_EQ(used_bytes(disk, volume), 0u);
}

}  // namespace
}  // namespace bailiff::agent
