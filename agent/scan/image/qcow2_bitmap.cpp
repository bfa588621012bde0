// SPDX-License-Identifier: Apache-2.0
// The header extension, then the directory of bitmaps, entry by entry.
#include "agent/scan/image/qcow2_bitmap.hpp"

#include "agent/scan/image/qcow2_header.hpp"

#include <algorithm>
#include <optional>

namespace bailiff::agent {
namespace {

constexpr uint32_t bitmaps_extension = 0x23852875;
constexpr uint64_t autoclear_bitmaps = 1, most_directory_bytes = 1U << 20;
constexpr uint32_t in_use = 1, records = 2;
constexpr size_t entry_head = 24;

struct Directory {
    uint64_t count, size, offset;
};

/// The bitmaps extension's content; nothing when there is none.
std::optional<Directory> find_directory(Bytes head) {
    const auto begin = big_endian<uint32_t>(head, 100);
    for (uint64_t at = begin; at + 8 <= head.size();) {
        const auto type = big_endian<uint32_t>(head, at), length = big_endian<uint32_t>(head, at + 4);
        at += 8;
        if (type == 0 || length > head.size() - at) return std::nullopt;
        if (type == bitmaps_extension && length >= 24)
            return Directory{big_endian<uint32_t>(head, at), big_endian<uint64_t>(head, at + 8), big_endian<uint64_t>(head, at + 16)};
        at += (uint64_t{length} + 7) / 8 * 8;
    }
    return std::nullopt;
}

}  // namespace

std::string qcow2_bitmap_problem(Image& image, const std::string& name) {
    const auto head = image.bytes(0, qcow2_head_size);
    const std::string none = "the image has no dirty bitmap '" + name + "'; 'qemu-img bitmap --add' or a libvirt checkpoint makes one";
    if (head.size() < 104 || big_endian<uint32_t>(head, 4) < 3) return none;
    const auto directory = find_directory(head);
    if (!directory) return none;
    if (!(big_endian<uint64_t>(head, 88) & autoclear_bitmaps))
        return "the image was written by a program that keeps no dirty bitmaps; remove '" + name + "' and make a new one";
    const std::string damaged = "the image's list of dirty bitmaps is damaged; look at it with 'qemu-img check'";
    if (directory->size > most_directory_bytes) return damaged;
    const auto bytes = image.bytes(directory->offset, directory->size);
    if (bytes.size() != directory->size) return damaged;
    Bytes rest(bytes);
    for (uint64_t i = 0; i < directory->count; ++i) {
        if (rest.size() < entry_head) return damaged;
        const auto flags = big_endian<uint32_t>(rest, 12);
        const uint8_t type = rest[16];
        const size_t name_size = big_endian<uint16_t>(rest, 18), extra = big_endian<uint32_t>(rest, 20);
        if (extra > rest.size() - entry_head || name_size > rest.size() - entry_head - extra) return damaged;
        const Bytes entry_name = rest.subspan(entry_head + extra, name_size);
        if (std::equal(entry_name.begin(), entry_name.end(), name.begin(), name.end(), [](uint8_t a, char b) { return a == static_cast<uint8_t>(b); })) {
            if (type != 1 || extra != 0) return "the bitmap '" + name + "' is of a kind that is not known here";
            if (flags & in_use) return "the dirty bitmap '" + name + "' was not closed properly and is inconsistent; remove it and make a new one";
            if (!(flags & records)) return "the dirty bitmap '" + name + "' is disabled: it may have missed what was written; make a new one that is enabled";
            return "";
        }
        const size_t whole = (entry_head + extra + name_size + 7) / 8 * 8;
        rest = rest.subspan(std::min(whole, rest.size()));
    }
    return none;
}

}  // namespace bailiff::agent
