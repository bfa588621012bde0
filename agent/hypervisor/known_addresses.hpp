// SPDX-License-Identifier: Apache-2.0
// The addresses that a host knows of its VMs: what libvirt's filters let through, and what its networks gave out. Pure.
#pragma once

#include "agent/hypervisor/network_hold.hpp"

#include <bailiff/time.hpp>
#include <bailiff/vm.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace bailiff::agent {

/// A VM's interfaces as its owner has them, and the addresses that they let it send from.
struct OwnNetwork {
    std::vector<VmNic> nics;
    std::vector<std::string> enforced;
};

struct DhcpLease {
    std::string mac;       ///< lower case
    std::string address;
    int64_t expires = 0;   ///< seconds since 1970; 0 = never
};
/// By the name of the network, or of its bridge.
using LeasesByNetwork = std::map<std::string, std::vector<DhcpLease>>;

/// As interfaces and leases are compared by it.
std::string lower_mac(std::string mac);

/// Of the interfaces that are plugged in now (`plugged`), as the note has them: a cut or a limit moves and filters interfaces, and
/// changes nothing in whose addresses they are. What came later than the note is not known.
OwnNetwork network_as_found(const HoldNote& note, const std::vector<VmNic>& plugged);

/// As a record tells them: sorted, each once, and no more than it may hold. An expired lease is none.
std::vector<VmAddress> known_addresses(const OwnNetwork& network, const LeasesByNetwork& leases, Instant now);

}  // namespace bailiff::agent
