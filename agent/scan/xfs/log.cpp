// SPDX-License-Identifier: Apache-2.0
// The log is a ring of 512-byte blocks, each of which begins with the number of the round in which it was written; a
// record's header has a mark there instead, and the round's number behind it. Where the number falls, the last record ended.
#include "agent/scan/xfs/log.hpp"

#include <algorithm>
#include <optional>

namespace bailiff::agent {
namespace {

constexpr uint64_t log_block = 512;
constexpr uint32_t record_mark = 0xfeedbabe;
/// A record is at most 256 KiB of changes, and 8 headers.
constexpr uint64_t longest_record = (256 << 10) / log_block + 8;
constexpr uint8_t unmounted = 0x20;

class Log {
  public:
    Log(Image& image, uint64_t start, uint64_t blocks) : image_(image), start_(start), blocks_(blocks) {}

    XfsLogState state() {
        const auto end = head();
        if (!end) return XfsLogState::unknown;
        for (uint64_t back = 1; back <= std::min(longest_record, blocks_); ++back) {
            const uint64_t at = (*end + blocks_ - back) % blocks_;
            const auto header = image_.bytes(start_ + at * log_block, log_block);
            if (header.size() != log_block) return XfsLogState::unknown;
            if (big_endian<uint32_t>(header, 0) == record_mark) return closed(header, at, back);
        }
        return XfsLogState::unknown;
    }

  private:
    std::optional<uint32_t> round(uint64_t block) {
        const auto bytes = image_.bytes(start_ + block * log_block, 8);
        if (bytes.size() != 8) return std::nullopt;
        const auto first = big_endian<uint32_t>(bytes, 0);
        return first == record_mark ? big_endian<uint32_t>(bytes, 4) : first;
    }

    /// The first block that belongs to an earlier round than the ring's first block, by halving.
    std::optional<uint64_t> head() {
        const auto newest = round(0), oldest = round(blocks_ - 1);
        if (!newest || !oldest || *newest == 0) return std::nullopt;
        if (*newest == *oldest) return 0;
        if (*oldest > *newest) return std::nullopt;
        uint64_t in = 0, out = blocks_ - 1;
        while (out - in > 1) {
            const uint64_t middle = in + (out - in) / 2;
            const auto number = round(middle);
            if (!number) return std::nullopt;
            (*number == *newest ? in : out) = middle;
        }
        return out;
    }

    /// An unmount is a record of one operation that carries the flag for it, and nothing was begun after it.
    XfsLogState closed(Bytes header, uint64_t at, uint64_t back) {
        const uint64_t version = big_endian<uint32_t>(header, 8), size = big_endian<uint32_t>(header, 320);
        const uint64_t headers = version & 2 && size > 32768 ? (size + 32767) / 32768 : 1;
        const uint64_t length = (uint64_t{big_endian<uint32_t>(header, 12)} + log_block - 1) / log_block;
        if (headers + length != back || big_endian<uint32_t>(header, 40) != 1) return XfsLogState::dirty;
        const auto operation = image_.bytes(start_ + (at + headers) % blocks_ * log_block, 12);
        return operation.size() == 12 && (operation[9] & unmounted) ? XfsLogState::clean : XfsLogState::dirty;
    }

    Image& image_;
    uint64_t start_, blocks_;
};

}  // namespace

XfsLogState xfs_log_state(Image& image, const Volume& volume, const XfsGeometry& geometry) {
    if (geometry.log_start == 0) return XfsLogState::elsewhere;
    const auto start = geometry.offset_of_blocks(geometry.log_start, geometry.log_blocks);
    const uint64_t blocks = uint64_t{geometry.log_blocks} * geometry.block_size / log_block;
    if (!start || blocks < 2 || *start > volume.size) return XfsLogState::unknown;
    return Log(image, volume.start + *start, blocks).state();
}

}  // namespace bailiff::agent
