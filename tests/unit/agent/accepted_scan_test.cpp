// SPDX-License-Identifier: Apache-2.0
// A release on the word of an incomplete scan that two people accepted: exactly that scan, exactly those gaps. And the
// signed report that each scan leaves.
#include "tests/unit/agent/host_under_test.hpp"

#include <gtest/gtest.h>

namespace bailiff::test {
namespace {

bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// A VM that is off, with evidence, and with a file that no engine can look into.
struct Gapped : testing::Test {
    HostUnderTest test;
    std::string last_scan;
    Gapped() {
        test.host.plant(table_vm(), "/home/secret.kdbx", "ENCRYPTED");
        test.host.signatures_at = table_now() - Seconds(3600);
        test.make(VmState::off);
        test.run(JobKind::evidence);
    }
    JobAnswer scan(ScanVerdict expected) {
        const auto job = test.job(JobKind::scan);
        last_scan = job.job_id.text();
        const auto answer = test.carry_out(job);
        EXPECT_EQ(answer.verdict, expected);
        return answer;
    }
    /// Malware too, cleaned on overlays and scanned again: incomplete, and waiting to be put back.
    void clean_beside_the_gap() {
        test.host.plant(table_vm(), "/root/evil", "EICAR");
        scan(ScanVerdict::infected);
        EXPECT_EQ(test.run(JobKind::clean, last_scan).status, AnswerStatus::done);
        scan(ScanVerdict::incomplete);
    }
    OrderAnswer release(const std::string& accepted, int64_t signatures_seconds = 0) {
        auto order = test.order(VmState::running);
        order.accepted_scan = JobId(accepted);
        order.signatures_seconds = signatures_seconds;
        return test.carry_out(order);
    }
    void while_committing(std::function<void()> work) {
        test.host.fault = [work = std::move(work)](const std::string& call, Phase phase) -> std::optional<Error> {
            if (call == "commit" && phase == Phase::after) work();
            return std::nullopt;
        };
    }
};

TEST_F(Gapped, is_given_back_on_the_word_of_the_accepted_scan_and_not_without) {
    scan(ScanVerdict::incomplete);
    const auto refused = release("");
    EXPECT_EQ(name(refused.refusal), name(Refusal::not_verified_clean));
    EXPECT_TRUE(says(refused.text, "two people")) << refused.text;
    EXPECT_EQ(release(last_scan).status, AnswerStatus::done);
    EXPECT_TRUE(test.host.locks.empty());
    EXPECT_EQ(test.vm().power, Power::running);
}

TEST_F(Gapped, needs_the_very_last_scan_to_be_the_accepted_one) {
    scan(ScanVerdict::incomplete);
    const std::string first = last_scan;
    scan(ScanVerdict::incomplete);
    const auto refused = release(first);
    EXPECT_EQ(name(refused.refusal), name(Refusal::not_verified_clean));
    EXPECT_TRUE(says(refused.text, first) && says(refused.text, last_scan)) << refused.text;
    EXPECT_EQ(name(release(id_number(9)).refusal), name(Refusal::not_verified_clean)) << "one that this host never made";
    EXPECT_EQ(release(last_scan).status, AnswerStatus::done);
}

TEST_F(Gapped, is_never_given_back_on_the_word_of_an_infected_scan) {
    test.host.plant(table_vm(), "/root/evil", "EICAR");
    scan(ScanVerdict::infected);
    const auto refused = release(last_scan);
    EXPECT_EQ(name(refused.refusal), name(Refusal::not_verified_clean));
    EXPECT_TRUE(says(refused.text, "infected")) << refused.text;
    auto order = test.order(VmState::running);
    order.accepted_scan = JobId(last_scan);
    order.evidence = EvidenceRule::not_required;
    EXPECT_EQ(name(test.carry_out(order).refusal), name(Refusal::not_verified_clean)) << "whatever else the order says";
}

TEST_F(Gapped, was_written_since_so_what_was_accepted_is_stale) {
    clean_beside_the_gap();
    test.make(VmState::quarantined);
    test.make(VmState::off);
    const auto refused = release(last_scan);
    EXPECT_EQ(name(refused.refusal), name(Refusal::not_verified_clean));
    EXPECT_TRUE(says(refused.text, "written since") || says(refused.text, "since the last write")) << refused.text;
    EXPECT_EQ(test.host.count["commit"], 0);
}

TEST_F(Gapped, ran_past_its_lock_so_nothing_is_accepted_any_more) {
    scan(ScanVerdict::incomplete);
    test.host.gate_holds = false;
    test.host.held.clear();   // both layers are lost
    ASSERT_TRUE(test.host.start_by_hand(table_vm()));
    test.pass(Seconds(120));
    ASSERT_NE(test.vm().power, Power::running) << "it was powered off again";
    test.host.gate_holds = true;
    test.pass(Seconds(61));
    EXPECT_EQ(name(release(last_scan).refusal), name(Refusal::not_verified_clean));
}

TEST_F(Gapped, needs_signatures_as_new_as_a_clean_scan_does) {
    scan(ScanVerdict::incomplete);
    EXPECT_EQ(name(release(last_scan, 1800).refusal), name(Refusal::not_verified_clean));
    EXPECT_EQ(release(last_scan, 86400).status, AnswerStatus::done);
}

TEST_F(Gapped, and_cleaned_is_committed_when_the_same_gap_and_no_other_is_there_afterwards) {
    clean_beside_the_gap();
    EXPECT_EQ(name(release("").refusal), name(Refusal::not_verified_clean));
    const auto answer = release(last_scan);
    ASSERT_EQ(answer.status, AnswerStatus::done) << answer.text;
    EXPECT_EQ(test.host.disks_of(table_vm()).at("vda").count("/root/evil"), 0u);
    EXPECT_TRUE(test.host.locks.empty());
    EXPECT_FALSE(answer.scan_report_sha256.empty());
    ASSERT_TRUE(test.host.scan_reports.contains(answer.order_id.text()));
    EXPECT_TRUE(test.host.scan_reports.at(answer.order_id.text()).after_commit);
}

TEST_F(Gapped, stays_locked_when_the_scan_after_the_commit_skips_one_thing_more) {
    clean_beside_the_gap();
    while_committing([&] { test.host.plant(table_vm(), "/home/another.kdbx", "ENCRYPTED"); });
    const auto answer = release(last_scan);
    EXPECT_EQ(answer.status, AnswerStatus::needs_operator);
    EXPECT_EQ(name(answer.refusal), name(Refusal::not_verified_clean));
    EXPECT_EQ(test.host.locks.size(), 1u);
}

TEST_F(Gapped, stays_locked_when_the_scan_after_the_commit_finds_something) {
    clean_beside_the_gap();
    while_committing([&] { test.host.plant(table_vm(), "/root/other", "EICAR"); });
    EXPECT_EQ(release(last_scan).status, AnswerStatus::needs_operator);
    EXPECT_EQ(test.host.locks.size(), 1u);
}

TEST_F(Gapped, is_given_back_by_the_next_order_when_the_unlocking_failed) {
    clean_beside_the_gap();
    bool broken = true;
    test.host.fault = [&](const std::string& call, Phase phase) -> std::optional<Error> {
        if (broken && call == "unlock" && phase == Phase::before) return Error{Errc::invalid, "the hooks' folder is gone"};
        return std::nullopt;
    };
    EXPECT_NE(release(last_scan).status, AnswerStatus::done);
    ASSERT_EQ(test.host.locks.size(), 1u);
    broken = false;
    const auto answer = release(last_scan);
    EXPECT_EQ(answer.status, AnswerStatus::done) << answer.text;
    EXPECT_TRUE(test.host.locks.empty());
}

// ---- reports -------------------------------------------------------------------------------------------------------

TEST_F(Gapped, leaves_a_report_of_each_scan_signed_by_the_host) {
    const auto answer = scan(ScanVerdict::incomplete);
    const auto opened = open_envelope(answer.scan_report, {{test.host.host_key.key_id(), test.host.host_key}}, largest_scan_report);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->type, scan_report_payload_type);
    EXPECT_EQ(sha256_hex(opened->payload), answer.scan_report_sha256);
    const auto report = parse_scan_report(opened->payload);
    ASSERT_TRUE(report) << report.error().text;
    EXPECT_EQ(report->host, HostId("h1"));
    EXPECT_EQ(report->vm, table_vm());
    EXPECT_EQ(report->case_id, CaseId("C-1"));
    EXPECT_EQ(report->job, last_scan);
    EXPECT_EQ(report->verdict, ScanVerdict::incomplete);
    EXPECT_EQ(report->disks.size(), 2u);
    EXPECT_FALSE(report->after_commit);
}

TEST_F(Gapped, answers_with_the_report_again_until_it_is_heard) {
    test.acknowledges = false;
    const auto first = scan(ScanVerdict::incomplete);
    test.answers.clear();
    test.boot();
    test.pass(Seconds(2));
    ASSERT_TRUE(test.answers.contains(last_scan)) << "after a restart";
    EXPECT_EQ(std::get<JobAnswer>(test.answers.at(last_scan).message), first);
}

TEST_F(Gapped, has_a_verdict_although_its_report_cannot_be_kept_and_says_so) {
    test.host.keeps_reports = false;
    const auto answer = scan(ScanVerdict::incomplete);
    EXPECT_EQ(answer.status, AnswerStatus::done);
    EXPECT_TRUE(answer.scan_report.empty() && answer.scan_report_sha256.empty());
    EXPECT_TRUE(says(answer.text, "could not be kept")) << answer.text;
}

TEST(Orders, of_before_accepted_scans_are_read_from_the_journal_and_from_nowhere_else) {
    Json before = to_json(good_order());
    before.erase("accepted_scan");
    EXPECT_EQ(parse_order(dump_json(before)).error().code, Refusal::missing_field);
    const auto known = parse_journaled_order(dump_json(before));
    ASSERT_TRUE(known);
    EXPECT_EQ(*known, good_order());
    before["unknown"] = 1;
    EXPECT_EQ(parse_journaled_order(dump_json(before)).error().code, Refusal::unknown_field);
}

}  // namespace
}  // namespace bailiff::test
