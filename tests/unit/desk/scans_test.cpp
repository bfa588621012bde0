// SPDX-License-Identifier: Apache-2.0
// The signed reports that come with answers: kept beside the case, their digest in its history, and what the controller
// could tell of the signature. And who may accept an incomplete scan.
#include "tests/unit/desk/desk_world.hpp"

#include <bailiff/scan_report.hpp>

namespace bailiff::test {
namespace {

struct AScannedCase : DeskWorld {
    const HostId h1{"h1"};
    const SignatureKey key = SignatureKey::from_seed(std::string(32, 'h'));
    std::unique_ptr<Desk> desk;
    CaseId id;
    int frames = 0;
    /// A case whose VM is off, with its scan under way.
    void SetUp() override {
        desk = std::make_unique<Desk>(ports(), shipped_policies(), options);
        const auto opened = desk->report(report_of("content/malware"), "staff:ana");
        ASSERT_TRUE(opened);
        id = opened->case_id;
        for (int i = 0; i < 9 && desk->view(id)->c.phase != core::Phase::treatment; ++i) {
            if (desk->view(id)->dues.call) (void)desk->act(id, core::LogCall{"Asha", "+91", core::CallOutcome::no_answer, ""}, "staff:ana");
            clock.advance(Seconds(3 * 3600));
            tick();
        }
        say(OrderAnswer{open_order().order_id, AnswerStatus::done, Refusal::none, "", VmState::off, Power::off, clock.now(), {}});
        JobAnswer frozen;
        frozen.job_id = open_job().job_id;
        frozen.kind = JobKind::evidence;
        frozen.status = AnswerStatus::done;
        say(frozen);
        ASSERT_EQ(open_job().kind, JobKind::scan);
    }
    void tick() {
        desk->tick();
        desk->flush();
    }
    void say(const Message& message) {
        desk->on_frame(h1, Frame{MessageId("m" + std::to_string(++frames)), message});
        tick();
    }
    void hello(const std::string& pem) { say(Hello{h1, "0.1.0", 1, 0, "boot", pem}); }
    Order open_order() { return storage.open_orders(h1).empty() ? Order{} : storage.open_orders(h1).back().order; }
    Job open_job() { return storage.open_jobs(h1).empty() ? Job{} : storage.open_jobs(h1).back().job; }
    ScanReport report(ScanVerdict verdict) {
        ScanReport out{h1, web1, id, open_job().job_id.text(), false, clock.now(), clock.now() + Seconds(60), verdict, sha256_hex("x")};
        out.disks["vda"] = Json{{"verdict", name(verdict)}, {"hits", Json::array()}, {"files", 3}};
        return out;
    }
    JobAnswer answer(const ScanReport& r, const SignatureKey& by) {
        JobAnswer out;
        out.job_id = open_job().job_id;
        out.kind = JobKind::scan;
        out.status = AnswerStatus::done;
        out.verdict = r.verdict;
        out.skipped = 3;
        out.scan_report = seal(by, scan_report_payload_type, scan_report_payload(r));
        out.scan_report_sha256 = r.whole ? sha256_hex(scan_report_payload(r)) : r.whole_sha256;
        return out;
    }
    ReportSignature signature(const std::string& job) {
        const auto kept = storage.find_scan_report(job);
        EXPECT_TRUE(kept);
        return kept ? kept->signature : ReportSignature::bad;
    }
};

TEST_F(AScannedCase, keeps_the_report_byte_for_byte_and_its_digest_in_the_history) {
    hello(key.public_pem());
    const std::string job = open_job().job_id.text();
    const auto said = answer(report(ScanVerdict::incomplete), key);
    say(said);
    const auto kept = storage.find_scan_report(job);
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->envelope, said.scan_report);
    EXPECT_EQ(kept->signature, ReportSignature::valid);
    EXPECT_EQ(kept->key_id, key.key_id());
    EXPECT_EQ(kept->case_id, id);
    EXPECT_EQ(kept->verdict, ScanVerdict::incomplete);
    EXPECT_EQ(storage.find_job(JobId(job))->answer->scan_report, "") << "not a second time beside the job";
    std::string digest;
    for (const auto& item : storage.history(id, 0, 1000))
        if (const auto* done = std::get_if<core::JobFinished>(&item.fact); done && done->kind == JobKind::scan) digest = done->report_sha256;
    EXPECT_EQ(digest, said.scan_report_sha256);
}

TEST_F(AScannedCase, says_unknown_when_the_host_has_named_no_key) {
    const std::string job = open_job().job_id.text();
    say(answer(report(ScanVerdict::clean), key));
    EXPECT_EQ(signature(job), ReportSignature::unknown);
}

TEST_F(AScannedCase, says_bad_when_another_key_signed) {
    hello(key.public_pem());
    const std::string job = open_job().job_id.text();
    say(answer(report(ScanVerdict::clean), SignatureKey::from_seed(std::string(32, 'x'))));
    EXPECT_EQ(signature(job), ReportSignature::bad);
}

TEST_F(AScannedCase, says_bad_when_the_report_speaks_of_something_else) {
    hello(key.public_pem());
    const std::string job = open_job().job_id.text();
    auto other = report(ScanVerdict::clean);
    other.job = std::string(32, '9');
    say(answer(other, key));
    EXPECT_EQ(signature(job), ReportSignature::bad);
}

TEST_F(AScannedCase, says_bad_when_answer_and_report_contradict_each_other) {
    hello(key.public_pem());
    const std::string job = open_job().job_id.text();
    auto said = answer(report(ScanVerdict::infected), key);
    said.verdict = ScanVerdict::clean;
    say(said);
    EXPECT_EQ(signature(job), ReportSignature::bad);
    EXPECT_EQ(storage.find_scan_report(job)->verdict, ScanVerdict::clean) << "what was acted upon";
}

TEST_F(AScannedCase, takes_the_short_form_for_what_it_is) {
    hello(key.public_pem());
    const std::string job = open_job().job_id.text();
    say(answer(short_form(report(ScanVerdict::clean)), key));
    EXPECT_EQ(signature(job), ReportSignature::valid);
    EXPECT_FALSE(storage.find_scan_report(job)->whole);
}

TEST_F(AScannedCase, takes_a_verdict_that_comes_with_no_envelope_or_with_rubbish) {
    const std::string job = open_job().job_id.text();
    auto said = answer(report(ScanVerdict::clean), key);
    said.scan_report = "{\"payloadType\":1}";
    say(said);
    EXPECT_FALSE(storage.find_scan_report(job));
    EXPECT_FALSE(open_order().order_id.empty()) << "the release";
}

TEST_F(AScannedCase, needs_two_people_whatever_the_body_says_and_orders_with_their_scan) {
    const JobId scan = open_job().job_id;
    say(answer(report(ScanVerdict::incomplete), key));
    ASSERT_EQ(desk->view(id)->c.phase, core::Phase::review);
    EXPECT_TRUE(desk->act(id, core::AcceptIncomplete{scan, "vaults", "staff:somebody"}, "staff:ana"));
    EXPECT_FALSE(desk->act(id, core::AcceptIncomplete{scan, "vaults", "staff:another"}, "staff:ana")) << "it is still Ana";
    EXPECT_EQ(open_order().order_id, OrderId());
    ASSERT_TRUE(desk->act(id, core::AcceptIncomplete{scan, "vaults", ""}, "staff:ben"));
    tick();
    EXPECT_FALSE(open_order().order_id.empty());
    EXPECT_EQ(open_order().accepted_scan, scan);
    say(OrderAnswer{open_order().order_id, AnswerStatus::done, Refusal::none, "", VmState::running, Power::running, clock.now(), {}});
    ASSERT_FALSE(mailer.sent.empty());
    EXPECT_NE(mailer.sent.back().text.find("found nothing in what it could read"), std::string::npos) << mailer.sent.back().text;
    EXPECT_EQ(mailer.sent.back().text.find("complete scan"), std::string::npos) << "the customer is told of no scan that was none";
}

TEST_F(AScannedCase, knows_the_newest_key_of_a_host_and_lets_no_rubbish_replace_it) {
    hello(key.public_pem());
    hello("");
    hello("no key");
    EXPECT_EQ(storage.find_host(h1)->host_key, key.public_pem());
    const auto next = SignatureKey::from_seed(std::string(32, 'n'));
    hello(next.public_pem());
    EXPECT_EQ(storage.find_host(h1)->host_key, next.public_pem());
}

}  // namespace
}  // namespace bailiff::test
