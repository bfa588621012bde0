// SPDX-License-Identifier: Apache-2.0
// Makes, finds, commits and drops overlays.
#include "agent/evidence/qemu_overlays.hpp"

#include "agent/evidence/qemu_img.hpp"
#include "agent/files/durable_file.hpp"

#include <bailiff/json.hpp>

#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <limits>

namespace bailiff::agent {
namespace {

/// What an overlay was made over: a panel may have replaced the image since.
struct Label {
    std::string target, base, base_format;
    int64_t inode = 0;
    int64_t virtual_bytes = 0;
};

Result<int64_t> inode_of(const std::string& path) {
    struct stat found {};
    if (::stat(path.c_str(), &found) != 0)
        return fail(Errc::unavailable, "Cannot look at " + path + ": " + std::strerror(errno) + ".");
    return int64_t(found.st_ino);
}

std::string format_label(const Label& label) {
    return dump_json(Json{{"target", label.target},
                          {"base", label.base},
                          {"base_format", label.base_format},
                          {"inode", label.inode},
                          {"virtual_bytes", label.virtual_bytes}},
                     2) +
           "\n";
}

Result<Label> read_label(const std::string& path) {
    const auto text = read_file(path, 65536);
    if (!text) return fail(text.error());
    const auto json = parse_json(*text);
    if (!json) return fail(json.error());
    std::vector<Mistake> mistakes;
    JsonReader read(*json, mistakes);
    constexpr int64_t most = std::numeric_limits<int64_t>::max();
    Label out{read.text("target", 64), read.text("base", 4096), read.text("base_format", 64),
              read.integer("inode", 0, most), read.integer("virtual_bytes", 0, most)};
    if (!mistakes.empty())
        return fail(Errc::invalid, "The label " + path + " is damaged: " + describe(mistakes));
    return out;
}

std::string label_of(const std::string& overlay_path) {
    return overlay_path.substr(0, overlay_path.size() - std::string_view("qcow2").size()) + "json";
}

}  // namespace

QemuOverlays::QemuOverlays(std::string folder, NvramOf nvram_of, std::chrono::milliseconds commit_timeout)
    : folder_(std::move(folder)), nvram_of_(std::move(nvram_of)), commit_timeout_(commit_timeout) {}

Result<std::string> QemuOverlays::folder_of(const VmId& vm, const CaseId& case_id) const {
    if (!is_uuid(vm.text()) || !is_name(case_id.text()))
        return fail(Errc::invalid, "Overlays are kept by a VM's UUID and a case's name.");
    return folder_ + "/" + vm.text() + "/" + case_id.text();
}

Result<std::vector<Overlay>> QemuOverlays::find(const VmId& vm, const CaseId& case_id) {
    const auto folder = folder_of(vm, case_id);
    if (!folder) return fail(folder.error());
    std::vector<Overlay> out;
    for (const std::string& name : names_in(*folder)) {
        if (!name.ends_with(".qcow2")) continue;
        const std::string path = *folder + "/" + name;
        const auto label = read_label(label_of(path));
        // Without its label it is half dropped: it can be dropped again, and never committed.
        if (!label && label.error().code == Errc::not_found)
            out.push_back({name.substr(0, name.size() - std::string_view(".qcow2").size()), path, "", ""});
        else if (!label)
            return fail(label.error());
        else
            out.push_back({label->target, path, label->base, label->base_format});
    }
    return out;
}

Result<Overlay> QemuOverlays::create(const VmId& vm, const CaseId& case_id, const VmDisk& disk) {
    const auto folder = folder_of(vm, case_id);
    if (!folder) return fail(folder.error());
    if (!disk.source.starts_with('/'))
        return fail(Errc::invalid, "The disk " + disk.target + " (" + disk.source +
                                       ") is no local file or device and cannot carry an overlay.");
    if (!is_name(disk.target))
        return fail(Errc::invalid, "'" + disk.target.substr(0, 60) + "' is no disk target.");
    const std::string path = *folder + "/" + disk.target + ".qcow2";
    const Overlay overlay{disk.target, path, disk.source, disk.format};
    if (std::filesystem::exists(path)) {
        const auto label = read_label(label_of(path));
        if (!label) return fail(label.error());
        if (label->base == disk.source && label->base_format == disk.format) return overlay;
        return fail(Errc::conflict, "There is an overlay for " + disk.target + " on " + label->base +
                                        " already, not on " + disk.source + ".");
    }
    for (const std::string& level : {folder_, folder_ + "/" + vm.text(), *folder})
        if (auto made = make_folder_of_mode(level, 0711); !made) return fail(made.error());
    const auto inode = inode_of(disk.source);
    if (!inode) return fail(inode.error());
    const auto info = image_info(disk.source, disk.format);
    if (!info) return fail(info.error());
    // The label first: an overlay without one is never seen.
    const Label label{disk.target, disk.source, disk.format, *inode, info->virtual_bytes};
    if (auto written = write_durably(label_of(path), format_label(label), 0600); !written)
        return fail(written.error());
    const std::string part = path + ".part";
    ::unlink(part.c_str());
    if (auto made = create_overlay(part, disk.source, disk.format); !made) return fail(made.error());
    ::chmod(part.c_str(), 0600);
    if (auto synced = sync_path(part); !synced) return fail(synced.error());
    if (auto renamed = rename_durably(part, path); !renamed) return fail(renamed.error());
    return overlay;
}

Result<void> QemuOverlays::commit(const Overlay& overlay) {
    const auto label = read_label(label_of(overlay.path));
    if (!label) return fail(label.error());
    // Disks are never mixed: the names, the file itself and the sizes must all be those of the day of the
    // overlay.
    const auto mixed = [&] {
        return fail(Errc::conflict, "The disk " + overlay.base + " is not the one that the overlay " +
                                        overlay.path +
                                        " was made over; nothing was written. Compare them by hand.");
    };
    if (label->base != overlay.base || label->base_format != overlay.base_format) return mixed();
    const auto inode = inode_of(overlay.base);
    if (!inode) return fail(inode.error());
    if (*inode != label->inode) return mixed();
    const auto info = image_info(overlay.path, "qcow2");
    if (!info) return fail(info.error());
    const auto base = image_info(overlay.base, overlay.base_format);
    if (!base) return fail(base.error());
    if (info->backing != overlay.base || info->backing_format != overlay.base_format ||
        base->virtual_bytes != label->virtual_bytes || info->virtual_bytes != label->virtual_bytes)
        return mixed();
    if (auto done = commit_overlay(overlay.path, commit_timeout_); !done) return done;
    return sync_path(overlay.base);
}

Result<void> QemuOverlays::drop(const Overlay& overlay) {
    if (!overlay.path.starts_with(folder_ + "/") || !overlay.path.ends_with(".qcow2") ||
        overlay.path.find("..") != std::string::npos)
        return fail(Errc::invalid, overlay.path + " is none of our overlays.");
    const auto remove = [](const std::string& path) -> Result<void> {
        auto removed = remove_durably(path);
        if (!removed && removed.error().code != Errc::not_found) return removed;
        return {};
    };
    const std::string folder = overlay.path.substr(0, overlay.path.rfind('/'));
    const std::string own = overlay.path.substr(overlay.path.rfind('/') + 1);
    bool last = true;
    for (const std::string& name : names_in(folder)) last = last && (!name.ends_with(".qcow2") || name == own);
    // The image goes last: as long as it is there, `find` names it, so that a crash in between leaves nothing behind.
    if (last)
        if (auto removed = remove(folder + "/nvram.fd"); !removed) return removed;
    if (auto removed = remove(label_of(overlay.path)); !removed) return removed;
    if (auto removed = remove(overlay.path); !removed) return removed;
    if (!last) return {};
    // Only when empty; what else lies there is not ours to remove.
    ::rmdir(folder.c_str());
    ::rmdir(folder.substr(0, folder.rfind('/')).c_str());
    return {};
}

Result<std::string> QemuOverlays::copy_nvram(const VmId& vm, const CaseId& case_id) {
    const auto folder = folder_of(vm, case_id);
    if (!folder) return fail(folder.error());
    const auto source = nvram_of_(vm);
    if (!source) return fail(source.error());
    if (source->empty()) return std::string();
    const std::string path = *folder + "/nvram.fd";
    if (std::filesystem::exists(path)) return path;
    const auto content = read_file(*source, size_t{64} << 20);
    if (!content) return fail(content.error());
    for (const std::string& level : {folder_, folder_ + "/" + vm.text(), *folder})
        if (auto made = make_folder_of_mode(level, 0711); !made) return fail(made.error());
    if (auto written = write_durably(path, *content, 0600); !written) return fail(written.error());
    return path;
}

}  // namespace bailiff::agent
