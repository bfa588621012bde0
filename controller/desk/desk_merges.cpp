// SPDX-License-Identifier: Apache-2.0
// Two cases that are one, and one that is two: both histories and the stored reports change in one transaction. Where the
// second half fails, what the first half wanted to send is forgotten with it.

#include "controller/desk/desk.hpp"

#include <algorithm>
#include <set>

namespace bailiff {
namespace {

/// A merge leads to an open case, and undone ones do not count: longer chains are a mistake in the database.
constexpr int longest_chain = 100;

Error no_such(const CaseId& id) { return {Errc::not_found, "There is no case " + id.text() + "; `bailiffctl case list` shows those there are."}; }

core::OtherCase other_case(const core::Case& c) {
    core::OtherCase out{c.id, c.policy, c.vm, c.customer, c.reports};
    out.told = std::none_of(c.notices.begin(), c.notices.end(), [](const core::NoticeDue& due) {
        return due.notice == core::Notice::ticket || due.notice == core::Notice::further_report;
    });
    out.answered = !c.replies.empty();
    if (c.phase == core::Phase::review) out.review_reason = c.review_reason;
    return out;
}

std::set<ReportId> ids_of(const std::vector<core::ReportSummary>& reports) {
    std::set<ReportId> out;
    for (const auto& report : reports) out.insert(report.id);
    return out;
}

}  // namespace

CaseId Desk::in_charge(const CaseId& id) {
    CaseId now_in = id;
    for (int steps = 0; steps < longest_chain; ++steps) {
        const auto c = ports_.storage.find_case(now_in);
        if (!c || c->merged_into.empty()) break;
        now_in = c->merged_into;
    }
    return now_in;
}

void Desk::move_reports(const std::vector<ReportId>& reports, const CaseId& to) {
    for (const ReportId& id : reports) {
        auto report = ports_.storage.find_report(id);
        if (!report) continue;
        report->case_id = to;
        ports_.storage.put_report(*report);
    }
}

/// The other one closes first: what it kept still on the VM goes on before this one is looked at.
Result<CaseView> Desk::take_in(const CaseId& into, const core::Case& other, core::TakeIn how, const std::string& actor) {
    how.other = other_case(other);
    if (auto away = act(other.id, core::MergeAway{into, how.reason}, actor); !away) return away;
    auto taken = act(into, how, actor);
    if (!taken) return taken;
    const auto ids = ids_of(other.reports);
    move_reports({ids.begin(), ids.end()}, into);
    return taken;
}

Result<CaseView> Desk::merge(const CaseId& id, const CaseId& other_id, bool insist, const std::string& reason, const std::string& actor) {
    Result<CaseView> out = fail(no_such(id));
    const size_t leaving = leaving_.size();
    const auto done = ports_.storage.transaction([&]() -> Result<void> {
        if (!ports_.storage.find_case(id)) return fail(no_such(id));
        const auto other = ports_.storage.find_case(other_id);
        if (!other) return fail(no_such(other_id));
        core::TakeIn how;
        how.insist = insist;
        how.reason = reason;
        out = take_in(id, *other, std::move(how), actor);
        if (!out) return fail(out.error());
        return {};
    });
    if (!done) return leaving_.resize(leaving), fail(done.error());
    return out;
}

/// The first of them opens the new case (or joins the one that another VM has under the same policy); its ticket names all.
Result<ReportOutcome> Desk::split(const CaseId& id, const SplitRequest& request, const std::string& actor) {
    ReportOutcome out;
    const size_t leaving = leaving_.size();
    const auto done = ports_.storage.transaction([&]() -> Result<void> {
        Storage& storage = ports_.storage;
        const auto c = storage.find_case(id);
        if (!c) return fail(no_such(id));
        const VmId vm_id = request.vm.empty() ? c->vm : request.vm;
        const auto vm = storage.find_vm(vm_id);
        if (!vm && !request.to_triage) return fail(Errc::not_found, "There is no VM " + vm_id.text() + "; `bailiffctl vm list` shows those there are.");
        // What may leave is the core's to say, before anything is done with it; where it went is known only afterwards.
        const core::Policy& policy = policy_of(*c);
        if (const auto may = core::decide(*c, core::SplitOff{request.reports, {}, request.reason}, policy, calendar_of(policy), now()); !may) return fail(may.error());
        const std::set<ReportId> chosen(request.reports.begin(), request.reports.end());
        for (const core::ReportSummary& summary : c->reports) {
            if (!chosen.contains(summary.id)) continue;
            StoredReport report = storage.find_report(summary.id).value_or(StoredReport{});
            report.id = summary.id;
            report.summary = summary;
            report.case_id = CaseId();
            if (request.to_triage) {
                report.triage = "it was split off case " + id.text() + ": " + request.reason;
                storage.put_report(report);
            } else if (out.case_id.empty()) {
                const auto filed = file(std::move(report), *vm, actor, id);
                if (!filed) return fail(filed.error());
                if (filed->case_id.empty()) return fail(Errc::invalid, "The reports cannot become a case: " + filed->triage + "; split them off into triage.");
                out = *filed;
            } else {
                report.case_id = out.case_id;
                storage.put_report(report);
                const auto joined = act(out.case_id, core::AddReport{summary, out.opened}, actor);
                if (!joined) return fail(joined.error());
            }
        }
        if (request.to_triage) out = {*chosen.begin(), {}, false, "split off case " + id.text()};
        const auto left = act(id, core::SplitOff{request.reports, out.case_id, request.reason}, actor);
        if (!left) return fail(left.error());
        return {};
    });
    if (!done) return leaving_.resize(leaving), fail(done.error());
    return out;
}

Result<CaseView> Desk::undo(const CaseId& id, const CaseId& other_id, const std::string& reason, const std::string& actor) {
    Result<CaseView> out = fail(no_such(id));
    const size_t leaving = leaving_.size();
    const auto done = ports_.storage.transaction([&]() -> Result<void> {
        const auto c = ports_.storage.find_case(id);
        if (!c) return fail(no_such(id));
        const auto other = ports_.storage.find_case(other_id);
        if (!other) return fail(no_such(other_id));
        const auto merged = std::find_if(c->merged.begin(), c->merged.end(), [&](const core::MergedCase& m) { return m.id == other_id; });
        const auto split = std::find_if(c->splits.begin(), c->splits.end(), [&](const core::SplitReports& s) { return s.into == other_id; });
        if (merged != c->merged.end()) {
            out = act(id, core::UndoMerge{other_id, reason}, actor);
            if (!out) return fail(out.error());
            move_reports(merged->reports, other_id);
            if (const auto back = act(other_id, core::ComeBack{id, reason}, actor); !back) return fail(back.error());
        } else if (split != c->splits.end()) {
            if (ids_of(other->reports) != std::set<ReportId>(split->reports.begin(), split->reports.end()))
                return fail(Errc::conflict, "Case " + other_id.text() + " no longer holds just what left case " + id.text() + "; merge the two, if they are one.");
            core::TakeIn how;
            how.undoes_split = how.insist = true;
            how.reason = reason;
            out = take_in(id, *other, std::move(how), actor);
            if (!out) return fail(out.error());
        } else {
            return fail(Errc::conflict, "Case " + other_id.text() + " was neither merged into case " + id.text() + " nor split off it.");
        }
        // What the other one's coming and going did to this one stands in it now.
        out = view(id);
        if (!out) return fail(out.error());
        return {};
    });
    if (!done) return leaving_.resize(leaving), fail(done.error());
    return out;
}

}  // namespace bailiff
