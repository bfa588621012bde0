// SPDX-License-Identifier: Apache-2.0
// `bailiffctl intake list` and `show`: what came through the doors.
#include "controller/ctl/online_commands.hpp"
#include "controller/ctl/online_session.hpp"
#include "controller/ctl/table.hpp"

#include <bailiff/clean_text.hpp>

namespace bailiff {

ExitCode intake_list(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl intake list [OPTIONS]\nMails and documents as they came, newest first, those that are no reports of abuse included.\n");
    a.value("state", "STATE", "only those that are filing, filed, triage or not_abuse").value("limit", "N", "at most so many, 0 = all; default 50");
    return online(a, arguments, {}, out, err, [](Session& s) {
        const auto items = s.list("/api/v1/deliveries", query_of(s.args, {"state"}));
        if (!items) return s.code();
        if (s.printed(*items)) return exit_ok;
        Table table({"DELIVERY", "STATE", "FORMAT", "EVENTS", "TIMES", "RECEIVED", "REPORTER", "SUBJECT"});
        for (const auto& d : *items)
            table.row({shown(d, "id"), shown(d, "state"), shown(d, "format"), shown(d, "events"), shown(d, "times"), shown_time(d, "received_at"),
                       shown(d, "reporter"), shown(d, "subject")});
        table.print(s.out);
        return exit_ok;
    });
}

ExitCode intake_show(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl intake show DELIVERY [OPTIONS]\nOne delivery with what was read out of it, or its bytes.\n");
    a.flag("raw", "its bytes as they came, and nothing else");
    return online(a, arguments, {"DELIVERY"}, out, err, [](Session& s) {
        const std::string path = "/api/v1/deliveries/" + url_escaped(s.words[0]);
        if (s.args.flagged("raw")) {
            const auto answer = s.client().ask("GET", path + "/raw");
            if (!answer || answer->status != 200) return s.complain(answer), s.code();
            s.out << answer->body;
            return exit_ok;
        }
        const auto d = s.ask("GET", path);
        if (!d) return s.code();
        if (s.printed(*d)) return exit_ok;
        Table facts({"delivery", shown(*d, "id")});
        for (const char* field : {"state", "triage", "format", "subject", "reporter", "sender", "recipient", "events", "times", "received_at", "last_at",
                                  "sha256"})
            if (const auto text = shown(*d, field); !text.empty()) facts.row({field, text});
        facts.print(s.out);
        for (const char* field : {"warnings", "addresses", "urls"})
            for (const auto& text : d->value(field, Json::array()))
                s.out << field << ": " << clean_line(text.is_string() ? text.get<std::string>() : "") << "\n";
        Table reports({"REPORT", "CASE", "TYPE", "ADDRESS", "ABOUT"});
        for (const auto& r : d->value("reports", Json::array()))
            reports.row({shown(r, "report"), shown(r, "case").empty() ? "triage" : shown(r, "case"), shown(r, "type"), shown(r, "address"),
                         shown(r, "triage")});
        s.out << "\n";
        reports.print(s.out);
        return exit_ok;
    });
}

}  // namespace bailiff
