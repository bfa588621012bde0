// SPDX-License-Identifier: Apache-2.0
// Scans of running VMs: what they say and never say, what the guest pays, and what is never left behind.
#include "tests/unit/agent/host_under_test.hpp"

#include <gtest/gtest.h>

namespace bailiff::test {
namespace {

class LiveScan : public testing::Test {
  protected:
    LiveScan() {
        test.settings.patience.first_retry = std::chrono::seconds(1);
        definition = test.vm().definition;
        disks = test.host.disks_of(table_vm());
    }
    JobAnswer scan() { return test.run(JobKind::scan_live); }
    /// Given, and under way until the executor is let go.
    Job scan_under_way() {
        test.boot();
        test.executor.holds = true;
        const Job job = test.job(JobKind::scan_live);
        test.hand_over(JobFrame{sealed(job)});
        test.pass(Seconds(2));
        EXPECT_TRUE(test.executor.waiting() && test.vm().backup) << "the scan should be under way";
        return job;
    }
    JobAnswer answer_to(const Job& job) { return test.carry_out(job); }
    void expect_nothing_left() {
        const auto& vm = test.vm();
        EXPECT_FALSE(vm.frozen) << "the guest is still frozen";
        EXPECT_TRUE(!vm.backup || vm.backup->foreign) << "a backup job is still there";
        EXPECT_TRUE(test.host.backup_files.empty()) << "files are left: " << test.host.backup_files.begin()->first;
        EXPECT_TRUE(test.host.sockets.empty()) << "a socket is left: " << *test.host.sockets.begin();
        EXPECT_TRUE(test.host.exports.empty());
        EXPECT_EQ(vm.definition, definition);
    }
    static bool has(const std::string& text, const std::string& words) { return text.find(words) != std::string::npos; }

