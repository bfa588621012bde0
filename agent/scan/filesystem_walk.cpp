// SPDX-License-Identifier: Apache-2.0
// Our own walk over libtsk's directories: its ready-made one drops deep and long paths without a word.
#include "agent/scan/filesystem_walk.hpp"

#include "agent/scan/btrfs/walk.hpp"
#include "agent/scan/hand_over.hpp"
#include "agent/scan/iso/walk.hpp"
#include "agent/scan/tsk_image.hpp"
#include "agent/scan/xfs/walk.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <unordered_set>
#include <vector>

namespace bailiff::agent {
namespace {

constexpr size_t buffer_size = 1U << 20;
/// Contents that may wait to be read in the order in which they lie on the disk, and the pieces that they may be in.
constexpr size_t most_waiting = 16'384, most_runs_waiting = 1'000'000;
/// Contents of this size come before the others: an engine is busy with one for seconds, and the last one of a disk would leave
/// every other stream with nothing to do.
constexpr int64_t large_content = 4 << 20;
constexpr uint64_t ntfs_last_system_file = 23, ntfs_root = 5;

class Walk {
  public:
    Walk(TSK_FS_INFO* fs, const Image& image, const WalkLimits& limits, WalkSink& sink)
        : fs_(fs), image_(image), limits_(limits), sink_(sink), ntfs_(TSK_FS_TYPE_ISNTFS(fs->ftype)), buffer_(buffer_size) {}

    Result<void> run() {
        auto walked = directories();
        read_waiting();
        return walked;
    }

  private:
    struct Directory {
        TSK_INUM_T inode;
        std::string path;  // without a slash at its end
        size_t depth;
    };
    /// A content that was found and is not yet read. The file owns the attribute.
    struct Content {
        std::shared_ptr<TSK_FS_FILE> file;
        const TSK_FS_ATTR* attribute;
        std::string path;
        TSK_DADDR_T first;
    };

    Result<void> directories() {
        std::shared_ptr<TSK_FS_FILE> root(tsk_fs_file_open_meta(fs_, nullptr, fs_->root_inum), tsk_fs_file_close);
        if (!root || !root->meta) return fail(Errc::unavailable, "the root directory cannot be read: " + tsk_last_error());
        if (root->meta->type != TSK_FS_META_TYPE_DIR) return fail(Errc::unavailable, "the root directory is damaged");
        if (ntfs_) streams(root, "/");
        pending_.push_back({fs_->root_inum, "", 0});
        visited_.insert(fs_->root_inum);
        bool first = true;
        while (!pending_.empty()) {
            const Directory directory = std::move(pending_.back());
            pending_.pop_back();
            TskDirectory opened(tsk_fs_dir_open_meta(fs_, directory.inode));
            if (!opened) {
                const auto why = "the directory cannot be read: " + tsk_last_error();
                if (first) return fail(Errc::unavailable, why);
                sink_.skipped(directory.path + "/", SkipReason::unreadable, why, 0);
            } else if (!entries(*opened, directory)) {
                return {};
            }
            first = false;
        }
        return {};
    }

    /// Every directory of ext names itself. libtsk passes over garbage in silence, so a block of it would look empty.
    bool damaged(TSK_FS_DIR& directory) const {
        if (!TSK_FS_TYPE_ISEXT(fs_->ftype)) return false;
        for (size_t i = 0; i < tsk_fs_dir_getsize(&directory); ++i) {
            const TSK_FS_NAME* name = tsk_fs_dir_get_name(&directory, i);
            if (name && name->name && std::strcmp(name->name, ".") == 0) return false;
        }
        return true;
    }

