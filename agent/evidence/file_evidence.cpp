// SPDX-License-Identifier: Apache-2.0
// Builds, finds and verifies evidence sets.
#include "agent/evidence/file_evidence.hpp"

#include "agent/evidence/sha256.hpp"
#include "agent/files/durable_file.hpp"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <filesystem>

namespace bailiff::agent {
namespace {

constexpr size_t text_cap_bytes = size_t{16} << 20;
/// What must stay free beside the copies: XML, nvram, manifest, and the file system's own needs.
constexpr int64_t reserve_bytes = int64_t{32} << 20;

int64_t allocated(const std::string& path) {
    struct stat found {};
    return ::stat(path.c_str(), &found) == 0 ? int64_t(found.st_blocks) * 512 : 0;
}

/// Adds a file that lies in the set already.
Result<void> enter(Manifest& manifest, const std::string& folder, const std::string& name) {
    const auto hash = sha256_of_file(folder + "/" + name);
    if (!hash) return fail(hash.error());
    manifest.files.push_back({name, int64_t(std::filesystem::file_size(folder + "/" + name)), *hash});
    return {};
}

}  // namespace

FileEvidence::FileEvidence(std::string folder, NvramOf nvram_of)
    : folder_(std::move(folder)), nvram_of_(std::move(nvram_of)) {}

Result<void> FileEvidence::check_space(const EvidenceRequest& request, const std::string& folder) {
    int64_t needed = reserve_bytes;
    for (const VmDisk& disk : request.disks) {
        if (disk.read_only) continue;
        const auto bytes = allocated_bytes(disk);
        if (!bytes) return fail(bytes.error());
        needed += *bytes + *bytes / 10;
    }
    struct statvfs system {};
    if (::statvfs(folder.c_str(), &system) != 0)
        return fail(Errc::unavailable, "Cannot ask for the free space of " + folder + ".");
    const int64_t available = int64_t(system.f_bavail) * int64_t(system.f_frsize);
    if (available >= needed) return {};
    return fail(Errc::unavailable, "The evidence needs up to " + std::to_string(needed >> 20) + " MiB and " +
                                       folder_ + " has " + std::to_string(available >> 20) +
                                       " MiB free; make room, and it is tried again.");
}

Result<Manifest> FileEvidence::fill(const EvidenceRequest& request, const std::string& folder,
                                    const std::function<void(int)>& percent) {
    Manifest manifest{request.id, request.vm, request.case_id, request.now, {}, {}};
    if (auto written = write_durably(folder + "/definition.xml", request.definition, 0400); !written)
        return fail(written.error());
    if (auto entered = enter(manifest, folder, "definition.xml"); !entered) return fail(entered.error());
    const auto nvram = nvram_of_(request.vm);
    if (!nvram) return fail(nvram.error());
    if (!nvram->empty()) {
        const auto content = read_file(*nvram, text_cap_bytes);
        if (!content) return fail(content.error());
        if (auto written = write_durably(folder + "/nvram.fd", *content, 0400); !written)
            return fail(written.error());
        if (auto entered = enter(manifest, folder, "nvram.fd"); !entered) return fail(entered.error());
    }
    size_t disks = 0, number = 0;
    for (const VmDisk& disk : request.disks) disks += disk.read_only ? 0 : 1;
    for (const VmDisk& disk : request.disks) {
        if (disk.read_only) continue;
        const auto part = [&](double fraction) {
            if (percent) percent(int((double(number) + fraction) * 100 / double(disks)));
        };
        auto frozen = freeze_disk(disk, folder, part);
        if (!frozen) return fail(frozen.error());
        const std::string path = folder + "/" + frozen->stored;
        manifest.files.push_back(
            {frozen->stored, int64_t(std::filesystem::file_size(path)), frozen->file_sha256});
        manifest.disks.push_back(std::move(*frozen));
        ++number;
    }
    return manifest;
}

Result<EvidenceSet> FileEvidence::freeze(const EvidenceRequest& request,
                                         const std::function<void(int)>& percent) {
    if (!is_uuid(request.vm.text()) || !is_name(request.id.text()))
        return fail(Errc::invalid,
                    "An evidence set needs the VM's UUID and a name of letters, digits, '.', '_' and '-'.");
    const std::string of_vm = folder_ + "/" + request.vm.text(), final = of_vm + "/" + request.id.text(),
                      part = final + ".part";
    if (std::filesystem::exists(final)) return load(final);
    if (auto made = make_folder(of_vm, 0700); !made) return fail(made.error());
    // What a crash left behind.
    std::error_code ignored;
    std::filesystem::remove_all(part, ignored);
    if (auto enough = check_space(request, of_vm); !enough) return fail(enough.error());
    if (auto made = make_folder(part, 0700); !made) return fail(made.error());
    const auto manifest = fill(request, part, percent);
    if (!manifest) {
        std::filesystem::remove_all(part, ignored);
        return fail(manifest.error());
    }
    // The manifest last, then the folder's name: a set with its final name is complete.
    if (auto written = write_durably(part + "/manifest.json", format_manifest(*manifest), 0400); !written)
        return fail(written.error());
    if (auto renamed = rename_durably(part, final); !renamed) return fail(renamed.error());
    return load(final);
}

Result<EvidenceSet> FileEvidence::load(const std::string& folder) {
    const auto text = read_file(folder + "/manifest.json", text_cap_bytes);
    if (!text) return fail(text.error());
    const auto manifest = parse_manifest(*text);
    if (!manifest) return fail(manifest.error());
    EvidenceSet set{manifest->id,      manifest->vm, manifest->case_id, folder, sha256_of(*text), 0,
                    manifest->taken_at};
    for (const ManifestFile& file : manifest->files) set.bytes += allocated(folder + "/" + file.name);
    return set;
}

std::optional<EvidenceSet> FileEvidence::find(const VmId& vm, const CaseId& case_id) {
    if (!is_uuid(vm.text())) return std::nullopt;
    const std::string of_vm = folder_ + "/" + vm.text();
    std::optional<EvidenceSet> newest;
    for (const std::string& name : names_in(of_vm)) {
        if (name.ends_with(".part")) continue;
        auto set = load(of_vm + "/" + name);
        if (set && set->case_id == case_id && set->vm == vm && (!newest || set->taken_at >= newest->taken_at))
            newest = std::move(*set);
    }
    return newest;
}

Result<void> FileEvidence::verify(const EvidenceSet& set) {
    const auto text = read_file(set.folder + "/manifest.json", text_cap_bytes);
    if (!text) return fail(Errc::invalid, "The evidence set " + set.id.text() + " has lost its manifest.");
    if (sha256_of(*text) != set.manifest_sha256)
        return fail(Errc::invalid, "The manifest of evidence set " + set.id.text() + " was changed.");
    const auto manifest = parse_manifest(*text);
    if (!manifest) return fail(manifest.error());
    for (const ManifestFile& file : manifest->files) {
        const auto hash = sha256_of_file(set.folder + "/" + file.name);
        if (!hash)
            return fail(Errc::invalid, "The file " + file.name + " of evidence set " + set.id.text() +
                                           " cannot be read: " + hash.error().text);
        if (*hash != file.sha256)
            return fail(Errc::invalid,
                        "The file " + file.name + " of evidence set " + set.id.text() + " was changed.");
    }
    return {};
}

Result<std::string> FileEvidence::definition(const EvidenceSet& set) {
    return read_file(set.folder + "/definition.xml", text_cap_bytes);
}

Result<std::string> FileEvidence::removed_folder(const EvidenceSet& set) {
    const std::string folder = set.folder + "/removed";
    if (auto made = make_folder(folder, 0700); !made) return fail(made.error());
    return folder;
}

}  // namespace bailiff::agent
