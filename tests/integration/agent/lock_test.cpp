// SPDX-License-Identifier: Apache-2.0
// The lock against everything that a panel, HA or a person with virsh does to it, on a real libvirtd with the real agent:
// starts past a gate that is down, under other names, while the agent is away, after libvirtd came back.
#include "agent/files/durable_file.hpp"
#include "agent/guard/file_guard.hpp"
#include "tests/integration/agent/agent_process.hpp"
#include "tests/integration/agent/numbers.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <iostream>
#include <thread>

namespace bailiff::test {
namespace {

using namespace std::chrono_literals;

class LockedHost : public testing::Test {
  protected:
    void SetUp() override {
        if (const std::string missing = lab_missing(); !missing.empty()) GTEST_SKIP() << missing;
        host = std::make_unique<LabHost>();
        LabGuestOptions options;
        options.eicar = false;
        guest = std::make_unique<LabGuest>(*host, options);
        guest->start();
        agent = std::make_unique<AgentProcess>(*host);
    }
    void TearDown() override {
        if (!agent) return;
        agent->stop();
        if (HasFailure()) std::cout << agent->log();
        (void)agent::FileGuard(locks()).let_go(VmId(guest->uuid()));
        agent.reset();
        guest.reset();
        host.reset();
    }

    std::string locks() const { return agent->state() + "/locks"; }
    std::string gate() const { return host->hooks_folder() + "/qemu.d/00-bailiff"; }
    /// Both layers that keep a VM from starting, taken away as a careless admin or an attacker would.
    void break_lock() {
        ::chmod(gate().c_str(), 0644);
        if (const auto pid = holder()) {
            ::kill(*pid, SIGKILL);
            // Only its locks on the disk matter: they go with its last descriptor.
            eventually([&] { return !holder(); }, 5s);
        }
    }
    std::optional<pid_t> holder() const { return agent::ImageHolder(locks(), "").find(VmId(guest->uuid())); }

    Frame ask(const Message& message, const std::string& id) {
        for (const auto end = clock.monotonic() + 3min; clock.monotonic() < end;) {
            if (!agent->running()) agent->start();
            if (!agent->exchange(message, id, 20ms)) continue;
            agent->acknowledge(id);
            return agent->answers.at(id);
        }
        throw std::runtime_error("no answer within three minutes");
    }
    OrderAnswer make(VmState desired, GateRule rule = GateRule::required) {
        Order o = numbers.order(VmId(guest->uuid()), desired);
        o.gate = rule;
        return std::get<OrderAnswer>(ask(OrderFrame{agent->sealed(o, order_payload_type)}, o.order_id.text()).message);
    }
    JobAnswer run(JobKind kind, const VmId& vm) {
        const Job j = numbers.job(vm, kind);
        return std::get<JobAnswer>(ask(JobFrame{agent->sealed(j, job_payload_type)}, j.job_id.text()).message);
    }
    /// Keeps the link alive, so that the agent's events arrive.
    void listen(std::chrono::milliseconds span) {
        for (const auto end = clock.monotonic() + span; clock.monotonic() < end;) agent->exchange(Ack{}, "none", 20ms);
    }
    bool told(const std::string& what) const {
        return std::any_of(agent->events.begin(), agent->events.end(), [&](const auto& e) { return e.second.what == what && e.second.vm == VmId(guest->uuid()); });
    }
    /// The output on both streams.
    std::string virsh(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"virsh", "--quiet", "--connect", host->uri()});
        const auto result = agent::Process::run(arguments);
        return result ? result->out + result->err : result.error().text;
    }
    bool off() { return virsh({"domstate", guest->name()}).find("shut off") != std::string::npos; }
    /// From `since` until the VM is off and its QEMU gone; prints it.
    void expect_off_within(const std::string& how, std::chrono::milliseconds since, std::chrono::milliseconds most) {
        const bool ended = eventually([&] { agent->exchange(Ack{}, "none", 1ms); return off() && !guest->runs(); }, most + 30s);
        const auto took = clock.monotonic() - since;
        std::cout << "measured: " << how << ", off again after " << took.count() << " ms\n";
        EXPECT_TRUE(ended) << how;
        EXPECT_LE(took, most) << how;
    }

