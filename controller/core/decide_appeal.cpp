// SPDX-License-Identifier: Apache-2.0
// decide, for appeals: somebody holds what was decided to be wrong, and another person than decided it looks again. What was
// done stays done while the appeal is pending.

#include "controller/core/appeal.hpp"
#include "controller/core/situation.hpp"

namespace bailiff::core {
namespace {

constexpr size_t most_appeals = 20, longest_account = 64;

}  // namespace

Result<void> may_appeal(const Case& c) {
    const auto refused = [&](const std::string& what) { return fail(conflict(c, what).error()); };
    if (!c.merged_into.empty()) return refused("it goes on in case " + c.merged_into.text() + "; appeal there");
    if (pending_appeal(c)) return refused("an appeal waits to be decided already");
    if (c.phase != Phase::closed && !c.sanctioned_once && !touched(c))
        return refused("nothing was decided yet that an appeal could be against; a dispute stops its ladder");
    if (c.appeals.size() >= most_appeals) return fail(Errc::forbidden, "Case " + c.id.text() + " has had " + std::to_string(most_appeals) + " appeals.");
    return {};
}

Instant appeal_due(const Appeal& appeal, const Policy& policy, const Calendar& calendar) {
    // A reminder sets the clock anew; until then it holds what was promised, also when the case has changed its policy since.
    const Seconds within = appeal.level == 0 ? appeal.clock.left : policy.appeal.within;
    return policy.appeal.clock == StepClock::working ? calendar.add(appeal.at, WorkingTime(within)) : appeal.at + within;
}

Result<Facts> on(const Situation& d, const LodgeAppeal& in) {
    if (in.text.empty()) return fail(Errc::invalid, "An appeal says what is wrong.");
    if (const auto may = may_appeal(d.c); !may) return fail(may.error());
    return Facts{AppealLodged{in.text, in.channel, d.policy.appeal.within}};
}

Result<Facts> on(const Situation& d, const DecideAppeal& in) {
    const Case& c = d.c;
    if (in.reason.empty()) return fail(Errc::invalid, "To decide an appeal takes a reason.");
    if (!in.by.starts_with("staff:")) return fail(Errc::forbidden, "Only staff can decide an appeal.");
    if (!pending_appeal(c)) return conflict(c, "no appeal waits to be decided");
    if (in.took_part) return fail(Errc::forbidden, in.by + " has had a hand in the decisions of case " + c.id.text() + "; another person decides its appeals.");
    if (in.upheld && c.held) return conflict(c, "it is on hold (" + c.hold_reason + "); lift that first");
    Facts facts{AppealDecided{in.upheld, in.reason}};
    if (!in.upheld || c.phase == Phase::closed || c.phase == Phase::restoring) return facts;
    if (touched(c)) {
        give_back(d, facts, "the appeal was upheld: " + in.reason);
    } else {
        stop_clocks(d, facts, "closed");
        facts.push_back(CaseClosed{Outcome::false_positive, "the appeal was upheld: " + in.reason});
    }
    return facts;
}

Result<Facts> on(const Situation& d, const Assign& in) {
    if (in.assignee.size() > longest_account) return fail(Errc::invalid, "An account's name has at most " + std::to_string(longest_account) + " letters.");
    if (in.assignee == d.c.assignee) return Facts{};
    return Facts{Assigned{in.assignee}};
}

}  // namespace bailiff::core
