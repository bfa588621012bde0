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
            facts.push_back(StageEntered{Stage::restore_decision, d.c.round, 1});
            if (d.policy.restore_by == DecidedBy::policy) approve_restore(d, facts, "the policy restores what is verified clean");
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
            facts.push_back(StateReached{a.order_id, a.state, a.status == AnswerStatus::already, a.steps});
            after_state(d, facts, d.c.phase);
            return facts;
        case AnswerStatus::refused:
        case AnswerStatus::failed:
        case AnswerStatus::needs_operator:
            facts.push_back(OrderFailed{a.order_id, a.status, a.refusal, a.text});
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
            facts.push_back(JobFinished{a.job_id, a.kind, a.verdict, a.evidence, a.manifest_sha256, a.files, a.bytes, a.skipped, a.hits});
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
                case JobKind::unguard: break;   // the desk's own: no case awaits them
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
Result<Facts> on(const Situation& d, const VmSeenOn& in) {
    if (d.c.phase == Phase::closed || in.host == d.c.host) return Facts{};
    return Facts{VmMoved{in.host}};
}

}  // namespace bailiff::core
