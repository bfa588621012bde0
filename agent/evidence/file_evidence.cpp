// SPDX-License-Identifier: Apache-2.0
// Builds, finds and verifies evidence sets.
#include "agent/evidence/file_evidence.hpp"

#include "agent/evidence/set_check.hpp"
#include "agent/evidence/sha256.hpp"
#include "agent/files/durable_file.hpp"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <filesystem>

namespace bailiff::agent {
namespace {

constexpr size_t text_cap_bytes = manifest_cap_bytes;
/// What must stay free beside the copies: XML, nvram, manifest, and the file system's own needs.
constexpr int64_t reserve_bytes = int64_t{32} << 20;

int64_t allocated(const std::string& path) {
    struct stat found {};
    return ::stat(path.c_str(), &found) == 0 ? int64_t(found.st_blocks) * 512 : 0;
}

}  // namespace

Result<void> enter(Manifest& manifest, const std::string& folder, const std::string& name) {
    const auto hash = sha256_of_file(folder + "/" + name);
    if (!hash) return fail(hash.error());
    manifest.files.push_back({name, int64_t(std::filesystem::file_size(folder + "/" + name)), *hash});
    return {};
}

FileEvidence::FileEvidence(std::string folder, NvramOf nvram_of, EvidenceHost host)
    : folder_(std::move(folder)), nvram_of_(std::move(nvram_of)), host_(std::move(host)) {}

Result<void> FileEvidence::check_names(const VmId& vm, const EvidenceId& id) {
    if (is_uuid(vm.text()) && is_name(id.text())) return {};
    return fail(Errc::invalid,
                "An evidence set needs the VM's UUID and a name of letters, digits, '.', '_' and '-'.");
}

Result<void> FileEvidence::check_space(const EvidenceRequest& request, const std::string& folder) {
    int64_t needed = 0;
    for (const VmDisk& disk : request.disks) {
        if (disk.read_only) continue;
        const auto bytes = allocated_bytes(disk);
        if (!bytes) return fail(bytes.error());
        needed += *bytes + *bytes / 10;
    }
    return check_room(needed, folder);
}

Result<void> FileEvidence::check_room(int64_t bytes, const std::string& folder) const {
    const int64_t needed = bytes + reserve_bytes;
    struct statvfs system {};
    if (::statvfs(folder.c_str(), &system) != 0)
        return fail(Errc::unavailable, "Cannot ask for the free space of " + folder + ".");
    const int64_t available = int64_t(system.f_bavail) * int64_t(system.f_frsize);
    if (available >= needed) return {};
    return fail(Errc::unavailable, "The evidence needs up to " + std::to_string(needed >> 20) + " MiB and " +
                                       folder_ + " has " + std::to_string(available >> 20) +
                                       " MiB free; make room, and it is tried again.");
}

Result<void> FileEvidence::write_side_files(const EvidenceRequest& request, const std::string& folder,
                                            Manifest& manifest) {
    const auto keep = [&](const std::string& name, const std::string& content) -> Result<void> {
        if (auto written = write_durably(folder + "/" + name, content, 0400); !written) return written;
        return enter(manifest, folder, name);
    };
    if (auto kept = keep("definition.xml", request.definition); !kept) return kept;
    if (!request.live_definition.empty())
        if (auto kept = keep("live.xml", request.live_definition); !kept) return kept;
    const auto nvram = nvram_of_(request.vm);
    if (!nvram) return fail(nvram.error());
    if (!nvram->empty()) {
        const auto content = read_file(*nvram, text_cap_bytes);
        if (!content) return fail(content.error());
        if (auto kept = keep("nvram.fd", *content); !kept) return kept;
    }
    if (host_.tpm_folder.empty()) return {};
    // A TPM's state is a few small files below the VM's UUID and the TPM's version.
    const std::string tpm = host_.tpm_folder + "/" + request.vm.text();
    for (const std::string& kind : names_in(tpm))
        for (const std::string& name : names_in(tpm + "/" + kind)) {
            if (!is_name(name)) continue;
            const auto content = read_file(tpm + "/" + kind + "/" + name, text_cap_bytes);
            if (!content) return fail(content.error());
            if (auto kept = keep("tpm-" + kind + "-" + name, *content); !kept) return kept;
        }
    return {};
}

Result<void> FileEvidence::write_manifest(const Manifest& manifest, const std::string& folder) const {
    const std::string text = format_manifest(manifest);
    // The signature BEFORE the manifest: whoever sees a manifest sees a whole set.
    if (host_.key)
        if (auto written = write_durably(folder + "/manifest.dsse",
                                         sign_manifest(*host_.key, manifest, text, host_.host), 0400);
            !written)
            return written;
    return write_durably(folder + "/manifest.json", text, 0400);
}

Result<Manifest> FileEvidence::fill(const EvidenceRequest& request, const std::string& folder,
                                    const std::function<void(int)>& percent) {
    Manifest manifest{request.id, request.vm, request.case_id, request.now, {}, {}};
    if (auto written = write_side_files(request, folder, manifest); !written) return fail(written.error());
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
    if (auto named = check_names(request.vm, request.id); !named) return fail(named.error());
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
    if (auto written = write_manifest(*manifest, part); !written) return fail(written.error());
    if (auto renamed = rename_durably(part, final); !renamed) return fail(renamed.error());
    return load(final);
}

Result<EvidenceSet> FileEvidence::load(const std::string& folder) {
    const auto text = read_file(folder + "/manifest.json", text_cap_bytes);
    if (!text) return fail(text.error());
    const auto manifest = parse_manifest(*text);
    if (!manifest) return fail(manifest.error());
    EvidenceSet set{manifest->id,      manifest->vm, manifest->case_id, folder, sha256_of(*text), 0,
                    manifest->taken_at, manifest->begun.consistency};
    for (const ManifestFile& file : manifest->files) set.bytes += allocated(folder + "/" + file.name);
    return set;
}

std::optional<EvidenceSet> FileEvidence::find(const VmId& vm, const CaseId& case_id) {
    if (!is_uuid(vm.text())) return std::nullopt;
    const std::string of_vm = folder_ + "/" + vm.text();
    std::optional<EvidenceSet> newest;
    for (const std::string& name : names_in(of_vm)) {
        if (name.ends_with(".part") || name.ends_with(".expired")) continue;
        auto set = load(of_vm + "/" + name);
        if (set && set->case_id == case_id && set->vm == vm && set->consistency == Consistency::at_rest && (!newest || set->taken_at >= newest->taken_at))
            newest = std::move(*set);
    }
    return newest;
}

std::optional<EvidenceSet> FileEvidence::find_set(const VmId& vm, const EvidenceId& id) {
    if (!check_names(vm, id)) return std::nullopt;
    auto set = load(folder_ + "/" + vm.text() + "/" + id.text());
    if (!set || set->vm != vm || set->id != id) return std::nullopt;
    return *set;
}

std::vector<EvidenceSet> FileEvidence::all() {
    std::vector<EvidenceSet> out;
    for (const std::string& vm : names_in(folder_))
        for (const std::string& name : names_in(folder_ + "/" + vm)) {
            if (name.ends_with(".part") || name.ends_with(".expired")) continue;
            if (auto set = load(folder_ + "/" + vm + "/" + name)) out.push_back(std::move(*set));
        }
    return out;
}

Result<void> FileEvidence::expire(const EvidenceSet& set) {
    if (auto named = check_names(set.vm, set.id); !named) return named;
    const std::string folder = folder_ + "/" + set.vm.text() + "/" + set.id.text(), going = folder + ".expired";
    // Renamed first: a set that is half deleted must never be found.
    if (std::filesystem::exists(folder))
        if (auto renamed = rename_durably(folder, going); !renamed) return renamed;
    std::error_code error;
    std::filesystem::remove_all(going, error);
    // And what a crash left of an earlier one.
    for (const std::string& vm : names_in(folder_))
        for (const std::string& name : names_in(folder_ + "/" + vm))
            if (name.ends_with(".expired")) std::filesystem::remove_all(folder_ + "/" + vm + "/" + name, error);
    if (error) return fail(Errc::unavailable, "Cannot remove " + going + ": " + error.message() + ".");
    ::rmdir((folder_ + "/" + set.vm.text()).c_str());
    return {};
}

Result<void> FileEvidence::index_removed(const EvidenceSet& set) { return index_removed_files(set.folder, set.id, host_.key); }

Result<void> FileEvidence::verify(const EvidenceSet& set) {
    const auto text = read_file(set.folder + "/manifest.json", text_cap_bytes);
    if (!text) return fail(Errc::invalid, "The evidence set " + set.id.text() + " has lost its manifest.");
    if (sha256_of(*text) != set.manifest_sha256)
        return fail(Errc::invalid, "The manifest of evidence set " + set.id.text() + " was changed.");
    CheckOptions options;
    // Sets of the first version have no signature; one that is there must be good.
    options.must_be_signed = false;
    // Cleaning may be at work there, between moving a file and listing it.
    options.removed = false;
    if (host_.key) options.keys.emplace(host_.key->key_id(), *host_.key);
    return check_set(set.folder, options);
}

Result<void> FileEvidence::put_back(const EvidenceSet& set, const VmDisk& disk) {
    const auto text = read_file(set.folder + "/manifest.json", text_cap_bytes);
    if (!text) return fail(text.error());
    const auto manifest = parse_manifest(*text);
    if (!manifest) return fail(manifest.error());
    for (const FrozenDisk& frozen : manifest->disks)
        if (frozen.target == disk.target) {
            if (frozen.source == disk.source && frozen.format == disk.format) return restore_disk(frozen, set.folder);
            return fail(Errc::invalid, "The VM's disk " + disk.target + " is " + disk.source + " (" + disk.format + ") now; the evidence set " +
                                           set.id.text() + " was taken of " + frozen.source + " (" + frozen.format +
                                           "). Nothing was written; compare the VM's definition with the set's.");
        }
    return fail(Errc::invalid, "The evidence set " + set.id.text() + " has no disk " + disk.target + "; nothing was written.");
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
