// SPDX-License-Identifier: Apache-2.0
// VMs of every kind and in every state that a provider has: switched off, locked, booted in quarantine, given back, with
// the definition and the disks as they were. agent/hypervisor/KINDS.md has the table.
#include "tests/integration/hypervisor/kinds_fixture.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>

namespace bailiff::test {
namespace {

using namespace std::chrono_literals;

class VmKinds : public KindsFixture {};

bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_F(VmKinds, transient) {
    if (!long_suite()) GTEST_SKIP() << for_long;
    const KindVm it = vm("transient", image("transient.qcow2"), {}, false);
    host_->virsh({"create", it.xml_path});
    ASSERT_TRUE(booted(it));
    whole_cycle(it, Power::running);
    EXPECT_FALSE(hypervisor_->observe(it.id())->persistent);
    EXPECT_TRUE(booted(it, 2)) << "once before, once given back; in quarantine it was ended before";
    host_->virsh({"destroy", it.name});
    EXPECT_FALSE(hypervisor_->observe(it.id())->exists) << "its owner ended it, and it is gone as he expects";
}

TEST_F(VmKinds, uefi_with_variables_and_a_trusted_platform_module) {
    if (!long_suite()) GTEST_SKIP() << for_long;
    const std::string code = "/usr/share/OVMF/OVMF_CODE_4M.fd", vars = "/usr/share/OVMF/OVMF_VARS_4M.fd";
    if (!std::filesystem::exists(code) || !std::filesystem::exists("/usr/bin/swtpm")) GTEST_SKIP() << "needs the packages ovmf, swtpm, swtpm-tools";
    const std::string nvram = host_->folder() + "/guests/uefi.vars.fd";
    std::filesystem::copy_file(vars, nvram);
    KindVm it = vm("uefi", image("uefi.qcow2"), [&](pugi::xml_node domain) {
        domain.child("memory").text() = "256";
        pugi::xml_node os = domain.child("os");
        os.child("type").attribute("machine") = "q35";
        pugi::xml_node loader = os.insert_child_after("loader", os.child("type"));
        loader.append_attribute("readonly") = "yes";
        loader.append_attribute("type") = "pflash";
        loader.text() = code.c_str();
        os.insert_child_after("nvram", loader).text() = nvram.c_str();
        pugi::xml_node tpm = domain.child("devices").append_child("tpm");
        tpm.append_attribute("model") = "tpm-crb";
        pugi::xml_node backend = tpm.append_child("backend");
        backend.append_attribute("type") = "emulator";
        backend.append_attribute("version") = "2.0";
    });
    it.images.push_back(nvram);
    start(it);
    ASSERT_TRUE(booted(it)) << "OVMF does not boot the guest here";
    const std::string state = host_->folder() + "/var/swtpm/" + it.uuid + "/tpm2/tpm2-00.permall";
    ASSERT_TRUE(std::filesystem::exists(state)) << "the guest has no module";
    expect_done(make(it, VmState::off));
    const std::string module = sha256_of_file(state);
    const auto before = hashes(it);
    expect_done(make(it, VmState::quarantined));
    const std::string live = *hypervisor_->definition(it.id(), true);
    EXPECT_FALSE(says(live, "<tpm")) << "a quarantine boot would change the customer's module";
    EXPECT_FALSE(says(live, nvram));
    EXPECT_TRUE(booted(it, 2)) << "it boots from the copy of its variables";
    expect_done(make(it, VmState::off));
    expect_done(run(it, JobKind::revert));
    EXPECT_EQ(hashes(it), before);
    EXPECT_EQ(sha256_of_file(state), module);
    expect_done(make(it, VmState::running));
    EXPECT_TRUE(says(*hypervisor_->definition(it.id(), true), "<tpm")) << "given back, it has its module again";
    EXPECT_EQ(power(it), Power::running);
    nothing_is_left(it);
}

TEST_F(VmKinds, paused) {
    const KindVm it = vm("paused", image("paused.qcow2"));
    start(it);
    host_->virsh({"suspend", it.name});
    whole_cycle(it, Power::running);
}

TEST_F(VmKinds, crashed) {
    if (!long_suite()) GTEST_SKIP() << for_long;
    const KindVm it = vm("crashed", image("crashed.qcow2"));
    start(it);
    ::kill(host_->qemu(it.name), SIGKILL);
    ASSERT_TRUE(eventually([&] { return power(it) == Power::off; }));
    whole_cycle(it, Power::off);
}

TEST_F(VmKinds, off_with_saved_memory_comes_back_saved) {
    if (!long_suite()) GTEST_SKIP() << for_long;
    const KindVm saved = vm("saved", image("saved.qcow2"));
    start(saved);
    ASSERT_TRUE(booted(saved));
    host_->virsh({"managedsave", saved.name});
    KindVm it = saved;
    it.images.push_back(host_->folder() + "/var/qemu/save/saved.save");
    ASSERT_TRUE(std::filesystem::exists(it.images.back()));
    whole_cycle(it, Power::off);
    EXPECT_TRUE(hypervisor_->observe(it.id())->managed_save);
    EXPECT_TRUE(booted(it, 1)) << "and once more in quarantine, perhaps not that far";
    start(it);
    EXPECT_FALSE(hypervisor_->observe(it.id())->managed_save) << "its owner's start resumes it";
    EXPECT_EQ(power(it), Power::running);
}

TEST_F(VmKinds, with_snapshots_within_and_beside_its_disk) {
    const std::string disk = image("snapped.qcow2");
    KindVm it = vm("snapped", disk);
    host_->virsh({"snapshot-create-as", it.name, "within"});
    start(it);
    const std::string top = host_->folder() + "/guests/snapped.after";
    host_->virsh({"snapshot-create-as", it.name, "beside", "--disk-only", "--diskspec", "vda,file=" + top});
    it.images.push_back(top);
    const std::string list = host_->virsh({"snapshot-list", it.name, "--name"});
    EXPECT_TRUE(says(list, "within") && says(list, "beside")) << list;
    whole_cycle(it, Power::running);
    EXPECT_EQ(host_->virsh({"snapshot-list", it.name, "--name"}), list);
    EXPECT_TRUE(says(must({"qemu-img", "snapshot", "-U", "-l", disk}), "within"));
}

TEST_F(VmKinds, with_a_backup_of_somebody_else_under_way) {
    if (!long_suite()) GTEST_SKIP() << for_long;
    const KindVm it = vm("backed", image("backed.qcow2"));
    start(it);
    ASSERT_TRUE(booted(it));
    const std::string folder = host_->folder() + "/guests/backup";
    std::filesystem::create_directories(folder);
    std::filesystem::permissions(folder, std::filesystem::perms::all);
    const std::string xml = host_->folder() + "/backup.xml";
    ASSERT_TRUE(agent::write_durably(xml, "<domainbackup mode='pull'><server transport='unix' socket='" + folder + "/nbd.sock'/><disks><disk name='vda' "
                                          "backupmode='full' type='file'><scratch file='" + folder + "/scratch'/></disk></disks></domainbackup>", 0644));
    host_->virsh({"backup-begin", it.name, xml});
    measured("power off while somebody backs the VM up", [&] { whole_cycle(it, Power::running); });
    EXPECT_FALSE(std::filesystem::exists(folder + "/scratch")) << "libvirt has ended the backup";
}

TEST_F(VmKinds, undefined_by_its_panel_while_it_is_locked) {
    const KindVm it = vm("undefined", image("undefined.qcow2"));
    expect_done(make(it, VmState::off));
    const auto before = hashes(it);
    host_->virsh({"undefine", it.name});
    const auto answer = make(it, VmState::running);
    EXPECT_TRUE(answer.status == AnswerStatus::refused || answer.status == AnswerStatus::needs_operator) << answer.text;
    EXPECT_TRUE(says(answer.text, "not on this host") || says(answer.text, "no longer on this host")) << answer.text;
    EXPECT_TRUE(guard_->find(it.id())) << "the lock is kept";
    EXPECT_EQ(hashes(it), before);
    host_->virsh({"define", it.xml_path});
    EXPECT_FALSE(can_be_started(it)) << "and it holds for the VM when it comes back";
    expect_done(make(it, VmState::running));
    nothing_is_left(it);
}

TEST_F(VmKinds, redefined_by_its_panel_with_another_disk) {
    const std::string disk = image("redefined.qcow2"), other = image("restored-from-backup.qcow2");
    KindVm it = vm("redefined", disk);
    it.images.push_back(other);
    expect_done(make(it, VmState::off));
    const auto before = hashes(it);
    expect_done(make(it, VmState::quarantined));
    expect_done(make(it, VmState::off));
    const std::string definition = host_->virsh({"dumpxml", "--inactive", it.name});
    std::string changed = definition;
    changed.replace(changed.find(disk), disk.size(), other);
    const std::string path = host_->folder() + "/changed.xml";
    ASSERT_TRUE(agent::write_durably(path, changed, 0644));
    host_->virsh({"define", path});
    for (const VmState state : {VmState::quarantined, VmState::running}) {
        const auto answer = make(it, state, [](Order& o) { o.evidence = EvidenceRule::not_required; });
        EXPECT_TRUE(answer.status == AnswerStatus::refused || answer.status == AnswerStatus::failed) << name(answer.status) << answer.text;
    }
    EXPECT_TRUE(says(make(it, VmState::quarantined).text, other)) << "both disks are named";
    EXPECT_EQ(hashes(it), before);
    EXPECT_EQ(power(it), Power::off);
    expect_done(run(it, JobKind::revert));
    expect_done(make(it, VmState::running));
    EXPECT_EQ(power(it), Power::off) << "as it was found";
    nothing_is_left(it);
}

/// Guests that must boot to show what they do, and a patience that lets them.
class VmGuests : public KindsFixture {
    void adjust(agent::RunnerSettings& settings) override {
        settings.patience.agent = 4s;
        settings.patience.acpi = 12s;
        settings.patience.acpi_again = 3s;
    }

