// SPDX-License-Identifier: Apache-2.0
// What an interface must look like for a demand, and that it gets back exactly what it had: also what others changed meanwhile.
#include "agent/hypervisor/console_xml.hpp"
#include "agent/hypervisor/network_hold.hpp"

#include <gtest/gtest.h>

namespace bailiff::agent {
namespace {

const std::string uuid = "11111111-1111-4111-8111-111111111111";
const std::string quarantine = "bailiff-quarantine";

std::string domain(const std::string& devices) { return "<domain><uuid>" + uuid + "</uuid><devices>" + devices + "</devices></domain>"; }

/// A bridge with the owner's own filter, rate and tag; and one that the owner has unplugged.
const std::string rich =
    "<interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='br0'/><vlan><tag id='7'/></vlan>"
    "<bandwidth><inbound average='5000' peak='6000'/></bandwidth><filterref filter='clean-traffic'><parameter name='IP' value='10.0.0.5'/></filterref>"
    "<model type='virtio'/><link state='up'/><address type='pci' slot='0x03'/></interface>";
const std::string unplugged =
    "<interface type='network'><mac address='52:54:00:00:00:02'/><source network='backup'/><link state='down'/><address type='pci' slot='0x04'/></interface>";

/// A definition with the note that belongs to it, and libvirt's part: an update replaces the interface of that MAC.
struct Held {
    std::map<std::string, std::string> nics;   // by MAC
    HoldNote note;

