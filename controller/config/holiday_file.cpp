// SPDX-License-Identifier: Apache-2.0
// Holidays from an iCalendar file, by libical. The only file that includes it.
#include "controller/config/holiday_file.hpp"

#include <libical/ical.h>

#include <map>
#include <memory>
#include <optional>
#include <string_view>

namespace bailiff {

namespace {

using Date = std::chrono::year_month_day;
using Dates = std::set<Date>;

constexpr int first_year = 1970, last_year = 2100;
/// More all-day dates than this are no list of holidays.
constexpr size_t most_dates = 20'000;

struct Free {
    void operator()(icalcomponent* component) const { icalcomponent_free(component); }
    void operator()(icalrecur_iterator* iterator) const { icalrecur_iterator_free(iterator); }
};

Date date_of(const icaltimetype& t) {
    return {std::chrono::year(t.year), std::chrono::month(unsigned(t.month)), std::chrono::day(unsigned(t.day))};
}

/// libical forgives an unfinished file; we do not, since the missing end may hold half the holidays.
bool whole(std::string_view text) {
    int depth = 0;
    bool began = false;
    for (size_t at = 0; at < text.size();) {
        const size_t end = std::min(text.find('\n', at), text.size());
        const std::string_view line = text.substr(at, end - at);
        if (line.starts_with("BEGIN:")) ++depth, began = true;
        if (line.starts_with("END:") && --depth < 0) return false;
        at = end + 1;
    }
    return began && depth == 0;
}

std::string text_of(const char* text) { return text ? std::string(text).substr(0, 80) : std::string(); }

std::string name_of(icalcomponent* event) {
    const std::string summary = text_of(icalcomponent_get_summary(event));
    const std::string uid = text_of(icalcomponent_get_uid(event));
    return "the event '" + (!summary.empty() ? summary : !uid.empty() ? uid : std::string("without a name")) + "'";
}

/// What libical could not read of the properties that make a date. Broken descriptions do not matter.
std::optional<std::string> unread_property(icalcomponent* event) {
    for (auto* p = icalcomponent_get_first_property(event, ICAL_XLICERROR_PROPERTY); p;
         p = icalcomponent_get_next_property(event, ICAL_XLICERROR_PROPERTY)) {
        const std::string text = text_of(icalproperty_get_xlicerror(p));
        for (const char* matters : {"DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID"})
            if (text.find(matters) != std::string::npos) return std::string(matters) + " cannot be read";
    }
    return std::nullopt;
}

/// A date, or midnight: some programs write all-day events from midnight to midnight.
bool whole_day(const icaltimetype& t) { return t.is_date || (t.hour == 0 && t.minute == 0 && t.second == 0); }

/// How many days an event lasts, or nothing when it is not made of whole days.
std::optional<int> days_of(icalcomponent* event, const icaltimetype& start) {
    if (!whole_day(start)) return std::nullopt;
    const bool has_end = icalcomponent_get_first_property(event, ICAL_DTEND_PROPERTY) ||
                         icalcomponent_get_first_property(event, ICAL_DURATION_PROPERTY);
    if (!has_end) return start.is_date ? std::optional(1) : std::nullopt;
    const icaltimetype end = icalcomponent_get_dtend(event);
    if (icaltime_is_null_time(end) || !whole_day(end)) return std::nullopt;
    if (!date_of(end).ok()) return std::nullopt;
    const auto days = (std::chrono::sys_days(date_of(end)) - std::chrono::sys_days(date_of(start))).count();
    // RFC 5545 excludes the end; files that repeat the start as the end mean one day.
    return days < 0 || days > 366 ? std::nullopt : std::optional(int(std::max<int64_t>(days, 1)));
}

void insert(Dates& dates, const Date& first, int days) {
    for (int i = 0; i < days; ++i) dates.insert(std::chrono::sys_days(first) + std::chrono::days(i));
}

/// The dates on which an event begins: its start, its rules and extra dates, without the excepted ones.
Result<Dates> beginnings(icalcomponent* event, const icaltimetype& start, const Dates& moved) {
    Dates dates{date_of(start)};
    for (auto* p = icalcomponent_get_first_property(event, ICAL_RRULE_PROPERTY); p;
         p = icalcomponent_get_next_property(event, ICAL_RRULE_PROPERTY)) {
        const auto rule = icalproperty_get_rrule(p);
        if (rule.freq != ICAL_YEARLY_RECURRENCE && rule.freq != ICAL_MONTHLY_RECURRENCE &&
            rule.freq != ICAL_WEEKLY_RECURRENCE && rule.freq != ICAL_DAILY_RECURRENCE)
            return fail(Errc::invalid, name_of(event) + " repeats within a day; holidays are whole days");
        icaltimetype day = start;
        day.is_date = 1;
        day.hour = day.minute = day.second = 0;
        const std::unique_ptr<icalrecur_iterator, Free> iterator(icalrecur_iterator_new(rule, day));
        if (!iterator) return fail(Errc::invalid, name_of(event) + " has a rule that cannot be read; correct its RRULE");
        for (auto next = icalrecur_iterator_next(iterator.get()); !icaltime_is_null_time(next) && next.year <= last_year;
             next = icalrecur_iterator_next(iterator.get())) {
            if (next.year >= first_year) dates.insert(date_of(next));
            if (dates.size() > most_dates)
                return fail(Errc::invalid, name_of(event) + " repeats on more than " + std::to_string(most_dates) +
                                               " days; that is no holiday, write it as opening hours");
        }
    }
    for (auto* p = icalcomponent_get_first_property(event, ICAL_RDATE_PROPERTY); p;
         p = icalcomponent_get_next_property(event, ICAL_RDATE_PROPERTY))
        dates.insert(date_of(icalproperty_get_rdate(p).time));
    for (auto* p = icalcomponent_get_first_property(event, ICAL_EXDATE_PROPERTY); p;
         p = icalcomponent_get_next_property(event, ICAL_EXDATE_PROPERTY))
        dates.erase(date_of(icalproperty_get_exdate(p)));
    for (const auto& date : moved) dates.erase(date);
    return dates;
}

}  // namespace

Result<std::set<Date>> parse_holidays(const std::string& text) {
    const auto bad = [](std::string what) { return fail(Errc::invalid, std::move(what)); };
    if (!whole(text))
        return bad("is no whole iCalendar file: it needs BEGIN:VCALENDAR and an END for every BEGIN; fetch it again");
    icalerror_set_errors_are_fatal(false);
    const std::unique_ptr<icalcomponent, Free> root(icalparser_parse_string(text.c_str()));
    if (!root || icalcomponent_isa(root.get()) != ICAL_VCALENDAR_COMPONENT)
        return bad("is no iCalendar file: it must be one VCALENDAR; fetch it again");

    // An instance that was moved is written as a second event with the same UID; its old date is no holiday any more.
    std::map<std::string, Dates> moved;
    const auto each_event = [&](auto visit) -> std::optional<Error> {
        for (auto* event = icalcomponent_get_first_component(root.get(), ICAL_VEVENT_COMPONENT); event;
             event = icalcomponent_get_next_component(root.get(), ICAL_VEVENT_COMPONENT))
            if (auto error = visit(event)) return error;
        return std::nullopt;
    };
    const auto moved_instance = [](icalcomponent* event) {
        return icalcomponent_get_first_property(event, ICAL_RECURRENCEID_PROPERTY) != nullptr;
    };
    each_event([&](icalcomponent* event) -> std::optional<Error> {
        if (moved_instance(event))
            moved[text_of(icalcomponent_get_uid(event))].insert(date_of(icalcomponent_get_recurrenceid(event)));
        return std::nullopt;
    });

    Dates dates;
    auto error = each_event([&](icalcomponent* event) -> std::optional<Error> {
        if (icalcomponent_get_status(event) == ICAL_STATUS_CANCELLED) return std::nullopt;
        const auto wrong = [&](const std::string& what) { return Error{Errc::invalid, name_of(event) + what}; };
        if (const auto unread = unread_property(event)) return wrong(": its " + *unread + "; correct it");
        const icaltimetype start = icalcomponent_get_dtstart(event);
        if (icaltime_is_null_time(start) || !date_of(start).ok())
            return wrong(" has no valid start; give it DTSTART;VALUE=DATE:20260126");
        const auto days = days_of(event, start);
        if (!days)
            return wrong(" is not made of whole days; holidays are, so write DTSTART;VALUE=DATE and DTEND;VALUE=DATE, "
                         "and shorter days as special_hours");
        const bool instance = moved_instance(event);
        const auto begin = beginnings(event, start, instance ? Dates{} : moved[text_of(icalcomponent_get_uid(event))]);
        if (!begin) return begin.error();
        for (const auto& date : *begin) {
            if (!date.ok()) return wrong(" has a date that does not exist; correct it");
            insert(dates, date, *days);
        }
        if (dates.size() > most_dates)
            return wrong(" brings more than " + std::to_string(most_dates) + " holidays; use a shorter list");
        return std::nullopt;
    });
    if (error) return fail(std::move(*error));
    return dates;
}

}  // namespace bailiff
