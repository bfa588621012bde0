// SPDX-License-Identifier: Apache-2.0
// The kill walk on real libvirt: a whole case on a real guest, with the agent killed by SIGKILL after every few entries of
// its journal, before and in the middle of acts. The case ends as if nothing had happened.
#include "agent/journal/sqlite_journal.hpp"
#include "tests/integration/agent/agent_process.hpp"
#include "tests/integration/agent/numbers.hpp"

#include <gtest/gtest.h>

#include <iostream>

namespace bailiff::test {
namespace {

using namespace std::chrono_literals;

class RealHost : public testing::Test {
  protected:
    void SetUp() override {
        if (const std::string missing = lab_missing(); !missing.empty()) GTEST_SKIP() << missing;
        host = std::make_unique<LabHost>();
        guest = std::make_unique<LabGuest>(*host);
        guest->start();
        agent = std::make_unique<AgentProcess>(*host);
    }
    void TearDown() override {
        if (agent) agent->stop();
        if (agent && HasFailure()) std::cout << agent->log();
        agent.reset();
        guest.reset();
        host.reset();
    }

    int64_t entries() const {
        try {
            const auto all = agent::SqliteJournal(agent->journal(), true).read_all();
            return all.empty() ? 0 : all.back().position;
        } catch (const agent::Outage&) {
            return 0;   // not made yet
        }
    }
    /// Until the final answer is there; kills the agent whenever its journal has grown by `kill_every` entries.
    Frame carry_out(const Message& message, const std::string& id) {
        for (const auto end = clock.monotonic() + 4min; clock.monotonic() < end;) {
            if (!agent->running()) agent->start();
            const bool answered = agent->exchange(message, id, 2ms);
            if (kill_every && entries() >= next_kill) {
                agent->kill();
                next_kill = entries() + kill_every;
                continue;
            }
            if (!answered) continue;
            agent->acknowledge(id);
            return agent->answers.at(id);
        }
        throw std::runtime_error("no answer within four minutes; journal has " + std::to_string(entries()) + " entries");
    }
    OrderAnswer make(VmState desired, Expect expect) {
        Order o = numbers.order(VmId(guest->uuid()), desired);
        o.expect = expect;
        o.evidence = EvidenceRule::required;
        const auto answer = std::get<OrderAnswer>(carry_out(OrderFrame{agent->sealed(o, order_payload_type)}, o.order_id.text()).message);
        std::string steps;
        for (const auto& step : answer.steps) steps += " " + step.step + "=" + std::to_string(step.milliseconds);
        std::cout << name(desired) << ": " << name(answer.status) << " " << answer.text << " (kills so far " << agent->kills << ")" << steps << "\n";
        return answer;
    }
    JobAnswer run(JobKind kind, const std::string& scan = "") {
        Job j = numbers.job(VmId(guest->uuid()), kind);
        j.scan_job = JobId(scan);
        const auto answer = std::get<JobAnswer>(carry_out(JobFrame{agent->sealed(j, job_payload_type)}, j.job_id.text()).message);
        std::cout << name(kind) << ": " << name(answer.status) << " " << answer.text << " (kills so far " << agent->kills << ")\n";
        return answer;
    }
    /// Patient: an emulated guest on a busy machine takes its minutes.
    bool boots(int count) {
        for (int minute = 0; minute < 3; ++minute)
            if (guest->wait_boots(count)) return true;
        std::cout << guest->console().substr(0, 4000) << "\n";
        return false;
    }
    void whole_case() {
        const auto reached = [](AnswerStatus s) { return s == AnswerStatus::done || s == AnswerStatus::already; };
        const auto off = make(VmState::off, Expect::running);
        ASSERT_TRUE(reached(off.status)) << off.text;
        const auto original = sha256_of_file(guest->disk());
        EXPECT_FALSE(guest->runs());
        EXPECT_NE(agent::Process::run({"virsh", "-c", host->uri(), "start", guest->name()})->exit_code, 0) << "the lock does not hold";
        const auto evidence = run(JobKind::evidence);
        ASSERT_TRUE(reached(evidence.status)) << evidence.text;
        const auto infected = run(JobKind::scan);
        ASSERT_TRUE(reached(infected.status)) << infected.text;
        ASSERT_EQ(infected.verdict, ScanVerdict::infected);
        const auto cleaned = run(JobKind::clean, infected.job_id.text());
        ASSERT_TRUE(reached(cleaned.status)) << cleaned.text;
        const auto quarantined = make(VmState::quarantined, Expect::off);
        ASSERT_TRUE(reached(quarantined.status)) << quarantined.text;
        EXPECT_TRUE(boots(2)) << "the guest does not come up in quarantine";
        const auto off_again = make(VmState::off, Expect::quarantined);
        ASSERT_TRUE(reached(off_again.status)) << off_again.text;
        const auto clean = run(JobKind::scan);
        ASSERT_TRUE(reached(clean.status)) << clean.text;
        ASSERT_EQ(clean.verdict, ScanVerdict::clean);
        EXPECT_EQ(sha256_of_file(guest->disk()), original) << "the customer's disk was written before the release";
        const auto release = make(VmState::running, Expect::off);
        ASSERT_TRUE(reached(release.status)) << release.text;
        EXPECT_NE(sha256_of_file(guest->disk()), original);
        EXPECT_TRUE(boots(3)) << "the guest does not come up after the release";
        EXPECT_TRUE(guest->runs());
        EXPECT_EQ(agent::Process::run({"qemu-img", "check", "-U", guest->disk()})->exit_code, 0);
        // Nothing is left behind: no overlay, no lock but the canary's, no token.
        for (const auto& file : std::filesystem::recursive_directory_iterator(agent->state() + "/overlays"))
            EXPECT_FALSE(file.is_regular_file()) << file.path() << " was left behind";
        for (const auto& file : std::filesystem::directory_iterator(agent->state() + "/locks"))
            EXPECT_EQ(file.path().string().find(guest->uuid()), std::string::npos) << file.path() << " was left behind";
    }

    std::unique_ptr<LabHost> host;
    std::unique_ptr<LabGuest> guest;
    std::unique_ptr<AgentProcess> agent;
    SystemClock clock;
    Numbers numbers;
    int64_t kill_every = 0, next_kill = 1;
};

/// Killed at each entry, an act would begin again and again and never get to its end: every second one, and in another life
/// the others.
class KillWalk : public RealHost, public testing::WithParamInterface<int64_t> {};
TEST_P(KillWalk, a_whole_case_with_the_agent_killed_all_along) {
    kill_every = 2;
    next_kill = GetParam();
    whole_case();
    EXPECT_GE(agent->kills, 20) << "too few kills for a walk";
    std::cout << "kill walk on libvirt: " << agent->kills << " kills, " << entries() << " journal entries\n";
    agent->stop();
    EXPECT_TRUE(agent->stopped_cleanly);
}
INSTANTIATE_TEST_SUITE_P(Entries, KillWalk, testing::Values(1, 2), [](const auto& first) { return first.param == 1 ? "odd" : "even"; });

}  // namespace
}  // namespace bailiff::test
