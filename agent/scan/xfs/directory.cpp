// SPDX-License-Identifier: Apache-2.0
// Entries of directories, each length checked against the bytes that are there.
#include "agent/scan/xfs/directory.hpp"

#include <algorithm>

namespace bailiff::agent {
namespace {

constexpr uint32_t block_mark_4 = 0x58443242, block_mark_5 = 0x58444233, data_mark_4 = 0x58443244, data_mark_5 = 0x58444433;
constexpr size_t header_4 = 16, header_5 = 64, tail_size = 8, leaf_entry_size = 8;
constexpr uint16_t unused = 0xffff;
/// Names stand below this place of a directory; what lies above indexes them.
constexpr uint64_t end_of_names = uint64_t{32} << 30;

class Directory {
  public:
    Directory(XfsReader& reader, const XfsInode& inode, XfsNames& names) : reader_(reader), inode_(inode), names_(names) {}

    void read() {
        if (inode_.format == static_cast<uint8_t>(XfsFork::local)) short_form();
        else blocks();
    }

  private:
    const XfsGeometry& geometry() const { return reader_.geometry(); }

    std::string_view text(Bytes bytes) const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

    /// The inode holds it all: number of entries, the parent, then names with their inodes of four or of eight bytes each.
    void short_form() {
        const Bytes fork(inode_.fork);
        if (inode_.size > fork.size() || inode_.size < 6) return report("the directory is larger than its inode");
        const Bytes bytes = fork.first(inode_.size);
        const bool wide = bytes[1] != 0;
        const size_t number_size = wide ? 8 : 4, count = bytes[0], type_size = geometry().entry_types ? 1 : 0;
        size_t at = 2 + number_size;
        for (size_t i = 0; i < count; ++i) {
            const size_t length = at < bytes.size() ? bytes[at] : 0;
            const size_t number_at = at + 3 + length + type_size;
            if (length == 0 || number_at + number_size > bytes.size()) return report("the directory's entries do not fit into its inode");
            const auto number = wide ? big_endian<uint64_t>(bytes, number_at) : big_endian<uint32_t>(bytes, number_at);
            if (!names_.name(text(bytes.subspan(at + 3, length)), number)) return;
            at = number_at + number_size;
        }
        if (at != bytes.size()) report("the directory's inode holds more than its entries");
    }

    /// Blocks of a directory may be larger than those of the filesystem, and then lie in several extents.
    void blocks() {
        const uint64_t blocks_in_one = geometry().directory_block_size / geometry().block_size;
        const auto walked = reader_.extents(inode_, [&](const XfsExtent& extent) -> Result<bool> {
            for (uint64_t i = 0; i < extent.count; ++i) {
                const uint64_t at = extent.file_block + i;
                if (at >= end_of_names >> geometry().block_bits) return true;
                if (extent.unwritten) return fail(Errc::invalid, "a block of the directory was never written");
                if (at % blocks_in_one == 0) {
                    if (!drop_part()) return false;
                    first_block_ = extent.block + i;
                    index_ = at / blocks_in_one;
                } else if (part_.empty() || at != next_) {
                    part_.clear();
                    if (!problem("a part of a block of the directory is missing")) return false;
                    continue;
                }
                next_ = at + 1;
                const size_t have = part_.size();
                part_.resize(have + geometry().block_size);
                if (!reader_.read(extent.block + i, 0, std::span(part_).subspan(have))) {
                    part_.clear();
                    if (!problem("a block of the directory cannot be read")) return false;
                } else if (part_.size() == geometry().directory_block_size) {
                    const bool more = names_.block() ? data_block(part_) : stop();
                    part_.clear();
                    if (!more) return false;
                }
            }
            return true;
        });
        if (!walked) return report(walked.error().text);
        if (!stopped_ && drop_part() && !begun_) report("the first block of the directory is missing");
    }

    /// What is left of a block whose rest did not follow.
    bool drop_part() {
        if (part_.empty()) return true;
        part_.clear();
        return problem("a part of a block of the directory is missing");
    }

    bool data_block(Bytes bytes) {
        const bool checked = geometry().checksums;
        const auto mark = big_endian<uint32_t>(bytes, 0);
        const bool whole = mark == (checked ? block_mark_5 : block_mark_4) && index_ == 0;
        if (!whole && mark != (checked ? data_mark_5 : data_mark_4)) return problem("a block of the directory is none");
        if (checked && (!xfs_checksum_fits(bytes, 4) || !reader_.belongs(bytes, 8, 24, 40, first_block_, inode_.number)))
            return problem("the checksum of a block of the directory does not fit");
        size_t end = bytes.size();
        if (whole) {
            // A directory of a single block keeps its hashes at the end of it, and their number last.
            const uint64_t hashes = big_endian<uint32_t>(bytes, end - tail_size) * uint64_t{leaf_entry_size} + tail_size;
            if (hashes > end - header_5) return problem("a block of the directory has more hashes than room");
            end -= hashes;
        }
        return entries(bytes.first(end), checked ? header_5 : header_4);
    }

    /// Entries and unused space fill a block without a gap; each ends with the place where it begins, which proves it.
    bool entries(Bytes bytes, size_t at) {
        const size_t type_size = geometry().entry_types ? 1 : 0;
        bool itself = index_ != 0;
        begun_ = begun_ || index_ == 0;
        while (at < bytes.size()) {
            size_t length = 0;
            if (big_endian<uint16_t>(bytes, at) == unused) {
                length = big_endian<uint16_t>(bytes, at + 2);
            } else if (at + 9 <= bytes.size()) {
                length = (9U + bytes[at + 8] + type_size + 2 + 7) / 8 * 8;
            }
            if (length < 8 || length % 8 != 0 || length > bytes.size() - at || big_endian<uint16_t>(bytes, at + length - 2) != at)
                return problem("an entry of the directory is damaged");
            if (big_endian<uint16_t>(bytes, at) != unused) {
                const auto number = big_endian<uint64_t>(bytes, at);
                const auto name = text(bytes.subspan(at + 9, bytes[at + 8]));
                if (name.empty()) return problem("an entry of the directory has no name");
                if (name == ".") itself = itself || number == inode_.number;
                else if (name != ".." && !names_.name(name, number)) return stop();
            }
            at += length;
        }
        // Every directory names itself in its first block: without that, the block is another one's.
        return itself || problem("the directory does not name itself");
    }

    bool problem(const std::string& what) { return names_.damaged(what) || stop(); }
    void report(const std::string& what) { problem(what); }
    bool stop() {
        stopped_ = true;
        return false;
    }

    XfsReader& reader_;
    const XfsInode& inode_;
    XfsNames& names_;
    std::vector<uint8_t> part_;  // the block that is being put together
    uint64_t first_block_ = 0, index_ = 0, next_ = 0;
    bool begun_ = false, stopped_ = false;
};

}  // namespace

void read_xfs_directory(XfsReader& reader, const XfsInode& directory, XfsNames& names) {
    Directory(reader, directory, names).read();
}

}  // namespace bailiff::agent
