// SPDX-License-Identifier: Apache-2.0
// The sweep on a real host: a VM that is off, and that nobody has complained about, is found out by reading its disk; it
// starts as ever meanwhile, and what is found is told to a controller until it is acknowledged.
#include "agent/journal/sqlite_journal.hpp"
#include "tests/integration/agent/agent_process.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <sstream>

namespace bailiff::test {
namespace {

using namespace std::chrono_literals;

class SweptHost : public testing::Test {
  protected:
    void SetUp() override {
        if (const std::string missing = lab_missing(); !missing.empty()) GTEST_SKIP() << missing;
        host = std::make_unique<LabHost>();
        guest = std::make_unique<LabGuest>(*host);
        agent = std::make_unique<AgentProcess>(*host);
    }
    void TearDown() override {
        if (agent) agent->stop();
        if (agent && HasFailure()) std::cout << agent->log();
        agent.reset();
        guest.reset();
        host.reset();
    }
    bool hears_discoveries(size_t count, std::chrono::seconds patience = 120s) {
        const auto end = clock.monotonic() + patience;
        while (agent->discoveries.size() < count && clock.monotonic() < end) agent->listen(50ms);
        return agent->discoveries.size() >= count;
    }
    int journaled(const std::string& kind) {
        agent::SqliteJournal journal(agent->journal(), true);
        return int(journal.read_kind(kind).size());
    }
    bool eventually_journaled(const std::string& kind, int count, std::chrono::seconds patience = 120s) {
        return eventually([&] { return agent->listen(20ms), journaled(kind) >= count; }, patience);
    }
    /// One sweep by an agent that is started for it and stopped: what its log says of it.
    std::string swept_once() {
        const std::string before = last_swept();
        const size_t told = agent->log().size();
        EXPECT_TRUE(agent->start_and_connect());
        if (!before.empty()) {
            EXPECT_EQ(agent->command({"sweep", "now", guest->name()}).exit_code, 0);
        }
        EXPECT_TRUE(eventually([&] { return agent->listen(20ms), last_swept() != before; }, 120s));
        agent->stop();
        const std::string log = agent->log().substr(told);
        const size_t at = log.find("event=swept ");
        return at == std::string::npos ? log : log.substr(at, log.find('\n', at) - at);
    }
    /// The newest sweep that was completed; older ones are forgotten.
    std::string last_swept() {
        if (!std::filesystem::exists(agent->journal())) return "";
        agent::SqliteJournal journal(agent->journal(), true);
        const auto all = journal.read_kind("swept");
        return all.empty() ? "" : all.back().operation;
    }
    std::vector<std::string> checkpoints() {
        std::istringstream names(host->virsh({"checkpoint-list", "--name", guest->name()}));
        std::vector<std::string> out;
        for (std::string name; names >> name;) out.push_back(name);
        return out;
    }
    Json status() const { return parse_json(agent->command({"status", "--json"}).out)->at("sweep"); }

