// SPDX-License-Identifier: Apache-2.0
// The runner carries out: power off, isolation, scan, clean and release on a fake host, with everything that may go wrong.
#include "tests/unit/agent/host_under_test.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace bailiff::test {
namespace {

int64_t step_ms(const OrderAnswer& answer, const std::string& step) {
    int64_t out = -1;
    for (const auto& s : answer.steps)
        if (s.step == step) out = std::max<int64_t>(out, 0) + s.milliseconds;
    return out;
}

TEST(Events, none_reaches_a_runner_that_has_ended) {
    HostUnderTest test;
    test.boot();
    ASSERT_TRUE(test.host.on_event);
    test.runner.reset();
    EXPECT_FALSE(test.host.on_event);
}

// ---- power off -----------------------------------------------------------------------------------------------------

TEST(PowerOff, a_guest_that_obeys_its_agent_is_locked_and_off_within_seconds) {
    HostUnderTest test;
    const auto answer = test.make(VmState::off, Expect::running);
    EXPECT_EQ(answer.status, AnswerStatus::done) << answer.text;
    EXPECT_EQ(answer.state, VmState::off);
    EXPECT_EQ(answer.power, Power::off);
    EXPECT_EQ(test.host.count["power_off"], 0);
    EXPECT_EQ(step_ms(answer, "wait_for_guest"), 3000);
    EXPECT_GE(step_ms(answer, "lock"), 0);
    EXPECT_GE(step_ms(answer, "prove_gate"), 0);
    EXPECT_FALSE(test.vm().autostart);
    EXPECT_TRUE(test.host.locks.at(table_vm()).was_running);
    EXPECT_TRUE(test.host.locks.at(table_vm()).had_autostart);
    EXPECT_FALSE(test.host.start_by_hand(table_vm()));
}

TEST(PowerOff, a_guest_without_agent_is_asked_by_acpi_at_once) {
    HostUnderTest test;
    test.vm().obeys_agent = false;
    const auto answer = test.make(VmState::off);
    EXPECT_EQ(answer.status, AnswerStatus::done);
    EXPECT_EQ(test.host.count["power_off"], 0);
    EXPECT_EQ(step_ms(answer, "wait_for_guest"), 3000);
}

TEST(PowerOff, a_guest_that_ignores_everything_is_ended_after_the_patience_of_each_step) {
    HostUnderTest test;
    test.vm().obeys_within = Milliseconds(3'600'000);
    const auto answer = test.make(VmState::off);
    EXPECT_EQ(answer.status, AnswerStatus::done);
    EXPECT_EQ(test.vm().power, Power::off);
    EXPECT_EQ(test.host.count["power_off"], 1);
    EXPECT_EQ(test.host.count["shut_down"], 1 + 9) << "once by agent, and by ACPI every 10 s for 90 s";
    EXPECT_EQ(step_ms(answer, "wait_for_guest"), 60'000 + 90'000);
}

TEST(PowerOff, a_paused_or_stuck_guest_hears_nothing_and_is_ended_at_once) {
    HostUnderTest test;
    test.vm().power = Power::paused;
    EXPECT_EQ(test.make(VmState::off).status, AnswerStatus::done);
    EXPECT_EQ(test.host.count["shut_down"], 0);
}

TEST(PowerOff, a_vm_that_is_off_and_locked_already_says_so) {
    HostUnderTest test;
    test.make(VmState::off);
    EXPECT_EQ(test.make(VmState::off).status, AnswerStatus::already);
    EXPECT_TRUE(test.host.locks.at(table_vm()).was_running) << "the first lock's memory stays";
}

TEST(PowerOff, a_vm_found_off_is_not_started_by_the_release) {
    HostUnderTest test;
    test.vm().power = Power::off;
    test.make(VmState::off);
    EXPECT_EQ(test.make(VmState::running).status, AnswerStatus::done);
    EXPECT_EQ(test.vm().power, Power::off);
    EXPECT_TRUE(test.vm().autostart);
}

TEST(PowerOff, a_vm_that_cannot_be_ended_needs_an_operator_and_stays_locked) {
    HostUnderTest test;
    test.vm().obeys_within = Milliseconds(3'600'000);
    test.host.fault = [](const std::string& call, Phase) -> std::optional<Error> {
        return call == "power_off" ? std::optional(Error{Errc::unavailable, "the process is in uninterruptible sleep"}) : std::nullopt;
    };
    const auto answer = test.make(VmState::off);
    EXPECT_EQ(answer.status, AnswerStatus::needs_operator);
    EXPECT_NE(answer.text.find("uninterruptible"), std::string::npos);
    EXPECT_FALSE(test.host.locks.empty());
}

TEST(PowerOff, a_hypervisor_that_is_away_for_a_minute_delays_and_loses_nothing) {
    HostUnderTest test;
    test.boot();
    test.host.down = true;
    const auto order = test.order(VmState::off);
    test.hand_over(OrderFrame{sealed(order)});
    test.pass(Seconds(60));
    EXPECT_TRUE(test.answers.empty());
    EXPECT_FALSE(test.runner->trouble().empty());
    test.host.down = false;
    EXPECT_EQ(test.carry_out(order).status, AnswerStatus::done);
}

TEST(PowerOff, an_order_that_expires_before_the_host_can_be_looked_at_is_not_carried_out) {
    HostUnderTest test;
    test.boot();
    test.host.down = true;
    const auto order = test.order(VmState::off);
    test.hand_over(OrderFrame{sealed(order)});
    test.pass(Seconds(901));
    test.host.down = false;
    const auto answer = test.carry_out(order);
    EXPECT_EQ(name(answer.refusal), name(Refusal::expired));
    EXPECT_EQ(test.vm().power, Power::running);
}

// ---- isolation -----------------------------------------------------------------------------------------------------

TEST(Isolated, every_link_is_down_until_the_release) {
    HostUnderTest test;
    const auto answer = test.make(VmState::isolated, Expect::running);
    EXPECT_EQ(answer.status, AnswerStatus::done) << answer.text;
    EXPECT_FALSE(test.vm().nics[0].link_up);
    EXPECT_EQ(test.vm().power, Power::running);
    EXPECT_EQ(test.make(VmState::isolated, Expect::isolated).status, AnswerStatus::already);
    EXPECT_EQ(test.make(VmState::running, Expect::isolated).status, AnswerStatus::done);
    EXPECT_TRUE(test.vm().nics[0].link_up);
}

TEST(Isolated, a_link_that_is_put_up_is_taken_down_again) {
    HostUnderTest test;
    test.make(VmState::isolated);
    test.vm().nics[0].link_up = true;
    test.pass(Seconds(70));
    EXPECT_FALSE(test.vm().nics[0].link_up);
    EXPECT_TRUE(test.events_say("drift_repaired"));
}

TEST(Isolated, a_power_off_afterwards_puts_the_definition_back_as_it_was) {
    HostUnderTest test;
    test.make(VmState::isolated);
    EXPECT_EQ(test.make(VmState::off).status, AnswerStatus::done);
    EXPECT_TRUE(test.vm().stored_nics[0].link_up);
}

// ---- scan, clean, release ------------------------------------------------------------------------------------------

struct Infected : testing::Test {
    HostUnderTest test;
    Infected() {
        test.host.plant(table_vm(), "/root/evil", "EICAR");
        test.make(VmState::off);
        test.run(JobKind::evidence);
    }
    std::string scan_now(ScanVerdict expected) {
        const auto job = test.job(JobKind::scan);
        const auto answer = test.carry_out(job);
        EXPECT_EQ(answer.verdict, expected);
        return job.job_id.text();
    }
};

TEST_F(Infected, cannot_be_released_without_cleaning) {
    const auto scan = scan_now(ScanVerdict::infected);
    EXPECT_EQ(name(test.make(VmState::running).refusal), name(Refusal::not_verified_clean));
    EXPECT_EQ(test.run(JobKind::clean, scan).files, 1);
    EXPECT_EQ(name(test.make(VmState::running).refusal), name(Refusal::not_verified_clean)) << "not scanned since it was cleaned";
    scan_now(ScanVerdict::clean);
    EXPECT_EQ(test.make(VmState::running).status, AnswerStatus::done);
    EXPECT_EQ(test.host.disks_of(table_vm()).at("vda").count("/root/evil"), 0u);
}

TEST_F(Infected, can_be_released_when_policy_asks_for_no_evidence) {
    scan_now(ScanVerdict::infected);
    auto order = test.order(VmState::running);
    order.evidence = EvidenceRule::not_required;
    EXPECT_EQ(test.carry_out(order).status, AnswerStatus::done) << "a false positive is given back as it was";
    EXPECT_EQ(test.vm().power, Power::running);
}

TEST_F(Infected, an_incomplete_scan_is_not_clean) {
    const auto scan = scan_now(ScanVerdict::infected);
    test.run(JobKind::clean, scan);
    for (const auto& path : test.host.overlay_paths()) test.host.images.at(path).files["/secret"] = "ENCRYPTED";
    scan_now(ScanVerdict::incomplete);
    EXPECT_EQ(name(test.make(VmState::running).refusal), name(Refusal::not_verified_clean));
}

TEST_F(Infected, a_scan_before_the_quarantine_run_does_not_count) {
    const auto scan = scan_now(ScanVerdict::infected);
    test.run(JobKind::clean, scan);
    scan_now(ScanVerdict::clean);
    EXPECT_EQ(test.make(VmState::quarantined).status, AnswerStatus::done);
    EXPECT_EQ(name(test.make(VmState::running).refusal), name(Refusal::not_verified_clean)) << "it still runs";
    test.make(VmState::off, Expect::quarantined);
    EXPECT_EQ(name(test.make(VmState::running).refusal), name(Refusal::not_verified_clean)) << "it has written since";
    EXPECT_EQ(test.host.count["commit"], 0);
}

TEST_F(Infected, revert_drops_what_cleaning_did) {
    const auto before = test.host.disks_of(table_vm());
    test.run(JobKind::clean, scan_now(ScanVerdict::infected));
    EXPECT_FALSE(test.host.overlay_paths().empty());
    EXPECT_EQ(test.run(JobKind::revert).status, AnswerStatus::done);
    EXPECT_TRUE(test.host.overlay_paths().empty());
    EXPECT_EQ(test.host.disks_of(table_vm()), before);
    EXPECT_EQ(name(test.make(VmState::running).refusal), name(Refusal::not_verified_clean)) << "the old verdict holds again";
}

TEST_F(Infected, only_this_hosts_own_scan_can_be_cleaned) {
    EXPECT_EQ(name(test.run(JobKind::clean, id_number(77)).refusal), name(Refusal::unexpected_state));
}

TEST_F(Infected, a_failed_cleaning_leaves_no_overlay) {
    const auto scan = scan_now(ScanVerdict::infected);
    test.host.fault = [](const std::string& call, Phase phase) -> std::optional<Error> {
        return call == "clean" && phase == Phase::during ? std::optional(Error{Errc::invalid, "a filesystem that cannot be written"}) : std::nullopt;
    };
    EXPECT_EQ(test.run(JobKind::clean, scan).status, AnswerStatus::failed);
    EXPECT_TRUE(test.host.overlay_paths().empty());
}

TEST_F(Infected, a_vm_that_ends_as_its_token_is_taken_back_boots_again_with_another_one) {
    std::vector<std::string> tokens;
    test.host.fault = [&](const std::string& call, Phase phase) -> std::optional<Error> {
        if (call == "permit" && phase == Phase::after) tokens.push_back(test.host.permits.at(table_vm()));
        if (call == "revoke" && phase == Phase::after && tokens.size() == 1) {
            test.vm().power = Power::off;
            test.vm().quarantined = false;
        }
        return std::nullopt;
    };
    const auto answer = test.make(VmState::quarantined);
    EXPECT_EQ(answer.status, AnswerStatus::done) << answer.text;
    EXPECT_EQ(test.vm().quarantine_runs, 2);
    ASSERT_EQ(tokens.size(), 2u);
    EXPECT_NE(tokens[0], tokens[1]);
    EXPECT_TRUE(test.host.permits.empty());
}

TEST_F(Infected, a_quarantine_boot_that_fails_takes_everything_back) {
    test.host.fault = [](const std::string& call, Phase phase) -> std::optional<Error> {
        return call == "start_quarantined" && phase == Phase::before ? std::optional(Error{Errc::invalid, "no such machine type"}) : std::nullopt;
    };
    const auto answer = test.make(VmState::quarantined);
    EXPECT_EQ(answer.status, AnswerStatus::failed) << answer.text;
    EXPECT_TRUE(test.host.overlay_paths().empty());
    EXPECT_TRUE(test.host.permits.empty());
}

// ---- locks ---------------------------------------------------------------------------------------------------------

TEST(Bypass, a_locked_vm_that_runs_is_powered_off_again_and_reported) {
    HostUnderTest test;
    test.make(VmState::off);
    test.host.gate_holds = false;
    test.host.held.clear();   // both layers are lost
    ASSERT_TRUE(test.host.start_by_hand(table_vm()));
    test.pass(Seconds(5));
    EXPECT_EQ(test.vm().power, Power::off);
    EXPECT_TRUE(test.events_say("lock_bypassed"));
}

TEST_F(Infected, overlays_do_not_fit_disks_that_ran_past_the_lock) {
    test.run(JobKind::clean, scan_now(ScanVerdict::infected));
    test.host.gate_holds = false;
    test.host.held.clear();   // both layers are lost
    ASSERT_TRUE(test.host.start_by_hand(table_vm()));
    test.pass(Seconds(5));
    test.host.gate_holds = true;
    test.pass(Seconds(70));
    scan_now(ScanVerdict::clean);
    const auto answer = test.make(VmState::running);
    EXPECT_EQ(name(answer.refusal), name(Refusal::not_verified_clean)) << answer.text;
    EXPECT_EQ(test.host.count["commit"], 0);
}

}  // namespace
}  // namespace bailiff::test
