// SPDX-License-Identifier: Apache-2.0
// The runner sweeps a fake host: what is found is told until it is acknowledged, and everything else goes first.
#include "agent/sweep_scanner.hpp"
#include "tests/unit/agent/host_under_test.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace bailiff::test {
namespace {

struct SweepingHost : HostUnderTest {
    agent::World all = host.world();
    agent::DiskSweep disks;

    explicit SweepingHost(bool running_too = true, std::string states = "") : disks(all.hypervisor, all.scanner, all.scratch, running_too, std::move(states), random) {
        host.sweeper = &disks;
        settings.sweep.on = true;
        vm().power = Power::off;
    }
    /// Connects as a controller that takes discoveries does.
    void up() {
        boot();
        runner->on_frame({MessageId("w2"), Welcome{3, clock.now(), {std::string(discovery_type)}}});
        tick();
    }
    std::vector<Frame> discoveries() const {
        std::vector<Frame> out;
        std::copy_if(sent.begin(), sent.end(), std::back_inserter(out), [](const Frame& f) { return std::holds_alternative<Discovery>(f.message); });
        return out;
    }
    int64_t scans() { return host.count["scan_unheld"]; }
    bool journal_says(const std::string& kind) {
        const auto all_entries = kept.read_all();
        return std::any_of(all_entries.begin(), all_entries.end(), [&](const auto& e) { return e.kind == kind; });
    }
    const agent::SweepRecord& record() { return runner->sweeps().vms().at(table_vm()); }
};

TEST(Sweep, a_find_is_told_with_its_evidence_until_it_is_acknowledged) {
    SweepingHost test;
    test.host.plant(table_vm(), "/srv/invoice.exe", "EICAR");
    test.up();
    ASSERT_EQ(test.discoveries().size(), 1u);
    const Frame frame = test.discoveries()[0];
    const auto& found = std::get<Discovery>(frame.message);
    EXPECT_EQ(found.vm, table_vm());
    EXPECT_EQ(found.verdict, ScanVerdict::infected);
    EXPECT_FALSE(found.live);
    ASSERT_EQ(found.hits.size(), 1u);
    EXPECT_EQ(found.hits[0].path, "/srv/invoice.exe");
    EXPECT_EQ(found.engines.size(), 1u);
    test.pass(Seconds(60));
    EXPECT_EQ(test.discoveries().size(), 1u) << "once on a connection";
    test.up();
    ASSERT_EQ(test.discoveries().size(), 2u) << "and again after a restart";
    EXPECT_EQ(test.discoveries()[1], frame) << "letter by letter, under the same id";
    test.hand_over(Ack{{frame.id.text()}});
    test.up();
    EXPECT_EQ(test.discoveries().size(), 2u);
    EXPECT_EQ(test.scans(), 1) << "a restart sweeps nothing twice";
    EXPECT_TRUE(test.record().last.has_value());
}

TEST(Sweep, works_without_a_controller_and_waits_for_one_that_takes_discoveries) {
    SweepingHost test;
    test.host.plant(table_vm(), "/x", "EICAR");
    test.boot();
    EXPECT_EQ(test.scans(), 1);
    EXPECT_EQ(test.discoveries().size(), 0u) << "an older controller would end the connection over an unknown frame";
    test.up();
    EXPECT_EQ(test.discoveries().size(), 1u);
}

TEST(Sweep, a_clean_vm_is_no_news_and_is_swept_again_after_the_interval) {
    SweepingHost test;
    test.up();
    EXPECT_EQ(test.discoveries().size(), 0u);
    EXPECT_EQ(test.record().last->verdict, ScanVerdict::clean);
    test.pass(Seconds(1200));
    EXPECT_EQ(test.scans(), 1);
    test.clock.advance(Seconds(7 * 86400));
    test.pass(Seconds(2));
    EXPECT_EQ(test.scans(), 2);
    const auto entries = test.kept.read_all();
    EXPECT_EQ(std::count_if(entries.begin(), entries.end(), [](const auto& e) { return e.kind == "swept"; }), 1) << "the older one is forgotten";
}

TEST(Sweep, off_it_does_nothing_until_the_admin_asks) {
    SweepingHost test;
    test.settings.sweep.on = false;
    test.up();
    test.pass(Seconds(600));
    EXPECT_EQ(test.scans(), 0);
    test.runner->sweep_now({"web1"});
    test.tick();
    EXPECT_EQ(test.scans(), 1);
    test.pass(Seconds(600));
    EXPECT_EQ(test.scans(), 1);
    // Asked of an agent that is just starting, before it knows its VMs.
    test.runner = std::make_unique<agent::Runner>(test.host.world(), test.journal, test, test.executor, test.clock, test.random, test.settings);
    test.runner->start();
    test.runner->sweep_now({});
    test.tick();
    EXPECT_EQ(test.scans(), 2);
}

/// A host whose VM runs.
struct RunningHost : SweepingHost {
    RunningHost() {
        vm().power = Power::running;
        definition = vm().definition;
    }
    void expect_nothing_left() {
        EXPECT_FALSE(vm().frozen);
        EXPECT_TRUE(!vm().backup || vm().backup->foreign) << "a backup job is still there";
        EXPECT_TRUE(host.backup_files.empty() && host.sockets.empty() && host.exports.empty());
        EXPECT_EQ(vm().definition, definition);
        EXPECT_EQ(vm().power, Power::running);
    }
    std::string definition;
};

TEST(Sweep, reads_a_running_vm_through_its_own_process_and_leaves_nothing) {
    RunningHost test;
    test.host.plant(table_vm(), "/var/www/evil.php", "EICAR");
    test.up();
    ASSERT_EQ(test.discoveries().size(), 1u);
    const auto found = std::get<Discovery>(test.discoveries()[0].message);
    EXPECT_TRUE(found.live);
    EXPECT_EQ(found.verdict, ScanVerdict::infected);
    ASSERT_EQ(found.hits.size(), 1u);
    EXPECT_EQ(test.host.count["scan_live"], 1);
    EXPECT_EQ(test.scans(), 0);
    test.expect_nothing_left();
}

TEST(Sweep, of_a_running_vm_ends_when_its_scratch_space_runs_short) {
    RunningHost test;
    test.host.scratch_short = "the guest overwrote more than is kept for it";
    test.up();
    EXPECT_EQ(test.discoveries().size(), 0u);
    EXPECT_FALSE(test.record().last.has_value());
    test.expect_nothing_left();
}

TEST(Sweep, waits_for_a_backup_of_the_owners) {
    RunningHost test;
    test.host.back_up_by_hand(table_vm(), Milliseconds(3'600'000));
    test.up();
    EXPECT_EQ(test.host.count["scan_live"], 0);
    EXPECT_TRUE(test.vm().backup) << "it is not ours to end";
    EXPECT_TRUE(test.journal_says("sweep_stopped")) << "no failure of the VM's";
}

TEST(Sweep, what_a_killed_agent_left_on_a_running_vm_is_ended_by_the_next_one) {
    RunningHost test;
    int scans = 0;
    test.host.while_scanning = [&] {
        ++scans;
        throw Crash{};
    };
    test.up();
    EXPECT_EQ(test.restarts, 1);
    EXPECT_EQ(scans, 1);
    EXPECT_EQ(test.record().failures, 1);
    test.expect_nothing_left();
}

TEST(Sweep, leaves_out_locked_and_exempt_vms_and_a_host_that_is_drained) {
    SweepingHost running(false);
    running.vm().power = Power::running;
    running.up();
    EXPECT_EQ(running.host.count["scan_live"], 0) << "the admin wants only VMs that are off to be swept";

    SweepingHost locked;
    locked.settings.sweep.on = false;
    locked.make(VmState::off);
    locked.settings.sweep.on = true;
    locked.up();
    locked.runner->sweep_now({});
    locked.pass(Seconds(600));
    EXPECT_EQ(locked.scans(), 0);

    SweepingHost exempt;
    exempt.settings.exempt = {"web1"};
    exempt.up();
    exempt.pass(Seconds(600));
    EXPECT_EQ(exempt.scans(), 0);

    SweepingHost drained;
    drained.settings.draining = true;
    drained.up();
    drained.runner->sweep_now({"web1"});
    drained.pass(Seconds(600));
    EXPECT_EQ(drained.scans(), 0);
    agent::HostRules rules;
    drained.runner->change_rules(rules);
    drained.tick();
    EXPECT_EQ(drained.scans(), 1);
}

TEST(Sweep, an_order_for_the_vm_stops_it_and_it_is_tried_again_later) {
    SweepingHost test;
    test.host.plant(table_vm(), "/x", "EICAR");
    bool once = true;
    test.host.while_scanning = [&] {
        if (!std::exchange(once, false)) return;
        const auto order = test.order(VmState::off);
        test.runner->on_frame({MessageId("o"), OrderFrame{sealed(order)}});
    };
    test.up();
    EXPECT_EQ(test.discoveries().size(), 0u);
    EXPECT_EQ(test.record().failures, 0) << "it is no failure";
    EXPECT_NE(test.record().trouble.find("order"), std::string::npos) << test.record().trouble;
    test.pass(Seconds(60));
    ASSERT_TRUE(test.host.locks.contains(table_vm()));
    test.pass(Seconds(4000));
    EXPECT_EQ(test.scans(), 1) << "locked: the case has hold of it";
}

TEST(Sweep, a_vm_that_is_started_meanwhile_starts_and_what_was_read_is_thrown_away) {
    SweepingHost test;
    test.host.plant(table_vm(), "/x", "EICAR");
    test.host.while_scanning = [&] { EXPECT_TRUE(test.host.start_by_hand(table_vm())); };
    test.up();
    EXPECT_EQ(test.vm().power, Power::running);
    EXPECT_EQ(test.discoveries().size(), 0u);
    EXPECT_TRUE(test.journal_says("sweep_stopped"));
    EXPECT_EQ(test.record().failures, 0);
}

TEST(Sweep, a_drain_stops_what_is_under_way) {
    SweepingHost test;
    test.host.while_scanning = [&] {
        agent::HostRules rules;
        rules.draining = true;
        test.runner->change_rules(rules);
    };
    test.up();
    EXPECT_TRUE(test.journal_says("sweep_stopped"));
    EXPECT_FALSE(test.journal_says("swept"));
}

TEST(Sweep, a_scan_that_kills_the_agent_is_tried_thrice_and_then_shown) {
    SweepingHost test;
    test.host.while_scanning = [] { throw Crash{}; };
    test.up();
    EXPECT_EQ(test.restarts, 1) << "a crash is no reason to scan the same VM at once again";
    EXPECT_EQ(test.record().failures, 1);
    for (int hours = 0; hours < 4; ++hours) {
        test.clock.advance(Seconds(3600));
        test.pass(Seconds(2));
    }
    EXPECT_EQ(test.restarts, 3);
    EXPECT_EQ(test.record().failures, 3);
    const auto beats = std::find_if(test.sent.rbegin(), test.sent.rend(), [](const Frame& f) { return std::holds_alternative<Heartbeat>(f.message); });
    test.pass(Seconds(11));
    const auto beat = std::find_if(test.sent.rbegin(), test.sent.rend(), [](const Frame& f) { return std::holds_alternative<Heartbeat>(f.message); });
    ASSERT_NE(beat, test.sent.rend());
    EXPECT_NE(std::get<Heartbeat>(beat->message).sweep.find("1 failing"), std::string::npos) << std::get<Heartbeat>(beat->message).sweep;
    (void)beats;
}

TEST(Sweep, a_scanner_that_fails_fails_the_vm_and_no_other) {
    SweepingHost test;
    test.host.add_vm(other_vm, "web2").power = Power::off;
    test.host.plant(other_vm, "/x", "EICAR");
    int64_t failed = 0;
    test.host.fault = [&](const std::string& call, Phase phase) -> std::optional<Error> {
        if (call == "scan" && phase == Phase::before && failed++ == 0) return Error{Errc::unavailable, "clamd is away"};
        return std::nullopt;
    };
    test.up();
    EXPECT_EQ(test.scans(), 2);
    EXPECT_EQ(test.discoveries().size() + size_t(test.journal_says("sweep_failed")), 2u);
}

TEST(Sweep, a_result_waits_for_a_journal_that_cannot_be_written) {
    SweepingHost test;
    test.host.plant(table_vm(), "/x", "EICAR");
    bool full = true;
    test.journal.before = [&](const std::string&, const std::string& kind, const Json&) {
        if (full && (kind == "swept" || kind == "mark")) throw agent::Outage("the disk is full");
    };
    test.up();
    test.pass(Seconds(30));
    EXPECT_EQ(test.discoveries().size(), 0u);
    EXPECT_EQ(test.scans(), 1);
    full = false;
    test.pass(Seconds(30));
    EXPECT_EQ(test.discoveries().size(), 1u);
    EXPECT_EQ(test.scans(), 1) << "nothing is read twice";
}

TEST(Sweep, waits_while_a_job_of_the_controller_reads_disks) {
    SweepingHost test;
    test.settings.sweep.on = false;
    test.host.add_vm(other_vm, "web2").power = Power::off;
    test.make(VmState::off);
    const auto job = test.job(JobKind::scan);
    int64_t meanwhile = -1;
    test.host.fault = [&](const std::string& call, Phase phase) -> std::optional<Error> {
        if (call == "scan" && phase == Phase::before && meanwhile < 0) {
            test.runner->sweep_now({"web2"});
            test.runner->tick();
            meanwhile = test.scans();
        }
        return std::nullopt;
    };
    test.carry_out(job);
    EXPECT_EQ(meanwhile, 0);
    test.pass(Seconds(2));
    EXPECT_EQ(test.scans(), 1);
}

}  // namespace
}  // namespace bailiff::test
