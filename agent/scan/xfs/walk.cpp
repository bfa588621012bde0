// SPDX-License-Identifier: Apache-2.0
// Depth first through an XFS tree, with every loop that a hostile disk could make cut short.
#include "agent/scan/xfs/walk.hpp"

#include "agent/scan/hand_over.hpp"
#include "agent/scan/xfs/directory.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <unordered_set>
#include <vector>

namespace bailiff::agent {
namespace {

constexpr size_t buffer_size = 1U << 20;

class Walk : public XfsNames {
  public:
    Walk(Image& image, const Volume& volume, const XfsGeometry& geometry, const WalkLimits& limits, WalkSink& sink)
        : image_(image), start_(volume.start), reader_(image, volume, geometry), limits_(limits), sink_(sink), buffer_(std::make_unique_for_overwrite<uint8_t[]>(buffer_size)) {}

    Result<void> run() {
        const auto root = reader_.inode(reader_.geometry().root_inode);
        if (!root) return fail(Errc::unavailable, "the root directory cannot be read: " + root.error().text);
        if (!S_ISDIR(root->mode)) return fail(Errc::unavailable, "the root directory is damaged");
        if (reader_.geometry().log_start == 0)
            sink_.skipped("", SkipReason::unsupported, "the log lies on another device: what the guest wrote last may be missing", 0);
        visited_.insert(root->number);
        levels_.push_back({0, {}});
        enter(*root);
        // Only names are kept for what is still to come, never whole paths: a broad and deep disk could fill memory with them.
        while (!ended_ && !levels_.empty()) {
            Level& level = levels_.back();
            path_.resize(level.path_size);
            if (level.directories.empty()) {
                levels_.pop_back();
                continue;
            }
            const Child child = std::move(level.directories.back());
            level.directories.pop_back();
            path_ += "/" + child.name;
            const auto inode = reader_.inode(child.inode);
            if (!inode) {
                sink_.skipped(path_ + "/", SkipReason::unreadable, inode.error().text, 0);
                continue;
            }
            levels_.push_back({path_.size(), {}});
            enter(*inode);
        }
        return {};
    }

  private:
    struct Child {
        std::string name;
        uint64_t inode;
    };
    /// A directory that is being worked on: its path is the beginning of `path_`.
    struct Level {
        size_t path_size;
        std::vector<Child> directories;
    };

    /// Files are handed over as their names come; directories wait until this one is done.
    void enter(const XfsInode& directory) { read_xfs_directory(reader_, directory, *this); }

    bool name(std::string_view name, uint64_t number) override {
        if (!charge(1)) return false;
        if (name.find('/') != name.npos || name.find('\0') != name.npos) return damaged("an entry's name holds a slash or a zero byte");
        const std::string path = path_ + "/" + std::string(name);
        if (path.size() > limits_.path) {
            sink_.skipped(path.substr(0, limits_.path), SkipReason::too_many, "the path is longer than is followed", 0);
            return true;
        }
        const auto inode = reader_.inode(number);
        if (!inode) sink_.skipped(path, SkipReason::unreadable, inode.error().text, 0);
        else if (S_ISDIR(inode->mode)) directory(name, path, number);
        else if (S_ISREG(inode->mode)) content(*inode, path);
        else if (!S_ISLNK(inode->mode) && !S_ISCHR(inode->mode) && !S_ISBLK(inode->mode) && !S_ISFIFO(inode->mode) && !S_ISSOCK(inode->mode))
            sink_.skipped(path, SkipReason::unreadable, "the inode has no type", 0);
        return !ended_;
    }

    bool damaged(const std::string& what) override {
        sink_.skipped(path_ + "/", SkipReason::unreadable, what, 0);
        return charge(1);
    }

    bool block() override { return charge(1); }

    /// Everything that takes time counts towards the one cap, so that no disk can keep the walk busy for ever.
    bool charge(uint64_t count) {
        seen_ += count;
        if (ended_ || seen_ <= limits_.entries) return !ended_;
        ended_ = true;
        sink_.skipped("", SkipReason::too_many, "the volume has more than " + std::to_string(limits_.entries) + " entries", 0);
        return false;
    }

