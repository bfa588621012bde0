// SPDX-License-Identifier: Apache-2.0
// See inspect.hpp.
#include "agent/inspect.hpp"

#include "agent/admin_requests.hpp"
#include "agent/core/ledger.hpp"
#include "agent/core/records.hpp"
#include "agent/files/durable_file.hpp"
#include "agent/journal/sqlite_journal.hpp"
#include "agent/sweep_commands.hpp"
#include "agent/terminal.hpp"

#include <bailiff/system_clock.hpp>

#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <unistd.h>

namespace bailiff::agent {
namespace {

bool has_journal(const Options& options) {
    std::error_code error;
    return std::filesystem::exists(options.journal(), error);
}

Ledger read_ledger(const Options& options) {
    Ledger ledger;
    if (!has_journal(options)) return ledger;
    SqliteJournal journal(options.journal(), true);
    for (const auto& entry : journal.read_all()) ledger.apply(entry);
    return ledger;
}

Json held_networks_of(const Ledger& ledger) {
    Json out{{"isolated", Json::array()}, {"limited", Json::object()}};
    for (const auto& vm : ledger.isolated()) out["isolated"].push_back(vm.text());
    for (const auto& [vm, limit] : ledger.limited()) out["limited"][vm.text()] = to_json(limit);
    return out;
}

Json open_operations(const Ledger& ledger) {
    Json out = Json::array();
    for (const auto& id : ledger.open()) {
        const auto& one = *ledger.find(id);
        std::string last = "accepted";
        if (!one.entries.empty()) last = one.entries.back().kind + " " + one.entries.back().body.value("act", "");
        out.push_back({{"id", id}, {"what", std::string(one.is_job ? name(one.kind) : name(one.desired))}, {"vm", one.vm.text()},
                       {"case", one.case_id.text()}, {"last", last}});
    }
    return out;
}

Json forced_releases(const Ledger& ledger) {
    Json out = Json::array();
    for (const auto& forced : ledger.forced_releases())
        out.push_back({{"vm", forced.request.value("vm", "")}, {"name", forced.request.value("name", "")}, {"at", format_rfc3339(forced.at)},
                       {"by", forced.request.value("by", "")}, {"reason", forced.request.value("reason", "")},
                       {"finished", !forced.outcome.is_null()}, {"controller_told", forced.told}});
    return out;
}

/// Whether new harmful orders are refused: by the command or by agent.conf, as they say now.
Json draining(const Options& options) {
    const auto note = AdminFolder(options.state).drained();
    Json out{{"on", options.draining || !note || note->has_value()}, {"by", ""}, {"since", ""}, {"reason", ""}};
    if (!note) out["reason"] = note.error().text;
    else if (*note) out.update({{"by", (*note)->by}, {"since", format_rfc3339((*note)->since)}, {"reason", (*note)->reason}});
    else if (options.draining) out["reason"] = "agent.conf says draining";
    return out;
}

int64_t budget_spent(const Options& options, const Ledger& ledger) {
    const SystemClock machine;
    HostFacts facts;
    facts.now = options.lab_clock.empty() ? machine.now() : LabClock(options.lab_clock).now();
    facts.boot_id = read_file("/proc/sys/kernel/random/boot_id", 100).value_or("").substr(0, 36);
    facts.uptime = machine.monotonic();
    ledger.describe(facts);
    int64_t spent = 0;
    for (const auto& [vm, at] : facts.harmed) spent += at > facts.now - Seconds(3600);
    return spent;
}

Json status_of(const Options& options) {
    const Ledger ledger = read_ledger(options);
    HostFacts facts;
    ledger.describe(facts);
    Json out{{"agent", agent_runs(options) ? "running" : "not running"}, {"host", options.host}, {"epoch", facts.epoch}, {"seq", facts.seq},
             {"operations", ledger.operations().size()}, {"open", open_operations(ledger)}, {"unacknowledged", ledger.unacknowledged().size()},
             {"locks", lock_files(options)}, {"draining", draining(options)}, {"dry_run", options.dry_run},
             {"budget", {{"per_hour", options.budget_per_hour}, {"spent", budget_spent(options, ledger)}}},
             {"forced_releases", forced_releases(ledger)}};
    out.update(held_networks_of(ledger));
    out["drained"] = out["draining"]["on"].get<bool>() && out["open"].empty();
    out["sweep"] = sweep_status(options);
    const auto list = read_never_touch(options.never_touch);
    out["never_touch"] = list ? Json(*list) : Json::array();
    out["never_touch_mistake"] = list ? "" : list.error().text;
    return out;
}

void print_lock_lines(const Json& locks, const Json& networks) {
    const Json &isolated = networks.at("isolated"), &limited = networks.at("limited");
    for (const auto& one : locks) {
        if (one.contains("mistake")) print(one.value("vm", "") + "  cannot be read: " + one.value("mistake", ""));
        else print(one.value("vm", "") + "  " + one.value("name", "") + "  case " + one.value("case", "") + "  since " + one.value("since", "") +
                   (one.value("guard", false) ? "  guard: the VM lives on another host" : ""));
    }
    for (const auto& vm : isolated) print(vm.get<std::string>() + "  isolated: its links are cut");
    for (const auto& [vm, limit] : limited.items()) {
        const auto ports = limit.value("closed_ports", "");
        const auto rate = limit.value("rate_kbit", int64_t{0});
        print(vm + "  limited:" + (ports.empty() ? "" : " outgoing ports " + ports + " closed") +
              (rate > 0 ? (ports.empty() ? " " : ", ") + std::to_string(rate) + " kbit/s" : ""));
    }
    if (locks.empty() && isolated.empty() && limited.empty()) print("no VM is locked");
}

int print_locks(const Command& command) {
    Json out = held_networks(command.options);
    out["locks"] = lock_files(command.options);
    if (command.json) print(dump_json(out, 2));
    else print_lock_lines(out["locks"], out);
    return 0;
}

int print_status(const Command& command) {
    const Json status = status_of(command.options);
    if (command.json) return print(dump_json(status, 2)), 0;
    const auto number = [&](const Json& json) { return std::to_string(json.get<int64_t>()); };
    print("agent: " + status.value("agent", ""));
    print("seen: epoch " + number(status["epoch"]) + ", number " + number(status["seq"]) + ", " + number(status["operations"]) + " orders and jobs");
    for (const auto& one : status["open"])
        print("open: " + one.value("id", "") + "  " + one.value("what", "") + "  VM " + one.value("vm", "") + "  case " + one.value("case", "") + "  " +
              one.value("last", ""));
    print("not acknowledged by the controller: " + number(status["unacknowledged"]));
    print("harmed within the hour: " + number(status["budget"]["spent"]) + " of " + number(status["budget"]["per_hour"]) + " VMs");
    if (const Json& drain = status["draining"]; drain["on"].get<bool>()) {
        std::string line = "draining";
        if (const auto since = drain.value("since", ""); !since.empty()) line += " since " + since + " by " + drain.value("by", "");
        if (const auto reason = drain.value("reason", ""); !reason.empty()) line += ": " + reason;
        print(line);
        print(status["drained"].get<bool>() ? "drained: no order or job is open" : "not drained yet: what is open above is being finished");
    }
    if (status["dry_run"].get<bool>()) print("dry-run: orders are planned and not carried out");
    for (const auto& name : status["never_touch"]) print("never touched: " + name.get<std::string>());
    if (const auto mistake = status.value("never_touch_mistake", ""); !mistake.empty()) print("never touched: " + mistake + " A running agent keeps the list it knew.");
    for (const auto& one : status["forced_releases"])
        print("released by force: " + one.value("vm", "") + "  " + one.value("at", "") + "  by " + one.value("by", "") + ": " + one.value("reason", "") +
              (one["controller_told"].get<bool>() ? "" : "  (the controller does not know yet)"));
    print_sweep_lines(status["sweep"]);
    print_lock_lines(status["locks"], status);
    return 0;
}

int print_journal(const Command& command) {
    SqliteJournal journal(command.options.journal(), true);
    for (const auto& entry : journal.read_all()) {
        const auto at = format_rfc3339(entry.at);
        if (command.json)
            print(dump_json({{"position", entry.position}, {"at", at}, {"operation", entry.operation}, {"kind", entry.kind}, {"body", entry.body}}));
        else
            print(std::to_string(entry.position) + "  " + at + "  " + (entry.operation.empty() ? "-" : entry.operation) + "  " + entry.kind + "  " +
                  dump_json(entry.body));
    }
    return 0;
}

}  // namespace

bool agent_runs(const Options& options) {
    const int fd = ::open((options.state + "/agent.lock").c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    const bool free = ::flock(fd, LOCK_SH | LOCK_NB) == 0;
    ::close(fd);
    return !free;
}

/// Read without the guard: opening a FileGuard repairs things, and looking must not.
Json lock_files(const Options& options) {
    Json out = Json::array();
    for (const auto& file : names_in(options.locks())) {
        if (!file.ends_with(".json")) continue;
        const auto text = read_file(options.locks() + "/" + file, size_t{1} << 20);
        const auto json = text ? parse_json(*text) : Result<Json>(fail(text.error()));
        if (json && json->is_object()) out.push_back(*json);
        else out.push_back({{"vm", file.substr(0, file.size() - 5)}, {"mistake", json ? "it is no JSON object" : json.error().text}});
    }
    return out;
}

Json held_networks(const Options& options) { return held_networks_of(read_ledger(options)); }

int inspect(const Command& command) {
    try {
        if (command.kind == Command::Kind::journal && !has_journal(command.options)) {
            std::fprintf(stderr, "bailiff-agent: no agent has worked on %s yet; name another folder with --state\n", command.options.state.c_str());
            return 1;
        }
        switch (command.kind) {
            case Command::Kind::status: return print_status(command);
            case Command::Kind::locks: return print_locks(command);
            case Command::Kind::journal: return print_journal(command);
            case Command::Kind::evidence: return inspect_evidence(command);
            case Command::Kind::run: case Command::Kind::check: case Command::Kind::print:
            case Command::Kind::drain: case Command::Kind::release: case Command::Kind::sweep: break;
        }
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bailiff-agent: %s\n", error.what());
        return 1;
    }
    return 2;
}

}  // namespace bailiff::agent
