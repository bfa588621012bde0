// SPDX-License-Identifier: Apache-2.0
// A provider of two hosts, as `contrib/lab/cluster` makes it: a real controller, and on each host libvirtd, bailiff-agent and
// bailiff-link. The case follows its VM; a dead host is waited for; a VM that runs twice is told.
#include "agent/guard/file_guard.hpp"
#include "agent/process/process.hpp"
#include "tests/integration/hypervisor/lab.hpp"

#include <bailiff/json.hpp>
#include <bailiff/system_clock.hpp>

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <thread>

namespace bailiff::test {
namespace {

using namespace std::chrono_literals;
using Words = std::vector<std::string>;

class Provider : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        if (!lab_missing().empty()) return;
        char name[] = "/tmp/bailiff-cluster-XXXXXX";
        if (!::mkdtemp(name)) throw std::runtime_error("cannot make a folder in /tmp");
        folder = name;
        script({"up", "2", folder, "--bin", BAILIFF_BIN_DIR}, 3min);
        vm = first_line(script({"guest", folder, "h1", "web1", "--ignore-acpi"}));
        ctl({"customer", "set", "7", "--name", "Lotus Textiles", "--contact", "Asha Rao", "--email", "asha@lotus.example", "--phone", "+91 80 5550 0117"});
        if (!eventually([] { return quiet({"ctl", folder, "vm", "show", vm, "--json"}).find("\"running\"") != std::string::npos; }))
            throw std::runtime_error("the controller does not know the VM");
        ctl({"vm", "set", vm, "--customer", "7", "--address", "192.0.2.10"});
    }
    static void TearDownTestSuite() {
        if (folder.empty()) return;
        quiet({"down", folder}, 2min);
        if (!std::getenv("BAILIFF_KEEP_LAB")) std::filesystem::remove_all(folder);
    }
    void SetUp() override {
        if (const std::string missing = lab_missing(); !missing.empty()) GTEST_SKIP() << missing;
    }
    void TearDown() override {
        if (!HasFailure()) return;
        for (const char* log : {"controller.log", "h1/agent.log", "h1/link.log", "h2/agent.log", "h2/link.log"}) {
            std::ifstream in(folder + "/" + log);
            std::cout << "--- " << log << "\n" << in.rdbuf();
        }
    }

    static agent::ProcessResult run(Words words, std::chrono::milliseconds timeout) {
        words.insert(words.begin(), BAILIFF_SOURCE_DIR "/contrib/lab/cluster");
        agent::ProcessOptions options;
        options.timeout = timeout;
        auto done = agent::Process::run(words, options);
        if (!done) throw std::runtime_error(done.error().text);
        return *done;
    }
    static std::string script(const Words& words, std::chrono::milliseconds timeout = 2min) {
        const auto done = run(words, timeout);
        if (!done.ok()) throw std::runtime_error("cluster " + words.front() + ": " + done.describe());
        return done.out;
    }
    static std::string quiet(const Words& words, std::chrono::milliseconds timeout = 1min) {
        const auto done = run(words, timeout);
        return done.ok() ? done.out : "";
    }
    static std::string ctl(Words words) {
        words.insert(words.begin(), {"ctl", folder});
        return script(words);
    }
    static std::string virsh_error(const std::string& host, Words words) {
        words.insert(words.begin(), {"virsh", folder, host});
        const auto done = run(words, 90s);
        return done.ok() ? "" : done.err;
    }
    static std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }
    static std::string state(const std::string& host) { return first_line(quiet({"virsh", folder, host, "domstate", "web1"})); }
    static bool locked(const std::string& host) { return std::filesystem::exists(folder + "/" + host + "/bailiff/state/locks/" + vm + ".lock"); }

    /// A case whose next step a person takes at once: the VM is to be off.
    static std::string switched_off() {
        const auto report = parse_json(ctl({"report", "add", "--type", "content/malware", "--vm", vm, "--reporter", "cert@reporter.example",
                                            "--summary", "EICAR in invoice.php", "--json"}));
        const std::string id = report->at("case").get<std::string>();
        ctl({"case", "review", id, "--reason", "it spreads"});
        ctl({"case", "decide", id, "--decision", "treat", "--reason", "switch it off now"});
        return id;
    }
    static std::string history(const std::string& id) { return quiet({"ctl", folder, "case", "history", id}); }
    static bool tells(const std::string& id, const std::string& words, std::chrono::milliseconds patience = 90s) {
        const bool told = eventually([&] { return history(id).find(words) != std::string::npos; }, patience);
        if (!told) std::cout << "the case does not tell '" << words << "':\n" << history(id) << "\n";
        return told;
    }
    /// A host that lost its power starts no VM again by itself: neither does the release, which finds it off.
    static void runs_on_h1() {
        if (state("h1") == "running") return;
        EXPECT_EQ(virsh_error("h1", {"start", "web1"}), "");
    }
    /// Gives the VM back as it was and closes the case.
    static void given_back(const std::string& id) {
        quiet({"ctl", folder, "case", "review", id, "--reason", "enough seen"});
        ctl({"case", "decide", id, "--decision", "dismiss", "--reason", "the end of this test"});
        EXPECT_TRUE(tells(id, "case closed", 2min));
        // A host that the VM left while it was locked keeps its lock until it is told otherwise. These two are no cluster to
        // the controller, so nobody does.
        (void)agent::FileGuard(folder + "/h2/bailiff/state/locks").unlock(VmId(vm));
    }

    inline static std::string folder, vm;
    SystemClock clock;
};

