// SPDX-License-Identifier: Apache-2.0
// Unlinking a file of ext2/3/4 with libext2fs over our own Image: names are bytes with a length, so none can do harm.
#include "agent/scan/clean/cleaner.hpp"

extern "C" {  // this header has no guard of its own
#include <et/com_err.h>
}
#include <ext2fs/ext2fs.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace bailiff::agent {
namespace {

constexpr uint64_t largest_content = uint64_t{2} << 30;

/// What the callbacks below work on. Set before ext2fs_open, which has no other way to pass it.
struct Target {
    Image* image;
    uint64_t start, size;
};
Target* opening = nullptr;

uint64_t length_of(io_channel channel, int count) {
    // libext2fs means bytes when the count is negative.
    return count < 0 ? static_cast<uint64_t>(-static_cast<int64_t>(count)) : static_cast<uint64_t>(count) * static_cast<uint64_t>(channel->block_size);
}
bool fits(const Target& target, uint64_t offset, uint64_t length) { return offset <= target.size && length <= target.size - offset; }

extern struct_io_manager image_manager;

errcode_t open_channel(const char*, int, io_channel* out) {
    auto* channel = static_cast<io_channel>(std::calloc(1, sizeof(struct_io_channel)));
    if (!channel) return EXT2_ET_NO_MEMORY;
    channel->magic = EXT2_ET_MAGIC_IO_CHANNEL;
    channel->manager = &image_manager;
    channel->block_size = 1024;
    channel->refcount = 1;
    channel->private_data = opening;
    *out = channel;
    return 0;
}
errcode_t close_channel(io_channel channel) {
    if (--channel->refcount == 0) std::free(channel);
    return 0;
}
errcode_t set_block_size(io_channel channel, int size) {
    channel->block_size = size;
    return 0;
}
errcode_t read_blocks(io_channel channel, unsigned long long block, int count, void* data) {
    const Target& target = *static_cast<Target*>(channel->private_data);
    const uint64_t offset = block * static_cast<uint64_t>(channel->block_size), length = length_of(channel, count);
    if (!fits(target, offset, length)) return EXT2_ET_SHORT_READ;
    return target.image->read(target.start + offset, {static_cast<uint8_t*>(data), length}) ? 0 : EXT2_ET_SHORT_READ;
}
errcode_t write_blocks(io_channel channel, unsigned long long block, int count, const void* data) {
    const Target& target = *static_cast<Target*>(channel->private_data);
    const uint64_t offset = block * static_cast<uint64_t>(channel->block_size), length = length_of(channel, count);
    if (!fits(target, offset, length)) return EXT2_ET_SHORT_WRITE;
    return target.image->write(target.start + offset, {static_cast<const uint8_t*>(data), length}) ? 0 : EXT2_ET_SHORT_WRITE;
}
errcode_t read_blocks_32(io_channel channel, unsigned long block, int count, void* data) { return read_blocks(channel, block, count, data); }
errcode_t write_blocks_32(io_channel channel, unsigned long block, int count, const void* data) {
    return write_blocks(channel, block, count, data);
}
errcode_t write_bytes(io_channel channel, unsigned long offset, int count, const void* data) {
    const Target& target = *static_cast<Target*>(channel->private_data);
    const auto length = static_cast<uint64_t>(std::max(count, 0));
    if (!fits(target, offset, length)) return EXT2_ET_SHORT_WRITE;
    return target.image->write(target.start + offset, {static_cast<const uint8_t*>(data), length}) ? 0 : EXT2_ET_SHORT_WRITE;
}
errcode_t flush_channel(io_channel) { return 0; }

struct_io_manager make_manager() {
    struct_io_manager manager{};
    manager.magic = EXT2_ET_MAGIC_IO_MANAGER;
    manager.name = "bailiff image";
    manager.open = open_channel;
    manager.close = close_channel;
    manager.set_blksize = set_block_size;
    manager.read_blk = read_blocks_32;
    manager.write_blk = write_blocks_32;
    manager.flush = flush_channel;
    manager.write_byte = write_bytes;
    manager.read_blk64 = read_blocks;
    manager.write_blk64 = write_blocks;
    return manager;
}
struct_io_manager image_manager = make_manager();

tl::unexpected<Error> failure(const char* what, errcode_t code, Errc kind = Errc::unavailable) {
    return fail(kind, std::string(what) + ": " + error_message(code));
}

class ExtVolume : public CleanableVolume {
  public:
    ExtVolume(Image& image, const Volume& volume) : target_{&image, volume.start, volume.size} {}
    ~ExtVolume() override {
        if (fs_) ext2fs_free(fs_);  // without a flush: an error came first
    }
    ExtVolume(const ExtVolume&) = delete;
    ExtVolume& operator=(const ExtVolume&) = delete;

    Result<void> open() {
        opening = &target_;
        const errcode_t code = ext2fs_open("", EXT2_FLAG_RW | EXT2_FLAG_64BITS, 0, 0, &image_manager, &fs_);
        opening = nullptr;
        if (code) return fs_ = nullptr, failure("the ext filesystem cannot be opened for writing", code);
        if (ext2fs_has_feature_journal_needs_recovery(fs_->super)) return fail(Errc::conflict, "the journal holds changes that were not replayed");
        if (const errcode_t bitmaps = ext2fs_read_bitmaps(fs_)) return failure("the ext filesystem's bitmaps are damaged", bitmaps);
        return {};
    }

