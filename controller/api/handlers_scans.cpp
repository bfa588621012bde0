// SPDX-License-Identifier: Apache-2.0
// What hosts said of a case's disks, signed.
#include "controller/api/handlers.hpp"
#include "controller/api/views.hpp"

#include <bailiff/scan_report.hpp>

namespace bailiff {
namespace {

Json scan_line_json(const StoredScanReport& scan, const core::Calendar* calendar) {
    Json out{{"job", scan.job}, {"case", scan.case_id.text()}, {"host", scan.host.text()}, {"verdict", name(scan.verdict)},
             {"sha256", scan.sha256}, {"whole", scan.whole}, {"signature", name(scan.signature)}, {"key_id", scan.key_id}};
    put_instant(out, "at", scan.at, calendar);
    return out;
}

}  // namespace

HttpResponse list_scans(ApiCall& call) {
    QueryReader query(call.request);
    if (const auto& mistakes = query.finish(); !mistakes.empty()) return problem(mistakes);
    const CaseId id(call.values[0]);
    const auto c = call.storage().find_case(id);
    if (!c) return problem(404, "There is no case " + id.text() + "; GET /api/v1/cases lists those there are.");
    Json items = Json::array();
    for (const auto& scan : call.storage().scan_reports_of(id)) items.push_back(scan_line_json(scan, calendar_of(call.desk, *c)));
    return json_answer(200, {{"items", std::move(items)}});
}

HttpResponse show_scan(ApiCall& call) {
    QueryReader query(call.request);
    if (const auto& mistakes = query.finish(); !mistakes.empty()) return problem(mistakes);
    const CaseId id(call.values[0]);
    const auto c = call.storage().find_case(id);
    const auto scan = call.storage().find_scan_report(call.values[1]);
    if (!c || !scan || scan->case_id != id)
        return problem(404, "There is no report of a scan " + call.values[1] + " in case " + id.text() + "; GET /api/v1/cases/" + id.text() +
                                "/scans lists those there are.");
    Json out = scan_line_json(*scan, calendar_of(call.desk, *c));
    // The envelope is what counts; its content stands beside it for reading.
    out["envelope"] = scan->envelope;
    out["report"] = nullptr;
    if (const auto seen = look_into_envelope(scan->envelope, largest_scan_report))
        if (auto report = parse_json(seen->payload, JsonLimits{largest_scan_report, 16})) out["report"] = std::move(*report);
    return json_answer(200, out);
}

}  // namespace bailiff
