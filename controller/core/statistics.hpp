// SPDX-License-Identifier: Apache-2.0
// How long things take: the audit log, folded into one line per case and into figures per group of cases.
//
//   history items ──> CaseBook ──> CaseTimes per case ──> figures_by(group, span)
//
// Nothing is counted while it happens, so the figures of any span of the past can be asked for at any time, and are provable.
#pragma once

#include "controller/core/history.hpp"

#include <bailiff/result.hpp>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bailiff::core {

/// One case's milestones. Spans between them are of elapsed time, nights and holidays included: what the victim lives through.
struct CaseTimes {
    CaseId id;
    std::string type, reporter;                ///< of the report that opened it
    std::string vm_name, vm_address, customer_name;
    CustomerId customer;
    PolicyId policy;
    int64_t reports = 1;                       ///< of a merged case: those that it had when it went
    Instant opened_at{};
    std::optional<Instant> replied_at;         ///< the customer's first answer
    std::optional<Instant> sanctioned_at;      ///< the VM first reached the state that silence led to
    std::optional<Instant> clean_at;           ///< closed with nothing left to do: fixed, cleaned, found clean
    std::optional<Instant> closed_at;
    std::optional<Outcome> outcome;
    friend bool operator==(const CaseTimes&, const CaseTimes&) = default;
};

/// Folds a history, whose items may come case by case or mixed, each case's in order.
class CaseBook {
  public:
    void add(const CaseId& id, const HistoryItem& item);
    const std::map<CaseId, CaseTimes>& cases() const { return cases_; }

  private:
    void count_reports(CaseTimes& c, const Fact& fact);
    std::map<CaseId, CaseTimes> cases_;
    std::map<CaseId, bool> sanction_;          ///< the state that is demanded now is one
    std::map<std::pair<CaseId, CaseId>, int64_t> taken_in_;   ///< how many reports a case has from another
};

enum class GroupBy { all, type, policy, reporter, netblock, customer, month };

/// Lengths of the prefixes that make a netblock.
struct NetblockSize {
    int ipv4 = 24, ipv6 = 48;
};

/// The network of an address in the usual notation, "192.0.2.0/24"; "unknown" for what is no address.
std::string netblock_of(const std::string& address, const NetblockSize& size);

/// Half of the spans are no longer than `median`, nine of ten no longer than `most`.
struct SpanFigures {
    Seconds median{0}, most{0};
    friend bool operator==(const SpanFigures&, const SpanFigures&) = default;
};

struct Figures {
    int64_t cases = 0, reports = 0, open = 0, replied = 0, sanctioned = 0, cleaned = 0, false_positives = 0;
    std::optional<SpanFigures> to_reply{};     ///< from opening, of those that were answered
    std::optional<SpanFigures> to_clean{};     ///< from opening, of those that ended clean
    std::optional<SpanFigures> to_close{};
    friend bool operator==(const Figures&, const Figures&) = default;
};

/// Of the cases opened at or after `from` and before `to`, by the group's word. A case that went into another is none of its own: its
/// reports count with that one.
std::map<std::string, Figures> figures_by(GroupBy group, const CaseBook& book, Instant from, Instant to, const NetblockSize& size = {});

}  // namespace bailiff::core

namespace bailiff {
template <>
struct Names<core::GroupBy> {
    using E = core::GroupBy;
    static constexpr std::string_view what = "group";
    static constexpr std::array table{std::pair{E::all, std::string_view("all")},           std::pair{E::type, std::string_view("type")},
                                      std::pair{E::policy, std::string_view("policy")},     std::pair{E::reporter, std::string_view("reporter")},
                                      std::pair{E::netblock, std::string_view("netblock")}, std::pair{E::customer, std::string_view("customer")},
                                      std::pair{E::month, std::string_view("month")}};
};
}  // namespace bailiff
