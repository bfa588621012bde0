// SPDX-License-Identifier: Apache-2.0
// A case on a terminal.
#pragma once

#include <bailiff/json.hpp>

#include <ostream>

namespace bailiff {

/// Everything about it in some lines per part; parts that are empty are left out.
void print_case(std::ostream& out, const Json& c);

}  // namespace bailiff
