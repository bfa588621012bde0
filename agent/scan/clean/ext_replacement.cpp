// SPDX-License-Identifier: Apache-2.0
// See ext_replacement.hpp.
#include "agent/scan/clean/ext_replacement.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <vector>

namespace bailiff::agent {
namespace {

constexpr size_t most_at_once = 1U << 20;

/// What libext2fs knows to be allocated, to go back to. It stands in memory until the filesystem is closed, so going back
/// leaves on the disk nothing but bytes that belong to nobody.
class Allocation {
  public:
    explicit Allocation(ext2_filsys fs) : fs_(fs), super_(*fs->super) {}
    ~Allocation() {
        if (blocks_) ext2fs_free_block_bitmap(blocks_);
        if (inodes_) ext2fs_free_inode_bitmap(inodes_);
    }
    Allocation(const Allocation&) = delete;
    Allocation& operator=(const Allocation&) = delete;

    errcode_t remember() {
        const auto* groups = reinterpret_cast<const char*>(fs_->group_desc);
        groups_.assign(groups, groups + size_t{fs_->blocksize} * fs_->desc_blocks);
        if (const errcode_t code = ext2fs_copy_bitmap(fs_->block_map, &blocks_)) return code;
        return ext2fs_copy_bitmap(fs_->inode_map, &inodes_);
    }
    void go_back() {
        *fs_->super = super_;
        std::memcpy(static_cast<void*>(fs_->group_desc), groups_.data(), groups_.size());
        std::swap(fs_->block_map, blocks_);
        std::swap(fs_->inode_map, inodes_);
    }

  private:
    ext2_filsys fs_;
    ext2_super_block super_;
    std::vector<char> groups_;
    ext2fs_block_bitmap blocks_ = nullptr;
    ext2fs_inode_bitmap inodes_ = nullptr;
};

/// An inode as large as the filesystem's are.
class Inode {
  public:
    explicit Inode(ext2_filsys fs) : bytes_(EXT2_INODE_SIZE(fs->super)) {}
    ext2_inode* plain() { return reinterpret_cast<ext2_inode*>(bytes_.data()); }
    ext2_inode_large* large() { return reinterpret_cast<ext2_inode_large*>(bytes_.data()); }
    errcode_t read(ext2_filsys fs, ext2_ino_t number) { return ext2fs_read_inode_full(fs, number, plain(), static_cast<int>(bytes_.size())); }
    errcode_t write(ext2_filsys fs, ext2_ino_t number) { return ext2fs_write_inode_full(fs, number, plain(), static_cast<int>(bytes_.size())); }
    void clear() { std::fill(bytes_.begin(), bytes_.end(), uint8_t{0}); }
    /// Whether the field that ends at `end` is in use.
    bool has(size_t end) { return bytes_.size() > EXT2_GOOD_OLD_INODE_SIZE && EXT2_GOOD_OLD_INODE_SIZE + size_t{large()->i_extra_isize} >= end; }

