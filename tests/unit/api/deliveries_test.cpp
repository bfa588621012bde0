// SPDX-License-Identifier: Apache-2.0
// Mails and XARF documents by REST: kept whole, told again, refused only where nothing was kept.
#include "tests/unit/api/api_world.hpp"

#include <fstream>
#include <iterator>

namespace bailiff::test {
namespace {

std::string fixture(const std::string& file) {
    std::ifstream in(std::string(BAILIFF_SOURCE_DIR) + "/tests/fixtures/reports/" + file, std::ios::binary);
    EXPECT_TRUE(in) << file;
    return {std::istreambuf_iterator<char>(in), {}};
}

Got hand_in(ApiWorld& world, const std::string& bytes, const std::string& type = "message/rfc822", const std::string& query = "") {
    return world.send("POST", "/api/v1/reports" + query, "ana", bytes, {{"content-type", type}});
}

TEST(Deliveries, AMailIsKeptAndFiled) {
    ApiWorld world;
    world.clock.advance(Seconds(86400));   // what it tells of lies in the past then
    const auto mail = fixture("arf_base64.eml");
    const auto got = hand_in(world, mail, "message/rfc822", "?sender=fbl%40mailbox.example&recipient=abuse%40provider.example");
    ASSERT_EQ(got.status, 201) << got.body;
    const auto json = got.json();
    EXPECT_EQ(json.at("id"), "M-1");
    EXPECT_EQ(got.header("Location"), "/api/v1/deliveries/M-1");
    EXPECT_EQ(json.at("state"), "filed");
    EXPECT_EQ(json.at("format"), "arf");
    EXPECT_EQ(json.at("sender"), "fbl@mailbox.example");
    EXPECT_EQ(json.at("folded"), false);
    ASSERT_EQ(json.at("reports").size(), 1u) << got.body;
    ASSERT_EQ(json.at("reports")[0].at("case"), "C-1") << got.body;
    EXPECT_EQ(world.storage.find_case(CaseId("C-1"))->vm.text(), ApiWorld::web1);
    const auto report = world.ask("GET", "/api/v1/reports/R-1", "ana").json();
    EXPECT_EQ(report.at("delivery"), "M-1");
    EXPECT_NE(report.at("raw").get<std::string>().find("Message-ID: <fbl-1@mailbox.example>"), std::string::npos);
    const auto raw = world.ask("GET", "/api/v1/deliveries/M-1/raw", "ana");
    EXPECT_EQ(raw.body, mail);
    EXPECT_EQ(raw.header("Content-Type"), "application/octet-stream") << "a browser must not show a stranger's bytes";
    EXPECT_EQ(raw.header("Content-Disposition"), "attachment; filename=\"M-1.eml\"");
}

TEST(Deliveries, TheSameAgainIsToldAndNotFiled) {
    ApiWorld world;
    hand_in(world, fixture("arf_base64.eml"));
    const auto again = hand_in(world, fixture("arf_base64.eml"));
    EXPECT_EQ(again.status, 200);
    EXPECT_EQ(again.json().at("folded"), true);
    EXPECT_EQ(again.json().at("times"), 2);
    EXPECT_EQ(again.json().at("reports").size(), 1u);
    EXPECT_EQ(hand_in(world, "Received: by another way\n" + fixture("arf_base64.eml")).json().at("id"), "M-1");
    EXPECT_EQ(world.storage.reports(false, {}, 10).size(), 1u);
}

TEST(Deliveries, XarfComesAsItselfOrAsJson) {
    ApiWorld world;
    const auto xarf = fixture("xarf3_sourceip.json");
    const auto got = hand_in(world, xarf, "application/json");
    ASSERT_EQ(got.status, 201) << got.body;
    EXPECT_EQ(got.json().at("format"), "xarf-v3");
    EXPECT_EQ(got.json().at("reports")[0].at("case"), "C-1");
    EXPECT_EQ(hand_in(world, xarf, "application/xarf+json").status, 200) << "the same bytes";
    const std::string two = R"([{"xarf_version":"4.2.0","report_id":"1","timestamp":"2026-03-02T01:00:00Z","reporter":{"org":"C","contact":"c@r.example","domain":"r.example"},
        "source_identifier":"192.0.2.10","category":"content","type":"malware","url":"http://192.0.2.10/a"},
        {"xarf_version":"4.2.0","report_id":"2","timestamp":"2026-03-02T01:00:00Z","reporter":{"org":"C","contact":"c@r.example","domain":"r.example"},
        "source_identifier":"198.51.100.1","category":"content","type":"malware","url":"http://198.51.100.1/a"}])";
    const auto both = hand_in(world, two, "application/json");
    ASSERT_EQ(both.status, 201) << both.body;
    EXPECT_EQ(both.json().at("events"), 2) << both.body;
    const auto large = hand_in(world, "{\"xarf_version\":\"4.2.0\",\"evidence\":\"" + std::string(2 << 20, 'x') + "\"}", "application/json");
    EXPECT_EQ(large.status, 201) << "kept, whatever it is: " << large.body.substr(0, 300);
    EXPECT_EQ(world.send("POST", "/api/v1/reports", "ana", "\"" + std::string(2 << 20, 'x') + "\"").status, 413);
}

