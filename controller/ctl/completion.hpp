// SPDX-License-Identifier: Apache-2.0
// `bailiffctl completion bash|zsh`: a script made from the table of commands and their own help.
#pragma once

#include "controller/ctl/command.hpp"

#include <span>
#include <string>
#include <vector>

namespace bailiff {

/// The long options that a command's --help lists, in its order: "--json", "--server" …
std::vector<std::string> options_of(const Command& command);

std::string bash_completion(std::span<const Command> commands);
std::string zsh_completion(std::span<const Command> commands);

ExitCode completion_command(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err);

}  // namespace bailiff
