// SPDX-License-Identifier: Apache-2.0
// No webhook leads into our own network unless an admin named it.
#include "controller/webhooks/address_guard.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <cstring>

namespace bailiff::test {
namespace {

bool permits(const AddressGuard& guard, const std::string& text) {
    sockaddr_storage address{};
    auto& v4 = reinterpret_cast<sockaddr_in&>(address);
    auto& v6 = reinterpret_cast<sockaddr_in6&>(address);
    if (::inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) v4.sin_family = AF_INET;
    else if (::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) v6.sin6_family = AF_INET6;
    else ADD_FAILURE() << text;
    return guard.permits(reinterpret_cast<const sockaddr&>(address));
}

TEST(AddressGuard, permits_what_is_on_the_internet_and_nothing_else) {
    const AddressGuard guard({});
    for (const char* address : {"8.8.8.8", "1.1.1.1", "172.15.255.255", "172.32.0.1", "100.63.255.255", "223.255.255.255", "2606:4700::1111", "2a00::1"})
        EXPECT_TRUE(permits(guard, address)) << address;
    for (const char* address : {"0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.255.255", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.168.1.1",
                                "192.0.2.1", "198.18.0.1", "203.0.113.9", "224.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fc00::1", "fd12::1", "ff02::1",
                                "2001:db8::1", "2002:7f00:1::", "64:ff9b::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "100::1", "2001::1"})
        EXPECT_FALSE(permits(guard, address)) << address;
    EXPECT_TRUE(permits(guard, "::ffff:8.8.8.8")) << "it is 8.8.8.8";
    sockaddr unix_socket{};
    unix_socket.sa_family = AF_UNIX;
    EXPECT_FALSE(guard.permits(unix_socket));
}

TEST(AddressGuard, permits_networks_that_were_named) {
    const AddressGuard guard({*parse_network("10.20.0.0/16"), *parse_network("fd00:1::/32"), *parse_network("127.0.0.1")});
    for (const char* address : {"10.20.0.1", "10.20.255.255", "fd00:1::5", "127.0.0.1", "::ffff:10.20.1.1", "8.8.8.8"}) EXPECT_TRUE(permits(guard, address)) << address;
    for (const char* address : {"10.21.0.1", "fd00:2::5", "127.0.0.2"}) EXPECT_FALSE(permits(guard, address)) << address;
}

TEST(Networks, are_written_as_prefixes) {
    EXPECT_EQ(parse_network("10.0.0.0/8")->length, 104);
    EXPECT_EQ(parse_network("0.0.0.0/0")->length, 96);
    EXPECT_EQ(parse_network("::/0")->length, 0);
    for (const char* text : {"", "10.0.0.0/", "10.0.0.0/33", "10.0.0/8", "::/129", "host", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0.0/ 8"}) {
        const auto parsed = parse_network(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_NE(parsed.error().text.find("10.0.0.0/8"), std::string::npos) << "names the remedy";
    }
}

}  // namespace
}  // namespace bailiff::test
