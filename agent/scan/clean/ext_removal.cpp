// SPDX-License-Identifier: Apache-2.0
// Taking a file of ext2/3/4 away, or giving it another content, with libext2fs over our own Image: names are bytes with a
// length, so none can do harm.
#include "agent/scan/clean/cleaner.hpp"
#include "agent/scan/clean/ext_image_io.hpp"
#include "agent/scan/clean/ext_replacement.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace bailiff::agent {
namespace {

constexpr uint64_t largest_content = uint64_t{2} << 30;

class ExtVolume : public CleanableVolume {
  public:
    ExtVolume(Image& image, const Volume& volume) : target_{&image, volume.start, volume.size} {}
    ~ExtVolume() override {
        if (fs_) ext2fs_free(fs_);  // without a flush: an error came first
    }
    ExtVolume(const ExtVolume&) = delete;
    ExtVolume& operator=(const ExtVolume&) = delete;

    Result<void> open() {
        if (const errcode_t code = open_ext(target_, &fs_)) return fs_ = nullptr, ext_failure("the ext filesystem cannot be opened for writing", code);
        if (const char* why = no_metadata()) return fail(Errc::conflict, why);
        if (const errcode_t bitmaps = ext2fs_read_bitmaps(fs_)) return ext_failure("the ext filesystem's bitmaps are damaged", bitmaps);
        return {};
    }

    Result<MemoryFile> take(const std::string& path) override {
        name_ = {EXT2_ROOT_INO, 0, ""};
        if (path.empty() || path[0] != '/') return fail(Errc::invalid, "a path begins with a slash");
        for (size_t at = 1; at <= path.size();) {
            const size_t end = std::min(path.find('/', at), path.size());
            std::string& name = name_.name = path.substr(at, end - at);
            ext2_ino_t number = 0;
            if (name.empty() || name.find('\0') != name.npos) return fail(Errc::invalid, "the path has an empty or impossible part");
            const errcode_t code = ext2fs_lookup(fs_, name_.folder, name.c_str(), static_cast<int>(name.size()), nullptr, &number);
            if (code == EXT2_ET_FILE_NOT_FOUND || code == EXT2_ET_NO_DIRECTORY) return fail(Errc::not_found, "the file is not there any more");
            if (code) return ext_failure("a folder on the way cannot be read", code);
            if (end == path.size()) return content_of(number);
            name_.folder = number;
            at = end + 1;
        }
        return fail(Errc::invalid, "the path names a folder");
    }

    FileFacts facts() const override { return facts_; }

    Result<std::string> remove() override {
        if (name_.inode == 0) return fail(Errc::invalid, "nothing was taken out before");
        if (const errcode_t code = ext2fs_unlink(fs_, name_.folder, name_.name.c_str(), name_.inode, 0)) return ext_failure("the name cannot be removed", code);
        if (const auto released = release(); !released) return fail(released.error());
        return "removed";
    }

    Result<std::string> replace(const Replacement& replacement) override {
        if (name_.inode == 0) return fail(Errc::invalid, "nothing was taken out before");
        if (const auto replaced = replace_ext_file(fs_, name_, replacement); !replaced) return fail(replaced.error());
        if (const auto released = release(); !released) return fail(released.error());
        return "replaced";
    }

    Result<std::string> plan(std::optional<uint64_t> replacement_size) override {
        if (name_.inode == 0) return fail(Errc::invalid, "nothing was taken out before");
        name_.inode = 0;
        if (!replacement_size) return "removed";
        if (ext_blocks_of(fs_, *replacement_size) > ext2fs_free_blocks_count(fs_->super) || fs_->super->s_free_inodes_count == 0)
            return fail(Errc::unavailable, "there is no space for the known-good content");
        return "replaced";
    }

    Result<void> close() override {
        // To close writes and flushes only what the library itself calls changed.
        errcode_t code = io_channel_flush(fs_->io);
        if (const errcode_t closed = ext2fs_close2(fs_, 0); !code) code = closed;
        fs_ = nullptr;
        if (!code && !target_.held.empty()) code = EXT2_ET_SHORT_WRITE;
        if (code) return ext_failure("the ext filesystem cannot be written back", code);
        return {};
    }

  private:
    /// Why names, inodes and bitmaps must not be written here; nullptr when they may.
    const char* no_metadata() const {
        ext2_super_block* super = fs_->super;
        if (ext2fs_has_feature_journal_needs_recovery(super)) return "the journal holds changes that were not replayed";
        if (!(super->s_state & EXT2_VALID_FS) || super->s_state & EXT2_ERROR_FS) return "the filesystem was not unmounted properly, or has errors";
        if (ext2fs_has_feature_quota(super)) return "the filesystem counts quotas in files of its own";
        if (ext2fs_has_feature_ea_inode(super)) return "the filesystem keeps attributes in inodes of their own";
        return nullptr;
    }

