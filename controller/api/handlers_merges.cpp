// SPDX-License-Identifier: Apache-2.0
// Two cases that are one, one that is two, and the way back.
#include "controller/api/handlers.hpp"
#include "controller/api/views.hpp"

namespace bailiff {
namespace {

constexpr size_t most_reports = 256;

/// The case of the path when it stands where the caller saw it; else `refused` says why not.
std::optional<core::Case> case_as_seen(ApiCall& call, HttpResponse& refused) {
    auto found = call.storage().find_case(CaseId(call.values[0]));
    if (!found) {
        refused = problem(404, "There is no case " + call.values[0] + "; GET /api/v1/cases lists those there are.");
        return std::nullopt;
    }
    if (if_match(call.request, found->revision)) return found;
    refused = problem(412, "The case changed since you looked: it is at revision " + std::to_string(found->revision) + "; read it again and decide anew.");
    refused.headers.emplace_back("ETag", etag_of(found->revision));
    return std::nullopt;
}

HttpResponse case_answer(ApiCall& call, const CaseView& view) {
    HttpResponse out = json_answer(200, case_json(call.desk, view));
    out.headers.emplace_back("ETag", etag_of(view.c.revision));
    return out;
}

}  // namespace

HttpResponse merge_cases(ApiCall& call) {
    std::vector<Mistake> mistakes;
    JsonReader read(call.body, mistakes);
    const CaseId other(read.text("case", 128));
    const bool insist = read.boolean("insist", false);
    const std::string reason = read.text("reason");
    read.finish();
    if (!mistakes.empty()) return problem(mistakes);
    if (insist && !call.may(Role::approver)) return problem(403, "To insist that two VMs are one matter takes the role approver.");
    HttpResponse refused;
    const auto c = case_as_seen(call, refused);
    if (!c) return refused;
    const auto view = call.desk.merge(c->id, other, insist, reason, call.actor());
    if (!view) return problem(view.error());
    return case_answer(call, *view);
}

HttpResponse split_case(ApiCall& call) {
    std::vector<Mistake> mistakes;
    JsonReader read(call.body, mistakes);
    SplitRequest request;
    for (const auto& id : read.texts("reports", true, most_reports)) request.reports.emplace_back(id);
    const std::string to = read.text("to", 16, false);
    request.to_triage = to == "triage";
    if (!to.empty() && to != "case" && to != "triage") read.mistake("to", "must be case or triage");
    request.vm = VmId(read.optional_text("vm", 36));
    if (!request.vm.empty() && !is_uuid(request.vm.text())) read.mistake("vm", "must be the VM's UUID; GET /api/v1/vms?name=… finds it");
    if (!request.vm.empty() && request.to_triage) read.mistake("vm", "is of a new case; leave it out for triage");
    request.reason = read.text("reason");
    read.finish();
    if (!mistakes.empty()) return problem(mistakes);
    // A new case writes to a customer and runs a clock.
    if (!request.to_triage && !call.may(Role::approver))
        return problem(403, "To open a case of its own takes the role approver; an analyst can split reports off into triage.");
    HttpResponse refused;
    const auto c = case_as_seen(call, refused);
    if (!c) return refused;
    const auto outcome = call.desk.split(c->id, request, call.actor());
    if (!outcome) return problem(outcome.error());
    const auto view = call.desk.view(c->id);
    if (!view) return problem(view.error());
    return case_answer(call, *view);
}

HttpResponse undo_merge_or_split(ApiCall& call) {
    std::vector<Mistake> mistakes;
    JsonReader read(call.body, mistakes);
    const CaseId other(read.text("case", 128));
    const std::string reason = read.text("reason");
    read.finish();
    if (!mistakes.empty()) return problem(mistakes);
    HttpResponse refused;
    const auto c = case_as_seen(call, refused);
    if (!c) return refused;
    const auto view = call.desk.undo(c->id, other, reason, call.actor());
    if (!view) return problem(view.error());
    return case_answer(call, *view);
}

}  // namespace bailiff
