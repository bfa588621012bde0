// SPDX-License-Identifier: Apache-2.0
// A VM that leaves its host: before an order, and in the middle of one. And orders that libvirt's migration would hold up.
#include "tests/unit/agent/host_under_test.hpp"

#include <gtest/gtest.h>

namespace bailiff::test {
namespace {

struct Moved : testing::Test {
    void SetUp() override { test.boot(); }
    /// As after a live migration with --undefinesource.
    void leave() {
        test.host.on_event({table_vm(), "migrated", test.clock.now(), "web1"});
        away = test.host.vms.extract(table_vm());
        test.pass(Seconds(2));
    }
    HostUnderTest test;
    std::map<VmId, FakeVm>::node_type away;
};

TEST_F(Moved, an_order_that_comes_too_late_hears_when_it_left) {
    test.pass(Seconds(1));
    leave();
    const auto answer = test.make(VmState::off);
    EXPECT_EQ(answer.status, AnswerStatus::refused);
    EXPECT_EQ(answer.refusal, Refusal::unknown_vm);
    EXPECT_NE(answer.text.find("it was migrated away at 2026-03-02T10:00:01Z"), std::string::npos) << answer.text;
    EXPECT_TRUE(test.host.locks.empty());
}

TEST_F(Moved, an_order_under_way_ends_and_keeps_its_lock) {
    test.vm().obeys_agent = test.vm().obeys_acpi = false;
    const Order off = test.order(VmState::off);
    test.hand_over(OrderFrame{sealed(off)});
    test.pass(Seconds(5));
    ASSERT_FALSE(test.host.locks.empty());
    leave();
    const auto answer = std::get<OrderAnswer>(test.carry_out(OrderFrame{sealed(off)}, off.order_id.text()).message);
    EXPECT_EQ(answer.status, AnswerStatus::needs_operator);
    EXPECT_EQ(answer.refusal, Refusal::unknown_vm) << "the word by which the desk looks for it elsewhere";
    EXPECT_NE(answer.text.find("migrated away"), std::string::npos) << answer.text;
    EXPECT_EQ(test.host.locks.size(), 1u) << "it must not come back to this host";
}

TEST_F(Moved, a_vm_that_came_back_is_obeyed_again) {
    leave();
    EXPECT_EQ(test.make(VmState::off).refusal, Refusal::unknown_vm);
    test.host.vms.insert(std::move(away));
    test.host.on_event({table_vm(), "started", test.clock.now(), "web1"});
    test.pass(Seconds(2));
    EXPECT_EQ(test.make(VmState::off).status, AnswerStatus::done);
}

TEST_F(Moved, what_ran_before_another_host_switched_it_off_is_started_by_the_release) {
    test.vm().power = Power::off;   // as the panel brought it here
    Order off = test.order(VmState::off);
    off.was_running = true;
    const auto answer = test.carry_out(off);
    ASSERT_EQ(answer.status, AnswerStatus::done) << answer.text;
    EXPECT_TRUE(answer.was_running) << "for the next host, should it move again";
    EXPECT_EQ(test.make(VmState::running).status, AnswerStatus::done);
    EXPECT_EQ(test.vm().power, Power::running);
}

TEST_F(Moved, what_was_off_before_stays_off) {
    test.vm().power = Power::off;
    EXPECT_FALSE(test.make(VmState::off).was_running);
    test.make(VmState::running);
    EXPECT_EQ(test.vm().power, Power::off);
}

/// While a VM migrates libvirt lets nobody change its autostart for 30 s, and then fails: off must not wait for that.
TEST_F(Moved, autostart_waits_for_the_end_of_a_migration_and_the_power_off_does_not) {
    agent::Operation operation;
    operation.demand = test.order(VmState::off);
    operation.gate_holds = true;
    agent::Observation seen;
    seen.vm.exists = true;
    seen.vm.power = Power::running;
    seen.vm.autostart = seen.vm.migrating = true;
    seen.lock = agent::LockRecord{};
    EXPECT_EQ(agent::next_step(operation, seen, {}, Milliseconds(0)), agent::Step(agent::Do{agent::Act::end_gracefully, ""}));
    seen.vm.power = Power::off;
    seen.vm.migrating = false;
    EXPECT_EQ(agent::next_step(operation, seen, {}, Milliseconds(0)), agent::Step(agent::Do{agent::Act::autostart_off, ""}));
}

}  // namespace
}  // namespace bailiff::test