    Result<MemoryFile> take(const std::string& path) override {
        inode_number_ = 0;
        parent_ = EXT2_ROOT_INO;
        if (path.empty() || path[0] != '/') return fail(Errc::invalid, "a path begins with a slash");
        for (size_t at = 1; at <= path.size();) {
            const size_t end = std::min(path.find('/', at), path.size());
            name_ = path.substr(at, end - at);
            ext2_ino_t number = 0;
            if (name_.empty() || name_.find('\0') != name_.npos) return fail(Errc::invalid, "the path has an empty or impossible part");
            const errcode_t code = ext2fs_lookup(fs_, parent_, name_.c_str(), static_cast<int>(name_.size()), nullptr, &number);
            if (code == EXT2_ET_FILE_NOT_FOUND || code == EXT2_ET_NO_DIRECTORY) return fail(Errc::not_found, "the file is not there any more");
            if (code) return failure("a folder on the way cannot be read", code);
            if (end == path.size()) return content_of(number);
            parent_ = number;
            at = end + 1;
        }
        return fail(Errc::invalid, "the path names a folder");
    }

    FileFacts facts() const override { return facts_; }

    Result<std::string> remove() override {
        if (inode_number_ == 0) return fail(Errc::invalid, "nothing was taken out before");
        ext2_inode_large inode{};
        auto* plain = reinterpret_cast<ext2_inode*>(&inode);
        if (const errcode_t code = ext2fs_read_inode_full(fs_, inode_number_, plain, sizeof inode)) return failure("the inode cannot be read", code);
        if (const errcode_t code = ext2fs_unlink(fs_, parent_, name_.c_str(), inode_number_, 0)) return failure("the name cannot be removed", code);
        if (inode.i_links_count > 0) --inode.i_links_count;
        if (inode.i_links_count == 0) {
            // Any time but zero marks a deleted inode; the last mount's own is as true as ours.
            inode.i_dtime = std::max<uint32_t>(fs_->super->s_wtime, 1);
            if (ext2fs_inode_has_valid_blocks2(fs_, plain))
                if (const errcode_t code = ext2fs_punch(fs_, inode_number_, plain, nullptr, 0, ~0ULL)) return failure("the blocks cannot be freed", code, Errc::unknown_outcome);
            if (inode.i_file_acl || inode.osd2.linux2.l_i_file_acl_high)
                if (const errcode_t code = ext2fs_free_ext_attr(fs_, inode_number_, &inode)) return failure("the attributes cannot be freed", code, Errc::unknown_outcome);
            ext2fs_inode_alloc_stats2(fs_, inode_number_, -1, 0);
        }
        if (const errcode_t code = ext2fs_write_inode_full(fs_, inode_number_, plain, sizeof inode)) return failure("the inode cannot be written", code, Errc::unknown_outcome);
        inode_number_ = 0;
        return "removed";
    }

    Result<std::string> plan() override {
        if (inode_number_ == 0) return fail(Errc::invalid, "nothing was taken out before");
        inode_number_ = 0;
        return "removed";
    }

    Result<void> close() override {
        const errcode_t code = ext2fs_close2(fs_, 0);
        fs_ = nullptr;
        if (code) return failure("the ext filesystem cannot be written back", code);
        return {};
    }

  private:
    Result<MemoryFile> content_of(ext2_ino_t number) {
        ext2_inode inode{};
        if (const errcode_t code = ext2fs_read_inode(fs_, number, &inode)) return failure("the inode cannot be read", code);
        if (!LINUX_S_ISREG(inode.i_mode)) return fail(Errc::invalid, "it is no regular file any more");
        if (EXT2_I_SIZE(&inode) > largest_content) return fail(Errc::invalid, "the file is larger than two gigabytes");
        ext2_file_t file = nullptr;
        if (const errcode_t code = ext2fs_file_open(fs_, number, 0, &file)) return failure("the file cannot be opened", code);
        auto memory = MemoryFile::create();
        std::vector<char> buffer(1U << 20);
        Result<void> state;
        if (!memory) state = fail(memory.error());
        for (;;) {
            unsigned got = 0;
            const errcode_t code = state ? ext2fs_file_read(file, buffer.data(), static_cast<unsigned>(buffer.size()), &got) : 0;
            if (code) state = failure("the file cannot be read", code);
            if (!state || got == 0) break;
            state = memory->append({buffer.data(), got});
        }
        ext2fs_file_close(file);
        if (state) state = memory->seal();
        if (!state) return fail(state.error());
        inode_number_ = number;
        facts_ = {number, inode.i_mode & 07777, inode_uid(inode), inode_gid(inode), inode.i_links_count, inode.i_mtime, inode.i_ctime, inode.i_atime};
        return memory;
    }

    Target target_;
    ext2_filsys fs_ = nullptr;
    ext2_ino_t parent_ = 0, inode_number_ = 0;
    std::string name_;
    FileFacts facts_;  // of inode_number_
};

}  // namespace

Result<std::unique_ptr<CleanableVolume>> open_for_removal(Image& image, const Volume& volume) {
    if (volume.kind != VolumeKind::ext) return fail(Errc::conflict, "this is no ext filesystem");
    initialize_ext2_error_table();
    auto out = std::make_unique<ExtVolume>(image, volume);
    if (const auto opened = out->open(); !opened) return fail(opened.error());
    return out;
}

int run_remover(const std::vector<std::string>& arguments) { return serve_cleaning(open_for_removal, arguments); }

}  // namespace bailiff::agent
