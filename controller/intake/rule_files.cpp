// SPDX-License-Identifier: Apache-2.0
// Rules from a folder.
#include "controller/intake/rule_files.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>

namespace bailiff {

std::optional<IntakeRule> read_intake_rule(const std::filesystem::path& file, std::vector<Mistake>& mistakes) {
    std::ifstream in(file, std::ios::binary);
    std::string text;
    if (in) text.assign(std::istreambuf_iterator<char>(in), {});
    if (!in) {
        mistakes.push_back({"", "cannot be read"});
        return std::nullopt;
    }
    const auto document = parse_json(text, {256 * 1024, 16});
    if (!document) {
        mistakes.push_back({"", document.error().text});
        return std::nullopt;
    }
    return parse_intake_rule(*document, file.stem().string(), mistakes);
}

IntakeRules load_intake_rules(const std::filesystem::path& folder, std::vector<RuleFileMistakes>& files) {
    IntakeRules rules;
    std::error_code error;
    std::vector<std::filesystem::path> found;
    for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
        if (it->path().extension() == ".json") found.push_back(it->path());
    std::sort(found.begin(), found.end());
    for (const auto& file : found) {
        files.push_back({file.string(), {}});
        if (auto rule = read_intake_rule(file, files.back().mistakes)) rules.add(std::move(*rule));
    }
    return rules;
}

}  // namespace bailiff
