// SPDX-License-Identifier: Apache-2.0
// What the codecs of policy and calendar files have in common: reading a file, and its mistakes by file.
#pragma once

#include <bailiff/json.hpp>
#include <bailiff/result.hpp>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff {

/// The mistakes of one file, in the order they were found. `file` is the path as it was given.
struct FileMistakes {
    std::string file;
    std::vector<Mistake> mistakes;
};

/// "policies/x.json /ladder/0/within: …", one line per mistake.
std::string describe(const std::vector<FileMistakes>& files);

/// A whole file as text, at most `most` bytes. Fails with `not_found` or `invalid`, naming path and remedy.
Result<std::string> read_text(const std::filesystem::path& path, size_t most = 1 << 20);

/// Text -> tree, or nothing with a mistake at the root.
std::optional<Json> parse_document(std::string_view text, std::vector<Mistake>& mistakes);

/// The error that stands for mistakes already listed.
Error mistaken(std::string_view what, const std::vector<Mistake>& mistakes);

}  // namespace bailiff
