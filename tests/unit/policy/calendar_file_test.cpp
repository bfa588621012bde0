// SPDX-License-Identifier: Apache-2.0
// Calendar files and the iCalendar files they name.
#include "controller/config/calendar_file.hpp"

#include "controller/config/holiday_file.hpp"
#include "tests/unit/policy/files.hpp"

namespace bailiff::test {
namespace {

std::chrono::year_month_day date(int y, unsigned m, unsigned d) {
    return {std::chrono::year(y), std::chrono::month(m), std::chrono::day(d)};
}

std::vector<Mistake> mistakes_of(const std::string& text) {
    std::vector<Mistake> mistakes;
    const auto file = parse_calendar(text, mistakes);
    EXPECT_EQ(file.has_value(), mistakes.empty());
    return mistakes;
}

TEST(CalendarFile, Everything) {
    std::vector<Mistake> mistakes;
    const auto file = parse_calendar(R"({"timezone": "Asia/Kolkata",
        "hours": {"mon": [["14:00", "24:00"], ["09:00", "13:00"]], "tue": [["00:00", "24:00"]], "sun": []},
        "holidays": ["2026-01-26", "*-08-15", "*-02-29"],
        "special_hours": {"2026-12-24": [["09:00", "13:00"]], "2026-12-31": []},
        "holiday_files": ["in.ics"]})",
                                     mistakes);
    ASSERT_TRUE(file) << describe(mistakes);
    EXPECT_EQ(file->data.hours[0], (std::vector<core::Opening>{{540, 780}, {840, 1440}}));
    EXPECT_EQ(file->data.hours[1], (std::vector<core::Opening>{{0, 1440}}));
    EXPECT_TRUE(file->data.hours[2].empty());
    EXPECT_TRUE(file->data.holidays.contains(date(2026, 1, 26)));
    EXPECT_TRUE(file->data.yearly.contains({std::chrono::August, std::chrono::day(15)}));
    EXPECT_TRUE(file->data.yearly.contains({std::chrono::February, std::chrono::day(29)}));
    EXPECT_EQ(file->data.special_hours.at(date(2026, 12, 24)), (std::vector<core::Opening>{{540, 780}}));
    EXPECT_TRUE(file->data.special_hours.at(date(2026, 12, 31)).empty());
    EXPECT_EQ(file->holiday_files, std::vector<std::string>{"in.ics"});
}

TEST(CalendarFile, EveryMistakeAtOnce) {
    const auto mistakes = mistakes_of(R"({"timezone": "Asia/Calcuta", "time_zone": "x",
        "hours": {"monday": [], "mon": [["9:00", "18:00"]], "tue": [["09:00", "24:01"]], "wed": [["18:00", "09:00"]],
                  "thu": [["09:00", "12:00"], ["11:00", "13:00"]], "fri": [["24:00", "24:00"]], "sat": "closed",
                  "sun": [["09:00"]]},
        "holidays": ["2026-02-30", "*-13-01", 5, "2026-01-26"],
        "special_hours": {"*-12-24": [], "2026-12-24": [["09:00", "08:00"]]}})");
    EXPECT_EQ(places(mistakes),
              "/timezone /hours/mon/0 /hours/tue/0 /hours/wed /hours/thu /hours/fri/0 /hours/sat /hours/sun/0 "
              "/hours/monday /holidays/0 /holidays/1 /holidays/2 /special_hours/*-12-24 /special_hours/2026-12-24 "
              "/time_zone");
    const std::string text = describe(mistakes);
    EXPECT_NE(text.find("did you mean 'Asia/Calcutta'?"), std::string::npos) << text;
    EXPECT_NE(text.find("passes midnight"), std::string::npos) << text;
    EXPECT_NE(text.find("did you mean 'timezone'?"), std::string::npos) << text;
    EXPECT_NE(text.find("overlaps 09:00-12:00"), std::string::npos) << text;
}

TEST(CalendarFile, Garbage) {
    for (const char* text : {"", "\0", "{", "[]", "7", "{\"hours\":{},\"hours\":{}}", "\xff\xfe{"})
        EXPECT_EQ(places(mistakes_of(text)), "/") << text;
    EXPECT_EQ(places(mistakes_of("{}")), "/timezone /hours");
    EXPECT_EQ(places(mistakes_of(R"({"timezone": "UTC", "hours": {}})")), "/hours");
    EXPECT_EQ(places(mistakes_of(R"({"timezone": "UTC", "hours": {"mon": [], "sun": []}})")), "/hours");
    EXPECT_EQ(places(mistakes_of(R"({"timezone": 5, "hours": []})")), "/timezone /hours");
}

const std::string head = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y//EN\r\n";

std::string event(const std::string& lines, const std::string& uid = "1") {
    return "BEGIN:VEVENT\r\nUID:" + uid + "\r\nSUMMARY:Test day\r\n" + lines + "END:VEVENT\r\n";
}

std::string ics(const std::string& events) { return head + events + "END:VCALENDAR\r\n"; }

std::string holidays(const std::string& text) {
    const auto dates = parse_holidays(text);
    if (!dates) return dates.error().text;
    std::string out;
    for (const auto& d : *dates)
        out += (out.empty() ? "" : " ") + format_rfc3339(std::chrono::sys_days(d)).substr(0, 10);
    return out;
}

