// SPDX-License-Identifier: Apache-2.0
// A VM given back by the host's admin, without an order: what happens to it, what stays, who is told, and that a crash
// anywhere changes nothing of that.
#include "tests/unit/agent/host_under_test.hpp"

#include <gtest/gtest.h>

namespace bailiff::test {
namespace {

struct ForcedRelease : testing::Test {
    HostUnderTest test;
    std::map<std::string, Json> outcomes;

    void listen() {
        test.runner->on_released = [this](const std::string& id, const Json& outcome) { outcomes[id] = outcome; };
    }
    agent::ReleaseRequest request(bool start = false, int number = 1) const {
        return {id_number(number), table_vm().text(), "asha (as root)", "the customer's bank stands still", start, test.clock.now()};
    }
    Json release(const agent::ReleaseRequest& asked) {
        listen();
        test.runner->release(asked);
        for (int i = 0; i < 300 && !outcomes.contains(asked.id); ++i) test.pass(Seconds(1));
        return outcomes.contains(asked.id) ? outcomes.at(asked.id) : Json(nullptr);
    }
    std::vector<Frame> told() const {
        std::vector<Frame> out;
        for (const auto& frame : test.sent)
            if (const auto* event = std::get_if<VmEvent>(&frame.message); event && event->what == "released_by_admin") out.push_back(frame);
        return out;
    }
    static bool says(const Json& list, const std::string& words) {
        for (const auto& line : list)
            if (line.get<std::string>().find(words) != std::string::npos) return true;
        return false;
    }
};

TEST_F(ForcedRelease, takes_the_lock_off_and_gives_autostart_back) {
    test.make(VmState::off);
    const auto outcome = release(request());
    ASSERT_FALSE(outcome.is_null());
    EXPECT_TRUE(outcome.at("unlocked").get<bool>());
    EXPECT_TRUE(test.host.locks.empty());
    EXPECT_TRUE(test.vm().autostart);
    EXPECT_EQ(test.vm().power, Power::off) << "nobody asked for a start";
    test.host.start_by_hand(table_vm());
    test.pass(Seconds(200));
    EXPECT_EQ(test.vm().power, Power::running) << "no bypass any more";
    EXPECT_FALSE(test.events_say("lock_bypassed"));
}

TEST_F(ForcedRelease, starts_the_vm_when_asked_to) {
    test.make(VmState::off);
    const int runs = test.vm().runs;
    const auto outcome = release(request(true));
    EXPECT_TRUE(says(outcome.at("done"), "started the VM")) << outcome;
    test.pass(Seconds(200));
    EXPECT_EQ(test.vm().power, Power::running);
    EXPECT_EQ(test.vm().runs, runs + 1);
}

TEST_F(ForcedRelease, raises_the_links_of_an_isolated_vm_for_good) {
    test.make(VmState::isolated);
    release(request());
    EXPECT_TRUE(test.vm().nics[0].link_up);
    test.pass(Seconds(200));
    EXPECT_TRUE(test.vm().nics[0].link_up);
    EXPECT_EQ(test.make(VmState::isolated).status, AnswerStatus::done) << "a new order counts as ever";
}

TEST_F(ForcedRelease, takes_the_limit_off_a_limited_vm_for_good) {
    test.make(VmState::limited);
    ASSERT_FALSE(test.vm().limits.empty());
    const auto outcome = release(request());
    EXPECT_TRUE(says(outcome.at("done"), "took the limit off")) << outcome;
    EXPECT_TRUE(test.vm().limits.empty() && test.vm().stored_limits.empty());
    EXPECT_FALSE(test.vm().kept) << "the note of what stood there is used up";
    test.pass(Seconds(200));
    EXPECT_TRUE(test.vm().limits.empty());
    EXPECT_FALSE(test.events_say("drift_repaired"));
    EXPECT_EQ(test.make(VmState::limited).status, AnswerStatus::done) << "a new order counts as ever";
}

TEST_F(ForcedRelease, a_limit_that_cannot_be_taken_off_is_named_and_stays_ours) {
    test.make(VmState::limited);
    test.host.fault = [](const std::string& call, Phase) -> std::optional<Error> {
        return call == "set_links" ? std::optional(Error{Errc::unavailable, "busy"}) : std::nullopt;
    };
    const auto outcome = release(request());
    EXPECT_FALSE(outcome.at("links_up").get<bool>());
    EXPECT_TRUE(says(outcome.at("left"), "virsh")) << outcome;
    test.host.fault = nullptr;
    EXPECT_EQ(test.make(VmState::running).status, AnswerStatus::done);
    EXPECT_TRUE(test.vm().limits.empty());
}

TEST_F(ForcedRelease, lets_go_of_the_disks) {
    test.make(VmState::off);
    test.pass(Seconds(120));
    ASSERT_FALSE(test.host.held.empty()) << "a round holds what is locked and off";
    release(request());
    EXPECT_TRUE(test.host.held.empty());
    test.pass(Seconds(200));
    EXPECT_TRUE(test.host.held.empty()) << "and no round holds it again";
}

TEST_F(ForcedRelease, a_guest_that_stood_still_to_be_copied_goes_on) {
    auto order = test.order(VmState::off);
    order.evidence = EvidenceRule::first;
    test.host.backup_takes = Milliseconds(3'600'000);
    test.boot();
    test.hand_over(OrderFrame{sealed(order)});
    for (int i = 0; i < 60 && !test.vm().backup; ++i) test.pass(Seconds(1));
    ASSERT_EQ(test.vm().power, Power::paused);
    const auto outcome = release(request());
    EXPECT_TRUE(outcome.at("unlocked").get<bool>()) << outcome;
    EXPECT_EQ(test.vm().power, Power::running);
    EXPECT_FALSE(test.vm().backup) << "its copy is given up";
}

/// Without an agent nobody undoes what was under way; the command itself lets the guest go on.
TEST_F(ForcedRelease, without_an_agent_a_paused_guest_goes_on_too) {
    test.make(VmState::off);
    agent::CaseFacts history;
    Json before = agent::before_release(test.host.world(), request(), history);
    ASSERT_TRUE(test.host.world().guard.unlock(table_vm()));
    test.host.start_by_hand(table_vm());
    test.vm().power = Power::paused;
    EXPECT_FALSE(says(agent::force_release(test.host.world(), before).at("done"), "let its guest go on")) << "somebody else paused it";
    before["paused"] = true;
    EXPECT_TRUE(says(agent::force_release(test.host.world(), before).at("done"), "let its guest go on"));
    EXPECT_EQ(test.vm().power, Power::running);
}

/// A guard on a host where the VM is defined too, and off: it lives on another one, perhaps on the same disks.
TEST_F(ForcedRelease, a_guard_goes_and_its_vm_is_not_started_a_second_time) {
    test.vm().power = Power::off;
    ASSERT_EQ(test.run(JobKind::guard).status, AnswerStatus::done);
    ASSERT_FALSE(test.host.locks.empty());
    const auto outcome = release(request(true));
    EXPECT_TRUE(test.host.locks.empty());
    EXPECT_EQ(test.vm().power, Power::off);
    EXPECT_TRUE(says(outcome.at("left"), "lives on another one")) << outcome;
}

/// What a commit has written is the owner's from then on: no later state waits for a scan of it, and no revert throws it away.
TEST_F(ForcedRelease, forgets_what_a_commit_has_written) {
    test.make(VmState::off);
    test.run(JobKind::evidence);
    const auto scan = test.job(JobKind::scan);
    test.carry_out(scan);
    test.run(JobKind::clean, scan.job_id.text());
    test.run(JobKind::scan);
    test.host.fault = [&](const std::string& call, Phase phase) -> std::optional<Error> {
        return call == "commit" && phase == Phase::after ? std::optional(Error{Errc::invalid, "the disk breaks"}) : std::nullopt;
    };
    ASSERT_EQ(name(test.make(VmState::running).status), name(AnswerStatus::needs_operator));
    test.host.fault = nullptr;
    ASSERT_FALSE(test.host.overlay_paths().empty());
    release(request());
    // The admin deletes what was named.
    while (!test.host.overlay_paths().empty()) test.host.images.erase(*test.host.overlay_paths().begin());
    ASSERT_EQ(name(test.make(VmState::off).status), name(AnswerStatus::done));
    EXPECT_EQ(name(test.make(VmState::limited).status), name(AnswerStatus::done));
}

TEST_F(ForcedRelease, ends_a_quarantine_run_names_the_overlays_and_never_lets_them_be_committed) {
    test.make(VmState::off);
    test.run(JobKind::evidence);
    test.make(VmState::quarantined);
    const auto disks = test.host.disks_of(table_vm());
    const auto outcome = release(request(true));
    EXPECT_TRUE(says(outcome.at("left"), "/overlays/")) << outcome;
    EXPECT_TRUE(says(outcome.at("left"), "evidence set")) << outcome;
    EXPECT_FALSE(test.vm().quarantined);
    EXPECT_EQ(test.vm().power, Power::running);
    EXPECT_FALSE(test.host.overlay_paths().empty()) << "nothing is deleted behind the desk's back";
    auto back = test.order(VmState::running);
    EXPECT_EQ(name(test.carry_out(back).refusal), name(Refusal::not_verified_clean));
    EXPECT_EQ(test.host.count["commit"], 0);
}

TEST_F(ForcedRelease, first_undoes_what_is_under_way) {
    test.vm().obeys_within = Milliseconds(3'600'000);
    test.boot();
    const auto order = test.order(VmState::off);
    test.hand_over(OrderFrame{sealed(order)});
    test.pass(Seconds(10));
    const auto outcome = release(request());
    EXPECT_TRUE(outcome.at("unlocked").get<bool>());
    ASSERT_TRUE(test.answers.contains(order.order_id.text()));
    const auto answer = std::get<OrderAnswer>(test.answers.at(order.order_id.text()).message);
    EXPECT_EQ(name(answer.status), name(AnswerStatus::needs_operator));
    EXPECT_NE(answer.text.find("bank stands still"), std::string::npos) << answer.text;
    test.pass(Seconds(400));
    EXPECT_EQ(test.vm().power, Power::running);
    EXPECT_EQ(test.host.count["power_off"], 0);
}

TEST_F(ForcedRelease, the_controller_is_told_until_it_acknowledges) {
    test.make(VmState::off);
    test.runner->disconnected();
    release(request());
    EXPECT_TRUE(told().empty());
    test.runner.reset();
    test.boot();
    ASSERT_EQ(told().size(), 1u) << "over a restart too";
    const auto event = std::get<VmEvent>(told()[0].message);
    EXPECT_EQ(event.vm, table_vm());
    EXPECT_NE(event.text.find("asha (as root)"), std::string::npos) << event.text;
    test.runner.reset();
    test.boot();
    ASSERT_EQ(told().size(), 2u);
    EXPECT_EQ(told()[0].id, told()[1].id) << "one id, so that the controller takes it once";
    test.hand_over(Ack{{told()[0].id.text()}});
    test.runner.reset();
    test.boot();
    EXPECT_EQ(told().size(), 2u);
}

TEST_F(ForcedRelease, a_request_found_again_acts_once) {
    test.make(VmState::off);
    release(request());
    test.make(VmState::off);
    outcomes.clear();
    const auto again = release(request());
    EXPECT_FALSE(again.is_null()) << "it is answered";
    EXPECT_FALSE(test.host.locks.empty()) << "and the new lock stands";
}

TEST_F(ForcedRelease, works_without_the_hypervisor_and_says_what_it_could_not_do) {
    test.make(VmState::off);
    test.host.down = true;
    const auto outcome = release(request(true));
    EXPECT_TRUE(outcome.at("unlocked").get<bool>());
    EXPECT_TRUE(says(outcome.at("left"), "the hypervisor could not be asked")) << outcome;
    EXPECT_TRUE(test.host.locks.empty());
}

/// The agent dies at every call of the host in turn, before it and after it.
TEST_F(ForcedRelease, a_crash_at_any_point_is_finished_by_the_next_agent) {
    int points = 0;
    for (int at = 1;; ++at) {
        HostUnderTest host;
        host.make(VmState::off);
        host.run(JobKind::evidence);
        host.make(VmState::quarantined);
        const int runs = host.vm().runs;
        std::map<std::string, Json> done;
        int call = 0;
        bool crashed = false, counting = true;
        host.host.fault = [&](const std::string&, Phase) -> std::optional<Error> {
            if (counting && ++call == at && !crashed) {
                crashed = true;
                throw Crash{};
            }
            return std::nullopt;
        };
        // The program finds the request's file again after every start.
        const agent::ReleaseRequest asked{id_number(1), table_vm().text(), "root", "a test", true, host.clock.now()};
        for (int i = 0; i < 100 && done.empty(); ++i) {
            host.runner->on_released = [&](const std::string& id, const Json& outcome) { done[id] = outcome; };
            host.surviving([&] { host.runner->release(asked); });
            host.tick();
            host.runner->on_released = [&](const std::string& id, const Json& outcome) { done[id] = outcome; };
            host.pass(Seconds(1));
        }
        counting = false;
        ASSERT_FALSE(done.empty()) << "point " << at;
        ASSERT_TRUE(host.host.locks.empty()) << "point " << at;
        ASSERT_FALSE(host.vm().quarantined) << "point " << at;
        ASSERT_EQ(host.vm().power, Power::running) << "point " << at;
        ASSERT_TRUE(host.vm().autostart) << "point " << at;
        ASSERT_EQ(host.vm().runs, runs + 1) << "point " << at << ": started once";
        ASSERT_EQ(host.kept.read_kind("admin_released").size(), 1u) << "point " << at;
        host.pass(Seconds(120));
        ASSERT_EQ(host.vm().power, Power::running) << "point " << at;
        ++points;
        if (!crashed) break;
    }
    EXPECT_GT(points, 15);
    RecordProperty("points", points);
}

}  // namespace
}  // namespace bailiff::test
