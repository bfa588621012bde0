// SPDX-License-Identifier: Apache-2.0
// The lock on hosts that are not the VM's own, the gate that an order may do without, the holder of the disks.
#include "tests/unit/agent/host_under_test.hpp"

#include <gtest/gtest.h>

#include <iostream>

namespace bailiff::test {
namespace {

const VmId elsewhere("44444444-4444-4444-8444-444444444444");   // lives on another host

struct Guarding : testing::Test {
    HostUnderTest test;
    Job guard_job(JobKind kind, const VmId& vm = elsewhere, const std::string& case_id = "C-1") {
        Job job = test.job(kind);
        job.vm_uuid = vm;
        job.case_id = CaseId(case_id);
        return job;
    }
    JobAnswer guard(const VmId& vm = elsewhere, const std::string& case_id = "C-1") { return test.carry_out(guard_job(JobKind::guard, vm, case_id)); }
    JobAnswer unguard(const VmId& vm = elsewhere, const std::string& case_id = "C-1") { return test.carry_out(guard_job(JobKind::unguard, vm, case_id)); }
    void expect_refused(const JobAnswer& answer, Refusal code) {
        EXPECT_EQ(answer.status, AnswerStatus::refused) << answer.text;
        EXPECT_EQ(name(answer.refusal), name(code)) << answer.text;
    }
    std::vector<VmRecord> inventory() {
        for (auto frame = test.sent.rbegin(); frame != test.sent.rend(); ++frame)
            if (const auto* part = std::get_if<InventoryPart>(&frame->message)) return part->vms;
        return {};
    }
};

TEST_F(Guarding, holds_the_lock_of_a_vm_that_is_not_here) {
    EXPECT_EQ(guard().status, AnswerStatus::done);
    const auto& record = test.host.locks.at(elsewhere);
    EXPECT_TRUE(record.guard);
    EXPECT_FALSE(record.was_running);
    EXPECT_TRUE(record.disks.empty());
    EXPECT_EQ(guard().status, AnswerStatus::already);
    // Whoever defines the VM here, as HA and panels do, does not get it started.
    test.host.add_vm(elsewhere, "web9").power = Power::off;
    EXPECT_FALSE(test.host.start_by_hand(elsewhere));
    EXPECT_EQ(unguard().status, AnswerStatus::done);
    EXPECT_EQ(unguard().status, AnswerStatus::already);
    EXPECT_TRUE(test.host.locks.empty());
    EXPECT_TRUE(test.host.start_by_hand(elsewhere));
}

TEST_F(Guarding, is_refused_where_the_vm_runs_and_touches_nothing) {
    test.boot();
    const auto acts = test.host.acts;
    expect_refused(guard(table_vm()), Refusal::unexpected_state);
    EXPECT_EQ(test.host.acts, acts);
    EXPECT_TRUE(test.host.locks.empty());
}

TEST_F(Guarding, is_refused_without_a_gate) {
    test.host.gate_holds = false;
    expect_refused(guard(), Refusal::gate_down);
    EXPECT_EQ(test.host.acts, 0);
}

TEST_F(Guarding, takes_its_files_back_when_the_gate_falls_between_the_rounds) {
    test.boot();
    test.host.gate_holds = false;
    expect_refused(guard(), Refusal::gate_down);
    EXPECT_TRUE(test.host.locks.empty());
}

TEST_F(Guarding, the_admins_list_stands_above_it) {
    test.settings.exempt = {elsewhere.text()};
    expect_refused(guard(), Refusal::exempt);
    EXPECT_EQ(unguard().status, AnswerStatus::already) << "letting go is never refused";
    EXPECT_EQ(test.host.acts, 0);
}

TEST_F(Guarding, a_drained_host_takes_it_and_a_dry_one_does_not) {
    test.settings.draining = true;
    EXPECT_EQ(guard().status, AnswerStatus::done);
    HostUnderTest dry;
    dry.settings.dry_run = true;
    Job job = dry.job(JobKind::guard);
    job.vm_uuid = elsewhere;
    expect_refused(dry.carry_out(job), Refusal::dry_run);
    EXPECT_EQ(dry.host.acts, 0);
}

TEST_F(Guarding, costs_nothing_of_the_hosts_ceiling) {
    test.settings.budget_per_hour = 1;
    for (int i = 0; i < 5; ++i) EXPECT_EQ(guard(VmId("5555555" + std::to_string(i) + "-4444-4444-8444-444444444444")).status, AnswerStatus::done);
    EXPECT_EQ(test.make(VmState::off).status, AnswerStatus::done);
}

TEST_F(Guarding, makes_no_vm_off_or_locked) {
    guard();
    test.host.add_vm(elsewhere, "web9").power = Power::off;
    test.pass(Seconds(70));
    bool named = false;
    for (const auto& vm : inventory()) {
        if (vm.vm != elsewhere) continue;
        named = true;
        EXPECT_FALSE(vm.locked);
        EXPECT_EQ(vm.state, VmState::running) << "of the states that an order can demand, none";
    }
    EXPECT_TRUE(named);
    Order off = test.order(VmState::off, Expect::isolated);
    off.vm_uuid = elsewhere;
    EXPECT_EQ(test.carry_out(off).refusal, Refusal::unexpected_state);
}

TEST_F(Guarding, becomes_the_lock_when_the_vm_came_here_and_is_ordered_off) {
    guard();
    const auto disks = test.host.add_vm(elsewhere, "web9").disks;
    test.pass(Seconds(61));
    EXPECT_EQ(test.host.vm(elsewhere).power, Power::off) << "it is ordered off, wherever it runs";
    const auto order = [&](VmState desired) {
        Order o = test.order(desired);
        o.vm_uuid = elsewhere;
        o.evidence = EvidenceRule::not_required;
        return test.carry_out(o);
    };
    EXPECT_EQ(order(VmState::off).status, AnswerStatus::done);
    const auto record = test.host.locks.at(elsewhere);
    EXPECT_FALSE(record.guard);
    EXPECT_EQ(record.name, "web9");
    EXPECT_EQ(record.disks, disks) << "rewritten from what is observed";
    EXPECT_TRUE(record.was_running) << "off because of us";
    EXPECT_EQ(guard().status, AnswerStatus::already) << "a guard never replaces it";
    EXPECT_FALSE(test.host.locks.at(elsewhere).guard);
    EXPECT_EQ(order(VmState::running).status, AnswerStatus::done);
    EXPECT_EQ(test.host.vm(elsewhere).power, Power::running);
}

TEST_F(Guarding, of_a_later_case_outlives_the_late_unguard_of_an_earlier_one) {
    guard(elsewhere, "C-1");
    EXPECT_EQ(guard(elsewhere, "C-2").status, AnswerStatus::done);
    EXPECT_EQ(unguard(elsewhere, "C-1").status, AnswerStatus::already);
    EXPECT_EQ(test.host.locks.at(elsewhere).case_id, CaseId("C-2"));
    unguard(elsewhere, "C-2");
    EXPECT_TRUE(test.host.locks.empty());
}

TEST_F(Guarding, lets_go_of_the_lock_of_a_vm_that_moved_away_and_starts_nothing) {
    test.make(VmState::off);
    EXPECT_EQ(unguard(table_vm(), "C-2").status, AnswerStatus::already) << "the lock of another case is not its own";
    ASSERT_TRUE(test.host.locks.contains(table_vm()));
    EXPECT_EQ(unguard(table_vm(), "C-1").status, AnswerStatus::done);
    EXPECT_TRUE(test.host.locks.empty());
    EXPECT_TRUE(test.host.held.empty());
    EXPECT_EQ(test.vm().power, Power::off) << "it runs on another host by now";
    EXPECT_TRUE(test.vm().autostart);
}

TEST_F(Guarding, a_vm_that_is_started_past_it_is_powered_off_again_and_reported) {
    guard();
    test.host.add_vm(elsewhere, "web9").power = Power::off;
    test.host.gate_holds = false;
    ASSERT_TRUE(test.host.start_by_hand(elsewhere));
    test.pass(Seconds(5));
    EXPECT_EQ(test.host.vm(elsewhere).power, Power::off);
    EXPECT_TRUE(test.events_say("lock_bypassed"));
}

/// Guard, a start tried by hand, unguard: with a kill at every journal entry and every call.
TEST_F(Guarding, survives_a_kill_at_every_point) {
    const auto live = [](HostUnderTest& host, int64_t kill_at) {
        int64_t point = 0;
        const auto pass = [&] {
            if (++point == kill_at) throw Crash{};
        };
        host.journal.before = [&](const auto&, const auto&, const auto&) { pass(); };
        host.journal.after = host.journal.before;
        host.host.fault = [&](const std::string&, Phase) -> std::optional<Error> { return pass(), std::nullopt; };
        host.boot();
        Job guard = host.job(JobKind::guard), unguard = host.job(JobKind::unguard);
        guard.vm_uuid = unguard.vm_uuid = elsewhere;
        const auto first = host.carry_out(guard);
        EXPECT_TRUE(first.status == AnswerStatus::done || first.status == AnswerStatus::already) << first.text << " at " << kill_at;
        EXPECT_TRUE(host.host.locks.contains(elsewhere) && host.host.locks.at(elsewhere).guard) << kill_at;
        const auto last = host.carry_out(unguard);
        EXPECT_TRUE(last.status == AnswerStatus::done || last.status == AnswerStatus::already) << last.text << " at " << kill_at;
        EXPECT_TRUE(host.host.locks.empty()) << kill_at;
        EXPECT_TRUE(host.runner->idle()) << kill_at;
        EXPECT_EQ(host.vm().runs, 1) << kill_at;
        host.journal.before = host.journal.after = nullptr;
        host.host.fault = nullptr;
        return point;
    };
    HostUnderTest whole;
    const auto points = live(whole, 0);
    ASSERT_GT(points, 30);
    for (int64_t at = 1; at <= points; ++at) {
        HostUnderTest one;
        live(one, at);
        ASSERT_FALSE(HasFailure()) << "killed at point " << at << " of " << points;
    }
    std::cout << "guard walk: " << points << " points\n";
}

// ---- a gate that is not required ------------------------------------------------------------------------------------

struct WithoutGate : testing::Test {
    HostUnderTest test;
    OrderAnswer off(GateRule rule) {
        Order order = test.order(VmState::off);
        order.gate = rule;
        return test.carry_out(order);
    }
};

TEST_F(WithoutGate, an_order_that_does_not_require_it_goes_ahead_and_says_so) {
    test.host.gate_holds = false;
    EXPECT_EQ(off(GateRule::required).refusal, Refusal::gate_down);
    EXPECT_EQ(test.vm().power, Power::running);
    const auto answer = off(GateRule::not_required);
    EXPECT_EQ(answer.status, AnswerStatus::done) << answer.text;
    EXPECT_NE(answer.text.find("gate does not hold"), std::string::npos) << answer.text;
    EXPECT_EQ(test.vm().power, Power::off);
    EXPECT_TRUE(test.host.locks.contains(table_vm()));
    // The holder is the second layer, and stands without the gate.
    test.pass(Seconds(2));
    EXPECT_FALSE(test.host.start_by_hand(table_vm()));
}

TEST_F(WithoutGate, also_when_it_falls_after_the_first_look) {
    test.boot();
    test.host.gate_holds = false;
    EXPECT_EQ(off(GateRule::not_required).status, AnswerStatus::done);
    EXPECT_EQ(test.vm().power, Power::off);
}

// ---- the holder -----------------------------------------------------------------------------------------------------

struct Holding : testing::Test {
    HostUnderTest test;
};

TEST_F(Holding, the_disks_of_a_vm_that_is_off_are_held_under_any_name) {
    test.make(VmState::off);
    test.pass(Seconds(2));
    EXPECT_TRUE(test.host.is_held(test.vm().disks[0].source));
    EXPECT_TRUE(test.host.is_held(test.vm().disks[1].source));
    EXPECT_FALSE(test.host.is_held(test.vm().disks[2].source)) << "installation media serve other VMs too";
    auto& twin = test.host.add_vm(elsewhere, "twin");
    twin.power = Power::off;
    twin.disks[0].source = test.vm().disks[0].source;
    EXPECT_FALSE(test.host.start_by_hand(elsewhere));
    EXPECT_EQ(test.make(VmState::running).status, AnswerStatus::done);
    EXPECT_TRUE(test.host.held.empty());
    EXPECT_EQ(test.vm().power, Power::running);
}

TEST_F(Holding, a_holder_that_died_is_started_again_by_the_next_round) {
    test.make(VmState::off);
    test.pass(Seconds(2));
    test.host.held.clear();
    test.pass(Seconds(61));
    EXPECT_TRUE(test.host.is_held(test.vm().disks[0].source));
}

TEST_F(Holding, a_missing_holder_is_a_warning_and_no_failure) {
    test.host.fault = [](const std::string& call, Phase) -> std::optional<Error> {
        return call == "hold" ? std::optional(Error{Errc::unavailable, "no program holds the disks"}) : std::nullopt;
    };
    EXPECT_EQ(test.make(VmState::off).status, AnswerStatus::done);
    test.pass(Seconds(200));
    EXPECT_EQ(std::count_if(test.logged.begin(), test.logged.end(), [](const std::string& line) { return line.starts_with("event=not_held"); }), 1)
        << "said once, not each minute";
    EXPECT_FALSE(test.events_say("lock_bypassed"));
    EXPECT_EQ(test.make(VmState::running).status, AnswerStatus::done);
}

TEST_F(Holding, a_disk_that_runs_under_another_name_already_is_reported_once) {
    auto& twin = test.host.add_vm(elsewhere, "twin");
    twin.disks[0].source = test.vm().disks[0].source;
    test.make(VmState::off);
    test.pass(Seconds(200));
    int64_t told = 0;
    for (const auto& frame : test.sent)
        if (const auto* event = std::get_if<VmEvent>(&frame.message)) told += event->what == "lock_bypassed";
    EXPECT_EQ(told, 1);
}

TEST_F(Holding, a_start_while_nobody_was_connected_reaches_the_case_all_the_same) {
    test.make(VmState::off);
    test.runner->disconnected();
    test.host.gate_holds = false;
    test.host.held.clear();
    ASSERT_TRUE(test.host.start_by_hand(table_vm()));
    test.pass(Seconds(5));
    ASSERT_EQ(test.vm().power, Power::off);
    EXPECT_FALSE(test.events_say("lock_bypassed"));
    test.sent.clear();
    test.boot();   // also over a restart
    ASSERT_TRUE(test.events_say("lock_bypassed"));
    MessageId id;
    for (const auto& frame : test.sent)
        if (const auto* event = std::get_if<VmEvent>(&frame.message); event && event->what == "lock_bypassed") id = frame.id;
    test.hand_over(Ack{{id.text()}});
    test.sent.clear();
    test.boot();
    EXPECT_FALSE(test.events_say("lock_bypassed")) << "acknowledged is told";
}

TEST_F(Holding, a_scan_during_which_the_vm_ran_says_nothing) {
    test.make(VmState::off);
    test.pass(Seconds(2));
    test.host.gate_holds = false;
    test.host.held.clear();
    bool started = false;
    test.host.fault = [&](const std::string& call, Phase phase) -> std::optional<Error> {
        if (call == "scan" && phase == Phase::before && !started) {
            started = true;
            EXPECT_TRUE(test.host.start_by_hand(table_vm()));
            // What a round does while the scan reads for hours.
            test.runner->post([] {});
        }
        return std::nullopt;
    };
    const auto answer = test.run(JobKind::scan);
    test.host.fault = nullptr;
    test.pass(Seconds(5));
    EXPECT_EQ(test.vm().power, Power::off);
    EXPECT_TRUE(test.events_say("lock_bypassed"));
    EXPECT_EQ(test.runner->ledger().describe(table_vm(), CaseId("C-1")).last_scan, std::nullopt) << answer.text;
}

TEST_F(Holding, a_set_is_no_evidence_any_more_once_the_vm_ran) {
    test.make(VmState::off);
    test.pass(Seconds(2));
    bool started = false;
    test.host.fault = [&](const std::string& call, Phase phase) -> std::optional<Error> {
        if (call == "freeze" && phase == Phase::after && !started) {
            started = true;
            test.host.gate_holds = false;
            test.host.held.clear();
            EXPECT_TRUE(test.host.start_by_hand(table_vm()));
            test.runner->post([] {});
        }
        return std::nullopt;
    };
    const auto torn = test.run(JobKind::evidence);
    test.host.fault = nullptr;
    test.host.gate_holds = true;
    test.pass(Seconds(70));
    ASSERT_EQ(test.vm().power, Power::off);
    // From the journal, also after a restart.
    test.boot();
    const auto whole = test.run(JobKind::evidence);
    EXPECT_EQ(whole.status, AnswerStatus::done) << whole.text;
    EXPECT_NE(whole.evidence, torn.evidence) << "it is taken anew";
    EXPECT_EQ(test.run(JobKind::evidence).evidence, whole.evidence) << "and that one counts";
}

}  // namespace
}  // namespace bailiff::test
