// SPDX-License-Identifier: Apache-2.0
// `bailiffctl case list|show|history` and `bailiffctl calls`.
#include "controller/ctl/online_cases.hpp"

#include "controller/ctl/online_commands.hpp"
#include "controller/ctl/online_session.hpp"
#include "controller/ctl/table.hpp"

#include <bailiff/clean_text.hpp>

namespace bailiff {
namespace {

const Json& part(const Json& object, const char* field) {
    static const Json nothing = Json::array();
    return object.contains(field) ? object[field] : nothing;
}

std::string standing(const Json& c) {
    std::string out = shown(c, "phase");
    if (const auto stage = shown(c, "stage"); !stage.empty() && stage != "none") out += "/" + stage;
    if (c.value("held", false)) out += " (on hold)";
    if (const auto by = shown(c, "muted_by"); !by.empty()) out += " (stands while " + by + " is open)";
    if (const auto into = shown(c, "merged_into"); !into.empty()) out += " (goes on in " + into + ")";
    return out;
}

std::string next_of(const Json& c) {
    if (!c.contains("deadline") || !c["deadline"].is_object()) return {};
    return shown(c, "deadline", "what") + " " + shown_time(c["deadline"], "at");
}

void print_table(std::ostream& out, const char* title, const Table& table) {
    if (table.empty()) return;
    out << "\n" << title << "\n";
    table.print(out);
}

}  // namespace

void print_case(std::ostream& out, const Json& c) {
    Table head({"case", shown(c, "id") + "  " + standing(c)});
    const auto line = [&](const char* name, const std::string& text) { if (!text.empty()) head.row({name, text}); };
    line("policy", shown(c, "policy", "id") + "/" + shown(c, "policy", "revision") + "  " + shown(c, "policy", "title"));
    line("vm", shown(c, "vm", "name") + "  " + shown(c, "vm", "address") + "  " + shown(c, "vm", "id") + "  on " + shown(c, "vm", "host"));
    if (const auto who = shown(c, "who", "reason"); !who.empty()) line("who", shown(c, "who", "confidence") + ": " + who);
    line("customer", shown(c, "customer", "name") + " (" + shown(c, "customer", "id") + ")");
    if (c.contains("customer") && c["customer"].contains("contact")) {
        const Json& contact = c["customer"]["contact"];
        line("contact", shown(contact, "name") + "  " + shown(contact, "email") + "  " + shown(contact, "phone"));
    }
    line("looked after", shown(c, "assignee"));
    line("severity", shown(c, "severity"));
    line("opened", shown_time(c, "opened_at") + (shown(c, "predecessor").empty() ? "" : ", again after " + shown(c, "predecessor")) +
                       (shown(c, "split_from").empty() ? "" : ", split off " + shown(c, "split_from")));
    line("closed", shown_time(c, "closed_at"));
    line("outcome", shown(c, "outcome"));
    line("on hold", c.value("held", false) ? shown(c, "hold_reason") : "");
    line("in review", shown(c, "phase") == "review" ? shown(c, "review_reason") : "");
    line("next", next_of(c));
    if (c.contains("deadline") && c["deadline"].is_object())
        for (const auto& why : part(c["deadline"], "why")) line("", why.is_string() ? why.get<std::string>() : "");
    if (c.contains("dues") && c["dues"].contains("call"))
        line("call due", "since " + shown_time(c["dues"]["call"], "since") + ", " + shown(c["dues"]["call"], "attempts") + " attempts so far");
    if (c.contains("dues") && c["dues"].contains("call_back")) {
        const Json& back = c["dues"]["call_back"];
        line("call back", shown_time(back, "at") + "  " + shown(back, "contact") + "  " + shown(back, "number") + (shown(back, "note").empty() ? "" : ": " + shown(back, "note")));
        line("", shown(back, "warning"));
    }
    if (c.contains("writes_to") && c["writes_to"].is_object()) line("mails go to", shown(c["writes_to"], "name") + "  " + shown(c["writes_to"], "email"));
    for (const auto& failure : part(c, "mail_failures"))
        line("mail failed", shown(failure, "key") + " to " + shown(failure, "to") + (failure.value("final", true) ? "" : " is late"));
    line("vm must be", shown(c, "desired") + (c.value("demand_met", true) ? "" : " (not yet)"));
    std::string missing;
    for (const auto& need : part(c, "missing")) missing += (missing.empty() ? "" : ", ") + (need.is_string() ? need.get<std::string>() : "");
    line("missing", missing);
    line("tokens", shown(c, "tokens") == "0" ? "" : shown(c, "tokens"));
    line("evidence", shown(c, "evidence"));
    line("scan says", shown(c, "verdict"));
    line("suspicions", shown(c, "suspicious") == "0" ? "" : shown(c, "suspicious"));
    for (const auto& one : part(c, "acceptances"))
        line("accepted", shown(one, "actor") + " " + shown_time(one, "at") + ": " + shown(one, "reason"));
    if (!shown(c, "incomplete_scan").empty())
        line("", part(c, "acceptances").empty() ? "two people may accept it: bailiffctl case accept-incomplete " + shown(c, "id") + " --reason TEXT"
                                                : "waiting for a second person: bailiffctl case accept-incomplete " + shown(c, "id") + " --reason TEXT");
    head.print(out);

    Table reports({"REPORT", "TYPE", "OBSERVED", "REPORTER", "SUMMARY"});
    for (const auto& r : part(c, "reports"))
        reports.row({shown(r, "id"), shown(r, "type"), shown_time(r, "observed_at"), shown(r, "reporter"), shown(r, "summary")});
    print_table(out, "Reports", reports);
    if (c.contains("sources") && !c["sources"].value("suffice", true))
        out << "\nToo few sources for a sanction by silence: the policy asks for " << shown(c["sources"], "asked_for") << ".\n";
    Table calls({"CALLED", "BY", "OUTCOME", "CONTACT", "NOTE"});
    for (const auto& l : part(c, "calls"))
        calls.row({shown_time(l, "at"), shown(l, "actor"), shown(l, "outcome"), shown(l, "contact") + " " + shown(l, "number"), shown(l, "note")});
    print_table(out, "Calls", calls);
    Table replies({"KIND", "CHANNEL", "STEPS", "ROOT CAUSE", "TEXT"});
    for (const auto& r : part(c, "replies"))
        replies.row({shown(r, "kind"), shown(r, "channel"), shown(r, "steps"), shown(r, "root_cause"), shown(r, "text")});
    print_table(out, "Replies", replies);
    Table appeals({"APPEAL", "BY", "STATE", "DECIDED BY", "REASON", "TEXT"});
    for (const auto& one : part(c, "appeals"))
        appeals.row({shown_time(one, "at"), shown(one, "actor"), shown(one, "state"), shown(one, "decided_by"), shown(one, "reason"), shown(one, "text")});
    print_table(out, "Appeals", appeals);
    Table merged({"CASE", "WHAT", "AT", "BY", "TEXT"});
    for (const auto& other : part(c, "merged")) {
        for (const auto& l : part(other, "calls")) merged.row({shown(other, "case"), "call " + shown(l, "outcome"), shown_time(l, "at"), shown(l, "actor"), shown(l, "note")});
        for (const auto& r : part(other, "replies")) merged.row({shown(other, "case"), "reply " + shown(r, "kind"), "", "", shown(r, "text")});
    }
    print_table(out, "Said in cases that go on here", merged);
    Table links({"CASE", "STANDS", "POLICY", "VM", "OPENED", "HOW"});
    for (const auto& link : part(c, "links")) {
        std::string how;
        for (const auto& word : part(link, "how")) how += (how.empty() ? "" : ", ") + (word.is_string() ? word.get<std::string>() : "");
        links.row({shown(link, "case"), shown(link, "phase"), shown(link, "policy"), shown(link, "vm_name"), shown_time(link, "opened_at"), how});
    }
    print_table(out, "Other cases", links);
    Table notices({"NOTICE", "TO", "STATE", "ATTEMPTS", "SERVER SAID"});
    for (const auto& n : part(c, "notices"))
        notices.row({shown(n, "key"), shown(n, "audience"), shown(n, "state"), shown(n, "attempts"), shown(n, "last_reply")});
    print_table(out, "Notices", notices);
    Table orders({"ORDER", "DESIRED", "DISPATCH", "ANSWER", "TEXT"});
    for (const auto& o : part(c, "orders"))
        orders.row({shown(o, "order_id").substr(0, 8), shown(o, "desired"), shown(o, "dispatch"), shown(o, "answer", "status"), shown(o, "answer", "text")});
    print_table(out, "Orders", orders);
    Table jobs({"JOB", "KIND", "DISPATCH", "ANSWER", "TEXT"});
    for (const auto& j : part(c, "jobs"))
        jobs.row({shown(j, "job_id").substr(0, 8), shown(j, "key"), shown(j, "dispatch"), shown(j, "answer", "status"), shown(j, "answer", "text")});
    print_table(out, "Jobs", jobs);
    Table hits({"FOUND", "SIGNATURE", "ENGINE"});
    for (const auto& h : part(c, "hits")) hits.row({shown(h, "path"), shown(h, "signature"), shown(h, "engine")});
    print_table(out, "Hits of the last scan", hits);
    Table suspicions({"SUSPICIOUS", "RULE", "REASON"});
    for (const auto& one : part(c, "suspicions")) suspicions.row({shown(one, "path"), shown(one, "rule"), shown(one, "reason")});
    print_table(out, "Suspicions of the last scan", suspicions);
}

ExitCode case_list(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl case list [OPTIONS]\nCases, newest first.\n");
    a.flag("open", "leave out closed ones")
        .value("phase", "PHASE", "open, answered, review, sanctioned, treatment, restoring or closed")
        .value("vm", "UUID", "of this VM")
        .value("customer", "ID", "of this customer")
        .value("assignee", "NAME", "that this account looks after")
        .value("limit", "N", "at most so many, 0 = all; default 50");
    return online(a, arguments, {}, out, err, [](Session& s) {
        std::string query = query_of(s.args, {"phase", "vm", "customer", "assignee"});
        if (s.args.flagged("open")) query += query.empty() ? "?open=true" : "&open=true";
        const auto items = s.list("/api/v1/cases", query);
        if (!items) return s.code();
        if (s.printed(*items)) return exit_ok;
        Table table({"CASE", "STANDS", "SEVERITY", "POLICY", "VM", "CUSTOMER", "OPENED", "NEXT", "ASSIGNEE"});
        for (const auto& c : *items)
            table.row({shown(c, "id"), standing(c), shown(c, "severity"), shown(c, "policy", "id"), shown(c, "vm", "name"), shown(c, "customer", "name"),
                       shown_time(c, "opened_at"), next_of(c), shown(c, "assignee")});
        table.print(s.out);
        return exit_ok;
    });
}

ExitCode case_show(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl case show CASE [OPTIONS]\nOne case: where it stands and why, what is owed, what was said and done.\n");
    return online(a, arguments, {"CASE"}, out, err, [](Session& s) {
        const auto c = s.ask("GET", "/api/v1/cases/" + url_escaped(s.words[0]));
        if (!c) return s.code();
        if (!s.printed(*c)) print_case(s.out, *c);
        return exit_ok;
    });
}

ExitCode case_history_list(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl case history CASE [OPTIONS]\nWhat happened to a case, oldest first.\n");
    a.value("limit", "N", "at most so many; default all");
    return online(a, arguments, {"CASE"}, out, err, [](Session& s) {
        const auto items = s.list("/api/v1/cases/" + url_escaped(s.words[0]) + "/history", "", 0);
        if (!items) return s.code();
        if (s.printed(*items)) return exit_ok;
        Table table({"REV", "AT", "BY", "WHAT"});
        for (const auto& i : *items) table.row({shown(i, "revision"), shown_time(i, "at"), shown(i, "actor"), shown(i, "text")});
        table.print(s.out);
        return exit_ok;
    });
}

ExitCode calls_list(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl calls [OPTIONS]\nWhom to phone now, with the number, the time there and what to say.\n");
    a.flag("later", "calls that were promised for later too").value("limit", "N", "at most so many, 0 = all; default 50");
    return online(a, arguments, {}, out, err, [](Session& s) {
        const auto items = s.list("/api/v1/calls", s.args.flagged("later") ? "?later=true" : "");
        if (!items) return s.code();
        if (s.printed(*items)) return exit_ok;
        if (items->empty()) s.out << "Nobody is to be phoned now.\n";
        for (const auto& c : *items) {
            s.out << shown(c, "case") << "  " << clean_line(shown(c, "contact")) << "  " << clean_line(shown(c, "number")) << "  (" << clean_line(shown(c, "customer"))
                  << ", " << shown(c, "role") << ", " << clean_line(shown(c, "vm")) << ")\n  " << (c.value("call_back", false) ? "promised for " : "due since ") << shown_time(c, "since") << "; it is " << shown(c, "local_time")
                  << " there; " << shown(c, "attempts") << " attempts so far\n";
            if (const auto warning = shown(c, "warning"); !warning.empty()) s.out << "  ! " << clean_line(warning) << "\n";
            for (const auto& found : part(c, "found")) s.out << "  found: " << clean_line(found.is_string() ? found.get<std::string>() : "") << "\n";
            for (const auto& sentence : part(c, "script")) s.out << "  - " << clean_line(sentence.is_string() ? sentence.get<std::string>() : "") << "\n";
            s.out << "  bailiffctl case call " << shown(c, "case") << " --outcome no_answer|reached|voicemail|wrong_number\n";
        }
        return exit_ok;
    });
}

}  // namespace bailiff
