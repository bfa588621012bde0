// SPDX-License-Identifier: Apache-2.0
// Overwriting a file's content with zeros where it lies: no metadata changes, so the filesystem stays as sound as it was,
// and no journal can bring the content back.
#include "agent/scan/clean/cleaner.hpp"
#include "agent/scan/tsk_image.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

namespace bailiff::agent {
namespace {

constexpr uint64_t largest_content = uint64_t{2} << 30;
constexpr size_t piece = 1U << 20, stride = 512;

class TskVolume : public CleanableVolume {
  public:
    TskVolume(Image& image, TskFilesystem filesystem) : image_(image), filesystem_(std::move(filesystem)) {}

    Result<MemoryFile> take(const std::string& path) override {
        attribute_ = nullptr;
        if (const auto found = find(path); !found) return fail(found.error());
        auto content = read();
        if (!content) attribute_ = nullptr;
        return content;
    }

    FileFacts facts() const override {
        FileFacts out;
        const TSK_FS_META& meta = *file_->meta;
        out.inode = meta.addr;
        out.mtime = meta.mtime;
        out.atime = meta.atime;
        // FAT and exFAT have no owners and NTFS has none that these numbers mean.
        if (TSK_FS_TYPE_ISEXT(fs()->ftype)) {
            out.mode = meta.mode & 07777;
            out.uid = meta.uid;
            out.gid = meta.gid;
            out.links = meta.nlink;
            out.ctime = meta.ctime;
        }
        return out;
    }

    Result<std::string> remove() override { return blank(Write::yes); }
    Result<std::string> plan(std::optional<uint64_t> replacement_size) override {
        if (replacement_size) return fail(Errc::invalid, "files of this filesystem are not replaced");
        return blank(Write::no);
    }

    Result<void> close() override { return {}; }

  private:
    enum class Write { no, yes };
    Result<std::string> blank(Write write) {
        if (!attribute_) return fail(Errc::invalid, "nothing was taken out before");
        const auto done = attribute_->flags & TSK_FS_ATTR_RES ? blank_resident(write) : blank_runs(write);
        attribute_ = nullptr;
        if (!done) return fail(done.error());
        return "blanked";
    }

    TSK_FS_INFO* fs() const { return filesystem_.fs(); }
    bool ntfs() const { return TSK_FS_TYPE_ISNTFS(fs()->ftype) != 0; }

    /// Sets `file_` and `attribute_`.
    Result<void> find(const std::string& path) {
        if (path.empty() || path[0] != '/') return fail(Errc::invalid, "a path begins with a slash");
        file_.reset(tsk_fs_file_open_meta(fs(), nullptr, fs()->root_inum));
        std::string stream;
        for (size_t at = 1; file_ && file_->meta && at <= path.size();) {
            const size_t end = std::min(path.find('/', at), path.size());
            std::string name = path.substr(at, end - at);
            if (const size_t colon = name.find(':'); ntfs() && end == path.size() && colon != name.npos) {
                stream = name.substr(colon + 1);
                name.resize(colon);
            }
            if (!name.empty()) {
                if (file_->meta->type != TSK_FS_META_TYPE_DIR) return fail(Errc::not_found, "the file is not there any more");
                if (const auto stepped = step(name); !stepped) return stepped;
            }
            at = end + 1;
        }
        if (!file_ || !file_->meta) return fail(Errc::unavailable, "a folder on the way cannot be read: " + tsk_last_error());
        if (stream.empty() && file_->meta->type != TSK_FS_META_TYPE_REG) return fail(Errc::invalid, "it is no regular file any more");
        const int count = tsk_fs_file_attr_getsize(file_.get());
        for (int i = 0; i < count; ++i) {
            const TSK_FS_ATTR* attribute = tsk_fs_file_attr_get_idx(file_.get(), i);
            const auto wanted = ntfs() ? TSK_FS_ATTR_TYPE_NTFS_DATA : TSK_FS_ATTR_TYPE_DEFAULT;
            if (!attribute || attribute->type != wanted || (ntfs() && stream != (attribute->name ? attribute->name : ""))) continue;
            attribute_ = attribute;
            return {};
        }
        return fail(Errc::not_found, "the stream is not there any more");
    }

    /// One folder further down.
    Result<void> step(const std::string& name) {
        const TskDirectory directory(tsk_fs_dir_open_meta(fs(), file_->meta->addr));
        if (!directory) return fail(Errc::unavailable, "a folder on the way cannot be read: " + tsk_last_error());
        for (size_t i = 0; i < tsk_fs_dir_getsize(directory.get()); ++i) {
            const TSK_FS_NAME* entry = tsk_fs_dir_get_name(directory.get(), i);
            if (!entry || !entry->name || (entry->flags & TSK_FS_NAME_FLAG_UNALLOC) || name != entry->name) continue;
            file_.reset(tsk_fs_file_open_meta(fs(), nullptr, entry->meta_addr));
            if (!file_) return fail(Errc::unavailable, "an inode cannot be read: " + tsk_last_error());
            return {};
        }
        return fail(Errc::not_found, "the file is not there any more");
    }

    Result<MemoryFile> read() {
        const uint64_t size = attribute_->size > 0 ? static_cast<uint64_t>(attribute_->size) : 0;
        if (size > largest_content) return fail(Errc::invalid, "the file is larger than two gigabytes");
        auto memory = MemoryFile::create();
        if (!memory) return memory;
        std::vector<char> buffer(piece);
        for (uint64_t at = 0; at < size;) {
            const size_t part = std::min<uint64_t>(buffer.size(), size - at);
            if (tsk_fs_attr_read(attribute_, static_cast<TSK_OFF_T>(at), buffer.data(), part, TSK_FS_FILE_READ_FLAG_NONE) != static_cast<ssize_t>(part))
                return fail(Errc::unavailable, "the content cannot be read: " + tsk_last_error());
            if (const auto written = memory->append({buffer.data(), part}); !written) return fail(written.error());
            at += part;
        }
        if (const auto sealed = memory->seal(); !sealed) return fail(sealed.error());
        return memory;
    }

