// SPDX-License-Identifier: Apache-2.0
// Holidays from an iCalendar file (RFC 5545), as calendars of public holidays are published.
#pragma once

#include <bailiff/result.hpp>

#include <chrono>
#include <set>
#include <string>

namespace bailiff {

/// The local dates of every all-day event, recurrences expanded from 1970 to 2100, exceptions and moved or cancelled
/// instances honoured. Fails with `invalid` when the text is no whole iCalendar, or an event has a time of day, no
/// start, or a date or rule that cannot be read: half a list of holidays is worse than a message.
Result<std::set<std::chrono::year_month_day>> parse_holidays(const std::string& text);

}  // namespace bailiff
