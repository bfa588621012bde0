// SPDX-License-Identifier: Apache-2.0
// See backup_xml.hpp.
#include "agent/hypervisor/backup_xml.hpp"

#include "agent/hypervisor/xml_tree.hpp"

#include <charconv>
#include <optional>

namespace bailiff::agent {
namespace {

int64_t in_bytes(const pugi::xml_node& memory) {
    const std::string unit = memory.attribute("unit").as_string("KiB");
    const int64_t value = memory.text().as_llong();
    if (unit == "b" || unit == "bytes") return value;
    if (unit == "MiB" || unit == "M") return value << 20;
    if (unit == "GiB" || unit == "G") return value << 30;
    return value << 10;   // what libvirt itself prints
}

/// "+64055:+64055", as libvirt gives it for a running VM.
void read_owner(std::string_view label, LiveFacts& into) {
    const size_t colon = label.find(':');
    if (colon == std::string_view::npos) return;
    const auto number = [](std::string_view text) -> std::optional<int64_t> {
        if (text.starts_with('+')) text.remove_prefix(1);
        uint32_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
        return int64_t(value);
    };
    const auto user = number(label.substr(0, colon)), group = number(label.substr(colon + 1));
    if (user && group) into.user = *user, into.group = *group;
}

pugi::xml_node begin_description(pugi::xml_document& document, const char* mode) {
    pugi::xml_node backup = document.append_child("domainbackup");
    backup.append_attribute("mode") = mode;
    return backup;
}

/// One `disk` for each of the VM's; `fill` completes those that are backed up.
template <class Fill>
void describe_disks(pugi::xml_node backup, const std::vector<std::string>& disks, const BackupFiles& files, Fill fill) {
    pugi::xml_node list = backup.append_child("disks");
    for (const std::string& target : disks) {
        pugi::xml_node disk = list.append_child("disk");
        disk.append_attribute("name") = target.c_str();
        const auto file = files.find(target);
        disk.append_attribute("backup") = file == files.end() ? "no" : "yes";
        if (file == files.end()) continue;
        disk.append_attribute("type") = "file";
        fill(disk, file->second);
    }
}

}  // namespace

Result<LiveFacts> read_live(std::string_view xml) {
    pugi::xml_document document;
    if (auto parsed = parse_tree(xml, "domain", document); !parsed) return fail(parsed.error());
    const pugi::xml_node domain = document.child("domain"), devices = domain.child("devices");
    LiveFacts out;
    out.memory_bytes = in_bytes(domain.child("memory"));
    for (const pugi::xml_node& disk : devices.children("disk")) {
        if (!is_writable_disk(disk) || source_of(disk).empty()) continue;
        LiveFacts::Disk one;
        one.disk.target = disk.child("target").attribute("dev").value();
        one.disk.format = disk.child("driver").attribute("type").as_string("raw");
        one.disk.source = source_of(disk);
        one.chained = !disk.child("backingStore").child("source").empty();
        out.disks.push_back(std::move(one));
    }
    for (const pugi::xml_node& label : domain.children("seclabel"))
        if (std::string_view(label.attribute("model").value()) == "dac") read_owner(label.child_value("label"), out);
    for (const pugi::xml_node& channel : devices.children("channel")) {
        const pugi::xml_node target = channel.child("target");
        if (std::string_view(target.attribute("name").value()) == "org.qemu.guest_agent.0")
            out.agent_connected = std::string_view(target.attribute("state").value()) == "connected";
    }
    return out;
}

std::string backup_description(const std::vector<std::string>& disks, const BackupFiles& files) {
    pugi::xml_document document;
    describe_disks(begin_description(document, "push"), disks, files, [](pugi::xml_node& disk, const std::string& file) {
        // qcow2 and not raw: QEMU writes a disk's unused parts out as zeros, which a raw file would have to hold.
        disk.append_child("driver").append_attribute("type") = "qcow2";
        disk.append_child("target").append_attribute("file") = file.c_str();
    });
    return text_of(document);
}

std::string export_description(const std::vector<std::string>& disks, const DiskExport& served) {
    pugi::xml_document document;
    pugi::xml_node backup = begin_description(document, "pull");
    pugi::xml_node server = backup.append_child("server");
    server.append_attribute("transport") = "unix";
    server.append_attribute("socket") = served.socket.c_str();
    describe_disks(backup, disks, served.scratch, [&](pugi::xml_node& disk, const std::string& file) {
        const auto counted = served.counted.find(disk.attribute("name").value());
        if (!served.since.empty() && counted != served.counted.end()) {
            disk.append_attribute("backupmode") = "incremental";
            disk.append_attribute("incremental") = served.since.c_str();
            disk.append_attribute("exportbitmap") = counted->second.c_str();
        }
        disk.append_child("driver").append_attribute("type") = "qcow2";
        disk.append_child("scratch").append_attribute("file") = file.c_str();
    });
    return text_of(document);
}

std::string checkpoint_description(const std::vector<std::string>& disks, const DiskExport& served) {
    pugi::xml_document document;
    pugi::xml_node checkpoint = document.append_child("domaincheckpoint");
    checkpoint.append_child("name").text() = served.mark.c_str();
    checkpoint.append_child("description").text() = "Bailiff's last scan: what is written from here on is scanned next";
    pugi::xml_node list = checkpoint.append_child("disks");
    for (const std::string& target : disks) {
        pugi::xml_node disk = list.append_child("disk");
        disk.append_attribute("name") = target.c_str();
        disk.append_attribute("checkpoint") = served.counted.contains(target) ? "bitmap" : "no";
    }
    return text_of(document);
}

Result<BackupFiles> files_of_backup(std::string_view xml) {
    pugi::xml_document document;
    if (auto parsed = parse_tree(xml, "domainbackup", document); !parsed) return fail(parsed.error());
    BackupFiles out;
    for (const pugi::xml_node& disk : document.child("domainbackup").child("disks").children("disk"))
        for (const char* kind : {"target", "scratch"})
            if (const char* file = disk.child(kind).attribute("file").value(); *file) out[disk.attribute("name").value()] = file;
    return out;
}

Result<std::vector<std::string>> disk_targets(std::string_view domain_xml) {
    pugi::xml_document document;
    if (auto parsed = parse_tree(domain_xml, "domain", document); !parsed) return fail(parsed.error());
    std::vector<std::string> out;
    for (const pugi::xml_node& disk : document.child("domain").child("devices").children("disk"))
        out.push_back(disk.child("target").attribute("dev").value());
    return out;
}

}  // namespace bailiff::agent
