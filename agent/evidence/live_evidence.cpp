// SPDX-License-Identifier: Apache-2.0
// Sets of running VMs: the VM's own process writes the copies, this folder makes their place and takes them over.
//
// QEMU runs as a user of its own and must reach its files, so the folders on the way are 0711: entered, never listed. The
// files are made here and belong to root; libvirt lends each to QEMU's user for the time of the job. Nothing in the folder
// can be made, replaced or removed by that user.
#include "agent/evidence/file_evidence.hpp"

#include "agent/evidence/failed.hpp"
#include "agent/evidence/nbd_reader.hpp"
#include "agent/evidence/qemu_img.hpp"
#include "agent/evidence/set_check.hpp"
#include "agent/evidence/sha256.hpp"
#include "agent/files/durable_file.hpp"

#include <bailiff/system_clock.hpp>
#include <bailiff/system_random.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>
#include <thread>

namespace bailiff::agent {
namespace {

constexpr const char* taken_over_mark = "taken-over";
constexpr const char* draft_name = "draft.json";

/// In the set; while QEMU writes it, a copy has the name that the draft gives.
std::string stored_name(const std::string& target) { return target + ".qcow2"; }
/// Never given before, and not to be guessed.
std::string fresh(const std::string& stem) { return stem + "-" + SystemRandom().hex128(); }

/// Root's again, read-only, on the disk, and no process has it open for writing any more.
Result<void> take(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT) return fail(Errc::conflict, "The copy " + path + " is gone; it is made anew.");
    if (fd < 0) return failed("open " + path, errno);
    Result<void> done;
    if (::fchown(fd, 0, 0) != 0 || ::fchmod(fd, 0400) != 0 || ::fsync(fd) != 0) done = failed("take over " + path, errno);
    // A read lease is refused while anybody may write. QEMU closes its file a moment after the job; a guest that has
    // broken into its QEMU might keep it. File systems without leases cannot tell.
    const SystemClock clock;
    for (const auto deadline = clock.monotonic() + std::chrono::seconds{10}; done;) {
        if (::fcntl(fd, F_SETLEASE, F_RDLCK) == 0) {
            ::fcntl(fd, F_SETLEASE, F_UNLCK);
            break;
        }
        if (errno != EAGAIN && errno != EWOULDBLOCK) break;
        if (clock.monotonic() >= deadline)
            done = fail(Errc::conflict, "The copy " + path + " is still open for writing after its backup has ended; it is not trusted and made anew.");
        else
            std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
    ::close(fd);
    return done;
}

/// Hashes of a copy that the VM's own process wrote: its header is a stranger's text, so it is looked at before it is read.
Result<void> hash_copy(FrozenDisk& disk, const std::string& folder, const std::function<void(double)>& progress) {
    const std::string path = folder + "/" + disk.stored;
    const auto info = image_info(path, disk.stored_format);
    if (!info) return fail(info.error());
    if (!info->backing.empty() || info->data_file || info->virtual_bytes != disk.virtual_bytes)
        return fail(Errc::conflict, "The copy of disk " + disk.target + " is not the image that was begun; it is not trusted and made anew.");
    auto reader = NbdReader::open(path, disk.stored_format);
    if (!reader) return fail(reader.error());
    Sha256 guest;
    const double size = double(std::max<uint64_t>((*reader)->size_bytes(), 1));
    const auto read = (*reader)->read_all(
        [&](uint64_t offset, std::string_view bytes) -> Result<void> {
            guest.add(bytes);
            progress(double(offset + bytes.size()) / size);
            return {};
        },
        [&](uint64_t, uint64_t count) -> Result<void> { return guest.add_zeros(count), Result<void>(); });
    if (!read) return read;
    disk.guest_sha256 = guest.hex();
    const auto file = sha256_of_file(path);
    if (!file) return fail(file.error());
    disk.file_sha256 = *file;
    return {};
}

}  // namespace

std::string FileEvidence::staging(const VmId& vm, const EvidenceId& id) { return folder_ + "/" + vm.text() + "/" + id.text() + ".part"; }

Result<void> FileEvidence::prepare(const EvidenceRequest& request) {
    if (auto named = check_names(request.vm, request.id); !named) return named;
    const std::string of_vm = folder_ + "/" + request.vm.text();
    if (auto gone = discard(request.vm, request.id); !gone) return gone;
    for (const std::string& folder : {folder_, of_vm})
        if (auto made = make_folder_of_mode(folder, 0711); !made) return made;
    int64_t needed = request.memory ? request.live->memory_bytes : 0;
    for (const LiveDisk& one : request.live->disks)
        if (!one.disk.read_only) needed += one.allocated_bytes + one.allocated_bytes / 10;
    if (auto enough = check_room(needed, of_vm); !enough) return enough;
    return make_folder_of_mode(staging(request.vm, request.id), 0711);
}

Result<BackupFiles> FileEvidence::make_targets(const EvidenceRequest& request) {
    const std::string folder = staging(request.vm, request.id);
    if (auto made = make_folder_of_mode(folder, 0711); !made) return fail(made.error());
    Manifest draft{request.id, request.vm, request.case_id, request.now, {}, {}, {}, {}};
    if (auto written = write_side_files(request, folder, draft); !written) return fail(written.error());
    // What an earlier try was to write to; its list first, so that a job of that try is never taken for this one's.
    if (auto removed = remove_durably(folder + "/" + draft_name); !removed) return fail(removed.error());
    for (const std::string& name : names_in(folder))
        if (name.ends_with(".qcow2"))
            if (auto removed = remove_durably(folder + "/" + name); !removed) return fail(removed.error());
    BackupFiles out;
    for (const LiveDisk& one : request.live->disks) {
        if (one.disk.read_only) continue;
        if (!is_name(one.disk.target)) return fail(Errc::invalid, "'" + one.disk.target.substr(0, 60) + "' is no disk target.");
        FrozenDisk disk{one.disk.target, one.disk.source, one.disk.format, fresh(one.disk.target) + ".qcow2", "qcow2", "backup", one.virtual_bytes, "-", "-", 0, 0};
        struct stat found {};
        if (disk.source.starts_with('/') && ::stat(disk.source.c_str(), &found) == 0) {
            disk.source_device = int64_t(found.st_dev);
            disk.source_inode = int64_t(found.st_ino);
        }
        const std::string path = folder + "/" + disk.stored;
        if (auto made = create_image(path, one.virtual_bytes); !made) return fail(made.error());
        if (::chmod(path.c_str(), 0600) != 0) return failed("set the mode of " + path, errno);
        out[disk.target] = path;
        draft.disks.push_back(std::move(disk));
    }
    if (out.empty()) return fail(Errc::invalid, "The VM has no disk that it writes to; there is nothing to freeze.");
    if (auto written = write_durably(folder + "/" + draft_name, format_manifest(draft), 0400); !written) return fail(written.error());
    return out;
}

Result<Manifest> FileEvidence::draft_of(const std::string& folder) {
    const auto text = read_file(folder + "/" + draft_name, manifest_cap_bytes);
    if (!text) return fail(Errc::conflict, "The copy has lost its list of disks: " + text.error().text);
    auto draft = parse_manifest(*text);
    if (!draft) return fail(Errc::conflict, draft.error().text);
    return draft;
}

BackupFiles FileEvidence::targets(const VmId& vm, const EvidenceId& id) {
    const std::string folder = staging(vm, id);
    BackupFiles out;
    if (const auto draft = draft_of(folder))
        for (const FrozenDisk& disk : draft->disks) out[disk.target] = folder + "/" + disk.stored;
    return out;
}

std::string FileEvidence::memory_name() { return fresh("memory") + ".dump"; }

Result<void> FileEvidence::take_over(const VmId& vm, const EvidenceId& id) {
    const std::string folder = staging(vm, id);
    const auto draft = draft_of(folder);
    if (!draft) return fail(draft.error());
    for (const FrozenDisk& disk : draft->disks) {
        const std::string final = folder + "/" + stored_name(disk.target);
        // Repeated after a crash, some have their name already.
        if (std::filesystem::exists(final)) continue;
        if (auto taken = take(folder + "/" + disk.stored); !taken) return taken;
        if (auto renamed = rename_durably(folder + "/" + disk.stored, final); !renamed) return renamed;
    }
    return write_durably(folder + "/" + taken_over_mark, "", 0400);
}

bool FileEvidence::taken_over(const VmId& vm, const EvidenceId& id) {
    const std::string folder = staging(vm, id);
    return std::filesystem::exists(folder + "/" + taken_over_mark) || std::filesystem::exists(folder + "/manifest.json");
}

Result<Manifest> FileEvidence::hashed(const std::string& folder, const LiveCopy& copy, const std::function<void(int)>& percent) {
    auto manifest = draft_of(folder);
    if (!manifest) return manifest;
    manifest->begun = copy.begun;
    size_t number = 0;
    for (FrozenDisk& disk : manifest->disks) {
        const auto part = [&](double fraction) {
            if (percent) percent(int((double(number) + fraction) * 100 / double(manifest->disks.size())));
        };
        disk.stored = stored_name(disk.target);
        if (auto done = hash_copy(disk, folder, part); !done) return fail(done.error());
        manifest->files.push_back({disk.stored, int64_t(std::filesystem::file_size(folder + "/" + disk.stored)), disk.file_sha256});
        ++number;
    }
    if (copy.memory) {
        const std::string name = "memory.dump", final = folder + "/" + name;
        if (!std::filesystem::exists(final))
            if (auto renamed = rename_durably(folder + "/" + copy.memory->file, final); !renamed) return fail(renamed.error());
        if (auto taken = take(final); !taken) return fail(taken.error());
        if (auto entered = enter(*manifest, folder, name); !entered) return fail(entered.error());
        manifest->memory = MemoryDump{name, copy.memory->format};
    }
    // Dumps of earlier tries.
    std::set<std::string> known{draft_name, taken_over_mark};
    for (const ManifestFile& file : manifest->files) known.insert(file.name);
    for (const std::string& name : names_in(folder))
        if (!known.contains(name))
            if (auto removed = remove_durably(folder + "/" + name); !removed) return fail(removed.error());
    return manifest;
}

Result<EvidenceSet> FileEvidence::store(const VmId& vm, const EvidenceId& id, const LiveCopy& copy, const std::function<void(int)>& percent) {
    const std::string folder = staging(vm, id), final = folder_ + "/" + vm.text() + "/" + id.text();
    if (std::filesystem::exists(final)) return load(final);
    // Everything is hashed once the manifest is there; a crash since then only left the last strokes undone.
    if (!std::filesystem::exists(folder + "/manifest.json")) {
        auto manifest = hashed(folder, copy, percent);
        if (!manifest) return fail(manifest.error());
        if (auto sealed = write_manifest(*manifest, folder); !sealed) return fail(sealed.error());
    }
    for (const char* own : {draft_name, taken_over_mark})
        if (auto removed = remove_durably(folder + "/" + own); !removed) return fail(removed.error());
    if (::chmod(folder.c_str(), 0700) != 0) return failed("close " + folder, errno);
    if (auto renamed = rename_durably(folder, final); !renamed) return fail(renamed.error());
    return load(final);
}

Result<void> FileEvidence::discard(const VmId& vm, const EvidenceId& id) {
    if (auto named = check_names(vm, id); !named) return named;
    std::error_code error;
    std::filesystem::remove_all(staging(vm, id), error);
    if (error) return fail(Errc::unavailable, "Cannot remove " + staging(vm, id) + ": " + error.message() + ".");
    // Only when empty.
    ::rmdir((folder_ + "/" + vm.text()).c_str());
    return {};
}

}  // namespace bailiff::agent