    /// The inode has lost the name; the last one takes the inode with it.
    Result<void> release() {
        const ext2_ino_t number = std::exchange(name_.inode, 0);
        const auto failed = [](const char* what, errcode_t code) { return ext_failure(what, code, Errc::unknown_outcome); };
        ext2_inode_large inode{};
        auto* plain = reinterpret_cast<ext2_inode*>(&inode);
        if (const errcode_t code = ext2fs_read_inode_full(fs_, number, plain, sizeof inode)) return failed("the inode cannot be read", code);
        if (inode.i_links_count > 0) --inode.i_links_count;
        if (inode.i_links_count == 0) {
            // Any time but zero marks a deleted inode; the last mount's own is as true as ours.
            inode.i_dtime = std::max<uint32_t>(fs_->super->s_wtime, 1);
            if (const errcode_t code = blank(number, *plain)) return failed("the content cannot be overwritten", code);
            if (ext2fs_inode_has_valid_blocks2(fs_, plain))
                if (const errcode_t code = ext2fs_punch(fs_, number, plain, nullptr, 0, ~0ULL)) return failed("the blocks cannot be freed", code);
            if (inode.i_file_acl || inode.osd2.linux2.l_i_file_acl_high)
                if (const errcode_t code = ext2fs_free_ext_attr(fs_, number, &inode)) return failed("the attributes cannot be freed", code);
            ext2fs_inode_alloc_stats2(fs_, number, -1, 0);
        }
        if (const errcode_t code = ext2fs_write_inode_full(fs_, number, plain, sizeof inode)) return failed("the inode cannot be written", code);
        return {};
    }

    /// Freed blocks keep what was in them, and a scan of what no file holds would find it again.
    errcode_t blank(ext2_ino_t number, ext2_inode& inode) {
        struct Blanking {
            std::vector<char> zeros;
            errcode_t code = 0;
        } blanking{std::vector<char>(fs_->blocksize)};
        if (!ext2fs_inode_has_valid_blocks2(fs_, &inode)) return 0;
        const auto each = [](ext2_filsys fs, blk64_t* block, e2_blkcnt_t, blk64_t, int, void* data) {
            auto& to = *static_cast<Blanking*>(data);
            to.code = io_channel_write_blk64(fs->io, *block, 1, to.zeros.data());
            return to.code ? BLOCK_ABORT : 0;
        };
        const errcode_t code = ext2fs_block_iterate3(fs_, number, BLOCK_FLAG_DATA_ONLY | BLOCK_FLAG_READ_ONLY, nullptr, each, &blanking);
        return code ? code : blanking.code;
    }

    Result<MemoryFile> content_of(ext2_ino_t number) {
        ext2_inode inode{};
        if (const errcode_t code = ext2fs_read_inode(fs_, number, &inode)) return ext_failure("the inode cannot be read", code);
        if (!LINUX_S_ISREG(inode.i_mode)) return fail(Errc::invalid, "it is no regular file any more");
        if (EXT2_I_SIZE(&inode) > largest_content) return fail(Errc::invalid, "the file is larger than two gigabytes");
        ext2_file_t file = nullptr;
        if (const errcode_t code = ext2fs_file_open(fs_, number, 0, &file)) return ext_failure("the file cannot be opened", code);
        auto memory = MemoryFile::create();
        std::vector<char> buffer(1U << 20);
        Result<void> state;
        if (!memory) state = fail(memory.error());
        for (;;) {
            unsigned got = 0;
            const errcode_t code = state ? ext2fs_file_read(file, buffer.data(), static_cast<unsigned>(buffer.size()), &got) : 0;
            if (code) state = ext_failure("the file cannot be read", code);
            if (!state || got == 0) break;
            state = memory->append({buffer.data(), got});
        }
        ext2fs_file_close(file);
        if (state) state = memory->seal();
        if (!state) return fail(state.error());
        name_.inode = number;
        facts_ = {number, inode.i_mode & 07777, inode_uid(inode), inode_gid(inode), inode.i_links_count, inode.i_mtime, inode.i_ctime, inode.i_atime};
        return memory;
    }

    ExtTarget target_;
    ext2_filsys fs_ = nullptr;
    ExtName name_;     // inode 0: nothing was taken
    FileFacts facts_;  // of name_
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
