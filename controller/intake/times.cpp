// SPDX-License-Identifier: Apache-2.0
// Times as reporters write them. An address is resolved to a VM *at a time*, so whatever had to be assumed is said.
#include "controller/intake/fields.hpp"

#include <bailiff/clean_text.hpp>

#include <algorithm>
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
// RFC 5322 §4.3 and those that reporters elsewhere write and that mean one thing. Ambiguous names (IST, CST of China) are left out.
constexpr std::array zones{NamedZone{"ut", 0},     NamedZone{"utc", 0},    NamedZone{"gmt", 0},    NamedZone{"z", 0},
                           NamedZone{"est", -300}, NamedZone{"edt", -240}, NamedZone{"cst", -360}, NamedZone{"cdt", -300},
                           NamedZone{"mst", -420}, NamedZone{"mdt", -360}, NamedZone{"pst", -480}, NamedZone{"pdt", -420},
                           NamedZone{"cet", 60},   NamedZone{"cest", 120},  NamedZone{"mez", 60},   NamedZone{"mesz", 120},
                           NamedZone{"bst", 60},   NamedZone{"wet", 0},     NamedZone{"west", 60},  NamedZone{"eet", 120},
                           NamedZone{"eest", 180}, NamedZone{"msk", 180},   NamedZone{"jst", 540},  NamedZone{"kst", 540},
                           NamedZone{"hkt", 480},  NamedZone{"sgt", 480},   NamedZone{"aest", 600}, NamedZone{"aedt", 660},
                           NamedZone{"nzst", 720}, NamedZone{"nzdt", 780},  NamedZone{"akst", -540}, NamedZone{"akdt", -480},
                           NamedZone{"hst", -600}, NamedZone{"brt", -180}};
