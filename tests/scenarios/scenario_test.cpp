// SPDX-License-Identifier: Apache-2.0
// Plays every story in this folder and compares the whole output. BAILIFF_REWRITE=1 writes what really happened into
// the files; the diff is then the review.

#include "tests/scenarios/scenario_file.hpp"
#include "tests/scenarios/stage.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>

namespace bailiff::test {
namespace {

std::filesystem::path folder() { return std::filesystem::path(BAILIFF_SOURCE_DIR) / "tests/scenarios"; }

std::vector<std::string> stories() {
    std::vector<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(folder()))
        if (entry.path().extension() == ".txt" && entry.path().filename() != "CMakeLists.txt") out.push_back(entry.path().stem().string());
    std::sort(out.begin(), out.end());
    return out;
}

class Scenario : public testing::TestWithParam<std::string> {};

TEST_P(Scenario, plays_as_written) {
    const std::string path = folder() / (GetParam() + std::string(".txt"));
    auto blocks = read_scenario(path);
    Stage stage(std::filesystem::path(BAILIFF_SOURCE_DIR) / "policies");
    const bool rewrite = std::getenv("BAILIFF_REWRITE") != nullptr;
    for (auto& block : blocks) {
        std::vector<std::string> happened;
        std::string commands;
        for (const auto& command : block.commands) {
            for (auto& line : stage.run(command)) happened.push_back(std::move(line));
            commands += command + "\n";
        }
        for (const auto& line : happened) EXPECT_FALSE(line.starts_with("script:")) << path << ": " << line << "\n" << commands;
        if (rewrite) block.expected = happened;
        EXPECT_EQ(block.expected, happened) << path << ", at:\n" << commands;
    }
    if (rewrite) write_scenario(path, blocks);
}

INSTANTIATE_TEST_SUITE_P(Stories, Scenario, testing::ValuesIn(stories()), [](const auto& story) { return story.param; });

TEST(Scenarios, are_at_least_twenty_five) { EXPECT_GE(stories().size(), 25u); }

}  // namespace
}  // namespace bailiff::test
