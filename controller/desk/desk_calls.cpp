// SPDX-License-Identifier: Apache-2.0
// Whom to phone, and what to say. The order: a promised call at its time to whom it was promised; else the contact who was tried
// least since the call fell due, the authorised one first. Numbers known to be wrong are passed over.

#include "controller/desk/desk.hpp"

#include "controller/core/discovery.hpp"

#include <algorithm>

namespace bailiff {

namespace {

std::string time_there(const core::Calendar& desk, const std::string& zone, Instant at) {
    if (zone.empty() || zone == desk.data().timezone) return desk.local(at);
    core::CalendarData data;
    data.timezone = zone;
    for (auto& day : data.hours) day = {{0, 1440}};
    const auto there = core::Calendar::build(std::move(data));
    return there ? there->local(at) : desk.local(at);
}

bool same_number(const std::string& one, const std::string& other) { return !one.empty() && plain_number(one) == plain_number(other); }

/// What the case itself knows of a number, whatever the customer's data says.
bool found_wrong(const core::Case& c, const std::string& number) {
    for (size_t i = c.calls.size(); i-- > 0;)
        if (same_number(c.calls[i].log.number, number)) return c.calls[i].log.outcome == core::CallOutcome::wrong_number;
    return false;
}

int64_t attempts_at(const core::Case& c, const std::string& number, Instant since) {
    return std::count_if(c.calls.begin(), c.calls.end(), [&](const core::Call& call) { return call.at >= since && same_number(call.log.number, number); });
}

std::string spoken_needs(const core::Policy& policy) {
    std::string needs;
    for (const auto need : policy.needs) {
        std::string word(name(need));
        std::replace(word.begin(), word.end(), '_', ' ');
        needs += (needs.empty() ? "" : ", ") + word;
    }
    return needs;
}

}  // namespace

std::optional<CallSheet> Desk::call_sheet(const core::Case& c, const core::Dues& dues) {
    if (!dues.call && !dues.call_back) return std::nullopt;
    const core::Policy& policy = policy_of(c);
    const core::Calendar& calendar = calendar_of(policy);
    CallSheet out;
    out.case_id = c.id;
    out.customer = c.customer;
    out.customer_name = c.customer_name;
    out.vm_name = c.vm_name;
    out.attempts = int64_t(c.calls.size());
    out.overdue_level = c.call_level;
    out.call_back = dues.call_back && (!dues.call || dues.call_back->at <= now());
    out.since = !dues.call ? dues.call_back->at : out.call_back ? std::min(dues.call->since, dues.call_back->at) : dues.call->since;

    auto people = contacts(c.customer);
    if (people.empty()) people.push_back({c.customer, 0, ContactRole::authorised, c.contact, 0, {}, {}, {}, {}, {}});
    const CustomerContact* next = nullptr;
    if (out.call_back) {
        const auto& promised = *dues.call_back;
        for (const auto& one : people)
            if (same_number(one.contact.phone, promised.number) && !next) next = &one;
        for (const auto& one : people)
            if (!promised.contact.empty() && one.contact.name == promised.contact && !next) next = &one;
        out.contact = next ? next->contact : core::Contact{promised.contact, "", promised.number, c.contact.language, c.contact.zone};
        if (!promised.number.empty()) out.contact.phone = promised.number;
    } else {
        const Instant since = dues.call->since;
        const auto usable = [&](const CustomerContact& one) {
            return !one.contact.phone.empty() && one.phone != PhoneStanding::wrong && !found_wrong(c, one.contact.phone);
        };
        for (const auto& one : people)
            if (usable(one) && (!next || attempts_at(c, one.contact.phone, since) < attempts_at(c, next->contact.phone, since))) next = &one;
        out.contact = next ? next->contact : people.front().contact;
        if (!next) out.contact.phone.clear();
    }
    if (next) out.role = next->role, out.number_of_contact = next->number;
    out.local_time = time_there(calendar, out.contact.zone, now());

    // What to say, in order. The numbers and words come from the case, so that nobody phones from memory.
    auto& script = out.script;
    const std::string whom = out.contact.name.empty() ? "the authorised contact of " + c.customer_name : out.contact.name;
    const std::string role = out.role == ContactRole::authorised ? "" : " (" + std::string(name(out.role)) + " contact)";
    script.push_back("Ask for " + whom + role +
                     (out.contact.phone.empty() ? "; no number is on file that is not known to be wrong, look one up with the customer's account."
                                                : " at " + out.contact.phone + "."));
    if (out.call_back)
        script.push_back("We promised this call for " + time_there(calendar, out.contact.zone, dues.call_back->at) +
                         (dues.call_back->note.empty() ? "." : ": " + dues.call_back->note));
    else if (dues.call_back)
        script.push_back(dues.call_back->contact + " asked to be phoned at " + calendar.local(dues.call_back->at) + "; the call that is due now does not wait for it.");
    script.push_back("Say that case " + c.id.text() + " is open on " + c.vm_name + (c.vm_address.empty() ? "" : " (" + c.vm_address + ")") + ": " + policy.nature);
    const core::Contact& written = core::addressee(c);
    script.push_back("The ticket went to " + (written.email.empty() ? "the contact" : written.email) + (c.replies.empty() ? "; no answer came so far." : "."));
    if (!policy.needs.empty()) script.push_back("To end it, a written answer must state: " + spoken_needs(policy) + ".");
    if (policy.support_tokens > 0) script.push_back("We can fix it for " + std::to_string(policy.support_tokens) + " support tokens, if asked to.");
    script.push_back("Log the call at once, whatever came of it: the next step's time runs from the logged call.");
    for (const auto& report : c.reports) out.found.push_back(core::in_one_line(report));
    for (const auto& hit : c.hits) out.found.push_back(hit.signature + " in " + hit.path);
    if (dues.call_back && dues.deadline && dues.deadline->what == "enforce" && dues.call_back->at >= dues.deadline->at)
        out.warning = "the promised call lies behind the deadline " + calendar.local(dues.deadline->at) +
                      ", which does not wait for it: phone earlier, or extend the deadline with a reason";
    return out;
}

}  // namespace bailiff
