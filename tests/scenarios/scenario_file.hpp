// SPDX-License-Identifier: Apache-2.0
// Scenario files: commands, a line of four dashes, and the complete output; blank lines between such blocks. A line
// that begins with '#' is for the reader.
#pragma once

#include <string>
#include <vector>

namespace bailiff::test {

struct Block {
    std::vector<std::string> comments;   ///< above the commands, as they stand
    std::vector<std::string> commands;
    std::vector<std::string> expected;
};

std::vector<Block> read_scenario(const std::string& path);
void write_scenario(const std::string& path, const std::vector<Block>& blocks);

}  // namespace bailiff::test
