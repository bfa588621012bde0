// SPDX-License-Identifier: Apache-2.0
// Reads <graphics>, <serial> and <console>.
#include "agent/hypervisor/console_xml.hpp"

#include "agent/hypervisor/xml_tree.hpp"

#include <algorithm>

namespace bailiff::agent {
namespace {

void set(pugi::xml_node node, const char* name, const std::string& value) {
    node.remove_attribute(name);
    node.append_attribute(name) = value.c_str();
}

/// "127.0.0.1:5900", a socket's path, or empty when it listens nowhere.
std::string address_of(const pugi::xml_node& graphics) {
    const pugi::xml_node listen = graphics.child("listen");
    if (const std::string path = listen.attribute("socket").value(); !path.empty()) return path;
    std::string address = listen.attribute("address").value();
    if (address.empty()) address = graphics.attribute("listen").value();
    if (address.find(':') != std::string::npos) address = "[" + address + "]";
    int port = graphics.attribute("port").as_int();
    if (port <= 0) port = graphics.attribute("tlsPort").as_int();
    return address.empty() || port <= 0 ? "" : address + ":" + std::to_string(port);
}

std::string line_of(const pugi::xml_node& device) {
    const std::string_view type(device.attribute("type").value());
    const pugi::xml_node source = device.child("source");
    if (type == "pty" || type == "unix" || type == "dev") return source.attribute("path").value();
    if ((type == "tcp" || type == "udp") && source.attribute("service"))
        return std::string(source.attribute("host").value()) + ":" + source.attribute("service").value();
    return "";
}

}  // namespace

Result<std::vector<Screen>> screens_of(std::string_view xml) {
    pugi::xml_document document;
    if (auto parsed = parse_tree(xml, "domain", document); !parsed) return fail(parsed.error());
    std::vector<Screen> out;
    for (const pugi::xml_node& graphics : document.child("domain").child("devices").children("graphics")) {
        const std::string kind = graphics.attribute("type").value();
        const std::string address = address_of(graphics);
        if ((kind != "vnc" && kind != "spice") || address.empty()) continue;
        pugi::xml_document one;
        one.append_copy(graphics);
        out.push_back({{kind, address, "", {}}, bool(graphics.attribute("passwd")), text_of(one)});
    }
    return out;
}

Result<std::vector<Console>> serial_lines_of(std::string_view xml) {
    pugi::xml_document document;
    if (auto parsed = parse_tree(xml, "domain", document); !parsed) return fail(parsed.error());
    std::vector<Console> out;
    for (const char* kind : {"serial", "console"})
        for (const pugi::xml_node& device : document.child("domain").child("devices").children(kind)) {
            const std::string address = line_of(device);
            const bool known = std::any_of(out.begin(), out.end(), [&](const Console& line) { return line.address == address; });
            if (!address.empty() && !known) out.push_back({"serial", address, "", {}});
        }
    return out;
}

std::string with_password(const std::string& graphics, const std::string& password, Instant until) {
    pugi::xml_document document;
    if (!parse_tree(graphics, "graphics", document)) return "";
    pugi::xml_node node = document.child("graphics");
    set(node, "passwd", password);
    // libvirt takes universal time without saying so.
    std::string end = format_rfc3339(until);
    if (!end.empty() && end.back() == 'Z') end.pop_back();
    set(node, "passwdValidTo", end);
    return text_of(document);
}

}  // namespace bailiff::agent
