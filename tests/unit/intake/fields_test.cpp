// SPDX-License-Identifier: Apache-2.0
// The small readings: addresses, times with odd zones, kinds of abuse.
#include "controller/intake/fields.hpp"

#include <gtest/gtest.h>

namespace bailiff::test {
namespace {

TEST(Fields, addresses_come_in_their_normal_form) {
    EXPECT_EQ(read_address(" 192.0.2.1 "), "192.0.2.1");
    EXPECT_EQ(read_address("192.0.2.1 (mail.example)"), "192.0.2.1");
    EXPECT_EQ(read_address("[2001:DB8:0:0::1]"), "2001:db8::1");
    EXPECT_EQ(read_address("[IPv6:2001:db8::1]"), "2001:db8::1");
    EXPECT_EQ(read_address("::ffff:192.0.2.1"), "192.0.2.1");
    for (const char* none : {"", "192.0.2", "192.0.2.256", "192.0.2.0/24", "mail.example", "[192.0.2.1", "1.2.3.4.5"}) EXPECT_FALSE(read_address(none)) << none;
}

TEST(Fields, times_are_read_with_their_zone) {
    const auto at = [](const char* text) {
        const auto time = read_time(text);
        return time ? format_rfc3339(time->at) + (time->warning.empty() ? "" : " !") : std::string("none");
    };
    EXPECT_EQ(at("2025-01-11T09:21:23+05:30"), "2025-01-11T03:51:23Z");
    EXPECT_EQ(at("Thu, 8 Mar 2005 14:00:00 EDT"), "2005-03-08T18:00:00Z");
    EXPECT_EQ(at("Wed, 14 Apr 2010 12:15:31 -0700 (PDT)"), "2010-04-14T19:15:31Z");
    EXPECT_EQ(at("8 Oct 2011 20:15:58 +0000 (GMT)"), "2011-10-08T20:15:58Z");
    EXPECT_EQ(at("8 Oct 11 20:15 GMT"), "2011-10-08T20:15:00Z");
    EXPECT_EQ(at("1736587283"), "2025-01-11T09:21:23Z");
    EXPECT_EQ(at("2025-01-11 09:21:23 UTC"), "2025-01-11T09:21:23Z");
    EXPECT_EQ(at("2025-01-11 09:21:23.512 +0100"), "2025-01-11T08:21:23Z");
    // What had to be assumed is said.
    EXPECT_EQ(at("2025-01-11 09:21:23"), "2025-01-11T09:21:23Z !");
    EXPECT_EQ(at("8 Oct 2011 20:15:58 -0000 (EST)"), "2011-10-08T20:15:58Z !");
    EXPECT_EQ(at("8 Oct 2011 20:15:58 IST"), "2011-10-08T20:15:58Z !");
    for (const char* none : {"", "yesterday", "2025-02-30 10:00:00", "2025-01-11", "32 Jan 2025 10:00:00 GMT", "8 Foo 2011 20:15:58 GMT", "99999"})
        EXPECT_EQ(at(none), "none") << none;
}

TEST(Fields, words_of_other_dialects_are_understood) {
    using Pair = std::pair<std::string, std::string>;
    EXPECT_EQ(kind_of_word("LoginAttack"), Pair("connection", "login_attack"));
    EXPECT_EQ(kind_of_word("login-attack"), Pair("connection", "login_attack"));
    EXPECT_EQ(kind_of_word("DDoS"), Pair("connection", "ddos"));
    EXPECT_EQ(kind_of_word("Brute Force"), Pair("connection", "login_attack"));
    EXPECT_FALSE(kind_of_word("loud noise"));
    EXPECT_FALSE(kind_of_word(""));
    EXPECT_TRUE(is_type("content", "phishing"));
    EXPECT_FALSE(is_type("messaging", "phishing"));
}

TEST(Fields, a_url_says_where_only_if_nothing_else_does) {
    ReportedPlace a{.ip = "", .host = "", .url = "http://user@192.0.2.9:8080/x", .port = {}};
    complete_from_url(a);
    EXPECT_EQ(a.ip, "192.0.2.9");
    ReportedPlace b{.ip = "", .host = "", .url = "https://[2001:db8::9]/x", .port = {}};
    complete_from_url(b);
    EXPECT_EQ(b.ip, "2001:db8::9");
    ReportedPlace c{.ip = "192.0.2.1", .host = "", .url = "https://Shop.example/x", .port = {}};
    complete_from_url(c);
    EXPECT_EQ(c.host, "");
}

TEST(Fields, keys_and_values_with_continuations_and_quotes) {
    const auto fields = read_fields("---\nReport-Type: 'login-attack'\nNote: a\r\n  b\nno colon here\n: empty\nSource: 192.0.2.1\n");
    EXPECT_EQ(field(fields, "report-type"), "login-attack");
    EXPECT_EQ(field(fields, "note"), "a b");
    EXPECT_EQ(field(fields, "source"), "192.0.2.1");
    EXPECT_EQ(field(fields, "absent"), "");
}

}  // namespace
}  // namespace bailiff::test
