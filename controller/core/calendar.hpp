// SPDX-License-Identifier: Apache-2.0
// Working time: when the desk is open, and when a span of working time that starts now will have passed.
#pragma once

#include <bailiff/time.hpp>

#include <array>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff::core {

/// One stretch of a day's hours in minutes since local midnight, open <= t < close; 24:00 is 1440.
struct Opening {
    int open = 0;
    int close = 0;
    friend auto operator<=>(const Opening&, const Opening&) = default;
};

/// The openings of one day, sorted; or what is wrong with them: one that ends before it begins, or two that overlap.
Result<std::vector<Opening>> in_order(std::vector<Opening> hours);

/// A calendar as its file states it. Days of the week count from Monday = 0. Dates are local dates of the zone.
struct CalendarData {
    std::string id;                                  ///< the file's name without .json; may be empty
    std::string timezone;                            ///< IANA name: "Asia/Kolkata"
    std::array<std::vector<Opening>, 7> hours;       ///< sorted, not overlapping
    std::set<std::chrono::year_month_day> holidays;  ///< closed all day
    std::set<std::chrono::month_day> yearly;         ///< closed each year ("*-08-15")
    std::map<std::chrono::year_month_day, std::vector<Opening>> special_hours;  ///< replace that day's hours, holiday or not
};

/// An instant with the words that justify it, in the order of the reckoning.
struct Explained {
    Instant at;
    std::vector<std::string> why;
};

/// Pure and immutable once built; cheap to copy; usable from every thread.
///
/// An instant is open when the wall clock, as it reads then, stands inside an opening: wall times that a clock change
/// skips are never worked, wall times that happen twice are worked twice, and a span is counted in real seconds.
/// A span that ends exactly at closing time is due at closing time, not at the next opening; zero working time from a
/// closed instant is the next opening. When ten years pass without an opening the answer is the end of those ten
/// years, and `explain` says so. The zone's rules are those of the system's tz database; after its last known change
/// (2037 for most zones) the last offset stays.
class Calendar {
  public:
    /// Fails with `invalid` for an unknown zone, overlapping or backward hours, or a week without any opening.
    static Result<Calendar> build(CalendarData data);

    bool open(Instant at) const;
    /// `at` itself when open, else the start of the next opening.
    Instant next_opening(Instant at) const;
    /// The instant at which `span` of working time since `start` has passed.
    Instant add(Instant start, WorkingTime span) const;
    /// The same, with its reasons: opening, closed nights, holidays skipped, clock changes crossed.
    Explained explain(Instant start, WorkingTime span) const;
    /// Working time in [from, to); zero when to <= from.
    WorkingTime between(Instant from, Instant to) const;

    /// "Mon 2026-03-02 09:00 IST", for people.
    std::string local(Instant at) const;
    /// "2026-03-02T09:00:00+05:30", for programs that want the calendar's offset.
    std::string local_rfc3339(Instant at) const;
    /// "Mon-Sun 09:00-18:00 (Asia/Kolkata)".
    std::string describe_hours() const;
    const CalendarData& data() const;

    /// The inside, in calendar_zone.hpp.
    struct Zone;

  private:
    explicit Calendar(std::shared_ptr<const Zone> zone);
    std::shared_ptr<const Zone> zone_;
};

}  // namespace bailiff::core
