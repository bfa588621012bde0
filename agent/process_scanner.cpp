// SPDX-License-Identifier: Apache-2.0
// See process_scanner.hpp.
#include "agent/process_scanner.hpp"

#include "agent/process/cgroup.hpp"
#include "agent/process/process.hpp"
#include "agent/scan/scan_result.hpp"

#include <bailiff/dsse.hpp>
#include <bailiff/json.hpp>
#include <bailiff/system_clock.hpp>

#include <algorithm>

namespace bailiff::agent {
namespace {

constexpr std::chrono::milliseconds look_for_stop{100};
constexpr int exit_clean = 0, exit_infected = 1, exit_incomplete = 3, exit_some_failed = 3;
/// Of `bailiff-scan --share`: somebody writes to the disk.
constexpr int exit_in_use = 4;

void name_image(std::vector<std::string>& argv, const ScanTarget& disk) {
    argv.insert(argv.end(), {"--format", disk.format});
    if (!disk.backing.empty()) argv.insert(argv.end(), {"--backing", disk.backing, "--backing-format", disk.backing_format});
}

void name_changes(std::vector<std::string>& argv, const ScanChanges& changes) {
    argv.insert(argv.end(), {"--state", changes.state, "--mark", changes.mark});
    if (!changes.bitmap.empty()) argv.insert(argv.end(), {"--dirty-bitmap", changes.bitmap, "--since", changes.since});
}

ProcessOptions process_options(std::chrono::milliseconds timeout) {
    ProcessOptions options;
    options.timeout = timeout;
    options.output_cap_bytes = size_t{64} << 20;
    options.die_with_parent = true;
    return options;
}

/// Whether bailiff-clean says with this word that the hit is not there any more.
bool is_away(const std::string& action) { return action == "removed" || action == "replaced" || action == "blanked" || action == "absent"; }

/// As Process::run, and ended with `conflict` when `stop` says so.
Result<ProcessResult> run_until(const std::vector<std::string>& argv, const ProcessOptions& options, const std::function<std::string()>& stop) {
    const SystemClock clock;
    const auto deadline = clock.monotonic() + options.timeout;
    auto child = Process::start(argv, options);
    if (!child) return fail(child.error());
    while (!child->wait_ended(std::min<std::chrono::milliseconds>(look_for_stop, deadline - clock.monotonic()))) {
        if (auto why = stop(); !why.empty()) {
            child->stop();
            return fail(Errc::conflict, std::move(why));
        }
        if (clock.monotonic() >= deadline) break;
    }
    return child->wait(std::chrono::milliseconds(0));
}

std::string last_line(const std::string& output) {
    size_t end = output.size();
    while (end > 0 && output[end - 1] == '\n') --end;
    const size_t begin = output.rfind('\n', end ? end - 1 : 0);
    return output.substr(begin == std::string::npos ? 0 : begin + 1, end - (begin == std::string::npos ? 0 : begin + 1));
}

/// An engine without a date, such as YARA with the provider's own rules, says nothing of the age of another's signatures.
Instant newest_signatures(const Verdict& disk) {
    Instant out{};
    for (const auto& engine : disk.engines) out = std::max(out, engine.signatures_at);
    return out;
}

/// What a person accepts of an incomplete scan is exactly this: which things on which disk were not looked at, and why.
/// Lines of JSON, since paths hold any byte; sorted, since two scans meet the same things in any order. Nothing when a list
/// was cut short, or not everything was read anew: then nobody knows all of them.
std::string digest_of_skipped(const std::map<std::string, Verdict>& disks) {
    std::vector<std::string> lines;
    for (const auto& [target, disk] : disks) {
        if (disk.skipped.size() != disk.skipped_total || disk.read != ScanScope::full) return "";
        for (const auto& item : disk.skipped) lines.push_back(dump_json(Json::array({target, item.volume, item.path, name(item.reason)})));
        for (const auto& volume : disk.volumes)
            if (volume.state == VolumeState::unreadable) lines.push_back(dump_json(Json::array({target, volume.name, "", "volume: " + volume.reason})));
    }
    std::sort(lines.begin(), lines.end());
    std::string all;
    for (const auto& line : lines) all += line + "\n";
    return sha256_hex(all);
}

/// Infected if any is, else incomplete if any is, else clean. What is passed over as unchanged is good enough to watch a disk by,
/// when its caller said so; a VM is given back only when everything was read: such a verdict counts as incomplete.
void add(ScanOutcome& total, const Verdict& disk, bool watched) {
    const bool partial = !watched && disk.verdict == ScanVerdict::clean && disk.read != ScanScope::full;
    if (partial) total.skipped += int64_t(disk.unchanged);
    total.unchanged += int64_t(disk.unchanged);
    total.files += int64_t(disk.files);
    total.bytes += int64_t(disk.bytes);
    total.skipped += int64_t(disk.skipped_total);
    for (const auto& hit : disk.hits) total.hits.push_back({hit.path, hit.signature, hit.engine, hit.sha256});
    total.suspicious += int64_t(disk.suspicious_total);
    for (const auto& one : disk.suspicious)
        if (total.suspicions.size() < most_suspicions) total.suspicions.push_back({one.path, std::string(name(one.rule)), one.reason});
    for (const auto& engine : disk.engines) {
        EngineSet one{engine.name, engine.version, engine.set, engine.signatures_at};
        if (std::find(total.engines.begin(), total.engines.end(), one) == total.engines.end()) total.engines.push_back(std::move(one));
    }
    const ScanVerdict verdict = partial ? ScanVerdict::incomplete : disk.verdict;
    if (verdict == ScanVerdict::infected || total.verdict == ScanVerdict::clean) total.verdict = verdict;
}

}  // namespace

Result<ScanOutcome> ProcessScanner::scan(const std::vector<ScanTarget>& disks, const std::function<void(int)>& percent) {
    return scan_each(disks, Holding::ours, percent, [] { return std::string(); });
}

Result<ScanOutcome> ProcessScanner::scan_live(const std::vector<ScanTarget>& exports, const std::function<void(int)>& percent,
                                              const std::function<std::string()>& stop) {
    return scan_each(exports, Holding::served, percent, stop);
}

Result<ScanOutcome> ProcessScanner::scan_unheld(const std::vector<ScanTarget>& disks, const std::function<bool()>& go_on) {
    return scan_each(disks, Holding::nobody, [](int) {}, [&] { return go_on() ? std::string() : "the scan was stopped"; });
}

Result<ScanOutcome> ProcessScanner::scan_each(const std::vector<ScanTarget>& disks, Holding holding, const std::function<void(int)>& percent,
                                              const std::function<std::string()>& stop) {
    if (disks.empty()) return fail(Errc::invalid, "the VM has no disk that could be scanned");
    ScanOutcome out;
    out.verdict = ScanVerdict::clean;
    std::map<std::string, Verdict> verdicts;
    for (size_t i = 0; i < disks.size(); ++i) {
        const ScanTarget& disk = disks[i];
        // A host is there for its VMs: a scan takes what they leave.
        std::vector<std::string> argv{programs_.scan, "--json", "--progress", "--gentle"};
        name_image(argv, disk);
        if (!programs_.clamd.empty()) argv.insert(argv.end(), {"--clamd", programs_.clamd});
        if (!programs_.clamd.empty() && !programs_.clamd_database.empty()) argv.insert(argv.end(), {"--clamd-database", programs_.clamd_database});
        if (!programs_.clamd.empty() && !programs_.clamd_config.empty()) argv.insert(argv.end(), {"--clamd-config", programs_.clamd_config});
        if (!programs_.yara.empty()) argv.insert(argv.end(), {"--yara", programs_.yara});
        for (const auto& list : programs_.hash_lists) argv.insert(argv.end(), {"--hash-list", list});
        if (!programs_.hash_lists.empty())
            for (const auto& key : programs_.hash_list_keys) argv.insert(argv.end(), {"--hash-list-key", key});
        if (!programs_.cache.empty()) argv.insert(argv.end(), {"--cache", programs_.cache, "--cache-size", std::to_string(programs_.cache_mib) + "M"});
        // What nothing was found in is known by the cache, so a state is of use only with one.
        const bool watched = holding == Holding::served && disk.changes && !programs_.cache.empty();
        if (watched) name_changes(argv, *disk.changes);
        if (holding == Holding::served && programs_.live_mib_per_s > 0)
            argv.insert(argv.end(), {"--read-rate", std::to_string(programs_.live_mib_per_s)});
        if (holding == Holding::nobody) argv.push_back("--share");
        argv.push_back(disk.path);
        auto options = process_options(programs_.timeout);
        // Made again each time: systemd removes a group in which nothing runs.
        if (!programs_.cgroup.empty())
            if (auto made = prepare_cgroup(programs_.cgroup); !made) return fail(made.error());
        options.cgroup = programs_.cgroup;
        options.on_output = [line = std::string(), &percent, i, &disks](std::string_view output) mutable {
            for (const char c : output) {
                if (c != '\n') {
                    if (line.size() < longest_progress_line) line += c;
                    continue;
                }
                // The last percent is the verdict's.
                if (const auto part = scan_percent(line)) percent(int((100 * i + std::min(size_t(*part), size_t{99})) / disks.size()));
                line.clear();
            }
        };
        const auto ended = run_until(argv, options, stop);
        if (!ended) return fail(ended.error());
        const auto broken = [&](const std::string& why) {
            return fail(Errc::unavailable, "the scan of disk " + disk.target + " has no verdict: " + why);
        };
        if (holding == Holding::nobody && ended->exit_code == exit_in_use) return fail(Errc::conflict, "the disk " + disk.target + " is in use: " + ended->describe());
        const bool told = ended->exit_code == exit_clean || ended->exit_code == exit_infected || ended->exit_code == exit_incomplete;
        if (!told || ended->timed_out || ended->truncated) return broken(ended->describe());
        const auto verdict = parse_verdict(ended->out);
        if (!verdict) return broken(verdict.error().text);
        // Exit status and verdict are two witnesses; only when both say so is a disk clean.
        const bool agree = (ended->exit_code == exit_clean) == (verdict->verdict == ScanVerdict::clean) &&
                           (ended->exit_code == exit_infected) == (verdict->verdict == ScanVerdict::infected);
        if (!agree) return broken("its exit status and its verdict contradict each other");
        add(out, *verdict, watched);
        verdicts.emplace(disk.target, *verdict);
        const Instant signatures = newest_signatures(*verdict);
        out.signatures_at = i == 0 ? signatures : std::min(out.signatures_at, signatures);
        out.reports[disk.target] = last_line(ended->out);
        percent(int(100 * (i + 1) / disks.size()));
    }
    out.skipped_sha256 = digest_of_skipped(verdicts);
    return out;
}

Result<std::vector<ScanHit>> ProcessScanner::clean(const std::vector<ScanTarget>& overlays, const ScanOutcome& found,
                                                   const std::string& keep_folder) {
    std::vector<ScanHit> moved;
    for (const auto& overlay : overlays) {
        const auto report = found.reports.find(overlay.target);
        if (report == found.reports.end()) continue;
        const auto verdict = parse_verdict(report->second);
        if (!verdict) return fail(Errc::invalid, "the scan's report of disk " + overlay.target + " cannot be read; scan again");
        if (verdict->hits.empty()) continue;
        // The only program that may write an image; it is given nothing but an overlay.
        if (overlay.backing.empty()) return fail(Errc::forbidden, "disk " + overlay.target + " has no overlay; only overlays are cleaned");
        std::vector<std::string> argv{programs_.clean, "--json", "--keep", keep_folder};
        if (!programs_.keep_key.empty()) argv.insert(argv.end(), {"--keep-key", programs_.keep_key});
        for (const auto& tree : programs_.known_good) argv.insert(argv.end(), {"--known-good", tree});
        name_image(argv, overlay);
        argv.push_back(overlay.path);
        auto options = process_options(programs_.timeout);
        options.input = report->second + "\n";
        const auto ended = Process::run(argv, options);
        if (!ended) return fail(ended.error());
        if (ended->timed_out || ended->truncated || (ended->exit_code != 0 && ended->exit_code != exit_some_failed))
            return fail(Errc::invalid, "cleaning disk " + overlay.target + " failed, so its overlay is thrown away: " + ended->describe());
        for (size_t begin = 0; begin < ended->out.size();) {
            const size_t end = std::min(ended->out.find('\n', begin), ended->out.size());
            const auto line = parse_json(std::string_view(ended->out).substr(begin, end - begin));
            begin = end + 1;
            if (!line || !line->is_object() || !line->contains("path") || !is_away(line->value("action", ""))) continue;
            const auto path = line->at("path").get<std::string>();
            const auto hit = std::find_if(verdict->hits.begin(), verdict->hits.end(), [&](const Finding& f) { return f.path == path; });
            if (hit != verdict->hits.end()) moved.push_back({hit->path, hit->signature, hit->engine, hit->sha256});
        }
    }
    return moved;
}

}  // namespace bailiff::agent
