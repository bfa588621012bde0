// SPDX-License-Identifier: Apache-2.0
// Addresses have one text and one key; prefixes hold what they say.
#include "controller/inventory/address.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace bailiff::test {
namespace {

Address address(std::string_view text) {
    const auto out = parse_address(text);
    if (!out) throw std::runtime_error(std::string(text));
    return *out;
}

TEST(Addresses, have_one_text) {
    EXPECT_EQ(text_of(address("192.0.2.1")), "192.0.2.1");
    EXPECT_EQ(text_of(address("::ffff:192.0.2.1")), "192.0.2.1") << "the mapped form is the same address";
    EXPECT_EQ(address("::ffff:c000:0201"), address("192.0.2.1"));
    EXPECT_EQ(text_of(address("2001:0DB8:0:0:0:0:0:1")), "2001:db8::1");
    EXPECT_TRUE(is_v4(address("::ffff:192.0.2.1")));
    EXPECT_FALSE(is_v4(address("::192.0.2.1"))) << "the old compatible form is an IPv6 address";
    for (const char* no : {"", "web1", "192.0.2", "192.0.2.256", "192.0.2.01", " 192.0.2.1", "fe80::1%eth0", "1::2::3", "192.0.2.1/32"})
        EXPECT_FALSE(parse_address(no)) << no;
    EXPECT_FALSE(parse_address(std::string_view("192.0.2.1\0x", 11)));
}

TEST(Addresses, have_keys_that_sort_as_they_do) {
    std::vector<std::string> sorted{"::1", "9.255.255.255", "10.0.0.0", "192.0.2.1", "2001:db8::", "2001:db8::1", "fe80::1"};
    for (size_t i = 0; i + 1 < sorted.size(); ++i) {
        EXPECT_LT(address(sorted[i]), address(sorted[i + 1]));
        EXPECT_LT(key_of(address(sorted[i])), key_of(address(sorted[i + 1]))) << sorted[i];
    }
    for (const auto& text : sorted) EXPECT_EQ(address_of_key(key_of(address(text))), address(text));
    EXPECT_FALSE(address_of_key("00"));
    EXPECT_FALSE(address_of_key(std::string(32, 'g')));
    EXPECT_EQ(key_of(address("192.0.2.1")), "00000000000000000000ffffc0000201");
}

TEST(Prefixes, are_read_and_written) {
    for (const char* text : {"203.0.113.8/29", "0.0.0.0/0", "10.0.0.0/8", "2001:db8:7::/64", "2001:db8::/32", "192.0.2.1", "2001:db8::1"})
        EXPECT_EQ(text_of(parse_prefix(text).value()), text);
    EXPECT_EQ(text_of(parse_prefix("192.0.2.1/32").value()), "192.0.2.1") << "a prefix of one address is that address";
    EXPECT_EQ(parse_prefix("192.0.2.0/24")->length, 120);
    for (const char* no : {"203.0.113.8/33", "203.0.113.8/", "203.0.113.8/-1", "203.0.113.8/x", "2001:db8::/129", "x/8", "203.0.113.8/29/1", "::ffff:10.0.0.0/8"})
        EXPECT_FALSE(parse_prefix(no)) << no;
    const auto slip = parse_prefix("203.0.113.9/29");
    ASSERT_FALSE(slip);
    EXPECT_NE(slip.error().text.find("is 203.0.113.8/29 meant?"), std::string::npos) << slip.error().text;
}

TEST(Prefixes, hold_what_they_say) {
    const Prefix routed = *parse_prefix("203.0.113.8/29"), six = *parse_prefix("2001:db8:7::/64");
    EXPECT_TRUE(holds(routed, address("203.0.113.8")));
    EXPECT_TRUE(holds(routed, address("203.0.113.15")));
    EXPECT_FALSE(holds(routed, address("203.0.113.16")));
    EXPECT_FALSE(holds(routed, address("203.0.113.7")));
    EXPECT_EQ(last_of(routed), address("203.0.113.15"));
    EXPECT_TRUE(holds(six, address("2001:db8:7:0:ffff::")));
    EXPECT_FALSE(holds(six, address("2001:db8:7:1::")));
    EXPECT_EQ(last_of(six), address("2001:db8:7:0:ffff:ffff:ffff:ffff"));
    EXPECT_TRUE(holds(Prefix{Address{}, 0}, address("192.0.2.1")));
    for (int length = 0; length <= 128; ++length) {
        const Address one = address("2001:db8:abcd:1234:5678:9abc:def0:4321");
        const Prefix around = prefix_around(one, length);
        EXPECT_TRUE(holds(around, one)) << length;
        EXPECT_LE(around.network, one);
        EXPECT_GE(last_of(around), one);
        EXPECT_EQ(prefix_around(last_of(around), length), around);
    }
}

TEST(Addresses, that_anybody_may_have_are_not_unique) {
    for (const char* one : {"203.0.113.7", "8.8.8.8", "100.63.255.255", "100.128.0.1", "169.253.0.1", "172.15.0.1", "172.32.0.1", "192.167.1.1", "192.0.2.1", "198.17.0.1",
                            "198.20.0.1", "223.255.255.255", "2001:db8::1", "2a00:1450::1"})
        EXPECT_TRUE(is_globally_unique(address(one))) << one;
    for (const char* one : {"0.0.0.0", "10.1.2.3", "100.64.0.1", "100.127.255.255", "127.0.0.1", "169.254.1.1", "172.16.0.1", "172.31.255.255", "192.168.122.2", "192.0.0.8",
                            "198.18.0.1", "198.19.255.255", "224.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fd00::1", "ff02::1", "64:ff9b::1"})
        EXPECT_FALSE(is_globally_unique(address(one))) << one;
}

}  // namespace
}  // namespace bailiff::test
