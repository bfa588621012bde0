// SPDX-License-Identifier: Apache-2.0
// Facts of a domain's definition, the canary's definition, and the quarantine network's.
#include "agent/hypervisor/domain_xml.hpp"

#include "agent/hypervisor/known_addresses.hpp"
#include "agent/hypervisor/network_source.hpp"
#include "agent/hypervisor/xml_tree.hpp"

namespace bailiff::agent {

bool is_our_start(const pugi::xml_node& node) {
    const std::string_view full(node.name());
    const size_t colon = full.find(':');
    if (colon == std::string_view::npos || full.substr(colon + 1) != "start") return false;
    const std::string declaration = "xmlns:" + std::string(full.substr(0, colon));
    return start_metadata_uri == node.attribute(declaration.c_str()).value();
}

std::string source_of(const pugi::xml_node& disk) {
    const pugi::xml_node source = disk.child("source");
    for (const char* attribute : {"file", "dev", "dir"})
        if (const std::string value = source.attribute(attribute).value(); !value.empty()) return value;
    if (std::string network = network_source(source); !network.empty()) return network;
    if (const std::string pool = source.attribute("pool").value(); !pool.empty())
        return "volume:" + pool + "/" + source.attribute("volume").value();
    return "";
}

bool is_writable_disk(const pugi::xml_node& disk) {
    const std::string device = disk.attribute("device").as_string("disk");
    return device != "cdrom" && device != "floppy" && !disk.child("readonly");
}

std::string text_of(const pugi::xml_document& document) {
    struct Writer : pugi::xml_writer {
        std::string out;
        void write(const void* data, size_t size) override {
            out.append(static_cast<const char*>(data), size);
        }
    } writer;
    document.save(writer, "  ", pugi::format_default | pugi::format_no_declaration);
    return std::move(writer.out);
}

Result<void> parse_tree(std::string_view xml, const char* root, pugi::xml_document& into) {
    // Comments and white space are kept, since a definition is stored as evidence of what was there.
    const auto parsed = into.load_buffer(xml.data(), xml.size(), pugi::parse_default | pugi::parse_comments);
    if (!parsed || !into.child(root))
        return fail(Errc::invalid,
                    "This is no <" + std::string(root) + "> definition: " + parsed.description() + ".");
    return {};
}

VmNic read_nic(const pugi::xml_node& node) {
    VmNic nic;
    nic.mac = lower_mac(node.child("mac").attribute("address").value());
    const pugi::xml_node source = node.child("source");
    for (const char* attribute : {"network", "bridge", "dev", "path"}) {
        nic.network = source.attribute(attribute).value();
        if (!nic.network.empty()) break;
    }
    nic.link_up = std::string_view(node.child("link").attribute("state").value()) != "down";
    return nic;
}

Result<DomainFacts> read_domain(std::string_view xml) {
    pugi::xml_document document;
    if (auto parsed = parse_tree(xml, "domain", document); !parsed) return fail(parsed.error());
    const pugi::xml_node domain = document.child("domain");
    DomainFacts facts;
    if (const auto run = domain.attribute("id")) facts.run = run.as_llong();
    facts.uuid = domain.child("uuid").text().get();
    facts.name = domain.child("name").text().get();
    facts.nvram = domain.child("os").child("nvram").text().get();
    if (facts.nvram.empty())
        facts.nvram = domain.child("os").child("nvram").child("source").attribute("file").value();
    for (const pugi::xml_node& disk : domain.child("devices").children("disk")) {
        VmDisk one;
        one.target = disk.child("target").attribute("dev").value();
        one.format = disk.child("driver").attribute("type").as_string("raw");
        one.source = source_of(disk);
        one.read_only = !is_writable_disk(disk);
        if (!one.source.empty()) facts.disks.push_back(std::move(one));
    }
    for (const pugi::xml_node& nic : domain.child("devices").children("interface")) {
        facts.nics.push_back(read_nic(nic));
        for (auto& address : enforced_on(nic)) facts.enforced.push_back(std::move(address));
    }
    for (const pugi::xml_node& node : domain.child("metadata").children())
        facts.ours = facts.ours || is_our_start(node);
    return facts;
}

Result<std::vector<std::string>> link_updates(std::string_view xml, bool up) {
    pugi::xml_document document;
    if (auto parsed = parse_tree(xml, "domain", document); !parsed) return fail(parsed.error());
    std::vector<std::string> updates;
    for (const pugi::xml_node& nic : document.child("domain").child("devices").children("interface")) {
        const std::string type = nic.attribute("type").value();
        if (type == "hostdev" || type == "vdpa" || type == "vhostuser")
            return fail(Errc::invalid, std::string("The NIC ") +
                                           nic.child("mac").attribute("address").value() + " of the type " +
                                           type + " cannot be cut by libvirt; cut its port on the switch.");
        if (read_nic(nic).link_up == up) continue;
        pugi::xml_document one;
        pugi::xml_node copy = one.append_copy(nic);
        while (copy.remove_child("link")) {
        }
        // No element means up: a NIC that was never cut has none, and shall look so again.
        if (!up) copy.append_child("link").append_attribute("state") = "down";
        updates.push_back(text_of(one));
    }
    return updates;
}

std::string canary_domain(const std::string& type) {
    pugi::xml_document document;
    pugi::xml_node domain = document.append_child("domain");
    domain.append_attribute("type") = type.c_str();
    domain.append_child("name").text() = "bailiff-canary";
    domain.append_child("uuid").text() = std::string(canary_uuid).c_str();
    domain.append_child("memory").text() = 1024;
    domain.append_child("vcpu").text() = 1;
    domain.append_child("os").append_child("type").text() = "hvm";
    return text_of(document);
}

std::string quarantine_network(const std::string& name, const std::string& bridge) {
    pugi::xml_document document;
    pugi::xml_node network = document.append_child("network");
    network.append_child("name").text() = name.c_str();
    pugi::xml_node device = network.append_child("bridge");
    device.append_attribute("name") = bridge.c_str();
    // Spanning tree would keep a port dark for four seconds.
    device.append_attribute("stp") = "off";
    device.append_attribute("delay") = "0";
    network.append_child("port").append_attribute("isolated") = "yes";
    return text_of(document);
}

bool is_isolated_network(std::string_view xml) {
    pugi::xml_document document;
    if (!parse_tree(xml, "network", document)) return false;
    const pugi::xml_node network = document.child("network");
    return !network.child("forward") && !network.child("ip") && !network.child("route") &&
           std::string_view(network.child("port").attribute("isolated").value()) == "yes";
}

}  // namespace bailiff::agent