    /// False when the cap of entries ends the walk.
    bool entries(TSK_FS_DIR& directory, const Directory& at) {
        const size_t count = tsk_fs_dir_getsize(&directory);
        if (damaged(directory)) sink_.skipped(at.path + "/", SkipReason::unreadable, "the directory is damaged", 0);
        for (size_t i = 0; i < count; ++i) {
            if (++seen_ > limits_.entries) {
                sink_.skipped("", SkipReason::too_many, "the volume has more than " + std::to_string(limits_.entries) + " entries", 0);
                return false;
            }
            tsk_error_reset();
            const TSK_FS_NAME* name = tsk_fs_dir_get_name(&directory, i);
            if (!name || !name->name || (name->flags & TSK_FS_NAME_FLAG_UNALLOC)) continue;
            if (std::strcmp(name->name, ".") == 0 || std::strcmp(name->name, "..") == 0) continue;
            if (name->type == TSK_FS_NAME_TYPE_VIRT || name->type == TSK_FS_NAME_TYPE_VIRT_DIR) continue;
            if (ntfs_ && name->meta_addr <= ntfs_last_system_file && name->meta_addr != ntfs_root) continue;
            const std::string path = at.path + "/" + name->name;
            if (path.size() > limits_.path) {
                sink_.skipped(path.substr(0, limits_.path), SkipReason::too_many, "the path is longer than is followed", 0);
                continue;
            }
            std::shared_ptr<TSK_FS_FILE> file(tsk_fs_dir_get(&directory, i), tsk_fs_file_close);
            if (!file || !file->meta) {
                sink_.skipped(path, SkipReason::unreadable, "the inode cannot be read: " + tsk_last_error(), 0);
                continue;
            }
            entry(file, path, at.depth);
        }
        return true;
    }

    void entry(const std::shared_ptr<TSK_FS_FILE>& file, const std::string& path, size_t depth) {
        const auto type = file->meta->type;
        if (type == TSK_FS_META_TYPE_DIR) {
            if (ntfs_) streams(file, path);
            if (!visited_.insert(file->meta->addr).second) return;
            if (depth + 1 >= limits_.depth)
                sink_.skipped(path + "/", SkipReason::too_many, "the directories are nested deeper than is followed", 0);
            else pending_.push_back({file->meta->addr, path, depth + 1});
        } else if (type == TSK_FS_META_TYPE_REG) {
            streams(file, path);
        } else if (type == TSK_FS_META_TYPE_UNDEF) {
            sink_.skipped(path, SkipReason::unreadable, "the inode has no type", 0);
        }
        // Links, devices, pipes and sockets hold no content of their own.
    }

    /// Hands over each content of a file: one on ext and FAT, any number of streams on NTFS (also of directories).
    void streams(const std::shared_ptr<TSK_FS_FILE>& owner, const std::string& path) {
        TSK_FS_FILE& file = *owner;
        tsk_error_reset();
        const int count = tsk_fs_file_attr_getsize(&file);
        if (tsk_error_get_errno() != 0) {
            sink_.skipped(path, SkipReason::unreadable, "the content cannot be found: " + tsk_last_error(), size_of(file));
            return;
        }
        if (ntfs_ && reparsed(file, count, path)) return;
        bool any = false;
        for (int i = 0; i < count; ++i) {
            const TSK_FS_ATTR* attribute = tsk_fs_file_attr_get_idx(&file, i);
            if (!attribute) {
                sink_.skipped(path, SkipReason::unreadable, "a stream cannot be found: " + tsk_last_error(), 0);
                continue;
            }
            const bool content = ntfs_ ? attribute->type == TSK_FS_ATTR_TYPE_NTFS_DATA : attribute->type == TSK_FS_ATTR_TYPE_DEFAULT;
            if (!content) continue;
            any = true;
            const bool named = ntfs_ && attribute->name && *attribute->name;
            wait(owner, *attribute, named ? path + ":" + attribute->name : path);
        }
        if (!any && file.meta->type == TSK_FS_META_TYPE_REG && file.meta->size > 0)
            sink_.skipped(path, SkipReason::unreadable, "the file has a size but no content", size_of(file));
    }

    static uint64_t size_of(const TSK_FS_FILE& file) {
        return file.meta && file.meta->size > 0 ? static_cast<uint64_t>(file.meta->size) : 0;
    }

