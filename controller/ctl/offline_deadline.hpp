// SPDX-License-Identifier: Apache-2.0
// `bailiffctl deadline`: when is it due, and why? Needs no controller.
#pragma once

#include "controller/ctl/command.hpp"

namespace bailiff {

ExitCode deadline_command(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err);

}  // namespace bailiff
