// SPDX-License-Identifier: Apache-2.0
// XFS as mkfs.xfs makes and fills it, without mounting: the format as its own authors write it, against our reading of it.
#include "agent/process/process.hpp"
#include "tests/unit/scan/xfs_files.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <optional>

namespace bailiff::agent {
namespace {

using test::walk_xfs_files;
using test::XfsFiles;

/// Shows another image with some of its bytes changed, so that nothing of 300 MB is copied for a flipped bit.
class ChangedImage : public Image {
  public:
    explicit ChangedImage(Image& under) : under_(under), size_(under.size()) {}
    uint64_t size() const override { return size_; }
    bool read(uint64_t offset, std::span<uint8_t> out) override {
        if (offset > size_ || out.size() > size_ - offset || !under_.read(offset, out)) return false;
        for (const auto& [at, mask] : flips)
            if (at >= offset && at - offset < out.size()) out[at - offset] ^= mask;
        reads.emplace_back(offset, out.size());
        return true;
    }
    void cut(uint64_t size) { size_ = size; }
    std::map<uint64_t, uint8_t> flips;
    std::vector<std::pair<uint64_t, size_t>> reads;

  private:
    Image& under_;
    uint64_t size_;
};

/// Bytes that differ from file to file and from block to block.
std::string noise(size_t size, uint64_t seed) {
    std::string out(size, '\0');
    for (char& c : out) {
        seed = seed * 6364136223846793005 + 1442695040888963407;
        c = static_cast<char>(seed >> 56);
    }
    return out;
}

/// A folder of sources, the list of what mkfs.xfs is to make of them, and the image.
class MadeByMkfs : public testing::Test {
  protected:
    MadeByMkfs() : folder_(std::filesystem::path(testing::TempDir()) / ("xfs_" + std::to_string(::getpid()))) {
        std::filesystem::create_directories(folder_);
    }
    ~MadeByMkfs() override {
        if (descriptor_ >= 0) ::close(descriptor_);
        std::filesystem::remove_all(folder_);
    }
    void SetUp() override {
        for (const char* program : {"/sbin/mkfs.xfs", "/usr/sbin/mkfs.xfs"})
            if (std::filesystem::exists(program)) return;
        GTEST_SKIP() << "mkfs.xfs is not installed (package xfsprogs)";
    }

    std::string source(const std::string& content) {
        const std::string path = (folder_ / std::to_string(++sources_)).string();
        std::ofstream(path, std::ios::binary) << content;
        return path;
    }
    /// Adds a file to the folder that is open in the list.
    void file(const std::string& name, const std::string& content) {
        list_ += name + " ---644 0 0 " + source(content) + "\n";
        if (!content.empty()) wanted[open_ + "/" + name] = content;
    }
    void open(const std::string& name) {
        list_ += name + " d--755 0 0\n";
        open_ += "/" + name;
    }
    void close() {
        list_ += "$\n";
        open_.resize(open_.rfind('/'));
    }
    /// Everything that a list can describe, and folders of so many files each.
    void fill(std::vector<size_t> folders) {
        for (const size_t size : {0U, 1U, 511U, 512U, 513U, 4095U, 4096U, 4097U, 65536U, 1'000'003U}) file("size" + std::to_string(size), noise(size, size));
        list_ += "link l--777 0 0 /etc/passwd\npipe p--644 0 0\ndevice c--644 0 0 1 3\n";
        open("names");
        file(std::string(200, 'n'), "long name");
        file("\xff\xfe\x80", "bytes");
        file("esc\x1b[31m", "escape");
        close();
        for (int depth = 0; depth < 20; ++depth) {
            open("d" + std::to_string(depth));
            file("f", "at depth " + std::to_string(depth));
        }
        for (int depth = 0; depth < 20; ++depth) close();
        // One source for all: what is tried here is the directory.
        const std::string shared = source("one of many");
        for (const size_t count : folders) {
            open("many" + std::to_string(count));
            for (size_t i = 0; i < count; ++i) {
                const std::string name = "an-entry-with-a-name-of-some-length-" + std::to_string(i);
                list_ += name + " ---644 0 0 " + shared + "\n";
                wanted[open_ + "/" + name] = "one of many";
            }
            close();
        }
    }
    Image& make(std::vector<std::string> options) {
        const std::string list = source("/none\n0 0\nd--755 0 0\n" + list_ + "$\n"), image = (folder_ / "image").string();
        std::ofstream(image, std::ios::binary).close();
        std::filesystem::resize_file(image, 320U << 20);
        options.insert(options.begin(), {"mkfs.xfs", "-q", "-f", "-p", list});
        options.push_back(image);
        ProcessOptions run;
        run.timeout = std::chrono::minutes(2);
        const auto made = Process::run(options, run);
        EXPECT_TRUE(made && made->ok()) << (made ? made->describe() : made.error().text);
        if (descriptor_ >= 0) ::close(descriptor_);
        descriptor_ = ::open(image.c_str(), O_RDONLY | O_CLOEXEC);
        image_ = open_raw_image(descriptor_).value();
        return *image_;
    }
    void expect_all(std::vector<std::string> options) {
        Image& image = make(std::move(options));
        const auto volumes = find_volumes(image);
        ASSERT_EQ(volumes.size(), 1U);
        EXPECT_EQ(volumes[0].kind, VolumeKind::xfs) << volumes[0].reason;
        EXPECT_TRUE(volumes[0].notes.empty()) << volumes[0].notes[0];
        std::string error;
        const auto files = walk_xfs_files(image, {}, &error);
        EXPECT_EQ(error, "");
        EXPECT_TRUE(files.skips.empty()) << files.said;
        EXPECT_EQ(files.contents.size(), wanted.size());
        // Not as two whole maps: a difference would print megabytes.
        for (const auto& [path, content] : wanted) {
            const auto found = files.contents.find(path);
            ASSERT_NE(found, files.contents.end()) << path;
            ASSERT_TRUE(found->second == content) << path;
        }
    }

