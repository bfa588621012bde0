// SPDX-License-Identifier: Apache-2.0
// decide: may this happen now, and what is then true? Here the clock and the people; decide_host.cpp has the hosts.

#include "controller/core/erasure.hpp"
#include "controller/core/situation.hpp"
#include "controller/core/sources.hpp"

#include <algorithm>
#include <cassert>

namespace bailiff::core {
namespace {

// The last mail of a case may still be on its way when the case is erased; its address does not come back with it.
Fact as_far_as_erased(const Case& c, Fact fact) {
    return c.erased ? erased({0, {}, "", std::move(fact)}).fact : fact;
}

std::vector<std::string> missing_needs(const Policy& policy, const Reply& reply) {
    std::vector<std::string> missing;
    for (const Need need : policy.needs) {
        const std::string& given = need == Need::steps        ? reply.steps
                                   : need == Need::root_cause ? reply.root_cause
                                                              : reply.prevention;
        if (given.empty()) missing.emplace_back(name(need));
    }
    return missing;
}

// ---- the clock ------------------------------------------------------------------------------------------------

/// Silence lasted to the end of the rung.
void climb(const Situation& d, Facts& facts) {
    const Step& step = d.rung();
    if (step.then) {
        // Silence proves nothing by itself: what is to be acted on must have been seen by more than one, or by us.
        if (const std::string why = why_too_few_sources(d.c, d.policy); !why.empty()) return review(d, facts, why);
        sanction(d, facts, *step.then,
                 d.c.calls.empty() ? d.policy.title + ": no answer was required before acting"
                                   : d.policy.title + ": no response after the phone call");
    } else {
        assert(size_t(d.c.rung) + 1 < d.policy.ladder.size());
        facts.push_back(start_rung(d.policy, size_t(d.c.rung) + 1));
    }
}

Result<Facts> enforce_now(const Situation& d, const std::string& reason) {
    const auto& ladder = d.policy.ladder;
    const bool needs_call = std::any_of(ladder.begin(), ladder.end(), [](const Step& s) { return s.waits_for == WaitsFor::call; });
    const bool called = std::any_of(d.c.calls.begin(), d.c.calls.end(),
                                    [](const Call& call) { return call.log.outcome != CallOutcome::wrong_number; });
    if (needs_call && !called)
        return fail(Errc::forbidden, "No call attempt is logged, so nothing may be switched off; phone " + d.c.contact.name + " at " +
                                         d.c.contact.phone + " and log the call first.");
    Facts facts{ReviewDecided{Decision::enforce, reason}};
    sanction(d, facts, *ladder.back().then, reason);
    return facts;
}

constexpr Seconds longest_promise{14 * 86400};

/// Unlike any other refund's: the revision that its fact will have when it is the `place`th of its turn.
std::string refund_key(const Case& c, size_t place) { return c.id.text() + "/refund/" + std::to_string(c.revision + int64_t(place)); }

/// Who was charged because of a report that was wrong gets it back without asking: a person has just decided that it was.
void refund_false_positive(const Case& c, Facts& facts) {
    int64_t charged = c.tokens;
    for (const Fact& fact : facts)
        if (const auto* more = std::get_if<TokensCharged>(&fact)) charged += more->tokens;
    if (charged <= 0) return;
    for (size_t i = 0; i < facts.size(); ++i) {
        const auto* closed = std::get_if<CaseClosed>(&facts[i]);
        if (!closed || closed->outcome != Outcome::false_positive) continue;
        facts.insert(facts.begin() + std::ptrdiff_t(i), TokensRefunded{charged, "the report was wrong", refund_key(c, i + 1)});
        return;
    }
}

bool is_owed(const Case& c, const std::string& key) {
    return std::any_of(c.notices.begin(), c.notices.end(), [&](const NoticeDue& due) { return due.key == key; });
}

}  // namespace

Result<Facts> on(const Situation& d, const DeadlineReached& in) {
    Facts facts;
    if (in.revision != d.c.revision) return facts;  // the case moved on; its new deadline stands in the store
    const auto deadline = owed(d.c, d.policy, d.calendar).deadline;
    if (!deadline || d.now < deadline->at) return facts;
    if (deadline->what == "appeal") {
        // As with a call: ever rarer, and never silent.
        const int64_t level = d.c.appeals.back().level;
        facts.push_back(AppealOverdue{level + 1, d.policy.appeal.within * (int64_t{1} << std::min<int64_t>(level, 4))});
    } else if (d.c.phase == Phase::answered) {
        review(d, facts, "the promised confirmation was not there at the resolution deadline");
    } else if (d.rung().waits_for == WaitsFor::call) {
        // Ever rarer, so that it stays worth reading, but never silent: a lost call leaves malware running.
        const Seconds next = d.rung().escalate_after * (int64_t{1} << std::min<int64_t>(d.c.call_level, 4));
        facts.push_back(CallOverdue{d.c.call_level + 1, next});
    } else {
        climb(d, facts);
    }
    return facts;
}

// ---- people -----------------------------------------------------------------------------------------------------

Result<Facts> on(const Situation& d, const AddReport& in) {
    if (d.c.phase == Phase::closed) return conflict(d.c, "a new report opens a new case");
    for (const auto& known : d.c.reports)
        if (known.id == in.report.id) return Facts{};
    return Facts{ReportAdded{in.report, in.with_ticket}};
}

Result<Facts> on(const Situation& d, const LogCall& in) {
    if (d.c.phase == Phase::closed) return conflict(d.c, "a call can be logged only while the case is open");
    if (in.call_back != Instant{}) {
        if (in.outcome == CallOutcome::wrong_number) return fail(Errc::invalid, "Nobody at a wrong number can ask to be called back.");
        if (in.call_back <= d.now) return fail(Errc::invalid, "The time to call back lies in the past; it is " + format_rfc3339(d.now) + " now.");
        if (in.call_back > d.now + longest_promise) return fail(Errc::invalid, "A call back is promised for 14 days ahead at most.");
    }
    const CallLogged logged{in.contact, in.number, in.outcome, in.note, in.call_back};
    Facts facts;
    size_t rung = size_t(d.c.rung);
    // The call may be logged in the moment between the end of the hour and the clock's next look at it.
    const auto deadline = owed(d.c, d.policy, d.calendar).deadline;
    if (deadline && deadline->what == "reply" && deadline->at <= d.now && d.policy.ladder.at(rung + 1).waits_for == WaitsFor::call)
        facts.push_back(start_rung(d.policy, ++rung));
    facts.push_back(logged);
    // A wrong number is no attempt to reach the contact: the call stays due. So does it after an early call: who was
    // phoned while there still was time to answer has not been silent yet.
    const bool attempt = in.outcome != CallOutcome::wrong_number;
    if (attempt && d.c.phase == Phase::open && !stands_still(d.c) && d.policy.ladder.at(rung).waits_for == WaitsFor::call)
        facts.push_back(start_rung(d.policy, rung + 1));
    return facts;
}

Result<Facts> on(const Situation& d, const RecordReply& in) {
    const Case& c = d.c;
    if (c.phase == Phase::closed) return conflict(c, "an answer to a closed case needs a new report or a note");
    const bool fixed = in.reply.kind == ReplyKind::fixed;
    const bool pays = in.reply.kind == ReplyKind::fix_request;
    if (pays && d.policy.support_tokens == 0)
        return fail(Errc::forbidden, "The policy " + d.policy.id.text() + " offers no fix by the provider; record the answer "
                                     "as acknowledged and let a person decide.");
    const auto missing = fixed ? missing_needs(d.policy, in.reply) : std::vector<std::string>{};
    Facts facts{ReplyRecorded{in.reply, missing}};
    const bool complete = fixed && missing.empty();
    const auto treat = [&] {
        if (!c.muted_by.empty()) return review(d, facts, "the customer asked the provider to fix it, which waits until case " + c.muted_by.text() + " is closed");
        // The demand that the charge pays for is the next one: nothing else of the case can have its number.
        facts.push_back(TokensCharged{d.policy.support_tokens, c.id.text() + "/charge/" + std::to_string(c.demand + 1)});
        begin_treatment(d, facts, "the customer asked the provider to fix it");
    };
    switch (c.phase) {
        case Phase::open:
        case Phase::answered:
            if (pays) {
                treat();
            } else if (in.reply.kind == ReplyKind::dispute) {
                review(d, facts, "the customer disputes the report");
            } else if (complete) {
                stop_clocks(d, facts, "answered");
                facts.push_back(CaseClosed{Outcome::fixed_by_customer, "the customer confirmed steps and cause in writing"});
            } else {
                if (c.ladder.running) facts.push_back(LadderStopped{d.ladder_left(), "answered"});
                if (!d.policy.resolution) review(d, facts, "the customer answered; the policy names no resolution time");
            }
            break;
        case Phase::sanctioned:
            if (pays) treat();
            else if (in.reply.kind == ReplyKind::dispute) review(d, facts, "the customer disputes the report");
            else if (complete) review(d, facts, "the customer confirmed the fix: accept it to restore the VM");
            break;
        case Phase::treatment:
            if (in.reply.kind == ReplyKind::dispute) review(d, facts, "the customer disputes the report");
            else if (c.stage == Stage::power_off && !c.demand_met && !pays)
                review(d, facts, "the customer answered while the switch-off was under way");
            break;
        case Phase::review:
        case Phase::restoring:
        case Phase::closed: break;
    }
    return facts;
}

Result<Facts> on(const Situation& d, const Extend& in) {
    if (in.reason.empty()) return fail(Errc::invalid, "An extension needs a reason.");
    if (in.by <= Seconds{0}) return fail(Errc::invalid, "An extension must be longer than nothing, e.g. PT2H.");
    if (d.c.phase == Phase::open && d.rung().waits_for == WaitsFor::reply)
        return Facts{Extended{in.by, d.ladder_left() + in.by, false, in.reason}};
    if (d.c.phase == Phase::answered) return Facts{Extended{in.by, d.resolution_left() + in.by, true, in.reason}};
    return conflict(d.c, "there is no deadline of the customer to extend");
}

Result<Facts> on(const Situation& d, const PlaceHold& in) {
    if (in.reason.empty()) return fail(Errc::invalid, "A hold needs a reason.");
    if (d.c.phase == Phase::closed) return conflict(d.c, "there is nothing to hold");
    if (d.c.held) return conflict(d.c, "it is on hold already: " + d.c.hold_reason);
    Facts facts;
    stop_clocks(d, facts, "hold");
    facts.push_back(HoldPlaced{in.reason});
    return facts;
}

Result<Facts> on(const Situation& d, const LiftHold& in) {
    if (!d.c.held) return conflict(d.c, "it is not on hold");
    return Facts{HoldLifted{in.reason}};
}

Result<Facts> on(const Situation& d, const Decide& in) {
    const Case& c = d.c;
    if (in.reason.empty()) return fail(Errc::invalid, "A decision needs a reason.");
    if (c.phase != Phase::review) return conflict(c, "there is no review to decide; ask for one first");
    if (!c.muted_by.empty() && (in.decision == Decision::enforce || in.decision == Decision::treat))
        return conflict(c, "it stands still while case " + c.muted_by.text() + " of the same VM is open; decide there, or close that one first");
    Facts facts{ReviewDecided{in.decision, in.reason}};
    switch (in.decision) {
        case Decision::resume:
            switch (c.before_review) {
                case Phase::open:
                case Phase::answered:
                    facts.push_back(RungStarted{c.rung, d.rung().id, d.ladder_left(), d.rung().waits_for == WaitsFor::call});
                    if (d.policy.resolution && d.resolution_left() > Seconds{0}) facts.push_back(ResolutionStarted{d.resolution_left()});
                    break;
                case Phase::treatment:
                    if (!c.demand_met) facts.push_back(c.demanded);
                    if (c.demand_met && waits_for_state(c.stage)) after_state(d, facts, Phase::treatment);
                    else facts.push_back(StageEntered{c.stage, c.round, c.attempt + 1});
                    break;
                case Phase::sanctioned:
                case Phase::restoring:
                    if (!c.demand_met) facts.push_back(c.demanded);
                    else after_state(d, facts, c.before_review);
                    break;
                case Phase::review:
                case Phase::closed: break;
            }
            return facts;
        case Decision::enforce:
            if (c.desired != VmState::running) return conflict(c, "the VM is " + std::string(name(c.desired)) + " already");
            return enforce_now(d, in.reason);
        case Decision::accept:
            if (!touched(c)) {
                facts.push_back(CaseClosed{Outcome::accepted, in.reason});
            } else if (d.policy.restore_when == RestoreWhen::verified_clean && !vouched(c)) {
                return fail(Errc::forbidden, "The policy " + d.policy.id.text() + " restores a VM only when it is verified clean; "
                                             "resume the treatment, or dismiss the case if the report was false.");
            } else {
                give_back(d, facts, in.reason);
            }
            return facts;
        case Decision::dismiss:
            if (touched(c)) give_back(d, facts, "false positive: " + in.reason);
            else facts.push_back(CaseClosed{Outcome::false_positive, in.reason});
            return facts;
        case Decision::treat: begin_treatment(d, facts, in.reason); return facts;
    }
    return facts;
}

Result<Facts> on(const Situation& d, const Approve& in) {
    if (d.c.phase != Phase::treatment || d.c.stage != in.stage || d.c.held)
        return conflict(d.c, std::string(name(in.stage)) + " is not what it waits for");
    Facts facts;
    if (in.stage == Stage::clean_decision) approve_clean(d, facts, in.reason);
    else if (in.stage == Stage::restore_decision) approve_restore(d, facts, in.reason, d.c.accepted_scan.empty() ? "verified clean" : "an incomplete scan was accepted by two people");
    else return fail(Errc::invalid, "Only clean_decision and restore_decision wait for a person.");
    return facts;
}

/// "Incomplete" is not "clean". Two people may take the difference upon themselves, for one scan that they looked at; what
/// they cannot take upon themselves is malware that was found.
Result<Facts> on(const Situation& d, const AcceptIncomplete& in) {
    const Case& c = d.c;
    if (in.reason.empty()) return fail(Errc::invalid, "To accept an incomplete scan takes a reason.");
    if (!in.by.starts_with("staff:")) return fail(Errc::forbidden, "Only staff can accept an incomplete scan.");
    if (c.phase == Phase::closed) return conflict(c, "there is no scan to accept any more");
    if (d.policy.incomplete == AcceptsIncomplete::never)
        return fail(Errc::forbidden, "The policy " + d.policy.id.text() + " accepts no incomplete scan (restore.incomplete: never); make what was "
                                     "not scanned readable and decide resume, which scans again.");
    if (c.verdict == ScanVerdict::infected || !c.hits.empty())
        return fail(Errc::forbidden, "The last scan says infected, which nobody can accept; let it be cleaned, or dismiss the case if the report was false.");
    if (c.phase != Phase::review || c.incomplete_scan.empty())
        return conflict(c, "no incomplete scan waits to be accepted");
    if (c.held) return conflict(c, "it is on hold: " + c.hold_reason);
    if (in.scan_job != c.incomplete_scan)
        return conflict(c, "scan " + in.scan_job.text() + " is not the one that waits to be accepted; look at scan " + c.incomplete_scan.text() + " and accept that");
    for (const auto& before : c.acceptances)
        if (before.actor == in.by) return conflict(c, in.by + " has accepted the scan already; it takes a second person");
    Facts facts{IncompleteAccepted{in.scan_job, in.reason, !c.acceptances.empty()}};
    if (!c.acceptances.empty())
        scan_suffices(d, facts, "the policy restores what two people accept", "an incomplete scan was accepted by two people");
    return facts;
}

Result<Facts> on(const Situation& d, const AskReview& in) {
    if (in.reason.empty()) return fail(Errc::invalid, "A review needs a reason.");
    if (d.c.phase == Phase::closed || d.c.phase == Phase::review) return conflict(d.c, "no review can be opened");
    Facts facts;
    review(d, facts, in.reason);
    return facts;
}

Result<Facts> on(const Situation& d, const Close& in) {
    if (in.reason.empty()) return fail(Errc::invalid, "Closing needs a reason.");
    if (d.c.phase == Phase::closed) return Facts{};
    if (touched(d.c))
        return conflict(d.c, "the VM is " + std::string(name(d.c.desired)) + "; release it first (decide dismiss or accept)");
    Facts facts;
    stop_clocks(d, facts, "closed");
    facts.push_back(CaseClosed{Outcome::closed_by_staff, in.reason});
    return facts;
}

Result<Facts> on(const Situation& d, const EraseCase& in) {
    if (in.reason.empty()) return fail(Errc::invalid, "An erasure needs a reason.");
    if (d.c.phase != Phase::closed) return conflict(d.c, "what an open case says is still needed; close it first");
    return Facts{CaseErased{d.c.revision, in.seal, in.envelope, in.reason}};
}

Result<Facts> on(const Situation& d, const AddNote& in) {
    if (in.text.empty()) return fail(Errc::invalid, "A note needs a text.");
    if (d.c.erased) return conflict(d.c, "it was erased, and nothing is written into it any more");
    return Facts{NoteAdded{in.text}};
}

// ---- support tokens -----------------------------------------------------------------------------------------------

/// At any time, also long after the case: who was charged wrongly finds out when the bill comes.
Result<Facts> on(const Situation& d, const RefundTokens& in) {
    if (in.reason.empty()) return fail(Errc::invalid, "A refund needs a reason.");
    const int64_t tokens = in.tokens == 0 ? d.c.tokens : in.tokens;
    if (tokens <= 0 || tokens > d.c.tokens)
        return fail(Errc::conflict, "Case " + d.c.id.text() + " was charged " + std::to_string(d.c.tokens) + " support tokens that are not refunded yet; no more can go back.");
    return Facts{TokensRefunded{tokens, in.reason, refund_key(d.c, 1)}};
}

// ---- mail -------------------------------------------------------------------------------------------------------

Result<Facts> on(const Situation& d, const NoticeAccepted& in) {
    if (!is_owed(d.c, in.key)) return Facts{};
    return Facts{as_far_as_erased(d.c, NoticeSent{in.notice, in.key, in.to, in.message_id})};
}
Result<Facts> on(const Situation& d, const NoticeRefused& in) {
    if (!is_owed(d.c, in.key)) return Facts{};
    const bool to_customer = std::any_of(d.c.notices.begin(), d.c.notices.end(),
                                         [&](const NoticeDue& due) { return due.key == in.key && due.audience == Audience::customer; });
    Facts facts{as_far_as_erased(d.c, NoticeFailed{in.notice, in.key, in.to, in.text})};
    if (to_customer && !d.c.erased) redirect(d, facts, in.notice, in.key, in.to, in.next);
    return facts;
}

std::vector<Fact> open_case(const OpenCase& in, const Policy& policy, const Calendar&, Instant) {
    std::vector<Fact> facts;
    facts.push_back(CaseOpened{in.case_id, in.vm, in.vm_name, in.vm_address, in.host, in.customer, in.customer_name, in.contact, policy.id,
                               policy.revision, policy.resolution ? policy.resolution->within : Seconds{0}, in.report, in.predecessor, in.split_from});
    facts.push_back(start_rung(policy, 0));
    return facts;
}

Result<std::vector<Fact>> decide(const Case& c, const Input& input, const Policy& policy, const Calendar& calendar, Instant now) {
    const Situation d{c, policy, calendar, now};
    auto facts = std::visit([&](const auto& in) { return on(d, in); }, input);
    if (facts) refund_false_positive(c, *facts);
    return facts;
}

}  // namespace bailiff::core
