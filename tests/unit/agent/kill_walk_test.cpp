// SPDX-License-Identifier: Apache-2.0
// The kill walk: the whole life of a case on a host, with the agent killed at every journal entry and every call of a
// port, before it, in the middle of it and after it. Whatever happens, the end is the same as without a kill.
#include "tests/unit/agent/host_under_test.hpp"
#include "tests/unit/agent/kill_walk.hpp"

#include <gtest/gtest.h>

#include <iostream>
#include <set>

namespace bailiff::test {
namespace {

using Disks = std::map<std::string, std::map<std::string, std::string>>;

/// Kills the agent at one numbered point, and perhaps at a second one counted from there.
struct Killer {
    int64_t point = 0;             ///< passed so far
    std::set<int64_t> kill_at;
    std::map<std::string, int64_t> kinds;
    bool armed = true;

    void pass(const std::string& what) {
        if (!armed) return;
        ++kinds[what];
        if (kill_at.contains(++point)) throw Crash{};
    }
};

struct Life {
    explicit Life(std::set<int64_t> kill_at = {}) {
        killer.kill_at = std::move(kill_at);
        test.host.plant(table_vm(), "/var/www/evil.php", "<?php EICAR");
        test.journal.before = [this](const auto&, const auto&, const auto&) { killer.pass("before entry"); };
        test.journal.after = [this](const auto&, const auto&, const auto&) { killer.pass("after entry"); };
        test.host.fault = [this](const std::string& call, Phase phase) -> std::optional<Error> {
            if (learns_during_commit && call == "commit") test.host.signatures.insert("NEWVIRUS");
            killer.pass(phase == Phase::before ? "before call" : phase == Phase::during ? "during call" : "after call");
            check_moment();
            return std::nullopt;
        };
        before = test.host.disks_of(table_vm());
    }

    /// True at every moment of every life.
    void check_moment() {
        if (test.host.vm(table_vm()).disks.empty()) return;
        // The disks change only while their VM runs on them, or while the accepted overlays are committed.
        if (!test.host.locks.contains(table_vm()) || !test.host.overlay_paths().empty()) return;
        if (committed) return;
        const auto now = test.host.disks_of(table_vm());
        if (now != before && test.host.count["commit"] == 0) wrong.push_back("a disk changed under the lock without a commit");
    }

    void live() {
        test.boot();
        expect_done(test.make(VmState::off, Expect::running));
        expect_done(test.run(JobKind::evidence));
        const auto found = test.job(JobKind::scan);
        const auto first = test.carry_out(found);
        expect_done(first);
        if (first.verdict != ScanVerdict::infected) wrong.push_back("the planted file was not found");
        const auto cleaned = test.run(JobKind::clean, found.job_id.text());
        expect_done(cleaned);
        if (cleaned.files != 1) wrong.push_back("clean moved " + std::to_string(cleaned.files) + " files");
        expect_done(test.make(VmState::quarantined, Expect::off));
        expect_done(test.make(VmState::off, Expect::quarantined));
        const auto last = test.run(JobKind::scan);
        expect_done(last);
        if (last.verdict != ScanVerdict::clean) wrong.push_back("the second scan is not clean");
        accepted = content_of_overlays();
        if (test.host.disks_of(table_vm()) != before) wrong.push_back("the customer's disks were written before the release");
        auto release = test.order(VmState::running, Expect::off);
        release.health = Health::steady;
        release.health_seconds = 3;
        const auto given_back = test.carry_out(release);
        if (learns_during_commit) return put_back(given_back);
        expect_done(given_back);
        killer.armed = false;
        committed = true;
        test.pass(Seconds(5));
    }

    /// What was committed turns out to be infected still: the VM stays locked until its disks are those of the evidence again.
    void put_back(const OrderAnswer& refused) {
        if (refused.refusal != Refusal::not_verified_clean) wrong.push_back("an infected disk was given back: " + refused.text);
        if (test.host.disks_of(table_vm()) == before) wrong.push_back("nothing was committed, so nothing is put back");
        const auto reverted = test.run(JobKind::revert);
        expect_done(reverted);
        killer.armed = false;
        test.pass(Seconds(5));
        const auto say = [&](bool holds, const std::string& what) {
            if (!holds) wrong.push_back(what);
        };
        say(test.host.disks_of(table_vm()) == before, "the disks are not those of the evidence");
        say(test.host.overlay_paths().empty(), "an overlay was left behind");
        say(test.host.locks.contains(table_vm()) && !test.host.start_by_hand(table_vm()), "the lock was lost");
        say(test.vm().runs == 1 && test.vm().quarantine_runs == 1, "the VM was started");
        say(test.host.writes_without_evidence == 0, "a disk was written without evidence");
        say(test.runner->idle(), "an operation is still open");
    }

    Disks content_of_overlays() const {
        Disks out;
        for (const auto& path : test.host.overlay_paths()) out[path.substr(path.rfind('/') + 1)] = test.host.content(path);
        return out;
    }

    template <class Answer>
    void expect_done(const Answer& answer) {
        if (answer.status != AnswerStatus::done && answer.status != AnswerStatus::already)
            wrong.push_back(std::string(name(answer.status)) + " " + std::string(name(answer.refusal)) + ": " + answer.text);
    }

