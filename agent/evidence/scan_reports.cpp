// SPDX-License-Identifier: Apache-2.0
// See scan_reports.hpp.
#include "agent/evidence/scan_reports.hpp"

#include "agent/files/durable_file.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>

namespace bailiff::agent {
namespace {

constexpr std::string_view ending = ".dsse", short_ending = ".short.dsse";

}  // namespace

FileScanReports::FileScanReports(std::string folder, SignatureKey key, const Clock& clock, ReportBounds bounds)
    : folder_(std::move(folder)), key_(std::move(key)), clock_(clock), bounds_(bounds) {}

/// Files of another shape (a `.part` that a crash left) are none of ours to read; they go with the next report of their job.
std::vector<FileScanReports::Kept> FileScanReports::all() const {
    std::vector<Kept> out;
    for (const auto& vm : names_in(folder_))
        for (const auto& name : names_in(folder_ + "/" + vm)) {
            Kept one{folder_ + "/" + vm + "/" + name, "", VmId(vm), 0, 0, name.ends_with(short_ending)};
            const size_t dash = name.find('-'), tail = one.is_short ? short_ending.size() : ending.size();
            if (!name.ends_with(ending) || dash == std::string::npos || name.size() < dash + 1 + tail) continue;
            one.job = name.substr(dash + 1, name.size() - dash - 1 - tail);
            const auto [end, error] = std::from_chars(name.data(), name.data() + dash, one.started);
            struct stat found {};
            if (error != std::errc{} || end != name.data() + dash || ::stat(one.path.c_str(), &found) != 0) continue;
            one.bytes = uint64_t(found.st_size);
            out.push_back(std::move(one));
        }
    std::sort(out.begin(), out.end(), [](const Kept& a, const Kept& b) { return std::pair(a.started, a.path) < std::pair(b.started, b.path); });
    return out;
}

Result<std::string> FileScanReports::keep(ScanReport report) {
    if (!is_uuid(report.vm.text()) || !is_hex(report.job, 32)) return fail(Errc::invalid, "a report of no VM or no job is not kept");
    report.ended = std::max(report.started, clock_.now());
    const std::string payload = scan_report_payload(report);
    const std::string whole = seal(key_, scan_report_payload_type, payload);
    const std::string place = folder_ + "/" + report.vm.text();
    if (auto made = make_folder_of_mode(folder_, 0700); !made) return fail(made.error());
    if (auto made = make_folder_of_mode(place, 0700); !made) return fail(made.error());
    const std::string stem = place + "/" + std::to_string(report.started.time_since_epoch().count()) + "-" + report.job;
    // The short one first: where the whole one lies, what travels of it lies too.
    if (whole.size() > largest_scan_report) {
        const std::string brief = seal(key_, scan_report_payload_type, scan_report_payload(short_form(report)));
        if (brief.size() > largest_scan_report) return fail(Errc::invalid, "even the short form of the report is too large to travel");
        if (auto written = write_durably(stem + std::string(short_ending), brief, 0400); !written) return fail(written.error());
    }
    if (whole.size() <= largest_kept_report)
        if (auto written = write_durably(stem + std::string(ending), whole, 0400); !written) return fail(written.error());
    // A scan that a crash repeated began at another second.
    for (const auto& earlier : all())
        if (earlier.job == report.job && !earlier.path.starts_with(stem + ".")) (void)remove_durably(earlier.path);
    keep_within_bounds(report.job);
    return sha256_hex(payload);
}

void FileScanReports::keep_within_bounds(const std::string& newest_job) const {
    const auto kept = all();
    size_t files = kept.size();
    uint64_t bytes = 0;
    for (const auto& one : kept) bytes += one.bytes;
    for (const auto& one : kept) {
        if (files <= bounds_.files && bytes <= bounds_.bytes) return;
        if (one.job == newest_job || !remove_durably(one.path)) continue;
        --files;
        bytes -= one.bytes;
    }
}

std::string FileScanReports::travelling(const std::string& job) {
    std::string whole;
    for (const auto& one : all()) {
        if (one.job != job) continue;
        if (!one.is_short && one.bytes > largest_scan_report) continue;
        auto text = read_file(one.path, largest_scan_report);
        if (!text) continue;
        if (one.is_short) return std::move(*text);
        whole = std::move(*text);
    }
    return whole;
}

int64_t FileScanReports::expire(Instant before, const std::function<bool(const VmId&)>& needed) {
    int64_t gone = 0;
    for (const auto& one : all()) {
        if (one.started >= before.time_since_epoch().count() || needed(one.vm)) continue;
        if (remove_durably(one.path)) ++gone;
    }
    return gone;
}

}  // namespace bailiff::agent
