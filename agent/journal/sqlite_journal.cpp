// SPDX-License-Identifier: Apache-2.0
// See sqlite_journal.hpp.
#include "agent/journal/sqlite_journal.hpp"

#include <sqlite3.h>

#include <sys/stat.h>

namespace bailiff::agent {
namespace {

[[noreturn]] void outage(sqlite3* database, const char* doing) {
    throw Outage(std::string("the agent's journal cannot be ") + doing + ": " +
                 (database ? sqlite3_errmsg(database) : "out of memory") + "; see to the disk of the state folder");
}

/// A prepared statement that is finalised on every path.
class Statement {
  public:
    Statement(sqlite3* database, const std::string& sql) : database_(database) {
        if (sqlite3_prepare_v2(database, sql.c_str(), -1, &statement_, nullptr) != SQLITE_OK) outage(database, "read");
    }
    ~Statement() { sqlite3_finalize(statement_); }
    Statement(const Statement&) = delete;
    Statement& operator=(const Statement&) = delete;

    void bind(int at, const std::string& text) {
        if (sqlite3_bind_text(statement_, at, text.data(), int(text.size()), SQLITE_TRANSIENT) != SQLITE_OK) outage(database_, "written");
    }
    void bind(int at, int64_t number) {
        if (sqlite3_bind_int64(statement_, at, number) != SQLITE_OK) outage(database_, "written");
    }
    /// True when there is a row.
    bool step(const char* doing) {
        const int code = sqlite3_step(statement_);
        if (code == SQLITE_ROW) return true;
        if (code != SQLITE_DONE) outage(database_, doing);
        return false;
    }
    int64_t number(int column) { return sqlite3_column_int64(statement_, column); }
    std::string text(int column) {
        const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
        return bytes ? std::string(bytes, size_t(sqlite3_column_bytes(statement_, column))) : std::string();
    }

  private:
    sqlite3* database_;
    sqlite3_stmt* statement_ = nullptr;
};

}  // namespace

void SqliteJournal::Closer::operator()(sqlite3* database) const { sqlite3_close_v2(database); }

SqliteJournal::SqliteJournal(const std::string& path, bool read_only) {
    sqlite3* database = nullptr;
    const int flags = (read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) | SQLITE_OPEN_FULLMUTEX;
    const int code = sqlite3_open_v2(path.c_str(), &database, flags, nullptr);
    database_.reset(database);
    if (code != SQLITE_OK) outage(database, "opened");
    sqlite3_busy_timeout(database, 2000);
    if (read_only) return;
    ::chmod(path.c_str(), S_IRUSR | S_IWUSR);
    run("pragma journal_mode = wal");
    run("pragma synchronous = full");
    // Positions order events against each other ("scanned after the last write"), so none is ever used twice.
    run("create table if not exists journal (position integer primary key autoincrement, operation text not null, "
        "kind text not null, body text not null, at integer not null) strict");
    run("create index if not exists journal_operation on journal (operation, position)");
    run("create index if not exists journal_kind on journal (kind, position)");
}

SqliteJournal::~SqliteJournal() = default;

void SqliteJournal::run(const char* sql) {
    if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) outage(database_.get(), "written");
}

int64_t SqliteJournal::append(const std::string& operation, const std::string& kind, const Json& body, Instant at) {
    Statement insert(database_.get(), "insert into journal (operation, kind, body, at) values ($1, $2, $3, $4)");
    insert.bind(1, operation);
    insert.bind(2, kind);
    insert.bind(3, dump_json(body));
    insert.bind(4, int64_t(at.time_since_epoch().count()));
    insert.step("written");
    return sqlite3_last_insert_rowid(database_.get());
}

std::vector<JournalEntry> SqliteJournal::select(const std::string& where, const std::string& value) {
    Statement query(database_.get(), "select position, operation, kind, body, at from journal " + where + " order by position");
    if (!where.empty()) query.bind(1, value);
    std::vector<JournalEntry> out;
    while (query.step("read")) {
        auto body = parse_json(query.text(3), JsonLimits{size_t{64} << 20, 32});
        if (!body) throw Outage("entry " + std::to_string(query.number(0)) + " of the agent's journal is damaged; restore the state folder");
        out.push_back({query.number(0), query.text(1), query.text(2), std::move(*body), Instant(Seconds(query.number(4)))});
    }
    return out;
}

std::vector<JournalEntry> SqliteJournal::read(const std::string& operation) { return select("where operation = $1", operation); }
std::vector<JournalEntry> SqliteJournal::read_kind(const std::string& kind) { return select("where kind = $1", kind); }
std::vector<JournalEntry> SqliteJournal::read_all() { return select("", ""); }

std::vector<std::string> SqliteJournal::open_operations() {
    Statement query(database_.get(),
                    "select operation from journal a where kind = 'accepted' and not exists "
                    "(select 1 from journal b where b.operation = a.operation and b.kind = 'end') order by position");
    std::vector<std::string> out;
    while (query.step("read")) out.push_back(query.text(0));
    return out;
}

void SqliteJournal::forget(const std::vector<std::string>& operations) {
    run("begin immediate");
    try {
        for (const auto& operation : operations) {
            Statement erase(database_.get(), "delete from journal where operation = $1 and operation <> ''");
            erase.bind(1, operation);
            erase.step("written");
        }
        run("commit");
    } catch (...) {
        sqlite3_exec(database_.get(), "rollback", nullptr, nullptr, nullptr);
        throw;
    }
}

}  // namespace bailiff::agent
