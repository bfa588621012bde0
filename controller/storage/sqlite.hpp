// SPDX-License-Identifier: Apache-2.0
// The embedded database: one file, no server. The default.
#pragma once

#include <bailiff/result.hpp>
#include "controller/storage/sql.hpp"

#include <chrono>
#include <memory>
#include <string>

namespace bailiff {

struct SqliteOptions {
    bool read_only = false;                        ///< for verification: nothing is created, changed or migrated
    bool check = true;                             ///< quick_check at the start: a damaged file is refused, not used
    std::chrono::milliseconds busy_timeout{5'000}; ///< how long to wait for another process's transaction
};

/// Opens or creates a database file (mode 0600); ":memory:" lives as long as the connection. WAL, every commit synced,
/// foreign keys on. Errors: unavailable when it cannot be opened, invalid when it is no database or damaged.
Result<std::unique_ptr<SqlConnection>> open_sqlite(const std::string& path, const SqliteOptions& options = {});

}  // namespace bailiff
