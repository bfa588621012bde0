// SPDX-License-Identifier: Apache-2.0
// The moves that several decisions make.

#include "controller/core/situation.hpp"

#include <algorithm>
#include <cassert>

namespace bailiff::core {

const Step& Situation::rung() const {
    assert(c.rung >= 0 && size_t(c.rung) < policy.ladder.size());
    return policy.ladder[size_t(c.rung)];
}

Seconds Situation::left(const Countdown& count, StepClock clock) const {
    if (!count.running || stands_still(c)) return count.left;
    const Seconds used = clock == StepClock::working ? calendar.between(count.since, now).amount : now - count.since;
    return std::max(Seconds{0}, count.left - used);
}

Seconds Situation::resolution_left() const {
    return left(c.resolution, policy.resolution ? policy.resolution->clock : StepClock::working);
}

Result<Facts> conflict(const Case& c, const std::string& what) {
    return fail(Errc::conflict, "Case " + c.id.text() + " is " + std::string(name(c.phase)) +
                                    (c.stage == Stage::none ? "" : " (" + std::string(name(c.stage)) + ")") + ": " + what);
}

RungStarted start_rung(const Policy& policy, size_t index) {
    const Step& step = policy.ladder[index];
    return {int64_t(index), step.id, step.within, step.waits_for == WaitsFor::call};
}

void stop_clocks(const Situation& d, Facts& facts, const std::string& why) {
    if (d.c.ladder.running) facts.push_back(LadderStopped{d.ladder_left(), why});
    if (d.c.resolution.running) facts.push_back(ResolutionStopped{d.resolution_left()});
}

void review(const Situation& d, Facts& facts, const std::string& reason) {
    stop_clocks(d, facts, "review");
    facts.push_back(ReviewOpened{reason});
}

void sanction(const Situation& d, Facts& facts, VmState state, const std::string& reason) {
    stop_clocks(d, facts, "sanction");
    const auto evidence = d.policy.evidence_first ? EvidenceRule::first : EvidenceRule::not_required;
    facts.push_back(StateDemanded{state, evidence, Expect::any, true, reason});
    if (state == VmState::off && d.policy.restore_when == RestoreWhen::verified_clean)
        facts.push_back(StageEntered{Stage::power_off, 1, 1});
}

void begin_treatment(const Situation& d, Facts& facts, const std::string& reason) {
    stop_clocks(d, facts, "treatment");
    // A shutdown lets the guest run once more, so it is no better for a wiper than the cut of a sanction.
    const auto evidence = d.policy.evidence_first ? EvidenceRule::first : EvidenceRule::not_required;
    facts.push_back(StateDemanded{VmState::off, evidence, Expect::any, false, reason});
    facts.push_back(StageEntered{Stage::power_off, 1, 1});
}

void restore(const Situation& d, Facts& facts, EvidenceRule evidence, const std::string& reason) {
    stop_clocks(d, facts, "restore");
    facts.push_back(StateDemanded{VmState::running, evidence, Expect::any, false, reason});
}

void give_back(const Situation& d, Facts& facts, const std::string& reason) {
    const bool verified = vouched(d.c);
    if (!d.c.overlays || verified) return restore(d, facts, verified && d.policy.evidence ? EvidenceRule::required : EvidenceRule::not_required, reason);
    if (d.c.desired == VmState::off && d.c.demand_met) {
        facts.push_back(StageEntered{Stage::revert, d.c.round, 1});
        return;
    }
    facts.push_back(StateDemanded{VmState::off, EvidenceRule::not_required, Expect::any, false, "the changes made in cleaning are dropped"});
    facts.push_back(StageEntered{Stage::revert_off, d.c.round, 1});
}

bool vouched(const Case& c) {
    if (c.verdict == ScanVerdict::incomplete) return !c.accepted_scan.empty() && c.accepted_scan == c.scan_job;
    return c.verdict == ScanVerdict::clean;
}

bool touched(const Case& c) { return c.demand > 0 && !(c.desired == VmState::running && c.demand_met); }

void approve_restore(const Situation& d, Facts& facts, const std::string& reason, const std::string& why) {
    facts.push_back(StageApproved{Stage::restore_decision, reason});
    restore(d, facts, d.policy.evidence ? EvidenceRule::required : EvidenceRule::not_required, why);
}

void scan_suffices(const Situation& d, Facts& facts, const std::string& reason, const std::string& why) {
    facts.push_back(StageEntered{Stage::restore_decision, d.c.round, 1});
    if (d.policy.restore_by == DecidedBy::policy) approve_restore(d, facts, reason, why);
}

void approve_clean(const Situation& d, Facts& facts, const std::string& reason) {
    facts.push_back(StageApproved{Stage::clean_decision, reason});
    facts.push_back(StageEntered{Stage::clean, std::max<int64_t>(1, d.c.round), 1});
}

bool waits_for_state(Stage stage) {
    return stage == Stage::power_off || stage == Stage::quarantine || stage == Stage::quarantine_end || stage == Stage::revert_off;
}

void after_state(const Situation& d, Facts& facts, Phase phase) {
    const Case& c = d.c;
    if (phase == Phase::restoring) {
        facts.push_back(CaseClosed{c.outcome_if_restored, "the VM runs again"});
        return;
    }
    if (phase != Phase::treatment) return;
    if (c.stage == Stage::revert_off || (c.stage == Stage::power_off && c.overlays)) {
        facts.push_back(StageEntered{Stage::revert, c.round, 1});
    } else if (c.stage == Stage::power_off) {
        if (d.policy.evidence) facts.push_back(StageEntered{Stage::evidence, 1, 1});
        else facts.push_back(StageEntered{Stage::scan, 1, 1});
    } else if (c.stage == Stage::quarantine) {
        // It booted in isolation with its identity intact; a scan needs the disks at rest again.
        facts.push_back(StateDemanded{VmState::off, EvidenceRule::not_required, Expect::any, false, "end of the quarantine run, for the second scan"});
        facts.push_back(StageEntered{Stage::quarantine_end, c.round, 1});
    } else if (c.stage == Stage::quarantine_end) {
        facts.push_back(StageEntered{Stage::rescan, c.round, 1});
    }
}

}  // namespace bailiff::core
