// SPDX-License-Identifier: Apache-2.0
// `bailiffctl policy|clock|account|audit|webhook …` and `whoami`.
#include "controller/ctl/online_commands.hpp"
#include "controller/ctl/online_session.hpp"
#include "controller/ctl/table.hpp"

#include <fstream>

namespace bailiff {
namespace {

ExitCode show_account(Session& s, const std::optional<Json>& answer) {
    if (!answer) return s.code();
    if (s.printed(*answer)) return exit_ok;
    Table table({"account", shown(*answer, "name")});
    table.row({"role", shown(*answer, "role")});
    if (answer->value("disabled", false)) table.row({"disabled", "yes"});
    // The only time it can be seen: the controller keeps its hash.
    if (const auto token = shown(*answer, "token"); !token.empty()) table.row({"token", token});
    table.print(s.out);
    return exit_ok;
}

ExitCode show_clock_answer(Session& s, const std::optional<Json>& answer) {
    if (!answer) return s.code();
    if (s.printed(*answer)) return exit_ok;
    Table table({"now", shown(*answer, "now")});
    table.row({"ahead by", shown(*answer, "offset_seconds") + " s"});
    if (const auto due = shown(*answer, "next_deadline"); !due.empty()) table.row({"next deadline", due});
    if (const auto taken = shown(*answer, "deadlines_taken"); !taken.empty()) table.row({"deadlines taken", taken});
    table.print(s.out);
    return exit_ok;
}

}  // namespace

ExitCode policy_list(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl policy list [OPTIONS]\nThe policies in force.\n");
    return online(a, arguments, {}, out, err, [](Session& s) {
        const auto page = s.ask("GET", "/api/v1/policies");
        if (!page) return s.code();
        const Json items = page->value("items", Json::array());
        if (s.printed(items)) return exit_ok;
        Table table({"POLICY", "REVISION", "TITLE", "CALENDAR", "HOURS", "TYPES"});
        for (const auto& p : items)
            table.row({shown(p, "id"), shown(p, "revision"), shown(p, "title"), shown(p, "calendar"), shown(p, "hours"), shown(p, "types")});
        table.print(s.out);
        return exit_ok;
    });
}

ExitCode policy_show(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl policy show POLICY [OPTIONS]\nOne policy as JSON.\n");
    a.value("revision", "N", "an older revision");
    return online(a, arguments, {"POLICY"}, out, err, [](Session& s) {
        const auto policy = s.ask("GET", "/api/v1/policies/" + url_escaped(s.words[0]) + query_of(s.args, {"revision"}));
        if (!policy) return s.code();
        s.out << dump_json(*policy, 2) << "\n";
        return exit_ok;
    });
}

ExitCode clock_show(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl clock show [OPTIONS]\nThe laboratory's clock; only with a controller started with --lab-clock.\n");
    return online(a, arguments, {}, out, err, [](Session& s) { return show_clock_answer(s, s.ask("GET", "/api/v1/clock")); });
}

ExitCode clock_advance(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl clock advance (--by DURATION | --to TIME | --to-next-deadline) [OPTIONS]\n"
                "Advances the laboratory's clock and takes the deadlines that became due.\n");
    a.value("by", "DURATION", "PT1H").value("to", "TIME", "2026-03-02T13:00:00+05:30").flag("to-next-deadline", "to the next deadline of any case");
    return online(a, arguments, {}, out, err, [](Session& s) {
        Json body = Json::object();
        if (s.args.has("by")) body["advance"] = s.args.text("by");
        if (s.args.has("to")) body["to"] = s.args.text("to");
        if (s.args.flagged("to-next-deadline")) body["to_next_deadline"] = true;
        if (body.size() != 1) return s.args.complain(s.err, "give exactly one of --by, --to and --to-next-deadline");
        return show_clock_answer(s, s.ask("POST", "/api/v1/clock", body));
    });
}

