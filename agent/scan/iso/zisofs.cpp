// SPDX-License-Identifier: Apache-2.0
// A header, a table of where each block begins, and the blocks, each a zlib stream of its own.
#include "agent/scan/iso/zisofs.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <vector>

namespace bailiff::agent {
namespace {

constexpr std::array<uint8_t, 8> zisofs_magic{0x37, 0xe4, 0x53, 0x96, 0xc9, 0xdb, 0xd6, 0x07};
/// As Linux takes them.
constexpr unsigned least_block_bits = 15, most_block_bits = 17;
constexpr size_t header_size = 16;

tl::unexpected<Error> bad_zisofs(const char* what) { return fail(Errc::invalid, std::string("the compressed content (zisofs) is damaged: ") + what); }

/// The pointers of blocks from `first` on, and one more: where the last one ends.
Result<std::vector<uint8_t>> pointers(const IsoStored& stored, uint64_t table, uint64_t first, size_t count) {
    std::vector<uint8_t> out((count + 1) * 4);
    if (!stored(table + first * 4, out)) return bad_zisofs("its table cannot be read");
    return out;
}

}  // namespace

Result<void> unpack_zisofs(const IsoStored& stored, uint64_t stored_size, const IsoPacked& packed, MemoryFile& into) {
    std::array<uint8_t, header_size> head{};
    if (stored_size < head.size() || !stored(0, head)) return bad_zisofs("it has no header");
    const unsigned bits = head[13];
    if (!std::equal(zisofs_magic.begin(), zisofs_magic.end(), head.begin()) || little_endian<uint32_t>(head, 8) != packed.size || head[12] != packed.header_words ||
        bits != packed.block_bits || packed.header_words * 4U < header_size)
        return bad_zisofs("its header is not what the directory says");
    if (bits < least_block_bits || bits > most_block_bits) return bad_zisofs("its blocks have no size that is known here");
    const uint64_t block = uint64_t{1} << bits, blocks = (packed.size + block - 1) / block, table = packed.header_words * 4U;
    if (table + (blocks + 1) * 4 > stored_size) return bad_zisofs("its table reaches past its end");
    // A content of gigabytes has a table of a hundred kilobytes, so it is taken in pieces.
    constexpr size_t at_once = 4096;
    std::vector<uint8_t> in, out(block);
    Result<std::vector<uint8_t>> places = std::vector<uint8_t>();
    for (uint64_t i = 0; i < blocks; ++i) {
        if (i % at_once == 0) {
            places = pointers(stored, table, i, std::min<uint64_t>(at_once, blocks - i));
            if (!places) return fail(places.error());
        }
        const uint64_t begin = little_endian<uint32_t>(*places, i % at_once * 4), end = little_endian<uint32_t>(*places, (i % at_once + 1) * 4);
        const size_t want = std::min(block, packed.size - i * block);
        if (end < begin || end > stored_size || end - begin > compressBound(static_cast<uLong>(block))) return bad_zisofs("a block lies where none can be");
        if (end == begin) {
            if (const auto zeros = into.append_zeros(want); !zeros) return fail(Errc::unavailable, zeros.error().text);
            continue;
        }
        in.resize(end - begin);
        if (!stored(begin, in)) return bad_zisofs("a block cannot be read");
        uLongf got = static_cast<uLongf>(want);
        if (uncompress(out.data(), &got, in.data(), static_cast<uLong>(in.size())) != Z_OK || got != want) return bad_zisofs("a block cannot be unpacked");
        if (const auto written = into.append({reinterpret_cast<const char*>(out.data()), want}); !written) return fail(Errc::unavailable, written.error().text);
    }
    return {};
}

}  // namespace bailiff::agent
