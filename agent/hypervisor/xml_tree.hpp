// SPDX-License-Identifier: Apache-2.0
// What the files that read definitions share: parsing, printing, and the meaning of single nodes.
#pragma once

#include <bailiff/result.hpp>
#include <bailiff/vm.hpp>

#include <pugixml.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff::agent {

/// Fills `into`; invalid when the text is not XML or its root has another name.
Result<void> parse_tree(std::string_view xml, const char* root, pugi::xml_document& into);
std::string text_of(const pugi::xml_document& document);

/// Whether a metadata element is the mark of our own start.
bool is_our_start(const pugi::xml_node& node);
/// A disk's image: a path, "nbd+unix:///name?socket=path", "rbd:pool/image", "nbd:export@host:port", "volume:pool/name", or ""
/// for an empty drive.
std::string source_of(const pugi::xml_node& disk);
/// Whether the guest can change it: neither removable medium nor marked <readonly/>.
bool is_writable_disk(const pugi::xml_node& disk);

/// An interface, without regard to who changed it.
VmNic read_nic(const pugi::xml_node& nic);
/// The addresses that an interface lets its VM send from, when it lets it send from no others (known_addresses.cpp); else nothing.
std::vector<std::string> enforced_on(const pugi::xml_node& nic);

}  // namespace bailiff::agent
