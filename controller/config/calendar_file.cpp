// SPDX-License-Identifier: Apache-2.0
// Calendar files (policies/calendars/*.json) -> core::Calendar.
#include "controller/config/calendar_file.hpp"

#include "controller/config/holiday_file.hpp"

#include <array>
#include <optional>

namespace bailiff {

namespace {

using Date = std::chrono::year_month_day;

constexpr std::array<const char*, 7> weekdays = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
constexpr size_t most_openings = 48, most_days = 20'000;

/// "09:00" -> 540; "24:00" only where a day closes.
std::optional<int> clock(const Json& value, bool closing) {
    if (!value.is_string()) return std::nullopt;
    const auto& text = value.get_ref<const std::string&>();
    int64_t hours = 0, minutes = 0;
    if (text.size() != 5 || text[2] != ':' || !detail::digits(text, 0, 2, hours) || !detail::digits(text, 3, 2, minutes))
        return std::nullopt;
    const int64_t total = hours * 60 + minutes;
    if (minutes > 59 || total > 1440 || (total == 1440 && !closing)) return std::nullopt;
    return int(total);
}

std::vector<core::Opening> openings(JsonReader& days, const char* day, std::vector<Mistake>& mistakes) {
    std::vector<core::Opening> hours;
    bool sound = true;
    days.each(day, true, most_openings, [&](const Json& item, const std::string& at) {
        const bool pair = item.is_array() && item.size() == 2;
        const auto open = pair ? clock(item[0], false) : std::nullopt;
        const auto close = pair ? clock(item[1], true) : std::nullopt;
        if (open && close) return hours.push_back({*open, *close});
        sound = false;
        mistakes.push_back({at, "must be an opening such as [\"09:00\", \"18:00\"]: two times from 00:00, the second "
                                "up to 24:00"});
    });
    if (!sound) return {};
    auto sorted = core::in_order(std::move(hours));
    if (sorted) return std::move(*sorted);
    mistakes.push_back({days.at(day), sorted.error().text});
    return {};
}

std::optional<Date> date(std::string_view text) {
    int64_t y = 0, m = 0, d = 0;
    using detail::digits;
    if (text.size() != 10 || text[4] != '-' || text[7] != '-' || !digits(text, 0, 4, y) || !digits(text, 5, 2, m) ||
        !digits(text, 8, 2, d))
        return std::nullopt;
    const Date parsed{std::chrono::year(int(y)), std::chrono::month(unsigned(m)), std::chrono::day(unsigned(d))};
    return parsed.ok() ? std::optional(parsed) : std::nullopt;
}

/// "*-08-15": the same date each year.
std::optional<std::chrono::month_day> yearly_date(const std::string& text) {
    if (!text.starts_with("*-")) return std::nullopt;
    const auto in_leap_year = date("2000" + text.substr(1));
    if (!in_leap_year) return std::nullopt;
    return std::chrono::month_day(in_leap_year->month(), in_leap_year->day());
}

void read_hours(JsonReader& root, core::CalendarData& data, std::vector<Mistake>& mistakes) {
    auto hours = root.object("hours");
    if (!hours || !hours->json().is_object()) return;
    const size_t before = mistakes.size();
    bool opens = false;
    for (size_t i = 0; i < weekdays.size(); ++i) {
        // A weekday that is left out is closed, as people write calendars.
        if (!hours->has(weekdays[i])) hours->value(weekdays[i], false);
        else data.hours[i] = openings(*hours, weekdays[i], mistakes);
        opens = opens || !data.hours[i].empty();
    }
    hours->finish();
    if (!opens && mistakes.size() == before)
        root.mistake("hours", "no day of the week has an opening; give at least one day its hours, such as "
                              "\"mon\": [[\"09:00\", \"18:00\"]]");
}

void read_special_hours(JsonReader& root, core::CalendarData& data, std::vector<Mistake>& mistakes) {
    auto special = root.object("special_hours", false);
    if (!special || !special->json().is_object()) return;
    if (special->json().size() > most_days)
        return root.mistake("special_hours", "has more than " + std::to_string(most_days) + " dates");
    for (const auto& [key, unused] : special->json().items()) {
        const auto day = date(key);
        if (!day) {
            special->mistake(key.substr(0, 60).c_str(), "is no date; special hours are for one date each, such as 2026-12-24");
            continue;
        }
        data.special_hours[*day] = openings(*special, key.c_str(), mistakes);
    }
}

}  // namespace

Result<CalendarFile> parse_calendar(std::string_view text, std::vector<Mistake>& mistakes) {
    const size_t before = mistakes.size();
    const auto document = parse_document(text, mistakes);
    if (!document) return fail(mistaken("calendar", mistakes));
    CalendarFile file;
    JsonReader root(*document, mistakes);
    root.optional_text("$schema");
    file.data.timezone = root.text("timezone", 64);
    if (!file.data.timezone.empty()) {
        // Only building can tell whether the zone exists, so one is built that has nothing else to be wrong.
        core::CalendarData probe;
        probe.timezone = file.data.timezone;
        probe.hours[0] = {{0, 1440}};
        if (const auto built = core::Calendar::build(probe); !built) root.mistake("timezone", built.error().text);
    }
    read_hours(root, file.data, mistakes);
    root.each("holidays", false, most_days, [&](const Json& item, const std::string& at) {
        const std::string day = item.is_string() ? item.get<std::string>() : std::string();
        if (const auto once = date(day)) file.data.holidays.insert(*once);
        else if (const auto yearly = yearly_date(day)) file.data.yearly.insert(*yearly);
        else mistakes.push_back({at, "is no date; write \"2026-01-26\", or \"*-08-15\" for each year"});
    });
    read_special_hours(root, file.data, mistakes);
    file.holiday_files = root.texts("holiday_files", false, 64);
    root.finish();
    if (mistakes.size() != before) return fail(mistaken("calendar", mistakes));
    return file;
}

Result<core::Calendar> read_calendar(const std::filesystem::path& path, std::vector<Mistake>& mistakes) {
    const size_t before = mistakes.size();
    const auto text = read_text(path);
    if (!text) {
        mistakes.push_back({"", text.error().text});
        return fail(text.error());
    }
    auto file = parse_calendar(*text, mistakes);
    if (!file) return fail(file.error());
    file->data.id = path.stem().string();
    for (size_t i = 0; i < file->holiday_files.size(); ++i) {
        const std::string& name = file->holiday_files[i];
        const std::string pointer = "/holiday_files/" + std::to_string(i);
        const auto calendar = read_text(path.parent_path() / name, 8 << 20);
        if (!calendar) {
            mistakes.push_back({pointer, calendar.error().text});
            continue;
        }
        auto holidays = parse_holidays(*calendar);
        if (!holidays) mistakes.push_back({pointer, "'" + name + "': " + holidays.error().text});
        else file->data.holidays.merge(*holidays);
    }
    if (mistakes.size() != before) return fail(mistaken("calendar", mistakes));
    auto built = core::Calendar::build(std::move(file->data));
    if (!built) mistakes.push_back({"", built.error().text});
    return built;
}

}  // namespace bailiff
