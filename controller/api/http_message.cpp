// SPDX-License-Identifier: Apache-2.0
// Request targets are decoded strictly: what two readers could understand differently is refused.
#include "controller/api/http_message.hpp"

#include <bailiff/json.hpp>

#include <algorithm>

namespace bailiff {
namespace {

/// Where `c` first stands, or the size. (GCC 12 warns of an impossible length inside string_view::find here.)
size_t index_of(std::string_view text, char c) { return size_t(std::find(text.begin(), text.end(), c) - text.begin()); }

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::optional<std::string> decode(std::string_view text, bool query) {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '%') {
            if (i + 2 >= text.size()) return std::nullopt;
            const int high = hex_digit(text[i + 1]), low = hex_digit(text[i + 2]);
            if (high < 0 || low < 0) return std::nullopt;
            c = char(high * 16 + low);
            i += 2;
            // A decoded slash would let one reader see a segment where another sees a border.
            if (c == '\0' || (!query && (c == '/' || c == '\\'))) return std::nullopt;
        } else if (query && c == '+') {
            c = ' ';
        }
        if (!query && (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)) return std::nullopt;
        out += c;
    }
    return out;
}

bool has_dot_segment(std::string_view path) {
    for (size_t at = 1; at <= path.size();) {
        const size_t end = std::min(path.find('/', at), path.size());
        const std::string_view segment = path.substr(at, end - at);
        if (segment == "." || segment == "..") return true;
        at = end + 1;
    }
    return false;
}

}  // namespace

bool parse_http_target(std::string_view target, HttpRequest& out) {
    if (target.size() > 8192) return false;
    out.target = target;
    out.query.clear();
    const size_t mark = index_of(target, '?');
    const auto path = decode(target.substr(0, mark), false);
    if (!path || path->empty() || path->front() != '/' || index_of(target, '#') != target.size() || has_dot_segment(*path))
        return false;
    out.path = *path;
    std::string_view rest = target.substr(std::min(mark + 1, target.size()));
    while (!rest.empty()) {
        const size_t end = index_of(rest, '&');
        const std::string_view pair = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        if (pair.empty()) continue;
        const size_t equals = index_of(pair, '=');
        auto key = decode(pair.substr(0, equals), true);
        auto value = decode(pair.substr(std::min(equals + 1, pair.size())), true);
        if (!key || !value || out.query.size() == 64) return false;
        out.query.emplace_back(std::move(*key), std::move(*value));
    }
    return true;
}

std::string_view http_reason(int status) {
    static constexpr std::pair<int, std::string_view> table[] = {
        {200, "OK"}, {201, "Created"}, {202, "Accepted"}, {204, "No Content"}, {303, "See Other"}, {304, "Not Modified"},
        {400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"}, {405, "Method Not Allowed"},
        {408, "Request Timeout"}, {409, "Conflict"}, {410, "Gone"}, {411, "Length Required"}, {412, "Precondition Failed"},
        {413, "Content Too Large"}, {415, "Unsupported Media Type"}, {422, "Unprocessable Content"},
        {426, "Upgrade Required"}, {428, "Precondition Required"}, {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"}, {500, "Internal Server Error"}, {501, "Not Implemented"},
        {503, "Service Unavailable"}, {505, "HTTP Version Not Supported"}};
    for (const auto& [code, reason] : table)
        if (code == status) return reason;
    return "Unknown";
}

HttpResponse http_problem(int status, std::string_view detail) {
    return {status, {{"Content-Type", "application/problem+json"}},
            dump_json(Json{{"type", "about:blank"}, {"title", http_reason(status)}, {"status", status}, {"detail", detail}})};
}

HttpResponse http_json(int status, std::string json) {
    return {status, {{"Content-Type", "application/json"}}, std::move(json)};
}

}  // namespace bailiff
