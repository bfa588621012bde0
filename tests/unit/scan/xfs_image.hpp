// SPDX-License-Identifier: Apache-2.0
// A tiny XFS filesystem written by hand, of version 4 or 5, for shapes that no tool makes on demand, and for flipping bits.
#pragma once

#include "agent/scan/xfs/superblock.hpp"
#include "tests/unit/scan/memory_image.hpp"

#include <string>
#include <utility>

namespace bailiff::test {

/// Two allocation groups of 192 blocks of 1 KiB, whose block numbers are 256 apart; inodes of 512 bytes, two in a block.
/// What is put into it is sealed with checksums at once.
class XfsImage : public MemoryImage {
  public:
    static constexpr uint64_t block_size = 1024, group_blocks = 192, second_group = 256, root = 16, log_block = 100, log_blocks = 4;
    static constexpr uint16_t file_mode = 0100644, directory_mode = 0040755;
    static constexpr uint8_t local = 1, extents = 2, btree = 3;

    struct Extent {
        uint64_t file_block, block, count;
        bool unwritten = false;
    };
    using Names = std::vector<std::pair<std::string, uint64_t>>;

    explicit XfsImage(bool checksums) : MemoryImage(2 * group_blocks * block_size), checksums_(checksums) {
        put(0, "XFSB");
        big(4, block_size, 4);
        big(8, 2 * group_blocks, 8);
        put(32, "0123456789abcdef");
        big(48, log_block, 8);
        big(56, root, 8);
        big(84, group_blocks, 4);
        big(88, 2, 4);
        big(96, log_blocks, 4);
        big(100, checksums ? 0xb4a5 : 0xb4a4, 2);
        big(102, 512, 2);
        big(104, 512, 2);
        const uint8_t logarithms[] = {10, 9, 9, 1, 8};
        for (size_t i = 0; i < sizeof logarithms; ++i) big(120 + i, logarithms[i], 1);
        big(200, checksums ? 0x18a : 0x28a, 4);
        if (checksums) big(216, 0x3 | 0x8 | 0x20, 4);
        seal_superblock();
        unmount_record();
    }

    bool checksums() const { return checksums_; }
    static uint64_t offset(uint64_t block) { return (block / second_group * group_blocks + block % second_group) * block_size; }
    static uint64_t inode_offset(uint64_t number) { return offset(number / 2) + number % 2 * 512; }
    uint64_t fork_offset(uint64_t number) const { return inode_offset(number) + (checksums_ ? 176 : 100); }

    void seal_superblock() {
        if (checksums_) seal(0, 512, 224);
    }
    void inode(uint64_t number, uint16_t mode, uint8_t format, uint64_t size, uint64_t count, const std::vector<uint8_t>& fork) {
        const uint64_t at = inode_offset(number);
        put(at, "IN");
        big(at + 2, mode, 2);
        big(at + 4, checksums_ ? 3 : 2, 1);
        big(at + 5, format, 1);
        big(at + 56, size, 8);
        // Version 5 gets the large counts, so that both places are read.
        if (checksums_) {
            big(at + 24, count, 8);
            big(at + 120, 0x18, 8);
            big(at + 152, number, 8);
            put(at + 160, "0123456789abcdef");
        } else {
            big(at + 76, count, 4);
        }
        std::copy(fork.begin(), fork.end(), raw().begin() + static_cast<std::ptrdiff_t>(fork_offset(number)));
        seal_inode(number);
    }
    void seal_inode(uint64_t number) {
        if (checksums_) seal(inode_offset(number), 512, 100);
    }

    static std::vector<uint8_t> records(const std::vector<Extent>& list) {
        MemoryImage out(list.size() * 16);
        for (size_t i = 0; i < list.size(); ++i) {
            const Extent& e = list[i];
            out.big(i * 16, uint64_t{e.unwritten} << 63 | e.file_block << 9 | e.block >> 43, 8);
            out.big(i * 16 + 8, e.block << 21 | e.count, 8);
        }
        return out.raw();
    }
    /// A file of the given extents, which fit into its inode.
    void file(uint64_t number, uint64_t size, const std::vector<Extent>& list) {
        inode(number, file_mode, extents, size, list.size(), records(list));
    }
    /// A file with one block of content.
    void file(uint64_t number, uint64_t block, std::string_view content) {
        put(offset(block), content);
        file(number, content.size(), {{0, block, 1}});
    }

