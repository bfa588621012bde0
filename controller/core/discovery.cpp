// SPDX-License-Identifier: Apache-2.0
// See discovery.hpp.
#include "controller/core/discovery.hpp"

#include <bailiff/clean_text.hpp>
#include <bailiff/dsse.hpp>
#include <bailiff/time.hpp>

#include <algorithm>
#include <set>
#include <utility>

namespace bailiff::core {
namespace {

constexpr std::string_view own_scan = "our own scan on host ";
constexpr int64_t most_named = 20;

/// ClamAV's own words for what it only suspects, and for programs that somebody may have wanted.
bool only_suspects(std::string_view signature) { return signature.starts_with("Heuristics.") || signature.starts_with("PUA."); }

int64_t weight_of(const DiscoveryRule& rule, const ScanHit& hit) {
    if (only_suspects(hit.signature)) return rule.suspicious;
    if (hit.engine == "clamav") return rule.clamav;
    if (hit.engine == "hashes") return rule.hashes;
    if (hit.engine == "yara") return rule.yara;
    return rule.suspicious;
}

}  // namespace

int64_t weight_of(const DiscoveryRule& rule, const std::vector<ScanHit>& hits) {
    std::set<std::pair<std::string, std::string>> counted;
    int64_t weight = 0;
    for (const auto& hit : hits)
        if (counted.insert({hit.engine, hit.signature}).second) weight += weight_of(rule, hit);
    return weight;
}

std::string fingerprint_of(const VmId& vm, const std::vector<ScanHit>& hits) {
    std::set<std::string> contents;
    for (const auto& hit : hits) contents.insert(hit.sha256.empty() ? hit.signature + "\t" + hit.path : hit.sha256);
    std::string all = vm.text() + "\n";
    for (const auto& content : contents) all += content + "\n";
    return sha256_hex(all);
}

std::string evidence_of(const Discovery& discovery) {
    const int64_t all = std::max(discovery.hits_total, int64_t(discovery.hits.size()));
    std::string out = "Our own scan of the machine on " + format_rfc3339(discovery.at) + (discovery.live ? ", while it ran, has " : ", while it was switched off, has ") +
                      std::to_string(all) + (all == 1 ? " finding:" : " findings:");
    for (size_t i = 0; i < discovery.hits.size() && i < size_t(most_named); ++i) {
        const ScanHit& hit = discovery.hits[i];
        out += "\n" + clean_line(hit.signature, 200) + " (" + clean_line(hit.engine, 64) + ") in " + clean_line(hit.path, 300);
        if (is_hex(hit.sha256, 64)) out += ", SHA-256 " + hit.sha256;
    }
    if (const int64_t named = std::min<int64_t>(int64_t(discovery.hits.size()), most_named); all > named) out += "\nand " + std::to_string(all - named) + " more.";
    return out;
}

std::string in_one_line(const ReportSummary& report) {
    const std::string first = report.summary.substr(0, report.summary.find('\n'));
    return is_own_scan(report.reporter) && first.ends_with(':') ? first.substr(0, first.size() - 1) : report.summary;
}

std::string own_scan_on(const HostId& host) { return std::string(own_scan) + host.text(); }
bool is_own_scan(std::string_view reporter) { return reporter.starts_with(own_scan); }

}  // namespace bailiff::core
