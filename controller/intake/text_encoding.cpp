// SPDX-License-Identifier: Apache-2.0
// Charsets by GLib's iconv, decided by what the bytes show before what their label claims.
#include "controller/intake/text_encoding.hpp"

#include "controller/intake/fields.hpp"

#include <bailiff/clean_text.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <glib.h>
#include <vector>

namespace bailiff {
namespace {

bool is_utf8(std::string_view bytes) {
    for (size_t at = 0; at < bytes.size();) {
        if (static_cast<unsigned char>(bytes[at]) < 0x80) {
            ++at;
            continue;
        }
        const auto c = read_utf8(bytes, at);
        if (!c.valid) return false;
        at += c.length;
    }
    return true;
}

/// Nothing where the charset is not known or the bytes do not fit it.
bool converted(std::string& bytes, const char* charset, bool lenient) {
    gsize written = 0;
    const auto size = static_cast<gssize>(bytes.size());
    gchar* text = lenient ? g_convert_with_fallback(bytes.data(), size, "UTF-8", charset, "?", nullptr, &written, nullptr)
                          : g_convert(bytes.data(), size, "UTF-8", charset, nullptr, &written, nullptr);
    if (!text) return false;
    bytes.assign(text, written);
    g_free(text);
    return true;
}

/// UTF-16 that nobody labelled: every second byte of western text is zero.
const char* unmarked_utf16(std::string_view bytes) {
    const std::string_view head = bytes.substr(0, 512);
    if (head.size() < 8) return nullptr;
    size_t even = 0, odd = 0;
    for (size_t i = 0; i < head.size(); ++i)
        if (head[i] == 0) ++(i % 2 ? odd : even);
    if (odd * 10 > head.size() * 3 && even * 20 < head.size()) return "UTF-16LE";
    if (even * 10 > head.size() * 3 && odd * 20 < head.size()) return "UTF-16BE";
    return nullptr;
}

/// The label without what breaks it, in a spelling that iconv knows; empty where it says nothing.
std::string charset_of(std::string_view label) {
    std::string name;
    for (const char c : lower_case(trimmed(label)))
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_') name += c;
    if (name.size() > 40) return {};
    constexpr std::array nothing{"utf-8", "utf8", "us-ascii", "ascii", "ansi", "unknown", "unknown-8bit", "x-unknown", "8bit", "7bit", "default", "binary",
                                 "none"};
    if (std::find(nothing.begin(), nothing.end(), name) != nothing.end()) return {};
    if (name.starts_with("iso8859")) name.insert(3, "-");
    if (name.starts_with("cp-")) name.erase(2, 1);
    return name == "latin1" || name == "latin-1" || name == "iso-8859-1" ? "windows-1252" : name;
}

/// "&nbsp;", "&#46;", "&#x2e;" at `at` -> its text; moves `at` behind it. An unknown one stays.
std::string entity(std::string_view html, size_t& at) {
    const size_t end = html.substr(at, 12).find(';');
    if (end == std::string_view::npos) return std::string(1, html[at++]);
    const std::string name = lower_case(html.substr(at + 1, end - 1));
    constexpr std::array<std::pair<const char*, const char*>, 9> known{{{"nbsp", " "}, {"amp", "&"}, {"lt", "<"}, {"gt", ">"}, {"quot", "\""}, {"apos", "'"},
                                                                        {"ndash", "-"}, {"period", "."}, {"colon", ":"}}};
    for (const auto& [word, text] : known)
        if (name == word) return at += end + 1, text;
    if (name.size() > 1 && name[0] == '#') {
        const bool hex = name[1] == 'x';
        uint32_t value = 0;
        const char* first = name.data() + (hex ? 2 : 1);
        const auto [stop, error] = std::from_chars(first, name.data() + name.size(), value, hex ? 16 : 10);
        if (error == std::errc{} && stop == name.data() + name.size() && value >= 0x20 && value < 0x110000 && (value < 0xD800 || value > 0xDFFF)) {
            gchar utf8[8] = "";
            const gint length = g_unichar_to_utf8(value, utf8);
            at += end + 1;
            return std::string(utf8, static_cast<size_t>(length));
        }
    }
    return std::string(1, html[at++]);
}

/// A page's table row becomes a line of its own: "label: value", or cells between tabs. Pages are laid out by tables too, so
/// long cells and rows around other rows stay as they are.
class RowLayout {
  public:
    explicit RowLayout(std::string& out) : out_(out) {}
    void begin() {
        row_ = out_.size();
        cells_.clear();
        head_ = 0;
    }
    void cell(bool head) {
        out_ += ' ';
        if (row_ != none && cells_.size() < 100) cells_.push_back(out_.size());
        head_ += head;
    }
    void end() {
        if (row_ == none || cells_.size() < 2 || out_.size() - row_ > 4096) return (void)(row_ = none);
        std::vector<std::string> texts;
        for (size_t i = 0; i < cells_.size(); ++i) texts.push_back(in_one_line(cells_[i], i + 1 < cells_.size() ? cells_[i + 1] : out_.size()));
        const bool label = texts.size() == 2 && head_ < 2 && texts[0].size() < 60 && !texts[0].empty() && !read_endpoint(texts[0]) && !read_time(texts[0]);
        std::string line = texts[0];
        if (label) line += (line.back() == ':' ? " " : ": ") + texts[1];
        else
            for (size_t i = 1; i < texts.size(); ++i) line += "\t" + texts[i];
        // Rows that follow each other stay together: an empty line would end their table.
        const bool follows = last_ <= row_ && out_.find_first_not_of(" \t\r\n", last_) >= row_;
        out_.resize(follows ? last_ : row_);
        out_ += '\n';
        out_ += line;
        last_ = out_.size();
        row_ = none;
    }