ExitCode account_add(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl account add NAME --role ROLE [OPTIONS]\nMakes an account. Its token is shown this once.\n");
    a.value("role", "ROLE", "analyst, approver or admin");
    return online(a, arguments, {"NAME"}, out, err, [](Session& s) {
        if (!s.args.has("role")) return s.args.complain(s.err, "--role is missing: analyst, approver or admin");
        return show_account(s, s.ask("POST", "/api/v1/accounts", {{"name", s.words[0]}, {"role", s.args.text("role")}}));
    });
}

ExitCode account_list(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl account list [OPTIONS]\nAccounts with their roles.\n");
    return online(a, arguments, {}, out, err, [](Session& s) {
        const auto page = s.ask("GET", "/api/v1/accounts");
        if (!page) return s.code();
        const Json items = page->value("items", Json::array());
        if (s.printed(items)) return exit_ok;
        Table table({"ACCOUNT", "ROLE", "DISABLED"});
        for (const auto& account : items) table.row({shown(account, "name"), shown(account, "role"), shown(account, "disabled")});
        table.print(s.out);
        return exit_ok;
    });
}

ExitCode webhook_list(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl webhook list [OPTIONS]\n"
                "Who else is told of cases (the controller's option webhooks), how many items of the audit log each is behind, and what it\n"
                "answered last.\n");
    return online(a, arguments, {}, out, err, [](Session& s) {
        const auto page = s.ask("GET", "/api/v1/webhooks");
        if (!page) return s.code();
        const Json items = page->value("items", Json::array());
        if (s.printed(items)) return exit_ok;
        Table table({"WEBHOOK", "SERVER", "FORMAT", "BEHIND", "FAILURES", "NEXT TRY", "LAST ANSWER"});
        for (const auto& hook : items)
            table.row({shown(hook, "id"), shown(hook, "server"), shown(hook, "format"), shown(hook, "items_behind"), shown(hook, "failures"),
                       shown(hook, "next_try"), shown(hook, "last_answer")});
        table.print(s.out);
        return exit_ok;
    });
}

ExitCode account_disable(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl account disable NAME [OPTIONS]\nDisables an account; its token stops working at once.\n");
    return online(a, arguments, {"NAME"}, out, err,
                  [](Session& s) { return show_account(s, s.ask("POST", "/api/v1/accounts/" + url_escaped(s.words[0]) + "/disable")); });
}

ExitCode who_am_i_command(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl whoami [OPTIONS]\nThe account of the token in use.\n");
    return online(a, arguments, {}, out, err, [](Session& s) { return show_account(s, s.ask("GET", "/api/v1/me")); });
}

ExitCode audit_export(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl audit export [OPTIONS]\nThe whole audit chain as JSON lines, checkpoints last; bailiffctl audit verify checks it.\n");
    a.value("output", "FILE", "write there instead of printing");
    return online(a, arguments, {}, out, err, [](Session& s) {
        std::ofstream file;
        if (s.args.has("output")) {
            file.open(s.args.text("output"), std::ios::binary | std::ios::trunc);
            if (!file) return s.refuse("the file '" + s.args.text("output") + "' cannot be written");
        }
        std::ostream& to = s.args.has("output") ? file : s.out;
        std::string path = "/api/v1/audit/export";
        while (!path.empty()) {
            const auto answer = s.client().ask("GET", path);
            if (!answer || answer->status != 200) return s.complain(answer), s.code();
            to << answer->body;
            // </api/v1/audit/export?after=1000&limit=1000>; rel="next"
            const auto link = answer->headers.find("link");
            const size_t end = link == answer->headers.end() ? std::string::npos : link->second.find('>');
            path = end == std::string::npos || !link->second.starts_with("</api/") ? std::string() : link->second.substr(1, end - 1);
        }
        if (!to.flush()) return s.refuse("the export could not be written whole; is the disk full?");
        return exit_ok;
    });
}

}  // namespace bailiff