    /// A directory inside its inode.
    void short_directory(uint64_t number, const Names& names, bool wide = false) {
        MemoryImage fork(300);
        const size_t width = wide ? 8 : 4;
        fork.big(0, names.size(), 1);
        fork.big(1, wide ? names.size() : 0, 1);
        fork.big(2, root, width);
        size_t at = 2 + width;
        for (const auto& [name, inode] : names) {
            fork.big(at, name.size(), 1);
            fork.put(at + 3, name);
            fork.big(at + 3 + name.size(), 1, 1);
            fork.big(at + 4 + name.size(), inode, width);
            at += 4 + name.size() + width;
        }
        this->inode(number, directory_mode, local, at, 0, {fork.raw().begin(), fork.raw().begin() + static_cast<std::ptrdiff_t>(at)});
    }
    /// The bytes of one directory block; `whole` when the directory has only this one.
    std::vector<uint8_t> directory_block(uint64_t block, uint64_t owner, const Names& names, bool whole, size_t size = block_size) const {
        MemoryImage out(size);
        out.put(0, whole ? (checksums_ ? "XDB3" : "XD2B") : (checksums_ ? "XDD3" : "XD2D"));
        if (checksums_) {
            out.big(8, offset(block) / 512, 8);
            out.put(24, "0123456789abcdef");
            out.big(40, owner, 8);
        }
        size_t at = checksums_ ? 64 : 16, end = size;
        if (whole) {
            end -= 8 + names.size() * 8;
            out.big(size - 8, names.size(), 4);
        }
        for (const auto& [name, inode] : names) {
            const size_t length = (12 + name.size() + 7) / 8 * 8;
            out.big(at, inode, 8);
            out.big(at + 8, name.size(), 1);
            out.put(at + 9, name);
            out.big(at + length - 2, at, 2);
            at += length;
        }
        if (at < end) {
            out.big(at, 0xffff, 2);
            out.big(at + 2, end - at, 2);
            out.big(end - 2, at, 2);
        }
        if (checksums_) out.little(4, agent::xfs_checksum(out.raw(), 4), 4);
        return out.raw();
    }
    void bytes(uint64_t block, std::span<const uint8_t> content) {
        std::copy(content.begin(), content.end(), raw().begin() + static_cast<std::ptrdiff_t>(offset(block)));
    }
    /// A directory of one block; "." and ".." come by themselves.
    void directory(uint64_t number, uint64_t block, Names names) {
        names.insert(names.begin(), {{".", number}, {"..", root}});
        bytes(block, directory_block(block, number, names, true));
        inode(number, directory_mode, extents, block_size, 1, records({{0, block, 1}}));
    }

    /// The root of a tree of extents, inside an inode.
    std::vector<uint8_t> tree_root(unsigned level, const std::vector<uint64_t>& children) const {
        const size_t room = (512 - (checksums_ ? 176 : 100) - 4) / 16;
        MemoryImage fork(4 + room * 16);
        fork.big(0, level, 2);
        fork.big(2, children.size(), 2);
        for (size_t i = 0; i < children.size(); ++i) fork.big(4 + (room + i) * 8, children[i], 8);
        return fork.raw();
    }
    void tree_leaf(uint64_t block, uint64_t owner, const std::vector<Extent>& list) {
        const uint64_t at = tree_block(block, owner, 0, list.size());
        const auto content = records(list);
        std::copy(content.begin(), content.end(), raw().begin() + static_cast<std::ptrdiff_t>(at));
        seal_tree(block);
    }
    void tree_node(uint64_t block, uint64_t owner, unsigned level, const std::vector<uint64_t>& children) {
        const uint64_t at = tree_block(block, owner, level, children.size());
        const uint64_t room = (block_size - (checksums_ ? 72 : 24)) / 16;
        for (size_t i = 0; i < children.size(); ++i) big(at + (room + i) * 8, children[i], 8);
        seal_tree(block);
    }

    /// The log as an unmount leaves it: its last record at the 512-byte block `at` of the ring, what lies before it of the same
    /// `round`, what lies behind of the one before.
    void unmount_record(uint8_t flags = 0x20, uint64_t at = 0, uint32_t round = 1) {
        constexpr uint64_t ring = log_blocks * block_size / 512;
        const auto place = [](uint64_t index) { return offset(log_block) + index % ring * 512; };
        for (uint64_t i = 0; i < ring; ++i) {
            std::fill_n(raw().begin() + static_cast<std::ptrdiff_t>(place(i)), 512, uint8_t{0});
            big(place(i), i < (at + 2) % ring || at + 2 == ring ? round : round - 1, 4);
        }
        big(place(at), 0xfeedbabe, 4);
        big(place(at) + 4, at + 2 > ring ? round - 1 : round, 4);
        big(place(at) + 8, 2, 4);
        big(place(at) + 12, 512, 4);
        big(place(at) + 40, 1, 4);
        big(place(at) + 320, 32768, 4);
        big(place(at + 1) + 9, flags, 1);
    }

