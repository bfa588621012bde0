// SPDX-License-Identifier: Apache-2.0
// What holds in every world, whatever fails in it. Each function answers with what broke, in words; nothing if it holds.
#pragma once

#include "tests/simulation/world.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff::test {

using Broken = std::vector<std::string>;

/// One promise in prose and how it is checked.
struct Invariant {
    std::string_view promise;
    std::function<Broken(SimWorld&)> check;
};

/// All of them; checked when a world has been played to its end.
const std::vector<Invariant>& invariants();

}  // namespace bailiff::test
