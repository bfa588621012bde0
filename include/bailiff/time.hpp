// SPDX-License-Identifier: Apache-2.0
// Instants, durations and their texts. Time is a parameter everywhere: only system_clock.hpp reads a real clock.
#pragma once

#include <bailiff/result.hpp>

#include <charconv>
#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace bailiff {

/// A point in time, UTC, whole seconds: what databases keep and messages carry.
using Instant = std::chrono::sys_seconds;
/// An elapsed span.
using Seconds = std::chrono::seconds;

/// A span of *working* time. Its own type: `now + WorkingTime` does not compile; only a Calendar can add it.
struct WorkingTime {
    Seconds amount{0};
    explicit constexpr WorkingTime(Seconds s = Seconds{0}) : amount(s) {}
    friend auto operator<=>(const WorkingTime&, const WorkingTime&) = default;
    friend constexpr WorkingTime operator+(WorkingTime a, WorkingTime b) { return WorkingTime(a.amount + b.amount); }
    friend constexpr WorkingTime operator-(WorkingTime a, WorkingTime b) { return WorkingTime(a.amount - b.amount); }
};

/// The port through which everything learns what time it is. Thread-safe in every implementation.
class Clock {
  public:
    virtual ~Clock() = default;
    virtual Instant now() const = 0;
    /// Monotonic milliseconds since an arbitrary start: for measuring, time-outs and back-off only.
    virtual std::chrono::milliseconds monotonic() const = 0;
};

namespace detail {
inline std::string two(int64_t n) { return n < 10 ? "0" + std::to_string(n) : std::to_string(n); }
/// False also for more digits than every int64_t has room for.
inline bool digits(std::string_view text, size_t at, size_t count, int64_t& out) {
    if (at + count > text.size() || count > 18) return false;
    out = 0;
    for (size_t i = at; i < at + count; ++i) {
        if (text[i] < '0' || text[i] > '9') return false;
        out = out * 10 + (text[i] - '0');
    }
    return true;
}
}  // namespace detail

/// RFC 3339 with `Z`: "2026-03-02T03:30:00Z". The only instant format on the wire and in files.
inline std::string format_rfc3339(Instant t) {
    const auto day = std::chrono::floor<std::chrono::days>(t);
    const std::chrono::year_month_day ymd{day};
    const std::chrono::hh_mm_ss clock{t - day};
    std::string year = std::to_string(int(ymd.year()));
    if (year.size() < 4) year.insert(0, 4 - year.size(), '0');
    return year + "-" + detail::two(unsigned(ymd.month())) + "-" + detail::two(unsigned(ymd.day())) + "T" +
           detail::two(clock.hours().count()) + ":" + detail::two(clock.minutes().count()) + ":" +
           detail::two(clock.seconds().count()) + "Z";
}

/// Reads RFC 3339 with `Z` or an offset; a fraction of a second is cut. Years 1970 to 9999, no leap second 60.
inline Result<Instant> parse_rfc3339(std::string_view text) {
    const auto bad = [&] {
        return fail(Errc::invalid,
                    "'" + std::string(text.substr(0, 40)) + "' is no RFC 3339 instant; write 2026-03-02T09:00:00Z or "
                    "2026-03-02T09:00:00+05:30");
    };
    int64_t y, mo, d, h, mi, s;
    using detail::digits;
    if (!digits(text, 0, 4, y) || !digits(text, 5, 2, mo) || !digits(text, 8, 2, d) || !digits(text, 11, 2, h) ||
        !digits(text, 14, 2, mi) || !digits(text, 17, 2, s) || text[4] != '-' || text[7] != '-' ||
        (text[10] != 'T' && text[10] != 't' && text[10] != ' ') || text[13] != ':' || text[16] != ':')
        return bad();
    size_t at = 19;
    if (at < text.size() && text[at] == '.') {
        const size_t first = ++at;
        while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
        if (at == first) return bad();
    }
    int64_t offset = 0;
    if (at + 1 == text.size() && (text[at] == 'Z' || text[at] == 'z')) {
    } else if (at + 6 == text.size() && (text[at] == '+' || text[at] == '-') && text[at + 3] == ':') {
        int64_t oh, om;
        if (!digits(text, at + 1, 2, oh) || !digits(text, at + 4, 2, om) || oh > 23 || om > 59) return bad();
        offset = (oh * 60 + om) * 60 * (text[at] == '-' ? -1 : 1);
    } else {
        return bad();
    }
    const std::chrono::year_month_day ymd{std::chrono::year(int(y)), std::chrono::month(unsigned(mo)),
                                          std::chrono::day(unsigned(d))};
    if (y < 1970 || !ymd.ok() || h > 23 || mi > 59 || s > 59) return bad();
    return Instant(std::chrono::sys_days(ymd)) + Seconds(h * 3600 + mi * 60 + s - offset);
}

