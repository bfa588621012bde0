// SPDX-License-Identifier: Apache-2.0
// The brake: of sanctions by the clock alone there are so many within an hour; what comes beyond waits for a person. People
// decide as many as they like: each of theirs was looked at.
#include "controller/desk/desk.hpp"

#include <algorithm>
#include <spdlog/spdlog.h>

namespace bailiff {

namespace {

constexpr Seconds brake_span{3600};

bool is_sanction(const core::Fact& fact) {
    const auto* demanded = std::get_if<core::StateDemanded>(&fact);
    return demanded && demanded->sanction;
}

}  // namespace

int64_t Desk::sanctions_lately() { return ports_.storage.sanctions_after(now() - brake_span); }

/// Why the clock may not do this now; "" when it may, and then it is counted.
std::string Desk::braked(const core::Case& c, const std::vector<core::Fact>& facts) {
    if (std::none_of(facts.begin(), facts.end(), is_sanction)) return {};
    if (const int64_t lately = sanctions_lately(); lately >= options_.sanctions_per_hour) {
        spdlog::warn("case={} event=brake sanctions={} text=\"the clock takes no more machines now; a person decides\"", c.id.text(), lately);
        return "the brake: the clock has taken " + std::to_string(lately) + " machines within the last hour, and --sanctions-per-hour is " +
               std::to_string(options_.sanctions_per_hour) + "; look at what they have in common, and decide";
    }
    ports_.storage.note_sanction(c.id, now());
    return {};
}

}  // namespace bailiff
