// SPDX-License-Identifier: Apache-2.0
// Histories written once are read for ever: every fact and every case survives JSON.

#include "controller/core/fields.hpp"
#include "tests/unit/case/situations.hpp"

#include <gtest/gtest.h>

namespace bailiff::test {
namespace {

TEST(History, survives_json) {
    for (const auto& [situation, walk] : situations())
        for (const auto& item : walk.history) {
            const auto text = dump_json(json_of(item));
            const auto back = parse_item(*parse_json(text));
            ASSERT_TRUE(back) << situation << ": " << back.error().text;
            EXPECT_EQ(*back, item) << text;
        }
}

TEST(History, folds_to_the_case) {
    for (const auto& [situation, walk] : situations()) {
        Case folded;
        for (const auto& item : walk.history) folded = evolve(std::move(folded), item);
        EXPECT_EQ(folded, walk.c) << situation;
    }
}

TEST(Case, survives_json) {
    for (const auto& [situation, walk] : situations()) {
        const auto back = parse_case(*parse_json(dump_json(json_of(walk.c))));
        ASSERT_TRUE(back) << situation << ": " << back.error().text;
        EXPECT_EQ(*back, walk.c) << situation;
    }
}

TEST(Case, writes_what_is_not_as_in_a_new_case_and_reads_rows_that_wrote_everything) {
    EXPECT_EQ(json_of(Case{}), Json::object());
    for (const auto& [situation, walk] : situations()) {
        const Json row = json_of(walk.c);
        Case c = walk.c, blank;
        FieldWriter all, untouched;
        fields(all, c);
        fields(untouched, blank);
        for (const auto& [field, value] : all.out.items()) EXPECT_EQ(row.contains(field), value != untouched.out.at(field)) << situation << " " << field;
        EXPECT_EQ(parse_case(all.out), walk.c) << situation;
    }
}

TEST(Case, a_row_that_is_wrong_says_where) {
    Json row = json_of(situations().back().second.c);
    row["reports"] = Json::array({Json{{"id", "R-1"}}, Json{{"id", "R-2"}, {"observed_at", "yesterday"}}, 7});
    row["contact"] = Json{{"email", 3}};
    row["demand_met"] = "yes";
    const auto back = parse_case(row);
    ASSERT_FALSE(back);
    EXPECT_EQ(back.error().text, "A case that cannot be read: /contact/email: must be a text; /reports/1/observed_at: must be an instant; "
                                 "/reports/2: must be an object; /demand_met: must be true or false");
}

TEST(History, a_scan_tells_its_suspicions_and_older_ones_told_none) {
    JobFinished scan{JobId("scan/1.1"), JobKind::scan, ScanVerdict::clean, {}, "", 42, 1000, 0, {}, 21, {{"/etc/cron.d/\\x0a", "cron_download", "pipes a download into sh"}}};
    const auto back = parse_fact("job_finished", json_of(Fact(scan)));
    ASSERT_TRUE(back) << back.error().text;
    EXPECT_EQ(*back, Fact(scan));
    EXPECT_EQ(describe(*back), "scan: clean, 42 files; 21 suspicious; /etc/cron.d/\\x0a: pipes a download into sh");
    auto json = json_of(Fact(scan));
    json.erase("suspicious");
    json.erase("suspicions");
    const auto old = parse_fact("job_finished", json);
    ASSERT_TRUE(old) << old.error().text;
    scan.suspicious = 0;
    scan.suspicions.clear();
    EXPECT_EQ(*old, Fact(scan));
    EXPECT_EQ(describe(*old), "scan: clean, 42 files");
}

TEST(History, of_a_newer_release_is_refused_in_words) {
    const auto back = parse_fact("case_teleported", Json::object());
    ASSERT_FALSE(back);
    EXPECT_NE(back.error().text.find("newer"), std::string::npos);
}

TEST(History, a_wrong_word_is_an_error_not_a_default) {
    auto json = json_of(Fact(CallLogged{"Asha", "+91", CallOutcome::reached, ""}));
    json["outcome"] = "typo";
    EXPECT_FALSE(parse_fact("call_logged", json));
}

}  // namespace
}  // namespace bailiff::test
