// SPDX-License-Identifier: Apache-2.0
// The reversible spelling of hostile file names.
#include "agent/scan/path_text.hpp"

#include <cstdint>

namespace bailiff::agent {
namespace {

/// How many bytes the UTF-8 character at the start of `s` has, or 0 when it is none (overlong, surrogate, cut off).
size_t character_length(std::string_view s, uint32_t& code) {
    const auto byte = [&](size_t i) { return static_cast<uint8_t>(s[i]); };
    const uint8_t first = byte(0);
    if (first < 0x80) return code = first, 1;
    const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || s.size() < length) return 0;
    code = first & (0xffU >> (length + 1));
    for (size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return 0;
        code = code << 6 | (byte(i) & 0x3fU);
    }
    const uint32_t least = length == 2 ? 0x80 : length == 3 ? 0x800 : 0x10000;
    if (code < least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return 0;
    return length;
}

/// Characters that change how the text around them is shown: a name must not be able to hide or fake a line.
bool steers(uint32_t code) {
    return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x61c || (code >= 0x200b && code <= 0x200f) ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) || code == 0xfeff ||
           (code >= 0xfff9 && code <= 0xfffb) || (code >= 0xe0000 && code <= 0xe007f);
}

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

}  // namespace

std::string escape_path(std::string_view bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out;
    out.reserve(bytes.size());
    while (!bytes.empty()) {
        uint32_t code = 0;
        const size_t length = character_length(bytes, code);
        const size_t taken = length == 0 ? 1 : length;
        if (length == 1 && code == '\\') {
            out += "\\\\";
        } else if (length == 0 || steers(code)) {
            for (size_t i = 0; i < taken; ++i) {
                const auto byte = static_cast<uint8_t>(bytes[i]);
                out += "\\x";
                out += digits[byte >> 4];
                out += digits[byte & 15];
            }
        } else {
            out += bytes.substr(0, taken);
        }
        bytes.remove_prefix(taken);
    }
    return out;
}

Result<std::string> unescape_path(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '\\') {
            out += text[i];
        } else if (i + 1 < text.size() && text[i + 1] == '\\') {
            out += '\\';
            ++i;
        } else if (i + 3 < text.size() && text[i + 1] == 'x' && hex_value(text[i + 2]) >= 0 && hex_value(text[i + 3]) >= 0) {
            out += static_cast<char>(hex_value(text[i + 2]) * 16 + hex_value(text[i + 3]));
            i += 3;
        } else {
            return fail(Errc::invalid, "the path has a lone backslash at byte " + std::to_string(i) +
                                           "; write \\\\ for a backslash and \\xHH for any other special byte");
        }
    }
    if (escape_path(out) != text)
        return fail(Errc::invalid, "the path is not in its one spelling; copy it unchanged from the scan's findings");
    return out;
}

}  // namespace bailiff::agent
