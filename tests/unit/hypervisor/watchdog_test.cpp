// SPDX-License-Identifier: Apache-2.0
// A call that hangs costs its caller the time-out, marks its VM, and nothing else.
#include "agent/hypervisor/watchdog.hpp"

#include <bailiff/system_clock.hpp>

#include <gtest/gtest.h>
#include <atomic>

namespace bailiff::agent {
namespace {

using std::chrono::milliseconds;

const VmId vm("11111111-2222-4333-8444-555555555555");
const VmId other("99999999-2222-4333-8444-555555555555");
const Error late{Errc::unknown_outcome, "late"};

/// A call that returns only when told to.
class Hang {
  public:
    std::function<Result<int>()> call() {
        return [state = state_]() -> Result<int> {
            std::unique_lock guard(state->mutex);
            state->changed.wait(guard, [&] { return state->open; });
            return 1;
        };
    }
    void end() {
        const std::lock_guard guard(state_->mutex);
        state_->open = true;
        state_->changed.notify_all();
    }

  private:
    struct State {
        std::mutex mutex;
        std::condition_variable changed;
        bool open = false;
    };
    std::shared_ptr<State> state_ = std::make_shared<State>();
};

TEST(Watchdog, returns_what_the_call_returns) {
    Watchdog dog;
    EXPECT_EQ(*dog.run<int>(vm, milliseconds{5000}, late, []() -> Result<int> { return 42; }), 42);
    const auto failed =
        dog.run<int>(vm, milliseconds{5000}, late, []() -> Result<int> { return fail(Errc::invalid, "no"); });
    EXPECT_EQ(failed.error(), (Error{Errc::invalid, "no"}));
    EXPECT_FALSE(dog.stuck(vm));
}

TEST(Watchdog, a_hung_call_is_late_and_blocks_nobody_else) {
    Watchdog dog;
    Hang hang;
    EXPECT_EQ(dog.run<int>(vm, milliseconds{50}, late, hang.call()).error(), late);
    EXPECT_TRUE(dog.stuck(vm));
    EXPECT_FALSE(dog.stuck(other));
    const auto quick = []() -> Result<int> { return 7; };
    EXPECT_EQ(*dog.run<int>(other, milliseconds{5000}, late, quick), 7);
    EXPECT_EQ(*dog.run<int>(vm, milliseconds{5000}, late, quick), 7)
        << "other calls on the stuck VM still work";
    EXPECT_TRUE(dog.stuck(vm)) << "and do not make it unstuck";
    hang.end();
    const SystemClock clock;
    const auto patience = clock.monotonic() + milliseconds{5000};
    while (dog.stuck(vm) && clock.monotonic() < patience) std::this_thread::sleep_for(milliseconds{5});
    EXPECT_FALSE(dog.stuck(vm)) << "the call has returned";
}

TEST(Watchdog, says_so_when_too_many_hang) {
    Watchdog dog(2, milliseconds{100});
    Hang hang;
    for (int i = 0; i < 2; ++i)
        EXPECT_EQ(dog.run<int>(vm, milliseconds{10}, late, hang.call()).error(), late);
    EXPECT_EQ(dog.run<int>(vm, milliseconds{10}, late, hang.call()).error().code, Errc::unavailable);
    hang.end();
}

TEST(Watchdog, its_end_does_not_wait_for_ever) {
    Hang hang;
    const SystemClock clock;
    const auto begin = clock.monotonic();
    {
        Watchdog dog(2, milliseconds{100});
        EXPECT_EQ(dog.run<int>(vm, milliseconds{10}, late, hang.call()).error(), late);
    }
    EXPECT_LT(clock.monotonic() - begin, milliseconds{2000});
    hang.end();
}

TEST(Watchdog, serves_many_callers_at_once) {
    Watchdog dog;
    std::atomic<int> sum = 0;
    std::vector<std::thread> callers;
    for (int i = 0; i < 16; ++i)
        callers.emplace_back([&, i] {
            for (int n = 0; n < 50; ++n)
                sum += *dog.run<int>(vm, milliseconds{5000}, late, [i]() -> Result<int> { return i; });
        });
    for (std::thread& caller : callers) caller.join();
    EXPECT_EQ(sum, 50 * 120);
}

}  // namespace
}  // namespace bailiff::agent
