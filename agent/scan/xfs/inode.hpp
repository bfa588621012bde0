// SPDX-License-Identifier: Apache-2.0
// XFS: inodes by number, and the extents of their data fork, whichever of its forms that has.
#pragma once

#include "agent/scan/xfs/superblock.hpp"

#include <cstdint>
#include <functional>
#include <list>
#include <string>
#include <unordered_map>
#include <vector>

namespace bailiff::agent {

/// How the data fork keeps what belongs to it. Other values have no content.
enum class XfsFork : uint8_t { local = 1, extents = 2, btree = 3 };

struct XfsInode {
    uint64_t number = 0;
    uint16_t mode = 0;         ///< as in stat
    uint8_t format = 0;        ///< a value of XfsFork, or another
    bool realtime = false;     ///< the content lies on the realtime device
    uint64_t size = 0;         ///< bytes; below 2^63
    uint64_t extents = 0;      ///< how many the data fork has
    uint64_t modified = 0, changed = 0;  ///< mtime and ctime, in the form of the disk
    uint32_t generation = 0;
    std::vector<uint8_t> fork; ///< the data fork inside the inode, below 2 KiB
};

/// A run of blocks of a file. Blocks that no extent covers are holes and read as zeros, like `unwritten` ones.
struct XfsExtent {
    uint64_t file_block = 0, block = 0, count = 0;
    bool unwritten = false;
};

/// Reads one filesystem's metadata, checksums verified where it has them. Every error is Errc::invalid, a sentence about
/// the damage; its text holds no bytes of the disk.
class XfsReader {
  public:
    /// False from `take` ends the walk over the extents early.
    using TakeExtent = std::function<Result<bool>(const XfsExtent&)>;

    XfsReader(Image& image, const Volume& volume, const XfsGeometry& geometry)
        : image_(image), start_(volume.start), size_(volume.size), geometry_(geometry) {}

    const XfsGeometry& geometry() const { return geometry_; }
    Result<XfsInode> inode(uint64_t number);
    /// In the order of the file, none overlapping another, each within one allocation group.
    Result<void> extents(const XfsInode& inode, const TakeExtent& take);
    /// Fills `out` from `skip` bytes after the beginning of `block`, which the caller got from an extent.
    bool read(uint64_t block, uint64_t skip, std::span<uint8_t> out);
    /// Whether a metadata block of version 5 says that it belongs to this filesystem, this inode and this place.
    bool belongs(Bytes block, size_t place_at, size_t uuid_at, size_t owner_at, uint64_t number, uint64_t owner) const;

    /// B+tree blocks read so far; the walk holds them against its cap, since they cost time and yield no entry.
    uint64_t tree_blocks() const { return tree_blocks_; }

  private:
    struct Tree;
    Result<Bytes> inode_bytes(uint64_t offset);
    bool read_at(uint64_t offset, std::span<uint8_t> out);
    Result<bool> take_records(Tree& tree, Bytes records, uint64_t count);
    Result<bool> take_tree(Tree& tree, uint64_t block, unsigned level);

    Image& image_;
    uint64_t start_, size_;
    const XfsGeometry& geometry_;
    uint64_t tree_blocks_ = 0;

    /// Inodes are small and lie together: pieces of the disk, the latest used in front.
    struct Piece {
        uint64_t offset;
        std::vector<uint8_t> bytes;
    };
    std::list<Piece> pieces_;
    std::unordered_map<uint64_t, std::list<Piece>::iterator> by_offset_;
};

}  // namespace bailiff::agent
