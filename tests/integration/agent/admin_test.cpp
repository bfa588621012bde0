// SPDX-License-Identifier: Apache-2.0
// The host's admin beside a real agent on a real libvirtd: never-touch, drain, budget and dry-run by SIGHUP, status, and
// the forced release with the agent running and without one. The VM is a QEMU that stands paused: nothing here needs a
// guest.
#include "tests/integration/agent/controller_side.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>

namespace bailiff::test {
namespace {

using namespace std::chrono_literals;

const std::string plain_vm = "00000000-0000-4000-8000-0000000000a1";

class AdminOnRealHost : public testing::Test {
  protected:
    void SetUp() override {
        if (const std::string missing = lab_missing(); !missing.empty()) GTEST_SKIP() << missing;
        host = std::make_unique<LabHost>();
        const std::string xml = host->folder() + "/plain.xml";
        std::ofstream(xml) << "<domain type='qemu'><name>plain</name><uuid>" + plain_vm + "</uuid><memory>16384</memory><vcpu>1</vcpu><os><type>hvm</type></os>"
                              "<devices><interface type='network'><mac address='52:54:00:00:00:a1'/><source network='customers'/></interface></devices></domain>";
        host->virsh({"define", xml});
        host->virsh({"start", "--paused", "plain"});
        agent = std::make_unique<AgentProcess>(*host);
        controller = std::make_unique<ControllerSide>(*agent);
        conf = host->folder() + "/agent.conf";
        write_conf("");
        agent->config = conf;
    }
    void TearDown() override {
        if (agent) agent->stop();
        if (agent && HasFailure()) std::cout << agent->log();
        controller.reset();
        agent.reset();
        host.reset();
    }
    void write_conf(const std::string& text) const { std::ofstream(conf) << "log-level = info\n" << text; }
    void up() { ASSERT_TRUE(agent->start_and_connect()) << agent->log(); }
    std::string power() const { return host->virsh({"domstate", "plain"}).substr(0, 4); }
    std::string refusal(VmState desired) { return std::string(name(controller->make(plain_vm, desired).refusal)); }
    Json status() const { return *parse_json(agent->command({"status", "--json"}).out); }
    bool hears(const std::string& what, std::chrono::seconds patience = 20s) {
        const auto end = std::chrono::steady_clock::now() + patience;
        const auto heard = [&] { return std::any_of(agent->events.begin(), agent->events.end(), [&](const auto& one) { return one.second.what == what; }); };
        while (!heard() && std::chrono::steady_clock::now() < end) agent->listen(50ms);
        return heard();
    }

    std::unique_ptr<LabHost> host;
    std::unique_ptr<AgentProcess> agent;
    std::unique_ptr<ControllerSide> controller;
    std::string conf;
};

TEST_F(AdminOnRealHost, the_hosts_files_win_over_orders_without_a_restart) {
    up();
    std::ofstream(agent->never_touch()) << "plain\n";
    EXPECT_EQ(refusal(VmState::off), "exempt") << "written just before the order";
    std::ofstream(agent->never_touch()) << "bad\1line\n";
    EXPECT_EQ(refusal(VmState::off), "exempt") << "a broken list leaves the old one in force";
    EXPECT_NE(status().value("never_touch_mistake", "").find("Line 1"), std::string::npos);
    std::ofstream(agent->never_touch()) << "# nobody\n";
    for (const auto end = std::chrono::steady_clock::now() + 4s; std::chrono::steady_clock::now() < end;) agent->listen(100ms);

    ASSERT_EQ(agent->command({"drain", "on", "--reason", "new disks"}).exit_code, 0);
    EXPECT_EQ(refusal(VmState::off), "draining");
    EXPECT_TRUE(status().at("drained").get<bool>());
    EXPECT_TRUE(hears("draining"));
    ASSERT_EQ(agent->command({"drain", "off"}).exit_code, 0);

    write_conf("dry-run = true\n");
    agent->signal(SIGHUP);
    EXPECT_TRUE(hears("dry_run"));
    const auto planned = controller->make(plain_vm, VmState::off);
    EXPECT_EQ(name(planned.refusal), name(Refusal::dry_run));
    EXPECT_TRUE(std::any_of(planned.plan.begin(), planned.plan.end(), [](const std::string& line) { return line == "would: end_gracefully"; }));
    write_conf("budget-per-hour = 0\n");
    agent->signal(SIGHUP);
    EXPECT_TRUE(hears("live_run"));
    EXPECT_EQ(refusal(VmState::off), "over_budget");
    EXPECT_EQ(power(), "paus") << "nothing of all that touched the VM";
    write_conf("budget-per-hour = nonsense\n");
    agent->signal(SIGHUP);
    EXPECT_EQ(refusal(VmState::off), "over_budget") << "a broken file changes nothing";
    EXPECT_TRUE(agent->running());
}

TEST_F(AdminOnRealHost, a_vm_is_released_by_force_beside_the_agent_and_without_one) {
    up();
    ASSERT_EQ(name(controller->make(plain_vm, VmState::off).status), name(AnswerStatus::done));
    EXPECT_NE(agent->command({"release", "plain", "--reason", "x"}).exit_code, 0) << "not without --force";
    EXPECT_NE(agent->command({"release", "--force", "other", "--reason", "x"}).exit_code, 0) << "nothing of ours";

    const auto beside = agent->command({"release", "--force", "plain", "--reason", "a bank stands still", "--start"});
    EXPECT_EQ(beside.exit_code, 0) << beside.out << beside.err;
    EXPECT_NE(beside.out.find("done: started the VM"), std::string::npos) << beside.out;
    EXPECT_TRUE(hears("released_by_admin"));
    for (const auto end = std::chrono::steady_clock::now() + 8s; std::chrono::steady_clock::now() < end;) agent->listen(100ms);
    EXPECT_EQ(power(), "runn") << "it is no bypass";
    EXPECT_FALSE(hears("lock_bypassed", 0s));

    host->virsh({"suspend", "plain"});
    ASSERT_EQ(name(controller->make(plain_vm, VmState::off).status), name(AnswerStatus::done)) << "a new order counts as ever";
    agent->stop();
    agent->events.clear();
    EXPECT_NE(agent::Process::run({"virsh", "-c", host->uri(), "start", "plain"})->exit_code, 0) << "the lock holds without the agent";
    const auto alone = agent->command({"release", "--force", plain_vm, "--reason", "the agent is down", "--json"});
    ASSERT_EQ(alone.exit_code, 0) << alone.out << alone.err;
    EXPECT_TRUE(parse_json(alone.out)->at("unlocked").get<bool>());
    EXPECT_EQ(agent::Process::run({"virsh", "-c", host->uri(), "start", "plain"})->exit_code, 0);
    EXPECT_EQ(status().at("locks").size(), 0u);
    EXPECT_EQ(status().at("forced_releases").size(), 2u);
    up();
    EXPECT_TRUE(hears("released_by_admin")) << "the controller is told when it is back";
    for (const auto end = std::chrono::steady_clock::now() + 5s; std::chrono::steady_clock::now() < end;) agent->listen(100ms);
    EXPECT_EQ(power(), "runn");
}

}  // namespace
}  // namespace bailiff::test
