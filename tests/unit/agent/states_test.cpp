// SPDX-License-Identifier: Apache-2.0
// Every state from every other, each applied twice and given back; what drifts and is repaired; a libvirt that hangs.
#include "tests/unit/agent/host_under_test.hpp"

#include <gtest/gtest.h>

namespace bailiff::test {
namespace {

const std::vector<VmState> every_state{VmState::running, VmState::limited, VmState::isolated, VmState::off, VmState::quarantined};

/// A VM with two interfaces, one of which its owner has unplugged.
struct States {
    HostUnderTest test;
    std::string before;

    States() {
        test.vm().nics.push_back({"52:54:00:00:00:02", "backup", false});
        test.vm().stored_nics = test.vm().nics;
        before = definition();
    }
    std::string definition() { return *test.host.world().hypervisor.definition(table_vm(), false); }
    bool cut() { return std::none_of(test.vm().nics.begin(), test.vm().nics.end(), [](const VmNic& nic) { return nic.link_up; }); }

    /// The way to a state as a controller goes it: to quarantine by way of off and evidence, from there by way of a scan.
    void reach(VmState state) {
        if (state == VmState::quarantined) {
            done(test.make(VmState::off));
            done(test.run(JobKind::evidence));
        }
        done(test.make(state));
    }
    void leave_quarantine() {
        done(test.make(VmState::off));
        const auto scan = test.run(JobKind::scan);
        ASSERT_EQ(scan.verdict, ScanVerdict::clean);
        done(test.make(VmState::running));
    }
    template <class Answer>
    void done(const Answer& answer) {
        EXPECT_TRUE(answer.status == AnswerStatus::done || answer.status == AnswerStatus::already) << answer.text;
    }
    void expect(VmState state, const OrderAnswer& answer) {
        const auto& vm = test.vm();
        EXPECT_EQ(name(answer.state), name(state));
        EXPECT_EQ(test.host.locks.contains(table_vm()), state == VmState::off || state == VmState::quarantined);
        EXPECT_EQ(vm.kept.has_value(), state == VmState::limited || state == VmState::isolated);
        EXPECT_EQ(vm.power == Power::running, state != VmState::off);
        EXPECT_EQ(vm.quarantined, state == VmState::quarantined);
        if (state == VmState::quarantined) return;
        EXPECT_EQ(cut() && state != VmState::off, state == VmState::isolated);
        EXPECT_EQ(vm.limits.size(), state == VmState::limited ? 2u : 0u);
        EXPECT_EQ(vm.limits, vm.stored_limits) << "a restart changes nothing";
        if (state != VmState::off) {
            EXPECT_EQ(vm.nics, vm.stored_nics);
        }
        if (state == VmState::running || state == VmState::off) {
            EXPECT_EQ(definition(), before);
        }
    }
};

TEST(States, every_one_from_every_other_twice_and_back) {
    int pairs = 0;
    for (const VmState from : every_state)
        for (const VmState to : every_state) {
            SCOPED_TRACE(std::string(name(from)) + " -> " + std::string(name(to)));
            States states;
            auto& test = states.test;
            states.reach(from);
            const int runs = test.vm().runs;
            const auto first = test.make(to);
            // Into quarantine only from a VM that is off; out of it only by way of off and a scan.
            const bool into = to == VmState::quarantined && from != VmState::off && from != VmState::quarantined;
            const bool out_of = from == VmState::quarantined && to != VmState::off && to != VmState::quarantined;
            if (into || out_of) {
                EXPECT_EQ(first.status, AnswerStatus::refused);
                EXPECT_FALSE(first.text.empty());
            } else if (from == VmState::off && to == VmState::quarantined) {
                EXPECT_EQ(name(first.refusal), name(Refusal::no_evidence)) << "evidence comes first";
                states.reach(to);
                states.expect(to, test.make(to));
            } else {
                EXPECT_EQ(first.status, from == to ? AnswerStatus::already : AnswerStatus::done) << first.text;
                states.expect(to, first);
                const auto acts = test.host.acts;
                const auto again = test.make(to);
                EXPECT_EQ(again.status, AnswerStatus::already) << again.text;
                states.expect(to, again);
                const auto only_consoles = test.host.count["open_consoles"];
                EXPECT_LE(test.host.acts - acts, only_consoles ? 1 : 0) << "applied twice, it changes nothing";
            }
            const bool started = from == VmState::off && (to == VmState::isolated || to == VmState::limited || to == VmState::running);
            if (from != VmState::quarantined && to != VmState::quarantined) {
                EXPECT_EQ(test.vm().runs, runs + (started ? 1 : 0));
            }
            if (to != VmState::running || from == VmState::quarantined) {
                const int open = test.vm().open_runs;
                EXPECT_EQ(open, from == VmState::off && to == VmState::running ? 1 : 0) << "not one packet of a VM that is to be cut";
            }
            if (!test.host.overlay_paths().empty()) states.leave_quarantine();
            else states.done(test.make(VmState::running));
            EXPECT_EQ(states.definition(), states.before);
            EXPECT_FALSE(test.vm().kept);
            EXPECT_TRUE(test.host.locks.empty());
            EXPECT_TRUE(test.host.overlay_paths().empty());
            EXPECT_EQ(test.vm().power, Power::running);
            EXPECT_TRUE(test.vm().nics[0].link_up);
            EXPECT_FALSE(test.vm().nics[1].link_up) << "what the owner unplugged stays so";
            EXPECT_TRUE(test.vm().autostart);
            ++pairs;
        }
    EXPECT_EQ(pairs, 25);
}

TEST(States, a_vm_found_off_comes_back_cut_but_off) {
    States states;
    states.test.vm().power = Power::off;
    states.reach(VmState::off);
    const auto answer = states.test.make(VmState::isolated);
    EXPECT_EQ(answer.status, AnswerStatus::done) << answer.text;
    EXPECT_EQ(states.test.vm().power, Power::off);
    EXPECT_TRUE(states.test.host.locks.empty());
    ASSERT_TRUE(states.test.host.start_by_hand(table_vm()));
    EXPECT_TRUE(states.cut());
    EXPECT_EQ(states.test.vm().open_runs, 0);
}

TEST(States, an_infected_vm_that_is_off_may_run_cut_but_not_limited) {
    States states;
    auto& test = states.test;
    test.host.plant(table_vm(), "/root/evil", "EICAR");
    states.reach(VmState::off);
    states.done(test.run(JobKind::scan));
    EXPECT_EQ(name(test.make(VmState::limited).refusal), name(Refusal::not_verified_clean));
    EXPECT_EQ(test.make(VmState::isolated).status, AnswerStatus::done);
}

TEST(States, overlays_that_wait_for_a_scan_are_not_passed_over) {
    States states;
    auto& test = states.test;
    test.host.plant(table_vm(), "/root/evil", "EICAR");
    states.reach(VmState::off);
    states.done(test.run(JobKind::evidence));
    const auto scan = test.job(JobKind::scan);
    test.carry_out(scan);
    states.done(test.run(JobKind::clean, scan.job_id.text()));
    for (const VmState state : {VmState::isolated, VmState::limited}) {
        const auto answer = test.make(state);
        EXPECT_EQ(name(answer.refusal), name(Refusal::unexpected_state));
        EXPECT_NE(answer.text.find("overlays"), std::string::npos) << answer.text;
    }
    EXPECT_EQ(test.vm().power, Power::off);
}

// ---- limits --------------------------------------------------------------------------------------------------------

TEST(Limited, another_limit_replaces_the_first) {
    States states;
    auto& test = states.test;
    auto first = test.order(VmState::limited), second = test.order(VmState::limited);
    first.limit = {"25,465,587", 0};
    second.limit = {"", 1024};
    const auto answer = test.carry_out(first);
    EXPECT_EQ(answer.status, AnswerStatus::done);
    EXPECT_NE(answer.text.find("25,465,587"), std::string::npos) << answer.text;
    EXPECT_EQ(test.carry_out(second).status, AnswerStatus::done);
    EXPECT_EQ(test.vm().limits.at(test.vm().nics[0].mac), second.limit);
    states.done(test.make(VmState::running));
    EXPECT_EQ(states.definition(), states.before);
}

TEST(Limited, one_that_cannot_be_set_is_taken_back) {
    for (const bool isolated_before : {false, true}) {
        States states;
        auto& test = states.test;
        if (isolated_before) states.reach(VmState::isolated);
        test.host.fault = [](const std::string& call, Phase phase) -> std::optional<Error> {
            return call == "set_limit" && phase == Phase::during ? std::optional(Error{Errc::invalid, "no such filter"}) : std::nullopt;
        };
        const auto answer = test.make(VmState::limited);
        EXPECT_EQ(answer.status, AnswerStatus::failed) << answer.text;
        EXPECT_NE(answer.text.find("no such filter"), std::string::npos);
        EXPECT_EQ(states.cut(), isolated_before);
        EXPECT_EQ(test.vm().kept.has_value(), isolated_before);
        test.host.fault = nullptr;
        states.done(test.make(VmState::running));
        EXPECT_EQ(states.definition(), states.before);
    }
}

// ---- drift ---------------------------------------------------------------------------------------------------------

struct Drift : testing::Test {
    States states;
    HostUnderTest& test = states.test;
    void expect_repaired() {
        test.sent.clear();
        test.pass(Seconds(6));
        EXPECT_TRUE(test.events_say("drift_repaired"));
        test.sent.clear();
        test.pass(Seconds(12));
        EXPECT_FALSE(test.events_say("drift_repaired")) << "once is enough";
    }
};

TEST_F(Drift, a_link_that_is_put_up_is_down_again_within_seconds) {
    states.reach(VmState::isolated);
    test.vm().nics[0].link_up = true;
    expect_repaired();
    EXPECT_TRUE(states.cut());
}

TEST_F(Drift, an_interface_plugged_in_anew_is_cut_and_given_back_as_it_came) {
    states.reach(VmState::isolated);
    const VmNic plugged{"52:54:00:00:00:03", "default", true};
    test.vm().nics.push_back(plugged);
    test.vm().stored_nics.push_back(plugged);
    expect_repaired();
    EXPECT_TRUE(states.cut());
    states.done(test.make(VmState::running));
    EXPECT_EQ(test.vm().nics.back(), plugged);
}

TEST_F(Drift, what_only_a_restart_would_show_is_repaired_before_it) {
    states.reach(VmState::isolated);
    test.vm().stored_nics[0].link_up = true;
    expect_repaired();
    EXPECT_FALSE(test.vm().stored_nics[0].link_up);
}

TEST_F(Drift, a_limit_that_does_not_survive_a_restart_is_there_again_at_once) {
    states.reach(VmState::limited);
    test.vm().limits.clear();
    test.host.on_event({table_vm(), "started", test.clock.now(), ""});
    test.tick();
    EXPECT_EQ(test.vm().limits.size(), 2u) << "without waiting for the watch";
    test.vm().limits.begin()->second = {"", 1};
    expect_repaired();
    EXPECT_EQ(test.vm().limits, test.vm().stored_limits);
}

TEST_F(Drift, is_remembered_over_a_restart_of_the_agent_and_in_the_mark) {
    states.reach(VmState::limited);
    agent::Ledger from_mark;
    from_mark.apply({1, "", "mark", test.runner->ledger().mark(), test.clock.now()});
    EXPECT_EQ(from_mark.limited(), test.runner->ledger().limited());
    EXPECT_EQ(from_mark.limited().size(), 1u);
    test.boot();
    test.vm().limits.clear();
    test.pass(Seconds(6));
    EXPECT_EQ(test.vm().limits.size(), 2u);
    EXPECT_EQ(test.make(VmState::running, Expect::limited).status, AnswerStatus::done);
}

TEST_F(Drift, nothing_is_watched_after_the_release) {
    states.reach(VmState::isolated);
    states.done(test.make(VmState::running));
    test.vm().nics[0].link_up = false;
    test.pass(Seconds(70));
    EXPECT_FALSE(test.vm().nics[0].link_up) << "the owner's own business";
    EXPECT_FALSE(test.events_say("drift_repaired"));
}

// ---- a libvirt that hangs ------------------------------------------------------------------------------------------

TEST(Hanging, a_vm_is_cut_on_the_host_and_libvirt_follows_later) {
    States states;
    auto& test = states.test;
    test.vm().libvirt_hangs = true;
    const auto answer = test.make(VmState::isolated);
    EXPECT_EQ(answer.status, AnswerStatus::done) << answer.text;
    EXPECT_EQ(name(answer.state), name(VmState::isolated));
    EXPECT_NE(answer.text.find("does not answer"), std::string::npos) << answer.text;
    EXPECT_TRUE(test.vm().taps_down);
    const auto calls = test.host.count["set_links"];
    test.pass(Seconds(30));
    EXPECT_EQ(test.host.count["set_links"], calls) << "a libvirt that hangs is not asked again and again";
    test.vm().libvirt_hangs = false;
    test.pass(Seconds(6));
    EXPECT_FALSE(test.vm().taps_down);
    EXPECT_TRUE(states.cut());
    states.done(test.make(VmState::running));
    EXPECT_EQ(states.definition(), states.before);
}

// ---- consoles ------------------------------------------------------------------------------------------------------

TEST(Consoles, an_isolated_vm_says_how_it_is_reached_and_the_journal_keeps_no_password) {
    States states;
    auto& test = states.test;
    const auto answer = test.make(VmState::isolated);
    ASSERT_EQ(answer.consoles.size(), 1u);
    const Console& console = answer.consoles[0];
    EXPECT_EQ(console.kind, "vnc");
    EXPECT_EQ(console.password.size(), 8u);
    EXPECT_EQ(console.password, test.vm().console_password);
    EXPECT_EQ(console.until, answer.at + Seconds(4 * 3600));
    for (const auto& entry : test.kept.read_all()) EXPECT_EQ(dump_json(entry.body).find(console.password), std::string::npos) << entry.kind;
    for (const auto& line : test.logged) EXPECT_EQ(line.find(console.password), std::string::npos) << line;

    const auto again = test.make(VmState::isolated);
    EXPECT_EQ(again.status, AnswerStatus::already);
    ASSERT_EQ(again.consoles.size(), 1u);
    EXPECT_NE(again.consoles[0].password, console.password) << "one-time";
    states.done(test.make(VmState::running));
    EXPECT_TRUE(test.vm().console_password.empty()) << "it ends with the state";
}

TEST(Consoles, an_answer_sent_again_after_a_restart_names_the_console_without_its_password) {
    States states;
    auto& test = states.test;
    test.acknowledges = false;
    const auto order = test.order(VmState::isolated);
    EXPECT_FALSE(test.carry_out(order).consoles.at(0).password.empty());
    EXPECT_FALSE(test.carry_out(order).consoles.at(0).password.empty()) << "as long as the agent lives, the same answer";
    test.answers.clear();
    test.boot();
    const auto later = test.carry_out(order);
    ASSERT_EQ(later.consoles.size(), 1u);
    EXPECT_TRUE(later.consoles[0].password.empty());
}

TEST(Consoles, quarantine_has_one_and_a_vm_without_a_screen_none) {
    States states;
    auto& test = states.test;
    states.reach(VmState::off);
    states.done(test.run(JobKind::evidence));
    EXPECT_EQ(test.make(VmState::quarantined).consoles.size(), 1u);
    states.leave_quarantine();
    test.vm().has_screen = false;
    EXPECT_TRUE(test.make(VmState::isolated).consoles.empty());
    EXPECT_TRUE(test.make(VmState::limited).consoles.empty());
}

/// Each life of an agent that is killed again and again opens the console anew. Were that journaled, a life that ends after
/// two entries would never come to the answer.
TEST(Consoles, opening_one_leaves_no_entry_in_the_journal) {
    States states;
    const auto answer = states.test.make(VmState::isolated);
    EXPECT_EQ(answer.consoles.size(), 1u);
    EXPECT_EQ(answer.steps.back().step, "open_console");
    for (const auto& entry : states.test.kept.read_all()) EXPECT_NE(entry.body.value("act", ""), "open_console") << entry.kind;
}

TEST(Consoles, one_that_cannot_be_opened_holds_nothing_up) {
    States states;
    states.test.host.fault = [](const std::string& call, Phase) -> std::optional<Error> {
        return call == "open_consoles" ? std::optional(Error{Errc::unavailable, "busy"}) : std::nullopt;
    };
    const auto answer = states.test.make(VmState::isolated);
    EXPECT_EQ(answer.status, AnswerStatus::done);
    EXPECT_TRUE(answer.consoles.empty());
}

// ---- kill walk -----------------------------------------------------------------------------------------------------

/// limited, isolated, off, isolated again, limited, running: killed at every point, the VM ends as it was found.
struct Walk : States {
    int64_t points = 0, kill_at;
    bool armed = true;   ///< not while the test itself looks
    explicit Walk(int64_t at) : kill_at(at) {
        const auto pass = [this] {
            if (armed && ++points == kill_at) throw Crash{};
        };
        test.journal.before = [pass](const auto&, const auto&, const auto&) { pass(); };
        test.journal.after = [pass](const auto&, const auto&, const auto&) { pass(); };
        test.host.fault = [pass](const std::string&, Phase) -> std::optional<Error> {
            pass();
            return std::nullopt;
        };
    }
    void live() {
        test.boot();
        for (const VmState state : {VmState::limited, VmState::isolated, VmState::off, VmState::isolated, VmState::limited, VmState::running}) {
            const auto answer = test.make(state);
            armed = false;
            done(answer);
            expect(state, answer);
            armed = true;
        }
        EXPECT_EQ(test.vm().runs, 2) << "started once";
        EXPECT_EQ(test.vm().open_runs, 0) << "and never with an open network";
        EXPECT_TRUE(test.vm().autostart);
        EXPECT_TRUE(test.runner->idle());
    }
};

TEST(KillWalk, every_point_of_a_life_through_the_gentle_states) {
    Walk whole(0);
    whole.live();
    ASSERT_GT(whole.points, 100);
    for (int64_t point = 1; point <= whole.points; ++point) {
        SCOPED_TRACE("killed at point " + std::to_string(point) + " of " + std::to_string(whole.points));
        Walk walk(point);
        walk.live();
        ASSERT_EQ(walk.test.restarts, 1);
        if (testing::Test::HasFailure()) return;
    }
    std::printf("kill walk: %lld points of the gentle states\n", static_cast<long long>(whole.points));
}

}  // namespace
}  // namespace bailiff::test
