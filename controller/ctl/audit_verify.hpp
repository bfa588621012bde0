// SPDX-License-Identifier: Apache-2.0
// `bailiffctl audit verify`: was the audit log edited, reordered or cut? Needs no controller for a file.
#pragma once

#include <bailiff/dsse.hpp>
#include <bailiff/result.hpp>
#include "controller/ctl/command.hpp"

#include <functional>
#include <string>
#include <vector>

namespace bailiff {

/// The public keys in a file of PEMs. It may hold several one after another: those of earlier years stay valid for what they
/// signed. Errors: not_found, invalid.
Result<TrustedKeys> read_public_keys(const std::string& path);

/// Fetches the export of a controller's audit log as text. `options` are those of `bailiffctl audit export`.
using FetchAudit = std::function<Result<std::string>(const std::vector<std::string>& options)>;

/// Exit codes: 0 intact, 1 tampered with, 2 could not be verified.
ExitCode audit_verify(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err, const FetchAudit& fetch);

/// The same with a controller asked over its REST API.
ExitCode audit_verify_command(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err);

}  // namespace bailiff
