// SPDX-License-Identifier: Apache-2.0
// The special-purpose registries of IANA (RFC 6890 and its updates), as of 2026.
#include "controller/webhooks/address_guard.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

namespace bailiff {
namespace {

using Bytes = std::array<unsigned char, 16>;

Bytes mapped(const in_addr& v4) {
    Bytes out{};
    out[10] = out[11] = 0xff;
    std::memcpy(out.data() + 12, &v4, 4);
    return out;
}

std::optional<Bytes> bytes_of(const sockaddr& address) {
    if (address.sa_family == AF_INET) return mapped(reinterpret_cast<const sockaddr_in&>(address).sin_addr);
    if (address.sa_family != AF_INET6) return std::nullopt;
    Bytes out{};
    std::memcpy(out.data(), &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr, 16);
    return out;
}

Network network(const char* text) { return parse_network(text).value(); }

/// Never on the Internet, whoever owns them here.
const std::vector<Network>& special() {
    static const std::vector<Network> all = [] {
        std::vector<Network> out;
        for (const char* text : {"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
                                 "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
                                 "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"})
            out.push_back(network(text));
        return out;
    }();
    return all;
}

}  // namespace

bool Network::holds(const Bytes& address) const {
    const int whole = length / 8, rest = length % 8;
    if (!std::equal(bytes.begin(), bytes.begin() + whole, address.begin())) return false;
    if (rest == 0) return true;
    const auto mask = static_cast<unsigned char>(0xff00 >> rest);
    return (bytes[size_t(whole)] & mask) == (address[size_t(whole)] & mask);
}

Result<Network> parse_network(const std::string& text) {
    const auto refuse = [&] { return fail(Errc::invalid, "'" + text.substr(0, 60) + "' is no network; write 10.0.0.0/8, fd00::/8, or one address"); };
    const size_t slash = text.find('/');
    const std::string address = text.substr(0, slash);
    Network out;
    in_addr v4{};
    int longest = 128, added = 0;
    if (::inet_pton(AF_INET, address.c_str(), &v4) == 1) {
        out.bytes = mapped(v4);
        longest = 32;
        added = 96;
    } else if (::inet_pton(AF_INET6, address.c_str(), out.bytes.data()) != 1) {
        return refuse();
    }
    int length = longest;
    if (slash != std::string::npos) {
        const std::string digits = text.substr(slash + 1);
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
        if (error != std::errc() || end != digits.data() + digits.size() || length < 0 || length > longest) return refuse();
    }
    out.length = length + added;
    return out;
}

bool AddressGuard::is_named(const sockaddr& address) const {
    const auto bytes = bytes_of(address);
    return bytes && std::any_of(named_.begin(), named_.end(), [&](const Network& one) { return one.holds(*bytes); });
}

bool AddressGuard::permits(const sockaddr& address) const {
    if (is_named(address)) return true;
    const auto bytes = bytes_of(address);
    if (!bytes) return false;
    // Of IPv6 only 2000::/3 is given out at all; IPv4 stands in its mapped form.
    static const Network global = network("2000::/3"), v4{mapped(in_addr{}), 96};
    if (!global.holds(*bytes) && !v4.holds(*bytes)) return false;
    return std::none_of(special().begin(), special().end(), [&](const Network& one) { return one.holds(*bytes); });
}

}  // namespace bailiff
