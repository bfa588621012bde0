// SPDX-License-Identifier: Apache-2.0
// Evidence of running guests on real libvirt, by bailiff-agent itself: what the guest notices, what the set is worth, and
// what is left when libvirtd, QEMU or the agent is killed in the middle.
#include "agent/evidence/manifest.hpp"
#include "agent/files/durable_file.hpp"
#include "tests/integration/agent/guest_under_agent.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <sys/stat.h>

namespace bailiff::test {
namespace {

using namespace std::chrono_literals;
using agent::Consistency;

/// One host and one guest with two disks for the whole suite; each test but the last leaves the guest running.
class EvidenceOnLibvirt : public GuestUnderAgent {
  protected:
    static void SetUpTestSuite() {
        if (!lab_missing().empty()) return;
        host = std::make_unique<LabHost>();
        guest = std::make_unique<LabGuest>(*host);
        // Random, so that it takes its time: nothing of it is empty.
        data = host->folder() + "/guests/data.raw";
        must({"dd", "if=/dev/urandom", "of=" + data, "bs=1M", "count=200", "status=none"});
        ::chmod(data.c_str(), 0600);
        host->virsh({"attach-disk", guest->name(), data, "vdb", "--driver", "qemu", "--subdriver", "raw", "--config"});
        guest->start();
        agent = std::make_unique<AgentProcess>(*host);
    }
    Job evidence(bool memory = false, const LabGuest* whose = nullptr) {
        Job j = numbers.job(VmId((whose ? *whose : *guest).uuid()), JobKind::evidence);
        j.memory = memory;
        return j;
    }
    Order order(VmState desired, EvidenceRule rule, bool memory = false) {
        Order o = numbers.order(VmId(guest->uuid()), desired);
        o.evidence = rule;
        o.memory = memory;
        return o;
    }
    template <class Answer>
    static int count(const Answer& answer, const std::string& name) {
        int out = 0;
        for (const auto& one : answer.steps) out += one.step == name;
        return out;
    }

    static std::string folder_of(const std::string& vm) { return agent->state() + "/evidence/" + vm; }
    static std::string folder_of(const std::string& vm, const std::string& operation) { return folder_of(vm) + "/C-1-" + operation; }
    agent::Manifest manifest(const std::string& folder) {
        const auto text = agent::read_file(folder + "/manifest.json", size_t{1} << 20);
        if (!text) throw std::runtime_error(text.error().text);
        const auto parsed = agent::parse_manifest(*text);
        if (!parsed) throw std::runtime_error(parsed.error().text);
        return *parsed;
    }
    static agent::ProcessResult command(std::vector<std::string> words) {
        words.insert(words.begin(), BAILIFF_BIN_DIR "/bailiff-agent");
        words.insert(words.end(), {"--config", "/dev/null", "--state", agent->state()});
        return *agent::Process::run(words);
    }
    /// The ext4 of disk vda as the set has it.
    int fsck(const std::string& folder) {
        const std::string raw = host->folder() + "/check.raw";
        must({"qemu-img", "convert", "-f", "qcow2", "-O", "raw", folder + "/vda.qcow2", raw});
        const auto checked = agent::Process::run({"e2fsck", "-fn", raw});
        std::filesystem::remove(raw);
        std::cout << "  e2fsck: " << checked->exit_code << "\n";
        return checked->exit_code;
    }
    std::string state_of(const LabGuest& whose) { return host->virsh({"domstate", whose.name()}); }
    void expect_nothing_left(const LabGuest& whose) {
        for (const auto& name : agent::names_in(folder_of(whose.uuid()))) EXPECT_FALSE(name.ends_with(".part")) << name << " was left behind";
        if (!whose.runs()) return;
        EXPECT_EQ(state_of(whose).substr(0, 7), "running");
        const auto job = agent::Process::run({"virsh", "-c", host->uri(), "backup-dumpxml", whose.name()});
        EXPECT_NE(job->exit_code, 0) << "a backup job was left behind: " << job->out;
        // The guest writes and speaks: nothing of it is frozen.
        const auto before = whose.console().size();
        EXPECT_TRUE(eventually([&] { return whose.console().size() > before; }, 20s));
    }

