// SPDX-License-Identifier: Apache-2.0
// The runner answers: once for each order, until it is heard; and what it does for its host without being told.
#include "tests/unit/agent/host_under_test.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace bailiff::test {
namespace {

TEST(Answers, the_same_order_acts_once_and_gets_the_same_answer) {
    HostUnderTest test;
    const auto order = test.order(VmState::off);
    const auto first = test.carry_out(order);
    const auto acts = test.host.acts;
    for (int i = 0; i < 50; ++i) {
        if (i == 25) test.boot();
        test.clock.advance(Seconds(100));
        test.answers.clear();
        test.hand_over(OrderFrame{sealed(order)});
        ASSERT_EQ(std::get<OrderAnswer>(test.answers.at(order.order_id.text()).message), first);
    }
    EXPECT_EQ(test.host.acts, acts);
}

TEST(Answers, the_same_id_with_other_content_is_a_conflict_and_changes_nothing) {
    HostUnderTest test;
    auto order = test.order(VmState::off);
    const auto first = test.carry_out(order);
    order.desired = VmState::running;
    order.seq += 50;
    test.hand_over(OrderFrame{sealed(order)});
    EXPECT_EQ(std::get<OrderAnswer>(test.sent.back().message).refusal, Refusal::conflict);
    EXPECT_EQ(test.vm().power, Power::off);
    order = test.order(VmState::off);
}

TEST(Answers, are_sent_after_every_welcome_until_they_are_acknowledged) {
    HostUnderTest test;
    test.acknowledges = false;
    const auto order = test.order(VmState::off);
    test.carry_out(order);
    const std::string id = order.order_id.text();
    test.answers.clear();
    test.boot();
    EXPECT_TRUE(test.answers.contains(id));
    test.hand_over(Ack{{"answer-" + id}});
    test.answers.clear();
    test.boot();
    EXPECT_FALSE(test.answers.contains(id));
}

TEST(Answers, a_newer_order_overtakes_one_that_still_waits_for_the_guest) {
    HostUnderTest test;
    test.boot();
    test.vm().obeys_within = Milliseconds(3'600'000);
    const auto off = test.order(VmState::off);
    test.hand_over(OrderFrame{sealed(off)});
    test.pass(Seconds(30));
    EXPECT_FALSE(test.host.locks.empty());
    auto release = test.order(VmState::running);
    release.evidence = EvidenceRule::not_required;
    EXPECT_EQ(test.carry_out(release).status, AnswerStatus::done);
    const auto answer = std::get<OrderAnswer>(test.answers.at(off.order_id.text()).message);
    EXPECT_EQ(answer.status, AnswerStatus::failed);
    EXPECT_NE(answer.text.find(release.order_id.text()), std::string::npos);
    EXPECT_TRUE(test.host.locks.empty());
    EXPECT_EQ(test.vm().power, Power::running);
    EXPECT_TRUE(test.vm().autostart);
}

TEST(Answers, orders_of_other_vms_do_not_wait_for_a_slow_guest) {
    HostUnderTest test;
    test.host.add_vm(other_vm, "web2");
    test.boot();
    test.vm().obeys_within = Milliseconds(3'600'000);
    const auto slow = test.order(VmState::off);
    test.hand_over(OrderFrame{sealed(slow)});
    auto quick = test.order(VmState::off);
    quick.vm_uuid = other_vm;
    EXPECT_EQ(test.carry_out(quick).status, AnswerStatus::done);
    EXPECT_FALSE(test.answers.contains(slow.order_id.text()));
}

TEST(Answers, the_hosts_own_ceiling_holds_over_restarts) {
    HostUnderTest test;
    test.settings.budget_per_hour = 1;
    test.host.add_vm(other_vm, "web2");
    test.make(VmState::off);
    test.boot();
    auto second = test.order(VmState::off);
    second.vm_uuid = other_vm;
    EXPECT_EQ(name(test.carry_out(second).refusal), name(Refusal::over_budget));
    test.pass(Seconds(3600));
    auto third = test.order(VmState::off);
    third.vm_uuid = other_vm;
    EXPECT_EQ(test.carry_out(third).status, AnswerStatus::done);
}

TEST(Answers, a_full_disk_stops_what_is_harmful_and_heals_by_itself) {
    HostUnderTest test;
    test.boot();
    bool full = true;
    test.journal.before = [&](const auto&, const auto&, const auto&) {
        if (full) throw agent::Outage("the agent's journal cannot be written: disk full");
    };
    const auto order = test.order(VmState::off);
    test.hand_over(OrderFrame{sealed(order)});
    test.pass(Seconds(20));
    EXPECT_EQ(test.host.acts, 0);
    EXPECT_NE(test.runner->trouble().find("disk full"), std::string::npos);
    full = false;
    EXPECT_EQ(test.carry_out(order).status, AnswerStatus::done);
}

TEST(Answers, a_disk_that_fills_up_in_the_middle_is_waited_out) {
    for (int after = 1; after < 14; ++after) {
        HostUnderTest test;
        test.boot();
        int entries = 0;
        test.journal.before = [&](const auto&, const auto&, const auto&) {
            if (++entries >= after && entries < after + 3) throw agent::Outage("disk full");
        };
        EXPECT_EQ(test.make(VmState::off).status, AnswerStatus::done) << after;
        EXPECT_EQ(test.host.locks.size(), 1u);
    }
}

TEST(Rounds, the_inventory_is_sent_on_connection_and_when_it_changes) {
    HostUnderTest test;
    const auto inventories = [&] {
        return std::count_if(test.sent.begin(), test.sent.end(),
                             [](const Frame& f) { return std::holds_alternative<InventoryPart>(f.message); });
    };
    test.boot();
    EXPECT_EQ(inventories(), 1);
    test.pass(Seconds(200));
    EXPECT_EQ(inventories(), 1);
    test.host.add_vm(other_vm, "web2");
    test.pass(Seconds(61));
    EXPECT_EQ(inventories(), 2);
    const auto part = std::get<InventoryPart>(std::find_if(test.sent.rbegin(), test.sent.rend(), [](const Frame& f) {
                                                  return std::holds_alternative<InventoryPart>(f.message);
                                              })->message);
    EXPECT_EQ(part.vms.size(), 2u);
    EXPECT_TRUE(part.last);
    // A lease came, and went.
    test.vm().addresses = {{KnownBy::lease, "203.0.113.7"}};
    test.pass(Seconds(61));
    EXPECT_EQ(inventories(), 3);
    test.pass(Seconds(61));
    EXPECT_EQ(inventories(), 3);
    test.vm().addresses.clear();
    test.pass(Seconds(61));
    EXPECT_EQ(inventories(), 4);
}

TEST(Rounds, a_heartbeat_every_ten_seconds) {
    HostUnderTest test;
    test.boot();
    test.sent.clear();
    test.pass(Seconds(100));
    EXPECT_EQ(std::count_if(test.sent.begin(), test.sent.end(),
                            [](const Frame& f) { return std::holds_alternative<Heartbeat>(f.message); }), 10);
}

TEST(Rounds, old_operations_are_forgotten_and_their_marks_are_not) {
    HostUnderTest test;
    const auto off = test.order(VmState::off);
    test.carry_out(off);
    auto release = test.order(VmState::running);
    test.carry_out(release);
    test.pass(Seconds(2));
    const auto entries = test.kept.read_all().size();
    test.clock.advance(Seconds(31 * 86400));
    test.pass(Seconds(2));
    EXPECT_LT(test.kept.read_all().size(), entries);
    EXPECT_EQ(test.runner->ledger().find(off.order_id.text()), nullptr);
    test.boot();
    auto stale = release;
    stale.order_id = OrderId(id_number(5555));
    stale.issued_at = test.clock.now();
    stale.not_after = test.clock.now() + Seconds(60);
    test.hand_over(OrderFrame{sealed(stale)});
    EXPECT_EQ(std::get<OrderAnswer>(test.sent.back().message).refusal, Refusal::replayed);
    stale.seq += 100;
    test.hand_over(OrderFrame{sealed(stale)});
    EXPECT_EQ(std::get<OrderAnswer>(test.sent.back().message).refusal, Refusal::stale_generation);
}

}  // namespace
}  // namespace bailiff::test
