// SPDX-License-Identifier: Apache-2.0
// Lengths against lengths, and characters into bytes.
#include "agent/scan/iso/record.hpp"

namespace bailiff::agent {
namespace {

constexpr size_t fixed_part = 33;
constexpr uint8_t directory_flag = 0x02, associated_flag = 0x04, continued_flag = 0x80;

/// A surrogate without its other half keeps its own three bytes: names of one disk stay different names.
void append_utf8(std::string& out, uint32_t character) {
    const auto put = [&](uint32_t byte) { out += static_cast<char>(byte); };
    if (character < 0x80) return put(character);
    if (character < 0x800) {
        put(0xc0 | character >> 6);
    } else {
        if (character < 0x10000) {
            put(0xe0 | character >> 12);
        } else {
            put(0xf0 | character >> 18);
            put(0x80 | (character >> 12 & 0x3f));
        }
        put(0x80 | (character >> 6 & 0x3f));
    }
    put(0x80 | (character & 0x3f));
}

std::string utf8_of(Bytes units) {
    std::string out;
    for (size_t at = 0; at + 1 < units.size(); at += 2) {
        uint32_t character = big_endian<uint16_t>(units, at);
        const uint32_t next = big_endian<uint16_t>(units, at + 2);
        if (character >= 0xd800 && character < 0xdc00 && at + 3 < units.size() && next >= 0xdc00 && next < 0xe000) {
            character = 0x10000 + ((character & 0x3ff) << 10 | (next & 0x3ff));
            at += 2;
        }
        append_utf8(out, character);
    }
    return out;
}

}  // namespace

std::optional<IsoRecord> parse_iso_record(Bytes bytes) {
    if (bytes.empty() || bytes[0] <= fixed_part || bytes[0] > bytes.size()) return std::nullopt;
    const Bytes record = bytes.first(bytes[0]);
    const size_t name_size = record[32];
    if (name_size == 0 || fixed_part + name_size > record.size()) return std::nullopt;
    IsoRecord out;
    out.length = record.size();
    const uint64_t block = uint64_t{little_endian<uint32_t>(record, 2)} + record[1];
    if (block > UINT32_MAX) return std::nullopt;
    out.block = static_cast<uint32_t>(block);
    out.size = little_endian<uint32_t>(record, 10);
    out.recorded = little_endian<uint64_t>(record, 18) & 0xff'ffff'ffff'ffff;
    out.directory = record[25] & directory_flag;
    out.associated = record[25] & associated_flag;
    out.continued = record[25] & continued_flag;
    out.interleaved = record[26] != 0 || record[27] != 0;
    out.name = record.subspan(fixed_part, name_size);
    // A name of even length is followed by a byte of padding.
    const size_t behind = fixed_part + name_size + (name_size % 2 == 0 ? 1 : 0);
    if (behind < record.size()) out.system_use = record.subspan(behind);
    return out;
}

bool is_path_part(const std::string& name) {
    return !name.empty() && name != "." && name != ".." && name.find('/') == name.npos && name.find('\0') == name.npos;
}

std::optional<std::string> iso_name(Bytes raw, bool joliet) {
    std::string out = joliet ? utf8_of(raw) : std::string(raw.begin(), raw.end());
    if (out.ends_with(";1")) out.resize(out.size() - 2);
    if (out.size() > 1 && out.ends_with('.')) out.pop_back();
    return is_path_part(out) ? std::optional(out) : std::nullopt;
}

}  // namespace bailiff::agent
