// SPDX-License-Identifier: Apache-2.0
// SQLite behind SqlConnection.
#include "controller/storage/sqlite.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <stdexcept>
#include <vector>

namespace bailiff {

namespace {

/// What stands in the way, and what to do about it.
std::string sentence(int code, const std::string& where, const std::string& message) {
    const std::string database = "the database " + where;
    switch (code & 0xff) {
        case SQLITE_FULL: return "the disk of " + database + " is full; free some space, work resumes by itself";
        case SQLITE_IOERR:
            return database + " cannot be read or written (" + message + "); check its disk and the kernel's log, work resumes by itself";
        case SQLITE_READONLY:
            return database + " is read-only; let the program's user write the file and its folder";
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return database + " is held by another process for too long; look for a second controller or an open sqlite3 shell";
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            return database + " is damaged or no database (" + message + "); restore it from a backup";
        case SQLITE_CANTOPEN: return database + " cannot be opened; check that the folder exists and who may write to it";
        default: return database + " does not answer: " + message;
    }
}

/// SQLITE_ERROR, MISUSE, CONSTRAINT and the like are mistakes in our queries, not outages.
bool our_mistake(int code) {
    const int primary = code & 0xff;
    return primary == SQLITE_ERROR || primary == SQLITE_MISUSE || primary == SQLITE_CONSTRAINT || primary == SQLITE_MISMATCH ||
           primary == SQLITE_RANGE || primary == SQLITE_SCHEMA;
}

class SqliteConnection;

class SqliteStatement : public SqlStatement {
  public:
    SqliteStatement(SqliteConnection& connection, sqlite3_stmt* statement) : connection_(connection), statement_(statement) {
        // SQLite numbers `$n` by first appearance; PostgreSQL by n. The names tell which is which.
        for (int n = 1; n <= sqlite3_bind_parameter_count(statement_); ++n)
            index_.push_back(sqlite3_bind_parameter_index(statement_, ("$" + std::to_string(n)).c_str()));
    }
    ~SqliteStatement() override { sqlite3_finalize(statement_); }
    SqliteStatement(const SqliteStatement&) = delete;
    SqliteStatement& operator=(const SqliteStatement&) = delete;

    int parameters() const override { return int(index_.size()); }
    void bind_null(int n) override { sqlite3_bind_null(statement_, at(n)); }
    void bind_integer(int n, int64_t value) override { sqlite3_bind_int64(statement_, at(n), value); }
    void bind_text(int n, std::string_view value) override {
        const char* data = value.data() ? value.data() : "";
        sqlite3_bind_text64(statement_, at(n), data, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
    }
    bool step() override;
    int64_t changed() const override { return changed_; }
    bool is_null(int column) const override { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
    int64_t integer(int column) const override { return sqlite3_column_int64(statement_, column); }
    std::string_view text(int column) const override {
        const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
        return data ? std::string_view(data, size_t(sqlite3_column_bytes(statement_, column))) : std::string_view();
    }
    void reset() noexcept override {
        sqlite3_reset(statement_);
        started_ = done_ = false;
    }

  private:
    int at(int n) const { return index_[size_t(n - 1)]; }
    SqliteConnection& connection_;
    sqlite3_stmt* statement_;
    std::vector<int> index_;
    int64_t changed_ = 0, before_ = 0;
    bool started_ = false, done_ = false;
};

class SqliteConnection : public SqlConnection {
  public:
    SqliteConnection(sqlite3* db, std::string path) : db_(db), path_(std::move(path)) {}
    ~SqliteConnection() override { sqlite3_close_v2(db_); }  // v2: the cached statements are finalised after this body

    SqlDialect dialect() const override { return SqlDialect::sqlite; }
    std::string where() const override { return path_; }
    void script(const std::string& sql) override { check(sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr)); }

    std::string set_aside(const std::string& suffix) override {
        const char* file = sqlite3_db_filename(db_, "main");
        if (!file || !*file) return {};
        const std::string target = path_ + suffix;
        // A copy left by an attempt that failed is older than the database: replaced.
        unlink(target.c_str());
        const int descriptor = open(target.c_str(), O_CREAT | O_EXCL | O_CLOEXEC | O_WRONLY, 0600);
        if (descriptor >= 0) close(descriptor);
        sqlite3* copy = nullptr;
        int code = sqlite3_open(target.c_str(), &copy);
        if (code == SQLITE_OK) {
            sqlite3_backup* backup = sqlite3_backup_init(copy, "main", db_, "main");
            if (backup) sqlite3_backup_step(backup, -1);
            code = backup ? sqlite3_backup_finish(backup) : sqlite3_errcode(copy);
        }
        sqlite3_close(copy);
        if (code != SQLITE_OK)
            throw StorageOutage("the database cannot be copied to " + target + " before its migration (" + sqlite3_errstr(code) +
                                "); make room there, then start again");
        return target;
    }

    /// Throws unless `code` says success.
    void check(int code) {
        if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE) return;
        const std::string message = sqlite3_errmsg(db_);
        // After a full disk and the like SQLite has rolled the whole transaction back on its own.
        if (sqlite3_get_autocommit(db_)) lost();
        if (our_mistake(code)) throw std::logic_error("a query is wrong: " + message);
        throw StorageOutage(sentence(code, path_, message));
    }
    int64_t changes() const { return sqlite3_changes64(db_); }
    int64_t total_changes() const { return sqlite3_total_changes64(db_); }

