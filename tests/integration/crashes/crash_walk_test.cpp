// SPDX-License-Identifier: Apache-2.0
// The crash walk: a whole case on a real guest, with what carries it out killed all along its journal.
#include "agent/journal/sqlite_journal.hpp"
#include "tests/integration/crashes/invariants.hpp"

#include <csignal>
#include <cstdlib>
#include <numeric>

namespace bailiff::test {
namespace {

using namespace std::chrono_literals;

/// What dies. The power takes everything of the host with it.
enum class Death { agent, daemon, qemu, qemu_img, power };
constexpr std::array deaths{std::pair{Death::agent, "agent"}, std::pair{Death::daemon, "libvirtd"}, std::pair{Death::qemu, "qemu"},
                            std::pair{Death::qemu_img, "qemu-img"}, std::pair{Death::power, "power"}};

bool all_points() {
    const char* wanted = std::getenv("BAILIFF_KILLS");
    return wanted && std::string(wanted) == "all";
}

class CrashWalk : public testing::Test {
  protected:
    void SetUp() override {
        if (const std::string missing = lab_missing(); !missing.empty()) GTEST_SKIP() << missing;
        host = std::make_unique<Officer>(numbers, "h1");
        host->agent.agent_patience = host->agent.acpi_patience = 10;
        guest = std::make_unique<LabGuest>(host->host);
        vm = VmId(guest->uuid());
        guest->start();
        host->patience = 6min;
        host->meanwhile = [this] {
            if (turns.empty() || entries() < next) return;
            strike(turns[size_t(struck++) % turns.size()]);
            next = entries() + every;
        };
    }
    void TearDown() override {
        if (host && HasFailure()) {
            host->agent.stop();
            std::cout << host->agent.log();
        }
    }
    int64_t entries() const {
        try {
            const auto all = agent::SqliteJournal(host->agent.journal(), true).read_all();
            return all.empty() ? 0 : all.back().position;
        } catch (const agent::Outage&) {
            return 0;   // not made yet
        }
    }
    void strike(Death death) {
        if (death == Death::qemu && !end_of("qemu-system", guest->uuid())) death = Death::agent;
        if (death == Death::qemu_img && !end_of("qemu-img", host->agent.state())) death = Death::agent;
        switch (death) {
            case Death::agent: host->agent.kill(); break;
            case Death::daemon:
                host->host.kill_daemon();
                host->host.start_daemon();
                break;
            case Death::power:
                host->agent.kill();
                host->host.crash();
                host->host.up();
                break;
            case Death::qemu:
            case Death::qemu_img: break;
        }
        ++count[death];
        expect_one_state(*host, *guest);
        if (held_disk) {
            EXPECT_EQ(sha256_of_file(guest->disk()), *held_disk) << "the customer's disk was written under the lock";
        }
    }
    static bool end_of(const std::string& program, const std::string& word) {
        bool any = false;
        for (const pid_t pid : processes(program, word)) any = ::kill(pid, SIGKILL) == 0 || any;
        return any;
    }

    /// From switch-off to release. What a crash may change is whether the guest still runs in quarantine.
    void whole_case() {
        ASSERT_TRUE(reached(host->make(vm, VmState::off).status));
        held_disk = sha256_of_file(guest->disk());
        EXPECT_NE(host->virsh_error({"start", "web1"}).find("locked by case C-1"), std::string::npos);
        ASSERT_TRUE(reached(host->run(vm, JobKind::evidence).status));
        const auto infected = host->run(vm, JobKind::scan);
        ASSERT_EQ(infected.verdict, ScanVerdict::infected) << infected.text;
        ASSERT_TRUE(reached(host->run(vm, JobKind::clean, infected.job_id.text()).status));
        ASSERT_TRUE(reached(host->make(vm, VmState::quarantined).status));
        ASSERT_TRUE(reached(host->make(vm, VmState::off).status));
        const auto clean = host->run(vm, JobKind::scan);
        ASSERT_EQ(clean.verdict, ScanVerdict::clean) << clean.text;
        EXPECT_EQ(sha256_of_file(guest->disk()), *held_disk) << "the customer's disk was written before the release";
        const std::string before = *held_disk;
        held_disk.reset();
        ASSERT_TRUE(reached(host->make(vm, VmState::running).status));
        EXPECT_NE(sha256_of_file(guest->disk()), before);
        // A QEMU killed after its start, or a host whose power failed then, leaves the VM off, and anybody may start it.
        if (host->state("web1") != "running") {
            EXPECT_EQ(host->virsh_error({"start", "web1"}), "");
        }
        turns.clear();
        expect_nothing_left(*host, *guest);
        std::string kinds;
        int64_t sum = 0;
        for (const auto& [death, word] : deaths) {
            kinds += " " + std::string(word) + "=" + std::to_string(count[death]);
            sum += count[death];
        }
        std::cout << "crash walk: " << sum << " kills," << kinds << ", " << entries() << " journal entries\n";
    }

