// SPDX-License-Identifier: Apache-2.0
// Extent items are believed only within the bounds that btrfs itself keeps.
#include "agent/scan/btrfs/file.hpp"

#include <algorithm>

namespace bailiff::agent {
namespace {

constexpr uint8_t inode_key = 1, extent_key = 108;
constexpr size_t inode_size = 160, inline_at = 21, regular_size = 53;
enum : uint8_t { inline_extent = 0, regular_extent = 1, preallocated_extent = 2 };

BtrfsRefusal damaged(const char* what) { return {SkipReason::unreadable, std::string("the file's extents are damaged: ") + what}; }

std::span<const char> chars(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

void put(std::vector<uint8_t>& into, std::initializer_list<uint64_t> values) {
    for (const uint64_t value : values)
        for (int shift = 0; shift < 64; shift += 8) into.push_back(static_cast<uint8_t>(value >> shift));
}

}  // namespace

Result<BtrfsInode> read_btrfs_inode(BtrfsTrees& trees, const BtrfsRoot& root, uint64_t number) {
    const BtrfsKey key{number, inode_key, 0};
    BtrfsInode inode;
    bool found = false;
    const auto visited = trees.visit(root, key, key, [&](const BtrfsKey&, Bytes item) {
        if (item.size() < inode_size) return false;
        inode = {number, little_endian<uint64_t>(item, 16), little_endian<uint32_t>(item, 52), {}};
        std::copy_n(item.begin() + 124, 24, inode.times.begin());
        std::copy_n(item.begin() + 8, 8, inode.times.begin() + 24);
        found = true;
        return false;
    });
    if (!visited) return fail(visited.error());
    if (!found) return fail(Errc::not_found, "the inode " + std::to_string(number) + " is not there");
    return inode;
}

tl::expected<BtrfsContent, BtrfsRefusal> BtrfsContent::find(BtrfsTrees& trees, const BtrfsRoot& root, const BtrfsInode& inode,
                                                            uint32_t sector_size) {
    BtrfsContent out;
    out.inode_ = inode;
    std::optional<BtrfsRefusal> refused;
    const BtrfsKey first{inode.number, extent_key, 0}, last{inode.number, extent_key, UINT64_MAX};
    const auto visited = trees.visit(root, first, last, [&](const BtrfsKey& key, Bytes item) {
        if (key.offset >= inode.size) return false;
        refused = out.add(key.offset, item, sector_size);
        return !refused;
    });
    if (!visited) return tl::unexpected(BtrfsRefusal{SkipReason::unreadable, visited.error().text});
    if (refused) return tl::unexpected(std::move(*refused));
    return out;
}

std::optional<BtrfsRefusal> BtrfsContent::add(uint64_t at, Bytes item, uint32_t sector_size) {
    if (item.size() < inline_at) return damaged("one is too short");
    const uint8_t compression = item[16], kind = item[20];
    if (item[17] != 0) return BtrfsRefusal{SkipReason::encrypted, "the file's content is encrypted"};
    if (little_endian<uint16_t>(item, 18) != 0 || compression > static_cast<uint8_t>(BtrfsCompression::zstd))
        return BtrfsRefusal{SkipReason::compressed, "the file's content is stored in an encoding that is not known here"};
    Extent extent{at, 0, static_cast<BtrfsCompression>(compression), 0, 0, 0, little_endian<uint64_t>(item, 8), {}};
    const bool packed = compression != 0;
    bool zeros = false;
    if (kind == inline_extent) {
        const Bytes bytes = item.subspan(inline_at);
        extent.inline_bytes.assign(bytes.begin(), bytes.end());
        extent.length = packed ? extent.unpacked : bytes.size();
        if (at != 0 || extent.length > sector_size) return damaged("one that is inline is out of place");
        if (!packed && extent.unpacked != bytes.size()) return damaged("one that is inline has another size than it says");
        extent.unpacked = extent.length;
        if (extent.length == 0) return std::nullopt;
    } else if (kind == regular_extent || kind == preallocated_extent) {
        if (item.size() < regular_size) return damaged("one is too short");
        extent.disk = little_endian<uint64_t>(item, 21);
        extent.disk_length = little_endian<uint64_t>(item, 29);
        extent.offset = little_endian<uint64_t>(item, 37);
        extent.length = little_endian<uint64_t>(item, 45);
        zeros = kind == preallocated_extent || extent.disk == 0;
        const uint64_t whole = packed ? extent.unpacked : extent.disk_length;
        if (extent.length == 0 || at % sector_size != 0 || extent.length % sector_size != 0) return damaged("one has no sensible size");
        if (!zeros && (extent.offset > whole || extent.length > whole - extent.offset)) return damaged("one reaches beyond its end");
        if (!zeros && packed && (extent.unpacked > btrfs_largest_compressed || extent.disk_length > btrfs_largest_compressed))
            return damaged("a compressed one is larger than btrfs makes them");
    } else {
        return damaged("one is of an unknown kind");
    }
    if (at < covered_ || at + extent.length < at) return damaged("two of them overlap");
    covered_ = at + extent.length;
    if (!zeros) extents_.push_back(std::move(extent));
    return std::nullopt;
}

std::array<uint8_t, 32> BtrfsContent::identity() const {
    std::vector<uint8_t> all;
    put(all, {inode_.number, inode_.size});
    for (const Extent& e : extents_) {
        put(all, {e.at, e.length, static_cast<uint64_t>(e.compression), e.disk, e.disk_length, e.offset, e.unpacked, e.inline_bytes.size()});
        all.insert(all.end(), e.inline_bytes.begin(), e.inline_bytes.end());
    }
    return sha256(all);
}

bool BtrfsContent::describe(const BtrfsDevice& device, const Image& image, ContentPlace& place) const {
    place.number(inode_.mode);
    place.bytes(inode_.times);
    place.bytes(identity());
    for (const Extent& e : extents_) {
        if (e.disk == 0) continue;
        const bool packed = e.compression != BtrfsCompression::none;
        const uint64_t begin = packed ? e.disk : e.disk + e.offset, length = packed ? e.disk_length : e.length;
        if (!device.places(begin, length, [&](uint64_t offset, uint64_t part) { return place.run(image, offset, part), true; })) return false;
    }
    return true;
}

Result<MemoryFile> BtrfsContentReader::read(const BtrfsContent& content) {
    auto memory = MemoryFile::create();
    if (!memory) return memory;
    const uint64_t size = content.inode_.size;
    uint64_t at = 0;
    for (const auto& extent : content.extents_) {
        if (const auto gap = zeros(*memory, extent.at - at); !gap) return fail(gap.error());
        const uint64_t length = std::min(extent.length, size - extent.at);
        const auto done = extent.compression != BtrfsCompression::none ? packed(*memory, extent, length)
                          : extent.disk == 0 ? memory->append(chars(Bytes(extent.inline_bytes).first(length)))
                                             : plain(*memory, extent, length);
        if (!done) return fail(done.error());
        at = extent.at + length;
    }
    if (const auto gap = zeros(*memory, size - at); !gap) return fail(gap.error());
    if (const auto sealed = memory->seal(); !sealed) return fail(sealed.error());
    return memory;
}

Result<void> BtrfsContentReader::zeros(MemoryFile& into, uint64_t length) {
    static constexpr std::array<char, 65536> nothing{};
    while (length > 0) {
        const size_t part = std::min<uint64_t>(length, nothing.size());
        if (const auto written = into.append({nothing.data(), part}); !written) return written;
        length -= part;
    }
    return {};
}

Result<void> BtrfsContentReader::plain(MemoryFile& into, const BtrfsContent::Extent& extent, uint64_t length) {
    const size_t copies = device_.copies(extent.disk + extent.offset);
    for (uint64_t at = 0; at < length;) {
        const auto part = std::span(buffer_).first(std::min<uint64_t>(buffer_.size(), length - at));
        size_t copy = 0;
        while (copy < copies && !device_.read(extent.disk + extent.offset + at, part, copy)) ++copy;
        if (copy == copies) return fail(Errc::invalid, "an extent of the file lies outside of what can be read");
        if (const auto written = into.append(chars(part)); !written) return written;
        at += part.size();
    }
    return {};
}

Result<void> BtrfsContentReader::packed(MemoryFile& into, const BtrfsContent::Extent& extent, uint64_t length) {
    if (const auto done = unpack(extent); !done) return done;
    return into.append(chars(Bytes(unpacked_).subspan(extent.offset, length)));
}

Result<void> BtrfsContentReader::unpack(const BtrfsContent::Extent& extent) {
    const std::array identity{extent.disk, extent.disk_length, extent.unpacked, static_cast<uint64_t>(extent.compression)};
    if (extent.disk != 0 && identity == unpacked_of_) return {};
    unpacked_of_ = {};
    unpacked_.resize(extent.unpacked);
    const size_t sector_size = device_.superblock().sector_size;
    if (extent.disk == 0) {
        auto done = btrfs_decompress(extent.compression, extent.inline_bytes, unpacked_, sector_size);
        if (!done) return fail(Errc::invalid, done.error().text);
        return done;
    }
    Result<void> result = fail(Errc::invalid, "an extent of the file lies outside of what can be read");
    const auto bytes = std::span(buffer_).first(extent.disk_length);
    for (size_t copy = 0; copy < device_.copies(extent.disk); ++copy) {
        if (!device_.read(extent.disk, bytes, copy)) continue;
        result = btrfs_decompress(extent.compression, bytes, unpacked_, sector_size);
        if (result) {
            unpacked_of_ = identity;
            return {};
        }
    }
    return fail(Errc::invalid, result.error().text);
}

}  // namespace bailiff::agent
