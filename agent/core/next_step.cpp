// SPDX-License-Identifier: Apache-2.0
// The ladders of orders and jobs: given what is true now, the next thing to do. No state but its arguments.
#include "agent/core/operation.hpp"

#include <algorithm>

namespace bailiff::agent {
namespace {

/// What every ladder looks at.
struct View {
    const Operation& op;
    const Observation& seen;
    const Patience& patience;
    Milliseconds now;

    const VmObservation& vm() const { return seen.vm; }
    bool off() const { return vm().power == Power::off || vm().power == Power::crashed; }
    int times(const Do& step) const {
        const auto found = op.done.find(key_of(step));
        return found == op.done.end() ? 0 : found->second;
    }
    const Overlay* overlay(const std::string& target) const {
        for (const auto& o : seen.overlays)
            if (o.target == target) return &o;
        return nullptr;
    }
};

/// An act whose effect is looked for afterwards: done again when it is missing, given up when that does not help.
Step act(const View& v, Act what, const std::string& target = "") {
    const Do step{what, target};
    if (v.times(step) >= v.patience.repeats)
        return GiveUp{Refusal::none, key_of(step) + " was done " + std::to_string(v.times(step)) + " times without its effect; look at the host"};
    return step;
}

Step finished(const View& v, std::string text) {
    return End{v.op.acted ? AnswerStatus::done : AnswerStatus::already, Refusal::none, std::move(text)};
}

Step gone(const View& v) {
    return End{AnswerStatus::needs_operator, Refusal::none,
               "the VM " + v.op.vm().text() + " is no longer on this host; its lock and evidence are kept"};
}

/// Ends a running VM: ask through its agent, ask by ACPI, then end its process, each with its patience.
Step power_down(const View& v) {
    const auto look_again = [&](Milliseconds end) { return Wait{std::min(end, v.now + v.patience.look_again)}; };
    // A paused or hung guest hears nothing; during a migration only ending the process works (HYPERVISOR.md §2.3).
    const bool deaf = v.vm().power == Power::paused || v.vm().stuck || v.vm().migrating;
    if (!deaf && !v.op.no_agent) {
        if (!v.op.agent_asked) return Do{Act::ask_agent, ""};
        if (v.now < *v.op.agent_asked + v.patience.agent) return look_again(*v.op.agent_asked + v.patience.agent);
    }
    if (!deaf && !v.op.no_acpi) {
        if (!v.op.acpi_first) return Do{Act::ask_acpi, ""};
        const auto end = *v.op.acpi_first + v.patience.acpi;
        if (v.now < end) {
            if (v.now >= *v.op.acpi_last + v.patience.acpi_again) return Do{Act::ask_acpi, ""};
            return look_again(std::min(end, *v.op.acpi_last + v.patience.acpi_again));
        }
    }
    if (v.times({Act::end_gracefully, ""}) == 0 && v.op.failures.count("end_gracefully") == 0) return Do{Act::end_gracefully, ""};
    return act(v, Act::kill);
}

/// Links that are down because we cut them, or may have before a crash: whoever gives the VM back raises them.
bool links_are_ours(const View& v) {
    return (v.seen.history.isolated || v.seen.history.cut_begun) && !v.vm().nics.empty() && links_down(v.vm());
}

Step off_step(const View& v) {
    if (!v.seen.lock) return act(v, Act::lock);
    // The proof is not remembered over a restart: it says something of now only.
    if (!v.op.gate_holds) return Do{Act::prove_gate, ""};
    if (!*v.op.gate_holds)
        return GiveUp{Refusal::gate_down, "the start gate let the canary start, so a power-off would not last; see `bailiff-agent status`"};
    if (v.vm().autostart) return act(v, Act::autostart_off);
    if (!v.off()) return power_down(v);
    // Locked and off, cut links protect nobody, and the stored definition is to be as the panel left it.
    if (links_are_ours(v)) return act(v, Act::links_up);
    return finished(v, "the VM is off and locked");
}

Step isolated_step(const View& v) {
    if (v.seen.lock) return GiveUp{Refusal::unexpected_state, "the VM is locked and off or in quarantine, which is more than isolated; release it first"};
    if (!links_down(v.vm())) return act(v, Act::links_down);
    return finished(v, "every network link of the VM is down; its console works");
}

Step quarantined_step(const View& v) {
    if (v.vm().quarantine_running) {
        if (v.op.token_out) return act(v, Act::revoke);
        return finished(v, "the VM runs from overlays on the quarantine network");
    }
    if (!v.seen.lock) return GiveUp{Refusal::unexpected_state, "the lock was taken off meanwhile; order 'off' first"};
    if (!v.off()) return GiveUp{Refusal::unexpected_state, "the VM runs on its own disks; order 'off' first"};
    if (v.op.order()->evidence == EvidenceRule::required && !v.op.evidence_verified) {
        if (!v.seen.evidence) return GiveUp{Refusal::no_evidence, "the evidence set of the case is gone"};
        return act(v, Act::verify_evidence);
    }
    for (const auto& disk : writable_disks(v.vm().disks))
        if (!v.overlay(disk.target)) return act(v, Act::create_overlay, disk.target);
    if (!v.op.nvram) return act(v, Act::copy_nvram);
    // An intent alone proves nothing: after a crash the same token is permitted again.
    if (v.times({Act::permit, ""}) == 0) return act(v, Act::permit);
    return act(v, Act::start_quarantined);
}

Step running_step(const View& v) {
    if (v.vm().quarantine_running) return power_down(v);
    if (!v.seen.overlays.empty()) {
        if (!v.off()) return GiveUp{Refusal::unexpected_state, "the VM runs on its own disks while overlays exist; look at the host"};
        if (v.seen.evidence && !v.op.evidence_verified && !v.op.commit_begun) return act(v, Act::verify_evidence);
        for (const auto& overlay : v.seen.overlays)
            if (!v.op.committed.contains(overlay.target)) return act(v, Act::commit, overlay.target);
        // Every overlay is kept until all of them are on their disks: until then each commit may be repeated.
        return act(v, Act::drop, v.seen.overlays.front().target);
    }
    if (v.op.commit_begun && v.seen.evidence && !v.op.definition_compared) return act(v, Act::compare_definition);
    if (links_are_ours(v)) return act(v, Act::links_up);
    if (v.seen.lock) {
        if (v.seen.lock->had_autostart && !v.vm().autostart) return act(v, Act::autostart_on);
        return act(v, Act::unlock);
    }
    if (v.off() && v.op.released_lock && v.op.released_lock->was_running) return act(v, Act::start);
    if (v.off()) return finished(v, "the VM is unlocked, and off as it was found");
    return finished(v, "the VM runs and is unlocked");
}

Step order_step(const View& v) {
    if (!v.vm().exists) return gone(v);
    switch (v.op.order()->desired) {
        case VmState::off: return off_step(v);
        case VmState::quarantined: return quarantined_step(v);
        case VmState::running: return running_step(v);
        case VmState::isolated: return isolated_step(v);
        case VmState::limited: return GiveUp{Refusal::unsupported, "closing single ports is not built on this host yet"};
    }
    return gone(v);
}

Step job_step(const View& v) {
    if (!v.vm().exists) return gone(v);
    const Job& job = *v.op.job();
    if (job.kind == JobKind::scan && v.op.scanned)
        return End{AnswerStatus::done, Refusal::none, "scanned: " + std::string(name(v.op.scanned->verdict))};
    if (job.kind == JobKind::clean && v.op.cleaned)
        return End{AnswerStatus::done, Refusal::none, std::to_string(v.op.cleaned->size()) + " files moved into the evidence set"};
    if (!v.off()) return GiveUp{Refusal::unexpected_state, "the VM was started meanwhile; order 'off' again"};
    switch (job.kind) {
        case JobKind::evidence:
            if (!v.seen.evidence) return act(v, Act::freeze);
            if (!v.op.evidence_verified) return act(v, Act::verify_evidence);
            return finished(v, "the evidence set is complete and was read again");
        case JobKind::scan: return act(v, Act::scan);
        case JobKind::clean:
            if (!v.seen.evidence) return GiveUp{Refusal::no_evidence, "the evidence set of the case is gone"};
            if (!v.op.evidence_verified) return act(v, Act::verify_evidence);
            for (const auto& disk : writable_disks(v.vm().disks))
                if (!v.overlay(disk.target)) return act(v, Act::create_overlay, disk.target);
            return act(v, Act::clean);
        case JobKind::revert:
            if (!v.seen.overlays.empty()) return act(v, Act::drop, v.seen.overlays.front().target);
            return finished(v, "no overlay is left; the disks are as they were at power-off");
    }
    return gone(v);
}

// ---- undoing -------------------------------------------------------------------------------------------------------

Step ended(const View& v, AnswerStatus status) {
    const auto& why = *v.op.gave_up;
    // `refused` promises that nothing was touched: true only when no act stands, or every act was taken back.
    return End{status, why.refusal, why.text};
}

Step give_back(const View& v) { return ended(v, v.op.gave_up->refusal == Refusal::none ? AnswerStatus::failed : AnswerStatus::refused); }

/// An undo step that itself fails over and over leaves the host to a person.
Step undo(const View& v, Act what, const std::string& target = "") {
    const Do step{what, target};
    const auto failed = v.op.failures.find(key_of(step));
    if ((failed != v.op.failures.end() && failed->second > v.patience.retries) || v.times(step) >= 2 * v.patience.repeats)
        return End{AnswerStatus::needs_operator, v.op.gave_up->refusal,
                   v.op.gave_up->text + " Undoing it failed as well (" + key_of(step) + "): look at the host."};
    return step;
}

/// Overlays that this operation made and that hold nothing yet.
const Overlay* fresh_overlay(const View& v) {
    for (const auto& overlay : v.seen.overlays)
        if (v.op.overlays_created.contains(overlay.target)) return &overlay;
    return nullptr;
}

Step undo_order(const View& v) {
    switch (v.op.order()->desired) {
        case VmState::off: {
            if (!v.vm().exists) return gone(v);
            const bool asked = v.op.agent_asked || v.op.acpi_first || v.times({Act::end_gracefully, ""}) || v.times({Act::kill, ""});
            // Once the guest was told to end, a lock is the better half of the order: it stays, and a person looks.
            if (asked) return ended(v, AnswerStatus::needs_operator);
            if (v.op.locked_here && v.seen.lock) {
                if (v.seen.lock->had_autostart && !v.vm().autostart) return undo(v, Act::autostart_on);
                return undo(v, Act::unlock);
            }
            return give_back(v);
        }
        case VmState::quarantined:
            if (v.op.token_out) return undo(v, Act::revoke);
            if (!v.vm().quarantine_running)
                if (const auto* overlay = fresh_overlay(v)) return undo(v, Act::drop, overlay->target);
            return give_back(v);
        case VmState::running:
            return v.op.commit_begun || v.op.unlocked ? ended(v, AnswerStatus::needs_operator) : give_back(v);
        case VmState::isolated: return v.op.begun ? ended(v, AnswerStatus::needs_operator) : give_back(v);
        case VmState::limited: return give_back(v);
    }
    return give_back(v);
}

Step undo_job(const View& v) {
    switch (v.op.job()->kind) {
        case JobKind::clean:
            if (v.off())
                if (const auto* overlay = fresh_overlay(v)) return undo(v, Act::drop, overlay->target);
            return give_back(v);
        case JobKind::evidence:
        case JobKind::scan:
        case JobKind::revert: return give_back(v);
    }
    return give_back(v);
}

}  // namespace

Step next_step(const Operation& operation, const Observation& seen, const Patience& patience, Milliseconds now) {
    const View v{operation, seen, patience, now};
    if (now < operation.not_before) return Wait{operation.not_before};
    if (operation.gave_up) return operation.order() ? undo_order(v) : undo_job(v);
    // A newer order looks at what is true when it begins, so this one only takes back what nobody else would: the
    // token. Past the first commit the disks are between two states, and the only way is forward.
    if (!operation.superseded_by.empty() && !operation.commit_begun && !operation.unlocked) {
        if (operation.token_out) return Do{Act::revoke, ""};
        return End{AnswerStatus::failed, Refusal::none, "superseded by order " + operation.superseded_by + " before it was finished"};
    }
    return operation.order() ? order_step(v) : job_step(v);
}

}  // namespace bailiff::agent