/// Reads an ISO 8601 duration of weeks, days, hours, minutes, seconds ("PT1H", "PT1M30S", "P1DT2H", "PT1.5M").
/// Years and months have no fixed length and are refused; a fraction is allowed on the last component; the
/// result is whole seconds, cut. At most 10 years, never negative.
inline Result<Seconds> parse_duration(std::string_view text) {
    const auto bad = [&] {
        return fail(Errc::invalid, "'" + std::string(text.substr(0, 40)) +
                                       "' is no ISO 8601 duration of days, hours, minutes and seconds; write PT1H, "
                                       "PT1H30M or PT1M30S");
    };
    if (text.size() < 3 || text[0] != 'P') return bad();
    std::string_view order = "WDHMS";
    size_t next = 0, at = 1;
    bool time = false, any = false, fraction_seen = false;
    int64_t total = 0;
    while (at < text.size()) {
        if (text[at] == 'T') {
            if (time || at + 1 == text.size()) return bad();
            time = true;
            next = 2;
            ++at;
            continue;
        }
        if (fraction_seen) return bad();
        int64_t whole = 0, thousandths = 0;
        const char* begin = text.data() + at;
        const auto [end, error] = std::from_chars(begin, text.data() + text.size(), whole);
        if (error != std::errc{} || end == begin || *begin == '-') return bad();
        at += size_t(end - begin);
        if (at < text.size() && (text[at] == '.' || text[at] == ',')) {
            fraction_seen = true;
            int64_t unit = 100;
            const size_t first = ++at;
            for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, unit /= 10)
                thousandths += unit * (text[at] - '0');
            if (at == first) return bad();
        }
        if (at == text.size()) return bad();
        const size_t unit = order.find(text[at], next);
        if (unit == std::string_view::npos || (unit >= 2) != time) return bad();
        constexpr int64_t seconds_in[] = {604800, 86400, 3600, 60, 1};
        if (whole > 400'000'000) return bad();
        total += whole * seconds_in[unit] + thousandths * seconds_in[unit] / 1000;
        next = unit + 1;
        any = true;
        ++at;
    }
    if (!any || total > int64_t{10} * 366 * 86400) return bad();
    return Seconds(total);
}

/// "PT1H", "PT1M30S", "PT0S": hours are the largest unit, since a working day is not 24 of them.
inline std::string format_duration(Seconds s) {
    const int64_t n = s.count();
    std::string out = "PT";
    if (n / 3600) out += std::to_string(n / 3600) + "H";
    if (n / 60 % 60) out += std::to_string(n / 60 % 60) + "M";
    if (n % 60 || n == 0) out += std::to_string(n % 60) + "S";
    return out;
}

/// For people: "1 h", "1 h 30 min", "45 s", "0 min".
inline std::string spoken_duration(Seconds s) {
    const int64_t n = s.count();
    std::string out;
    const auto add = [&](int64_t count, const char* unit) {
        if (count) out += (out.empty() ? "" : " ") + std::to_string(count) + " " + unit;
    };
    add(n / 3600, "h");
    add(n / 60 % 60, "min");
    add(n % 60, "s");
    return out.empty() ? "0 min" : out;
}

}  // namespace bailiff
