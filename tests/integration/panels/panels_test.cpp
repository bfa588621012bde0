// SPDX-License-Identifier: Apache-2.0
// Each panel's observable behaviour against a VM that is off and locked, or in quarantine.
#include "tests/integration/crashes/invariants.hpp"

#include <sys/stat.h>

#include <csignal>

namespace bailiff::test {
namespace {

using namespace std::chrono_literals;

/// One host, one agent and one guest for all tests; each begins with the VM off and locked, and ends with its release.
class Panels : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        if (!lab_missing().empty()) return;
        numbers = std::make_unique<Numbers>();
        host = std::make_unique<Officer>(*numbers, "h1");
        guest = std::make_unique<LabGuest>(host->host);
        vm = VmId(guest->uuid());
        guest->start();
        host->agent.start();
    }
    static void TearDownTestSuite() {
        guest.reset();
        host.reset();
    }
    void SetUp() override {
        if (const std::string missing = lab_missing(); !missing.empty()) GTEST_SKIP() << missing;
        ASSERT_TRUE(eventually([&] { return host->agent.listen(50ms), host->agent.beat.gate_up; })) << "the gate is not up";
        const auto answer = host->make(vm, VmState::off);
        ASSERT_TRUE(reached(answer.status)) << answer.text;
        disk = sha256_of_file(guest->disk());
        boots = guest->boots();
        host->agent.events.clear();
    }
    void TearDown() override {
        if (!host) return;
        if (HasFailure()) {
            host->agent.stop();
            std::cout << host->agent.log();
            host->agent.start();
        }
        EXPECT_TRUE(reached(host->make(vm, VmState::running).status));
    }
    bool off() const {
        const std::string state = host->state("web1");
        return state != "running" && state != "paused";
    }
    /// Refused with our words, as the panel's operator reads them.
    void refused(const std::string& what, const std::string& error) const {
        EXPECT_NE(error.find("locked by case C-1"), std::string::npos) << what << ": " << (error.empty() ? "it was not refused" : error);
        EXPECT_TRUE(off()) << what;
    }
    void unharmed() const {
        EXPECT_TRUE(off());
        EXPECT_EQ(guest->boots(), boots) << "it ran";
        EXPECT_EQ(sha256_of_file(guest->disk()), disk) << "its disk was written";
        EXPECT_EQ(agent::Process::run({"qemu-img", "check", "-q", guest->disk()})->exit_code, 0);
    }
    /// The definition as a panel generates it anew: without what libvirt or we added, with another description.
    std::string generated(const std::string& description) const {
        std::ifstream in(guest->xml_path());
        std::string xml{std::istreambuf_iterator<char>(in), {}};
        xml.replace(xml.find("<memory"), 0, "<description>" + description + "</description>");
        const std::string path = host->host.folder() + "/generated.xml";
        std::ofstream(path) << xml;
        return path;
    }

    inline static std::unique_ptr<Numbers> numbers;
    inline static std::unique_ptr<Officer> host;
    inline static std::unique_ptr<LabGuest> guest;
    inline static VmId vm;
    std::string disk;
    int boots = 0;
};

TEST_F(Panels, nova_redefines_the_vm_and_starts_it) {
    // nova start and nova reboot --hard: destroy what may run, define the generated XML, create it.
    EXPECT_EQ(host->virsh_error({"define", generated("made by nova")}), "");
    refused("create", host->virsh_error({"start", "web1"}));
    EXPECT_TRUE(host->agent.told("defined", vm.text(), 10s)) << "the redefinition is told";
    unharmed();
    EXPECT_NE(host->host.virsh({"dumpxml", "--inactive", "web1"}).find("made by nova"), std::string::npos)
        << "the panel's definition is the panel's";
}

