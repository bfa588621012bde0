// SPDX-License-Identifier: Apache-2.0
// The policies in force, and the older revisions that open cases still pin, with their calendars.
#pragma once

#include "controller/core/calendar.hpp"
#include "controller/core/matching.hpp"
#include "controller/core/policy.hpp"
#include "controller/core/remedies.hpp"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace bailiff::core {

/// Immutable while a turn runs; replaced as a whole when policies are reloaded.
struct PolicySet {
    std::map<PolicyId, Policy> in_force;
    std::map<std::pair<PolicyId, int64_t>, Policy> older;   ///< by id and revision
    std::map<std::string, Calendar> calendars;              ///< by id
    std::vector<Remedy> remedies;                           ///< by id

    /// The revision a case pins; null when it was never loaded (an outage: the files of that revision are needed).
    const Policy* find(const PolicyId& id, int64_t revision) const {
        if (const auto now = in_force.find(id); now != in_force.end() && now->second.revision == revision) return &now->second;
        const auto then = older.find({id, revision});
        return then == older.end() ? nullptr : &then->second;
    }
    const Calendar* calendar_of(const Policy& policy) const {
        const auto found = calendars.find(policy.calendar);
        return found == calendars.end() ? nullptr : &found->second;
    }
};

}  // namespace bailiff::core
