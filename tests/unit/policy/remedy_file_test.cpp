// SPDX-License-Identifier: Apache-2.0
// Remedy files: what is shipped is sound, and every mistake is named.
#include "controller/config/policy_file.hpp"
#include "controller/config/remedy_file.hpp"
#include "tests/unit/policy/files.hpp"

namespace bailiff::test {
namespace {

std::string mistakes_of(const Json& document) {
    std::vector<Mistake> mistakes;
    const auto remedy = parse_remedy(dump_json(document), mistakes);
    EXPECT_EQ(remedy.has_value(), mistakes.empty());
    return describe({{"r", mistakes}});
}

TEST(RemedyFile, says_when_it_applies_and_what_to_do) {
    std::vector<Mistake> mistakes;
    const auto remedy = parse_remedy(R"({"types": ["messaging/*"], "signatures": ["*spam*"], "cves": ["CVE-2021-44228"],
                                         "steps": {"en": ["one", "two"], "hi": ["एक"]}})", mistakes);
    ASSERT_TRUE(remedy) << describe({{"r", mistakes}});
    EXPECT_EQ(*remedy, (core::Remedy{"", {"messaging/*"}, {"*spam*"}, {"CVE-2021-44228"}, {{"en", {"one", "two"}}, {"hi", {"एक"}}}}));
}

TEST(RemedyFile, names_its_mistakes) {
    const auto with = [&](const char* field, const std::string& value) {
        Json changed = Json::parse(R"({"types": ["messaging/spam"], "steps": {"en": ["one"]}})");
        changed[field] = Json::parse(value);
        return mistakes_of(changed);
    };
    EXPECT_EQ(with("source", R"("ours")"), "");
    EXPECT_NE(with("types", R"(["spam"])").find("/types/0"), std::string::npos);
    EXPECT_NE(with("types", "[]").find("types, signatures or cves"), std::string::npos);
    EXPECT_NE(with("signatures", R"(["two words"])").find("/signatures/0"), std::string::npos);
    EXPECT_NE(with("signatures", R"(["*"])").find("/signatures/0"), std::string::npos) << "it would fit everything";
    for (const std::string cve : {"CVE-21-1234", "cve-2021-44228", "CVE-2021-12", "CVE-2021-x4228"})
        EXPECT_NE(with("cves", "[\"" + cve + "\"]").find("/cves/0"), std::string::npos) << cve;
    EXPECT_NE(with("steps", R"({"hi": ["x"]})").find("/steps/en"), std::string::npos);
    EXPECT_NE(with("steps", R"({"en": []})").find("/steps/en"), std::string::npos);
    EXPECT_NE(with("steps", R"({"en": [""]})").find("/steps/en/0"), std::string::npos);
    EXPECT_NE(with("steps", R"({"en": ["x"], "english": ["x"]})").find("/steps/english"), std::string::npos);
    EXPECT_NE(with("signature", R"(["x"])").find("/signature"), std::string::npos) << "an unknown field";
}

TEST(RemedyFile, the_shipped_ones_are_sound_and_speak_english_and_hindi) {
    std::vector<FileMistakes> mistakes;
    const auto set = load_policies(std::string(BAILIFF_SOURCE_DIR) + "/policies", mistakes);
    EXPECT_TRUE(mistakes.empty()) << describe(mistakes);
    EXPECT_GE(set.remedies.size(), 6u);
    for (const auto& remedy : set.remedies) {
        EXPECT_FALSE(remedy.id.empty());
        ASSERT_TRUE(remedy.steps.contains("en") && remedy.steps.contains("hi")) << remedy.id;
        EXPECT_EQ(remedy.steps.at("en").size(), remedy.steps.at("hi").size()) << remedy.id;
    }
}

}  // namespace
}  // namespace bailiff::test
