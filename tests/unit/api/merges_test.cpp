// SPDX-License-Identifier: Apache-2.0
// What the case desk can do with cases that belong together, over the API: who may, and what is shown.
#include "tests/unit/api/api_world.hpp"

namespace bailiff::test {
namespace {

struct Desked : testing::Test {
    ApiWorld world;
    std::string report(const std::string& type, const Json& more = Json::object()) {
        Json body{{"type", type}, {"vm", ApiWorld::web1}, {"summary", "seen"}};
        body.update(more);
        return world.ask("POST", "/api/v1/reports", "ana", body).json().at("case").get<std::string>();
    }
    Got post(const std::string& path, const std::string& who, const Json& body) { return world.ask("POST", "/api/v1/cases/" + path, who, body); }
    Json show(const std::string& id) { return world.ask("GET", "/api/v1/cases/" + id).json(); }
};

TEST_F(Desked, merge_and_undo) {
    const auto a = report("content/malware"), b = report("messaging/spam");
    const auto merged = post(a + "/merges", "ana", {{"case", b}, {"reason", "one matter"}});
    ASSERT_EQ(merged.status, 200) << merged.body;
    EXPECT_EQ(merged.json().at("id"), a);
    EXPECT_EQ(merged.json().at("reports").size(), 2u);
    EXPECT_EQ(merged.json().at("merged")[0].at("case"), b);
    EXPECT_FALSE(merged.header("ETag").empty());
    EXPECT_EQ(show(b).at("merged_into"), a);
    EXPECT_EQ(show(b).at("outcome"), "merged");
    EXPECT_EQ(post(a + "/undo", "ana", {{"case", b}, {"reason", "two"}}).status, 403);
    EXPECT_EQ(post(a + "/undo", "apu", {{"case", b}, {"reason", "two"}}).status, 200);
    EXPECT_EQ(post(a + "/undo", "apu", {{"case", b}, {"reason", "two"}}).status, 409);
    EXPECT_EQ(show(b).at("phase"), "open");
    EXPECT_EQ(post(a + "/merges", "ana", {{"case", "C-99"}, {"reason", "x"}}).status, 404);
    EXPECT_EQ(post("C-99/merges", "ana", {{"case", a}, {"reason", "x"}}).status, 404);
    EXPECT_EQ(post(a + "/merges", "ana", {{"case", b}}).status, 422);
    EXPECT_EQ(post(a + "/merges", "ana", {{"case", b}, {"reason", "x"}, {"insist", true}}).status, 403);
    EXPECT_EQ(world.ask("POST", "/api/v1/cases/" + a + "/merges", "ana", {{"case", b}, {"reason", "x"}}, {{"if-match", "\"1\""}}).status, 412);
}

TEST_F(Desked, split_takes_an_approver_where_a_case_opens) {
    const auto a = report("content/malware");
    report("content/malware");
    EXPECT_EQ(post(a + "/splits", "ana", {{"reports", Json::array({"R-2"})}, {"reason", "x"}}).status, 403);
    EXPECT_EQ(post(a + "/splits", "apu", {{"reports", Json::array({"R-2"})}, {"to", "bin"}, {"reason", "x"}}).status, 422);
    EXPECT_EQ(post(a + "/splits", "apu", {{"reports", Json::array({"R-2"})}, {"vm", "web1"}, {"reason", "x"}}).status, 422);
    const auto split = post(a + "/splits", "apu", {{"reports", Json::array({"R-2"})}, {"reason", "two matters"}});
    ASSERT_EQ(split.status, 200) << split.body;
    EXPECT_EQ(split.json().at("reports").size(), 1u);
    ASSERT_EQ(split.json().at("links").size(), 1u) << split.body;
    EXPECT_EQ(split.json().at("links")[0].at("case"), "C-2");
    EXPECT_EQ(split.json().at("links")[0].at("how"), Json::array({"split_off", "same_vm", "same_customer"}));
    EXPECT_EQ(show("C-2").at("split_from"), a);
    report("content/malware");
    EXPECT_EQ(post(a + "/splits", "ana", {{"reports", Json::array({"R-3"})}, {"to", "triage"}, {"reason", "x"}}).status, 200);
    EXPECT_EQ(world.ask("GET", "/api/v1/reports?triage=true").json().at("items").size(), 1u);
}

TEST_F(Desked, appeals_and_their_decision) {
    const auto id = report("connection/ddos");   // cut at once
    EXPECT_EQ(post(id + "/appeals", "ana", {{"text", ""}}).status, 422);
    const auto lodged = post(id + "/appeals", "ana", {{"text", "not us"}, {"channel", "phone"}});
    ASSERT_EQ(lodged.status, 200) << lodged.body;
    EXPECT_EQ(lodged.json().at("appeal"), "pending");
    EXPECT_EQ(lodged.json().at("deadline").at("what"), "appeal");
    EXPECT_EQ(post(id + "/appeal-decisions", "ana", {{"decision", "upheld"}, {"reason", "x"}}).status, 403);
    EXPECT_EQ(post(id + "/appeal-decisions", "apu", {{"decision", "perhaps"}, {"reason", "x"}}).status, 422);
    const auto decided = post(id + "/appeal-decisions", "apu", {{"decision", "rejected"}, {"reason", "the log shows it"}});
    ASSERT_EQ(decided.status, 200) << decided.body;
    EXPECT_FALSE(decided.json().contains("appeal"));
    EXPECT_EQ(decided.json().at("appeals")[0].at("state"), "rejected");
    EXPECT_EQ(decided.json().at("appeals")[0].at("decided_by"), "staff:apu");
    EXPECT_EQ(decided.json().at("desired"), "isolated");
}

TEST_F(Desked, lists_show_and_ask_who_looks_after_a_case) {
    const auto a = report("content/malware");
    report("messaging/spam");
    ASSERT_EQ(post(a + "/assignments", "ana", {{"account", "ana"}}).status, 200);
    EXPECT_EQ(post(a + "/assignments", "ana", {{"account", "nobody"}}).status, 404);
    const auto of_ana = world.ask("GET", "/api/v1/cases?assignee=ana").json().at("items");
    ASSERT_EQ(of_ana.size(), 1u);
    EXPECT_EQ(of_ana[0].at("id"), a);
    EXPECT_EQ(of_ana[0].at("assignee"), "ana");
    EXPECT_EQ(of_ana[0].at("severity"), "normal");
    ASSERT_EQ(post(a + "/assignments", "ana", Json::object()).status, 200);
    EXPECT_TRUE(world.ask("GET", "/api/v1/cases?assignee=ana").json().at("items").empty());
}

TEST_F(Desked, a_case_shows_who_stands_behind_it_and_what_keeps_it_still) {
    const auto bandwidth = report("connection/high_bandwidth", {{"reporter", "noc@provider.example"}});
    const auto attack = report("connection/ddos", {{"ascertained", true}});
    EXPECT_EQ(show(bandwidth).at("muted_by"), attack);
    EXPECT_EQ(show(bandwidth).at("sources"), (Json{{"asked_for", 1}, {"independent", Json::array({"provider.example"})}, {"ascertained", false}, {"suffice", true}}));
    EXPECT_EQ(show(attack).at("sources").at("ascertained"), true);
    EXPECT_EQ(show(attack).at("severity"), "high");
    EXPECT_EQ(show(attack).at("links")[0].at("how"), Json::array({"mutes", "same_vm", "same_customer"}));
}

}  // namespace
}  // namespace bailiff::test
