// SPDX-License-Identifier: Apache-2.0
// What a deadline says of itself. The sentences stand here in full, so that a change of them is seen.
#include "tests/unit/calendar/calendars.hpp"

namespace bailiff::test {
namespace {

using Lines = std::vector<std::string>;

Lines why(const core::Calendar& calendar, const std::string& start, const std::string& span) {
    return calendar.explain(at(start), working(span)).why;
}

TEST(Explain, TheSeed) {
    EXPECT_EQ(why(kolkata(), "2026-03-02T05:00:00+05:30", "PT4H"),
              (Lines{"Mon 2 Mar 05:00 is outside working hours; the clock starts Mon 2 Mar 09:00",
                     "09:00-13:00 Mon 2 Mar: 4 h", "due Mon 2 Mar 13:00"}));
    EXPECT_EQ(why(kolkata(), "2026-03-02T17:30:00+05:30", "PT4H"),
              (Lines{"17:30-18:00 Mon 2 Mar: 30 min", "09:00-12:30 Tue 3 Mar: 3 h 30 min", "due Tue 3 Mar 12:30"}));
    EXPECT_EQ(why(kolkata(), "2026-03-02T18:00:00+05:30", "PT0S"),
              (Lines{"Mon 2 Mar 18:00 is outside working hours; the clock starts Tue 3 Mar 09:00",
                     "due Tue 3 Mar 09:00"}));
}

TEST(Explain, WeekendsHolidaysSpecialHoursAndTheNewYear) {
    auto data = rome_office();
    data.holidays = {date(2027, 1, 1), date(2026, 12, 31)};
    data.special_hours[date(2026, 12, 24)] = {{540, 780}};
    data.special_hours[date(2026, 12, 28)] = {};
    EXPECT_EQ(why(built(data), "2026-12-24T12:00:00+01:00", "PT19H"),
              (Lines{"12:00-13:00 Thu 24 Dec: 1 h (special hours)", "09:00-13:00, 14:00-18:00 Fri 25 Dec: 8 h",
                     "Sat 26 Dec to Sun 27 Dec: closed", "Mon 28 Dec: closed by special hours",
                     "09:00-13:00, 14:00-18:00 Tue 29 Dec: 8 h", "09:00-11:00 Wed 30 Dec: 2 h",
                     "due Wed 30 Dec 11:00"}));
    EXPECT_EQ(why(built(data), "2026-12-30T17:00:00+01:00", "PT2H"),
              (Lines{"17:00-18:00 Wed 30 Dec: 1 h", "Thu 31 Dec to Fri 1 Jan 2027: holidays",
                     "Sat 2 Jan 2027 to Sun 3 Jan 2027: closed", "09:00-10:00 Mon 4 Jan 2027: 1 h",
                     "due Mon 4 Jan 2027 10:00"}));
}

TEST(Explain, ClockChanges) {
    EXPECT_EQ(why(built(week("Europe/Rome", {{0, 1440}})), "2026-03-28T12:00:00+01:00", "PT36H"),
              (Lines{"12:00-24:00 Sat 28 Mar: 12 h", "Sun 29 Mar: clocks go forward 1 h, the day has 23 h",
                     "00:00-02:00, 03:00-24:00 Sun 29 Mar: 23 h", "00:00-01:00 Mon 30 Mar: 1 h",
                     "due Mon 30 Mar 01:00"}));
    EXPECT_EQ(why(built(week("Europe/Rome", {{540, 1020}}, 5)), "2026-10-23T16:00:00+02:00", "PT2H"),
              (Lines{"16:00-17:00 Fri 23 Oct: 1 h", "Sat 24 Oct: closed",
                     "Sun 25 Oct: clocks go back 1 h, the day has 25 h", "Sun 25 Oct: closed",
                     "09:00-10:00 Mon 26 Oct: 1 h", "due Mon 26 Oct 10:00"}));
    EXPECT_EQ(why(built(week("Pacific/Apia", {{540, 1020}})), "2011-12-29T16:00:00-10:00", "PT2H"),
              (Lines{"Thu 29 Dec: clocks go forward 24 h", "16:00-17:00 Thu 29 Dec: 1 h",
                     "Fri 30 Dec: the zone has no such day", "09:00-10:00 Sat 31 Dec: 1 h", "due Sat 31 Dec 10:00"}));
}

TEST(Explain, LongSpansAreSummarised) {
    auto data = rome_office();
    data.yearly = {{std::chrono::April, std::chrono::day(6)}, {std::chrono::May, std::chrono::day(1)}};
    EXPECT_EQ(why(built(data), "2026-03-02T09:00:00+01:00", "PT500H"),
              (Lines{"09:00-13:00, 14:00-18:00 Mon 2 Mar: 8 h", "09:00-13:00, 14:00-18:00 Tue 3 Mar: 8 h",
                     "09:00-13:00, 14:00-18:00 Wed 4 Mar: 8 h", "09:00-13:00, 14:00-18:00 Thu 5 Mar: 8 h",
                     "09:00-13:00, 14:00-18:00 Fri 6 Mar: 8 h",
                     "Sat 7 Mar to Mon 25 May: 432 h on 54 days, 24 days closed, 2 holidays (Mon 6 Apr, Fri 1 May)",
                     "Sun 29 Mar: clocks go forward 1 h, the day has 23 h",
                     "09:00-13:00, 14:00-18:00 Tue 26 May: 8 h", "09:00-13:00, 14:00-18:00 Wed 27 May: 8 h",
                     "09:00-13:00, 14:00-18:00 Thu 28 May: 8 h", "09:00-13:00 Fri 29 May: 4 h",
                     "due Fri 29 May 13:00"}));
}

}  // namespace
}  // namespace bailiff::test
