// SPDX-License-Identifier: Apache-2.0
// bailiff-scan: options in, findings and a verdict out, the exit status says which.
#include "agent/scan/clean/cleaner.hpp"
#include "agent/scan/engines/yara_worker.hpp"
#include "agent/scan/options.hpp"
#include "agent/scan/reader.hpp"
#include "agent/scan/report.hpp"

#include <bailiff/system_clock.hpp>

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <optional>

namespace bailiff::agent {
namespace {

constexpr int exit_error = 2, exit_in_use = 4;

int complain(const std::string& text) {
    std::fprintf(stderr, "bailiff-scan: %s\n", text.c_str());
    return exit_error;
}

void note(const std::string& text) { std::fprintf(stderr, "bailiff-scan: note: %s\n", text.c_str()); }

/// For reader, qemu-nbd and YARA's workers too, which are started later. clamd is the host's own, and keeps its priority. Not
/// the very lowest ones: a scan that is starved ends as incomplete.
void give_way() {
    constexpr int this_process = 1, last_of_best_effort = 2 << 13 | 7;   // linux/ioprio.h
    ::setpriority(PRIO_PROCESS, 0, 10);
    ::syscall(SYS_ioprio_set, this_process, 0, last_of_best_effort);
}

volatile std::sig_atomic_t asked_to_end = 0;

/// The first signal ends the scan with what is known so far; a second one ends the program.
void end_on_signals() {
    struct sigaction action {};
    action.sa_handler = [](int) { asked_to_end = 1; };
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
}

int run(int argc, char** argv) {
    auto parsed = parse_options(argc, argv);
    if (!parsed) return complain(parsed.error().text);
    if (!parsed->print.empty()) return std::fputs(parsed->print.c_str(), stdout), 0;
    ScanOptions& options = parsed->options;
    if (options.gentle) give_way();

    std::vector<std::unique_ptr<Engine>> engines;
    if (!options.clamd.socket_path.empty()) {
        std::string about_set;
        auto engine = make_clamd_engine(options.clamd, about_set);
        if (!engine) return complain(engine.error().text);
        if (!about_set.empty()) note(about_set);
        engines.push_back(std::move(*engine));
    }
    if (!options.yara.empty()) {
        auto engine = make_yara_engine(options.yara, options.settings.per_file);
        if (!engine) return complain(engine.error().text);
        engines.push_back(std::move(*engine));
    }
    const auto hashes = HashLists::load(options.hash_lists, options.hash_list_keys);
    if (!hashes) return complain(hashes.error().text);
    if (!hashes->empty()) options.settings.hashes = &*hashes;
    SystemClock clock;
    std::unique_ptr<VerdictCache> cache;
    if (!options.cache.empty()) {
        auto opened = VerdictCache::open(options.cache, options.cache_bytes, clock.now());
        if (opened) cache = std::move(*opened);
        else note("the scan goes on without its cache: " + opened.error().text);
        if (!options.clamd.socket_path.empty() && options.clamd.database.empty())
            note("what ClamAV finds clean is not remembered: name clamd's DatabaseDirectory with --clamd-database");
    }
    options.settings.cache = cache.get();
    NewSignatures new_signatures;
    if (cache && !options.clamd.socket_path.empty()) {
        auto found = find_new_signatures(options.clamd, options.cache, options.settings.lanes, *engines.front(), *cache);
        if (!found) note("known contents are matched with all signatures again: " + found.error().text);
        else if (*found) {
            note(std::to_string((*found)->count) + " signatures are new: known contents are matched with these only");
            new_signatures = std::move(**found);
            options.settings.new_signatures = &new_signatures;
        }
    }
    // Last: qemu-nbd lets go of a client that does not speak to it within ten seconds, and an engine may take longer to be ready.
    auto source = open_source(options.source);
    if (!source) return complain(source.error().text), options.source.share && source.error().code == Errc::conflict ? exit_in_use : exit_error;
    for (const auto& text : source->notes) note(text);
    options.settings.now = [&clock] { return ScanTime(clock.monotonic()); };
    std::optional<Rescan> rescan;
    if (!options.rescan.state.empty() && cache) rescan.emplace(options.rescan, source->identity);
    options.settings.rescan = rescan ? &*rescan : nullptr;
    options.settings.cancelled = [] { return asked_to_end != 0; };
    end_on_signals();
    Report report(options.json, options.progress, options.settings.now);
    const auto verdict = scan(std::move(*source), engines, options.settings, report);
    if (!verdict) return complain(verdict.error().text);
    report.finish(*verdict);
    switch (verdict->verdict) {
        case ScanVerdict::clean: return 0;
        case ScanVerdict::infected: return 1;
        case ScanVerdict::incomplete: return 3;
    }
    return exit_error;
}

}  // namespace
}  // namespace bailiff::agent

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    try {
        using namespace bailiff::agent;
        const auto role = run_role(argc, argv, {{"gate", run_gate}, {"reader", run_reader}, {"yara", run_yara_worker}, {"blanker", run_blanker}});
        return role ? *role : run(argc, argv);
    } catch (const std::exception& error) {
        return bailiff::agent::complain(error.what());
    }
}
