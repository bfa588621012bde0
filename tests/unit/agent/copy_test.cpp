// SPDX-License-Identifier: Apache-2.0
// Evidence of running VMs, and evidence first: what the guest notices, what is kept, and what is never left behind.
#include "tests/unit/agent/host_under_test.hpp"

#include <gtest/gtest.h>

namespace bailiff::test {
namespace {

using agent::Consistency;

class Copy : public testing::Test {
  protected:
    Copy() {
        test.settings.patience.first_retry = std::chrono::seconds(1);
        test.host.plant(table_vm(), "/var/www/evil.php", "<?php EICAR");
        before = test.host.disks_of(table_vm());
    }
    Job evidence(bool memory = false) {
        Job job = test.job(JobKind::evidence);
        job.memory = memory;
        return job;
    }
    Order first(VmState desired, bool memory = false) {
        Order order = test.order(desired, Expect::any);
        order.evidence = EvidenceRule::first;
        order.memory = memory;
        return order;
    }
    const FakeHost::LiveSet* set_of(const std::string& operation) const {
        const auto found = test.host.live_sets.find({table_vm(), EvidenceId("C-1-" + operation)});
        return found == test.host.live_sets.end() || !found->second.complete ? nullptr : &found->second;
    }
    /// Content of the set's disks, by target.
    std::map<std::string, std::map<std::string, std::string>> content(const FakeHost::LiveSet& set) const {
        std::map<std::string, std::map<std::string, std::string>> out;
        for (const auto& [target, image] : set.images)
            for (const auto& [file, text] : image.files) out[target][file] = text.value_or("");
        return out;
    }
    void expect_nothing_left() {
        const auto& vm = test.vm();
        EXPECT_FALSE(vm.frozen) << "the guest is still frozen";
        EXPECT_NE(vm.power, Power::paused) << "the guest is still paused";
        EXPECT_TRUE(!vm.backup || vm.backup->foreign) << "a backup job is still there";
        EXPECT_TRUE(test.host.backup_files.empty()) << "files are left: " << test.host.backup_files.begin()->first;
        for (const auto& [key, set] : test.host.live_sets) EXPECT_TRUE(set.complete) << key.second.text() << " is half a set";
    }
    /// Once, at this point of this call, somebody resumes the paused guest.
    void somebody_lets_it_go(const std::string& at, Phase when) {
        test.host.fault = [this, at, when](const std::string& call, Phase phase) -> std::optional<Error> {
            if (call == at && phase == when && !resumed) {
                ++resumed;
                test.vm().power = Power::running;
                ++test.vm().resumed;
            }
            return std::nullopt;
        };
    }
    int64_t step(const std::vector<StepTime>& steps, const std::string& name) const {
        for (const auto& one : steps)
            if (one.step == name) return one.milliseconds;
        return -1;
    }

