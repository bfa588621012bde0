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
    EXPECT_EQ(at("2025-01-11 09:21:23-07:00"), "2025-01-11T16:21:23Z");
    EXPECT_EQ(at("'2025-01-11 09:21:23Z'"), "2025-01-11T09:21:23Z");
    EXPECT_EQ(at("2015-05-06T05-00-00UTC"), "2015-05-06T05:00:00Z");
    EXPECT_EQ(at("20150506T050000Z"), "2015-05-06T05:00:00Z");
    EXPECT_EQ(at("1736587283512"), "2025-01-11T09:21:23Z");
    EXPECT_EQ(at("1736587283.512"), "2025-01-11T09:21:23Z");
    EXPECT_EQ(at("Mon, 21 Sep 2015 11:00AM PDT"), "2015-09-21T18:00:00Z");
    EXPECT_EQ(at("Mon Sep 21 04:12:09 UTC 2015"), "2015-09-21T04:12:09Z");
    EXPECT_EQ(at("September 21st, 2015 at 4:12 PM GMT+2"), "2015-09-21T14:12:00Z");
    EXPECT_EQ(at("31/Jan/2014:07:19:02 +0100"), "2014-01-31T06:19:02Z");
    EXPECT_EQ(at("31.01.2014 07:19:02 MEZ"), "2014-01-31T06:19:02Z");
    EXPECT_EQ(at("2015-09-25 22: 14:33-07:00"), "2015-09-26T05:14:33Z");
    // What had to be assumed is said.
    EXPECT_EQ(at("2025-01-11 09:21:23"), "2025-01-11T09:21:23Z !");
    EXPECT_EQ(at("8 Oct 2011 20:15:58 -0000 (EST)"), "2011-10-08T20:15:58Z !");
    EXPECT_EQ(at("8 Oct 2011 20:15:58 IST"), "2011-10-08T20:15:58Z !");
    for (const char* none : {"", "yesterday", "2025-02-30 10:00:00", "2025-01-11", "32 Jan 2025 10:00:00 GMT", "8 Foo 2011 20:15:58 GMT", "99999",
                             "02/03/2026 04:12:09", "Mar  2 04:12:09", "20151306T050000Z", "25:00",
                             "44444444444444444444444 Mar 2026 05:00:00 GMT", "2 Mar 2026 444444444444444444444444:05 GMT"})
        EXPECT_EQ(at(none), "none") << none;
}

TEST(Fields, a_logs_time_gets_its_year_from_the_mail) {
    const auto written = read_time("Mon, 2 Mar 2026 05:00:00 +0000")->at;
    const auto at = [&](const char* text, const char* zone) {
        const auto time = read_yearless_time(text, written, zone);
        return time ? format_rfc3339(time->at) : std::string("none");
    };
    EXPECT_EQ(at("Mar  1 05:10:22 host sshd[1]: x", "+0100"), "2026-03-01T04:10:22Z");
    EXPECT_EQ(at("Dec 31 23:59:59", "UTC"), "2025-12-31T23:59:59Z") << "that was last year";
    EXPECT_EQ(at("Feb 29 10:00:00", ""), "2024-02-29T10:00:00Z");
    EXPECT_EQ(at("Mar  1 05:10:22:3", ""), "none");
    EXPECT_EQ(at("May be 3 05:10", ""), "none");
}

TEST(Fields, times_in_sentences_of_other_languages_and_those_that_have_two_meanings) {
    const auto at = [](const char* text) { return format_rfc3339(read_time(text).value_or(ReadTime{}).at); };
    EXPECT_EQ(at("01.03.2026 um 05:10:22 Uhr (MEZ)"), "2026-03-01T04:10:22Z");
    EXPECT_EQ(at("13/02/2026 à 05:10 UTC"), "2026-02-13T05:10:00Z");
    EXPECT_EQ(ambiguous_time("03/04/2026 05:10:22 and so on"), "03/04/2026 05:10:22");
    for (const char* clear : {"13/04/2026 05:10:22", "04/04/2026 05:10:22", "03.04.2026 05:10:22", "03/04/2026", "03/04/2026 99:10", "a"})
        EXPECT_EQ(ambiguous_time(clear), "") << clear;
    ReportedEvent event;
    std::vector<std::string> warnings;
    read_observed_at("03/04/2026 05:10:22", event, warnings);
    EXPECT_FALSE(event.observed_at);
    EXPECT_EQ(event.observed_at_raw, "03/04/2026 05:10:22");
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_NE(warnings[0].find("day or the month"), std::string::npos) << warnings[0];
}

TEST(Fields, addresses_that_are_nobodys_on_the_internet) {
    for (const char* ip : {"192.0.2.1", "9.255.255.255", "100.63.0.1", "100.128.0.1", "172.15.0.1", "172.32.0.1", "223.1.1.1", "2001:db8::1", "2a00::1"})
        EXPECT_TRUE(on_the_internet(ip)) << ip;
    for (const char* ip : {"0.0.0.1", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.1.1", "172.16.0.1", "172.31.255.1", "192.168.1.1", "224.0.0.1",
                           "255.255.255.255", "::", "::1", "fd00::1", "fe80::1", "ff02::1", "no address"})
        EXPECT_FALSE(on_the_internet(ip)) << ip;
}

TEST(Fields, words_of_other_dialects_are_understood) {
    using Pair = std::pair<std::string, std::string>;
    EXPECT_EQ(kind_of_word("LoginAttack"), Pair("connection", "login_attack"));
    EXPECT_EQ(kind_of_word("login-attack"), Pair("connection", "login_attack"));
    EXPECT_EQ(kind_of_word("DDoS"), Pair("connection", "ddos"));
    EXPECT_EQ(kind_of_word("Brute Force"), Pair("connection", "login_attack"));
    EXPECT_EQ(kind_of_word("malware-attack"), Pair("content", "malware"));
    EXPECT_EQ(kind_of_word("Bot"), Pair("infrastructure", "botnet"));
    EXPECT_FALSE(kind_of_word("loud noise"));
    EXPECT_FALSE(kind_of_word(""));
    EXPECT_TRUE(is_type("content", "phishing"));
    EXPECT_FALSE(is_type("messaging", "phishing"));
}

TEST(Fields, endpoints_networks_and_disguises) {
    using Endpoint = std::pair<std::string, std::optional<uint16_t>>;
    EXPECT_EQ(read_endpoint("192.0.2.1:443"), Endpoint("192.0.2.1", uint16_t{443}));
    EXPECT_EQ(read_endpoint("[2001:db8::1]:443"), Endpoint("2001:db8::1", uint16_t{443}));
    EXPECT_EQ(read_endpoint("2001:db8::1"), Endpoint("2001:db8::1", std::nullopt));
    EXPECT_FALSE(read_endpoint("192.0.2.1:99999"));
    EXPECT_EQ(read_network("192.0.2.0/24"), "192.0.2.0/24");
    EXPECT_FALSE(read_network("192.0.2.0/33"));
    EXPECT_EQ(refanged("hxxps[://]shop[.]example (dot) com/a"), "https://shop.example.com/a");
    EXPECT_EQ(refanged("see hXXp [://] shop [dot] example/a"), "see http://shop.example/a");
    EXPECT_FALSE(looks_like_host("37.120.178.9.10"));
    ReportedPlace place;
    EXPECT_TRUE(place_identifier("192[.]0[.]2[.]1:8080", place));
    EXPECT_EQ(place.ip, "192.0.2.1");
    EXPECT_EQ(place.port, 8080);
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
