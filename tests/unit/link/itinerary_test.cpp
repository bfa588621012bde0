// SPDX-License-Identifier: Apache-2.0
#include "agent/link/itinerary.hpp"

#include <gtest/gtest.h>

namespace bailiff::agent {
namespace {

using std::chrono::milliseconds;

TEST(Itinerary, tries_each_in_order_then_pauses_longer_and_longer) {
    SeededRandom random(1);
    Itinerary way(3, milliseconds(1000), milliseconds(8000));
    milliseconds expected{1000};
    for (int round = 0; round < 6; ++round) {
        EXPECT_EQ(way.current(), 0u);
        EXPECT_EQ(way.failed(random), milliseconds(0));
        EXPECT_EQ(way.current(), 1u);
        EXPECT_EQ(way.failed(random), milliseconds(0));
        EXPECT_EQ(way.current(), 2u);
        const auto pause = way.failed(random);
        EXPECT_GE(pause, expected / 2);
        EXPECT_LE(pause, expected);
        expected = std::min(expected * 2, milliseconds(8000));
    }
}

TEST(Itinerary, goes_back_to_the_preferred_one_after_a_connection_that_worked) {
    SeededRandom random(2);
    Itinerary way(2, milliseconds(1000), milliseconds(60'000));
    for (int i = 0; i < 9; ++i) way.failed(random);
    EXPECT_EQ(way.current(), 1u);
    EXPECT_LE(way.ended(random), milliseconds(1000));
    EXPECT_EQ(way.current(), 0u);
    way.failed(random);
    EXPECT_LE(way.failed(random), milliseconds(1000)) << "the pause began anew";
    way.restart();
    EXPECT_EQ(way.current(), 0u);
}

TEST(Itinerary, spreads_the_pauses) {
    SeededRandom random(3);
    Itinerary way(1, milliseconds(1000), milliseconds(1000));
    milliseconds least{10'000}, most{0};
    for (int i = 0; i < 200; ++i) {
        const auto pause = way.failed(random);
        least = std::min(least, pause);
        most = std::max(most, pause);
    }
    EXPECT_LT(least, milliseconds(550));
    EXPECT_GT(most, milliseconds(950));
}

}  // namespace
}  // namespace bailiff::agent
