// SPDX-License-Identifier: Apache-2.0
// Puts a frozen disk back to where it came from: reflink or conversion beside the disk, compared, renamed.
#include "agent/evidence/disk_copy.hpp"
#include "agent/evidence/nbd_reader.hpp"
#include "agent/evidence/qemu_img.hpp"
#include "agent/evidence/sha256.hpp"
#include "agent/files/durable_file.hpp"

#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

namespace bailiff::agent {
namespace {

constexpr std::chrono::milliseconds patience = std::chrono::hours{6};

/// What a guest sees of an image, as one hash.
Result<std::string> guest_hash(const std::string& path, const std::string& format) {
    const auto reader = NbdReader::open(path, format);
    if (!reader) return fail(reader.error());
    Sha256 hash;
    const auto read = (*reader)->read_all([&](uint64_t, std::string_view bytes) -> Result<void> { return hash.add(bytes), Result<void>(); },
                                          [&](uint64_t, uint64_t count) -> Result<void> { return hash.add_zeros(count), Result<void>(); });
    if (!read) return fail(read.error());
    return hash.hex();
}

Result<void> compare(const FrozenDisk& frozen, const std::string& path) {
    const auto hash = guest_hash(path, frozen.format);
    if (!hash) return fail(hash.error());
    if (*hash == frozen.guest_sha256) return {};
    return fail(Errc::conflict, "What was written to " + path + " is not what the evidence set recorded of " + frozen.source +
                                    "; verify the set and look at the storage.");
}

/// The same content in the disk's own format; a set may hold a raw copy of a qcow2 image.
Result<void> build(const FrozenDisk& frozen, const std::string& stored, const std::string& part) {
    if (frozen.stored_format == frozen.format && clone_file(stored, part)) return {};
    return convert_image(stored, frozen.stored_format, part, frozen.format, false, patience);
}

}  // namespace

Result<void> restore_disk(const FrozenDisk& frozen, const std::string& folder) {
    const std::string stored = folder + "/" + frozen.stored;
    struct stat found {};
    if (::stat(frozen.source.c_str(), &found) != 0)
        return fail(Errc::unavailable, "Cannot look at the disk " + frozen.source + ": " + std::strerror(errno) + ".");
    bool alone = frozen.format == "raw";
    if (!alone) {
        const auto info = image_info(frozen.source, frozen.format);
        if (!info) return fail(info.error());
        alone = info->backing.empty();
    }
    if (!S_ISREG(found.st_mode) || !alone) {
        // Zeros are written too: the disk holds what the commit wrote, and so does a hole over a backing file.
        if (auto written = convert_image(stored, frozen.stored_format, frozen.source, frozen.format, true, patience); !written) return written;
        if (auto synced = sync_path(frozen.source); !synced) return synced;
        return compare(frozen, frozen.source);
    }
    // Another name than any image has, so that no pool or panel takes it for one, and the same every time: what a crash
    // left behind is replaced.
    const std::string part = frozen.source + ".bailiff-part";
    ::unlink(part.c_str());
    const auto done = [&]() -> Result<void> {
        if (auto built = build(frozen, stored, part); !built) return built;
        // QEMU's user must be able to open it as before.
        if (::chown(part.c_str(), found.st_uid, found.st_gid) != 0 || ::chmod(part.c_str(), found.st_mode & 07777) != 0)
            return fail(Errc::unavailable, "Cannot give " + part + " its owner: " + std::strerror(errno) + ".");
        if (auto synced = sync_path(part); !synced) return synced;
        if (auto same = compare(frozen, part); !same) return same;
        return rename_durably(part, frozen.source);
    }();
    if (!done) ::unlink(part.c_str());
    return done;
}

}  // namespace bailiff::agent
