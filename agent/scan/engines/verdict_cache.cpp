// SPDX-License-Identifier: Apache-2.0
// One table and two prepared statements.
#include "agent/scan/engines/verdict_cache.hpp"

#include <sqlite3.h>
#include <sys/stat.h>

#include <utility>

namespace bailiff::agent {
namespace {

constexpr int wait_for_others_ms = 1000;
/// "BVC1": says whose file it is.
constexpr int64_t application_id = 0x42564331;
/// An entry is touched again only after this many days, so that a scan of known contents writes next to nothing.
constexpr int64_t touch_days = 7;

constexpr const char* schema =
    "create table if not exists sets (number integer primary key autoincrement, name text not null unique) strict;"
    "create table if not exists clean (content blob not null, set_number integer not null, used integer not null, "
    "primary key (content, set_number)) strict, without rowid;";

}  // namespace

void VerdictCache::DatabaseCloser::operator()(sqlite3* database) const { sqlite3_close_v2(database); }
void VerdictCache::StatementCloser::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

VerdictCache::~VerdictCache() = default;

bool VerdictCache::run(const std::string& sql) { return sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK; }

int64_t VerdictCache::number(const std::string& sql) {
    sqlite3_stmt* raw = nullptr;
    if (sqlite3_prepare_v2(database_.get(), sql.c_str(), -1, &raw, nullptr) != SQLITE_OK) return -1;
    const Statement statement(raw);
    return sqlite3_step(raw) == SQLITE_ROW ? sqlite3_column_int64(raw, 0) : -1;
}

uint64_t VerdictCache::bytes() {
    const int64_t used = number("pragma page_count") - number("pragma freelist_count"), page = number("pragma page_size");
    return used > 0 && page > 0 ? static_cast<uint64_t>(used) * static_cast<uint64_t>(page) : 0;
}

Result<void> VerdictCache::prepare(const std::string& path) {
    const auto refuse = [&](Errc code, const std::string& why, const std::string& remedy) {
        return fail(code, "the verdict cache '" + path + "' " + why + "; " + remedy);
    };
    sqlite3* raw = nullptr;
    const int code = sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
    database_.reset(raw);
    if (code != SQLITE_OK) return refuse(Errc::unavailable, std::string("cannot be opened: ") + (raw ? sqlite3_errmsg(raw) : "no memory"), "look at its folder");
    sqlite3_busy_timeout(raw, wait_for_others_ms);
    const int64_t mark = number("pragma application_id"), pages = number("pragma page_count");
    if (mark < 0 || pages < 0) return refuse(Errc::unavailable, std::string("cannot be read: ") + sqlite3_errmsg(raw), "if it is damaged, delete it: the next scans fill it again");
    if (pages > 0 && mark != application_id) return refuse(Errc::invalid, "is another kind of database", "name another file");
    ::chmod(path.c_str(), S_IRUSR | S_IWUSR);
    // A cache that loses its last batch when the power fails has lost nothing that matters.
    if (!run("pragma auto_vacuum = incremental; pragma journal_mode = wal; pragma synchronous = normal; pragma application_id = " + std::to_string(application_id)) || !run(schema))
        return refuse(Errc::unavailable, std::string("cannot be written: ") + sqlite3_errmsg(raw), "free space on its disk, or name another file");
    const auto statement = [&](const char* sql, Statement& out) {
        sqlite3_stmt* made = nullptr;
        const bool good = sqlite3_prepare_v3(raw, sql, -1, SQLITE_PREPARE_PERSISTENT, &made, nullptr) == SQLITE_OK;
        out.reset(made);
        return good;
    };
    if (!statement("select used from clean where content = $1 and set_number = $2", select_) ||
        !statement("insert into clean (content, set_number, used) values ($1, $2, $3) on conflict (content, set_number) do update set used = excluded.used", insert_))
        return refuse(Errc::unavailable, std::string("cannot be read: ") + sqlite3_errmsg(raw), "delete it: the next scans fill it again");
    return {};
}

Result<std::unique_ptr<VerdictCache>> VerdictCache::open(const std::string& path, uint64_t most_bytes, Instant now) {
    std::unique_ptr<VerdictCache> out(new VerdictCache);
    out->most_bytes_ = most_bytes;
    out->today_ = now.time_since_epoch() / std::chrono::hours(24);
    if (auto prepared = out->prepare(path); !prepared) return fail(prepared.error());
    return out;
}

int64_t VerdictCache::number_of(const std::string& signature_set) {
    sqlite3_stmt* raw = nullptr;
    if (sqlite3_prepare_v2(database_.get(), "insert into sets (name) values ($1) on conflict (name) do update set name = excluded.name returning number", -1,
                           &raw, nullptr) != SQLITE_OK)
        return 0;
    const Statement statement(raw);
    sqlite3_bind_text(raw, 1, signature_set.data(), static_cast<int>(signature_set.size()), SQLITE_TRANSIENT);
    const int64_t out = sqlite3_step(raw) == SQLITE_ROW ? sqlite3_column_int64(raw, 0) : 0;
    while (sqlite3_step(raw) == SQLITE_ROW) {}
    return out;
}

std::vector<VerdictCache::Set> VerdictCache::sets() {
    std::vector<Set> out;
    sqlite3_stmt* raw = nullptr;
    if (sqlite3_prepare_v2(database_.get(), "select number, name from sets order by number desc", -1, &raw, nullptr) != SQLITE_OK) return out;
    const Statement statement(raw);
    while (sqlite3_step(raw) == SQLITE_ROW) {
        const auto* name = reinterpret_cast<const char*>(sqlite3_column_text(raw, 1));
        out.push_back({sqlite3_column_int64(raw, 0), name ? name : ""});
    }
    return out;
}

bool VerdictCache::has_contents(int64_t set, uint64_t count) {
    return number("select count(*) from (select 1 from clean where set_number = " + std::to_string(set) + " limit " + std::to_string(count) + ")") == static_cast<int64_t>(count);
}

bool VerdictCache::knows(int64_t set, const ContentDigest& content) {
    if (set == 0) return false;
    sqlite3_reset(select_.get());
    sqlite3_bind_blob(select_.get(), 1, content.data(), static_cast<int>(content.size()), SQLITE_STATIC);
    sqlite3_bind_int64(select_.get(), 2, set);
    if (sqlite3_step(select_.get()) != SQLITE_ROW) return false;
    if (sqlite3_column_int64(select_.get(), 0) + touch_days <= today_) add(set, content);
    sqlite3_reset(select_.get());
    return true;
}

void VerdictCache::add(int64_t set, const ContentDigest& content) {
    if (set != 0) batch_.push_back({set, content});
}

void VerdictCache::flush() {
    // An open read would keep the file from being written back, and hold the others up.
    sqlite3_reset(select_.get());
    const auto batch = std::exchange(batch_, {});
    if (batch.empty() || !run("begin immediate")) return;
    for (const Entry& entry : batch) {
        sqlite3_reset(insert_.get());
        sqlite3_bind_blob(insert_.get(), 1, entry.content.data(), static_cast<int>(entry.content.size()), SQLITE_STATIC);
        sqlite3_bind_int64(insert_.get(), 2, entry.set);
        sqlite3_bind_int64(insert_.get(), 3, today_);
        if (sqlite3_step(insert_.get()) != SQLITE_DONE) break;
    }
    sqlite3_reset(insert_.get());
    if (!run("commit")) run("rollback");
}

void VerdictCache::trim() {
    flush();
    // Whole days go, the longest unused first; a set that is no longer asked for grows old with its entries.
    while (bytes() > most_bytes_) {
        const int64_t oldest = number("select min(used) from clean");
        if (oldest < 0) return;
        // When everything is of today there is no order left to go by: half of it goes, by the digests' own chance.
        const std::string which = oldest < today_ ? "used <= " + std::to_string(oldest) : "content < x'80'";
        if (!run("delete from clean where " + which) || sqlite3_changes(database_.get()) == 0) return;
    }
    // Names of sets stay: a scan that runs beside this one may be about to add to one that has no entries yet, and a number that
    // were given again would make the old set's contents known to a new one.
    run("pragma incremental_vacuum");
}

}  // namespace bailiff::agent
