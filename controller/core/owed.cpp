// SPDX-License-Identifier: Apache-2.0
// owed: what the world owes a case, from the case alone.

#include "controller/core/case.hpp"

#include <cassert>

namespace bailiff::core {
namespace {

Deadline end_of(const Countdown& count, StepClock clock, const Calendar& calendar, const Policy& policy, std::string what) {
    Deadline due;
    due.what = std::move(what);
    due.why.push_back("policy " + policy.id.text() + " revision " + std::to_string(policy.revision) + ": " + spoken_duration(count.left) +
                      (clock == StepClock::working ? " of working time from " : " from ") + calendar.local(count.since));
    if (clock == StepClock::working) {
        auto explained = calendar.explain(count.since, WorkingTime(count.left));
        due.at = explained.at;
        due.why.insert(due.why.end(), explained.why.begin(), explained.why.end());
    } else {
        due.at = count.since + count.left;
    }
    return due;
}

std::optional<Deadline> own_deadline(const Case& c, const Policy& policy, const Calendar& calendar) {
    if (stands_still(c)) return std::nullopt;
    // A resolution clock that ran out before the answer came is due at once: an answer never waits for nothing.
    if (c.phase == Phase::answered && policy.resolution)
        return end_of(c.resolution, policy.resolution->clock, calendar, policy, "resolution");
    if (c.phase != Phase::open || !c.ladder.running) return std::nullopt;
    assert(c.rung >= 0 && size_t(c.rung) < policy.ladder.size());
    const Step& step = policy.ladder[size_t(c.rung)];
    if (step.waits_for == WaitsFor::call) return end_of(c.ladder, step.clock, calendar, policy, "call overdue");
    return end_of(c.ladder, step.clock, calendar, policy, step.then ? "enforce" : "reply");
}

/// An appeal's clock runs beside the case's own, also when that one stands: whichever ends first is the deadline.
std::optional<Deadline> deadline(const Case& c, const Policy& policy, const Calendar& calendar) {
    auto own = own_deadline(c, policy, calendar);
    const Appeal* appeal = pending_appeal(c);
    if (!appeal || !appeal->clock.running) return own;
    auto due = end_of(appeal->clock, policy.appeal.clock, calendar, policy, "appeal");
    return own && own->at <= due.at ? own : due;
}

}  // namespace

std::optional<JobDue> awaited_job(const Case& c) {
    const auto due = [&](JobKind kind, const char* word) {
        return JobDue{kind, std::string(word) + "/" + std::to_string(c.jobs), kind == JobKind::clean ? c.scan_job : JobId()};
    };
    if (c.phase != Phase::treatment) return std::nullopt;
    switch (c.stage) {
        case Stage::evidence: return due(JobKind::evidence, "evidence");
        case Stage::scan: return due(JobKind::scan, "scan");
        case Stage::clean: return due(JobKind::clean, "clean");
        case Stage::rescan: return due(JobKind::scan, "rescan");
        case Stage::revert: return due(JobKind::revert, "revert");
        case Stage::revert_off:
        case Stage::none:
        case Stage::power_off:
        case Stage::clean_decision:
        case Stage::quarantine:
        case Stage::quarantine_end:
        case Stage::restore_decision: return std::nullopt;
    }
    return std::nullopt;
}

Dues owed(const Case& c, const Policy& policy, const Calendar& calendar) {
    Dues dues;
    dues.deadline = deadline(c, policy, calendar);
    dues.notices = c.notices;
    const bool ladder_stands_on_call = c.phase == Phase::open && !stands_still(c) && size_t(c.rung) < policy.ladder.size() &&
                                       policy.ladder[size_t(c.rung)].waits_for == WaitsFor::call;
    if (ladder_stands_on_call) dues.call = CallDue{c.call_since == Instant{} ? c.ladder.since : c.call_since, int64_t(c.calls.size())};
    // A promise to phone stands whatever the ladder does, until it is kept, an answer comes, or the case is over.
    if (c.phase != Phase::closed && c.muted_by.empty()) dues.call_back = c.call_back;
    if (!c.demand_met && !stands_still(c) && c.phase != Phase::review && c.phase != Phase::closed)
        dues.order = OrderDue{c.demand, c.desired, c.demanded.evidence, c.demanded.expect, c.demanded.reason,
                              c.desired == VmState::running ? c.accepted_scan : JobId()};
    if (!stands_still(c)) dues.job = awaited_job(c);
    return dues;
}

}  // namespace bailiff::core
