// SPDX-License-Identifier: Apache-2.0
// The command line: every mistake is named at once, with its remedy.
#include "agent/scan/options.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace bailiff::agent {
namespace {

Result<ParsedOptions> parse(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "bailiff-scan");
    return parse_options(static_cast<int>(arguments.size()), arguments.data());
}

TEST(Options, Reads) {
    const auto o = parse({"--format", "qcow2", "--clamd", "/c", "--yara=/y", "--json", "--max-file-size", "2G", "--backing", "/b",
                          "--backing-format", "raw", "--share", "disk.qcow2"}).value().options;
    EXPECT_EQ(o.source.image, "disk.qcow2");
    EXPECT_EQ(o.source.format, "qcow2");
    EXPECT_TRUE(o.source.share);
    EXPECT_EQ(o.source.backing.at(0).path, "/b");
    EXPECT_EQ(o.clamd.socket_path, "/c");
    EXPECT_EQ(o.yara, "/y");
    EXPECT_TRUE(o.json);
    const auto lists = parse({"--hash-list", "/a", "--hash-list=/b", "--hash-list-key", "/k", "--yara", "/y", "x"}).value().options;
    EXPECT_EQ(lists.hash_lists, (std::vector<std::string>{"/a", "/b"}));
    EXPECT_EQ(lists.hash_list_keys, std::vector<std::string>{"/k"});
    EXPECT_EQ(o.settings.limits.file_size, uint64_t{2} << 30);
}

TEST(Options, NamesEveryMistake) {
    const auto says = [](std::vector<const char*> arguments, const char* part) {
        const auto parsed = parse(std::move(arguments));
        return !parsed && parsed.error().text.find(part) != std::string::npos;
    };
    EXPECT_TRUE(says({"x"}, "--clamd SOCKET")) << "no engine";
    EXPECT_TRUE(says({"--yara", "/y"}, "exactly one image"));
    EXPECT_TRUE(says({"--yara", "/y", "a", "b"}, "exactly one image"));
    EXPECT_TRUE(says({"--yara", "/y", "--format", "vmdk", "x"}, "raw or qcow2"));
    EXPECT_TRUE(says({"--yara", "/y", "--backing", "/b", "x"}, "--backing-format"));
    EXPECT_TRUE(says({"--yara", "/y", "--max-file-size", "3G", "x"}, "at most 2G"));
    EXPECT_TRUE(says({"--yara", "/y", "--max-file-size", "many", "x"}, "number of bytes"));
    EXPECT_TRUE(says({"--yara", "/y", "--streams", "0", "x"}, "1 to 64"));
    EXPECT_TRUE(says({"--yara", "/y", "--hash-list", "/a", "x"}, "--hash-list-key"));
    EXPECT_TRUE(says({"--hash-list", "/a", "--hash-list-key", "/k", "x"}, "--clamd SOCKET")) << "lists alone make no scan";
    EXPECT_TRUE(says({"--yara", "/y", "--read-rate", "0", "x"}, "--read-rate must be from 1"));
    EXPECT_TRUE(says({"--unknown", "x"}, "--help"));
    EXPECT_TRUE(says({"--jso", "x"}, "--help")) << "no abbreviations";
}

TEST(Options, ASlowReaderIsNotTakenForADeadOne) {
    const auto silence = [](const char* rate) {
        return parse({"--yara", "/y", "--read-rate", rate, "--max-file-size", "2G", "x"}).value().options.settings;
    };
    EXPECT_EQ(silence("24").limits.read_rate, uint64_t{24} << 20);
    EXPECT_EQ(silence("100000").reader_silence, ScanSettings{}.reader_silence);
    EXPECT_GT(silence("1").reader_silence, std::chrono::seconds(2048)) << "two gigabytes at one megabyte a second";
    EXPECT_EQ(parse({"--yara", "/y", "x"}).value().options.settings.limits.read_rate, 0u);
}

TEST(Options, RescansNeedWhatMakesThemTrue) {
    const auto says = [](std::vector<const char*> arguments, const char* part) {
        for (const char* common : {"--yara", "/y"}) arguments.push_back(common);
        const auto parsed = parse(std::move(arguments));
        return !parsed && parsed.error().text.find(part) != std::string::npos;
    };
    EXPECT_TRUE(says({"--state", "/s", "x"}, "--state needs --cache"));
    EXPECT_TRUE(says({"--trust-metadata", "x"}, "--trust-metadata needs --state"));
    EXPECT_TRUE(says({"--state", "/s", "--cache", "/c", "--dirty-bitmap", "b0", "x"}, "--format qcow2"));
    EXPECT_TRUE(says({"--state", "/s", "--cache", "/c", "--dirty-bitmap", "b,0", "--format", "qcow2", "x"}, "letters, digits"));
    EXPECT_TRUE(says({"--state", "/s", "--cache", "/c", "--dirty-bitmap", "b0", "--trust-metadata", "--format", "qcow2", "x"}, "exclude each other"));
    EXPECT_TRUE(says({"--state", "/s", "--cache", "/c", "--since", "c1", "x"}, "--since needs --dirty-bitmap"));
    EXPECT_TRUE(says({"--progress", "x"}, "--progress needs --json"));
    const auto o = parse({"--yara", "/y", "--state", "/s", "--cache", "/c", "--dirty-bitmap", "backup-vda", "--since", "c1", "--mark", "c2", "nbd+unix:///vda?socket=/n"}).value().options;
    EXPECT_EQ(o.rescan.state, "/s");
    EXPECT_EQ(o.source.dirty_bitmap, "backup-vda");
    EXPECT_EQ(o.rescan.since, "c1");
    EXPECT_EQ(o.rescan.mark, "c2");
}

TEST(Options, HelpAndVersion) {
    EXPECT_NE(parse({"--help"}).value().print.find("Exit status"), std::string::npos);
    EXPECT_NE(parse({"--version"}).value().print.find(BAILIFF_VERSION), std::string::npos);
}

}  // namespace
}  // namespace bailiff::agent