    HostUnderTest test;
    std::map<std::string, std::map<std::string, std::string>> before;
    int resumed = 0;   ///< by somebody else
};

TEST_F(Copy, a_running_vm_is_frozen_for_a_moment_and_goes_on) {
    const auto job = evidence();
    const auto answer = test.carry_out(job);
    ASSERT_EQ(answer.status, AnswerStatus::done) << answer.text;
    const auto* set = set_of(job.job_id.text());
    ASSERT_TRUE(set);
    EXPECT_EQ(set->set.consistency, Consistency::frozen);
    EXPECT_EQ(content(*set), before);
    EXPECT_EQ(answer.evidence, set->set.id);
    EXPECT_EQ(answer.manifest_sha256, set->set.manifest_sha256);
    EXPECT_NE(answer.text.find("frozen"), std::string::npos) << answer.text;
    EXPECT_GE(step(answer.steps, "frozen"), 0) << "the guest's pause is told";
    EXPECT_GT(step(answer.steps, "wait_for_backup"), 0);
    EXPECT_EQ(test.vm().runs, 1);
    EXPECT_EQ(test.vm().power, Power::running);
    EXPECT_TRUE(test.host.locks.empty()) << "a copy needs no lock";
    expect_nothing_left();
}

TEST_F(Copy, without_an_agent_it_is_as_after_a_crash_and_says_so) {
    test.vm().obeys_agent = false;
    const auto job = evidence();
    const auto answer = test.carry_out(job);
    ASSERT_EQ(answer.status, AnswerStatus::done) << answer.text;
    EXPECT_EQ(set_of(job.job_id.text())->set.consistency, Consistency::crash);
    EXPECT_NE(answer.text.find("crash"), std::string::npos) << answer.text;
    expect_nothing_left();
}

TEST_F(Copy, an_agent_that_hangs_is_asked_to_thaw_some_times_and_the_answer_says_so) {
    test.vm().agent_hangs = true;
    const auto answer = test.carry_out(evidence());
    ASSERT_EQ(answer.status, AnswerStatus::done) << answer.text;
    EXPECT_NE(answer.text.find("did not confirm"), std::string::npos) << answer.text;
    EXPECT_EQ(test.host.count["thaw"], test.settings.patience.repeats);
    expect_nothing_left();
}

TEST_F(Copy, memory_is_dumped_while_the_guest_stands_still_and_before_the_disks) {
    const auto job = evidence(true);
    const auto memory = FakeHost::memory_of(test.vm());
    const auto answer = test.carry_out(job);
    ASSERT_EQ(answer.status, AnswerStatus::done) << answer.text;
    const auto* set = set_of(job.job_id.text());
    ASSERT_TRUE(set && set->memory);
    EXPECT_EQ(*set->memory, memory);
    EXPECT_EQ(test.host.torn_sets, 0);
    EXPECT_EQ(test.host.torn_dumps, 0);
    EXPECT_EQ(test.vm().power, Power::running);
    expect_nothing_left();
}

TEST_F(Copy, a_guest_that_was_paused_by_its_owner_stays_paused) {
    test.vm().power = Power::paused;
    const auto answer = test.carry_out(evidence(true));
    ASSERT_EQ(answer.status, AnswerStatus::done) << answer.text;
    EXPECT_EQ(test.vm().power, Power::paused);
    EXPECT_EQ(test.host.count["resume"], 0);
}

TEST_F(Copy, each_job_makes_a_set_of_its_own_and_none_of_them_counts_as_taken_at_rest) {
    const auto one = evidence(), two = evidence();
    test.carry_out(one);
    test.carry_out(two);
    EXPECT_TRUE(set_of(one.job_id.text()) && set_of(two.job_id.text()));
    ASSERT_EQ(test.make(VmState::off).status, AnswerStatus::done);
    EXPECT_EQ(test.make(VmState::quarantined).refusal, Refusal::no_evidence) << "what is committed over needs a copy at rest";
    const auto at_rest = test.run(JobKind::evidence);
    EXPECT_EQ(at_rest.status, AnswerStatus::done) << at_rest.text;
    EXPECT_EQ(test.host.evidence.size(), 1u);
    EXPECT_EQ(test.make(VmState::quarantined).status, AnswerStatus::done);
}

TEST_F(Copy, somebody_elses_backup_is_waited_for_without_holding_the_guest) {
    test.boot();
    test.host.back_up_by_hand(table_vm(), std::chrono::seconds(40));
    const auto order = first(VmState::isolated, true);
    test.hand_over(OrderFrame{sealed(order)});
    for (int second = 0; second < 35; ++second) {
        test.pass(Seconds(1));
        ASSERT_EQ(test.vm().power, Power::running) << "second " << second;
    }
    const auto answer = test.carry_out(order);
    ASSERT_EQ(answer.status, AnswerStatus::done) << answer.text;
    EXPECT_TRUE(set_of(order.order_id.text()));
    expect_nothing_left();
}

TEST_F(Copy, somebody_elses_endless_backup_ends_in_words_and_with_nothing_changed) {
    test.boot();
    test.host.back_up_by_hand(table_vm(), std::chrono::hours(9));
    const auto job = test.carry_out(evidence());
    EXPECT_EQ(job.status, AnswerStatus::failed);
    EXPECT_NE(job.text.find("another program's backup"), std::string::npos) << job.text;
    const auto order = test.carry_out(first(VmState::off));
    EXPECT_EQ(order.status, AnswerStatus::failed) << order.text;
    EXPECT_TRUE(test.host.locks.empty());
    EXPECT_TRUE(test.vm().autostart);
    EXPECT_EQ(test.vm().power, Power::running);
    ASSERT_TRUE(test.vm().backup);
    EXPECT_TRUE(test.vm().backup->foreign) << "and theirs goes on";
    expect_nothing_left();
}

TEST_F(Copy, without_room_nothing_begins) {
    test.host.room = false;
    const auto answer = test.carry_out(first(VmState::isolated));
    EXPECT_EQ(answer.status, AnswerStatus::failed);
    EXPECT_NE(answer.text.find("no room"), std::string::npos) << answer.text;
    EXPECT_EQ(test.host.count["pause"], 0);
    EXPECT_EQ(test.host.count["begin_backup"], 0);
    EXPECT_EQ(answer.state, VmState::running);
    expect_nothing_left();
}

TEST_F(Copy, a_vm_that_dies_meanwhile_leaves_nothing_of_its_copy) {
    test.boot();
    const auto job = evidence();
    test.hand_over(JobFrame{sealed(job)});
    test.pass(Seconds(2));
    ASSERT_TRUE(test.vm().backup);
    test.host.crash_vm(table_vm());
    const auto answer = test.carry_out(job);
    EXPECT_EQ(answer.status, AnswerStatus::refused) << answer.text;
    EXPECT_EQ(answer.refusal, Refusal::unexpected_state);
    expect_nothing_left();
}

TEST_F(Copy, a_job_that_ended_badly_is_begun_anew) {
    test.boot();
    const auto job = evidence(true);
    test.hand_over(JobFrame{sealed(job)});
    test.pass(Seconds(2));
    ASSERT_TRUE(test.vm().backup);
    test.vm().backup.reset();   // QEMU could not write, or somebody ended it
    const auto answer = test.carry_out(job);
    ASSERT_EQ(answer.status, AnswerStatus::done) << answer.text;
    EXPECT_EQ(content(*set_of(job.job_id.text())), before);
    EXPECT_EQ(test.host.count["begin_backup"], 2);
    EXPECT_EQ(test.host.count["dump_memory"], 2) << "memory and disks are of one instant";
    EXPECT_EQ(test.vm().power, Power::running);
    expect_nothing_left();
}

TEST_F(Copy, memory_of_a_vm_that_is_off_is_refused_at_once) {
    ASSERT_EQ(test.make(VmState::off).status, AnswerStatus::done);
    const auto answer = test.carry_out(evidence(true));
    EXPECT_EQ(answer.refusal, Refusal::unexpected_state);
    EXPECT_NE(answer.text.find("memory"), std::string::npos);
}

TEST_F(Copy, a_backup_that_copies_nothing_more_is_ended_and_begun_anew) {
    test.boot();
    test.host.backup_takes = std::chrono::seconds(30);
    const auto job = evidence();
    test.hand_over(JobFrame{sealed(job)});
    test.pass(Seconds(5));
    ASSERT_TRUE(test.vm().backup);
    // As libvirt leaves it when its daemon dies just as the copy ends.
    test.vm().backup->stands = true;
    test.pass(Seconds(90));
    EXPECT_TRUE(test.vm().backup) << "slow storage may stand for a moment";
    const auto answer = test.carry_out(job);
    EXPECT_EQ(answer.status, AnswerStatus::done) << answer.text;
    EXPECT_EQ(test.host.count["begin_backup"], 2);
    EXPECT_EQ(test.host.count["abort_backup"], 1);
    EXPECT_EQ(content(*set_of(job.job_id.text())), before);
    expect_nothing_left();
}

TEST_F(Copy, a_guest_that_somebody_lets_go_meanwhile_is_dumped_again) {
    test.boot();
    // Between the memory and the disks.
    somebody_lets_it_go("dump_memory", Phase::after);
    const auto job = evidence(true);
    ASSERT_EQ(test.carry_out(job).status, AnswerStatus::done);
    EXPECT_EQ(resumed, 1);
    EXPECT_EQ(test.host.count["dump_memory"], 2);
    EXPECT_EQ(test.host.torn_sets, 0);
    expect_nothing_left();
}

TEST_F(Copy, a_guest_that_is_let_go_just_before_its_disks_instant_is_copied_anew) {
    test.boot();
    somebody_lets_it_go("begin_backup", Phase::before);
    const auto job = evidence(true);
    ASSERT_EQ(test.carry_out(job).status, AnswerStatus::done);
    EXPECT_EQ(resumed, 1);
    EXPECT_EQ(test.host.count["begin_backup"], 2);
    EXPECT_EQ(test.host.torn_sets, 0);
    EXPECT_EQ(content(*set_of(job.job_id.text())), before);
    expect_nothing_left();
}

// ---- evidence first --------------------------------------------------------------------------------------------------

TEST_F(Copy, a_wiper_that_watches_its_link_comes_too_late) {
    test.vm().wipes_when_cut = true;
    const auto order = first(VmState::isolated, true);
    const auto answer = test.carry_out(order);
    ASSERT_EQ(answer.status, AnswerStatus::done) << answer.text;
    EXPECT_EQ(answer.state, VmState::isolated);
    EXPECT_TRUE(test.host.disks_of(table_vm()).at("vda").contains("/WIPED")) << "it did react";
    const auto* set = set_of(order.order_id.text());
    ASSERT_TRUE(set && set->memory);
    EXPECT_EQ(content(*set), before) << "and the copy is of before";
    EXPECT_EQ(test.vm().power, Power::running);
    EXPECT_NE(answer.text.find(set->set.id.text()), std::string::npos) << answer.text;
    expect_nothing_left();
}

TEST_F(Copy, without_evidence_first_the_same_wiper_wins) {
    test.vm().wipes_when_cut = true;
    test.make(VmState::isolated);
    const auto job = evidence();
    test.carry_out(job);
    EXPECT_NE(content(*set_of(job.job_id.text())), before);
}

TEST_F(Copy, before_a_power_off_the_guest_never_runs_again) {
    const auto order = first(VmState::off, true);
    const auto answer = test.carry_out(order);
    ASSERT_EQ(answer.status, AnswerStatus::done) << answer.text;
    EXPECT_EQ(test.vm().power, Power::off);
    EXPECT_EQ(test.host.count["shut_down"], 0) << "a shutdown would let the guest run";
    EXPECT_EQ(test.host.count["resume"], 0);
    EXPECT_TRUE(test.host.locks.contains(table_vm()));
    EXPECT_TRUE(test.host.locks.at(table_vm()).was_running);
    EXPECT_EQ(content(*set_of(order.order_id.text())), before);
    EXPECT_NE(answer.text.find("without a shutdown"), std::string::npos) << answer.text;
    EXPECT_TRUE(answer.was_running);
    EXPECT_EQ(answer.evidence, set_of(order.order_id.text())->set.id) << "named, so that the case can name it";
    EXPECT_EQ(answer.manifest_sha256, set_of(order.order_id.text())->set.manifest_sha256);
    expect_nothing_left();
    EXPECT_EQ(test.run(JobKind::evidence).status, AnswerStatus::done) << "the ordinary copy at rest follows";
    EXPECT_EQ(test.make(VmState::running, Expect::off).status, AnswerStatus::done);
    EXPECT_EQ(test.vm().power, Power::running);
}

TEST_F(Copy, of_a_vm_that_is_off_already_there_is_nothing_to_copy_first) {
    test.vm().power = Power::off;
    const auto answer = test.carry_out(first(VmState::off, true));
    EXPECT_EQ(answer.status, AnswerStatus::done) << answer.text;
    EXPECT_EQ(test.host.count["begin_backup"], 0);
}

TEST_F(Copy, a_release_in_between_lets_the_guest_go) {
    test.boot();
    test.host.backup_takes = std::chrono::minutes(10);
    const auto order = first(VmState::off);
    test.hand_over(OrderFrame{sealed(order)});
    test.pass(Seconds(3));
    ASSERT_EQ(test.vm().power, Power::paused);
    const auto release = test.make(VmState::running);
    EXPECT_EQ(release.status, AnswerStatus::done) << release.text;
    EXPECT_EQ(std::get<OrderAnswer>(test.answers.at(order.order_id.text()).message).status, AnswerStatus::failed);
    EXPECT_EQ(test.vm().power, Power::running);
    EXPECT_TRUE(test.host.locks.empty());
    expect_nothing_left();
}

TEST_F(Copy, a_guest_that_a_crash_left_frozen_is_thawed_at_the_start) {
    test.boot();
    bool crashed = false;
    test.host.fault = [&](const std::string& call, Phase phase) -> std::optional<Error> {
        if (call == "begin_backup" && phase == Phase::during && !std::exchange(crashed, true)) throw Crash{};
        return std::nullopt;
    };
    const auto job = evidence();
    test.hand_over(JobFrame{sealed(job)});
    test.pass(Seconds(1));
    ASSERT_TRUE(crashed);
    EXPECT_FALSE(test.vm().frozen) << "within a second of the agent's start";
    const auto answer = test.carry_out(job);
    EXPECT_EQ(answer.status, AnswerStatus::done) << answer.text;
    expect_nothing_left();
}

// ---- the end of sets -------------------------------------------------------------------------------------------------

TEST_F(Copy, sets_of_closed_cases_end_and_those_of_open_ones_do_not) {
    test.settings.keep_evidence = Seconds(30 * 86400);
    test.boot();
    const auto job = evidence();
    test.carry_out(job);
    ASSERT_EQ(test.make(VmState::off).status, AnswerStatus::done);
    ASSERT_EQ(test.run(JobKind::evidence).status, AnswerStatus::done);
    const auto days = [&](int count) {
        for (int day = 0; day < count; ++day) {
            test.clock.advance(Seconds(86400));
            test.pass(Seconds(10));
        }
    };
    days(40);
    EXPECT_TRUE(set_of(job.job_id.text())) << "the VM is locked, so its case is open";
    EXPECT_EQ(test.host.evidence.size(), 1u);
    ASSERT_EQ(test.make(VmState::running).status, AnswerStatus::done);
    days(2);
    EXPECT_FALSE(set_of(job.job_id.text()));
    EXPECT_TRUE(test.host.evidence.empty());
    EXPECT_TRUE(test.events_say("evidence_expired"));
    int journaled = 0;
    for (const auto& entry : test.kept.read_kind("expired")) journaled += entry.body.at("vm") == table_vm().text();
    EXPECT_EQ(journaled, 2);
}

TEST_F(Copy, a_limited_vm_is_a_case_too) {
    test.settings.keep_evidence = Seconds(30 * 86400);
    test.boot();
    const auto job = evidence();
    test.carry_out(job);
    ASSERT_EQ(test.make(VmState::limited).status, AnswerStatus::done);
    for (int day = 0; day < 40; ++day) {
        test.clock.advance(Seconds(86400));
        test.pass(Seconds(10));
    }
    EXPECT_TRUE(set_of(job.job_id.text()));
}

TEST_F(Copy, sets_are_kept_for_ever_when_no_end_is_set) {
    test.boot();
    const auto job = evidence();
    test.carry_out(job);
    for (int day = 0; day < 400; ++day) {
        test.clock.advance(Seconds(86400));
        test.pass(Seconds(1));
    }
    EXPECT_TRUE(set_of(job.job_id.text()));
}

}  // namespace
}  // namespace bailiff::test
