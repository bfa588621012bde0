// SPDX-License-Identifier: Apache-2.0
// What is taken back when an order or job cannot be carried out, and what then stays for a person.
#include "agent/core/ladder.hpp"

namespace bailiff::agent {
namespace {

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

}  // namespace

Step undo_order(const View& v) {
    if (const auto step = let_go(v)) return undo(v, step->act, step->target);
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
        case VmState::isolated: {
            // A copy that could not be taken and was let go has changed nothing; a cut, whole or in part, has.
            const bool cut = v.seen.history.isolated || v.seen.history.cut_begun;
            return v.op.begun && (cut || v.op.order()->evidence != EvidenceRule::first) ? ended(v, AnswerStatus::needs_operator) : give_back(v);
        }
        case VmState::limited:
            if (!v.op.begun) return give_back(v);
            if (v.op.unlocked) return ended(v, AnswerStatus::needs_operator);
            // Half a limit closes nothing for sure. What stood before is a state of ours or none; the rounds keep the first.
            if (v.seen.history.isolated) return links_down(v.vm()) && v.vm().hold.whole ? give_back(v) : undo(v, Act::links_down);
            if (v.seen.history.limited) return ended(v, AnswerStatus::needs_operator);
            if (v.vm().hold.kept && v.vm().exists) return undo(v, Act::links_up);
            return give_back(v);
    }
    return give_back(v);
}

Step undo_job(const View& v) {
    if (const auto step = let_go(v)) return undo(v, step->act, step->target);
    switch (v.op.job()->kind) {
        case JobKind::clean:
            if (v.off())
                if (const auto* overlay = fresh_overlay(v)) return undo(v, Act::drop, overlay->target);
            return give_back(v);
        case JobKind::guard:
            if (v.op.locked_here && v.seen.guard && v.seen.guard->case_id == v.op.case_id()) return undo(v, Act::unlock);
            return give_back(v);
        // A disk that was put back halfway is neither what it was nor what the evidence has.
        case JobKind::revert: return v.op.put_back.empty() ? give_back(v) : ended(v, AnswerStatus::needs_operator);
        case JobKind::evidence:
        case JobKind::scan:
        case JobKind::scan_live:
        case JobKind::unguard: return give_back(v);
    }
    return give_back(v);
}

}  // namespace bailiff::agent
