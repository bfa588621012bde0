// SPDX-License-Identifier: Apache-2.0
// Evidence for customers: other people's matters are masked, what finds the cause stays.
#include "controller/core/redaction.hpp"

#include <gtest/gtest.h>

namespace bailiff::core::test {
namespace {

const Redaction asha{{"192.0.2.10", "2001:db8:7::10", "asha@lotus.example"}, {"cert@reporter.example", "Sensor Nine"}};
std::string shown(std::string_view text) { return redacted(text, asha); }

TEST(Redaction, masks_whom_a_machine_wrote_to_and_not_the_customer) {
    EXPECT_EQ(shown("To: jane.doe+x@victim.example, asha@lotus.example"), "To: ***@victim.example, asha@lotus.example");
    EXPECT_EQ(shown("<a@b.example>; ASHA@LOTUS.EXAMPLE."), "<***@b.example>; ASHA@LOTUS.EXAMPLE.");
    EXPECT_EQ(shown("user@localhost and @ alone"), "user@localhost and @ alone") << "no address of a person";
}

TEST(Redaction, masks_the_end_of_other_peoples_ip_addresses) {
    EXPECT_EQ(shown("192.0.2.10 -> 203.0.113.77:22"), "192.0.2.10 -> 203.0.113.x:22");
    EXPECT_EQ(shown("127.0.0.1 10.1.2.3 192.168.0.9 172.20.1.1 0.0.0.0"), "127.0.0.1 10.1.2.3 192.168.0.9 172.20.1.1 0.0.0.0");
    EXPECT_EQ(shown("from 2001:db8:aaaa:1::5 to 2001:db8:7::10 and ::1"), "from 2001:db8:aaaa::x to 2001:db8:7::10 and ::1");
    EXPECT_EQ(shown("[2001:db8:1:2:3:4:5:6]:443"), "[2001:db8:1::x]:443");
    EXPECT_EQ(shown("IP 203.0.113.77.443 > 192.0.2.10.22: Flags [S]"), "IP 203.0.113.x.443 > 192.0.2.10.22: Flags [S]") << "as tcpdump writes ports";
    EXPECT_EQ(shown("IP6 2001:db8:aaaa:1::5.443 > 2001:db8:7::10.22"), "IP6 2001:db8:aaaa::x.443 > 2001:db8:7::10.22");
    EXPECT_EQ(shown("::ffff:203.0.113.77 64:ff9b::203.0.113.77 ::ffff:192.0.2.10"), "::ffff:203.0.113.x 64:ff9b::203.0.113.x ::ffff:192.0.2.10");
    for (const char* text : {"fe80::1 ff02::fb fd00:1::5", "at 12:30:05", "2026-03-02T05:00:00Z", "MAC 00:16:3e:aa:bb:cc", "999.1.1.1", "a::b of c++", "std::vector"})
        EXPECT_EQ(shown(text), text);
}

TEST(Redaction, masks_what_logs_in) {
    EXPECT_EQ(shown("password: hunter2 next"), "password: *** next");
    EXPECT_EQ(shown("user=bob&passwd=abc&x=1"), "user=bob&passwd=***&x=1");
    EXPECT_EQ(shown("{\"api_key\": \"k-123\", \"a\": 1}"), "{\"api_key\": \"***\", \"a\": 1}");
    EXPECT_EQ(shown("Authorization: Basic dXNlcjpwYXNz\nHost: x"), "Authorization: ***\nHost: x");
    EXPECT_EQ(shown("X-Auth-Token: 12345"), "X-Auth-Token: ***");
    EXPECT_EQ(shown("the password was guessed; tokens are cheap"), "the password was guessed; tokens are cheap");
    EXPECT_EQ(shown("ftp://bob:secret@files.example/a"), "ftp://***@files.example/a");
}

TEST(Redaction, masks_tokens_in_urls_and_keeps_the_way_to_the_file) {
    EXPECT_EQ(shown("http://192.0.2.10/wp/invoice.zip?id=7&token=abc&lang=en"), "http://192.0.2.10/wp/invoice.zip?id=7&token=***&lang=en");
    EXPECT_EQ(shown("https://x.example/r?u=a8f3kd02mfk38dk2lsk4&m=jane@victim.example"), "https://x.example/r?u=***&m=***@victim.example");
    EXPECT_EQ(shown("GET http://203.0.113.9/shell.php HTTP"), "GET http://203.0.113.x/shell.php HTTP");
}

TEST(Redaction, masks_numbers_of_cards_and_no_other_numbers) {
    EXPECT_EQ(shown("card 4111 1111 1111 1111, 4111-1111-1111-1111"), "card ****1111, ****1111");
    EXPECT_EQ(shown("order 4111111111111112, phone 00918055501170, 0000000000000000"), "order 4111111111111112, phone 00918055501170, 0000000000000000");
}

TEST(Redaction, hides_who_reported) {
    EXPECT_EQ(shown("Reported by CERT@reporter.example (sensor nine)."), "Reported by [...] ([...]).");
}

TEST(Redaction, takes_no_longer_and_no_deeper_for_text_that_means_it_ill) {
    const auto filled = [](std::string_view piece, size_t size) {
        std::string text;
        while (text.size() < size) text += piece;
        return text;
    };
    EXPECT_TRUE(shown(filled("http://", 256 << 10)).starts_with("http://http://"));
    for (const char* piece : {"a-", "a:", "a.", "1.", "x+", "http://a@?b=", "password=", "::", "4 "}) EXPECT_FALSE(shown(filled(piece, 16 << 10)).empty()) << piece;
    EXPECT_EQ(shown("http://a.example/?u=http://b.example/?u=http://c:d@e.example/"), "http://a.example/?u=http://b.example/?u=http://***@e.example/");
}

TEST(Redaction, keeps_everything_else_byte_by_byte) {
    const std::string hash = "SHA-256 275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";
    for (const std::string& text : {hash, std::string("प्रमाण: फ़ाइल /var/www/x.php\n\tline two"), std::string(), std::string("\xff\xfe broken \x01")}) EXPECT_EQ(shown(text), text);
    EXPECT_EQ(shown(std::string(200'000, 'a')), std::string(200'000, 'a'));
    EXPECT_EQ(shown(shown("jane@victim.example 203.0.113.7 password=x")), shown("jane@victim.example 203.0.113.7 password=x")) << "twice is once";
}

}  // namespace
}  // namespace bailiff::core::test
