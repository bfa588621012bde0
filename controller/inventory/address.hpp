// SPDX-License-Identifier: Apache-2.0
// IP addresses and prefixes: one normal form, one arithmetic for IPv4 and IPv6.
#pragma once

#include <bailiff/result.hpp>

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bailiff {

/// An IP address. IPv4 is kept in its IPv6-mapped form: 192.0.2.1 and ::ffff:192.0.2.1 are one address.
struct Address {
    std::array<uint8_t, 16> bytes{};
    friend auto operator<=>(const Address&, const Address&) = default;
};

/// Nothing for what is no address: a name, a zone ("fe80::1%eth0"), octets with leading zeros, blanks.
std::optional<Address> parse_address(std::string_view text);
bool is_v4(const Address& address);
/// "192.0.2.1", "2001:db8::1" (RFC 5952): each address has exactly one.
std::string text_of(const Address& address);
/// 32 hex digits, which sort as the addresses do: what databases keep.
std::string key_of(const Address& address);
std::optional<Address> address_of_key(std::string_view key);

/// Whether only one machine in the world can have it. Private, shared, link-local, multicast and reserved ones are not; those of
/// documentation count as anybody's.
bool is_globally_unique(const Address& address);

/// A network, or one address with all 128 bits. `length` counts in the mapped form: 96 more than people write for IPv4.
struct Prefix {
    Address network;
    int length = 128;
    friend auto operator<=>(const Prefix&, const Prefix&) = default;
};

/// "203.0.113.8/29", "2001:db8:7::/64", or an address alone. Errors: invalid, when it is none or has bits behind its length (the
/// text names the network that is meant).
Result<Prefix> parse_prefix(std::string_view text);
std::string text_of(const Prefix& prefix);
/// The network of so many bits that holds the address.
Prefix prefix_around(const Address& address, int length);
bool holds(const Prefix& prefix, const Address& address);
/// The last address that it holds; the first is its network.
Address last_of(const Prefix& prefix);

}  // namespace bailiff
