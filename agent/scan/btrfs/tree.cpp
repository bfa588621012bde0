// SPDX-License-Identifier: Apache-2.0
// Nodes from either copy, and a descent that cannot loop: levels fall by one, and keys only rise.
#include "agent/scan/btrfs/tree.hpp"

#include <algorithm>
#include <optional>

namespace bailiff::agent {
namespace {

constexpr size_t pointer_size = 33, item_head = 25;
constexpr uint8_t levels = 8;
constexpr size_t cache_bytes = 32U << 20;

tl::unexpected<Error> damaged(uint64_t logical, const char* what) {
    return fail(Errc::unavailable, "the tree node at " + std::to_string(logical) + " is damaged: " + what);
}

}  // namespace

Result<BtrfsNode> BtrfsNode::parse(std::vector<uint8_t> bytes, uint64_t logical, const BtrfsSuperblock& superblock) {
    if (!btrfs_checksum_holds(superblock.checksum, bytes)) return damaged(logical, "its checksum is wrong");
    BtrfsNode out(std::move(bytes));
    const Bytes all = out.bytes_;
    if (little_endian<uint64_t>(all, 0x30) != logical) return damaged(logical, "it names another place");
    if (!std::equal(superblock.node_uuid.begin(), superblock.node_uuid.end(), all.begin() + 0x20))
        return damaged(logical, "it is of another filesystem");
    out.level_ = all[0x64];
    const auto count = little_endian<uint32_t>(all, 0x60);
    const size_t room = all.size() - header;
    if (out.level_ >= levels) return damaged(logical, "its level makes no sense");
    if (count > room / (out.level_ == 0 ? item_head : pointer_size)) return damaged(logical, "it counts more than it can hold");
    if (count == 0 && out.level_ > 0) return damaged(logical, "it has no children");
    out.count_ = count;
    for (size_t i = 0; i < out.count_; ++i) {
        if (i > 0 && out.key(i) <= out.key(i - 1)) return damaged(logical, "its keys are not in order");
        if (out.level_ != 0) continue;
        const uint64_t at = little_endian<uint32_t>(all, header + i * item_head + 17), size = little_endian<uint32_t>(all, header + i * item_head + 21);
        if (at < out.count_ * item_head || at + size > room) return damaged(logical, "an item lies outside of it");
    }
    return out;
}

Bytes BtrfsNode::item(size_t i) const {
    const Bytes all = bytes_;
    return all.subspan(header + little_endian<uint32_t>(all, header + i * item_head + 17),
                       little_endian<uint32_t>(all, header + i * item_head + 21));
}

BtrfsRoot BtrfsNode::child(size_t i) const {
    const size_t at = header + i * pointer_size + btrfs_key_size;
    return {little_endian<uint64_t>(bytes_, at), little_endian<uint64_t>(bytes_, at + 8), static_cast<uint8_t>(level_ - 1)};
}

size_t BtrfsNode::last_not_above(const BtrfsKey& wanted) const {
    size_t low = 0, high = count_;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        (key(middle) <= wanted ? low : high) = middle;
    }
    return low;
}

struct BtrfsTrees::Range {
    const BtrfsKey& first;
    const BtrfsKey& last;
    const Visitor& visit;
    std::optional<Error> damage;
};

Result<void> BtrfsTrees::visit(const BtrfsRoot& root, const BtrfsKey& first, const BtrfsKey& last, const Visitor& visit) {
    Range range{first, last, visit, std::nullopt};
    descend(range, root, nullptr, nullptr);
    if (range.damage) return fail(*range.damage);
    return {};
}

/// False once the visitor has seen enough. The child's keys lie between its own key in the parent and the next one there.
bool BtrfsTrees::descend(Range& range, const BtrfsRoot& at, const BtrfsKey* lowest, const BtrfsKey* above) {
    const auto found = node(at, lowest, above);
    if (!found) {
        if (!range.damage) range.damage = found.error();
        return true;
    }
    const BtrfsNode& here = **found;
    for (size_t i = here.last_not_above(range.first); i < here.count(); ++i) {
        const BtrfsKey key = here.key(i);
        if (key > range.last) break;
        if (here.level() > 0) {
            const BtrfsKey next = i + 1 < here.count() ? here.key(i + 1) : BtrfsKey{};
            if (!descend(range, here.child(i), &key, i + 1 < here.count() ? &next : above)) return false;
        } else if (key >= range.first && !range.visit(key, here.item(i))) {
            return false;
        }
    }
    return true;
}

Result<BtrfsTrees::NodePointer> BtrfsTrees::node(const BtrfsRoot& at, const BtrfsKey* lowest, const BtrfsKey* above) {
    // A node that is sound in itself may still not be the one that was meant: an old one at this place, or another's child.
    const auto fits = [&](const BtrfsNode& node) -> const char* {
        if (node.level() != at.level) return "its level is not the one that was expected";
        if (node.generation() != at.generation) return "its generation is not the one that was expected";
        if (lowest && (node.count() == 0 || node.key(0) != *lowest)) return "it does not begin where its parent says";
        if (above && node.key(node.count() - 1) >= *above) return "it does not end where its parent says";
        return nullptr;
    };
    if (const auto known = places_.find(at.logical); known != places_.end()) {
        const NodePointer node = known->second->second;
        if (const char* why = fits(*node)) return damaged(at.logical, why);
        kept_.splice(kept_.begin(), kept_, known->second);
        return node;
    }
    if (at.logical % device_.superblock().sector_size != 0) return damaged(at.logical, "its place makes no sense");
    const size_t copies = device_.copies(at.logical);
    if (copies == 0) return damaged(at.logical, "no chunk holds it");
    Error first_error{};
    for (size_t copy = 0; copy < copies; ++copy) {
        std::vector<uint8_t> bytes(device_.superblock().node_size);
        Result<BtrfsNode> parsed = damaged(at.logical, "it cannot be read");
        if (device_.read(at.logical, bytes, copy)) parsed = BtrfsNode::parse(std::move(bytes), at.logical, device_.superblock());
        if (parsed)
            if (const char* why = fits(*parsed)) parsed = damaged(at.logical, why);
        if (parsed) {
            auto node = std::make_shared<const BtrfsNode>(std::move(*parsed));
            keep(at.logical, node);
            return node;
        }
        if (copy == 0) first_error = parsed.error();
    }
    return fail(first_error);
}

void BtrfsTrees::keep(uint64_t logical, NodePointer node) {
    kept_.emplace_front(logical, std::move(node));
    places_[logical] = kept_.begin();
    if (kept_.size() * device_.superblock().node_size <= cache_bytes) return;
    places_.erase(kept_.back().first);
    kept_.pop_back();
}

}  // namespace bailiff::agent
