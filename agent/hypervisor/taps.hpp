// SPDX-License-Identifier: Apache-2.0
// The host's end of VMs' interfaces, without libvirt: taken down before libvirt is asked to, rated where its own way does not
// work, and their addresses.
#pragma once

#include <bailiff/result.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace bailiff::agent {

/// Taps by name. Thread-safe; calls take milliseconds. `network_namespace` is a path such as /proc/PID/ns/net, for a libvirtd
/// that lives in another one than we do; empty for our own.
class HostTaps {
  public:
    explicit HostTaps(std::string network_namespace = "");

    /// Errors: not_found when there is no such tap, unavailable when the kernel refuses.
    Result<void> set_up(const std::string& tap, bool up) const;
    Result<bool> is_up(const std::string& tap) const;

    /// The address of one of these MACs with which the host has spoken within the last half minute; "" when there is none. By
    /// ip(8): libvirt 9.0 cannot read the neighbour table of newer kernels ("wrong nlmsg len").
    std::string neighbour(const std::vector<std::string>& macs) const;

    /// Caps each direction of these taps, each by itself, in place of what `table` did before. `table` is one VM's.
    /// An empty list removes the table. nft runs as a process; nothing of it survives a tap.
    Result<void> set_rate(const std::string& table, const std::vector<std::string>& taps, int64_t kilobytes) const;
    /// The rate that `table` sets on exactly these taps in both directions, in kilobytes a second; nothing when it does not.
    std::optional<int64_t> rate(const std::string& table, const std::vector<std::string>& taps) const;

    bool has_table(const std::string& table) const;

  private:
    struct Socket;
    /// One socket for all flags: it stays in the namespace in which it was made.
    Result<int> socket() const;
    Result<bool> flags(const std::string& tap, std::optional<bool> up) const;
    std::vector<std::string> command(std::vector<std::string> argv) const;
    std::string namespace_;
    std::shared_ptr<Socket> socket_;
};

/// The name of a VM's table, from its UUID.
std::string rate_table(const std::string& uuid);

/// What nft is given to make the table say so; exposed for its test.
std::string rate_rules(const std::string& table, const std::vector<std::string>& taps, int64_t kilobytes);

}  // namespace bailiff::agent
