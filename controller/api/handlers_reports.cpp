// SPDX-License-Identifier: Apache-2.0
// Reports handed in by staff and programs, and the triage of those that found no VM. Mails and XARF documents go on to
// handlers_deliveries.cpp.
#include "controller/api/handlers.hpp"
#include "controller/api/views.hpp"

#include "controller/core/matching.hpp"

namespace bailiff {
namespace {

/// In a report's JSON; the whole of a delivery has an address of its own.
constexpr size_t largest_raw_shown = 1 << 20;

HttpResponse outcome_answer(int status, const ReportOutcome& outcome) {
    HttpResponse out = json_answer(status, {{"report", outcome.report.text()}, {"case", outcome.case_id.text()},
                                            {"opened", outcome.opened}, {"triage", outcome.triage}});
    out.headers.emplace_back("Location", "/api/v1/reports/" + outcome.report.text());
    return out;
}

}  // namespace

HttpResponse add_report(ApiCall& call) {
    if (call.delivery) return add_delivery(call);
    std::vector<Mistake> mistakes;
    JsonReader read(call.body, mistakes);
    ReportInput input;
    input.type = read.text("type", 128);
    input.vm = read.optional_text("vm", 36);
    input.address = read.optional_text("address", 64);
    input.vm_name = read.optional_text("vm_name", 256);
    input.reporter = read.optional_text("reporter", 256);
    input.summary = read.optional_text("summary", 16 * 1024);
    input.raw = read.optional_text("raw", 1 << 20);
    input.observed_at = read.instant("observed_at", false);
    input.port = read.integer("port", 1, 65535, false);
    input.ascertained = read.boolean("ascertained", false);
    read.finish();
    if (!input.type.empty() && core::normal_type(input.type).empty())
        read.mistake("type", "must be an XARF v4 category and type; write content/malware");
    if (!input.vm.empty() && !is_uuid(input.vm)) read.mistake("vm", "must be the VM's UUID; names go into vm_name");
    // A program that can be told should be told; reports by mail go to triage instead.
    if (input.vm.empty() && input.address.empty() && input.vm_name.empty() && call.body.is_object())
        read.mistake("", "names no VM; give vm, address or vm_name");
    if (!mistakes.empty()) return problem(mistakes);
    if (input.reporter.empty()) input.reporter = call.account.name;
    const auto outcome = call.desk.report(input, call.actor());
    if (!outcome) return problem(outcome.error());
    return outcome_answer(201, *outcome);
}

HttpResponse list_reports(ApiCall& call) {
    QueryReader query(call.request);
    const bool triage = query.boolean("triage");
    const ReportId before(query.cursor());
    const size_t limit = query.limit();
    if (const auto& mistakes = query.finish(); !mistakes.empty()) return problem(mistakes);
    std::vector<Json> items;
    for (const auto& report : call.storage().reports(triage, before, limit + 1)) items.push_back(report_json(report, false));
    return page_answer(std::move(items), limit, "id");
}

HttpResponse show_report(ApiCall& call) {
    auto report = call.storage().find_report(ReportId(call.values[0]));
    if (!report) return problem(404, "There is no report " + call.values[0] + "; GET /api/v1/reports lists those there are.");
    // What it was read out of holds the body, once for all its events.
    if (!report->delivery.empty())
        if (const auto delivery = call.storage().find_delivery(report->delivery)) report->raw = delivery->raw.substr(0, largest_raw_shown);
    return json_answer(200, report_json(*report, true));
}

HttpResponse resolve_report(ApiCall& call) {
    std::vector<Mistake> mistakes;
    JsonReader read(call.body, mistakes);
    const std::string vm = read.text("vm", 36);
    read.finish();
    if (!vm.empty() && !is_uuid(vm)) read.mistake("vm", "must be the VM's UUID; GET /api/v1/vms?name=… finds it");
    if (!mistakes.empty()) return problem(mistakes);
    const auto outcome = call.desk.resolve_report(ReportId(call.values[0]), VmId(vm), call.actor());
    if (!outcome) return problem(outcome.error());
    return outcome_answer(200, *outcome);
}

}  // namespace bailiff