    explicit Held(const std::vector<std::string>& interfaces) {
        for (const auto& nic : interfaces) plug(nic);
    }
    void plug(const std::string& nic) { nics[nic.substr(nic.find("52:54"), 17)] = nic; }
    std::string xml() const {
        std::string all;
        for (const auto& [mac, nic] : nics) all += nic;
        return domain(all);
    }
    /// As the adapter does it. The number of interfaces that were updated.
    size_t demand(const NetworkDemand& wanted, IsolateBy by = IsolateBy::link) {
        EXPECT_TRUE(note_interfaces(xml(), note, quarantine, note.stored));
        note.demand = wanted;
        if (wanted.cut) note.by = by;
        if (wanted.limit.rate_kbit > 0) note.rates.insert(wanted.limit.rate_kbit);
        note = *parse_note(format_note(note));
        const auto updates = interface_updates(xml(), note, note.stored, uuid, quarantine);
        EXPECT_TRUE(updates) << updates.error().text;
        EXPECT_EQ(updates->out_of_reach, "");
        for (const auto& update : updates->updates) plug(update);
        return updates->updates.size();
    }
    LayerFacts facts() const {
        std::map<std::string, std::string> closed;
        const auto wanted = filters_wanted(xml(), note, note.stored, uuid);
        for (const auto& filter : *wanted) closed[filter.name] = closed_by_filter(filter_definition(filter, note.demand, ""));
        return *layer_facts(xml(), note, note.stored, uuid, quarantine, closed);
    }
    /// Compared child by child: the order of children is libvirt's business.
    void expect_as_found(const std::vector<std::string>& interfaces) {
        Held found(interfaces);
        EXPECT_TRUE(note_interfaces(found.xml(), found.note, quarantine, found.note.stored));
        EXPECT_EQ(interface_updates(xml(), found.note, found.note.stored, uuid, quarantine)->updates, std::vector<std::string>{}) << xml();
    }
};

NetworkDemand cut() { return {true, {}}; }
NetworkDemand limited(const std::string& ports, int64_t rate = 0) { return {false, {ports, rate}}; }

TEST(NetworkHold, every_demand_after_every_other_and_back) {
    const std::vector<std::string> interfaces{rich, unplugged};
    const std::vector<std::pair<NetworkDemand, IsolateBy>> demands{
        {cut(), IsolateBy::link},       {cut(), IsolateBy::network},          {cut(), IsolateBy::filter},
        {limited("25,465"), IsolateBy::link}, {limited("", 1024), IsolateBy::link}, {limited("25", 2048), IsolateBy::link}};
    for (const auto& [first, first_way] : demands)
        for (const auto& [second, second_way] : demands) {
            Held held(interfaces);
            held.demand(first, first_way);
            EXPECT_TRUE(held.facts().fits) << held.xml();
            EXPECT_EQ(held.facts().cut, first.cut);
            EXPECT_EQ(held.demand(first, first_way), 0u) << "twice is once";
            held.demand(second, second_way);
            const auto facts = held.facts();
            EXPECT_TRUE(facts.fits) << held.xml();
            EXPECT_EQ(facts.cut, second.cut);
            ASSERT_TRUE(facts.limit);
            EXPECT_EQ(*facts.limit, second.limit);
            held.demand({});
            held.expect_as_found(interfaces);
        }
}

TEST(NetworkHold, an_owners_filter_goes_on_filtering_within_ours) {
    Held held({rich});
    held.demand(limited("25,465"));
    EXPECT_NE(held.xml().find("value=\"10.0.0.5\""), std::string::npos) << "its parameters stay on the interface";
    const auto wanted = *filters_wanted(held.xml(), held.note, held.note.stored, uuid);
    ASSERT_EQ(wanted.size(), 1u);
    EXPECT_EQ(wanted[0].name, "bailiff-" + uuid + "-525400000001");
    const std::string filter = filter_definition(wanted[0], held.note.demand, "22222222-2222-4222-8222-222222222222");
    EXPECT_NE(filter.find("filter=\"clean-traffic\""), std::string::npos);
    EXPECT_NE(filter.find("22222222"), std::string::npos);
    EXPECT_EQ(closed_by_filter(filter), "25,465");
    EXPECT_EQ(closed_by_filter(filter_definition(wanted[0], cut(), "")), "all");
    EXPECT_EQ(closed_by_filter("<filter name='f'><rule action='accept' direction='inout'/></filter>"), "");
    std::string weakened = filter;
    weakened.replace(weakened.find("<ipv6 protocol=\"udp\" dstportstart=\"25\""), 5, "<arpx");
    EXPECT_EQ(closed_by_filter(weakened), "465") << "closed means closed for all of TCP, UDP, IPv4 and IPv6";
    std::string passed = filter;
    passed.insert(passed.find("<rule"), "<rule action=\"accept\" direction=\"inout\" priority=\"-999\"/>");
    EXPECT_EQ(closed_by_filter(passed), "") << "somebody lets frames pass before our rules";
}

TEST(NetworkHold, what_the_owner_changes_meanwhile_is_what_comes_back) {
    Held held({rich});
    held.demand(cut());
    const std::string redefined =
        "<interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='br9'/><model type='virtio'/>"
        "<address type='pci' slot='0x03'/></interface>";
    held.plug(redefined);   // a panel that writes its own definition over ours
    EXPECT_FALSE(held.facts().cut);
    EXPECT_FALSE(held.facts().fits);
    EXPECT_EQ(held.demand(cut()), 1u);
    EXPECT_TRUE(held.facts().cut);
    held.demand({});
    // Whether a link is up is what we change, so it is the one thing that is remembered from the first look.
    EXPECT_NE(held.xml().find("br9"), std::string::npos);
    EXPECT_EQ(held.xml().find("clean-traffic"), std::string::npos);
    EXPECT_EQ(held.xml().find("5000"), std::string::npos);
}

TEST(NetworkHold, an_interface_plugged_in_later_is_missed_and_then_held_too) {
    Held held({rich});
    held.demand(limited("25"));
    const std::string later = "<interface type='network'><mac address='52:54:00:00:00:09'/><source network='default'/></interface>";
    held.plug(later);
    EXPECT_FALSE(held.facts().fits);
    EXPECT_EQ(held.demand(limited("25")), 1u);
    EXPECT_TRUE(held.facts().fits);
    held.demand({});
    held.expect_as_found({rich, later});
}

TEST(NetworkHold, what_is_out_of_libvirts_reach_is_named_with_the_remedy) {
    for (const std::string type : {"hostdev", "vdpa", "vhostuser"}) {
        Held held({"<interface type='" + type + "'><mac address='52:54:00:00:00:01'/></interface>", unplugged});
        ASSERT_TRUE(note_interfaces(held.xml(), held.note, quarantine, held.note.stored));
        for (const auto& demand : {cut(), limited("25")}) {
            held.note.demand = demand;
            const auto updates = interface_updates(held.xml(), held.note, held.note.stored, uuid, quarantine);
            ASSERT_TRUE(updates);
            EXPECT_EQ(updates->updates.size(), demand.cut ? 0u : 1u) << "the others are seen to all the same";
            EXPECT_NE(updates->out_of_reach.find("52:54:00:00:00:01"), std::string::npos);
            EXPECT_NE(updates->out_of_reach.find("detach"), std::string::npos) << updates->out_of_reach;
        }
    }
}

TEST(NetworkHold, a_rate_on_the_tap_leaves_the_definition_alone) {
    Held held({rich});
    held.note.rate_on_tap = true;
    EXPECT_EQ(held.demand(limited("", 1024)), 0u);
    EXPECT_TRUE(held.facts().fits);
}

TEST(NetworkHold, taps_are_found_in_a_definition_and_in_libvirts_status) {
    const std::string running = domain("<interface type='network'><mac address='52:54:00:00:00:01'/><target dev='vnet3'/></interface>"
                                       "<interface type='hostdev'><mac address='52:54:00:00:00:02'/></interface>");
    for (const std::string& xml : {running, "<domstatus state='running'>" + running + "</domstatus>"}) {
        const auto taps = taps_of(xml);
        ASSERT_TRUE(taps);
        ASSERT_EQ(taps->size(), 1u);
        EXPECT_EQ(taps->at(0).tap, "vnet3");
    }
    EXPECT_FALSE(taps_of("<network/>"));
}

TEST(NetworkHold, a_damaged_note_is_an_error_and_not_an_empty_one) {
    EXPECT_FALSE(parse_note(""));
    EXPECT_FALSE(parse_note("{}"));
    EXPECT_FALSE(parse_note("[1]"));
}

TEST(ConsoleXml, screens_and_serial_lines_with_their_addresses) {
    const std::string xml = domain(
        "<serial type='pty'><source path='/dev/pts/4'/></serial><console type='pty'><source path='/dev/pts/4'/></console>"
        "<serial type='file'><source path='/var/log/x'/></serial><serial type='unix'><source mode='bind' path='/run/x.sock'/></serial>"
        "<graphics type='vnc' port='5901' autoport='yes' passwd='old'><listen type='address' address='127.0.0.1'/></graphics>"
        "<graphics type='spice' port='5902'><listen type='address' address='::1'/></graphics>"
        "<graphics type='vnc'><listen type='socket' socket='/run/vnc.sock'/></graphics><graphics type='egl-headless'/>");
    const auto screens = *screens_of(xml);
    ASSERT_EQ(screens.size(), 3u);
    EXPECT_EQ(screens[0].console.address, "127.0.0.1:5901");
    EXPECT_TRUE(screens[0].takes_password);
    EXPECT_EQ(screens[1].console.kind, "spice");
    EXPECT_EQ(screens[1].console.address, "[::1]:5902");
    EXPECT_FALSE(screens[1].takes_password);
    EXPECT_EQ(screens[2].console.address, "/run/vnc.sock");
    const auto lines = *serial_lines_of(xml);
    ASSERT_EQ(lines.size(), 2u);
    EXPECT_EQ(lines[0].address, "/dev/pts/4");
    EXPECT_EQ(lines[1].address, "/run/x.sock");
    const std::string changed = with_password(screens[0].xml, "new<&\"", *parse_rfc3339("2026-03-02T10:00:00Z"));
    EXPECT_NE(changed.find("passwdValidTo=\"2026-03-02T10:00:00\""), std::string::npos) << changed;
    EXPECT_EQ(changed.find("old"), std::string::npos);
    EXPECT_NE(changed.find("new&lt;&amp;"), std::string::npos);
    EXPECT_TRUE(screens_of(domain(""))->empty());
}

}  // namespace
}  // namespace bailiff::agent
