// SPDX-License-Identifier: Apache-2.0
// Freezes one disk into a folder.
#pragma once

#include <bailiff/result.hpp>
#include <bailiff/vm.hpp>

#include <cstdint>
#include <functional>
#include <string>

namespace bailiff::agent {

/// One disk as it lies in an evidence set.
struct FrozenDisk {
    std::string target;
    std::string source;  ///< where it came from
    std::string format;  ///< of the source
    std::string stored;  ///< file name in the set
    std::string stored_format;
    std::string method;  ///< "reflink" or "copy"
    int64_t virtual_bytes = 0;
    std::string file_sha256;   ///< of the stored file
    std::string guest_sha256;  ///< of what the guest sees; the same for a raw copy
    int64_t source_device = 0, source_inode = 0;
};

/// Bytes that the disk occupies now: what a copy will need at most.
Result<int64_t> allocated_bytes(const VmDisk& disk);

/// True when `to`, a new file that only its owner may read, now shares all blocks of `from`; false when the file system
/// cannot, and nothing is left behind.
bool clone_file(const std::string& from, const std::string& to);

/// Reflinks or copies a disk of a powered-off VM into `folder`, synced and 0400. `progress` gets a fraction
/// of 1. A disk that is served by NBD over a Unix socket is read from its server, and a device (LVM too) from the
/// device. Errors: invalid for any other that is no local file; unavailable, also while a VM is using
/// it.
Result<FrozenDisk> freeze_disk(const VmDisk& disk, const std::string& folder,
                               const std::function<void(double)>& progress);

/// The reverse: makes the disk at `frozen.source` what the guest saw when it was frozen, from the set in `folder`. The VM
/// is off. May be repeated after a crash at any point. Errors: as freeze_disk; conflict when the written disk does not
/// compare.
Result<void> restore_disk(const FrozenDisk& frozen, const std::string& folder);

}  // namespace bailiff::agent
