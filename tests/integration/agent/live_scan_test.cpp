// SPDX-License-Identifier: Apache-2.0
// Scans of running guests on real libvirt, by bailiff-agent itself: what is found, what the guest notices, and what is left when
// the agent is killed, the scratch space ends or an order comes in the middle.
#include "agent/files/durable_file.hpp"
#include "tests/integration/agent/guest_under_agent.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <sstream>

namespace bailiff::test {
namespace {

using namespace std::chrono_literals;

/// One host and one guest that works on its disk, for the whole suite; each test leaves it running.
class LiveScanOnLibvirt : public GuestUnderAgent {
  protected:
    static void SetUpTestSuite() {
        if (!lab_missing().empty()) return;
        host = std::make_unique<LabHost>();
        guest = std::make_unique<LabGuest>(*host, LabGuestOptions{.cmdline = {"lab.io=128"}});
        if (long_run()) add_data();
        guest->start();
        agent = std::make_unique<AgentProcess>(*host);
    }
    void SetUp() override {
        GuestUnderAgent::SetUp();
        if (IsSkipped()) return;
        agent->inside = false;
        before = definitions();
    }

    static bool long_run() { return std::getenv("BAILIFF_LONG") != nullptr; }
    /// A second disk whose files take a scan some time.
    static void add_data() {
        const std::string files = host->folder() + "/files", disk = host->folder() + "/guests/data.raw";
        std::filesystem::create_directories(files);
        for (int i = 0; i < 250; ++i) must({"dd", "if=/dev/urandom", "of=" + files + "/" + std::to_string(i), "bs=1M", "count=1", "status=none"});
        must({"mke2fs", "-q", "-t", "ext4", "-d", files, disk, "300M"});
        std::filesystem::remove_all(files);
        host->virsh({"attach-disk", guest->name(), disk, "vdb", "--driver", "qemu", "--subdriver", "raw", "--config"});
    }
    static std::string stored_definition() { return host->virsh({"dumpxml", "--inactive", "--security-info", guest->name()}); }
    /// Of the running VM too; whether its guest agent's port is open just now is no part of it.
    static std::string definitions() {
        std::string live = guest->runs() ? host->virsh({"dumpxml", guest->name()}) : "";
        for (const std::string state : {" state='connected'", " state='disconnected'"})
            if (const auto at = live.find(state); at != std::string::npos) live.erase(at, state.size());
        return stored_definition() + live;
    }
    Job scan() { return numbers.job(VmId(guest->uuid()), JobKind::scan_live); }
    static bool served() { return agent::Process::run({"virsh", "-q", "-c", host->uri(), "backup-dumpxml", guest->name()})->ok(); }
    static std::string scratch() { return agent->state() + "/live-scan"; }
    void expect_nothing_left() {
        for (const auto& name : agent::names_in(scratch())) ADD_FAILURE() << name << " was left behind";
        EXPECT_TRUE(host->virsh({"checkpoint-list", "--name", guest->name()}).find_first_not_of("\n ") == std::string::npos);
        if (!guest->runs()) return;
        EXPECT_FALSE(served()) << "a backup job was left behind";
        EXPECT_EQ(host->virsh({"domstate", guest->name()}).substr(0, 7), "running");
        expect_guest_works();
    }
    /// It writes, speaks, and nothing of it is frozen.
    void expect_guest_works() {
        const auto had = io_lines().size();
        EXPECT_TRUE(eventually([&] { return io_lines().size() > had + 1; }, 120s)) << "the guest works no more";
        EXPECT_EQ(guest->console().find("io failed"), std::string::npos);
        EXPECT_EQ(guest->console().find("I/O error"), std::string::npos);
    }
    /// What the guest says of its own work, see contrib/lab/guest_init.sh; hundredths of a second.
    struct IoLine {
        int busy = 0, worst = 0;
    };
    static std::vector<IoLine> io_lines() {
        std::vector<IoLine> out;
        std::istringstream lines(guest->console());
        for (std::string line; std::getline(lines, line);) {
            IoLine one;
            const auto at = line.find("guest: io steps=10 busy=");
            if (at != std::string::npos && std::sscanf(line.c_str() + at, "guest: io steps=10 busy=%d worst=%d", &one.busy, &one.worst) == 2) out.push_back(one);
        }
        return out;
    }

