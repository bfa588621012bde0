// SPDX-License-Identifier: Apache-2.0
// Two hundred short worlds. A failure names its seed; `simulate --seed N --days 3 --hosts 2` plays it again.

#include "tests/simulation/invariants.hpp"

#include <cstdlib>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

namespace bailiff::test {
namespace {

TEST(Simulation, every_invariant_holds_in_every_world) {
    spdlog::set_level(spdlog::level::off);
    const char* asked = std::getenv("BAILIFF_SEEDS");
    const uint64_t seeds = asked ? std::strtoull(asked, nullptr, 10) : 200;
    for (uint64_t seed = 1; seed <= seeds; ++seed) {
        Plan plan;
        plan.seed = seed;
        plan.days = 3;
        plan.hosts = 2;
        plan.policies = std::string(BAILIFF_SOURCE_DIR).append("/policies");
        SimWorld world(plan);
        world.play();
        for (const auto& invariant : invariants())
            for (const auto& broken : invariant.check(world)) ADD_FAILURE() << "seed " << seed << ": " << invariant.promise << "\n  " << broken;
        if (!HasFailure()) continue;
        const auto& story = world.story();
        for (size_t i = story.size() > 50 ? story.size() - 50 : 0; i < story.size(); ++i) std::cerr << story[i] << "\n";
        FAIL() << "play it again: build/release/bin/simulate --seed " << seed << " --days 3 --hosts 2";
    }
}

}  // namespace
}  // namespace bailiff::test
