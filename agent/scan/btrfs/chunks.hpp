// SPDX-License-Identifier: Apache-2.0
// The address space of btrfs: which logical bytes lie where on this device.
#pragma once

#include "agent/scan/btrfs/superblock.hpp"
#include "agent/scan/image/image.hpp"
#include "agent/scan/image/volume.hpp"

#include <bailiff/result.hpp>

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <vector>

namespace bailiff::agent {

/// Everything in a tree of btrfs is found and ordered by such a key.
struct BtrfsKey {
    uint64_t object = 0;
    uint8_t type = 0;
    uint64_t offset = 0;
    friend auto operator<=>(const BtrfsKey&, const BtrfsKey&) = default;
};

inline constexpr size_t btrfs_key_size = 17;
BtrfsKey btrfs_key_at(Bytes bytes, size_t at);

/// Logical addresses, turned into places of one device. Only profiles that keep whole copies are known (single, DUP, RAID1
/// and its kin): striped ones would need every device.
class BtrfsDevice {
  public:
    /// Begins with the chunks that the superblock itself lists. The image must outlive the device.
    static Result<BtrfsDevice> open(Image& image, const Volume& volume);

    /// Takes in the chunk that begins at `logical`; what is known already may come again.
    Result<void> add_chunk(uint64_t logical, Bytes item);

    const BtrfsSuperblock& superblock() const { return superblock_; }
    /// How many copies of the byte at `logical` this device has; 0 when no chunk holds it.
    size_t copies(uint64_t logical) const;
    /// Fills `out` from the given copy (modulo their number), or answers false.
    bool read(uint64_t logical, std::span<uint8_t> out, size_t copy);
    /// Where all copies of these bytes lie, in the image that the volume lies in: whole pieces, copy after copy. False when
    /// `take` ended it, or when they lie outside of every chunk.
    bool places(uint64_t logical, uint64_t length, const std::function<bool(uint64_t offset, uint64_t length)>& take) const;

  private:
    struct Chunk {
        uint64_t length;
        std::vector<uint64_t> places;  // offsets in the volume, one per copy
    };
    BtrfsDevice(Image& image, const Volume& volume, BtrfsSuperblock superblock)
        : image_(&image), start_(volume.start), size_(volume.size), superblock_(std::move(superblock)) {}
    std::map<uint64_t, Chunk>::const_iterator holder(uint64_t logical) const;

    Image* image_;
    uint64_t start_, size_;
    BtrfsSuperblock superblock_;
    std::map<uint64_t, Chunk> chunks_;  // by their first logical byte; they never overlap
};

}  // namespace bailiff::agent
