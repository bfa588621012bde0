// SPDX-License-Identifier: Apache-2.0
// Given what is true now, the next thing to do. No state but its arguments; the ladders are in the *_steps.cpp files.
#include "agent/core/ladder.hpp"

namespace bailiff::agent {

Step act(const View& v, Act what, const std::string& target) {
    const Do step{what, target};
    if (v.times(step) >= v.patience.repeats)
        return GiveUp{Refusal::none, key_of(step) + " was done " + std::to_string(v.times(step)) + " times without its effect; look at the host"};
    return step;
}

Step finished(const View& v, std::string text) {
    return End{v.op.acted ? AnswerStatus::done : AnswerStatus::already, Refusal::none, std::move(text)};
}

Step gone(const View& v) {
    return End{AnswerStatus::needs_operator, Refusal::unknown_vm, not_here(v.op.vm(), v.seen.history.left) + "; its lock and evidence are kept"};
}

bool links_are_ours(const View& v) {
    if (v.vm().hold.kept) return true;
    return (v.seen.history.isolated || v.seen.history.cut_begun) && !v.vm().nics.empty() && links_down(v.vm());
}

Step next_step(const Operation& operation, const Observation& seen, const Patience& patience, Milliseconds now) {
    const View v{operation, seen, patience, now};
    if (now < operation.not_before) return Wait{operation.not_before};
    if (operation.gave_up) return operation.order() ? undo_order(v) : undo_job(v);
    // A newer order looks at what is true when it begins, so this one only takes back what nobody else would: the
    // token, and what an unfinished copy holds. Past the first commit the disks are between two states, and the only way is
    // forward; so it is for a guest that stands still to be cut off: let go with its links up, it would see the cut coming.
    const bool held = operation.order() && operation.order()->desired == VmState::isolated && operation.paused_here &&
                      v.vm().power == Power::paused;
    if (!operation.superseded_by.empty() && !operation.commit_begun && !operation.unlocked && !held) {
        if (const auto step = let_go(v)) return *step;
        if (operation.token_out) return Do{Act::revoke, ""};
        return End{AnswerStatus::failed, Refusal::none, "superseded by order " + operation.superseded_by + " before it was finished"};
    }
    return operation.order() ? order_step(v) : job_step(v);
}

}  // namespace bailiff::agent
