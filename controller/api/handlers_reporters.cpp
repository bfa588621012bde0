// SPDX-License-Identifier: Apache-2.0
// Who reports, how often they were right, and reports that need no case.
#include "controller/api/handlers.hpp"
#include "controller/api/views.hpp"

#include <bailiff/clean_text.hpp>

namespace bailiff {
namespace {

constexpr int64_t days_shown = 90;

Json counts_json(const ReporterCounts& c) {
    return {{"reports", c.reports}, {"opened", c.opened}, {"duplicates", c.duplicates}, {"right", c.right}, {"wrong", c.wrong},
            {"not_ours", c.not_ours}, {"unparseable", c.unparseable}};
}

Json reporter_json(ApiCall& call, const Reporter& r) {
    const int64_t today = call.desk.now().time_since_epoch().count() / 86'400;
    Json out{{"id", r.id.text()}, {"proven", r.id.text().find(':') == std::string::npos}, {"standing", name(r.standing)}, {"reason", r.reason}, {"by", r.by},
             {"throttled", call.desk.why_throttled(r.id)}, {"days", days_shown}};
    out.update(counts_json(call.storage().reporter_counts(r.id, today - days_shown)));
    put_instant(out, "first_at", r.first_at, nullptr);
    put_instant(out, "last_at", r.last_at, nullptr);
    put_instant(out, "standing_at", r.standing_at, nullptr);
    return out;
}

}  // namespace

HttpResponse list_reporters(ApiCall& call) {
    QueryReader query(call.request);
    const ReporterId after(query.text("cursor"));
    const size_t limit = query.limit();
    if (const auto& mistakes = query.finish(); !mistakes.empty()) return problem(mistakes);
    std::vector<Json> items;
    for (const auto& reporter : call.storage().reporters(after, limit + 1)) items.push_back(reporter_json(call, reporter));
    return page_answer(std::move(items), limit, "id");
}

HttpResponse show_reporter(ApiCall& call) {
    const auto reporter = call.storage().find_reporter(ReporterId(call.values[0]));
    if (!reporter) return problem(404, "There is no reporter " + clean_line(call.values[0], 128) + "; GET /api/v1/reporters lists those there are.");
    Json out = reporter_json(call, *reporter);
    out["ever"] = counts_json(call.storage().reporter_counts(reporter->id, 0));
    return json_answer(200, out);
}

HttpResponse judge_reporter(ApiCall& call) {
    std::vector<Mistake> mistakes;
    JsonReader read(call.body, mistakes);
    const auto standing = read.word("standing", ReporterStanding::counted);
    const std::string reason = read.text("reason", 500);
    read.finish();
    if (clean_line(call.values[0], 128) != call.values[0] || call.values[0].find(' ') != std::string::npos)
        read.mistake("", "the address must end with a reporter: example.net, unproven:example.net or account:NAME");
    if (!mistakes.empty()) return problem(mistakes);
    const auto reporter = call.desk.judge_reporter(ReporterId(call.values[0]), standing, reason, call.actor());
    if (!reporter) return problem(reporter.error());
    return json_answer(200, reporter_json(call, *reporter));
}

HttpResponse settle_report(ApiCall& call) {
    std::vector<Mistake> mistakes;
    JsonReader read(call.body, mistakes);
    const std::string how = read.text("as", 64), reason = read.text("reason", 500);
    read.finish();
    if (!mistakes.empty()) return problem(mistakes);
    const auto report = call.desk.settle_report(ReportId(call.values[0]), how, reason, call.actor());
    if (!report) return problem(report.error());
    return json_answer(200, report_json(*report, false));
}

}  // namespace bailiff