  private:
    static constexpr size_t none = static_cast<size_t>(-1);
    std::string in_one_line(size_t begin, size_t end) const {
        std::string text;
        for (const char c : trimmed(std::string_view(out_).substr(begin, end - begin))) {
            const bool blank = c == ' ' || c == '\t' || c == '\r' || c == '\n';
            if (!blank || text.back() != ' ') text += blank ? ' ' : c;
        }
        return text;
    }
    std::string& out_;
    size_t row_ = none, last_ = 0, head_ = 0;
    std::vector<size_t> cells_;
};

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

}  // namespace

std::string as_utf8(std::string bytes, std::string_view label) {
    if (bytes.starts_with("\xEF\xBB\xBF")) return bytes.substr(3);
    const std::string_view all = bytes;
    const char* wide = all.starts_with(std::string_view("\xFF\xFE\0\0", 4))   ? "UTF-32LE"
                       : all.starts_with("\xFF\xFE")                         ? "UTF-16LE"
                       : all.starts_with("\xFE\xFF")                         ? "UTF-16BE"
                                                                             : unmarked_utf16(all);
    if (wide) {
        std::string copy = bytes;
        if (copy.size() % 2) copy.pop_back();
        if (converted(copy, wide, true)) return copy.starts_with("\xEF\xBB\xBF") ? copy.substr(3) : copy;
    }
    // What has zeros and is no wide text is no text at all.
    if (all.substr(0, 4096).find('\0') != std::string_view::npos) return bytes;
    const bool utf8 = is_utf8(bytes);
    const std::string charset = charset_of(label);
    // Text that is UTF-8 beyond ASCII is that by no accident, whatever single-byte charset its label claims. Charsets
    // that shift with escapes are pure ASCII bytes, so those are believed.
    const bool shifting = charset.starts_with("iso-2022") || charset == "utf-7" || charset == "hz-gb-2312";
    if (utf8 && !shifting) return bytes;
    std::string copy = bytes;
    if (!charset.empty() && converted(copy, charset.c_str(), false)) return copy;
    if (utf8) return bytes;
    copy = bytes;
    return converted(copy, "windows-1252", true) ? copy : bytes;
}

std::string text_of_html(std::string_view html) {
    std::string out;
    out.reserve(html.size() / 2);
    RowLayout rows(out);
    constexpr std::array blocks{"br", "p", "/p", "div", "/div", "tr", "/tr", "li", "/li", "h1", "h2", "h3", "/h1", "/h2", "/h3", "table", "/table", "hr",
                                "pre", "/pre", "blockquote"};
    for (size_t at = 0; at < html.size();) {
        const char c = html[at];
        if (c == '&') {
            out += entity(html, at);
        } else if (c == '<' && at + 1 < html.size() && (html[at + 1] == '!' || html[at + 1] == '?' || html[at + 1] == '/' || (html[at + 1] | 0x20) >= 'a')) {
            const bool comment = html.substr(at).starts_with("<!--");
            const size_t end = html.find(comment ? "-->" : ">", at);
            if (end == std::string_view::npos) break;
            const std::string_view inside = html.substr(at + 1, std::min(end - at - 1, size_t{20}));
            std::string name = lower_case(inside.substr(0, inside.find_first_of(" \t\r\n>", 1)));
            if (name.ends_with('/') && name.size() > 1) name.pop_back();
            at = end + (comment ? 3 : 1);
            if (name == "script" || name == "style") {
                const size_t close = html.find("</", at);
                // What is inside is no text; its end is looked for once, so that a page of openings stays cheap.
                if (close == std::string_view::npos) break;
                at = close;
            } else if (name == "td" || name == "th") {
                rows.cell(name == "th");
            } else {
                if (name == "/tr" || name == "tr" || name == "/table") rows.end();
                out += std::find(blocks.begin(), blocks.end(), name) != blocks.end() ? '\n' : ' ';
                if (name == "tr") rows.begin();
            }
        } else {
            // The page's own line ends mean nothing; a blank keeps words apart.
            out += c;
            ++at;
        }
    }
    return out;
}

std::string undo_quoted_printable(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '=') {
            if (at + 1 < text.size() && text[at + 1] == '\n') {
                ++at;
                continue;
            }
            if (at + 2 < text.size() && text[at + 1] == '\r' && text[at + 2] == '\n') {
                at += 2;
                continue;
            }
            const int high = at + 2 < text.size() ? hex_digit(text[at + 1]) : -1, low = high >= 0 ? hex_digit(text[at + 2]) : -1;
            if (low >= 0) {
                out += static_cast<char>(high * 16 + low);
                at += 2;
                continue;
            }
        }
        out += text[at];
    }
    return out;
}

