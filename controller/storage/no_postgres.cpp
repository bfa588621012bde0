// SPDX-License-Identifier: Apache-2.0
// Stands in for postgres.cpp in builds without BAILIFF_POSTGRES.
#include "controller/storage/postgres.hpp"

namespace bailiff {

bool has_postgres() { return false; }

Result<std::unique_ptr<SqlConnection>> open_postgres(const std::string&, const Clock&, const PostgresOptions&) {
    return fail(Errc::invalid, "this program was built without PostgreSQL; use a SQLite file, or build with -DBAILIFF_POSTGRES=ON");
}

}  // namespace bailiff
