// SPDX-License-Identifier: Apache-2.0
// decide, for cases that belong together: two that are one, one that is two, and one that stands while another goes first.
//
//   A open ──take_in B──> A with B's reports (in review, when B was answered)      B ──merge_away──> closed: merged
//   and back: undo_merge / come_back, while the customer has not answered A since and the VM was not touched

#include "controller/core/situation.hpp"

#include <algorithm>
#include <set>

namespace bailiff::core {
namespace {

/// A fact holds them all, and a history is read for years.
constexpr size_t most_taken_in = 1000;

bool has(const std::vector<ReportSummary>& reports, const ReportId& id) {
    return std::any_of(reports.begin(), reports.end(), [&](const ReportSummary& r) { return r.id == id; });
}

}  // namespace

/// The case keeps its own clock and policy, so that it grows no harsher. What the customer said of the other one must not be
/// lost in it: a person reads it before the ladder goes on.
Result<Facts> on(const Situation& d, const TakeIn& in) {
    const Case& c = d.c;
    const OtherCase& other = in.other;
    if (in.reason.empty()) return fail(Errc::invalid, "To merge cases takes a reason.");
    if (other.id == c.id) return fail(Errc::invalid, "A case cannot be merged into itself.");
    if (c.phase == Phase::closed) return conflict(c, "no other case can go on in it");
    if (other.customer != c.customer)
        return fail(Errc::forbidden, "Cases " + c.id.text() + " and " + other.id.text() + " are of two customers; one must not read of the other.");
    if (other.vm != c.vm && !in.insist)
        return conflict(c, "case " + other.id.text() + " is about another VM; insist, and say why, if the two are one all the same");
    if (other.reports.size() > most_taken_in)
        return fail(Errc::invalid, "Case " + other.id.text() + " has more than " + std::to_string(most_taken_in) + " reports; it stays a case of its own.");
    CaseTakenIn fact{other.id, other.policy, {}, other.told, in.undoes_split, in.reason};
    for (const auto& report : other.reports)
        if (!has(c.reports, report.id)) fact.reports.push_back(report);
    Facts facts{std::move(fact)};
    const bool runs = c.phase == Phase::open || c.phase == Phase::answered || c.phase == Phase::sanctioned;
    if (runs && !other.review_reason.empty()) review(d, facts, "case " + other.id.text() + ", which goes on here, was in review: " + other.review_reason);
    else if (runs && other.answered) review(d, facts, "the customer has answered case " + other.id.text() + ", which goes on here: read it, then decide");
    return facts;
}

Result<Facts> on(const Situation& d, const MergeAway& in) {
    const Case& c = d.c;
    if (in.reason.empty()) return fail(Errc::invalid, "To merge cases takes a reason.");
    if (in.into == c.id) return fail(Errc::invalid, "A case cannot be merged into itself.");
    if (c.phase == Phase::closed) return conflict(c, "it is over, and cannot go on in another one");
    if (c.demand > 0) return conflict(c, "it has had the VM in hand, so it has to end by itself; merge the other one into it");
    if (c.held) return conflict(c, "it is on hold (" + c.hold_reason + "); lift that first");
    Facts facts;
    stop_clocks(d, facts, "merged");
    facts.push_back(MergedInto{in.into, in.reason});
    facts.push_back(CaseClosed{Outcome::merged, "it goes on in case " + in.into.text()});
    return facts;
}

Result<Facts> on(const Situation& d, const UndoMerge& in) {
    const Case& c = d.c;
    if (in.reason.empty()) return fail(Errc::invalid, "To undo a merge takes a reason.");
    const auto merged = std::find_if(c.merged.begin(), c.merged.end(), [&](const MergedCase& m) { return m.id == in.other; });
    if (merged == c.merged.end()) return conflict(c, "case " + in.other.text() + " was not merged into it");
    if (c.phase == Phase::closed) return conflict(c, "what was merged into it is over with it; a new report opens a new case");
    if (int64_t(c.replies.size()) != merged->replies) return conflict(c, "the customer has answered since, and perhaps for both");
    if (c.demand != merged->demand) return conflict(c, "the VM was acted on since");
    for (const auto& report : merged->reports)
        if (!has(c.reports, report)) return conflict(c, "report " + report.text() + " has left it since");
    if (c.reports.size() <= merged->reports.size()) return conflict(c, "it would have no report left");
    return Facts{MergeUndone{in.other, in.reason}};
}

Result<Facts> on(const Situation& d, const ComeBack& in) {
    const Case& c = d.c;
    if (in.reason.empty()) return fail(Errc::invalid, "To undo a merge takes a reason.");
    if (c.phase != Phase::closed || c.merged_into != in.from) return conflict(c, "it does not go on in case " + in.from.text());
    Facts facts{CameBack{in.from, in.reason}};
    const Seconds resolution = d.resolution_left();
    switch (c.before_merge) {
        case Phase::open:
            facts.push_back(RungStarted{c.rung, d.rung().id, d.ladder_left(), d.rung().waits_for == WaitsFor::call});
            if (d.policy.resolution && resolution > Seconds{0}) facts.push_back(ResolutionStarted{resolution});
            break;
        case Phase::answered:
            if (d.policy.resolution) facts.push_back(ResolutionStarted{resolution});
            break;
        case Phase::review: facts.push_back(ReviewOpened{c.review_reason}); break;
        case Phase::sanctioned:
        case Phase::treatment:
        case Phase::restoring:
        case Phase::closed: break;   // none of these is ever merged away
    }
    return facts;
}

Result<Facts> on(const Situation& d, const SplitOff& in) {
    const Case& c = d.c;
    if (in.reason.empty()) return fail(Errc::invalid, "To split a case takes a reason.");
    if (c.phase == Phase::closed) return conflict(c, "no report can leave it any more");
    const std::set<ReportId> chosen(in.reports.begin(), in.reports.end());
    if (chosen.empty()) return fail(Errc::invalid, "To split a case, name the reports that do not belong to it.");
    for (const auto& id : chosen)
        if (!has(c.reports, id)) return fail(Errc::not_found, "Report " + id.text() + " is not one of case " + c.id.text() + ".");
    if (chosen.size() >= c.reports.size()) return fail(Errc::invalid, "A case keeps at least one report; close it, if none belongs to it.");
    return Facts{ReportsSplitOff{{chosen.begin(), chosen.end()}, in.into, in.reason}};
}

/// What has the VM in hand goes on to its end; before that, nothing is lost by waiting.
Result<Facts> on(const Situation& d, const Mute& in) {
    const Case& c = d.c;
    const bool waits = c.phase == Phase::open || c.phase == Phase::answered || c.phase == Phase::review;
    if (!waits || touched(c) || !c.muted_by.empty()) return Facts{};
    Facts facts;
    stop_clocks(d, facts, "muted");
    facts.push_back(Muted{in.by, in.policy});
    return facts;
}

Result<Facts> on(const Situation& d, const Unmute& in) {
    if (d.c.muted_by.empty()) return Facts{};
    return Facts{Unmuted{d.c.muted_by, in.why}};
}

}  // namespace bailiff::core
