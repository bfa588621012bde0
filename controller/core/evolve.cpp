// SPDX-License-Identifier: Apache-2.0
// evolve: the fold. Total and boring on purpose: whatever was decided once is simply true from then on.

#include "controller/core/case.hpp"

#include <algorithm>

namespace bailiff::core {
namespace {

/// What tells staff of an appeal outlives what a review has to say.
constexpr std::string_view appeal_key = "review_needed/appeal-";

void owe(Case& c, Notice notice, Audience audience, const std::string& number) {
    std::string key(name(notice));
    if (!number.empty()) key += "/" + number;
    c.notices.push_back({notice, std::move(key), audience});
}

void owe_no_more(Case& c, std::initializer_list<Notice> notices) {
    std::erase_if(c.notices, [&](const NoticeDue& due) {
        return std::find(notices.begin(), notices.end(), due.notice) != notices.end() && !due.key.starts_with(appeal_key);
    });
}

void start(Countdown& count, Instant at) {
    count.running = count.left > Seconds{0} || count.running;
    count.since = at;
}

/// What stood still goes on with what was left of it, unless something else still keeps it.
void go_on(Case& c, Instant at) {
    if (stands_still(c)) return;
    if (c.phase == Phase::open) start(c.ladder, at);
    if (c.phase == Phase::open || c.phase == Phase::answered) start(c.resolution, at);
    if (c.phase == Phase::open) c.ladder.running = true;
}

/// A sanction or treatment is over when the VM runs as it was: the outcome depends on what led here.
void fold(Case& c, const HistoryItem&, const CaseOpened& f) {
    c.id = f.case_id;
    c.vm = f.vm;
    c.vm_name = f.vm_name;
    c.vm_address = f.vm_address;
    c.host = f.host;
    c.customer = f.customer;
    c.customer_name = f.customer_name;
    c.contact = f.contact;
    c.policy = f.policy;
    c.policy_revision = f.policy_revision;
    c.reports = {f.report};
    c.predecessor = f.predecessor;
    c.split_from = f.split_from;
    owe(c, Notice::ticket, Audience::customer, "");
}
/// Numbered by the reports that ever came: two mails must not share a key because some have left again.
void owe_further_report(Case& c) {
    owe(c, Notice::further_report, Audience::customer, std::to_string(int64_t(c.reports.size()) + c.reports_left));
}
void fold(Case& c, const HistoryItem&, const ReportAdded& f) {
    c.reports.push_back(f.report);
    if (!f.with_ticket) owe_further_report(c);
}
void fold(Case& c, const HistoryItem& item, const RungStarted& f) {
    c.phase = Phase::open;
    // Whoever waits for a call waits since the rung first began, not since a review let it go on.
    const bool resumed = f.call && f.index == c.rung && c.call_since != Instant{};
    if (!resumed) c.call_since = f.call ? item.at : Instant{};
    c.rung = f.index;
    c.ladder = {true, item.at, f.left};
    c.call_level = 0;
    owe_no_more(c, {Notice::call_reminder, Notice::call_overdue});
    if (f.call) owe(c, Notice::call_reminder, Audience::staff, std::to_string(item.revision));
}
void fold(Case& c, const HistoryItem& item, const LadderStopped& f) { c.ladder = {false, item.at, f.left}; }
void fold(Case& c, const HistoryItem& item, const ResolutionStopped& f) { c.resolution = {false, item.at, f.left}; }
void fold(Case& c, const HistoryItem& item, const ResolutionStarted& f) { c.resolution = {true, item.at, f.left}; }
void fold(Case& c, const HistoryItem& item, const CallOverdue& f) {
    c.call_level = f.level;
    // A row that was written before this was kept: its clock still tells since when, for the last time.
    if (c.call_since == Instant{}) c.call_since = c.ladder.since;
    c.ladder = {f.next > Seconds{0}, item.at, f.next};
    owe(c, Notice::call_overdue, f.level == 1 ? Audience::staff : Audience::supervisor, std::to_string(item.revision));
}
void fold(Case& c, const HistoryItem& item, const CallLogged& f) {
    c.calls.push_back({item.at, item.actor, f});
    if (f.outcome != CallOutcome::wrong_number) owe_no_more(c, {Notice::call_reminder, Notice::call_overdue});
    // The promise is kept by whoever phones that contact at that time or later, or reaches him before; it is moved by a new one.
    const bool kept = c.call_back && (f.number == c.call_back->number || (!f.contact.empty() && f.contact == c.call_back->contact)) &&
                      (item.at >= c.call_back->at || f.outcome == CallOutcome::reached || f.outcome == CallOutcome::wrong_number);
    if (kept) c.call_back.reset();
    if (f.call_back != Instant{}) c.call_back = CallBackDue{f.call_back, f.contact, f.number, f.note, false};
}
void fold(Case& c, const HistoryItem& item, const ReplyRecorded& f) {
    c.replies.push_back(f.reply);
    c.missing = f.missing;
    c.call_back.reset();
    owe_no_more(c, {Notice::call_reminder, Notice::call_overdue});
    if (!f.missing.empty()) owe(c, Notice::answer_incomplete, Audience::customer, std::to_string(item.revision));
    if (c.phase == Phase::open) c.phase = Phase::answered;
}
void fold(Case& c, const HistoryItem&, const TokensCharged& f) { c.tokens += f.tokens; }
void fold(Case& c, const HistoryItem&, const TokensRefunded& f) { c.tokens -= f.tokens; }
void fold(Case& c, const HistoryItem& item, const Extended& f) {
    Countdown& count = f.resolution ? c.resolution : c.ladder;
    count.left = f.left;
    count.since = item.at;
}
void fold(Case& c, const HistoryItem&, const HoldPlaced& f) {
    c.held = true;
    c.hold_reason = f.reason;
}
void fold(Case& c, const HistoryItem& item, const HoldLifted&) {
    c.held = false;
    c.hold_reason.clear();
    go_on(c, item.at);
}
void fold(Case& c, const HistoryItem&, const ReviewOpened& f) {
    if (c.phase != Phase::review) c.before_review = c.phase;
    c.phase = Phase::review;
    c.review_reason = f.reason;
    ++c.reviews;
    owe(c, Notice::review_needed, Audience::staff, std::to_string(c.reviews));
}
/// Whatever changes what lies on the disks, or is known of it, ends what was accepted of an earlier scan.
void forget_acceptance(Case& c) {
    c.incomplete_scan = c.accepted_scan = JobId();
    c.acceptances.clear();
}
void unknown_again(Case& c) {
    c.verdict.reset();
    forget_acceptance(c);
}
void fold(Case& c, const HistoryItem&, const ReviewDecided& f) {
    // Who decides otherwise has not accepted it; `accepted_scan`, once two people have, stands until the next scan.
    c.incomplete_scan = JobId();
    owe_no_more(c, {Notice::review_needed});
    c.review_reason.clear();
    if (f.decision == Decision::resume) c.phase = c.before_review;
    else c.giving_back = f.decision == Decision::accept || f.decision == Decision::dismiss;
    if (f.decision == Decision::accept) c.outcome_if_restored = Outcome::accepted;
    if (f.decision == Decision::dismiss) c.outcome_if_restored = Outcome::false_positive;
}
void fold(Case& c, const HistoryItem& item, const StateDemanded& f) {
    const bool told = c.demand > 0 && !c.demand_met && c.demanded.sanction && c.demanded.desired == f.desired;
    ++c.demand;
    c.desired = f.desired;
    c.demanded = f;
    c.demand_met = false;
    c.demanded_at = item.at;
    if (c.demand == 1) c.held_vm_since = item.at;
    if (f.desired == VmState::running) {
        c.phase = Phase::restoring;
        c.stage = Stage::none;
    } else if (f.sanction) {
        c.phase = Phase::sanctioned;
        c.sanctioned_once = true;
        // The same sanction demanded again (the host had not obeyed) is no news to the customer.
        if (!told) owe(c, f.desired == VmState::off ? Notice::switched_off : Notice::network_cut, Audience::customer, std::to_string(c.demand));
    }
}
void fold(Case& c, const HistoryItem&, const StateReached& f) {
    c.demand_met = true;
    if (!f.evidence.empty()) c.evidence = f.evidence;
    // Once off because of the case it is so on whatever host it turns up, until it runs on its own disks again.
    c.was_running = (f.state == VmState::off || f.state == VmState::quarantined) && (c.was_running || f.was_running);
}
void fold(Case& c, const HistoryItem& item, const OrderFailed& f) {
    // The host knows better than the last scan: it scans again after a commit, and asks for new signatures.
    if (f.refusal == Refusal::not_verified_clean) unknown_again(c);
    owe(c, Notice::operator_needed, Audience::staff, std::to_string(item.revision));
}
void fold(Case& c, const HistoryItem&, const StageEntered& f) {
    c.phase = Phase::treatment;
    c.stage = f.stage;
    c.round = f.round;
    c.attempt = f.attempt;
    if (awaited_job(c)) ++c.jobs;
    if (f.stage == Stage::clean) c.overlays = true;
}
void fold(Case& c, const HistoryItem&, const JobFinished& f) {
    if (f.kind == JobKind::evidence) c.evidence = f.evidence;
    if (f.kind == JobKind::scan) {
        forget_acceptance(c);
        if (f.verdict == ScanVerdict::incomplete) c.incomplete_scan = f.job_id;
        c.verdict = f.verdict;
        c.scan_job = f.job_id;
        c.hits = f.hits;
        c.suspicious = f.suspicious;
        c.suspicions = f.suspicions;
    }
    if (f.kind == JobKind::revert) {
        c.overlays = false;
        unknown_again(c);
    }
    if (f.kind == JobKind::clean) {
        c.cleaned += f.files;
        unknown_again(c);  // what was scanned is no longer what lies there
    }
}
void fold(Case&, const HistoryItem&, const JobFailed&) {}
void fold(Case& c, const HistoryItem&, const StageApproved& f) {
    if (f.stage == Stage::restore_decision) c.outcome_if_restored = c.cleaned > 0 ? Outcome::cleaned : Outcome::found_clean;
}
void fold(Case& c, const HistoryItem&, const NoticeSent& f) {
    std::erase_if(c.notices, [&](const NoticeDue& due) { return due.key == f.key; });
}
void fold(Case& c, const HistoryItem& item, const NoticeFailed& f) {
    const auto failed = std::find_if(c.notices.begin(), c.notices.end(), [&](const NoticeDue& due) { return due.key == f.key; });
    if (failed == c.notices.end()) return;
    const bool to_customer = failed->audience == Audience::customer;
    c.notices.erase(failed);
    if (to_customer) c.mail_failures.push_back({f.key, f.to, true});
    // A customer who cannot be written to must be phoned: staff hears of it.
    if (to_customer && c.phase != Phase::closed) owe(c, Notice::operator_needed, Audience::staff, std::to_string(item.revision));
}
void fold(Case& c, const HistoryItem& item, const VmTrouble&) {
    owe(c, Notice::operator_needed, Audience::staff, std::to_string(item.revision));
}
void fold(Case& c, const HistoryItem&, const VmMoved& f) { c.host = f.host; }
void fold(Case&, const HistoryItem&, const NoteAdded&) {}
void fold(Case& c, const HistoryItem& item, const CaseClosed& f) {
    c.phase = Phase::closed;
    c.stage = Stage::none;
    c.closed_at = item.at;
    c.outcome = f.outcome;
    c.held = c.overlays = false;
    c.muted_by = CaseId();
    c.ladder.running = c.resolution.running = false;
    c.call_back.reset();
    // What was not sent by now would only confuse; the last word says how it ended.
    std::erase_if(c.notices, [](const NoticeDue& due) { return due.notice != Notice::appeal_decided; });
    if (f.outcome != Outcome::merged) owe(c, c.demand > 0 ? Notice::restored : Notice::closed, Audience::customer, "");
}

void fold(Case& c, const HistoryItem& item, const IncompleteAccepted& f) {
    c.acceptances.push_back({item.at, item.actor, f.reason});
    if (!f.second) {
        c.review_reason += "; " + item.actor + " accepts that: waiting for a second person";
        return;
    }
    c.incomplete_scan = JobId();
    c.accepted_scan = f.scan_job;
    c.review_reason.clear();
    owe_no_more(c, {Notice::review_needed});
}
void fold(Case& c, const HistoryItem&, const LockIncomplete& f) {
    if (f.goes_on) c.lock_waived = c.demand;
}

void fold(Case& c, const HistoryItem&, const CaseErased&) { c.erased = true; }

void fold(Case& c, const HistoryItem& item, const NoticeBounced& f) {
    c.mail_failures.push_back({f.key, f.to, f.final});
    if (f.final && c.phase != Phase::closed) owe(c, Notice::operator_needed, Audience::staff, std::to_string(item.revision));
}
void fold(Case& c, const HistoryItem&, const MailRedirected& f) {
    c.writes_to = f.contact;
    c.notices.push_back({f.notice, f.key, Audience::customer});
}
void fold(Case& c, const HistoryItem& item, const CallBackCame&) {
    if (c.call_back) c.call_back->told = true;
    owe(c, Notice::call_reminder, Audience::staff, std::to_string(item.revision));
}

// ---- cases that belong together -----------------------------------------------------------------------------------

void let_go(Case& c, const std::vector<ReportId>& reports) {
    c.reports_left += int64_t(std::erase_if(c.reports, [&](const ReportSummary& r) { return std::find(reports.begin(), reports.end(), r.id) != reports.end(); }));
}
void fold(Case& c, const HistoryItem&, const CaseTakenIn& f) {
    MergedCase merged{f.other, f.policy, {}, int64_t(c.replies.size()), c.demand};
    for (const auto& report : f.reports) {
        merged.reports.push_back(report.id);
        c.reports.push_back(report);
    }
    if (f.undoes_split) std::erase_if(c.splits, [&](const SplitReports& split) { return split.into == f.other; });
    else c.merged.push_back(std::move(merged));
    if (!f.told) owe_further_report(c);
}
void fold(Case& c, const HistoryItem&, const MergedInto& f) {
    c.before_merge = c.phase;
    c.merged_into = f.into;
    c.ticket_unsent = std::any_of(c.notices.begin(), c.notices.end(), [](const NoticeDue& due) {
        return due.notice == Notice::ticket || due.notice == Notice::further_report;
    });
}
void fold(Case& c, const HistoryItem&, const MergeUndone& f) {
    const auto merged = std::find_if(c.merged.begin(), c.merged.end(), [&](const MergedCase& m) { return m.id == f.other; });
    if (merged == c.merged.end()) return;
    let_go(c, merged->reports);
    c.merged.erase(merged);
}
void fold(Case& c, const HistoryItem& item, const CameBack&) {
    c.phase = c.before_merge;
    c.merged_into = CaseId();
    c.closed_at = {};
    c.outcome.reset();
    if (c.ticket_unsent) owe(c, Notice::ticket, Audience::customer, std::to_string(item.revision));
    c.ticket_unsent = false;
}
void fold(Case& c, const HistoryItem&, const ReportsSplitOff& f) {
    let_go(c, f.reports);
    if (!f.into.empty()) c.splits.push_back({f.into, f.reports});
}
void fold(Case& c, const HistoryItem&, const Muted& f) { c.muted_by = f.by; }
void fold(Case& c, const HistoryItem& item, const Unmuted&) {
    c.muted_by = CaseId();
    go_on(c, item.at);
}

// ---- appeals ------------------------------------------------------------------------------------------------------

std::string appeal_number(const Case& c) { return "appeal-" + std::to_string(c.appeals.size()); }
void forget_appeal_mails(Case& c) {
    std::erase_if(c.notices, [](const NoticeDue& due) { return due.key.starts_with(appeal_key); });
}
void fold(Case& c, const HistoryItem& item, const AppealLodged& f) {
    Appeal appeal;
    appeal.at = item.at;
    appeal.actor = item.actor;
    appeal.text = f.text;
    appeal.channel = f.channel;
    appeal.clock = {true, item.at, f.left};
    c.appeals.push_back(std::move(appeal));
    owe(c, Notice::review_needed, Audience::staff, appeal_number(c));
}
void fold(Case& c, const HistoryItem& item, const AppealOverdue& f) {
    if (c.appeals.empty()) return;
    c.appeals.back().level = f.level;
    c.appeals.back().clock = {f.next > Seconds{0}, item.at, f.next};
    forget_appeal_mails(c);
    owe(c, Notice::review_needed, f.level == 1 ? Audience::staff : Audience::supervisor, appeal_number(c) + "-overdue-" + std::to_string(f.level));
}
void fold(Case& c, const HistoryItem& item, const AppealDecided& f) {
    if (c.appeals.empty()) return;
    Appeal& appeal = c.appeals.back();
    appeal.decided_at = item.at;
    appeal.decided_by = item.actor;
    appeal.reason = f.reason;
    appeal.upheld = f.upheld;
    appeal.clock.running = false;
    forget_appeal_mails(c);
    owe(c, Notice::appeal_decided, Audience::customer, std::to_string(c.appeals.size()));
    if (!f.upheld || c.phase == Phase::closed) return;
    // As a dismissal by whoever reviews: the VM goes back as it was.
    c.incomplete_scan = JobId();
    c.review_reason.clear();
    owe_no_more(c, {Notice::review_needed});
    c.giving_back = true;
    c.outcome_if_restored = Outcome::false_positive;
}
void fold(Case& c, const HistoryItem&, const Assigned& f) { c.assignee = f.assignee; }

}  // namespace

Case evolve(Case c, const HistoryItem& item) {
    std::visit([&](const auto& fact) { fold(c, item, fact); }, item.fact);
    if (const auto* opened = std::get_if<CaseOpened>(&item.fact)) {
        c.opened_at = item.at;
        c.resolution = {opened->resolution_left > Seconds{0}, item.at, opened->resolution_left};
    }
    c.revision = item.revision;
    return c;
}

std::vector<HistoryItem> stamp(Case& c, const std::vector<Fact>& facts, Instant at, const std::string& actor) {
    std::vector<HistoryItem> items;
    items.reserve(facts.size());
    for (const Fact& fact : facts) {
        items.push_back({c.revision + 1, at, actor, fact});
        c = evolve(std::move(c), items.back());
    }
    return items;
}

}  // namespace bailiff::core
