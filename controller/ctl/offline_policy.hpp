// SPDX-License-Identifier: Apache-2.0
// `bailiffctl policy check`: what is wrong with policy and calendar files? Needs no controller.
#pragma once

#include "controller/ctl/command.hpp"

namespace bailiff {

ExitCode policy_check_command(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err);

}  // namespace bailiff