    std::unique_ptr<LabHost> host;
    std::unique_ptr<LabGuest> guest;
    std::unique_ptr<AgentProcess> agent;
    SystemClock clock;
};

TEST_F(SweptHost, finds_a_virus_that_nobody_has_complained_about) {
    agent->more_options = {"--sweep", "on"};
    ASSERT_TRUE(agent->start_and_connect()) << agent->log();
    ASSERT_TRUE(hears_discoveries(1));
    const auto [id, found] = agent->discoveries[0];
    EXPECT_EQ(found.vm.text(), guest->uuid());
    EXPECT_EQ(found.verdict, ScanVerdict::infected);
    ASSERT_FALSE(found.hits.empty());
    EXPECT_EQ(found.hits[0].signature, "eicar");
    EXPECT_TRUE(is_hex(found.hits[0].sha256, 64)) << found.hits[0].sha256;
    ASSERT_FALSE(found.engines.empty());
    EXPECT_EQ(found.engines[0].engine, "yara");
    EXPECT_GT(found.files, 0);

    // Killed before the controller has it: told again under the same id, and nothing is read a second time.
    agent->kill();
    ASSERT_TRUE(agent->start_and_connect()) << agent->log();
    ASSERT_TRUE(hears_discoveries(2));
    EXPECT_EQ(agent->discoveries[1].first, id);
    EXPECT_EQ(agent->discoveries[1].second, found);
    agent->acknowledge(id);
    ASSERT_TRUE(eventually_journaled("discovery_told", 1));
    EXPECT_EQ(journaled("sweep_begun"), 1);
    EXPECT_EQ(status().value("found", 0), 1);
    EXPECT_EQ(status().value("untold", 1), 0);
    const auto list = agent->command({"sweep", "list"});
    EXPECT_NE(list.out.find("infected"), std::string::npos) << list.out << list.err;
    EXPECT_NE(list.out.find(guest->name()), std::string::npos);

    // Asked for, it is read at once, though its week is not over; the lock keeps the sweep off.
    ASSERT_EQ(agent->command({"sweep", "now", guest->name()}).exit_code, 0);
    EXPECT_TRUE(eventually_journaled("sweep_begun", 2));
    ASSERT_TRUE(hears_discoveries(3));
    EXPECT_NE(agent->discoveries[2].first, id);
    EXPECT_EQ(agent->discoveries[2].second.hits, found.hits) << "the same disk, the same list";
}

/// What libvirt and QEMU make of checkpoints: over a restart of the VM they count on, and after QEMU's sudden death they do not.
TEST_F(SweptHost, of_a_running_vm_only_what_was_written_since_is_read) {
    guest->start();
    agent->more_options = {"--sweep", "on", "--sweep-checkpoints", "on"};
    const auto says = [](const std::string& line, const std::string& what) { return line.find(what) != std::string::npos; };
    const std::string whole = swept_once();
    EXPECT_TRUE(says(whole, "unchanged=0 hits=1")) << whole;
    const auto first = checkpoints();
    ASSERT_EQ(first.size(), 1u) << whole << agent->log();
    EXPECT_TRUE(first[0].starts_with("bailiff-"));

    const std::string second = swept_once();
    EXPECT_FALSE(says(second, "unchanged=0 ")) << second;
    EXPECT_TRUE(says(second, "verdict=infected") && says(second, "hits=1")) << second;
    ASSERT_EQ(checkpoints().size(), 1u);
    EXPECT_NE(checkpoints(), first);

    host->virsh({"destroy", guest->name()});
    guest->start();
    const std::string restarted = swept_once();
    EXPECT_FALSE(says(restarted, "unchanged=0 ")) << restarted;
    EXPECT_TRUE(says(restarted, "hits=1")) << restarted;

    // A count that was not written down in time is marked so in the image, and libvirt does not count from it.
    ::kill(host->qemu(guest->name()), SIGKILL);
    ASSERT_TRUE(eventually([&] { return host->virsh({"domstate", guest->name()}).starts_with("shut off"); }));
    guest->start();
    const std::string died = swept_once();
    EXPECT_TRUE(says(died, "unchanged=0 hits=1")) << died;
    EXPECT_EQ(checkpoints().size(), 1u);
    const std::string again = swept_once();
    EXPECT_FALSE(says(again, "unchanged=0 ")) << "it counts again: " << again;

    agent->more_options = {"--sweep", "on"};
    EXPECT_TRUE(says(swept_once(), "unchanged=0 hits=1"));
    EXPECT_TRUE(checkpoints().empty());
}

TEST_F(SweptHost, a_vm_starts_while_it_is_swept_and_is_then_left_alone) {
    // A scanner that takes long: stopped as soon as it begins, as a disk of many terabytes would.
    const std::string slow = host->folder() + "/slow-scan";
    std::ofstream(slow) << "#!/bin/sh\necho begun > " << host->folder() << "/begun\nsleep 600\n";
    std::filesystem::permissions(slow, std::filesystem::perms::owner_all);
    agent->more_options = {"--sweep", "on", "--scan-program", slow};
    ASSERT_TRUE(agent->start_and_connect()) << agent->log();
    ASSERT_TRUE(eventually([&] { return agent->listen(20ms), std::filesystem::exists(host->folder() + "/begun"); }));
    EXPECT_EQ(status().value("scanning", ""), guest->uuid());
    host->virsh({"start", guest->name()});
    EXPECT_TRUE(eventually_journaled("sweep_stopped", 1)) << "at once, and not after ten minutes";
    EXPECT_TRUE(guest->runs());
    EXPECT_EQ(journaled("sweep_failed"), 0);
    EXPECT_TRUE(agent->discoveries.empty());
}

}  // namespace
}  // namespace bailiff::test
