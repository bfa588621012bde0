// SPDX-License-Identifier: Apache-2.0
// Directories first in, last out, one subvolume after another; every refusal is told to the sink.
#include "agent/scan/btrfs/walk.hpp"

#include "agent/scan/btrfs/directory.hpp"
#include "agent/scan/btrfs/file.hpp"
#include "agent/scan/btrfs/subvolumes.hpp"
#include "agent/scan/hand_over.hpp"

#include <sys/stat.h>

#include <cstring>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

namespace bailiff::agent {
namespace {

constexpr uint8_t inode_target = 1, subvolume_target = 132;

/// Snapshots multiply entries without adding content, so theirs have a cap of their own: so many times the other's.
constexpr uint64_t snapshots_share = 16;
/// Contents that are remembered, about 60 bytes each; beyond them shared content is handed over again.
constexpr size_t most_remembered = 2'000'000;

struct DigestHash {
    size_t operator()(const std::array<uint8_t, 16>& digest) const {
        size_t out = 0;
        std::memcpy(&out, digest.data(), sizeof out);
        return out;
    }
};

class BtrfsWalk {
  public:
    BtrfsWalk(const Image& image, BtrfsDevice& device, const WalkLimits& limits, WalkSink& sink)
        : image_(image), device_(device), trees_(device), reader_(device), limits_(limits), sink_(sink) {}

    Result<void> run() {
        if (const auto chunks = load_chunks(); !chunks) return chunks;
        subvolumes_ = read_btrfs_subvolumes(trees_, root_tree());
        const auto top = subvolumes_.by_id.find(btrfs_top_level);
        if (top == subvolumes_.by_id.end())
            return fail(Errc::unavailable, "the top level of btrfs cannot be found" + (subvolumes_.damage.empty() ? "" : ": " + subvolumes_.damage));
        const auto root = read_btrfs_inode(trees_, top->second.root, top->second.directory);
        if (!root) return fail(Errc::unavailable, "the root directory cannot be read: " + root.error().text);
        if (!S_ISDIR(root->mode)) return fail(Errc::unavailable, "the root directory is damaged");
        if (!subvolumes_.damage.empty())
            sink_.skipped("", SkipReason::unreadable, "a part of the list of subvolumes cannot be read: " + subvolumes_.damage, 0);
        if (!subvolumes_.complete) sink_.skipped("", SkipReason::too_many, "the filesystem has more subvolumes than are followed", 0);

        found_subvolume(btrfs_top_level, "", 0);
        if (!walk_waiting()) return {};
        for (const auto& [id, subvolume] : subvolumes_.by_id) {
            found_subvolume(id, "/(subvolume " + std::to_string(id) + ")", 1);
            if (!walk_waiting()) return {};
        }
        return {};
    }

  private:
    struct Directory {
        uint64_t tree, inode;
        std::string path;  // without a slash at its end
        size_t depth;
    };

    const BtrfsRoot& root_tree() const { return device_.superblock().root_tree; }
    const BtrfsRoot& root_of(uint64_t tree) const { return subvolumes_.by_id.at(tree).root; }
    bool is_snapshot(uint64_t tree) const { return subvolumes_.by_id.at(tree).lineage != BtrfsLineage::original; }

    /// All chunks must be known: one that is not would make files unreadable one by one, with reasons that say nothing.
    Result<void> load_chunks() {
        constexpr uint8_t chunk_item = 228;
        Result<void> added;
        const auto visited = trees_.visit(device_.superblock().chunk_tree, {256, chunk_item, 0}, {256, chunk_item, UINT64_MAX},
                                          [&](const BtrfsKey& key, Bytes item) {
                                              added = device_.add_chunk(key.offset, item);
                                              return added.has_value();
                                          });
        if (!visited) return fail(Errc::unavailable, "the chunk tree of btrfs cannot be read: " + visited.error().text);
        return added;
    }

    void found_subvolume(uint64_t id, const std::string& path, size_t depth) {
        const BtrfsSubvolume& subvolume = subvolumes_.by_id.at(id);
        if (found_.insert(id).second) waiting_[subvolume.lineage].push_back({id, subvolume.directory, path, depth});
    }

    /// Walks all subvolumes that were found, and those that are found thereby. False when the cap of entries ends it.
    bool walk_waiting() {
        while (!waiting_.empty()) {
            auto& next = waiting_.begin()->second;
            const Directory top = std::move(next.back());
            next.pop_back();
            if (next.empty()) waiting_.erase(waiting_.begin());
            visited_.clear();
            enter_subvolume(top.tree, top.path, top.depth);
            while (!pending_.empty()) {
                const Directory directory = std::move(pending_.back());
                pending_.pop_back();
                if (!entries(directory)) return false;
            }
        }
        return true;
    }

    void enter_subvolume(uint64_t id, const std::string& path, size_t depth) {
        const BtrfsSubvolume& subvolume = subvolumes_.by_id.at(id);
        const auto inode = read_btrfs_inode(trees_, subvolume.root, subvolume.directory);
        if (!inode) sink_.skipped(path + "/", SkipReason::unreadable, "the subvolume cannot be read: " + inode.error().text, 0);
        else if (!S_ISDIR(inode->mode)) sink_.skipped(path + "/", SkipReason::unreadable, "the subvolume's root is no directory", 0);
        else enter(id, subvolume.directory, path, depth);
    }

    void enter(uint64_t tree, uint64_t inode, const std::string& path, size_t depth) {
        if (!visited_.insert(inode).second) return;
        if (depth >= limits_.depth)
            sink_.skipped(path + "/", SkipReason::too_many, "the directories are nested deeper than is followed", 0);
        else pending_.push_back({tree, inode, path, depth});
    }

