// SPDX-License-Identifier: Apache-2.0
// The list of bailiffctl's commands.
#pragma once

#include "controller/ctl/command.hpp"

#include <span>

namespace bailiff {

/// Sorted by what they are about. Help, completion and the check of the man page follow from it.
std::span<const Command> all_commands();

}  // namespace bailiff
