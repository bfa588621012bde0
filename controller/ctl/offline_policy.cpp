// SPDX-License-Identifier: Apache-2.0
// `bailiffctl policy check`: what is wrong with policy files, calendars and rules of intake? Needs no controller.
#include "controller/ctl/offline_policy.hpp"

#include "controller/config/calendar_file.hpp"
#include "controller/config/policy_file.hpp"
#include "controller/config/remedy_file.hpp"
#include "controller/ctl/arguments.hpp"
#include "controller/intake/rule_files.hpp"

#include <algorithm>

namespace bailiff {

namespace {

/// Calendars can be named too: they stand in a folder "calendars", or say which time zone they are for.
bool is_calendar(const std::filesystem::path& path, const std::string& text) {
    if (path.parent_path().filename() == "calendars") return true;
    const auto document = parse_json(text);
    return document && document->is_object() && document->contains("timezone");
}

/// So can rules that read providers' mails: they stand in a folder "intake", or say which mails they match.
bool is_intake_rule(const std::filesystem::path& path, const std::string& text) {
    if (path.parent_path().filename() == "intake") return true;
    const auto document = parse_json(text);
    return document && document->is_object() && document->contains("match");
}

void check_calendar_beside(const std::filesystem::path& path, const core::Policy& policy, std::vector<FileMistakes>& all) {
    const auto beside = calendar_beside(path, policy.calendar);
    std::error_code error;
    if (!std::filesystem::exists(beside, error)) {
        all.back().mistakes.push_back({"/calendar", "there is no file '" + beside.string() + "'; write it or name another"});
        return;
    }
    const bool checked = std::any_of(all.begin(), all.end(), [&](const auto& f) { return f.file == beside.string(); });
    std::vector<Mistake> found;
    if (!checked && !read_calendar(beside, found)) all.push_back({beside.string(), std::move(found)});
}

void check_rules(const std::filesystem::path& folder, std::vector<FileMistakes>& all) {
    std::vector<RuleFileMistakes> rules;
    static_cast<void>(load_intake_rules(folder, rules));
    for (auto& [file, mistakes] : rules) all.push_back({std::move(file), std::move(mistakes)});
}

/// Appends one entry per file looked at, also for sound ones.
void check(const std::string& file, std::vector<FileMistakes>& all) {
    const std::filesystem::path path(file);
    std::error_code error;
    if (std::filesystem::is_directory(path, error)) {
        const auto name = path.filename().empty() ? path.parent_path().filename() : path.filename();
        if (name == "intake") return check_rules(path, all);
        std::vector<FileMistakes> found;
        const auto set = load_policies(path, found);
        for (const auto& [id, policy] : set.in_force) all.push_back({(path / (id.text() + ".json")).string(), {}});
        for (const auto& [id, calendar] : set.calendars)
            all.push_back({(path / "calendars" / (id + ".json")).string(), {}});
        for (const auto& remedy : set.remedies) all.push_back({(path / "remedies" / (remedy.id + ".json")).string(), {}});
        all.insert(all.end(), found.begin(), found.end());
        return check_rules(path / "intake", all);
    }
    all.push_back({file, {}});
    const auto text = read_text(path);
    if (!text) {
        all.back().mistakes.push_back({"", text.error().text});
    } else if (is_intake_rule(path, *text)) {
        static_cast<void>(read_intake_rule(path, all.back().mistakes));
    } else if (is_calendar(path, *text)) {
        // The mistakes say it all; the Result would only sum them up.
        static_cast<void>(read_calendar(path, all.back().mistakes));
    } else if (std::filesystem::absolute(path).parent_path().filename() == "remedies") {
        static_cast<void>(read_remedy(path, all.back().mistakes));
    } else if (const auto policy = read_policy(path, all.back().mistakes)) {
        check_calendar_beside(path, *policy, all);
    }
}

Json as_json(const std::vector<FileMistakes>& all, bool sound) {
    Json files = Json::array();
    for (const auto& [file, mistakes] : all) {
        Json list = Json::array();
        for (const auto& [pointer, text] : mistakes) list.push_back({{"pointer", pointer}, {"text", text}});
        files.push_back({{"file", file}, {"ok", mistakes.empty()}, {"mistakes", std::move(list)}});
    }
    return {{"ok", sound}, {"files", std::move(files)}};
}

}  // namespace

ExitCode policy_check_command(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
    Arguments a("Usage: bailiffctl policy check FILE... [--json]\n"
                "Checks policies, calendars, remedies and rules of intake, or a whole folder of them, and names every mistake with\n"
                "its place and remedy. Exit code 1 when there are any.\n");
    a.flag("json", "print {\"ok\", \"files\": [{\"file\", \"ok\", \"mistakes\": [{\"pointer\", \"text\"}]}]}")
        .words("file", "policy files, calendar files, rules of intake or folders");
    if (const auto over = a.read(arguments, out, err)) return *over;
    const auto files = a.list("file");
    if (files.empty()) return a.complain(err, "name at least one policy file");
    std::vector<FileMistakes> all;
    for (const auto& file : files) check(file, all);
    const bool sound = std::all_of(all.begin(), all.end(), [](const auto& f) { return f.mistakes.empty(); });
    if (a.flagged("json")) {
        out << dump_json(as_json(all, sound), 2) << "\n";
    } else {
        for (const auto& file : all)
            out << (file.mistakes.empty() ? file.file + ": OK" : describe(std::vector<FileMistakes>{file})) << "\n";
    }
    return sound ? exit_ok : exit_refused;
}

}  // namespace bailiff