TEST(Deliveries, WhatCannotBeReadWaitsWithItsOriginal) {
    ApiWorld world;
    const std::string bytes("\0\xff\xfe not a mail", 14);
    const auto got = hand_in(world, bytes);
    ASSERT_EQ(got.status, 201);
    EXPECT_EQ(got.json().at("state"), "triage");
    EXPECT_EQ(world.ask("GET", "/api/v1/deliveries/M-1/raw", "ana").body, bytes);
    const auto prose = hand_in(world, fixture("prose.eml")).json();
    EXPECT_EQ(prose.at("state"), "triage");
    EXPECT_FALSE(prose.at("addresses").empty()) << "for the person to choose from";
    EXPECT_EQ(world.ask("GET", "/api/v1/reports?triage=true", "ana").json().at("items").size(), 2u);
    const auto cut = hand_in(world, fixture("arf_base64.eml"), "message/rfc822", "?whole_bytes=99000000").json();
    EXPECT_NE(cut.at("triage").get<std::string>().find("95 MB"), std::string::npos) << cut.at("triage");
}

TEST(Deliveries, AreListedByTheirState) {
    ApiWorld world;
    hand_in(world, fixture("arf_base64.eml"));
    hand_in(world, fixture("prose.eml"));
    const auto all = world.ask("GET", "/api/v1/deliveries?limit=1", "ana").json();
    EXPECT_EQ(all.at("items")[0].at("id"), "M-2");
    EXPECT_FALSE(all.at("items")[0].contains("warnings"));
    EXPECT_EQ(world.ask("GET", "/api/v1/deliveries?cursor=" + all.at("next").get<std::string>(), "ana").json().at("items")[0].at("id"), "M-1");
    EXPECT_EQ(world.ask("GET", "/api/v1/deliveries?state=triage", "ana").json().at("items").size(), 1u);
    EXPECT_EQ(world.ask("GET", "/api/v1/deliveries?state=odd", "ana").status, 422);
    EXPECT_EQ(world.ask("GET", "/api/v1/deliveries/M-9", "ana").status, 404);
    EXPECT_EQ(world.ask("GET", "/api/v1/deliveries/M-9/raw", "ana").status, 404);
}

TEST(Deliveries, ThatWereNotKeptAreRefusedSoThatTheDoorKeepsThem) {
    ApiWorld world;
    const auto mail = fixture("arf_base64.eml");
    world.reader.full = true;
    EXPECT_EQ(hand_in(world, mail).status, 503);
    world.reader.full = false;
    world.reader.broken = true;
    const auto broken = hand_in(world, mail);
    EXPECT_EQ(broken.status, 503);
    EXPECT_EQ(broken.header("Retry-After"), "5");
    world.reader.broken = false;
    EXPECT_TRUE(world.storage.deliveries({}, {}, 10).empty());
    EXPECT_EQ(hand_in(world, mail, "message/rfc822", "?sendr=x").status, 422);
    EXPECT_EQ(hand_in(world, mail, "text/plain").status, 415);
    EXPECT_EQ(world.send("POST", "/api/v1/vms/x", "ada", mail, {{"content-type", "message/rfc822"}}).status, 405);
    EXPECT_EQ(world.send("PUT", "/api/v1/customers/x", "ada", mail, {{"content-type", "message/rfc822"}}).status, 415) << "only reports take mails";
    EXPECT_EQ(world.send("POST", "/api/v1/reports", "nobody", mail, {{"content-type", "message/rfc822"}}).status, 401);
    EXPECT_EQ(hand_in(world, mail).status, 201);
}

}  // namespace
}  // namespace bailiff::test
