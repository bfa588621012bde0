// SPDX-License-Identifier: Apache-2.0
// Opening, transactions and counters.
#include "controller/storage/sql_storage.hpp"

#include <algorithm>

namespace bailiff {

Result<std::unique_ptr<SqlStorage>> SqlStorage::open(std::unique_ptr<SqlConnection> connection) {
    try {
        auto migrated = migrate(*connection);
        if (!migrated) return fail(migrated.error());
        return std::unique_ptr<SqlStorage>(new SqlStorage(std::move(connection), std::move(*migrated)));
    } catch (const StorageOutage& outage) {
        return fail(Errc::unavailable, outage.what());
    }
}

Result<void> SqlStorage::transaction(const std::function<Result<void>()>& work) {
    const bool outermost = db_->depth() == 0;
    try {
        SqlTransaction transaction(*db_);
        auto result = work();
        if (result) transaction.commit();
        return result;
    } catch (const SqlConflict& conflict) {
        // Only here is everything undone, so that reading again and repeating is safe.
        if (!outermost) throw;
        return fail(Errc::conflict, conflict.what());
    }
}

int64_t SqlStorage::next(const std::string& sequence) {
    // Writing first counts and locks: another replica waits until our transaction ends. (`returning` would cost SQLite a table.)
    SqlWhole whole(*db_);
    db_->run("insert into sequences (name, value) values ($1, 1) on conflict (name) do update set value = sequences.value + 1", sequence);
    auto rows = db_->query("select value from sequences where name = $1", sequence);
    rows.next();
    const auto value = rows.column<int64_t>(0);
    whole.commit();
    return value;
}

int64_t SqlStorage::epoch() {
    auto rows = db_->query("select value from sequences where name = 'epoch'");
    return rows.next() ? rows.column<int64_t>(0) : 1;
}

int64_t SqlStorage::begin_epoch(Instant now) {
    const int64_t value = std::max(epoch() + 1, int64_t(now.time_since_epoch().count()));
    db_->run("insert into sequences (name, value) values ('epoch', $1) on conflict (name) do update set value = $1", value);
    return value;
}

void SqlStorage::prove_writable() { next("write_probe"); }

int64_t SqlStorage::forget_before(Instant frames, Instant answers) {
    const int64_t gone = db_->run(
        "delete from handled_frames where (host, id) in (select host, id from handled_frames where at < $1 order by at limit $2)", frames,
        forget_at_once);
    return gone + db_->run("delete from answers where (account, key) in (select account, key from answers where at < $1 order by at limit $2)",
                           answers, forget_at_once - gone);
}

}  // namespace bailiff
