// SPDX-License-Identifier: Apache-2.0
// Inodes, extent records, and the B+tree that holds the records of fragmented files.
#include "agent/scan/xfs/inode.hpp"

#include <algorithm>
#include <unordered_set>

namespace bailiff::agent {
namespace {

constexpr uint16_t inode_mark = 0x494e;
constexpr uint32_t tree_mark_4 = 0x424d4150, tree_mark_5 = 0x424d4133;
constexpr size_t record_size = 16, tree_root_header = 4, tree_header_4 = 24, tree_header_5 = 72;
/// Seven levels of the smallest blocks would hold more extents than a file can have; Linux allows nine.
constexpr unsigned deepest_tree = 9;
constexpr size_t piece_size = 32 * 1024, most_pieces = 128;

tl::unexpected<Error> damaged(const char* what) {
    return fail(Errc::invalid, what);
}

/// 128 bits: unwritten (1), block in the file (54), block on the disk (52), count (21).
XfsExtent unpack(Bytes record) {
    const auto high = big_endian<uint64_t>(record, 0), low = big_endian<uint64_t>(record, 8);
    XfsExtent out;
    out.unwritten = high >> 63 != 0;
    out.file_block = high >> 9 & ((uint64_t{1} << 54) - 1);
    out.block = (high & 0x1ff) << 43 | low >> 21;
    out.count = low & ((uint64_t{1} << 21) - 1);
    return out;
}

}  // namespace

/// One walk over the extents of one inode.
struct XfsReader::Tree {
    const XfsInode& inode;
    const TakeExtent& take;
    uint64_t taken = 0, next_block = 0;
    std::unordered_set<uint64_t> visited;
};

bool XfsReader::read_at(uint64_t offset, std::span<uint8_t> out) {
    return offset <= size_ && out.size() <= size_ - offset && image_.read(start_ + offset, out);
}

bool XfsReader::read(uint64_t block, uint64_t skip, std::span<uint8_t> out) {
    const auto offset = geometry_.offset_of_blocks(block, 1);
    return offset && read_at(*offset + skip, out);
}

bool XfsReader::belongs(Bytes block, size_t place_at, size_t uuid_at, size_t owner_at, uint64_t number, uint64_t owner) const {
    const auto offset = geometry_.offset_of_blocks(number, 1);
    return offset && big_endian<uint64_t>(block, place_at) == *offset / 512 && big_endian<uint64_t>(block, owner_at) == owner &&
           uuid_at + geometry_.uuid.size() <= block.size() &&
           std::equal(geometry_.uuid.begin(), geometry_.uuid.end(), block.begin() + static_cast<std::ptrdiff_t>(uuid_at));
}

Result<Bytes> XfsReader::inode_bytes(uint64_t offset) {
    const uint64_t begin = offset / piece_size * piece_size;
    if (const auto found = by_offset_.find(begin); found != by_offset_.end()) {
        pieces_.splice(pieces_.begin(), pieces_, found->second);
    } else {
        // The last piece of a volume, or of an image that was cut, is shorter.
        std::vector<uint8_t> bytes;
        if (begin < size_) bytes = image_.bytes(start_ + begin, std::min<uint64_t>(piece_size, size_ - begin));
        if (pieces_.size() >= most_pieces) {
            by_offset_.erase(pieces_.back().offset);
            pieces_.pop_back();
        }
        pieces_.push_front({begin, std::move(bytes)});
        by_offset_[begin] = pieces_.begin();
    }
    const Bytes piece(pieces_.front().bytes);
    const uint64_t within = offset - begin;
    if (within + geometry_.inode_size > piece.size()) return damaged("the inode lies where the image cannot be read");
    return piece.subspan(within, geometry_.inode_size);
}

Result<XfsInode> XfsReader::inode(uint64_t number) {
    const auto offset = geometry_.offset_of_inode(number);
    if (!offset) return damaged("the inode's number lies outside of the filesystem");
    const auto bytes = inode_bytes(*offset);
    if (!bytes) return fail(bytes.error());
    if (big_endian<uint16_t>(*bytes, 0) != inode_mark) return damaged("there is no inode where the name points");
    const uint8_t version = (*bytes)[4];
    if (geometry_.checksums) {
        if (!xfs_checksum_fits(*bytes, 100)) return damaged("the inode's checksum does not fit");
        if (version != 3 || big_endian<uint64_t>(*bytes, 152) != number ||
            !std::equal(geometry_.uuid.begin(), geometry_.uuid.end(), bytes->begin() + 160))
            return damaged("the inode is another one than its place says");
    } else if (version != 1 && version != 2) {
        return damaged("the inode's version is unknown");
    }

    XfsInode out;
    out.number = number;
    out.mode = big_endian<uint16_t>(*bytes, 2);
    out.format = (*bytes)[5];
    out.size = big_endian<uint64_t>(*bytes, 56);
    out.modified = big_endian<uint64_t>(*bytes, 40);
    out.changed = big_endian<uint64_t>(*bytes, 48);
    out.generation = big_endian<uint32_t>(*bytes, 92);
    out.realtime = (big_endian<uint16_t>(*bytes, 90) & 1) != 0;
    out.extents = big_endian<uint32_t>(*bytes, 76);
    // Large extent counts stand elsewhere, where version 3 of the inode had bytes to spare.
    if (version == 3 && (big_endian<uint64_t>(*bytes, 120) & 0x10)) out.extents = big_endian<uint64_t>(*bytes, 24);
    if (out.mode == 0) return damaged("the inode that the name points to is not in use");
    if (out.size >> 63) return damaged("the inode's size is negative");

    const size_t core = version == 3 ? 176 : 100, room = geometry_.inode_size - core;
    const size_t attributes_at = size_t{(*bytes)[82]} * 8;
    if (attributes_at > room) return damaged("the inode's attributes begin outside of it");
    const auto fork = bytes->subspan(core, attributes_at == 0 ? room : attributes_at);
    out.fork.assign(fork.begin(), fork.end());
    return out;
}

Result<void> XfsReader::extents(const XfsInode& inode, const TakeExtent& take) {
    Tree tree{inode, take, 0, 0, {}};
    const Bytes fork(inode.fork);
    Result<bool> all = true;
    if (inode.format == static_cast<uint8_t>(XfsFork::extents)) {
        if (inode.extents > fork.size() / record_size) return damaged("the inode names more extents than it has room for");
        all = take_records(tree, fork, inode.extents);
    } else if (inode.format == static_cast<uint8_t>(XfsFork::btree)) {
        const unsigned level = big_endian<uint16_t>(fork, 0), count = big_endian<uint16_t>(fork, 2);
        const size_t room = fork.size() < tree_root_header ? 0 : (fork.size() - tree_root_header) / 16;
        if (level == 0 || level > deepest_tree || count == 0 || count > room) return damaged("the root of the extents' tree is damaged");
        for (size_t i = 0; i < count && all && *all; ++i)
            all = take_tree(tree, big_endian<uint64_t>(fork, tree_root_header + (room + i) * 8), level - 1);
    } else {
        return damaged("the inode's content is kept in a form that such a file cannot have");
    }
    if (!all) return fail(all.error());
    // A record that got lost would read as a hole, which is silence about content.
    if (*all && tree.taken != inode.extents) return damaged("the file has another number of extents than its inode says");
    return {};
}

Result<bool> XfsReader::take_records(Tree& tree, Bytes records, uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) {
        const XfsExtent extent = unpack(records.subspan(i * record_size, record_size));
        if (extent.count == 0 || extent.file_block < tree.next_block) return damaged("the file's extents are out of order");
        if (!geometry_.offset_of_blocks(extent.block, extent.count)) return damaged("an extent lies outside of the filesystem");
        if (++tree.taken > tree.inode.extents) return damaged("the file has more extents than its inode says");
        tree.next_block = extent.file_block + extent.count;
        const auto more = tree.take(extent);
        if (!more || !*more) return more;
    }
    return true;
}