  private:
    std::vector<uint8_t> bytes_;
};

/// 32 bits, as the filesystem has them.
uint32_t seconds(int64_t time) { return static_cast<uint32_t>(std::clamp<int64_t>(time, 0, INT32_MAX)); }

/// The old inode with nothing in it, and one name.
void make_fresh(ext2_filsys fs, Inode& inode, const Replacement& replacement) {
    ext2_inode* plain = inode.plain();
    std::memset(plain->i_block, 0, sizeof plain->i_block);
    plain->i_links_count = 1;
    plain->i_dtime = 0;
    plain->i_flags = 0;
    plain->i_mtime = seconds(replacement.mtime);
    plain->i_ctime = seconds(replacement.now);
    ext2fs_iblk_set(fs, plain, 0);
    if (inode.has(offsetof(ext2_inode_large, i_mtime_extra) + 4)) inode.large()->i_mtime_extra = 0;
    if (inode.has(offsetof(ext2_inode_large, i_ctime_extra) + 4)) inode.large()->i_ctime_extra = 0;
}

struct Build {
    ext2_ino_t number = 0;
    const char* step = "";  ///< what failed
};

/// Allocates and fills an inode. Nothing that was in use before is written.
errcode_t build(ext2_filsys fs, const ExtName& old, const Replacement& replacement, Build& out) {
    Inode inode(fs);
    ext2_inode* plain = inode.plain();
    out.step = "the old inode cannot be read";
    if (const errcode_t code = inode.read(fs, old.inode)) return code;
    make_fresh(fs, inode, replacement);

    out.step = "there is no free inode";
    if (const errcode_t code = ext2fs_new_inode(fs, old.folder, plain->i_mode, nullptr, &out.number)) return out.number = 0, code;
    ext2fs_inode_alloc_stats2(fs, out.number, 1, 0);
    out.step = "the new inode cannot be written";
    if (ext2fs_has_feature_extents(fs->super)) {
        ext2_extent_handle_t handle = nullptr;  // opened on an empty map it makes a map of extents
        if (const errcode_t code = ext2fs_extent_open2(fs, out.number, plain, &handle)) return code;
        ext2fs_extent_free(handle);
    }
    if (const errcode_t code = ext2fs_inode_size_set(fs, plain, static_cast<ext2_off64_t>(replacement.size))) return code;
    const blk64_t attributes = ext2fs_file_acl_block(fs, plain);
    if (attributes)
        if (const errcode_t code = ext2fs_iblk_add_blocks(fs, plain, 1)) return code;
    if (const errcode_t code = inode.write(fs, out.number)) return code;

    const uint64_t blocks = ext_blocks_of(fs, replacement.size);
    out.step = "there is no space for the known-good content";
    if (blocks)
        if (const errcode_t code = ext2fs_fallocate(fs, EXT2_FALLOCATE_FORCE_INIT, out.number, plain, ~blk64_t{0}, 0, blocks)) return code;
    out.step = "the new content cannot be written";
    std::vector<char> buffer(std::max<size_t>(most_at_once, fs->blocksize));
    const uint64_t at_once = buffer.size() / fs->blocksize;
    for (uint64_t block = 0; block < blocks;) {
        blk64_t first = 0, next = 0;
        uint64_t count = 0;
        do {
            if (const errcode_t code = ext2fs_bmap2(fs, out.number, plain, nullptr, 0, block + count, nullptr, &next)) return code;
            if (next == 0) return EXT2_ET_BAD_BLOCK_NUM;
            if (count == 0) first = next;
            if (next != first + count) break;
            ++count;
        } while (count < at_once && block + count < blocks);
        const size_t size = std::min<uint64_t>(count * fs->blocksize, replacement.size - block * fs->blocksize);
        std::fill(buffer.begin(), buffer.end(), '\0');
        for (size_t done = 0; done < size;) {
            const ssize_t got = ::pread(replacement.content, buffer.data() + done, size - done, static_cast<off_t>(block * fs->blocksize + done));
            if (got <= 0) return EXT2_ET_SHORT_READ;
            done += static_cast<size_t>(got);
        }
        if (const errcode_t code = io_channel_write_blk64(fs->io, first, static_cast<int>(count), buffer.data())) return code;
        block += count;
    }
    out.step = "the new inode cannot be written";
    return inode.write(fs, out.number);
}

struct Entry {
    const ExtName* old;
    ext2_ino_t number;
    bool done;
};

int point_entry(ext2_ino_t, int, ext2_dir_entry* entry, int, int, char*, void* data) {
    auto& wanted = *static_cast<Entry*>(data);
    const std::string& name = wanted.old->name;
    if (entry->inode != wanted.old->inode || static_cast<size_t>(ext2fs_dirent_name_len(entry)) != name.size() ||
        std::memcmp(entry->name, name.data(), name.size()) != 0)
        return 0;
    entry->inode = wanted.number;
    wanted.done = true;
    return DIRENT_CHANGED | DIRENT_ABORT;
}

}  // namespace

uint64_t ext_blocks_of(ext2_filsys fs, uint64_t size) { return (size + fs->blocksize - 1) / fs->blocksize; }

Result<void> replace_ext_file(ext2_filsys fs, const ExtName& old, const Replacement& replacement) {
    Allocation before(fs);
    if (const errcode_t code = before.remember()) return ext_failure("no memory for the bitmaps", code);
    Build made;
    if (const errcode_t code = build(fs, old, replacement, made)) {
        before.go_back();
        if (made.number) {
            Inode none(fs);
            none.clear();
            if (const errcode_t cleared = none.write(fs, made.number)) return ext_failure("an inode cannot be given back", cleared, Errc::unknown_outcome);
        }
        return ext_failure(made.step, code);
    }
    // From here on the guest's own structures are written.
    Inode inode(fs);
    if (const errcode_t code = inode.read(fs, made.number)) return ext_failure("the new inode cannot be read", code, Errc::unknown_outcome);
    if (const blk64_t attributes = ext2fs_file_acl_block(fs, inode.plain())) {
        uint32_t count = 0;
        if (const errcode_t code = ext2fs_adjust_ea_refcount3(fs, attributes, nullptr, 1, &count, made.number))
            return ext_failure("the attributes cannot be shared", code, Errc::unknown_outcome);
    }
    Entry entry{&old, made.number, false};
    const errcode_t code = ext2fs_dir_iterate2(fs, old.folder, 0, nullptr, point_entry, &entry);
    if (code || !entry.done) return ext_failure("the name cannot be given to the new file", code ? code : EXT2_ET_FILE_NOT_FOUND, Errc::unknown_outcome);
    return {};
}

}  // namespace bailiff::agent
