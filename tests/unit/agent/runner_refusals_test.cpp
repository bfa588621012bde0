// SPDX-License-Identifier: Apache-2.0
// The runner refuses: without a call of the host where the order itself is wrong, without touching the VM elsewhere.
#include "tests/unit/agent/host_under_test.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace bailiff::test {
namespace {

// ---- refusals ------------------------------------------------------------------------------------------------------

struct TableHost : HostUnderTest {
    TableHost() {
        host.add_vm(other_vm, "billing");
        settings.exempt = {"billing"};
        // What the table's host has seen before: an order and a job, which are refused and so change nothing.
        boot();
        Order seen = good_order();
        seen.order_id = OrderId(id_number(1));
        seen.seq = 40;
        seen.vm_generation = 6;
        hand_over(OrderFrame{sealed(seen)});
        pass(Seconds(120));
        clock.set(table_now());
        vm().power = Power::running;
        host.locks.clear();
        runner->tick();
    }
};

template <class Make>
void expect_no_call(const std::vector<OrderRow>& rows, Make make) {
    for (const auto& row : rows) {
        TableHost test;
        const auto calls = test.host.calls, acts = test.host.acts;
        test.runner->on_frame({MessageId("f"), make(row.envelope)});
        EXPECT_EQ(test.host.calls, calls) << row.name << " cost a call";
        ASSERT_FALSE(test.sent.empty());
        const auto& last = test.sent.back().message;
        Refusal code = Refusal::none;
        if (const auto* order = std::get_if<OrderAnswer>(&last)) code = order->refusal;
        if (const auto* job = std::get_if<JobAnswer>(&last)) code = job->refusal;
        EXPECT_EQ(code, row.expected)
            << row.name << ": " << name(code) << " instead of " << name(row.expected);
        test.runner->tick();
        EXPECT_TRUE(test.runner->idle()) << row.name;
        EXPECT_EQ(test.host.acts, acts) << row.name << " changed the host";
    }
}

TEST(Refused, no_wrong_order_costs_a_single_call_of_the_host) {
    expect_no_call(order_table(), [](const std::string& envelope) { return Message(OrderFrame{envelope}); });
}
TEST(Refused, no_wrong_job_costs_a_single_call_of_the_host) {
    expect_no_call(job_table(), [](const std::string& envelope) { return Message(JobFrame{envelope}); });
}

/// Refusals that need a look at the VM: it is looked at, and not touched.
struct Looking : testing::Test {
    HostUnderTest test;
    void expect_refused(const OrderAnswer& answer, Refusal code) {
        EXPECT_EQ(answer.status, AnswerStatus::refused) << answer.text;
        EXPECT_EQ(name(answer.refusal), name(code)) << answer.text;
    }
};

TEST_F(Looking, an_expectation_that_does_not_hold) {
    expect_refused(test.make(VmState::off, Expect::off), Refusal::unexpected_state);
    expect_refused(test.make(VmState::off, Expect::quarantined), Refusal::unexpected_state);
    expect_refused(test.make(VmState::quarantined, Expect::any), Refusal::unexpected_state);
    EXPECT_EQ(test.run(JobKind::revert).refusal, Refusal::unexpected_state);
    EXPECT_EQ(test.run(JobKind::scan).refusal, Refusal::unexpected_state);
    EXPECT_EQ(test.host.acts, 0);
}

TEST_F(Looking, a_gate_that_does_not_hold) {
    test.host.gate_holds = false;
    expect_refused(test.make(VmState::off), Refusal::gate_down);
    EXPECT_EQ(test.host.acts, 0);
    EXPECT_TRUE(test.events_say("gate_down"));
}

TEST_F(Looking, a_gate_that_fails_between_the_rounds_is_noticed_before_the_power_off) {
    test.boot();
    test.host.gate_holds = false;
    expect_refused(test.make(VmState::off), Refusal::gate_down);
    EXPECT_EQ(test.vm().power, Power::running);
    EXPECT_TRUE(test.host.locks.empty()) << "the lock of a refused order is taken back";
}

TEST_F(Looking, a_quarantine_boot_without_evidence) {
    EXPECT_EQ(test.make(VmState::off).status, AnswerStatus::done);
    expect_refused(test.make(VmState::quarantined), Refusal::no_evidence);
    EXPECT_TRUE(test.host.overlay_paths().empty());
}

TEST_F(Looking, evidence_that_does_not_verify_is_none) {
    test.make(VmState::off);
    EXPECT_EQ(test.run(JobKind::evidence).status, AnswerStatus::done);
    test.host.evidence.begin()->second.damaged = true;
    expect_refused(test.make(VmState::quarantined), Refusal::no_evidence);
    EXPECT_TRUE(test.host.overlay_paths().empty());
}

TEST_F(Looking, dry_run_checks_everything_and_does_nothing) {
    test.settings.dry_run = true;
    const auto answer = test.make(VmState::off);
    expect_refused(answer, Refusal::dry_run);
    EXPECT_NE(answer.text.find("off"), std::string::npos);
    EXPECT_EQ(test.host.acts, 0);
}

}  // namespace
}  // namespace bailiff::test
