// SPDX-License-Identifier: Apache-2.0
// Which addresses a host knows of a VM: by filters that are libvirt's own, by leases that are current, and by nothing else.
#include "agent/hypervisor/known_addresses.hpp"

#include "agent/hypervisor/domain_xml.hpp"

#include <gtest/gtest.h>

namespace bailiff::agent {
namespace {

using Texts = std::vector<std::string>;
const Instant now = Instant(Seconds(1'772'000'000));

std::string nic(const std::string& inside, const std::string& type = "network", const std::string& mac = "52:54:00:AA:BB:01") {
    return "<interface type='" + type + "'><mac address='" + mac + "'/><source network='public'/>" + inside + "</interface>";
}
std::string filter(const std::string& name, const std::string& parameters) { return "<filterref filter='" + name + "'>" + parameters + "</filterref>"; }
std::string ip(const std::string& value, const std::string& name = "IP") { return "<parameter name='" + name + "' value='" + value + "'/>"; }
Texts enforced(const std::string& nics) {
    const auto facts = read_domain("<domain id='7'><devices>" + nics + "</devices></domain>");
    EXPECT_TRUE(facts);
    return facts ? facts->enforced : Texts{"unreadable"};
}

TEST(KnownAddresses, are_those_that_a_filter_of_libvirts_enforces) {
    for (const char* name : {"clean-traffic", "clean-traffic-gateway", "no-ip-spoofing"})
        EXPECT_EQ(enforced(nic(filter(name, ip("203.0.113.7") + ip("203.0.113.8") + ip("2001:db8::7", "IPV6")))), (Texts{"203.0.113.7", "203.0.113.8"})) << name;
    EXPECT_EQ(enforced(nic(filter("no-ipv6-spoofing", ip("203.0.113.7") + ip("2001:DB8:0::7", "IPV6")))), Texts{"2001:db8::7"});
    EXPECT_EQ(enforced(nic(filter("clean-traffic", ip("203.0.113.7")), "bridge") + nic(filter("no-ip-spoofing", ip("203.0.113.9")), "ethernet")),
              (Texts{"203.0.113.7", "203.0.113.9"}));
}

TEST(KnownAddresses, are_not_claimed_where_the_guest_may_choose) {
    EXPECT_EQ(enforced(nic("")), Texts{});
    EXPECT_EQ(enforced(nic("<filterref filter='clean-traffic'/>")), Texts{}) << "libvirt learns it from the guest's first packet";
    EXPECT_EQ(enforced(nic(filter("clean-traffic", ip("dhcp", "CTRL_IP_LEARNING")))), Texts{});
    for (const char* name : {"no-arp-spoofing", "no-arp-ip-spoofing", "no-mac-spoofing", "allow-ipv4", "panels-own", "Clean-Traffic", "clean-traffic ", ""})
        EXPECT_EQ(enforced(nic(filter(name, ip("203.0.113.7") + ip("2001:db8::7", "IPV6")))), Texts{}) << name;
    for (const char* type : {"direct", "hostdev", "vhostuser", "user", "vdpa", ""})
        EXPECT_EQ(enforced(nic(filter("clean-traffic", ip("203.0.113.7")), type)), Texts{}) << "libvirt applies no filter to " << type;
    EXPECT_EQ(enforced("<hostdev>" + nic(filter("clean-traffic", ip("203.0.113.7"))) + "</hostdev>"), Texts{}) << "that is no interface of its";
}

TEST(KnownAddresses, of_hostile_definitions_are_whole_addresses_or_nothing) {
    for (const std::string value : {"", "203.0.113", "203.0.113.7/24", "203.0.113.07", " 203.0.113.7", "$IP", "web1", "2001:db8::7", "0x7f000001", "203.0.113.7\" x='"})
        EXPECT_EQ(enforced(nic(filter("clean-traffic", "<parameter name='IP' value=\"" + (value.find('"') == std::string::npos ? value : "x") + "\"/>"))), Texts{}) << value;
    EXPECT_EQ(enforced(nic(filter("clean-traffic", ip(std::string(100'000, '1'))))), Texts{});
    EXPECT_EQ(enforced(nic(filter("clean-traffic", ip("203.0.113.7&#10;")))), Texts{});
    std::string many;
    for (int i = 0; i < 3000; ++i) many += ip("10." + std::to_string(i / 65536) + "." + std::to_string(i / 256 % 256) + "." + std::to_string(i % 256));
    EXPECT_EQ(enforced(nic(filter("clean-traffic", many))).size(), most_vm_addresses);
    EXPECT_EQ(enforced(nic("<filterref/><filterref filter='clean-traffic'>" + ip("203.0.113.7") + "</filterref>")), Texts{}) << "the first one counts";
}

TEST(KnownAddresses, are_leases_of_its_own_interfaces_on_their_own_networks) {
    const OwnNetwork network{{{"52:54:00:aa:bb:01", "public", true}, {"52:54:00:aa:bb:02", "virbr7", true}, {"", "", true}}, {"203.0.113.9"}};
    const LeasesByNetwork leases{{"public",
                                  {{"52:54:00:aa:bb:01", "203.0.113.7", now.time_since_epoch().count() + 1},
                                   {"52:54:00:aa:bb:01", "203.0.113.6", now.time_since_epoch().count()},      // expired
                                   {"52:54:00:aa:bb:02", "203.0.113.5", 0},                                   // on the other interface's network
                                   {"52:54:00:aa:bb:01", "no address", 0},
                                   {"52:54:00:ff:ff:ff", "203.0.113.4", 0}}},
                                 {"virbr7", {{"52:54:00:aa:bb:02", "2001:DB8::2", 0}}},
                                 {"", {{"", "203.0.113.3", 0}}}};
    EXPECT_EQ(known_addresses(network, leases, now),
              (std::vector<VmAddress>{{KnownBy::enforced, "203.0.113.9"}, {KnownBy::lease, "2001:db8::2"}, {KnownBy::lease, "203.0.113.7"}}));
    EXPECT_TRUE(known_addresses({}, leases, now).empty());
    LeasesByNetwork many;
    for (int i = 0; i < 200; ++i) many["public"].push_back({"52:54:00:aa:bb:01", "203.0.113." + std::to_string(i), 0});
    const auto bounded = known_addresses(network, many, now);
    EXPECT_EQ(bounded.size(), most_vm_addresses);
    EXPECT_EQ(bounded.front().by, KnownBy::enforced) << "what is sure is kept";
}

TEST(KnownAddresses, stay_the_owners_while_we_hold_the_network) {
    // Limited: a filter of ours stands there, with the owner's parameters. Cut by network: the interface is elsewhere.
    HoldNote note;
    note.demand.limit.closed_ports = "25";
    note.live["52:54:00:AA:BB:01"] = nic(filter("clean-traffic", ip("203.0.113.7")));
    note.stored["52:54:00:AA:BB:01"] = nic(filter("clean-traffic", ip("203.0.113.99")));
    note.stored["52:54:00:AA:BB:02"] = nic(filter("clean-traffic", ip("203.0.113.8")), "bridge", "52:54:00:AA:BB:02");
    note.live["gone"] = nic(filter("clean-traffic", ip("203.0.113.50")), "network", "52:54:00:AA:BB:09");
    note.live["damaged"] = "<interface";
    EXPECT_EQ(enforced(nic(filter("bailiff-x", ip("203.0.113.7")))), Texts{});
    const auto found = network_as_found(note, {{"52:54:00:aa:bb:01", "bailiff-quarantine", false}, {"52:54:00:aa:bb:02", "br0", true}});
    EXPECT_EQ(found.enforced, (Texts{"203.0.113.7", "203.0.113.8"}));
    ASSERT_EQ(found.nics.size(), 2u);
    EXPECT_EQ(found.nics[0].network, "public");
    EXPECT_TRUE(network_as_found(HoldNote{}, {{"52:54:00:aa:bb:01", "public", true}}).enforced.empty()) << "what came later is not known";
}

}  // namespace
}  // namespace bailiff::agent
