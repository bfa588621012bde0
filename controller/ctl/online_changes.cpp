// SPDX-License-Identifier: Apache-2.0
// `bailiffctl changes` and `case watch`: the stream of changes, taken up again where it broke.
#include "controller/ctl/online_commands.hpp"
#include "controller/ctl/online_session.hpp"
#include "controller/ctl/sse_reader.hpp"

#include <bailiff/clean_text.hpp>

#include <chrono>
#include <thread>

namespace bailiff {
namespace {

/// Prints one event; false when the watcher has seen enough.
bool print_event(Session& s, const SseEvent& event, bool until_closed) {
    if (event.name == "reset") s.err << "Some changes were missed; look at the cases again.\n";
    if (event.name != "case") return true;
    const auto data = parse_json(event.data);
    if (!data) return true;
    bool closed = false;
    if (s.json()) s.out << dump_json(*data) << "\n";
    for (const auto& item : data->value("items", Json::array())) {
        closed = closed || shown(item, "fact") == "case_closed";
        if (!s.json())
            s.out << shown(item, "at") << "  " << shown(*data, "case") << "  " << clean_line(shown(item, "actor")) << "  "
                  << clean_line(shown(item, "text")) << "\n";
    }
    s.out.flush();
    return !(until_closed && closed);
}

ExitCode follow(Session& s, const std::string& query, bool until_closed) {
    int64_t left = -1;   // forever
    if (s.args.has("count")) left = std::atoll(s.args.text("count").c_str());
    if (left == 0) return s.args.complain(s.err, "--count must be a whole number from 1 on");
    std::string last;
    for (bool ever = false, done = false; !done;) {
        SseReader reader;
        const auto answer = s.client().stream("/api/v1/changes" + query, last.empty() ? RestHeaders{} : RestHeaders{{"Last-Event-ID", last}},
                                              [&](std::string_view piece) {
            ever = true;
            for (const auto& event : reader.take(piece)) {
                if (!event.id.empty()) last = event.id;
                if (!print_event(s, event, until_closed) || (event.name == "case" && left > 0 && --left == 0)) done = true;
                if (done) break;
            }
            return !done;
        });
        if (done) break;
        // A refusal is final, and so is a server that was never there; a broken stream is taken up again.
        if ((answer && answer->status != 200) || (!answer && !ever)) return s.complain(answer), s.code();
        std::this_thread::sleep_for(std::chrono::seconds(2));
    }
    return exit_ok;
}

}  // namespace

ExitCode changes_command(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl changes [OPTIONS]\nPrints changes of cases as they happen, until interrupted.\n");
    a.value("case", "CASE", "of this case only").value("count", "N", "end after so many");
    return online(a, arguments, {}, out, err, [](Session& s) { return follow(s, query_of(s.args, {"case"}), false); });
}

ExitCode case_watch(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl case watch CASE [OPTIONS]\nPrints what happens to a case, until it is closed.\n");
    a.value("count", "N", "end after so many changes");
    return online(a, arguments, {"CASE"}, out, err, [](Session& s) { return follow(s, "?case=" + url_escaped(s.words[0]), true); });
}

}  // namespace bailiff
