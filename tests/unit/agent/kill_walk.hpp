// SPDX-License-Identifier: Apache-2.0
// Lives of an agent that is killed at each of its points, one after the other, and at three of them in one life. A `Life` is made of
// the points at which it ends, `live`s once, and says what went `wrong`.
#pragma once

#include <bailiff/random.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <iostream>
#include <string>
#include <vector>

namespace bailiff::test {

inline std::string list(const std::vector<std::string>& lines) {
    std::string out;
    for (const auto& line : lines) out += "\n  " + line;
    return out;
}

template <class Life>
void kill_at_every_point(const std::string& what, int64_t more_points_than) {
    Life whole;
    whole.live();
    ASSERT_TRUE(whole.wrong.empty()) << list(whole.wrong);
    ASSERT_GT(whole.point, more_points_than);
    for (int64_t point = 1; point <= whole.point; ++point) {
        Life life({point});
        life.live();
        ASSERT_TRUE(life.wrong.empty()) << "killed at point " << point << " of " << whole.point << list(life.wrong);
    }
    std::cout << what << ": " << whole.point << " points\n";
    testing::Test::RecordProperty("points", int(whole.point));
}

/// The second and the third at most so many points after the one before.
template <class Life>
void kill_three_times(uint64_t seed, int lives, uint64_t apart) {
    Life whole;
    whole.live();
    SeededRandom random(seed);
    for (int i = 0; i < lives; ++i) {
        const int64_t first = 1 + int64_t(random.below(uint64_t(whole.point)));
        const int64_t second = first + 1 + int64_t(random.below(apart)), third = second + 1 + int64_t(random.below(apart));
        Life life({first, second, third});
        life.live();
        ASSERT_TRUE(life.wrong.empty()) << "killed at " << first << ", " << second << ", " << third << list(life.wrong);
    }
}

}  // namespace bailiff::test
