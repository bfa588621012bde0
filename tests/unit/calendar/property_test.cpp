// SPDX-License-Identifier: Apache-2.0
// The fast reckoning against a slow one that goes minute by minute and asks only whether that minute is open.
//
// The slow one shares nothing with the fast one: local times come from the C library's localtime_r, not from the tz
// library. BAILIFF_SEED replays a failure; BAILIFF_CASES sets how many cases are drawn.
#include "tests/unit/calendar/calendars.hpp"
#include <bailiff/random.hpp>

#include <array>
#include <cstdlib>
#include <ctime>
#include <limits>

namespace bailiff::test {
namespace {

using core::Calendar;
using core::CalendarData;

constexpr const char* zones[] = {
    "Asia/Kolkata",      "Asia/Kathmandu",   "Europe/Rome",        "Europe/Dublin",    "Australia/Lord_Howe",
    "Pacific/Apia",      "Africa/Casablanca", "America/New_York",  "America/St_Johns", "America/Havana",
    "America/Sao_Paulo", "America/Santiago", "America/Asuncion",   "Asia/Tehran",      "Asia/Beirut",
    "Asia/Gaza",         "Africa/Cairo",     "Antarctica/Troll",   "Pacific/Chatham",  "UTC"};

/// Offsets by the C library, remembered per quarter of an hour wherever that quarter has only one.
class SlowZone {
  public:
    SlowZone(const char* name, int64_t begin, int64_t end) : begin_(begin) {
        setenv("TZ", name, 1);
        tzset();
        quarters_.assign(size_t((end - begin) / quarter) + 1, unknown);
    }
    int64_t offset(int64_t at) {
        const size_t index = size_t((at - begin_) / quarter);
        if (at < begin_ || index >= quarters_.size()) return ask(at);
        int32_t& known = quarters_[index];
        if (known == unknown) {
            const int64_t first = begin_ + int64_t(index) * quarter;
            const int64_t offset_first = ask(first);
            known = offset_first == ask(first + quarter - 1) ? int32_t(offset_first) : mixed;
        }
        return known == mixed ? ask(at) : known;
    }

  private:
    static int64_t ask(int64_t at) {
        const time_t t = at;
        std::tm tm{};
        localtime_r(&t, &tm);
        return tm.tm_gmtoff;
    }
    static constexpr int64_t quarter = 900;
    static constexpr int32_t unknown = std::numeric_limits<int32_t>::max(), mixed = unknown - 1;
    int64_t begin_;
    std::vector<int32_t> quarters_;
};

/// "Is this instant open?", and nothing else.
class SlowCalendar {
  public:
    SlowCalendar(SlowZone& zone, const CalendarData& data) : zone_(zone), data_(data) {}
    bool open(int64_t at) {
        const int64_t local = at + zone_.offset(at);
        const int64_t day = (local - (((local % 86400) + 86400) % 86400)) / 86400;
        if (day != day_) turn_page(day);
        const int64_t second = local - day * 86400;
        for (const auto& o : *hours_)
            if (second >= o.open * 60 && second < o.close * 60) return true;
        return false;
    }
    /// `step` is 60 where start, span and offsets have whole minutes, else 1.
    int64_t add(int64_t at, int64_t span, int64_t step) {
        if (span == 0)
            while (!open(at)) at += step;
        while (span > 0) {
            if (open(at)) span -= step;
            at += step;
        }
        return at;
    }
    int64_t between(int64_t from, int64_t to, int64_t step) {
        int64_t total = 0;
        for (int64_t at = from; at < to; at += step)
            if (open(at)) total += step;
        return total;
    }

