// SPDX-License-Identifier: Apache-2.0
// The reports of scans at the API, and how two people accept one.
#include "tests/unit/api/api_world.hpp"

#include <bailiff/scan_report.hpp>

namespace bailiff::test {
namespace {

/// A case in review since its scan was incomplete, with the report that the host sent.
struct Scanned {
    ApiWorld world;
    std::string id, job, envelope;
    const SignatureKey key = SignatureKey::from_seed(std::string(32, 'h'));
    int frames = 0;
    Scanned() {
        world.storage.put_account({"ben", Role::approver, sha256_hex("ben"), false});
        id = world.open_case();
        const auto phase = [&] { return world.ask("GET", "/api/v1/cases/" + id).json().at("phase"); };
        for (int i = 0; i < 9 && phase() != "treatment"; ++i) {
            if (!world.ask("GET", "/api/v1/calls").json().at("items").empty()) world.ask("POST", "/api/v1/cases/" + id + "/calls", "ana", {{"outcome", "no_answer"}});
            world.advance(Seconds(3 * 3600));
        }
        say(Hello{HostId("h1"), "0.1.0", 1, 0, "boot", key.public_pem()});
        OrderAnswer off;
        off.order_id = world.storage.open_orders(HostId("h1")).at(0).order.order_id;
        off.status = AnswerStatus::done;
        off.state = VmState::off;
        say(off);
        JobAnswer frozen;
        frozen.job_id = world.storage.open_jobs(HostId("h1")).at(0).job.job_id;
        frozen.kind = JobKind::evidence;
        frozen.status = AnswerStatus::done;
        say(frozen);
        scan();
    }
    void scan() {
        job = world.storage.open_jobs(HostId("h1")).at(0).job.job_id.text();
        ScanReport report{HostId("h1"), VmId(ApiWorld::web1), CaseId(id), job, false, world.clock.now(), world.clock.now(), ScanVerdict::incomplete, ""};
        report.disks["vda"] = Json{{"verdict", "incomplete"}, {"skipped_total", 2}};
        envelope = seal(key, scan_report_payload_type, scan_report_payload(report));
        JobAnswer answer;
        answer.job_id = JobId(job);
        answer.kind = JobKind::scan;
        answer.status = AnswerStatus::done;
        answer.verdict = ScanVerdict::incomplete;
        answer.skipped = 2;
        answer.scan_report = envelope;
        answer.scan_report_sha256 = sha256_hex(scan_report_payload(report));
        say(answer);
    }
    void say(const Message& message) {
        (void)world.storage.transaction([&]() -> Result<void> { return world.desk.on_frame(HostId("h1"), Frame{MessageId("m" + std::to_string(++frames)), message}), Result<void>(); });
        world.desk.flush();
        world.advance(Seconds(1));
    }
    Got accept(const std::string& account, const Json& body) { return world.ask("POST", "/api/v1/cases/" + id + "/acceptances", account, body); }
};

TEST(Scans, AreListedAndShownAsTheHostSignedThem) {
    Scanned s;
    const auto listed = s.world.ask("GET", "/api/v1/cases/" + s.id + "/scans", "ana").json().at("items");
    ASSERT_EQ(listed.size(), 1u);
    EXPECT_EQ(listed[0].at("job"), s.job);
    EXPECT_EQ(listed[0].at("signature"), "valid");
    EXPECT_FALSE(listed[0].contains("envelope"));
    const auto one = s.world.ask("GET", "/api/v1/cases/" + s.id + "/scans/" + s.job, "ana");
    EXPECT_EQ(one.status, 200) << one.body;
    EXPECT_EQ(one.json().at("envelope"), s.envelope);
    EXPECT_EQ(one.json().at("report").at("disks").at("vda").at("skipped_total"), 2);
    EXPECT_EQ(s.world.ask("GET", "/api/v1/hosts/h1").json().at("host_key"), s.key.public_pem()) << "to verify it with, offline";
    EXPECT_EQ(s.world.ask("GET", "/api/v1/cases/" + s.id + "/scans/" + std::string(32, '0')).status, 404);
    EXPECT_EQ(s.world.ask("GET", "/api/v1/cases/C-99/scans/" + s.job).status, 404) << "another case's";
    EXPECT_EQ(s.world.ask("GET", "/api/v1/cases/C-99/scans").status, 404);
}

TEST(Scans, IncompleteOnesAreAcceptedByTwoApprovers) {
    Scanned s;
    EXPECT_EQ(s.accept("ana", {{"reason", "vaults"}}).status, 403) << "an analyst alone decides nothing here";
    EXPECT_EQ(s.accept("apu", Json::object()).status, 422);
    EXPECT_EQ(s.accept("apu", {{"reason", "vaults"}, {"scan", "another"}}).status, 409);
    const auto first = s.accept("apu", {{"reason", "vaults"}, {"scan", s.job}});
    ASSERT_EQ(first.status, 200) << first.body;
    EXPECT_EQ(first.json().at("phase"), "review");
    EXPECT_NE(first.json().at("review_reason").get<std::string>().find("waiting for a second person"), std::string::npos);
    EXPECT_EQ(first.json().at("incomplete_scan"), s.job);
    ASSERT_EQ(first.json().at("acceptances").size(), 1u);
    EXPECT_EQ(first.json().at("acceptances")[0].at("actor"), "staff:apu");
    EXPECT_EQ(s.accept("apu", {{"reason", "really"}}).status, 409);
    const auto second = s.accept("ben", {{"reason", "named by the customer"}});
    ASSERT_EQ(second.status, 200) << second.body;
    EXPECT_EQ(second.json().at("phase"), "restoring");
    EXPECT_EQ(second.json().at("orders").back().at("accepted_scan"), s.job);
    EXPECT_EQ(s.accept("ada", {{"reason", "me too"}}).status, 409) << "two are enough";
}

}  // namespace
}  // namespace bailiff::test