    /// False when the cap of entries ends the walk.
    bool entries(const Directory& at) {
        bool more = true;
        const bool snapshot = is_snapshot(at.tree);
        const auto read = read_btrfs_directory(trees_, root_of(at.tree), at.inode, [&](const BtrfsEntry& found) {
            if (snapshot ? ++seen_in_snapshots_ / snapshots_share >= limits_.entries : ++seen_ > limits_.entries) {
                sink_.skipped("", SkipReason::too_many, "the volume has more than " + std::to_string(limits_.entries) + " entries", 0);
                return more = false;
            }
            entry(at, found);
            return true;
        });
        if (!read) sink_.skipped(at.path + "/", SkipReason::unreadable, "the directory cannot be read: " + read.error().text, 0);
        return more;
    }

    void entry(const Directory& at, const BtrfsEntry& found) {
        if (!found.sound) {
            sink_.skipped(at.path + "/", SkipReason::unreadable, "the directory is damaged: an entry has no possible name", 0);
            return;
        }
        const std::string path = at.path + "/" + found.name;
        if (path.size() > limits_.path) {
            sink_.skipped(path.substr(0, limits_.path), SkipReason::too_many, "the path is longer than is followed", 0);
        } else if (found.target.type == subvolume_target) {
            subvolume(at, found, path);
        } else if (found.target.type != inode_target) {
            sink_.skipped(path, SkipReason::unreadable, "the entry leads to nothing that is known here", 0);
        } else if (const auto inode = read_btrfs_inode(trees_, root_of(at.tree), found.target.object); !inode) {
            sink_.skipped(path, SkipReason::unreadable, "the inode cannot be read: " + inode.error().text, 0);
        } else if (S_ISDIR(inode->mode)) {
            enter(at.tree, inode->number, path, at.depth + 1);
        } else if (S_ISREG(inode->mode)) {
            content(at.tree, *inode, path);
        } else if (!S_ISLNK(inode->mode) && !S_ISCHR(inode->mode) && !S_ISBLK(inode->mode) && !S_ISFIFO(inode->mode) && !S_ISSOCK(inode->mode)) {
            sink_.skipped(path, SkipReason::unreadable, "the inode has no type", 0);
        }
        // Links, devices, pipes and sockets hold no content of their own.
    }

    void subvolume(const Directory& at, const BtrfsEntry& found, const std::string& path) {
        const uint64_t id = found.target.object;
        const auto here = is_btrfs_mount_place(trees_, root_tree(), at.tree, id, at.inode, found.name);
        if (!here) sink_.skipped(path + "/", SkipReason::unreadable, "the subvolume cannot be found: " + here.error().text, 0);
        if (!here || !*here) return;
        if (subvolumes_.by_id.contains(id)) found_subvolume(id, path, at.depth + 1);
    }

    void content(uint64_t tree, const BtrfsInode& inode, const std::string& path) {
        if (inode.size == 0) return;
        if (inode.size > limits_.file_size) {
            sink_.skipped(path, SkipReason::size, "the file is larger than " + std::to_string(limits_.file_size) + " bytes", inode.size);
            return;
        }
        const auto content = BtrfsContent::find(trees_, root_of(tree), inode, device_.superblock().sector_size);
        if (!content) {
            sink_.skipped(path, content.error().reason, content.error().detail, inode.size);
            return;
        }
        // Only after the file was handed over once may another tree's same extents pass: a failure is told for each path.
        const auto identity = subvolumes_.by_id.size() > 1 ? std::optional(short_identity(*content)) : std::nullopt;
        if (identity && is_snapshot(tree))
            if (const auto known = handed_over_.find(*identity); known != handed_over_.end() && known->second != tree) return;
        Fingerprint told_by;
        if (is_unchanged(path, inode.size, sink_, [&](ContentPlace& place) { return content->describe(device_, image_, place); }, told_by)) {
            if (identity && handed_over_.size() < most_remembered) handed_over_.emplace(*identity, tree);
            return;
        }
        auto memory = reader_.read(*content);
        if (!memory) {
            const bool damage = memory.error().code == Errc::invalid;
            sink_.skipped(path, damage ? SkipReason::unreadable : SkipReason::error, memory.error().text, inode.size);
            return;
        }
        if (identity && handed_over_.size() < most_remembered) handed_over_.emplace(*identity, tree);
        sink_.mode_of_next(inode.mode);
        sink_.told_file(path, inode.size, memory->release(), told_by);
    }

    static std::array<uint8_t, 16> short_identity(const BtrfsContent& content) {
        const auto whole = content.identity();
        std::array<uint8_t, 16> out;
        std::memcpy(out.data(), whole.data(), out.size());
        return out;
    }

    const Image& image_;
    BtrfsDevice& device_;
    BtrfsTrees trees_;
    BtrfsContentReader reader_;
    const WalkLimits& limits_;
    WalkSink& sink_;
    BtrfsSubvolumes subvolumes_;
    std::set<uint64_t> found_;
    std::map<BtrfsLineage, std::vector<Directory>> waiting_;  // subvolumes, by when their turn comes
    std::unordered_set<uint64_t> visited_;  // directories of the tree that is being walked
    std::unordered_map<std::array<uint8_t, 16>, uint64_t, DigestHash> handed_over_;  // content -> the tree it was found in
    std::vector<Directory> pending_;
    uint64_t seen_ = 0, seen_in_snapshots_ = 0;
};

}  // namespace

Result<void> walk_btrfs(Image& image, const Volume& volume, const WalkLimits& limits, WalkSink& sink) {
    auto device = BtrfsDevice::open(image, volume);
    if (!device) return fail(Errc::unavailable, device.error().text);
    return BtrfsWalk(image, *device, limits, sink).run();
}

}  // namespace bailiff::agent