TEST(HolidayFile, DaysSpansAndMidnights) {
    EXPECT_EQ(holidays(ics(event("DTSTART;VALUE=DATE:20260126\r\n"))), "2026-01-26");
    EXPECT_EQ(holidays(ics(event("DTSTART;VALUE=DATE:20260126\r\nDTEND;VALUE=DATE:20260128\r\n"))), "2026-01-26 2026-01-27");
    EXPECT_EQ(holidays(ics(event("DTSTART;VALUE=DATE:20260126\r\nDTEND;VALUE=DATE:20260126\r\n"))), "2026-01-26");
    EXPECT_EQ(holidays(ics(event("DTSTART;VALUE=DATE:20260126\r\nDURATION:P2D\r\n"))), "2026-01-26 2026-01-27");
    EXPECT_EQ(holidays(ics(event("DTSTART:20260126T000000\r\nDTEND:20260127T000000\r\n"))), "2026-01-26");
    EXPECT_EQ(holidays(ics(event("DTSTART;VALUE=DATE:20260126\r\nSTATUS:CANCELLED\r\n"))), "");
    EXPECT_EQ(holidays(ics("")), "");
}

TEST(HolidayFile, Rules) {
    const auto all = parse_holidays(ics(event("DTSTART;VALUE=DATE:20200815\r\nRRULE:FREQ=YEARLY\r\n")));
    ASSERT_TRUE(all);
    EXPECT_EQ(all->size(), 81u);  // 2020 to 2100
    EXPECT_TRUE(all->contains(date(2026, 8, 15)) && all->contains(date(2100, 8, 15)) && !all->contains(date(2019, 8, 15)));
    EXPECT_EQ(holidays(ics(event("DTSTART;VALUE=DATE:20261126\r\nRRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH;COUNT=3\r\n"))),
              "2026-11-26 2027-11-25 2028-11-23");
    EXPECT_EQ(holidays(ics(event("DTSTART;VALUE=DATE:20260101\r\nRRULE:FREQ=YEARLY;UNTIL=20280101\r\n"
                                 "EXDATE;VALUE=DATE:20270101\r\nRDATE;VALUE=DATE:20260301\r\n"))),
              "2026-01-01 2026-03-01 2028-01-01");
    EXPECT_EQ(holidays(ics(event("DTSTART;VALUE=DATE:20260101\r\nRRULE:FREQ=YEARLY;COUNT=2\r\n") +
                           event("RECURRENCE-ID;VALUE=DATE:20270101\r\nDTSTART;VALUE=DATE:20270104\r\n"))),
              "2026-01-01 2027-01-04");
}

TEST(HolidayFile, BrokenOnesSayWhatToDo) {
    EXPECT_NE(holidays("").find("no whole iCalendar"), std::string::npos);
    EXPECT_NE(holidays("<html>404</html>").find("no whole iCalendar"), std::string::npos);
    EXPECT_NE(holidays(head + event("DTSTART;VALUE=DATE:20260126\r\n")).find("no whole iCalendar"), std::string::npos);
    EXPECT_NE(holidays(event("DTSTART;VALUE=DATE:20260126\r\n")).find("one VCALENDAR"), std::string::npos);
    EXPECT_NE(holidays(ics(event(""))).find("'Test day' has no valid start"), std::string::npos);
    EXPECT_NE(holidays(ics(event("DTSTART;VALUE=DATE:20261399\r\n"))).find("'Test day'"), std::string::npos);
    EXPECT_NE(holidays(ics(event("DTSTART;VALUE=DATE:tomorrow\r\n"))).find("'Test day'"), std::string::npos);
    EXPECT_NE(holidays(ics(event("DTSTART:20260126T093000Z\r\nDTEND:20260126T103000Z\r\n"))).find("whole days"),
              std::string::npos);
    EXPECT_NE(holidays(ics(event("DTSTART;VALUE=DATE:20260126\r\nRRULE:FREQ=SOMETIMES\r\n"))).find("RRULE"),
              std::string::npos);
    EXPECT_NE(holidays(ics(event("DTSTART;VALUE=DATE:20260126\r\nRRULE:FREQ=SECONDLY\r\n"))).find("within a day"),
              std::string::npos);
    EXPECT_NE(holidays(ics(event("DTSTART;VALUE=DATE:20260126\r\nRRULE:FREQ=DAILY\r\n"))).find("opening hours"),
              std::string::npos);
    EXPECT_EQ(holidays(ics(event("DTSTART;VALUE=DATE:20260126\r\nDESCRIPTION:\r\n"))), "2026-01-26");
}

TEST(HolidayFile, IsFoundBesideItsCalendar) {
    const TemporaryFolder folder;
    const std::string calendar = R"({"timezone": "Asia/Kolkata", "hours": {"mon": [["09:00", "18:00"]]},
                                     "holiday_files": ["in.ics", "gone.ics"]})";
    const auto path = folder.write("calendars/asia.json", calendar);
    folder.write("calendars/in.ics", ics(event("DTSTART;VALUE=DATE:20260126\r\n")));
    std::vector<Mistake> mistakes;
    EXPECT_FALSE(read_calendar(path, mistakes));
    EXPECT_EQ(places(mistakes), "/holiday_files/1");
    EXPECT_NE(describe(mistakes).find("gone.ics' does not exist"), std::string::npos);

    folder.write("calendars/gone.ics", "broken");
    mistakes.clear();
    EXPECT_FALSE(read_calendar(path, mistakes));
    EXPECT_NE(describe(mistakes).find("/holiday_files/1: 'gone.ics': is no whole iCalendar"), std::string::npos);

    folder.write("calendars/gone.ics", ics(event("DTSTART;VALUE=DATE:20260202\r\n")));
    mistakes.clear();
    const auto built = read_calendar(path, mistakes);
    ASSERT_TRUE(built) << describe(mistakes);
    EXPECT_EQ(built->data().id, "asia");
    EXPECT_EQ(built->local(built->next_opening(parse_rfc3339("2026-01-25T00:00:00Z").value())), "Mon 2026-02-09 09:00 IST");
}

}  // namespace
}  // namespace bailiff::test
