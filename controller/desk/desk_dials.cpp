// SPDX-License-Identifier: Apache-2.0
// A dialler is told of each call once, at least: when it falls due, and when nobody is to be phoned any more. What is owed to it
// is written with the case, in the same transaction, so that no call is lost and no cancelled one survives a crash.

#include "controller/desk/desk.hpp"

#include <algorithm>
#include <spdlog/spdlog.h>

namespace bailiff {

namespace {

constexpr size_t reminded_at_once = 100, told_at_once = 200, looked_through_at_once = 50;
/// Calls with the dialler that it has not answered for. The others wait here, where an answer of the customer still stops them.
constexpr int64_t most_in_hand = 4;
/// An answer that could not be handed back, since the desk's queue was full, keeps no call waiting for ever.
constexpr Seconds lost_after{300};
/// A dialler that is away for half a day has forgotten the call by itself.
constexpr int64_t most_cancels = 100;

Seconds dial_patience(int64_t attempts) { return std::min(Seconds(300), Seconds(5) * (int64_t{1} << std::min<int64_t>(attempts, 6))); }

/// Which call of the case is due: another one after each that was logged, since the next contact may be meant.
std::string due_call(const core::Case& c, const core::Dues& dues, Instant now) {
    const auto number = [](Instant at) { return std::to_string(at.time_since_epoch().count()); };
    if (dues.call_back && dues.call_back->told && dues.call_back->at <= now) return "call_back " + number(dues.call_back->at) + " " + std::to_string(c.calls.size());
    if (dues.call) return "call " + number(dues.call->since) + " " + std::to_string(c.calls.size());
    return {};
}

Json sheet_json(const CallSheet& sheet) {
    return {{"case", sheet.case_id.text()}, {"customer", sheet.customer.text()}, {"vm", sheet.vm_name}, {"contact", sheet.contact.name},
            {"role", name(sheet.role)}, {"number", sheet.contact.phone}, {"language", sheet.contact.language}, {"zone", sheet.contact.zone},
            {"local_time", sheet.local_time}, {"call_back", sheet.call_back}, {"since", format_rfc3339(sheet.since)}, {"attempts", sheet.attempts},
            {"script", sheet.script}, {"found", sheet.found}};
}

}  // namespace

void Desk::remind_of_call_backs() {
    for (const CaseId& id : ports_.storage.call_backs(now(), reminded_at_once)) {
        const auto acted = act(id, core::CallBackReached{}, "clock");
        if (!acted) spdlog::error("case={} promise to phone not taken: {}", id.text(), acted.error().text);
    }
}

void Desk::owe_dial(const core::Case& c, const core::Dues& dues) {
    if (!ports_.dialler) return;
    const std::string wanted = due_call(c, dues, now());
    auto open = ports_.storage.open_dial_of(c.id);
    if (open && open->what == wanted) return;
    if (open) {
        // What it was never told of it need not forget; what may lie on the wire it must.
        const bool untouched = open->state == DialState::to_tell && open->attempts == 0 && !dials_under_way_.contains(open->id);
        open->state = untouched ? DialState::over : DialState::to_cancel;
        open->attempts = 0;
        open->next_try = now();
        ports_.storage.put_dial(*open);
    }
    if (!wanted.empty()) ports_.storage.put_dial({ports_.storage.next_dial_id(), c.id, wanted, DialState::to_tell, 0, now(), ""});
    if (open && open->state == DialState::to_cancel) send_dials();
}

void Desk::tell_dialler() {
    if (!ports_.dialler) return;
    // After a start: calls that fell due before there was a dialler.
    if (dials_looked_for_) {
        const auto page = ports_.storage.calls(*dials_looked_for_, looked_through_at_once);
        const auto whole = page.size() == looked_through_at_once;
        dials_looked_for_ = whole ? std::optional(page.back().id) : std::nullopt;
        for (const auto& c : page) owe_dial(c, core::owed(c, policy_of(c), calendar_of(policy_of(c))));
    }
    send_dials();
}

void Desk::send_dials() {
    // A time of zero: it leaves when this turn is committed (see discard).
    const auto in_hand = [&](Instant since) { return since == Instant{} || now() - since < lost_after; };
    int64_t calls = std::count_if(dials_under_way_.begin(), dials_under_way_.end(), [&](const auto& one) { return in_hand(one.second); });
    auto dials = ports_.storage.dials_to_send(now(), told_at_once);
    std::stable_partition(dials.begin(), dials.end(), [](const Dial& dial) { return dial.state == DialState::to_cancel; });
    for (Dial& dial : dials) {
        // The call and its end are told one after the other, so that they cannot pass each other.
        const auto sent = dials_under_way_.find(dial.id);
        if (sent != dials_under_way_.end() && in_hand(sent->second)) continue;
        DialMessage message{dial.id, dial.state == DialState::to_cancel, "", now()};
        if (!message.cancel && calls >= most_in_hand) return;
        Json body{{"id", dial.id}, {"act", message.cancel ? "cancel" : "call"}, {"case", dial.case_id.text()}};
        if (!message.cancel) {
            const auto c = ports_.storage.find_case(dial.case_id);
            const auto sheet = c ? call_sheet(*c, core::owed(*c, policy_of(*c), calendar_of(policy_of(*c)))) : std::nullopt;
            if (!sheet || sheet->contact.phone.empty()) {
                // No number that a machine could dial: people see the call in their queue.
                dial.state = sheet ? DialState::told : DialState::over;
                dial.last_answer = "there is no number to dial";
                ports_.storage.put_dial(dial);
                continue;
            }
            body.update(sheet_json(*sheet));
            ++calls;
        }
        message.body = dump_json(body);
        dials_under_way_.insert_or_assign(message.id, Instant{});
        leaving_.push_back([this, message = std::move(message)] {
            dials_under_way_.insert_or_assign(message.id, message.at);
            ports_.dialler->tell(message, [this, id = message.id, cancel = message.cancel](DialAnswer answer) {
                auto back = [id, cancel, answer](Desk& desk) { desk.dial_told(id, cancel, answer); };
                if (come_back_) come_back_(std::move(back));
                else back(*this);
            });
        });
    }
}

void Desk::dial_told(const std::string& id, bool cancel, const DialAnswer& answer) {
    // Before the commit: should that fail, it is told again, under the same id.
    dials_under_way_.erase(id);
    auto dial = ports_.storage.find_dial(id);
    if (!dial || dial->state == DialState::over) return send_dials();
    dial->last_answer = answer.text.substr(0, 500);
    const bool answers_this = cancel == (dial->state == DialState::to_cancel);
    if (answers_this && answer.accepted) {
        dial->state = cancel ? DialState::over : DialState::told;
        dial->attempts = 0;
    } else if (answers_this) {
        ++dial->attempts;
        dial->next_try = now() + dial_patience(dial->attempts);
        if (cancel && dial->attempts >= most_cancels) dial->state = DialState::over;
        spdlog::warn("dial={} case={} {} not taken, again at {}: {}", id, dial->case_id.text(), cancel ? "cancel" : "call", format_rfc3339(dial->next_try), answer.text);
    }
    ports_.storage.put_dial(*dial);
    send_dials();
}

}  // namespace bailiff
