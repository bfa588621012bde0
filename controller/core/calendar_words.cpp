// SPDX-License-Identifier: Apache-2.0
// What a Calendar says to people: local times, the week in one line, and why a deadline is what it is.
#include "controller/core/calendar.hpp"
#include "controller/core/calendar_zone.hpp"

#include <algorithm>
#include <cassert>
#include <map>

namespace bailiff::core {

namespace {

constexpr std::string_view day_names[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
constexpr std::string_view month_names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/// "09:00", and "09:00:30" only when there are seconds; 24:00 stays 24:00.
std::string clock_text(Seconds since_midnight) {
    const int64_t s = since_midnight.count();
    std::string text = detail::two(s / 3600) + ":" + detail::two(s / 60 % 60);
    if (s % 60) text += ":" + detail::two(s % 60);
    return text;
}

std::string iso_date(LocalDay day) { return format_rfc3339(midnight_utc(day)).substr(0, 10); }

std::string openings_text(const std::vector<Opening>& hours) {
    std::string text;
    for (const auto& o : hours)
        text += (text.empty() ? "" : ", ") + clock_text(std::chrono::minutes(o.open)) + "-" +
                clock_text(std::chrono::minutes(o.close));
    return text.empty() ? "closed" : text;
}

std::string count_text(int64_t n, const char* one, const char* many) {
    return std::to_string(n) + " " + (n == 1 ? one : many);
}

/// Turns one span into sentences. Lives for one call of Calendar::explain.
class Narrator {
  public:
    Narrator(const Calendar::Zone& zone, Instant start)
        : zone_(zone), start_(start), year_(date_of(zone.day_at(start)).year()) {}

    std::vector<std::string> tell(Seconds span, Instant due) {
        collect(span, due);
        opening_sentence();
        days();
        if (gave_up_)
            lines_.push_back("no opening comes within ten years: correct the calendar's hours or holidays; until then " +
                             moment(due) + " stands in");
        else
            lines_.push_back("due " + moment(due));
        return std::move(lines_);
    }

  private:
    /// What one local date contributed.
    struct Day {
        LocalDay day = 0;
        std::vector<Piece> pieces;
        Seconds counted{0};
        std::string clock_change;
        bool skipped = false;  ///< the zone has no such date
    };

    void collect(Seconds span, Instant due) {
        std::map<LocalDay, std::vector<Piece>> pieces;
        Seconds left = span;
        Instant reached = start_;
        gave_up_ = true;
        for (Walk walk(zone_, start_); auto piece = walk.next();) {
            if (!clock_starts_) clock_starts_ = piece->begin;
            reached = piece->end = std::min(piece->end, piece->begin + left);
            left -= piece->length();
            if (piece->length() > Seconds(0)) pieces[piece->day].push_back(*piece);
            gave_up_ = left > Seconds(0);
            if (!gave_up_) break;
        }
        // Without an opening there is nothing to list day by day after the last one that counted.
        const LocalDay last = zone_.day_at(gave_up_ ? reached : due);
        for (LocalDay day = zone_.day_at(start_); day <= last; ++day) {
            Day entry{day, {}, Seconds(0), {}, zone_.length_of(day) == Seconds(0)};
            if (const auto found = pieces.find(day); found != pieces.end()) entry.pieces = std::move(found->second);
            for (const auto& piece : entry.pieces) entry.counted += piece.length();
            days_.push_back(std::move(entry));
        }
        for (size_t i = zone_.range_at(start_) + 1; i < zone_.ranges.size() && zone_.ranges[i].begin <= reached; ++i)
            note_change(i);
    }

    void note_change(size_t range) {
        const Seconds by = zone_.ranges[range].offset - zone_.ranges[range - 1].offset;
        if (by == Seconds(0)) return;
        const LocalDay day = day_of(zone_.ranges[range].begin - Seconds(1) + zone_.ranges[range - 1].offset);
        const auto entry = std::find_if(days_.begin(), days_.end(), [&](const Day& d) { return d.day == day; });
        if (entry == days_.end()) return;
        const bool forward = by > Seconds(0);
        entry->clock_change = "clocks go " + std::string(forward ? "forward " : "back ") +
                              spoken_duration(forward ? by : -by);
        const Seconds length = zone_.length_of(day);
        if (length != seconds_per_day) entry->clock_change += ", the day has " + spoken_duration(length);
    }

    std::string date(LocalDay day) const {
        const auto ymd = date_of(day);
        std::string text = std::string(day_names[weekday_of(day)]) + " " + std::to_string(unsigned(ymd.day())) + " " +
                           std::string(month_names[unsigned(ymd.month()) - 1]);
        if (ymd.year() != year_) text += " " + std::to_string(int(ymd.year()));
        return text;
    }

    std::string dates(LocalDay first, LocalDay last) const {
        return first == last ? date(first) : date(first) + " to " + date(last);
    }

    std::string moment(Instant at) const {
        const Instant local = at + zone_.ranges[zone_.range_at(at)].offset;
        return date(day_of(local)) + " " + clock_text(local - midnight_utc(day_of(local)));
    }

    void opening_sentence() {
        if (clock_starts_ == start_ || !clock_starts_) return;
        lines_.push_back(moment(start_) + " is outside working hours; the clock starts " + moment(*clock_starts_));
    }

    /// Whether nothing of the day counted although it had hours: it began after they ended, or ended before.
    bool touched_only(const Day& d) const { return d.pieces.empty() && !d.skipped && !zone_.hours_of(d.day).empty(); }

    void days() {
        // Beyond a fortnight nobody reads every day: the beginning, the end, and the middle in one sentence.
        constexpr size_t most = 14, head = 5, tail = 4;
        if (days_.size() <= most) return list(0, days_.size());
        list(0, head);
        summarise(head, days_.size() - tail);
        list(days_.size() - tail, days_.size());
    }

    void list(size_t from, size_t to) {
        for (size_t i = from; i < to;) {
            const Day& d = days_[i];
            if (!d.clock_change.empty()) lines_.push_back(date(d.day) + ": " + d.clock_change);
            if (d.skipped) lines_.push_back(date(d.day) + ": the zone has no such day");
            if (!d.pieces.empty()) worked(d);
            if (d.skipped || !d.pieces.empty() || touched_only(d)) {
                ++i;
                continue;
            }
            const DayKind kind = zone_.kind_of(d.day);
            size_t end = i + 1;
            while (end < to && days_[end].pieces.empty() && !days_[end].skipped && !touched_only(days_[end]) &&
                   days_[end].clock_change.empty() && zone_.kind_of(days_[end].day) == kind)
                ++end;
            lines_.push_back(dates(d.day, days_[end - 1].day) + ": " + closed_word(kind, end - i));
            i = end;
        }
    }

    static std::string closed_word(DayKind kind, size_t count) {
        switch (kind) {
            case DayKind::usual: return "closed";
            case DayKind::special: return "closed by special hours";
            case DayKind::holiday: return count == 1 ? "holiday" : "holidays";
        }
        assert(false);
        return {};
    }

    void worked(const Day& d) {
        std::string text;
        for (const auto& piece : d.pieces) {
            const Instant midnight = midnight_utc(d.day) - zone_.ranges[zone_.range_at(piece.begin)].offset;
            text += (text.empty() ? "" : ", ") + clock_text(piece.begin - midnight) + "-" +
                    clock_text(piece.end - midnight);
        }
        text += " " + date(d.day) + ": " + spoken_duration(d.counted);
        if (zone_.kind_of(d.day) == DayKind::special) text += " (special hours)";
        lines_.push_back(std::move(text));
    }

    void summarise(size_t from, size_t to) {
        int64_t worked_days = 0, closed_days = 0, holiday_count = 0;
        Seconds counted{0};
        std::string holidays;
        std::vector<std::string> changes;
        for (size_t i = from; i < to; ++i) {
            const Day& d = days_[i];
            counted += d.counted;
            if (!d.clock_change.empty() || d.skipped)
                changes.push_back(date(d.day) + ": " + (d.skipped ? "the zone has no such day" : d.clock_change));
            if (!d.pieces.empty()) ++worked_days;
            else if (zone_.kind_of(d.day) != DayKind::holiday) ++closed_days;
            else if (++holiday_count <= 5) holidays += (holidays.empty() ? "" : ", ") + date(d.day);
        }
        if (holiday_count > 5) holidays += " and " + std::to_string(holiday_count - 5) + " more";
        std::string text = dates(days_[from].day, days_[to - 1].day) + ": " + spoken_duration(counted) + " on " +
                           count_text(worked_days, "day", "days");
        if (closed_days) text += ", " + count_text(closed_days, "day", "days") + " closed";
        if (holiday_count) text += ", " + count_text(holiday_count, "holiday", "holidays") + " (" + holidays + ")";
        lines_.push_back(std::move(text));
        constexpr size_t most_changes = 4;
        for (size_t i = 0; i < changes.size() && i < most_changes; ++i) lines_.push_back(changes[i]);
        if (changes.size() > most_changes)
            lines_.push_back("and " + count_text(int64_t(changes.size() - most_changes), "clock change", "clock changes") +
                             " more");
    }

    const Calendar::Zone& zone_;
    const Instant start_;
    const std::chrono::year year_;
    std::optional<Instant> clock_starts_;
    std::vector<Day> days_;
    std::vector<std::string> lines_;
    bool gave_up_ = false;
};

}  // namespace

Explained Calendar::explain(Instant start, WorkingTime span) const {
    const Instant due = add(start, span);
    return {due, Narrator(*zone_, start).tell(span.amount, due)};
}

std::string Calendar::local(Instant at) const {
    const auto& range = zone_->ranges[zone_->range_at(at)];
    const LocalDay day = day_of(at + range.offset);
    return std::string(day_names[weekday_of(day)]) + " " + iso_date(day) + " " +
           clock_text(at + range.offset - midnight_utc(day)) + " " + range.abbreviation;
}

std::string Calendar::local_rfc3339(Instant at) const {
    // RFC 3339 offsets have whole minutes. Where the zone's has seconds, the nearest whole one toward UTC is printed
    // with the clock that fits it: the same instant, unmistakably.
    const auto offset = std::chrono::duration_cast<std::chrono::minutes>(zone_->ranges[zone_->range_at(at)].offset);
    const int64_t size = std::abs(offset.count());
    std::string text = format_rfc3339(at + offset);
    text.pop_back();
    return text + (offset.count() < 0 ? "-" : "+") + detail::two(size / 60) + ":" + detail::two(size % 60);
}

std::string Calendar::describe_hours() const {
    const auto& hours = zone_->data.hours;
    std::string text;
    for (size_t first = 0; first < 7;) {
        size_t last = first;
        while (last < 6 && hours[last + 1] == hours[first]) ++last;
        text += (text.empty() ? "" : "; ") + std::string(day_names[first]);
        if (last != first) text += "-" + std::string(day_names[last]);
        text += " " + openings_text(hours[first]);
        first = last + 1;
    }
    return text + " (" + zone_->data.timezone + ")";
}

}  // namespace bailiff::core
