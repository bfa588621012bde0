// SPDX-License-Identifier: Apache-2.0
// File names are bytes that a customer's attacker chose: this is the one reversible, printable spelling of them.
#pragma once

#include <bailiff/result.hpp>

#include <string>
#include <string_view>

namespace bailiff::agent {

/// Bytes -> printable UTF-8. A backslash becomes `\\`; every byte that is no part of valid UTF-8, and every byte of
/// a character that steers terminals or readers (controls, line separators, bidirectional overrides) becomes `\xHH`.
/// The result has one line, is safe in a log, and `unescape_path` gives back exactly the bytes.
std::string escape_path(std::string_view bytes);

/// The inverse. Anything that `escape_path` would not have written is an error, so one file has one spelling.
Result<std::string> unescape_path(std::string_view text);

}  // namespace bailiff::agent
