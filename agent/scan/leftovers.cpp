// SPDX-License-Identifier: Apache-2.0
// libtsk says which blocks and inodes are free; everything is put into pieces that engines take.
#include "agent/scan/leftovers.hpp"

#include "agent/scan/hand_over.hpp"
#include "agent/scan/tsk_image.hpp"

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <cstring>

namespace bailiff::agent {
namespace {

std::string hex_range(uint64_t from, uint64_t to) {
    char out[48];
    std::snprintf(out, sizeof out, "0x%" PRIx64 "-0x%" PRIx64, from, to);
    return out;
}

bool only_zeros(std::span<const uint8_t> bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](uint8_t byte) { return byte == 0; });
}

/// Collects bytes from many places until they are worth a question to the engines.
class Pool {
  public:
    Pool(std::string label, bool hexadecimal, const WalkLimits& limits, WalkSink& sink)
        : label_(std::move(label)), hexadecimal_(hexadecimal), piece_(std::min(leftover_piece, limits.file_size)), limits_(limits), sink_(sink) {}

    /// `from` and `to` say where the bytes are from, for people.
    void add(std::span<const uint8_t> bytes, uint64_t from, uint64_t to) {
        if (only_zeros(bytes)) return;
        if (held_.empty()) first_ = from;
        held_.insert(held_.end(), bytes.begin(), bytes.end());
        last_ = to;
        fresh_ += bytes.size();
        if (held_.size() >= piece_) ship();
    }
    void end() {
        if (fresh_ > 0) ship();
        held_.clear();
    }

  private:
    void ship() {
        const std::string range = hexadecimal_ ? hex_range(first_, last_) : std::to_string(first_) + "-" + std::to_string(last_);
        const std::string path = "/(" + label_ + " " + range + ")";
        // A piece may be longer than a file is allowed to be by its last part.
        for (size_t at = 0; at < held_.size(); at += limits_.file_size) {
            const std::span<const uint8_t> part(held_.data() + at, std::min<uint64_t>(held_.size() - at, limits_.file_size));
            hand_over(path, part.size(), limits_, sink_, [&](MemoryFile& memory) { return memory.append({reinterpret_cast<const char*>(part.data()), part.size()}); });
        }
        // What lies across the edge is whole in the next piece.
        const size_t keep = std::min<size_t>(held_.size() / 2, leftover_overlap);
        held_.erase(held_.begin(), held_.end() - static_cast<std::ptrdiff_t>(keep));
        first_ = last_;
        fresh_ = 0;
    }

    std::string label_;
    bool hexadecimal_;
    uint64_t piece_;
    const WalkLimits& limits_;
    WalkSink& sink_;
    std::vector<uint8_t> held_;
    uint64_t first_ = 0, last_ = 0, fresh_ = 0;
};

class Leftovers {
  public:
    Leftovers(TSK_FS_INFO* fs, Image& image, const Volume& volume, const WalkLimits& limits, WalkSink& sink)
        : fs_(fs), image_(image), volume_(volume), limits_(limits), sink_(sink), slack_("slack of inodes", false, limits, sink) {}

    void run() {
        free_blocks();
        // libtsk's walk over inodes is C: what happens in it must not throw through it.
        const auto each = [](TSK_FS_FILE* file, void* self) -> TSK_WALK_RET_ENUM {
            return static_cast<Leftovers*>(self)->inode(*file) ? TSK_WALK_CONT : TSK_WALK_STOP;
        };
        if (tsk_fs_meta_walk(fs_, fs_->first_inum, fs_->last_inum, static_cast<TSK_FS_META_FLAG_ENUM>(TSK_FS_META_FLAG_ALLOC | TSK_FS_META_FLAG_UNALLOC | TSK_FS_META_FLAG_USED), each, this) != 0)
            sink_.skipped("/(deleted files and slack)", SkipReason::unreadable, "the inodes cannot be listed: " + tsk_last_error(), 0);
        slack_.end();
    }

