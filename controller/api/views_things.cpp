// SPDX-License-Identifier: Apache-2.0
// Everything that is no case, as JSON.
#include "controller/api/views.hpp"

#include <bailiff/message.hpp>
#include <bailiff/order.hpp>

namespace bailiff {

std::string local_in(const std::string& zone, Instant at) {
    core::CalendarData data;
    data.timezone = zone;
    for (auto& day : data.hours) day = {{0, 1440}};
    const auto calendar = core::Calendar::build(std::move(data));
    return calendar ? calendar->local(at) : std::string();
}

Json report_json(const StoredReport& r, bool whole) {
    Json out{{"id", r.id.text()}, {"case", r.case_id.text()}, {"triage", r.triage}, {"type", r.summary.type},
             {"reporter", r.summary.reporter}, {"summary", r.summary.summary}, {"address", r.address}, {"vm_hint", r.vm_hint}, {"delivery", r.delivery.text()}};
    put_instant(out, "observed_at", r.summary.observed_at, nullptr);
    put_instant(out, "received_at", r.received_at, nullptr);
    out["wait"] = name(r.wait);
    out["settled"] = r.settled;
    out["reporter_id"] = r.reporter.text();
    if (r.port != 0) out["port"] = r.port;
    out["who"] = r.who.empty() ? Json() : parse_json(r.who).value_or(Json());
    if (whole) out["raw"] = r.raw;
    return out;
}

Json delivery_json(const Delivery& d, bool whole) {
    Json out{{"id", d.id.text()}, {"state", name(d.state)}, {"format", d.format}, {"subject", d.subject}, {"reporter", d.reporter}, {"sender", d.sender},
             {"recipient", d.recipient}, {"triage", d.triage}, {"by_mail", d.by_mail}, {"events", d.events}, {"times", d.times}, {"sha256", d.digest}};
    put_instant(out, "received_at", d.received_at, nullptr);
    put_instant(out, "last_at", d.last_at, nullptr);
    if (!whole) return out;
    const auto notes = parse_json(d.notes);
    for (const char* field : {"warnings", "addresses", "urls"}) out[field] = notes && notes->is_object() ? notes->value(field, Json::array()) : Json::array();
    return out;
}

Json order_json(const StoredOrder& o) {
    Json out = to_json(o.order);
    out["demand"] = o.demand;
    out["dispatch"] = name(o.state);
    out["answer"] = o.answer ? codec::json_of(*o.answer) : Json();
    return out;
}

Json job_json(const StoredJob& j) {
    Json out = to_json(j.job);
    out["key"] = j.key;
    out["dispatch"] = name(j.state);
    out["answer"] = j.answer ? codec::json_of(*j.answer) : Json();
    return out;
}

Json vm_json(const Vm& vm) {
    Json out{{"id", vm.id.text()}, {"name", vm.name}, {"host", vm.host.text()}, {"customer", vm.customer.text()},
             {"addresses", vm.addresses}, {"power", name(vm.power)}, {"state", name(vm.state)}, {"locked", vm.locked},
             {"gone", vm.gone}};
    put_instant(out, "seen_at", vm.seen_at, nullptr);
    out["host_addresses"] = Json::array();
    for (const VmAddress& one : vm.host_addresses) out["host_addresses"].push_back({{"address", one.address}, {"source", name(one.by)}});
    return out;
}

Json customer_json(const Customer& customer, const std::vector<CustomerContact>& contacts) {
    return {{"id", customer.id.text()}, {"name", customer.name}, {"contact", contact_json(customer.contact)},
            {"tokens_charged", customer.tokens_charged}, {"contacts", contacts.size()}, {"warning", contact_warning(contacts)}};
}

Json customer_contact_json(const CustomerContact& c) {
    Json out = contact_json(c.contact);
    out["number"] = c.number;
    out["customer"] = c.customer.text();
    out["role"] = name(c.role);
    out["preference"] = c.preference;
    out["mail"] = name(c.mail);
    out["phone_state"] = name(c.phone);
    out["mail_note"] = c.mail_note;
    out["changed_by"] = c.changed_by;
    put_instant(out, "changed_at", c.changed_at, nullptr);
    return out;
}

Json contact_change_json(const ContactChange& c) {
    Json out{{"id", c.id}, {"state", name(c.state)}, {"customer", c.customer.text()}, {"from", c.from}, {"proven", c.proven}, {"subject", c.subject},
             {"text", c.text}, {"delivery", c.delivery.text()}, {"decided_by", c.decided_by}, {"reason", c.reason}};
    put_instant(out, "at", c.at, nullptr);
    put_instant(out, "decided_at", c.decided_at, nullptr);
    const auto applied = parse_json(c.applied);
    out["applied"] = applied ? *applied : Json();
    return out;
}

Json host_json(const Host& host, bool connected) {
    Json out{{"id", host.id.text()}, {"connected", connected}, {"banned", host.banned}, {"gate_up", host.gate_up},
             {"cluster", host.cluster}, {"version", host.version}, {"trouble", host.trouble}, {"sweep", host.sweep}, {"host_key", host.host_key}};
    put_instant(out, "seen_at", host.seen_at, nullptr);
    return out;
}

Json policy_json(const core::Policy& p, const core::Calendar* calendar, bool whole) {
    Json out{{"id", p.id.text()}, {"revision", p.revision}, {"title", p.title}, {"types", p.types}, {"calendar", p.calendar}};
    if (calendar) out["hours"] = calendar->describe_hours();
    if (!whole) return out;
    out["nature"] = p.nature;
    out["source"] = p.source;
    out["ladder"] = Json::array();
    for (const auto& step : p.ladder) {
        Json rung{{"id", step.id}, {"waits_for", name(step.waits_for)}, {"clock", name(step.clock)},
                  {"within", format_duration(step.within)}};
        if (step.then) rung["then"] = name(*step.then);
        if (step.waits_for == core::WaitsFor::call) rung["escalate_after"] = format_duration(step.escalate_after);
        out["ladder"].push_back(std::move(rung));
    }
    if (p.resolution)
        out["resolution"] = {{"within", format_duration(p.resolution->within)}, {"clock", name(p.resolution->clock)}};
    out["sources"] = p.sources;
    out["inhibits"] = Json::array();
    for (const auto& id : p.inhibits) out["inhibits"].push_back(id.text());
    out["appeal"] = {{"within", format_duration(p.appeal.within)}, {"clock", name(p.appeal.clock)}};
    out["reopens_within"] = format_duration(p.reopens_within);
    out["needs"] = Json::array();
    for (const auto need : p.needs) out["needs"].push_back(name(need));
    out["restore_when"] = name(p.restore_when);
    out["restore_by"] = name(p.restore_by);
    out["evidence"] = p.evidence;
    out["scan"] = p.scan;
    out["clean_by"] = name(p.clean_by);
    out["clean_rounds"] = p.clean_rounds;
    out["support_tokens"] = p.support_tokens;
    out["remedies"] = p.remedies;
    return out;
}

Json chained_json(const ChainedItem& item) {
    Json out{{"position", item.position}, {"case", item.case_id.text()}, {"revision", item.revision}, {"text", item.text}, {"hash", item.hash}};
    if (item.erased > 0) out["erased"] = item.erased;
    return out;
}

Json checkpoint_json(const Checkpoint& checkpoint) {
    return {{"checkpoint", {{"position", checkpoint.position}, {"hash", checkpoint.hash},
                            {"at", format_rfc3339(checkpoint.at)}, {"envelope", checkpoint.envelope}}}};
}

}  // namespace bailiff
