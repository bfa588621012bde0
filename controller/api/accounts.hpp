// SPDX-License-Identifier: Apache-2.0
// Accounts of the API: how tokens are made, and the first administrator of a new database.
#pragma once

#include "controller/desk/ports.hpp"

#include <bailiff/random.hpp>

#include <optional>
#include <string>

namespace bailiff {

/// "bailiff_" and 256 random bits in hex. Only its SHA-256 is ever stored.
std::string new_token(Random& random);

/// On a database without accounts: makes the administrator "admin" and returns its token, which the caller writes to
/// a file of mode 0600. Otherwise nothing. Runs in a transaction of its own.
std::optional<std::string> ensure_first_account(Storage& storage, Random& random);

}  // namespace bailiff
