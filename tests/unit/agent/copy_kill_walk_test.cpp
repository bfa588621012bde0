// SPDX-License-Identifier: Apache-2.0
// The kill walk over copies of a running VM: evidence with memory, isolation and power-off with evidence first, on a guest
// that wipes its disks once it is cut off, with the agent killed at every journal entry and every call of a port.
#include "tests/unit/agent/host_under_test.hpp"
#include "tests/unit/agent/kill_walk.hpp"

#include <gtest/gtest.h>

#include <iostream>
#include <set>
#include <utility>

namespace bailiff::test {
namespace {

struct CopyLife {
    explicit CopyLife(std::set<int64_t> kill_at = {}) : kill_at_(std::move(kill_at)) {
        test.vm().wipes_when_cut = true;
        before = test.host.disks_of(table_vm());
        test.journal.before = [this](const auto&, const auto&, const auto&) { pass(); };
        test.journal.after = [this](const auto&, const auto&, const auto&) { pass(); };
        test.host.fault = [this](const std::string& call, Phase phase) { return pass(call, phase); };
    }
    std::optional<Error> pass(const std::string& call = "", Phase phase = Phase::before) {
        if (armed && kill_at_.contains(++point)) throw Crash{};
        return armed && more_faults ? more_faults(call, phase) : std::nullopt;
    }

    void live() {
        test.boot();
        const auto copy = expect_done(test.job(JobKind::evidence), true);
        const auto cut = expect_first(VmState::isolated);
        if (test.vm().power != Power::running) wrong.push_back("the isolated VM does not run");
        const auto end = expect_first(VmState::off);
        const auto wiped = test.host.disks_of(table_vm());
        expect_done(test.job(JobKind::evidence), false);
        expect_done(test.order(VmState::running, Expect::off));
        armed = false;
        test.pass(Seconds(5));
        check_set(copy, before, "the copy of the running VM");
        check_set(cut, before, "the copy before the cut");
        check_set(end, wiped, "the copy before the end");
        const auto& vm = test.vm();
        if (vm.power != Power::running || !vm.autostart || !test.host.locks.empty()) wrong.push_back("the VM is not as it was found");
        for (const auto& nic : vm.nics)
            if (!nic.link_up) wrong.push_back("a link is down");
        if (vm.runs != 2) wrong.push_back("the VM was started " + std::to_string(vm.runs - 1) + " times");
        if (test.host.count["shut_down"]) wrong.push_back("the guest was given a shutdown");
        if (test.host.torn_sets) wrong.push_back("memory and disks are not of one instant");
        if (test.host.live_sets.size() != 3) wrong.push_back(std::to_string(test.host.live_sets.size()) + " sets of the running VM");
        if (test.host.evidence.size() != 1 || !test.host.evidence.begin()->second.complete) wrong.push_back("no whole set at rest");
        if (!test.runner->idle()) wrong.push_back("an operation is still open");
    }

    template <class Document>
    std::string expect_done(Document d, bool memory = false) {
        if constexpr (std::is_same_v<Document, Job>) d.memory = memory;
        const auto answer = test.carry_out(d);
        if (answer.status != AnswerStatus::done && answer.status != AnswerStatus::already)
            wrong.push_back(std::string(name(answer.status)) + " " + std::string(name(answer.refusal)) + ": " + answer.text);
        const auto& vm = test.vm();
        if (vm.frozen) wrong.push_back("the guest is frozen after the answer");
        if (vm.power == Power::paused) wrong.push_back("the guest is paused after the answer");
        if (vm.backup) wrong.push_back("a backup job runs after the answer");
        if (!test.host.backup_files.empty()) wrong.push_back("left behind: " + test.host.backup_files.begin()->first);
        if constexpr (std::is_same_v<Document, Job>) return d.job_id.text();
        else return d.order_id.text();
    }
    std::string expect_first(VmState desired) {
        Order order = test.order(desired, Expect::any);
        order.evidence = EvidenceRule::first;
        order.memory = true;
        return expect_done(order);
    }
    void check_set(const std::string& operation, const std::map<std::string, std::map<std::string, std::string>>& expected, const std::string& what) {
        const auto found = test.host.live_sets.find({table_vm(), EvidenceId("C-1-" + operation)});
        if (found == test.host.live_sets.end() || !found->second.complete) return wrong.push_back(what + " is not whole");
        std::map<std::string, std::map<std::string, std::string>> content;
        for (const auto& [target, image] : found->second.images)
            for (const auto& [file, text] : image.files) content[target][file] = text.value_or("");
        if (content != expected) wrong.push_back(what + " is not of its instant");
        if (!found->second.memory) wrong.push_back(what + " has no memory");
    }

    HostUnderTest test;
    std::map<std::string, std::map<std::string, std::string>> before;
    std::function<std::optional<Error>(const std::string&, Phase)> more_faults;
    int64_t point = 0;
    bool armed = true;
    std::vector<std::string> wrong;

  private:
    std::set<int64_t> kill_at_;
};

TEST(CopyKillWalk, every_point_of_copies_of_a_running_vm) { kill_at_every_point<CopyLife>("copy kill walk", 400); }

TEST(CopyKillWalk, three_kills_in_one_life) { kill_three_times<CopyLife>(13, 150, 30); }

/// libvirt still holds a call when its caller dies or stops waiting, and it has its effect later: into files that are no
/// longer meant, on a guest that has been let go. A late pause comes while its operation lasts: see agent/evidence/README.md.
TEST(CopyKillWalk, calls_that_come_after_their_caller) {
    int lives = 0;
    for (const bool dies : {true, false})
        for (const char* held : {"pause", "resume", "dump_memory", "begin_backup"})
            for (const int which : {1, 2, 3})
                for (const int64_t later : {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 30, 40, 60, 100, 200}) {
                    if (std::string(held) == "pause" && later > 40) continue;
                    CopyLife life;
                    int seen = 0;
                    bool just_now = false;
                    life.test.host.held_back = [&](const std::string& call) -> std::optional<int64_t> {
                        if (call != held || ++seen != which) return std::nullopt;
                        just_now = true;
                        return later;
                    };
                    life.more_faults = [&](const std::string&, Phase phase) -> std::optional<Error> {
                        if (phase == Phase::after && std::exchange(just_now, false) && dies) throw Crash{};
                        return std::nullopt;
                    };
                    life.live();
                    ASSERT_TRUE(life.wrong.empty()) << held << " number " << which << " came " << later << " calls later, its caller "
                                                    << (dies ? "dead" : "alive") << list(life.wrong);
                    ++lives;
                }
    std::cout << "late calls: " << lives << " lives\n";
}

/// Calls that had their effect and say that they do not know, and calls that do not get through.
TEST(CopyKillWalk, calls_whose_outcome_is_not_known) {
    CopyLife whole;
    whole.live();
    SeededRandom random(17);
    for (int i = 0; i < 80; ++i) {
        CopyLife life({1 + int64_t(random.below(uint64_t(whole.point)))});
        int unsure = 0;
        life.more_faults = [&](const std::string&, Phase phase) -> std::optional<Error> {
            // An act is up to six calls, and is given up after nine tries: rare enough that some try gets through.
            if (phase == Phase::during || random.below(25) || unsure > 40) return std::nullopt;
            ++unsure;
            if (phase == Phase::after) return Error{Errc::unknown_outcome, "the connection was lost"};
            return Error{Errc::unavailable, "the hypervisor does not answer"};
        };
        life.live();
        ASSERT_TRUE(life.wrong.empty()) << "round " << i << list(life.wrong);
    }
}

}  // namespace
}  // namespace bailiff::test
