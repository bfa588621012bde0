// SPDX-License-Identifier: Apache-2.0
// A file of btrfs: its inode, the extents that make up its content, and their bytes.
#pragma once

#include "agent/scan/box/memory_file.hpp"
#include "agent/scan/btrfs/decompress.hpp"
#include "agent/scan/btrfs/tree.hpp"
#include "agent/scan/fingerprint.hpp"
#include "agent/scan/scan_result.hpp"

#include <bailiff/result.hpp>

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace bailiff::agent {

struct BtrfsInode {
    uint64_t number = 0, size = 0;
    uint32_t mode = 0;
    std::array<uint8_t, 32> times{};  ///< ctime, mtime, sequence, and the transaction that changed it last, in the form of the disk
};

/// Why a file's content is not handed over.
struct BtrfsRefusal {
    SkipReason reason;
    std::string detail;
};

/// The inode with this number; `Errc::not_found` when the tree is sound and has none.
Result<BtrfsInode> read_btrfs_inode(BtrfsTrees& trees, const BtrfsRoot& root, uint64_t number);

/// The extents of one file, in order and without overlap; what lies between them is zeros.
class BtrfsContent {
  public:
    /// Collects the extents below the inode's size, which the caller has bounded: there are at most size / 4 KiB of them.
    static tl::expected<BtrfsContent, BtrfsRefusal> find(BtrfsTrees& trees, const BtrfsRoot& root, const BtrfsInode& inode,
                                                          uint32_t sector_size);
    /// A digest of the inode's number and size, and of every extent's exact place on the disk. Two contents of one digest are
    /// the same bytes: extents are named by where they lie, and inline ones by their bytes.
    std::array<uint8_t, 32> identity() const;
    /// Adds all of it, and where on the disk its extents lie, each whole one with all of its copies. False when that cannot be said.
    bool describe(const BtrfsDevice& device, const Image& image, ContentPlace& place) const;

  private:
    friend class BtrfsContentReader;
    struct Extent {
        uint64_t at, length;               // in the file, bytes
        BtrfsCompression compression;
        uint64_t disk, disk_length;        // logical address and length of the whole extent; 0 = its bytes are inline
        uint64_t offset, unpacked;         // where the file's part begins in the whole extent, which has so many bytes unpacked
        std::vector<uint8_t> inline_bytes;
    };
    std::optional<BtrfsRefusal> add(uint64_t at, Bytes item, uint32_t sector_size);
    BtrfsInode inode_;
    std::vector<Extent> extents_;
    uint64_t covered_ = 0;
};

/// Reads contents; keeps the extent that it unpacked last, since neighbouring parts of a file may share it.
class BtrfsContentReader {
  public:
    explicit BtrfsContentReader(BtrfsDevice& device) : device_(device) {}
    Result<MemoryFile> read(const BtrfsContent& content);

  private:
    Result<void> zeros(MemoryFile& into, uint64_t length);
    Result<void> plain(MemoryFile& into, const BtrfsContent::Extent& extent, uint64_t length);
    Result<void> packed(MemoryFile& into, const BtrfsContent::Extent& extent, uint64_t length);
    Result<void> unpack(const BtrfsContent::Extent& extent);

    BtrfsDevice& device_;
    std::vector<uint8_t> buffer_ = std::vector<uint8_t>(1U << 20);
    std::vector<uint8_t> unpacked_;
    std::array<uint64_t, 4> unpacked_of_{};
};

}  // namespace bailiff::agent
