// SPDX-License-Identifier: Apache-2.0
// Notices before they are sent, and what customers pay with.
#include "controller/api/handlers.hpp"
#include "controller/api/views.hpp"

namespace bailiff {
namespace {

Json entry_json(const LedgerEntry& e) {
    Json out{{"number", e.number}, {"kind", name(e.kind)}, {"amount", e.amount}, {"balance", e.balance}, {"reason", e.reason}, {"actor", e.actor},
             {"case", e.case_id.text()}, {"key", e.key}};
    put_instant(out, "at", e.at, nullptr);
    return out;
}

}  // namespace

HttpResponse preview_notice(ApiCall& call) {
    QueryReader query(call.request);
    const std::string language = query.id("language");
    if (const auto& mistakes = query.finish(); !mistakes.empty()) return problem(mistakes);
    const auto notice = parse_name<core::Notice>(call.values[1]);
    if (!notice) return problem(404, "There is no such notice: " + notice.error().text);
    const auto text = call.desk.preview_notice(CaseId(call.values[0]), *notice, language);
    if (!text) return problem(text.error());
    return json_answer(200, {{"subject", text->subject}, {"text", text->text}, {"html", text->html}});
}

HttpResponse list_tokens(ApiCall& call) {
    QueryReader query(call.request);
    const int64_t before = query.integer("cursor", 0, int64_t{1} << 53, 0);
    const size_t limit = query.limit();
    if (const auto& mistakes = query.finish(); !mistakes.empty()) return problem(mistakes);
    const CustomerId id(call.values[0]);
    const auto customer = call.storage().find_customer(id);
    if (!customer) return no_such_customer(id.text());
    const auto last = call.storage().last_entry(id);
    Json out{{"customer", id.text()}, {"balance", last ? last->balance : 0}, {"charged", customer->tokens_charged}, {"items", Json::array()}};
    for (const auto& entry : call.storage().ledger_of(id, before, limit + 1)) {
        if (out["items"].size() == limit) {
            out["next"] = std::to_string(out["items"].back()["number"].get<int64_t>());
            break;
        }
        out["items"].push_back(entry_json(entry));
    }
    return json_answer(200, out);
}

HttpResponse enter_tokens(ApiCall& call) {
    std::vector<Mistake> mistakes;
    JsonReader read(call.body, mistakes);
    const auto kind = read.word("kind", LedgerKind::grant, false);
    const int64_t amount = read.integer("amount", -1'000'000, 1'000'000);
    const std::string reason = read.text("reason");
    read.finish();
    if (kind != LedgerKind::grant && kind != LedgerKind::adjustment)
        read.mistake("kind", "must be grant or adjustment; a charge is the customer's answer, a refund is POST /api/v1/cases/{id}/refunds");
    if (!mistakes.empty()) return problem(mistakes);
    const auto entered = call.desk.enter_tokens(CustomerId(call.values[0]), kind, amount, reason, call.actor());
    if (!entered) return problem(entered.error());
    return json_answer(201, entry_json(*entered));
}

}  // namespace bailiff
