// SPDX-License-Identifier: Apache-2.0
// ISO 9660 by hand: every way to name a file, and what a hostile image might say instead.
#include "agent/scan/iso/descriptors.hpp"
#include "agent/scan/iso/record.hpp"
#include "tests/unit/scan/iso_image.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>

namespace bailiff::agent {
namespace {

using test::IsoFiles;
using test::IsoImage;
using Contents = std::multimap<std::string, std::string>;
using Skips = std::vector<std::pair<std::string, SkipReason>>;

const std::pair<const std::string, std::string> boot_file{"/BOOT.BIN", std::string(IsoImage::sector, 'B')};

/// A disk with these entries in the primary root, beside the boot image.
IsoImage with(std::vector<IsoImage::Entry> entries, size_t sectors = 64) {
    IsoImage disk(sectors);
    entries.insert(entries.begin(), {"BOOT.BIN;1", 30, IsoImage::sector});
    disk.directory(IsoImage::root, entries, IsoImage::susp("SP", "\xbe\xef" + std::string(1, '\0')));
    return disk;
}
Contents and_boot(Contents contents) {
    contents.insert(boot_file);
    return contents;
}

TEST(Iso, ReadsOneOfEachThing) {
    auto disk = test::iso_sampler();
    const auto volumes = find_volumes(disk);
    ASSERT_EQ(volumes.size(), 1U);
    EXPECT_EQ(volumes[0].kind, VolumeKind::iso9660) << volumes[0].reason;
    EXPECT_TRUE(volumes[0].notes.empty());
    const IsoFiles files(disk);
    const std::string hidden = "hidden boot code" + std::string(8 * 512 - 16, '\0');
    EXPECT_EQ(files.error, "");
    EXPECT_EQ(files.skips, Skips{}) << files.said;
    EXPECT_EQ(files.contents, and_boot({{"/both.txt", "both trees"},
                                        {"/a-long-name-that-goes on elsewhere", "plain"},
                                        {"/parts", std::string(IsoImage::sector, '1') + "2 and the end"},
                                        {"/moved/deep", "deep"},
                                        {"/ein\u00e9\u20ac\U0001f600", "joliet alone"},
                                        {"/(boot image 2)", hidden}}))
        << "each content once, under its best name";
}

TEST(Iso, WithoutRockRidgeTheNamesOfJolietComeFirst) {
    IsoImage disk;
    disk.directory(IsoImage::root, {{"BOOT.BIN;1", 30, IsoImage::sector}, {"READM.TXT;1", 31, 4}, {"ONLY.TXT;1", 32, 4}});
    disk.directory(IsoImage::joliet_root, {{IsoImage::wide(u"read me, please.text;1"), 31, 4}});
    disk.content(31, "read");
    disk.content(32, "only");
    EXPECT_EQ(IsoFiles(disk).contents, and_boot({{"/read me, please.text", "read"}, {"/ONLY.TXT", "only"}}));
}

TEST(Iso, NamesThatNoPathCanHoldGiveWayToThePlace) {
    auto disk = with({{"A.;1", 31, 1, 0, IsoImage::name("../../etc/passwd")}, {"B/C", 32, 1}, {std::string("D\0E", 3), 33, 1}, {"F\n\x1b[31m\xff", 34, 1}, {"..", 35, 1}});
    for (uint32_t i = 0; i < 5; ++i) disk.content(31 + i, std::string(1, static_cast<char>('a' + i)));
    const IsoFiles files(disk);
    EXPECT_EQ(files.contents, and_boot({{"/A", "a"}, {"/(at block 32)", "b"}, {"/(at block 33)", "c"}, {"/F\n\x1b[31m\xff", "d"}, {"/(at block 35)", "e"}}));
    EXPECT_EQ(files.skips, Skips{});
}

TEST(Iso, SurrogatesBecomeOneCharacterOrKeepTheirBytes) {
    const auto spelled = [](const std::u16string& text) {
        const std::string raw = IsoImage::wide(text);
        return iso_name({reinterpret_cast<const uint8_t*>(raw.data()), raw.size()}, true).value_or("(none)");
    };
    EXPECT_EQ(spelled(u"\U0001f600"), "\xf0\x9f\x98\x80");
    EXPECT_EQ(spelled({0xd83d}), "\xed\xa0\xbd");
    EXPECT_EQ(spelled({0xd83d, u'a'}), "\xed\xa0\xbd" "a");
    EXPECT_EQ(spelled(u"a/b"), "(none)");
    EXPECT_EQ(spelled(std::u16string(u"a\0b", 3)), "(none)");
}

TEST(Iso, FilesInPartsThatDoNotFitAreNamed) {
    auto broken = with({{"A.;1", 31, 2048, IsoImage::continued}, {"B.;1", 32, 1}, {"C.;1", 33, 2048, IsoImage::continued}});
    const IsoFiles files(broken);
    EXPECT_EQ(files.skips, (Skips{{"/A", SkipReason::unreadable}, {"/C", SkipReason::unreadable}}));
    EXPECT_EQ(files.contents.size(), 4U) << "what is there is matched all the same";
    auto interleaved = with({{"A.;1", 31, 5, 0, "", 2}});
    EXPECT_EQ(IsoFiles(interleaved).skips, (Skips{{"/A", SkipReason::unsupported}}));
    auto twice = with({{"A.;1", 31, 1, IsoImage::associated}, {"A.;1", 32, 1}});
    EXPECT_EQ(IsoFiles(twice).contents.count("/A (associated)"), 1U);
}

TEST(Iso, WhatReachesPastTheEndIsUnreadable) {
    auto disk = with({{"A.;1", 63, 2049}, {"B.;1", 0xffffffff, 1}, {"C.;1", 31, 0xffffffff}, {"D", 62, 8192, IsoImage::folder}, {"E", 0xfffffff0, 2048, IsoImage::folder}});
    const IsoFiles files(disk);
    EXPECT_EQ(files.contents, and_boot({}));
    for (const char* path : {"/A", "/B", "/C", "/D/", "/E/"}) EXPECT_NE(std::find(files.skips.begin(), files.skips.end(), std::pair(std::string(path), SkipReason::unreadable)), files.skips.end()) << path;
}

TEST(Iso, SystemUseOfOthersIsNoDamage) {
    const std::string xa = std::string("\0\0\0\0\x0d\x55XA\0\0\0\0\0\0", 14);
    IsoImage disk;
    disk.directory(IsoImage::root, {{"BOOT.BIN;1", 30, IsoImage::sector, 0, xa}, {"A.;1", 31, 1, 0, xa + IsoImage::name("after xa")}, {"B.;1", 32, 1, 0, "\1\2\3\4\5\6"}});
    disk.content(32, "b");
    const IsoFiles files(disk);
    EXPECT_EQ(files.skips, Skips{}) << files.said;
    EXPECT_EQ(files.contents, and_boot({{"/after xa", std::string(1, '\0')}, {"/B", "b"}}));
}

TEST(Iso, LoopsEnd) {
    auto disk = with({{"SELF", IsoImage::root, IsoImage::sector, IsoImage::folder},
                      {"RING.;1", 31, 1, 0, IsoImage::area(40, 0, 28)},
                      {"CLIMB.;1", 0, 0, 0, IsoImage::name("climb") + IsoImage::child(IsoImage::root)},
                      {"NOWHERE.;1", 0, 0, 0, IsoImage::child(50)}});
    disk.content(40, IsoImage::area(40, 0, 28));
    const IsoFiles files(disk);
    EXPECT_EQ(files.skips, (Skips{{"/RING", SkipReason::unreadable}, {"/NOWHERE/", SkipReason::unreadable}})) << files.said;
    EXPECT_EQ(files.contents.size(), 2U);
}

TEST(Iso, ARelocatedDirectoryThatNothingPointsAtIsFound) {
    auto disk = with({{"LOST", 24, IsoImage::sector, IsoImage::folder, IsoImage::name("lost") + IsoImage::relocated()}});
    disk.directory(24, {{"EVIL.;1", 31, 4, 0, IsoImage::name("evil")}});
    disk.content(31, "evil");
    EXPECT_EQ(IsoFiles(disk).contents, and_boot({{"/lost/evil", "evil"}}));
}

TEST(Iso, ADirectoryThatOnlyThePathTableNamesIsFound) {
    IsoImage disk;
    disk.directory(24, {{"EVIL.;1", 31, 4}});
    disk.content(31, "evil");
    disk.put(41 * IsoImage::sector, std::string("\1\0", 2));
    disk.little(41 * IsoImage::sector + 2, IsoImage::root, 4);
    disk.put(41 * IsoImage::sector + 10, std::string("\4\0", 2));
    disk.little(41 * IsoImage::sector + 12, 24, 4);
    disk.put(41 * IsoImage::sector + 18, "DARK");
    disk.little(16 * IsoImage::sector + 132, 22, 4);
    disk.little(16 * IsoImage::sector + 140, 41, 4);
    EXPECT_EQ(IsoFiles(disk).contents, and_boot({{"/(path table)/DARK/EVIL", "evil"}}));
}

TEST(Iso, DamagedDirectoriesAreNamed) {
    auto none = with({{"D", 24, IsoImage::sector, IsoImage::folder}});
    EXPECT_EQ(IsoFiles(none).skips, (Skips{{"/D/", SkipReason::unreadable}})) << "a directory of zeros";
    auto torn = with({{"A.;1", 31, 1}});
    torn.raw()[IsoImage::root * IsoImage::sector + 42 + 34] = 20;  // the boot image's record is too short now
    EXPECT_EQ(IsoFiles(torn).skips, (Skips{{"/", SkipReason::unreadable}}));
    auto across = with({{"D", 24, 2 * IsoImage::sector, IsoImage::folder}});
    across.directory(24, {}, "", 2 * IsoImage::sector);
    const std::string filler = IsoImage::record({std::string(200, 'F'), 0, 0});
    uint64_t at = 24 * IsoImage::sector + 68;
    for (; at + filler.size() <= 25 * IsoImage::sector; at += filler.size()) across.put(at, filler);
    across.put(at, filler);
    const IsoFiles files(across);
    EXPECT_EQ(files.skips, (Skips{{"/D/", SkipReason::unreadable}})) << files.said;
}

TEST(Iso, LimitsHold) {
    std::vector<IsoImage::Entry> many;
    for (int i = 0; i < 40; ++i) many.push_back({"F" + std::to_string(i), 31, 1});
    auto disk = with(many);
    WalkLimits few;
    few.entries = 20;
    EXPECT_EQ(IsoFiles(disk, few).skips, (Skips{{"", SkipReason::too_many}}));
    WalkLimits shallow;
    shallow.depth = 1;
    auto deep = with({{"D", 24, IsoImage::sector, IsoImage::folder}});
    EXPECT_EQ(IsoFiles(deep, shallow).skips, (Skips{{"/D/", SkipReason::too_many}}));
    WalkLimits short_paths;
    short_paths.path = 5;
    auto named = with({{"LONGER.;1", 31, 1}});
    EXPECT_EQ(IsoFiles(named, short_paths).skips.size(), 2U) << "/BOOT.BIN is too long, too";
    WalkLimits small;
    small.file_size = 100;
    EXPECT_EQ(IsoFiles(named, small).skips, (Skips{{"/BOOT.BIN", SkipReason::size}}));
}

TEST(Iso, OverlapsCannotMakeMuchOfLittle) {
    std::vector<IsoImage::Entry> many;
    for (uint32_t i = 0; i < 40; ++i) many.push_back({"F" + std::to_string(i), i, 50'000 - i});
    auto disk = with(many);
    const IsoFiles files(disk);
    EXPECT_EQ(files.skips, (Skips{{"", SkipReason::too_many}}));
    EXPECT_EQ(files.contents.size(), 27U) << "twice the volume and a megabyte";
}

std::string mkzftree(const std::string& plain, unsigned bits = 15) {
    const size_t block = size_t{1} << bits, blocks = (plain.size() + block - 1) / block;
    const auto four = [](size_t n) { return IsoImage::number(n).substr(0, 4); };
    std::string out = "\x37\xe4\x53\x96\xc9\xdb\xd6\x07" + four(plain.size()) + '\4' + static_cast<char>(bits) + std::string(2, '\0');
    std::string data, table;
    const size_t begin = out.size() + 4 * (blocks + 1);
    for (size_t at = 0; at < plain.size(); at += block) {
        table += four(begin + data.size());
        const std::string part = plain.substr(at, block);
        if (part.find_first_not_of('\0') == part.npos) continue;
        std::string packed(compressBound(static_cast<uLong>(part.size())), '\0');
        uLongf size = static_cast<uLongf>(packed.size());
        compress(reinterpret_cast<uint8_t*>(packed.data()), &size, reinterpret_cast<const uint8_t*>(part.data()), static_cast<uLong>(part.size()));
        data += packed.substr(0, size);
    }
    return out + table + four(begin + data.size()) + data;
}

TEST(Iso, ZisofsIsUnpackedOrNamed) {
    std::string plain(100'000, '\0');
    for (size_t i = 0; i < 40'000; ++i) plain[i] = static_cast<char>('a' + i * i % 17);
    plain += "the end";
    const std::string packed = mkzftree(plain);
    const auto zf = [&](const std::string& algorithm) { return IsoImage::susp("ZF", algorithm + "\4\x0f" + IsoImage::number(plain.size())); };
    auto sound = with({{"Z.;1", 31, packed.size(), 0, IsoImage::name("z") + zf("pz")}});
    sound.content(31, packed);
    EXPECT_EQ(IsoFiles(sound).contents, and_boot({{"/z", plain}}));
    sound.raw()[31 * IsoImage::sector + packed.size() - 3] ^= 0x55;
    EXPECT_EQ(IsoFiles(sound).skips, (Skips{{"/z", SkipReason::unreadable}})) << "a block is damaged";
    auto other = with({{"Z.;1", 31, packed.size(), 0, IsoImage::name("z") + zf("PZ")}});
    EXPECT_EQ(IsoFiles(other).skips, (Skips{{"/z", SkipReason::compressed}}));
    auto bare = with({{"Z.;1", 31, packed.size(), 0, IsoImage::name("z") + zf("pz")}});
    EXPECT_EQ(IsoFiles(bare).skips, (Skips{{"/z", SkipReason::unreadable}})) << "no header";
}

TEST(Iso, BootImagesEndWhereTheyMust) {
    IsoImage disk;
    disk.boot(2, 0, 0, 40);     // of unknown size: up to the next file
    disk.boot(3, 2, 0, 1000);   // a floppy past the end
    disk.directory(IsoImage::root, {{"BOOT.BIN;1", 30, IsoImage::sector}, {"NEXT.;1", 42, 4}});
    disk.content(40, "loader");
    disk.content(42, "next");
    const IsoFiles files(disk);
    EXPECT_EQ(files.contents, and_boot({{"/NEXT", "next"}, {"/(boot image 2)", "loader" + std::string(2 * IsoImage::sector - 6, '\0')}}));
    EXPECT_EQ(files.skips, (Skips{{"/(boot image 3)", SkipReason::unreadable}}));
    disk.raw()[IsoImage::catalog * IsoImage::sector + 30] = 0;
    EXPECT_EQ(IsoFiles(disk).skips, (Skips{{"/(boot catalog)", SkipReason::unreadable}}));
}

TEST(Iso, WhatIsNotReadSaysSo) {
    IsoImage small_blocks;
    for (const uint64_t at : {16U, 17U}) small_blocks.little(at * IsoImage::sector + 128, 1024, 2);
    const auto refused = find_volumes(small_blocks);
    EXPECT_EQ(refused[0].kind, VolumeKind::unreadable);
    EXPECT_TRUE(refused[0].unsupported);
    EXPECT_NE(refused[0].reason.find("1024"), std::string::npos) << refused[0].reason;
    IsoImage half;
    half.little(17 * IsoImage::sector + 128, 512, 2);
    EXPECT_EQ(IsoFiles(half).skips, (Skips{{"", SkipReason::unsupported}})) << "the other tree is read";
    IsoImage rootless;
    rootless.content(IsoImage::root, std::string(IsoImage::sector, '\0'));
    EXPECT_EQ(IsoFiles(rootless).skips, (Skips{{"", SkipReason::unreadable}}));
    rootless.content(IsoImage::joliet_root, std::string(IsoImage::sector, '\0'));
    EXPECT_NE(IsoFiles(rootless).error, "");
}

TEST(Iso, OtherSystemsOnTheSameBytesAreDoubted) {
    IsoImage bridge;
    bridge.put(25 * IsoImage::sector + 1, "NSR02");
    IsoImage apple;
    apple.put(512, "PM");
    apple.big(512 + 4, 1, 4);
    apple.big(512 + 8, 100, 4);
    apple.put(512 + 48, "Apple_HFS");
    apple.put(100 * 512 + 1024, "BD");
    IsoImage ext;
    ext.little(1080, 0xef53, 2);
    struct Case {
        IsoImage* disk;
        const char *first, *second, *name;
        VolumeKind kind;
    };
    for (const auto& [disk, first, second, name, kind] : {Case{&bridge, "iso9660", "udf", "disk", VolumeKind::unreadable}, {&apple, "iso9660", "hfs", "disk", VolumeKind::unreadable},
                                                          {&ext, "ext2", "iso9660", "disk/iso9660", VolumeKind::iso9660}}) {
        const auto volumes = find_volumes(*disk);
        ASSERT_EQ(volumes.size(), 2U) << second;
        EXPECT_EQ(volumes[0].filesystem, first);
        EXPECT_EQ(volumes[1].filesystem, second);
        EXPECT_EQ(volumes[1].name, name);
        EXPECT_EQ(volumes[1].kind, kind);
    }
}

/// A partition table in front of the filesystem, as images have that start from sticks.
void partition(IsoImage& disk, size_t index, uint32_t start, uint32_t sectors) {
    disk.put(510, "\x55\xaa");
    disk.little(446 + index * 16 + 4, 0x17, 1);
    disk.little(446 + index * 16 + 8, start, 4);
    disk.little(446 + index * 16 + 12, sectors, 4);
}

TEST(Iso, AHybridImageIsReadOnce) {
    IsoImage disk(128);
    partition(disk, 0, 0, 4 * 128);
    auto volumes = find_volumes(disk);
    ASSERT_EQ(volumes.size(), 1U);
    EXPECT_EQ(volumes[0].name, "disk");
    EXPECT_EQ(volumes[0].kind, VolumeKind::iso9660);
    // A view from sector 64 on, whose tree has the same file and one more.
    disk.descriptor(32, 1, 84);
    disk.mark(33, 255);
    disk.directory(100, {{"BOOT.BIN;1", 14, IsoImage::sector}, {"MORE.;1", 90, 4}});
    disk.put(100 * IsoImage::sector + 2, IsoImage::number(84));
    disk.content(106, "more");
    partition(disk, 0, 64, 4 * 112);
    partition(disk, 1, 4 * 120, 8);
    volumes = find_volumes(disk);
    ASSERT_EQ(volumes.size(), 3U);
    EXPECT_EQ(volumes[0].also_at, std::vector<uint64_t>{32768});
    EXPECT_EQ(volumes[1].kind, VolumeKind::container);
    EXPECT_EQ(volumes[2].kind, VolumeKind::empty);
    const IsoFiles files(disk, {}, volumes[0].also_at);
    EXPECT_EQ(files.contents, and_boot({{"/MORE", "more"}}));
    EXPECT_EQ(files.skips, Skips{}) << files.said;
}

TEST(Iso, ALeftoverDescriptorBeforePartitionsIsANote) {
    IsoImage disk(128);
    for (const uint32_t block : {IsoImage::root, IsoImage::joliet_root}) disk.content(block, std::string(IsoImage::sector, '\0'));
    partition(disk, 0, 4 * 100, 8);
    const auto volumes = find_volumes(disk);
    ASSERT_EQ(volumes.size(), 1U);
    EXPECT_EQ(volumes[0].kind, VolumeKind::empty);
    EXPECT_EQ(volumes[0].notes.size(), 1U);
}

/// A scan that was told what an earlier one knew.
class Rescan : public WalkSink {
  public:
    Rescan(Image& image, std::vector<Fingerprint> before, DirtyMap written) : known_(std::move(before), std::move(written)) {
        Volume volume;
        volume.size = image.size();
        known_.begin(volume);
        EXPECT_TRUE(walk_iso(image, volume, {}, *this));
        std::sort(told.begin(), told.end());
    }
    void file(const std::string& path, uint64_t /*size*/, int memory_file) override {
        ::close(memory_file);
        read.push_back(path);
    }
    void told_file(const std::string& path, uint64_t size, int memory_file, const Fingerprint& told_by) override {
        if (told_by != no_fingerprint) told.push_back(told_by);
        file(path, size, memory_file);
    }
    void skipped(const std::string& path, SkipReason /*reason*/, const std::string& detail, uint64_t /*size*/) override { ADD_FAILURE() << path << detail; }
    KnownContents* known() override { return &known_; }
    void unchanged(const std::string& path, uint64_t /*size*/, const Fingerprint& /*told_by*/) override { passed.push_back(path); }

    std::vector<std::string> read, passed;
    std::vector<Fingerprint> told;

  private:
    KnownContents known_;
};

TEST(Iso, WhatWasNotWrittenSinceIsNotReadAgain) {
    auto disk = test::iso_sampler();
    const Rescan first(disk, {}, DirtyMap());
    EXPECT_EQ(first.read.size(), 7U);
    EXPECT_EQ(first.told.size(), 6U) << "all but the boot image that no directory names";
    const Rescan second(disk, first.told, DirtyMap());
    EXPECT_EQ(second.read, std::vector<std::string>{"/(boot image 2)"});
    EXPECT_EQ(second.passed.size(), 6U);
    DirtyMap written;
    written.add(36 * IsoImage::sector, 1);
    EXPECT_EQ(Rescan(disk, first.told, written).read, (std::vector<std::string>{"/parts", "/(boot image 2)"}));
    // A file of another date is another one, also where nobody tells what was written.
    auto dated = test::iso_sampler();
    const auto& raw = dated.raw();
    const std::string_view name = "BOTH.TXT;1";
    const auto at = std::search(raw.begin(), raw.end(), name.begin(), name.end()) - raw.begin();
    dated.raw()[static_cast<size_t>(at) - 33 + 18] = 99;
    EXPECT_EQ(Rescan(dated, first.told, DirtyMap()).read, (std::vector<std::string>{"/both.txt", "/(boot image 2)"}));
}

TEST(Iso, NoFlippedByteOfMetadataIsFatal) {
    const auto sound = test::iso_sampler();
    auto disk = sound;
    WalkLimits limits;
    limits.entries = 500;
    for (uint64_t at = 16 * IsoImage::sector; at < 41 * IsoImage::sector; ++at) {
        const uint8_t was = disk.raw()[at];
        if (at % (was == 0 ? 307 : 19) != 0) continue;
        for (const uint8_t mask : {uint8_t{0x01}, uint8_t{0xff}}) {
            disk.raw()[at] = static_cast<uint8_t>(was ^ mask);
            const IsoFiles files(disk, limits);
            EXPECT_LE(files.contents.size(), 12U) << at;
        }
        disk.raw()[at] = was;
    }
}

}  // namespace
}  // namespace bailiff::agent
