// SPDX-License-Identifier: Apache-2.0
// Reflink where the file system can, else a sparse copy of what the guest sees.
#include "agent/evidence/disk_copy.hpp"

#include "agent/evidence/failed.hpp"
#include "agent/evidence/nbd_reader.hpp"
#include "agent/evidence/qemu_img.hpp"
#include "agent/evidence/sha256.hpp"
#include "agent/files/durable_file.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstring>

namespace bailiff::agent {
namespace {

/// What the guest sees, hashed on the way; written to `target` when that is a descriptor, with holes for
/// zeros.
Result<std::string> stream(NbdReader& reader, int target, const std::function<void(double)>& progress) {
    Sha256 hash;
    const double size = double(std::max<uint64_t>(reader.size_bytes(), 1));
    const auto data = [&](uint64_t offset, std::string_view bytes) -> Result<void> {
        hash.add(bytes);
        for (size_t done = 0; target >= 0 && done < bytes.size();) {
            const ssize_t n =
                ::pwrite(target, bytes.data() + done, bytes.size() - done, off_t(offset + done));
            if (n < 0 && errno == EINTR) continue;
            if (n <= 0) return failed("write the copy of a disk", n == 0 ? ENOSPC : errno);
            done += size_t(n);
        }
        progress(double(offset + bytes.size()) / size);
        return {};
    };
    const auto zeros = [&](uint64_t offset, uint64_t count) -> Result<void> {
        hash.add_zeros(count);
        progress(double(offset + count) / size);
        return {};
    };
    if (auto read = reader.read_all(data, zeros); !read) return fail(read.error());
    return hash.hex();
}

Result<void> copy(NbdReader& reader, const std::string& path, FrozenDisk& out,
                  const std::function<void(double)>& progress) {
    const int target = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
    if (target < 0) return failed("create " + path, errno);
    Result<void> done;
    const auto hash = stream(reader, target, progress);
    if (!hash)
        done = fail(hash.error());
    else if (::ftruncate(target, off_t(reader.size_bytes())) != 0 || ::fsync(target) != 0)
        done = failed("sync " + path, errno);
    ::close(target);
    if (!done) {
        ::unlink(path.c_str());
        return done;
    }
    out.file_sha256 = out.guest_sha256 = *hash;
    return {};
}

/// Served by another process of this host, in the form that QEMU's own tools take.
bool is_served(const VmDisk& disk) { return disk.source.starts_with("nbd+unix://"); }

}  // namespace

bool clone_file(const std::string& from, const std::string& to) {
    const int source = ::open(from.c_str(), O_RDONLY | O_CLOEXEC);
    if (source < 0) return false;
    const int target = ::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
    const bool done = target >= 0 && ::ioctl(target, FICLONE, source) == 0 && ::fsync(target) == 0;
    if (target >= 0) {
        ::close(target);
        if (!done) ::unlink(to.c_str());
    }
    ::close(source);
    return done;
}

Result<int64_t> allocated_bytes(const VmDisk& disk) {
    if (is_served(disk)) {
        const auto info = image_info(disk.source, disk.format);
        if (!info) return fail(info.error());
        return info->virtual_bytes;
    }
    struct stat found {};
    if (::stat(disk.source.c_str(), &found) != 0)
        return fail(errno == ENOENT ? Errc::not_found : Errc::unavailable,
                    "Cannot look at the disk " + disk.source + ": " + std::strerror(errno) + ".");
    if (S_ISREG(found.st_mode)) {
        // A backing chain adds at most the virtual size; an image that stands alone needs what it occupies.
        if (disk.format == "raw") return int64_t(found.st_blocks) * 512;
        const auto info = image_info(disk.source, disk.format);
        if (!info) return fail(info.error());
        return info->backing.empty() ? int64_t(found.st_blocks) * 512 : info->virtual_bytes;
    }
    const int fd = ::open(disk.source.c_str(), O_RDONLY | O_CLOEXEC);
    const off_t size = fd >= 0 ? ::lseek(fd, 0, SEEK_END) : -1;
    const int error = errno;
    if (fd >= 0) ::close(fd);
    if (size < 0) return failed("look at the disk " + disk.source, error);
    return int64_t(size);
}

Result<FrozenDisk> freeze_disk(const VmDisk& disk, const std::string& folder,
                               const std::function<void(double)>& progress) {
    if (!disk.source.starts_with('/') && !is_served(disk))
        return fail(Errc::invalid,
                    "The disk " + disk.target + " (" + disk.source +
                        ") is no local file or device; freeze it with the storage's own snapshots.");
    FrozenDisk out{disk.target, disk.source, disk.format, "", "", "", 0, "", "", 0, 0};
    struct stat found {};
    if (!is_served(disk) && ::stat(disk.source.c_str(), &found) != 0)
        return failed("look at the disk " + disk.source, errno);
    out.source_device = int64_t(found.st_dev);
    out.source_inode = int64_t(found.st_ino);
    // Opened before anything is copied: QEMU's lock says now whether a VM is writing the image.
    auto reader = NbdReader::open(disk.source, disk.format);
    if (!reader) return fail(reader.error());
    out.virtual_bytes = int64_t((*reader)->size_bytes());
    bool alone = disk.format == "raw";
    if (!alone) {
        const auto info = image_info(disk.source, disk.format);
        if (!info) return fail(info.error());
        alone = info->backing.empty();
    }
    const std::string clone = disk.target + "." + disk.format;
    if (S_ISREG(found.st_mode) && alone && clone_file(disk.source, folder + "/" + clone)) {
        out.method = "reflink";
        out.stored = clone;
        out.stored_format = disk.format;
        const auto guest = stream(**reader, -1, progress);
        if (!guest) return fail(guest.error());
        out.guest_sha256 = *guest;
        const auto file = sha256_of_file(folder + "/" + clone);
        if (!file) return fail(file.error());
        out.file_sha256 = *file;
        return out;
    }
    out.method = "copy";
    out.stored = disk.target + ".raw";
    out.stored_format = "raw";
    if (auto copied = copy(**reader, folder + "/" + out.stored, out, progress); !copied)
        return fail(copied.error());
    return out;
}

}  // namespace bailiff::agent