    static inline std::string data;
};

TEST_F(EvidenceOnLibvirt, a_running_guest_is_frozen_for_a_moment_and_its_copy_is_clean) {
    const auto job = evidence();
    const auto answer = carry_out(job);
    ASSERT_EQ(answer.status, AnswerStatus::done) << answer.text;
    const auto folder = folder_of(guest->uuid(), job.job_id.text());
    const auto set = manifest(folder);
    EXPECT_EQ(set.begun.consistency, Consistency::frozen) << set.begun.note;
    ASSERT_EQ(set.disks.size(), 2u) << "both disks, of one job and so of one instant";
    EXPECT_EQ(fsck(folder), 0) << "frozen means clean";
    // Nobody writes to the second disk, so its copy is what lies there still.
    for (const auto& disk : set.disks)
        EXPECT_TRUE(disk.target != "vdb" || disk.guest_sha256 == sha256_of_file(data)) << disk.guest_sha256;
    // What is ours of the guest's pause: everything that libvirt's own calls did not take.
    const auto frozen = step(answer, "frozen"), calls = step(answer, "freeze") + step(answer, "backup_begin") + step(answer, "thaw");
    std::cout << "measured: guest frozen " << frozen << " ms, of that in libvirt's calls " << calls << " ms\n";
    ASSERT_GE(frozen, 0);
    EXPECT_LE(frozen - calls, 500);
    for (const auto& name : agent::names_in(folder)) {
        struct stat found {};
        ASSERT_EQ(::stat((folder + "/" + name).c_str(), &found), 0);
        EXPECT_EQ(found.st_mode & 0777, 0400u) << name;
        EXPECT_EQ(found.st_uid, 0u) << name;
    }
    struct stat closed {};
    ASSERT_EQ(::stat(folder.c_str(), &closed), 0);
    EXPECT_EQ(closed.st_mode & 0777, 0700u);
    for (const char* name : {"definition.xml", "live.xml", "manifest.dsse"}) EXPECT_TRUE(std::filesystem::exists(folder + "/" + name)) << name;
    expect_nothing_left(*guest);
}

TEST_F(EvidenceOnLibvirt, memory_and_disks_of_one_instant_and_verify_finds_every_damage) {
    const auto job = evidence(true);
    const auto answer = carry_out(job);
    ASSERT_EQ(answer.status, AnswerStatus::done) << answer.text;
    const std::string folder = folder_of(guest->uuid(), job.job_id.text()), set = "C-1-" + job.job_id.text();
    const auto stored = manifest(folder);
    ASSERT_TRUE(stored.memory);
    EXPECT_TRUE(stored.begun.paused);
    EXPECT_EQ(stored.begun.consistency, Consistency::crash);
    const auto head = agent::output_of({"head", "-c", "5", folder + "/" + stored.memory->file});
    ASSERT_TRUE(head);
    EXPECT_EQ(*head, stored.memory->format == "kdump-zlib" ? "maked" : "\177ELF\002")
        << "kdump comes in makedumpfile's flattened form";
    expect_nothing_left(*guest);

    const auto good = command({"evidence", "verify", set});
    EXPECT_TRUE(good.ok()) << good.describe();
    EXPECT_NE(command({"evidence", "list"}).out.find(set), std::string::npos);
    const auto found = [&](const std::string& word) {
        const auto bad = command({"evidence", "verify", set});
        EXPECT_EQ(bad.exit_code, 1) << bad.out;
        EXPECT_NE(bad.err.find(word), std::string::npos) << bad.err;
    };
    const auto keep = host->folder() + "/kept";
    std::filesystem::copy(folder + "/live.xml", keep);
    must({"sed", "-i", "1s/domain/dOmain/", folder + "/live.xml"});
    found("live.xml");
    std::filesystem::remove(folder + "/live.xml");
    found("missing");
    must({"cp", "-p", keep, folder + "/live.xml"});
    must({"touch", folder + "/planted"});
    found("planted");
    std::filesystem::remove(folder + "/planted");
    must({"chmod", "0600", folder + "/vda.qcow2"});
    found("may be written");
    must({"chmod", "0400", folder + "/vda.qcow2"});
    EXPECT_TRUE(command({"evidence", "verify", set}).ok());
    must({"sed", "-i", "s/\"note\"/ \"note\"/", folder + "/manifest.json"});
    found("not the one that was signed");
    std::filesystem::remove(keep);
}

TEST_F(EvidenceOnLibvirt, a_throttled_copy_outlives_libvirtd_and_the_agent) {
    agent->more_options = {"--evidence-mib-per-s", "40"};
    // Paused by its owner, so nobody freezes it, and the speed is set at once.
    host->virsh({"suspend", guest->name()});
    int deaths = 0;
    meanwhile = [&] {
        if (deaths) return;
        const auto copying = agent::Process::run({"virsh", "-q", "-c", host->uri(), "blockjob", guest->name(), "vdb", "--info"});
        // Each of the two disks has half of the speed.
        if (copying->out.find("20971520 bytes/s") == std::string::npos) return;
        // In the middle of the copy: the daemon, and while it is gone the agent.
        ++deaths;
        host->kill_daemon();
        agent->kill();
        host->start_daemon();
    };
    // QEMU begins a copy at full speed, and so small a one may have ended before it is slowed down: then another one.
    Job job = evidence();
    JobAnswer answer = carry_out(job);
    for (int again = 0; again < 5 && deaths == 0; ++again) answer = carry_out(job = evidence());
    EXPECT_EQ(deaths, 1) << "no copy was seen at the speed that was set";
    ASSERT_EQ(answer.status, AnswerStatus::done) << answer.text;
    const auto set = manifest(folder_of(guest->uuid(), job.job_id.text()));
    for (const auto& disk : set.disks)
        EXPECT_TRUE(disk.target != "vdb" || disk.guest_sha256 == sha256_of_file(data)) << disk.guest_sha256;
    EXPECT_LE(count(answer, "begin_backup"), 2);
    EXPECT_EQ(state_of(*guest).substr(0, 6), "paused") << "as its owner left it";
    host->virsh({"resume", guest->name()});
    expect_nothing_left(*guest);
}

TEST_F(EvidenceOnLibvirt, an_agent_killed_all_along_isolates_with_the_copy_first_and_lets_the_guest_go_on) {
    const auto cut = order(VmState::isolated, EvidenceRule::first, true);
    int kills = 0;
    auto next = clock.monotonic() + 150ms;
    meanwhile = [&] {
        // Ever later: libvirt cannot end a dump, so each one that lost its agent goes on first.
        if (kills >= 6 || clock.monotonic() < next) return;
        agent->kill();
        ++kills;
        next = clock.monotonic() + 150ms * (1 << kills);
    };
    const auto answer = carry_out(cut);
    ASSERT_EQ(answer.status, AnswerStatus::done) << answer.text;
    EXPECT_EQ(answer.state, VmState::isolated);
    std::cout << "evidence first on libvirt: " << kills << " kills\n";
    const auto set = manifest(folder_of(guest->uuid(), cut.order_id.text()));
    EXPECT_TRUE(set.begun.paused && set.memory);
    EXPECT_NE(host->virsh({"domif-getlink", guest->name(), guest->mac()}).find("down"), std::string::npos);
    expect_nothing_left(*guest);
    meanwhile = nullptr;
    EXPECT_EQ(carry_out(order(VmState::running, EvidenceRule::not_required)).status, AnswerStatus::done);
}

TEST_F(EvidenceOnLibvirt, a_guest_whose_agent_hangs_is_copied_as_it_is_and_goes_on) {
    // It is asked to thaw again and again, each time until it is too late for an answer.
    if (!std::getenv("BAILIFF_LONG")) GTEST_SKIP() << "long: BAILIFF_LONG=1, or contrib/test-long evidence";
    LabGuest hung(*host, {.name = "hung", .agent_hangs = true});
    hung.start();
    const auto job = evidence(false, &hung);
    const auto answer = carry_out(job);
    ASSERT_EQ(answer.status, AnswerStatus::done) << answer.text;
    const auto set = manifest(folder_of(hung.uuid(), job.job_id.text()));
    EXPECT_EQ(set.begun.consistency, Consistency::crash);
    EXPECT_NE(set.begun.note.find("not frozen"), std::string::npos) << set.begun.note;
    EXPECT_LE(step(answer, "freeze"), 6000) << "bounded";
    expect_nothing_left(hung);
    host->virsh({"destroy", "hung"});
}

TEST_F(EvidenceOnLibvirt, before_a_power_off_the_guest_is_copied_and_never_runs_again) {
    const auto end = order(VmState::off, EvidenceRule::first, true);
    const auto answer = carry_out(end);
    ASSERT_EQ(answer.status, AnswerStatus::done) << answer.text;
    EXPECT_FALSE(guest->runs());
    EXPECT_EQ(count(answer, "ask_agent") + count(answer, "ask_acpi") + count(answer, "resume"), 0);
    const auto folder = folder_of(guest->uuid(), end.order_id.text());
    const auto live = manifest(folder);
    EXPECT_TRUE(live.memory && live.begun.paused);
    // The ordinary copy at rest sees the very same disks: not one instruction ran in between.
    const auto rest = evidence();
    ASSERT_EQ(carry_out(rest).status, AnswerStatus::done);
    const auto at_rest = manifest(folder_of(guest->uuid(), rest.job_id.text()));
    EXPECT_EQ(at_rest.begun.consistency, Consistency::at_rest);
    ASSERT_EQ(at_rest.disks.size(), live.disks.size());
    for (size_t i = 0; i < live.disks.size(); ++i) EXPECT_EQ(live.disks[i].guest_sha256, at_rest.disks[i].guest_sha256) << live.disks[i].target;
    EXPECT_TRUE(command({"evidence", "verify", "C-1-" + rest.job_id.text()}).ok());
    EXPECT_EQ(carry_out(order(VmState::running, EvidenceRule::not_required)).status, AnswerStatus::done);
    expect_nothing_left(*guest);
}

/// The last one: its guest is gone afterwards.
TEST_F(EvidenceOnLibvirt, a_qemu_that_dies_meanwhile_leaves_nothing_of_its_copy) {
    agent->more_options = {"--evidence-mib-per-s", "10"};
    const auto job = evidence();
    bool killed = false;
    meanwhile = [&] {
        const auto running = agent::Process::run({"virsh", "-q", "-c", host->uri(), "backup-dumpxml", guest->name()});
        if (killed || !running->ok()) return;
        killed = true;
        ::kill(host->qemu(guest->name()), SIGKILL);
    };
    const auto answer = carry_out(job);
    meanwhile = nullptr;
    EXPECT_TRUE(killed);
    EXPECT_EQ(answer.refusal, Refusal::unexpected_state) << answer.text;
    EXPECT_FALSE(std::filesystem::exists(folder_of(guest->uuid(), job.job_id.text())));
    expect_nothing_left(*guest);
}

}  // namespace
}  // namespace bailiff::test
