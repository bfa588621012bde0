// SPDX-License-Identifier: Apache-2.0
// Figures out of the audit log: how long answers and cleanings take, and every case as a line of a table.
#pragma once

#include "controller/ctl/command.hpp"
#include "controller/core/statistics.hpp"

#include <istream>

namespace bailiff {

/// Reads an export, line by line. Errors: invalid when a line is no part of one.
Result<core::CaseBook> read_case_book(std::istream& lines);

ExitCode statistics_command(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err);
ExitCode case_export(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err);

}  // namespace bailiff
