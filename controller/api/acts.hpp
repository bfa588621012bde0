// SPDX-License-Identifier: Apache-2.0
// The acts of staff on a case: what body each takes and which input of the core it becomes.
#pragma once

#include "controller/core/case.hpp"
#include "controller/desk/ports.hpp"

#include <bailiff/json.hpp>

#include <span>
#include <string_view>
#include <vector>

namespace bailiff {

/// One act. `parse` collects mistakes; with none, the input is complete. The case gives defaults (the contact's
/// number, the stage that waits).
struct Act {
    std::string_view word;        ///< last segment of the path: "calls"
    Role role;                    ///< of the route
    core::Input (*parse)(JsonReader& read, const core::Case& c);
};
std::span<const Act> acts();
const Act* find_act(std::string_view word);

/// The least role for one input: enforcing, dismissing and treating are an approver's, whatever the route says.
Role role_for(const core::Input& input);

}  // namespace bailiff
