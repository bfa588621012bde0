// SPDX-License-Identifier: Apache-2.0
// What the desk remembers of sanctions that nobody decided: a wrong list, or a wrong clock, must not take a whole site down.
#pragma once

#include <bailiff/id.hpp>
#include <bailiff/time.hpp>

#include <cstdint>

namespace bailiff {

/// A part of Storage; see ports.hpp for the law of transactions.
class Brake {
  public:
    virtual ~Brake() = default;
    static constexpr Seconds remembered{86400};
    /// A sanction by the clock alone. Those that are `remembered` no longer go by the way.
    virtual void note_sanction(const CaseId& id, Instant at) = 0;
    /// How many there were after `after`.
    virtual int64_t sanctions_after(Instant after) = 0;
};

}  // namespace bailiff
