// SPDX-License-Identifier: Apache-2.0
// `bailiffctl deadline`: dates, reasons, and what a wrong command line or file gets.
#include "controller/ctl/offline_deadline.hpp"

#include "tests/unit/ctl/shell.hpp"

namespace bailiff::test {
namespace {

Seen deadline(const std::vector<std::string>& arguments) { return run(deadline_command, arguments); }

const std::string rome = R"({"timezone": "Europe/Rome",
    "hours": {"mon": [["09:00", "13:00"], ["14:00", "18:00"]], "tue": [["09:00", "18:00"]], "wed": [["20:00", "24:00"]],
              "thu": [], "fri": [["09:00", "18:00"]], "sat": [], "sun": [["00:00", "24:00"]]},
    "holidays": ["2026-01-26", "*-12-25"], "special_hours": {"2026-12-25": [["09:00", "10:00"]]}})";

std::string due(const std::string& start, const std::string& add, const std::string& calendar = rome) {
    const TemporaryFile file("rome.json", calendar);
    const auto seen = deadline({"--calendar", file.path(), "--start", start, "--add=" + add});
    if (seen.code != 0) return seen.err;
    EXPECT_TRUE(seen.json()["why"].is_array() && !seen.json()["why"].empty());
    return seen.json()["due"].get<std::string>();
}

TEST(Deadline, OnACalendar) {
    EXPECT_EQ(due("2026-03-02T12:30:00+01:00", "PT1H"), "2026-03-02T14:30:00+01:00");
    EXPECT_EQ(due("2026-03-02T11:30:00Z", "PT1H"), "2026-03-02T14:30:00+01:00");
    EXPECT_EQ(due("2026-03-02T17:59:00+01:00", "PT1M30S"), "2026-03-03T09:00:30+01:00");
    EXPECT_EQ(due("2026-03-02T17:59:00+01:00", "PT1.5M"), "2026-03-03T09:00:30+01:00");
    EXPECT_EQ(due("2026-03-02T13:00:00+01:00", "PT0S"), "2026-03-02T14:00:00+01:00");
    EXPECT_EQ(due("2026-03-02T12:00:00+01:00", "PT1H"), "2026-03-02T13:00:00+01:00");
    EXPECT_EQ(due("2026-03-04T23:00:00+01:00", "PT1H"), "2026-03-05T00:00:00+01:00");
    EXPECT_EQ(due("2026-03-04T23:00:00+01:00", "PT61M"), "2026-03-06T09:01:00+01:00");
    EXPECT_EQ(due("2026-03-27T17:00:00+01:00", "PT25H"), "2026-03-30T10:00:00+02:00");
    EXPECT_EQ(due("2026-01-25T23:00:00+01:00", "PT2H"), "2026-01-27T10:00:00+01:00");
    EXPECT_EQ(due("2026-12-23T23:00:00+01:00", "PT90M"), "2026-12-25T09:30:00+01:00");
    EXPECT_EQ(due("2026-03-02T09:00:00+01:00", "P1D").substr(0, 10), "2026-03-06");
}

TEST(Deadline, ALineOfReasons) {
    const TemporaryFile file("rome.json", rome);
    const auto seen = deadline({"--json", "--calendar", file.path(), "--start", "2026-03-05T00:00:00+01:00", "--add", "PT10H"});
    EXPECT_EQ(seen.json()["why"],
              Json({"Thu 5 Mar 00:00 is outside working hours; the clock starts Fri 6 Mar 09:00", "Thu 5 Mar: closed",
                    "09:00-18:00 Fri 6 Mar: 9 h", "Sat 7 Mar: closed", "00:00-01:00 Sun 8 Mar: 1 h", "due Sun 8 Mar 01:00"}));
}

TEST(Deadline, OfThePolicy) {
    const auto open = deadline({"--policy", policies + "virus-content.json", "--opened", "2026-03-02T05:00:00+05:30"}).json();
    EXPECT_EQ(open["clock_starts"], "2026-03-02T09:00:00+05:30");
    EXPECT_EQ(open["reply_due"], "2026-03-02T10:00:00+05:30");
    EXPECT_EQ(open["call_due"], "2026-03-02T10:00:00+05:30");
    EXPECT_EQ(open["resolution_due"], "2026-03-02T13:00:00+05:30");
    EXPECT_FALSE(open.contains("enforce_due"));
    const auto called = deadline({"--policy", policies + "virus-content.json", "--opened", "2026-03-02T05:00:00+05:30",
                                  "--called", "2026-03-02T10:40:00+05:30"})
                            .json();
    EXPECT_EQ(called["enforce_due"], "2026-03-02T13:40:00+05:30");
    EXPECT_FALSE(called["why"].empty());
}

