// SPDX-License-Identifier: Apache-2.0
// What a Calendar keeps inside: the zone as plain ranges of constant offset, and the hours of any local day.
// Included by calendar.cpp (reckoning) and calendar_words.cpp (sentences) only.
#pragma once

#include "controller/core/calendar.hpp"

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace bailiff::core {

/// A local date, as days since 1970-01-01. Plain numbers: the innermost loop counts them.
using LocalDay = int64_t;

/// Why a day has the hours it has.
enum class DayKind { usual, holiday, special };

/// One stretch of open time within one local day and one range of constant offset: begin <= t < end.
struct Piece {
    Instant begin;
    Instant end;
    LocalDay day = 0;
    Seconds length() const { return end - begin; }
};

/// How long a calendar is searched for an opening before it is called closed for good.
inline constexpr Seconds patience = std::chrono::days(3653);

/// Immutable after build. The zone's ranges are copied out of the tz library once, so that reckoning neither calls
/// it nor shares anything mutable between threads.
struct Calendar::Zone {
    struct Range {
        Instant begin, end;  ///< begin <= t < end; the first begins and the last ends beyond all use
        Seconds offset;      ///< local = UTC + offset
        std::string abbreviation;
    };
    struct Exceptional {
        LocalDay day = 0;
        DayKind kind = DayKind::holiday;
        std::vector<Opening> hours;
    };

    CalendarData data;
    std::vector<Range> ranges;
    std::vector<Exceptional> exceptional;               ///< sorted by day, no duplicates
    std::array<std::array<bool, 32>, 13> yearly{};      ///< [month][day]
    bool any_yearly = false;

    size_t range_at(Instant at) const;
    LocalDay day_at(Instant at) const;
    std::span<const Opening> hours_of(LocalDay day) const;
    DayKind kind_of(LocalDay day) const;
    const Exceptional* exceptional_at(LocalDay day) const;
    bool yearly_holiday(LocalDay day) const;
    /// How long the local date lasts: 24 h, or what a clock change makes of it; zero when the zone skipped it.
    Seconds length_of(LocalDay day) const;
};

/// Goes through the open pieces from an instant on, in order.
class Walk {
  public:
    /// Ends when `patience` passes without an opening.
    Walk(const Calendar::Zone& zone, Instant from) : Walk(zone, from, from + patience, true) {}
    /// Ends at the first day that begins after `until`.
    Walk(const Calendar::Zone& zone, Instant from, Instant until) : Walk(zone, from, until, false) {}
    std::optional<Piece> next();

  private:
    Walk(const Calendar::Zone& zone, Instant from, Instant until, bool renew);
    const Calendar::Zone& zone_;
    Instant from_, until_;
    bool renew_;
    size_t range_;
    LocalDay day_;
    size_t opening_ = 0;
};

inline constexpr Seconds seconds_per_day{86400};

inline Instant midnight_utc(LocalDay day) { return Instant(day * seconds_per_day); }
inline LocalDay day_of(Instant local) {
    return std::chrono::floor<std::chrono::days>(local.time_since_epoch()).count();
}
inline std::chrono::year_month_day date_of(LocalDay day) {
    return std::chrono::year_month_day(std::chrono::sys_days(std::chrono::days(day)));
}
inline LocalDay day_of(std::chrono::year_month_day date) {
    return std::chrono::sys_days(date).time_since_epoch().count();
}
/// Monday = 0; 1970-01-01 was a Thursday.
inline size_t weekday_of(LocalDay day) { return size_t(((day % 7) + 10) % 7); }

}  // namespace bailiff::core
