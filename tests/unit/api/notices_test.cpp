// SPDX-License-Identifier: Apache-2.0
// Notices before they are sent, and support tokens: what the addresses do, and who may.
#include "tests/unit/api/api_world.hpp"

namespace bailiff::test {
namespace {

TEST(Preview, shows_a_notice_with_the_cases_data_and_sends_nothing) {
    ApiWorld world;
    const std::string place = "/api/v1/cases/" + world.open_case() + "/notices/";
    world.advance(Seconds(0));
    const size_t sent = world.mailer.sent.size();
    const auto before = world.ask("GET", "/api/v1/cases/C-1").body;
    const auto shown = world.ask("GET", place + "further_report/preview", "ana").json();
    EXPECT_EQ(shown.at("subject"), "[C-1] further_report (en)");
    EXPECT_EQ(Json::parse(shown.at("text").get<std::string>()).at("vm_name"), "web1");
    EXPECT_TRUE(shown.contains("html"));
    EXPECT_EQ(world.ask("GET", place + "ticket/preview?language=hi", "ana").json().at("subject"), "[C-1] ticket (hi)");
    EXPECT_EQ(world.ask("GET", place + "call_reminder/preview", "ana").json().at("subject"), "[C-1] call_reminder (en)");
    world.advance(Seconds(60));
    EXPECT_EQ(world.mailer.sent.size(), sent);
    EXPECT_EQ(world.ask("GET", "/api/v1/cases/C-1").body, before);
}

TEST(Preview, says_what_there_is_not) {
    ApiWorld world;
    const std::string place = "/api/v1/cases/" + world.open_case() + "/notices/";
    EXPECT_EQ(world.ask("GET", "/api/v1/cases/C-99/notices/ticket/preview").status, 404);
    const auto none = world.ask("GET", place + "tickett/preview");
    EXPECT_EQ(none.status, 404);
    EXPECT_NE(none.body.find("tickett"), std::string::npos) << none.body;
    EXPECT_EQ(world.ask("GET", place + "ticket/preview?langage=hi").status, 422);
    EXPECT_EQ(world.ask("POST", place + "ticket/preview", "ada", Json::object()).status, 405);
    EXPECT_EQ(world.ask("GET", place + "ticket/preview", "").status, 401);
}

TEST(Tokens, are_granted_charged_and_refunded_and_the_ledger_says_so) {
    ApiWorld world;
    const std::string ledger = "/api/v1/customers/K-7/tokens";
    EXPECT_EQ(world.ask("GET", ledger, "ana").json(), (Json{{"customer", "K-7"}, {"balance", 0}, {"charged", 0}, {"items", Json::array()}}));
    const auto granted = world.ask("POST", ledger, "apu", {{"amount", 5}, {"reason", "bought, invoice 4711"}});
    EXPECT_EQ(granted.status, 201) << granted.body;
    EXPECT_EQ(granted.json().at("kind"), "grant");
    EXPECT_EQ(granted.json().at("actor"), "staff:apu");
    const auto id = world.open_case();
    EXPECT_EQ(world.ask("POST", "/api/v1/cases/" + id + "/replies", "ana", {{"kind", "fix_request"}}).json().at("tokens"), 1);
    EXPECT_EQ(world.ask("POST", "/api/v1/cases/" + id + "/refunds", "apu", {{"reason", "took two days"}}).json().at("tokens"), 0);
    EXPECT_EQ(world.ask("POST", "/api/v1/cases/" + id + "/refunds", "apu", {{"reason", "again"}}).status, 409);
    EXPECT_EQ(world.ask("POST", ledger, "apu", {{"kind", "adjustment"}, {"amount", -2}, {"reason", "counted twice"}}).json().at("balance"), 3);
    const auto all = world.ask("GET", ledger, "ana").json();
    EXPECT_EQ(all.at("balance"), 3);
    EXPECT_EQ(all.at("charged"), 0);
    std::string kinds;
    for (const auto& entry : all.at("items")) kinds += entry.at("kind").get<std::string>() + entry.at("amount").dump() + " ";
    EXPECT_EQ(kinds, "adjustment-2 refund1 charge-1 grant5 ");
    EXPECT_EQ(all.at("items")[2].at("key"), "C-1/charge/1");
    EXPECT_EQ(all.at("items")[2].at("case"), "C-1");
    EXPECT_EQ(all.at("items")[2].at("at"), "2026-03-02T03:00:00Z");
    const auto page = world.ask("GET", ledger + "?limit=3").json();
    EXPECT_EQ(page.at("items").size(), 3u);
    EXPECT_EQ(world.ask("GET", ledger + "?cursor=" + page.at("next").get<std::string>()).json().at("items").at(0).at("number"), 1);
}

TEST(Tokens, an_entry_that_is_posted_twice_counts_once) {
    ApiWorld world;
    const std::string ledger = "/api/v1/customers/K-7/tokens";
    const std::vector<std::pair<std::string, std::string>> once{{"idempotency-key", "invoice-4711"}};
    EXPECT_EQ(world.ask("POST", ledger, "apu", {{"amount", 5}, {"reason", "bought"}}, once).status, 201);
    EXPECT_EQ(world.ask("POST", ledger, "apu", {{"amount", 5}, {"reason", "bought"}}, once).status, 201);
    EXPECT_EQ(world.ask("GET", ledger).json().at("balance"), 5);
}

TEST(Tokens, need_an_approver_a_reason_and_a_sound_amount) {
    ApiWorld world;
    const std::string ledger = "/api/v1/customers/K-7/tokens";
    EXPECT_EQ(world.ask("POST", ledger, "ana", {{"amount", 5}, {"reason", "x"}}).status, 403);
    EXPECT_EQ(world.ask("POST", "/api/v1/cases/" + world.open_case() + "/refunds", "ana", {{"reason", "x"}}).status, 403);
    for (const Json& body : {Json{{"amount", 5}}, Json{{"reason", "x"}}, Json{{"amount", 0}, {"reason", "x"}}, Json{{"amount", -5}, {"reason", "x"}},
                             Json{{"amount", 5}, {"reason", ""}}, Json{{"amount", 1'000'001}, {"reason", "x"}}, Json{{"amount", 5}, {"reason", "x"}, {"kind", "charge"}},
                             Json{{"amount", 5}, {"reason", "x"}, {"kind", "gift"}}, Json{{"amount", 5}, {"reason", "x"}, {"customer", "K-8"}}})
        EXPECT_EQ(world.ask("POST", ledger, "apu", body).status, 422) << body.dump();
    EXPECT_EQ(world.ask("POST", "/api/v1/customers/K-99/tokens", "apu", {{"amount", 5}, {"reason", "x"}}).status, 404);
    EXPECT_EQ(world.ask("GET", "/api/v1/customers/K-99/tokens").status, 404);
    EXPECT_EQ(world.ask("GET", ledger).json().at("balance"), 0);
}

}  // namespace
}  // namespace bailiff::test
