// SPDX-License-Identifier: Apache-2.0
// `bailiffctl report parse`: how would intake read this file? Needs no controller.
#pragma once

#include "controller/ctl/command.hpp"

namespace bailiff {

ExitCode report_parse_command(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err);

}  // namespace bailiff
