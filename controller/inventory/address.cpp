// SPDX-License-Identifier: Apache-2.0
#include "controller/inventory/address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace bailiff {
namespace {
constexpr int mapped_bits = 96;
}  // namespace

bool is_v4(const Address& a) {
    return std::all_of(a.bytes.begin(), a.bytes.begin() + 10, [](uint8_t b) { return b == 0; }) && a.bytes[10] == 0xff && a.bytes[11] == 0xff;
}

std::optional<Address> parse_address(std::string_view text) {
    if (text.empty() || text.size() > 45 || text.find('\0') != std::string_view::npos) return std::nullopt;
    const std::string own(text);
    Address out;
    in_addr v4{};
    if (inet_pton(AF_INET, own.c_str(), &v4) == 1) {
        out.bytes[10] = out.bytes[11] = 0xff;
        std::memcpy(out.bytes.data() + 12, &v4, 4);
        return out;
    }
    if (inet_pton(AF_INET6, own.c_str(), out.bytes.data()) == 1) return out;
    return std::nullopt;
}

std::string text_of(const Address& address) {
    char text[INET6_ADDRSTRLEN] = "";
    if (is_v4(address)) inet_ntop(AF_INET, address.bytes.data() + 12, text, sizeof text);
    else inet_ntop(AF_INET6, address.bytes.data(), text, sizeof text);
    return text;
}

bool is_globally_unique(const Address& address) {
    const auto& b = address.bytes;
    // Of IPv6 the world has been given 2000::/3 so far.
    if (!is_v4(address)) return (b[0] & 0xe0) == 0x20;
    const uint8_t first = b[12], second = b[13];
    if (first == 0 || first == 10 || first == 127 || first >= 224) return false;
    if (first == 100) return (second & 0xc0) != 64;              // RFC 6598: behind a carrier's NAT
    if (first == 169) return second != 254;
    if (first == 172) return (second & 0xf0) != 16;
    if (first == 192) return second != 168 && (second != 0 || b[14] != 0);
    return first != 198 || (second & 0xfe) != 18;                // RFC 2544: benchmarks
}

std::string key_of(const Address& address) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    out.reserve(32);
    for (const uint8_t byte : address.bytes) {
        out += digits[byte >> 4];
        out += digits[byte & 15];
    }
    return out;
}

std::optional<Address> address_of_key(std::string_view key) {
    if (key.size() != 32) return std::nullopt;
    Address out;
    for (size_t i = 0; i < 16; ++i) {
        const auto [end, error] = std::from_chars(key.data() + 2 * i, key.data() + 2 * i + 2, out.bytes[i], 16);
        if (error != std::errc() || end != key.data() + 2 * i + 2) return std::nullopt;
    }
    return out;
}

Result<Prefix> parse_prefix(std::string_view text) {
    const std::string shown(text.substr(0, 60));
    const size_t slash = text.find('/');
    const auto address = parse_address(text.substr(0, slash));
    if (!address) return fail(Errc::invalid, "'" + shown + "' is no address and no prefix; write 203.0.113.7, 203.0.113.8/29 or 2001:db8:7::/64");
    // The mapped spelling of IPv4 with a length would be read in two ways; nobody writes it.
    const bool v4 = is_v4(*address);
    const int longest = v4 ? 32 : 128;
    int length = longest;
    if (slash != std::string_view::npos) {
        const std::string_view digits = text.substr(slash + 1);
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
        if (error != std::errc() || end != digits.data() + digits.size() || length < 0 || length > longest || (text.find(':') < slash) == v4)
            return fail(Errc::invalid, "'" + shown + "' has no length that goes with it; write /" + (v4 ? "0 to /32" : "0 to /128"));
    }
    const Prefix out = prefix_around(*address, length + (v4 ? mapped_bits : 0));
    if (out.network != *address) return fail(Errc::invalid, "'" + shown + "' has bits behind its length; is " + text_of(out) + " meant?");
    return out;
}

std::string text_of(const Prefix& prefix) {
    if (prefix.length == 128) return text_of(prefix.network);
    const bool v4 = prefix.length >= mapped_bits && is_v4(prefix.network);
    return text_of(prefix.network) + "/" + std::to_string(prefix.length - (v4 ? mapped_bits : 0));
}

Prefix prefix_around(const Address& address, int length) {
    Prefix out{address, std::clamp(length, 0, 128)};
    for (int i = 0; i < 16; ++i) {
        const int kept = std::clamp(out.length - 8 * i, 0, 8);
        out.network.bytes[size_t(i)] &= uint8_t(0xff00 >> kept);
    }
    return out;
}

bool holds(const Prefix& prefix, const Address& address) { return prefix_around(address, prefix.length).network == prefix.network; }

Address last_of(const Prefix& prefix) {
    Address out = prefix.network;
    for (int i = 0; i < 16; ++i) {
        const int kept = std::clamp(prefix.length - 8 * i, 0, 8);
        out.bytes[size_t(i)] |= uint8_t(0xff >> kept);
    }
    return out;
}

}  // namespace bailiff
