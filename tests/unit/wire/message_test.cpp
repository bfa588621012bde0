// SPDX-License-Identifier: Apache-2.0
// The frames and fields that came after 0.1.0, and that both older and newer peers can live with them.
#include <bailiff/message.hpp>

#include <gtest/gtest.h>

namespace bailiff {
namespace {

TEST(JobAnswer, tells_suspicions_and_older_agents_tell_none) {
    JobAnswer answer;
    answer.job_id = JobId("scan/1.1");
    answer.status = AnswerStatus::done;
    answer.verdict = ScanVerdict::clean;
    answer.suspicious = 23;
    answer.suspicions = {{"/etc/cron.d/\\x0a", "cron_download", "pipes a download into sh"}};
    const Frame frame{MessageId("m"), answer};
    const auto back = decode(encode(frame));
    ASSERT_TRUE(back) << back.error().text;
    EXPECT_EQ(*back, frame);

    Json old = *parse_json(encode(frame));
    old["body"].erase("suspicious");
    old["body"].erase("suspicions");
    const auto read = decode(dump_json(old));
    ASSERT_TRUE(read) << read.error().text;
    answer.suspicious = 0;
    answer.suspicions.clear();
    EXPECT_EQ(std::get<JobAnswer>(read->message), answer);

    Json wrong = *parse_json(encode(frame));
    wrong["body"]["suspicions"][0].erase("reason");
    EXPECT_FALSE(decode(dump_json(wrong)));
    wrong = *parse_json(encode(frame));
    wrong["body"]["suspicious"] = -1;
    EXPECT_FALSE(decode(dump_json(wrong)));
}

Discovery discovery() {
    Discovery out;
    out.vm = VmId("11111111-1111-4111-8111-111111111111");
    out.at = *parse_rfc3339("2026-03-02T03:30:00Z");
    out.verdict = ScanVerdict::infected;
    out.live = true;
    out.files = 7;
    out.bytes = 4096;
    out.skipped = 1;
    out.hits_total = 1;
    out.hits = {{"/tmp/x", "Eicar", "clamav", std::string(64, 'a')}};
    out.engines = {{"clamav", "ClamAV 1.0.7", "daily-1", *parse_rfc3339("2026-03-01T00:00:00Z")}};
    return out;
}

TEST(DiscoveryFrame, is_written_letter_by_letter_and_read_back) {
    const Frame frame{MessageId("sweep-1"), discovery()};
    EXPECT_EQ(encode(frame),
              R"({"body":{"at":"2026-03-02T03:30:00Z","bytes":4096,"engines":[{"engine":"clamav","set":"daily-1","signatures_at":"2026-03-01T00:00:00Z",)"
              R"("version":"ClamAV 1.0.7"}],"files":7,"hits":[{"engine":"clamav","path":"/tmp/x","sha256":")" + std::string(64, 'a') +
                  R"(","signature":"Eicar"}],"hits_total":1,"live":true,"skipped":1,"verdict":"infected","vm":"11111111-1111-4111-8111-111111111111"},)"
                  R"("id":"sweep-1","type":"discovery"})");
    EXPECT_EQ(decode(encode(frame)).value(), frame);
}

TEST(DiscoveryFrame, takes_fields_of_later_versions_and_needs_only_what_matters) {
    const auto read = decode(R"({"id":"s","type":"discovery","body":{"vm":"v","at":"2026-03-02T03:30:00Z","verdict":"incomplete","later":[1]}})");
    ASSERT_TRUE(read) << read.error().text;
    EXPECT_TRUE(std::get<Discovery>(read->message).hits.empty());
    for (const char* wrong : {R"({"at":"2026-03-02T03:30:00Z","verdict":"clean"})", R"({"vm":"v","verdict":"clean"})",
                              R"({"vm":"v","at":"2026-03-02T03:30:00Z"})", R"({"vm":"v","at":"2026-03-02T03:30:00Z","verdict":"guilty"})",
                              R"({"vm":"v","at":"2026-03-02T03:30:00Z","verdict":"clean","files":-1})",
                              R"({"vm":"v","at":"2026-03-02T03:30:00Z","verdict":"clean","hits":[{"path":"/x"}]})"})
        EXPECT_FALSE(decode(std::string(R"({"id":"s","type":"discovery","body":)") + wrong + "}")) << wrong;
}

TEST(WelcomeFrame, of_an_older_controller_takes_nothing_new) {
    const auto old = decode(R"({"id":"w","type":"welcome","body":{"epoch":1,"now":"2026-03-02T03:30:00Z"}})");
    ASSERT_TRUE(old);
    EXPECT_TRUE(std::get<Welcome>(old->message).takes.empty());
    const Frame frame{MessageId("w"), Welcome{1, *parse_rfc3339("2026-03-02T03:30:00Z"), {"discovery"}}};
    EXPECT_EQ(decode(encode(frame)).value(), frame);
}

TEST(HeartbeatFrame, of_an_older_agent_says_nothing_of_a_sweep) {
    const auto old = decode(R"({"id":"h","type":"heartbeat","body":{"now":"2026-03-02T03:30:00Z","gate_up":true,"locks":0,"open_operations":0}})");
    ASSERT_TRUE(old);
    EXPECT_EQ(std::get<Heartbeat>(old->message).sweep, "");
}

TEST(InventoryFrame, tells_addresses_and_older_agents_tell_none) {
    VmRecord record;
    record.vm = VmId("11111111-1111-4111-8111-111111111111");
    record.name = "web1";
    record.addresses = {{KnownBy::enforced, "203.0.113.7"}, {KnownBy::lease, "2001:db8::7"}};
    const Frame frame{MessageId("i-1"), InventoryPart{7, true, {record}}};
    EXPECT_NE(encode(frame).find(R"("addresses":[{"address":"203.0.113.7","by":"enforced"},{"address":"2001:db8::7","by":"lease"}])"), std::string::npos);
    const auto back = decode(encode(frame));
    ASSERT_TRUE(back) << back.error().text;
    EXPECT_EQ(*back, frame);

    Json old = *parse_json(encode(frame));
    old["body"]["vms"][0].erase("addresses");
    const auto read = decode(dump_json(old));
    ASSERT_TRUE(read) << read.error().text;
    EXPECT_TRUE(std::get<InventoryPart>(read->message).vms.at(0).addresses.empty());

    const auto refused = [&](const Json& addresses) {
        Json wrong = *parse_json(encode(frame));
        wrong["body"]["vms"][0]["addresses"] = addresses;
        return !decode(dump_json(wrong));
    };
    EXPECT_TRUE(refused({{{"by", "guess"}, {"address", "203.0.113.7"}}}));
    EXPECT_TRUE(refused({{{"by", "lease"}, {"address", std::string(65, '1')}}}));
    Json many = Json::array();
    for (size_t i = 0; i < most_vm_addresses; ++i) many.push_back({{"by", "lease"}, {"address", "203.0.113.7"}});
    EXPECT_FALSE(refused(many));
    many.push_back(many[0]);
    EXPECT_TRUE(refused(many));
}

}  // namespace
}  // namespace bailiff
