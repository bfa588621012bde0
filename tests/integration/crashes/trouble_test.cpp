// SPDX-License-Identifier: Apache-2.0
// A host in trouble that is no crash: disks full, a state folder that cannot be written, a clock that jumps.
#include "tests/integration/crashes/invariants.hpp"

#include <cstdlib>

namespace bailiff::test {
namespace {

using namespace std::chrono_literals;

/// One host and one guest for all tests. The agent runs inside the host's namespaces, where small file systems are mounted
/// over its folders; from here they are looked at through `exec`.
class Trouble : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        if (!lab_missing().empty()) return;
        numbers = std::make_unique<Numbers>();
        host = std::make_unique<Officer>(*numbers, "h1");
        host->agent.inside = true;
        host->agent.agent_patience = host->agent.acpi_patience = 10;
        guest = std::make_unique<LabGuest>(host->host);
        vm = VmId(guest->uuid());
        guest->start();
    }
    static void TearDownTestSuite() {
        guest.reset();
        host.reset();
    }
    void SetUp() override {
        if (const std::string missing = lab_missing(); !missing.empty()) GTEST_SKIP() << missing;
        if (!guest->runs()) guest->start();
    }
    void TearDown() override {
        if (!host) return;
        host->agent.stop();
        if (HasFailure()) std::cout << host->agent.log();
        host->agent.more_options.clear();
        for (int i = 0; i < 3; ++i) (void)agent::Process::run(inside({"umount", "-l", host->agent.state()}));
        std::filesystem::remove_all(host->agent.state());
    }
    static std::vector<std::string> inside(std::vector<std::string> argv) {
        auto all = host->host.nsenter();
        all.insert(all.end(), argv.begin(), argv.end());
        return all;
    }
    /// A small file system instead of the whole state folder, before the agent starts.
    void small_state(const std::string& size) {
        std::filesystem::create_directories(host->agent.state());
        host->host.exec({"mount", "-t", "tmpfs", "-o", "mode=0711,size=" + size, "tmpfs", host->agent.state()});
    }
    void fill() { (void)agent::Process::run(inside({"dd", "if=/dev/zero", "of=" + host->agent.state() + "/filler", "bs=4k"})); }
    void free_again() { host->host.exec({"rm", "-f", host->agent.state() + "/filler"}); }
    void up() {
        host->agent.start();
        ASSERT_TRUE(eventually([&] { return host->agent.listen(50ms), host->agent.beat.gate_up; })) << "the agent is not up";
    }

    inline static std::unique_ptr<Numbers> numbers;
    inline static std::unique_ptr<Officer> host;
    inline static std::unique_ptr<LabGuest> guest;
    inline static VmId vm;
};

TEST_F(Trouble, a_journal_on_a_full_disk_takes_no_order_and_loses_none) {
    small_state("8m");
    up();
    fill();
    const Order order = host->order(vm, VmState::off);
    const Message message = OrderFrame{host->agent.sealed(order, order_payload_type)};
    for (int i = 0; i < 60; ++i) EXPECT_FALSE(host->agent.exchange(message, order.order_id.text(), 50ms)) << "answered without a memory of it";
    EXPECT_EQ(host->state("web1"), "running") << "nothing harmful begins without a journal";
    EXPECT_TRUE(host->agent.running()) << "a full disk must not end the agent";
    free_again();
    // The controller sends again what was not answered: at its next connection.
    host->agent.kill();
    host->agent.start();
    const auto answer = host->give(order);
    EXPECT_TRUE(reached(answer.status)) << answer.text;
    EXPECT_NE(host->state("web1"), "running");
    EXPECT_TRUE(reached(host->make(vm, VmState::running).status));
    expect_nothing_left(*host, *guest);
}

TEST_F(Trouble, the_disk_fills_up_in_the_middle_of_an_order) {
    small_state("8m");
    up();
    bool full = false;
    int rounds = 0;
    host->meanwhile = [&] {
        const std::string lock = host->locks_folder() + "/" + vm.text() + ".lock";
        if (!full && agent::Process::run(inside({"test", "-e", lock}))->ok()) {
            full = true;
            fill();
        }
        if (full && ++rounds == 100) free_again();
    };
    const auto answer = host->make(vm, VmState::off);
    EXPECT_TRUE(full);
    EXPECT_TRUE(reached(answer.status)) << answer.text;
    host->meanwhile = nullptr;
    free_again();
    EXPECT_NE(host->state("web1"), "running");
    EXPECT_NE(host->virsh_error({"start", "web1"}).find("locked by case C-1"), std::string::npos);
    EXPECT_TRUE(reached(host->make(vm, VmState::running).status));
    expect_nothing_left(*host, *guest);
}

