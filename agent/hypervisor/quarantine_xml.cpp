// SPDX-License-Identifier: Apache-2.0
// Edits a definition into its quarantine form, and checks that a running VM has kept it.
#include "agent/hypervisor/domain_xml.hpp"
#include "agent/hypervisor/xml_tree.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace bailiff::agent {
namespace {

/// Devices that cannot reach past the VM, or that we rewrite. Everything else is left out.
bool is_kept_device(const pugi::xml_node& device) {
    static constexpr std::array kept{"emulator", "disk",  "controller", "interface",  "serial", "console",
                                     "channel",  "input", "graphics",   "video",      "sound",  "audio",
                                     "hub",      "panic", "iommu",      "memballoon", "rng",    "memory"};
    const std::string_view kind(device.name());
    if (std::find(kept.begin(), kept.end(), kind) == kept.end()) return false;
    const std::string_view type(device.attribute("type").value());
    if (kind == "input") return type == "tablet" || type == "mouse" || type == "keyboard";
    if (kind == "rng") return std::string_view(device.child("backend").attribute("model").value()) != "egd";
    if (kind == "memory") return std::string_view(device.attribute("model").value()) == "dimm";
    if (kind == "channel") return type == "unix" || type == "pty" || type == "spicevmc";
    return true;
}

void remove_children(pugi::xml_node node, std::initializer_list<const char*> names) {
    for (const char* name : names)
        while (node.remove_child(name)) {
        }
}

void set_attribute(pugi::xml_node node, const char* name, const char* value) {
    if (!node.attribute(name)) node.append_attribute(name);
    node.attribute(name) = value;
}

/// Why a writable disk cannot stand on an overlay; empty when it can.
std::string no_overlay_fits(const pugi::xml_node& disk) {
    const pugi::xml_node source = disk.child("source");
    if (std::string_view(disk.attribute("device").value()) == "lun")
        return "passes a whole SCSI device through and cannot stand on an overlay";
    // Others write to it now, under an overlay that believes its base to stand still; a commit would destroy their data.
    if (disk.child("shareable")) return "is shared with other VMs (<shareable/>), which may be writing to it";
    // Its secret is the host's; without it the guest would see noise, and with it the overlay would hold plain text.
    if (disk.child("encryption") || source.child("encryption"))
        return "is encrypted with a secret of the host, which a quarantine boot is not given";
    if (source.child("slices")) return "is a slice of its image, while an overlay stands on a whole one";
    return "";
}

Result<void> rewrite_disk(pugi::xml_node disk, const QuarantineBoot& boot) {
    const std::string target = disk.child("target").attribute("dev").value();
    if (!is_writable_disk(disk)) {
        // Removable media are ejected: they are nothing of the customer's system, and their path may be
        // anything.
        const std::string_view device(disk.attribute("device").value());
        if (device == "cdrom" || device == "floppy") remove_children(disk, {"source", "backingStore"});
        return {};
    }
    if (const std::string why = no_overlay_fits(disk); !why.empty())
        return fail(Errc::invalid, "Disk " + target + " " + why + "; examine this VM by hand.");
    const auto overlay = boot.overlays.find(target);
    if (overlay == boot.overlays.end() || overlay->second.empty())
        return fail(Errc::invalid,
                    "There is no overlay for the writable disk " + target + "; create it first.");
    remove_children(disk,
                    {"source", "backingStore", "mirror", "auth", "transient"});
    set_attribute(disk, "type", "file");
    // What only whole devices may have.
    for (const char* attribute : {"snapshot", "rawio", "sgio"}) disk.remove_attribute(attribute);
    pugi::xml_node driver = disk.child("driver");
    if (!driver) driver = disk.prepend_child("driver");
    set_attribute(driver, "name", "qemu");
    set_attribute(driver, "type", "qcow2");
    // io=native needs cache=none or directsync, and an overlay's folder may not support O_DIRECT.
    for (const char* attribute : {"io", "cache"}) driver.remove_attribute(attribute);
    disk.insert_child_after("source", driver).append_attribute("file") = overlay->second.c_str();
    return {};
}

void rewrite_interface(pugi::xml_node nic, const std::string& network) {
    set_attribute(nic, "type", "network");
    nic.remove_attribute("managed");
    nic.remove_attribute("trustGuestRxFilters");
    remove_children(
        nic, {"source", "target", "virtualport", "filterref", "vlan", "backend", "driver", "link", "port",
              "bandwidth", "tune", "coalesce", "ip", "route", "script", "downscript", "teaming", "guest"});
    if (!nic.child("model")) nic.append_child("model").append_attribute("type") = "virtio";
    pugi::xml_node source =
        nic.child("mac") ? nic.insert_child_after("source", nic.child("mac")) : nic.prepend_child("source");
    source.append_attribute("network") = network.c_str();
    nic.append_child("port").append_attribute("isolated") = "yes";
}

/// Consoles over the network become local ones; paths that libvirt chose itself are chosen anew.
void rewrite_character_device(pugi::xml_node device) {
    const std::string_view type(device.attribute("type").value());
    if (std::string_view(device.name()) == "channel") {
        if (type == "unix") remove_children(device, {"source"});
        return;
    }
    if (type == "pty" || type == "file" || type == "null") {
        if (type == "pty") remove_children(device, {"source"});
        return;
    }
    set_attribute(device, "type", "pty");
    remove_children(device, {"source", "protocol", "log"});
}

/// A definition is read without its secrets, so a console's password is gone: it must not be reachable from
/// outside. It starts with one that nobody knows and that has ended, since only a screen with a password takes
/// another later.
void rewrite_graphics(pugi::xml_node graphics, const std::string& token) {
    remove_children(graphics, {"listen", "channel"});
    for (const char* attribute :
         {"port", "tlsPort", "socket", "websocket", "passwd", "passwdValidTo", "listen"})
        graphics.remove_attribute(attribute);
    const std::string_view type(graphics.attribute("type").value());
    if (type != "vnc" && type != "spice") return;
    set_attribute(graphics, "autoport", "yes");
    set_attribute(graphics, "passwd", token.empty() ? "closed" : token.substr(0, 8).c_str());
    set_attribute(graphics, "passwdValidTo", "1970-01-02T00:00:00");
    pugi::xml_node listen = graphics.append_child("listen");
    listen.append_attribute("type") = "address";
    listen.append_attribute("address") = "127.0.0.1";
}

Result<void> rewrite_devices(pugi::xml_node devices, const QuarantineBoot& boot, const std::string& network) {
    for (pugi::xml_node device = devices.first_child(); device;) {
        const pugi::xml_node next = device.next_sibling();
        const std::string_view kind(device.name());
        if (!is_kept_device(device))
            devices.remove_child(device);
        else if (kind == "interface")
            rewrite_interface(device, network);
        else if (kind == "graphics")
            rewrite_graphics(device, boot.token);
        else if (kind == "serial" || kind == "console" || kind == "channel")
            rewrite_character_device(device);
        else if (kind == "disk") {
            if (auto done = rewrite_disk(device, boot); !done) return done;
        }
        device = next;
    }
    return {};
}

Result<void> rewrite_nvram(pugi::xml_node os, const QuarantineBoot& boot) {
    pugi::xml_node nvram = os.child("nvram");
    if (!nvram) return {};
    if (boot.nvram.empty())
        return fail(Errc::invalid, "The VM has an nvram file and no copy of it was given; copy it first.");
    remove_children(nvram, {"source"});
    nvram.remove_attribute("type");
    nvram.text() = boot.nvram.c_str();
    return {};
}

}  // namespace

