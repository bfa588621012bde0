// SPDX-License-Identifier: Apache-2.0
// What is kept for how long, what is over its time, and erasing by hand.
#include "controller/api/handlers.hpp"
#include "controller/api/views.hpp"

namespace bailiff {
namespace {

Json kept_json(Desk& desk) {
    Json items = Json::array();
    for (const auto& kept : desk.kept()) {
        Json item{{"class", name(kept.of)}, {"overdue", kept.overdue.count}};
        item["kept_days"] = kept.time == Seconds{0} ? Json(nullptr) : Json(kept.time.count() / 86400);
        if (kept.overdue.count > 0) item["oldest"] = format_rfc3339(kept.overdue.oldest);
        items.push_back(std::move(item));
    }
    return items;
}

/// The reason that an erasure must have.
std::string reason_of(ApiCall& call, std::vector<Mistake>& mistakes) {
    JsonReader read(call.body, mistakes);
    const std::string reason = read.text("reason", 4096);
    read.finish();
    return reason;
}

}  // namespace

HttpResponse show_retention(ApiCall& call) {
    QueryReader query(call.request);
    if (const auto& mistakes = query.finish(); !mistakes.empty()) return problem(mistakes);
    return json_answer(200, {{"items", kept_json(call.desk)}});
}

HttpResponse purge(ApiCall& call) {
    std::vector<Mistake> mistakes;
    JsonReader read(call.body, mistakes);
    const bool dry = read.boolean("dry_run");
    read.finish();
    if (!mistakes.empty()) return problem(mistakes);
    if (dry) {
        Json would = Json::object();
        for (const auto& kept : call.desk.kept()) would[std::string(name(kept.of))] = kept.overdue.count;
        return json_answer(200, {{"dry_run", true}, {"gone", std::move(would)}, {"more", false}});
    }
    const auto gone = call.desk.let_go(call.actor());
    if (!gone) return problem(gone.error());
    return json_answer(200, {{"dry_run", false}, {"gone", {{"raw", gone->raw}, {"files", gone->files}, {"cases", gone->cases}, {"audit", gone->audit}}}, {"more", gone->more}});
}

HttpResponse erase_case(ApiCall& call) {
    std::vector<Mistake> mistakes;
    const std::string reason = reason_of(call, mistakes);
    if (!mistakes.empty()) return problem(mistakes);
    const CaseId id(call.values[0]);
    if (const auto erased = call.desk.erase_case(id, reason, call.actor()); !erased) return problem(erased.error());
    const auto view = call.desk.view(id);
    if (!view) return problem(view.error());
    return json_answer(200, case_json(call.desk, *view));
}

HttpResponse erase_customer(ApiCall& call) {
    std::vector<Mistake> mistakes;
    const std::string reason = reason_of(call, mistakes);
    if (!mistakes.empty()) return problem(mistakes);
    const auto erased = call.desk.erase_customer(CustomerId(call.values[0]), reason, call.actor());
    if (!erased) return problem(erased.error());
    return json_answer(200, {{"customer", call.values[0]}, {"cases", *erased}});
}

}  // namespace bailiff
