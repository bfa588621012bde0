// SPDX-License-Identifier: Apache-2.0
// See known_addresses.hpp. Definitions come from panels and their customers: only what is an address in full is taken.
#include "agent/hypervisor/known_addresses.hpp"

#include "agent/hypervisor/xml_tree.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <set>

namespace bailiff::agent {
namespace {

/// The address in its usual form; nothing for a name, a variable, a network.
std::optional<std::string> address_text(const std::string& text, int family) {
    unsigned char bytes[sizeof(in6_addr)] = {};
    char out[INET6_ADDRSTRLEN] = "";
    if (text.size() >= sizeof out || inet_pton(family, text.c_str(), bytes) != 1 || !inet_ntop(family, bytes, out, sizeof out)) return std::nullopt;
    return out;
}

}  // namespace

std::string lower_mac(std::string mac) {
    std::transform(mac.begin(), mac.end(), mac.begin(), [](unsigned char c) { return char(std::tolower(c)); });
    return mac;
}

/// Filters that libvirt ships and that drop what is sent from any other address than its parameters (nwfilter/*.xml). Others of its
/// filters look at ARP alone, or at none. Without a parameter libvirt learns the address from the guest's first packet, or from its
/// DHCP: that is the guest's word.
std::vector<std::string> enforced_on(const pugi::xml_node& nic) {
    // Elsewhere libvirt applies no filter.
    static const std::set<std::string_view> filtered{"network", "bridge", "ethernet"};
    // clean-traffic lets no IPv6 through at all, the gateway's does so unlooked at.
    static const std::set<std::string_view> of_v4{"clean-traffic", "clean-traffic-gateway", "no-ip-spoofing"}, of_v6{"no-ipv6-spoofing"};
    std::vector<std::string> out;
    const pugi::xml_node reference = nic.child("filterref");
    const std::string_view filter = reference.attribute("filter").value();
    const bool v4 = of_v4.contains(filter), v6 = of_v6.contains(filter);
    if ((!v4 && !v6) || !filtered.contains(nic.attribute("type").value())) return out;
    for (const pugi::xml_node& parameter : reference.children("parameter")) {
        if (out.size() == most_vm_addresses) break;
        if (std::string_view(parameter.attribute("name").value()) != (v4 ? "IP" : "IPV6")) continue;
        if (auto address = address_text(parameter.attribute("value").value(), v4 ? AF_INET : AF_INET6)) out.push_back(std::move(*address));
    }
    return out;
}

OwnNetwork network_as_found(const HoldNote& note, const std::vector<VmNic>& plugged) {
    OwnNetwork out;
    std::set<std::string> macs;
    for (const VmNic& nic : plugged) macs.insert(nic.mac);
    const auto add = [&](const std::map<std::string, std::string>& found) {
        std::set<std::string> here;
        for (const auto& [key, xml] : found) {
            pugi::xml_document document;
            if (!parse_tree(xml, "interface", document)) continue;
            const VmNic nic = read_nic(document.child("interface"));
            if (!macs.contains(nic.mac)) continue;
            here.insert(nic.mac);
            out.nics.push_back(nic);
            for (auto& address : enforced_on(document.child("interface"))) out.enforced.push_back(std::move(address));
        }
        for (const auto& mac : here) macs.erase(mac);
    };
    // A VM that was started by us with its network held was noted while it was off.
    add(note.live);
    add(note.stored);
    return out;
}

std::vector<VmAddress> known_addresses(const OwnNetwork& network, const LeasesByNetwork& leases, Instant now) {
    std::set<VmAddress> all;
    for (const auto& address : network.enforced) all.insert({KnownBy::enforced, address});
    for (const VmNic& nic : network.nics) {
        const auto of_network = leases.find(nic.network);
        if (of_network == leases.end() || nic.network.empty() || nic.mac.empty()) continue;
        for (const DhcpLease& lease : of_network->second) {
            if (lease.mac != nic.mac || (lease.expires != 0 && Instant(Seconds(lease.expires)) <= now)) continue;
            auto address = address_text(lease.address, AF_INET);
            if (!address) address = address_text(lease.address, AF_INET6);
            if (address) all.insert({KnownBy::lease, std::move(*address)});
        }
    }
    std::vector<VmAddress> out(all.begin(), all.end());
    // What is enforced stands first.
    if (out.size() > most_vm_addresses) out.resize(most_vm_addresses);
    return out;
}

}  // namespace bailiff::agent
