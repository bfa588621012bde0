// SPDX-License-Identifier: Apache-2.0
// A qcow2 disk with a dirty bitmap, written to as a guest would: through QEMU, with whatever a raw copy of it became.
#pragma once

#include "tests/integration/scan/workshop.hpp"

#include <cstring>

namespace bailiff::test {

/// Scans with one YARA rule, which finds "malice", and keeps cache and state between scans.
class RescanShop : public Workshop {
  public:
    RescanShop() {
        std::filesystem::create_directory(path("rules"));
        rule("malice", "this is malice");
    }
    void rule(const std::string& name, const std::string& text) const {
        std::ofstream(path("rules/" + name + ".yar")) << "rule " << name << " { strings: $a = \"" << text << "\" condition: $a }\n";
    }

    /// Makes the qcow2 image of `raw` and begins its record of what is written.
    void begin(const std::string& raw, const std::string& granularity = "1024") {
        raw_ = raw;
        disk_ = qcow2(raw);
        run({"qemu-img", "bitmap", "--add", "--enable", "-g", granularity, disk_, "b0"});
        run({"cp", "--sparse=always", raw_, path("before.raw")});
    }
    const std::string& raw() const { return raw_; }
    const std::string& disk() const { return disk_; }

    /// Writes to the qcow2 image what has changed in the raw one.
    void write_through() const {
        constexpr size_t block = 1024, much = 1024 * block;
        std::ifstream after(raw_, std::ios::binary);
        std::fstream before(path("before.raw"), std::ios::binary | std::ios::in | std::ios::out);
        std::string old(much, '\0'), now(much, '\0');
        std::vector<std::string> argv{"qemu-io", "-f", "qcow2"};
        size_t pieces = 0;
        const uint64_t size = std::filesystem::file_size(raw_);
        for (uint64_t begin = 0; begin < size; begin += much) {
            const size_t part = std::min<uint64_t>(much, size - begin);
            before.seekg(static_cast<std::streamoff>(begin));
            before.read(old.data(), static_cast<std::streamsize>(part));
            after.read(now.data(), static_cast<std::streamsize>(part));
            if (std::memcmp(old.data(), now.data(), part) == 0) continue;
            for (size_t at = 0; at < part; at += block) {
                if (std::memcmp(old.data() + at, now.data() + at, block) == 0) continue;
                const std::string piece = path("piece" + std::to_string(pieces++));
                std::ofstream(piece, std::ios::binary) << now.substr(at, block);
                argv.insert(argv.end(), {"-c", "write -s " + piece + " " + std::to_string(begin + at) + " " + std::to_string(block)});
                before.seekp(static_cast<std::streamoff>(begin + at));
                before << now.substr(at, block);
            }
        }
        argv.push_back(disk_);
        if (pieces) run(argv);
        for (size_t i = 0; i < pieces; ++i) std::filesystem::remove(path("piece" + std::to_string(i)));
    }
    /// Overwrites bytes of the raw image where they stand, so that no metadata tells of it. Answers whether they stood there.
    bool patch(const std::string& from, const std::string& to) const {
        constexpr size_t much = 4U << 20;
        std::fstream file(raw_, std::ios::binary | std::ios::in | std::ios::out);
        std::string bytes;
        const uint64_t size = std::filesystem::file_size(raw_);
        for (uint64_t begin = 0; begin < size; begin += much) {
            bytes.resize(std::min<uint64_t>(much + from.size(), size - begin));
            file.seekg(static_cast<std::streamoff>(begin));
            file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
            const size_t at = bytes.find(from);
            if (at == bytes.npos) continue;
            file.seekp(static_cast<std::streamoff>(begin + at));
            file << to;
            return true;
        }
        return false;
    }

    ScanRun scan(std::vector<std::string> more = {"--dirty-bitmap", "b0"}) const {
        std::vector<std::string> arguments{"--yara", path("rules"), "--cache", path("cache"), "--state", path("state"), "--format", "qcow2"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        arguments.push_back(disk_);
        return scan_image(arguments);
    }
    /// Without a state: everything is read.
    ScanRun full() const { return scan_image({"--yara", path("rules"), "--cache", path("full-cache"), "--format", "qcow2", disk_}); }

  private:
    std::string raw_, disk_;
};

/// What both say of the disk, apart from how they came to it.
inline void expect_same(const ScanRun& rescan, const ScanRun& full) {
    EXPECT_EQ(rescan.exit, full.exit);
    EXPECT_EQ(rescan.found(), full.found());
    EXPECT_EQ(rescan.skipped(), full.skipped());
    EXPECT_EQ(rescan.verdict.files, full.verdict.files);
    EXPECT_EQ(rescan.verdict.bytes, full.verdict.bytes);
    EXPECT_EQ(full.verdict.read, agent::ScanScope::full);
}

}  // namespace bailiff::test
