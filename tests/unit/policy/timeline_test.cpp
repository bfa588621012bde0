// SPDX-License-Identifier: Apache-2.0
// The deadlines of the shipped policies: the numbers that the provider's page states, and those that follow.
#include "tests/unit/policy/files.hpp"

namespace bailiff::test {
namespace {

/// "clock 09:00 reply 10:00 …" on the calendar's clock; the date only where it is not 2 March 2026.
std::string line(const std::string& policy_id, const std::string& opened, const std::string& called = "") {
    std::vector<FileMistakes> mistakes;
    const auto set = load_policies(shipped, mistakes);
    const auto& policy = set.in_force.at(PolicyId(policy_id));
    const auto& calendar = set.calendars.at(policy.calendar);
    const auto on = [](const std::string& time) { return parse_rfc3339("2026-03-02T" + time + ":00+05:30").value(); };
    const auto t = core::timeline(policy, calendar, on(opened), called.empty() ? std::nullopt : std::optional(on(called)));
    EXPECT_GE(t.why.size(), 3u);
    std::string out;
    const auto add = [&](const char* what, std::optional<Instant> at) {
        if (!at) return;
        const std::string text = calendar.local_rfc3339(*at);
        out += (out.empty() ? "" : " ") + std::string(what) + " " +
               (text.starts_with("2026-03-02") ? "" : text.substr(5, 5) + " ") + text.substr(11, 5);
    };
    add("clock", t.clock_starts);
    add("reply", t.reply_due);
    add("call", t.call_due);
    add("enforce", t.enforce_due);
    add("resolution", t.resolution_due);
    return out;
}

TEST(Seed, RaisedAtFive) {
    EXPECT_EQ(line("virus-content", "05:00"), "clock 09:00 reply 10:00 call 10:00 resolution 13:00");
    EXPECT_EQ(line("virus-content", "05:00", "10:00"), "clock 09:00 reply 10:00 call 10:00 enforce 13:00 resolution 13:00");
    EXPECT_EQ(line("virus-content", "05:00", "10:40"), "clock 09:00 reply 10:00 call 10:00 enforce 13:40 resolution 13:00");
}

TEST(Seed, RaisedInTheEveningRunsIntoTheNextDay) {
    EXPECT_EQ(line("virus-content", "17:30"), "clock 17:30 reply 03-03 09:30 call 03-03 09:30 resolution 03-03 12:30");
    EXPECT_EQ(line("virus-content", "18:00"),
              "clock 03-03 09:00 reply 03-03 10:00 call 03-03 10:00 resolution 03-03 13:00");
    EXPECT_EQ(line("virus-content", "23:59"),
              "clock 03-03 09:00 reply 03-03 10:00 call 03-03 10:00 resolution 03-03 13:00");
}

TEST(Seed, ADeadlineAtClosingTimeIsDueThen) {
    EXPECT_EQ(line("virus-content", "17:00"), "clock 17:00 reply 18:00 call 18:00 resolution 03-03 12:00");
    EXPECT_EQ(line("virus-content", "14:00", "15:00"), "clock 14:00 reply 15:00 call 15:00 enforce 18:00 resolution 18:00");
}

TEST(Seed, AnEarlyCallIsNotTheCallThatFollowsSilence) {
    EXPECT_EQ(line("virus-content", "09:00", "09:20"), "clock 09:00 reply 10:00 call 10:00 resolution 13:00");
    EXPECT_EQ(line("virus-content", "09:00", "09:59"), "clock 09:00 reply 10:00 call 10:00 resolution 13:00");
}

TEST(Siblings, TheirNumbers) {
    EXPECT_EQ(line("general", "09:00", "11:00"), "clock 09:00 reply 11:00 call 11:00 enforce 13:00 resolution 13:00");
    EXPECT_EQ(line("phishing", "05:00", "11:30"), "clock 09:00 reply 11:00 call 11:00 enforce 13:30 resolution 13:00");
    EXPECT_EQ(line("outbound-attack", "03:00"), "clock 03:00 enforce 03:00");
    EXPECT_EQ(line("high-bandwidth", "09:00", "13:00"), "clock 09:00 reply 13:00 call 13:00 enforce 17:00");
}

}  // namespace
}  // namespace bailiff::test
