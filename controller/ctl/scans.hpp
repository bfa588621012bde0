// SPDX-License-Identifier: Apache-2.0
// The reports of scans on a terminal, from the controller or from a file.
#pragma once

#include "controller/ctl/command.hpp"

#include <bailiff/json.hpp>

#include <ostream>
#include <string>
#include <vector>

namespace bailiff {

/// The content of a report as tables; what a stranger's disk chose is cleaned of control characters.
void print_scan_report(std::ostream& out, const Json& report);

/// Needs no controller. Exit codes: 0 signed by the key, 1 not, 2 could not be verified.
ExitCode scan_verify(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err);

}  // namespace bailiff
