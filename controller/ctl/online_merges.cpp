// SPDX-License-Identifier: Apache-2.0
// `bailiffctl case merge|split|undo`: two cases that are one, one that is two, and the way back.
#include "controller/ctl/online_cases.hpp"
#include "controller/ctl/online_commands.hpp"
#include "controller/ctl/online_session.hpp"
#include "controller/ctl/table.hpp"

namespace bailiff {
namespace {

ExitCode send(Session& s, const char* segment, Json body) {
    if (!s.args.has("reason")) return s.args.complain(s.err, "--reason is missing: why");
    body["reason"] = s.args.text("reason");
    RestHeaders headers;
    if (s.args.has("revision")) headers.emplace_back("If-Match", "\"" + s.args.text("revision") + "\"");
    const auto c = s.ask("POST", "/api/v1/cases/" + url_escaped(s.words[0]) + "/" + segment, body, headers);
    if (!c) return s.code();
    if (!s.printed(*c)) print_case(s.out, *c);
    return exit_ok;
}

Arguments& with_reason(Arguments& a) {
    return a.value("reason", "TEXT", "why").value("revision", "N", "refuse when the case is no longer at this revision");
}

}  // namespace

ExitCode case_merge(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl case merge CASE OTHER --reason TEXT [OPTIONS]\n"
                "Lets case OTHER go on in CASE, which keeps its own clock. OTHER is closed without a mail; `bailiffctl case undo` undoes it.\n");
    with_reason(a).flag("insist", "though they are about two VMs; takes the role approver");
    return online(a, arguments, {"CASE", "OTHER"}, out, err, [](Session& s) {
        return send(s, "merges", {{"case", s.words[1]}, {"insist", s.args.flagged("insist")}});
    });
}

ExitCode case_split(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl case split CASE REPORT... --reason TEXT [OPTIONS]\n"
                "Takes reports that do not belong to CASE out of it, into a new case (role approver) or into triage. It keeps at least one.\n");
    with_reason(a).value("to", "WORD", "case or triage; default case").value("vm", "UUID", "the VM of the new case; default the same");
    return online(a, arguments, {"CASE", "REPORT", "..."}, out, err, [](Session& s) {
        Json body{{"reports", Json(std::vector<std::string>(s.words.begin() + 1, s.words.end()))}};
        for (const char* field : {"to", "vm"})
            if (s.args.has(field)) body[field] = s.args.text(field);
        return send(s, "splits", std::move(body));
    });
}

ExitCode case_undo(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl case undo CASE OTHER --reason TEXT [OPTIONS]\n"
                "Undoes what let OTHER go on in CASE, or split it off CASE, while nothing has happened since that stands against it. Takes the role\n"
                "approver.\n");
    with_reason(a);
    return online(a, arguments, {"CASE", "OTHER"}, out, err, [](Session& s) { return send(s, "undo", {{"case", s.words[1]}}); });
}

}  // namespace bailiff