    /// Whether the file is a link, or is stored in a way that libtsk would show as zeros (which is then reported).
    bool reparsed(TSK_FS_FILE& file, int count, const std::string& path) {
        for (int i = 0; i < count; ++i) {
            const TSK_FS_ATTR* attribute = tsk_fs_file_attr_get_idx(&file, i);
            if (!attribute || attribute->type != TSK_FS_ATTR_TYPE_NTFS_REPARSE) continue;
            uint8_t head[4] = {};
            if (tsk_fs_attr_read(attribute, 0, reinterpret_cast<char*>(head), 4, TSK_FS_FILE_READ_FLAG_NONE) != 4) {
                sink_.skipped(path, SkipReason::unreadable, "the reparse point cannot be read: " + tsk_last_error(), size_of(file));
                return true;
            }
            const auto tag = little_endian<uint32_t>(head, 0);
            if (tag == 0xa0000003 || tag == 0xa000000c || tag == 0xa000001d || tag == 0x8000001b) return false;
            if (file.meta->type == TSK_FS_META_TYPE_DIR) return false;
            const bool packed = tag == 0x80000017 || tag == 0x80000013;
            sink_.skipped(path, packed ? SkipReason::compressed : SkipReason::unsupported,
                          packed ? "Windows stores this file compressed or deduplicated" : "the content is not stored in the volume",
                          size_of(file));
            return true;
        }
        return false;
    }

    void wait(const std::shared_ptr<TSK_FS_FILE>& file, const TSK_FS_ATTR& attribute, std::string path) {
        if (attribute.size <= 0) return;
        TSK_DADDR_T first = 0;
        if (attribute.flags & TSK_FS_ATTR_NONRES)
            for (const TSK_FS_ATTR_RUN* run = attribute.nrd.run; run; run = run->next, ++runs_waiting_)
                if (first == 0 && !(run->flags & (TSK_FS_ATTR_RUN_FLAG_SPARSE | TSK_FS_ATTR_RUN_FLAG_FILLER))) first = run->addr;
        waiting_.push_back({file, &attribute, std::move(path), first});
        if (waiting_.size() >= most_waiting || runs_waiting_ >= most_runs_waiting) read_waiting();
    }

    /// In the order of the disk: on most disks, and over every network, that is what a scan's reading costs.
    void read_waiting() {
        std::stable_sort(waiting_.begin(), waiting_.end(), [](const Content& a, const Content& b) {
            const bool small_a = a.attribute->size < large_content, small_b = b.attribute->size < large_content;
            return std::pair(small_a, a.first) < std::pair(small_b, b.first);
        });
        for (auto& one : waiting_) {
            // libtsk has the permissions with set-user-ID as stat does; NTFS and FAT have modes that it made up.
            const bool real = TSK_FS_TYPE_ISEXT(fs_->ftype) && one.file->meta;
            sink_.mode_of_next(real ? S_IFREG | static_cast<uint32_t>(one.file->meta->mode) : 0);
            content(*one.file, *one.attribute, one.path);
            one.file.reset();
        }
        waiting_.clear();
        runs_waiting_ = 0;
    }

    void content(const TSK_FS_FILE& file, const TSK_FS_ATTR& attribute, const std::string& path) {
        const uint64_t size = attribute.size > 0 ? static_cast<uint64_t>(attribute.size) : 0;
        if (size > 0 && size <= limits_.file_size && (attribute.flags & TSK_FS_ATTR_ENC)) {
            sink_.skipped(path, SkipReason::encrypted, "the file is encrypted by Windows", size);
            return;
        }
        hand_over(path, size, limits_, sink_, [&](MemoryFile& memory) -> Result<void> {
            for (uint64_t at = 0; at < size;) {
                const size_t part = std::min<uint64_t>(buffer_.size(), size - at);
                const ssize_t got = tsk_fs_attr_read(&attribute, static_cast<TSK_OFF_T>(at), buffer_.data(), part, TSK_FS_FILE_READ_FLAG_NONE);
                if (got != static_cast<ssize_t>(part)) return fail(Errc::invalid, "the content cannot be read: " + tsk_last_error());
                if (auto written = memory.append({buffer_.data(), part}); !written) return written;
                at += part;
            }
            return {};
        }, [&](ContentPlace& place) { return describe(file, attribute, place); });
    }

