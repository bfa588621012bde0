// SPDX-License-Identifier: Apache-2.0
// A wrong list names many machines at once: the clock takes some, and the rest waits for a person.
#include "tests/unit/desk/desk_world.hpp"

namespace bailiff::test {
namespace {

struct ABrake : DeskWorld {
    std::unique_ptr<Desk> desk;
    void SetUp() override {
        options.sanctions_per_hour = 3;
        begin();
        for (int i = 1; i <= 8; ++i)
            storage.put_vm({vm(i), "shop" + std::to_string(i), HostId("h1"), CustomerId("7"), {"198.51.100." + std::to_string(i)}, Power::running, VmState::running, false, false, clock.now()});
    }
    void begin() { desk = std::make_unique<Desk>(ports(), shipped_policies(), options); }
    static VmId vm(int i) { return VmId("22222222-2222-4222-8222-22222222222" + std::to_string(i)); }
    /// An outbound attack, for which the clock waits for nobody. As a feed tells it, seen by another as well.
    core::Case attack(int i) {
        CaseId id;
        for (const char* reporter : {"feed.example", "cert.example"}) {
            ReportInput report = report_of("connection/ddos");
            report.vm_name = "shop" + std::to_string(i);
            report.reporter = reporter;
            const auto filed = desk->report(report, "staff:feed");
            EXPECT_TRUE(filed);
            if (filed) id = filed->case_id;
            desk->tick();
            desk->flush();
        }
        return storage.find_case(id).value();
    }
    std::string why(const core::Case& c) {
        std::string out;
        for (const auto& item : storage.history(c.id, 0, 100))
            if (const auto* review = std::get_if<core::ReviewOpened>(&item.fact)) out = review->reason;
        return out;
    }
};

TEST_F(ABrake, stops_the_clock_after_so_many_machines_within_an_hour) {
    for (int i = 1; i <= 3; ++i) EXPECT_EQ(attack(i).desired, VmState::isolated) << i;
    for (int i = 4; i <= 6; ++i) {
        const auto c = attack(i);
        EXPECT_EQ(c.phase, core::Phase::review) << i;
        EXPECT_EQ(c.desired, VmState::running) << i;
        EXPECT_NE(why(c).find("the brake: the clock has taken 3 machines"), std::string::npos) << why(c);
    }
    EXPECT_EQ(desk->sanctions_lately(), 3);
}

TEST_F(ABrake, lets_go_after_an_hour) {
    for (int i = 1; i <= 3; ++i) attack(i);
    clock.advance(Seconds(3600));
    EXPECT_EQ(attack(4).desired, VmState::isolated);
}

TEST_F(ABrake, holds_over_a_restart) {
    for (int i = 1; i <= 3; ++i) attack(i);
    begin();
    EXPECT_EQ(attack(4).phase, core::Phase::review);
}

TEST_F(ABrake, stops_no_person_and_counts_none) {
    for (int i = 1; i <= 3; ++i) attack(i);
    const auto c = attack(4);
    ASSERT_EQ(c.phase, core::Phase::review);
    EXPECT_TRUE(desk->act(c.id, core::Decide{core::Decision::enforce, "an attack it is"}, "staff:meera"));
    EXPECT_EQ(storage.find_case(c.id)->desired, VmState::isolated);
    EXPECT_EQ(desk->sanctions_lately(), 3);
}

TEST_F(ABrake, at_nought_leaves_everything_to_people) {
    options.sanctions_per_hour = 0;
    begin();
    EXPECT_EQ(attack(1).phase, core::Phase::review);
}

}  // namespace
}  // namespace bailiff::test
