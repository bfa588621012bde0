// SPDX-License-Identifier: Apache-2.0
// The verdict's codec: what is written comes back, and what cannot be true is refused.
#include "agent/scan/scan_result.hpp"

#include <bailiff/json.hpp>

#include <gtest/gtest.h>

namespace bailiff::agent {
namespace {

Verdict example() {
    Verdict v;
    v.verdict = ScanVerdict::infected;
    v.files = 12;
    v.bytes = 3456;
    v.known = 2;
    v.known_good = 3;
    v.skipped = {{"/big.tar", "gpt2", SkipReason::size, "larger than 100", 101}, {"", "gpt3", SkipReason::unsupported, "xfs", 0}};
    v.skipped_total = 2;
    v.hits = {{"/a\\xff", "gpt2", "Test.Eicar", "clamav", std::string(64, 'a'), 68}};
    v.hits[0].offset = 12;
    v.hits_total = 1;
    v.suspicious = {{"/etc/cron.d/\\x0a", "gpt2", SuspicionRule::cron_download, "pipes a download into sh", std::string(64, 'b'), 40}};
    v.suspicious_total = 1;
    v.engines = {{"clamav", "ClamAV 1.4/27500/Tue Nov 24 08:00:00 2026", true, Instant(Seconds(1795507200)), "clamd 0123"}, {"yara", "sha256:00", true, {}, ""}};
    v.volumes = {{"gpt2", "ext4", 1048576, 4096, VolumeState::read, "", {"the journal was not replayed"}, 12, 3456},
                 {"gpt3", "xfs", 2097152, 4096, VolumeState::unreadable, "xfs", {}, 0, 0}};
    v.duration_ms = 17;
    return v;
}

Result<Verdict> parse_changed(const std::function<void(Json&)>& change) {
    Json json = Json::parse(verdict_json(example()));
    change(json);
    return parse_verdict(json.dump());
}

TEST(ScanResult, ComesBack) {
    const Verdict v = example();
    EXPECT_EQ(parse_verdict(verdict_json(v)).value(), v);
    EXPECT_EQ(parse_verdict(hit_json(v.hits[0]) + "\n" + skipped_json(v.skipped[0]) + "\n" + suspicious_json(v.suspicious[0]) + "\n" + verdict_json(v) + "\n").value(), v);
    EXPECT_EQ(verdict_json(v).find('\n'), std::string::npos);
}

TEST(ScanResult, TheDateOfTheSignaturesStandsWhereAnEngineSaysIt) {
    const Json json = Json::parse(verdict_json(example()));
    EXPECT_EQ(json.at("engines").at(0).at("signatures_at"), "2026-11-24T08:00:00Z");
    EXPECT_FALSE(json.at("engines").at(1).contains("signatures_at"));
    EXPECT_FALSE(parse_changed([](Json& j) { j["engines"][0]["signatures_at"] = "yesterday"; }));
}

TEST(ScanResult, RefusesWhatCannotBeBelieved) {
    ASSERT_TRUE(parse_changed([](Json&) {}));
    EXPECT_FALSE(parse_changed([](Json& j) { j["verdict"] = "clean"; }));
    EXPECT_FALSE(parse_changed([](Json& j) { j["verdict"] = "Infected"; }));
    EXPECT_FALSE(parse_changed([](Json& j) { j.erase("engines"); }));
    EXPECT_FALSE(parse_changed([](Json& j) { j["engines"] = Json::array(); }));
    EXPECT_FALSE(parse_changed([](Json& j) { j["hits"] = Json::array(); }));
    EXPECT_FALSE(parse_changed([](Json& j) { j["skipped_total"] = 1; }));
    EXPECT_FALSE(parse_changed([](Json& j) { j["files"] = -1; }));
    EXPECT_FALSE(parse_changed([](Json& j) { j["files"] = 1.0; }));
    EXPECT_FALSE(parse_changed([](Json& j) { j["surprise"] = 1; }));
    EXPECT_FALSE(parse_changed([](Json& j) { j["hits"][0]["sha256"] = "zz"; }));
    EXPECT_FALSE(parse_changed([](Json& j) { j["skipped"][0]["reason"] = "because"; }));
    EXPECT_FALSE(parse_changed([](Json& j) { j["suspicious"][0]["rule"] = "a_feeling"; }));
    EXPECT_FALSE(parse_changed([](Json& j) { j["suspicious"][0].erase("reason"); }));
    EXPECT_FALSE(parse_changed([](Json& j) { j["suspicious"][0]["sha256"] = ""; }));
    EXPECT_FALSE(parse_changed([](Json& j) { j["suspicious"] = Json::array(); }));
    EXPECT_FALSE(parse_changed([](Json& j) { j["suspicious_total"] = 0; }));
    EXPECT_FALSE(parse_changed([](Json& j) { j["known_good"] = 11; })) << "with the 2 known ones that is more than there are";
    EXPECT_FALSE(parse_verdict(""));
    EXPECT_FALSE(parse_verdict("\n\n"));
    EXPECT_FALSE(parse_verdict(verdict_json(example()).substr(0, 100)));
    EXPECT_FALSE(parse_verdict(verdict_json(example()) + "\n{}"));
}

TEST(ScanResult, ReportsOfBeforeThereWereSuspicionsAreRead) {
    const auto old = parse_changed([](Json& j) {
        for (const char* field : {"suspicious", "suspicious_total", "known_good"}) j.erase(field);
    });
    ASSERT_TRUE(old) << old.error().text;
    EXPECT_TRUE(old->suspicious.empty());
}

TEST(ScanResult, SuspicionsLeaveTheWordAlone) {
    Verdict v = example();
    v.verdict = ScanVerdict::clean;
    v.hits.clear();
    v.skipped.clear();
    v.hits_total = v.skipped_total = 0;
    v.volumes.pop_back();
    EXPECT_TRUE(parse_verdict(verdict_json(v)));
}

TEST(ScanResult, CleanNeedsEveryVolumeRead) {
    Verdict v = example();
    v.verdict = ScanVerdict::clean;
    v.hits.clear();
    v.skipped.clear();
    v.hits_total = v.skipped_total = 0;
    EXPECT_FALSE(parse_verdict(verdict_json(v))) << "gpt3 was not read";
    v.volumes.pop_back();
    EXPECT_TRUE(parse_verdict(verdict_json(v)));
}

}  // namespace
}  // namespace bailiff::agent
