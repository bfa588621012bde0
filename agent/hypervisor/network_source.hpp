// SPDX-License-Identifier: Apache-2.0
// How a disk on the network is named in locks. One text for both who write it, the adapter and the start gate: a gate that
// spelled it otherwise would let a locked disk pass. In a header, since the gate links nothing of the agent.
#pragma once

#include <pugixml.hpp>

#include <string>
#include <string_view>

namespace bailiff::agent {

/// "nbd+unix:///export?socket=path" for an export of this host, which is the URL that QEMU's tools take; "rbd:pool/image" in
/// the cluster's own name space; else "nbd:export@host:port", since most names are their server's own and an unnamed NBD
/// export is as common as any. Empty when the `<source>` is none of the network.
inline std::string network_source(const pugi::xml_node& source) {
    const std::string protocol = source.attribute("protocol").value();
    const pugi::xml_node host = source.child("host");
    const std::string name = source.attribute("name").value(), socket = host.attribute("socket").value();
    if (protocol == "nbd" && std::string_view(host.attribute("transport").value()) == "unix") return "nbd+unix:///" + name + "?socket=" + socket;
    if (protocol.empty() || protocol == "rbd" || !host) return protocol.empty() ? "" : protocol + ":" + name;
    if (!socket.empty()) return protocol + ":" + name + "@" + socket;
    const std::string port = host.attribute("port").value();
    return protocol + ":" + name + "@" + host.attribute("name").value() + (port.empty() ? "" : ":" + port);
}

}  // namespace bailiff::agent