    Numbers numbers;
    std::unique_ptr<Officer> host;
    std::unique_ptr<LabGuest> guest;
    VmId vm;
    std::vector<Death> turns;
    int64_t every = 2, next = 1, struck = 0;
    std::map<Death, int64_t> count;
    std::optional<std::string> held_disk;
};

TEST_F(CrashWalk, everything_dies_in_turns) {
    turns = {Death::agent, Death::daemon, Death::qemu, Death::agent, Death::qemu_img, Death::power};
    whole_case();
    int64_t sum = 0;
    for (const auto& [death, times] : count) sum += times;
    EXPECT_GE(sum, 20);
    EXPECT_GT(count[Death::power], 0);
    EXPECT_GT(count[Death::daemon], 0);
}

/// One kind of death at every entry: the long suite.
class CrashWalkOfOneKind : public CrashWalk, public testing::WithParamInterface<Death> {};
TEST_P(CrashWalkOfOneKind, at_every_entry) {
    if (!all_points()) GTEST_SKIP() << "long: BAILIFF_KILLS=all, or contrib/test-long crashes";
    turns = {GetParam()};
    every = 1;
    whole_case();
}
INSTANTIATE_TEST_SUITE_P(Deaths, CrashWalkOfOneKind, testing::Values(Death::agent, Death::daemon, Death::qemu, Death::power),
                         [](const auto& which) {
                             for (const auto& [death, word] : deaths)
                                 if (death == which.param) return std::string(word);
                             return std::string("other");
                         });

/// The commit is the one act that writes the customer's disk. It is stopped in its middle and killed, then the agent is,
/// then the power fails: what is on the disk in the end is exactly what was accepted.
TEST_F(CrashWalk, qemu_img_dies_in_mid_commit) {
    // A commit of a small overlay is over in 40 ms: in this host's namespace qemu-img commits at 64 KiB/s.
    const std::string real = host->host.folder() + "/qemu-img.real", slow = host->host.folder() + "/qemu-img.slow";
    std::filesystem::copy_file("/usr/bin/qemu-img", real);
    std::ofstream(slow) << "#!/bin/sh\n[ \"$1\" = commit ] || exec " << real << " \"$@\"\nshift\nexec " << real << " commit -r 65536 \"$@\"\n";
    std::filesystem::permissions(slow, std::filesystem::perms(0755));
    host->host.exec({"mount", "--bind", slow, "/usr/bin/qemu-img"});
    host->agent.inside = true;
    host->host.virsh({"destroy", "web1"});   // found off, so that it is not started after the release and the disk holds still
    ASSERT_TRUE(reached(host->make(vm, VmState::off).status));
    ASSERT_TRUE(reached(host->run(vm, JobKind::evidence).status));
    const auto infected = host->run(vm, JobKind::scan);
    ASSERT_TRUE(reached(host->run(vm, JobKind::clean, infected.job_id.text()).status));
    ASSERT_EQ(host->run(vm, JobKind::scan).verdict, ScanVerdict::clean);
    const std::string overlay = host->agent.state() + "/overlays/" + vm.text() + "/C-1/vda.qcow2", accepted = host->host.folder() + "/accepted.raw";
    ASSERT_EQ(agent::Process::run({"qemu-img", "convert", "-O", "raw", overlay, accepted})->exit_code, 0);
    int64_t stopped = 0;
    host->meanwhile = [&] {
        const auto commits = processes("qemu-img", overlay);
        if (commits.empty() || stopped >= 6) return;
        for (const pid_t pid : commits) {
            std::ifstream command("/proc/" + std::to_string(pid) + "/cmdline");
            std::string words;
            std::getline(command, words);
            // `info` of the same overlay is none; were it killed as well, no commit would ever begin.
            if (words.find("commit") == std::string::npos) continue;
            ::kill(pid, SIGSTOP);
            if (++stopped % 3 == 2) host->agent.kill();
            ::kill(pid, SIGKILL);
            if (stopped % 3 == 0) strike(Death::power);
        }
    };
    const auto release = host->make(vm, VmState::running);
    EXPECT_TRUE(reached(release.status)) << release.text;
    host->meanwhile = nullptr;
    std::cout << "qemu-img commit killed " << stopped << " times\n";
    EXPECT_GT(stopped, 0) << "no commit was caught";
    EXPECT_EQ(agent::Process::run({"qemu-img", "compare", guest->disk(), accepted})->exit_code, 0)
        << "the disk is not what was accepted";
    expect_nothing_left(*host, *guest);
}

}  // namespace
}  // namespace bailiff::test
