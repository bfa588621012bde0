// SPDX-License-Identifier: Apache-2.0
// Which signatures clamd has loaded, proven and not assumed. clamd's version names its daily database only: signatures that
// a provider adds as files of his own change nothing in it.
#pragma once

#include <bailiff/result.hpp>

#include <chrono>
#include <string>

namespace bailiff::agent {

/// The state of a database folder: SHA-256 over its files' names, sizes, times and heads, as 32 hex digits. Bailiff's own
/// file in it does not count.
Result<std::string> fingerprint_of(const std::string& database_folder);

/// Proves that clamd has loaded the folder as it stands now, by a signature of our own that names the fingerprint: written
/// after every file that it speaks of, and answered only by a clamd that has read the folder since. When clamd does not
/// answer it yet, the signature is written and clamd is told to reload. The set's name comes back. Errors: `forbidden` when
/// the folder cannot be written, `unavailable` when clamd does not load it within `patience`.
Result<std::string> prove_signature_set(const std::string& clamd_socket, const std::string& database_folder, std::chrono::seconds patience);

/// "clamd 0123…": how a set of this fingerprint is named.
std::string set_name(const std::string& fingerprint);

/// The file that holds our signature.
inline constexpr const char* set_signature_file = "bailiff-set.hsb";

}  // namespace bailiff::agent
