// SPDX-License-Identifier: Apache-2.0
// The deadlines that follow from a policy, and the patterns of types that it covers.
#include "controller/core/policy.hpp"

#include <algorithm>
#include <cassert>

namespace bailiff::core {

namespace {

/// `from` plus a span on its clock, with one line of why: what, how long, on which clock, over which hours.
Instant after(const Calendar& calendar, StepClock clock, Instant from, Seconds span, const std::string& what,
              std::vector<std::string>& why) {
    const std::string since = spoken_duration(span) + " since " + calendar.local(from);
    switch (clock) {
        case StepClock::elapsed: {
            const Instant due = from + span;
            why.push_back(what + " " + calendar.local(due) + ": " + since + " by the wall clock");
            return due;
        }
        case StepClock::working: {
            const auto [due, reasons] = calendar.explain(from, WorkingTime(span));
            std::string line = what + " " + calendar.local(due) + ": " + since + " in working time";
            // The last reason repeats the due time that the line begins with.
            for (size_t i = 0; i + 1 < reasons.size(); ++i) line += "; " + reasons[i];
            why.push_back(std::move(line));
            return due;
        }
    }
    assert(false);
    return from;
}

std::string sanction_text(VmState state) {
    switch (state) {
        case VmState::running: return "release";
        case VmState::limited: return "limit";
        case VmState::isolated: return "network off";
        case VmState::off: return "power off";
        case VmState::quarantined: return "quarantine";
    }
    assert(false);
    return {};
}

}  // namespace

/// A call before the call was due is no answer to silence and does not count, here as in `decide`.
Timeline timeline(const Policy& policy, const Calendar& calendar, Instant opened, std::optional<Instant> called) {
    Timeline out;
    auto& why = out.why;
    why.push_back("policy " + policy.id.text() + " revision " + std::to_string(policy.revision) + ", calendar " +
                  policy.calendar + ": " + calendar.describe_hours());
    const bool working = !policy.ladder.empty() && policy.ladder.front().clock == StepClock::working;
    out.clock_starts = working ? calendar.next_opening(opened) : opened;
    why.push_back("the clock starts " + calendar.local(out.clock_starts) + ": opened " + calendar.local(opened) +
                  (out.clock_starts != opened ? ", outside working hours" : ""));

    Instant reached = opened;
    bool after_call = false;
    for (const Step& step : policy.ladder) {
        if (step.waits_for == WaitsFor::call) {
            if (!out.call_due) {
                out.call_due = reached;
                why.push_back("call due " + calendar.local(reached) + ": no answer by then");
            }
            if (called && *called < reached) {
                // Whoever was phoned while there still was time to answer has not been silent yet.
                why.push_back("called " + calendar.local(*called) + ", before the call was due: it does not count as the call of step '" +
                              step.id + "', which is still due");
                called.reset();
            }
            if (!called || after_call) {
                why.push_back("step '" + step.id + "' ends with a logged call attempt and never by time alone");
                break;
            }
            after_call = true;
            why.push_back("called " + calendar.local(*called));
            reached = *called;
            continue;
        }
        if (step.then && step.within == Seconds(0)) {
            // Nobody gets time to answer, so no answer is due either.
            reached = step.clock == StepClock::working ? calendar.next_opening(reached) : reached;
            why.push_back(sanction_text(*step.then) + " at once, " + calendar.local(reached));
            out.enforce_due = reached;
            break;
        }
        const std::string what =
            step.then ? sanction_text(*step.then) + " if silent until" : "step '" + step.id + "': answer due";
        reached = after(calendar, step.clock, reached, step.within, what, why);
        if (!out.reply_due) out.reply_due = reached;
        if (step.then) {
            out.enforce_due = reached;
            break;
        }
    }
    if (policy.resolution)
        out.resolution_due =
            after(calendar, policy.resolution->clock, opened, policy.resolution->within, "resolution due", why);
    return out;
}

bool covers(std::string_view pattern, std::string_view type) {
    if (pattern == "*") return true;
    if (pattern.ends_with("/*")) {
        pattern.remove_suffix(1);
        return type.size() > pattern.size() && type.starts_with(pattern);
    }
    return !pattern.empty() && pattern == type;
}

}  // namespace bailiff::core
