// SPDX-License-Identifier: Apache-2.0
// The sweep's choice: whose turn it is, the window over midnight and clock changes, the budget, and what a restart knows.
#include "agent/core/sweep.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace bailiff::agent {
namespace {

Instant at(const char* text) { return *parse_rfc3339(text); }
VmId vm(int n) { return VmId("0000000" + std::to_string(n) + "-0000-4000-8000-000000000000"); }
const UtcOffset utc = [](Instant) { return Seconds(0); };
/// Europe/Rome in 2026.
const UtcOffset rome = [](Instant t) {
    const bool summer = t >= at("2026-03-29T01:00:00Z") && t < at("2026-10-25T01:00:00Z");
    return Seconds(summer ? 7200 : 3600);
};
DayWindow window(const char* text) { return **parse_day_window(text); }

/// A book that is written as the runner writes the journal.
struct Book {
    SweepBook book;
    std::vector<JournalEntry> entries;
    int64_t debt = 0;
    int runs = 0;

    void add(const std::string& operation, const std::string& kind, const Json& body, Instant when) {
        entries.push_back({int64_t(entries.size()) + 1, operation, kind, body, when});
        book.apply(entries.back());
    }
    std::string begin(const VmId& id, Instant when) {
        const std::string operation = "sweep-" + std::to_string(++runs);
        add(operation, "sweep_begun", {{"vm", id.text()}, {"name", "n"}}, when);
        return operation;
    }
    std::string swept(const VmId& id, Instant when, int hits = 0, const std::string& set = "s1", int64_t bytes = 0) {
        const auto operation = begin(id, when);
        ScanOutcome outcome;
        outcome.verdict = hits ? ScanVerdict::infected : ScanVerdict::clean;
        outcome.files = 10;
        outcome.bytes = bytes;
        outcome.engines = {{"clamav", "1", set, {}}};
        for (int i = 0; i < hits; ++i) outcome.hits.push_back({"/f" + std::to_string(i), "Eicar", "clamav", std::string(64, char('a' + i))});
        add(operation, "swept", swept_body(discovery_of(id, outcome, false, when, 200), "n", debt), when);
        return operation;
    }
    std::string failed(const VmId& id, Instant when, int64_t failures, const char* kind = "sweep_failed") {
        const auto operation = begin(id, when);
        add(operation, kind, sweep_ended_body(id, "n", "no such image", failures, debt), when);
        return operation;
    }
};

SweepRules rules() { return {true, Seconds(7 * 86400), std::nullopt, 0}; }
std::vector<SweepVm> vms(int count) {
    std::vector<SweepVm> out;
    for (int n = 1; n <= count; ++n) out.push_back({vm(n), true, false, {}});
    return out;
}
SweepPlan plan(const SweepRules& r, const std::vector<SweepVm>& list, const Book& book, const char* now, const UtcOffset& offset = utc) {
    return next_sweep(r, list, book.book, {}, false, at(now), offset);
}

// ---- the window ----------------------------------------------------------------------------------------------------

TEST(SweepWindow, is_written_as_hours_of_a_day) {
    EXPECT_EQ(window("22:00-06:00"), (DayWindow{22 * 60, 6 * 60}));
    EXPECT_EQ(window("00:00-24:00"), (DayWindow{0, 0})) << "the whole day";
    EXPECT_FALSE(parse_day_window("")->has_value()) << "no window: any time";
    for (const char* wrong : {"22-06", "22:00", "22:00-", "24:00-06:00", "06:00-06:00", "22:60-06:00", "25:00-26:00", "22:00-06:00 ", "a2:00-06:00", "-1:00-06:00"})
        EXPECT_FALSE(parse_day_window(wrong)) << wrong;
}

TEST(SweepWindow, goes_over_midnight) {
    const auto night = window("22:00-06:00");
    EXPECT_EQ(opens_at(night, at("2026-03-02T23:59:00Z"), utc), at("2026-03-02T23:59:00Z"));
    EXPECT_EQ(opens_at(night, at("2026-03-03T05:59:59Z"), utc), at("2026-03-03T05:59:59Z"));
    EXPECT_EQ(opens_at(night, at("2026-03-03T06:00:00Z"), utc), at("2026-03-03T22:00:00Z"));
    EXPECT_EQ(opens_at(night, at("2026-03-03T21:59:31Z"), utc), at("2026-03-03T22:00:00Z"));
    const auto all_day = window("00:00-24:00");
    EXPECT_EQ(opens_at(all_day, at("2026-03-03T13:00:00Z"), utc), at("2026-03-03T13:00:00Z"));
}

TEST(SweepWindow, is_the_local_clocks_also_when_that_is_changed) {
    EXPECT_EQ(opens_at(window("22:00-06:00"), at("2026-03-02T12:00:00Z"), rome), at("2026-03-02T21:00:00Z"));
    EXPECT_EQ(opens_at(window("22:00-06:00"), at("2026-07-02T12:00:00Z"), rome), at("2026-07-02T20:00:00Z"));
    // At 02:00 on 29 March it is 03:00 at once: that night has no such half hour, so the next night's is waited for.
    EXPECT_EQ(opens_at(window("02:15-02:45"), at("2026-03-29T00:30:00Z"), rome), at("2026-03-30T00:15:00Z"));
    // A window of which the first part is skipped begins with the rest.
    EXPECT_EQ(opens_at(window("02:30-04:00"), at("2026-03-29T00:30:00Z"), rome), at("2026-03-29T01:00:00Z"));
    // At 03:00 on 25 October it is 02:00 again: the window opens twice.
    EXPECT_EQ(opens_at(window("02:00-02:30"), at("2026-10-24T23:00:00Z"), rome), at("2026-10-25T00:00:00Z"));
    EXPECT_EQ(opens_at(window("02:00-02:30"), at("2026-10-25T00:30:00Z"), rome), at("2026-10-25T01:00:00Z"));
}

TEST(SweepWindow, lets_nothing_begin_outside_of_it) {
    SweepRules night = rules();
    night.window = window("22:00-06:00");
    const auto closed = plan(night, vms(1), {}, "2026-03-02T12:00:00Z", rome);
    EXPECT_FALSE(closed.vm);
    EXPECT_EQ(closed.again, at("2026-03-02T21:00:00Z"));
    EXPECT_EQ(plan(night, vms(1), {}, "2026-03-02T21:00:00Z", rome).vm, vm(1));
}

// ---- whose turn ----------------------------------------------------------------------------------------------------

TEST(SweepOrder, newest_risk_first) {
    Book book;
    book.swept(vm(1), at("2026-02-01T00:00:00Z"));                   // the oldest sweep
    book.swept(vm(2), at("2026-02-02T00:00:00Z"));                   // changed since
    book.swept(vm(3), at("2026-02-03T00:00:00Z"));                   // changed since, more recently
    book.swept(vm(4), at("2026-02-04T00:00:00Z"), 0, "s0");          // with older signatures
    book.swept(vm(5), at("2026-02-05T00:00:00Z"), 1);                // something was found
    auto list = vms(6);                                              // the sixth was never swept
    list[1].changed = at("2026-02-20T00:00:00Z");
    list[2].changed = at("2026-02-21T00:00:00Z");
    std::vector<std::pair<VmId, SweepRisk>> seen;
    const char* now = "2026-03-01T00:00:00Z";
    for (auto next = plan(rules(), list, book, now); next.vm; next = plan(rules(), list, book, now)) {
        seen.emplace_back(*next.vm, next.risk);
        book.swept(*next.vm, at(now));
    }
    const std::vector<std::pair<VmId, SweepRisk>> expected{{vm(6), SweepRisk::never_swept},      {vm(5), SweepRisk::found_before},
                                                          {vm(4), SweepRisk::newer_signatures}, {vm(3), SweepRisk::changed},
                                                          {vm(2), SweepRisk::changed},          {vm(1), SweepRisk::oldest}};
    EXPECT_EQ(seen, expected);
}

TEST(SweepOrder, a_vm_is_swept_again_after_the_interval_and_not_before) {
    Book book;
    book.swept(vm(1), at("2026-03-01T00:00:00Z"), 3);
    const auto waits = plan(rules(), vms(1), book, "2026-03-07T23:59:59Z");
    EXPECT_FALSE(waits.vm) << "also when something was found";
    EXPECT_EQ(waits.again, at("2026-03-08T00:00:00Z"));
    EXPECT_EQ(plan(rules(), vms(1), book, "2026-03-08T00:00:00Z").vm, vm(1));
}

TEST(SweepOrder, what_is_not_ours_to_read_is_left_out_and_running_vms_wait_for_live_scans) {
    auto list = vms(3);
    list[0].left_out = true;
    list[1].off = false;
    const auto next = plan(rules(), list, {}, "2026-03-01T00:00:00Z");
    EXPECT_EQ(next.vm, vm(3));
    EXPECT_EQ(next.waiting_for_live, 1u);
    EXPECT_EQ(next.due, 1u);
    list.pop_back();
    EXPECT_NE(plan(rules(), list, {}, "2026-03-01T00:00:00Z").text.find("run"), std::string::npos);
    EXPECT_EQ(next_sweep(rules(), list, {}, {}, true, at("2026-03-01T00:00:00Z"), utc).vm, vm(2)) << "where they can be read";
}

TEST(SweepOrder, what_the_admin_asks_for_comes_at_once_even_when_the_sweep_is_off) {
    Book book;
    book.swept(vm(2), at("2026-03-01T00:00:00Z"), 0, "s1", int64_t{50} << 20);
    SweepRules off;
    off.window = window("22:00-06:00");
    off.mib_per_hour = 1;
    EXPECT_FALSE(plan(off, vms(2), book, "2026-03-01T12:00:00Z").vm);
    const auto asked = next_sweep(off, vms(2), book.book, {vm(2)}, false, at("2026-03-01T12:00:00Z"), utc);
    EXPECT_EQ(asked.vm, vm(2));
    EXPECT_EQ(asked.risk, SweepRisk::asked);
}

TEST(SweepOrder, one_that_fails_is_tried_thrice_and_then_stands_behind_all_others) {
    Book book;
    book.failed(vm(1), at("2026-03-01T00:00:00Z"), 1);
    EXPECT_FALSE(plan(rules(), vms(1), book, "2026-03-01T00:59:59Z").vm) << "not at once";
    EXPECT_EQ(plan(rules(), vms(1), book, "2026-03-01T01:00:00Z").vm, vm(1));
    book.failed(vm(1), at("2026-03-01T01:00:00Z"), 2);
    book.failed(vm(1), at("2026-03-01T02:00:00Z"), 3);
    EXPECT_FALSE(plan(rules(), vms(1), book, "2026-03-03T02:00:00Z").vm);
    book.swept(vm(2), at("2026-02-01T00:00:00Z"));
    EXPECT_EQ(plan(rules(), vms(2), book, "2026-03-08T02:00:00Z").vm, vm(2)) << "though the first was never swept";
    book.swept(vm(2), at("2026-03-08T02:00:00Z"));
    EXPECT_EQ(plan(rules(), vms(2), book, "2026-03-08T02:00:00Z").vm, vm(1));
    EXPECT_NE(sweep_summary(rules(), vms(2), book.book, {}).find("1 failing"), std::string::npos);
    book.swept(vm(1), at("2026-03-08T03:00:00Z"));
    EXPECT_EQ(book.book.vms().at(vm(1)).failures, 0);
}

TEST(SweepOrder, an_instant_that_a_wrong_clock_wrote_keeps_no_vm_from_its_turn) {
    Book book;
    book.swept(vm(1), at("2036-01-01T00:00:00Z"));
    EXPECT_EQ(plan(rules(), vms(1), book, "2026-03-01T00:00:00Z").vm, vm(1));
}

// ---- the budget ----------------------------------------------------------------------------------------------------

TEST(SweepBudget, what_was_read_beyond_it_is_waited_for) {
    SweepRules slow = rules();
    slow.mib_per_hour = 100;
    Book book;
    const auto began = at("2026-03-01T00:00:00Z");
    const int64_t read = int64_t{300} << 20;
    book.debt = spend(slow.mib_per_hour, 0, {}, read, began);
    EXPECT_EQ(book.debt, read);
    book.swept(vm(1), began, 0, "s1", read);
    const auto waits = plan(slow, vms(2), book, "2026-03-01T01:00:00Z");
    EXPECT_FALSE(waits.vm);
    ASSERT_TRUE(waits.again);
    EXPECT_NEAR(double(waits.again->time_since_epoch().count()), double(at("2026-03-01T03:00:00Z").time_since_epoch().count()), 2);
    EXPECT_EQ(plan(slow, vms(2), book, "2026-03-01T03:00:02Z").vm, vm(2));
}

TEST(SweepBudget, an_idle_week_saves_an_hour_of_it_and_no_more) {
    const int64_t mib = int64_t{1} << 20;
    const auto then = at("2026-03-01T00:00:00Z"), now = at("2026-03-08T00:00:00Z");
    EXPECT_EQ(spend(100, 0, then, 30 * mib, now), -70 * mib);
    EXPECT_EQ(spend(100, -70 * mib, now, 80 * mib, now), 10 * mib);
    EXPECT_EQ(spend(0, 5000 * mib, now, mib, now), mib) << "without a limit nothing is owed";
    EXPECT_EQ(spend(100, 5000 * mib, now, mib, then), mib) << "a clock that was set back blocks nothing";
    EXPECT_EQ(spend(100'000'000, 1, then, 0, at("2126-03-01T00:00:00Z")), -100'000'000 * mib) << "no overflow";
}

// ---- the book ------------------------------------------------------------------------------------------------------

TEST(SweepBook_, a_restart_knows_what_was_known) {
    Book book;
    book.swept(vm(1), at("2026-03-01T00:00:00Z"), 2);
    book.failed(vm(2), at("2026-03-01T01:00:00Z"), 2);
    book.debt = 77;
    book.failed(vm(3), at("2026-03-01T02:00:00Z"), 0, "sweep_stopped");
    const auto interrupted = book.begin(vm(4), at("2026-03-01T03:00:00Z"));
    SweepBook again;
    for (const auto& entry : book.entries) again.apply(entry);
    EXPECT_EQ(again.vms().at(vm(1)).last, book.book.vms().at(vm(1)).last);
    EXPECT_EQ(again.vms().at(vm(2)).failures, 2);
    EXPECT_EQ(again.debt(), 77);
    ASSERT_TRUE(again.begun());
    EXPECT_EQ(again.begun()->first, interrupted);
    EXPECT_EQ(again.untold(), book.book.untold());
    ASSERT_EQ(again.untold().size(), 1u);
    EXPECT_EQ(again.untold().begin()->second.hits.size(), 2u);
    for (const auto& now : {"2026-03-01T04:00:00Z", "2026-03-09T00:00:00Z"})
        EXPECT_EQ(next_sweep(rules(), vms(4), again, {}, false, at(now), utc), plan(rules(), vms(4), book, now));
}

TEST(SweepBook_, forgets_what_newer_sweeps_replace_and_keeps_what_is_not_told) {
    Book book;
    const auto first = book.swept(vm(1), at("2026-03-01T00:00:00Z"), 1), second = book.swept(vm(1), at("2026-03-08T00:00:00Z")),
               third = book.failed(vm(1), at("2026-03-15T00:00:00Z"), 1);
    const std::set<VmId> here{vm(1)};
    EXPECT_TRUE(book.book.forgettable(here, {}).empty()) << "the first is not told, the second is the last that was completed";
    book.add(first, "discovery_told", Json::object(), at("2026-03-15T00:00:00Z"));
    EXPECT_EQ(book.book.forgettable(here, {}), (std::vector<std::string>{first}));
    book.book.forget({first});
    EXPECT_EQ(book.book.vms().at(vm(1)).failures, 1);
    EXPECT_TRUE(book.book.forgettable({}, at("2026-03-14T00:00:00Z")).empty());
    book.book.forget(book.book.forgettable({}, at("2026-04-15T00:00:00Z")));
    EXPECT_TRUE(book.book.vms().empty()) << "a VM that is gone for long";
}

TEST(SweepBook_, the_same_found_again_is_told_once_however_long_nobody_takes_it) {
    Book book;
    const auto first = book.swept(vm(1), at("2026-03-01T00:00:00Z"), 2), second = book.swept(vm(1), at("2026-03-08T00:00:00Z"), 2);
    book.swept(vm(2), at("2026-03-08T00:00:00Z"), 2);
    EXPECT_EQ(book.book.untold().size(), 2u);
    EXPECT_TRUE(book.book.untold().contains(second));
    EXPECT_EQ(book.book.forgettable({vm(1), vm(2)}, {}), (std::vector<std::string>{first}));
    book.swept(vm(1), at("2026-03-15T00:00:00Z"), 3);
    EXPECT_EQ(book.book.untold().size(), 3u) << "something else beside it";
}

TEST(SweepBook_, entries_that_a_later_version_wrote_break_nothing) {
    Book book;
    book.add("sweep-1", "swept", {{"vm", vm(1).text()}, {"found", {{"verdict", "a_later_word"}}}}, at("2026-03-01T00:00:00Z"));
    EXPECT_FALSE(book.book.vms().at(vm(1)).last);
    EXPECT_EQ(plan(rules(), vms(1), book, "2026-03-02T00:00:00Z").vm, vm(1));
}

TEST(Discovery_, names_each_content_once_before_any_twice_and_is_the_same_for_the_same_disks) {
    ScanOutcome outcome;
    for (int i = 0; i < 300; ++i) outcome.hits.push_back({"/copy" + std::to_string(i), "Worm", "clamav", std::string(64, 'a')});
    outcome.hits.push_back({"/other", "Eicar", "clamav", std::string(64, 'b')});
    const auto found = discovery_of(vm(1), outcome, false, at("2026-03-01T00:00:00Z"), 200);
    EXPECT_EQ(found.hits_total, 301);
    ASSERT_EQ(found.hits.size(), 200u);
    EXPECT_EQ(found.hits[1].path, "/other");
    std::reverse(outcome.hits.begin(), outcome.hits.end());
    EXPECT_EQ(discovery_of(vm(1), outcome, false, at("2026-03-01T00:00:00Z"), 200), found);
    // A guest that gives its files the longest names still gets its discovery through.
    outcome.hits = {200, {std::string(100'000, '\\'), std::string(600, 's'), "clamav", ""}};
    const auto wide = discovery_of(vm(1), outcome, false, at("2026-03-01T00:00:00Z"), 200);
    EXPECT_FALSE(wide.hits.empty());
    const auto text = encode(Frame{MessageId("sweep-1"), wide});
    EXPECT_LT(text.size(), largest_frame);
    EXPECT_TRUE(decode(text)) << decode(text).error().text;
}

}  // namespace
}  // namespace bailiff::agent
