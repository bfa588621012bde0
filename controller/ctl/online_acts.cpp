// SPDX-License-Identifier: Apache-2.0
// `bailiffctl case call|reply|extend|…`: the acts of staff on a case, from one table.
#include "controller/ctl/online_cases.hpp"
#include "controller/ctl/online_commands.hpp"
#include "controller/ctl/online_session.hpp"
#include "controller/ctl/table.hpp"

#include <span>

namespace bailiff {
namespace {

/// One option of an act and the field of the body that it becomes.
struct Field {
    const char* option;
    const char* json;
    const char* placeholder;
    const char* text;
    bool required = false;
};

struct ActCommand {
    const char* usage;      ///< after "bailiffctl case …"
    const char* segment;    ///< of the path
    std::span<const Field> fields;
    bool of_many = false;   ///< of several cases at once: as many single acts, with one reason
};

constexpr Field call_fields[] = {{"outcome", "outcome", "WORD", "reached, no_answer, voicemail or wrong_number", true},
                                 {"contact", "contact", "NAME", "who was called; default whom the queue names"},
                                 {"number", "number", "NUMBER", "the number; default the contact's"},
                                 {"note", "note", "TEXT", "what was said"},
                                 {"call-back", "call_back", "TIME", "when the contact asked to be phoned again: 2026-03-02T15:00+05:30; it stops no clock"}};
constexpr Field reply_fields[] = {{"kind", "kind", "WORD", "acknowledged, fixed, fix_request or dispute", true},
                                  {"channel", "channel", "WORD", "mail, page, phone or staff; default staff"},
                                  {"steps", "steps", "TEXT", "the steps taken"},
                                  {"root-cause", "root_cause", "TEXT", "how it came to be"},
                                  {"prevention", "prevention", "TEXT", "what keeps it from coming back"},
                                  {"text", "text", "TEXT", "anything else that was said"}};
constexpr Field extend_fields[] = {{"by", "by", "DURATION", "how much longer: PT2H", true}, {"reason", "reason", "TEXT", "why", true}};
constexpr Field reason_field[] = {{"reason", "reason", "TEXT", "why", true}};
constexpr Field decide_fields[] = {{"decision", "decision", "WORD", "resume, enforce, accept, dismiss or treat", true},
                                   {"reason", "reason", "TEXT", "why", true}};
constexpr Field approve_fields[] = {{"stage", "stage", "WORD", "clean_decision or restore_decision; default the one that waits"},
                                    {"reason", "reason", "TEXT", "why"}};
constexpr Field note_fields[] = {{"text", "text", "TEXT", "the note", true}};

constexpr Field accept_fields[] = {{"reason", "reason", "TEXT", "why what was not scanned may stay so", true},
                                   {"scan", "scan", "JOB", "the scan that you looked at; default the one that waits"}};

constexpr Field appeal_fields[] = {{"text", "text", "TEXT", "what is wrong, in the customer's words", true},
                                   {"channel", "channel", "WORD", "how it came: mail, page, phone or staff; default staff"}};
constexpr Field appeal_decision_fields[] = {{"decision", "decision", "WORD", "upheld or rejected", true},
                                            {"reason", "reason", "TEXT", "why; the customer reads it", true}};
constexpr Field assign_fields[] = {{"to", "account", "NAME", "the account; left out: nobody"}};

/// Each case for itself: a refusal of one says nothing of the others. The exit code is that of the first that was refused.
ExitCode act_on_many(Session& s, const ActCommand& command, const Json& body) {
    if (s.args.has("revision")) return s.args.complain(s.err, "--revision is one case's; name one case with it");
    Table table({"CASE", "PHASE", "VM"});
    Json done = Json::array();
    ExitCode code = exit_ok;
    for (const auto& id : s.words) {
        const auto c = s.ask("POST", "/api/v1/cases/" + url_escaped(id) + "/" + command.segment, body);
        if (!c && code == exit_ok) code = s.code();
        table.row({id, c ? shown(*c, "phase") : "refused", c ? shown(*c, "vm", "name") : ""});
        done.push_back({{"id", id}, {"done", c.has_value()}, {"case", c ? *c : Json(nullptr)}});
    }
    if (!s.printed(done)) table.print(s.out);
    return code;
}

ExitCode act(const ActCommand& command, const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl case " + std::string(command.usage));
    for (const auto& field : command.fields) a.value(field.option, field.placeholder, field.text);
    a.value("revision", "N", "refuse when the case is no longer at this revision");
    const auto work = [&](Session& s) {
        Json body = Json::object();
        for (const auto& field : command.fields) {
            if (s.args.has(field.option)) body[field.json] = s.args.text(field.option);
            else if (field.required)
                return s.args.complain(s.err, "--" + std::string(field.option) + " is missing: " + field.text);
        }
        if (s.words.size() > 1) return act_on_many(s, command, body);
        RestHeaders headers;
        if (s.args.has("revision")) headers.emplace_back("If-Match", "\"" + s.args.text("revision") + "\"");
        const auto c = s.ask("POST", "/api/v1/cases/" + url_escaped(s.words[0]) + "/" + command.segment, body, headers);
        if (!c) return s.code();
        if (!s.printed(*c)) print_case(s.out, *c);
        return exit_ok;
    };
    return command.of_many ? online(a, arguments, {"CASE", "..."}, out, err, work) : online(a, arguments, {"CASE"}, out, err, work);
}

}  // namespace

ExitCode case_call(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    return act({"call CASE --outcome WORD [OPTIONS]\nLogs a phone attempt; the next step's time runs from it.\n", "calls", call_fields}, arguments, out, err);
}
ExitCode case_reply(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    return act({"reply CASE --kind WORD [OPTIONS]\nRecords the customer's answer.\n", "replies", reply_fields}, arguments, out, err);
}
ExitCode case_extend(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    return act({"extend CASE... --by DURATION --reason TEXT [OPTIONS]\nMoves the running deadline later.\n", "extensions", extend_fields, true}, arguments, out, err);
}
ExitCode case_hold(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    return act({"hold CASE... --reason TEXT [OPTIONS]\nStops every clock of the case.\n", "hold", reason_field, true}, arguments, out, err);
}
ExitCode case_resume(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    return act({"resume CASE... --reason TEXT [OPTIONS]\nLifts the hold.\n", "resume", reason_field, true}, arguments, out, err);
}
ExitCode case_decide(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    return act({"decide CASE... --decision WORD --reason TEXT [OPTIONS]\nDecides a case in review; enforce, dismiss and treat take the role approver.\n",
                "decisions", decide_fields, true}, arguments, out, err);
}
ExitCode case_approve(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    return act({"approve CASE [OPTIONS]\nLets a treatment that waits for a person go on.\n", "approvals", approve_fields}, arguments, out, err);
}
ExitCode case_accept_incomplete(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    return act({"accept-incomplete CASE --reason TEXT [OPTIONS]\n"
                "Accepts a scan that found nothing and did not look at everything (`bailiffctl case scan CASE` lists what).\n"
                "When a second person does too, the treatment goes on as if the scan were clean. Takes the role approver.\n",
                "acceptances", accept_fields}, arguments, out, err);
}
ExitCode case_appeal(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    return act({"appeal CASE --text TEXT [OPTIONS]\nLodges an appeal against a sanction or the end of a case. What was done stays done until it is decided.\n",
                "appeals", appeal_fields}, arguments, out, err);
}
ExitCode case_decide_appeal(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    return act({"decide-appeal CASE --decision WORD --reason TEXT [OPTIONS]\n"
                "Decides the appeal that waits: upheld gives back a VM that is held. It takes the role approver and a person who had no part in the\n"
                "case's decisions.\n", "appeal-decisions", appeal_decision_fields}, arguments, out, err);
}
ExitCode case_assign(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    return act({"assign CASE... [--to NAME] [OPTIONS]\nSays who looks after a case; `bailiffctl case list --assignee NAME` lists them.\n", "assignments", assign_fields, true},
               arguments, out, err);
}
ExitCode case_review(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    return act({"review CASE... --reason TEXT [OPTIONS]\nAsks for a person's review; all clocks stand until the decision.\n", "reviews", reason_field, true}, arguments, out, err);
}
ExitCode case_close(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    return act({"close CASE... --reason TEXT [OPTIONS]\nCloses a case.\n", "close", reason_field, true}, arguments, out, err);
}
ExitCode case_note(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    return act({"note CASE... --text TEXT [OPTIONS]\nAdds a note to the history.\n", "notes", note_fields, true}, arguments, out, err);
}

}  // namespace bailiff
