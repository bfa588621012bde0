// SPDX-License-Identifier: Apache-2.0
// Remedy files (policies/remedies/*.json) -> core::Remedy. Shape: policies/schema/remedy.schema.json.
#pragma once

#include "controller/config/document.hpp"
#include "controller/core/remedies.hpp"

#include <filesystem>
#include <string_view>
#include <vector>

namespace bailiff {

/// Every mistake is appended to `mistakes`; the error then sums them up. The id is not in the text.
Result<core::Remedy> parse_remedy(std::string_view text, std::vector<Mistake>& mistakes);

/// A remedy's id is the file's name without ".json".
Result<core::Remedy> read_remedy(const std::filesystem::path& path, std::vector<Mistake>& mistakes);

}  // namespace bailiff
