// SPDX-License-Identifier: Apache-2.0
// The arithmetic of interfaces: found + demand -> wanted, aspect by aspect.
#include "agent/hypervisor/network_hold.hpp"

#include "agent/hypervisor/xml_tree.hpp"

#include <bailiff/json.hpp>

#include <algorithm>

namespace bailiff::agent {
namespace {

constexpr std::string_view filter_prefix = "bailiff-";

/// The children that we may replace, in no order: what is on one is told apart from the others.
constexpr const char* link_aspect = "link";
constexpr const char* filter_aspect = "filterref";
constexpr const char* rate_aspect = "bandwidth";

std::string mac_of(const pugi::xml_node& nic) { return nic.child("mac").attribute("address").value(); }

/// Two interfaces may have one MAC, but not one slot.
std::string key_of(const pugi::xml_node& nic) {
    const pugi::xml_node slot = nic.child("address");
    std::string key = mac_of(nic);
    for (const char* part : {"domain", "bus", "slot", "function", "cssid", "ssid", "devno"})
        if (const auto value = slot.attribute(part)) key += std::string(" ") + value.value();
    return key;
}

std::string text_of_node(const pugi::xml_node& node) {
    if (!node) return "";
    pugi::xml_document document;
    document.append_copy(node);
    return text_of(document);
}

/// One aspect as text, for comparing.
std::string aspect(const pugi::xml_node& nic, const char* name) { return text_of_node(nic.child(name)); }

/// Where the interface is plugged in. What libvirt adds to a running one says nothing of that.
std::string plugged(const pugi::xml_node& nic) {
    pugi::xml_document copy;
    pugi::xml_node source = copy.append_copy(nic.child("source"));
    source.remove_attribute("portid");
    const bool network = std::string_view(nic.attribute("type").value()) == "network";
    if (network) source.remove_attribute("bridge");
    // A running interface shows its network's own <port> as if it were its.
    return std::string(nic.attribute("type").value()) + text_of(copy) + aspect(nic, "virtualport") + aspect(nic, "vlan") +
           (network ? "" : aspect(nic, "port"));
}

void replace(pugi::xml_node nic, const char* name, const pugi::xml_node& by) {
    while (nic.remove_child(name)) {
    }
    if (by) nic.append_copy(by);
}

/// A definition's interfaces, with the document they live in.
struct Interfaces {
    pugi::xml_document document;
    std::vector<pugi::xml_node> all;
};
Result<void> read(std::string_view xml, Interfaces& out) {
    if (auto parsed = parse_tree(xml, "domain", out.document); !parsed) return parsed;
    for (const pugi::xml_node& nic : out.document.child("domain").child("devices").children("interface")) out.all.push_back(nic);
    return {};
}

pugi::xml_node read_found(const std::map<std::string, std::string>& found, const std::string& key, pugi::xml_document& into) {
    const auto at = found.find(key);
    if (at == found.end() || !parse_tree(at->second, "interface", into)) return {};
    return into.child("interface");
}

bool refers_to_ours(const pugi::xml_node& nic) {
    return std::string_view(nic.child(filter_aspect).attribute("filter").value()).starts_with(filter_prefix);
}

std::string filter_name(const pugi::xml_node& nic, const std::string& uuid) {
    std::string mac = mac_of(nic);
    std::erase(mac, ':');
    return std::string(filter_prefix) + uuid + "-" + mac;
}

void append_rate(pugi::xml_node nic, int64_t rate_kbit) {
    pugi::xml_node bandwidth = nic.append_child(rate_aspect);
    for (const char* direction : {"inbound", "outbound"})
        bandwidth.append_child(direction).append_attribute("average") = static_cast<long long>(kilobytes_of(rate_kbit));
}

bool bears_our_rate(const pugi::xml_node& nic, const std::set<int64_t>& rates) {
    const std::string now = aspect(nic, rate_aspect);
    return std::any_of(rates.begin(), rates.end(), [&](int64_t rate) {
        pugi::xml_document wanted;
        append_rate(wanted, rate);
        return now == text_of(wanted);
    });
}

bool needs_filter(const HoldNote& note) {
    return note.demand.cut ? note.by == IsolateBy::filter : !note.demand.limit.closed_ports.empty();
}

/// How an interface must look: what it looks like now, with each aspect of ours either put on it or as it was found.
void shape(pugi::xml_node nic, const pugi::xml_node& found, const HoldNote& note, const std::string& uuid, const std::string& network) {
    const NetworkDemand& demand = note.demand;
    replace(nic, link_aspect, found.child(link_aspect));
    if (demand.cut && note.by == IsolateBy::link) {
        replace(nic, link_aspect, {});
        nic.append_child(link_aspect).append_attribute("state") = "down";
    }
    replace(nic, filter_aspect, found.child(filter_aspect));
    if (needs_filter(note)) {
        // The owner's parameters stay: the filters that ours includes ask for them.
        if (!nic.child(filter_aspect)) nic.append_child(filter_aspect).append_attribute("filter");
        nic.child(filter_aspect).attribute("filter") = filter_name(nic, uuid).c_str();
    }
    replace(nic, rate_aspect, found.child(rate_aspect));
    if (demand.limit.rate_kbit > 0 && !demand.cut && !note.rate_on_tap) {
        replace(nic, rate_aspect, {});
        append_rate(nic, demand.limit.rate_kbit);
    }
    const bool move = demand.cut && note.by == IsolateBy::network;
    const bool moved = network == nic.child("source").attribute("network").value();
    if (move || moved) {
        for (const char* name : {"source", "virtualport", "vlan", "port"}) replace(nic, name, move ? pugi::xml_node() : found.child(name));
        nic.attribute("type") = move ? "network" : found.attribute("type").value();
        if (move) nic.append_child("source").append_attribute("network") = network.c_str();
        nic.child("source").remove_attribute("portid");
        if (std::string_view(nic.attribute("type").value()) == "network") nic.child("source").remove_attribute("bridge");
    }
}

bool same(const pugi::xml_node& a, const pugi::xml_node& b) {
    // An explicit "up" is the same as none for traffic, but not for a definition that is to come back letter by letter.
    for (const char* name : {link_aspect, filter_aspect, rate_aspect})
        if (aspect(a, name) != aspect(b, name)) return false;
    return plugged(a) == plugged(b);
}

/// Kinds whose traffic does not pass through anything that libvirt can cut or filter while the VM runs.
bool out_of_reach(const pugi::xml_node& nic) {
    const std::string_view type = nic.attribute("type").value();
    return type == "hostdev" || type == "vdpa" || type == "vhostuser";
}

Json json_of(const std::map<std::string, std::string>& found) {
    Json out = Json::object();
    for (const auto& [key, xml] : found) out[key] = xml;
    return out;
}

}  // namespace

int64_t kilobytes_of(int64_t rate_kbit) { return std::max<int64_t>(1, rate_kbit / 8); }

std::string format_note(const HoldNote& note) {
    static constexpr const char* ways[] = {"link", "network", "filter"};
    return dump_json(Json{{"cut", note.demand.cut}, {"closed_ports", note.demand.limit.closed_ports}, {"rate_kbit", note.demand.limit.rate_kbit},
                          {"by", ways[int(note.by)]}, {"rate_on_tap", note.rate_on_tap}, {"starting", note.starting}, {"rates", note.rates},
                          {"taps_down", note.taps_down}, {"graphics", note.graphics}, {"live", json_of(note.live)}, {"stored", json_of(note.stored)}}, 2) + "\n";
}

Result<HoldNote> parse_note(std::string_view text) {
    const auto json = parse_json(text, JsonLimits{size_t{8} << 20, 16});
    if (!json) return fail(json.error());
    try {
        HoldNote note;
        note.demand = {json->at("cut").get<bool>(), {json->at("closed_ports").get<std::string>(), json->at("rate_kbit").get<int64_t>()}};
        const auto by = json->at("by").get<std::string>();
        note.by = by == "network" ? IsolateBy::network : by == "filter" ? IsolateBy::filter : IsolateBy::link;
        note.rate_on_tap = json->at("rate_on_tap").get<bool>();
        note.starting = json->at("starting").get<bool>();
        note.rates = json->at("rates").get<std::set<int64_t>>();
        note.taps_down = json->at("taps_down").get<std::set<std::string>>();
        note.graphics = json->at("graphics").get<std::vector<std::string>>();
        note.live = json->at("live").get<std::map<std::string, std::string>>();
        note.stored = json->at("stored").get<std::map<std::string, std::string>>();
        return note;
    } catch (const Json::exception& error) {
        return fail(Errc::invalid, std::string("the note of a VM's network is damaged: ") + error.what());
    }
}

Result<std::vector<TapOf>> taps_of(std::string_view xml) {
    // libvirt's status file has the domain one level down.
    pugi::xml_document document;
    if (!document.load_buffer(xml.data(), xml.size())) return fail(Errc::invalid, "This is no definition of a running VM.");
    pugi::xml_node domain = document.child("domain");
    if (!domain) domain = document.child("domstatus").child("domain");
    if (!domain) return fail(Errc::invalid, "This is no definition of a running VM.");
    std::vector<TapOf> out;
    for (const pugi::xml_node& nic : domain.child("devices").children("interface"))
        if (!out_of_reach(nic)) out.push_back({mac_of(nic), nic.child("target").attribute("dev").value()});
    return out;
}

Result<bool> note_interfaces(std::string_view xml, const HoldNote& note, const std::string& network, std::map<std::string, std::string>& found) {
    Interfaces now;
    if (auto parsed = read(xml, now); !parsed) return fail(parsed.error());
    bool added = false;
    for (const pugi::xml_node& nic : now.all) {
        const std::string key = key_of(nic);
        pugi::xml_document before, fresh;
        const pugi::xml_node old = read_found(found, key, before);
        pugi::xml_node next = fresh.append_copy(nic);
        if (old) {
            // What is ours is not the owner's; where it stands, what was found is kept.
            const bool moved = network == nic.child("source").attribute("network").value();
            replace(next, link_aspect, old.child(link_aspect));
            if (refers_to_ours(nic)) replace(next, filter_aspect, old.child(filter_aspect));
            if (bears_our_rate(nic, note.rates)) replace(next, rate_aspect, old.child(rate_aspect));
            if (moved) {
                next.attribute("type") = old.attribute("type").value();
                for (const char* name : {"source", "virtualport", "vlan", "port"}) replace(next, name, old.child(name));
            }
            if (same(next, old)) continue;
        } else if (refers_to_ours(nic)) {
            // A copy of a definition that was ours when it was copied.
            replace(next, filter_aspect, {});
        }
        found[key] = text_of(fresh);
        added = true;
    }
    return added;
}

Result<std::vector<FilterWanted>> filters_wanted(std::string_view xml, const HoldNote& note, const std::map<std::string, std::string>& found,
                                                 const std::string& uuid) {
    std::vector<FilterWanted> out;
    if (!needs_filter(note)) return out;
    Interfaces now;
    if (auto parsed = read(xml, now); !parsed) return fail(parsed.error());
    for (const pugi::xml_node& nic : now.all) {
        pugi::xml_document before;
        out.push_back({filter_name(nic, uuid), aspect(read_found(found, key_of(nic), before), filter_aspect)});
    }
    return out;
}

std::string filter_definition(const FilterWanted& wanted, const NetworkDemand& demand, const std::string& uuid) {
    pugi::xml_document document;
    pugi::xml_node filter = document.append_child("filter");
    filter.append_attribute("name") = wanted.name.c_str();
    filter.append_attribute("chain") = "root";
    if (!uuid.empty()) filter.append_child("uuid").text() = uuid.c_str();
    // Before every chain of libvirt's own filters (-700 and later), so that none of them lets a frame pass first.
    const auto rule = [&](const char* direction) {
        pugi::xml_node node = filter.append_child("rule");
        node.append_attribute("action") = "drop";
        node.append_attribute("direction") = direction;
        node.append_attribute("priority") = "-950";
        return node;
    };
    if (demand.cut) rule("inout");
    // Rules of layer 2, frame by frame: they stop open flows too, and work without br_netfilter.
    for (const uint16_t port : parse_ports(demand.limit.closed_ports).value_or(std::vector<uint16_t>{}))
        for (const char* family : {"ip", "ipv6"})
            for (const char* protocol : {"tcp", "udp"}) {
                pugi::xml_node match = rule("out").append_child(family);
                match.append_attribute("protocol") = protocol;
                match.append_attribute("dstportstart") = port;
                match.append_attribute("dstportend") = port;
            }
    pugi::xml_document original;
    if (!wanted.original.empty() && parse_tree(wanted.original, filter_aspect, original)) filter.append_copy(original.child(filter_aspect));
    return text_of(document);
}

std::string closed_by_filter(std::string_view xml) {
    pugi::xml_document document;
    if (!parse_tree(xml, "filter", document)) return "";
    std::map<int, std::set<std::string>> matched;
    bool all = false;
    for (const pugi::xml_node& rule : document.child("filter").children("rule")) {
        // One that lets something pass is none of ours, and may stand before them.
        if (std::string_view(rule.attribute("action").value()) != "drop") return "";
        const std::string direction = rule.attribute("direction").value();
        const pugi::xml_node match = rule.first_child();
        if (!match && direction == "inout") all = true;
        const int port = match.attribute("dstportstart").as_int();
        if (port > 0 && direction == "out" && match.attribute("dstportend").as_int() == port)
            matched[port].insert(std::string(match.name()) + " " + match.attribute("protocol").value());
    }
    if (all) return "all";
    static const std::set<std::string> every_kind{"ip tcp", "ip udp", "ipv6 tcp", "ipv6 udp"};
    std::string out;
    for (const auto& [port, kinds] : matched)
        if (std::includes(kinds.begin(), kinds.end(), every_kind.begin(), every_kind.end()))
            out += (out.empty() ? "" : ",") + std::to_string(port);
    return out;
}

std::set<std::string> our_filters(std::string_view xml) {
    std::set<std::string> out;
    Interfaces now;
    if (!read(xml, now)) return out;
    for (const pugi::xml_node& nic : now.all)
        if (refers_to_ours(nic)) out.insert(nic.child(filter_aspect).attribute("filter").value());
    return out;
}

Result<InterfaceUpdates> interface_updates(std::string_view xml, const HoldNote& note, const std::map<std::string, std::string>& found,
                                           const std::string& uuid, const std::string& network) {
    Interfaces now;
    if (auto parsed = read(xml, now); !parsed) return fail(parsed.error());
    InterfaceUpdates out;
    for (const pugi::xml_node& nic : now.all) {
        pugi::xml_document before, next;
        const pugi::xml_node old = read_found(found, key_of(nic), before);
        if (!old) continue;
        shape(next.append_copy(nic), old, note, uuid, network);
        if (same(next.child("interface"), nic)) continue;
        if (out_of_reach(nic))
            out.out_of_reach += (out.out_of_reach.empty() ? "The interface " : " The interface ") + mac_of(nic) + " of the type " +
                                nic.attribute("type").value() + " can be neither cut nor limited by libvirt: detach it from the VM, or close its port " +
                                "on the switch. The VM's other interfaces are as ordered.";
        else
            out.updates.push_back(text_of(next));
    }
    return out;
}

Result<LayerFacts> layer_facts(std::string_view xml, const HoldNote& note, const std::map<std::string, std::string>& found,
                               const std::string& uuid, const std::string& network, const std::map<std::string, std::string>& closed) {
    Interfaces now;
    if (auto parsed = read(xml, now); !parsed) return fail(parsed.error());
    LayerFacts out;
    bool first = true;
    for (const pugi::xml_node& nic : now.all) {
        const auto filter = closed.find(nic.child(filter_aspect).attribute("filter").value());
        const std::string shut = filter == closed.end() ? "" : filter->second;
        if (std::string_view(nic.child(link_aspect).attribute("state").value()) != "down" && shut != "all" &&
            network != nic.child("source").attribute("network").value()) {
            out.cut = false;
            out.open.push_back(mac_of(nic));
        }
        Limit limit{shut == "all" ? "" : shut, 0};
        const int64_t average = nic.child(rate_aspect).child("outbound").attribute("average").as_llong();
        // A rate of the owner's is no limit of ours. One that the order's own rounds to is the order's.
        if (bears_our_rate(nic, note.rates)) limit.rate_kbit = average == kilobytes_of(note.demand.limit.rate_kbit) ? note.demand.limit.rate_kbit : average * 8;
        if (first) out.limit = limit;
        else if (out.limit && *out.limit != limit) out.limit.reset();
        first = false;
        pugi::xml_document before, next;
        const pugi::xml_node old = read_found(found, key_of(nic), before);
        if (old) shape(next.append_copy(nic), old, note, uuid, network);
        // The name of a filter says little: somebody may have redefined or removed it.
        const std::string wanted = note.demand.cut ? "all" : note.demand.limit.closed_ports;
        if (!old || !same(next.child("interface"), nic) || (needs_filter(note) && shut != wanted)) out.fits = false;
    }
    return out;
}

}  // namespace bailiff::agent
