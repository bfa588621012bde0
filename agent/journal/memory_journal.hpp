// SPDX-License-Identifier: Apache-2.0
// Journals for tests and for the simulation: in memory, able to lose what was not synced, able to fail.
#pragma once

#include "agent/ports.hpp"

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <vector>

namespace bailiff::agent {

/// The journal's promise without a disk. With `hold_back` set, entries stay in the write cache and `lose_unsynced`
/// forgets them, as a disk does that lies about its flushes: what then breaks shows why `append` must be durable.
class MemoryJournal : public Journal {
  public:
    bool hold_back = false;

    int64_t append(const std::string& operation, const std::string& kind, const Json& body, Instant at) override {
        entries_.push_back({++last_, operation, kind, body, at});
        if (!hold_back) synced_ = entries_.size();
        return last_;
    }
    std::vector<JournalEntry> read(const std::string& operation) override {
        return where([&](const JournalEntry& e) { return e.operation == operation; });
    }
    std::vector<JournalEntry> read_kind(const std::string& kind) override {
        return where([&](const JournalEntry& e) { return e.kind == kind; });
    }
    std::vector<JournalEntry> read_all() override { return entries_; }
    std::vector<std::string> open_operations() override {
        std::set<std::string> ended;
        for (const auto& e : entries_)
            if (e.kind == "end") ended.insert(e.operation);
        std::vector<std::string> out;
        for (const auto& e : entries_)
            if (e.kind == "accepted" && !ended.contains(e.operation)) out.push_back(e.operation);
        return out;
    }
    void forget(const std::vector<std::string>& operations) override {
        std::erase_if(entries_, [&](const JournalEntry& e) {
            return !e.operation.empty() && std::find(operations.begin(), operations.end(), e.operation) != operations.end();
        });
        synced_ = entries_.size();
    }
    void sync() { synced_ = entries_.size(); }
    void lose_unsynced() { entries_.resize(std::min(entries_.size(), synced_)); }

  private:
    std::vector<JournalEntry> where(const std::function<bool(const JournalEntry&)>& wanted) const {
        std::vector<JournalEntry> out;
        std::copy_if(entries_.begin(), entries_.end(), std::back_inserter(out), wanted);
        return out;
    }
    std::vector<JournalEntry> entries_;
    int64_t last_ = 0;
    size_t synced_ = 0;
};

/// Another journal with faults: `before` and `after` run around every append and may throw (Outage for a full disk,
/// anything else for a crash before or after the entry is durable). Reads pass through.
class FaultyJournal : public Journal {
  public:
    explicit FaultyJournal(Journal& inner) : inner_(inner) {}
    std::function<void(const std::string& operation, const std::string& kind, const Json& body)> before, after;

    int64_t append(const std::string& operation, const std::string& kind, const Json& body, Instant at) override {
        if (before) before(operation, kind, body);
        const int64_t position = inner_.append(operation, kind, body, at);
        if (after) after(operation, kind, body);
        return position;
    }
    std::vector<JournalEntry> read(const std::string& operation) override { return inner_.read(operation); }
    std::vector<std::string> open_operations() override { return inner_.open_operations(); }
    std::vector<JournalEntry> read_kind(const std::string& kind) override { return inner_.read_kind(kind); }
    std::vector<JournalEntry> read_all() override { return inner_.read_all(); }
    void forget(const std::vector<std::string>& operations) override { inner_.forget(operations); }

  private:
    Journal& inner_;
};

}  // namespace bailiff::agent
