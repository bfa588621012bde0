// SPDX-License-Identifier: Apache-2.0
// PostgreSQL, for several controllers on one database.
#pragma once

#include <bailiff/result.hpp>
#include <bailiff/time.hpp>
#include "controller/storage/sql.hpp"

#include <chrono>
#include <memory>
#include <string>

namespace bailiff {

struct PostgresOptions {
    std::chrono::milliseconds first_wait{250};    ///< between attempts to reconnect; doubles up to longest_wait
    std::chrono::milliseconds longest_wait{10'000};
    std::chrono::milliseconds statement_timeout{30'000};
};

/// Whether this build has the driver (BAILIFF_POSTGRES).
bool has_postgres();

/// Connects by a libpq URL or keyword string ("postgresql://…", "host=… dbname=…"); passwords belong into a passfile.
/// A connection that breaks is opened again at the next transaction, not more often than the waits allow; meanwhile
/// every use is a StorageOutage. `clock` outlives the connection. Errors: unavailable; invalid when not built in.
Result<std::unique_ptr<SqlConnection>> open_postgres(const std::string& url, const Clock& clock, const PostgresOptions& options = {});

}  // namespace bailiff
