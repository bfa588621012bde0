// SPDX-License-Identifier: Apache-2.0
// The kill walk over scans of a running VM: one that finds something, one that an order ends, and the power-off after it, with
// the agent killed at every journal entry and every call of a port.
#include "tests/unit/agent/host_under_test.hpp"
#include "tests/unit/agent/kill_walk.hpp"

#include <gtest/gtest.h>

#include <iostream>
#include <set>
#include <utility>

namespace bailiff::test {
namespace {

struct ScanLife {
    explicit ScanLife(std::set<int64_t> kill_at = {}) : kill_at_(std::move(kill_at)) {
        test.host.plant(table_vm(), "/var/www/evil.php", "EICAR");
        before = test.host.disks_of(table_vm());
        test.journal.before = [this](const auto&, const auto&, const auto&) { pass(); };
        test.journal.after = [this](const auto&, const auto&, const auto&) { pass(); };
        test.host.fault = [this](const std::string& call, Phase phase) { return pass(call, phase); };
    }
    std::optional<Error> pass(const std::string& call = "", Phase phase = Phase::before) {
        if (armed && kill_at_.contains(++point)) throw Crash{};
        // A guest may end only when nothing of ours stands in its way (HYPERVISOR.md, 2.3).
        if (call == "shut_down" && phase == Phase::before && test.vm().backup) wrong.push_back("the guest was asked to shut down during its scan");
        return armed && more_faults ? more_faults(call, phase) : std::nullopt;
    }

    void live() {
        test.boot();
        const auto definition = test.vm().definition;
        const auto found = test.carry_out(test.job(JobKind::scan_live));
        if (found.status != AnswerStatus::done || found.verdict != ScanVerdict::infected) wrong.push_back("not found: " + found.text);
        expect_nothing_left("the scan");
        // One that is still at work when the order comes.
        const Job job = test.job(JobKind::scan_live);
        const Order off = test.order(VmState::off);
        test.hand_over(JobFrame{sealed(job)});
        const auto ended = test.carry_out(off);
        if (ended.status != AnswerStatus::done) wrong.push_back("off: " + ended.text);
        const auto answer = test.carry_out(job);
        if (answer.status == AnswerStatus::needs_operator) wrong.push_back("the scan needs a person: " + answer.text);
        expect_nothing_left("the order");
        if (test.vm().power != Power::off) wrong.push_back("the VM is not off");
        if (test.host.disks_of(table_vm()) != before) wrong.push_back("the disks were written");
        armed = false;
        if (const auto release = test.make(VmState::running); release.status != AnswerStatus::done) wrong.push_back("release: " + release.text);
        const auto& vm = test.vm();
        if (vm.definition != definition || !vm.autostart || vm.power != Power::running || !test.host.locks.empty()) wrong.push_back("the VM is not as it was found");
        if (vm.runs != 2) wrong.push_back("the VM was started " + std::to_string(vm.runs - 1) + " times");
        if (!test.runner->idle()) wrong.push_back("an operation is still open");
    }
    void expect_nothing_left(const std::string& after) {
        const auto& vm = test.vm();
        if (vm.frozen) wrong.push_back("the guest is frozen after " + after);
        if (vm.backup) wrong.push_back("a backup job runs after " + after);
        if (!test.host.backup_files.empty()) wrong.push_back("left after " + after + ": " + test.host.backup_files.begin()->first);
        if (!test.host.sockets.empty()) wrong.push_back("a socket is left after " + after);
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

TEST(LiveScanKillWalk, every_point_of_scans_of_a_running_vm) { kill_at_every_point<ScanLife>("live scan kill walk", 150); }

TEST(LiveScanKillWalk, three_kills_in_one_life) { kill_three_times<ScanLife>(19, 100, 20); }

/// libvirt still holds the beginning of a backup when its caller dies or stops waiting, and begins it later: it must find no
/// files to write to, or be taken for what it is.
TEST(LiveScanKillWalk, a_backup_that_begins_after_its_caller) {
    for (const bool dies : {true, false})
        for (const int which : {1, 2})
            for (const int64_t later : {0, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 60, 100}) {
                ScanLife life;
                int seen = 0;
                bool just_now = false;
                life.test.host.held_back = [&](const std::string& call) -> std::optional<int64_t> {
                    if (call != "begin_backup" || ++seen != which) return std::nullopt;
                    just_now = true;
                    return later;
                };
                life.more_faults = [&](const std::string&, Phase phase) -> std::optional<Error> {
                    if (phase == Phase::after && std::exchange(just_now, false) && dies) throw Crash{};
                    return std::nullopt;
                };
                life.live();
                ASSERT_TRUE(life.wrong.empty()) << "number " << which << " came " << later << " calls later, its caller " << (dies ? "dead" : "alive")
                                                << list(life.wrong);
            }
}

}  // namespace
}  // namespace bailiff::test