    /// libtsk's reading of a content follows from these. What lies in the inode itself, or is compressed, is read each time: the
    /// former costs nothing, the latter depends on more than on its runs.
    bool describe(const TSK_FS_FILE& file, const TSK_FS_ATTR& attribute, ContentPlace& place) const {
        constexpr int plain = TSK_FS_ATTR_NONRES | TSK_FS_ATTR_INUSE | TSK_FS_ATTR_SPARSE;
        if (!(attribute.flags & TSK_FS_ATTR_NONRES) || (attribute.flags & ~plain) || !file.meta) return false;
        const TSK_FS_META& meta = *file.meta;
        for (const auto value : {static_cast<uint64_t>(meta.addr), static_cast<uint64_t>(meta.seq), static_cast<uint64_t>(meta.mode), static_cast<uint64_t>(meta.mtime), static_cast<uint64_t>(meta.mtime_nano),
                                 static_cast<uint64_t>(meta.ctime), static_cast<uint64_t>(meta.ctime_nano), static_cast<uint64_t>(attribute.flags), uint64_t{attribute.id},
                                 static_cast<uint64_t>(attribute.nrd.initsize), uint64_t{attribute.nrd.skiplen}})
            place.number(value);
        for (const TSK_FS_ATTR_RUN* run = attribute.nrd.run; run; run = run->next) {
            if (run->flags & TSK_FS_ATTR_RUN_FLAG_FILLER) return false;
            place.number(run->flags);
            place.number(run->offset);
            place.number(run->len);
            if (run->flags & TSK_FS_ATTR_RUN_FLAG_SPARSE) continue;
            const uint64_t block = fs_->block_size;
            if (run->addr > (uint64_t{1} << 62) / block || run->len > (uint64_t{1} << 62) / block) return false;
            place.run(image_, static_cast<uint64_t>(fs_->offset) + run->addr * block, run->len * block);
        }
        return true;
    }

    TSK_FS_INFO* fs_;
    const Image& image_;
    const WalkLimits& limits_;
    WalkSink& sink_;
    bool ntfs_;
    std::vector<char> buffer_;
    std::vector<Directory> pending_;
    std::vector<Content> waiting_;
    size_t runs_waiting_ = 0;
    std::unordered_set<TSK_INUM_T> visited_;
    uint64_t seen_ = 0;
};

Result<void> hand_over_raw(Image& image, const Volume& volume, const WalkLimits& limits, WalkSink& sink) {
    const std::string path = "/(boot code)";
    if (volume.size > limits.file_size) {
        sink.skipped(path, SkipReason::size, "the partition is larger than the limit for one file", volume.size);
        return {};
    }
    const auto bytes = image.bytes(volume.start, volume.size);
    if (bytes.size() != volume.size) return fail(Errc::unavailable, "the partition cannot be read");
    auto memory = MemoryFile::create();
    if (!memory) return fail(memory.error());
    if (const auto written = memory->append({reinterpret_cast<const char*>(bytes.data()), bytes.size()}); !written) return written;
    if (const auto sealed = memory->seal(); !sealed) return sealed;
    sink.file(path, volume.size, memory->release());
    return {};
}

}  // namespace

Result<void> walk_volume(Image& image, const Volume& volume, const WalkLimits& limits, WalkSink& sink) {
    if (volume.kind == VolumeKind::boot_code) return hand_over_raw(image, volume, limits, sink);
    if (volume.kind == VolumeKind::xfs) return walk_xfs(image, volume, limits, sink);
    if (volume.kind == VolumeKind::btrfs) return walk_btrfs(image, volume, limits, sink);
    if (volume.kind == VolumeKind::iso9660) return walk_iso(image, volume, limits, sink);
    const auto filesystem = TskFilesystem::open(image, volume);
    if (!filesystem) return fail(filesystem.error());
    return Walk(filesystem->fs(), image, limits, sink).run();
}

}  // namespace bailiff::agent
