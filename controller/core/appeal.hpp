// SPDX-License-Identifier: Apache-2.0
// What may be said of an appeal before anybody lodges it, and when it must be decided: for whoever shows it.
#pragma once

#include "controller/core/case.hpp"

#include <bailiff/result.hpp>

namespace bailiff::core {

/// Whether the core takes an appeal now: `conflict` while another waits, while nothing was decided yet, and where the case goes
/// on in another; `forbidden` once the case has had as many as it takes.
Result<void> may_appeal(const Case& c);

/// By when the appeal is to be decided, as it was promised when it was lodged. Reminders, which come after that, do not move it.
Instant appeal_due(const Appeal& appeal, const Policy& policy, const Calendar& calendar);

}  // namespace bailiff::core
