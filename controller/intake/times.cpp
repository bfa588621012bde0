// SPDX-License-Identifier: Apache-2.0
// Times as reporters write them. An address is resolved to a VM *at a time*, so whatever had to be assumed is said.
#include "controller/intake/fields.hpp"

#include <bailiff/clean_text.hpp>

#include <array>
#include <chrono>
#include <span>

namespace bailiff {
namespace {

using std::chrono::day;
using std::chrono::month;
using std::chrono::year;

struct NamedZone {
    std::string_view name;
    int minutes;
};
// RFC 5322 §4.3 and the two that Europe's reporters write. Ambiguous names (IST, CST of China) are left out.
constexpr std::array zones{NamedZone{"ut", 0},     NamedZone{"utc", 0},    NamedZone{"gmt", 0},    NamedZone{"z", 0},
                           NamedZone{"est", -300}, NamedZone{"edt", -240}, NamedZone{"cst", -360}, NamedZone{"cdt", -300},
                           NamedZone{"mst", -420}, NamedZone{"mdt", -360}, NamedZone{"pst", -480}, NamedZone{"pdt", -420},
                           NamedZone{"cet", 60},   NamedZone{"cest", 120}};

std::optional<int> named_zone(std::string_view name) {
    const std::string word = lower_case(name);
    for (const auto& zone : zones)
        if (zone.name == word) return zone.minutes;
    return std::nullopt;
}

/// "+0530", "+05:30".
std::optional<int> numeric_zone(std::string_view text) {
    if (text.size() < 5 || (text[0] != '+' && text[0] != '-')) return std::nullopt;
    int64_t hours, minutes;
    const size_t at = text[3] == ':' ? 4 : 3;
    if (text.size() != at + 2 || !detail::digits(text, 1, 2, hours) || !detail::digits(text, at, 2, minutes) || hours > 14 || minutes > 59)
        return std::nullopt;
    return static_cast<int>((hours * 60 + minutes) * (text[0] == '-' ? -1 : 1));
}

std::vector<std::string_view> words_of(std::string_view text) {
    std::vector<std::string_view> out;
    while (out.size() < 12) {
        text = trimmed(text);
        if (text.empty()) break;
        const size_t end = std::min(text.find_first_of(" \t\r\n,"), text.size());
        if (end > 0) out.push_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}

/// "14:00" or "14:00:05" (a fraction is cut), as seconds of the day.
std::optional<int64_t> clock_time(std::string_view text) {
    int64_t h, m, s = 0;
    if (text.size() < 5 || !detail::digits(text, 0, 2, h) || text[2] != ':' || !detail::digits(text, 3, 2, m)) return std::nullopt;
    if (text.size() > 5 && (text[5] != ':' || !detail::digits(text, 6, 2, s))) return std::nullopt;
    if (text.size() > 8 && text[8] != '.') return std::nullopt;
    // A leap second is the last second of its minute here.
    if (h > 23 || m > 59 || s > 60) return std::nullopt;
    return h * 3600 + m * 60 + std::min<int64_t>(s, 59);
}

/// What stands after the clock time: nothing, "+0530", "EST", "-0700 (PDT)".
ReadTime with_zone(std::chrono::sys_days date, int64_t clock, std::span<const std::string_view> rest, std::string_view whole) {
    const Instant as_utc = Instant(date) + Seconds(clock);
    const std::string shown = "'" + clean_line(whole, 60) + "'";
    if (rest.empty()) return {as_utc, "The time " + shown + " has no zone; it is taken as UTC."};
    const auto number = numeric_zone(rest[0]);
    const auto name = number ? std::nullopt : named_zone(rest[0]);
    if (!number && !name) return {as_utc, "The zone of " + shown + " is not known; it is taken as UTC."};
    const int minutes = number ? *number : *name;
    const Instant at = as_utc - std::chrono::minutes(minutes);
    if (number && rest.size() > 1 && rest[1].size() > 2 && rest[1].front() == '(' && rest[1].back() == ')') {
        const auto comment = named_zone(rest[1].substr(1, rest[1].size() - 2));
        if (comment && *comment != minutes)
            return {at, "The zone of " + shown + " contradicts itself; the number is taken."};
    }
    return {at, {}};
}

std::optional<std::chrono::sys_days> date_of(int64_t y, unsigned m, int64_t d) {
    const std::chrono::year_month_day date{year(static_cast<int>(y)), month(m), day(static_cast<unsigned>(d))};
    if (!date.ok() || y < 1970 || y > 9999) return std::nullopt;
    return std::chrono::sys_days(date);
}

/// "2025-01-11 09:21:23", "2025/01/11T09:21Z", with or without a zone.
std::optional<ReadTime> read_iso(std::string_view text) {
    int64_t y, m, d;
    if (text.size() < 16 || !detail::digits(text, 0, 4, y) || !detail::digits(text, 5, 2, m) || !detail::digits(text, 8, 2, d)) return std::nullopt;
    if ((text[4] != '-' && text[4] != '/') || text[7] != text[4] || (text[10] != 'T' && text[10] != 't' && text[10] != ' ')) return std::nullopt;
    const auto date = date_of(y, static_cast<unsigned>(m), d);
    std::string_view rest = text.substr(11);
    const size_t end = std::min(rest.find_first_not_of("0123456789:."), rest.size());
    const auto clock = clock_time(rest.substr(0, end));
    if (!date || !clock) return std::nullopt;
    return with_zone(*date, *clock, words_of(rest.substr(end)), text);
}

std::optional<ReadTime> read_mail_date(std::string_view text) {
    constexpr std::array months{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"};
    auto words = words_of(text);
    // A weekday says nothing that the date does not say.
    if (!words.empty() && (words[0][0] < '0' || words[0][0] > '9')) words.erase(words.begin());
    if (words.size() < 4 || words[0].size() > 2) return std::nullopt;
    int64_t d, y;
    if (!detail::digits(words[0], 0, words[0].size(), d) || words[2].size() < 2 || words[2].size() > 4 ||
        !detail::digits(words[2], 0, words[2].size(), y))
        return std::nullopt;
    if (words[2].size() == 2) y += y < 50 ? 2000 : 1900;  // RFC 5322 §4.3
    const std::string name = lower_case(words[1].substr(0, 3));
    for (unsigned m = 0; m < months.size(); ++m)
        if (name == months[m]) {
            const auto date = date_of(y, m + 1, d);
            const auto clock = clock_time(words[3]);
            if (!date || !clock) return std::nullopt;
            return with_zone(*date, *clock, std::span(words).subspan(4), text);
        }
    return std::nullopt;
}

}  // namespace

std::optional<ReadTime> read_time(std::string_view text) {
    text = trimmed(text);
    if (text.empty() || text.size() > 100) return std::nullopt;
    if (const auto exact = parse_rfc3339(text)) return ReadTime{*exact, {}};
    int64_t seconds;
    if (text.size() == 10 && detail::digits(text, 0, 10, seconds)) return ReadTime{Instant(Seconds(seconds)), {}};
    if (const auto iso = read_iso(text)) return iso;
    return read_mail_date(text);
}

void read_observed_at(std::string_view text, ReportedEvent& event, std::vector<std::string>& warnings) {
    event.observed_at_raw = clean_line(text, 100);
    if (event.observed_at_raw.empty()) return;
    const auto time = read_time(text);
    if (!time) {
        warnings.push_back("The time '" + event.observed_at_raw + "' cannot be read.");
        return;
    }
    event.observed_at = time->at;
    if (!time->warning.empty()) warnings.push_back(time->warning);
}

}  // namespace bailiff
