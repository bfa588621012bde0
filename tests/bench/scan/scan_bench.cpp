// SPDX-License-Identifier: Apache-2.0
// bailiff-scan and its peers on the same disk with the same signatures, in turn within each round; see README.md.
#include "tests/bench/scan/score.hpp"

#include <boost/program_options.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <unistd.h>

#include <iostream>
#include <optional>
#include <sstream>

namespace bailiff::test {
namespace {

namespace fs = std::filesystem;
namespace po = boost::program_options;

struct Options {
    const WorkloadSize* size = nullptr;
    int rounds = 3;
    unsigned lanes = 2;
    std::string folder;
    std::set<std::string> only;
    Peers peers = Peers::installed;
    bool json = false;
};

/// Nothing when help was asked for.
std::optional<Options> parse(int argc, char** argv) {
    po::options_description all("Options");
    all.add_options()
        ("size", po::value<std::string>()->default_value("mid"), "tiny, mid or main")
        ("rounds", po::value<int>()->default_value(3), "rounds; each takes every way once")
        ("lanes", po::value<unsigned>()->default_value(2), "files matched at once")
        ("folder", po::value<std::string>(), "build the workload here and keep it (mid needs 7 GB, main 16)")
        ("only", po::value<std::string>()->default_value(""), "only these ways: NAME[,NAME]; cold_raw runs only when it is named")
        ("peers", po::value<std::string>()->default_value("installed"), "none, installed, or all: those that boot an appliance, too (minutes a round)")
        ("json", "print everything as one JSON line, too; it is the last one")
        ("help", "print this");
    po::variables_map values;
    po::store(po::parse_command_line(argc, argv, all), values);
    if (values.count("help")) {
        std::cout << all;
        return std::nullopt;
    }
    Options out;
    out.size = workload_size(values["size"].as<std::string>());
    if (!out.size) throw std::runtime_error("--size must be tiny, mid or main");
    out.rounds = values["rounds"].as<int>();
    out.lanes = values["lanes"].as<unsigned>();
    if (out.rounds < 1 || out.lanes < 1) throw std::runtime_error("--rounds and --lanes must be at least 1");
    if (values.count("folder")) out.folder = values["folder"].as<std::string>();
    std::stringstream names(values["only"].as<std::string>());
    for (std::string name; std::getline(names, name, ',');) out.only.insert(name);
    const std::string peers = values["peers"].as<std::string>();
    if (peers != "none" && peers != "installed" && peers != "all") throw std::runtime_error("--peers must be none, installed or all");
    out.peers = peers == "none" ? Peers::none : peers == "all" ? Peers::all : Peers::installed;
    out.json = values.count("json") != 0;
    return out;
}

/// Ours until the end, unless the caller named one to keep.
class Folder {
  public:
    explicit Folder(const std::string& kept) : path_(kept) {
        if (!kept.empty()) return;
        char name[] = "/var/tmp/bailiff-bench-XXXXXX";
        if (!::mkdtemp(name)) throw std::runtime_error("no folder in /var/tmp");
        path_ = own_ = name;
    }
    ~Folder() {
        std::error_code ignored;
        if (!own_.empty()) fs::remove_all(own_, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    const fs::path& path() const { return path_; }

  private:
    fs::path path_, own_;
};

std::string missing_tools() {
    for (const char* tool : {"/usr/sbin/clamd", "/usr/bin/clamdscan", "/usr/bin/qemu-img", "/usr/sbin/mke2fs", "/usr/sbin/mkfs.vfat", "/usr/bin/mcopy", "/usr/sbin/sfdisk"})
        if (::access(tool, X_OK) != 0) return std::string(tool) + " is not installed";
    return "";
}

bool measure(const Options& options) {
    const Folder folder(options.folder);
    const Workload work = build_workload(folder.path(), *options.size);
    warm_up(work);
    Ways ways(work, options.lanes);
    Score score(work, options.lanes);
    std::set<std::string> unknown = options.only;
    for (Way& way : ways.list(options.peers)) {
        unknown.erase(way.name);
        if (options.only.empty() ? way.name != "cold_raw" : options.only.contains(way.name)) score.rows().push_back({.way = std::move(way)});
    }
    if (!unknown.empty()) throw std::runtime_error("there is no way " + *unknown.begin());
    for (int round = 1; round <= options.rounds; ++round)
        for (Row& row : score.rows()) {
            if (!row.way.missing.empty() || !row.failed.empty()) continue;
            try {
                // What the way before it wrote is not written on this one's time.
                ::sync();
                score.note(row, row.way.run());
                fmt::print(stderr, "bench_scan: round {} {} {:.2f} s\n", round, row.way.name, row.seconds.back());
            } catch (const std::exception& error) {
                row.failed = error.what();
            }
        }
    score.print();
    if (const auto fill = ways.fill_seconds()) fmt::print("Filling this disk's cache took {:.2f} s.\n", *fill);
    if (options.json) fmt::print("{}\n", score.json().dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    return score.sound();
}

}  // namespace
}  // namespace bailiff::test

int main(int argc, char** argv) {
    using namespace bailiff::test;
    try {
        const auto options = parse(argc, argv);
        if (!options) return 0;
        if (const auto missing = missing_tools(); !missing.empty()) {
            fmt::print("bench_scan: {}\n", missing);
            return 0;
        }
        return measure(*options) ? 0 : 1;
    } catch (const std::exception& error) {
        fmt::print(stderr, "bench_scan: {}\n", error.what());
        return 2;
    }
}