    /// What must be true when it is over.
    void check_end() {
        const auto& vm = test.host.vm(table_vm());
        const auto say = [&](bool holds, const std::string& what) {
            if (!holds) wrong.push_back(what);
        };
        Disks expected = accepted;
        for (auto& [target, files] : expected) files["/var/log/boot"] += "x";
        say(test.host.disks_of(table_vm()) == expected, "the disks are not exactly the accepted overlays, booted once");
        say(!test.host.disks_of(table_vm()).at("vda").contains("/var/www/evil.php"), "the infected file is back");
        say(test.host.overlay_paths().empty(), "an overlay was left behind");
        say(test.host.locks.empty(), "a lock was left behind");
        say(test.host.permits.empty(), "a token was left behind");
        say(test.host.held.empty(), "a holder was left behind");
        say(vm.power == Power::running && !vm.quarantined, "the VM does not run");
        say(vm.autostart, "autostart was not given back");
        say(vm.quarantine_runs == 1, "the VM was booted in quarantine " + std::to_string(vm.quarantine_runs) + " times");
        say(vm.runs == 2, "the VM was started " + std::to_string(vm.runs - 1) + " times");
        say(test.host.writes_without_evidence == 0, "a disk was written without evidence");
        say(test.runner->idle(), "an operation is still open");
        const auto& stored = test.host.evidence.at({table_vm(), CaseId("C-1")});
        say(stored.complete && !stored.damaged, "the evidence set is not whole");
        say(stored.removed.contains("/var/www/evil.php"), "what was cleaned was not kept");
        for (const auto& disk : agent::writable_disks(vm.disks)) {
            std::map<std::string, std::string> kept;
            for (const auto& [file, text] : stored.images.at(disk.source).files) kept[file] = *text;
            say(kept == before.at(disk.target), "the evidence is not the disk as it was");
        }
    }

    HostUnderTest test;
    Killer killer;
    Disks before, accepted;
    bool committed = false;
    bool learns_during_commit = false;
    std::vector<std::string> wrong;
};

TEST(KillWalk, a_life_without_a_kill_ends_well) {
    Life life;
    life.live();
    life.check_end();
    EXPECT_TRUE(life.wrong.empty()) << list(life.wrong);
    EXPECT_EQ(life.test.restarts, 0);
}

TEST(KillWalk, every_point_of_a_whole_life) {
    Life whole;
    whole.live();
    const int64_t points = whole.killer.point;
    ASSERT_GT(points, 200);
    for (int64_t point = 1; point <= points; ++point) {
        Life life({point});
        life.live();
        life.check_end();
        ASSERT_TRUE(life.wrong.empty()) << "killed at point " << point << " of " << points << list(life.wrong);
        ASSERT_EQ(life.test.restarts, 1) << "point " << point;
    }
    std::string kinds;
    for (const auto& [kind, count] : whole.killer.kinds) kinds += " " + kind + "=" + std::to_string(count);
    std::cout << "kill walk: " << points << " points," << kinds << "\n";
    RecordProperty("points", int(points));
}

TEST(KillWalk, every_point_of_a_life_that_goes_back_to_its_evidence) {
    const auto begin = [](Life& life) {
        life.test.host.plant(table_vm(), "/root/worse", "NEWVIRUS");
        life.before = life.test.host.disks_of(table_vm());
        life.learns_during_commit = true;
        life.live();
    };
    Life whole;
    begin(whole);
    ASSERT_TRUE(whole.wrong.empty()) << list(whole.wrong);
    const int64_t points = whole.killer.point;
    // What comes before the first commit is the same life as above.
    int64_t killed = 0;
    for (int64_t point = points / 2; point <= points; ++point, ++killed) {
        Life life({point});
        begin(life);
        ASSERT_TRUE(life.wrong.empty()) << "killed at point " << point << " of " << points << list(life.wrong);
        ASSERT_EQ(life.test.restarts, 1) << "point " << point;
    }
    std::cout << "kill walk: " << killed << " points of a life that goes back to its evidence\n";
}

TEST(KillWalk, two_and_three_kills_in_one_life) {
    Life whole;
    whole.live();
    SeededRandom random(7);
    int lives = 0;
    for (int i = 0; i < 600; ++i) {
        const int64_t first = 1 + int64_t(random.below(uint64_t(whole.killer.point)));
        // The second and third strike soon after: in the recovery from the one before.
        const int64_t second = first + 1 + int64_t(random.below(30));
        const int64_t third = second + 1 + int64_t(random.below(30));
        Life life({first, second, third});
        life.live();
        life.check_end();
        ASSERT_TRUE(life.wrong.empty()) << "killed at " << first << ", " << second << ", " << third << list(life.wrong);
        ++lives;
    }
    std::cout << "kill walk: " << lives << " lives with up to three kills\n";
}

/// The same kills while the calls also report no outcome although they had their effect.
TEST(KillWalk, calls_whose_outcome_is_not_known) {
    Life whole;
    whole.live();
    SeededRandom random(11);
    for (int i = 0; i < 200; ++i) {
        Life life({1 + int64_t(random.below(uint64_t(whole.killer.point)))});
        const auto kill = life.test.host.fault;
        int unsure = 0;
        std::map<std::string, int> struck;   // an act is given up after its ninth failure; one act may make three calls
        life.test.host.fault = [&, kill](const std::string& call, Phase phase) -> std::optional<Error> {
            kill(call, phase);
            if (random.below(12) || unsure > 40 || struck[call] == 2) return std::nullopt;
            ++unsure;
            ++struck[call];
            if (phase == Phase::after) return Error{Errc::unknown_outcome, "the connection was lost"};
            return Error{Errc::unavailable, "the hypervisor does not answer"};
        };
        life.live();
        life.check_end();
        ASSERT_TRUE(life.wrong.empty()) << "round " << i << list(life.wrong);
    }
}

}  // namespace
}  // namespace bailiff::test
