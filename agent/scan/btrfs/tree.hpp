// SPDX-License-Identifier: Apache-2.0
// The trees of btrfs: verified nodes, and the items of a range of keys in their order.
#pragma once

#include "agent/scan/btrfs/chunks.hpp"

#include <bailiff/result.hpp>

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace bailiff::agent {

/// One node whose checksum, place, identity, and order of keys were checked; whatever it says lies within its bytes.
class BtrfsNode {
  public:
    /// An error says what is wrong with the bytes.
    static Result<BtrfsNode> parse(std::vector<uint8_t> bytes, uint64_t logical, const BtrfsSuperblock& superblock);

    uint8_t level() const { return level_; }
    uint64_t generation() const { return little_endian<uint64_t>(bytes_, 0x50); }
    size_t count() const { return count_; }
    BtrfsKey key(size_t i) const { return btrfs_key_at(bytes_, header + i * entry_size()); }
    /// Of a leaf (level 0).
    Bytes item(size_t i) const;
    /// Of an inner node: where its child `i` is.
    BtrfsRoot child(size_t i) const;
    /// The last entry whose key is not above `key`, or 0.
    size_t last_not_above(const BtrfsKey& key) const;

  private:
    static constexpr size_t header = 0x65;
    explicit BtrfsNode(std::vector<uint8_t> bytes) : bytes_(std::move(bytes)) {}
    size_t entry_size() const { return level_ == 0 ? 25 : 33; }
    std::vector<uint8_t> bytes_;
    uint8_t level_ = 0;
    size_t count_ = 0;
};

/// Reads trees, and keeps the nodes that were read last. The device must outlive it.
class BtrfsTrees {
  public:
    /// Called with each item; false ends the visit. The bytes stay valid during the call only, which may visit other trees.
    using Visitor = std::function<bool(const BtrfsKey&, Bytes item)>;

    explicit BtrfsTrees(BtrfsDevice& device) : device_(device) {}
    /// Calls `visit` for every item from `first` to `last`, both included, in the order of keys. What cannot be read is passed
    /// over, and the first such damage is the error that comes back: the items before and behind it were visited all the same.
    Result<void> visit(const BtrfsRoot& root, const BtrfsKey& first, const BtrfsKey& last, const Visitor& visit);

  private:
    struct Range;
    using NodePointer = std::shared_ptr<const BtrfsNode>;
    bool descend(Range& range, const BtrfsRoot& at, const BtrfsKey* lowest, const BtrfsKey* above);
    Result<NodePointer> node(const BtrfsRoot& at, const BtrfsKey* lowest, const BtrfsKey* above);
    void keep(uint64_t logical, NodePointer node);

    BtrfsDevice& device_;
    std::list<std::pair<uint64_t, NodePointer>> kept_;  // the last used first
    std::unordered_map<uint64_t, std::list<std::pair<uint64_t, NodePointer>>::iterator> places_;
};

}  // namespace bailiff::agent
