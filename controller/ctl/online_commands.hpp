// SPDX-License-Identifier: Apache-2.0
// The commands that ask the controller; commands.cpp names them.
#pragma once

#include "controller/ctl/command.hpp"

namespace bailiff {

using CommandRun = ExitCode(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err);

// online_reports.cpp
CommandRun report_add, report_list, report_show, report_resolve, report_settle;
// online_addresses.cpp
CommandRun address_who, address_import;
// online_reporters.cpp
CommandRun reporter_list, reporter_show, reporter_set;
// intake_*.cpp
CommandRun intake_mail, intake_maildir, intake_imap, intake_list, intake_show;
// online_cases.cpp
CommandRun case_list, case_show, case_history_list, calls_list;
// online_notices.cpp
CommandRun case_notice_preview, customer_tokens;
// online_statements.cpp
CommandRun case_files, case_attach;
// scans.cpp
CommandRun case_scan;
// online_acts.cpp
CommandRun case_call, case_reply, case_extend, case_hold, case_resume, case_decide, case_approve, case_review, case_close, case_note, case_accept_incomplete;
CommandRun case_appeal, case_decide_appeal, case_assign;
// online_merges.cpp
CommandRun case_merge, case_split, case_undo;
// online_directory.cpp
CommandRun vm_list, vm_show, vm_set, customer_list, customer_show, customer_set, host_list, host_show, host_set, host_enrol_token, host_ban, host_unban,
    order_list, job_list;
// online_contacts.cpp
CommandRun customer_contact, contact_change_list, contact_change_show, contact_change_approve, contact_change_reject;
// online_admin.cpp
CommandRun policy_list, policy_show, clock_show, clock_advance, account_add, account_list, account_disable, who_am_i_command, audit_export, webhook_list;
// online_retention.cpp
CommandRun retention_show, retention_purge, case_erase, customer_erase;
// online_changes.cpp
CommandRun changes_command, case_watch;

}  // namespace bailiff
