// SPDX-License-Identifier: Apache-2.0
// The journal in one SQLite file: the form in which an agent's memory survives kill -9 and power loss.
#pragma once

#include "agent/ports.hpp"

#include <memory>
#include <string>

struct sqlite3;

namespace bailiff::agent {

/// One writer at a time: SQLite's own file lock keeps a second agent out of the same state folder. Used from the
/// runner's thread only. Throws Outage when the file cannot be opened, read or written.
class SqliteJournal : public Journal {
  public:
    /// Creates the file (mode 0600) when it is missing. `read_only` is for `bailiff-agent journal` beside a live agent.
    explicit SqliteJournal(const std::string& path, bool read_only = false);
    ~SqliteJournal() override;

    int64_t append(const std::string& operation, const std::string& kind, const Json& body, Instant at) override;
    std::vector<JournalEntry> read(const std::string& operation) override;
    std::vector<std::string> open_operations() override;
    std::vector<JournalEntry> read_kind(const std::string& kind) override;
    std::vector<JournalEntry> read_all() override;
    void forget(const std::vector<std::string>& operations) override;

  private:
    struct Closer {
        void operator()(sqlite3* database) const;
    };
    void run(const char* sql);
    std::vector<JournalEntry> select(const std::string& where, const std::string& value);
    std::unique_ptr<sqlite3, Closer> database_;
};

}  // namespace bailiff::agent
