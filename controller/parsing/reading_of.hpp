// SPDX-License-Identifier: Apache-2.0
// What intake understood, in the desk's words.
#pragma once

#include "controller/desk/delivery.hpp"
#include "controller/intake/report_parser.hpp"

#include <string>
#include <string_view>

namespace bailiff {

/// Total; cuts what is longer than a Reading takes.
Reading reading_of(const ParsedReport& report);

/// What reading needs to know of this provider. The rules outlive it.
struct ReadingContext {
    const IntakeRules* rules = nullptr;   ///< for reports without a format of their own
    std::string authserv{};               ///< under which name our mail server says who sent a mail; empty: nobody is proven
};

/// Parses and tells. Total.
Reading read_delivery(std::string_view bytes, const ReadingContext& context = {});

}  // namespace bailiff
