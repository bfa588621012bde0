// SPDX-License-Identifier: Apache-2.0
// Which policy a type falls under.
#include "controller/core/matching.hpp"

#include "tests/unit/policy/files.hpp"

namespace bailiff::test {
namespace {

using core::normal_type;

TEST(NormalType, OneFormForAll) {
    EXPECT_EQ(normal_type("content/malware"), "content/malware");
    EXPECT_EQ(normal_type(" Content / Malware\r\n"), "content/malware");
    EXPECT_EQ(normal_type("connection", "Port-Scan"), "connection/port_scan");
    EXPECT_EQ(normal_type("connection", "port scan"), "connection/port_scan");
    for (const char* bad : {"", "/", "content", "content/", "/malware", "a/b/c", "content/mal*", "content/*", "c\xc3\xa4/x"})
        EXPECT_EQ(normal_type(bad), "") << bad;
    EXPECT_EQ(normal_type("content", std::string(65, 'x')), "");
}

TEST(Covers, Patterns) {
    EXPECT_TRUE(core::covers("content/malware", "content/malware"));
    EXPECT_FALSE(core::covers("content/malware", "content/malware2"));
    EXPECT_TRUE(core::covers("content/*", "content/malware"));
    EXPECT_FALSE(core::covers("content/*", "contents/malware"));
    EXPECT_FALSE(core::covers("content/*", "content/"));
    EXPECT_TRUE(core::covers("*", "content/malware"));
    EXPECT_FALSE(core::covers("", ""));
}

TEST(PolicyFor, MostSpecificThenFirstById) {
    std::map<PolicyId, core::Policy> policies;
    const auto add = [&](const char* id, std::vector<std::string> types) {
        core::Policy policy;
        policy.id = PolicyId(id);
        policy.types = std::move(types);
        policies.emplace(policy.id, policy);
    };
    add("a", {"*"});
    add("b", {"content/*"});
    add("d", {"content/malware"});
    add("c", {"messaging/spam", "content/malware"});
    EXPECT_EQ(core::policy_for("content/malware", policies)->id.text(), "c");
    EXPECT_EQ(core::policy_for("content/fraud", policies)->id.text(), "b");
    EXPECT_EQ(core::policy_for("reputation/blocklist", policies)->id.text(), "a");
    policies.erase(PolicyId("a"));
    EXPECT_EQ(core::policy_for("reputation/blocklist", policies), nullptr);
}

TEST(PolicyFor, TheShippedOnes) {
    std::vector<FileMistakes> mistakes;
    const auto set = load_policies(shipped, mistakes);
    ASSERT_TRUE(mistakes.empty()) << describe(mistakes);
    const auto id = [&](const char* type) {
        const auto* policy = core::policy_for(type, set.in_force);
        return policy ? policy->id.text() : "none";
    };
    EXPECT_EQ(id("content/malware"), "virus-content");
    EXPECT_EQ(id("connection/infected_host"), "virus-content");
    EXPECT_EQ(id("infrastructure/botnet"), "virus-content");
    EXPECT_EQ(id("messaging/spam"), "general");
    EXPECT_EQ(id("infrastructure/compromised_server"), "general");
    EXPECT_EQ(id("content/phishing"), "phishing");
    EXPECT_EQ(id("copyright/p2p"), "phishing");
    EXPECT_EQ(id("connection/ddos"), "outbound-attack");
    EXPECT_EQ(id("connection/port_scan"), "outbound-attack");
    EXPECT_EQ(id("connection/scraping"), "phishing");
    EXPECT_EQ(id("connection/high_bandwidth"), "high-bandwidth");
}

}  // namespace
}  // namespace bailiff::test