constexpr std::array month_names{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"};

std::optional<int> named_zone(std::string_view name) {
    const std::string word = lower_case(name);
    for (const auto& zone : zones)
        if (zone.name == word) return zone.minutes;
    return std::nullopt;
}

/// "+0530", "+05:30", "+5", "UTC+2", "GMT+0200", "EST"; brackets around it and a full stop behind it do not count.
std::optional<int> zone_of(std::string_view text) {
    while (!text.empty() && std::string_view("([").find(text.front()) != std::string_view::npos) text.remove_prefix(1);
    while (!text.empty() && std::string_view(")].;").find(text.back()) != std::string_view::npos) text.remove_suffix(1);
    if (const auto named = named_zone(text)) return named;
    const std::string head = lower_case(text.substr(0, 3));
    if (text.size() > 3 && (head == "utc" || head == "gmt")) text.remove_prefix(3);
    if (text.size() < 2 || (text[0] != '+' && text[0] != '-')) return std::nullopt;
    const int sign = text[0] == '-' ? -1 : 1;
    text.remove_prefix(1);
    int64_t hours = 0, minutes = 0;
    const size_t colon = text.find(':');
    const size_t hour_digits = colon != std::string_view::npos ? colon : text.size() > 2 ? text.size() - 2 : text.size();
    if (hour_digits < 1 || hour_digits > 2 || !detail::digits(text, 0, hour_digits, hours)) return std::nullopt;
    const size_t rest = colon != std::string_view::npos ? colon + 1 : hour_digits;
    if (rest < text.size() && (text.size() != rest + 2 || !detail::digits(text, rest, 2, minutes))) return std::nullopt;
    if (hours > 14 || minutes > 59) return std::nullopt;
    return static_cast<int>(hours * 60 + minutes) * sign;
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

struct ClockTime {
    int64_t seconds;  ///< of the day
    size_t length;    ///< of its text
};

/// "14:00", "4:05:06.789", "11:00PM" at the front of the text; a fraction is cut. A leap second is the last of its minute.
std::optional<ClockTime> clock_time(std::string_view text) {
    int64_t h, m, s = 0;
    const size_t colon = text.find(':');
    if (colon == std::string_view::npos || colon < 1 || colon > 2) return std::nullopt;
    if (!detail::digits(text, 0, colon, h) || !detail::digits(text, colon + 1, 2, m)) return std::nullopt;
    size_t at = colon + 3;
    if (at < text.size() && text[at] == ':') {
        if (!detail::digits(text, at + 1, 2, s)) return std::nullopt;
        at += 3;
        if (at + 1 < text.size() && (text[at] == '.' || text[at] == ',') && text[at + 1] >= '0' && text[at + 1] <= '9')
            for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9';) ++at;
    }
    const size_t blank = at < text.size() && text[at] == ' ' ? 1 : 0;
    const std::string half = lower_case(text.substr(std::min(at + blank, text.size()), 2));
    if ((half == "am" || half == "pm") && h <= 12 && (at + blank + 2 == text.size() || text[at + blank + 2] == ' ')) {
        h = h % 12 + (half == "pm" ? 12 : 0);
        at += blank + 2;
    }
    if (h > 23 || m > 59 || s > 60) return std::nullopt;
    return ClockTime{h * 3600 + m * 60 + std::min<int64_t>(s, 59), at};
}

/// What stands after the clock time: nothing, "+0530", "EST", "-0700 (PDT)".
ReadTime with_zone(std::chrono::sys_days date, int64_t clock, std::span<const std::string_view> rest, std::string_view whole) {
    const Instant as_utc = Instant(date) + Seconds(clock);
    const std::string shown = "'" + clean_line(whole, 60) + "'";
    if (rest.empty()) return {as_utc, "The time " + shown + " has no zone; it is taken as UTC."};
    const auto zone = zone_of(rest[0]);
    if (!zone) return {as_utc, "The zone of " + shown + " is not known; it is taken as UTC."};
    const Instant at = as_utc - std::chrono::minutes(*zone);
    const bool number = rest[0].front() == '+' || rest[0].front() == '-';
    if (number && rest.size() > 1 && rest[1].size() > 2 && rest[1].front() == '(' && rest[1].back() == ')') {
        const auto comment = named_zone(rest[1].substr(1, rest[1].size() - 2));
        if (comment && *comment != *zone) return {at, "The zone of " + shown + " contradicts itself; the number is taken.", *zone};
    }
    return {at, {}, *zone};
}

std::optional<std::chrono::sys_days> date_of(int64_t y, unsigned m, int64_t d) {
    const std::chrono::year_month_day date{year(static_cast<int>(y)), month(m), day(static_cast<unsigned>(d))};
    if (!date.ok() || y < 1970 || y > 9999) return std::nullopt;
    return std::chrono::sys_days(date);
}

/// "2025-01-11 09:21:23", "2025/01/11T09:21Z", "2025-01-11, 09:21", "2015-05-06T05-00-00UTC", with or without a zone.
std::optional<ReadTime> read_iso(std::string_view text) {
    int64_t y, m, d;
    if (text.size() < 15 || !detail::digits(text, 0, 4, y) || !detail::digits(text, 5, 2, m) || !detail::digits(text, 8, 2, d)) return std::nullopt;
    if ((text[4] != '-' && text[4] != '/' && text[4] != '.') || text[7] != text[4]) return std::nullopt;
    const auto date = date_of(y, static_cast<unsigned>(m), d);
    size_t from = 10;
    while (from < text.size() && std::string_view(" ,Tt_").find(text[from]) != std::string_view::npos) ++from;
    if (from == 10 || !date) return std::nullopt;
    std::string rest(text.substr(from));
    if (rest.size() >= 8 && rest[2] == '-' && rest[5] == '-') rest[2] = rest[5] = ':';
    const auto clock = clock_time(rest);
    if (!clock) return std::nullopt;
    return with_zone(*date, clock->seconds, words_of(std::string_view(rest).substr(clock->length)), text);
}

/// "20150506T050000Z"
std::optional<ReadTime> read_compact(std::string_view text) {
    int64_t y, m, d, h, mi, s;
    if (text.size() < 15 || text[8] != 'T' || !detail::digits(text, 0, 4, y) || !detail::digits(text, 4, 2, m) || !detail::digits(text, 6, 2, d) ||
        !detail::digits(text, 9, 2, h) || !detail::digits(text, 11, 2, mi) || !detail::digits(text, 13, 2, s))
        return std::nullopt;
    const auto date = date_of(y, static_cast<unsigned>(m), d);
    if (!date || h > 23 || mi > 59 || s > 59) return std::nullopt;
    return with_zone(*date, h * 3600 + mi * 60 + s, words_of(text.substr(15)), text);
}

/// "02.03.2026 04:12:09", "13/02/2026 04:12", "02/13/2026 04:12": where day and month cannot be told apart, nothing.
std::optional<ReadTime> read_day_first(std::string_view text) {
    int64_t first, second, y;
    if (text.size() < 15 || !detail::digits(text, 0, 2, first) || !detail::digits(text, 3, 2, second) || !detail::digits(text, 6, 4, y)) return std::nullopt;
    const char mark = text[2];
    if ((mark != '.' && mark != '/' && mark != '-') || text[5] != mark) return std::nullopt;
    if (mark != '.' && first <= 12 && second <= 12 && first != second) return std::nullopt;
    const bool day_first = mark == '.' || first > 12;
    const auto date = date_of(y, static_cast<unsigned>(day_first ? second : first), day_first ? first : second);
    std::string_view rest = text.substr(10);
    rest = rest.substr(std::min(rest.find_first_not_of(" ,T"), rest.size()));
    // "am 01.03.2026 um 05:10 Uhr (MEZ)", "le 01/03/2026 à 05:10"
    for (const std::string_view word : {"um ", "at ", "\xc3\xa0 ", "alle "})
        if (rest.starts_with(word)) rest.remove_prefix(word.size());
    const auto clock = clock_time(rest);
    if (!date || !clock) return std::nullopt;
    rest.remove_prefix(clock->length);
    if (rest.starts_with(" Uhr") && (rest.size() == 4 || rest[4] == ' ')) rest.remove_prefix(4);
    return with_zone(*date, clock->seconds, words_of(rest), text);
}

/// Day, month by name, year, clock and zone in any of the orders that people and programs write: RFC 5322, asctime,
/// date(1), "March 2, 2026 at 4:12 PM UTC", "02/Mar/2026:04:12:09 +0100".
std::optional<ReadTime> read_worded(std::string_view text) {
    std::string spaced(text);
    // A web server's log, RFC 850: the marks inside the date become blanks.
    const size_t name_at = spaced.substr(0, 14).find_first_of("/-");
    if (name_at != std::string::npos && name_at >= 1 && spaced.size() > name_at + 9 && spaced[name_at + 4] == spaced[name_at]) {
        spaced[name_at] = spaced[name_at + 4] = ' ';
        if (spaced[name_at + 9] == ':') spaced[name_at + 9] = ' ';
    }
    std::optional<int64_t> d, y, clock;
    unsigned m = 0;
    std::vector<std::string_view> zone;
    const auto words = words_of(spaced);
    for (size_t i = 0; i < words.size(); ++i) {
        std::string_view word = words[i];
        const bool digit = word[0] >= '0' && word[0] <= '9';
        if (digit && !clock && word.find(':') != std::string_view::npos) {
            // "4:12 PM" is one clock of two words.
            const size_t at = static_cast<size_t>(word.data() - spaced.data());
            const auto read = clock_time(std::string_view(spaced).substr(at));
            if (!read) return std::nullopt;
            clock = read->seconds;
            if (read->length > word.size()) ++i;
            else if (read->length < word.size()) zone.push_back(word.substr(read->length));
        } else if (digit && !(clock && y)) {
            const size_t digits = std::min(word.find_first_not_of("0123456789"), word.size());
            int64_t number;
            if (!detail::digits(word, 0, digits, number) || digits > 4) return std::nullopt;
            const std::string after = lower_case(word.substr(digits));
            if (!after.empty() && after != "st" && after != "nd" && after != "rd" && after != "th" && after != ".") return std::nullopt;
            if (!d && digits <= 2) d = number;
            else if (!y && !m && !d && digits == 4) y = number;
            else if (!y && m && (digits == 4 || (digits == 2 && d))) y = digits == 2 ? number + (number < 50 ? 2000 : 1900) : number;  // RFC 5322 §4.3
            else return std::nullopt;
        } else if (!m && !digit && word.size() >= 3) {
            const std::string name = lower_case(word.substr(0, 3));
            const auto found = std::find(month_names.begin(), month_names.end(), name);
            // Before the month only a weekday may stand.
            if (found != month_names.end()) m = static_cast<unsigned>(found - month_names.begin()) + 1;
            else if (i > 0) return std::nullopt;
        } else if (clock) {
            zone.push_back(word);
        } else if (lower_case(word) != "at" && i > 0) {
            return std::nullopt;
        }
    }
    if (!d || !y || !m || !clock) return std::nullopt;
    const auto date = date_of(*y, m, *d);
    if (!date) return std::nullopt;
    return with_zone(*date, *clock, zone, text);
}

/// "22: 14:33": some mail programs break clocks; and quotes or brackets around a time mean nothing.
std::string mended(std::string_view text) {
    if (text.size() > 1 && std::string_view("'\"([").find(text.front()) != std::string_view::npos) text.remove_prefix(1);
    if (text.size() > 1 && std::string_view("'\"]").find(text.back()) != std::string_view::npos) text.remove_suffix(1);
    const auto digit = [&](size_t at) { return at < text.size() && text[at] >= '0' && text[at] <= '9'; };
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
        const bool broken = text[i] == ' ' && i > 1 && text[i - 1] == ':' && digit(i - 2) && digit(i + 1);
        if (!broken) out += text[i];
    }
    return out;
}

}  // namespace