Result<bool> XfsReader::take_tree(Tree& tree, uint64_t block, unsigned level) {
    if (!tree.visited.insert(block).second) return damaged("the extents' tree meets itself");
    ++tree_blocks_;
    std::vector<uint8_t> bytes(geometry_.block_size);
    if (!read(block, 0, bytes)) return damaged("a block of the extents' tree cannot be read");
    const size_t header = geometry_.checksums ? tree_header_5 : tree_header_4;
    if (big_endian<uint32_t>(bytes, 0) != (geometry_.checksums ? tree_mark_5 : tree_mark_4) || big_endian<uint16_t>(bytes, 4) != level)
        return damaged("a block of the extents' tree is damaged");
    if (geometry_.checksums && (!xfs_checksum_fits(bytes, 64) || !belongs(bytes, 24, 40, 56, block, tree.inode.number)))
        return damaged("the checksum of a block of the extents' tree does not fit");
    const size_t count = big_endian<uint16_t>(bytes, 6), room = (bytes.size() - header) / 16;
    if (count == 0 || count > room) return damaged("a block of the extents' tree is damaged");
    if (level == 0) return take_records(tree, Bytes(bytes).subspan(header), count);
    for (size_t i = 0; i < count; ++i) {
        const auto more = take_tree(tree, big_endian<uint64_t>(bytes, header + (room + i) * 8), level - 1);
        if (!more || !*more) return more;
    }
    return true;
}

}  // namespace bailiff::agent
