// SPDX-License-Identifier: Apache-2.0
// Makes disk images without root and without mounting, and runs bailiff-scan on them.
#pragma once

#include "agent/process/process.hpp"
#include "agent/scan/scan_result.hpp"
#include "tests/fixtures/clamd.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace bailiff::test {

/// One folder in /tmp with a tree of files and images made of it; removed at the end.
class Workshop {
  public:
    Workshop() {
        char name[] = "/tmp/bailiff-images-XXXXXX";
        if (!::mkdtemp(name)) throw std::runtime_error("no folder in /tmp");
        folder_ = name;
        std::filesystem::create_directory(tree());
    }
    ~Workshop() {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }
    Workshop(const Workshop&) = delete;
    Workshop& operator=(const Workshop&) = delete;

    std::string path(const std::string& name) const { return folder_ + "/" + name; }
    std::string tree() const { return folder_ + "/tree"; }

    /// A file of the tree; its folders are made.
    void file(const std::string& name, const std::string& content) {
        const std::filesystem::path full = tree() + "/" + name;
        std::filesystem::create_directories(full.parent_path());
        std::ofstream(full, std::ios::binary) << content;
    }
    static std::string run(const std::vector<std::string>& argv, const std::string& input = "") {
        agent::ProcessOptions options;
        options.input = input;
        options.timeout = std::chrono::seconds(60);
        const auto result = agent::Process::run(argv, options);
        if (!result || !result->ok()) ADD_FAILURE() << argv[0] << ": " << (result ? result->describe() : result.error().text);
        return result ? result->out : "";
    }
    std::string blank(const std::string& name, uint64_t size) {
        std::ofstream(path(name)).close();
        std::filesystem::resize_file(path(name), size);
        return path(name);
    }
    /// An ext filesystem of the whole tree, at `offset` of the image.
    std::string ext(const std::string& name, const std::string& type = "ext4", uint64_t size = 32U << 20, uint64_t offset = 0,
                    const std::string& features = "") {
        const std::string image = std::filesystem::exists(path(name)) ? path(name) : blank(name, offset + size);
        std::vector<std::string> argv{"mke2fs", "-q", "-F", "-t", type, "-d", tree(), "-E", "offset=" + std::to_string(offset)};
        if (!features.empty()) argv.insert(argv.end(), {"-O", features});
        argv.insert(argv.end(), {image, std::to_string(size / 1024) + "k"});
        run(argv);
        return image;
    }
    std::string fat(const std::string& name, const std::vector<std::string>& files, int bits = 16, uint64_t size = 32U << 20) {
        const std::string image = blank(name, size);
        run({"mkfs.vfat", "-F", std::to_string(bits), image});
        for (const auto& file : files) run({"mcopy", "-i", image, tree() + "/" + file, "::" + std::filesystem::path(file).filename().string()});
        return image;
    }
    /// mkfs.xfs makes nothing below 300 MB; the image is sparse.
    std::string xfs(const std::string& name, const std::vector<std::string>& files) {
        const std::string image = blank(name, 320U << 20), list = path(name + ".list");
        std::ofstream out(list);
        out << "/none\n0 0\nd--755 0 0\n";
        for (const auto& file : files) out << std::filesystem::path(file).filename().string() << " ---644 0 0 " << tree() << "/" << file << "\n";
        out << "$\n";
        out.close();
        run({"mkfs.xfs", "-q", "-f", "-p", list, image});
        return image;
    }
    /// The whole tree as an ISO 9660; `options` as mkisofs has them.
    std::string iso(const std::string& name, const std::vector<std::string>& options) {
        std::vector<std::string> argv{"xorriso", "-as", "mkisofs", "-quiet", "-o", path(name)};
        argv.insert(argv.end(), options.begin(), options.end());
        argv.push_back(tree());
        run(argv);
        return path(name);
    }
    std::string ntfs(const std::string& name, const std::vector<std::string>& files) {
        const std::string image = blank(name, 16U << 20);
        run({"mkntfs", "-q", "-F", "-Q", image});
        for (const auto& file : files) run({"ntfscp", "-f", image, tree() + "/" + file, std::filesystem::path(file).filename().string()});
        return image;
    }
    /// A GPT disk whose partitions hold the given images (an empty name is left blank).
    std::string gpt(const std::string& name, const std::vector<std::pair<std::string, uint64_t>>& parts) {
        constexpr uint64_t mib = 1U << 20;
        uint64_t total = 2 * mib;
        for (const auto& part : parts) total += part.second;
        const std::string image = blank(name, total);
        std::string script = "label: gpt\n";
        uint64_t at = mib;
        for (const auto& [content, size] : parts) {
            script += "start=" + std::to_string(at / 512) + ", size=" + std::to_string(size / 512) + "\n";
            if (!content.empty()) copy(content, image, at);
            at += size;
        }
        run({"sfdisk", "--quiet", image}, script);
        return image;
    }
    static void copy(const std::string& from, const std::string& to, uint64_t at) {
        std::ifstream in(from, std::ios::binary);
        std::fstream out(to, std::ios::binary | std::ios::in | std::ios::out);
        out.seekp(static_cast<std::streamoff>(at));
        out << in.rdbuf();
    }
    std::string qcow2(const std::string& image, const std::vector<std::string>& more = {}) {
        std::vector<std::string> argv{"qemu-img", "convert", "-f", "raw", "-O", "qcow2"};
        argv.insert(argv.end(), more.begin(), more.end());
        argv.insert(argv.end(), {image, image + ".qcow2"});
        run(argv);
        return image + ".qcow2";
    }

