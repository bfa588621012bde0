// SPDX-License-Identifier: Apache-2.0
// What a shell would run of a text, as far as suspicion asks: words, pipes, substitutions, and texts handed to another shell.
// It runs nothing and knows no variables.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff::agent {

struct ShellWord {
    std::string text;      ///< without its quotes; a substitution is left out
    bool fetched = false;  ///< it begins with the output of a program that downloads or decodes: "$(curl …)", <(wget …)
};

struct ShellCommand {
    std::vector<ShellWord> words;  ///< without assignments before the program
    bool piped = false;            ///< it reads what the one before of the same depth writes
    int depth = 0;                 ///< of substitutions; those inside one stand before the command that it belongs to
};

inline constexpr int deepest_substitution = 8;

/// All commands of a text in their order, those inside substitutions too. Bounded: nesting that is deeper than any person's
/// is read as plain words.
std::vector<ShellCommand> read_shell(std::string_view text);

/// What is odd about the commands of a text.
struct ShellSight {
    std::optional<std::string> runs_unseen;  ///< a program runs that no file holds: downloaded, decoded, or sent by the network; says how
    std::optional<std::string> runs_from;    ///< the temporary path that is run
    std::optional<std::string> runs_hidden;  ///< the path through a hidden folder that is run
};

ShellSight look_at_shell(std::string_view text);

}  // namespace bailiff::agent
