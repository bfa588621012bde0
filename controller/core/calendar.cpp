// SPDX-License-Identifier: Apache-2.0
// Reckoning in working time. The one file that asks the tz library; everything else is integer arithmetic.
//
// An instant is open when the zone's wall clock, as it reads at that instant, stands inside an opening of the date it
// shows. That one sentence settles every odd day: wall times that do not exist are never worked, wall times that
// happen twice are worked twice, a date the zone skipped has no hours, and an offset with seconds is just an offset.
#include "controller/core/calendar.hpp"

#include "controller/core/calendar_zone.hpp"
#include <bailiff/nearest.hpp>

#include <date/tz.h>

#include <algorithm>
#include <cassert>

namespace bailiff::core {

namespace {

constexpr std::string_view weekdays[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

std::string clock_text(int minutes) { return detail::two(minutes / 60) + ":" + detail::two(minutes % 60); }

Result<std::vector<Calendar::Zone::Range>> ranges_of(const std::string& timezone) {
    const date::tzdb* database = nullptr;
    const date::time_zone* zone = nullptr;
    try {
        database = &date::get_tzdb();
    } catch (const std::exception& e) {
        return fail(Errc::invalid, std::string("the time zone database cannot be read (") + e.what() +
                                       "); install the package tzdata");
    }
    try {
        zone = date::locate_zone(timezone);
    } catch (const std::runtime_error&) {
        std::vector<std::string> names;
        for (const auto& known : database->zones) names.push_back(known.name());
        return fail(Errc::invalid, "'" + timezone.substr(0, 60) +
                                       "' is no time zone known here; write an IANA name such as Asia/Kolkata" +
                                       did_you_mean(timezone, names));
    }
    using namespace std::chrono_literals;
    constexpr Instant first = std::chrono::sys_days(1960y / 1 / 1), last = std::chrono::sys_days(2200y / 1 / 1);
    std::vector<Calendar::Zone::Range> ranges;
    for (Instant at = first;;) {
        const date::sys_info info = zone->get_info(at);
        ranges.push_back({info.begin, info.end, info.offset, info.abbrev});
        if (info.end >= last || info.end <= at) break;
        at = info.end;
    }
    ranges.front().begin = Instant::min();
    ranges.back().end = Instant::max();
    return ranges;
}

}  // namespace

Result<std::vector<Opening>> in_order(std::vector<Opening> hours) {
    std::sort(hours.begin(), hours.end());
    for (size_t i = 0; i < hours.size(); ++i) {
        const auto& [open, close] = hours[i];
        const std::string text = clock_text(open) + "-" + clock_text(close);
        if (open < 0 || close > 1440 || open >= close)
            return fail(Errc::invalid, text + " does not end after it begins; an opening that passes midnight is two: "
                                              "one until 24:00, and one from 00:00 on the next day");
        if (i && hours[i - 1].close > open)
            return fail(Errc::invalid, text + " overlaps " + clock_text(hours[i - 1].open) + "-" +
                                           clock_text(hours[i - 1].close) + "; join them into one");
    }
    return hours;
}

size_t Calendar::Zone::range_at(Instant at) const {
    const auto after = std::upper_bound(ranges.begin(), ranges.end(), at,
                                        [](Instant t, const Range& range) { return t < range.begin; });
    assert(after != ranges.begin());
    return size_t(after - ranges.begin()) - 1;
}

LocalDay Calendar::Zone::day_at(Instant at) const { return day_of(at + ranges[range_at(at)].offset); }

const Calendar::Zone::Exceptional* Calendar::Zone::exceptional_at(LocalDay day) const {
    if (exceptional.empty() || day < exceptional.front().day || day > exceptional.back().day) return nullptr;
    const auto found = std::lower_bound(exceptional.begin(), exceptional.end(), day,
                                        [](const Exceptional& e, LocalDay d) { return e.day < d; });
    return found->day == day ? &*found : nullptr;
}

bool Calendar::Zone::yearly_holiday(LocalDay day) const {
    if (!any_yearly) return false;
    const auto date = date_of(day);
    return yearly[unsigned(date.month())][unsigned(date.day())];
}

std::span<const Opening> Calendar::Zone::hours_of(LocalDay day) const {
    if (const auto* found = exceptional_at(day)) return found->hours;
    if (yearly_holiday(day)) return {};
    return data.hours[weekday_of(day)];
}

DayKind Calendar::Zone::kind_of(LocalDay day) const {
    if (const auto* found = exceptional_at(day)) return found->kind;
    return yearly_holiday(day) ? DayKind::holiday : DayKind::usual;
}

Seconds Calendar::Zone::length_of(LocalDay day) const {
    // No zone is a whole day off UTC by more than 26 h, so the date lies within two days around.
    const Instant around = midnight_utc(day);
    Seconds total{0};
    for (size_t i = range_at(around - 2 * seconds_per_day); i < ranges.size(); ++i) {
        const Range& range = ranges[i];
        if (range.begin > around + 3 * seconds_per_day) break;
        const Instant begin = std::max(around - range.offset, range.begin);
        const Instant end = std::min(around + seconds_per_day - range.offset, range.end);
        if (begin < end) total += end - begin;
    }
    return total;
}

Walk::Walk(const Calendar::Zone& zone, Instant from, Instant until, bool renew)
    : zone_(zone), from_(from), until_(until), renew_(renew), range_(zone.range_at(from)), day_(zone.day_at(from)) {}

std::optional<Piece> Walk::next() {
    for (;;) {
        const auto& range = zone_.ranges[range_];
        const Instant midnight = midnight_utc(day_) - range.offset;
        if (midnight >= range.end) {
            // The date at the change is gone through again: each range contributes the part that it covers.
            ++range_;
            day_ = day_of(zone_.ranges[range_].begin + zone_.ranges[range_].offset);
            opening_ = 0;
            continue;
        }
        if (midnight > until_) return std::nullopt;
        const auto hours = zone_.hours_of(day_);
        while (opening_ < hours.size()) {
            const Opening& opening = hours[opening_++];
            const Instant begin =
                std::max({midnight + std::chrono::minutes(opening.open), range.begin, from_});
            const Instant end = std::min(midnight + std::chrono::minutes(opening.close), range.end);
            if (begin >= end) continue;
            if (renew_) until_ = end + patience;
            return Piece{begin, end, day_};
        }
        ++day_;
        opening_ = 0;
    }
}

Calendar::Calendar(std::shared_ptr<const Zone> zone) : zone_(std::move(zone)) {}

Result<Calendar> Calendar::build(CalendarData data) {
    auto ranges = ranges_of(data.timezone);
    if (!ranges) return fail(ranges.error());
    bool opens = false;
    for (size_t i = 0; i < 7; ++i) {
        auto sorted = in_order(std::move(data.hours[i]));
        if (!sorted)
            return fail(Errc::invalid, "the hours of " + std::string(weekdays[i]) + ": " + sorted.error().text);
        data.hours[i] = std::move(*sorted);
        opens = opens || !data.hours[i].empty();
    }
    if (!opens) return fail(Errc::invalid, "no day of the week has an opening; give at least one day its hours");

    auto zone = std::make_shared<Zone>();
    for (auto& [day, hours] : data.special_hours) {
        const std::string text = format_rfc3339(std::chrono::sys_days(day)).substr(0, 10);
        if (!day.ok()) return fail(Errc::invalid, "the special hours are for " + text + ", which is no date");
        auto sorted = in_order(std::move(hours));
        if (!sorted) return fail(Errc::invalid, "the special hours of " + text + ": " + sorted.error().text);
        hours = std::move(*sorted);
        zone->exceptional.push_back({day_of(day), DayKind::special, hours});
    }
    for (const auto& day : data.holidays)
        if (day.ok() && !data.special_hours.contains(day))
            zone->exceptional.push_back({day_of(day), DayKind::holiday, {}});
    std::sort(zone->exceptional.begin(), zone->exceptional.end(),
              [](const auto& a, const auto& b) { return a.day < b.day; });
    for (const auto& day : data.yearly) {
        if (!day.ok()) continue;
        zone->yearly[unsigned(day.month())][unsigned(day.day())] = true;
        zone->any_yearly = true;
    }
    zone->ranges = std::move(*ranges);
    zone->data = std::move(data);
    return Calendar(std::move(zone));
}

bool Calendar::open(Instant at) const {
    const Instant local = at + zone_->ranges[zone_->range_at(at)].offset;
    const LocalDay day = day_of(local);
    const Seconds clock = local - midnight_utc(day);
    for (const Opening& opening : zone_->hours_of(day))
        if (clock >= std::chrono::minutes(opening.open) && clock < std::chrono::minutes(opening.close)) return true;
    return false;
}

Instant Calendar::next_opening(Instant at) const { return add(at, WorkingTime()); }

Instant Calendar::add(Instant start, WorkingTime span) const {
    assert(span.amount >= Seconds(0));
    Seconds left = span.amount;
    Instant reached = start;
    for (Walk walk(*zone_, start); const auto piece = walk.next();) {
        if (left <= piece->length()) return piece->begin + left;
        left -= piece->length();
        reached = piece->end;
    }
    return reached + patience;
}

WorkingTime Calendar::between(Instant from, Instant to) const {
    Seconds total{0};
    if (to <= from) return WorkingTime(total);
    for (Walk walk(*zone_, from, to); const auto piece = walk.next();) {
        if (piece->begin >= to) break;
        total += std::min(piece->end, to) - piece->begin;
    }
    return WorkingTime(total);
}

const CalendarData& Calendar::data() const { return zone_->data; }

}  // namespace bailiff::core