    void directory(std::string_view name, const std::string& path, uint64_t number) {
        if (!visited_.insert(number).second) return;
        if (levels_.size() >= limits_.depth)
            sink_.skipped(path + "/", SkipReason::too_many, "the directories are nested deeper than is followed", 0);
        else levels_.back().directories.push_back({std::string(name), number});
    }

    void content(const XfsInode& inode, const std::string& path) {
        if (inode.realtime && inode.size > 0) {
            sink_.skipped(path, SkipReason::unsupported, "the content lies on a realtime device", inode.size);
            return;
        }
        const uint64_t trees_before = reader_.tree_blocks();
        sink_.mode_of_next(inode.mode);
        hand_over(path, inode.size, limits_, sink_, [&](MemoryFile& memory) { return fill(inode, memory); },
                  [&](ContentPlace& place) { return describe(inode, place); });
        charge(reader_.tree_blocks() - trees_before);
    }

    Result<void> fill(const XfsInode& inode, MemoryFile& memory) {
        uint64_t at = 0;  // bytes of the file that are in memory already
        const unsigned bits = reader_.geometry().block_bits;
        const auto walked = reader_.extents(inode, [&](const XfsExtent& extent) -> Result<bool> {
            // The file is at most a few gigabytes long here, so an extent that begins inside of it can be shifted.
            if (extent.file_block > (inode.size - 1) >> bits) return false;
            const uint64_t begin = extent.file_block << bits, end = std::min(inode.size, begin + (extent.count << bits));
            if (extent.unwritten) return true;
            if (begin > at)
                if (const auto zeros = memory.append_zeros(begin - at); !zeros) return fail(zeros.error());
            for (at = begin; at < end;) {
                const std::span<uint8_t> part(buffer_.get(), std::min<uint64_t>(buffer_size, end - at));
                if (!reader_.read(extent.block, at - begin, part))
                    return fail(Errc::invalid, "the content cannot be read: the image ends before it or is damaged");
                if (const auto written = memory.append({reinterpret_cast<const char*>(part.data()), part.size()}); !written)
                    return fail(written.error());
                at += part.size();
            }
            return true;
        });
        if (!walked) return walked;
        if (at < inode.size) return memory.append_zeros(inode.size - at);
        return {};
    }

    /// What `fill` goes by. Extents that cannot be read are `fill`'s to complain about.
    bool describe(const XfsInode& inode, ContentPlace& place) {
        for (const uint64_t value : {inode.number, uint64_t{inode.generation}, uint64_t{inode.mode}, inode.modified, inode.changed, uint64_t{inode.format}}) place.number(value);
        const unsigned bits = reader_.geometry().block_bits;
        const auto walked = reader_.extents(inode, [&](const XfsExtent& extent) -> Result<bool> {
            if (extent.file_block > (inode.size - 1) >> bits) return false;
            for (const uint64_t value : {extent.file_block, extent.count, uint64_t{extent.unwritten}}) place.number(value);
            const auto offset = reader_.geometry().offset_of_blocks(extent.block, extent.count);
            if (!offset) return fail(Errc::invalid, "an extent lies outside of the filesystem");
            if (!extent.unwritten) place.run(image_, start_ + *offset, extent.count << bits);
            return true;
        });
        return walked.has_value();
    }

    const Image& image_;
    uint64_t start_;
    XfsReader reader_;
    const WalkLimits& limits_;
    WalkSink& sink_;
    std::unique_ptr<uint8_t[]> buffer_;
    std::string path_;  // of the directory that is read, without a slash at its end
    std::vector<Level> levels_;
    std::unordered_set<uint64_t> visited_;
    uint64_t seen_ = 0;
    bool ended_ = false;
};

}  // namespace

Result<void> walk_xfs(Image& image, const Volume& volume, const WalkLimits& limits, WalkSink& sink) {
    const auto geometry = read_xfs_superblock(image, volume);
    if (!geometry) return fail(geometry.error());
    return Walk(image, volume, *geometry, limits, sink).run();
}

}  // namespace bailiff::agent
