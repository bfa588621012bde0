// SPDX-License-Identifier: Apache-2.0
// The volume layer's second half: every part of the disk that may hold files, and what is in it by its magic.
#pragma once

#include "agent/scan/image/image.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace bailiff::agent {

/// What can be done with a volume.
enum class VolumeKind {
    ext,        ///< ext2, ext3, ext4 with features that the reader knows
    ntfs,
    fat,        ///< FAT12, FAT16, FAT32
    exfat,
    xfs,        ///< versions 4 and 5, by our own reader
    btrfs,      ///< by our own reader
    iso9660,    ///< with Rock Ridge and Joliet, by our own reader
    boot_code,  ///< no filesystem by design; its bytes are scanned as one file
    swap,
    empty,      ///< nothing but zeros where we looked
    container,  ///< holds other volumes, which are listed too: `reason` says what it is
    unreadable, ///< `reason` says why; the scan cannot be clean
};

struct Volume {
    std::string name;               ///< "disk", "gpt2", "mbr5", "gpt2/vg0/root", "gpt1/md"
    uint64_t start = 0, size = 0;   ///< bytes, within `on(disk)`
    std::shared_ptr<Image> mapped;  ///< of a volume whose bytes do not simply lie on the disk: they are read and written through it
    VolumeKind kind = VolumeKind::unreadable;
    std::string filesystem;        ///< "ext4", "btrfs", "luks" …; "" when not recognised
    std::string reason;            ///< for `unreadable`: a sentence
    bool unsupported = false;      ///< for `unreadable`: sound, but not ours to read (as against damaged)
    std::string no_writing;        ///< why bailiff-clean must not write here although the volume can be read; "" when it may
    std::vector<std::string> notes;
    std::vector<uint64_t> also_at; ///< for `iso9660`: where within the volume further descriptors of the same bytes count from

    /// The image that `start` counts in. Everything that reads or writes the volume does it there.
    Image& on(Image& disk) const { return mapped ? *mapped : disk; }
};

/// Splits the disk into volumes and recognises each, also those inside of others (LVM, md arrays). Ends in at least one
/// volume; never throws on hostile bytes. `image` must outlive the answer.
std::vector<Volume> find_volumes(Image& image);

/// Splits `whole`, which is all of `image`, by its partition table, or recognises it when it has none. What stands inside of
/// LVM or md is left to `find_volumes`.
std::vector<Volume> split(Image& image, const Volume& whole);

/// Recognises what `volume.start` and `volume.size` hold. One volume comes back, or more when the bytes carry the marks of
/// a filesystem that we read and of other things besides: these are unreadable, since malware may be there, but for an ISO9660,
/// which is read as `NAME/iso9660`.
std::vector<Volume> recognise(Image& image, Volume volume);

}  // namespace bailiff::agent
