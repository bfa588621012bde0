// SPDX-License-Identifier: Apache-2.0
// Whom to phone, since when.
#include "tests/unit/case/situations.hpp"

#include <gtest/gtest.h>

namespace bailiff::test {
namespace {

std::optional<CallDue> call_of(const Walk& walk) { return owed(walk.c, walk.policy, walk.calendar).call; }

TEST(Calls, an_escalation_does_not_forget_since_when_somebody_waits) {
    Walk walk = Walk(virus_policy()).due();
    const Instant began = walk.now;
    for (int level = 0; level < 4; ++level) {
        ASSERT_TRUE(call_of(walk));
        EXPECT_EQ(call_of(walk)->since, began) << "escalation " << level;
        walk.due();
    }
}

TEST(Calls, a_resumed_rung_waits_since_it_first_began) {
    Walk walk = Walk(virus_policy()).due();
    const Instant began = walk.now;
    walk.now += Seconds(600);
    walk.then(AskReview{"a doubt"});
    EXPECT_FALSE(call_of(walk));
    walk.now += Seconds(7200);
    walk.then(Decide{Decision::resume, "go on"});
    ASSERT_TRUE(call_of(walk));
    EXPECT_EQ(call_of(walk)->since, began);
    walk.then(PlaceHold{"wait"}).then(LiftHold{"go on"});
    ASSERT_TRUE(call_of(walk));
    EXPECT_EQ(call_of(walk)->since, began);
}

TEST(Calls, another_call_rung_waits_since_its_own_beginning) {
    Policy twice = virus_policy();
    twice.ladder.insert(twice.ladder.begin() + 2, {"call_again", WaitsFor::call, StepClock::working, Seconds(1800), std::nullopt, Seconds(3600)});
    Walk walk = Walk(twice).due();
    walk.now += Seconds(900);
    walk.called();
    ASSERT_TRUE(call_of(walk));
    EXPECT_EQ(call_of(walk)->since, walk.now);
    walk.called();
    EXPECT_FALSE(call_of(walk));
    EXPECT_EQ(walk.c.call_since, Instant{});
}

TEST(Calls, a_row_from_before_still_folds_and_stops_forgetting) {
    Walk walk = Walk(virus_policy()).due();
    const Instant began = walk.now;
    Json row = json_of(walk.c);
    row.erase("call_since");
    const auto old = parse_case(row);
    ASSERT_TRUE(old) << old.error().text;
    walk.c = *old;
    EXPECT_EQ(call_of(walk)->since, began);
    walk.due().due();
    EXPECT_EQ(call_of(walk)->since, began);
}

}  // namespace
}  // namespace bailiff::test