std::optional<ReadTime> read_time(std::string_view given) {
    given = trimmed(given);
    if (given.empty() || given.size() > 100) return std::nullopt;
    const std::string whole = mended(given);
    const std::string_view text = whole;
    // Its refusals are sentences, too dear for the many texts that are no times: only what ends like one is asked.
    const bool ends_like_one = text.size() >= 20 && (text.back() == 'Z' || text.back() == 'z' || text[text.size() - 3] == ':');
    if (ends_like_one)
        if (const auto exact = parse_rfc3339(text)) return ReadTime{*exact, {}, 0};
    int64_t seconds;
    const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    if (digits == 10 && (text.size() == 10 || text[10] == '.') && detail::digits(text, 0, 10, seconds)) return ReadTime{Instant(Seconds(seconds)), {}, 0};
    const bool parts = text.size() == digits && (digits == 13 || (text[0] == '1' && (digits == 16 || digits == 19)));
    if (parts && detail::digits(text, 0, 10, seconds)) return ReadTime{Instant(Seconds(seconds)), {}, 0};
    // Windows counts tenths of microseconds since 1601.
    if (digits == 18 && text.size() == 18 && text[0] == '1' && detail::digits(text, 0, 11, seconds) && seconds > 11'644'473'600)
        return ReadTime{Instant(Seconds(seconds - 11'644'473'600)), {}, 0};
    if (const auto iso = read_iso(text)) return iso;
    if (const auto compact = read_compact(text)) return compact;
    if (const auto day_first = read_day_first(text)) return day_first;
    return read_worded(text);
}

std::string_view ambiguous_time(std::string_view text) {
    int64_t number;
    if (text.size() < 15 || (text[2] != '/' && text[2] != '-') || text[5] != text[2] || !detail::digits(text, 0, 2, number) ||
        !detail::digits(text, 3, 2, number) || !detail::digits(text, 6, 4, number) || (text[10] != ' ' && text[10] != ','))
        return {};
    const size_t begin = std::min(text.find_first_not_of(" ,", 10), text.size());
    const auto clock = clock_time(text.substr(begin));
    return clock && !read_time(text.substr(0, begin + clock->length)) ? text.substr(0, begin + clock->length) : std::string_view();
}

std::string_view yearless_time(std::string_view text) {
    if (text.size() < 15 || text[3] != ' ' || text[6] != ' ') return {};
    if (std::find(month_names.begin(), month_names.end(), lower_case(text.substr(0, 3))) == month_names.end()) return {};
    const std::string_view day = trimmed(text.substr(4, 2));
    const auto clock = clock_time(text.substr(7, 8));
    if (day.empty() || day.find_first_not_of("0123456789") != std::string_view::npos || !clock || clock->length != 8) return {};
    if (text.size() > 15 && ((text[15] >= '0' && text[15] <= '9') || text[15] == ':')) return {};
    return text.substr(0, 15);
}

std::optional<ReadTime> read_yearless_time(std::string_view text, Instant written, std::string_view zone) {
    const std::string day(yearless_time(text));
    if (day.empty()) return std::nullopt;
    const std::chrono::year_month_day today{std::chrono::floor<std::chrono::days>(written)};
    // Clocks of two machines differ, and zones by more; so a day ahead is still this year's.
    for (const int years : {0, 1, 2, 3, 4}) {
        const auto time = read_time(day + " " + std::to_string(static_cast<int>(today.year()) - years) + (zone.empty() ? "" : " ") + std::string(zone));
        if (time && time->at <= written + std::chrono::hours(24)) return time;
    }
    return std::nullopt;
}

void read_observed_at(std::string_view text, ReportedEvent& event, std::vector<std::string>& warnings) {
    event.observed_at_raw = clean_line(text, 100);
    if (event.observed_at_raw.empty()) return;
    const auto time = read_time(text);
    if (!time) {
        const bool ambiguous = !ambiguous_time(text).empty();
        warnings.push_back("The time '" + event.observed_at_raw +
                           (ambiguous ? "' could have the day or the month first; it is not taken." : "' cannot be read."));
        return;
    }
    event.observed_at = time->at;
    event.zone_assumed = !time->zone_minutes;
    if (!time->warning.empty()) warnings.push_back(time->warning);
}

}  // namespace bailiff