Result<std::string> quarantine_domain(std::string_view definition, const QuarantineBoot& boot,
                                      const std::string& network) {
    pugi::xml_document document;
    if (auto parsed = parse_tree(definition, "domain", document); !parsed) return fail(parsed.error());
    pugi::xml_node domain = document.child("domain");
    domain.remove_attribute("id");
    // Raw QEMU options and namespaced extensions could attach anything.
    for (pugi::xml_node child = domain.first_child(); child;) {
        const pugi::xml_node next = child.next_sibling();
        if (std::string_view(child.name()).find(':') != std::string_view::npos) domain.remove_child(child);
        child = next;
    }
    remove_children(domain, {"seclabel", "perf"});
    if (auto done = rewrite_nvram(domain.child("os"), boot); !done) return fail(done.error());
    if (auto done = rewrite_devices(domain.child("devices"), boot, network); !done) return fail(done.error());
    pugi::xml_node metadata = domain.child("metadata");
    if (!metadata) metadata = domain.insert_child_after("metadata", domain.child("uuid"));
    for (pugi::xml_node child = metadata.first_child(); child;) {
        const pugi::xml_node next = child.next_sibling();
        if (is_our_start(child)) metadata.remove_child(child);
        child = next;
    }
    pugi::xml_node mark = metadata.append_child("bailiff:start");
    mark.append_attribute("xmlns:bailiff") = std::string(start_metadata_uri).c_str();
    mark.append_attribute("token") = boot.token.c_str();
    return text_of(document);
}

Result<void> check_quarantined(std::string_view live, const QuarantineBoot& boot,
                               const std::string& network) {
    pugi::xml_document document;
    if (auto parsed = parse_tree(live, "domain", document); !parsed) return parsed;
    const pugi::xml_node devices = document.child("domain").child("devices");
    for (const pugi::xml_node& disk : devices.children("disk")) {
        if (!is_writable_disk(disk)) continue;
        const std::string target = disk.child("target").attribute("dev").value();
        const auto overlay = boot.overlays.find(target);
        if (overlay == boot.overlays.end() || source_of(disk) != overlay->second)
            return fail(Errc::conflict, "The started VM's disk " + target + " is not its overlay but " +
                                            source_of(disk) + ".");
    }
    for (const pugi::xml_node& nic : devices.children("interface")) {
        const bool isolated = std::string_view(nic.child("port").attribute("isolated").value()) == "yes";
        if (network != nic.child("source").attribute("network").value() || !isolated)
            return fail(Errc::conflict, std::string("The started VM's NIC ") +
                                            nic.child("mac").attribute("address").value() +
                                            " does not stand isolated on the quarantine network.");
    }
    for (const char* kind : {"hostdev", "filesystem", "redirdev", "tpm", "shmem", "vsock"})
        if (devices.child(kind))
            return fail(Errc::conflict,
                        std::string("The started VM has a device of the kind <") + kind + ">.");
    return {};
}

}  // namespace bailiff::agent
