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
        case JobKind::revert:
        case JobKind::guard:
        case JobKind::unguard: return give_back(v);
    }
    return give_back(v);
}

}  // namespace bailiff::agent