TEST_F(Panels, nova_force_stops_the_quarantine_boot_that_its_database_calls_stopped) {
    const std::string definition = host->host.virsh({"dumpxml", "--inactive", "web1"});
    const auto booted = host->make(vm, VmState::quarantined, Expect::off);
    ASSERT_TRUE(reached(booted.status)) << booted.text;
    // The periodic sync of power states: destroy.
    host->host.virsh({"destroy", "web1"});
    EXPECT_TRUE(host->agent.told("stopped", vm.text(), 10s)) << "the end of the quarantine run is told";
    EXPECT_TRUE(off());
    EXPECT_EQ(host->host.virsh({"dumpxml", "--inactive", "web1"}), definition);
    EXPECT_EQ(sha256_of_file(guest->disk()), disk) << "the quarantine run wrote to the customer's disk";
    refused("start", host->virsh_error({"start", "web1"}));
    // The controller's next step expects a quarantine run that is over: it is told so, not obeyed on a wrong ground.
    const auto expected = host->make(vm, VmState::off, Expect::quarantined);
    EXPECT_EQ(expected.refusal, Refusal::unexpected_state) << expected.text;
    EXPECT_TRUE(reached(host->make(vm, VmState::off, Expect::any).status));
    // Demanded again it boots again, on the same overlays.
    const auto again = host->make(vm, VmState::quarantined, Expect::off);
    EXPECT_TRUE(reached(again.status)) << again.text;
    EXPECT_TRUE(reached(host->make(vm, VmState::off).status));
    EXPECT_TRUE(reached(host->run(vm, JobKind::revert).status));
    EXPECT_EQ(sha256_of_file(guest->disk()), disk);
}

TEST_F(Panels, cloudstack_creates_a_fresh_definition_and_its_own_hook_swallows_exit_codes) {
    // CloudStack's hooks/qemu runs its custom scripts and ends with 0 whatever they say.
    const std::string hook = host->host.hooks_folder() + "/qemu";
    std::ofstream(hook) << "#!/bin/sh\nfalse\nexit 0\n";
    ::chmod(hook.c_str(), 0755);
    refused("createXML", host->virsh_error({"create", generated("made by cloudstack")}));
    refused("start", host->virsh_error({"start", "web1"}));
    std::filesystem::remove(hook);
    refused("createXML, its hook gone", host->virsh_error({"create", generated("made by cloudstack")}));
    unharmed();
}

TEST_F(Panels, opennebula_recreates_a_transient_vm) {
    // A transient VM: the deployment file is all that there is of it, and a power-off makes it vanish from libvirt.
    ASSERT_TRUE(reached(host->make(vm, VmState::running).status));
    host->virsh_error({"destroy", "web1"});
    host->host.virsh({"undefine", "web1"});
    host->host.virsh({"create", guest->xml_path()});
    ASSERT_TRUE(guest->wait_boots(guest->boots() + 1)) << guest->console();
    const auto answer = host->make(vm, VmState::off);
    ASSERT_TRUE(reached(answer.status)) << answer.text;
    EXPECT_EQ(host->state("web1"), "") << "libvirt keeps nothing of a transient VM";
    disk = sha256_of_file(guest->disk());
    boots = guest->boots();
    refused("createXML", host->virsh_error({"create", generated("deployment.0")}));
    refused("createXML again, as its monitoring does", host->virsh_error({"create", generated("deployment.1")}));
    unharmed();
    // Given back it is what it was: transient, and running.
    const auto back = host->make(vm, VmState::running);
    EXPECT_TRUE(reached(back.status)) << back.text;
    EXPECT_EQ(host->state("web1"), "running");
    EXPECT_NE(host->host.virsh({"dominfo", "web1"}).find("Persistent:     no"), std::string::npos);
    host->virsh_error({"destroy", "web1"});
    host->host.virsh({"define", guest->xml_path()});
    host->host.virsh({"start", "web1"});
}

TEST_F(Panels, a_person_with_virsh_or_virt_manager) {
    refused("start", host->virsh_error({"start", "web1"}));
    refused("start --paused", host->virsh_error({"start", "--paused", "web1"}));
    refused("start --force-boot", host->virsh_error({"start", "--force-boot", "web1"}));
    EXPECT_NE(host->virsh_error({"managedsave", "web1"}), "") << "there is no memory to save of a VM that is off";
    EXPECT_NE(host->virsh_error({"reset", "web1"}), "");
    // Taking it out of libvirt and putting it back is allowed, and told; it helps nobody.
    EXPECT_EQ(host->virsh_error({"undefine", "web1"}), "");
    EXPECT_TRUE(host->agent.told("undefined", vm.text(), 10s));
    EXPECT_EQ(host->virsh_error({"define", guest->xml_path()}), "");
    refused("start after undefine and define", host->virsh_error({"start", "web1"}));
    // Under another name and UUID, with the same disk.
    const std::string path = generated("a clone");
    std::ifstream in(path);
    std::string xml{std::istreambuf_iterator<char>(in), {}};
    xml.replace(xml.find("<name>web1"), 10, "<name>clone");
    xml.replace(xml.find("<uuid>"), 14, "<uuid>00000000");
    std::ofstream(path) << xml;
    refused("a clone with the same disk", host->virsh_error({"create", path}));
    unharmed();
}