    std::unique_ptr<LabHost> host;
    std::unique_ptr<LabGuest> guest;
    std::unique_ptr<AgentProcess> agent;
    SystemClock clock;
    Numbers numbers;
};

TEST_F(LockedHost, holds_and_is_enforced_whatever_is_done_to_it) {
    // -- an order for a host without a gate, as the policy wants it
    host->virsh({"autostart", guest->name()});
    const auto answer = make(VmState::off);
    ASSERT_EQ(answer.status, AnswerStatus::done) << answer.text;
    EXPECT_NE(virsh({"start", guest->name()}).find("locked by case C-1"), std::string::npos);
    EXPECT_NE(virsh({"dominfo", guest->name()}).find("Autostart:      disable"), std::string::npos);
    EXPECT_NE(agent::read_file(locks() + "/" + guest->uuid() + ".json", 65536)->find("\"had_autostart\": true"), std::string::npos);

    // -- libvirt answers nobody about the VM while it waits for the gate
    agent::ProcessOptions as_libvirt;
    as_libvirt.input = host->virsh({"dumpxml", "--inactive", guest->name()});
    auto began = clock.monotonic();
    for (int i = 0; i < 20; ++i) {
        const auto refused = agent::Process::run({gate(), guest->name(), "prepare", "begin", "-"}, as_libvirt);
        ASSERT_TRUE(refused && refused->exit_code == 1 && refused->out.empty());
    }
    const auto each = (clock.monotonic() - began) / 20;
    std::cout << "measured: the gate, " << each.count() << " ms\n";
    EXPECT_LT(each, 50ms);

    // -- the holder stands without the gate, under any name
    ASSERT_TRUE(eventually([&] { return holder().has_value(); }, 10s));
    ::chmod(gate().c_str(), 0644);
    EXPECT_NE(virsh({"start", guest->name()}).find("Failed to get \"write\" lock"), std::string::npos) << "the holder is the second layer";
    std::string twin = host->virsh({"dumpxml", "--inactive", guest->name()});
    twin.replace(twin.find("<name>" + guest->name()), 6 + guest->name().size(), "<name>twin");
    twin.erase(twin.find("<uuid>"), twin.find("</uuid>") + 7 - twin.find("<uuid>"));
    ASSERT_TRUE(agent::write_durably(host->folder() + "/twin.xml", twin, 0600));
    EXPECT_NE(virsh({"create", host->folder() + "/twin.xml"}).find("Failed to get \"write\" lock"), std::string::npos);
    ::chmod(gate().c_str(), 0755);
    EXPECT_NE(virsh({"create", host->folder() + "/twin.xml"}).find("locked by case C-1"), std::string::npos) << "and the gate knows the disk too";

    // -- the panel redefines the VM, and takes it away
    ASSERT_TRUE(agent::write_durably(host->folder() + "/again.xml", host->virsh({"dumpxml", "--inactive", guest->name()}), 0600));
    host->virsh({"undefine", guest->name()});
    EXPECT_NE(virsh({"create", host->folder() + "/again.xml"}).find("locked by case C-1"), std::string::npos);
    host->virsh({"define", host->folder() + "/again.xml"});
    EXPECT_NE(virsh({"start", guest->name()}).find("locked by case C-1"), std::string::npos);

    // -- another agent finds the holder (that ended when the VM was taken away, and came back with it), and starts no second
    ASSERT_TRUE(eventually([&] { agent->exchange(Ack{}, "none", 20ms); return holder().has_value(); }, 90s));
    listen(1s);
    const auto first_holder = *holder();
    agent->kill();
    agent->start();
    listen(2s);
    ASSERT_TRUE(holder());
    EXPECT_EQ(*holder(), first_holder);

    // -- a start past both layers, seen by its event
    break_lock();
    began = clock.monotonic();
    EXPECT_EQ(virsh({"start", guest->name()}).find("error"), std::string::npos);
    std::cout << "measured: virsh start " << (clock.monotonic() - began).count() << " ms\n";
    expect_off_within("a start past the lock", clock.monotonic(), 5s);
    listen(1s);
    EXPECT_TRUE(told("lock_bypassed"));

    // -- while the agent is away: found when it starts
    agent->events.clear();
    agent->kill();
    break_lock();
    EXPECT_EQ(virsh({"start", guest->name()}).find("error"), std::string::npos);
    EXPECT_TRUE(guest->runs());
    began = clock.monotonic();
    agent->start();
    expect_off_within("a start while the agent was away, from its start on", began, 5s);
    listen(1s);
    EXPECT_TRUE(told("lock_bypassed"));

    // -- while libvirtd comes back and before the agent has it again: no event survives that, the list does
    agent->events.clear();
    agent->signal(SIGSTOP);
    host->kill_daemon();
    break_lock();
    host->start_daemon();
    EXPECT_TRUE(eventually([&] { return virsh({"start", guest->name()}).find("error") == std::string::npos || guest->runs(); }, 30s));
    began = clock.monotonic();
    agent->signal(SIGCONT);
    expect_off_within("a start while libvirtd came back, from when the agent goes on", began, 5s);
    listen(1s);
    EXPECT_TRUE(told("lock_bypassed"));

    // -- and it is given back
    ::chmod(gate().c_str(), 0755);
    const auto release = make(VmState::running);
    ASSERT_EQ(release.status, AnswerStatus::done) << release.text;
    EXPECT_TRUE(guest->runs());
    EXPECT_FALSE(holder());
    EXPECT_NE(virsh({"dominfo", guest->name()}).find("Autostart:      enable"), std::string::npos);
}

