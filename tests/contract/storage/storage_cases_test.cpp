// SPDX-License-Identifier: Apache-2.0
// The storage contract: cases, history, chain, reports.
#include "tests/contract/storage/storage_world.hpp"

#include "controller/storage/chain.hpp"

namespace bailiff::test {
namespace {

class TheCases : public StorageContract {};
BAILIFF_OVER_ALL_STORAGES(TheCases);
class TheReports : public StorageContract {};
BAILIFF_OVER_ALL_STORAGES(TheReports);

core::Deadline deadline(int64_t seconds, const std::string& what = "reply") {
    return core::Deadline{at(seconds), what, {"8 working hours", "caf\xC3\xA9 \"closed\""}};
}

TEST_P(TheCases, are_numbered_from_one) {
    EXPECT_EQ(storage().next_case_id().text(), "C-1");
    EXPECT_EQ(storage().next_case_id().text(), "C-2");
    EXPECT_EQ(storage().next_report_id().text(), "R-1");
}

TEST_P(TheCases, come_back_as_they_were_saved) {
    auto [c, items] = opened(storage().next_case_id());
    EXPECT_FALSE(storage().find_case(c.id));
    EXPECT_FALSE(storage().deadline_of(c.id));
    ASSERT_TRUE(storage().save(0, c, items, deadline(3600)));
    EXPECT_EQ(storage().find_case(c.id), c);
    EXPECT_EQ(storage().deadline_of(c.id), deadline(3600));
    EXPECT_EQ(storage().history(c.id, 0, 100), items);

    const auto more = happen(c, {core::CallLogged{"Asha", "+91", core::CallOutcome::no_answer, "rang 10 times"}, core::HoldPlaced{"appeal"}});
    ASSERT_TRUE(storage().save(2, c, more, std::nullopt));
    EXPECT_EQ(storage().find_case(c.id), c);
    EXPECT_FALSE(storage().deadline_of(c.id));
    EXPECT_EQ(storage().history(c.id, 2, 100), more);
    EXPECT_EQ(storage().history(c.id, 1, 1), std::vector{items[1]});
    core::Case folded;
    for (const auto& item : storage().history(c.id, 0, 100)) folded = core::evolve(std::move(folded), item);
    EXPECT_EQ(folded, *storage().find_case(c.id)) << "the row is the fold of the history";
}

TEST_P(TheCases, refuse_a_stale_revision) {
    auto first = saved_case(storage());
    auto stale = first;
    ASSERT_TRUE(storage().save(2, first, {}, deadline(10))) << "only the deadline changed";
    const auto won = happen(first, {core::NoteAdded{"won"}});
    ASSERT_TRUE(storage().save(2, first, won, std::nullopt));
    const auto late = happen(stale, {core::NoteAdded{"late"}});
    const auto lost = storage().save(2, stale, late, deadline(1));
    ASSERT_FALSE(lost);
    EXPECT_EQ(lost.error().code, Errc::conflict);
    EXPECT_EQ(storage().find_case(first.id), first);
    EXPECT_FALSE(storage().deadline_of(first.id));
    EXPECT_EQ(storage().history(first.id, 2, 10), won);
    auto [again, items] = opened(first.id);
    const auto twice = storage().save(0, again, items, std::nullopt);
    ASSERT_FALSE(twice);
    EXPECT_EQ(twice.error().code, Errc::conflict) << "a case is opened once";
    auto [absent, unseen] = opened(CaseId("C-99"));
    const auto more = happen(absent, {core::NoteAdded{"x"}});
    EXPECT_EQ(storage().save(2, absent, more, std::nullopt).error().code, Errc::conflict);
    auto [named, named_items] = opened(CaseId("case-one"));
    EXPECT_EQ(storage().save(0, named, named_items, std::nullopt).error().code, Errc::invalid);
}

TEST_P(TheCases, go_on_after_a_conflict_within_one_transaction) {
    auto a = saved_case(storage());
    const auto result = storage().transaction([&]() -> Result<void> {
        auto stale = a;
        stale.revision = 1;
        const auto items = happen(stale, {core::NoteAdded{"stale"}});
        EXPECT_EQ(storage().save(1, stale, items, std::nullopt).error().code, Errc::conflict);
        const auto more = happen(a, {core::NoteAdded{"good"}});
        return storage().save(2, a, more, std::nullopt);
    });
    EXPECT_TRUE(result);
    EXPECT_EQ(storage().find_case(a.id), a);
}

TEST_P(TheCases, are_listed_newest_first_in_pages) {
    for (int i = 0; i < 12; ++i) saved_case(storage(), i % 2 ? "vm-1" : "vm-2", i % 3 ? "7" : "8");
    auto closed = *storage().find_case(CaseId("C-12"));
    const auto items = happen(closed, {core::CaseClosed{core::Outcome::accepted, "done"}});
    ASSERT_TRUE(storage().save(2, closed, items, std::nullopt));

    using Ids = std::vector<std::string>;
    CaseFilter filter;
    filter.limit = 3;
    EXPECT_EQ(ids(storage().list_cases(filter)), (Ids{"C-12", "C-11", "C-10"}));
    filter.before = CaseId("C-10");
    EXPECT_EQ(ids(storage().list_cases(filter)), (Ids{"C-9", "C-8", "C-7"})) << "by number, not by text";
    filter.before = CaseId("C-2");
    EXPECT_EQ(ids(storage().list_cases(filter)), (Ids{"C-1"}));
    filter = {};
    filter.open_only = true;
    EXPECT_EQ(storage().list_cases(filter).size(), 11u);
    filter.phase = core::Phase::closed;
    EXPECT_TRUE(storage().list_cases(filter).empty());
    filter.open_only = false;
    EXPECT_EQ(ids(storage().list_cases(filter)), (Ids{"C-12"}));
    filter = {};
    filter.vm = VmId("vm-2");
    filter.customer = CustomerId("8");
    EXPECT_EQ(ids(storage().list_cases(filter)), (Ids{"C-7", "C-1"}));
    filter.phase = core::Phase::open;
    filter.limit = 1;
    EXPECT_EQ(ids(storage().list_cases(filter)), (Ids{"C-7"}));
    EXPECT_EQ(storage().open_cases_of(VmId("vm-1")),
              (std::vector{CaseId("C-2"), CaseId("C-4"), CaseId("C-6"), CaseId("C-8"), CaseId("C-10")}));
    EXPECT_TRUE(storage().open_cases_of(VmId("vm-3")).empty());
}

TEST_P(TheCases, are_found_by_who_looks_after_them) {
    using Ids = std::vector<std::string>;
    for (int i = 0; i < 4; ++i) saved_case(storage(), i % 2 ? "vm-1" : "vm-2", "7");
    const auto give = [&](const char* id, const std::string& whom) {
        auto c = *storage().find_case(CaseId(id));
        const int64_t before = c.revision;
        const auto items = happen(c, {core::Assigned{whom}});
        ASSERT_TRUE(storage().save(before, c, items, std::nullopt));
    };
    give("C-1", "ravi"), give("C-2", "ravi"), give("C-3", "meera"), give("C-4", "ravi");
    CaseFilter filter;
    filter.assignee = "ravi";
    EXPECT_EQ(ids(storage().list_cases(filter)), (Ids{"C-4", "C-2", "C-1"}));
    filter.vm = VmId("vm-1");
    filter.customer = CustomerId("7");
    filter.phase = core::Phase::open;
    filter.open_only = true;
    EXPECT_EQ(ids(storage().list_cases(filter)), (Ids{"C-4", "C-2"}));
    give("C-4", "");
    EXPECT_EQ(ids(storage().list_cases(filter)), (Ids{"C-2"}));
    filter.assignee = "nobody";
    EXPECT_TRUE(storage().list_cases(filter).empty());
}

TEST_P(TheCases, fall_due_earliest_first) {
    EXPECT_FALSE(storage().next_deadline());
    saved_case(storage(), "a", "1", deadline(300));
    saved_case(storage(), "b", "1", deadline(100));
    saved_case(storage(), "c", "1");
    auto fourth = saved_case(storage(), "d", "1", deadline(200));
    EXPECT_EQ(storage().next_deadline(), at(100));
    EXPECT_TRUE(storage().due(at(99), 10).empty());
    EXPECT_EQ(storage().due(at(200), 10), (std::vector{DueCase{CaseId("C-2"), 2, at(100)}, DueCase{CaseId("C-4"), 2, at(200)}}));
    EXPECT_EQ(storage().due(at(900), 1).size(), 1u);
    const auto items = happen(fourth, {core::NoteAdded{"later"}});
    ASSERT_TRUE(storage().save(2, fourth, items, deadline(50)));
    EXPECT_EQ(storage().due(at(60), 10), (std::vector{DueCase{CaseId("C-4"), 3, at(50)}}));
    ASSERT_TRUE(storage().save(3, fourth, {}, std::nullopt));
    EXPECT_EQ(storage().next_deadline(), at(100));
}

TEST_P(TheCases, wait_for_their_call_the_longest_first) {
    using Ids = std::vector<std::string>;
    EXPECT_TRUE(storage().calls({}, 10).empty());
    const auto waits = [&](core::Case& c, int64_t revision, std::optional<Instant> since) {
        const auto items = happen(c, {core::NoteAdded{"later"}});
        ASSERT_TRUE(storage().save(revision, c, items, {std::nullopt, since}));
    };
    std::vector<core::Case> four;
    for (const char* vm : {"a", "b", "c", "d"}) four.push_back(saved_case(storage(), vm));
    waits(four[0], 2, at(300));
    waits(four[1], 2, at(100));
    waits(four[3], 2, at(100));
    EXPECT_EQ(ids(storage().calls({}, 10)), (Ids{"C-2", "C-4", "C-1"}));
    EXPECT_EQ(ids(storage().calls({}, 2)), (Ids{"C-2", "C-4"}));
    EXPECT_EQ(ids(storage().calls(CaseId("C-4"), 2)), (Ids{"C-1"}));
    EXPECT_TRUE(storage().calls(CaseId("C-1"), 2).empty());
    waits(four[1], 3, std::nullopt);
    EXPECT_EQ(ids(storage().calls({}, 10)), (Ids{"C-4", "C-1"})) << "it was made";
    EXPECT_EQ(ids(storage().calls(CaseId("C-2"), 10)), (Ids{"C-4", "C-1"})) << "rather twice than never";
    EXPECT_EQ(ids(storage().calls(CaseId("none"), 10)), (Ids{"C-4", "C-1"}));
}

TEST_P(TheCases, keep_how_far_other_systems_have_been_told) {
    EXPECT_EQ(storage().chain_position(), 0);
    saved_case(storage());
    EXPECT_EQ(storage().chain_position(), 2);
    EXPECT_FALSE(storage().find_webhook("tickets"));
    storage().put_webhook({"tickets", 2, 0, {}, ""});
    const WebhookState later{"tickets", 3, 7, at(60), "HTTP 503: caf\xC3\xA9"};
    storage().put_webhook(later);
    EXPECT_EQ(storage().find_webhook("tickets"), later);
    EXPECT_FALSE(storage().find_webhook("other"));
}

TEST_P(TheCases, chain_all_their_items) {
    auto a = saved_case(storage());
    auto b = saved_case(storage(), "vm-2");
    const auto more = happen(a, {core::NoteAdded{"x"}});
    ASSERT_TRUE(storage().save(2, a, more, std::nullopt));
    const auto all = storage().chain(0, 100);
    ASSERT_EQ(all.size(), 5u);
    EXPECT_EQ(all[4].case_id, a.id);
    EXPECT_EQ(all[4].revision, 3);
    EXPECT_EQ(all[4].text, chained_text(a.id, more[0]));
    EXPECT_EQ(all[0].hash, chained_hash("", all[0].text));
    AuditAnchors anchors;
    anchors.cases = {{a.id, 3}, {b.id, 2}};
    EXPECT_EQ(verify_chain(all, anchors), std::nullopt);
    EXPECT_EQ(storage().chain(3, 1), std::vector{all[3]});
    EXPECT_TRUE(storage().chain(5, 10).empty());
}

TEST_P(TheCases, keep_the_first_checkpoint_of_a_position) {
    const Checkpoint one{100, "aa", at(0), "{}"}, two{20, "bb", at(1), "{\"x\":1}"};
    storage().put_checkpoint(one);
    storage().put_checkpoint(two);
    storage().put_checkpoint(Checkpoint{100, "cc", at(2), "later"});
    EXPECT_EQ(storage().checkpoints(), (std::vector{two, one}));
}

StoredReport report(Storage& storage, const std::string& case_id) {
    StoredReport out;
    out.id = storage.next_report_id();
    out.case_id = CaseId(case_id);
    out.triage = case_id.empty() ? "which VM?" : "";
    out.summary = {out.id, "content/malware", "cert@example.net", at(1), "text"};
    out.address = "192.0.2.1";
    out.vm_hint = "web1";
    out.raw = "From: x\r\n\r\nbody";
    out.received_at = at(2);
    return out;
}

TEST_P(TheReports, come_back_byte_for_byte) {
    auto one = report(storage(), "C-1");
    one.raw = std::string("\0\xff\xfe binary \xC0\x80", 13) + std::string(100'000, 'x');
    storage().put_report(one);
    EXPECT_EQ(storage().find_report(one.id), one);
    one.raw = "plain \xE2\x82\xAC";
    one.case_id = CaseId("C-9");
    storage().put_report(one);
    EXPECT_EQ(storage().find_report(one.id), one);
    EXPECT_FALSE(storage().find_report(ReportId("R-99")));
    EXPECT_FALSE(storage().find_report(ReportId("nonsense")));
}

TEST_P(TheReports, wait_for_triage_until_they_have_a_case) {
    for (int i = 0; i < 11; ++i) storage().put_report(report(storage(), i % 2 ? "" : "C-1"));
    EXPECT_EQ(storage().reports(false, {}, 100).size(), 11u);
    const auto waiting = storage().reports(true, {}, 3);
    ASSERT_EQ(waiting.size(), 3u);
    EXPECT_EQ(waiting[0].id, ReportId("R-10"));
    const auto next = storage().reports(true, waiting.back().id, 10);
    ASSERT_EQ(next.size(), 2u);
    auto resolved = next[0];
    resolved.case_id = CaseId("C-5");
    resolved.triage.clear();
    storage().put_report(resolved);
    EXPECT_EQ(storage().reports(true, {}, 100).size(), 4u);
}

TEST_P(TheReports, are_found_by_their_fingerprint_the_newest_first) {
    auto one = report(storage(), "C-1"), two = report(storage(), ""), other = report(storage(), "");
    one.fingerprint = two.fingerprint = sha256_hex("found");
    two.summary.ascertained = true;
    for (const auto& each : {one, two, other}) storage().put_report(each);
    EXPECT_EQ(storage().report_by_fingerprint(sha256_hex("found")), two);
    EXPECT_FALSE(storage().report_by_fingerprint(sha256_hex("else")));
    EXPECT_FALSE(storage().report_by_fingerprint("")) << "a report without one is like no other";
    EXPECT_EQ(storage().find_report(one.id), one);
    EXPECT_EQ(storage().reports(false, {}, 10)[1], two);
}

TEST_P(TheReports, with_no_id_of_ours_are_a_bug) {
    StoredReport nameless;
    nameless.id = ReportId("mine");
    EXPECT_THROW(storage().put_report(nameless), std::logic_error);
}

}  // namespace
}  // namespace bailiff::test
