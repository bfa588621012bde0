// SPDX-License-Identifier: Apache-2.0
// To which addresses we connect on the word of a webhook's URL.
#pragma once

#include <bailiff/result.hpp>

#include <array>
#include <string>
#include <vector>

struct sockaddr;

namespace bailiff {

/// A network. IPv4 is kept in its IPv6-mapped form, with 96 added to the length.
struct Network {
    std::array<unsigned char, 16> bytes{};
    int length = 128;
    bool holds(const std::array<unsigned char, 16>& address) const;
    friend bool operator==(const Network&, const Network&) = default;
};

/// "10.0.0.0/8", "fd00::/8", or one address. Errors: invalid.
Result<Network> parse_network(const std::string& text);

class AddressGuard {
  public:
    explicit AddressGuard(std::vector<Network> named) : named_(std::move(named)) {}
    /// Whether an admin named a network that holds it.
    bool is_named(const sockaddr& address) const;
    /// Named, or public: routed on the Internet and nobody's own network, loopback, link, multicast, documentation or benchmark.
    bool permits(const sockaddr& address) const;

  private:
    std::vector<Network> named_;
};

}  // namespace bailiff