  private:
    std::string folder_;
};

struct ScanRun {
    int exit = -1;
    std::string out, err;
    agent::Verdict verdict;  ///< when there was one

    /// "gpt1 /root/x", of every hit.
    std::set<std::string> found() const {
        std::set<std::string> out_;
        for (const auto& hit : verdict.hits) out_.insert(hit.volume + " " + hit.path);
        return out_;
    }
    /// "gpt1 /root/x size", of everything skipped.
    std::set<std::string> skipped() const {
        std::set<std::string> out_;
        for (const auto& item : verdict.skipped) out_.insert(item.volume + " " + item.path + " " + std::string(name(item.reason)));
        return out_;
    }
};

inline ScanRun finish_scan(const agent::ProcessResult& result) {
    ScanRun run{result.exit_code, result.out, result.err, {}};
    if (run.exit == 2 || run.exit == 4) {
        EXPECT_EQ(run.out, "") << "an error has no verdict";
        return run;
    }
    const auto verdict = agent::parse_verdict(run.out);
    if (!verdict) {
        ADD_FAILURE() << verdict.error().text << "\n" << run.out << run.err;
        return run;
    }
    run.verdict = *verdict;
    const int due = verdict->verdict == ScanVerdict::clean ? 0 : verdict->verdict == ScanVerdict::infected ? 1 : 3;
    EXPECT_EQ(run.exit, due) << "exit status and verdict must agree";
    return run;
}

inline std::vector<std::string> scan_command(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {BAILIFF_BIN_DIR "/bailiff-scan", "--json"});
    return arguments;
}

inline ScanRun scan_image(std::vector<std::string> arguments, const std::vector<std::string>& more_environment = {}) {
    agent::ProcessOptions options;
    options.environment.insert(options.environment.end(), more_environment.begin(), more_environment.end());
    options.timeout = std::chrono::seconds(60);
    options.output_cap_bytes = 16U << 20;
    const auto result = agent::Process::run(scan_command(std::move(arguments)), options);
    if (!result) {
        ADD_FAILURE() << result.error().text;
        return {};
    }
    return finish_scan(*result);
}

/// One clamd for all tests of a program.
inline TestClamd& shared_clamd() {
    static TestClamd clamd;
    return clamd;
}
inline std::vector<std::string> with_clamd(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--clamd", shared_clamd().socket_path()});
    return arguments;
}

}  // namespace bailiff::test
