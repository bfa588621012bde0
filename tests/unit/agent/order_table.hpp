// SPDX-License-Identifier: Apache-2.0
// Every way in which an order or job can be wrong, with the one refusal it must get. The table drives two tests: the
// pure checks, and the whole runner with a hypervisor that counts its calls.
#pragma once

#include <bailiff/dsse.hpp>
#include <bailiff/order.hpp>

#include <string>
#include <vector>

namespace bailiff::test {

inline const SignatureKey& trusted_key() {
    static const SignatureKey key = SignatureKey::from_seed(std::string(32, 'k'));
    return key;
}
inline TrustedKeys trusted_keys() { return {{trusted_key().key_id(), trusted_key()}}; }

inline Instant table_now() { return *parse_rfc3339("2026-03-02T10:00:00Z"); }
inline const VmId& table_vm() {
    static const VmId vm("11111111-1111-4111-8111-111111111111");
    return vm;
}

inline std::string id_number(int n) {
    const std::string text = std::to_string(n);
    return std::string(32 - text.size(), '0') + text;
}

/// An order that the table's host obeys.
inline Order good_order() {
    Order o;
    o.order_id = OrderId(id_number(100));
    o.epoch = 3;
    o.host = HostId("h1");
    o.seq = 50;
    o.vm_uuid = table_vm();
    o.vm_generation = 7;
    o.case_id = CaseId("C-1");
    o.desired = VmState::off;
    o.expect = Expect::running;
    o.policy = "virus-content/1";
    o.issued_at = table_now() - Seconds(5);
    o.not_after = table_now() + Seconds(600);
    o.reason = "Virus content: no answer by the deadline.";
    return o;
}

inline Job good_job() {
    Job j;
    j.job_id = JobId(id_number(200));
    j.epoch = 3;
    j.host = HostId("h1");
    j.seq = 50;
    j.vm_uuid = table_vm();
    j.case_id = CaseId("C-1");
    j.kind = JobKind::scan;
    j.policy = "virus-content/1";
    j.issued_at = table_now() - Seconds(5);
    j.not_after = table_now() + Seconds(600);
    j.reason = "Scan before anything is put back.";
    return j;
}

template <class Document>
std::string sealed(const Document& document) {
    constexpr bool order = std::is_same_v<Document, Order>;
    return seal(trusted_key(), order ? order_payload_type : job_payload_type, dump_json(to_json(document)));
}

struct OrderRow {
    std::string name;
    std::string envelope;
    Refusal expected;
};

namespace detail {

struct TableMaker {
    std::vector<OrderRow> rows;
    std::string_view type;
    Json good;

