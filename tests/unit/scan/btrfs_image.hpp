// SPDX-License-Identifier: Apache-2.0
// A small btrfs filesystem put together item by item: what mkfs.btrfs would never write can be written here.
#pragma once

#include "agent/scan/btrfs/checksum.hpp"
#include "agent/scan/btrfs/chunks.hpp"
#include "agent/scan/image/crc32c.hpp"
#include "tests/unit/scan/memory_image.hpp"

#include <cassert>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace bailiff::test {

/// Little-endian integers in a row.
class BtrfsBytes {
  public:
    BtrfsBytes& u8(uint64_t value) { return put(value, 1); }
    BtrfsBytes& u16(uint64_t value) { return put(value, 2); }
    BtrfsBytes& u32(uint64_t value) { return put(value, 4); }
    BtrfsBytes& u64(uint64_t value) { return put(value, 8); }
    BtrfsBytes& zeros(size_t count) { return text_.append(count, '\0'), *this; }
    BtrfsBytes& text(std::string_view text) { return text_.append(text), *this; }
    BtrfsBytes& key(const agent::BtrfsKey& key) { return u64(key.object).u8(key.type).u64(key.offset); }
    operator std::string() const { return text_; }

  private:
    BtrfsBytes& put(uint64_t value, int size) {
        for (int i = 0; i < size; ++i) text_ += static_cast<char>(value >> (8 * i));
        return *this;
    }
    std::string text_;
};

/// One DUP chunk holds everything: logical `base` lies at offset `base` and again at `base + half`. Every tree is a single
/// leaf. Fill in items, then `build()`.
class BtrfsImage {
  public:
    static constexpr uint64_t base = 1 << 20, half = 1 << 20, content = base + (512 << 10), device = 1, generation = 7;
    static constexpr uint64_t root_tree = 1, chunk_tree = 3, top = 5, root_directory = 256;
    static constexpr uint32_t node_size = 4096;
    static constexpr size_t superblock_at = 64 << 10;

    explicit BtrfsImage(size_t size = base + 2 * half) : image(size) {
        subvolume(top);
        stripes = stripe(device, base) + stripe(device, base + half);
    }

    void put(uint64_t tree, const agent::BtrfsKey& key, const std::string& item) { trees_[tree][key] = item; }
    std::string& item(uint64_t tree, const agent::BtrfsKey& key) { return trees_.at(tree).at(key); }
    void erase(uint64_t tree, const agent::BtrfsKey& key) { trees_.at(tree).erase(key); }

    /// A snapshot has a parent's UUID; without references it is a deleted one.
    void subvolume(uint64_t id, uint64_t read_only = 0, bool is_snapshot = false, uint32_t references = 1) {
        put(root_tree, {id, 132, 0}, BtrfsBytes().zeros(160).u64(generation).u64(root_directory).u64(leaf_of(id)).zeros(24).u64(read_only)
                                         .u32(references).zeros(18).u8(0).u64(generation).zeros(16).text(std::string(16, is_snapshot ? 'p' : '\0')).zeros(160));
        inode(id, root_directory, 0, 040755);
    }
    /// The trees share all that `from` has now.
    void snapshot(uint64_t from, uint64_t id, uint64_t read_only = 1) {
        subvolume(id, read_only, true);
        trees_[id] = trees_.at(from);
    }
    void inode(uint64_t tree, uint64_t number, uint64_t size, uint32_t mode = 0100644) {
        put(tree, {number, 1, 0}, BtrfsBytes().u64(generation).u64(generation).u64(size).u64(size).u64(0).u32(1).u32(0).u32(0).u32(mode).zeros(104));
    }
    static std::string entry(std::string_view name, const agent::BtrfsKey& target) {
        return BtrfsBytes().key(target).u64(generation).u16(0).u16(name.size()).u8(1).text(name);
    }
    /// A name in both of a directory's lists.
    void name(uint64_t tree, uint64_t directory, std::string_view name, const agent::BtrfsKey& target) {
        const uint64_t at = ++names_;
        put(tree, {directory, 96, at}, entry(name, target));
        put(tree, {directory, 84, at}, entry(name, target));
    }
    void name(uint64_t tree, uint64_t directory, std::string_view text, uint64_t number) { name(tree, directory, text, {number, 1, 0}); }
    /// Hangs the subvolume `child` into a directory of `parent`.
    void hang(uint64_t parent, uint64_t directory, std::string_view text, uint64_t child) {
        name(parent, directory, text, {child, 132, UINT64_MAX});
        put(root_tree, {parent, 156, child}, BtrfsBytes().u64(directory).u64(names_).u16(text.size()).text(text));
    }
    void inline_extent(uint64_t tree, uint64_t number, std::string_view bytes, uint64_t unpacked, uint8_t compression = 0) {
        put(tree, {number, 108, 0}, BtrfsBytes().u64(generation).u64(unpacked).u8(compression).u8(0).u16(0).u8(0).text(bytes));
    }
    /// `kind` 1 is a regular extent, 2 a preallocated one.
    void extent(uint64_t tree, uint64_t number, uint64_t at, uint64_t disk, uint64_t disk_length, uint64_t offset, uint64_t length,
                uint64_t unpacked, uint8_t compression = 0, uint8_t kind = 1) {
        put(tree, {number, 108, at}, BtrfsBytes().u64(generation).u64(unpacked).u8(compression).u8(0).u16(0).u8(kind).u64(disk)
                                         .u64(disk_length).u64(offset).u64(length));
    }
    /// Puts content on the disk, padded to whole sectors; answers its logical address.
    uint64_t data(std::string_view bytes) {
        const uint64_t at = next_data_;
        next_data_ += padded(bytes.size());
        assert(next_data_ <= base + half);
        image.put(at, bytes);
        image.put(at + half, bytes);
        return at;
    }
    static uint64_t padded(uint64_t size) { return (size + 4095) / 4096 * 4096; }
    /// A small file in one call.
    void file(uint64_t tree, uint64_t directory, std::string_view text, uint64_t number, std::string_view bytes) {
        inode(tree, number, bytes.size());
        name(tree, directory, text, number);
        inline_extent(tree, number, bytes, bytes.size());
    }