TEST_F(Provider, the_order_and_the_case_follow_a_vm_that_moved_unseen) {
    // Neither host is heard while the VM moves: the controller believes it on h1.
    script({"stop", folder, "h1", "link"});
    script({"stop", folder, "h2", "link"});
    measured("cluster migrate", [] { script({"migrate", folder, "web1", "h1", "h2"}); });
    EXPECT_EQ(state("h2"), "running");
    const std::string id = switched_off();
    // h1 answers that it does not have it, and when it left; that is no end.
    script({"start", folder, "h1", "link"});
    EXPECT_TRUE(eventually([] {
        std::ifstream in(folder + "/h1/agent.log");
        const std::string log{std::istreambuf_iterator<char>(in), {}};
        return log.find("code=unknown_vm") != std::string::npos && log.find("it was migrated away at") != std::string::npos;
    }));
    EXPECT_EQ(state("h2"), "running");
    const std::string told = history(id);
    EXPECT_EQ(told.find("review opened"), told.rfind("review opened")) << "a person was called too early:\n" << told;
    script({"start", folder, "h2", "link"});
    measured("h2 is heard again -> VM off and locked there", [&] {
        EXPECT_TRUE(tells(id, "VM moved to host h2"));
        EXPECT_TRUE(tells(id, "VM is off"));
    });
    EXPECT_EQ(state("h2"), "shut off");
    EXPECT_TRUE(locked("h2"));
    EXPECT_NE(virsh_error("h2", {"start", "web1"}).find("locked by case " + id), std::string::npos);

    // In the middle of its treatment, with evidence frozen on h2, the panel moves it to h1: the lock follows.
    EXPECT_TRUE(tells(id, "evidence frozen"));
    EXPECT_TRUE(tells(id, "scan: infected", 2min));
    script({"migrate", folder, "web1", "h2", "h1", "--offline"});
    EXPECT_TRUE(tells(id, "VM moved to host h1"));
    EXPECT_TRUE(eventually([] { return locked("h1"); })) << "the lock did not follow";
    EXPECT_NE(virsh_error("h1", {"start", "web1"}).find("locked by case " + id), std::string::npos);
    EXPECT_EQ(state("h1"), "shut off");
    EXPECT_EQ(state("h2"), "");
    // And so does the treatment: evidence is on the host where the VM is.
    EXPECT_TRUE(eventually([] {
        std::error_code none;
        return !std::filesystem::is_empty(folder + "/h1/bailiff/state/evidence", none) && !none;
    })) << "no evidence on the new host";
    EXPECT_TRUE(eventually([&] { return ctl({"case", "show", id, "--json"}).find("clean_decision") != std::string::npos; }, 2min));
    given_back(id);
    EXPECT_FALSE(locked("h1"));
    // Found off on h1, and off because of the case: it ran when the case first switched it off, on h2.
    EXPECT_TRUE(eventually([] { return state("h1") == "running"; })) << "power is not as it was found";
}

TEST_F(Provider, a_host_that_dies_with_an_order_on_its_way_carries_it_out_when_it_is_back) {
    ASSERT_EQ(state("h1"), "running");
    script({"stop", folder, "h1", "link"});
    const std::string id = switched_off();
    script({"crash", folder, "h1"});
    std::this_thread::sleep_for(2s);
    EXPECT_EQ(history(id).find("VM is off"), std::string::npos) << "nobody said so yet";
    measured("power back -> VM off and locked", [&] {
        script({"boot", folder, "h1"});
        EXPECT_TRUE(tells(id, "VM is off"));
    });
    EXPECT_TRUE(locked("h1"));
    EXPECT_NE(virsh_error("h1", {"start", "web1"}).find("locked by case " + id), std::string::npos);
    given_back(id);
    EXPECT_FALSE(locked("h1"));
}

TEST_F(Provider, bailiff_link_dies_over_and_over_and_nothing_is_lost) {
    runs_on_h1();
    const std::string id = switched_off();
    int kills = 0;
    const auto killed = [&] {
        // SIGKILL, by the pid that the script wrote down.
        std::ifstream in(folder + "/h1/link.pid");
        pid_t pid = 0;
        in >> pid;
        if (pid > 1 && ::kill(pid, SIGKILL) == 0) ++kills;
        script({"start", folder, "h1", "link"});
    };
    EXPECT_TRUE(eventually([&] { return killed(), history(id).find("scan: infected") != std::string::npos; }, 3min)) << history(id);
    std::cout << "bailiff-link killed " << kills << " times\n";
    EXPECT_GE(kills, 3);
    const std::string told = history(id);
    for (const char* once : {"VM is off", "evidence frozen", "scan: infected"})
        EXPECT_EQ(told.find(once), told.rfind(once)) << "'" << once << "' counts twice:\n" << told;
    given_back(id);
}

TEST_F(Provider, a_vm_that_runs_on_two_hosts_is_told) {
    runs_on_h1();
    const auto report = parse_json(ctl({"report", "add", "--type", "content/malware", "--vm", vm, "--reporter", "cert@reporter.example", "--summary", "x", "--json"}));
    const std::string id = report->at("case").get<std::string>();
    // The same VM on a copy of its disk: on one machine QEMU's image lock would keep it from the same one.
    std::ifstream in(folder + "/shared/web1.xml");
    std::string xml{std::istreambuf_iterator<char>(in), {}};
    std::filesystem::copy_file(folder + "/shared/web1.qcow2", folder + "/shared/copy.qcow2");
    for (const std::string& own : {std::string("/web1.qcow2"), std::string("/web1.console")}) xml.replace(xml.find(own) + 1, 4, "copy");
    std::ofstream(folder + "/shared/copy.xml") << xml;
    ASSERT_EQ(virsh_error("h2", {"create", folder + "/shared/copy.xml"}), "");
    EXPECT_TRUE(tells(id, "runs on host"));
    EXPECT_EQ(virsh_error("h2", {"destroy", "web1"}), "");
    given_back(id);
}

}  // namespace
}  // namespace bailiff::test