    uint64_t offset_of(TSK_DADDR_T block) const { return static_cast<uint64_t>(fs()->offset) + block * fs()->block_size; }

    Result<void> blank_runs(Write write) {
        if (attribute_->flags & (TSK_FS_ATTR_COMP | TSK_FS_ATTR_ENC))
            return fail(Errc::invalid, "the file is stored compressed or encrypted; clean it from within the VM");
        if (write == Write::no) return {};
        const std::vector<uint8_t> zeros(piece);
        for (const TSK_FS_ATTR_RUN* run = attribute_->nrd.run; run; run = run->next) {
            if (run->flags & (TSK_FS_ATTR_RUN_FLAG_SPARSE | TSK_FS_ATTR_RUN_FLAG_FILLER)) continue;
            const uint64_t end = offset_of(run->addr + run->len);
            for (uint64_t at = offset_of(run->addr); at < end; at += piece)
                if (!image_.write(at, Bytes(zeros).first(std::min<uint64_t>(piece, end - at)))) return fail(Errc::unknown_outcome, "the image could not be written to its end");
        }
        return {};
    }

    /// Where the `index`th record of the MFT lies within the image; 0 when it has no place.
    uint64_t record_offset(TSK_INUM_T index, uint64_t record_size) {
        const TskFile mft(tsk_fs_file_open_meta(fs(), nullptr, 0));
        const TSK_FS_ATTR* data = mft ? tsk_fs_file_attr_get_type(mft.get(), TSK_FS_ATTR_TYPE_NTFS_DATA, 0, 0) : nullptr;
        if (!data) return 0;
        const uint64_t wanted = index * record_size;
        for (const TSK_FS_ATTR_RUN* run = data->nrd.run; run; run = run->next) {
            const uint64_t begin = run->offset * fs()->block_size, length = run->len * fs()->block_size;
            if (wanted >= begin && wanted + record_size <= begin + length) return offset_of(run->addr) + (wanted - begin);
        }
        return 0;
    }

    /// A small NTFS stream lies inside its MFT record, whose sectors end in two bytes that are kept elsewhere.
    Result<void> blank_resident(Write write) {
        const auto refuse = [] { return fail(Errc::invalid, "the file's MFT record has a form that is not written here; clean it from within the VM"); };
        const auto boot = image_.bytes(static_cast<uint64_t>(fs()->offset), 512);
        if (boot.size() != 512) return fail(Errc::unavailable, "the boot sector cannot be read");
        const auto clusters = static_cast<int8_t>(boot[64]);
        const uint64_t record_size = clusters > 0 ? static_cast<uint64_t>(clusters) * fs()->block_size : uint64_t{1} << std::min(-clusters, 31);
        if (record_size < 512 || record_size > 65536) return refuse();
        const uint64_t at = record_offset(file_->meta->addr, record_size);
        auto record = at ? image_.bytes(at, record_size) : std::vector<uint8_t>();
        if (record.size() != record_size || std::memcmp(record.data(), "FILE", 4) != 0) return refuse();
        const size_t fixups = little_endian<uint16_t>(record, 4), fixup_count = little_endian<uint16_t>(record, 6);
        if (fixup_count != record_size / stride + 1 || fixups + fixup_count * 2 > stride - 2) return refuse();
        const std::string name = attribute_->name ? attribute_->name : "";
        for (size_t position = little_endian<uint16_t>(record, 20); position + 24 <= record_size;) {
            const auto type = little_endian<uint32_t>(record, position), length = little_endian<uint32_t>(record, position + 4);
            if (type == 0xffffffff || length < 24 || length > record_size - position) break;
            const size_t name_length = record[position + 9], name_at = position + little_endian<uint16_t>(record, position + 10);
            const size_t size = little_endian<uint32_t>(record, position + 16), content = position + little_endian<uint16_t>(record, position + 20);
            const bool ours = type == 0x80 && record[position + 8] == 0 && little_endian<uint16_t>(record, position + 14) == attribute_->id &&
                              (name_length == 0) == name.empty() && name_at <= record_size;
            if (ours && size == static_cast<uint64_t>(attribute_->size) && content + size <= position + length) {
                for (size_t i = content; i < content + size; ++i) {
                    const size_t in_stride = i % stride;
                    if (in_stride < stride - 2) record[i] = 0;
                    else record[fixups + 2 * (i / stride + 1) + (in_stride - (stride - 2))] = 0;
                }
                return write == Write::no || image_.write(at, record) ? Result<void>() : fail(Errc::unknown_outcome, "the image could not be written");
            }
            position += length;
        }
        return refuse();
    }

    Image& image_;
    TskFilesystem filesystem_;
    TskFile file_;
    const TSK_FS_ATTR* attribute_ = nullptr;  // of file_
};

}  // namespace

Result<std::unique_ptr<CleanableVolume>> open_for_blanking(Image& image, const Volume& volume) {
    auto filesystem = TskFilesystem::open(image, volume);
    if (!filesystem) return fail(filesystem.error());
    return std::make_unique<TskVolume>(image, std::move(*filesystem));
}

int run_blanker(const std::vector<std::string>& arguments) { return serve_cleaning(open_for_blanking, arguments); }

}  // namespace bailiff::agent
