// SPDX-License-Identifier: Apache-2.0
// What a check answers: nothing, or why this host does not obey. For verify.cpp and begin.cpp only.
#pragma once

#include <bailiff/order.hpp>

#include <optional>
#include <string>
#include <utility>

namespace bailiff::agent {

using Why = std::optional<RefusedPayload>;

inline Why refuse(Refusal code, std::string text) { return RefusedPayload{code, std::move(text)}; }

}  // namespace bailiff::agent
