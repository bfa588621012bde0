// SPDX-License-Identifier: Apache-2.0
// The volume layer's second half: every part of the disk that may hold files, and what is in it by its magic.
#pragma once

#include "agent/scan/image.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace bailiff::agent {

/// What can be done with a volume.
enum class VolumeKind {
    ext,        ///< ext2, ext3, ext4 with features that the reader knows
    ntfs,
    fat,        ///< FAT12, FAT16, FAT32
    exfat,
    boot_code,  ///< no filesystem by design; its bytes are scanned as one file
    swap,
    empty,      ///< nothing but zeros where we looked
    unreadable, ///< `reason` says why; the scan cannot be clean
};

struct Volume {
    std::string name;              ///< "disk", "gpt2", "mbr5"
    uint64_t start = 0, size = 0;  ///< bytes
    VolumeKind kind = VolumeKind::unreadable;
    std::string filesystem;        ///< "ext4", "xfs", "luks" …; "" when not recognised
    std::string reason;            ///< for `unreadable`: a sentence
    bool unsupported = false;      ///< for `unreadable`: sound, but not ours to read (as against damaged)
    std::vector<std::string> notes;
};

/// Splits the disk into volumes and recognises each. Ends in at least one volume; never throws on hostile bytes.
std::vector<Volume> find_volumes(Image& image);

/// Recognises what `volume.start` and `volume.size` hold. One volume comes back, or two when the bytes carry the marks of
/// a filesystem that we read and of another thing besides: then the second one is unreadable, since malware may be there.
std::vector<Volume> recognise(Image& image, Volume volume);

}  // namespace bailiff::agent