TEST_F(Panels, a_person_sets_autostart_and_the_daemon_starts_anew) {
    host->host.virsh({"autostart", "web1"});
    host->host.kill_daemon();
    // What libvirt writes to start VMs once per boot of the host only.
    std::filesystem::remove(host->host.run_folder() + "/autostarted");
    host->host.start_daemon();
    ASSERT_TRUE(eventually([&] { return host->virsh_error({"list"}).empty(); }));
    refused("start", host->virsh_error({"start", "web1"}));
    unharmed();
    host->host.virsh({"autostart", "--disable", "web1"});
}

TEST_F(Panels, a_person_takes_a_snapshot_of_the_locked_vm) {
    const std::string copy = host->host.folder() + "/before.raw";
    ASSERT_EQ(agent::Process::run({"qemu-img", "convert", "-O", "raw", guest->disk(), copy})->exit_code, 0);
    // libvirt writes an internal snapshot into the image of a VM that is off, and asks no hook. What the guest sees stays.
    const std::string error = host->virsh_error({"snapshot-create-as", "web1", "by-hand"});
    std::cout << "snapshot of a locked VM: " << (error.empty() ? "taken" : error) << "\n";
    EXPECT_TRUE(off());
    EXPECT_EQ(agent::Process::run({"qemu-img", "compare", guest->disk(), copy})->exit_code, 0);
    EXPECT_EQ(agent::Process::run({"qemu-img", "check", "-q", guest->disk()})->exit_code, 0);
    refused("start", host->virsh_error({"start", "web1"}));
    if (error.empty()) {
        // Going back to it starts nothing either.
        host->virsh_error({"snapshot-revert", "web1", "by-hand"});
        EXPECT_TRUE(off());
        EXPECT_NE(host->virsh_error({"snapshot-revert", "web1", "by-hand", "--running"}), "");
        EXPECT_TRUE(off());
        EXPECT_EQ(host->virsh_error({"snapshot-delete", "web1", "by-hand"}), "");
    }
    std::filesystem::remove(copy);
}

TEST_F(Panels, a_start_past_a_gate_that_somebody_removed_is_undone_within_seconds) {
    std::filesystem::remove(host->host.hooks_folder() + "/qemu.d/00-bailiff");
    // Where an image holder stands behind the gate, QEMU itself fails on the disk; it is taken away as well.
    std::string error;
    for (int attempt = 0; attempt < 5; ++attempt) {
        error = host->virsh_error({"start", "web1"});
        if (error.empty()) break;
        EXPECT_NE(error.find("using the image"), std::string::npos) << error;
        for (const pid_t pid : processes("bailiff-hold", guest->uuid())) ::kill(pid, SIGKILL);
    }
    ASSERT_EQ(error, "") << "without gate and holder nothing refuses it";
    SystemClock clock;
    const auto began = clock.monotonic();
    const bool ended = eventually([&] { return host->agent.listen(20ms), off(); }, 30s);
    const auto took = clock.monotonic() - began;
    std::cout << "measured: start past the lock -> off again " << took.count() << " ms\n";
    EXPECT_TRUE(ended);
    EXPECT_LT(took, 10s);
    EXPECT_TRUE(host->agent.told("lock_bypassed", vm.text(), 10s)) << "the case hears of it";
    EXPECT_TRUE(host->locks(vm));
    // The canary repairs the gate at its next round; a restart of the agent does so at once.
    host->agent.stop();
    host->agent.start();
    ASSERT_TRUE(eventually([&] { return host->agent.listen(50ms), host->agent.beat.gate_up; }));
    refused("start", host->virsh_error({"start", "web1"}));
}

}  // namespace
}  // namespace bailiff::test
