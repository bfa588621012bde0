// SPDX-License-Identifier: Apache-2.0
#include "controller/api/http_header.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <chrono>

namespace bailiff {
namespace {

bool same_name(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
        return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
    });
}

void add_field(std::string& out, std::string_view name, std::string_view value) {
    const auto clean = [&](std::string_view text) {
        for (const char c : text) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
    };
    clean(name);
    out += ": ";
    clean(value);
    out += "\r\n";
}

/// RFC 9110 §5.6.7: "Mon, 02 Mar 2026 03:30:00 GMT".
std::string http_date(Instant t) {
    static constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const auto day = std::chrono::floor<std::chrono::days>(t);
    const std::chrono::year_month_day ymd{day};
    const std::string rfc3339 = format_rfc3339(t);
    return std::string(days[std::chrono::weekday(day).c_encoding()]) + ", " + rfc3339.substr(8, 2) + " " +
           months[unsigned(ymd.month()) - 1] + " " + rfc3339.substr(0, 4) + " " + rfc3339.substr(11, 8) + " GMT";
}

struct SecurityField {
    std::string_view name, value;
    bool tls_only;
};
constexpr SecurityField security_fields[] = {
    {"X-Content-Type-Options", "nosniff", false},
    {"Cache-Control", "no-store", false},
    {"Referrer-Policy", "no-referrer", false},
    {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'", false},
    {"Cross-Origin-Opener-Policy", "same-origin", false},
    {"Cross-Origin-Resource-Policy", "same-origin", false},
    {"Strict-Transport-Security", "max-age=31536000", true},
};

}  // namespace

std::string http_header_text(const HttpResponse& response, const HttpHeaderFacts& facts) {
    std::string out = "HTTP/1.1 " + std::to_string(response.status) + " " + std::string(http_reason(response.status)) + "\r\n";
    const auto named = [&](std::string_view name) {
        return std::any_of(response.headers.begin(), response.headers.end(), [&](const auto& f) { return same_name(f.first, name); });
    };
    for (const auto& [name, value] : response.headers) {
        // Framing is the server's business alone.
        if (same_name(name, "content-length") || same_name(name, "transfer-encoding") || same_name(name, "connection")) continue;
        add_field(out, name, value);
    }
    for (const auto& field : security_fields)
        if ((facts.tls || !field.tls_only) && !named(field.name)) add_field(out, field.name, field.value);
    if (facts.date) add_field(out, "Date", http_date(*facts.date));
    if (facts.length && response.status != 204 && response.status != 304)
        add_field(out, "Content-Length", std::to_string(response.body.size()));
    if (facts.close) add_field(out, "Connection", "close");
    return out + "\r\n";
}

}  // namespace bailiff
