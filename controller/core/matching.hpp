// SPDX-License-Identifier: Apache-2.0
// Which policy a report's type falls under.
#pragma once

#include "controller/core/policy.hpp"

#include <map>
#include <string>
#include <string_view>

namespace bailiff::core {

/// A type as policies write it: "category/type" in lower case with underscores ("Content / Malware", "content/MALWARE"
/// and "content/mal-ware" become "content/malware", "content/malware" and "content/mal_ware"). Empty when the text
/// does not have exactly two parts or a part has other characters: such a report is for a person to look at.
std::string normal_type(std::string_view text);

/// The same from a report's two fields.
std::string normal_type(std::string_view category, std::string_view type);

/// The policy whose pattern covers the (normal) type most specifically: the type itself before "category/*" before
/// "*"; of equals the first by id. Null when none covers it. The pointer lives as long as the map's element.
const Policy* policy_for(std::string_view type, const std::map<PolicyId, Policy>& policies);

}  // namespace bailiff::core
