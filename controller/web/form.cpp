// SPDX-License-Identifier: Apache-2.0
#include "controller/web/form.hpp"

#include <bailiff/clean_text.hpp>

#include <algorithm>
#include <optional>

namespace bailiff {
namespace {

using Parsed = tl::expected<Form, FormFault>;

tl::unexpected<FormFault> fault(FormFault why) { return tl::unexpected<FormFault>(why); }

char lower(char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; }

bool same_word(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (lower(c) >= 'a' && lower(c) <= 'f') return lower(c) - 'a' + 10;
    return -1;
}

/// "a+b%20c" -> "a b c"; nothing when a percent sign stands alone.
std::optional<std::string> url_decoded(std::string_view text) {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '+') {
            out += ' ';
        } else if (text[i] != '%') {
            out += text[i];
        } else {
            if (i + 2 >= text.size()) return std::nullopt;
            const int high = hex_value(text[i + 1]), low = hex_value(text[i + 2]);
            if (high < 0 || low < 0) return std::nullopt;
            out += char(high * 16 + low);
            i += 2;
        }
    }
    return out;
}

/// Adds a field that came once; a second one of the same name could be read either way.
std::optional<FormFault> add_field(Form& form, std::string_view name, std::string_view value, const FormLimits& limits) {
    if (value.size() > limits.field_bytes) return FormFault::text_too_large;
    if (name.size() > 64 || form.fields.size() == limits.fields) return FormFault::malformed;
    std::string key = clean_line(name, 64);
    if (key != name) return FormFault::malformed;
    if (!form.fields.emplace(std::move(key), clean_block(value, limits.field_bytes)).second) return FormFault::malformed;
    return std::nullopt;
}

Parsed parse_urlencoded(std::string_view body, const FormLimits& limits) {
    Form form;
    while (!body.empty()) {
        const size_t end = std::min(body.find('&'), body.size());
        const std::string_view pair = body.substr(0, end);
        body.remove_prefix(std::min(end + 1, body.size()));
        if (pair.empty()) continue;
        // Decoding only shrinks: three times the limit cannot become less than the limit.
        if (pair.size() > 3 * (limits.field_bytes + 64)) return fault(FormFault::text_too_large);
        const size_t equals = std::min(pair.find('='), pair.size());
        const auto name = url_decoded(pair.substr(0, equals)), value = url_decoded(pair.substr(std::min(equals + 1, pair.size())));
        if (!name || !value) return fault(FormFault::malformed);
        if (const auto wrong = add_field(form, *name, *value, limits)) return fault(*wrong);
    }
    return form;
}

/// One parameter of a header field's value: `form-data; name="steps"; filename="a.txt"`. Nothing when it is absent.
/// Browsers escape quotes as %22 and some programs as \", so that both must not end the text.
std::optional<std::string> parameter(std::string_view value, std::string_view wanted) {
    size_t at = std::min(value.find(';'), value.size());
    while (at < value.size()) {
        ++at;
        const size_t equals = value.find('=', at);
        if (equals == std::string_view::npos) return std::nullopt;
        const std::string_view name = trimmed(value.substr(at, equals - at));
        std::string text;
        at = equals + 1;
        if (at < value.size() && value[at] == '"') {
            for (++at; at < value.size() && value[at] != '"'; ++at) {
                if (value[at] == '\\' && at + 1 < value.size() && (value[at + 1] == '"' || value[at + 1] == '\\')) ++at;
                text += value[at];
            }
            if (at == value.size()) return std::nullopt;
            at = std::min(value.find(';', at), value.size());
        } else {
            const size_t end = std::min(value.find(';', at), value.size());
            text = trimmed(value.substr(at, end - at));
            at = end;
        }
        if (same_word(name, wanted)) return text;
    }
    return std::nullopt;
}

struct PartHeader {
    std::string name;
    std::optional<std::string> file;   ///< the file's name; nothing for a text
};

