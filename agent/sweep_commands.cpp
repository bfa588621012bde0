// SPDX-License-Identifier: Apache-2.0
// See sweep_commands.hpp.
#include "agent/sweep_commands.hpp"

#include "agent/admin_requests.hpp"
#include "agent/core/sweep.hpp"
#include "agent/inspect.hpp"
#include "agent/journal/sqlite_journal.hpp"
#include "agent/terminal.hpp"

#include <algorithm>
#include <filesystem>

namespace bailiff::agent {
namespace {

SweepBook sweep_book_of(const Options& options) {
    SweepBook book;
    std::error_code error;
    if (!std::filesystem::exists(options.journal(), error)) return book;
    SqliteJournal journal(options.journal(), true);
    for (const auto& entry : journal.read_all()) book.apply(entry);
    return book;
}

Json sweep_json(const VmId& vm, const SweepRecord& record) {
    Json out{{"vm", vm.text()}, {"name", record.name}, {"swept", record.last.has_value()}, {"failures", record.failures}, {"trouble", record.trouble},
             {"tried_at", format_rfc3339(record.tried_at)}};
    if (record.last)
        out.update({{"at", format_rfc3339(record.last->at)}, {"verdict", name(record.last->verdict)}, {"files", record.last->files},
                    {"bytes", record.last->bytes}, {"skipped", record.last->skipped}, {"hits", record.last->hits}, {"live", record.last->live}});
    return out;
}

std::string sweep_words(const Json& one) {
    std::string out = one.value("vm", "") + "  " + one.value("name", "") + "  ";
    if (!one.value("swept", false)) out += "not swept yet";
    else {
        out += one.value("at", "") + "  " + one.value("verdict", "") + ", " + std::to_string(one.value("files", int64_t{0})) + " files";
        if (const auto hits = one.value("hits", int64_t{0})) out += ", " + std::to_string(hits) + " findings";
        if (const auto skipped = one.value("skipped", int64_t{0})) out += ", " + std::to_string(skipped) + " not scanned";
    }
    if (const auto trouble = one.value("trouble", ""); !trouble.empty())
        out += "  (the last try, at " + one.value("tried_at", "") + ", came to nothing: " + trouble + ")";
    return out;
}

/// The newest sweep first; what was never swept last.
std::vector<Json> sweeps_listed(const SweepBook& book) {
    std::vector<Json> out;
    for (const auto& [vm, record] : book.vms()) out.push_back(sweep_json(vm, record));
    std::stable_sort(out.begin(), out.end(), [](const Json& a, const Json& b) { return a.value("at", "") > b.value("at", ""); });
    return out;
}

int list_sweeps(const Command& command) {
    const auto all = sweeps_listed(sweep_book_of(command.options));
    if (command.json) return print(dump_json(Json(all), 2)), 0;
    for (const auto& one : all) print(sweep_words(one));
    if (all.empty()) print("no VM was swept yet");
    return 0;
}

int ask_for_sweeps(const Command& command) {
    const std::vector<std::string> vms(command.words.begin() + 1, command.words.end());
    if (auto asked = AdminFolder(command.options.state).ask_sweep(vms); !asked) return complain(asked.error().text);
    const bool running = agent_runs(command.options);
    if (command.json) return print(dump_json({{"asked", vms}, {"agent_runs", running}}, 2)), 0;
    print(running ? "asked; VMs that are locked, never to be touched or at work are left out. `bailiff-agent sweep list` shows what came of it."
                  : "no agent runs; it is done at its next start.");
    return 0;
}

}  // namespace

int sweep(const Command& command) {
    const std::string word = command.words.empty() ? "" : command.words[0];
    try {
        if (word == "list" && command.words.size() == 1) return list_sweeps(command);
        if (word == "now") return ask_for_sweeps(command);
    } catch (const std::exception& error) {
        return complain(error.what());
    }
    complain("say `bailiff-agent sweep list`, or `bailiff-agent sweep now [VM...]` with UUIDs or names.");
    return 2;
}

Json sweep_status(const Options& options) {
    const SweepBook book = sweep_book_of(options);
    Json out{{"on", options.sweep}, {"text", ""}, {"next", ""}, {"scanning", ""}, {"swept", 0}, {"found", 0}, {"failing", Json::array()},
             {"untold", book.untold().size()}, {"last", nullptr}};
    if (agent_runs(options)) {
        const auto told = AdminFolder(options.state).told_sweep();
        if (told) out.update({{"text", told->value("text", "")}, {"next", told->value("next", "")}});
        if (book.begun()) out["scanning"] = book.begun()->second.text();
    }
    int64_t swept = 0, found = 0;
    for (const auto& [vm, record] : book.vms()) {
        swept += record.last.has_value();
        found += record.last && record.last->hits > 0;
        if (record.failures >= sweep_attempts) out["failing"].push_back(sweep_json(vm, record));
    }
    out["swept"] = swept;
    out["found"] = found;
    VmId newest;
    if (book.newest(&newest)) out["last"] = sweep_json(newest, book.vms().at(newest));
    return out;
}

void print_sweep_lines(const Json& status) {
    const auto text = status.value("text", ""), scanning = status.value("scanning", "");
    if (!status.value("on", false) && status.at("last").is_null() && scanning.empty()) return;
    print("sweep: " + (scanning.empty() ? text : "scans " + scanning + ", since " + text));
    print("swept: " + std::to_string(status.value("swept", int64_t{0})) + " VMs, " + std::to_string(status.value("found", int64_t{0})) + " with findings, " +
          std::to_string(status.value("untold", int64_t{0})) + " findings not told to the controller yet");
    if (!status.at("last").is_null()) print("last swept: " + sweep_words(status.at("last")));
    for (const auto& one : status.at("failing")) print("not swept: " + sweep_words(one));
}

}  // namespace bailiff::agent
