// SPDX-License-Identifier: Apache-2.0
#include "controller/core/remedies.hpp"

#include "controller/core/policy.hpp"

#include <algorithm>
#include <set>

namespace bailiff::core {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; }

/// What stands between blanks and marks: signatures and CVEs keep their dots and hyphens.
std::vector<std::string_view> words_of(std::string_view text) {
    constexpr std::string_view apart = " \t\r\n,;:()[]{}<>\"'`|";
    std::vector<std::string_view> out;
    for (size_t at = 0; at < text.size();) {
        const size_t begin = text.find_first_not_of(apart, at);
        if (begin == std::string_view::npos) break;
        const size_t end = std::min(text.find_first_of(apart, begin), text.size());
        auto word = text.substr(begin, end - begin);
        while (!word.empty() && word.back() == '.') word.remove_suffix(1);
        if (!word.empty()) out.push_back(word);
        at = end;
    }
    return out;
}

}  // namespace

bool fits_pattern(std::string_view pattern, std::string_view text) {
    // Greedy from the left: an earlier fit of a piece never spoils a later one.
    size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            resume = t;
        } else if (p < pattern.size() && lower(pattern[p]) == lower(text[t])) {
            ++p, ++t;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*') ++p;
    return p == pattern.size();
}

std::vector<std::string> remedies_for(const std::vector<ReportSummary>& reports, const std::vector<ScanHit>& hits,
                                      const std::vector<Remedy>& all, const std::string& language) {
    std::set<std::string_view> named;
    for (const auto& report : reports)
        for (const auto word : words_of(report.summary)) named.insert(word);
    for (const auto& hit : hits) named.insert(hit.signature);
    const auto any = [&](const std::vector<std::string>& patterns) {
        return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
            return std::any_of(named.begin(), named.end(), [&](std::string_view word) { return fits_pattern(pattern, word); });
        });
    };
    const auto of_type = [&](const Remedy& remedy) {
        return std::any_of(remedy.types.begin(), remedy.types.end(), [&](const std::string& pattern) {
            return std::any_of(reports.begin(), reports.end(), [&](const ReportSummary& report) { return covers(pattern, report.type); });
        });
    };
    std::vector<const Remedy*> fitting;
    for (const auto& remedy : all) {
        const bool by_finding = !remedy.signatures.empty() || !remedy.cves.empty();
        if (by_finding && !any(remedy.signatures) && !any(remedy.cves)) continue;
        if ((!by_finding || !remedy.types.empty()) && !of_type(remedy)) continue;
        fitting.push_back(&remedy);
    }
    std::sort(fitting.begin(), fitting.end(), [](const Remedy* a, const Remedy* b) { return a->id < b->id; });
    std::vector<std::string> out;
    for (const Remedy* remedy : fitting) {
        const auto own = remedy->steps.find(language), english = remedy->steps.find("en");
        const auto from = own != remedy->steps.end() ? own : english;
        if (from == remedy->steps.end()) continue;
        for (const auto& step : from->second)
            if (std::find(out.begin(), out.end(), step) == out.end()) out.push_back(step);
    }
    return out;
}

}  // namespace bailiff::core
