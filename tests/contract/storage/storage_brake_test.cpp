// SPDX-License-Identifier: Apache-2.0
// The storage contract: what the brake counts.
#include "tests/contract/storage/storage_world.hpp"

namespace bailiff::test {
namespace {

class TheBrake : public StorageContract {};
BAILIFF_OVER_ALL_STORAGES(TheBrake);

TEST_P(TheBrake, counts_what_was_noted_after_an_instant_and_once_per_case) {
    const Instant noon(Seconds(1'772'422'200));
    EXPECT_EQ(storage().sanctions_after(Instant{}), 0);
    storage().note_sanction(CaseId("C-1"), noon);
    storage().note_sanction(CaseId("C-1"), noon);
    storage().note_sanction(CaseId("C-2"), noon);
    storage().note_sanction(CaseId("C-3"), noon + Seconds(10));
    EXPECT_EQ(storage().sanctions_after(noon - Seconds(1)), 3);
    EXPECT_EQ(storage().sanctions_after(noon), 1);
    EXPECT_EQ(storage().sanctions_after(noon + Seconds(10)), 0);
}

TEST_P(TheBrake, remembers_them_for_a_day) {
    const Instant noon(Seconds(1'772'422'200));
    storage().note_sanction(CaseId("C-1"), noon);
    storage().note_sanction(CaseId("C-2"), noon + Brake::remembered);
    EXPECT_EQ(storage().sanctions_after(Instant{}), 2);
    storage().note_sanction(CaseId("C-3"), noon + Brake::remembered + Seconds(1));
    EXPECT_EQ(storage().sanctions_after(Instant{}), 2);
}

TEST_P(TheBrake, counts_nothing_that_was_rolled_back) {
    (void)storage().transaction([&]() -> Result<void> {
        storage().note_sanction(CaseId("C-1"), Instant(Seconds(1'772'422'200)));
        return fail(Errc::conflict, "no");
    });
    EXPECT_EQ(storage().sanctions_after(Instant{}), 0);
}

}  // namespace
}  // namespace bailiff::test