TEST_F(LockedHost, guards_a_vm_of_another_host_and_may_do_without_its_gate) {
    const VmId elsewhere("55555555-5555-4555-8555-555555555555");
    EXPECT_EQ(name(run(JobKind::guard, VmId(guest->uuid())).refusal), name(Refusal::unexpected_state)) << "it runs here";
    const auto guarded = run(JobKind::guard, elsewhere);
    ASSERT_EQ(guarded.status, AnswerStatus::done) << guarded.text;
    // HA defines the VM here and starts it.
    std::string xml = host->virsh({"dumpxml", "--inactive", guest->name()});
    xml.replace(xml.find(guest->uuid()), 36, elsewhere.text());
    xml.replace(xml.find("<name>" + guest->name()), 6 + guest->name().size(), "<name>moved");
    ASSERT_TRUE(agent::write_durably(host->folder() + "/moved.xml", xml, 0600));
    EXPECT_NE(virsh({"create", host->folder() + "/moved.xml"}).find("locked by case C-1"), std::string::npos);
    ASSERT_EQ(run(JobKind::unguard, elsewhere).status, AnswerStatus::done);
    EXPECT_FALSE(std::filesystem::exists(locks() + "/" + elsewhere.text() + ".lock"));

    // Saved memory is the customer's: it is kept. `start --force-boot` deletes it before the gate is asked (libvirt).
    agent->stop();
    host->virsh({"managedsave", guest->name()});
    agent->start();
    const auto off_with_memory = make(VmState::off);
    EXPECT_EQ(off_with_memory.status, AnswerStatus::done) << off_with_memory.text;
    EXPECT_NE(virsh({"dominfo", guest->name()}).find("Managed save:   yes"), std::string::npos);
    EXPECT_NE(virsh({"start", guest->name()}).find("locked by case C-1"), std::string::npos);
    EXPECT_NE(virsh({"dominfo", guest->name()}).find("Managed save:   yes"), std::string::npos);
    EXPECT_NE(virsh({"start", "--force-boot", guest->name()}).find("locked by case C-1"), std::string::npos);
    std::cout << "after start --force-boot: " << virsh({"dominfo", guest->name()}).substr(virsh({"dominfo", guest->name()}).find("Managed save")) << "\n";
}

}  // namespace
}  // namespace bailiff::test