  private:
    void turn_page(int64_t day) {
        day_ = day;
        const std::chrono::sys_days date{std::chrono::days(day)};
        const std::chrono::year_month_day ymd{date};
        static const std::vector<core::Opening> none;
        if (const auto special = data_.special_hours.find(ymd); special != data_.special_hours.end())
            hours_ = &special->second;
        else if (data_.holidays.contains(ymd) || data_.yearly.contains({ymd.month(), ymd.day()}))
            hours_ = &none;
        else
            hours_ = &data_.hours[std::chrono::weekday(date).iso_encoding() - 1];
    }
    SlowZone& zone_;
    const CalendarData& data_;
    int64_t day_ = std::numeric_limits<int64_t>::min();
    const std::vector<core::Opening>* hours_ = nullptr;
};

std::vector<core::Opening> random_hours(SeededRandom& random) {
    std::vector<core::Opening> hours;
    int from = 0;
    const auto openings = random.below(4);
    for (uint64_t i = 0; i < openings && from < 1430; ++i) {
        const int grain = random.below(2) ? 30 : 1;
        const int open = from + int(random.below(uint64_t(1440 - from)));
        const int close = open + 1 + int(random.below(uint64_t(1440 - open)));
        const core::Opening o{open / grain * grain, std::min(1440, (close + grain - 1) / grain * grain)};
        if (o.open < from) continue;
        hours.push_back(o);
        from = o.close;  // the next may touch this one
    }
    if (random.below(10) == 0) hours = {{0, 1440}};
    return hours;
}

CalendarData random_calendar(SeededRandom& random, const char* zone, Instant around) {
    CalendarData data;
    data.timezone = zone;
    do
        for (auto& day : data.hours) day = random_hours(random);
    while (std::all_of(data.hours.begin(), data.hours.end(), [](const auto& day) { return day.empty(); }));
    const auto nearby = [&] {
        return std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(around) +
                                           std::chrono::days(int(random.below(20)) - 2));
    };
    for (auto n = random.below(4); n > 0; --n) data.holidays.insert(nearby());
    for (auto n = random.below(3); n > 0; --n) data.special_hours[nearby()] = random_hours(random);
    for (auto n = random.below(3); n > 0; --n) data.yearly.insert({nearby().month(), nearby().day()});
    if (random.below(8) == 0) data.yearly.insert({std::chrono::February, std::chrono::day(29)});
    std::erase_if(data.yearly, [](const auto& day) { return !day.ok(); });
    return data;
}

uint64_t number_from(const char* variable, uint64_t otherwise) {
    const char* text = std::getenv(variable);
    return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

constexpr int64_t from_2005 = 1104537600, to_2031 = 1924992000;

/// Starts are drawn near clock changes as often as anywhere else: that is where mistakes live.
int64_t random_start(SeededRandom& random, SlowZone& zone) {
    int64_t start = from_2005 + int64_t(random.below(uint64_t(to_2031 - from_2005 - 86400 * 400)));
    if (random.below(2)) {
        // Walk by days to the next change of offset, then step back a little.
        const int64_t offset = zone.offset(start);
        int64_t probe = start;
        while (probe < start + 86400 * 200 && zone.offset(probe) == offset) probe += 86400;
        start = probe - int64_t(random.below(86400 * 3));
    }
    return start;
}

std::string story(uint64_t seed, const CalendarData& data, int64_t start, int64_t span) {
    return "seed " + std::to_string(seed) + ", " + data.timezone + ", start " + format_rfc3339(Instant(Seconds(start))) +
           ", span " + format_duration(Seconds(span));
}

TEST(Property, TheFastReckoningAgreesWithTheMinuteByMinuteOne) {
    const uint64_t seed = number_from("BAILIFF_SEED", 20260302);
    const uint64_t cases = number_from("BAILIFF_CASES", 100'000) / std::size(zones) + 1;
    for (size_t z = 0; z < std::size(zones); ++z) {
        SlowZone slow_zone(zones[z], from_2005 - 86400, to_2031);
        SeededRandom random(seed + z);
        for (uint64_t i = 0; i < cases; ++i) {
            const int64_t start = random_start(random, slow_zone) / 60 * 60;
            const auto data = random_calendar(random, zones[z], Instant(Seconds(start)));
            const auto fast = Calendar::build(data);
            ASSERT_TRUE(fast) << fast.error().text;
            SlowCalendar slow(slow_zone, data);
            const auto magnitude = random.below(100);
            const int64_t minutes = magnitude < 10   ? 0
                                    : magnitude < 80 ? int64_t(random.below(24 * 60))
                                    : magnitude < 98 ? int64_t(random.below(100 * 60))
                                                     : int64_t(random.below(1000 * 60));
            const WorkingTime span{std::chrono::minutes(minutes)};
            const Instant from{Seconds(start)};
            const Instant due = fast->add(from, span);
            const int64_t expected = slow.add(start, minutes * 60, 60);
            ASSERT_EQ(format_rfc3339(due), format_rfc3339(Instant(Seconds(expected))))
                << story(seed, data, start, minutes * 60);
            ASSERT_EQ(fast->open(from), slow.open(start)) << story(seed, data, start, 0);
            ASSERT_EQ(fast->between(from, due).amount.count(), minutes * 60) << story(seed, data, start, minutes * 60);
            if (i % 4 == 0) {
                ASSERT_EQ(fast->explain(from, span).at, due);
            }
            if (i % 16 == 0) {
                const int64_t to = start + int64_t(random.below(10 * 1440)) * 60;
                ASSERT_EQ(fast->between(from, Instant(Seconds(to))).amount.count(), slow.between(start, to, 60))
                    << story(seed, data, start, to - start);
            }
        }
    }
}

TEST(Property, SecondsToo) {
    const uint64_t seed = number_from("BAILIFF_SEED", 7);
    // Monrovia's offset had seconds until 1972.
    const struct {
        const char* zone;
        int64_t begin, end;
    } eras[] = {{"Africa/Monrovia", 0, 86400 * 740}, {"Europe/Rome", from_2005, to_2031},
                {"Australia/Lord_Howe", from_2005, to_2031}};
    for (const auto& era : eras) {
        SlowZone slow_zone(era.zone, era.begin, era.end);
        SeededRandom random(seed);
        for (int i = 0; i < 300; ++i) {
            const int64_t start = era.begin + int64_t(random.below(uint64_t(era.end - era.begin)));
            const auto data = random_calendar(random, era.zone, Instant(Seconds(start)));
            const auto fast = Calendar::build(data);
            ASSERT_TRUE(fast) << fast.error().text;
            SlowCalendar slow(slow_zone, data);
            const auto seconds = int64_t(random.below(30'000));
            ASSERT_EQ(fast->add(Instant(Seconds(start)), WorkingTime(Seconds(seconds))).time_since_epoch().count(),
                      slow.add(start, seconds, 1))
                << story(seed, data, start, seconds);
        }
    }
}

}  // namespace
}  // namespace bailiff::test