  protected:
    std::unique_ptr<SqlStatement> prepare(const std::string& sql) override {
        sqlite3_stmt* statement = nullptr;
        const int code = sqlite3_prepare_v3(db_, sql.c_str(), int(sql.size()) + 1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
        check(code);
        return std::make_unique<SqliteStatement>(*this, statement);
    }
    void begin() override { command("begin immediate"); }
    void command(const std::string& sql) override { run(sql); }
    void roll_back() noexcept override {
        if (!sqlite3_get_autocommit(db_)) sqlite3_exec(db_, "rollback", nullptr, nullptr, nullptr);
    }

  private:
    sqlite3* db_;
    std::string path_;
};

bool SqliteStatement::step() {
    if (done_) return false;
    if (!started_) before_ = connection_.total_changes();
    started_ = true;
    const int code = sqlite3_step(statement_);
    connection_.check(code);
    done_ = code == SQLITE_DONE;
    // Counted when the statement is done, even with `returning`; sqlite3_changes alone would go on repeating the number
    // of the last statement that wrote.
    if (done_) changed_ = connection_.total_changes() != before_ ? connection_.changes() : 0;
    return code == SQLITE_ROW;
}

}  // namespace

Result<std::unique_ptr<SqlConnection>> open_sqlite(const std::string& path, const SqliteOptions& options) {
    const bool file = path != ":memory:";
    if (file && !options.read_only) {
        // Created here rather than by SQLite, so that nobody else can read customers' data.
        const int descriptor = open(path.c_str(), O_CREAT | O_CLOEXEC | O_RDWR, 0600);
        if (descriptor < 0) return fail(Errc::unavailable, sentence(SQLITE_CANTOPEN, path, ""));
        close(descriptor);
    }
    sqlite3* db = nullptr;
    const int flags = (options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) | SQLITE_OPEN_NOMUTEX;
    const int code = sqlite3_open_v2(path.c_str(), &db, flags, nullptr);
    auto connection = std::make_unique<SqliteConnection>(db, path);
    if (code != SQLITE_OK) return fail(Errc::unavailable, sentence(code, path, sqlite3_errstr(code)));
    sqlite3_extended_result_codes(db, 1);
    sqlite3_busy_timeout(db, int(options.busy_timeout.count()));
    try {
        connection->script("pragma foreign_keys = on; pragma trusted_schema = off; pragma cell_size_check = on");
        if (!options.read_only) connection->script("pragma journal_mode = wal; pragma synchronous = full; pragma cache_size = -65536; pragma temp_store = memory");
        if (options.check) {
            auto rows = connection->query("pragma quick_check(1)");
            if (rows.next() && rows.column<std::string>(0) != "ok")
                return fail(Errc::invalid, sentence(SQLITE_CORRUPT, path, rows.column<std::string>(0)));
        }
    } catch (const StorageOutage& outage) {
        return fail(sqlite3_errcode(db) == SQLITE_NOTADB || sqlite3_errcode(db) == SQLITE_CORRUPT ? Errc::invalid : Errc::unavailable,
                    outage.what());
    }
    return std::unique_ptr<SqlConnection>(std::move(connection));
}

}  // namespace bailiff
