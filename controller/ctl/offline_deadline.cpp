// SPDX-License-Identifier: Apache-2.0
// `bailiffctl deadline`: when is it due, and why? Needs no controller.
#include "controller/ctl/offline_deadline.hpp"

#include "controller/config/calendar_file.hpp"
#include "controller/config/policy_file.hpp"
#include "controller/ctl/arguments.hpp"

namespace bailiff {

namespace {

// The order of the fields is the order of events, for people who read them.
using OrderedJson = nlohmann::ordered_json;

void print(const OrderedJson& answer, std::ostream& out) {
    out << answer.dump(2, ' ', false, OrderedJson::error_handler_t::replace) << "\n";
}

ExitCode refuse(const std::string& file, const std::vector<Mistake>& mistakes, std::ostream& err) {
    err << describe(std::vector<FileMistakes>{{file, mistakes}}) << "\n";
    return exit_refused;
}

ExitCode by_calendar(const Arguments& a, std::ostream& out, std::ostream& err) {
    for (const char* needed : {"calendar", "start", "add"})
        if (!a.has(needed)) return a.complain(err, std::string("--") + needed + " is missing");
    const auto start = parse_rfc3339(a.text("start"));
    if (!start) return a.complain(err, "--start: " + start.error().text);
    const auto span = parse_duration(a.text("add"));
    if (!span) return a.complain(err, "--add: " + span.error().text);
    std::vector<Mistake> mistakes;
    const auto calendar = read_calendar(a.text("calendar"), mistakes);
    if (!calendar) return refuse(a.text("calendar"), mistakes, err);
    const auto [due, why] = calendar->explain(*start, WorkingTime(*span));
    print({{"due", calendar->local_rfc3339(due)}, {"why", why}}, out);
    return exit_ok;
}

ExitCode by_policy(const Arguments& a, std::ostream& out, std::ostream& err) {
    if (!a.has("opened")) return a.complain(err, "--opened is missing: when did the ticket go out?");
    const auto opened = parse_rfc3339(a.text("opened"));
    if (!opened) return a.complain(err, "--opened: " + opened.error().text);
    std::optional<Instant> called;
    if (a.has("called")) {
        const auto parsed = parse_rfc3339(a.text("called"));
        if (!parsed) return a.complain(err, "--called: " + parsed.error().text);
        if (*parsed < *opened) return a.complain(err, "--called is before --opened; a call follows its ticket");
        called = *parsed;
    }
    std::vector<Mistake> mistakes;
    const auto text = read_text(a.text("policy"));
    if (!text) return refuse(a.text("policy"), {{"", text.error().text}}, err);
    // A copy under another name is welcome here: nothing is pinned to it.
    const auto policy = parse_policy(*text, mistakes);
    if (!policy) return refuse(a.text("policy"), mistakes, err);
    const std::filesystem::path beside =
        a.has("calendar") ? std::filesystem::path(a.text("calendar")) : calendar_beside(a.text("policy"), policy->calendar);
    const auto calendar = read_calendar(beside, mistakes);
    if (!calendar) return refuse(beside.string(), mistakes, err);

    const auto line = core::timeline(*policy, *calendar, *opened, called);
    OrderedJson answer;
    answer["clock_starts"] = calendar->local_rfc3339(line.clock_starts);
    const auto add = [&](const char* field, const std::optional<Instant>& at) {
        if (at) answer[field] = calendar->local_rfc3339(*at);
    };
    add("reply_due", line.reply_due);
    add("call_due", line.call_due);
    add("enforce_due", line.enforce_due);
    add("resolution_due", line.resolution_due);
    answer["why"] = line.why;
    print(answer, out);
    return exit_ok;
}

}  // namespace

ExitCode deadline_command(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl deadline --calendar FILE --start RFC3339 --add ISO8601 | --policy FILE --opened RFC3339 "
                "[--called RFC3339]\n"
                "Says when a span of working time will have passed, or when each step of a policy is due, and why.\n"
                "Prints JSON; times carry the calendar's offset, and what is not known yet is absent.\n");
    a.value("calendar", "FILE", "a calendar file; with --policy, used instead of the one beside the policy")
        .value("start", "RFC3339", "from when: 2026-03-02T05:00:00+05:30")
        .value("add", "ISO8601", "how much working time: PT4H, PT1M30S, PT0S")
        .value("policy", "FILE", "a policy file; its calendar is FILE's folder/calendars/<calendar>.json")
        .value("opened", "RFC3339", "when the ticket went to the customer")
        .value("called", "RFC3339", "when staff phoned; without it, what follows the call is not known")
        .flag("json", "accepted for symmetry; the answer is JSON anyway");
    if (const auto over = a.read(arguments, out, err)) return *over;
    if (a.has("policy")) {
        if (a.has("start") || a.has("add"))
            return a.complain(err, "--start and --add go with --calendar; with --policy write --opened and --called");
        return by_policy(a, out, err);
    }
    if (a.has("opened") || a.has("called"))
        return a.complain(err, "--opened and --called go with --policy FILE, which is missing");
    return by_calendar(a, out, err);
}

}  // namespace bailiff
