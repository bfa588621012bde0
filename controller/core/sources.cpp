// SPDX-License-Identifier: Apache-2.0
#include "controller/core/sources.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace bailiff::core {
namespace {

/// Second words of names under which whole countries register: "co.uk", "com.au", "or.jp".
constexpr std::array<std::string_view, 11> shared_words{"ac", "co", "com", "edu", "go", "gov", "ne", "net", "nic", "or", "org"};

bool is_host_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.'; }

/// The last two labels, or three under a shared word.
std::string registered_domain(std::string_view host) {
    while (host.ends_with('.')) host.remove_suffix(1);
    const size_t last = host.rfind('.');
    if (last == std::string_view::npos || last == 0) return std::string(host);
    size_t second = host.rfind('.', last - 1);
    const std::string_view word = host.substr(second == std::string_view::npos ? 0 : second + 1, last - (second == std::string_view::npos ? 0 : second + 1));
    const bool shared = host.size() - last == 3 && std::find(shared_words.begin(), shared_words.end(), word) != shared_words.end();
    if (shared && second != std::string_view::npos && second > 0) second = host.rfind('.', second - 1);
    return std::string(second == std::string_view::npos ? host : host.substr(second + 1));
}

std::string spoken(int64_t number) { return number == 1 ? "one source" : std::to_string(number) + " sources"; }

}  // namespace

std::string source_of(std::string_view reporter) {
    std::string text;
    for (const char c : reporter) {
        const bool blank = c == ' ' || c == '\t' || c == '\r' || c == '\n';
        if (blank && (text.empty() || text.back() == ' ')) continue;
        text += blank ? ' ' : c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
    }
    if (text.ends_with(' ')) text.pop_back();
    if (const size_t at = text.rfind('@'); at != std::string::npos) {
        size_t end = at + 1;
        while (end < text.size() && is_host_letter(text[end])) ++end;
        if (end > at + 1) return registered_domain(std::string_view(text).substr(at + 1, end - at - 1));
    }
    const bool host = text.find('.') != std::string::npos && std::all_of(text.begin(), text.end(), is_host_letter);
    return host ? registered_domain(text) : text;
}

Sources sources_of(const Case& c, const Policy& policy) {
    std::set<ReportId> joined;
    for (const auto& merged : c.merged) joined.insert(merged.reports.begin(), merged.reports.end());
    std::set<std::string> parties;
    bool unproven = false;
    Sources out;
    for (const auto& report : c.reports) {
        const bool about = std::any_of(policy.types.begin(), policy.types.end(), [&](const auto& pattern) { return covers(pattern, report.type); });
        if (!about || joined.contains(report.id)) continue;
        out.ascertained = out.ascertained || report.ascertained;
        if (report.party.starts_with(unproven_party)) unproven = true;
        else parties.insert(source_of(report.party.empty() ? report.reporter : report.party));
    }
    if (unproven && parties.empty()) parties.insert("unproven mail");
    out.independent.assign(parties.begin(), parties.end());
    return out;
}

std::string why_too_few_sources(const Case& c, const Policy& policy) {
    const Sources found = sources_of(c, policy);
    const auto count = int64_t(found.independent.size());
    if (found.ascertained || count >= policy.sources) return {};
    std::string named;
    for (const auto& party : found.independent) named += (named.empty() ? "" : ", ") + (party.empty() ? std::string("unnamed") : party);
    const std::string who = count == 0 ? std::string("no report of its kind") : "only " + spoken(count) + " (" + named + ")";
    return "no response, but " + who + " stands behind the case and the policy " + policy.id.text() + " asks for " + std::to_string(policy.sources) + ": look at the evidence, then decide enforce or dismiss";
}

Severity severity_of(const Case& c, const Policy& policy) {
    if (!why_too_few_sources(c, policy).empty()) return Severity::low;
    const Sources found = sources_of(c, policy);
    const bool at_once = !policy.ladder.empty() && policy.ladder.front().then && policy.ladder.front().within == Seconds{0};
    return at_once || found.ascertained || found.independent.size() >= 3 ? Severity::high : Severity::normal;
}

}  // namespace bailiff::core