  protected:
    /// The guest's own disk, with the options of the laboratory.
    KindVm guest(LabGuestOptions options) {
        options.define = false;
        const LabGuest made(*host_, options);
        return vm(options.name + "-vm", made.disk());
    }
};

TEST_F(VmGuests, hung_is_ended_by_other_means_within_the_watchdog) {
    if (!long_suite()) GTEST_SKIP() << for_long;
    const KindVm it = vm("hung", image("hung.qcow2"));
    start(it);
    ::kill(host_->qemu(it.name), SIGSTOP);
    const auto took = measured("off order for a VM whose QEMU is stopped", [&] { expect_done(make(it, VmState::off)); });
    EXPECT_LT(took, 90s);
    EXPECT_EQ(power(it), Power::off);
    EXPECT_EQ(host_->qemu(it.name), 0);
    EXPECT_FALSE(can_be_started(it));
    expect_done(make(it, VmState::running));
    EXPECT_EQ(power(it), Power::running);
    nothing_is_left(it);
}

TEST_F(VmGuests, ignoring_its_power_button_is_asked_and_then_ended) {
    if (!long_suite()) GTEST_SKIP() << for_long;
    const KindVm it = guest({.name = "stubborn", .ignore_acpi = true});
    start(it);
    ASSERT_TRUE(booted(it));
    const auto answer = make(it, VmState::off);
    expect_done(answer);
    EXPECT_TRUE(std::any_of(answer.steps.begin(), answer.steps.end(), [](const StepTime& s) { return s.step == "ask_acpi"; }));
    EXPECT_TRUE(std::any_of(answer.steps.begin(), answer.steps.end(), [](const StepTime& s) { return s.step == "end_gracefully"; }));
    EXPECT_EQ(power(it), Power::off);
    expect_done(make(it, VmState::running));
    EXPECT_EQ(power(it), Power::running);
}

TEST_F(VmGuests, with_an_agent_that_reads_and_never_answers) {
    if (!long_suite()) GTEST_SKIP() << for_long;
    const KindVm it = guest({.name = "deaf", .deaf_agent = true});
    start(it);
    ASSERT_TRUE(booted(it));
    const auto took = measured("off order for a guest whose agent hangs", [&] {
        const auto answer = make(it, VmState::off);
        expect_done(answer);
        EXPECT_FALSE(std::any_of(answer.steps.begin(), answer.steps.end(), [](const StepTime& s) { return s.step == "kill"; })) << "its button works";
    });
    EXPECT_LT(took, 60s);
    const auto answer = make(it, VmState::running, [](Order& o) {
        o.health = Health::guest_agent;
        o.health_seconds = 8;
    });
    EXPECT_EQ(answer.status, AnswerStatus::needs_operator) << answer.text;
    EXPECT_EQ(name(answer.refusal), name(Refusal::unhealthy));
    EXPECT_TRUE(says(answer.text, "agent did not answer")) << answer.text;
    EXPECT_EQ(power(it), Power::running) << "the release stands";
    nothing_is_left(it);
}

TEST_F(VmGuests, shows_its_health_by_agent_and_by_staying_up) {
    if (!long_suite()) GTEST_SKIP() << for_long;
    const KindVm it = guest({.name = "healthy"});
    start(it);
    ASSERT_TRUE(booted(it));
    const auto released = [&](Health health, int64_t seconds) {
        expect_done(make(it, VmState::off));
        return make(it, VmState::running, [&](Order& o) {
            o.health = health;
            o.health_seconds = seconds;
        });
    };
    auto answer = released(Health::guest_agent, 90);
    EXPECT_EQ(answer.status, AnswerStatus::done) << answer.text;
    EXPECT_TRUE(says(answer.text, "its guest agent answers")) << answer.text;
    answer = released(Health::steady, 3);
    EXPECT_EQ(answer.status, AnswerStatus::done) << answer.text;
    EXPECT_TRUE(says(answer.text, "steadily for 3 s")) << answer.text;
}

TEST_F(VmGuests, that_crashes_after_its_release_is_said_to_be_unwell) {
    const KindVm it = vm("frail", image("frail.qcow2"));
    start(it);
    expect_done(make(it, VmState::off));
    // QEMU dies two seconds after it has begun to run again.
    std::atomic<bool> over{false};
    std::thread killer([&] {
        for (pid_t pid = 0; !over; std::this_thread::sleep_for(50ms))
            if ((pid = host_->qemu(it.name)) > 0) {
                std::this_thread::sleep_for(2s);
                ::kill(pid, SIGKILL);
                return;
            }
    });
    const auto answer = make(it, VmState::running, [](Order& o) {
        o.health = Health::steady;
        o.health_seconds = 30;
    });
    over = true;
    killer.join();
    EXPECT_EQ(name(answer.refusal), name(Refusal::unhealthy)) << answer.text;
    EXPECT_TRUE(says(answer.text, "off again")) << answer.text;
    nothing_is_left(it);
}

}  // namespace
}  // namespace bailiff::test
