// SPDX-License-Identifier: Apache-2.0
// `bailiffctl policy check`: OK, or every mistake with file and place.
#include "controller/ctl/offline_policy.hpp"

#include "tests/unit/ctl/shell.hpp"

namespace bailiff::test {
namespace {

Seen check(const std::vector<std::string>& arguments) { return run(policy_check_command, arguments); }

TEST(PolicyCheck, Sound) {
    const auto seen = check({policies + "virus-content.json", policies + "calendars/asia-kolkata.json"});
    EXPECT_EQ(seen.code, 0);
    EXPECT_EQ(seen.out, policies + "virus-content.json: OK\n" + policies + "calendars/asia-kolkata.json: OK\n");
    const auto folder = check({policies, "--json"});
    EXPECT_EQ(folder.code, 0);
    EXPECT_EQ(folder.json()["ok"], true);
    // Five policies and their calendar, six remedies, and the rules of intake.
    EXPECT_GE(folder.json()["files"].size(), 6u + 6u + 12u);
    const auto rules = check({policies + "intake", policies + "intake/fail2ban.json"});
    EXPECT_EQ(rules.code, 0) << rules.out;
    EXPECT_NE(rules.out.find("intake/blocklist-de.json: OK"), std::string::npos) << rules.out;
}

TEST(PolicyCheck, RulesOfIntake) {
    const TemporaryFile file("rule.json", R"({"name": "n", "match": {"from": ["*@x.example"]}, "once": ["IP {ip}"], "kind": "spam"})");
    const auto seen = check({file.path()});
    EXPECT_EQ(seen.code, 1);
    for (const char* place : {"/once/0: ", "/kind: "}) EXPECT_NE(seen.out.find(file.path() + " " + place), std::string::npos) << place << seen.out;
}

TEST(PolicyCheck, EveryMistakeWithFileAndPlace) {
    const TemporaryFile file("bad.json", R"({"id": "bad", "ladder": [{"within": "1h"}], "colour": "red"})");
    const auto seen = check({file.path(), policies + "general.json"});
    EXPECT_EQ(seen.code, 1);
    for (const char* place : {"/revision: ", "/title: ", "/types: ", "/ladder/0/step: ", "/ladder/0/within: ", "/restore: ", "/colour: "})
        EXPECT_NE(seen.out.find(file.path() + " " + place), std::string::npos) << place << seen.out;
    EXPECT_NE(seen.out.find("general.json: OK"), std::string::npos);
    const auto json = check({"--json", file.path()}).json();
    EXPECT_EQ(json["ok"], false);
    EXPECT_EQ(json["files"][0]["file"], file.path());
    EXPECT_EQ(json["files"][0]["mistakes"][0]["pointer"], "/revision");
}

TEST(PolicyCheck, LooksForTheCalendarBesideThePolicy) {
    std::ifstream shipped(policies + "virus-content.json");
    const std::string text((std::istreambuf_iterator<char>(shipped)), {});
    const TemporaryFile alone("virus-content.json", text);
    EXPECT_NE(check({alone.path()}).out.find("/calendar: there is no file"), std::string::npos);
    EXPECT_EQ(check({alone.path()}).code, 1);
}

TEST(PolicyCheck, WrongCalls) {
    EXPECT_EQ(check({}).code, 2);
    EXPECT_EQ(check({"--jsn", "x"}).code, 2);
    EXPECT_EQ(check({"/nonexistent.json"}).code, 1);
    EXPECT_NE(check({"/nonexistent.json"}).out.find("does not exist"), std::string::npos);
    EXPECT_EQ(check({"--help"}).code, 0);
}

}  // namespace
}  // namespace bailiff::test