std::optional<PartHeader> parse_part_header(std::string_view header) {
    std::optional<PartHeader> out;
    while (!header.empty()) {
        const size_t end = std::min(header.find("\r\n"), header.size());
        const std::string_view line = header.substr(0, end);
        header.remove_prefix(std::min(end + 2, header.size()));
        const size_t colon = line.find(':');
        if (colon == std::string_view::npos) return std::nullopt;
        const std::string_view value = trimmed(line.substr(colon + 1));
        const std::string_view field = line.substr(0, colon);
        // What is encoded once more would be read differently by the next reader (RFC 7578 §4.7).
        if (same_word(field, "content-transfer-encoding") && !same_word(value, "binary") && !same_word(value, "8bit") && !same_word(value, "7bit"))
            return std::nullopt;
        if (!same_word(field, "content-disposition")) continue;
        if (out || !same_word(trimmed(value.substr(0, std::min(value.find(';'), value.size()))), "form-data")) return std::nullopt;
        const auto name = parameter(value, "name");
        if (!name) return std::nullopt;
        out = PartHeader{*name, parameter(value, "filename")};
    }
    return out;
}

/// Browsers write three characters of a file's name as escapes, and no others (WHATWG HTML, multipart/form-data).
std::string without_escapes(std::string name) {
    for (const std::string escape : {"%22", "%0D", "%0A"})
        for (size_t at = name.find(escape); at != std::string::npos; at = name.find(escape, at)) name.replace(at, escape.size(), escape == "%22" ? "\"" : " ");
    return name;
}

Parsed parse_multipart(std::string_view boundary, std::string_view body, const FormLimits& limits) {
    const std::string delimiter = "\r\n--" + std::string(boundary);
    // The first delimiter has no line end before it: browsers send no preamble.
    if (!body.starts_with(std::string_view(delimiter).substr(2))) return fault(FormFault::malformed);
    body.remove_prefix(delimiter.size() - 2);
    Form form;
    size_t bytes = 0;
    while (!body.starts_with("--")) {
        if (!body.starts_with("\r\n")) return fault(FormFault::malformed);
        body.remove_prefix(2);
        const size_t header_end = body.substr(0, 4096).find("\r\n\r\n");
        if (header_end == std::string_view::npos) return fault(FormFault::malformed);
        const auto header = parse_part_header(body.substr(0, header_end));
        if (!header) return fault(FormFault::malformed);
        // An empty part's own line end is the delimiter's.
        body.remove_prefix(header_end + 2);
        const size_t end = body.find(delimiter);
        if (end == std::string_view::npos) return fault(FormFault::malformed);
        const std::string_view content = end < 2 ? std::string_view() : body.substr(2, end - 2);
        body.remove_prefix(end + delimiter.size());
        if (!header->file) {
            if (const auto wrong = add_field(form, header->name, content, limits)) return fault(*wrong);
            continue;
        }
        if (header->file->empty() && content.empty()) continue;
        // What was typed must not be lost for a photograph: the texts are read to the end.
        bytes += content.size();
        form.files_too_large = form.files_too_large || form.files.size() == limits.files || bytes > limits.file_bytes;
        if (form.files_too_large) form.files.clear();
        else form.files.push_back({clean_file_name(without_escapes(*header->file)), std::string(content)});
    }
    return form;
}

std::string_view media_type(std::string_view content_type) { return trimmed(content_type.substr(0, std::min(content_type.find(';'), content_type.size()))); }

}  // namespace

bool is_form(std::string_view content_type) {
    const auto type = media_type(content_type);
    return same_word(type, "application/x-www-form-urlencoded") || same_word(type, "multipart/form-data");
}

std::string clean_file_name(std::string_view name) {
    const size_t slash = name.find_last_of("/\\");
    if (slash != std::string_view::npos) name.remove_prefix(slash + 1);
    std::string out = clean_line(name, 100);
    for (char& c : out)
        if (std::string_view("\"'`;%&|<>:*?$#=,").find(c) != std::string_view::npos) c = '_';
    // A leading dot hides a file, a leading dash is an option to the next program.
    out.erase(0, std::min(out.find_first_not_of(".- "), out.size()));
    return out.empty() ? "file" : out;
}

tl::expected<Form, FormFault> parse_form(std::string_view content_type, std::string_view body, const FormLimits& limits) {
    const auto type = media_type(content_type);
    if (same_word(type, "application/x-www-form-urlencoded")) return parse_urlencoded(body, limits);
    if (!same_word(type, "multipart/form-data")) return fault(FormFault::unsupported);
    const auto boundary = parameter(content_type, "boundary");
    if (!boundary || boundary->empty() || boundary->size() > 70) return fault(FormFault::malformed);
    for (const char c : *boundary)
        if (c < 0x21 || c > 0x7e) return fault(FormFault::malformed);
    return parse_multipart(*boundary, body, limits);
}

}  // namespace bailiff
