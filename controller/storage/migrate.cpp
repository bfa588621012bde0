// SPDX-License-Identifier: Apache-2.0
// The migration runner.
#include "controller/storage/migrate.hpp"

#include <cassert>

namespace bailiff {

namespace {

/// The words in which the two databases' DDL differs.
std::string in_dialect(std::string_view sql, SqlDialect dialect) {
    struct Word { std::string_view mark, sqlite, postgres; };
    static constexpr Word words[] = {{"@integer@", "integer", "bigint"}, {"@key@", "text", "text collate \"C\""}, {"@strict@", "strict", ""},
                                     {"@body_closed_at@", "cast(strftime('%s', json_extract(body, '$.closed_at')) as integer)",
                                      "extract(epoch from (body::json->>'closed_at')::timestamptz)::bigint"}};
    std::string out;
    while (!sql.empty()) {
        const size_t at = sql.find('@');
        out += sql.substr(0, at);
        if (at == std::string_view::npos) break;
        sql.remove_prefix(at);
        size_t length = 1;
        for (const auto& word : words)
            if (sql.starts_with(word.mark)) {
                out += dialect == SqlDialect::sqlite ? word.sqlite : word.postgres;
                length = word.mark.size();
            }
        if (length == 1) out += '@';
        sql.remove_prefix(length);
    }
    return out;
}

bool has_version_table(SqlConnection& connection) {
    const bool sqlite = connection.dialect() == SqlDialect::sqlite;
    auto rows = connection.query(sqlite ? "select count(*) from sqlite_master where type = 'table' and name = 'schema_version'"
                                        : "select count(*) from information_schema.tables where table_name = 'schema_version' and "
                                          "table_schema = current_schema()");
    return rows.next() && rows.column<int64_t>(0) > 0;
}

}  // namespace

int64_t schema_version(SqlConnection& connection) {
    if (!has_version_table(connection)) return 0;
    auto rows = connection.query("select coalesce(max(number), 0) from schema_version");
    return rows.next() ? rows.column<int64_t>(0) : 0;
}

Result<void> check_schema_version(SqlConnection& connection, int64_t known) {
    const int64_t found = schema_version(connection);
    if (found <= known) return {};
    return fail(Errc::invalid, "the database " + connection.where() + " is at schema " + std::to_string(found) +
                                   " and this program knows up to " + std::to_string(known) +
                                   "; a newer Bailiff has used it: install that version, or restore the copy made before its migration");
}

Result<Migrated> migrate(SqlConnection& connection, std::span<const Migration> migrations) {
    assert(!migrations.empty());
    const int64_t latest = migrations.back().number;
    if (auto fits = check_schema_version(connection, latest); !fits) return fail(fits.error());
    Migrated out{schema_version(connection), latest, {}};
    if (out.from == latest) return out;
    if (out.from > 0) {
        const std::string number = std::to_string(latest);
        out.copy = connection.set_aside(".before-" + std::string(4 - std::min<size_t>(4, number.size()), '0') + number);
    }
    const std::string table = in_dialect(
        "create table if not exists schema_version (number @integer@ primary key, name text not null) @strict@", connection.dialect());
    try {
        connection.script(table);
    } catch (const std::logic_error&) {
        // Two PostgreSQL sessions that create one table at once: the loser hears of a duplicate, and then it is there.
        connection.script(table);
    }
    // What SQLite remembers of a table that is dropped, so that it could be undone, is as large as the table: 580 MB for 3 million rows.
    const bool old_sqlite = out.from > 0 && connection.dialect() == SqlDialect::sqlite;
    if (old_sqlite) connection.script("pragma temp_store = file");
    for (const auto& migration : migrations) {
        if (migration.number <= out.from) continue;
        SqlTransaction transaction(connection);
        // The row comes first: another replica waits on it, then finds the step done.
        const auto first = connection.run("insert into schema_version (number, name) values ($1, $2) on conflict (number) do nothing",
                                          migration.number, migration.name);
        if (first == 1) connection.script(in_dialect(migration.sql, connection.dialect()));
        transaction.commit();
    }
    if (old_sqlite) connection.script("pragma temp_store = memory");
    return out;
}

}  // namespace bailiff
