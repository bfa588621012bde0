// SPDX-License-Identifier: Apache-2.0
// What the host's admin decides while the runner lives: rules that win over orders, and VMs given back by force. Also
// the proof of the gate, which orders that come together share.
#include "agent/runner.hpp"

#include <algorithm>
#include <utility>

namespace bailiff::agent {

// ---- rules ---------------------------------------------------------------------------------------------------------

void Runner::change_rules(const HostRules& rules) {
    const HostRules before = std::exchange(rules_, rules);
    settings_.exempt = rules.exempt;
    settings_.budget_per_hour = rules.budget_per_hour;
    const bool drained_before = std::exchange(settings_.draining, rules.draining);
    const bool dry_before = std::exchange(settings_.dry_run, rules.dry_run);
    log(LogLine::Level::info, "event=rules exempt=" + std::to_string(rules.exempt.size()) + " budget_per_hour=" + std::to_string(rules.budget_per_hour) +
                                  " draining=" + (rules.draining ? "true" : "false") + " dry_run=" + (rules.dry_run ? "true" : "false"));
    if (!rules.trouble.empty() && rules.trouble != before.trouble) log(LogLine::Level::error, "event=rules_broken text=\"" + rules.trouble + "\"");
    if (rules.draining != drained_before)
        event(VmId(), rules.draining ? "draining" : "undrained",
              rules.draining ? "the host's admin drains this host: " + rules.drain_reason : "this host takes orders again");
    if (rules.dry_run != dry_before) event(VmId(), rules.dry_run ? "dry_run" : "live_run", rules.dry_run ? "this host only plans from now on" : "this host carries out orders again");
    if (rules.draining) stop_sweep(VmId(), "the host is drained");
    if (sweeping_ && is_exempt(settings_.exempt, sweeping_->vm, sweeping_->name)) stop_sweep(sweeping_->vm, "the host's admin lists it as never to be touched");
    next_sweep_ = clock_.monotonic();
    // What waits looks again: the list may name its VM now. What reads a running VM's disks for hours ends now.
    for (auto& [id, live] : live_) {
        live.wake = Milliseconds(0);
        if (!live.operation.scans_live() || !live.operation.begun) continue;
        try {
            spares(id);
        } catch (const Outage& outage) {
            journal_failed(outage, " id=" + id);
        }
    }
    next_heartbeat_ = clock_.monotonic();
}

/// True when the admin's list names the VM of an operation that has begun: what can be taken back is, and no further
/// act is done to it. Past the first commit the disks are between two states, and the only way is forward.
bool Runner::spares(const std::string& id) {
    Live& live = live_.at(id);
    const Operation& op = live.operation;
    // Letting go of a guard is a giving back, as a release is.
    const bool takes = op.job() ? op.job()->kind != JobKind::unguard : harmful(op.order()->desired);
    if (!takes || op.gave_up || op.commit_begun || !is_exempt(settings_.exempt, op.vm(), live.last.vm.name)) return false;
    note(id, "gave_up", {{"refusal", name(Refusal::exempt)}, {"text", "the host's admin lists this VM as never to be touched since the work began"}});
    log(LogLine::Level::warning, "event=gave_up id=" + id + " text=\"the never-touch list names the VM now\"");
    live.wake = Milliseconds(0);
    return true;
}

// ---- forced release ------------------------------------------------------------------------------------------------

Runner::Release* Runner::find_release(const std::string& id) {
    for (auto& release : releases_)
        if (release.request.id == id) return &release;
    return nullptr;
}

void Runner::release(const ReleaseRequest& request) {
    if (find_release(request.id)) return;
    for (const auto& forced : ledger_.forced_releases())
        if (forced.request.value("request", "") == request.id && !forced.outcome.is_null()) {
            if (on_released) on_released(request.id, forced.outcome);
            return;
        }
    log(LogLine::Level::warning, "event=forced_release vm=" + request.vm + " by=\"" + request.by + "\" text=\"" + request.reason + "\"");
    releases_.push_back({request, nullptr, 0, false, Milliseconds(0)});
}

/// Operations of the VM are undone as far as they can be; true when none is left.
bool Runner::make_way(const VmId& vm, const std::string& why) {
    const auto queue = queues_.find(vm);
    if (queue == queues_.end()) return !enforcing_.contains(vm);
    for (const auto& id : std::deque<std::string>(queue->second))
        attempt(id, [&] {
            Live& live = live_.at(id);
            // A commit or a release that has begun is finished: it leads to the same end.
            if (live.operation.gave_up || live.operation.commit_begun || live.operation.unlocked) return;
            note(id, "gave_up", {{"refusal", name(Refusal::none)}, {"text", "the host's admin released the VM by force: " + why}});
            live.wake = Milliseconds(0);
        });
    return false;
}

void Runner::advance_releases() {
    const auto now = clock_.monotonic();
    for (auto& release : releases_) {
        const VmId vm(release.request.vm);
        if (release.busy || now < release.wake || !make_way(vm, release.request.reason)) continue;
        release.busy = true;
        enforcing_.insert(vm);
        if (!release.before.is_null()) {
            carry_out_release(release.request.id);
            continue;
        }
        in_background(Lane::quick, [this, request = release.request, history = ledger_.describe(vm, CaseId())] {
            return [this, id = request.id, before = before_release(world_, request, history)] { begin_release(id, before); };
        });
    }
}

void Runner::begin_release(const std::string& id, const Json& before) {
    Release& release = *find_release(id);
    try {
        const auto at = clock_.now();
        release.position = append("", "admin_release", before, at);
        release.before = before;
        ledger_.apply({release.position, "", "admin_release", before, at});
    } catch (const Outage& outage) {
        journal_failed(outage, "");
        log(LogLine::Level::error, "event=outage text=\"" + trouble_ + "\"");
        enforcing_.erase(VmId(release.request.vm));
        release.busy = false;
        release.wake = clock_.monotonic() + settings_.after_outage;
        return;
    }
    carry_out_release(id);
}

void Runner::carry_out_release(const std::string& id) {
    in_background(Lane::quick, [this, id, before = find_release(id)->before] {
        return [this, id, outcome = force_release(world_, before)] { finish_release(id, outcome); };
    });
}

void Runner::finish_release(const std::string& id, Json outcome) {
    Release& release = *find_release(id);
    enforcing_.erase(VmId(release.request.vm));
    outcome["release"] = release.position;
    try {
        const auto at = clock_.now();
        ledger_.apply({append("", "admin_released", outcome, at), "", "admin_released", outcome, at});
    } catch (const Outage& outage) {
        // It may be repeated, and is.
        journal_failed(outage, "");
        log(LogLine::Level::error, "event=outage text=\"" + trouble_ + "\"");
        release.busy = false;
        release.wake = clock_.monotonic() + settings_.after_outage;
        return;
    }
    std::erase_if(releases_, [&](const Release& one) { return one.request.id == id; });
    for (const auto& forced : ledger_.forced_releases())
        if (forced.request.value("request", "") == id) {
            log(LogLine::Level::warning, "event=released_by_admin vm=" + forced.request.value("vm", "") + " text=\"" +
                                             release_sentence(forced.request, forced.outcome) + "\"");
            tell_release(forced);
        }
    if (on_released) on_released(id, outcome);
    next_inventory_ = clock_.monotonic();
}

/// Until the controller acknowledges it: again after every connection.
void Runner::tell_release(const ForcedRelease& release) {
    if (release.told || release.outcome.is_null()) return;
    send(event_id(release),
         VmEvent{VmId(release.request.at("vm").get<std::string>()), "released_by_admin", release.at, release_sentence(release.request, release.outcome)});
}

// ---- the gate's proof ----------------------------------------------------------------------------------------------

/// A canary that begins now or as soon as the one under way has ended: it says something of the time after this call.
void Runner::want_proof() {
    if (proving_) prove_again_ = true;
    else prove_gate();
}

void Runner::proven(const Result<bool>& holds, Milliseconds took) {
    proof_ = Proof{proofs_, holds, took};
    for (auto& [id, live] : live_)
        if (std::exchange(live.awaits_proof, false)) live.wake = Milliseconds(0);
    if (std::exchange(prove_again_, false)) prove_gate();
}

/// The act prove_gate of an operation. One canary stands for all orders that were taken before it began: what it says
/// is then as new for each of them as its own would be, it runs beside the lock's writing instead of after it, and fifty
/// orders at once do not start fifty canaries of one UUID that get into each other's way.
void Runner::take_proof(const std::string& id, const Do& step) {
    Live& live = live_.at(id);
    if (!proof_ || proof_->number < live.proof_from) {
        live.awaits_proof = true;
        live.wake = Milliseconds::max();
        if (!proving_ || proofs_ < live.proof_from) want_proof();
        return;
    }
    if (!proof_->holds) {
        const Error error = proof_->holds.error();
        live.proof_from = proofs_ + 1;
        return acted(id, step, fail(error), proof_->took);
    }
    live.operation.gate_holds = *proof_->holds;
    live.operation.steps.push_back({key_of(step), proof_->took.count()});
    log(LogLine::Level::info, "event=done id=" + id + " act=\"" + key_of(step) + "\" ms=" + std::to_string(proof_->took.count()));
    decide(id);
}

}  // namespace bailiff::agent
