// SPDX-License-Identifier: Apache-2.0
// `bailiffctl reporter …`: who reports, and how often they were right.
#include "controller/ctl/online_commands.hpp"
#include "controller/ctl/online_session.hpp"
#include "controller/ctl/table.hpp"

namespace bailiff {
namespace {

ExitCode show_reporter_of(Session& s, const std::optional<Json>& reporter) {
    if (!reporter) return s.code();
    if (s.printed(*reporter)) return exit_ok;
    Table table({"reporter", shown(*reporter, "id")});
    for (const char* field : {"proven", "standing", "reason", "by", "throttled", "days", "reports", "opened", "duplicates", "right", "wrong", "not_ours",
                              "unparseable", "first_at", "last_at"})
        if (const auto text = shown(*reporter, field); !text.empty()) table.row({field, text});
    table.print(s.out);
    return exit_ok;
}

}  // namespace

ExitCode reporter_list(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl reporter list [OPTIONS]\nWho reports, and what came of it within 90 days.\n");
    a.value("limit", "N", "at most so many, 0 = all; default 50");
    return online(a, arguments, {}, out, err, [](Session& s) {
        const auto items = s.list("/api/v1/reporters", "");
        if (!items) return s.code();
        if (s.printed(*items)) return exit_ok;
        Table table({"REPORTER", "REPORTS", "OPENED", "DUPLICATES", "RIGHT", "WRONG", "NOT OURS", "UNPARSEABLE", "STANDING", "THROTTLED"});
        for (const auto& r : *items)
            table.row({shown(r, "id"), shown(r, "reports"), shown(r, "opened"), shown(r, "duplicates"), shown(r, "right"), shown(r, "wrong"),
                       shown(r, "not_ours"), shown(r, "unparseable"), shown(r, "standing"), shown(r, "throttled")});
        table.print(s.out);
        return exit_ok;
    });
}

ExitCode reporter_show(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl reporter show REPORTER [OPTIONS]\nOne reporter: example.net, unproven:example.net or account:NAME.\n");
    return online(a, arguments, {"REPORTER"}, out, err,
                  [](Session& s) { return show_reporter_of(s, s.ask("GET", "/api/v1/reporters/" + url_escaped(s.words[0]))); });
}

ExitCode reporter_set(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl reporter set REPORTER STANDING --reason TEXT [OPTIONS]\n"
                "STANDING is exempt (never throttled), throttled (its reports open no case) or counted (what they came to decides).\n");
    a.value("reason", "TEXT", "why; it is kept");
    return online(a, arguments, {"REPORTER", "STANDING"}, out, err, [](Session& s) {
        if (!s.args.has("reason")) return s.args.complain(s.err, "--reason is missing; whoever looks at the reporter next wants to know it");
        return show_reporter_of(s, s.ask("PUT", "/api/v1/reporters/" + url_escaped(s.words[0]), {{"standing", s.words[1]}, {"reason", s.args.text("reason")}}));
    });
}

}  // namespace bailiff
