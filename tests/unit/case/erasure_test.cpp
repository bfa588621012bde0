// SPDX-License-Identifier: Apache-2.0
// Erasing leaves a history that can be read, folded and counted, and no word that anybody wrote.
#include "controller/core/erasure.hpp"
#include "tests/unit/case/situations.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <set>

namespace bailiff::test {
namespace {

/// Of the JSON, every text under a name of which Bailiff does not choose the words.
void collect_free_texts(const Json& json, std::vector<std::string>& out) {
    static const std::set<std::string> free{"name", "email", "phone", "reporter", "summary", "root_cause", "prevention", "text", "contact", "number", "note",
                                            "reason", "to", "path", "vm_name", "vm_address", "customer_name", "message_id"};
    if (json.is_array())
        for (const auto& item : json) collect_free_texts(item, out);
    if (!json.is_object()) return;
    for (const auto& [key, value] : json.items()) {
        if (value.is_string() && free.contains(key)) out.push_back(value.get<std::string>());
        else collect_free_texts(value, out);
    }
}

TEST(Erasure, leaves_no_word_that_anybody_wrote) {
    for (const auto& [situation, walk] : situations())
        for (const auto& item : walk.history) {
            if (std::holds_alternative<CaseErased>(item.fact)) continue;  // why it was done stays
            std::vector<std::string> texts;
            collect_free_texts(json_of(erased(item)), texts);
            for (const auto& text : texts) EXPECT_TRUE(text.empty() || text == erased_word) << situation << ": " << text << " in " << dump_json(json_of(erased(item)));
        }
}

TEST(Erasure, leaves_a_history_that_reads_back_and_folds_to_the_same_course) {
    for (const auto& [situation, walk] : situations()) {
        Case c;
        for (const auto& item : walk.history) {
            const auto left = erased(item);
            const auto back = parse_item(*parse_json(dump_json(json_of(left))));
            ASSERT_TRUE(back) << situation << ": " << back.error().text;
            EXPECT_EQ(*back, left);
            EXPECT_EQ(erased(left), left) << "twice is once";
            c = evolve(std::move(c), left);
        }
        EXPECT_EQ(c.phase, walk.c.phase) << situation;
        EXPECT_EQ(c.outcome, walk.c.outcome) << situation;
        EXPECT_EQ(c.vm, walk.c.vm) << situation;
        EXPECT_EQ(c.revision, walk.c.revision) << situation;
        EXPECT_EQ(c.reports.size(), walk.c.reports.size()) << situation;
        EXPECT_EQ(c.calls.size(), walk.c.calls.size()) << situation;
        EXPECT_EQ(c.desired, walk.c.desired) << situation;
    }
}

TEST(Erasure, does_not_bring_an_address_back_with_the_last_mail) {
    const auto all = situations();
    const Walk& walk = std::find_if(all.begin(), all.end(), [](const auto& s) { return s.first == "closed and erased"; })->second;
    ASSERT_TRUE(walk.c.erased);
    ASSERT_FALSE(walk.c.notices.empty());
    const NoticeDue due = walk.c.notices.front();
    for (const Input& input : {Input{NoticeAccepted{due.notice, due.key, "asha@example.com", "<1@bailiff>"}}, Input{NoticeRefused{due.notice, due.key, "asha@example.com", "550 asha"}}}) {
        const auto facts = walk.ask(input);
        ASSERT_TRUE(facts);
        ASSERT_EQ(facts->size(), 1u);
        EXPECT_EQ(dump_json(json_of(HistoryItem{1, {}, "clock", facts->front()})).find("asha"), std::string::npos);
    }
}

TEST(Erasure, keeps_what_names_things_rather_than_people) {
    const HistoryItem found{7, {}, "host:h1",
                            JobFinished{JobId("j"), JobKind::scan, ScanVerdict::infected, {}, "", 42, 1000, 0, {{"/home/asha/x", "Eicar-Test", "clamav", "ab12"}}}};
    const auto left = std::get<JobFinished>(erased(found).fact);
    EXPECT_EQ(left.files, 42);
    ASSERT_EQ(left.hits.size(), 1u);
    EXPECT_EQ(left.hits[0], (ScanHit{std::string(erased_word), "Eicar-Test", "clamav", "ab12"}));
    const HistoryItem record{8, {}, "clock", CaseErased{7, "seal", "envelope", "closed long ago"}};
    EXPECT_EQ(erased(record), record) << "what vouches for the hole has none";
}

TEST(Erasure, is_sealed_by_place_hashes_and_what_is_left) {
    const std::vector<ErasedLink> links{{3, 1, "before", "hash", "left"}, {5, 2, "b", "h", "l"}};
    const auto seal = seal_of(links);
    for (const auto change : {+[](ErasedLink& l) { l.position = 4; }, +[](ErasedLink& l) { l.revision = 3; }, +[](ErasedLink& l) { l.before = "x"; },
                              +[](ErasedLink& l) { l.hash = "x"; }, +[](ErasedLink& l) { l.left_sha256 = "x"; }}) {
        auto changed = links;
        change(changed[1]);
        EXPECT_NE(seal_of(changed), seal);
    }
    EXPECT_NE(seal_of({links[0]}), seal);
    EXPECT_NE(seal_of({links[1], links[0]}), seal);
}

}  // namespace
}  // namespace bailiff::test
