// SPDX-License-Identifier: Apache-2.0
// Chunk items, from the superblock and from the chunk tree.
#include "agent/scan/btrfs/chunks.hpp"

#include <algorithm>

namespace bailiff::agent {
namespace {

constexpr size_t chunk_head = 48, stripe_size = 32;
constexpr uint8_t chunk_key = 228;
/// A chunk is a GiB at most in practice: this is more than a disk of 200 TiB needs, and bounds memory.
constexpr size_t most_chunks = 200'000;

constexpr uint64_t raid0 = 0x8, raid10 = 0x40, raid5 = 0x80, raid6 = 0x100;
constexpr uint64_t copied = 0x10 | 0x20 | 0x200 | 0x400;  // RAID1, DUP, RAID1C3, RAID1C4
constexpr uint64_t contents = 0x7;                          // data, system, metadata

const char* striped(uint64_t type) {
    return type & raid0 ? "RAID0" : type & raid10 ? "RAID10" : type & raid5 ? "RAID5" : type & raid6 ? "RAID6" : nullptr;
}

tl::unexpected<Error> damaged(const char* what) { return fail(Errc::unavailable, std::string("the chunks of btrfs are damaged: ") + what); }

}  // namespace

BtrfsKey btrfs_key_at(Bytes bytes, size_t at) {
    return {little_endian<uint64_t>(bytes, at), little_endian<uint8_t>(bytes, at + 8), little_endian<uint64_t>(bytes, at + 9)};
}

Result<BtrfsDevice> BtrfsDevice::open(Image& image, const Volume& volume) {
    auto superblock = read_btrfs_superblock(image, volume);
    if (!superblock) return fail(superblock.error());
    BtrfsDevice out(image, volume, std::move(*superblock));
    const Bytes listed = out.superblock_.sys_chunks;
    for (size_t at = 0; at < listed.size();) {
        if (listed.size() - at < btrfs_key_size + chunk_head) return damaged("the superblock's list ends in the midst of one");
        const BtrfsKey key = btrfs_key_at(listed, at);
        const Bytes rest = listed.subspan(at + btrfs_key_size);
        const size_t length = chunk_head + stripe_size * little_endian<uint16_t>(rest, 44);
        if (key.type != chunk_key || length > rest.size()) return damaged("the superblock's list makes no sense");
        if (const auto added = out.add_chunk(key.offset, rest.first(length)); !added) return fail(added.error());
        at += btrfs_key_size + length;
    }
    return out;
}

Result<void> BtrfsDevice::add_chunk(uint64_t logical, Bytes item) {
    if (item.size() < chunk_head + stripe_size) return damaged("one is too short");
    const auto length = little_endian<uint64_t>(item, 0), type = little_endian<uint64_t>(item, 24);
    const size_t stripes = little_endian<uint16_t>(item, 44);
    if (item.size() != chunk_head + stripe_size * stripes) return damaged("one does not hold what it counts");
    if (length == 0 || logical + length < logical) return damaged("one has no length");
    // One stripe is a plain row of bytes whatever its profile is called; the kernel makes such RAID0 chunks itself.
    if (const char* profile = striped(type); profile && stripes > 1)
        return fail(Errc::unavailable, std::string("the btrfs filesystem is striped over devices (") + profile + "), which is not read here");
    if (const uint64_t odd = type & ~(contents | copied | raid0 | raid10 | raid5 | raid6))
        return fail(Errc::unavailable, "the btrfs filesystem uses an unknown profile (bits " + std::to_string(odd) + ")");
    if (!(type & copied) && stripes != 1) return damaged("one has more places than its profile allows");

    Chunk chunk{length, {}};
    for (size_t i = 0; i < stripes; ++i) {
        const Bytes stripe = item.subspan(chunk_head + i * stripe_size, stripe_size);
        if (little_endian<uint64_t>(stripe, 0) == superblock_.device_id &&
            std::equal(superblock_.device_uuid.begin(), superblock_.device_uuid.end(), stripe.begin() + 16))
            chunk.places.push_back(little_endian<uint64_t>(stripe, 8));
    }
    if (chunk.places.empty())
        return fail(Errc::unavailable, "a part of the btrfs filesystem lies on another of its " + std::to_string(superblock_.devices) +
                                           " devices only; each device is read by itself here");

    const auto next = chunks_.lower_bound(logical);
    if (next != chunks_.end() && next->first == logical && next->second.length == length) return {};
    if (next != chunks_.end() && next->first - logical < length) return damaged("two of them overlap");
    if (next != chunks_.begin())
        if (const auto before = std::prev(next); logical - before->first < before->second.length) return damaged("two of them overlap");
    if (chunks_.size() >= most_chunks) return fail(Errc::unavailable, "the btrfs filesystem has more chunks than are followed");
    chunks_.emplace(logical, std::move(chunk));
    return {};
}

std::map<uint64_t, BtrfsDevice::Chunk>::const_iterator BtrfsDevice::holder(uint64_t logical) const {
    auto after = chunks_.upper_bound(logical);
    if (after == chunks_.begin()) return chunks_.end();
    --after;
    return logical - after->first < after->second.length ? after : chunks_.end();
}

size_t BtrfsDevice::copies(uint64_t logical) const {
    const auto found = holder(logical);
    return found == chunks_.end() ? 0 : found->second.places.size();
}

bool BtrfsDevice::places(uint64_t logical, uint64_t length, const std::function<bool(uint64_t, uint64_t)>& take) const {
    while (length > 0) {
        const auto found = holder(logical);
        if (found == chunks_.end()) return false;
        const uint64_t inside = logical - found->first, part = std::min(length, found->second.length - inside);
        for (const uint64_t place : found->second.places)
            if (place > size_ || inside > size_ - place || part > size_ - place - inside || !take(start_ + place + inside, part)) return false;
        logical += part;
        length -= part;
    }
    return true;
}

bool BtrfsDevice::read(uint64_t logical, std::span<uint8_t> out, size_t copy) {
    while (!out.empty()) {
        const auto found = holder(logical);
        if (found == chunks_.end()) return false;
        const uint64_t inside = logical - found->first;
        const auto part = out.first(std::min<uint64_t>(out.size(), found->second.length - inside));
        const uint64_t place = found->second.places[copy % found->second.places.size()];
        if (place > size_ || inside > size_ - place || part.size() > size_ - place - inside) return false;
        if (!image_->read(start_ + place + inside, part)) return false;
        out = out.subspan(part.size());
        logical += part.size();
    }
    return true;
}

}  // namespace bailiff::agent