TEST_F(Trouble, evidence_that_has_no_room_is_not_begun) {
    // The agent tries again for three minutes before it gives up.
    const char* wanted = std::getenv("BAILIFF_KILLS");
    if (!wanted || std::string(wanted) != "all") GTEST_SKIP() << "long: BAILIFF_KILLS=all, or contrib/test-long crashes";
    small_state("64m");
    up();
    ASSERT_TRUE(reached(host->make(vm, VmState::off).status));
    const auto disk = sha256_of_file(guest->disk());
    host->host.exec({"dd", "if=/dev/zero", "of=" + host->agent.state() + "/filler", "bs=1M", "count=45", "status=none"});
    const auto crowded = host->run(vm, JobKind::evidence);
    EXPECT_FALSE(reached(crowded.status));
    EXPECT_NE(crowded.text.find("make room"), std::string::npos) << crowded.text;
    EXPECT_EQ(host->host.exec({"find", host->agent.state() + "/evidence", "-type", "f"}), "") << "half a set is left";
    EXPECT_EQ(sha256_of_file(guest->disk()), disk);
    EXPECT_NE(host->virsh_error({"start", "web1"}).find("locked by case C-1"), std::string::npos);
    free_again();
    EXPECT_TRUE(reached(host->run(vm, JobKind::evidence).status));
    EXPECT_TRUE(reached(host->make(vm, VmState::running).status));
}

TEST_F(Trouble, a_state_folder_that_became_read_only_holds_its_locks) {
    small_state("16m");
    up();
    ASSERT_TRUE(reached(host->make(vm, VmState::off).status));
    host->agent.kill();
    host->host.exec({"mount", "-o", "remount,ro", host->agent.state()});
    host->agent.start();
    EXPECT_TRUE(eventually([&] { return !host->agent.running(); }, 20s)) << "it cannot keep a journal and must say so";
    host->agent.stop();
    EXPECT_NE(host->agent.log().find("event=died"), std::string::npos) << host->agent.log();
    EXPECT_NE(host->virsh_error({"start", "web1"}).find("locked by case C-1"), std::string::npos) << "the gate only reads";
    host->host.exec({"mount", "-o", "remount,rw", host->agent.state()});
    up();
    EXPECT_TRUE(reached(host->make(vm, VmState::running).status));
    expect_nothing_left(*host, *guest);
}

TEST_F(Trouble, the_wall_clock_jumps) {
    const std::string clock = host->host.folder() + "/clock";
    const auto jump = [&](int64_t seconds) { std::ofstream(clock) << seconds << "\n"; };
    jump(0);
    host->agent.more_options = {"--lab-clock", clock};
    up();
    // A day ahead while the guest is asked: patience is counted by the monotonic clock.
    bool jumped = false;
    host->meanwhile = [&] {
        if (jumped || !host->locks(vm)) return;
        jumped = true;
        jump(86400);
    };
    const auto off = host->make(vm, VmState::off);
    EXPECT_TRUE(jumped);
    EXPECT_TRUE(reached(off.status)) << off.text;
    host->meanwhile = nullptr;
    // On a host whose clock is wrong nothing new is obeyed, and the answer says which way it is wrong.
    const auto late = host->make(vm, VmState::running);
    EXPECT_EQ(late.refusal, Refusal::expired) << late.text;
    jump(-86400);
    const auto early = host->make(vm, VmState::running);
    EXPECT_EQ(early.refusal, Refusal::from_the_future) << early.text;
    EXPECT_NE(host->virsh_error({"start", "web1"}).find("locked by case C-1"), std::string::npos);
    jump(0);
    EXPECT_TRUE(reached(host->make(vm, VmState::running).status));
    expect_nothing_left(*host, *guest);
}

}  // namespace
}  // namespace bailiff::test
