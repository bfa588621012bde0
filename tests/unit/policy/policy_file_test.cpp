// SPDX-License-Identifier: Apache-2.0
// Policy files: what is read, and what every kind of mistake gets.
#include "tests/unit/policy/files.hpp"

namespace bailiff::test {
namespace {

using core::Policy;

const char* const virus = "virus-content.json";

std::vector<Mistake> mistakes_in(const std::string& text) {
    std::vector<Mistake> mistakes;
    const auto policy = parse_policy(text, mistakes);
    EXPECT_EQ(policy.has_value(), mistakes.empty());
    return mistakes;
}

/// The first mistake after one change to the seed: "/place: text".
std::string after(const std::string& pointer, const Json& value) {
    const auto mistakes = mistakes_in(changed(virus, pointer, value));
    return mistakes.empty() ? "OK" : describe(mistakes, 1);
}

TEST(PolicyFile, TheSeedLetterByLetter) {
    std::vector<Mistake> mistakes;
    const auto policy = read_policy(shipped / virus, mistakes);
    ASSERT_TRUE(policy) << describe(mistakes);
    using namespace std::chrono_literals;
    using core::Step, core::StepClock, core::WaitsFor, core::Need;
    EXPECT_EQ(policy->id, PolicyId("virus-content"));
    EXPECT_EQ(policy->calendar, "asia-kolkata");
    const std::vector<Step> ladder = {
        {"reply", WaitsFor::reply, StepClock::working, 1h, std::nullopt, 0s},
        {"call", WaitsFor::call, StepClock::working, 30min, std::nullopt, 30min},
        {"enforce", WaitsFor::reply, StepClock::working, 3h, VmState::off, 0s}};
    EXPECT_EQ(policy->ladder, ladder);
    EXPECT_EQ(policy->resolution, (core::Resolution{4h, StepClock::working}));
    EXPECT_EQ(policy->needs, (std::set{Need::steps, Need::root_cause}));
    EXPECT_EQ(policy->restore_when, core::RestoreWhen::verified_clean);
    EXPECT_TRUE(policy->evidence);
    EXPECT_TRUE(policy->scan);
    EXPECT_FALSE(policy->without_call);
    EXPECT_GT(policy->support_tokens, 0);
}

TEST(PolicyFile, CanonicalJsonIsReadBackEqual) {
    for (const char* name : {"virus-content", "general", "phishing", "outbound-attack", "high-bandwidth"}) {
        std::vector<Mistake> mistakes;
        const auto policy = read_policy(shipped / (std::string(name) + ".json"), mistakes);
        ASSERT_TRUE(policy) << describe(mistakes);
        const auto again = parse_policy(policy_json(*policy), mistakes);
        ASSERT_TRUE(again) << describe(mistakes);
        EXPECT_EQ(*again, *policy);
        EXPECT_EQ(policy_json(*again), policy_json(*policy));
    }
}

TEST(PolicyFile, WhatADiscoveryWeighs) {
    Json policy = shipped_json(virus);
    std::vector<Mistake> mistakes;
    EXPECT_EQ(parse_policy(dump_json(policy), mistakes)->discovery, core::DiscoveryRule()) << "what is shipped is the default";
    policy.erase("discovery");
    EXPECT_EQ(parse_policy(dump_json(policy), mistakes)->discovery, core::DiscoveryRule());
    policy["discovery"] = {{"weight", {{"clamav", 3}, {"suspicious", 0}}}, {"opens_at", 6}, {"cases_per_day", 0}};
    const auto read = parse_policy(dump_json(policy), mistakes);
    ASSERT_TRUE(read) << describe(mistakes);
    EXPECT_EQ(read->discovery, (core::DiscoveryRule{3, 10, 5, 0, 6, 0}));
    EXPECT_EQ(*parse_policy(policy_json(*read), mistakes), *read);
    EXPECT_NE(after("/discovery/weight/clamv", 1).find("/discovery/weight/clamv"), std::string::npos);
    EXPECT_NE(after("/discovery/weight", Json{{"clamav", 0}, {"hashes", 0}, {"yara", 0}, {"suspicious", 0}}).find("weighs nothing"), std::string::npos);
}

TEST(PolicyFile, WhatHostsAreToldBesides) {
    Json policy = shipped_json("high-bandwidth.json");
    policy["limit"] = {{"closed_ports", {465, 25, 587}}, {"rate_kbit", 512}};
    policy["lock"] = {{"gate", "not_required"}};
    policy["restore"] = {{"when", "confirmed"}, {"by", "staff"}, {"health", "steady"}, {"health_within", "PT30S"}, {"signatures_within", "P2D"}, {"incomplete", "never"}};
    policy["treatment"]["evidence_first"] = policy["treatment"]["memory"] = true;
    std::vector<Mistake> mistakes;
    const auto read = parse_policy(dump_json(policy), mistakes);
    ASSERT_TRUE(read) << describe(mistakes);
    EXPECT_EQ(read->limit, (Limit{"25,465,587", 512})) << "in the order that hosts expect";
    EXPECT_EQ(read->gate, GateRule::not_required);
    EXPECT_EQ(read->health, Health::steady);
    EXPECT_EQ(read->health_within, Seconds(30));
    EXPECT_EQ(read->signatures_within, Seconds(172800));
    EXPECT_EQ(read->incomplete, core::AcceptsIncomplete::never);
    EXPECT_NE(describe(mistakes_in(dump_json([&] {
                  Json other = policy;
                  other["restore"]["incomplete"] = "one_person";
                  return other;
              }()))).find("two_people"), std::string::npos);
    EXPECT_TRUE(read->evidence_first && read->memory);
    EXPECT_EQ(*parse_policy(policy_json(*read), mistakes), *read);
    policy.erase("limit");
    EXPECT_NE(describe(mistakes_in(dump_json(policy))).find("/limit: is missing"), std::string::npos);
    EXPECT_NE(after("/limit", Json{{"rate_kbit", 5}}).find("no step leads to"), std::string::npos);
    EXPECT_NE(after("/restore/health", "unchecked").find("give both or neither"), std::string::npos);
    EXPECT_NE(after("/treatment/memory", true).find("evidence_first"), std::string::npos);
}

TEST(PolicyFile, WhoMustSayItWhatStandsAndWhoAppeals) {
    std::vector<Mistake> mistakes;
    for (const char* file : {"general.json", "high-bandwidth.json", "outbound-attack.json", "phishing.json", virus}) {
        Json policy = shipped_json(file);
        EXPECT_EQ(parse_policy(dump_json(policy), mistakes)->sources, 1) << file << ": the published process acts on one report";
        for (const char* field : {"sources", "inhibits", "appeal", "reopens_within"}) policy.erase(field);
        const auto absent = parse_policy(dump_json(policy), mistakes);
        ASSERT_TRUE(absent) << describe(mistakes);
        EXPECT_EQ(absent->sources, 2) << "one reporter alone suffices only where the policy says so";
        EXPECT_TRUE(absent->inhibits.empty());
        EXPECT_EQ(absent->appeal, core::AppealRule());
        EXPECT_EQ(absent->reopens_within, Seconds(7 * 86400));
    }
    Json policy = shipped_json(virus);
    policy["sources"] = 3;
    policy["inhibits"] = Json::array({"high-bandwidth", "general"});
    policy["appeal"] = {{"within", "PT8H"}, {"clock", "working"}};
    policy["reopens_within"] = "PT0S";
    const auto read = parse_policy(dump_json(policy), mistakes);
    ASSERT_TRUE(read) << describe(mistakes);
    EXPECT_EQ(read->inhibits, (std::vector{PolicyId("high-bandwidth"), PolicyId("general")}));
    EXPECT_EQ(read->appeal, (core::AppealRule{Seconds(8 * 3600), core::StepClock::working}));
    EXPECT_EQ(*parse_policy(policy_json(*read), mistakes), *read);
    EXPECT_NE(after("/sources", 0).find("/sources"), std::string::npos);
    EXPECT_NE(after("/inhibits", Json::array({"virus-content"})).find("the policy itself"), std::string::npos);
    EXPECT_NE(after("/inhibits", Json::array({"a", "a"})).find("stands twice"), std::string::npos);
    EXPECT_NE(after("/inhibits", Json::array({"not a name"})).find("id of a policy"), std::string::npos);
    EXPECT_NE(after("/appeal", Json{{"within", "PT1S"}, {"clock", "elapsed"}}).find("from PT1M"), std::string::npos);
    EXPECT_NE(after("/reopens_within", "P100D").find("90 days"), std::string::npos);
}

TEST(PolicyFile, EveryMistakeAtOnce) {
    const auto mistakes = mistakes_in(R"({
        "id": "x", "revison": 1, "title": "", "nature": "n", "calendar": "c", "types": ["content/malwear", "smtp/spam"],
        "ladder": [{"step": "reply", "waits_for": "mail", "within": "1 hour", "clock": "office", "than": "off"}],
        "restore": {"when": "clean", "by": "policy"}, "support_tokens": 1.5})");
    EXPECT_EQ(places(mistakes),
              "/revision /title /ladder/0/waits_for /ladder/0/within /ladder/0/clock /ladder/0/than /restore/when "
              "/support_tokens /revison /types/1");
    const std::string text = describe(mistakes);
    EXPECT_NE(text.find("did you mean 'revision'?"), std::string::npos) << text;
    EXPECT_NE(text.find("did you mean 'then'?"), std::string::npos) << text;
    EXPECT_NE(text.find("it is one of reply, call"), std::string::npos) << text;
    EXPECT_NE(text.find("write PT1H"), std::string::npos) << text;
}

TEST(PolicyFile, Garbage) {
    EXPECT_EQ(places(mistakes_in("")), "/");
    EXPECT_EQ(places(mistakes_in("not json")), "/");
    EXPECT_EQ(places(mistakes_in("[]")), "/");
    EXPECT_EQ(places(mistakes_in("null")), "/");
    EXPECT_EQ(places(mistakes_in(R"({"id":"a","id":"b"})")), "/");
    EXPECT_EQ(places(mistakes_in(std::string(100, '['))), "/");
    EXPECT_EQ(places(mistakes_in(std::string("{\"id\":\"\xff\"}"))), "/");
    EXPECT_EQ(places(mistakes_in(std::string(2 << 20, ' '))), "/");
    EXPECT_EQ(places(mistakes_in(R"({"id":[],"ladder":{},"restore":[],"types":"x","answer":1})")),
              "/id /revision /title /nature /calendar /types /ladder /answer /restore");
    EXPECT_TRUE(mistakes_in("\xEF\xBB\xBF" + shipped_text(virus)).empty());
}

TEST(PolicyRules, NoSwitchOffWithoutACall) {
    EXPECT_NE(after("/ladder/1", nullptr).find("/ladder/1/then: no step before this sanction waits for a call"),
              std::string::npos);
    auto silent = shipped_json(virus);
    silent["ladder"].erase(1);
    silent["without_call"] = true;
    EXPECT_TRUE(mistakes_in(dump_json(silent)).empty());
    EXPECT_NE(after("/without_call", true).find("/without_call"), std::string::npos);
}

TEST(PolicyRules, TheLadderCanBeClimbed) {
    EXPECT_NE(after("/ladder", Json::array()).find("/ladder: has no step"), std::string::npos);
    EXPECT_NE(after("/ladder/0", nullptr).find("/ladder/0/waits_for: a call cannot come first"), std::string::npos);
    EXPECT_NE(after("/ladder/2/then", nullptr).find("/ladder/2: the last step must say"), std::string::npos);
    EXPECT_NE(after("/ladder/0/then", "off").find("/ladder/0/then: only the last step"), std::string::npos);
    EXPECT_NE(after("/ladder/1/then", "off").find("/ladder/1/then: a call that nobody made"), std::string::npos);
    EXPECT_NE(after("/ladder/2/then", "running").find("is no sanction"), std::string::npos);
    EXPECT_NE(after("/ladder/2/then", "quarantined").find("is no sanction"), std::string::npos);
    EXPECT_NE(after("/ladder/2/then", "destroy").find("it is one of"), std::string::npos);
    EXPECT_NE(after("/ladder/2/step", "reply").find("stands twice"), std::string::npos);
    EXPECT_NE(after("/ladder/0/step", "no spaces").find("/ladder/0/step: must be a short name"), std::string::npos);
    EXPECT_NE(after("/ladder/0/within", "PT0S").find("gives nobody time"), std::string::npos);
    EXPECT_NE(after("/ladder/0/within", "P91D").find("longer than 90 days"), std::string::npos);
    EXPECT_NE(after("/ladder/1/within", "PT5S").find("less than a minute"), std::string::npos);
    EXPECT_NE(after("/ladder/0/escalate_after", "PT1H").find("wait for a call; remove it"), std::string::npos);
    EXPECT_EQ(after("/ladder/2/within", "PT0S"), "OK");
}

TEST(PolicyRules, WhatBelongsTogether) {
    EXPECT_NE(after("/treatment/scan", false).find("/treatment/scan"), std::string::npos);
    EXPECT_NE(after("/treatment/evidence", false).find("/treatment/evidence"), std::string::npos);
    EXPECT_NE(after("/treatment/clean_rounds", 0).find("from 1 to 10"), std::string::npos);
    EXPECT_EQ(after("/answer/needs", Json::array()), "OK");
    auto confirmed = shipped_json(virus);
    confirmed["restore"]["when"] = "confirmed";
    confirmed["answer"]["needs"] = Json::array();
    EXPECT_EQ(places(mistakes_in(dump_json(confirmed))), "/answer");
    EXPECT_NE(after("/resolution/within", "PT0S").find("/resolution/within"), std::string::npos);
    EXPECT_NE(after("/calendar", "../etc").find("/calendar"), std::string::npos);
    EXPECT_NE(after("/id", "a b").find("/id"), std::string::npos);
    EXPECT_NE(after("/remedies/0", "").find("/remedies/0"), std::string::npos);
}

TEST(PolicyRules, Types) {
    const auto types = [](const Json& patterns) { return after("/types", patterns); };
    EXPECT_EQ(types({"content/malware", "messaging/*", "*", "content/our_own"}), "OK");
    EXPECT_NE(types({"content/malwares"}).find("did you mean 'content/malware'?"), std::string::npos);
    EXPECT_NE(types({"contents/malware"}).find("did you mean 'content'?"), std::string::npos);
    EXPECT_NE(types({"malware"}).find("/types/0: is no pattern"), std::string::npos);
    EXPECT_NE(types({"content/Malware"}).find("lower case"), std::string::npos);
    EXPECT_NE(types({"content/"}).find("/types/0"), std::string::npos);
    EXPECT_NE(types({"content/mal*"}).find("/types/0"), std::string::npos);
    EXPECT_NE(types({"*", "*"}).find("/types/1: stands twice"), std::string::npos);
    EXPECT_NE(types(Json::array()).find("never apply"), std::string::npos);
}

}  // namespace
}  // namespace bailiff::test