  private:
    void free_blocks() {
        const auto each = [](const TSK_FS_BLOCK* block, void* self) -> TSK_WALK_RET_ENUM {
            static_cast<Leftovers*>(self)->free_block(block->addr);
            return TSK_WALK_CONT;
        };
        const auto flags = static_cast<TSK_FS_BLOCK_WALK_FLAG_ENUM>(TSK_FS_BLOCK_WALK_FLAG_UNALLOC | TSK_FS_BLOCK_WALK_FLAG_AONLY);
        if (tsk_fs_block_walk(fs_, fs_->first_block, fs_->last_block_act, flags, each, this) != 0)
            sink_.skipped("/(free space)", SkipReason::unreadable, "the free blocks cannot be listed: " + tsk_last_error(), 0);
        read_run();
        free_.end();
    }

    /// Neighbours are read at once.
    void free_block(TSK_DADDR_T address) {
        if (run_count_ > 0 && address == run_first_ + run_count_ && run_count_ * fs_->block_size < longest_run) {
            ++run_count_;
            return;
        }
        read_run();
        run_first_ = address;
        run_count_ = 1;
    }
    void read_run() {
        if (run_count_ == 0) return;
        const uint64_t start = run_first_ * fs_->block_size, length = run_count_ * fs_->block_size;
        run_count_ = 0;
        buffer_.resize(length);
        if (start > volume_.size || length > volume_.size - start || !image_.read(volume_.start + start, buffer_)) {
            sink_.skipped("/(free space " + hex_range(start, start + length) + ")", SkipReason::unreadable, "the disk cannot be read there", length);
            return;
        }
        // A free disk is mostly zeros, with something in between.
        for (uint64_t at = 0; at < length; at += fs_->block_size)
            free_.add({buffer_.data() + at, fs_->block_size}, start + at, start + at + fs_->block_size);
    }

    /// False ends the walk.
    bool inode(TSK_FS_FILE& file) {
        if (++seen_ > limits_.entries) {
            sink_.skipped("/(deleted files and slack)", SkipReason::too_many, "the volume has more than " + std::to_string(limits_.entries) + " inodes", 0);
            return false;
        }
        if (!file.meta || file.meta->type != TSK_FS_META_TYPE_REG) return true;
        tsk_error_reset();
        const int count = tsk_fs_file_attr_getsize(&file);
        for (int i = 0; i < count; ++i) {
            const TSK_FS_ATTR* attribute = tsk_fs_file_attr_get_idx(&file, i);
            const bool content = attribute && (attribute->type == TSK_FS_ATTR_TYPE_NTFS_DATA || attribute->type == TSK_FS_ATTR_TYPE_DEFAULT);
            if (!content || attribute->size <= 0 || (attribute->flags & TSK_FS_ATTR_ENC)) continue;
            if (file.meta->flags & TSK_FS_META_FLAG_UNALLOC) deleted(*file.meta, *attribute);
            else slack(*file.meta, *attribute);
        }
        tsk_error_reset();
        return true;
    }

    /// What a deleted inode still points to may belong to another file by now: then that one's content is seen twice.
    void deleted(const TSK_FS_META& meta, const TSK_FS_ATTR& attribute) {
        const auto size = static_cast<uint64_t>(attribute.size);
        // A size that was never the file's is no loss: nothing lies there.
        if (size > limits_.file_size) return;
        std::string path = "/(deleted inode " + std::to_string(meta.addr) + ")";
        if (meta.name2) path += std::string(meta.name2->name, ::strnlen(meta.name2->name, sizeof meta.name2->name));
        std::vector<uint8_t> bytes(size);
        const ssize_t got = tsk_fs_attr_read(&attribute, 0, reinterpret_cast<char*>(bytes.data()), bytes.size(), TSK_FS_FILE_READ_FLAG_NONE);
        if (got <= 0) return;
        bytes.resize(static_cast<size_t>(got));
        if (only_zeros(bytes)) return;
        hand_over(path, bytes.size(), limits_, sink_, [&](MemoryFile& memory) { return memory.append({reinterpret_cast<const char*>(bytes.data()), bytes.size()}); });
    }

