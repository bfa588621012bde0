// SPDX-License-Identifier: Apache-2.0
// One thing at a time: while a case is open whose policy inhibits others, cases of those policies on the same VM stand still.
// A machine that attacks others uses much bandwidth; its owner needs one mail of it, and one deadline.
//
// What too few stand behind keeps nothing still, unless a person has acted on it: else one who reports himself could stop a
// ladder by a report of something else.
//
//   looked at whenever what counts here changes, in the same transaction: which came first makes no difference, and a
//   restart finds it in the histories

#include "controller/core/sources.hpp"
#include "controller/desk/desk.hpp"

#include <algorithm>

namespace bailiff {
namespace {

/// Each turn mutes or unmutes one case; policies that inhibit each other are refused, so this is never reached.
constexpr int most_turns = 50;

bool inhibits(const core::PolicySet& policies, const core::Case& c, const core::Case& other) {
    const core::Policy* policy = policies.find(c.policy, c.policy_revision);
    if (!policy || c.id == other.id || !c.muted_by.empty()) return false;
    if (std::find(policy->inhibits.begin(), policy->inhibits.end(), other.policy) == policy->inhibits.end()) return false;
    return c.demand > 0 || core::why_too_few_sources(c, *policy).empty();
}

}  // namespace

void Desk::settle_mutes(const VmId& vm) {
    for (int turn = 0; turn < most_turns; ++turn) {
        std::vector<core::Case> open;
        for (const CaseId& id : ports_.storage.open_cases_of(vm))
            if (auto c = ports_.storage.find_case(id)) open.push_back(std::move(*c));
        bool changed = false;
        for (const core::Case& c : open) {
            const auto goes_first = [&](const core::Case& other) { return inhibits(policies_, other, c); };
            const bool stands = !c.muted_by.empty();
            const auto first = std::find_if(open.begin(), open.end(), [&](const core::Case& other) { return goes_first(other) && (!stands || other.id == c.muted_by); });
            if (stands == (first != open.end())) continue;
            const auto settled = stands ? act(c.id, core::Unmute{"case " + c.muted_by.text() + " keeps it no longer"}, "controller")
                                        : act(c.id, core::Mute{first->id, first->policy}, "controller");
            changed = settled && settled->c.revision != c.revision;
            if (changed && stands)
                for (OutboxMail mail : ports_.storage.mails_of(c.id))
                    if (mail.state == MailState::due) {
                        mail.next_try = now();
                        ports_.storage.update(mail);
                    }
            if (changed) break;
        }
        if (!changed) return;
    }
}

/// What would ask the customer, or staff on his behalf, to do something about a case that stands still. It goes out later.
bool Desk::held_back(const core::Case& c, const core::NoticeDue& due) {
    const bool of_the_call = due.notice == core::Notice::call_reminder || due.notice == core::Notice::call_overdue;
    return !c.muted_by.empty() && (due.audience == core::Audience::customer || of_the_call);
}

}  // namespace bailiff
