// SPDX-License-Identifier: Apache-2.0
// A folder of policies: all of it, all its mistakes, and only what is sound.
#include "tests/unit/policy/files.hpp"

namespace bailiff::test {
namespace {

TEST(PolicyFolder, TheShippedOneIsSound) {
    std::vector<FileMistakes> mistakes;
    const auto set = load_policies(shipped, mistakes);
    EXPECT_EQ(describe(mistakes), "");
    EXPECT_EQ(set.in_force.size(), 5u);
    ASSERT_TRUE(set.calendars.contains("asia-kolkata"));
    EXPECT_EQ(set.calendars.at("asia-kolkata").describe_hours(), "Mon-Sun 09:00-18:00 (Asia/Kolkata)");
}

TEST(PolicyFolder, AllMistakesOfAllFiles) {
    const TemporaryFolder folder;
    folder.write("calendars/asia-kolkata.json", shipped_text("calendars/asia-kolkata.json"));
    folder.write("calendars/broken.json", "{");
    folder.write("virus-content.json", shipped_text("virus-content.json"));
    folder.write("other-name.json", shipped_text("general.json"));
    folder.write("phishing.json", changed("phishing.json", "/calendar", "asia-calcutta"));
    folder.write("high-bandwidth.json", changed("high-bandwidth.json", "/calendar", "broken"));
    folder.write("notes.txt", "no policy");
    std::vector<FileMistakes> mistakes;
    const auto set = load_policies(folder.path(), mistakes);
    std::string found;
    for (const auto& [file, list] : mistakes)
        found += std::filesystem::path(file).filename().string() + " " + places(list) + "; ";
    EXPECT_EQ(found, "broken.json /; other-name.json /id; phishing.json /calendar; ");
    ASSERT_EQ(set.in_force.size(), 1u);
    EXPECT_TRUE(set.in_force.contains(PolicyId("virus-content")));
    EXPECT_EQ(set.calendars.size(), 1u);
}

TEST(PolicyFolder, WhatIsInhibitedIsThereAndInhibitsNotInTurn) {
    const TemporaryFolder folder;
    folder.write("calendars/asia-kolkata.json", shipped_text("calendars/asia-kolkata.json"));
    folder.write("outbound-attack.json", changed("outbound-attack.json", "/inhibits", Json::array({"high-bandwith"})));
    folder.write("high-bandwidth.json", changed("high-bandwidth.json", "/inhibits", Json::array({"outbound-attack"})));
    std::vector<FileMistakes> mistakes;
    load_policies(folder.path(), mistakes);
    ASSERT_EQ(mistakes.size(), 1u) << describe(mistakes);
    EXPECT_NE(describe(mistakes).find("did you mean 'high-bandwidth'?"), std::string::npos) << describe(mistakes);
    mistakes.clear();
    folder.write("outbound-attack.json", shipped_text("outbound-attack.json"));
    load_policies(folder.path(), mistakes);
    EXPECT_EQ(mistakes.size(), 2u) << "each of the two inhibits the other: " << describe(mistakes);
}

/// What a database kept of a policy, beside the shipped folder.
struct KeptPolicies : testing::Test {
    core::PolicySet set = [] {
        std::vector<FileMistakes> mistakes;
        return load_policies(shipped, mistakes);
    }();
    const PolicyId id{"virus-content"};
    const core::Policy now = set.in_force.at(id);
    Json kept = *parse_json(policy_json(now));

    Result<void> add(int64_t revision) { return add_kept_policy(set, id, revision, dump_json(kept)); }
};

TEST_F(KeptPolicies, WhatAnEarlierReleaseWroteWithFewerFieldsIsTheSame) {
    // Each of them came with a release, and says here what its absence does.
    for (const char* later : {"reopens_within", "appeal", "inhibits"}) EXPECT_EQ(kept.erase(later), 1u) << later;
    ASSERT_NE(dump_json(kept), policy_json(now)) << "the texts differ";
    const auto added = add(now.revision);
    EXPECT_TRUE(added) << added.error().text;
    EXPECT_EQ(*set.find(id, now.revision), now);
}

TEST_F(KeptPolicies, WhatSaysSomethingElseUnderTheSameRevisionIsRefused) {
    kept["ladder"][0]["within"] = "PT1M";
    const auto added = add(now.revision);
    ASSERT_FALSE(added);
    EXPECT_EQ(added.error().text, "policy virus-content changed, but its revision is still " + std::to_string(now.revision) +
                                      "; raise \"revision\" in its file, since open cases pin revision " + std::to_string(now.revision));
    EXPECT_FALSE(set.older.contains({id, now.revision}));
}

TEST_F(KeptPolicies, AnEarlierRevisionStaysBesideTheOneInForce) {
    kept["revision"] = now.revision + 7;
    kept["ladder"][0]["within"] = "PT1M";
    ASSERT_TRUE(add(now.revision + 7));
    ASSERT_TRUE(set.find(id, now.revision + 7));
    EXPECT_NE(*set.find(id, now.revision + 7), now);
    EXPECT_EQ(*set.find(id, now.revision), now);
}

TEST_F(KeptPolicies, OneWhoseFileIsGoneStaysForItsCases) {
    set.in_force.erase(id);
    ASSERT_TRUE(add(now.revision));
    EXPECT_EQ(*set.find(id, now.revision), now);
}

TEST_F(KeptPolicies, WhatCannotBeReadIsNamed) {
    for (const std::string text : {"{", "{}"}) {
        const auto added = add_kept_policy(set, id, 3, text);
        ASSERT_FALSE(added);
        EXPECT_TRUE(added.error().text.starts_with("policy virus-content revision 3 in the database cannot be read: ")) << added.error().text;
    }
}

TEST(PolicyFolder, EmptyOrAbsentIsAMistakeNotAnEmptySet) {
    const TemporaryFolder folder;
    for (const auto& path : {folder.path(), folder.path() / "absent"}) {
        std::vector<FileMistakes> mistakes;
        EXPECT_TRUE(load_policies(path, mistakes).in_force.empty());
        EXPECT_EQ(mistakes.size(), 1u);
    }
}

}  // namespace
}  // namespace bailiff::test