std::string undo_base64(std::string_view text) {
    text = trimmed(text);
    if (text.size() < 40) return {};
    const auto belongs = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '/' || c == '=' || c == '\r' || c == '\n';
    };
    if (!std::all_of(text.begin(), text.end(), belongs)) return {};
    gsize length = 0;
    guchar* decoded = g_base64_decode(std::string(text).c_str(), &length);
    if (!decoded) return {};
    std::string out(reinterpret_cast<const char*>(decoded), length);
    g_free(decoded);
    return out;
}

std::string without_quoting(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    bool frame = false;
    for (size_t at = 0; at < text.size();) {
        const size_t end = std::min(text.find('\n', at), text.size());
        std::string_view line = text.substr(at, end - at);
        at = end + 1;
        while (line.starts_with('>')) line.remove_prefix(line.size() > 1 && line[1] == ' ' ? 2 : 1);
        if (line.starts_with("-----BEGIN PGP SIGNED MESSAGE")) {
            frame = true;
            continue;
        }
        if (line.starts_with("-----BEGIN PGP SIGNATURE")) break;
        if (frame) {
            // "Hash: SHA1" lines up to the first empty one.
            if (trimmed(line).empty()) frame = false;
            continue;
        }
        if (line.starts_with("- -")) line.remove_prefix(2);
        out += line;
        out += '\n';
    }
    return out;
}

}  // namespace bailiff
