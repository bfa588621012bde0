// SPDX-License-Identifier: Apache-2.0
// Dry-run: the answer says what was seen and what would be done, and what would be done is what is done without it.
#include "tests/unit/agent/host_under_test.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace bailiff::test {
namespace {

struct Plan : testing::Test {
    HostUnderTest test;
    agent::HostRules rules;
    void dry(bool on) {
        if (!test.runner) test.boot();
        rules.dry_run = on;
        test.runner->change_rules(rules);
    }
    std::vector<std::string> plan_for(VmState desired) { return plan_for(test.order(desired)); }
    std::vector<std::string> plan_for(const Order& order) {
        dry(true);
        const auto acts = test.host.acts;
        const auto answer = test.carry_out(order);
        EXPECT_EQ(name(answer.refusal), name(Refusal::dry_run)) << answer.text;
        EXPECT_EQ(test.host.acts, acts) << "a plan changes nothing";
        dry(false);
        return answer.plan;
    }
    /// The acts of a plan, without what is said around them.
    static std::vector<std::string> acts_of(const std::vector<std::string>& plan) {
        std::vector<std::string> out;
        for (const auto& line : plan)
            if (line.starts_with("would: ") || line.starts_with("would, if")) {
                const auto begin = line.find(": ") + 2;
                out.push_back(line.substr(begin, line.find(',', begin) - begin));
            }
        return out;
    }
    static std::vector<std::string> acts_of(const OrderAnswer& answer) {
        // Waits, and the calls that begin_backup is made of, are no acts.
        static const std::set<std::string> waits{"wait_for_guest", "wait_for_backup", "freeze", "backup_begin", "thaw", "frozen"};
        std::vector<std::string> out;
        for (const auto& step : answer.steps)
            if (!waits.contains(step.step) && (out.empty() || out.back() != step.step)) out.push_back(step.step);
        return out;
    }
    static std::string all(const std::vector<std::string>& lines) {
        std::string out;
        for (const auto& line : lines) out += line + "\n";
        return out;
    }
};

TEST_F(Plan, power_off_of_a_deaf_guest_is_the_whole_ladder_as_it_is_then_taken) {
    test.vm().obeys_within = Milliseconds(3'600'000);
    const auto plan = plan_for(VmState::off);
    EXPECT_EQ(all(plan),
              "seen: power running\n"
              "seen: locked no, start gate holds yes, autostart on\n"
              "seen: links up 1 of 1, disks 3, overlays 0, evidence no\n"
              "would: lock\n"
              "would: prove_gate\n"
              "would: autostart_off\n"
              "would: ask_agent, and wait up to 60 s\n"
              "would, if the guest still runs: ask_acpi, 9 times, and wait up to 90 s\n"
              "would, if the guest still runs: end_gracefully\n"
              "would answer: done, the VM is off and locked\n");
    EXPECT_EQ(acts_of(plan), acts_of(test.make(VmState::off)));
}

TEST_F(Plan, isolation) {
    const auto plan = plan_for(VmState::isolated);
    EXPECT_EQ(acts_of(plan), (std::vector<std::string>{"links_down", "open_console"}));
    EXPECT_EQ(acts_of(plan), acts_of(test.make(VmState::isolated)));
}

TEST_F(Plan, quarantine_and_what_follows_it) {
    test.make(VmState::off);
    test.run(JobKind::evidence);
    const auto plan = plan_for(VmState::quarantined);
    EXPECT_EQ(acts_of(plan), (std::vector<std::string>{"verify_evidence", "create_overlay vda", "create_overlay vdb", "copy_nvram", "permit",
                                                       "start_quarantined", "revoke", "open_console"}));
    EXPECT_EQ(acts_of(plan), acts_of(test.make(VmState::quarantined)));
    EXPECT_NE(all(plan_for(VmState::off)).find("in quarantine"), std::string::npos);
}

TEST_F(Plan, release_of_a_cleaned_vm) {
    test.host.plant(table_vm(), "/root/evil", "EICAR");
    test.make(VmState::off);
    test.run(JobKind::evidence);
    const auto scan = test.job(JobKind::scan);
    test.carry_out(scan);
    test.run(JobKind::clean, scan.job_id.text());
    test.run(JobKind::scan);
    const auto plan = plan_for(VmState::running);
    EXPECT_EQ(acts_of(plan), acts_of(test.make(VmState::running)));
    EXPECT_EQ(acts_of(plan).back(), "start");
}

TEST_F(Plan, what_the_host_would_refuse_is_refused_with_its_own_code) {
    dry(true);
    EXPECT_EQ(name(test.make(VmState::quarantined).refusal), name(Refusal::unexpected_state));
    auto order = test.order(VmState::running, Expect::off);
    EXPECT_EQ(name(test.carry_out(order).refusal), name(Refusal::unexpected_state));
}

TEST_F(Plan, limited_from_every_state_it_is_reached_from) {
    EXPECT_EQ(acts_of(plan_for(VmState::limited)), std::vector<std::string>{"limit_on"});
    test.make(VmState::isolated);
    auto plan = plan_for(VmState::limited);
    EXPECT_EQ(acts_of(plan), acts_of(test.make(VmState::limited)));
    EXPECT_NE(all(plan).find("would answer: done, the VM's network is limited: outgoing ports 25,465,587 are closed"), std::string::npos) << all(plan);
    EXPECT_NE(all(plan_for(VmState::isolated)).find("links up 1 of 1 and limited"), std::string::npos);
    test.make(VmState::off);
    plan = plan_for(VmState::limited);
    EXPECT_EQ(acts_of(plan), (std::vector<std::string>{"limit_on", "autostart_on", "unlock", "start"})) << "the network first, while it is off";
    EXPECT_EQ(acts_of(plan), acts_of(test.make(VmState::limited)));
    plan = plan_for(VmState::running);
    EXPECT_EQ(acts_of(plan), std::vector<std::string>{"links_up"});
    EXPECT_EQ(acts_of(plan), acts_of(test.make(VmState::running)));
}

TEST_F(Plan, evidence_first_is_stored_before_the_guest_can_notice) {
    auto order = test.order(VmState::off);
    order.evidence = EvidenceRule::first;
    order.memory = true;
    const auto plan = plan_for(order);
    EXPECT_EQ(acts_of(plan), (std::vector<std::string>{"lock", "prove_gate", "autostart_off", "prepare_backup", "pause", "dump_memory", "begin_backup",
                                                       "store_backup", "verify_evidence", "end_gracefully"}));
    EXPECT_NE(all(plan).find("would: begin_backup\nwould wait until the copy of the running VM is complete\nwould: store_backup\n"), std::string::npos) << all(plan);
    order = test.order(VmState::off);
    order.evidence = EvidenceRule::first;
    order.memory = true;
    EXPECT_EQ(acts_of(plan), acts_of(test.carry_out(order)));
}

TEST_F(Plan, evidence_first_then_isolated_cuts_while_the_guest_stands_still) {
    const auto first = [&] {
        auto order = test.order(VmState::isolated);
        order.evidence = EvidenceRule::first;
        return order;
    };
    const auto plan = plan_for(first());
    EXPECT_EQ(acts_of(plan), (std::vector<std::string>{"prepare_backup", "pause", "begin_backup", "links_down", "resume", "store_backup",
                                                       "verify_evidence", "open_console"}));
    EXPECT_EQ(acts_of(plan), acts_of(test.carry_out(first())));
}

TEST_F(Plan, a_sign_of_health_is_looked_for_after_the_start) {
    test.make(VmState::off);
    auto order = test.order(VmState::running);
    order.health = Health::guest_agent;
    order.health_seconds = 60;
    const auto plan = plan_for(order);
    EXPECT_EQ(acts_of(plan), (std::vector<std::string>{"autostart_on", "unlock", "start", "check_health"}));
    EXPECT_NE(all(plan).find("it shows that it is well"), std::string::npos) << all(plan);
}

TEST_F(Plan, costs_nothing_of_the_budget) {
    test.settings.budget_per_hour = 1;
    rules.budget_per_hour = 1;
    const VmId other("33333333-3333-4333-8333-333333333333");
    test.host.add_vm(other, "billing");
    plan_for(VmState::off);
    auto order = test.order(VmState::isolated);
    order.vm_uuid = other;
    EXPECT_EQ(test.carry_out(order).status, AnswerStatus::done);
}

}  // namespace
}  // namespace bailiff::test