    void payload(const std::string& name, const std::string& text, Refusal expected) {
        rows.push_back({name, seal(trusted_key(), type, text), expected});
    }
    void with(const std::string& field, const std::string& what, const Json& value, Refusal expected) {
        Json changed = good;
        changed[field] = value;
        payload(field + " " + what, dump_json(changed), expected);
    }
};

inline Json wrong_type_for(const Json& value) { return value.is_string() ? Json(7) : Json("seven"); }
/// Another value of the same type.
inline Json other_value(const Json& value) {
    if (value.is_string()) return value.get<std::string>() + "1";
    if (value.is_boolean()) return !value.get<bool>();
    return value.get<int64_t>() + 1;
}
/// Fields that may be empty or zero in the table's good documents.
inline bool may_be_nothing(const std::string& field) {
    return field == "scan_job" || field == "closed_ports" || field == "rate_kbit" || field == "health_seconds" || field == "signatures_seconds" ||
           field == "accepted_scan";
}

inline void every_field(TableMaker& t) {
    for (const auto& [field, value] : t.good.items()) {
        Json without = t.good;
        without.erase(field);
        t.payload(field + " absent", dump_json(without), Refusal::missing_field);
        t.with(field, "of another type", wrong_type_for(value), Refusal::bad_field);
        t.with(field, "null", nullptr, Refusal::bad_field);
        t.with(field, "a list", Json::array({value}), Refusal::bad_field);
        t.with(field, "an object", Json::object({{"is", value}}), Refusal::bad_field);
        t.with(field, "a float", 1.5, Refusal::bad_field);
        if (!value.is_boolean()) t.with(field, "true", true, Refusal::bad_field);
        if (value.is_string()) {
            if (!may_be_nothing(field)) t.with(field, "empty", "", Refusal::bad_field);
            t.with(field, "too long", std::string(600, 'x'), Refusal::bad_field);
        } else {
            t.with(field, "negative", -1, Refusal::bad_field);
            if (!may_be_nothing(field)) t.with(field, "zero", 0, Refusal::bad_field);
            t.with(field, "too large", (int64_t{1} << 53) + 1, Refusal::bad_field);
            t.with(field, "beyond 64 bits", 18446744073709551615u, Refusal::bad_field);
            t.with(field, "a whole float", 3.0, Refusal::bad_field);
        }
        const std::string text = dump_json(t.good);
        t.payload(field + " twice", "{" + Json(field).dump() + ":" + value.dump() + "," + text.substr(1), Refusal::duplicate_key);
        Json renamed = t.good;
        renamed[field + "s"] = value;
        t.payload(field + " beside an unknown twin", dump_json(renamed), Refusal::unknown_field);

        // The signature covers every field: a changed value under the old signature does not pass.
        Json tampered = t.good;
        tampered[field] = other_value(value);
        Json envelope = *parse_json(seal(trusted_key(), t.type, text));
        envelope["payload"] = base64(dump_json(tampered));
        t.rows.push_back({field + " tampered", dump_json(envelope), Refusal::bad_signature});
    }
}

inline void every_envelope(TableMaker& t, std::string_view other_type) {
    const std::string text = dump_json(t.good);
    const auto add = [&](const std::string& name, std::string envelope, Refusal expected) {
        t.rows.push_back({name, std::move(envelope), expected});
    };
    const Json good = *parse_json(seal(trusted_key(), t.type, text));
    add("empty text", "", Refusal::bad_envelope);
    add("no JSON", "hello", Refusal::bad_envelope);
    add("a list", "[]", Refusal::bad_envelope);
    add("over 32 KiB", std::string(40'000, ' ') + good.dump(), Refusal::too_large);
    for (const auto& field : {"payloadType", "payload", "signatures"}) {
        Json changed = good;
        changed.erase(field);
        add(std::string("envelope without ") + field, changed.dump(), Refusal::bad_envelope);
        changed = good;
        changed[field] = 5;
        add(std::string("envelope with a number as ") + field, changed.dump(), Refusal::bad_envelope);
    }
    Json changed = good;
    changed["extra"] = 1;
    add("envelope with an unknown key", changed.dump(), Refusal::bad_envelope);
    changed = good;
    changed["signatures"] = Json::array();
    add("no signature", changed.dump(), Refusal::bad_envelope);
    changed = good;
    changed["payload"] = "%%%%";
    add("payload that is no base64", changed.dump(), Refusal::bad_envelope);
    add("a key twice in the envelope", "{\"payload\":\"\"," + good.dump().substr(1), Refusal::bad_envelope);
    const auto stranger = SignatureKey::from_seed(std::string(32, 's'));
    add("signed by a stranger", seal(stranger, t.type, text), Refusal::unknown_key);
    changed = *parse_json(seal(stranger, t.type, text));
    changed["signatures"][0]["keyid"] = trusted_key().key_id();
    add("signed by a stranger under a trusted key id", changed.dump(), Refusal::bad_signature);
    changed = good;
    changed["signatures"][0]["keyid"] = "0000000000000000";
    add("an unknown key id over a good signature", changed.dump(), Refusal::unknown_key);
    changed = good;
    changed["payloadType"] = other_type;
    add("type changed after signing", changed.dump(), Refusal::bad_signature);
    add("signed as the other type", seal(trusted_key(), other_type, text), Refusal::wrong_type);
    add("signed as an unknown type", seal(trusted_key(), "application/json", text), Refusal::wrong_type);

    t.payload("payload over 16 KiB", text + std::string(17'000, ' '), Refusal::too_large);
    t.payload("payload that is no JSON", text + "}", Refusal::malformed);
    t.payload("payload cut short", text.substr(0, text.size() - 1), Refusal::malformed);
    t.payload("payload that is a list", "[" + text + "]", Refusal::malformed);
    t.payload("payload nested too deep", "[[[[[[[[[[]]]]]]]]]]", Refusal::malformed);
    t.payload("payload with bad UTF-8", "{\"reason\":\"\xff\"}", Refusal::malformed);
    t.payload("payload with a byte order mark and junk", "\xef\xbb" + text, Refusal::malformed);
}

/// What orders and jobs share: whose, when, and how often.
inline void every_address(TableMaker& t, const std::string& id_field) {
    const auto at = [](int64_t seconds) { return format_rfc3339(table_now() + Seconds(seconds)); };
    t.with("host", "another host's", "h2", Refusal::other_host);
    t.with("host", "in other case", "H1", Refusal::other_host);
    t.with("host", "with a path", "../h1", Refusal::bad_field);
    t.with("epoch", "older", 2, Refusal::stale_epoch);
    t.with("seq", "already seen", 40, Refusal::replayed);
    t.with("seq", "older", 1, Refusal::replayed);
    t.with(id_field, "of another document", id_number(1), Refusal::conflict);
    t.with(id_field, "in upper case", std::string(32, 'A'), Refusal::bad_field);
    t.with(id_field, "too short", "abc", Refusal::bad_field);
    t.with("vm_uuid", "another VM's", "22222222-2222-4222-8222-222222222222", Refusal::unknown_vm);
    t.with("vm_uuid", "in upper case", "AAAAAAAA-1111-4111-8111-111111111111", Refusal::bad_field);
    t.with("vm_uuid", "a name", "web1", Refusal::bad_field);
    t.with("vm_uuid", "a wildcard", "*", Refusal::bad_field);
    t.with("case", "with a path", "../../etc", Refusal::bad_field);
    t.with("issued_at", "no instant", "yesterday", Refusal::bad_field);
    t.with("not_after", "no instant", "2026-02-30T00:00:00Z", Refusal::bad_field);
    const auto window = [&](const std::string& what, int64_t issued, int64_t until, Refusal expected) {
        Json changed = t.good;
        changed["issued_at"] = at(issued);
        changed["not_after"] = at(until);
        t.payload(what, dump_json(changed), expected);
    };
    window("from the future", 61, 300, Refusal::from_the_future);
    window("expired by a second", -300, -1, Refusal::expired);
    window("expired yesterday", -86400, -86000, Refusal::expired);
    window("good for longer than 15 minutes", -5, 896, Refusal::bad_window);
    window("good until before it was issued", 30, 20, Refusal::bad_window);
}

}  // namespace detail

inline std::vector<OrderRow> order_table() {
    detail::TableMaker t{{}, order_payload_type, to_json(good_order())};
    detail::every_field(t);
    detail::every_envelope(t, job_payload_type);
    detail::every_address(t, "order_id");
    t.with("vm_generation", "the newest seen", 6, Refusal::stale_generation);
    t.with("vm_generation", "old", 1, Refusal::stale_generation);
    t.with("desired", "an unknown word", "destroyed", Refusal::bad_field);
    t.with("desired", "limited without a limit", "limited", Refusal::bad_field);
    t.with("closed_ports", "for another state", "25", Refusal::bad_field);
    t.with("closed_ports", "out of order", "465,25", Refusal::bad_field);
    t.with("closed_ports", "out of range", "70000", Refusal::bad_field);
    t.with("rate_kbit", "for another state", 100, Refusal::bad_field);
    t.with("gate", "an unknown word", "perhaps", Refusal::bad_field);
    t.with("memory", "without evidence first", true, Refusal::bad_field);
    t.with("health", "without a span", "steady", Refusal::bad_field);
    t.with("health", "an unknown word", "fine", Refusal::bad_field);
    t.with("health_seconds", "without a check", 30, Refusal::bad_field);
    t.with("health_seconds", "too long", 901, Refusal::bad_field);
    t.payload("was_running for another state", dump_json([&] {
                  Json running = t.good;
                  running["desired"] = "running";
                  running["evidence"] = "not_required";
                  running["was_running"] = true;
                  return running;
              }()),
              Refusal::bad_field);
    t.with("accepted_scan", "for another state", id_number(9), Refusal::bad_field);
    t.payload("accepted_scan no id", dump_json([&] {
                  Json running = t.good;
                  running["desired"] = "running";
                  running["accepted_scan"] = "x";
                  return running;
              }()),
              Refusal::bad_field);
    t.with("evidence", "an unknown word", "maybe", Refusal::bad_field);
    t.with("expect", "an unknown word", "crashed", Refusal::bad_field);
    t.with("vm_uuid", "an exempt VM's", "33333333-3333-4333-8333-333333333333", Refusal::exempt);
    return std::move(t.rows);
}

inline std::vector<OrderRow> job_table() {
    detail::TableMaker t{{}, job_payload_type, to_json(good_job())};
    detail::every_field(t);
    detail::every_envelope(t, order_payload_type);
    detail::every_address(t, "job_id");
    t.with("kind", "an unknown word", "format", Refusal::bad_field);
    t.with("kind", "clean without a scan", "clean", Refusal::bad_field);
    t.with("scan_job", "named for another kind", id_number(9), Refusal::bad_field);
    t.with("scan_job", "no id", "x", Refusal::bad_field);
    t.with("memory", "for another kind", true, Refusal::bad_field);
    t.with("vm_uuid", "an exempt VM's", "33333333-3333-4333-8333-333333333333", Refusal::exempt);
    return std::move(t.rows);
}

}  // namespace bailiff::test
