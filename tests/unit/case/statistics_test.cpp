// SPDX-License-Identifier: Apache-2.0
// Figures out of histories.
#include "controller/core/statistics.hpp"

#include <gtest/gtest.h>

namespace bailiff::core {
namespace {

const Instant start(Seconds(1'772'420'400));   // 2026-03-02T03:00:00Z

StateDemanded demanded(VmState state, bool sanction) {
    StateDemanded out;
    out.desired = state;
    out.sanction = sanction;
    return out;
}

struct Book : testing::Test {
    CaseBook book;
    /// A case opened `hours` after the start.
    void open(const std::string& id, int hours, const std::string& address = "192.0.2.10", const std::string& reporter = "cert@a.example") {
        CaseOpened opened;
        opened.case_id = CaseId(id);
        opened.vm_address = address;
        opened.customer = CustomerId("7");
        opened.policy = PolicyId("virus-content");
        opened.report = {ReportId("R-1"), "content/malware", reporter, start, "EICAR"};
        happen(id, hours, opened);
    }
    void happen(const std::string& id, int hours, Fact fact) { book.add(CaseId(id), {1, start + Seconds(3600 * hours), "x", std::move(fact)}); }
    void close(const std::string& id, int hours, Outcome outcome) { happen(id, hours, CaseClosed{outcome, ""}); }
    void merge(const std::string& id, const std::string& into, int hours, const std::vector<std::string>& reports, bool undoes_split = false) {
        happen(id, hours, MergedInto{CaseId(into), "one matter"});
        close(id, hours, Outcome::merged);
        CaseTakenIn taken;
        taken.other = CaseId(id);
        taken.undoes_split = undoes_split;
        for (const auto& report : reports) taken.reports.push_back({ReportId(report), "content/malware", "cert@a.example", start, ""});
        happen(into, hours, taken);
    }
    Figures all() { return figures_by(GroupBy::all, book, {}, start + Seconds(1'000'000'000)).at("all"); }
};

TEST_F(Book, milestones_of_a_case_are_its_first_ones) {
    open("C-1", 0);
    happen("C-1", 1, ReportAdded{});
    happen("C-1", 2, demanded(VmState::off, true));
    happen("C-1", 3, StateReached{});
    happen("C-1", 4, ReplyRecorded{});
    happen("C-1", 5, ReplyRecorded{});
    happen("C-1", 6, demanded(VmState::running, false));
    happen("C-1", 7, StateReached{});
    close("C-1", 8, Outcome::cleaned);
    const CaseTimes& c = book.cases().at(CaseId("C-1"));
    const auto hour = [](int n) { return std::optional(start + Seconds(3600 * n)); };
    EXPECT_EQ(c.reports, 2);
    EXPECT_EQ(c.sanctioned_at, hour(3));
    EXPECT_EQ(c.replied_at, hour(4));
    EXPECT_EQ(c.clean_at, hour(8));
    EXPECT_EQ(c.closed_at, hour(8));
    EXPECT_EQ(all(), (Figures{1, 2, 0, 1, 1, 1, 0, SpanFigures{Seconds(4 * 3600), Seconds(4 * 3600)}, SpanFigures{Seconds(8 * 3600), Seconds(8 * 3600)},
                              SpanFigures{Seconds(8 * 3600), Seconds(8 * 3600)}}));
}

TEST_F(Book, an_order_that_is_no_sanction_is_none) {
    open("C-1", 0);
    happen("C-1", 1, demanded(VmState::off, false));
    happen("C-1", 2, StateReached{});
    EXPECT_EQ(all().sanctioned, 0) << "the customer asked us to fix it";
}

TEST_F(Book, half_and_nine_of_ten_are_spans_that_cases_had) {
    for (int n = 1; n <= 10; ++n) {
        open("C-" + std::to_string(n), 0);
        happen("C-" + std::to_string(n), n, ReplyRecorded{});
    }
    EXPECT_EQ(all().to_reply, (SpanFigures{Seconds(5 * 3600), Seconds(9 * 3600)}));
    EXPECT_EQ(all().to_clean, std::nullopt);
    EXPECT_EQ(all().open, 10);
}

TEST_F(Book, mistakes_and_waivers_say_nothing_of_how_long_cleaning_takes) {
    for (const auto& [id, outcome] : {std::pair{"C-1", Outcome::false_positive}, {"C-2", Outcome::closed_by_staff}, {"C-3", Outcome::accepted}}) {
        open(id, 0);
        close(id, 1, outcome);
    }
    EXPECT_EQ(all().cleaned, 0);
    EXPECT_EQ(all().false_positives, 1);
    EXPECT_EQ(all().to_close, (SpanFigures{Seconds(3600), Seconds(3600)}));
}

TEST_F(Book, a_case_that_went_into_another_counts_with_it_until_that_is_undone) {
    open("C-1", 0);
    open("C-2", 1, "192.0.2.200");
    happen("C-2", 2, ReportAdded{});
    merge("C-2", "C-1", 3, {"R-2", "R-3"});
    happen("C-1", 4, ReportAdded{});
    EXPECT_EQ(all(), (Figures{.cases = 1, .reports = 4, .open = 1})) << "and nothing was closed: it goes on";
    EXPECT_TRUE(figures_by(GroupBy::all, book, start + Seconds(3600), start + Seconds(7200)).empty()) << "nor is it a case of its own day";
    happen("C-1", 5, MergeUndone{CaseId("C-2"), "two after all"});
    happen("C-2", 5, CameBack{CaseId("C-1"), "two after all"});
    EXPECT_EQ(all(), (Figures{.cases = 2, .reports = 4, .open = 2}));
    close("C-2", 6, Outcome::cleaned);
    EXPECT_EQ(all().cleaned, 1);
    EXPECT_EQ(all().to_close, (SpanFigures{Seconds(5 * 3600), Seconds(5 * 3600)}));
    EXPECT_EQ(book.cases().at(CaseId("C-1")).reports, 2);
    EXPECT_EQ(book.cases().at(CaseId("C-2")).reports, 2);
}

TEST_F(Book, a_case_merged_twice_takes_along_what_had_come_into_it) {
    for (const char* id : {"C-1", "C-2", "C-3"}) open(id, 0);
    merge("C-3", "C-2", 1, {"R-3"});
    merge("C-2", "C-1", 2, {"R-2", "R-3"});
    EXPECT_EQ(all(), (Figures{.cases = 1, .reports = 3, .open = 1}));
}

TEST_F(Book, reports_that_were_split_off_count_where_they_went) {
    open("C-1", 0);
    happen("C-1", 1, ReportAdded{});
    happen("C-1", 1, ReportAdded{});
    open("C-2", 2);
    happen("C-1", 2, ReportsSplitOff{{ReportId("R-3")}, CaseId("C-2"), "another matter"});
    EXPECT_EQ(all(), (Figures{.cases = 2, .reports = 3, .open = 2}));
    merge("C-2", "C-1", 3, {"R-3"}, true);
    EXPECT_EQ(all(), (Figures{.cases = 1, .reports = 3, .open = 1}));
    happen("C-1", 4, ReportsSplitOff{{ReportId("R-3")}, {}, "no abuse"});
    EXPECT_EQ(all(), (Figures{.cases = 1, .reports = 2, .open = 1})) << "what is in triage is in no case";
}

TEST_F(Book, groups_and_spans_of_time) {
    open("C-1", 0, "192.0.2.10", "cert@a.example");
    open("C-2", 1, "192.0.2.200", "cert@b.example");
    open("C-3", 24 * 40, "2001:db8:1:2::5", "cert@b.example");
    open("C-4", 2, "");
    const Instant end = start + Seconds(1'000'000'000);
    const auto count = [&](GroupBy group, const std::string& word) {
        const auto groups = figures_by(group, book, {}, end);
        const auto found = groups.find(word);
        return found == groups.end() ? 0 : found->second.cases;
    };
    EXPECT_EQ(count(GroupBy::netblock, "192.0.2.0/24"), 2);
    EXPECT_EQ(count(GroupBy::netblock, "2001:db8:1::/48"), 1);
    EXPECT_EQ(count(GroupBy::netblock, "unknown"), 1);
    EXPECT_EQ(count(GroupBy::reporter, "cert@b.example"), 2);
    EXPECT_EQ(count(GroupBy::month, "2026-03"), 3);
    EXPECT_EQ(count(GroupBy::month, "2026-04"), 1);
    EXPECT_EQ(figures_by(GroupBy::all, book, start + Seconds(3600), start + Seconds(2 * 3600)).at("all").cases, 1) << "from is inside, to is not";
    EXPECT_TRUE(figures_by(GroupBy::all, book, end, end).empty());
}

TEST(Netblocks, are_cut_at_any_length) {
    EXPECT_EQ(netblock_of("203.0.113.255", {20, 48}), "203.0.112.0/20");
    EXPECT_EQ(netblock_of("203.0.113.255", {32, 48}), "203.0.113.255/32");
    EXPECT_EQ(netblock_of("2001:db8:ffff:ffff::1", {24, 33}), "2001:db8:8000::/33");
    EXPECT_EQ(netblock_of("web1.example", {}), "unknown");
}

TEST_F(Book, items_without_their_case_are_passed_over) {
    happen("C-9", 1, ReplyRecorded{});
    EXPECT_TRUE(book.cases().empty());
}

}  // namespace
}  // namespace bailiff::core