TEST(Deadline, OfAPolicyOnAnotherCalendar) {
    const TemporaryFile file("rome.json", rome);
    const auto seen = deadline({"--policy", policies + "virus-content.json", "--calendar", file.path(), "--opened",
                                "2026-03-02T12:30:00+01:00"});
    EXPECT_EQ(seen.json()["reply_due"], "2026-03-02T14:30:00+01:00") << seen.err;
}

TEST(Deadline, WrongCommandLines) {
    const auto complaint = [](const std::vector<std::string>& arguments) {
        const auto seen = deadline(arguments);
        EXPECT_EQ(seen.code, 2);
        EXPECT_EQ(seen.out, "");
        return seen.err;
    };
    const auto says = [](const std::string& text, const std::string& part) {
        EXPECT_NE(text.find(part), std::string::npos) << text;
    };
    const std::string calendar = policies + "calendars/asia-kolkata.json", policy = policies + "virus-content.json";
    says(complaint({}), "--calendar is missing");
    says(complaint({"--calendar", calendar, "--add", "PT1H"}), "--start is missing");
    says(complaint({"--calendar", calendar, "--start", "2026-03-02T05:00:00Z"}), "--add is missing");
    says(complaint({"--calendar", calendar, "--start", "yesterday", "--add", "PT1H"}), "write 2026-03-02T09:00:00Z");
    says(complaint({"--calendar", calendar, "--start", "2026-02-30T05:00:00Z", "--add", "PT1H"}), "--start");
    says(complaint({"--calendar", calendar, "--start", "2026-03-02T05:00:00Z", "--add", "1h"}), "write PT1H");
    says(complaint({"--calendar", calendar, "--start", "2026-03-02T05:00:00Z", "--add", "-PT1H"}), "write PT1H");
    says(complaint({"--calender", calendar}), "did you mean '--calendar'?");
    says(complaint({"--cal", calendar}), "unknown option '--cal'");
    says(complaint({"stray"}), "belongs to no option");
    says(complaint({"--start"}), "--start");
    says(complaint({"--start", "a", "--start", "b"}), "--start");
    says(complaint({"--policy", policy}), "--opened is missing");
    says(complaint({"--policy", policy, "--opened", "2026-03-02T05:00:00Z", "--add", "PT1H"}), "--start and --add go with");
    says(complaint({"--opened", "2026-03-02T05:00:00Z"}), "--policy FILE");
    says(complaint({"--policy", policy, "--opened", "2026-03-02T05:00:00Z", "--called", "2026-03-02T04:00:00Z"}), "before");
}

TEST(Deadline, WrongFiles) {
    const auto refusal = [](const std::string& text) {
        const TemporaryFile file("c.json", text);
        const auto seen = deadline({"--calendar", file.path(), "--start", "2026-03-02T05:00:00Z", "--add", "PT1H"});
        EXPECT_EQ(seen.code, 1);
        EXPECT_EQ(seen.out, "");
        EXPECT_NE(seen.err.find(file.path()), std::string::npos) << seen.err;
        return seen.err;
    };
    EXPECT_NE(refusal("garbage").find(" /: not valid JSON"), std::string::npos);
    EXPECT_NE(refusal(R"({"timezone": "Mars/Base", "hours": {"mon": [["09:00", "18:00"]]}})").find("/timezone"), std::string::npos);
    EXPECT_NE(refusal(R"({"timezone": "UTC", "hours": {"mo": [["09:00", "18:00"]]}})").find("did you mean 'mon'?"),
              std::string::npos);
    const auto absent = deadline({"--calendar", "/nonexistent.json", "--start", "2026-03-02T05:00:00Z", "--add", "PT1H"});
    EXPECT_EQ(absent.code, 1);
    EXPECT_NE(absent.err.find("does not exist"), std::string::npos);
    const auto folder = deadline({"--calendar", "/tmp", "--start", "2026-03-02T05:00:00Z", "--add", "PT1H"});
    EXPECT_NE(folder.err.find("is a folder"), std::string::npos);
}

TEST(Deadline, Helps) {
    const auto seen = deadline({"--help"});
    EXPECT_EQ(seen.code, 0);
    EXPECT_NE(seen.out.find("--called RFC3339"), std::string::npos);
}

}  // namespace
}  // namespace bailiff::test
