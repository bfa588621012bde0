// SPDX-License-Identifier: Apache-2.0
// What came through a door: kept whole and once, then each of its events on its own way.
//
//   delivery ── the same bytes, or the same Message-ID and body, are here ──> counted, nothing new
//            ── answers a mail of ours ──> its case (desk_replies.cpp; a bounce: desk_contacts.cpp); kept, marked
//            ── to the address for contact data ──> a change request (desk_changes.cpp), whatever else it says
//            ── no report of abuse ──> kept, marked
//            ── no event, or a reason for triage ──> a person looks, with the original beside
//            ── else each event: VM known ──> a case, or a further report of the open one; by mail no case whose policy
//                                             would touch the VM before a person has had it in hand
//                                not known ──> triage
//   So many events to a turn; the rest wait in the delivery itself and follow with the ticks.

#include "controller/desk/desk.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace bailiff {
namespace {

/// A report costs the desk about a millisecond where it opens a case; a table of thousands must not stop everything else.
constexpr size_t events_to_a_turn = 200;

std::string words_of(const ReadEvent& event) {
    std::string out = event.summary;
    const auto add = [&](const char* what, const std::string& text) {
        if (!text.empty() && out.find(text) == std::string::npos) out += (out.empty() ? "" : "\n") + std::string(what) + text;
    };
    add("at ", event.place);
    add("the reporter's number: ", event.number);
    if (event.observed_at == Instant{}) add("", "the report says no time");
    return out;
}

/// Whether the clock alone brings the ladder to a sanction.
bool touches_the_vm_alone(const core::Policy& policy) {
    for (const core::Step& step : policy.ladder) {
        if (step.waits_for == core::WaitsFor::call) return false;
        if (step.then) return true;
    }
    return false;
}

/// The token of "desk+TOKEN@provider"; "" of any other address.
std::string reply_token_in(const std::string& address) {
    const size_t at = address.rfind('@'), plus = at == std::string::npos ? at : address.rfind('+', at);
    if (plus == std::string::npos || at - plus - 1 != reply_token_digits) return {};
    std::string token = address.substr(plus + 1, reply_token_digits);
    for (char& c : token) c = c >= 'A' && c <= 'F' ? char(c - 'A' + 'a') : c;
    return token.find_first_not_of("0123456789abcdef") == std::string::npos ? token : std::string();
}

std::string megabytes(int64_t bytes) { return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MB"; }

}  // namespace

Result<DeliveryOutcome> Desk::receive(const DeliveryInput& input, const std::string& actor) {
    DeliveryOutcome out;
    const bool asks = asks_for_change(input.recipient) && input.reading.abuse && !input.reading.automatic && !input.reading.bounce;
    const auto done = ports_.storage.transaction([&]() -> Result<void> {
        if (auto known = ports_.storage.same_delivery(input.digest, input.likeness)) {
            // A mail to both addresses comes twice, and means both.
            if (asks) (void)open_change(*known, input.reading);
            known->times += 1;
            known->last_at = now();
            ports_.storage.put_delivery(*known);
            out = {std::move(*known), true};
            return {};
        }
        const Reading& reading = input.reading;
        std::vector<ReadEvent> events;
        std::copy_if(reading.events.begin(), reading.events.end(), std::back_inserter(events), [](const ReadEvent& e) { return e.abuse; });
        Delivery d;
        d.id = ports_.storage.next_delivery_id();
        d.digest = input.digest;
        d.likeness = input.likeness;
        d.sender = input.sender;
        d.recipient = input.recipient;
        d.format = reading.format;
        d.subject = reading.subject;
        d.reporter = reading.reporter.empty() ? input.sender : reading.reporter;
        d.triage = reading.triage;
        d.notes = dump_json({{"warnings", reading.warnings}, {"addresses", reading.addresses}, {"urls", reading.urls}});
        d.by_mail = input.by_mail;
        d.events = int64_t(events.size());
        d.received_at = d.last_at = now();
        d.raw = input.raw;
        if (input.whole_bytes > 0)
            d.triage = "it has " + megabytes(input.whole_bytes) + ", and only the first " + megabytes(int64_t(input.raw.size())) +
                       " are kept; ask the reporter for the rest";
        else if (events.empty() && (!reading.abuse || !reading.events.empty())) d.state = DeliveryState::not_abuse;
        else if (events.empty() && d.triage.empty()) d.triage = "no event could be read from it; look at the original";
        std::string answered;
        auto reply = reading.reply;
        // The envelope may know an address that the header does not name: a copy, a forwarded mail.
        const std::string token = reply_token_in(input.recipient);
        if (!token.empty() && case_of_address(token)) {
            if (!reply) reply = ReadReply{"", input.sender, false, input.sender.empty() || input.sender == "<>", true, "\"" + d.subject + "\": see delivery " + d.id.text(), {}};
            reply->token = token;
        }
        const auto bounced = reading.bounce ? take_bounce(*reading.bounce) : std::nullopt;
        if (bounced) {
            // What it returns is our own mail, and no report of anybody.
            answered = bounced->text();
            events.clear();
            d.events = 0;
            d.state = DeliveryState::not_abuse;
        } else if (reply) {
            // What else it says is a report only if it does not answer a mail of ours: answers quote evidence.
            const auto by_address = case_of_address(reply->token);
            const auto fate = reply_by_mail(*reply);
            if (!fate) return fail(fate.error());
            if (*fate != ReplyFate::no_case) answered = by_address.value_or(CaseId(reply->case_id)).text();
            if (!answered.empty() && (reply->by_reference || by_address || events.empty())) {
                events.clear();
                d.events = 0;
                d.state = DeliveryState::not_abuse;
            }
        }
        if (asks) {
            const std::string refused = open_change(d, reading);
            if (events.empty() && refused.empty()) d.state = DeliveryState::not_abuse;
            else if (events.empty() && d.state != DeliveryState::not_abuse) d.triage = refused;
        }
        if (d.state == DeliveryState::not_abuse) d.triage.clear();
        if (!d.triage.empty()) d.state = DeliveryState::triage;
        ports_.storage.put_delivery(d);
        if (answered.empty()) count_delivery(d, input, actor);
        if (events.empty() && d.state == DeliveryState::triage) {
            ReadEvent nothing;
            nothing.summary = d.subject;
            nothing.observed_at = now();
            events.push_back(std::move(nothing));
        }
        file_events(d, std::move(events), actor);
        spdlog::info("delivery={} format={} state={} events={} sender={} answers={} triage=\"{}\"", d.id.text(), d.format, name(d.state), d.events, d.sender,
                     answered, d.triage);
        d.raw.clear();
        out = {std::move(d), false};
        return {};
    });
    if (!done) return fail(done.error());
    return out;
}

/// Files as many as a turn may, and leaves the others in the delivery.
void Desk::file_events(Delivery& delivery, std::vector<ReadEvent> events, const std::string& actor) {
    const size_t taken = std::min(events.size(), events_to_a_turn);
    for (size_t i = 0; i < taken; ++i) file_event(delivery, events[i], actor);
    if (taken == events.size() && delivery.waiting.empty()) return;
    Json rest = Json::array();
    for (size_t i = taken; i < events.size(); ++i) rest.push_back(to_json(events[i]));
    delivery.waiting = rest.empty() ? std::string() : dump_json(rest);
    delivery.state = !rest.empty() ? DeliveryState::filing : delivery.triage.empty() ? DeliveryState::filed : DeliveryState::triage;
    ports_.storage.put_delivery(delivery);
}

bool Desk::joins_open_case(const Vm& vm, const std::string& type) {
    const core::Policy* policy = core::policy_for(type, policies_.in_force);
    if (!policy) return false;
    const auto cases = ports_.storage.open_cases_of(vm.id);
    return std::any_of(cases.begin(), cases.end(), [&](const CaseId& id) {
        const auto open = ports_.storage.find_case(id);
        return open && open->policy == policy->id;
    });
}

/// Whoever can send a mail can claim anything of any VM: a complaint is evidence and no authority. Where a policy reaches a
/// sanction without a person on its way (no call is made before), a person looks before such a case opens. Why; or "".
std::string Desk::why_no_stranger_may(const Vm& vm, const std::string& type) {
    const core::Policy* policy = core::policy_for(type, policies_.in_force);
    if (!policy || !touches_the_vm_alone(*policy) || joins_open_case(vm, type)) return "";
    return "the policy " + policy->id.text() + " acts on the VM without a call, and a mail alone is no proof; look at its evidence, then give it its VM";
}

/// One event. What is wrong with it costs it alone: it waits in triage, and the others go on.
void Desk::file_event(const Delivery& delivery, const ReadEvent& event, const std::string& actor) {
    StoredReport report;
    report.id = ports_.storage.next_report_id();
    const std::string type = core::normal_type(event.type);
    report.summary = {report.id, type.empty() ? event.type : type, delivery.reporter, event.observed_at == Instant{} ? now() : event.observed_at,
                      words_of(event)};
    report.address = event.address;
    report.port = event.port;
    report.vm_hint = event.address.empty() ? event.place : "";
    report.received_at = now();
    report.delivery = delivery.id;
    report.triage = delivery.triage;
    if (const auto sender = ports_.storage.delivery_reporter(delivery.id)) report.reporter = sender->reporter;
    if (delivery.events > 0) count_report(report.reporter, {.reports = 1});
    std::optional<Vm> vm;
    if (report.triage.empty() && event.address.empty()) report.triage = "the report names no address";
    if (report.triage.empty() && type.empty())
        report.triage = event.type.empty() ? "the report does not say what kind of abuse it is" : "'" + event.type + "' is no known kind of abuse";
    if (report.triage.empty() && report.summary.observed_at > now() + clock_tolerance) report.triage = "it says it was observed in the future";
    if (report.triage.empty()) {
        vm = holder_at_the_time(report, true);
        if (vm && delivery.by_mail) report.triage = why_no_stranger_may(*vm, type);
        if (vm && report.triage.empty() && !joins_open_case(*vm, type)) report.triage = why_throttled(report.reporter);
    }
    if (vm && report.triage.empty()) {
        const auto filed = ports_.storage.transaction([&]() -> Result<void> {
            const auto outcome = file(report, *vm, actor);
            if (!outcome) return fail(outcome.error());
            return {};
        });
        if (filed) return;
        report.triage = "it could not be filed: " + filed.error().text;
    }
    ports_.storage.put_report(report);
}

/// With the ticks: the events of long tables that a turn had no room for, the oldest delivery first.
void Desk::file_waiting() {
    auto delivery = ports_.storage.unfinished_delivery();
    if (!delivery) return;
    const auto json = parse_json(delivery->waiting, {64u << 20, 8});
    auto events = json ? events_from(*json) : Result<std::vector<ReadEvent>>(fail(json.error()));
    if (!events) {
        // Only a hand in the database does this; the original still lies there.
        delivery->triage = "its waiting events cannot be read back (" + events.error().text + "); look at the original";
        events = std::vector<ReadEvent>(1);
    }
    (void)ports_.storage.transaction([&]() -> Result<void> {
        file_events(*delivery, *events, "intake");
        return {};
    });
}

}  // namespace bailiff
