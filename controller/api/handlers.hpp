// SPDX-License-Identifier: Apache-2.0
// The handlers that the table of routes names. Each is one turn of the desk; see api_call.hpp.
#pragma once

#include "controller/api/api_call.hpp"

namespace bailiff {

// handlers_cases.cpp
HttpResponse list_cases(ApiCall& call);
HttpResponse show_case(ApiCall& call);
HttpResponse case_history(ApiCall& call);
HttpResponse act_on_case(ApiCall& call);
HttpResponse list_calls(ApiCall& call);
HttpResponse list_webhooks(ApiCall& call);
HttpResponse stream_changes(ApiCall& call);

// handlers_merges.cpp
HttpResponse merge_cases(ApiCall& call);
HttpResponse split_case(ApiCall& call);
HttpResponse undo_merge_or_split(ApiCall& call);

// handlers_notices.cpp
HttpResponse preview_notice(ApiCall& call);
HttpResponse list_tokens(ApiCall& call);
HttpResponse enter_tokens(ApiCall& call);

// handlers_scans.cpp
HttpResponse list_scans(ApiCall& call);
HttpResponse show_scan(ApiCall& call);

// handlers_statements.cpp
HttpResponse list_files(ApiCall& call);
HttpResponse add_file(ApiCall& call);
HttpResponse fetch_file(ApiCall& call);

// handlers_retention.cpp
HttpResponse show_retention(ApiCall& call);
HttpResponse purge(ApiCall& call);
HttpResponse erase_case(ApiCall& call);
HttpResponse erase_customer(ApiCall& call);

// handlers_reports.cpp
HttpResponse add_report(ApiCall& call);
HttpResponse list_reports(ApiCall& call);
HttpResponse show_report(ApiCall& call);
HttpResponse resolve_report(ApiCall& call);

// handlers_addresses.cpp
HttpResponse show_address(ApiCall& call);
HttpResponse import_addresses(ApiCall& call);

// handlers_reporters.cpp
HttpResponse list_reporters(ApiCall& call);
HttpResponse show_reporter(ApiCall& call);
HttpResponse judge_reporter(ApiCall& call);
HttpResponse settle_report(ApiCall& call);

// handlers_deliveries.cpp
HttpResponse add_delivery(ApiCall& call);
HttpResponse list_deliveries(ApiCall& call);
HttpResponse show_delivery(ApiCall& call);
HttpResponse raw_delivery(ApiCall& call);

// handlers_directory.cpp
HttpResponse list_vms(ApiCall& call);
HttpResponse show_vm(ApiCall& call);
HttpResponse put_vm(ApiCall& call);
HttpResponse put_host(ApiCall& call);
HttpResponse list_customers(ApiCall& call);
HttpResponse show_customer(ApiCall& call);
HttpResponse put_customer(ApiCall& call);
HttpResponse list_hosts(ApiCall& call);
HttpResponse show_host(ApiCall& call);
HttpResponse make_enrolment_token(ApiCall& call);
HttpResponse ban_host(ApiCall& call);
HttpResponse unban_host(ApiCall& call);
HttpResponse list_orders(ApiCall& call);
HttpResponse list_jobs(ApiCall& call);

// handlers_contacts.cpp
HttpResponse no_such_customer(const std::string& id);   ///< an answer that others give too
HttpResponse list_contacts(ApiCall& call);
HttpResponse add_contact(ApiCall& call);
HttpResponse put_contact(ApiCall& call);
HttpResponse remove_contact(ApiCall& call);
HttpResponse list_contact_changes(ApiCall& call);
HttpResponse show_contact_change(ApiCall& call);
HttpResponse approve_contact_change(ApiCall& call);
HttpResponse reject_contact_change(ApiCall& call);

// handlers_admin.cpp
HttpResponse list_policies(ApiCall& call);
HttpResponse show_policy(ApiCall& call);
HttpResponse check_policy(ApiCall& call);
HttpResponse export_audit(ApiCall& call);
HttpResponse show_clock(ApiCall& call);
HttpResponse advance_clock(ApiCall& call);
HttpResponse who_am_i(ApiCall& call);
HttpResponse list_accounts(ApiCall& call);
HttpResponse add_account(ApiCall& call);
HttpResponse disable_account(ApiCall& call);
HttpResponse show_metrics(ApiCall& call);
HttpResponse openapi_document(Api& api, const HttpRequest& request);
HttpResponse health(Api& api, const HttpRequest& request);
HttpResponse readiness(Api& api, const HttpRequest& request);

}  // namespace bailiff
