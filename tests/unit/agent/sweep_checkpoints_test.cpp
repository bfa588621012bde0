// SPDX-License-Identifier: Apache-2.0
// Sweeps of a running VM by what was written since the last one: nothing is missed, and one checkpoint stays.
#include "agent/sweep_scanner.hpp"
#include "tests/unit/agent/host_under_test.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace bailiff::test {
namespace {

struct CountedHost : HostUnderTest {
    agent::World all = host.world();
    agent::DiskSweep disks;

    explicit CountedHost(std::string states = "/states") : disks(all.hypervisor, all.scanner, all.scratch, true, std::move(states), random) {
        vm().power = Power::running;
        for (auto& disk : vm().disks) disk.format = "qcow2";
        host.plant(table_vm(), "/etc/passwd", "root");
        host.plant(table_vm(), "/var/log/syslog", "quiet");
    }
    Result<agent::SweptDisks> sweep(const std::function<bool()>& go_on = [] { return true; }) { return disks.scan_vm(table_vm(), go_on); }
    /// Sweeps and tells how many files were passed over; -1 when it failed.
    int64_t unchanged() {
        const auto swept = sweep();
        return swept ? swept->outcome.unchanged : -1;
    }
    std::vector<std::string> checkpoints() {
        std::vector<std::string> out;
        for (const auto& [name, at] : vm().checkpoints) out.push_back(name);
        return out;
    }
    int64_t files() {
        int64_t out = 0;
        for (const auto& disk : agent::writable_disks(vm().disks)) out += int64_t(host.content(disk.source).size());
        return out;
    }
};

TEST(SweepCheckpoints, what_was_not_written_since_is_passed_over) {
    CountedHost test;
    EXPECT_EQ(test.unchanged(), 0) << "the first one reads everything";
    ASSERT_EQ(test.checkpoints().size(), 1u);
    const std::string first = test.checkpoints()[0];
    EXPECT_TRUE(first.starts_with("bailiff-"));
    test.host.plant(table_vm(), "/var/log/syslog", "EICAR");
    const auto second = test.sweep();
    ASSERT_TRUE(second) << second.error().text;
    EXPECT_EQ(second->outcome.verdict, ScanVerdict::infected);
    EXPECT_EQ(second->outcome.unchanged, test.files() - 1);
    ASSERT_EQ(test.checkpoints().size(), 1u) << "the older one is no more";
    EXPECT_NE(test.checkpoints()[0], first);
    const auto third = test.sweep();
    ASSERT_TRUE(third);
    EXPECT_EQ(third->outcome.hits.size(), 1u) << "what was found is read again, written or not";
}

TEST(SweepCheckpoints, a_count_that_is_broken_means_that_everything_is_read) {
    CountedHost test;
    ASSERT_EQ(test.unchanged(), 0);
    test.vm().bitmaps_broken = true;
    test.host.plant(table_vm(), "/tmp/x", "EICAR");
    const auto swept = test.sweep();
    ASSERT_TRUE(swept);
    EXPECT_EQ(swept->outcome.unchanged, 0);
    EXPECT_EQ(swept->outcome.verdict, ScanVerdict::infected);
    test.vm().bitmaps_broken = false;
    EXPECT_EQ(test.unchanged(), test.files() - 1) << "it counts from the new one";
    EXPECT_EQ(test.checkpoints().size(), 1u);
}

TEST(SweepCheckpoints, an_image_that_takes_none_is_read_as_a_whole) {
    CountedHost test;
    test.vm().takes_no_bitmap = true;
    EXPECT_EQ(test.unchanged(), 0);
    EXPECT_EQ(test.unchanged(), 0);
    EXPECT_TRUE(test.checkpoints().empty());
    CountedHost raw;
    for (auto& disk : raw.vm().disks) disk.format = "raw";
    EXPECT_EQ(raw.unchanged(), 0);
    EXPECT_TRUE(raw.checkpoints().empty()) << "only qcow2 has a place for it";
    EXPECT_EQ(raw.host.count["begin_backup"], 1) << "and nothing was tried in vain, since each try freezes the guest";
}

TEST(SweepCheckpoints, a_sweep_that_is_stopped_leaves_the_moment_that_counts) {
    CountedHost test;
    ASSERT_EQ(test.unchanged(), 0);
    const auto before = test.checkpoints();
    EXPECT_FALSE(test.sweep([] { return false; }));
    EXPECT_EQ(test.checkpoints(), before);
    EXPECT_EQ(test.unchanged(), test.files());
}

TEST(SweepCheckpoints, two_that_a_killed_agent_left_lose_nothing_and_become_one) {
    for (const char* when : {"before the verdict", "after it"}) {
        CountedHost test;
        ASSERT_EQ(test.unchanged(), 0);
        test.host.plant(table_vm(), "/tmp/early", "EICAR");
        bool once = true;
        if (std::string_view(when) == "before the verdict") {
            test.host.while_scanning = [&] {
                if (std::exchange(once, false)) throw Crash{};
            };
        } else {
            test.host.fault = [&](const std::string& call, Phase phase) -> std::optional<Error> {
                if (call == "scan_live" && phase == Phase::after && std::exchange(once, false)) throw Crash{};
                return std::nullopt;
            };
        }
        EXPECT_THROW(static_cast<void>(test.sweep()), Crash);
        EXPECT_EQ(test.checkpoints().size(), 2u) << when;
        const auto swept = test.sweep();
        ASSERT_TRUE(swept) << when;
        EXPECT_EQ(swept->outcome.verdict, ScanVerdict::infected) << when;
        EXPECT_EQ(test.checkpoints().size(), 1u) << when;
    }
}

TEST(SweepCheckpoints, a_checkpoint_of_somebody_elses_is_left_alone) {
    CountedHost test;
    test.vm().checkpoints.emplace_back("nightly", std::map<std::string, FakeImage>{});
    ASSERT_EQ(test.unchanged(), 0);
    ASSERT_EQ(test.unchanged(), test.files());
    ASSERT_EQ(test.checkpoints().size(), 2u);
    EXPECT_EQ(test.checkpoints()[0], "nightly");
}

TEST(SweepCheckpoints, turned_off_ours_are_removed) {
    CountedHost test("");
    test.vm().checkpoints.emplace_back("bailiff-1", std::map<std::string, FakeImage>{});
    test.vm().checkpoints.emplace_back("nightly", std::map<std::string, FakeImage>{});
    EXPECT_EQ(test.unchanged(), 0);
    EXPECT_EQ(test.checkpoints(), std::vector<std::string>{"nightly"});
}

TEST(SweepCheckpoints, states_go_with_their_vms) {
    char name[] = "/tmp/bailiff-states-XXXXXX";
    const std::string folder = ::mkdtemp(name);
    for (const auto& vm : {table_vm(), other_vm}) std::ofstream(folder + "/" + vm.text() + "-vda") << "state";
    CountedHost test(folder);
    test.disks.forget_others({table_vm()});
    EXPECT_TRUE(std::filesystem::exists(folder + "/" + table_vm().text() + "-vda"));
    EXPECT_FALSE(std::filesystem::exists(folder + "/" + other_vm.text() + "-vda"));
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace bailiff::test
