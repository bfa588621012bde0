// SPDX-License-Identifier: Apache-2.0
// The agent's disk is full: nothing is begun that cannot be written down, the controller hears of it, and work resumes
// by itself.
#include "tests/unit/agent/host_under_test.hpp"

#include <gtest/gtest.h>

namespace bailiff::test {
namespace {

struct FullDisk : testing::Test {
    HostUnderTest test;
    bool full = false;
    std::string only;   ///< when set, only entries of this kind find no room

    void SetUp() override {
        test.journal.before = [this](const std::string&, const std::string& kind, const Json&) {
            if (full && (only.empty() || only == kind)) throw agent::Outage("the agent's journal cannot be written: no room");
        };
        test.boot();
        test.pass(Seconds(2));
    }
    std::string told_trouble() const {
        for (auto frame = test.sent.rbegin(); frame != test.sent.rend(); ++frame)
            if (const auto* beat = std::get_if<Heartbeat>(&frame->message)) return beat->trouble;
        return "no heartbeat";
    }
};

TEST_F(FullDisk, an_order_that_comes_meanwhile_waits_for_room_and_is_then_carried_out) {
    full = true;
    const auto order = test.order(VmState::off);
    test.hand_over(OrderFrame{sealed(order)});
    EXPECT_NE(told_trouble().find("no room"), std::string::npos) << "told at once: " << told_trouble();
    test.pass(Seconds(130));
    EXPECT_NE(told_trouble().find("no room"), std::string::npos) << "a list of VMs that succeeds is no proof of room: " << told_trouble();
    EXPECT_EQ(test.vm().power, Power::running);
    EXPECT_TRUE(test.host.locks.empty());
    EXPECT_TRUE(test.answers.empty());
    full = false;
    test.pass(Seconds(30));
    EXPECT_EQ(test.vm().power, Power::off) << "nobody had to send it again";
    EXPECT_EQ(std::get<OrderAnswer>(test.answers.at(order.order_id.text()).message).status, AnswerStatus::done);
    EXPECT_EQ(told_trouble(), "");
}

TEST_F(FullDisk, an_order_that_expired_meanwhile_is_refused_as_such) {
    full = true;
    const auto order = test.order(VmState::off);
    test.hand_over(OrderFrame{sealed(order)});
    test.pass(Seconds(901));
    full = false;
    test.pass(Seconds(10));
    EXPECT_EQ(name(std::get<OrderAnswer>(test.answers.at(order.order_id.text()).message).refusal), name(Refusal::expired));
    EXPECT_EQ(test.vm().power, Power::running);
}

TEST_F(FullDisk, nothing_new_begins_after_the_controller_went_away) {
    full = true;
    test.hand_over(OrderFrame{sealed(test.order(VmState::off))});
    test.runner->disconnected();
    full = false;
    test.pass(Seconds(30));
    EXPECT_EQ(test.vm().power, Power::running) << "it is sent again when the controller is back";
}

TEST_F(FullDisk, a_repeat_takes_up_what_was_accepted_and_then_not_opened) {
    test.vm().obeys_within = Milliseconds(3'600'000);
    test.hand_over(OrderFrame{sealed(test.order(VmState::off))});
    test.pass(Seconds(5));
    // The release supersedes the power-off; its own `accepted` is written, the older order's `superseded` is not.
    full = true;
    only = "superseded";
    const auto release = test.order(VmState::running);
    test.hand_over(OrderFrame{sealed(release)});
    full = false;
    test.pass(Seconds(60));
    ASSERT_TRUE(test.answers.contains(release.order_id.text())) << "the release must not lie in the journal for ever";
    EXPECT_TRUE(test.host.locks.empty());
}

}  // namespace
}  // namespace bailiff::test
