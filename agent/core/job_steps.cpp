// SPDX-License-Identifier: Apache-2.0
// The ladders of jobs: evidence, scan, clean, revert; guard and unguard.
#include "agent/core/ladder.hpp"

namespace bailiff::agent {
namespace {

/// Holds the lock of a VM that lives on another host. The gate is proven after the files are there: a guard that
/// nothing enforces is no answer that a power-off may be built on.
Step guard_step(const View& v) {
    if (v.seen.lock) return finished(v, "this host holds the VM's own lock already");
    if (v.vm().exists && !v.off())
        return GiveUp{Refusal::unexpected_state, "the VM runs on this very host, so there is nothing to guard; order 'off' here"};
    // One of an earlier case is taken over, so that its late unguard does not let go of ours.
    if (!v.seen.guard || v.seen.guard->case_id != v.op.case_id()) return act(v, Act::lock);
    if (!v.op.gate_holds) return Do{Act::prove_gate, ""};
    if (!*v.op.gate_holds)
        return GiveUp{Refusal::gate_down, "the start gate let the canary start, so the VM could be started here; see `bailiff-agent status`"};
    return finished(v, "the VM cannot be started on this host");
}

/// Lets go of whatever this case left on a host that is not the VM's: its guard, or the lock of a VM that was here when
/// it was ordered off and has moved away since. Nothing is started from here; a lock of another case is not ours.
Step unguard_step(const View& v) {
    const auto& held = v.seen.lock ? v.seen.lock : v.seen.guard;
    if (!held || held->case_id != v.op.case_id()) return finished(v, "this host holds no lock of the case");
    if (v.vm().quarantine_running) return GiveUp{Refusal::unexpected_state, "the VM runs here in quarantine; order 'running' here"};
    if (held->had_autostart && v.vm().exists && !v.vm().autostart) return act(v, Act::autostart_on);
    return act(v, Act::unlock);
}

}  // namespace

namespace {

/// Of a powered-off and locked VM by reading its disks; of a running one by its own process.
Step evidence_step(const View& v) {
    if (v.seen.own_set) {
        if (auto step = begin_copy(v, false, false)) return *step;
        if (auto step = let_guest_go(v)) return *step;
        if (auto step = end_copy(v)) return *step;
        const bool at_rest = v.seen.own_set->consistency == Consistency::at_rest;
        return finished(v, "the evidence set is complete and was read again" + (at_rest ? "" : copied_text(v)));
    }
    if (v.off()) {
        if (!v.seen.lock) return GiveUp{Refusal::unexpected_state, "the VM ended while it was copied, and is not locked; order 'off', then it is copied at rest"};
        if (!v.seen.evidence) return act(v, Act::freeze);
        if (!v.op.evidence_verified) return act(v, Act::verify_evidence);
        return finished(v, "the evidence set is complete and was read again");
    }
    if (v.vm().quarantine_running) return GiveUp{Refusal::unexpected_state, "the VM runs in quarantine; order 'off' first"};
    // Memory and disks are of one instant only if nothing moves between the two.
    const bool memory = v.op.job()->memory;
    if (auto step = begin_copy(v, memory, memory)) return *step;
    if (auto step = let_guest_go(v)) return *step;
    if (auto step = end_copy(v)) return *step;
    return gone(v);   // end_copy ends with a set, and that was looked at above
}

}  // namespace

namespace {

/// Of a running VM: its process serves the disks of one instant, and they are read from there. Whatever comes in between, the
/// job that serves them is ended: while it stands, the guest pays for it.
Step live_scan_step(const View& v) {
    if (v.op.scanned) {
        if (const auto step = let_go(v)) return act(v, step->act);
        const auto& of = v.op.scanned_of;
        const bool frozen = of && of->consistency == Consistency::frozen;
        std::string text = "scanned live: " + std::string(name(v.op.scanned->verdict)) + "; the disks were read as they were at one instant, " +
                           (frozen ? "with their file systems frozen" : "as after a power cut");
        if (of && !frozen && !of->note.empty()) text += " (" + of->note + ")";
        if (!v.op.cut_short.empty()) text += "; ended early: " + v.op.cut_short;
        if (v.op.thaw_unanswered) text += "; its guest agent did not confirm that it thawed: look at the guest";
        return End{AnswerStatus::done, Refusal::none, text + "; no release rests on this"};
    }
    if (v.off()) return GiveUp{Refusal::unexpected_state, "the VM ended before it was scanned; a job of kind 'scan' reads its disks at rest"};
    if (v.vm().quarantine_running) return GiveUp{Refusal::unexpected_state, "the VM runs in quarantine; order 'off', then scan it at rest"};
    // Before it was begun anew for ever: somebody, or the want of room, ended it.
    if (!v.op.cut_short.empty()) return GiveUp{Refusal::none, v.op.cut_short};
    if (const auto step = begin_copy(v, false, false)) return *step;
    // Ended by somebody else, or with an earlier run of the VM: what is left of it goes, then anew.
    if (v.seen.backup != BackupSeen::ours) return act(v, Act::abort_backup);
    return act(v, Act::scan_live);
}

}  // namespace

namespace {

/// Drops the overlays. A disk that a commit has written since the power-off is put back from the evidence set, which is
/// read again before anything is dropped: with a broken set, a half-written disk still needs its overlay.
Step revert_step(const View& v) {
    const auto& committed = v.seen.history.committed;
    if (!committed.empty()) {
        if (!v.seen.lock) return GiveUp{Refusal::unexpected_state, "the lock was taken off meanwhile; order 'off' first"};
        if (!v.seen.evidence) return GiveUp{Refusal::no_evidence, "the evidence set of the case is gone"};
        // What ran since holds the owner's own work, which an older set does not have.
        if (v.seen.evidence->taken_at < v.seen.lock->since)
            return GiveUp{Refusal::no_evidence, "the evidence set is older than the lock, so the VM has run since it was taken; put the disks back by hand"};
        if (!v.op.evidence_verified) return act(v, Act::verify_evidence);
    }
    if (!v.seen.overlays.empty()) return act(v, Act::drop, v.seen.overlays.front().target);
    if (!committed.empty()) return act(v, Act::put_back, *committed.begin());
    if (!v.op.put_back.empty())
        return finished(v, "no overlay is left; what was committed is undone: the disks are as the evidence set " + v.seen.evidence->id.text() + " has them");
    return finished(v, "no overlay is left; the disks are as they were at power-off");
}

}  // namespace

Step job_step(const View& v) {
    if (v.op.job()->kind == JobKind::guard) return guard_step(v);
    if (v.op.job()->kind == JobKind::unguard) return unguard_step(v);
    if (!v.vm().exists) {
        if (const auto step = let_go(v)) return *step;
        return gone(v);
    }
    const Job& job = *v.op.job();
    if (job.kind == JobKind::scan && v.op.scanned)
        return End{AnswerStatus::done, Refusal::none,
                   "scanned: " + std::string(name(v.op.scanned->verdict)) +
                       (v.op.scanned->report_sha256.empty() ? "; its signed report could not be kept on the host, see the agent's log" : "")};
    if (job.kind == JobKind::clean && v.op.cleaned)
        return End{AnswerStatus::done, Refusal::none, std::to_string(v.op.cleaned->size()) + " files moved into the evidence set"};
    if (job.kind == JobKind::evidence) return evidence_step(v);
    if (job.kind == JobKind::scan_live) return live_scan_step(v);
    if (!v.off()) return GiveUp{Refusal::unexpected_state, "the VM was started meanwhile; order 'off' again"};
    switch (job.kind) {
        case JobKind::evidence: return evidence_step(v);
        case JobKind::scan: return act(v, Act::scan);
        case JobKind::clean:
            if (!v.seen.evidence) return GiveUp{Refusal::no_evidence, "the evidence set of the case is gone"};
            if (!v.op.evidence_verified) return act(v, Act::verify_evidence);
            for (const auto& disk : writable_disks(v.vm().disks))
                if (!v.overlay(disk.target)) return act(v, Act::create_overlay, disk.target);
            if (const auto mixed = mixed_disks(v.seen); !mixed.empty()) return GiveUp{Refusal::unexpected_state, mixed};
            return act(v, Act::clean);
        case JobKind::revert:
            return revert_step(v);
        case JobKind::scan_live:
        case JobKind::guard:
        case JobKind::unguard: break;   // above: those need no VM here, or a running one
    }
    return gone(v);
}

}  // namespace bailiff::agent
