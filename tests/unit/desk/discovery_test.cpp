// SPDX-License-Identifier: Apache-2.0
// What a host's own sweep finds: a case with its evidence above the weight, triage below, the same thing once, and
// nothing from a host about another host's VM.
#include "controller/core/discovery.hpp"
#include "controller/mail/notice_text.hpp"
#include "tests/unit/desk/desk_world.hpp"

namespace bailiff::test {
namespace {

struct ADiscovery : DeskWorld {
    std::unique_ptr<Desk> desk;
    int frames = 0;

    void SetUp() override { desk = std::make_unique<Desk>(ports(), shipped_policies(), options); }
    Discovery found(const std::string& signature = "Eicar-Test-Signature", const std::string& engine = "clamav", const std::string& content = "eicar") {
        Discovery out;
        out.vm = web1;
        out.at = clock.now();
        out.verdict = ScanVerdict::infected;
        out.files = 1234;
        out.hits_total = 1;
        out.hits = {{"/var/www/invoice.exe", signature, engine, sha256_hex(content)}};
        out.engines = {{"clamav", "ClamAV 1.0.7/27000", "set", clock.now()}};
        return out;
    }
    void tell(const Discovery& discovery, const std::string& host = "h1", std::string id = "") {
        if (id.empty()) id = "sweep-" + std::to_string(++frames);
        desk->on_frame(HostId(host), Frame{MessageId(id), discovery});
        desk->tick();
        desk->flush();
    }
    bool acknowledged(const std::string& id) {
        for (const auto& [host, frame] : hosts.sent)
            if (const auto* ack = std::get_if<Ack>(&frame.message); ack && ack->ids == std::vector<std::string>{id}) return true;
        return false;
    }
    std::vector<StoredReport> all() { return storage.reports(false, {}, 100); }
    std::vector<StoredReport> triage() { return storage.reports(true, {}, 100); }
    core::Case c(const char* id) { return storage.find_case(CaseId(id)).value(); }
    void close(const char* id) { ASSERT_TRUE(desk->act(CaseId(id), core::Close{"done"}, "staff:ana")); }
};

TEST_F(ADiscovery, opens_a_case_with_its_evidence_and_writes_to_the_customer_at_once) {
    tell(found(), "h1", "sweep-x");
    ASSERT_EQ(all().size(), 1u);
    EXPECT_EQ(all()[0].case_id, CaseId("C-1"));
    const auto opened = c("C-1");
    EXPECT_EQ(opened.policy, PolicyId("virus-content"));
    EXPECT_EQ(opened.reports[0].reporter, "our own scan on host h1");
    EXPECT_EQ(opened.reports[0].type, "content/malware");
    const auto history = storage.history(CaseId("C-1"), 0, 10);
    EXPECT_EQ(history[0].actor, "host:h1");
    EXPECT_NE(core::describe(history[0].fact).find("found by our own scan on host h1"), std::string::npos) << core::describe(history[0].fact);
    ASSERT_EQ(mailer.sent.size(), 1u);
    EXPECT_EQ(mailer.sent[0].subject, "[C-1] ticket (en)");
    const Json raw = *parse_json(all()[0].raw);
    EXPECT_EQ(raw["hits"][0]["sha256"], sha256_hex("eicar")) << "the whole of it is kept";
    EXPECT_TRUE(acknowledged("sweep-x"));
}

TEST_F(ADiscovery, is_told_in_the_ticket_as_what_it_is) {
    Discovery two = found();
    two.hits.push_back({"/tmp/\\x1b[31mred\nBcc: x", "Heuristics.Encrypted", "clamav", ""});
    two.hits_total = 30;
    tell(two);
    ASSERT_EQ(mailer.sent.size(), 1u);
    std::vector<Mistake> mistakes;
    const auto texts = NoticeTexts::load(std::string(BAILIFF_SOURCE_DIR) + "/policies/notices", mistakes);
    ASSERT_TRUE(texts) << describe(mistakes);
    for (const char* language : {"en", "hi"}) {
        const auto mail = texts->render("ticket", language, *parse_json(mailer.sent[0].text));
        ASSERT_TRUE(mail) << mail.error().text;
        EXPECT_NE(mail->text.find("Eicar-Test-Signature (clamav) in /var/www/invoice.exe, SHA-256 " + sha256_hex("eicar")), std::string::npos) << mail->text;
        EXPECT_NE(mail->text.find("and 28 more."), std::string::npos);
        EXPECT_EQ(mail->text.find("host h1"), std::string::npos) << "which host it is is nobody's business";
        EXPECT_EQ(mail->text.find("\nBcc:"), std::string::npos);
    }
    EXPECT_NE(texts->render("ticket", "en", *parse_json(mailer.sent[0].text))->text.find("our own scan has found"), std::string::npos);
}

TEST_F(ADiscovery, below_the_weight_waits_for_a_person_and_is_never_dropped) {
    tell(found("suspect_loader", "yara", "a"));
    tell(found("PUA.Win.Miner", "clamav", "b"));
    tell(found("odd", "an_engine_of_later", "c"));
    ASSERT_EQ(triage().size(), 3u);
    EXPECT_TRUE(mailer.sent.empty());
    EXPECT_EQ(triage()[2].triage,
              "what our own scan found weighs 5, and the policy virus-content opens a case at 10. Look at what was found, then give it its VM");
    EXPECT_NE(triage()[1].triage.find("weighs 2"), std::string::npos);
    const auto resolved = desk->resolve_report(triage()[2].id, web1, "staff:ana");
    ASSERT_TRUE(resolved) << resolved.error().text;
    EXPECT_EQ(c("C-1").reports[0].reporter, "our own scan on host h1");
}

TEST_F(ADiscovery, weighs_each_signature_once_however_many_files_bear_it) {
    const core::DiscoveryRule rule;
    std::vector<ScanHit> hits;
    for (int i = 0; i < 100; ++i) hits.push_back({"/f" + std::to_string(i), "rule_a", "yara", sha256_hex(std::to_string(i))});
    EXPECT_EQ(core::weight_of(rule, hits), 5);
    hits.push_back({"/f0", "rule_b", "yara", ""});
    EXPECT_EQ(core::weight_of(rule, hits), 10) << "two different rules agree";
    hits.push_back({"/f0", "Heuristics.Macro", "clamav", ""});
    EXPECT_EQ(core::weight_of(rule, hits), 12);
}

TEST_F(ADiscovery, found_again_while_its_case_is_open_adds_nothing_and_after_it_is_new) {
    tell(found());
    clock.advance(Seconds(7 * 86400));
    Discovery again = found();
    again.at = clock.now();
    again.hits.push_back({"/a/copy/of/it", "Eicar-Test-Signature", "clamav", sha256_hex("eicar")});
    tell(again);
    EXPECT_EQ(all().size(), 1u) << "the same content in the same VM";
    tell(found("Worm", "clamav", "something else"));
    ASSERT_EQ(all().size(), 2u);
    EXPECT_EQ(c("C-1").reports.size(), 2u) << "another content is a further report of the open case";
    close("C-1");
    tell(found());
    EXPECT_EQ(all().size(), 3u);
    EXPECT_EQ(c("C-2").reports.size(), 1u) << "nobody cleaned up";
}

TEST_F(ADiscovery, that_was_a_false_positive_once_does_not_write_to_the_customer_every_week) {
    tell(found());
    ASSERT_TRUE(desk->act(CaseId("C-1"), core::AskReview{"a test file"}, "staff:ana"));
    ASSERT_TRUE(desk->act(CaseId("C-1"), core::Decide{core::Decision::dismiss, "a test file"}, "staff:ana"));
    const size_t mails = mailer.sent.size();
    for (int week = 0; week < 3; ++week) {
        clock.advance(Seconds(7 * 86400));
        tell(found());
    }
    ASSERT_EQ(triage().size(), 1u);
    EXPECT_NE(triage()[0].triage.find("C-1 was dismissed as a false positive"), std::string::npos) << triage()[0].triage;
    EXPECT_LE(mailer.sent.size(), mails + 1) << "the last word of the first case, and nothing else";
}

TEST_F(ADiscovery, that_a_person_has_not_looked_at_yet_is_not_filed_twice) {
    tell(found("rule", "yara", "a"));
    tell(found("rule", "yara", "a"));
    EXPECT_EQ(triage().size(), 1u);
    tell(found("rule", "yara", "b"));
    EXPECT_EQ(triage().size(), 2u);
}

TEST_F(ADiscovery, a_repeated_frame_is_acknowledged_again_and_does_nothing) {
    tell(found(), "h1", "sweep-1");
    close("C-1");
    hosts.sent.clear();
    tell(found(), "h1", "sweep-1");
    EXPECT_EQ(all().size(), 1u);
    EXPECT_TRUE(acknowledged("sweep-1"));
}

TEST_F(ADiscovery, a_host_reports_its_own_vms_only) {
    tell(found(), "h2");
    Discovery unknown = found();
    unknown.vm = VmId("99999999-9999-4999-8999-999999999999");
    tell(unknown, "h1", "sweep-u");
    auto gone = storage.find_vm(web1).value();
    gone.gone = true;
    storage.put_vm(gone);
    tell(found());
    EXPECT_TRUE(all().empty());
    EXPECT_TRUE(acknowledged("sweep-u")) << "it would be sent for ever otherwise";
}

TEST_F(ADiscovery, joins_the_case_that_somebody_elses_report_opened) {
    ASSERT_TRUE(desk->report(report_of("content/malware"), "staff:ana"));
    tell(found());
    EXPECT_EQ(c("C-1").reports.size(), 2u);
    tell(found("weak", "yara", "w"));
    ASSERT_EQ(triage().size(), 1u);
    EXPECT_NE(triage()[0].triage.find("case C-1 of this VM is open"), std::string::npos);
}

TEST_F(ADiscovery, a_signature_that_is_wrong_everywhere_is_braked) {
    auto policies = shipped_policies();
    policies.in_force.at(PolicyId("virus-content")).discovery.cases_per_day = 2;
    desk->replace_policies(policies);
    for (int n = 0; n < 4; ++n) {
        const VmId vm("3333333" + std::to_string(n) + "-3333-4333-8333-333333333333");
        storage.put_vm({vm, "vm" + std::to_string(n), HostId("h1"), CustomerId("7"), {}, Power::off, VmState::running, false, false, clock.now()});
        Discovery wrong = found("Win.Broken.Update");
        wrong.vm = vm;
        tell(wrong);
        clock.advance(Seconds(60));
    }
    EXPECT_EQ(mailer.sent.size(), 2u);
    ASSERT_EQ(triage().size(), 2u);
    EXPECT_NE(triage()[0].triage.find("2 cases within a day"), std::string::npos) << triage()[0].triage;
    clock.advance(Seconds(86400));
    Discovery later = found();
    tell(later);
    EXPECT_EQ(triage().size(), 2u) << "a day later cases open again";
}

TEST_F(ADiscovery, without_findings_or_from_the_future_harms_nothing) {
    Discovery nothing = found();
    nothing.hits.clear();
    tell(nothing);
    EXPECT_TRUE(all().empty());
    Discovery ahead = found();
    ahead.at = clock.now() + Seconds(365 * 86400);
    tell(ahead);
    ASSERT_EQ(all().size(), 1u);
    EXPECT_EQ(all()[0].summary.observed_at, clock.now());
}

TEST_F(ADiscovery, is_taken_back_whole_when_the_storage_fails_and_comes_again) {
    storage.full = true;
    EXPECT_THROW(tell(found(), "h1", "sweep-1"), StorageOutage);
    desk->discard();
    storage.full = false;
    EXPECT_FALSE(acknowledged("sweep-1"));
    EXPECT_TRUE(all().empty());
    tell(found(), "h1", "sweep-1");
    EXPECT_EQ(all().size(), 1u);
}

TEST_F(ADiscovery, the_host_is_told_that_it_may_send_them_and_says_how_far_it_is) {
    desk->on_frame(HostId("h1"), Frame{MessageId("hello"), Hello{HostId("h1"), "0.2.0", 0, 0, "boot"}});
    desk->flush();
    ASSERT_FALSE(hosts.sent.empty());
    EXPECT_EQ(std::get<Welcome>(hosts.sent[0].second.message).takes, (std::vector<std::string>{"discovery"}));
    desk->on_frame(HostId("h1"), Frame{MessageId("beat"), Heartbeat{clock.now(), true, 0, 0, "", "1 of 2 VMs swept"}});
    EXPECT_EQ(storage.find_host(HostId("h1"))->sweep, "1 of 2 VMs swept");
}

}  // namespace
}  // namespace bailiff::test