    void seal(uint64_t at, size_t length, size_t checksum_at) {
        little(at + checksum_at, agent::xfs_checksum(agent::Bytes(raw()).subspan(at, length), checksum_at), 4);
    }

  private:
    uint64_t tree_block(uint64_t block, uint64_t owner, unsigned level, size_t count) {
        const uint64_t at = offset(block);
        put(at, checksums_ ? "BMA3" : "BMAP");
        big(at + 4, level, 2);
        big(at + 6, count, 2);
        if (!checksums_) return at + 24;
        big(at + 24, at / 512, 8);
        put(at + 40, "0123456789abcdef");
        big(at + 56, owner, 8);
        return at + 72;
    }
    void seal_tree(uint64_t block) {
        if (checksums_) seal(offset(block), block_size, 64);
    }

    bool checksums_;
};

/// One of everything: short, block, large and B+tree directories, files in extents with a hole and in a tree of two levels.
inline XfsImage xfs_sampler(bool checksums) {
    using Extent = XfsImage::Extent;
    XfsImage disk(checksums);
    constexpr uint64_t far = XfsImage::second_group;
    disk.short_directory(XfsImage::root, {{"small", 18}, {"block", 20}, {"large", 22}, {"tree", 24}, {"sparse", 26}, {"broad", 28}});
    disk.file(18, far + 1, "small content");
    disk.directory(20, far + 2, {{"first", 19}, {"second", 21}, {"wide", 30}});
    disk.file(19, far + 3, "the first");
    disk.file(21, far + 4, "the second");
    // Two blocks of names, and hashes above 32 GiB that must not be taken for names.
    const uint64_t hashes = (uint64_t{32} << 30) / XfsImage::block_size;
    disk.bytes(40, disk.directory_block(40, 22, {{".", 22}, {"..", XfsImage::root}, {"one", 23}}, false));
    disk.bytes(42, disk.directory_block(42, 22, {{"two", 25}}, false));
    disk.inode(22, XfsImage::directory_mode, XfsImage::extents, 3 * XfsImage::block_size, 3,
               XfsImage::records({Extent{0, 40, 1}, Extent{2, 42, 1}, Extent{hashes, 44, 1}}));
    disk.file(23, 45, "one of two");
    disk.file(25, 46, "two of two");
    // A tree of two levels: blocks 50 (node) and 51, 52 (leaves); contents a, b, c in 53 to 55.
    for (uint64_t i = 0; i < 3; ++i) disk.put(XfsImage::offset(53 + i), std::string(XfsImage::block_size, static_cast<char>('a' + i)));
    disk.tree_leaf(51, 24, {Extent{0, 53, 1}});
    disk.tree_leaf(52, 24, {Extent{1, 54, 1}, Extent{3, 55, 1}});
    disk.tree_node(50, 24, 1, {51, 52});
    disk.inode(24, XfsImage::file_mode, XfsImage::btree, 4 * XfsImage::block_size, 3, disk.tree_root(2, {50}));
    // A hole, an extent that was reserved and never written (with old bytes in it), and a tail that ends within a block.
    disk.put(XfsImage::offset(60), std::string(XfsImage::block_size, 'x') + std::string(2 * XfsImage::block_size, 'y') + "tail");
    disk.file(26, 6 * XfsImage::block_size + 4, {Extent{1, 60, 1}, Extent{3, 61, 2, true}, Extent{6, 63, 1}});
    // A directory whose extents stand in a tree, and one whose numbers are wide.
    disk.bytes(70, disk.directory_block(70, 28, {{".", 28}, {"..", XfsImage::root}, {"leaf", 27}}, false));
    disk.tree_leaf(71, 28, {Extent{0, 70, 1}});
    disk.inode(28, XfsImage::directory_mode, XfsImage::btree, XfsImage::block_size, 1, disk.tree_root(1, {71}));
    disk.file(27, 72, "leaf");
    disk.short_directory(30, {{"in", 29}}, true);
    disk.file(29, 73, "wide number");
    return disk;
}

}  // namespace bailiff::test
