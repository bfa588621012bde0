// SPDX-License-Identifier: Apache-2.0
// The walk over one filesystem, with libtsk where it knows it: every file's content into a sealed memory file. Runs in the reader only.
#pragma once

#include "agent/scan/fingerprint.hpp"
#include "agent/scan/image/image.hpp"
#include "agent/scan/image/volume.hpp"
#include "agent/scan/scan_result.hpp"

#include <bailiff/result.hpp>

#include <cstdint>
#include <string>

namespace bailiff::agent {

struct WalkLimits {
    uint64_t file_size = 100U << 20;  ///< bytes; larger files are reported, not read
    uint64_t entries = 5'000'000;     ///< per volume
    size_t depth = 512;               ///< directories
    size_t path = 4096;               ///< bytes
    bool leftovers = false;           ///< also what no file holds: free blocks, slack, deleted files, swap, gaps between partitions
    uint64_t read_rate = 0;           ///< bytes of the image per second; 0: as fast as it goes
};

/// Who takes what the walk finds. Called on the walk's own thread, in the order in which contents lie on the disk.
class WalkSink {
  public:
    virtual ~WalkSink() = default;
    /// `memory_file` is sealed against every change and becomes the sink's. `path` is raw bytes.
    virtual void file(const std::string& path, uint64_t size, int memory_file) = 0;
    /// The same with what it is told by; who keeps nothing of a scan need not know of it.
    virtual void told_file(const std::string& path, uint64_t size, int memory_file, const Fingerprint& /*told_by*/) { file(path, size, memory_file); }
    /// What is known of an earlier scan; without it every content is read, and walks gather no fingerprints.
    virtual KnownContents* known() { return nullptr; }
    /// A file that was not read, since it is known and nothing of it was written.
    virtual void unchanged(const std::string& /*path*/, uint64_t /*size*/, const Fingerprint& /*told_by*/) {}
    /// The mode (as stat has it) of the file that is handed over next, from filesystems that have modes.
    virtual void mode_of_next(uint32_t) {}
    virtual void skipped(const std::string& path, SkipReason reason, const std::string& detail, uint64_t size) = 0;
};

/// Walks the volume (ext, ntfs, fat, exfat, xfs, btrfs, iso9660 or boot_code). An error means that nothing of it can be trusted to have been
/// seen; what could not be read inside it is reported to the sink instead. Deleted files are not looked at.
Result<void> walk_volume(Image& image, const Volume& volume, const WalkLimits& limits, WalkSink& sink);

}  // namespace bailiff::agent
