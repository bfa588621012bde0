// SPDX-License-Identifier: Apache-2.0
// ISO 9660 as the tools of others make it, against the tree that it was made of.
#include "agent/process/process.hpp"
#include "tests/unit/scan/iso_image.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

namespace bailiff::agent {
namespace {

namespace fs = std::filesystem;
using test::IsoFiles;

std::string iso_noise(size_t size, uint64_t seed) {
    std::string out(size, '\0');
    for (char& c : out) {
        seed = seed * 6364136223846793005 + 1442695040888963407;
        c = static_cast<char>(seed >> 56);
    }
    return out;
}

class MadeIso : public testing::TestWithParam<const char*> {
  protected:
    MadeIso() {
        char pattern[] = "/tmp/bailiff-iso-XXXXXX";
        folder_ = ::mkdtemp(pattern);
        fs::create_directories(tree());
    }
    ~MadeIso() override {
        if (descriptor_ >= 0) ::close(descriptor_);
        fs::remove_all(folder_);
    }
    void SetUp() override {
        if (!fs::exists(std::string("/usr/bin/") + GetParam())) GTEST_SKIP() << GetParam() << " is not installed (package " << GetParam() << ")";
    }
    fs::path tree() const { return folder_ / "tree"; }

    void file(const std::string& path, const std::string& content) {
        const fs::path full = tree() / path;
        fs::create_directories(full.parent_path());
        std::ofstream(full, std::ios::binary) << content;
        if (!content.empty()) wanted[content].insert("/" + path);
    }
    /// Each content differs from the others, since shared ones come once.
    void fill() {
        for (const size_t size : {0U, 1U, 2047U, 2048U, 2049U, 65536U, 5'000'003U}) file("sizes/" + std::to_string(size), iso_noise(size, size));
        file("names/" + std::string(200, 'n') + ".text", "long");
        file("names/many.dots.in it", "dots");
        file("names/UPPER.TXT", "upper");
        file("names/upper.txt", "lower");
        file("names/\u00e9t\u00e9 \u20ac", "letters");
        for (int i = 0; i < 300; ++i) file("many/an-entry-with-a-name-of-some-length-" + std::to_string(i), "file " + std::to_string(i));
        std::string deep = "deep";
        for (int i = 0; i < 14; ++i) file((deep += "/d" + std::to_string(i)) + "/f", "depth " + std::to_string(i));
        file("linked/one", "linked content");
        fs::create_hard_link(tree() / "linked/one", tree() / "linked/two");
        wanted["linked content"].insert("/linked/two");
        fs::create_symlink("/etc/passwd", tree() / "link");
        file("boot/loader", iso_noise(9000, 4711));
    }
    Image& make(std::vector<std::string> options) {
        const std::string image = folder_ / "image.iso";
        std::vector<std::string> argv{std::string("/usr/bin/") + GetParam()};
        if (argv[0].ends_with("xorriso")) argv.insert(argv.end(), {"-as", "mkisofs"});
        argv.insert(argv.end(), {"-quiet", "-o", image});
        argv.insert(argv.end(), options.begin(), options.end());
        argv.push_back(tree());
        ProcessOptions run;
        run.timeout = std::chrono::minutes(2);
        const auto made = Process::run(argv, run);
        EXPECT_TRUE(made && made->ok()) << (made ? made->describe() : made.error().text);
        return open(image);
    }
    Image& open(const std::string& image) {
        if (descriptor_ >= 0) ::close(descriptor_);
        descriptor_ = ::open(image.c_str(), O_RDONLY | O_CLOEXEC);
        image_ = open_raw_image(descriptor_).value();
        return *image_;
    }
    /// Every content once and nothing else; with `names`, under one of the paths that it has in the tree.
    void expect_all(Image& image, bool names, const Volume& volume) {
        EXPECT_EQ(volume.kind, VolumeKind::iso9660) << volume.reason;
        EXPECT_TRUE(volume.notes.empty()) << volume.notes[0];
        const IsoFiles files(image, {}, volume.also_at);
        EXPECT_EQ(files.error, "");
        EXPECT_TRUE(files.skips.empty()) << files.skips[0].first << " " << files.said;
        std::set<std::string> seen;
        for (const auto& [path, content] : files.contents) {
            const auto found = wanted.find(content);
            if (found == wanted.end()) {
                EXPECT_TRUE(path.starts_with("/boot") && path.ends_with("catalog")) << path << " is of no file of the tree";
                continue;
            }
            EXPECT_TRUE(seen.insert(content).second) << path << " came twice";
            EXPECT_TRUE(!names || found->second.contains(path)) << path << " is not its name";
        }
        EXPECT_EQ(seen.size(), wanted.size());
    }
    void expect_all(std::vector<std::string> options, bool names = true) {
        Image& image = make(std::move(options));
        const auto volumes = find_volumes(image);
        ASSERT_EQ(volumes.size(), 1U);
        expect_all(image, names, volumes[0]);
    }

    std::map<std::string, std::set<std::string>> wanted;  // content -> its paths
    fs::path folder_;

