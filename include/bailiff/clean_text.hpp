// SPDX-License-Identifier: Apache-2.0
// Text from strangers (reporters, customers, guests) made fit to be shown: valid UTF-8, no control characters, no
// characters that reorder what a reader sees.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bailiff {

/// One code point read from UTF-8. `length` is the bytes consumed (at least 1); `value` is U+FFFD where they are
/// no valid UTF-8 (overlong forms and surrogates included), so that a reader always moves on.
struct CodePoint {
    char32_t value;
    size_t length;
    bool valid;
};

inline CodePoint read_utf8(std::string_view text, size_t at) {
    const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned first = byte(at);
    if (first < 0x80) return {first, 1, true};
    const size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || at + length > text.size()) return {0xFFFD, 1, false};
    char32_t value = first & (0xFFu >> (length + 1));
    for (size_t i = 1; i < length; ++i) {
        if ((byte(at + i) & 0xC0) != 0x80) return {0xFFFD, 1, false};
        value = (value << 6) | (byte(at + i) & 0x3F);
    }
    const bool overlong = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
    if (overlong || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return {0xFFFD, 1, false};
    return {value, length, true};
}

/// C0 and C1 controls, and the bidirectional marks with which a text can show itself in another order than it has.
inline bool is_unfit(char32_t c) {
    return c < 0x20 || (c >= 0x7F && c <= 0x9F) || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) ||
           c == 0x200E || c == 0x200F || c == 0xFEFF;
}

/// Keeps line ends (as `\n`, whatever they were); tabs become blanks; unfit characters go; bad bytes become U+FFFD.
/// At most `most` bytes, cut between characters.
inline std::string clean_block(std::string_view text, size_t most = 64 * 1024) {
    std::string out;
    for (size_t at = 0; at < text.size();) {
        const auto c = read_utf8(text, at);
        if (out.size() + (c.valid ? c.length : 3) > most) break;
        if (c.value == '\r') {
            if (at + 1 == text.size() || text[at + 1] != '\n') out += '\n';
        } else if (c.value == '\n' || c.value == 0x2028 || c.value == 0x2029) {
            out += '\n';
        } else if (c.value == '\t') {
            out += ' ';
        } else if (!c.valid) {
            out += "\xEF\xBF\xBD";
        } else if (!is_unfit(c.value)) {
            out += text.substr(at, c.length);
        }
        at += c.length;
    }
    return out;
}

/// As clean_block, on one line: line ends become blanks, blanks at either end go.
inline std::string clean_line(std::string_view text, size_t most = 1024) {
    std::string out = clean_block(text, most);
    for (char& c : out)
        if (c == '\n') c = ' ';
    const size_t first = out.find_first_not_of(' ');
    if (first == std::string::npos) return {};
    return out.substr(first, out.find_last_not_of(' ') - first + 1);
}

}  // namespace bailiff
