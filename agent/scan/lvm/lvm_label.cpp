// SPDX-License-Identifier: Apache-2.0
// The on-disk structures of LVM2, format 1: label, header of the physical volume, metadata areas with their ring of texts.
#include "agent/scan/lvm/lvm_label.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

namespace bailiff::agent {
namespace {

constexpr size_t sector = 512, label_sectors = 4;
constexpr size_t area_header = 512;    // a metadata area begins with it, and the ring of texts follows
constexpr size_t most_areas = 4;       // LVM makes two at most
constexpr uint32_t ignored_flag = 1;   // the text in this area is not kept up to date

bool stands(Bytes bytes, size_t at, std::string_view text) {
    return bytes.size() >= at + text.size() && std::equal(text.begin(), text.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at),
                                                          [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; });
}

/// LVM's sum: CRC-32 with a start of its own, and not inverted at the end. By table, since texts may be megabytes.
uint32_t lvm_crc(Bytes bytes) {
    static const auto table = [] {
        std::vector<uint32_t> out(256);
        for (uint32_t i = 0; i < 256; ++i) {
            uint32_t crc = i;
            for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320U : 0);
            out[i] = crc;
        }
        return out;
    }();
    uint32_t crc = 0xf597a6cf;
    for (const uint8_t byte : bytes) crc = crc >> 8 ^ table[(crc ^ byte) & 0xff];
    return crc;
}

/// One metadata area's text. "" when the area is sound and holds none.
Result<std::string> read_text(Image& image, uint64_t start, uint64_t size, uint64_t area) {
    const auto damaged = [](const char* what) { return fail(Errc::invalid, std::string("a copy of the LVM metadata ") + what); };
    if (area >= size || size - area < area_header) return damaged("would lie past the end of the physical volume");
    const auto header = image.bytes(start + area, area_header);
    if (header.size() != area_header) return damaged("cannot be read");
    if (!stands(header, 4, "\x20LVM2\x20x[5A%r0N*>") || little_endian<uint32_t>(header, 20) != 1) return damaged("has no sound header");
    if (lvm_crc(Bytes(header).subspan(4)) != little_endian<uint32_t>(header, 0)) return damaged("has a header with a wrong checksum");
    const auto area_size = little_endian<uint64_t>(header, 32);
    if (little_endian<uint64_t>(header, 24) != area || area_size <= area_header || area_size > size - area) return damaged("has a header of another place");

    const auto offset = little_endian<uint64_t>(header, 40), length = little_endian<uint64_t>(header, 48);
    if (little_endian<uint32_t>(header, 60) & ignored_flag) return std::string();
    if (offset == 0) return std::string();
    if (offset < area_header || offset >= area_size || length == 0 || length > area_size - area_header || length > largest_lvm_text)
        return damaged("lies outside of its area");
    // The area is a ring: what does not fit before its end goes on behind the header.
    const uint64_t first = std::min(length, area_size - offset);
    auto text = image.bytes(start + area + offset, first);
    if (text.size() != first) return damaged("cannot be read");
    if (length > first) {
        const auto rest = image.bytes(start + area + area_header, length - first);
        if (rest.size() != length - first) return damaged("cannot be read");
        text.insert(text.end(), rest.begin(), rest.end());
    }
    if (lvm_crc(text) != little_endian<uint32_t>(header, 56)) return damaged("has a wrong checksum");
    return std::string(text.begin(), text.end());
}

/// Where the label is, within `head`; nothing when none is sound.
std::optional<size_t> find_label(Bytes head) {
    for (size_t at = 0; at < head.size(); at += sector) {
        const Bytes label = head.subspan(at, std::min(sector, head.size() - at));
        if (label.size() == sector && stands(label, 0, "LABELONE") && stands(label, 24, "LVM2 001") &&
            little_endian<uint64_t>(label, 8) == at / sector && lvm_crc(label.subspan(20)) == little_endian<uint32_t>(label, 16))
            return at;
    }
    return std::nullopt;
}

}  // namespace

Result<LvmLabel> read_lvm_label(Image& image, uint64_t start, uint64_t size) {
    const auto head = image.bytes(start, std::min<uint64_t>(size, label_sectors * sector));
    const auto at = find_label(head);
    if (!at) return fail(Errc::invalid, "the LVM label is damaged");
    const Bytes label = Bytes(head).subspan(*at, sector);
    const size_t header = little_endian<uint32_t>(label, 20);
    if (header < 32 || header > sector - 40) return fail(Errc::invalid, "the LVM label points past its own end");
    LvmLabel out;
    out.id.assign(label.begin() + static_cast<std::ptrdiff_t>(header), label.begin() + static_cast<std::ptrdiff_t>(header) + 32);
    // Two lists of places, each ended by zeros: first data areas, which the metadata knows better, then metadata areas.
    int list = 0;
    for (size_t entry = header + 40; list < 2; entry += 16) {
        if (entry + 16 > sector) return fail(Errc::invalid, "the LVM label's lists do not end");
        const auto place = little_endian<uint64_t>(label, entry);
        if (place == 0) {
            ++list;
        } else if (list == 1) {
            if (out.groups.size() + out.problems.size() >= most_areas) return fail(Errc::invalid, "the LVM label names too many metadata areas");
            const auto text = read_text(image, start, size, place);
            if (text && text->empty()) continue;
            auto group = text ? parse_lvm_group(*text) : Result<LvmGroup>(fail(text.error()));
            if (group) out.groups.push_back(std::move(*group));
            else out.problems.push_back(group.error().text);
        }
    }
    return out;
}

}  // namespace bailiff::agent
