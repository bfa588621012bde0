// SPDX-License-Identifier: Apache-2.0
// A case for people and programs: its clock with reasons, what is owed, what was said, what hosts did.
#include "controller/api/views.hpp"

#include <bailiff/message.hpp>

#include <cctype>

namespace bailiff {
namespace {

Json texts_json(const std::vector<std::string>& texts) {
    Json out = Json::array();
    for (const auto& t : texts) out.push_back(t);
    return out;
}

Json notice_due_json(const core::NoticeDue& due) {
    return {{"notice", name(due.notice)}, {"key", due.key}, {"audience", name(due.audience)}};
}

Json call_json(const core::Call& call, const core::Calendar* calendar) {
    Json out{{"actor", call.actor}, {"contact", call.log.contact}, {"number", call.log.number},
             {"outcome", name(call.log.outcome)}, {"note", call.log.note}};
    put_instant(out, "at", call.at, calendar);
    put_instant(out, "call_back", call.log.call_back, calendar);
    return out;
}

Json acceptance_json(const core::Acceptance& one, const core::Calendar* calendar) {
    Json out{{"actor", one.actor}, {"reason", one.reason}};
    put_instant(out, "at", one.at, calendar);
    return out;
}

Json reply_json(const core::Reply& reply) {
    return {{"channel", name(reply.channel)}, {"kind", name(reply.kind)}, {"steps", reply.steps},
            {"root_cause", reply.root_cause}, {"prevention", reply.prevention}, {"text", reply.text}};
}

Json summary_json(const core::ReportSummary& report, const core::Calendar* calendar) {
    Json out{{"id", report.id.text()}, {"type", report.type}, {"reporter", report.reporter}, {"summary", report.summary}};
    if (report.ascertained) out["ascertained"] = true;
    put_instant(out, "observed_at", report.observed_at, calendar);
    return out;
}

Json deadline_json(const core::Deadline& deadline, const core::Calendar* calendar) {
    Json out{{"what", deadline.what}, {"why", texts_json(deadline.why)}};
    put_instant(out, "at", deadline.at, calendar);
    return out;
}

Json dues_json(const core::Dues& dues, const core::Calendar* calendar) {
    Json out{{"notices", Json::array()}};
    for (const auto& notice : dues.notices) out["notices"].push_back(notice_due_json(notice));
    if (dues.call) {
        out["call"] = {{"attempts", dues.call->attempts}};
        put_instant(out["call"], "since", dues.call->since, calendar);
    }
    if (dues.call_back) {
        out["call_back"] = {{"contact", dues.call_back->contact}, {"number", dues.call_back->number}, {"note", dues.call_back->note}};
        put_instant(out["call_back"], "at", dues.call_back->at, calendar);
        // It stops no clock; who promised it must know.
        if (dues.deadline && dues.deadline->what == "enforce" && dues.call_back->at >= dues.deadline->at)
            out["call_back"]["warning"] = "it lies behind the deadline, which does not wait for it: phone earlier, or extend the deadline with a reason";
    }
    if (dues.order)
        out["order"] = {{"demand", dues.order->demand}, {"desired", name(dues.order->desired)},
                        {"evidence", name(dues.order->evidence)}, {"expect", name(dues.order->expect)}, {"reason", dues.order->reason}};
    if (dues.job) out["job"] = {{"kind", name(dues.job->kind)}, {"key", dues.job->key}};
    return out;
}

Json mail_json(const OutboxMail& mail, const core::Calendar* calendar) {
    Json out = notice_due_json(mail.due);
    out["state"] = name(mail.state);
    out["message_id"] = mail.message_id;
    out["attempts"] = mail.attempts;
    if (!mail.last_reply.empty()) out["last_reply"] = mail.last_reply;
    if (mail.state == MailState::due) put_instant(out, "next_try", mail.next_try, calendar);
    return out;
}

/// What list and detail share.
Json head_json(const Desk& desk, const core::Case& c) {
    const auto* calendar = calendar_of(desk, c);
    Json out{{"id", c.id.text()}, {"revision", c.revision}, {"phase", name(c.phase)}, {"held", c.held},
             {"vm", {{"id", c.vm.text()}, {"name", c.vm_name}, {"address", c.vm_address}, {"host", c.host.text()}}},
             {"customer", {{"id", c.customer.text()}, {"name", c.customer_name}}},
             {"policy", {{"id", c.policy.text()}, {"revision", c.policy_revision}}},
             {"desired", name(c.desired)}, {"stage", name(c.stage)}};
    put_instant(out, "opened_at", c.opened_at, calendar);
    put_instant(out, "closed_at", c.closed_at, calendar);
    if (c.outcome) out["outcome"] = name(*c.outcome);
    put_standing_of(out, desk, c);
    return out;
}

}  // namespace

const core::Calendar* calendar_of(const Desk& desk, const core::Case& c) {
    const auto* policy = desk.policies().find(c.policy, c.policy_revision);
    return policy ? desk.policies().calendar_of(*policy) : nullptr;
}

void put_instant(Json& out, const char* field, Instant at, const core::Calendar* calendar) {
    if (at == Instant{}) return;
    out[field] = format_rfc3339(at);
    if (calendar) out[std::string(field) + "_local"] = calendar->local(at);
}

Json contact_json(const core::Contact& contact) {
    return {{"name", contact.name}, {"email", contact.email}, {"phone", contact.phone},
            {"language", contact.language}, {"zone", contact.zone}};
}

Json case_line_json(Desk& desk, const core::Case& c) {
    Json out = head_json(desk, c);
    const auto* calendar = calendar_of(desk, c);
    out["type"] = c.reports.empty() ? "" : c.reports.front().type;
    out["reports"] = c.reports.size();
    if (const auto deadline = desk.storage().deadline_of(c.id)) out["deadline"] = deadline_json(*deadline, calendar);
    return out;
}

Json case_json(Desk& desk, const CaseView& view) {
    const core::Case& c = view.c;
    const auto* calendar = calendar_of(desk, c);
    Json out = head_json(desk, c);
    // While its host cannot do what the case demands, who looks at the case reads why.
    if (const auto host = desk.storage().find_host(c.host); host && !host->trouble.empty()) out["vm"]["host_trouble"] = host->trouble;
    out["policy"]["title"] = view.policy_title;
    out["customer"]["contact"] = contact_json(c.contact);
    out["writes_to"] = c.writes_to ? contact_json(*c.writes_to) : Json();
    out["mail_failures"] = Json::array();
    for (const auto& one : c.mail_failures) out["mail_failures"].push_back({{"key", one.key}, {"to", one.to}, {"final", one.final}});
    out["hold_reason"] = c.hold_reason;
    out["review_reason"] = c.review_reason;
    out["round"] = c.round;
    out["attempt"] = c.attempt;
    out["demand_met"] = c.demand_met;
    out["missing"] = texts_json(c.missing);
    out["tokens"] = c.tokens;
    out["evidence"] = c.evidence.text();
    out["verdict"] = c.verdict ? Json(name(*c.verdict)) : Json();
    out["hits"] = codec::list_of(c.hits);
    out["suspicious"] = c.suspicious;
    out["suspicions"] = codec::list_of(c.suspicions);
    out["cleaned"] = c.cleaned;
    // Whose scan it is, whether it waits to be accepted, and who has accepted it so far.
    out["scan"] = c.scan_job.text();
    out["incomplete_scan"] = c.incomplete_scan.text();
    out["acceptances"] = Json::array();
    for (const auto& one : c.acceptances) out["acceptances"].push_back(acceptance_json(one, calendar));
    out["deadline"] = view.dues.deadline ? deadline_json(*view.dues.deadline, calendar) : Json();
    out["dues"] = dues_json(view.dues, calendar);
    for (const char* list : {"reports", "calls", "replies", "notices", "orders", "jobs"}) out[list] = Json::array();
    for (const auto& report : c.reports) out["reports"].push_back(summary_json(report, calendar));
    // How the first report found its VM.
    if (const auto first = c.reports.empty() ? std::nullopt : desk.storage().find_report(c.reports.front().id); first && !first->who.empty())
        out["who"] = parse_json(first->who).value_or(Json());
    for (const auto& call : c.calls) out["calls"].push_back(call_json(call, calendar));
    for (const auto& reply : c.replies) out["replies"].push_back(reply_json(reply));
    // What was said in a case that goes on in this one belongs to it as well.
    out["merged"] = Json::array();
    for (const auto& merged : c.merged) {
        const auto other = desk.storage().find_case(merged.id);
        if (!other) continue;
        Json shown{{"case", other->id.text()}, {"policy", other->policy.text()}, {"reports", Json::array()}, {"calls", Json::array()}, {"replies", Json::array()}};
        for (const auto& id : merged.reports) shown["reports"].push_back(id.text());
        for (const auto& call : other->calls) shown["calls"].push_back(call_json(call, calendar));
        for (const auto& reply : other->replies) shown["replies"].push_back(reply_json(reply));
        out["merged"].push_back(std::move(shown));
    }
    put_links(out, desk, c);
    for (const auto& mail : desk.storage().mails_of(c.id)) out["notices"].push_back(mail_json(mail, calendar));
    for (const auto& order : desk.storage().orders_of(c.id)) out["orders"].push_back(order_json(order));
    for (const auto& job : desk.storage().jobs_of(c.id)) out["jobs"].push_back(job_json(job));
    return out;
}

Json call_due_json(const Desk& desk, const core::Case& c, const CallSheet& sheet) {
    Json out{{"case", c.id.text()}, {"revision", c.revision}, {"contact", sheet.contact.name}, {"role", name(sheet.role)}, {"number", sheet.contact.phone},
             {"language", sheet.contact.language}, {"customer", c.customer_name}, {"customer_id", c.customer.text()}, {"vm", c.vm_name},
             {"attempts", sheet.attempts}, {"overdue_level", sheet.overdue_level}, {"call_back", sheet.call_back}, {"local_time", sheet.local_time},
             {"script", sheet.script}, {"found", sheet.found}, {"warning", sheet.warning}, {"calls", Json::array()}};
    const auto* calendar = calendar_of(desk, c);
    put_instant(out, "since", sheet.since, calendar);
    for (const auto& call : c.calls) out["calls"].push_back(call_json(call, calendar));
    return out;
}

Json history_item_json(const core::HistoryItem& item, const core::Calendar* calendar) {
    Json out = core::json_of(item);
    out["text"] = core::describe(item.fact);
    if (calendar) out["at_local"] = calendar->local(item.at);
    return out;
}

}  // namespace bailiff
