// SPDX-License-Identifier: Apache-2.0
// The start gate's rules: locked VM, locked disk, or one of our own starts.
#include "agent/guard/gate.hpp"

#include "agent/hypervisor/network_source.hpp"

#include <sys/stat.h>
#include <charconv>
#include <cstring>
#include <pugixml.hpp>

namespace bailiff::agent {
namespace {

/// As start_metadata_uri in the ports; repeated since the gate links none of the agent. A test compares them.
constexpr std::string_view start_uri = "urn:bailiff:start:1";

/// Every `<source>` below a disk: of the disk, of its backing chain, of a running block copy's mirror.
void collect_sources(const pugi::xml_node& node, std::vector<std::string>& out) {
    for (const pugi::xml_node& child : node.children()) {
        if (std::strcmp(child.name(), "source") == 0) {
            for (const char* attribute : {"file", "dev", "dir"})
                if (const char* value = child.attribute(attribute).value(); *value) out.emplace_back(value);
            // As a lock names it, whose disks come from the hypervisor's folder.
            if (const std::string network = network_source(child); !network.empty()) out.push_back(network);
            if (const char* pool = child.attribute("pool").value(); *pool)
                out.push_back(std::string("volume:") + pool + "/" + child.attribute("volume").value());
        }
        collect_sources(child, out);
    }
}

/// The token of our own element, whatever prefix it has got.
std::string token_in(const pugi::xml_node& metadata) {
    for (const pugi::xml_node& node : metadata.children()) {
        const std::string_view full(node.name());
        const size_t colon = full.find(':');
        if (colon == std::string_view::npos || full.substr(colon + 1) != "start") continue;
        const std::string declaration = "xmlns:" + std::string(full.substr(0, colon));
        if (start_uri == node.attribute(declaration.c_str()).value()) return node.attribute("token").value();
    }
    return "";
}

std::string escape(std::string_view path) {
    std::string out;
    for (const char c : path) {
        if (c == '\n')
            out += "\\n";
        else if (c == '\\')
            out += "\\\\";
        else
            out += c;
    }
    return out;
}

std::string unescape(std::string_view text) {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 1 < text.size())
            out += text[++i] == 'n' ? '\n' : text[i];
        else
            out += text[i];
    }
    return out;
}

bool number(std::string_view& text, uint64_t& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc{} || end == text.data() + text.size() || *end != ' ') return false;
    text.remove_prefix(size_t(end - text.data()) + 1);
    return true;
}

bool permitted(const std::vector<Permit>& permits, const std::string& uuid, const StartFacts& facts) {
    if (facts.token.empty() || facts.uuid != uuid) return false;
    for (const Permit& permit : permits)
        if (permit.uuid == uuid && permit.token == facts.token) return true;
    return false;
}

}  // namespace

bool begins_a_start(std::string_view operation, std::string_view phase) {
    return phase == "begin" && (operation == "prepare" || operation == "start" || operation == "restore" ||
                                operation == "migrate");
}

StartFacts read_start_facts(std::string_view xml) {
    StartFacts facts;
    pugi::xml_document document;
    if (!document.load_buffer(xml.data(), xml.size())) return facts;
    const pugi::xml_node domain = document.child("domain");
    facts.uuid = domain.child("uuid").text().get();
    for (const pugi::xml_node& disk : domain.child("devices").children("disk"))
        collect_sources(disk, facts.sources);
    facts.token = token_in(domain.child("metadata"));
    return facts;
}

std::string format_lock(const GateLock& lock) {
    std::string out = "bailiff-lock 1\ncase " + lock.case_id + "\n";
    for (const LockedDisk& disk : lock.disks)
        out += "disk " + std::to_string(disk.device) + " " + std::to_string(disk.inode) + " " +
               escape(disk.path) + "\n";
    return out;
}

std::optional<GateLock> parse_lock(std::string_view uuid, std::string_view text) {
    GateLock lock{std::string(uuid), "", {}};
    bool first = true;
    while (!text.empty()) {
        const size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (std::exchange(first, false)) {
            if (line != "bailiff-lock 1") return std::nullopt;
        } else if (line.starts_with("case ")) {
            lock.case_id = line.substr(5);
        } else if (line.starts_with("disk ")) {
            line.remove_prefix(5);
            LockedDisk disk;
            if (!number(line, disk.device) || !number(line, disk.inode)) return std::nullopt;
            disk.path = unescape(line);
            lock.disks.push_back(std::move(disk));
        }
    }
    if (first) return std::nullopt;
    return lock;
}

std::optional<std::string> refuse_start(const StartFacts& facts, const std::vector<GateLock>& locks,
                                        const std::vector<Permit>& permits, IdentityOf identity_of) {
    if (locks.empty()) return std::nullopt;
    if (facts.uuid.empty())
        return "Bailiff: the definition of this VM cannot be read while other VMs are locked; report this to "
               "the host's admin.";
    std::vector<std::pair<uint64_t, uint64_t>> identities;
    for (const std::string& source : facts.sources)
        identities.push_back(source.starts_with('/') ? identity_of(source) : std::pair<uint64_t, uint64_t>{});
    for (const GateLock& lock : locks) {
        // Our own start of this very VM: its overlays stand on the locked disks.
        if (permitted(permits, lock.uuid, facts)) continue;
        if (lock.uuid == facts.uuid)
            return "Bailiff: VM " + lock.uuid + " is locked by case " + lock.case_id +
                   "; ask the abuse desk to release it.";
        for (const LockedDisk& disk : lock.disks)
            for (size_t i = 0; i < facts.sources.size(); ++i)
                if (facts.sources[i] == disk.path ||
                    (disk.inode != 0 && identities[i] == std::pair{disk.device, disk.inode}))
                    return "Bailiff: the disk " + facts.sources[i] + " belongs to VM " + lock.uuid +
                           ", which is locked by case " + lock.case_id +
                           "; ask the abuse desk to release it.";
    }
    return std::nullopt;
}

std::pair<uint64_t, uint64_t> disk_identity(const std::string& path) {
    struct stat found {};
    if (::stat(path.c_str(), &found) != 0) return {0, 0};
    if (S_ISBLK(found.st_mode)) return {found.st_rdev, 1};
    return {found.st_dev, found.st_ino};
}

}  // namespace bailiff::agent
