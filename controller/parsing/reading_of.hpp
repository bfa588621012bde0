// SPDX-License-Identifier: Apache-2.0
// What intake understood, in the desk's words.
#pragma once

#include "controller/desk/delivery.hpp"
#include "controller/intake/report_parser.hpp"

#include <string_view>

namespace bailiff {

/// Total; cuts what is longer than a Reading takes.
Reading reading_of(const ParsedReport& report);

/// Parses and tells. Total.
Reading read_delivery(std::string_view bytes);

}  // namespace bailiff