    std::map<std::string, std::string> wanted;

  private:
    std::filesystem::path folder_;
    std::string list_, open_;
    int sources_ = 0, descriptor_ = -1;
    std::unique_ptr<Image> image_;
};

TEST_F(MadeByMkfs, Version5) {
    fill({5, 40, 300, 3000});
    expect_all({});
}

TEST_F(MadeByMkfs, Version4) {
    fill({5, 40, 300, 3000});
    expect_all({"-m", "crc=0"});
}

TEST_F(MadeByMkfs, Version4WithoutTypesAndWithTheSmallestBlocks) {
    fill({5, 40, 300, 3000});
    expect_all({"-m", "crc=0", "-n", "ftype=0", "-b", "size=512", "-i", "size=256"});
}

TEST_F(MadeByMkfs, SmallBlocksAndLargeDirectoryBlocks) {
    fill({5, 40, 300, 3000});
    expect_all({"-b", "size=1024", "-n", "size=65536"});
}

TEST_F(MadeByMkfs, LargeInodesAndEveryFeature) {
    fill({5, 40, 300});
    expect_all({"-i", "size=2048,nrext64=1,sparse=1", "-m", "rmapbt=1,reflink=1,bigtime=1", "-d", "agcount=3"});
}

TEST_F(MadeByMkfs, CutImagesAreSkips) {
    fill({5, 40});
    Image& image = make({});
    ChangedImage cut(image);
    for (uint64_t size = 0; size < image.size(); size += size < (4U << 20) ? 251'003 : 31'250'007) {
        cut.cut(size);
        std::string error;
        const auto files = walk_xfs_files(cut, {}, &error);
        for (const auto& [path, content] : files.contents) EXPECT_TRUE(content == wanted.at(path)) << path << " at " << size;
        if (files.contents.size() < wanted.size()) {
            EXPECT_FALSE(files.skips.empty() && error.empty()) << size;
        }
    }
}

TEST_F(MadeByMkfs, NoFlippedBitOfMetadataIsSilent) {
    fill({5, 40});
    Image& image = make({});
    ChangedImage changed(image);
    (void)walk_xfs_files(changed);
    // What the walk reads in whole blocks and pieces is metadata, but for a few contents; a flip in a content changes only that.
    std::map<uint64_t, size_t> places;
    for (const auto& [offset, size] : changed.reads)
        if (size % 4096 == 0) places[offset] = std::max(places[offset], size);
    uint64_t turn = 0;
    for (const auto& [offset, size] : places) {
        const auto bytes = image.bytes(offset, std::min<size_t>(size, 32768));
        for (size_t at = turn % 97; at < bytes.size(); at += bytes[at] == 0 ? 1499 : 397) {
            changed.flips = {{offset + at, static_cast<uint8_t>(1U << (++turn % 8))}};
            std::string error;
            const auto files = walk_xfs_files(changed, {}, &error);
            if (files.contents.size() < wanted.size()) {
                EXPECT_FALSE(files.skips.empty() && error.empty()) << offset + at;
            }
            size_t other = 0;
            for (const auto& [path, content] : files.contents) {
                const auto found = wanted.find(path);
                ASSERT_NE(found, wanted.end()) << path << " at " << offset + at;
                other += found->second != content;
            }
            EXPECT_LE(other, 1U) << offset + at;
        }
    }
    EXPECT_GT(turn, 100U);
}

}  // namespace
}  // namespace bailiff::agent
