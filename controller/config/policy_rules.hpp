// SPDX-License-Identifier: Apache-2.0
// What makes a policy sound beyond the types of its fields.
#pragma once

#include "controller/core/policy.hpp"
#include <bailiff/json.hpp>

#include <string>
#include <vector>

namespace bailiff {

/// Appends every broken rule. The process behind the rules: a sanction is preceded by a logged call unless the policy
/// says otherwise aloud; a call is never first; the ladder ends in a sanction; what must be verified clean is scanned.
void check_policy(const core::Policy& policy, std::vector<Mistake>& mistakes);

/// What is wrong with one pattern of types, or an empty text.
std::string pattern_mistake(const std::string& pattern);

/// The part of it that looks at `id` and `types` only.
void check_patterns(const core::Policy& policy, std::vector<Mistake>& mistakes);

}  // namespace bailiff
