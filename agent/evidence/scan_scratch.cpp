// SPDX-License-Identifier: Apache-2.0
// See scan_scratch.hpp.
#include "agent/evidence/scan_scratch.hpp"

#include "agent/evidence/failed.hpp"
#include "agent/evidence/qemu_img.hpp"
#include "agent/files/durable_file.hpp"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <optional>

namespace bailiff::agent {
namespace {

constexpr std::string_view image_ending = ".qcow2";

/// What of a file system may still be taken, and what must stay free.
struct Room {
    int64_t free_bytes = 0;
    int64_t kept_bytes = 0;
};

std::optional<Room> room_of(const std::string& folder, int64_t keep_percent) {
    struct statvfs system {};
    if (::statvfs(folder.c_str(), &system) != 0) return std::nullopt;
    // What root alone may take is not for this: QEMU does not run as root.
    const auto unit = int64_t(system.f_frsize);
    return Room{int64_t(system.f_bavail) * unit, int64_t(system.f_blocks) / 100 * keep_percent * unit};
}

std::string mebibytes(int64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

}  // namespace

std::string FolderScratch::folder(const JobId& job) { return folder_ + "/" + job.text(); }

Result<void> FolderScratch::prepare(const JobId& job) {
    if (auto gone = remove(job); !gone) return gone;
    // 0711: QEMU's user opens what it is to write below, and lists nothing.
    for (const std::string& made : {folder_, folder(job)})
        if (auto done = make_folder_of_mode(made, 0711); !done) return done;
    const auto room = room_of(folder_, bounds_.keep_percent);
    if (!room) return fail(Errc::unavailable, "Cannot ask for the free space of " + folder_ + ".");
    if (room->free_bytes - room->kept_bytes >= bounds_.most_bytes) return {};
    return fail(Errc::unavailable, "What the guest may overwrite during its scan needs " + mebibytes(bounds_.most_bytes) + " (live-scan-scratch-mib) beside " +
                                       mebibytes(room->kept_bytes) + " that stay free (live-scan-keep-percent), and " + folder_ + " has " +
                                       mebibytes(room->free_bytes) + "; free some space or name another folder (live-scan-scratch).");
}

Result<DiskExport> FolderScratch::make(const JobId& job, const LiveVm& vm) {
    const std::string own = folder(job), of_socket = own + "/socket";
    if (auto gone = remove(job); !gone) return fail(gone.error());
    for (const auto& [made, mode] : {std::pair{own, mode_t(0711)}, {of_socket, mode_t(0700)}})
        if (auto done = make_folder_of_mode(made, mode); !done) return fail(done.error());
    // QEMU makes the socket itself. The folder is all that it may write to beside the scratch files, which libvirt gives to it.
    if (::chown(of_socket.c_str(), uid_t(vm.user), gid_t(vm.group)) != 0) return failed("give to QEMU the folder " + of_socket, errno);
    DiskExport out{of_socket + "/nbd", {}};
    for (const LiveDisk& one : vm.disks) {
        if (one.disk.read_only) continue;
        if (!is_name(one.disk.target)) return fail(Errc::invalid, "'" + one.disk.target.substr(0, 60) + "' is no disk target.");
        const std::string path = own + "/" + one.disk.target + std::string(image_ending);
        if (auto created = create_image(path, one.virtual_bytes); !created) return fail(created.error());
        if (::chmod(path.c_str(), 0600) != 0) return failed("set the mode of " + path, errno);
        out.scratch[one.disk.target] = path;
    }
    if (out.scratch.empty()) return fail(Errc::invalid, "The VM has no disk that it writes to; there is nothing to scan.");
    if (out.socket.size() > 107) return fail(Errc::invalid, "The path " + out.socket + " is too long for a socket; name a shorter folder (live-scan-scratch).");
    return out;
}

DiskExport FolderScratch::made(const JobId& job) {
    const std::string own = folder(job);
    DiskExport out{own + "/socket/nbd", {}};
    for (const std::string& name : names_in(own))
        if (name.ends_with(image_ending)) out.scratch[name.substr(0, name.size() - image_ending.size())] = own + "/" + name;
    return out;
}

std::string FolderScratch::shortage(const JobId& job) {
    const std::string own = folder(job);
    int64_t taken = 0;
    for (const std::string& name : names_in(own)) {
        struct stat found {};
        if (::stat((own + "/" + name).c_str(), &found) == 0) taken += int64_t(found.st_blocks) * 512;
    }
    if (taken > bounds_.most_bytes)
        return "the guest overwrote more than " + mebibytes(bounds_.most_bytes) + " while it was scanned (live-scan-scratch-mib); scan it when it is less busy, or allow more";
    const auto room = room_of(own, bounds_.keep_percent);
    if (!room || room->free_bytes >= room->kept_bytes) return "";
    return "only " + mebibytes(room->free_bytes) + " are free in " + folder_ + ", and " + mebibytes(room->kept_bytes) +
           " must stay so (live-scan-keep-percent), so that no write of the guest fails; free some space there";
}

Result<void> FolderScratch::remove(const JobId& job) {
    if (!is_name(job.text())) return fail(Errc::invalid, "'" + job.text().substr(0, 60) + "' is no name of a job.");
    std::error_code error;
    std::filesystem::remove_all(folder(job), error);
    if (error) return fail(Errc::unavailable, "Cannot remove " + folder(job) + ": " + error.message() + ".");
    return {};
}

}  // namespace bailiff::agent
