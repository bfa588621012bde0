// SPDX-License-Identifier: Apache-2.0
// `bailiffctl report …`: hand reports in, look at them, give triaged ones their VM.
#include "controller/ctl/online_commands.hpp"
#include "controller/ctl/online_session.hpp"
#include "controller/ctl/table.hpp"

#include <bailiff/clean_text.hpp>

#include <fstream>
#include <iterator>

namespace bailiff {
namespace {

ExitCode show_outcome(Session& s, const std::optional<Json>& answer) {
    if (!answer) return s.code();
    if (s.printed(*answer)) return exit_ok;
    const std::string report = shown(*answer, "report"), id = shown(*answer, "case"), triage = shown(*answer, "triage");
    if (id.empty())
        s.out << report << " waits in triage: " << clean_line(triage) << "\nbailiffctl report resolve " << report << " --vm UUID gives it its VM.\n";
    else
        s.out << report << (answer->value("opened", false) ? " opened case " : " joined the open case ") << id << "\n";
    return exit_ok;
}

}  // namespace

ExitCode report_add(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl report add --type TYPE (--vm UUID | --address IP | --vm-name NAME) [OPTIONS]\n"
                "Hands in a report. It opens a case, joins the open case of that VM and policy, or waits in triage.\n");
    a.value("type", "TYPE", "XARF v4 category and type: content/malware")
        .value("vm", "UUID", "the VM by its id")
        .value("address", "IP", "the VM by one of its addresses")
        .value("vm-name", "NAME", "the VM by its name")
        .value("reporter", "WHO", "who reported it; default the token's account")
        .value("summary", "TEXT", "the evidence in words")
        .value("observed-at", "TIME", "when it was seen: 2026-03-02T09:00:00+05:30")
        .value("port", "N", "of the address, where ranges of ports belong to VMs")
        .value("raw-file", "FILE", "the report as it came, kept with it")
        .flag("ascertained", "you have seen it yourself: it needs no second source");
    return online(a, arguments, {}, out, err, [](Session& s) {
        if (!s.args.has("type")) return s.args.complain(s.err, "--type is missing; it says what kind of abuse it is, as in --type content/malware");
        Json body = Json::object();
        for (const auto& [option, field] : {std::pair{"type", "type"}, {"vm", "vm"}, {"address", "address"}, {"vm-name", "vm_name"},
                                            {"reporter", "reporter"}, {"summary", "summary"}, {"observed-at", "observed_at"}})
            if (s.args.has(option)) body[field] = s.args.text(option);
        if (s.args.has("port")) {
            const auto port = parse_json(s.args.text("port"));
            if (!port || !port->is_number_integer()) return s.args.complain(s.err, "--port is a number, as in --port 443");
            body["port"] = *port;
        }
        if (s.args.flagged("ascertained")) body["ascertained"] = true;
        if (s.args.has("raw-file")) {
            std::ifstream file(s.args.text("raw-file"), std::ios::binary);
            if (!file) return s.refuse("the file '" + s.args.text("raw-file") + "' cannot be read");
            body["raw"] = std::string(std::istreambuf_iterator<char>(file), {});
        }
        return show_outcome(s, s.ask("POST", "/api/v1/reports", body));
    });
}

ExitCode report_list(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl report list [OPTIONS]\nReports, newest first.\n");
    a.flag("triage", "only those that wait for a person").value("limit", "N", "at most so many, 0 = all; default 50");
    return online(a, arguments, {}, out, err, [](Session& s) {
        const auto items = s.list("/api/v1/reports", s.args.flagged("triage") ? "?triage=true" : "");
        if (!items) return s.code();
        if (s.printed(*items)) return exit_ok;
        Table table({"REPORT", "CASE", "TYPE", "RECEIVED", "REPORTER", "ABOUT"});
        for (const auto& r : *items)
            table.row({shown(r, "id"), shown(r, "case").empty() ? "triage" : shown(r, "case"), shown(r, "type"), shown_time(r, "received_at"),
                       shown(r, "reporter"), shown(r, "triage").empty() ? shown(r, "summary") : shown(r, "triage")});
        table.print(s.out);
        return exit_ok;
    });
}

ExitCode report_show(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl report show REPORT [OPTIONS]\nOne report with its body as it came.\n");
    return online(a, arguments, {"REPORT"}, out, err, [](Session& s) {
        const auto r = s.ask("GET", "/api/v1/reports/" + url_escaped(s.words[0]));
        if (!r) return s.code();
        if (s.printed(*r)) return exit_ok;
        Table table({"report", shown(*r, "id")});
        for (const char* field : {"case", "triage", "type", "reporter", "address", "vm_hint", "delivery", "observed_at", "received_at", "port", "wait",
                                  "settled", "reporter_id", "summary"})
            if (const auto text = shown(*r, field); !text.empty()) table.row({field, text});
        if (const auto who = shown(*r, "who", "reason"); !who.empty()) table.row({"who", shown(*r, "who", "confidence") + ": " + who});
        table.print(s.out);
        if (const auto raw = shown(*r, "raw"); !raw.empty()) s.out << "\n" << clean_block(raw, 1 << 20) << "\n";
        return exit_ok;
    });
}

ExitCode report_resolve(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl report resolve REPORT --vm UUID [OPTIONS]\nGives a report in triage its VM.\n");
    a.value("vm", "UUID", "the VM by its id");
    return online(a, arguments, {"REPORT"}, out, err, [](Session& s) {
        if (!s.args.has("vm")) return s.args.complain(s.err, "--vm is missing; bailiffctl vm list finds it");
        return show_outcome(s, s.ask("POST", "/api/v1/reports/" + url_escaped(s.words[0]) + "/resolve", {{"vm", s.args.text("vm")}}));
    });
}

ExitCode report_settle(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl report settle REPORT --as not_ours|duplicate|no_abuse --reason TEXT [OPTIONS]\n"
                "Takes a report out of triage that needs no case. It stays, with the reason; `report resolve` can still give it a VM.\n");
    a.value("as", "WHAT", "one of not_ours, duplicate, no_abuse").value("reason", "TEXT", "why; it is kept with the report");
    return online(a, arguments, {"REPORT"}, out, err, [](Session& s) {
        if (!s.args.has("as") || !s.args.has("reason"))
            return s.args.complain(s.err, "--as and --reason are needed: --as not_ours --reason \"the neighbour's address\"");
        const auto report = s.ask("POST", "/api/v1/reports/" + url_escaped(s.words[0]) + "/settle",
                                  {{"as", s.args.text("as")}, {"reason", s.args.text("reason")}});
        if (!report) return s.code();
        if (!s.printed(*report)) s.out << shown(*report, "id") << " is settled: " << clean_line(shown(*report, "settled")) << "\n";
        return exit_ok;
    });
}

}  // namespace bailiff
