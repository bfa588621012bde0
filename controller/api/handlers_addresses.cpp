// SPDX-License-Identifier: Apache-2.0
// Whose an address was, and the provider's records of it.
#include "controller/api/handlers.hpp"
#include "controller/api/views.hpp"

#include <algorithm>

namespace bailiff {
namespace {

/// Rows of one request: a turn of the desk stays a fraction of a second.
constexpr size_t most_rows = 2000, most_spans_shown = 100;

Json located_json(ApiCall& call, const Located& found, const std::string& address, int64_t port, Instant at) {
    Json out = to_json(found.who);
    out["address"] = address;
    put_instant(out, "at", at, nullptr);
    if (port != 0) out["port"] = port;
    out["vm"] = found.vm ? vm_json(*found.vm) : Json();
    out["customer"] = Json();
    if (!found.vm) return out;
    out["customer"] = {{"id", found.vm->customer.text()}};
    if (const auto customer = call.storage().find_customer(found.vm->customer)) out["customer"]["name"] = customer->name;
    return out;
}

}  // namespace

HttpResponse show_address(ApiCall& call) {
    QueryReader query(call.request);
    const std::string when = query.text("at");
    const int64_t port = query.integer("port", 1, last_port_there_is, 0);
    Instant at = call.desk.now();
    if (!when.empty()) {
        const auto parsed = parse_rfc3339(when);
        if (parsed) at = *parsed;
        else query.mistake("at", parsed.error().text);
    }
    const auto address = parse_address(call.values[0]);
    if (!address) query.mistake("address", "is no IP address; write /api/v1/addresses/203.0.113.7?at=2026-03-02T05:00:00Z");
    if (const auto& mistakes = query.finish(); !mistakes.empty()) return problem(mistakes);
    Json out = located_json(call, call.desk.locate(text_of(*address), port, at), text_of(*address), port, at);
    out["history"] = Json::array();
    auto spans = call.storage().spans_of(*address, port, Instant(Seconds(253'402'300'799)), Instant{}, most_spans_shown);
    std::stable_sort(spans.begin(), spans.end(), [](const auto& a, const auto& b) { return a.from > b.from; });
    for (const auto& span : spans) out["history"].push_back(to_json(span));
    return json_answer(200, out);
}

/// What is wrong with one row costs it alone.
HttpResponse import_addresses(ApiCall& call) {
    std::vector<Mistake> mistakes;
    JsonReader read(call.body, mistakes);
    const bool dry_run = read.boolean("dry_run", false);
    const Json* rows = read.value("rows");
    read.finish();
    if (rows && (!rows->is_array() || rows->size() > most_rows)) read.mistake("rows", "must be a list of at most " + std::to_string(most_rows) + " rows");
    if (!mistakes.empty()) return problem(mistakes);
    std::vector<AddressSpan> spans;
    Json wrong = Json::array();
    for (size_t i = 0; i < rows->size(); ++i) {
        auto span = span_from((*rows)[i], AddressSource::import_, call.desk.now());
        if (span) spans.push_back(std::move(*span));
        else wrong.push_back({{"row", i}, {"text", span.error().text}});
    }
    SpansTaken taken;
    // A rehearsal does everything and takes it back.
    const auto done = call.storage().transaction([&]() -> Result<void> {
        auto result = call.desk.take_spans(spans);
        if (!result) return fail(result.error());
        taken = *result;
        return dry_run ? Result<void>(fail(Errc::invalid, "dry run")) : Result<void>{};
    });
    if (!done && !dry_run) return problem(done.error());
    return json_answer(200, {{"dry_run", dry_run}, {"rows", rows->size()}, {"added", taken.added}, {"changed", taken.changed}, {"unchanged", taken.unchanged},
                             {"unknown_vms", taken.unknown_vms}, {"reports", taken.woken}, {"mistakes", std::move(wrong)}});
}

}  // namespace bailiff
