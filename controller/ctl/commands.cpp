// SPDX-License-Identifier: Apache-2.0
// The table of commands, and nothing else.
#include "controller/ctl/commands.hpp"

#include "controller/ctl/audit_verify.hpp"
#include "controller/ctl/completion.hpp"
#include "controller/ctl/offline_deadline.hpp"
#include "controller/ctl/offline_hashes.hpp"
#include "controller/ctl/offline_policy.hpp"
#include "controller/ctl/offline_report.hpp"
#include "controller/ctl/online_commands.hpp"
#include "controller/ctl/scans.hpp"
#include "controller/ctl/statistics.hpp"

namespace bailiff {
namespace {

constexpr Command table[] = {
    {"report add", "hand in a report", report_add},
    {"report list", "reports, newest first", report_list},
    {"report show", "one report with its body", report_show},
    {"report resolve", "give a report in triage its VM", report_resolve},
    {"report settle", "take a report out of triage that needs no case", report_settle},
    {"report parse", "how intake would read a file", report_parse_command},
    {"reporter list", "who reports, and how often they were right", reporter_list},
    {"reporter show", "one reporter", reporter_show},
    {"reporter set", "exempt or throttle a reporter", reporter_set},
    {"address who", "whose an address was at a time", address_who},
    {"address import", "take over the provider's records of addresses", address_import},
    {"intake mail", "hand in a mail from standard input, for a mail server's pipe", intake_mail},
    {"intake maildir", "hand in the mails of a Maildir", intake_maildir},
    {"intake imap", "hand in the unread mails of an IMAP folder", intake_imap},
    {"intake list", "what came through the doors, newest first", intake_list},
    {"intake show", "one delivery with what was read out of it", intake_show},
    {"case list", "cases, newest first", case_list},
    {"case show", "one case: where it stands and why", case_show},
    {"case history", "what happened to a case", case_history_list},
    {"case call", "log a phone attempt", case_call},
    {"case reply", "record the customer's answer", case_reply},
    {"case extend", "move the running deadline later", case_extend},
    {"case hold", "stop every clock of a case", case_hold},
    {"case resume", "lift the hold", case_resume},
    {"case decide", "decide a case in review", case_decide},
    {"case approve", "let a waiting treatment go on", case_approve},
    {"case accept-incomplete", "accept a scan that did not look at everything; it takes two people", case_accept_incomplete},
    {"case scan", "what the host said of the case's disks, signed", case_scan},
    {"case files", "files that the customer sent with statements, or staff added", case_files},
    {"case attach", "add a file to a case", case_attach},
    {"case notice-preview", "a notice as it would be written now; nothing is sent", case_notice_preview},
    {"case review", "ask for a person's review", case_review},
    {"case close", "close a case", case_close},
    {"case note", "add a note", case_note},
    {"case erase", "erase what a closed case says of people", case_erase},
    {"case assign", "say who looks after a case", case_assign},
    {"case appeal", "lodge an appeal against what was decided", case_appeal},
    {"case decide-appeal", "decide an appeal; it takes a person who had no part in it", case_decide_appeal},
    {"case merge", "let another case go on in this one", case_merge},
    {"case split", "take reports out of a case", case_split},
    {"case undo", "undo a merge or a split", case_undo},
    {"case export", "every case with its milestones, as a table, CSV or JSON", case_export},
    {"case watch", "print what happens to a case until it is closed", case_watch},
    {"calls", "whom to phone now, and what to say", calls_list},
    {"changes", "print changes of cases as they happen", changes_command},
    {"vm list", "VMs", vm_list},
    {"vm show", "one VM", vm_show},
    {"vm set", "say whose VM it is and where", vm_set},
    {"customer list", "customers", customer_list},
    {"customer show", "one customer with the authorised contact", customer_show},
    {"customer set", "set a customer and the authorised contact", customer_set},
    {"customer erase", "erase a customer and what closed cases say of him", customer_erase},
    {"customer contact", "whom of a customer we can reach: list, add, set, remove", customer_contact},
    {"contact-change list", "mails that ask for other contact data", contact_change_list},
    {"contact-change show", "one such mail beside what stands now", contact_change_show},
    {"contact-change approve", "change a contact as you name it", contact_change_approve},
    {"contact-change reject", "leave the contact as it is", contact_change_reject},
    {"customer tokens", "support tokens: list, grant, adjust, refund", customer_tokens},
    {"host list", "hosts with their state", host_list},
    {"host show", "one host", host_show},
    {"host set", "say which cluster a host belongs to", host_set},
    {"host enrol-token", "make a host's one-time token", host_enrol_token},
    {"host ban", "shut a host out", host_ban},
    {"host unban", "let a banned host come back", host_unban},
    {"order list", "orders of a case, or all open ones", order_list},
    {"job list", "jobs of a case, or all open ones", job_list},
    {"policy list", "policies in force", policy_list},
    {"policy show", "one policy", policy_show},
    {"policy check", "what is wrong with policy and calendar files", policy_check_command},
    {"deadline", "when a span of working time or a policy's steps are due, and why", deadline_command},
    {"hashes sign", "sign a list of known-bad or known-good contents for bailiff-scan", hashes_sign_command},
    {"webhook list", "who else is told of cases, and how far each is", webhook_list},
    {"clock show", "the laboratory's clock", clock_show},
    {"clock advance", "advance the laboratory's clock", clock_advance},
    {"account add", "make an account and its token", account_add},
    {"account list", "accounts with their roles", account_list},
    {"account disable", "disable an account at once", account_disable},
    {"whoami", "the account of the token in use", who_am_i_command},
    {"audit export", "the audit chain as JSON lines", audit_export},
    {"audit verify", "was anything in the audit chain edited or cut off", audit_verify_command},
    {"retention show", "how long what is kept is kept, and what is over its time", retention_show},
    {"retention purge", "let go what is over its time, or say what would go", retention_purge},
    {"statistics", "how long answers, cleanings and cases take", statistics_command},
    {"scan verify", "did the host really sign this report of a scan", scan_verify},
    {"completion", "the script that completes commands in bash or zsh", completion_command},
};

}  // namespace

std::span<const Command> all_commands() { return table; }

}  // namespace bailiff
