// SPDX-License-Identifier: Apache-2.0
// See order.hpp: the strict reading of orders and jobs.
#include <bailiff/order.hpp>

#include <charconv>

namespace bailiff {

std::optional<std::vector<uint16_t>> parse_ports(std::string_view text) {
    std::vector<uint16_t> out;
    while (!text.empty()) {
        uint16_t port = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
        const size_t used = size_t(end - text.data());
        if (error != std::errc{} || port == 0 || text.front() == '0' || (!out.empty() && port <= out.back()) || out.size() == 16)
            return std::nullopt;
        out.push_back(port);
        text.remove_prefix(used);
        if (text.empty()) break;
        if (text.front() != ',' || text.size() == 1) return std::nullopt;
        text.remove_prefix(1);
    }
    return out;
}

namespace {

/// One table per document: the field names that must all stand there, and nothing else.
template <size_t N>
tl::expected<Json, RefusedPayload> read_exactly(std::string_view text, const std::array<const char*, N>& fields) {
    const auto refuse = [](Refusal code, std::string why) { return tl::unexpected(RefusedPayload{code, std::move(why)}); };
    auto json = read_json(text, order_limits);
    if (!json) {
        switch (json.error().kind) {
            case JsonFault::Kind::too_large: return refuse(Refusal::too_large, json.error().text);
            case JsonFault::Kind::duplicate_key: return refuse(Refusal::duplicate_key, json.error().text);
            case JsonFault::Kind::too_deep:
            case JsonFault::Kind::syntax: return refuse(Refusal::malformed, json.error().text);
        }
    }
    if (!json->is_object()) return refuse(Refusal::malformed, "the payload is no JSON object");
    for (const char* field : fields)
        if (!json->contains(field)) return refuse(Refusal::missing_field, "the field '" + std::string(field) + "' is missing");
    for (const auto& [key, unused] : json->items()) {
        bool known = false;
        for (const char* field : fields) known = known || key == field;
        if (!known) return refuse(Refusal::unknown_field, "the field '" + key.substr(0, 60) + "' is not known");
    }
    return std::move(*json);
}

constexpr int64_t largest_number = int64_t{1} << 53;  // what every JSON reader keeps exactly

template <class Document>
void read_shared_fields(JsonReader& read, Document& out) {
    out.epoch = read.integer("epoch", 1, largest_number);
    out.host = HostId(read.text("host", 64));
    out.seq = read.integer("seq", 1, largest_number);
    out.vm_uuid = VmId(read.text("vm_uuid", 36));
    out.case_id = CaseId(read.text("case", 64));
    out.policy = read.text("policy", 128);
    out.issued_at = read.instant("issued_at");
    out.not_after = read.instant("not_after");
    out.reason = read.text("reason", 512);
    if (!out.host.empty() && !is_name(out.host.text())) read.mistake("host", "is no host name");
    if (!out.vm_uuid.empty() && !is_uuid(out.vm_uuid.text())) read.mistake("vm_uuid", "is no UUID");
    if (!out.case_id.empty() && !is_name(out.case_id.text())) read.mistake("case", "is no case id");
}

}  // namespace

Json to_json(const Order& o) {
    return Json{{"order_id", o.order_id.text()}, {"epoch", o.epoch}, {"host", o.host.text()}, {"seq", o.seq},
                {"vm_uuid", o.vm_uuid.text()}, {"vm_generation", o.vm_generation}, {"case", o.case_id.text()},
                {"desired", name(o.desired)}, {"evidence", name(o.evidence)}, {"expect", name(o.expect)},
                {"policy", o.policy}, {"issued_at", format_rfc3339(o.issued_at)}, {"not_after", format_rfc3339(o.not_after)},
                {"reason", o.reason}, {"closed_ports", o.limit.closed_ports}, {"rate_kbit", o.limit.rate_kbit},
                {"gate", name(o.gate)}, {"memory", o.memory}, {"health", name(o.health)},
                {"health_seconds", o.health_seconds}, {"signatures_seconds", o.signatures_seconds},
                {"was_running", o.was_running}, {"accepted_scan", o.accepted_scan.text()}};
}

Json to_json(const Job& j) {
    return Json{{"job_id", j.job_id.text()}, {"epoch", j.epoch}, {"host", j.host.text()}, {"seq", j.seq},
                {"vm_uuid", j.vm_uuid.text()}, {"case", j.case_id.text()}, {"kind", name(j.kind)},
                {"scan_job", j.scan_job.text()}, {"policy", j.policy}, {"issued_at", format_rfc3339(j.issued_at)},
                {"not_after", format_rfc3339(j.not_after)}, {"reason", j.reason}, {"memory", j.memory}};
}

tl::expected<Order, RefusedPayload> parse_order(std::string_view text) {
    static constexpr std::array fields{"order_id", "epoch", "host", "seq", "vm_uuid", "vm_generation", "case",
                                       "desired", "evidence", "expect", "policy", "issued_at", "not_after", "reason",
                                       "closed_ports", "rate_kbit", "gate", "memory", "health", "health_seconds", "signatures_seconds",
                                       "was_running", "accepted_scan"};
    const auto json = read_exactly(text, fields);
    if (!json) return tl::unexpected(json.error());
    std::vector<Mistake> mistakes;
    JsonReader read(*json, mistakes);
    Order out;
    read_shared_fields(read, out);
    out.order_id = OrderId(read.text("order_id", 32));
    if (!is_hex(out.order_id.text(), 32)) read.mistake("order_id", "must be 32 hex digits");
    out.vm_generation = read.integer("vm_generation", 1, largest_number);
    out.desired = read.word("desired", VmState::running);
    out.evidence = read.word("evidence", EvidenceRule::required);
    out.expect = read.word("expect", Expect::any);
    out.gate = read.word("gate", GateRule::required);
    out.memory = read.boolean("memory");
    out.health = read.word("health", Health::unchecked);
    out.health_seconds = read.integer("health_seconds", 0, longest_health_seconds);
    out.signatures_seconds = read.integer("signatures_seconds", 0, largest_number);
    out.was_running = read.boolean("was_running");
    out.limit.closed_ports = read.text("closed_ports", 128, false);
    out.limit.rate_kbit = read.integer("rate_kbit", 0, 100'000'000);
    if (!parse_ports(out.limit.closed_ports)) read.mistake("closed_ports", "must be ascending ports like 25,465,587, at most 16");
    if (out.limit.empty() != (out.desired != VmState::limited))
        read.mistake("closed_ports", "ports or a rate must stand in an order for 'limited', and in no other");
    if (out.memory && out.evidence != EvidenceRule::first) read.mistake("memory", "goes with evidence 'first' only");
    if (out.evidence == EvidenceRule::first && (out.desired == VmState::running || out.desired == VmState::quarantined))
        read.mistake("evidence", "'first' goes with a state that cuts or ends a running VM");
    if (out.was_running && out.desired != VmState::off) read.mistake("was_running", "goes with 'off' only");
    out.accepted_scan = JobId(read.text("accepted_scan", 32, false));
    if (!out.accepted_scan.empty() && (!is_hex(out.accepted_scan.text(), 32) || out.desired != VmState::running))
        read.mistake("accepted_scan", "must be 32 hex digits in an order for 'running', and empty in any other");
    if ((out.health == Health::unchecked) != (out.health_seconds == 0)) read.mistake("health_seconds", "must be given with a health check, and only then");
    if (!mistakes.empty()) return tl::unexpected(RefusedPayload{Refusal::bad_field, describe(mistakes)});
    return out;
}

tl::expected<Order, RefusedPayload> parse_journaled_order(std::string_view text) {
    auto json = read_json(text, order_limits);
    if (!json || !json->is_object() || json->contains("accepted_scan")) return parse_order(text);
    (*json)["accepted_scan"] = "";
    return parse_order(dump_json(*json));
}

tl::expected<Job, RefusedPayload> parse_job(std::string_view text) {
    static constexpr std::array fields{"job_id", "epoch", "host", "seq", "vm_uuid", "case",
                                       "kind", "scan_job", "policy", "issued_at", "not_after", "reason", "memory"};
    const auto json = read_exactly(text, fields);
    if (!json) return tl::unexpected(json.error());
    std::vector<Mistake> mistakes;
    JsonReader read(*json, mistakes);
    Job out;
    read_shared_fields(read, out);
    out.job_id = JobId(read.text("job_id", 32));
    if (!is_hex(out.job_id.text(), 32)) read.mistake("job_id", "must be 32 hex digits");
    out.kind = read.word("kind", JobKind::scan);
    out.scan_job = JobId(read.text("scan_job", 32, false));
    if (out.kind == JobKind::clean ? !is_hex(out.scan_job.text(), 32) : !out.scan_job.empty())
        read.mistake("scan_job", "must name the scan for a clean job and be empty for any other");
    out.memory = read.boolean("memory");
    if (out.memory && out.kind != JobKind::evidence) read.mistake("memory", "goes with evidence only");
    if (!mistakes.empty()) return tl::unexpected(RefusedPayload{Refusal::bad_field, describe(mistakes)});
    return out;
}

}  // namespace bailiff
