// SPDX-License-Identifier: Apache-2.0
// `bailiffctl retention …`, `case erase` and `customer erase`.
#include "controller/ctl/online_cases.hpp"
#include "controller/ctl/online_commands.hpp"
#include "controller/ctl/online_session.hpp"
#include "controller/ctl/table.hpp"

namespace bailiff {

ExitCode retention_show(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl retention show [OPTIONS]\n"
                "How long what is kept is kept (the controller's options that begin with keep-), and how much is over its time.\n");
    return online(a, arguments, {}, out, err, [](Session& s) {
        const auto page = s.ask("GET", "/api/v1/retention");
        if (!page) return s.code();
        const Json items = page->value("items", Json::array());
        if (s.printed(items)) return exit_ok;
        Table table({"CLASS", "KEPT", "OVERDUE", "OLDEST"});
        for (const auto& item : items)
            table.row({shown(item, "class"), item.value("kept_days", Json()).is_null() ? "for ever" : shown(item, "kept_days") + " days", shown(item, "overdue"),
                       shown(item, "oldest")});
        table.print(s.out);
        return exit_ok;
    });
}

ExitCode retention_purge(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl retention purge [--dry-run] [OPTIONS]\n"
                "Lets go at once what is over its time; the controller does so by itself, a portion every hour. Takes the role admin.\n");
    a.flag("dry-run", "only say how much would go");
    return online(a, arguments, {}, out, err, [](Session& s) {
        const bool dry = s.args.flagged("dry-run");
        Json all{{"raw", 0}, {"files", 0}, {"cases", 0}, {"audit", 0}};
        for (bool more = true; more;) {
            const auto answer = s.ask("POST", "/api/v1/retention/purge", {{"dry_run", dry}});
            if (!answer) return s.code();
            const Json gone = answer->value("gone", Json::object());
            for (auto& [kept, count] : all.items()) count = count.get<int64_t>() + gone.value(kept, int64_t{0});
            more = answer->value("more", false);
            if (more && !s.json()) s.err << "so far: " << shown(all, "raw") << " bodies, " << shown(all, "files") << " files, " << shown(all, "cases") << " cases\n";
        }
        if (s.printed({{"dry_run", dry}, {"gone", all}})) return exit_ok;
        Table table({"CLASS", dry ? "WOULD GO" : "GONE"});
        for (const auto& [kept, count] : all.items()) table.row({kept, std::to_string(count.get<int64_t>())});
        table.print(s.out);
        return exit_ok;
    });
}

ExitCode case_erase(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl case erase CASE --reason TEXT [OPTIONS]\n"
                "Erases what a closed case says of people: for good. Its course and the audit chain stay. Takes the role admin.\n");
    a.value("reason", "TEXT", "why");
    return online(a, arguments, {"CASE"}, out, err, [](Session& s) {
        if (!s.args.has("reason")) return s.args.complain(s.err, "--reason is missing: why it is erased");
        const auto c = s.ask("POST", "/api/v1/cases/" + url_escaped(s.words[0]) + "/erasures", {{"reason", s.args.text("reason")}});
        if (!c) return s.code();
        if (!s.printed(*c)) print_case(s.out, *c);
        return exit_ok;
    });
}

ExitCode customer_erase(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl customer erase CUSTOMER --reason TEXT [OPTIONS]\n"
                "Erases a customer who has neither VMs nor open cases, and what closed cases say of him: for good. Takes the role admin.\n");
    a.value("reason", "TEXT", "why");
    return online(a, arguments, {"CUSTOMER"}, out, err, [](Session& s) {
        if (!s.args.has("reason")) return s.args.complain(s.err, "--reason is missing: why he is erased");
        const auto done = s.ask("POST", "/api/v1/customers/" + url_escaped(s.words[0]) + "/erasures", {{"reason", s.args.text("reason")}});
        if (!done) return s.code();
        if (!s.printed(*done)) s.out << "customer " << s.words[0] << " and " << shown(*done, "cases") << " cases erased\n";
        return exit_ok;
    });
}

}  // namespace bailiff
