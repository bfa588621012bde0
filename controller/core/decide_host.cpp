// SPDX-License-Identifier: Apache-2.0
// decide, for what the hosts say: states reached or refused, jobs done or failed.

#include "controller/core/situation.hpp"

#include <algorithm>

namespace bailiff::core {
namespace {

/// The second scan after a cleaning still finds something: the next round, until the policy has had enough.
void infected(const Situation& d, Facts& facts, int64_t round) {
    facts.push_back(StageEntered{Stage::clean_decision, round, 1});
    if (round > d.policy.clean_rounds) {
        review(d, facts, "still infected after " + std::to_string(d.policy.clean_rounds) + " cleanings");
    } else if (d.policy.clean_by == DecidedBy::policy) {
        facts.push_back(StageApproved{Stage::clean_decision, "the policy lets infected disks be cleaned"});
        facts.push_back(StageEntered{Stage::clean, round, 1});
    }
}

void after_scan(const Situation& d, Facts& facts, const JobAnswer& a) {
    const bool second = d.c.stage == Stage::rescan;
    switch (a.verdict) {
        case ScanVerdict::clean:
            scan_suffices(d, facts, "the policy restores what is verified clean", "verified clean");
            return;
        case ScanVerdict::infected: infected(d, facts, second ? d.c.round + 1 : std::max<int64_t>(1, d.c.round)); return;
        case ScanVerdict::incomplete:
            review(d, facts, "the scan is incomplete: " + std::to_string(a.skipped) + " things were not scanned; that is not clean");
            return;
    }
}

constexpr int64_t job_attempts = 3;

}  // namespace

Result<Facts> on(const Situation& d, const OrderAnswered& in) {
    if (in.demand != d.c.demand || d.c.demand_met) return Facts{};  // an answer to an older demand, or repeated
    const OrderAnswer& a = in.answer;
    Facts facts;
    switch (a.status) {
        case AnswerStatus::accepted:
        case AnswerStatus::progress: return facts;
        case AnswerStatus::done:
        case AnswerStatus::already:
            facts.push_back(StateReached{a.order_id, a.state, a.status == AnswerStatus::already, a.steps, a.evidence, a.manifest_sha256, a.was_running,
                                         a.scan_report_sha256});
            after_state(d, facts, d.c.phase);
            return facts;
        case AnswerStatus::refused:
        case AnswerStatus::failed:
        case AnswerStatus::needs_operator:
            if (a.refusal == Refusal::unhealthy) {
                // The VM is given back, which no further order changes: what is left is for a person, before the case closes.
                facts.push_back(StateReached{a.order_id, a.state, false, a.steps});
                facts.push_back(OrderFailed{a.order_id, a.status, a.refusal, a.text, a.scan_report_sha256});
                if (d.c.phase != Phase::review) review(d, facts, "the VM was given back and is not well: " + a.text);
                return facts;
            }
            facts.push_back(OrderFailed{a.order_id, a.status, a.refusal, a.text, a.scan_report_sha256});
            if (d.c.phase != Phase::review)
                review(d, facts, "host " + d.c.host.text() + " did not bring the VM to " + std::string(name(d.c.desired)) + ": " + a.text);
            return facts;
    }
    return facts;
}

Result<Facts> on(const Situation& d, const JobAnswered& in) {
    const Case& c = d.c;
    const JobAnswer& a = in.answer;
    const auto awaited = awaited_job(c);
    if (!awaited || awaited->key != in.key) return Facts{};  // an answer to an older job, or repeated
    Facts facts;
    switch (a.status) {
        case AnswerStatus::accepted:
        case AnswerStatus::progress: return facts;
        case AnswerStatus::done:
        case AnswerStatus::already: {
            facts.push_back(JobFinished{a.job_id, a.kind, a.verdict, a.evidence, a.manifest_sha256, a.files, a.bytes, a.skipped, a.hits,
                                        a.suspicious, a.suspicions, a.scan_report_sha256});
            switch (a.kind) {
                case JobKind::evidence:
                    if (d.policy.scan) facts.push_back(StageEntered{Stage::scan, 1, 1});
                    else review(d, facts, "the evidence is frozen; the policy leaves the rest to a person");
                    break;
                case JobKind::scan: after_scan(d, facts, a); break;
                case JobKind::clean:
                    facts.push_back(StateDemanded{VmState::quarantined, EvidenceRule::required, Expect::off, false, "boot the cleaned VM in isolation"});
                    facts.push_back(StageEntered{Stage::quarantine, c.round, 1});
                    break;
                case JobKind::revert:
                    if (c.giving_back) restore(d, facts, EvidenceRule::not_required, "the disks are as they were at power-off");
                    else facts.push_back(StageEntered{d.policy.evidence ? Stage::evidence : Stage::scan, 1, 1});
                    break;
                case JobKind::guard:
                case JobKind::unguard:            // the desk's own: no case awaits them
                case JobKind::scan_live: break;   // no stage asks for one, and what it says releases nothing
            }
            return facts;
        }
        case AnswerStatus::refused:
        case AnswerStatus::failed:
        case AnswerStatus::needs_operator:
            facts.push_back(JobFailed{a.job_id, a.kind, a.refusal, a.text});
            if (a.status == AnswerStatus::failed && c.attempt < job_attempts) facts.push_back(StageEntered{c.stage, c.round, c.attempt + 1});
            else review(d, facts, "the " + std::string(name(a.kind)) + " job did not succeed on host " + c.host.text() + ": " + a.text);
            return facts;
    }
    return facts;
}

Result<Facts> on(const Situation& d, const VmReported& in) {
    if (d.c.phase == Phase::closed) return Facts{};
    return Facts{VmTrouble{in.what, in.text}};
}
/// A lock, an evidence set and an overlay lie on the host that made them. Where the VM turns up, what the case demands of
/// it is demanded anew, and a treatment begins again: the VM may have run meanwhile, so nothing found before still counts.
Result<Facts> on(const Situation& d, const VmSeenOn& in) {
    const Case& c = d.c;
    if (c.phase == Phase::closed || in.host == c.host) return Facts{};
    Facts facts{VmMoved{in.host}};
    const std::string reason = "the VM moved to host " + in.host.text();
    // What is demanded and not yet reached needs no second demand: the desk issues it to the new host.
    if (c.phase == Phase::sanctioned && c.demand_met) {
        facts.push_back(StateDemanded{c.desired, c.demanded.evidence, Expect::any, false, reason});
    } else if (c.phase == Phase::treatment && (c.demand_met || c.desired != VmState::off)) {
        facts.push_back(StateDemanded{VmState::off, EvidenceRule::not_required, Expect::any, false, reason});
        facts.push_back(StageEntered{Stage::power_off, 1, 1});
    }
    return facts;
}

/// A power-off that any other host can undo is none: without the policy's leave nothing is sent, and a person decides.
Result<Facts> on(const Situation& d, const HostsWithoutLock& in) {
    const Case& c = d.c;
    const bool needs_lock = c.desired == VmState::off || c.desired == VmState::quarantined;
    if (c.phase == Phase::closed || in.demand != c.demand || !needs_lock) return Facts{};
    // The VM is off already: a host that came to its cluster later, say. It stays off where it is.
    if (c.demand_met) return Facts{VmTrouble{"lock_incomplete", in.text}};
    if (c.phase == Phase::review || c.lock_waived == c.demand) return Facts{};
    if (d.policy.gate == GateRule::not_required) return Facts{LockIncomplete{in.text, true}};
    Facts facts{LockIncomplete{in.text, false}};
    review(d, facts, "the VM was not ordered " + std::string(name(c.desired)) + ", since it could be started elsewhere: " + in.text +
                         ". Mend these hosts (`bailiff-agent status` on each says what is wrong), or take out of the cluster what can never "
                         "run the VM (`bailiffctl host set HOST --cluster ''`), then decide resume");
    return facts;
}

}  // namespace bailiff::core
