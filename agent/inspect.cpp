// SPDX-License-Identifier: Apache-2.0
// See inspect.hpp.
#include "agent/inspect.hpp"

#include "agent/core/ledger.hpp"
#include "agent/core/records.hpp"
#include "agent/files/durable_file.hpp"
#include "agent/journal/sqlite_journal.hpp"

#include <cstdio>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace bailiff::agent {
namespace {

void print(const std::string& line) { std::printf("%s\n", line.c_str()); }

/// The lock's own files, read without the guard: opening a FileGuard repairs things, and looking must not.
int print_locks(const Options& options) {
    int found = 0;
    for (const auto& name : names_in(options.locks())) {
        if (!name.ends_with(".json")) continue;
        const auto text = read_file(options.locks() + "/" + name, size_t{1} << 20);
        const auto json = text ? parse_json(*text) : Result<Json>(fail(text.error()));
        if (!json || !json->is_object()) {
            print(name + ": cannot be read");
            continue;
        }
        ++found;
        print(json->value("vm", name) + "  " + json->value("name", "") + "  case " + json->value("case", json->value("case_id", "")) + "  since " +
              json->value("since", ""));
    }
    if (!found) print("no VM is locked");
    return 0;
}

bool agent_runs(const Options& options) {
    const int fd = ::open((options.state + "/agent.lock").c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    const bool free = ::flock(fd, LOCK_SH | LOCK_NB) == 0;
    ::close(fd);
    return !free;
}

int print_status(const Options& options) {
    SqliteJournal journal(options.journal(), true);
    Ledger ledger;
    for (const auto& entry : journal.read_all()) ledger.apply(entry);
    HostFacts facts;
    ledger.describe(facts);
    print(std::string("agent: ") + (agent_runs(options) ? "running" : "not running"));
    print("seen: epoch " + std::to_string(facts.epoch) + ", number " + std::to_string(facts.seq) + ", " +
          std::to_string(ledger.operations().size()) + " orders and jobs");
    for (const auto& id : ledger.open()) {
        const auto& one = *ledger.find(id);
        std::string last = "accepted";
        if (!one.entries.empty()) last = one.entries.back().kind + " " + one.entries.back().body.value("act", "");
        print("open: " + id + "  " + std::string(one.is_job ? name(one.kind) : name(one.desired)) + "  VM " + one.vm.text() + "  case " +
              one.case_id.text() + "  " + last);
    }
    print("not acknowledged by the controller: " + std::to_string(ledger.unacknowledged().size()));
    return print_locks(options);
}

int print_journal(const Options& options) {
    SqliteJournal journal(options.journal(), true);
    for (const auto& entry : journal.read_all())
        print(std::to_string(entry.position) + "  " + format_rfc3339(entry.at) + "  " + (entry.operation.empty() ? "-" : entry.operation) + "  " +
              entry.kind + "  " + dump_json(entry.body));
    return 0;
}

}  // namespace

int inspect(const Command& command) {
    try {
        switch (command.kind) {
            case Command::Kind::status: return print_status(command.options);
            case Command::Kind::locks: return print_locks(command.options);
            case Command::Kind::journal: return print_journal(command.options);
            case Command::Kind::run: case Command::Kind::check: case Command::Kind::print: break;
        }
    } catch (const Outage& outage) {
        std::fprintf(stderr, "bailiff-agent: %s\n", outage.what());
        return 1;
    }
    return 2;
}

}  // namespace bailiff::agent
