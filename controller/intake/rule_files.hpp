// SPDX-License-Identifier: Apache-2.0
// Rules from a folder: policies/intake/*.json. The only part of intake that touches files; who parses hands the rules in.
#pragma once

#include "controller/intake/rules.hpp"

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace bailiff {

struct RuleFileMistakes {
    std::string file;
    std::vector<Mistake> mistakes;
};

/// One file's rule; its name without ".json" is its id. Every mistake is named.
std::optional<IntakeRule> read_intake_rule(const std::filesystem::path& file, std::vector<Mistake>& mistakes);

/// FOLDER/*.json. Only sound rules are taken; each file looked at is in `files`, sound ones with no mistakes. A folder that
/// does not exist has no rules.
IntakeRules load_intake_rules(const std::filesystem::path& folder, std::vector<RuleFileMistakes>& files);

}  // namespace bailiff