    /// From the end of the content to the end of its last block.
    void slack(const TSK_FS_META& meta, const TSK_FS_ATTR& attribute) {
        if (!(attribute.flags & TSK_FS_ATTR_NONRES) || (attribute.flags & TSK_FS_ATTR_COMP)) return;
        const auto size = static_cast<uint64_t>(attribute.size), behind = size % fs_->block_size;
        if (behind == 0) return;
        std::array<uint8_t, 65536> rest;
        const size_t length = std::min<size_t>(rest.size(), fs_->block_size - behind);
        const ssize_t got = tsk_fs_attr_read(&attribute, attribute.size, reinterpret_cast<char*>(rest.data()), length, TSK_FS_FILE_READ_FLAG_SLACK);
        if (got > 0) slack_.add({rest.data(), static_cast<size_t>(got)}, meta.addr, meta.addr);
    }

    static constexpr uint64_t longest_run = 1U << 20;
    TSK_FS_INFO* fs_;
    Image& image_;
    const Volume& volume_;
    const WalkLimits& limits_;
    WalkSink& sink_;
    Pool free_{"free space", true, limits_, sink_}, slack_;
    std::vector<uint8_t> buffer_;
    TSK_DADDR_T run_first_ = 0, run_count_ = 0;
    uint64_t seen_ = 0;
};

}  // namespace

std::vector<DiskRange> gaps_between(const std::vector<Volume>& volumes, uint64_t disk_size) {
    std::vector<DiskRange> covered, out;
    for (const auto& volume : volumes)
        if (!volume.mapped && volume.start < disk_size) covered.push_back({volume.start, volume.start + std::min(volume.size, disk_size - volume.start)});
    std::sort(covered.begin(), covered.end(), [](const DiskRange& a, const DiskRange& b) { return a.start < b.start; });
    uint64_t at = 0;
    for (const auto& range : covered) {
        if (range.start > at) out.push_back({at, range.start});
        at = std::max(at, range.end);
    }
    if (at < disk_size) out.push_back({at, disk_size});
    return out;
}

void hand_over_range(Image& image, DiskRange range, uint64_t origin, const std::string& label, const WalkLimits& limits, WalkSink& sink) {
    constexpr uint64_t step = 1U << 20;
    Pool pool(label, true, limits, sink);
    std::vector<uint8_t> buffer;
    for (uint64_t at = range.start; at < range.end;) {
        const uint64_t length = std::min(step, range.end - at);
        buffer.resize(length);
        if (!image.read(at, buffer)) {
            sink.skipped("/(" + label + " " + hex_range(at - origin, at - origin + length) + ")", SkipReason::unreadable, "the disk cannot be read there", length);
        } else {
            for (uint64_t part = 0; part < length; part += 4096) {
                const uint64_t size = std::min<uint64_t>(4096, length - part);
                pool.add({buffer.data() + part, size}, at + part - origin, at + part + size - origin);
            }
        }
        at += length;
    }
    pool.end();
}

void walk_leftovers(Image& image, const Volume& volume, const WalkLimits& limits, WalkSink& sink) {
    switch (volume.kind) {
        case VolumeKind::swap: return hand_over_range(image, {volume.start, volume.start + volume.size}, volume.start, "swap", limits, sink);
        case VolumeKind::xfs:
        case VolumeKind::btrfs:
        case VolumeKind::iso9660:
            return sink.skipped("/(free space)", SkipReason::unsupported, "free blocks and deleted files of " + volume.filesystem + " are not looked at by this version", 0);
        case VolumeKind::boot_code:
        case VolumeKind::empty:
        case VolumeKind::container:
        case VolumeKind::unreadable: return;
        case VolumeKind::ext:
        case VolumeKind::ntfs:
        case VolumeKind::fat:
        case VolumeKind::exfat: break;
    }
    const auto filesystem = TskFilesystem::open(image, volume);
    if (filesystem) Leftovers(filesystem->fs(), image, volume, limits, sink).run();
    else sink.skipped("/(free space)", SkipReason::unreadable, filesystem.error().text, 0);
}

}  // namespace bailiff::agent