    std::string before;
};

TEST_F(LiveScanOnLibvirt, the_plant_is_found_and_nothing_of_the_vm_is_changed) {
    const auto answer = carry_out(scan());
    ASSERT_EQ(answer.status, AnswerStatus::done) << answer.text;
    EXPECT_EQ(answer.verdict, ScanVerdict::infected);
    ASSERT_FALSE(answer.hits.empty());
    EXPECT_NE(answer.hits[0].path.find("invoice.php"), std::string::npos) << answer.hits[0].path;
    EXPECT_NE(answer.text.find("frozen"), std::string::npos) << answer.text;
    EXPECT_EQ(guest->boots(), 1);
    expect_nothing_left();
    EXPECT_EQ(definitions(), before);
    // What is ours of the guest's pause: everything that libvirt's own calls did not take.
    const auto frozen = step(answer, "frozen"), calls = step(answer, "freeze") + step(answer, "backup_begin") + step(answer, "thaw");
    std::cout << "measured: guest frozen " << frozen << " ms, of that in libvirt's calls " << calls << " ms\n";
    ASSERT_GE(frozen, 0);
    EXPECT_LE(frozen - calls, 500);
}

TEST_F(LiveScanOnLibvirt, an_agent_killed_in_the_middle_takes_up_what_is_still_served) {
    agent->more_options = {"--live-scan-mib-per-s", "1"};
    int kills = 0;
    auto next = clock.monotonic();
    meanwhile = [&] {
        if (kills >= 3 || clock.monotonic() < next || !served()) return;
        agent->kill();
        ++kills;
        next = clock.monotonic() + 1500ms;
    };
    const auto answer = carry_out(scan());
    EXPECT_GT(kills, 0);
    ASSERT_EQ(answer.status, AnswerStatus::done) << answer.text;
    EXPECT_EQ(answer.verdict, ScanVerdict::infected);
    meanwhile = nullptr;
    expect_nothing_left();
    EXPECT_EQ(definitions(), before);
}

TEST_F(LiveScanOnLibvirt, an_agent_that_is_stopped_leaves_nothing_that_nobody_watches) {
    agent->more_options = {"--live-scan-mib-per-s", "1"};
    const auto job = scan();
    ASSERT_TRUE(agent->start_and_connect());
    for (const auto end = clock.monotonic() + 60s; !served() && clock.monotonic() < end;) agent->exchange(envelope(job), job.job_id.text(), 20ms);
    ASSERT_TRUE(served());
    agent->stop();
    EXPECT_FALSE(served());
    EXPECT_EQ(carry_out(job).verdict, ScanVerdict::infected) << "begun anew";
    expect_nothing_left();
}

TEST_F(LiveScanOnLibvirt, it_ends_before_its_scratch_space_does_and_the_guest_never_stalls) {
    // Smaller than what the guest writes anew, on a file system of its own, which the agent sees inside the host's namespaces.
    const std::string small = host->folder() + "/small";
    host->exec({"mkdir", "-p", small});
    host->exec({"mount", "-t", "tmpfs", "-o", "size=16m,mode=0755", "scratch", small});
    agent->inside = true;
    agent->more_options = {"--live-scan-mib-per-s", "1", "--live-scan-scratch", small + "/s", "--live-scan-scratch-mib", "2", "--live-scan-keep-percent", "50"};
    const auto answer = carry_out(scan());
    EXPECT_NE(answer.text.find("live-scan-scratch-mib"), std::string::npos) << answer.text;
    EXPECT_TRUE(answer.status == AnswerStatus::failed || answer.verdict != ScanVerdict::clean);
    expect_nothing_left();
    // What an admin allows beyond the room that there is does not begin.
    agent->stop();
    agent->more_options = {"--live-scan-scratch", small + "/s", "--live-scan-scratch-mib", "100"};
    const auto job = scan();
    ASSERT_TRUE(agent->start_and_connect());
    agent->exchange(envelope(job), job.job_id.text(), 20ms);
    agent->listen(1000ms);
    EXPECT_FALSE(served());
    agent->stop();
    EXPECT_EQ(host->exec({"find", small, "-type", "f"}), "");
    // The job is given up, so that it is not tried again on the way of the next tests.
    agent->more_options = {"--live-scan-scratch", small + "/s", "--live-scan-scratch-mib", "2", "--live-scan-keep-percent", "50"};
    const auto last = carry_out(job);
    EXPECT_NE(last.status, AnswerStatus::needs_operator) << last.text;
    agent->stop();
    host->exec({"umount", small});
    agent->inside = false;
    expect_nothing_left();
}

TEST_F(LiveScanOnLibvirt, a_power_off_in_the_middle_goes_first_and_is_as_quick_as_ever) {
    agent->more_options = {"--live-scan-mib-per-s", "1"};
    const auto job = scan();
    const auto off = numbers.order(VmId(guest->uuid()), VmState::off);
    const std::string stored = stored_definition();
    ASSERT_TRUE(agent->start_and_connect());
    for (const auto end = clock.monotonic() + 60s; !served() && clock.monotonic() < end;) agent->exchange(envelope(job), job.job_id.text(), 20ms);
    ASSERT_TRUE(served());
    const auto answer = carry_out(off);
    ASSERT_EQ(answer.status, AnswerStatus::done) << answer.text;
    EXPECT_EQ(step(answer, "kill"), -1) << "its guest obeyed";
    const auto scanned = carry_out(job);
    EXPECT_EQ(scanned.status, AnswerStatus::failed) << scanned.text;
    EXPECT_NE(scanned.text.find("order"), std::string::npos) << scanned.text;
    expect_nothing_left();
    EXPECT_EQ(carry_out(numbers.order(VmId(guest->uuid()), VmState::running)).status, AnswerStatus::done);
    EXPECT_TRUE(guest->wait_boots(2));
    EXPECT_EQ(stored_definition(), stored);
    expect_nothing_left();
}

/// The guest's own figures. They are told and not judged: an emulated guest on a busy machine knows no steady speed.
TEST_F(LiveScanOnLibvirt, what_the_guest_notices) {
    if (!long_run()) GTEST_SKIP() << "long: BAILIFF_LONG=1, or contrib/test-long live_scan";
    // In turns, so that what else happens on the machine meets both alike.
    const auto median = [](std::vector<int> of) {
        std::sort(of.begin(), of.end());
        return of.empty() ? 0 : of[of.size() / 2];
    };
    for (const char* rate : {"24", "0"}) {
        agent->more_options = {"--live-scan-mib-per-s", rate};
        ASSERT_TRUE(agent->start_and_connect());
        std::vector<int> without, with;
        int worst_without = 0, worst_with = 0, scans = 0, frozen = 0;
        const auto collect = [&](size_t from, std::vector<int>& busy, int& worst) {
            const auto lines = io_lines();
            // The first one began before.
            for (size_t i = from + 1; i < lines.size(); ++i) busy.push_back(lines[i].busy), worst = std::max(worst, lines[i].worst);
        };
        for (int turn = 0; turn < 3; ++turn) {
            size_t from = io_lines().size();
            ASSERT_TRUE(eventually([&] { return io_lines().size() > from + 6; }, 300s));
            collect(from, without, worst_without);
            from = io_lines().size();
            for (; io_lines().size() <= from + 6; ++scans) {
                const auto answer = carry_out(scan());
                EXPECT_EQ(answer.verdict, ScanVerdict::infected) << answer.text;
                frozen = std::max(frozen, int(step(answer, "frozen")));
            }
            collect(from, with, worst_with);
        }
        std::cout << "measured: at " << rate << " MiB/s, " << scans << " scans: 10 steps take " << median(without) * 10 << " ms without and " << median(with) * 10
                  << " ms with a scan (medians of " << without.size() << " and " << with.size() << "), the longest gap " << worst_without * 10 << " and "
                  << worst_with * 10 << " ms; frozen for at most " << frozen << " ms" << std::endl;
        agent->stop();
    }
    expect_nothing_left();
}

}  // namespace
}  // namespace bailiff::test