  private:
    int descriptor_ = -1;
    std::unique_ptr<Image> image_;
};
INSTANTIATE_TEST_SUITE_P(Tools, MadeIso, testing::Values("xorriso", "genisoimage"));

TEST_P(MadeIso, RockRidge) {
    fill();
    expect_all({"-R"});
}

TEST_P(MadeIso, RockRidgeAndJolietAndABootImage) {
    fill();
    expect_all({"-R", "-J", "-joliet-long", "-b", "boot/loader", "-no-emul-boot", "-c", "boot/catalog", "-boot-load-size", "4"});
}

TEST_P(MadeIso, JolietAlone) {
    file("A Folder with a long name/and a file with a long name.text", "one");
    file("A Folder with a long name/\u00e9t\u00e9.txt", "two");
    file("short.txt", "three");
    expect_all({"-J", "-joliet-long"});
}

TEST_P(MadeIso, NeitherOfThem) {
    file("FOLDER/FILE.TXT", "one");
    file("FOLDER/OTHER", "two");
    file("THIRD", "three");
    expect_all({});
}

TEST_P(MadeIso, WithoutRelocation) {
    fill();
    expect_all({"-R", "-D"});
}

TEST_P(MadeIso, CutImagesSaySo) {
    fill();
    Image& image = make({"-R", "-J"});
    const auto bytes = image.bytes(0, image.size());
    for (size_t size = 34'000; size + 400'000 < bytes.size(); size = size * 5 / 4) {
        test::MemoryImage cut(size);
        std::copy_n(bytes.begin(), size, cut.raw().begin());
        const IsoFiles files(cut);
        EXPECT_FALSE(files.skips.empty() && files.error.empty()) << size;
        for (const auto& [path, content] : files.contents) EXPECT_TRUE(wanted.contains(content)) << path << " at " << size;
    }
}

TEST_P(MadeIso, CompressedByXorrisoItself) {
    if (GetParam() != std::string("xorriso")) GTEST_SKIP() << "genisoimage compresses nothing itself";
    fill();
    file("zeros and more", std::string(300'000, '\0') + "end");
    file("prose", std::string(3'000'000, 'p') + iso_noise(1000, 1));
    const std::string image = folder_ / "image.iso";
    ProcessOptions run;
    run.timeout = std::chrono::minutes(2);
    const auto made = Process::run({"/usr/bin/xorriso", "-outdev", image, "-map", tree(), "/", "-set_filter_r", "--zisofs", "/", "--"}, run);
    ASSERT_TRUE(made && made->ok()) << (made ? made->describe() : made.error().text);
    ASSERT_LT(fs::file_size(image), 7'500'000U) << "the files have more than eight megabytes: something was compressed";
    Image& opened = open(image);
    expect_all(opened, true, find_volumes(opened).front());
}

TEST_P(MadeIso, OtherSystemsViewsAreNamed) {
    if (GetParam() != std::string("genisoimage")) GTEST_SKIP() << "xorriso makes neither UDF nor HFS";
    file("folder/one", "one");
    file("folder/two.text", iso_noise(10'000, 2));
    for (const auto& [option, name] : {std::pair{"-udf", "udf"}, {"-hfs", "hfs"}}) {
        Image& image = make({"-R", option});
        const auto volumes = find_volumes(image);
        ASSERT_EQ(volumes.size(), 2U) << name;
        EXPECT_EQ(volumes[1].filesystem, name);
        EXPECT_TRUE(volumes[1].unsupported);
        expect_all(image, true, volumes[0]);
    }
}

class MadeHybrid : public MadeIso {};
INSTANTIATE_TEST_SUITE_P(Tools, MadeHybrid, testing::Values("xorriso"));

TEST_P(MadeHybrid, PartitionsAndTheFilesystemOverThem) {
    fill();
    const std::string esp = iso_noise(300'000, 815);
    std::ofstream(folder_ / "esp", std::ios::binary) << esp;
    file("boot/esp", std::string("not a filesystem"));
    for (const auto& options : {std::vector<std::string>{"-partition_offset", "16"}, {"-append_partition", "2", "0xef", folder_ / "esp", "-appended_part_as_gpt"},
                                {"-partition_offset", "16", "-append_partition", "2", "0xef", folder_ / "esp", "-appended_part_as_gpt"}}) {
        auto all = options;
        all.insert(all.begin(), {"-R", "-J"});
        Image& image = make(all);
        const auto volumes = find_volumes(image);
        ASSERT_GE(volumes.size(), 2U) << options.back();
        EXPECT_EQ(volumes[0].name, "disk");
        expect_all(image, true, volumes[0]);
        EXPECT_EQ(volumes[1].kind, VolumeKind::container) << volumes[1].reason;
        for (const auto& volume : volumes)
            EXPECT_TRUE(volume.kind != VolumeKind::unreadable || volume.name == "gpt2" || volume.name == "mbr2") << volume.name << volume.reason;
    }
}

}  // namespace
}  // namespace bailiff::agent
