// SPDX-License-Identifier: Apache-2.0
// DIR_INDEX items as the kernel lists them, then what only DIR_ITEM items know.
#include "agent/scan/btrfs/directory.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace bailiff::agent {
namespace {

constexpr uint8_t by_hash = 84, by_order = 96;
constexpr size_t entry_head = 30, longest_name = 255;

using Digest = std::array<uint8_t, 16>;

/// Name and target, small enough to keep for every entry of a directory with millions of them.
Digest digest_of(const BtrfsEntry& entry) {
    std::string all = entry.name;
    for (int shift = 0; shift < 64; shift += 8) all += static_cast<char>(entry.target.object >> shift);
    all += static_cast<char>(entry.target.type);
    const auto whole = sha256({reinterpret_cast<const uint8_t*>(all.data()), all.size()});
    Digest out;
    std::copy_n(whole.begin(), out.size(), out.begin());
    return out;
}

/// One item holds one entry, or several whose names have the same hash.
bool entries_of(Bytes item, const std::function<bool(const BtrfsEntry&)>& take) {
    while (!item.empty()) {
        BtrfsEntry entry;
        const size_t data = little_endian<uint16_t>(item, 25), length = little_endian<uint16_t>(item, 27);
        if (item.size() < entry_head || length + data > item.size() - entry_head) {
            entry.sound = false;
            return take(entry);
        }
        entry.target = btrfs_key_at(item, 0);
        entry.name.assign(reinterpret_cast<const char*>(item.data()) + entry_head, length);
        entry.sound = length > 0 && length <= longest_name && entry.name != "." && entry.name != ".." &&
                      entry.name.find_first_of(std::string_view("/\0", 2)) == entry.name.npos;
        if (!take(entry)) return false;
        item = item.subspan(entry_head + length + data);
    }
    return true;
}

}  // namespace

Result<void> read_btrfs_directory(BtrfsTrees& trees, const BtrfsRoot& root, uint64_t inode, const std::function<bool(const BtrfsEntry&)>& take) {
    std::vector<Digest> listed;
    bool more = true;
    const auto whole = [inode](uint8_t type) { return std::pair{BtrfsKey{inode, type, 0}, BtrfsKey{inode, type, UINT64_MAX}}; };
    const auto [first_index, last_index] = whole(by_order);
    auto ordered = trees.visit(root, first_index, last_index, [&](const BtrfsKey&, Bytes item) {
        more = entries_of(item, [&](const BtrfsEntry& entry) {
            if (entry.sound) listed.push_back(digest_of(entry));
            return take(entry);
        });
        return more;
    });
    if (!more) return {};
    std::sort(listed.begin(), listed.end());
    const auto [first_hash, last_hash] = whole(by_hash);
    auto hashed = trees.visit(root, first_hash, last_hash, [&](const BtrfsKey&, Bytes item) {
        return entries_of(item, [&](const BtrfsEntry& entry) {
            if (entry.sound && std::binary_search(listed.begin(), listed.end(), digest_of(entry))) return true;
            return take(entry);
        });
    });
    return ordered ? hashed : ordered;
}

}  // namespace bailiff::agent
