// SPDX-License-Identifier: Apache-2.0
#include "controller/core/statistics.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <utility>

namespace bailiff::core {
namespace {

/// Ended with nothing left on the VM; a case that staff closed, or that was a mistake, says nothing of how long cleaning takes.
bool ends_clean(Outcome outcome) {
    switch (outcome) {
        case Outcome::fixed_by_customer:
        case Outcome::cleaned:
        case Outcome::found_clean: return true;
        case Outcome::accepted:
        case Outcome::false_positive:
        case Outcome::closed_by_staff:
        case Outcome::merged: return false;
    }
    return false;
}

/// By rank, so that each figure is one that a case really had.
std::optional<SpanFigures> spans(std::vector<Seconds> all) {
    if (all.empty()) return std::nullopt;
    std::sort(all.begin(), all.end());
    const auto at = [&](size_t tenths) { return all[(all.size() * tenths + 9) / 10 - 1]; };
    return SpanFigures{at(5), at(9)};
}

std::string group_of(const CaseTimes& c, GroupBy group, const NetblockSize& size) {
    switch (group) {
        case GroupBy::all: return "all";
        case GroupBy::type: return c.type.empty() ? "unknown" : c.type;
        case GroupBy::policy: return c.policy.text();
        case GroupBy::reporter: return c.reporter.empty() ? "unknown" : c.reporter;
        case GroupBy::netblock: return netblock_of(c.vm_address, size);
        case GroupBy::customer: return c.customer.empty() ? "unknown" : c.customer.text();
        case GroupBy::month: return format_rfc3339(c.opened_at).substr(0, 7);
    }
    return "unknown";
}

}  // namespace

void CaseBook::add(const CaseId& id, const HistoryItem& item) {
    if (const auto* opened = std::get_if<CaseOpened>(&item.fact)) {
        CaseTimes& c = cases_[id];
        c.id = id;
        c.type = opened->report.type;
        c.reporter = opened->report.reporter;
        c.vm_name = opened->vm_name;
        c.vm_address = opened->vm_address;
        c.customer = opened->customer;
        c.customer_name = opened->customer_name;
        c.policy = opened->policy;
        c.opened_at = item.at;
        return;
    }
    const auto found = cases_.find(id);
    if (found == cases_.end()) return;   // the beginning of its history lies outside of what was given
    CaseTimes& c = found->second;
    count_reports(c, item.fact);
    if (std::holds_alternative<ReplyRecorded>(item.fact) && !c.replied_at) c.replied_at = item.at;
    if (const auto* demanded = std::get_if<StateDemanded>(&item.fact)) sanction_[id] = demanded->sanction;
    if (std::holds_alternative<StateReached>(item.fact) && sanction_[id] && !c.sanctioned_at) c.sanctioned_at = item.at;
    if (const auto* closed = std::get_if<CaseClosed>(&item.fact)) {
        c.closed_at = item.at;
        c.outcome = closed->outcome;
        if (ends_clean(closed->outcome)) c.clean_at = item.at;
    }
    if (std::holds_alternative<CameBack>(item.fact)) {
        c.closed_at.reset();
        c.outcome.reset();
    }
}

/// Those of a case that went into another count there, and again here once that is undone.
void CaseBook::count_reports(CaseTimes& c, const Fact& fact) {
    if (std::holds_alternative<ReportAdded>(fact)) ++c.reports;
    if (const auto* split = std::get_if<ReportsSplitOff>(&fact)) c.reports -= int64_t(split->reports.size());
    if (const auto* taken = std::get_if<CaseTakenIn>(&fact)) {
        c.reports += int64_t(taken->reports.size());
        taken_in_[{c.id, taken->other}] = int64_t(taken->reports.size());
    }
    if (const auto* undone = std::get_if<MergeUndone>(&fact)) c.reports -= std::exchange(taken_in_[{c.id, undone->other}], 0);
}

std::string netblock_of(const std::string& address, const NetblockSize& size) {
    std::array<unsigned char, 16> bytes{};
    for (const auto& [family, length, prefix] : {std::tuple{AF_INET, 4, size.ipv4}, std::tuple{AF_INET6, 16, size.ipv6}}) {
        if (::inet_pton(family, address.c_str(), bytes.data()) != 1) continue;
        for (int i = 0; i < length; ++i) {
            const int kept = std::clamp(prefix - 8 * i, 0, 8);
            bytes[size_t(i)] = static_cast<unsigned char>(bytes[size_t(i)] & (0xff00 >> kept));
        }
        char text[INET6_ADDRSTRLEN];
        return std::string(::inet_ntop(family, bytes.data(), text, sizeof text)) + "/" + std::to_string(prefix);
    }
    return "unknown";
}

std::map<std::string, Figures> figures_by(GroupBy group, const CaseBook& book, Instant from, Instant to, const NetblockSize& size) {
    struct Spans {
        std::vector<Seconds> reply, clean, close;
    };
    std::map<std::string, Figures> out;
    std::map<std::string, Spans> all;
    for (const auto& [id, c] : book.cases()) {
        if (c.opened_at < from || c.opened_at >= to || c.outcome == Outcome::merged) continue;
        const std::string word = group_of(c, group, size);
        Figures& f = out[word];
        Spans& s = all[word];
        ++f.cases;
        f.reports += c.reports;
        f.open += !c.closed_at;
        f.replied += c.replied_at.has_value();
        f.sanctioned += c.sanctioned_at.has_value();
        f.cleaned += c.clean_at.has_value();
        f.false_positives += c.outcome == Outcome::false_positive;
        if (c.replied_at) s.reply.push_back(*c.replied_at - c.opened_at);
        if (c.clean_at) s.clean.push_back(*c.clean_at - c.opened_at);
        if (c.closed_at) s.close.push_back(*c.closed_at - c.opened_at);
    }
    for (auto& [word, figures] : out) {
        Spans& s = all[word];
        figures.to_reply = spans(std::move(s.reply));
        figures.to_clean = spans(std::move(s.clean));
        figures.to_close = spans(std::move(s.close));
    }
    return out;
}

}  // namespace bailiff::core
