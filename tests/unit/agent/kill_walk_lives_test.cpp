// SPDX-License-Identifier: Apache-2.0
// More lives of a case than the one of kill_walk_test.cpp, each killed at every point; and each with a state folder that
// cannot be written, or locks that cannot be read, at every single write and look.
#include "tests/unit/agent/host_under_test.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <iostream>

namespace bailiff::test {
namespace {

using Disks = std::map<std::string, std::map<std::string, std::string>>;

/// Where trouble strikes: at the numbered pass of one kind of point, and at the passes after it while `lasts`.
struct Trouble {
    int64_t at = 0;
    int64_t lasts = 1;
    int64_t passed = 0;
    bool armed = true;
    bool strikes() { return armed && ++passed >= at && at > 0 && passed < at + lasts; }
};

struct ManyLives {
    ManyLives() {
        test.host.plant(table_vm(), "/var/www/evil.php", "<?php EICAR");
        before = test.host.disks_of(table_vm());
        test.journal.before = [this](const auto&, const auto&, const auto&) {
            if (kill.strikes()) throw Crash{};
            if (disk_full.strikes()) throw agent::Outage("no space left on device");
        };
        test.journal.after = [this](const auto&, const auto&, const auto&) {
            if (kill.strikes()) throw Crash{};
        };
        test.host.fault = [this](const std::string& call, Phase phase) -> std::optional<Error> {
            if (kill.strikes()) throw Crash{};
            const bool of_guard = call == "lock" || call == "unlock" || call == "permit" || call == "revoke" || call == "find_lock" || call == "all_locks";
            // A write that fails before its rename, and one whose rename was not heard of.
            if (of_guard && phase != Phase::during && guard_fails.strikes()) return Error{Errc::unavailable, "read-only file system"};
            return std::nullopt;
        };
    }

    template <class Answer>
    Answer must(Answer answer) {
        say(answer.status == AnswerStatus::done || answer.status == AnswerStatus::already,
            std::string(name(answer.status)) + " " + std::string(name(answer.refusal)) + ": " + answer.text);
        return answer;
    }
    void off_and_evidence() {
        must(test.make(VmState::off, Expect::running));
        must(test.run(JobKind::evidence));
    }
    /// Back as it was found: no verdict is asked for.
    void give_back() {
        Order order = test.order(VmState::running);
        order.evidence = EvidenceRule::not_required;
        must(test.carry_out(order));
    }
    void clean_what_is_found() {
        const auto scan = test.job(JobKind::scan);
        must(test.carry_out(scan));
        must(test.run(JobKind::clean, scan.job_id.text()));
    }
    void calm() { kill.armed = disk_full.armed = guard_fails.armed = false; }
    void say(bool holds, const std::string& what) {
        if (!holds) wrong.push_back(what);
    }
    Disks disks_without_boots() const {
        Disks out = test.host.disks_of(table_vm());
        for (auto& [target, files] : out) files.erase("/var/log/boot");
        return out;
    }

    /// What holds at the end of every life: one state, as it was found, and nothing of ours left.
    void check_end() {
        const auto& vm = test.host.vm(table_vm());
        say(test.host.overlay_paths().empty(), "an overlay was left behind");
        say(test.host.locks.empty(), "a lock was left behind");
        say(test.host.permits.empty(), "a token was left behind");
        say(vm.power == Power::running && !vm.quarantined, "the VM does not run on its own disks");
        for (const auto& nic : vm.nics) say(nic.link_up, "a link is down");
        say(vm.autostart, "autostart was not given back");
        say(disks_without_boots() == before, "its disks are not as they were");
        say(test.host.writes_without_evidence == 0, "a disk was written without evidence");
        say(test.runner->idle(), "an operation is still open");
        say(test.runner->trouble().empty(), "trouble is told though it is over: " + test.runner->trouble());
    }

