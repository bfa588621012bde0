// SPDX-License-Identifier: Apache-2.0
// Reads and writes the notes.
#include "agent/hypervisor/network_notes.hpp"

#include "agent/files/durable_file.hpp"

namespace bailiff::agent {
namespace {

constexpr size_t note_cap_bytes = size_t{8} << 20;

std::string path_of(const LibvirtOptions& options, const VmId& vm) { return options.notes_folder + "/" + vm.text() + ".json"; }

}  // namespace

Result<std::optional<HoldNote>> read_note(const LibvirtOptions& options, const VmId& vm) {
    if (options.notes_folder.empty()) return std::optional<HoldNote>();
    const auto text = read_file(path_of(options, vm), note_cap_bytes);
    if (!text) {
        if (text.error().code == Errc::not_found) return std::optional<HoldNote>();
        return fail(Errc::unavailable, text.error().text);
    }
    auto note = parse_note(*text);
    // Without it nobody knows what stood on the interfaces: better no change than a wrong one.
    if (!note) return fail(Errc::unavailable, path_of(options, vm) + ": " + note.error().text + "; restore the file, or remove it and set the VM's interfaces by hand");
    return std::optional<HoldNote>(std::move(*note));
}

Result<void> write_note(const LibvirtOptions& options, const VmId& vm, const HoldNote& note) {
    if (options.notes_folder.empty()) return fail(Errc::invalid, "No folder is set for notes of what stood on a VM's interfaces.");
    if (auto made = make_folder(options.notes_folder, 0700); !made) return made;
    return write_durably(path_of(options, vm), format_note(note), 0600);
}

Result<void> remove_note(const LibvirtOptions& options, const VmId& vm) {
    if (options.notes_folder.empty()) return {};
    return remove_durably(path_of(options, vm));
}

Result<std::string> status_of(const std::string& run_folder, const VmId& vm) {
    for (const std::string& name : names_in(run_folder)) {
        if (!name.ends_with(".xml")) continue;
        auto text = read_file(run_folder + "/" + name, note_cap_bytes);
        if (text && text->find("<uuid>" + vm.text() + "</uuid>") != std::string::npos) return text;
    }
    return fail(Errc::not_found, "libvirt keeps no status of a running VM " + vm.text() + " in " + run_folder + ".");
}

}  // namespace bailiff::agent