    static constexpr uint64_t leaf_of(uint64_t tree) { return base + (tree == chunk_tree ? 0 : tree == root_tree ? 1 : 2 + tree % 61) * node_size; }
    static std::string stripe(uint64_t device_id, uint64_t at) { return BtrfsBytes().u64(device_id).u64(at).text("device uuid 16 b"); }

    /// Writes every node and superblock anew.
    MemoryImage& build() {
        const std::string chunk = BtrfsBytes().u64(half).u64(2).u64(65536).u64(profile).u32(4096).u32(4096).u32(4096).u16(stripes.size() / 32).u16(0).text(stripes);
        const agent::BtrfsKey chunk_key{256, 228, base};
        put(chunk_tree, chunk_key, chunk);
        for (const auto& [tree, items] : trees_) leaf(tree, items);
        const std::string sys = BtrfsBytes().key(chunk_key).text(chunk);
        for (const uint64_t at : {uint64_t{superblock_at}, uint64_t{64 << 20}})
            if (at + 4096 <= image.size()) superblock(at, sys);
        return image;
    }
    /// Makes the checksum of the 4 KiB block at `at` true.
    void seal(uint64_t at) {
        const agent::Bytes block(image.raw().data() + at, node_size);
        image.little(at, agent::crc32c(block.subspan(32)), 4);
    }

    MemoryImage image;
    std::string stripes;
    uint64_t profile = 0x7 | 0x20, devices = 1, incompatible = 0x341, flags = 1, log_tree = 0;
    uint16_t checksum_kind = 0;

  private:
    void leaf(uint64_t tree, const std::map<agent::BtrfsKey, std::string>& items) {
        std::string heads, bodies;
        size_t end = node_size - 0x65;
        for (const auto& [key, item] : items) {
            end -= item.size();
            heads += BtrfsBytes().key(key).u32(end).u32(item.size());
            bodies.insert(0, item);
        }
        assert(heads.size() + bodies.size() <= node_size - 0x65);
        const std::string head = BtrfsBytes().zeros(32).text("filesystem uuid!").u64(leaf_of(tree)).u64(1).zeros(16).u64(generation).u64(tree).u32(items.size()).u8(0);
        const std::string node = head + heads + std::string(node_size - 0x65 - heads.size() - bodies.size(), '\0') + bodies;
        for (const uint64_t at : {leaf_of(tree), leaf_of(tree) + half}) {
            image.put(at, node);
            seal(at);
        }
    }
    void superblock(uint64_t at, const std::string& sys) {
        const std::string head = BtrfsBytes().zeros(32).text("filesystem uuid!").u64(at).u64(flags).text("_BHRfS_M").u64(generation).u64(leaf_of(root_tree))
                                     .u64(leaf_of(chunk_tree)).u64(log_tree).u64(0).u64(image.size()).u64(0).u64(6).u64(devices).u32(4096).u32(node_size)
                                     .u32(node_size).u32(4096).u32(sys.size()).u64(generation).u64(0).u64(0).u64(incompatible).u16(checksum_kind).u8(0).u8(0)
                                     .u8(0).u64(device).zeros(58).text("device uuid 16 b");
        image.put(at, head);
        image.put(at + 0x32b, sys);
        seal(at);
    }

    std::map<uint64_t, std::map<agent::BtrfsKey, std::string>> trees_;
    uint64_t next_data_ = content, names_ = 1;
};

}  // namespace bailiff::test