    HostUnderTest test;
    Trouble kill, disk_full, guard_fails;
    Disks before;
    std::vector<std::string> wrong;
};

struct Story {
    const char* title;
    std::function<void(ManyLives&)> live;
};

const std::vector<Story>& stories() {
    static const std::vector<Story> all{
        {"isolated, released, isolated again, off, released",
         [](ManyLives& l) {
             l.must(l.test.make(VmState::isolated, Expect::running));
             l.must(l.test.make(VmState::running));
             l.must(l.test.make(VmState::isolated));
             l.must(l.test.make(VmState::off));
             l.must(l.test.make(VmState::running));
         }},
        {"cleaned, then reverted",
         [](ManyLives& l) {
             l.off_and_evidence();
             l.clean_what_is_found();
             l.must(l.test.run(JobKind::revert));
             l.give_back();
         }},
        {"a quarantine run that is thrown away",
         [](ManyLives& l) {
             l.off_and_evidence();
             l.must(l.test.make(VmState::quarantined, Expect::off));
             l.must(l.test.make(VmState::off, Expect::quarantined));
             l.must(l.test.run(JobKind::revert));
             l.give_back();
         }},
        {"a guest that hears nobody, twice",
         [](ManyLives& l) {
             l.test.vm().obeys_agent = l.test.vm().obeys_acpi = false;
             for (int i = 0; i < 2; ++i) {
                 l.must(l.test.make(VmState::off));
                 l.must(l.test.make(VmState::running));
             }
         }},
        {"off, superseded by a release while the guest still shuts down",
         [](ManyLives& l) {
             l.test.vm().obeys_within = Seconds(40);
             const Order off = l.test.order(VmState::off);
             if (!l.test.runner) l.test.boot();
             // As the controller sends: again until it is taken.
             for (int second = 0; second < 15; ++second) {
                 if (second % 3 == 0) l.test.hand_over(OrderFrame{sealed(off)});
                 l.test.pass(Seconds(1));
             }
             l.test.vm().obeys_within = Seconds(3);
             l.must(l.test.make(VmState::running));
             // The first one is answered too, whichever way it ended.
             for (int second = 0; second < 300 && !l.test.answers.contains(off.order_id.text()); ++second) l.test.pass(Seconds(1));
             l.say(l.test.answers.contains(off.order_id.text()), "the superseded order was never answered");
             // Its guest may have been on its way down when it was superseded; that is no start that is owed.
             l.test.pass(Seconds(65));   // until the next list, which settles what the fake guest does
             if (l.test.vm().power == Power::off && l.test.host.locks.empty()) l.test.host.start_by_hand(table_vm());
         }},
        {"isolated, superseded by off, superseded by a release",
         [](ManyLives& l) {
             if (!l.test.runner) l.test.boot();
             for (const VmState state : {VmState::isolated, VmState::off}) {
                 const Order order = l.test.order(state);
                 l.test.hand_over(OrderFrame{sealed(order)});
                 l.test.hand_over(OrderFrame{sealed(order)});
             }
             l.must(l.test.make(VmState::running));
             l.test.pass(Seconds(65));
             if (l.test.vm().power == Power::off && l.test.host.locks.empty()) l.test.host.start_by_hand(table_vm());
         }},
        {"an evidence set that was there already, and a scan without a find",
         [](ManyLives& l) {
             l.test.host.images.at(l.test.vm().disks.front().source).files.erase("/var/www/evil.php");
             l.before = l.test.host.disks_of(table_vm());
             l.off_and_evidence();
             l.must(l.test.run(JobKind::evidence));
             l.must(l.test.run(JobKind::scan));
             l.must(l.test.make(VmState::running, Expect::off));
         }},
    };
    return all;
}

std::string lines_of(const std::vector<std::string>& lines) {
    std::string out;
    for (const auto& line : lines) out += "\n  " + line;
    return out;
}

void play(const Story& story, ManyLives& life) {
    life.test.boot();
    story.live(life);
    life.calm();
    life.test.pass(Seconds(70));   // the rounds that forget trouble, and repair
    life.check_end();
}

/// Plays a story with trouble of one kind at every point where it can strike, or at every `stride`th, and says how many
/// points there are.
class KillWalkLives : public testing::TestWithParam<size_t> {
  protected:
    void walk(const char* what, Trouble ManyLives::*kind, int64_t lasts, int64_t stride) {
        const Story& story = stories().at(GetParam());
        ManyLives calm;
        play(story, calm);
        ASSERT_TRUE(calm.wrong.empty()) << story.title << lines_of(calm.wrong);
        const int64_t points = (calm.*kind).passed;
        for (int64_t point = 1; point <= points; point += stride) {
            ManyLives life;
            (life.*kind).at = point;
            (life.*kind).lasts = lasts;
            play(story, life);
            ASSERT_TRUE(life.wrong.empty()) << story.title << ": " << what << " at point " << point << " of " << points << lines_of(life.wrong);
        }
        std::cout << story.title << ": " << what << " at " << points / stride << " of " << points << " points\n";
        RecordProperty("points", int(points / stride));
    }
};

TEST_P(KillWalkLives, killed_at_every_point) { walk("killed", &ManyLives::kill, 1, 1); }
TEST_P(KillWalkLives, killed_and_again_while_it_recovers) { walk("killed twice", &ManyLives::kill, 2, 3); }
TEST_P(KillWalkLives, the_journal_cannot_be_written_once) { walk("disk full", &ManyLives::disk_full, 1, 1); }
TEST_P(KillWalkLives, the_journal_cannot_be_written_for_a_while) { walk("disk full for 4 writes", &ManyLives::disk_full, 4, 2); }
TEST_P(KillWalkLives, the_locks_are_out_of_reach_once) { walk("locks out of reach", &ManyLives::guard_fails, 1, 1); }
TEST_P(KillWalkLives, the_locks_are_out_of_reach_for_a_while) { walk("locks out of reach for 3 calls", &ManyLives::guard_fails, 3, 2); }

INSTANTIATE_TEST_SUITE_P(Stories, KillWalkLives, testing::Range(size_t{0}, stories().size()));

}  // namespace
}  // namespace bailiff::test
