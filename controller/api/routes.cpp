// SPDX-License-Identifier: Apache-2.0
// The table of routes. A new line here needs its operation in openapi.yaml; a test compares the two.
#include "controller/api/handlers.hpp"

namespace bailiff {
namespace {

constexpr auto nobody = std::nullopt;
constexpr auto analyst = Role::analyst;
constexpr auto approver = Role::approver;
constexpr auto admin = Role::admin;
constexpr auto none = BodyUse::none;
constexpr auto json = BodyUse::json;
constexpr auto json_or_mail = BodyUse::report;
constexpr auto json_with_file = BodyUse::file;

constexpr Route get(std::string_view pattern, std::optional<Role> role, HttpResponse (*turn)(ApiCall&), std::string_view summary) {
    return {"GET", pattern, role, none, false, turn, nullptr, summary};
}
constexpr Route open_get(std::string_view pattern, HttpResponse (*direct)(Api&, const HttpRequest&), std::string_view summary) {
    return {"GET", pattern, nobody, none, false, nullptr, direct, summary};
}
constexpr Route put(std::string_view pattern, Role role, HttpResponse (*turn)(ApiCall&), std::string_view summary) {
    return {"PUT", pattern, role, json, false, turn, nullptr, summary};
}
constexpr Route post(std::string_view pattern, Role role, BodyUse body, HttpResponse (*turn)(ApiCall&), std::string_view summary) {
    return {"POST", pattern, role, body, false, turn, nullptr, summary};
}
constexpr Route secret_post(std::string_view pattern, Role role, BodyUse body, HttpResponse (*turn)(ApiCall&), std::string_view summary) {
    return {"POST", pattern, role, body, true, turn, nullptr, summary};
}

constexpr Route table[] = {
    open_get("/healthz", health, "The process lives"),
    open_get("/readyz", readiness, "The storage answers and the queue has room"),
    get("/metrics", analyst, show_metrics, "Figures in Prometheus's text format"),
    open_get("/api/v1/openapi.yaml", openapi_document, "This description"),
    get("/api/v1/me", analyst, who_am_i, "The account of the token"),

    get("/api/v1/reports", analyst, list_reports, "Reports, newest first"),
    post("/api/v1/reports", analyst, json_or_mail, add_report, "Hand in a report"),
    get("/api/v1/reports/{id}", analyst, show_report, "One report with its body as it came"),
    post("/api/v1/reports/{id}/resolve", analyst, json, resolve_report, "Give a report in triage its VM"),

    post("/api/v1/reports/{id}/settle", analyst, json, settle_report, "Take a report out of triage that needs no case"),
    get("/api/v1/reporters", analyst, list_reporters, "Who reports, and how often they were right"),
    get("/api/v1/reporters/{id}", analyst, show_reporter, "One reporter"),
    put("/api/v1/reporters/{id}", approver, judge_reporter, "Exempt or throttle a reporter"),

    post("/api/v1/addresses/import", approver, json, import_addresses, "Take over the provider's records of addresses"),
    get("/api/v1/addresses/{id}", analyst, show_address, "Whose an address was at a time"),

    get("/api/v1/deliveries", analyst, list_deliveries, "What came through the doors, newest first"),
    get("/api/v1/deliveries/{id}", analyst, show_delivery, "One delivery with what was read out of it"),
    get("/api/v1/deliveries/{id}/raw", analyst, raw_delivery, "The bytes of a delivery as they came"),

    get("/api/v1/cases", analyst, list_cases, "Cases, newest first"),
    get("/api/v1/cases/{id}", analyst, show_case, "One case with everything about it"),
    get("/api/v1/cases/{id}/history", analyst, case_history, "What happened to a case, oldest first"),
    post("/api/v1/cases/{id}/calls", analyst, json, act_on_case, "Log a phone attempt"),
    post("/api/v1/cases/{id}/replies", analyst, json, act_on_case, "Record the customer's answer"),
    post("/api/v1/cases/{id}/extensions", analyst, json, act_on_case, "Move the running deadline later"),
    post("/api/v1/cases/{id}/hold", analyst, json, act_on_case, "Stop every clock"),
    post("/api/v1/cases/{id}/resume", analyst, json, act_on_case, "Lift the hold"),
    post("/api/v1/cases/{id}/decisions", analyst, json, act_on_case, "Decide a case in review"),
    post("/api/v1/cases/{id}/approvals", approver, json, act_on_case, "Let a waiting treatment go on"),
    post("/api/v1/cases/{id}/reviews", analyst, json, act_on_case, "Ask for a person's review"),
    post("/api/v1/cases/{id}/close", approver, json, act_on_case, "Close a case"),
    post("/api/v1/cases/{id}/notes", analyst, json, act_on_case, "Add a note"),
    post("/api/v1/cases/{id}/acceptances", approver, json, act_on_case, "Accept an incomplete scan; it takes two people"),
    post("/api/v1/cases/{id}/erasures", admin, json, erase_case, "Erase what a closed case says of people"),
    post("/api/v1/cases/{id}/appeals", analyst, json, act_on_case, "Lodge an appeal against what was decided"),
    post("/api/v1/cases/{id}/appeal-decisions", approver, json, act_on_case, "Decide an appeal; it takes a person who had no part in the case's decisions"),
    post("/api/v1/cases/{id}/assignments", analyst, json, act_on_case, "Say who looks after a case"),
    post("/api/v1/cases/{id}/merges", analyst, json, merge_cases, "Let another case go on in this one"),
    post("/api/v1/cases/{id}/splits", analyst, json, split_case, "Take reports out of a case"),
    post("/api/v1/cases/{id}/undo", approver, json, undo_merge_or_split, "Undo a merge or a split"),
    post("/api/v1/cases/{id}/refunds", approver, json, act_on_case, "Give back support tokens that a case was charged"),
    get("/api/v1/cases/{id}/notices/{notice}/preview", analyst, preview_notice, "A notice as it would be written now; nothing is sent"),
    get("/api/v1/cases/{id}/scans", analyst, list_scans, "The signed reports of a case's scans, oldest first"),
    get("/api/v1/cases/{id}/scans/{job}", analyst, show_scan, "One signed report of a scan"),
    get("/api/v1/cases/{id}/files", analyst, list_files, "Files that the customer sent with statements, or staff added"),
    post("/api/v1/cases/{id}/files", analyst, json_with_file, add_file, "Add a file to a case"),
    get("/api/v1/cases/{id}/files/{number}", analyst, fetch_file, "One of these files, to be saved"),
    get("/api/v1/calls", analyst, list_calls, "Whom to phone now"),
    get("/api/v1/changes", analyst, stream_changes, "Changes of cases as server-sent events"),

    get("/api/v1/vms", analyst, list_vms, "VMs by id"),
    get("/api/v1/vms/{id}", analyst, show_vm, "One VM"),
    put("/api/v1/vms/{id}", approver, put_vm, "Say whose VM it is and where"),
    get("/api/v1/customers", analyst, list_customers, "Customers by id"),
    get("/api/v1/customers/{id}", analyst, show_customer, "One customer with the authorised contact"),
    put("/api/v1/customers/{id}", analyst, put_customer, "Set a customer and the authorised contact"),
    post("/api/v1/customers/{id}/erasures", admin, json, erase_customer, "Erase a customer and what closed cases say of him"),
    get("/api/v1/customers/{id}/contacts", analyst, list_contacts, "Whom of a customer we can reach, in order"),
    post("/api/v1/customers/{id}/contacts", analyst, json, add_contact, "Add a contact"),
    put("/api/v1/customers/{id}/contacts/{number}", analyst, put_contact, "Change a contact, or what is known of it"),
    post("/api/v1/customers/{id}/contacts/{number}/remove", analyst, none, remove_contact, "Remove a contact"),
    get("/api/v1/contact-changes", analyst, list_contact_changes, "Mails that ask for other contact data, newest first"),
    get("/api/v1/contact-changes/{id}", analyst, show_contact_change, "One such mail beside what stands now"),
    post("/api/v1/contact-changes/{id}/approve", analyst, json, approve_contact_change, "Change the contact as named"),
    post("/api/v1/contact-changes/{id}/reject", analyst, json, reject_contact_change, "Leave everything as it is"),
    get("/api/v1/customers/{id}/tokens", analyst, list_tokens, "A customer's support tokens: the balance and its entries, newest first"),
    post("/api/v1/customers/{id}/tokens", approver, json, enter_tokens, "Grant support tokens, or correct the balance"),
    get("/api/v1/hosts", analyst, list_hosts, "Hosts with their state"),
    get("/api/v1/hosts/{id}", analyst, show_host, "One host"),
    put("/api/v1/hosts/{id}", admin, put_host, "Say which cluster a host belongs to"),
    secret_post("/api/v1/hosts/{id}/enrolment-tokens", admin, none, make_enrolment_token, "Make a one-time token for a host"),
    post("/api/v1/hosts/{id}/ban", admin, none, ban_host, "Shut a host out"),
    post("/api/v1/hosts/{id}/unban", admin, none, unban_host, "Let a banned host enrol again"),
    get("/api/v1/orders", analyst, list_orders, "Orders of a case, or all open ones"),
    get("/api/v1/jobs", analyst, list_jobs, "Jobs of a case, or all open ones"),

    get("/api/v1/webhooks", analyst, list_webhooks, "Who else is told, and how far each is"),
    get("/api/v1/retention", analyst, show_retention, "How long what is kept is kept, and what is over its time"),
    post("/api/v1/retention/purge", admin, json, purge, "Let go what is over its time, or say what would go"),
    get("/api/v1/policies", analyst, list_policies, "Policies in force"),
    post("/api/v1/policies/check", analyst, json, check_policy, "Check a policy without applying it"),
    get("/api/v1/policies/{id}", analyst, show_policy, "One policy, in force or an older revision"),
    get("/api/v1/audit/export", approver, export_audit, "The audit chain as JSON lines"),
    get("/api/v1/clock", analyst, show_clock, "The laboratory's clock"),
    post("/api/v1/clock", admin, json, advance_clock, "Advance the laboratory's clock"),
    get("/api/v1/accounts", admin, list_accounts, "Accounts"),
    secret_post("/api/v1/accounts", admin, json, add_account, "Make an account; the answer shows its token once"),
    post("/api/v1/accounts/{id}/disable", admin, none, disable_account, "Disable an account at once"),
};

}  // namespace

std::span<const Route> api_routes() { return table; }

}  // namespace bailiff
