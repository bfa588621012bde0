// SPDX-License-Identifier: Apache-2.0
// What single commands do: which program runs behind sudo and nice, what downloads, what runs what it is given.
#pragma once

#include "agent/scan/suspicions/shell_text.hpp"

#include <span>

namespace bailiff::agent {

/// The words from the program on: without sudo, nice, timeout and the like, and their options. Empty when there is none.
std::span<const ShellWord> program_of(const ShellCommand& command);

/// A program's name without its folder.
std::string_view bare_name(std::string_view program);

bool is_shell(std::string_view program);
/// A shell, or python, perl, php, ruby, node: runs a text that it is given.
bool is_interpreter(std::string_view program);
/// curl, wget and the like.
bool is_download(std::span<const ShellWord> program);
/// Downloads or decodes (base64 -d): its output was in no file.
bool fetches_something(const ShellCommand& command);
/// An interpreter that runs what comes through the pipe: `sh`, `bash -s`, `python3 -`, but not `sh script` or `python3 -c …`.
bool runs_its_input(std::span<const ShellWord> program);
/// The text after -c of a shell, -e of perl …; nothing when there is none.
const ShellWord* inline_text(std::span<const ShellWord> program);
/// The file that a command runs: its program when it is a path, or an interpreter's script. "" when there is none.
std::string_view file_that_runs(std::span<const ShellWord> program);

}  // namespace bailiff::agent
