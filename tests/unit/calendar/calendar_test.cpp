// SPDX-License-Identifier: Apache-2.0
// The calendar's reckoning, case by case: closing time, split days, special hours, clock changes, odd zones.
#include "tests/unit/calendar/calendars.hpp"

namespace bailiff::test {
namespace {

using core::Calendar;

/// Adds and prints in the calendar's zone, so that the tests read like the page on the wall.
std::string due(const Calendar& calendar, const std::string& start, const std::string& span) {
    return calendar.local_rfc3339(calendar.add(at(start), working(span)));
}

TEST(Seed, StartsAtNineAndEndsAtOne) {
    const auto c = kolkata();
    EXPECT_EQ(due(c, "2026-03-02T05:00:00+05:30", "PT0S"), "2026-03-02T09:00:00+05:30");
    EXPECT_EQ(due(c, "2026-03-02T05:00:00+05:30", "PT1H"), "2026-03-02T10:00:00+05:30");
    EXPECT_EQ(due(c, "2026-03-02T10:00:00+05:30", "PT3H"), "2026-03-02T13:00:00+05:30");
    EXPECT_EQ(due(c, "2026-03-02T10:40:00+05:30", "PT3H"), "2026-03-02T13:40:00+05:30");
    EXPECT_EQ(due(c, "2026-03-02T05:00:00+05:30", "PT4H"), "2026-03-02T13:00:00+05:30");
    EXPECT_EQ(due(c, "2026-03-02T17:30:00+05:30", "PT1H"), "2026-03-03T09:30:00+05:30");
    EXPECT_EQ(due(c, "2026-03-02T17:30:00+05:30", "PT4H"), "2026-03-03T12:30:00+05:30");
}

TEST(ClosingTime, EndsTheSpanThatEndsThereAndNothingElse) {
    const auto c = kolkata();
    EXPECT_EQ(due(c, "2026-03-02T17:00:00+05:30", "PT1H"), "2026-03-02T18:00:00+05:30");
    EXPECT_EQ(due(c, "2026-03-02T17:00:00+05:30", "PT1H1S"), "2026-03-03T09:00:01+05:30");
    EXPECT_EQ(due(c, "2026-03-02T18:00:00+05:30", "PT0S"), "2026-03-03T09:00:00+05:30");
    EXPECT_EQ(due(c, "2026-03-02T18:00:00+05:30", "PT1S"), "2026-03-03T09:00:01+05:30");
    EXPECT_EQ(due(c, "2026-03-02T17:59:59+05:30", "PT0S"), "2026-03-02T17:59:59+05:30");
    EXPECT_EQ(due(c, "2026-03-02T09:00:00+05:30", "PT9H"), "2026-03-02T18:00:00+05:30");
    EXPECT_FALSE(c.open(at("2026-03-02T18:00:00+05:30")));
    EXPECT_TRUE(c.open(at("2026-03-02T09:00:00+05:30")));
    EXPECT_TRUE(c.open(at("2026-03-02T17:59:59+05:30")));
    EXPECT_FALSE(c.open(at("2026-03-02T08:59:59+05:30")));
}

TEST(Fractions, OfMinutesAreKept) {
    const auto c = kolkata();
    EXPECT_EQ(due(c, "2026-03-02T17:59:00+05:30", "PT1.5M"), "2026-03-03T09:00:30+05:30");
    EXPECT_EQ(due(c, "2026-03-02T17:59:00+05:30", "PT1M30S"), "2026-03-03T09:00:30+05:30");
    EXPECT_EQ(due(c, "2026-03-02T17:58:59+05:30", "PT1M30S"), "2026-03-03T09:00:29+05:30");
}

TEST(SplitHours, LunchDoesNotCount) {
    const auto c = built(rome_office());
    EXPECT_EQ(due(c, "2026-03-02T12:30:00+01:00", "PT1H"), "2026-03-02T14:30:00+01:00");
    EXPECT_EQ(due(c, "2026-03-02T12:30:00+01:00", "PT30M"), "2026-03-02T13:00:00+01:00");
    EXPECT_EQ(due(c, "2026-03-02T13:30:00+01:00", "PT0S"), "2026-03-02T14:00:00+01:00");
    EXPECT_EQ(due(c, "2026-03-06T17:00:00+01:00", "PT2H"), "2026-03-09T10:00:00+01:00");
}

TEST(SplitHours, TouchingOpeningsAreOne) {
    const auto c = built(week("UTC", {{540, 780}, {780, 1080}}));
    EXPECT_EQ(due(c, "2026-03-02T12:30:00Z", "PT1H"), "2026-03-02T13:30:00+00:00");
    EXPECT_EQ(due(c, "2026-03-02T12:30:00Z", "PT30M"), "2026-03-02T13:00:00+00:00");
    EXPECT_TRUE(c.open(at("2026-03-02T13:00:00Z")));
}

TEST(Midnight, ClosingAtTwentyFourRunsIntoTheNextDay) {
    const auto c = built(week("Asia/Kolkata", {{0, 1440}}));
    EXPECT_EQ(due(c, "2026-03-02T23:30:00+05:30", "PT1H"), "2026-03-03T00:30:00+05:30");
    EXPECT_EQ(due(c, "2026-03-02T23:30:00+05:30", "PT30M"), "2026-03-03T00:00:00+05:30");
    auto only_monday = week("Asia/Kolkata", {{1320, 1440}}, 1);
    EXPECT_EQ(due(built(only_monday), "2026-03-02T23:30:00+05:30", "PT30M"), "2026-03-03T00:00:00+05:30");
    EXPECT_EQ(due(built(only_monday), "2026-03-02T23:30:00+05:30", "PT31M"), "2026-03-09T22:01:00+05:30");
}

TEST(Holidays, OnceYearlyAndOnTheTwentyNinth) {
    auto data = rome_office();
    data.holidays = {date(2026, 3, 3)};
    data.yearly = {{std::chrono::March, std::chrono::day(5)}, {std::chrono::February, std::chrono::day(29)}};
    const auto c = built(data);
    EXPECT_EQ(due(c, "2026-03-02T17:00:00+01:00", "PT2H"), "2026-03-04T10:00:00+01:00");
    EXPECT_EQ(due(c, "2026-03-04T17:00:00+01:00", "PT2H"), "2026-03-06T10:00:00+01:00");
    EXPECT_EQ(due(c, "2027-03-04T17:00:00+01:00", "PT2H"), "2027-03-08T10:00:00+01:00");
    EXPECT_FALSE(c.open(at("2028-02-29T10:00:00+01:00")));
    EXPECT_TRUE(c.open(at("2027-03-01T10:00:00+01:00")));
}

TEST(Holidays, EasterMondayIsNoWorkingDayInRome) {
    auto data = week("Europe/Rome", {{540, 1020}}, 5);
    EXPECT_EQ(due(built(data), "2024-03-29T16:00:00+01:00", "PT8H"), "2024-04-01T16:00:00+02:00");
    data.holidays = {date(2024, 4, 1)};
    EXPECT_EQ(due(built(data), "2024-03-29T16:00:00+01:00", "PT8H"), "2024-04-02T16:00:00+02:00");
}

TEST(SpecialHours, ReplaceTheDayEvenAHoliday) {
    auto data = rome_office();
    data.holidays = {date(2026, 12, 24)};
    data.yearly = {{std::chrono::December, std::chrono::day(25)}};
    data.special_hours[date(2026, 12, 24)] = {{540, 780}};
    data.special_hours[date(2026, 12, 25)] = {{600, 660}};
    data.special_hours[date(2026, 12, 26)] = {{600, 660}};  // a Saturday
    data.special_hours[date(2026, 12, 28)] = {};            // a Monday, closed
    const auto c = built(data);
    EXPECT_EQ(due(c, "2026-12-24T12:00:00+01:00", "PT1H30M"), "2026-12-25T10:30:00+01:00");
    EXPECT_EQ(due(c, "2026-12-24T12:00:00+01:00", "PT3H"), "2026-12-26T11:00:00+01:00");
    EXPECT_EQ(due(c, "2026-12-24T12:00:00+01:00", "PT4H"), "2026-12-29T10:00:00+01:00");
}

TEST(ClockChange, ADayIsAsLongAsItReallyIs) {
    const auto c = built(week("Europe/Rome", {{0, 1440}}));
    EXPECT_EQ(due(c, "2026-03-29T00:00:00+01:00", "PT24H"), "2026-03-30T01:00:00+02:00");
    EXPECT_EQ(due(c, "2026-10-25T00:00:00+02:00", "PT24H"), "2026-10-25T23:00:00+01:00");
    EXPECT_EQ(c.between(at("2026-03-29T00:00:00+01:00"), at("2026-03-30T00:00:00+02:00")), working("PT23H"));
    EXPECT_EQ(c.between(at("2026-10-25T00:00:00+02:00"), at("2026-10-26T00:00:00+01:00")), working("PT25H"));
}

TEST(ClockChange, MissingWallTimesAreNotWorkedAndDoubleOnesAreTwice) {
    // 02:00-03:00 does not exist on 29 March 2026 in Rome and comes twice on 25 October.
    const auto c = built(week("Europe/Rome", {{120, 180}}));
    EXPECT_EQ(due(c, "2026-03-28T02:30:00+01:00", "PT1H"), "2026-03-30T02:30:00+02:00");
    EXPECT_EQ(due(c, "2026-10-25T02:30:00+02:00", "PT1H"), "2026-10-25T02:30:00+01:00");
    // An opening that ends inside the double hour is interrupted and comes back.
    const auto d = built(week("Europe/Rome", {{60, 150}}));
    EXPECT_EQ(due(d, "2026-10-25T02:00:00+02:00", "PT45M"), "2026-10-25T02:15:00+01:00");
    EXPECT_FALSE(d.open(at("2026-10-25T02:45:00+02:00")));
}

TEST(ClockChange, HalfAnHourOnLordHowe) {
    const auto c = built(week("Australia/Lord_Howe", {{0, 1440}}));
    EXPECT_EQ(due(c, "2026-04-05T00:00:00+11:00", "PT24H"), "2026-04-05T23:30:00+10:30");
}

TEST(Zones, ApiaSkippedADate) {
    const auto c = built(week("Pacific/Apia", {{540, 1020}}));
    EXPECT_EQ(due(c, "2011-12-29T16:00:00-10:00", "PT2H"), "2011-12-31T10:00:00+14:00");
}

TEST(Zones, AnOffsetWithSecondsIsJustAnOffset) {
    // Monrovia was 44 min 30 s behind UTC until 7 January 1972.
    const auto c = built(week("Africa/Monrovia", {{540, 1080}}));
    const Instant opening = c.next_opening(at("1970-06-01T00:00:00Z"));
    EXPECT_EQ(format_rfc3339(opening), "1970-06-01T09:44:30Z");
    EXPECT_EQ(at(c.local_rfc3339(opening)), opening);
    EXPECT_EQ(c.local_rfc3339(opening), "1970-06-01T09:00:30-00:44");
    EXPECT_EQ(format_rfc3339(c.add(opening, working("PT10H"))), "1970-06-02T10:44:30Z");
}

TEST(Between, IsTheInverseOfAdd) {
    const auto c = built(rome_office());
    const Instant start = at("2026-03-02T05:00:00Z");
    for (int minutes = 0; minutes < 5000; minutes += 37) {
        const WorkingTime span{std::chrono::minutes(minutes)};
        EXPECT_EQ(c.between(start, c.add(start, span)), span);
    }
    EXPECT_EQ(c.between(start, start), WorkingTime());
    EXPECT_EQ(c.between(start, start - Seconds(5)), WorkingTime());
}

TEST(LongSpans, AreExact) {
    const auto c = kolkata();
    // 5000 h are 555 days of 9 h and 5 h.
    EXPECT_EQ(due(c, "2026-01-01T09:00:00+05:30", "PT5000H"), "2027-07-10T14:00:00+05:30");
}

TEST(Closed, ForTenYearsSaysSo) {
    auto data = week("UTC", {{540, 600}}, 1);
    for (unsigned month = 1; month <= 12; ++month)
        for (unsigned day = 1; day <= 31; ++day) data.yearly.insert({std::chrono::month(month), std::chrono::day(day)});
    const auto c = built(data);
    const auto [when, why] = c.explain(at("2026-01-01T00:00:00Z"), working("PT1H"));
    EXPECT_EQ(when, at("2026-01-01T00:00:00Z") + std::chrono::days(3653));
    ASSERT_FALSE(why.empty());
    EXPECT_NE(why.back().find("correct the calendar"), std::string::npos) << why.back();
}

TEST(Build, RefusesWithTheRemedy) {
    const auto refused = [](core::CalendarData data) {
        const auto calendar = Calendar::build(std::move(data));
        return calendar ? std::string("built") : calendar.error().text;
    };
    EXPECT_NE(refused(week("Asia/Kolkatta", {{540, 1080}})).find("did you mean 'Asia/Kolkata'?"), std::string::npos);
    EXPECT_NE(refused(week("", {{540, 1080}})).find("IANA"), std::string::npos);
    EXPECT_NE(refused(week("../etc/passwd", {{540, 1080}})).find("IANA"), std::string::npos);
    EXPECT_NE(refused(week("UTC", {})).find("no day of the week"), std::string::npos);
    EXPECT_NE(refused(week("UTC", {{540, 1080}, {1000, 1100}})).find("overlaps 09:00-18:00"), std::string::npos);
    EXPECT_NE(refused(week("UTC", {{1320, 360}})).find("passes midnight"), std::string::npos);
    EXPECT_EQ(refused(week("Etc/GMT+12", {{540, 1080}})), "built");
}

TEST(Words, LocalTimesAndTheWeekInOneLine) {
    const auto c = kolkata();
    EXPECT_EQ(c.local(at("2026-03-02T03:30:00Z")), "Mon 2026-03-02 09:00 IST");
    EXPECT_EQ(c.describe_hours(), "Mon-Sun 09:00-18:00 (Asia/Kolkata)");
    auto data = rome_office();
    data.hours[5] = {{0, 1440}};
    EXPECT_EQ(built(data).describe_hours(),
              "Mon-Fri 09:00-13:00, 14:00-18:00; Sat 00:00-24:00; Sun closed (Europe/Rome)");
    EXPECT_EQ(built(week("UTC", {{0, 60}})).local_rfc3339(at("2026-03-02T03:30:00Z")), "2026-03-02T03:30:00+00:00");
    EXPECT_EQ(built(week("America/St_Johns", {{0, 60}})).local_rfc3339(at("2026-01-02T03:30:00Z")),
              "2026-01-02T00:00:00-03:30");
}

}  // namespace
}  // namespace bailiff::test
