// SPDX-License-Identifier: Apache-2.0
// Calendars and instants that the tests of this folder share.
#pragma once

#include "controller/core/calendar.hpp"

#include <gtest/gtest.h>

#include <string>

namespace bailiff::test {

inline Instant at(const std::string& text) {
    const auto instant = parse_rfc3339(text);
    EXPECT_TRUE(instant) << text;
    return instant.value_or(Instant{});
}

inline WorkingTime working(const std::string& text) {
    const auto span = parse_duration(text);
    EXPECT_TRUE(span) << text;
    return WorkingTime(span.value_or(Seconds(0)));
}

inline std::chrono::year_month_day date(int y, unsigned m, unsigned d) {
    return {std::chrono::year(y), std::chrono::month(m), std::chrono::day(d)};
}

/// The same openings on the first `days` days of the week.
inline core::CalendarData week(const std::string& zone, std::vector<core::Opening> hours, size_t days = 7) {
    core::CalendarData data;
    data.timezone = zone;
    for (size_t i = 0; i < days; ++i) data.hours[i] = hours;
    return data;
}

inline core::Calendar built(core::CalendarData data) {
    auto calendar = core::Calendar::build(std::move(data));
    if (!calendar) throw std::runtime_error(calendar.error().text);
    return *calendar;
}

/// The seed's: 09:00-18:00 on all seven days.
inline core::Calendar kolkata() { return built(week("Asia/Kolkata", {{540, 1080}})); }

/// Monday to Friday 09:00-13:00 and 14:00-18:00.
inline core::CalendarData rome_office() { return week("Europe/Rome", {{540, 780}, {840, 1080}}, 5); }

}  // namespace bailiff::test
