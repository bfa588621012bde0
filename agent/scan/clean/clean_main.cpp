// SPDX-License-Identifier: Apache-2.0
// bailiff-clean: a verdict and an overlay to clean in, a folder for what is taken out of it.
#include "agent/files/durable_file.hpp"
#include "agent/scan/box/role.hpp"
#include "agent/scan/clean/clean.hpp"
#include "agent/scan/clean/clean_options.hpp"
#include "agent/scan/clean/clean_report.hpp"
#include "agent/scan/clean/cleaner.hpp"
#include "agent/scan/clean/keep.hpp"

#include <bailiff/system_clock.hpp>

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>

namespace bailiff::agent {
namespace {

constexpr int exit_error = 2, exit_some_failed = 3;

int complain(const std::string& text) {
    std::fprintf(stderr, "bailiff-clean: %s\n", text.c_str());
    return exit_error;
}

/// What bailiff-scan printed, from a file or from standard input.
Result<std::string> findings_of(const std::string& path) {
    if (path.empty()) {
        if (::isatty(STDIN_FILENO) == 1)
            return fail(Errc::invalid, "nothing says what was found; pipe the output of bailiff-scan --json in, or name a file of it with --findings");
        return std::string{std::istreambuf_iterator<char>(std::cin), {}};
    }
    std::ifstream in(path, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    if (in.bad() || text.empty()) return fail(Errc::invalid, "the file '" + path + "' cannot be read, or is empty; --findings names what bailiff-scan --json printed");
    return text;
}

int unseal(const UnsealOptions& options) {
    const auto pem = read_file(options.key, 65536);
    const auto key = pem ? UnsealingKey::from_private_pem(*pem) : Result<UnsealingKey>(fail(pem.error()));
    if (!key) return complain("--key: " + key.error().text);
    const auto opened = unseal_file(options.file, *key, STDOUT_FILENO);
    return opened ? 0 : complain(opened.error().text);
}

int run(int argc, char** argv) {
    auto options = parse_clean_options(argc, argv);
    if (!options) return complain(options.error().text);
    if (!options->print.empty()) return std::fputs(options->print.c_str(), stdout), 0;
    if (options->unseal) return unseal(*options->unseal);
    CleanRequest& request = options->request;
    const auto input = findings_of(options->findings);
    if (!input) return complain(input.error().text);
    auto found = parse_verdict(*input);
    if (!found) return complain("the findings must be what bailiff-scan --json printed: " + found.error().text);
    if (found->hits.size() != found->hits_total) return complain("the scan found more than it lists; clean this VM from a fresh image instead");
    request.found = std::move(*found);
    const SystemClock clock;
    request.now = clock.now();
    CleanReport report(options->json, clock);
    const auto summary = clean(request, report);
    if (!summary) return complain(summary.error().text);
    report.finish(*summary, request);
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
