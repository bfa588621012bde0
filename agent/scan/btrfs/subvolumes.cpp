// SPDX-License-Identifier: Apache-2.0
// Root items and root references.
#include "agent/scan/btrfs/subvolumes.hpp"

#include <algorithm>

namespace bailiff::agent {
namespace {

constexpr uint8_t root_item = 132, root_reference = 156;
constexpr size_t oldest_root_item = 239, reference_head = 18;
constexpr uint64_t first_id = 256, last_id = UINT64_MAX - 255;
constexpr size_t most_subvolumes = 100'000;

/// Items of the oldest kind end before the UUIDs, and then nobody knows what is a snapshot of what.
BtrfsLineage lineage_of(Bytes item) {
    constexpr size_t flags_at = 208, parent_uuid_at = 263, uuid_size = 16;
    if (little_endian<uint64_t>(item, flags_at) & 1) return BtrfsLineage::read_only;
    for (size_t i = 0; i < uuid_size; ++i)
        if (little_endian<uint8_t>(item, parent_uuid_at + i) != 0) return BtrfsLineage::writable_snapshot;
    return BtrfsLineage::original;
}

}  // namespace

bool is_btrfs_subvolume(uint64_t id) { return id == btrfs_top_level || (id >= first_id && id <= last_id); }

BtrfsSubvolumes read_btrfs_subvolumes(BtrfsTrees& trees, const BtrfsRoot& root_tree) {
    BtrfsSubvolumes out;
    const auto visited = trees.visit(root_tree, {btrfs_top_level, root_item, 0}, {last_id, root_item, UINT64_MAX}, [&](const BtrfsKey& key, Bytes item) {
        if (key.type != root_item || !is_btrfs_subvolume(key.object)) return true;
        if (item.size() < oldest_root_item) {
            out.damage = "the root item of subvolume " + std::to_string(key.object) + " is too short";
            return true;
        }
        // Of several items the last one counts; no references are left once a subvolume is deleted.
        if (little_endian<uint32_t>(item, 216) == 0) {
            out.by_id.erase(key.object);
            return true;
        }
        if (out.by_id.size() >= most_subvolumes && !out.by_id.contains(key.object)) {
            out.complete = false;
            return false;
        }
        out.by_id[key.object] = {{little_endian<uint64_t>(item, 176), little_endian<uint64_t>(item, 160), little_endian<uint8_t>(item, 238)},
                                 little_endian<uint64_t>(item, 168), lineage_of(item)};
        return true;
    });
    if (!visited) out.damage = visited.error().text;
    return out;
}

Result<bool> is_btrfs_mount_place(BtrfsTrees& trees, const BtrfsRoot& root_tree, uint64_t parent, uint64_t child, uint64_t directory,
                                  std::string_view name) {
    const BtrfsKey key{parent, root_reference, child};
    bool fits = false;
    const auto visited = trees.visit(root_tree, key, key, [&](const BtrfsKey&, Bytes item) {
        const size_t length = little_endian<uint16_t>(item, 16);
        fits = item.size() >= reference_head + length && little_endian<uint64_t>(item, 0) == directory && length == name.size() &&
               std::equal(name.begin(), name.end(), item.begin() + reference_head, [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; });
        return false;
    });
    if (!visited) return fail(visited.error());
    return fits;
}

}  // namespace bailiff::agent
