// SPDX-License-Identifier: Apache-2.0
// bailiff-clean: a verdict on standard input, an overlay to clean, a folder for what is taken out of it.
#include "agent/scan/box/role.hpp"
#include "agent/scan/clean/clean.hpp"
#include "agent/scan/clean/cleaner.hpp"

#include <boost/program_options.hpp>

#include <sys/stat.h>

#include <csignal>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <sstream>

namespace bailiff::agent {
namespace {

namespace po = boost::program_options;
constexpr int exit_error = 2, exit_some_failed = 3;

int complain(const std::string& text) {
    std::fprintf(stderr, "bailiff-clean: %s\n", text.c_str());
    return exit_error;
}

int run(int argc, char** argv) {
    po::options_description visible("Options");
    visible.add_options()
        ("format", po::value<std::string>()->default_value(""), "raw or qcow2 (required)")
        ("backing", po::value<std::vector<std::string>>(), "the overlay's backing file; again for the next one")
        ("backing-format", po::value<std::vector<std::string>>(), "its format; once for each --backing")
        ("keep", po::value<std::string>()->default_value(""), "folder for the contents that are taken out (required)")
        ("help", "print this")
        ("version", "print the version");
    po::options_description all = visible;
    all.add_options()("image", po::value<std::vector<std::string>>());
    po::positional_options_description positional;
    positional.add("image", -1);
    po::variables_map values;
    try {
        po::store(po::command_line_parser(argc, argv).options(all).positional(positional).style(
                      po::command_line_style::unix_style & ~po::command_line_style::allow_guessing).run(), values);
    } catch (const po::error& error) {
        return complain(std::string(error.what()) + "; 'bailiff-clean --help' lists the options");
    }
    if (values.count("help")) {
        std::ostringstream text;
        text << visible;
        std::printf("Usage: bailiff-scan --json … OVERLAY | bailiff-clean --format FORMAT --keep FOLDER OVERLAY\n"
                    "Takes what a scan found out of an image's filesystems, without mounting them. Each content is kept in FOLDER\n"
                    "under its SHA-256 first. Only ever run it on an overlay: when it fails, the overlay must be thrown away.\n\n%s\n"
                    "Prints one JSON line per path and a summary. Exit status: 0 all done, 2 error, 3 some paths failed.\n", text.str().c_str());
        return 0;
    }
    if (values.count("version")) return std::puts("bailiff-clean " BAILIFF_VERSION), 0;

    const auto texts = [&](const char* name) {
        return values.count(name) ? values[name].as<std::vector<std::string>>() : std::vector<std::string>();
    };
    SourceSpec spec;
    spec.format = values["format"].as<std::string>();
    const auto images = texts("image"), backing = texts("backing"), formats = texts("backing-format");
    const auto keep = values["keep"].as<std::string>();
    if (images.size() != 1) return complain("name exactly one image");
    if (backing.size() != formats.size()) return complain("each --backing needs its --backing-format");
    struct stat status {};
    if (::stat(keep.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return complain("--keep must name a folder that exists");
    spec.image = images[0];
    for (size_t i = 0; i < backing.size(); ++i) spec.backing.push_back({backing[i], formats[i]});

    const std::string input{std::istreambuf_iterator<char>(std::cin), {}};
    const auto found = parse_verdict(input);
    if (!found) return complain("standard input must hold what bailiff-scan --json printed: " + found.error().text);
    if (found->hits.size() != found->hits_total) return complain("the scan found more than it lists; clean this VM from a fresh image instead");
    const auto summary = clean(spec, *found, keep, [](const CleanRecord& record) {
        std::printf("%s\n", clean_record_json(record).c_str());
        std::fflush(stdout);
    });
    if (!summary) return complain(summary.error().text);
    std::printf("%s\n", clean_summary_json(*summary).c_str());
    return summary->failed ? exit_some_failed : 0;
}

}  // namespace
}  // namespace bailiff::agent

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    try {
        using namespace bailiff::agent;
        const auto role = run_role(argc, argv, {{"gate", run_gate}, {"remover", run_remover}});
        return role ? *role : run(argc, argv);
    } catch (const std::exception& error) {
        return bailiff::agent::complain(error.what());
    }
}
