// SPDX-License-Identifier: Apache-2.0
// `bailiffctl hashes sign`: a text of digests becomes a signed list that bailiff-scan believes. Needs no controller.
#pragma once

#include "controller/ctl/command.hpp"

namespace bailiff {

ExitCode hashes_sign_command(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err);

}  // namespace bailiff
