// SPDX-License-Identifier: Apache-2.0
// Brings a database to the schema that this program knows: numbered steps, forward only, each in its own transaction.
#pragma once

#include <bailiff/result.hpp>
#include "controller/storage/sql.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace bailiff {

/// One file of migrations/: "0001_first" with its number and text.
struct Migration {
    int64_t number;
    std::string_view name;
    std::string_view sql;
};

/// Those built into this program, in order.
std::span<const Migration> embedded_migrations();

/// What migrate() did.
struct Migrated {
    int64_t from = 0, to = 0;
    std::string copy;  ///< of the database as it was before, or empty
};

/// Runs what is missing. A database with data is copied aside first (SQLite files). Several replicas may start at
/// once: each step is run by one of them. Errors: invalid when the database is newer than the program.
Result<Migrated> migrate(SqlConnection& connection, std::span<const Migration> migrations = embedded_migrations());

/// The highest migration in the database; 0 for an empty one. Writes nothing.
int64_t schema_version(SqlConnection& connection);

/// Errc::invalid with a remedy when `connection` is newer than this program.
Result<void> check_schema_version(SqlConnection& connection, int64_t known);

}  // namespace bailiff
