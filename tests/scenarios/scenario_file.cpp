// SPDX-License-Identifier: Apache-2.0

#include "tests/scenarios/scenario_file.hpp"

#include <fstream>
#include <stdexcept>

namespace bailiff::test {

std::vector<Block> read_scenario(const std::string& path) {
    std::ifstream in(path);
    if (!in) throw std::runtime_error("cannot read " + path);
    std::vector<Block> blocks;
    Block block;
    bool output = false;
    const auto end_block = [&] {
        if (!block.commands.empty() || !block.comments.empty()) blocks.push_back(std::move(block));
        block = {};
        output = false;
    };
    for (std::string line; std::getline(in, line);) {
        if (line.empty()) end_block();
        else if (line == "----") output = true;
        else if (output) block.expected.push_back(line);
        else if (line[0] == '#') block.comments.push_back(line);
        else block.commands.push_back(line);
    }
    end_block();
    return blocks;
}

void write_scenario(const std::string& path, const std::vector<Block>& blocks) {
    std::ofstream out(path);
    for (size_t i = 0; i < blocks.size(); ++i) {
        if (i) out << '\n';
        for (const auto& line : blocks[i].comments) out << line << '\n';
        for (const auto& line : blocks[i].commands) out << line << '\n';
        if (blocks[i].commands.empty()) continue;
        out << "----\n";
        for (const auto& line : blocks[i].expected) out << line << '\n';
    }
}

}  // namespace bailiff::test