    HostUnderTest test;
    std::string definition;
    std::map<std::string, std::map<std::string, std::string>> disks;
};

TEST_F(LiveScan, finds_what_lies_on_the_disks_while_the_guest_goes_on) {
    test.host.plant(table_vm(), "/var/www/evil.php", "EICAR");
    const auto answer = scan();
    ASSERT_EQ(answer.status, AnswerStatus::done) << answer.text;
    EXPECT_EQ(answer.kind, JobKind::scan_live);
    EXPECT_EQ(answer.verdict, ScanVerdict::infected);
    ASSERT_EQ(answer.hits.size(), 1u);
    EXPECT_EQ(answer.hits[0].path, "/var/www/evil.php");
    EXPECT_TRUE(has(answer.text, "live") && has(answer.text, "frozen")) << answer.text;
    EXPECT_EQ(test.vm().power, Power::running);
    EXPECT_EQ(test.vm().runs, 1);
    EXPECT_TRUE(test.host.locks.empty());
    expect_nothing_left();
}

TEST_F(LiveScan, without_an_agent_it_is_as_after_a_power_cut_and_says_so) {
    test.vm().obeys_agent = false;
    const auto answer = scan();
    EXPECT_EQ(answer.verdict, ScanVerdict::clean);
    EXPECT_TRUE(has(answer.text, "power cut (not frozen)")) << answer.text;
    expect_nothing_left();
}

TEST_F(LiveScan, an_agent_that_hangs_is_asked_to_thaw_and_the_answer_says_so) {
    test.vm().agent_hangs = true;
    const auto answer = scan();
    ASSERT_EQ(answer.status, AnswerStatus::done) << answer.text;
    EXPECT_TRUE(has(answer.text, "did not confirm")) << answer.text;
    EXPECT_EQ(test.host.count["thaw"], test.settings.patience.repeats);
    expect_nothing_left();
}

TEST_F(LiveScan, its_clean_verdict_releases_nothing) {
    ASSERT_EQ(scan().verdict, ScanVerdict::clean);
    ASSERT_EQ(test.make(VmState::off).status, AnswerStatus::done);
    ASSERT_EQ(test.run(JobKind::evidence).status, AnswerStatus::done);
    ASSERT_EQ(test.make(VmState::quarantined).status, AnswerStatus::done);
    ASSERT_EQ(test.make(VmState::off).status, AnswerStatus::done);
    const auto refused = test.make(VmState::running);
    EXPECT_EQ(refused.refusal, Refusal::not_verified_clean) << refused.text;
    ASSERT_EQ(test.run(JobKind::scan).verdict, ScanVerdict::clean);
    EXPECT_EQ(test.make(VmState::running).status, AnswerStatus::done) << "the scan at rest does";
}

TEST_F(LiveScan, its_signatures_and_its_finds_are_none_of_a_release) {
    // A release that asks for new signatures asks for a scan at rest of this case, and a live one is none.
    test.host.signatures_at = table_now();
    ASSERT_EQ(scan().verdict, ScanVerdict::clean);
    ASSERT_EQ(test.make(VmState::off).status, AnswerStatus::done);
    Order release = test.order(VmState::running, Expect::off);
    release.signatures_seconds = 30 * 86400;
    EXPECT_EQ(test.carry_out(release).refusal, Refusal::not_verified_clean);
}

TEST_F(LiveScan, nothing_is_cleaned_by_what_it_found) {
    test.host.plant(table_vm(), "/var/www/evil.php", "EICAR");
    const Job live = test.job(JobKind::scan_live);
    ASSERT_EQ(test.carry_out(live).verdict, ScanVerdict::infected);
    ASSERT_EQ(test.make(VmState::off).status, AnswerStatus::done);
    ASSERT_EQ(test.run(JobKind::evidence).status, AnswerStatus::done);
    EXPECT_EQ(test.run(JobKind::clean, live.job_id.text()).refusal, Refusal::unexpected_state);
}

TEST_F(LiveScan, needs_a_vm_that_runs_on_its_own_disks) {
    ASSERT_EQ(test.make(VmState::off).status, AnswerStatus::done);
    const auto off = scan();
    EXPECT_EQ(off.refusal, Refusal::unexpected_state);
    EXPECT_TRUE(has(off.text, "'scan'")) << off.text;
    ASSERT_EQ(test.run(JobKind::evidence).status, AnswerStatus::done);
    ASSERT_EQ(test.make(VmState::quarantined).status, AnswerStatus::done);
    EXPECT_EQ(scan().refusal, Refusal::unexpected_state);
    EXPECT_EQ(test.run(JobKind::scan).refusal, Refusal::unexpected_state) << "and a scan at rest still needs rest";
}

TEST_F(LiveScan, without_room_nothing_begins) {
    test.host.room = false;
    const auto answer = scan();
    EXPECT_EQ(answer.status, AnswerStatus::failed);
    EXPECT_TRUE(has(answer.text, "no room")) << answer.text;
    EXPECT_EQ(test.host.count["begin_backup"], 0);
    expect_nothing_left();
}

TEST_F(LiveScan, somebody_elses_backup_is_left_alone) {
    test.boot();
    test.host.back_up_by_hand(table_vm(), std::chrono::hours(9));
    const auto answer = scan();
    EXPECT_EQ(answer.status, AnswerStatus::failed);
    EXPECT_TRUE(has(answer.text, "another program's backup")) << answer.text;
    ASSERT_TRUE(test.vm().backup);
    EXPECT_TRUE(test.vm().backup->foreign);
    expect_nothing_left();
}

TEST_F(LiveScan, ends_before_the_scratch_space_does) {
    const Job job = scan_under_way();
    test.host.scratch_short = "only 3 MiB are free";
    test.pass(Seconds(1));
    EXPECT_FALSE(test.vm().backup) << "the job ends at once, not when the scanner does";
    test.executor.release();
    const auto answer = answer_to(job);
    EXPECT_EQ(answer.status, AnswerStatus::failed) << "nothing was read";
    EXPECT_TRUE(has(answer.text, "only 3 MiB are free")) << answer.text;
    EXPECT_EQ(test.host.count["begin_backup"], 1) << "and is not begun anew";
    expect_nothing_left();
}

TEST_F(LiveScan, that_ended_early_keeps_what_it_found_and_is_incomplete) {
    test.boot();
    test.host.plant(table_vm(), "/var/www/evil.php", "EICAR");
    int disk = 0;
    // The first disk was read when the second one's server goes away.
    test.host.while_scanning = [&] {
        if (++disk == 2) test.vm().backup.reset(), test.host.exports.clear();
    };
    const auto found = scan();
    EXPECT_EQ(found.verdict, ScanVerdict::infected);
    EXPECT_GT(found.skipped, 0);
    expect_nothing_left();
    test.host.signatures.clear();
    // The server goes away with the very last byte: nobody knows whether that was of the disk.
    disk = 0;
    test.host.fault = [&](const std::string& call, Phase phase) -> std::optional<Error> {
        if (call == "scan_live" && phase == Phase::after) test.vm().backup.reset(), test.host.exports.clear();
        return std::nullopt;
    };
    test.host.while_scanning = nullptr;
    EXPECT_EQ(scan().verdict, ScanVerdict::incomplete);
    test.host.fault = nullptr;
    expect_nothing_left();
}

TEST_F(LiveScan, every_order_goes_before_it) {
    for (const VmState desired : {VmState::limited, VmState::isolated, VmState::off}) {
        const Job job = scan_under_way();
        const Order order = test.order(desired);
        test.hand_over(OrderFrame{sealed(order)});
        test.executor.release();
        const auto carried_out = test.carry_out(order);
        EXPECT_EQ(carried_out.status, AnswerStatus::done) << carried_out.text;
        EXPECT_EQ(carried_out.state, desired);
        EXPECT_TRUE(has(test.host.stopped_scan, "newer order")) << "it was told to end: " << test.host.stopped_scan;
        const auto answer = answer_to(job);
        EXPECT_EQ(answer.status, AnswerStatus::failed);
        EXPECT_TRUE(has(answer.text, "order")) << answer.text;
        expect_nothing_left();
    }
}

TEST_F(LiveScan, the_backup_job_has_ended_before_the_guest_is_asked_to_shut_down) {
    const Job job = scan_under_way();
    bool asked_during_backup = false;
    test.host.fault = [&](const std::string& call, Phase) -> std::optional<Error> {
        asked_during_backup = asked_during_backup || (call == "shut_down" && test.vm().backup);
        return std::nullopt;
    };
    const Order order = test.order(VmState::off);
    test.hand_over(OrderFrame{sealed(order)});
    test.pass(Seconds(5));
    EXPECT_EQ(test.host.count["shut_down"], 0) << "the scan still reads";
    test.executor.release();
    EXPECT_EQ(test.carry_out(order).status, AnswerStatus::done);
    EXPECT_GT(test.host.count["shut_down"], 0);
    EXPECT_FALSE(asked_during_backup);
}

TEST_F(LiveScan, one_at_a_time_on_a_host) {
    test.host.add_vm(other_vm, "web2");
    const Job first = scan_under_way();
    Job second = test.job(JobKind::scan_live);
    second.vm_uuid = other_vm;
    test.hand_over(JobFrame{sealed(second)});
    test.pass(Seconds(30));
    EXPECT_FALSE(test.host.vm(other_vm).backup) << "while it waits, its guest pays for nothing";
    EXPECT_EQ(test.host.vm(other_vm).frozen, false);
    test.executor.release();
    EXPECT_EQ(answer_to(first).status, AnswerStatus::done);
    EXPECT_EQ(answer_to(second).status, AnswerStatus::done);
    EXPECT_FALSE(test.host.vm(other_vm).backup);
    expect_nothing_left();
}

TEST_F(LiveScan, an_agent_that_died_meanwhile_scans_what_is_still_served) {
    const Job job = scan_under_way();
    test.executor.forget();
    test.executor.holds = false;
    test.host.plant(table_vm(), "/later", "EICAR");
    test.boot();
    const auto answer = answer_to(job);
    ASSERT_EQ(answer.status, AnswerStatus::done) << answer.text;
    EXPECT_EQ(answer.verdict, ScanVerdict::clean) << "it is of the first instant, and not of a later one";
    EXPECT_EQ(test.host.count["begin_backup"], 1);
    expect_nothing_left();
}

TEST_F(LiveScan, a_vm_that_was_restarted_meanwhile_is_served_anew) {
    const Job job = scan_under_way();
    test.executor.forget();
    test.executor.holds = false;
    test.host.crash_vm(table_vm());
    ASSERT_TRUE(test.host.start_by_hand(table_vm()));
    test.boot();
    const auto answer = answer_to(job);
    ASSERT_EQ(answer.status, AnswerStatus::done) << answer.text;
    EXPECT_EQ(test.host.count["begin_backup"], 2);
    expect_nothing_left();
}

TEST_F(LiveScan, a_vm_that_dies_meanwhile_leaves_nothing_of_it) {
    const Job job = scan_under_way();
    test.host.crash_vm(table_vm());
    test.executor.release();
    const auto answer = answer_to(job);
    EXPECT_NE(answer.status, AnswerStatus::done) << answer.text;
    expect_nothing_left();
}

TEST_F(LiveScan, the_network_of_an_isolated_vm_is_watched_meanwhile) {
    test.boot();
    ASSERT_EQ(test.make(VmState::isolated).status, AnswerStatus::done);
    const Job job = scan_under_way();
    test.vm().nics[0].link_up = true;   // a panel, or its owner
    test.pass(Seconds(20));
    EXPECT_FALSE(test.vm().nics[0].link_up);
    test.executor.release();
    EXPECT_EQ(answer_to(job).status, AnswerStatus::done);
}

TEST_F(LiveScan, the_hosts_admin_ends_it_by_naming_the_vm) {
    const Job job = scan_under_way();
    agent::HostRules rules;
    rules.exempt = {"web1"};
    test.runner->change_rules(rules);
    test.pass(Seconds(1));
    test.executor.release();
    const auto answer = answer_to(job);
    EXPECT_EQ(answer.refusal, Refusal::exempt) << answer.text;
    EXPECT_TRUE(has(test.host.stopped_scan, "never")) << test.host.stopped_scan;
    expect_nothing_left();
}

}  // namespace
}  // namespace bailiff::test
