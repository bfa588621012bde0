// SPDX-License-Identifier: Apache-2.0
#include <bailiff/time.hpp>

#include <gtest/gtest.h>

namespace bailiff {

TEST(Time, reads_no_number_that_is_larger_than_its_type) {
    int64_t number = 0;
    EXPECT_TRUE(detail::digits(std::string(18, '9'), 0, 18, number));
    EXPECT_EQ(number, 999'999'999'999'999'999);
    EXPECT_FALSE(detail::digits(std::string(40, '4'), 0, 40, number));
}

TEST(Time, reads_and_writes_rfc3339) {
    EXPECT_EQ(format_rfc3339(*parse_rfc3339("2026-03-02T09:00:00+05:30")), "2026-03-02T03:30:00Z");
    EXPECT_EQ(format_rfc3339(*parse_rfc3339("2024-02-29T23:59:59.999Z")), "2024-02-29T23:59:59Z");
    EXPECT_EQ(format_rfc3339(*parse_rfc3339("2026-01-01T00:00:00-08:00")), "2026-01-01T08:00:00Z");
}

TEST(Time, refuses_what_is_no_instant) {
    for (const char* text : {"", "2026-03-02", "2026-03-02T09:00:00", "2026-02-30T09:00:00Z", "2026-03-02T24:00:00Z",
                             "2026-03-02T09:00:60Z", "2026-03-02T09:00:00.Z", "2026-03-02T09:00:00+5:30", "x026-03-02T09:00:00Z",
                             "2026-03-02T09:00:00Zx", "1969-12-31T23:59:59Z"})
        EXPECT_FALSE(parse_rfc3339(text)) << text;
}

TEST(Time, reads_durations) {
    EXPECT_EQ(*parse_duration("PT1M30S"), Seconds(90));
    EXPECT_EQ(*parse_duration("PT1.5M"), Seconds(90));
    EXPECT_EQ(*parse_duration("PT0S"), Seconds(0));
    EXPECT_EQ(*parse_duration("P1DT2H"), Seconds(26 * 3600));
    EXPECT_EQ(*parse_duration("P1W"), Seconds(7 * 86400));
}

TEST(Time, refuses_what_is_no_duration) {
    for (const char* text : {"", "P", "PT", "1H", "PT1", "P1M", "P1Y", "PT1H1H", "PT1M1H", "P1H", "PT-1H", "PT1.H", "PT1.5H3M",
                             "PT99999999999999999999H", "P400000000D", "pt1h"})
        EXPECT_FALSE(parse_duration(text)) << text;
}

TEST(Time, writes_durations) {
    EXPECT_EQ(format_duration(Seconds(0)), "PT0S");
    EXPECT_EQ(format_duration(Seconds(100 * 3600 + 90)), "PT100H1M30S");
    EXPECT_EQ(spoken_duration(Seconds(5400)), "1 h 30 min");
}

}  // namespace bailiff
