// SPDX-License-Identifier: Apache-2.0
// Whose an address was, the provider's records, and who reports, by REST.
#include "tests/unit/api/api_world.hpp"

namespace bailiff::test {
namespace {

Json row(const std::string& address, const std::string& from, const std::string& vm = "web1", const std::string& to = "") {
    return {{"address", address}, {"from", from}, {"to", to}, {"vm", vm}};
}

TEST(Addresses, AreImportedRowByRow) {
    ApiWorld world;
    const Json rows = Json::array({row("203.0.113.7", "2026-03-01T00:00:00Z"), row("203.0.113.9/29", "2026-03-01T00:00:00Z"),
                                   row("203.0.113.8/29", "2026-03-01T00:00:00Z", "web9")});
    EXPECT_EQ(world.ask("POST", "/api/v1/addresses/import", "ana", {{"rows", rows}}).status, 403);
    const auto dry = world.ask("POST", "/api/v1/addresses/import", "apu", {{"rows", rows}, {"dry_run", true}});
    ASSERT_EQ(dry.status, 200) << dry.body;
    EXPECT_EQ(dry.json().at("added"), 2);
    EXPECT_EQ(world.ask("GET", "/api/v1/addresses/203.0.113.7").json().at("confidence"), "unknown") << "nothing was changed";
    const auto got = world.ask("POST", "/api/v1/addresses/import", "apu", {{"rows", rows}}).json();
    EXPECT_EQ(got.at("added"), 2);
    EXPECT_EQ(got.at("unknown_vms"), 1);
    ASSERT_EQ(got.at("mistakes").size(), 1u);
    EXPECT_EQ(got.at("mistakes")[0].at("row"), 1);
    EXPECT_NE(got.at("mistakes")[0].at("text").get<std::string>().find("203.0.113.8/29"), std::string::npos);
    EXPECT_EQ(world.ask("POST", "/api/v1/addresses/import", "apu", {{"rows", rows}}).json().at("unchanged"), 2);
    EXPECT_EQ(world.ask("POST", "/api/v1/addresses/import", "apu", {{"rows", Json(std::vector<int>(2001, 1))}}).status, 422);
    EXPECT_EQ(world.ask("POST", "/api/v1/addresses/import", "apu", {{"rows", 7}}).status, 422);
}

TEST(Addresses, SayWhoseTheyWere) {
    ApiWorld world;
    world.ask("POST", "/api/v1/addresses/import", "apu", {{"rows", Json::array({row("2001:db8:7::/64", "2026-03-01T00:00:00Z")})}});
    const auto got = world.ask("GET", "/api/v1/addresses/2001%3Adb8%3A7%3A%3A25?at=2026-03-01T12%3A00%3A00Z", "ana");
    ASSERT_EQ(got.status, 200) << got.body;
    const auto json = got.json();
    EXPECT_EQ(json.at("confidence"), "certain");
    EXPECT_EQ(json.at("address"), "2001:db8:7::25");
    EXPECT_EQ(json.at("vm").at("name"), "web1");
    EXPECT_EQ(json.at("vm").at("host"), "h1");
    EXPECT_EQ(json.at("customer").at("name"), "Rao Textiles");
    EXPECT_EQ(json.at("holders")[0].at("source"), "import");
    ASSERT_EQ(json.at("history").size(), 1u);
    EXPECT_EQ(json.at("history")[0].at("prefix"), "2001:db8:7::/64");
    const auto before = world.ask("GET", "/api/v1/addresses/2001:db8:7::25?at=2026-02-01T12:00:00Z", "ana").json();
    EXPECT_EQ(before.at("confidence"), "unknown");
    EXPECT_TRUE(before.at("vm").is_null());
    for (const char* bad : {"/api/v1/addresses/web1", "/api/v1/addresses/192.0.2.1?at=yesterday", "/api/v1/addresses/192.0.2.1?port=0",
                            "/api/v1/addresses/192.0.2.1?colour=red"})
        EXPECT_EQ(world.ask("GET", bad, "ana").status, 422) << bad;
}

TEST(Addresses, ThatHostsKnowStandWithTheVmAndTheirSource) {
    ApiWorld world;
    VmRecord record;
    record.vm = VmId(ApiWorld::web1);
    record.name = "web1";
    record.power = Power::running;
    record.addresses = {{KnownBy::enforced, "203.0.113.7"}, {KnownBy::lease, "203.0.113.8"}, {KnownBy::lease, "192.168.122.2"}};
    world.desk.on_frame(HostId("h1"), Frame{MessageId("i-1"), InventoryPart{1, false, {record}}});
    const auto vm = world.ask("GET", "/api/v1/vms/" + record.vm.text(), "ana").json();
    EXPECT_EQ(dump_json(vm.at("host_addresses")), R"([{"address":"203.0.113.7","source":"enforced"},{"address":"203.0.113.8","source":"lease"}])");
    const auto enforced = world.ask("GET", "/api/v1/addresses/203.0.113.7", "ana").json();
    const auto lease = world.ask("GET", "/api/v1/addresses/203.0.113.8", "ana").json();
    EXPECT_EQ(enforced.at("confidence"), "certain");
    EXPECT_EQ(enforced.at("holders")[0].at("source"), "enforced");
    EXPECT_EQ(lease.at("confidence"), "likely");
    EXPECT_EQ(lease.at("history")[0].at("source"), "lease");
}

TEST(Addresses, StandWithTheReportAndTheCase) {
    ApiWorld world;
    const auto waiting = world.ask("POST", "/api/v1/reports", "ana",
                                   {{"type", "content/malware"}, {"address", "203.0.113.7"}, {"observed_at", "2026-03-01T12:00:00Z"}, {"summary", "EICAR"},
                                    {"port", 443}});
    ASSERT_EQ(waiting.status, 201) << waiting.body;
    EXPECT_EQ(waiting.json().at("case"), "");
    auto report = world.ask("GET", "/api/v1/reports/R-1", "ana").json();
    EXPECT_EQ(report.at("wait"), "history");
    EXPECT_EQ(report.at("port"), 443);
    EXPECT_EQ(report.at("who").at("confidence"), "unknown");
    EXPECT_EQ(world.ask("POST", "/api/v1/addresses/import", "apu", {{"rows", Json::array({row("203.0.113.7", "2026-03-01T00:00:00Z")})}}).json().at("reports"), 1);
    world.advance(Seconds(1));
    report = world.ask("GET", "/api/v1/reports/R-1", "ana").json();
    EXPECT_EQ(report.at("case"), "C-1");
    EXPECT_EQ(report.at("who").at("confidence"), "certain");
    const auto c = world.ask("GET", "/api/v1/cases/C-1", "ana").json();
    EXPECT_NE(c.at("who").at("reason").get<std::string>().find("web1 had 203.0.113.7 since 2026-03-01T00:00:00Z"), std::string::npos) << c.at("who");
}

TEST(Addresses, ChangeWithTheVm) {
    ApiWorld world;
    const Json web1{{"name", "web1"}, {"host", "h1"}, {"customer", "K-7"}, {"addresses", {"192.0.2.10", "203.0.113.7"}}};
    ASSERT_EQ(world.ask("PUT", std::string("/api/v1/vms/") + ApiWorld::web1, "apu", web1).status, 200);
    world.advance(Seconds(86'400));
    Json without = web1;
    without["addresses"] = Json::array({"192.0.2.10"});
    ASSERT_EQ(world.ask("PUT", std::string("/api/v1/vms/") + ApiWorld::web1, "apu", without).status, 200);
    const auto got = world.ask("GET", "/api/v1/addresses/203.0.113.7?at=2026-03-02T12:00:00Z", "ana").json();
    EXPECT_EQ(got.at("confidence"), "certain") << got;
    EXPECT_EQ(got.at("history")[0].at("source"), "inventory");
    EXPECT_FALSE(got.at("history")[0].at("until").is_null());
}

TEST(Addresses, OfAVmMayBeNetworks) {
    ApiWorld world;
    const std::string path = std::string("/api/v1/vms/") + ApiWorld::web1;
    const auto put = [&](const std::string& address) {
        return world.ask("PUT", path, "apu", {{"name", "web1"}, {"host", "h1"}, {"customer", "K-7"}, {"addresses", {address}}});
    };
    ASSERT_EQ(put("2001:DB8:7:0::/64").json().at("addresses"), Json::array({"2001:db8:7::/64"})) << "one text for each";
    const auto got = world.ask("GET", "/api/v1/addresses/2001:db8:7::25", "ana").json();
    EXPECT_EQ(got.at("vm").at("name"), "web1") << got;
    EXPECT_EQ(got.at("confidence"), "certain");
    for (const char* wrong : {"192.0.2.300", "web1", "192.0.2.10/24", "10.0.0.0/8", "2001:db8::/31"}) EXPECT_EQ(put(wrong).status, 422) << wrong;
    EXPECT_NE(put("192.0.2.10/24").body.find("192.0.2.0/24"), std::string::npos) << "what may be meant is named";
}

TEST(Reporters, AreShownAndJudged) {
    ApiWorld world;
    EXPECT_EQ(world.ask("GET", "/api/v1/reporters", "ana").json().at("items").size(), 0u);
    EXPECT_EQ(world.ask("GET", "/api/v1/reporters/example.net", "ana").status, 404);
    const Json throttle{{"standing", "throttled"}, {"reason", "takes every scan for an attack"}};
    EXPECT_EQ(world.ask("PUT", "/api/v1/reporters/example.net", "ana", throttle).status, 403);
    EXPECT_EQ(world.ask("PUT", "/api/v1/reporters/example.net", "apu", {{"standing", "throttled"}}).status, 422) << "a reason is needed";
    EXPECT_EQ(world.ask("PUT", "/api/v1/reporters/example.net", "apu", {{"standing", "banished"}, {"reason", "x"}}).status, 422);
    ASSERT_EQ(world.ask("PUT", "/api/v1/reporters/example.net", "apu", throttle).status, 200);
    ASSERT_EQ(world.ask("PUT", "/api/v1/reporters/unproven%3Aexample.net", "apu", throttle).status, 200);
    const auto one = world.ask("GET", "/api/v1/reporters/example.net", "ana").json();
    EXPECT_EQ(one.at("standing"), "throttled");
    EXPECT_EQ(one.at("by"), "staff:apu");
    EXPECT_EQ(one.at("proven"), true);
    EXPECT_NE(one.at("throttled").get<std::string>().find("takes every scan"), std::string::npos);
    EXPECT_EQ(one.at("ever").at("reports"), 0);
    const auto page = world.ask("GET", "/api/v1/reporters?limit=1", "ana").json();
    EXPECT_EQ(page.at("items").size(), 1u);
    EXPECT_EQ(world.ask("GET", "/api/v1/reporters?cursor=" + page.at("next").get<std::string>(), "ana").json().at("items")[0].at("id"), "unproven:example.net");
}

TEST(Reports, AreSettledWithoutACase) {
    ApiWorld world;
    world.ask("POST", "/api/v1/reports", "ana", {{"type", "content/malware"}, {"address", "198.51.100.9"}, {"summary", "EICAR"}});
    EXPECT_EQ(world.ask("POST", "/api/v1/reports/R-1/settle", "ana", {{"as", "not_ours"}}).status, 422);
    EXPECT_EQ(world.ask("POST", "/api/v1/reports/R-1/settle", "ana", {{"as", "boring"}, {"reason", "x"}}).status, 422);
    const auto got = world.ask("POST", "/api/v1/reports/R-1/settle", "ana", {{"as", "not_ours"}, {"reason", "the neighbour's"}});
    ASSERT_EQ(got.status, 200) << got.body;
    EXPECT_EQ(got.json().at("settled").get<std::string>().find("not_ours: the neighbour's (staff:ana"), 0u) << got.body;
    EXPECT_TRUE(world.ask("GET", "/api/v1/reports?triage=true", "ana").json().at("items").empty());
    EXPECT_EQ(world.ask("GET", "/api/v1/reports", "ana").json().at("items").size(), 1u);
    EXPECT_EQ(world.ask("POST", "/api/v1/reports/R-1/settle", "ana", {{"as", "duplicate"}, {"reason", "x"}}).status, 409);
    EXPECT_EQ(world.ask("POST", "/api/v1/reports/R-9/settle", "ana", {{"as", "duplicate"}, {"reason", "x"}}).status, 404);
}

}  // namespace
}  // namespace bailiff::test
