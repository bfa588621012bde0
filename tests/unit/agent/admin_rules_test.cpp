// SPDX-License-Identifier: Apache-2.0
// The host's admin wins over any order: the never-touch list, the budget and the clock, drain.
#include "tests/unit/agent/host_under_test.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace bailiff::test {
namespace {

struct AdminRules : testing::Test {
    HostUnderTest test;
    AdminRules() { test.host.add_vm(other_vm, "billing"); }

    Order for_other(VmState desired) {
        Order o = test.order(desired);
        o.vm_uuid = other_vm;
        return o;
    }
    std::string refusal_for_other() {
        const auto answer = test.carry_out(for_other(VmState::isolated));
        return std::string(name(answer.refusal));
    }
    agent::HostRules rules() const {
        agent::HostRules out;
        out.exempt = test.settings.exempt;
        out.budget_per_hour = test.settings.budget_per_hour;
        return out;
    }
    void restart() {
        test.runner.reset();
        test.boot();
    }
    int64_t times(const std::string& what) const {
        return std::count_if(test.sent.begin(), test.sent.end(), [&](const Frame& frame) {
            const auto* event = std::get_if<VmEvent>(&frame.message);
            return event && event->what == what;
        });
    }
};

// ---- budget --------------------------------------------------------------------------------------------------------

struct Budget : AdminRules {
    Budget() {
        test.settings.budget_per_hour = 1;
        EXPECT_EQ(test.make(VmState::isolated).status, AnswerStatus::done);
    }
};

TEST_F(Budget, survives_a_restart_of_the_agent) {
    restart();
    EXPECT_EQ(refusal_for_other(), "over_budget");
    test.pass(Seconds(3601));
    restart();
    EXPECT_EQ(refusal_for_other(), "none");
}

TEST_F(Budget, is_not_emptied_by_a_clock_that_jumps_ahead) {
    test.clock.jump(Seconds(2 * 3600));
    EXPECT_EQ(refusal_for_other(), "over_budget");
    restart();
    EXPECT_EQ(refusal_for_other(), "over_budget");
    test.pass(Seconds(3601));
    EXPECT_EQ(refusal_for_other(), "none");
}

TEST_F(Budget, is_not_blocked_by_a_clock_that_jumps_back) {
    test.clock.jump(Seconds(-10 * 86400));
    EXPECT_EQ(refusal_for_other(), "over_budget");
    test.pass(Seconds(3601));
    EXPECT_EQ(refusal_for_other(), "none");
    test.pass(Seconds(3601));
    restart();
    EXPECT_EQ(test.carry_out(for_other(VmState::isolated)).refusal, Refusal::none);
}

TEST_F(Budget, after_a_reboot_a_clock_that_was_ahead_blocks_for_an_hour_at_most) {
    test.clock.jump(Seconds(-10 * 86400));
    test.clock.reboot();
    test.settings.boot_id = "boot-2";
    restart();
    EXPECT_EQ(refusal_for_other(), "over_budget");
    test.pass(Seconds(3601));
    EXPECT_EQ(refusal_for_other(), "none");
}

TEST_F(Budget, counts_a_vm_whose_later_order_was_refused) {
    EXPECT_EQ(test.make(VmState::off, Expect::off).status, AnswerStatus::refused);
    EXPECT_EQ(refusal_for_other(), "over_budget") << "the first VM is cut off still";
}

TEST_F(Budget, can_be_raised_while_the_agent_runs) {
    auto now = rules();
    now.budget_per_hour = 2;
    test.runner->change_rules(now);
    EXPECT_EQ(refusal_for_other(), "none");
}

// ---- never-touch ---------------------------------------------------------------------------------------------------

TEST_F(AdminRules, a_name_added_to_the_list_counts_for_the_next_order) {
    test.boot();
    auto now = rules();
    now.exempt = {"billing"};
    test.runner->change_rules(now);
    EXPECT_EQ(refusal_for_other(), "exempt");
    EXPECT_EQ(test.host.acts, 0);
    now.exempt.clear();
    test.runner->change_rules(now);
    EXPECT_EQ(refusal_for_other(), "none");
}

TEST_F(AdminRules, a_name_counts_before_the_vms_were_ever_listed) {
    test.settings.exempt = {"web1"};
    test.host.fault = [](const std::string& call, Phase) -> std::optional<Error> {
        return call == "list" ? std::optional(Error{Errc::unavailable, "busy"}) : std::nullopt;
    };
    EXPECT_EQ(name(test.make(VmState::off).refusal), name(Refusal::exempt));
    EXPECT_EQ(test.host.acts, 0);
}

TEST_F(AdminRules, an_order_under_way_does_nothing_more_to_a_vm_that_is_listed_now) {
    test.vm().obeys_within = Milliseconds(3'600'000);
    test.boot();
    const auto order = test.order(VmState::off);
    test.hand_over(OrderFrame{sealed(order)});
    test.pass(Seconds(20));
    ASSERT_EQ(test.host.count["shut_down"], 1);
    auto now = rules();
    now.exempt = {table_vm().text()};
    test.runner->change_rules(now);
    const auto answer = test.carry_out(order);
    EXPECT_EQ(name(answer.status), name(AnswerStatus::needs_operator)) << "the guest was asked already";
    EXPECT_EQ(name(answer.refusal), name(Refusal::exempt));
    test.pass(Seconds(300));
    EXPECT_EQ(test.host.count["shut_down"], 1);
    EXPECT_EQ(test.host.count["power_off"], 0);
    EXPECT_EQ(test.vm().power, Power::running);
}

TEST_F(AdminRules, a_locked_vm_that_is_listed_may_run_and_it_is_said_once) {
    test.make(VmState::off);
    auto now = rules();
    now.exempt = {"web1"};
    test.runner->change_rules(now);
    test.host.gate_holds = false;
    test.host.held.clear();   // both layers are lost
    ASSERT_TRUE(test.host.start_by_hand(table_vm()));
    test.pass(Seconds(200));
    EXPECT_EQ(test.vm().power, Power::running);
    EXPECT_EQ(times("lock_bypassed"), 1);
    now.exempt.clear();
    test.runner->change_rules(now);
    test.pass(Seconds(70));
    EXPECT_EQ(test.vm().power, Power::off) << "off the list, the lock counts again";
}

TEST_F(AdminRules, what_is_wrong_with_the_files_stands_in_every_heartbeat) {
    test.boot();
    auto now = rules();
    now.trouble = "the never-touch file cannot be read";
    test.runner->change_rules(now);
    test.pass(Seconds(70));
    const auto last = std::find_if(test.sent.rbegin(), test.sent.rend(), [](const Frame& f) { return std::holds_alternative<Heartbeat>(f.message); });
    ASSERT_NE(last, test.sent.rend());
    EXPECT_EQ(std::get<Heartbeat>(last->message).trouble, now.trouble);
}

// ---- drain ---------------------------------------------------------------------------------------------------------

TEST_F(AdminRules, a_drained_host_finishes_what_runs_refuses_what_harms_and_still_gives_back) {
    test.boot();
    const auto running = test.order(VmState::off);
    test.hand_over(OrderFrame{sealed(running)});
    auto now = rules();
    now.draining = true;
    now.drain_reason = "root: new disks";
    test.runner->change_rules(now);
    EXPECT_EQ(test.carry_out(running).status, AnswerStatus::done);
    EXPECT_EQ(refusal_for_other(), "draining");
    EXPECT_TRUE(test.host.locks.contains(table_vm())) << "locks are kept";
    EXPECT_EQ(test.make(VmState::running).status, AnswerStatus::done);
    EXPECT_TRUE(test.events_say("draining"));
    now.draining = false;
    test.runner->change_rules(now);
    EXPECT_TRUE(test.events_say("undrained"));
    EXPECT_EQ(refusal_for_other(), "none");
}

// ---- the shared proof of the gate, and events ------------------------------------------------------------------------

TEST_F(AdminRules, orders_that_come_together_share_one_proof_of_the_gate) {
    test.boot();
    const auto before = test.host.count["prove_gate"];
    const auto first = test.order(VmState::off), second = for_other(VmState::off);
    test.runner->on_frame({MessageId("f1"), OrderFrame{sealed(first)}});
    test.runner->on_frame({MessageId("f2"), OrderFrame{sealed(second)}});
    test.tick();
    EXPECT_EQ(test.carry_out(first).status, AnswerStatus::done);
    EXPECT_EQ(test.carry_out(second).status, AnswerStatus::done);
    EXPECT_LE(test.host.count["prove_gate"] - before, 2) << "one that was under way, and one that began after both had come";
}

}  // namespace
}  // namespace bailiff::test
