// SPDX-License-Identifier: Apache-2.0
// One command of bailiffctl, and how the words on the command line find it.
#pragma once

#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff {

/// What the shell is told.
enum ExitCode : int {
    exit_ok = 0,
    exit_refused = 1,  ///< understood, and the answer is no: a broken file, a failed check, a refusing server
    exit_usage = 2,    ///< the command line itself is wrong
    exit_unreachable = 3,  ///< the controller does not answer, or not now
};

/// A command. To add one, write its function and a line in main.cpp's table; help and suggestions follow by themselves.
struct Command {
    std::string_view name;     ///< one or two words: "deadline", "policy check"
    std::string_view summary;  ///< half a sentence for the list
    /// Gets the arguments after the name. Answers go to `out`, complaints to `err`.
    ExitCode (*run)(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err);
};

/// Runs the command that `arguments` (without the program's name) begin with; answers --help and --version itself.
ExitCode dispatch(std::span<const Command> commands, const std::vector<std::string>& arguments, std::ostream& out,
                  std::ostream& err);

}  // namespace bailiff
