// SPDX-License-Identifier: Apache-2.0
// `bailiffctl audit verify`: was any item of the audit chain edited, deleted, reordered or cut off?
#pragma once

#include "controller/ctl/command.hpp"

namespace bailiff {

ExitCode audit_verify_command(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err);

}  // namespace bailiff
