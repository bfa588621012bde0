// SPDX-License-Identifier: Apache-2.0
// Mails and XARF documents: kept, filed, shown.
#include "controller/api/handlers.hpp"
#include "controller/api/views.hpp"

#include <bailiff/clean_text.hpp>

#include <limits>

namespace bailiff {
namespace {

/// With so many of its reports; a table's further ones are found by the cases.
constexpr size_t most_reports_shown = 200;

Json whole_delivery(ApiCall& call, const Delivery& delivery) {
    Json out = delivery_json(delivery, true);
    out["reports"] = Json::array();
    for (const auto& report : call.storage().reports_of(delivery.id, most_reports_shown))
        out["reports"].push_back({{"report", report.id.text()}, {"case", report.case_id.text()}, {"type", report.summary.type}, {"address", report.address},
                                  {"triage", report.triage}});
    return out;
}

HttpResponse no_such(const std::string& id) {
    return problem(404, "There is no delivery " + id + "; GET /api/v1/deliveries lists those there are.");
}

}  // namespace

HttpResponse add_delivery(ApiCall& call) {
    QueryReader query(call.request);
    DeliveryInput input = *call.delivery;
    input.sender = clean_line(query.text("sender"), 256);
    input.recipient = clean_line(query.text("recipient"), 256);
    input.whole_bytes = query.integer("whole_bytes", 1, std::numeric_limits<int64_t>::max(), 0);
    if (const auto& mistakes = query.finish(); !mistakes.empty()) return problem(mistakes);
    const auto outcome = call.desk.receive(input, call.actor());
    if (!outcome) return problem(outcome.error());
    Json body = whole_delivery(call, outcome->delivery);
    body["folded"] = outcome->folded;
    HttpResponse out = json_answer(outcome->folded ? 200 : 201, body);
    out.headers.emplace_back("Location", "/api/v1/deliveries/" + outcome->delivery.id.text());
    return out;
}

HttpResponse list_deliveries(ApiCall& call) {
    QueryReader query(call.request);
    const auto state = query.word<DeliveryState>("state");
    const DeliveryId before(query.cursor());
    const size_t limit = query.limit();
    if (const auto& mistakes = query.finish(); !mistakes.empty()) return problem(mistakes);
    std::vector<Json> items;
    for (const auto& delivery : call.storage().deliveries(state, before, limit + 1)) items.push_back(delivery_json(delivery, false));
    return page_answer(std::move(items), limit, "id");
}

HttpResponse show_delivery(ApiCall& call) {
    const auto delivery = call.storage().find_delivery(DeliveryId(call.values[0]));
    if (!delivery) return no_such(call.values[0]);
    return json_answer(200, whole_delivery(call, *delivery));
}

/// Strangers' bytes go out as bytes to save, never as something that a browser shows.
HttpResponse raw_delivery(ApiCall& call) {
    auto delivery = call.storage().find_delivery(DeliveryId(call.values[0]));
    if (!delivery) return no_such(call.values[0]);
    if (delivery->raw.empty())
        return problem(410, "The bytes of delivery " + delivery->id.text() + " are gone: they were over the time that --keep-raw gives them.");
    HttpResponse out{200, {}, std::move(delivery->raw)};
    out.headers.emplace_back("Content-Type", "application/octet-stream");
    out.headers.emplace_back("Content-Disposition", "attachment; filename=\"" + delivery->id.text() + ".eml\"");
    return out;
}

}  // namespace bailiff
