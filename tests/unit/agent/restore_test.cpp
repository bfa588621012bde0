// SPDX-License-Identifier: Apache-2.0
// The way back: what a release demands before it writes, proves afterwards, and tells of the VM that it gave back.
#include "tests/unit/agent/host_under_test.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace bailiff::test {
namespace {

using Disks = std::map<std::string, std::map<std::string, std::string>>;

bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// A VM with malware, switched off, with evidence, cleaned and scanned: everything is ready for its release.
struct Cleaned : testing::Test {
    HostUnderTest test;
    Disks before;
    Cleaned() {
        test.host.plant(table_vm(), "/root/evil", "EICAR");
        test.host.plant(table_vm(), "/root/worse", "NEWVIRUS");
        test.host.signatures_at = table_now() - Seconds(3600);
        test.make(VmState::off);
        before = test.host.disks_of(table_vm());
        test.run(JobKind::evidence);
        scan(ScanVerdict::infected);
        EXPECT_EQ(test.run(JobKind::clean, last_scan).status, AnswerStatus::done);
        scan(ScanVerdict::clean);
    }
    JobAnswer scan(ScanVerdict expected) {
        const auto job = test.job(JobKind::scan);
        last_scan = job.job_id.text();
        const auto answer = test.carry_out(job);
        EXPECT_EQ(answer.verdict, expected);
        return answer;
    }
    /// The signatures learn of the second virus while the overlays are being committed.
    void learn_during_commit() {
        test.host.fault = [this](const std::string& call, Phase phase) -> std::optional<Error> {
            if (call == "commit" && phase == Phase::after) test.host.signatures.insert("NEWVIRUS");
            return std::nullopt;
        };
    }
    OrderAnswer release(Health health = Health::unchecked, int64_t seconds = 0) {
        auto order = test.order(VmState::running);
        order.health = health;
        order.health_seconds = seconds;
        return test.carry_out(order);
    }
    OrderAnswer release_with_signatures_of(int64_t seconds) {
        auto order = test.order(VmState::running);
        order.signatures_seconds = seconds;
        return test.carry_out(order);
    }
    std::string last_scan;
};

TEST_F(Cleaned, an_answer_to_a_scan_tells_what_is_suspicious_and_it_stops_no_release) {
    EXPECT_EQ(scan(ScanVerdict::clean).suspicious, 0);
    test.host.plant(table_vm(), "/etc/cron.d/x", "ODD");
    const auto answer = scan(ScanVerdict::clean);
    EXPECT_EQ(answer.suspicious, 1);
    EXPECT_EQ(answer.suspicions, (std::vector<ScanSuspicion>{{"/etc/cron.d/x", "cron_place", "looks odd"}}));
}

// ---- signatures ----------------------------------------------------------------------------------------------------

TEST_F(Cleaned, an_answer_to_a_scan_says_how_old_its_signatures_are) {
    EXPECT_EQ(scan(ScanVerdict::clean).signatures_at, test.host.signatures_at);
    test.host.signatures_at = Instant{};
    EXPECT_EQ(scan(ScanVerdict::clean).signatures_at, Instant{});
}

TEST_F(Cleaned, is_not_put_back_on_the_word_of_old_signatures_and_both_dates_are_named) {
    const auto refused = release_with_signatures_of(1800);
    EXPECT_EQ(name(refused.refusal), name(Refusal::not_verified_clean));
    EXPECT_TRUE(says(refused.text, format_rfc3339(test.host.signatures_at))) << refused.text;
    EXPECT_TRUE(says(refused.text, format_rfc3339(test.clock.now() - Seconds(1800)).substr(0, 16))) << refused.text;
    EXPECT_EQ(test.host.count["commit"], 0);
    test.host.signatures_at = test.clock.now();
    EXPECT_EQ(name(release_with_signatures_of(1800).refusal), name(Refusal::not_verified_clean)) << "new signatures need a new scan";
    scan(ScanVerdict::clean);
    EXPECT_EQ(release_with_signatures_of(1800).status, AnswerStatus::done);
}

TEST_F(Cleaned, is_not_put_back_on_the_word_of_undated_signatures_when_an_age_is_asked) {
    test.host.signatures_at = Instant{};
    scan(ScanVerdict::clean);
    const auto refused = release_with_signatures_of(86400);
    EXPECT_EQ(name(refused.refusal), name(Refusal::not_verified_clean));
    EXPECT_TRUE(says(refused.text, "bear no date")) << refused.text;
    EXPECT_EQ(release_with_signatures_of(0).status, AnswerStatus::done) << "no age is asked";
}

TEST(Signatures, count_for_a_vm_that_was_found_clean_at_once_too) {
    HostUnderTest test;
    test.host.signatures_at = table_now() - Seconds(86400);
    test.make(VmState::off);
    auto order = test.order(VmState::running);
    order.signatures_seconds = 3600;
    EXPECT_EQ(name(test.carry_out(order).refusal), name(Refusal::not_verified_clean)) << "no scan at all";
    EXPECT_EQ(test.run(JobKind::scan).verdict, ScanVerdict::clean);
    order = test.order(VmState::running);
    order.signatures_seconds = 3600;
    EXPECT_EQ(name(test.carry_out(order).refusal), name(Refusal::not_verified_clean)) << "an old one";
    order = test.order(VmState::running);
    order.signatures_seconds = 3600;
    order.evidence = EvidenceRule::not_required;
    EXPECT_EQ(test.carry_out(order).status, AnswerStatus::done) << "a person decided";
}

// ---- before and after the commit -----------------------------------------------------------------------------------

TEST_F(Cleaned, is_scanned_again_after_the_commit_and_before_the_lock_goes) {
    const auto answer = release();
    ASSERT_EQ(answer.status, AnswerStatus::done) << answer.text;
    std::vector<std::string> acts;
    for (const auto& step : answer.steps) acts.push_back(step.step.substr(0, step.step.find(' ')));
    const std::vector<std::string> expected{"verify_evidence", "compare_definition", "commit", "commit", "drop", "drop", "rescan",
                                            "compare_definition", "autostart_on", "unlock", "start"};
    EXPECT_EQ(acts, expected);
}

TEST_F(Cleaned, stays_locked_when_the_scan_after_the_commit_is_not_clean) {
    learn_during_commit();
    const auto answer = release();
    EXPECT_EQ(answer.status, AnswerStatus::needs_operator);
    EXPECT_EQ(name(answer.refusal), name(Refusal::not_verified_clean));
    EXPECT_EQ(answer.state, VmState::off);
    EXPECT_EQ(test.host.locks.size(), 1u);
    EXPECT_EQ(test.vm().runs, 1);
    EXPECT_EQ(name(release().refusal), name(Refusal::not_verified_clean)) << "asked again, it is no cleaner";
    auto dismissed = test.order(VmState::running);
    dismissed.evidence = EvidenceRule::not_required;
    EXPECT_EQ(name(test.carry_out(dismissed).refusal), name(Refusal::not_verified_clean)) << "what was committed is given back only when clean";
}

TEST_F(Cleaned, is_scanned_after_the_commit_by_the_next_order_when_the_scanner_failed_this_one) {
    test.host.fault = [](const std::string& call, Phase) -> std::optional<Error> {
        return call == "scan" ? std::optional(Error{Errc::invalid, "the scanner has no rules"}) : std::nullopt;
    };
    EXPECT_EQ(release().status, AnswerStatus::needs_operator);
    EXPECT_EQ(test.host.locks.size(), 1u);
    test.host.fault = nullptr;
    const auto scans = test.host.count["scan"];
    EXPECT_EQ(release().status, AnswerStatus::done);
    EXPECT_EQ(test.host.count["scan"], scans + 1);
}

TEST_F(Cleaned, is_not_written_when_its_definition_was_changed_meanwhile) {
    test.vm().definition += "<!-- a third disk -->";
    const auto answer = release();
    EXPECT_EQ(answer.status, AnswerStatus::failed) << answer.text;
    EXPECT_EQ(test.host.count["commit"], 0);
    EXPECT_EQ(test.host.disks_of(table_vm()), before);
    EXPECT_EQ(test.host.locks.size(), 1u);
}

TEST_F(Cleaned, stays_locked_when_its_definition_is_changed_while_it_is_written) {
    test.host.fault = [this](const std::string& call, Phase phase) -> std::optional<Error> {
        if (call == "commit" && phase == Phase::after) test.vm().definition += "<!-- a third disk -->";
        return std::nullopt;
    };
    EXPECT_EQ(release().status, AnswerStatus::needs_operator);
    EXPECT_EQ(test.host.locks.size(), 1u);
    EXPECT_EQ(test.vm().power, Power::off);
}

TEST_F(Cleaned, mixes_no_disks_when_a_panel_has_given_the_vm_another_one) {
    const std::string other = "/images/restored-from-backup";
    test.host.images[other] = {"", {{"/etc/hostname", "web1"}}};
    const auto own = test.vm().disks;
    test.vm().disks[0].source = other;
    auto answer = release();
    EXPECT_EQ(name(answer.refusal), name(Refusal::unexpected_state));
    EXPECT_TRUE(says(answer.text, other) && says(answer.text, own[0].source)) << answer.text;
    EXPECT_EQ(name(test.make(VmState::quarantined).refusal), name(Refusal::unexpected_state));
    test.vm().disks = own;
    test.vm().disks.push_back({"vdz", "raw", other, false});
    answer = release();
    EXPECT_EQ(name(answer.refusal), name(Refusal::unexpected_state));
    EXPECT_TRUE(says(answer.text, "vdz")) << answer.text;
    test.vm().disks = {own[1]};
    EXPECT_TRUE(says(release().text, "no longer has the disk vda"));
    test.vm().disks = own;
    EXPECT_EQ(test.host.count["commit"], 0);
    EXPECT_EQ(test.host.disks_of(table_vm()), before);
}

TEST_F(Cleaned, with_saved_memory_is_not_resumed_over_other_disks) {
    test.vm().managed_save = true;
    const auto answer = release();
    EXPECT_EQ(name(answer.refusal), name(Refusal::unsupported));
    EXPECT_TRUE(says(answer.text, "managedsave-remove")) << answer.text;
    EXPECT_EQ(test.run(JobKind::revert).status, AnswerStatus::done);
    EXPECT_TRUE(test.vm().managed_save);
}

TEST(Saved, a_vm_that_was_saved_when_it_was_locked_comes_back_saved) {
    HostUnderTest test;
    test.vm().power = Power::off;
    test.vm().managed_save = true;
    test.make(VmState::off);
    EXPECT_EQ(test.make(VmState::running).status, AnswerStatus::done);
    EXPECT_TRUE(test.vm().managed_save);
    EXPECT_EQ(test.vm().power, Power::off);
}

// ---- back to the evidence ------------------------------------------------------------------------------------------

TEST_F(Cleaned, that_was_committed_and_found_bad_is_put_back_from_the_evidence) {
    learn_during_commit();
    release();
    test.host.fault = nullptr;
    EXPECT_NE(test.host.disks_of(table_vm()), before);
    const auto answer = test.run(JobKind::revert);
    EXPECT_EQ(answer.status, AnswerStatus::done) << answer.text;
    EXPECT_TRUE(says(answer.text, "as the evidence set")) << answer.text;
    EXPECT_EQ(test.host.disks_of(table_vm()), before);
    EXPECT_EQ(test.host.locks.size(), 1u) << "the lock is held all the time";
    EXPECT_EQ(name(release().refusal), name(Refusal::not_verified_clean)) << "the first scan's verdict holds again";
    // And the treatment can begin anew.
    scan(ScanVerdict::infected);
    EXPECT_EQ(test.run(JobKind::clean, last_scan).files, 2);
    scan(ScanVerdict::clean);
    EXPECT_EQ(release().status, AnswerStatus::done);
    EXPECT_EQ(test.host.writes_without_evidence, 0);
}

TEST_F(Cleaned, is_not_put_back_from_evidence_that_is_damaged_or_gone) {
    learn_during_commit();
    release();
    test.host.fault = nullptr;
    const auto committed = test.host.disks_of(table_vm());
    auto& stored = test.host.evidence.at({table_vm(), CaseId("C-1")});
    stored.damaged = true;
    EXPECT_EQ(name(test.run(JobKind::revert).refusal), name(Refusal::no_evidence));
    stored.damaged = false;
    stored.complete = false;
    EXPECT_EQ(name(test.run(JobKind::revert).refusal), name(Refusal::no_evidence));
    stored.complete = true;
    test.host.gate_holds = false;
    test.pass(Seconds(61));
    EXPECT_EQ(name(test.run(JobKind::revert).refusal), name(Refusal::gate_down));
    EXPECT_EQ(test.host.disks_of(table_vm()), committed);
    EXPECT_EQ(test.host.count["put_back"], 0);
}

TEST_F(Cleaned, half_put_back_is_for_a_person_and_is_never_given_back) {
    learn_during_commit();
    release();
    test.host.fault = [](const std::string& call, Phase phase) -> std::optional<Error> {
        return call == "put_back" && phase == Phase::during ? std::optional(Error{Errc::invalid, "the storage is gone"}) : std::nullopt;
    };
    EXPECT_EQ(test.run(JobKind::revert).status, AnswerStatus::needs_operator);
    auto order = test.order(VmState::running);
    order.evidence = EvidenceRule::not_required;
    const auto refused = test.carry_out(order);
    EXPECT_EQ(name(refused.refusal), name(Refusal::not_verified_clean)) << refused.text;
    test.host.fault = nullptr;
    EXPECT_EQ(test.run(JobKind::revert).status, AnswerStatus::done);
    EXPECT_EQ(test.host.disks_of(table_vm()), before);
}

TEST_F(Cleaned, and_given_back_belongs_to_its_owner_whose_work_no_revert_undoes) {
    EXPECT_EQ(release().status, AnswerStatus::done);
    test.make(VmState::off);
    const auto own = test.host.disks_of(table_vm());
    EXPECT_EQ(test.run(JobKind::revert).status, AnswerStatus::already);
    EXPECT_EQ(test.host.disks_of(table_vm()), own);
    EXPECT_EQ(test.host.count["put_back"], 0);
}

// ---- health --------------------------------------------------------------------------------------------------------

TEST_F(Cleaned, that_stays_up_is_steady_when_the_span_is_over_and_not_before) {
    const auto began = test.clock.now();
    const auto answer = release(Health::steady, 30);
    EXPECT_EQ(answer.status, AnswerStatus::done) << answer.text;
    EXPECT_TRUE(says(answer.text, "steadily for 30 s")) << answer.text;
    EXPECT_GE(test.clock.now() - began, Seconds(30));
}

TEST_F(Cleaned, that_crashes_is_given_back_and_said_to_be_unwell) {
    test.vm().crashes_after = Milliseconds(12'000);
    const auto answer = release(Health::steady, 30);
    EXPECT_EQ(answer.status, AnswerStatus::needs_operator);
    EXPECT_EQ(name(answer.refusal), name(Refusal::unhealthy));
    EXPECT_TRUE(says(answer.text, "off again within 30 s")) << answer.text;
    EXPECT_EQ(answer.state, VmState::running) << "released";
    EXPECT_TRUE(test.host.locks.empty());
    EXPECT_EQ(test.vm().runs, 2) << "it was started once, and not over and over";
}

TEST_F(Cleaned, that_is_started_again_by_somebody_meanwhile_is_not_steady) {
    test.boot();
    auto order = test.order(VmState::running);
    order.health = Health::steady;
    order.health_seconds = 60;
    test.hand_over(OrderFrame{sealed(order)});
    test.pass(Seconds(20));
    ASSERT_EQ(test.vm().power, Power::running);
    test.vm().power = Power::crashed;
    ASSERT_TRUE(test.host.start_by_hand(table_vm())) << "as high availability does it, between two looks";
    const auto answer = test.carry_out(order);
    EXPECT_EQ(name(answer.refusal), name(Refusal::unhealthy));
    EXPECT_TRUE(says(answer.text, "started again")) << answer.text;
}

TEST_F(Cleaned, shows_by_agent_or_network_as_soon_as_it_does_and_not_at_all_when_it_does_not) {
    test.vm().well_after = Milliseconds(7'000);
    const auto began = test.clock.now();
    auto answer = release(Health::guest_agent, 60);
    EXPECT_EQ(answer.status, AnswerStatus::done) << answer.text;
    EXPECT_LT(test.clock.now() - began, Seconds(15));
    EXPECT_TRUE(says(answer.text, "its guest agent was seen")) << answer.text;
    test.vm().well_after.reset();
    answer = release(Health::network, 20);
    EXPECT_EQ(answer.status, AnswerStatus::needs_operator);
    EXPECT_EQ(name(answer.refusal), name(Refusal::unhealthy));
    EXPECT_TRUE(says(answer.text, "within 20 s an address was not seen")) << answer.text;
}

TEST_F(Cleaned, whose_health_cannot_be_asked_is_not_called_well) {
    test.host.fault = [](const std::string& call, Phase) -> std::optional<Error> {
        return call == "sign_of_health" ? std::optional(Error{Errc::unavailable, "libvirt is silent"}) : std::nullopt;
    };
    const auto answer = release(Health::guest_agent, 20);
    EXPECT_EQ(name(answer.refusal), name(Refusal::unhealthy));
    EXPECT_TRUE(says(answer.text, "libvirt is silent")) << answer.text;
    EXPECT_LT(test.host.count["sign_of_health"], 40) << "asked once a second";
}

TEST_F(Cleaned, is_switched_off_again_at_once_although_its_health_is_still_awaited) {
    test.boot();
    auto order = test.order(VmState::running);
    order.health = Health::steady;
    order.health_seconds = 900;
    test.hand_over(OrderFrame{sealed(order)});
    test.pass(Seconds(20));
    ASSERT_EQ(test.vm().power, Power::running);
    const auto began = test.clock.now();
    EXPECT_EQ(test.make(VmState::off).status, AnswerStatus::done);
    EXPECT_LT(test.clock.now() - began, Seconds(30));
    EXPECT_TRUE(says(std::get<OrderAnswer>(test.answers.at(order.order_id.text()).message).text, "was not waited for"));
}

TEST(Health, of_a_vm_that_was_found_off_is_not_asked) {
    HostUnderTest test;
    test.vm().power = Power::off;
    test.make(VmState::off);
    auto order = test.order(VmState::running);
    order.health = Health::guest_agent;
    order.health_seconds = 60;
    EXPECT_EQ(test.carry_out(order).status, AnswerStatus::done);
    EXPECT_EQ(test.host.count["sign_of_health"], 0);
}

}  // namespace
}  // namespace bailiff::test
