// SPDX-License-Identifier: Apache-2.0
// Locks outlive the agent, are repaired when half of them is lost, and never appear by halves.
#include "agent/guard/file_guard.hpp"

#include "agent/files/durable_file.hpp"
#include "agent/process/process.hpp"

#include <bailiff/system_clock.hpp>

#include <csignal>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <filesystem>

namespace bailiff::agent {
namespace {

const VmId vm("11111111-2222-4333-8444-555555555555");

class FileGuardTest : public testing::Test {
  protected:
    FileGuardTest() {
        char name[] = "/tmp/bailiff-guard-XXXXXX";
        folder_ = ::mkdtemp(name);
    }
    ~FileGuardTest() override { std::filesystem::remove_all(folder_); }

    LockRecord record() const {
        return {vm,
                CaseId("C-17"),
                "web \"1\"",
                {{"vda", "qcow2", folder_ + "/disk", false}, {"sda", "raw", "/iso", true}},
                true,
                true,
                Instant(Seconds(1'800'000'000))};
    }
    bool exists(const std::string& name) const { return std::filesystem::exists(folder_ + "/" + name); }

    std::string folder_;
};

TEST_F(FileGuardTest, a_lock_is_found_by_the_next_agent) {
    ASSERT_TRUE(FileGuard(folder_).lock(record()));
    FileGuard next(folder_);
    ASSERT_TRUE(next.find(vm));
    EXPECT_EQ(*next.find(vm), record());
    EXPECT_EQ(next.all(), std::vector{record()});
    ASSERT_TRUE(next.lock(record())) << "locking twice is locking once";
    ASSERT_TRUE(next.unlock(vm));
    ASSERT_TRUE(next.unlock(vm)) << "and so is unlocking";
    EXPECT_FALSE(next.find(vm));
    EXPECT_FALSE(exists(vm.text() + ".lock"));
}

TEST_F(FileGuardTest, files_are_for_root_only) {
    ASSERT_TRUE(FileGuard(folder_).lock(record()));
    for (const char* suffix : {".json", ".lock"}) {
        struct stat found {};
        ASSERT_EQ(::stat((folder_ + "/" + vm.text() + suffix).c_str(), &found), 0);
        EXPECT_EQ(found.st_mode & 0777, 0600u);
    }
}

TEST_F(FileGuardTest, a_lost_gate_file_is_written_again_at_the_start) {
    ASSERT_TRUE(FileGuard(folder_).lock(record()));
    const std::string canary = fmt::format("{}.lock", canary_uuid);
    ::unlink((folder_ + "/" + vm.text() + ".lock").c_str());
    ::unlink((folder_ + "/" + canary).c_str());
    const FileGuard next(folder_);
    EXPECT_TRUE(exists(vm.text() + ".lock"));
    EXPECT_TRUE(exists(canary));
}

TEST_F(FileGuardTest, a_damaged_record_is_an_outage_and_no_absence) {
    FileGuard guard(folder_);
    ASSERT_TRUE(guard.lock(record()));
    ASSERT_TRUE(write_durably(folder_ + "/" + vm.text() + ".json", "{", 0600));
    EXPECT_THROW(guard.find(vm), Outage);
}

TEST_F(FileGuardTest, refuses_what_is_no_uuid) {
    FileGuard guard(folder_);
    LockRecord bad = record();
    bad.vm = VmId("../../etc/passwd");
    EXPECT_EQ(guard.lock(bad).error().code, Errc::invalid);
    EXPECT_EQ(guard.unlock(bad.vm).error().code, Errc::invalid);
    EXPECT_EQ(guard.permit(vm, "short").error().code, Errc::invalid);
    EXPECT_FALSE(guard.find(bad.vm));
}

TEST_F(FileGuardTest, a_guard_never_replaces_a_lock_and_a_lock_replaces_a_guard) {
    FileGuard guard(folder_);
    LockRecord held;
    held.vm = vm;
    held.case_id = CaseId("C-9");
    held.guard = true;
    ASSERT_TRUE(guard.lock(held));
    EXPECT_EQ(guard.find(vm), held) << "the flag is kept";
    EXPECT_TRUE(exists(vm.text() + ".lock"));
    ASSERT_TRUE(guard.lock(record()));
    EXPECT_EQ(guard.find(vm), record());
    ASSERT_TRUE(guard.lock(held));
    EXPECT_EQ(guard.find(vm), record());
}

TEST_F(FileGuardTest, a_record_of_an_older_agent_is_no_guard) {
    FileGuard guard(folder_);
    ASSERT_TRUE(guard.lock(record()));
    auto text = *read_file(folder_ + "/" + vm.text() + ".json", 65536);
    const auto field = text.find("\"guard\"");
    ASSERT_NE(field, std::string::npos);
    text.erase(field, text.find_first_of(",\n", field) - field + (text[text.find_first_of(",\n", field)] == ',' ? 1 : 0));
    ASSERT_TRUE(write_durably(folder_ + "/" + vm.text() + ".json", text, 0600));
    ASSERT_TRUE(guard.find(vm));
    EXPECT_FALSE(guard.find(vm)->guard);
}

TEST_F(FileGuardTest, says_when_its_folder_cannot_be_used) {
    EXPECT_THROW(FileGuard("/proc/no/such/folder"), Outage);
}

/// Against QEMU's own tool, which takes the same locks as a guest.
class Holding : public FileGuardTest {
  protected:
    void SetUp() override {
        for (const char* format : {"raw", "qcow2"}) {
            const auto made = Process::run({"qemu-img", "create", "-q", "-f", format, path(format), "8M"});
            if (!made) GTEST_SKIP() << "qemu-utils is missing";
            ASSERT_TRUE(made->ok()) << made->describe();
        }
    }
    void TearDown() override { (void)guard().let_go(vm); }

    FileGuard guard() const { return FileGuard(folder_, BAILIFF_BIN_DIR "/bailiff-hold"); }
    std::string path(const std::string& format) const { return folder_ + "/disk." + format; }
    std::vector<VmDisk> disks() const { return {{"vda", "qcow2", path("qcow2"), false}, {"vdb", "raw", path("raw"), false}, {"sda", "raw", "/iso", true}}; }
    std::string io(const std::string& format, const std::string& what) const {
        std::vector<std::string> argv{"qemu-io", "-f", format, "-c", what + " 0 512", path(format)};
        if (what == "read") argv.push_back("-r");
        const auto done = Process::run(argv);
        return done->out + done->err;
    }
    std::optional<pid_t> holder() const { return ImageHolder(folder_, "").find(vm); }
};

TEST_F(Holding, nobody_writes_and_everybody_reads) {
    auto one = guard();
    ASSERT_TRUE(one.lock(record()));
    ASSERT_EQ(io("raw", "write").find("lock"), std::string::npos) << io("raw", "write");
    const SystemClock clock;
    const auto began = clock.monotonic();
    const auto held = one.hold(vm, disks());
    std::cout << "measured: taking two disks " << (clock.monotonic() - began).count() << " ms\n";
    ASSERT_TRUE(held) << held.error().text;
    for (const char* format : {"raw", "qcow2"}) {
        EXPECT_NE(io(format, "write").find("Failed to get \"write\" lock"), std::string::npos) << io(format, "write");
        EXPECT_NE(io(format, "read").find("read 512/512"), std::string::npos) << io(format, "read");
    }
    const auto status = *read_file("/proc/" + std::to_string(*holder()) + "/status", 65536);
    std::cout << "measured: " << status.substr(status.find("VmRSS"), 24) << "\n";

    // An overlay reads its base: a quarantine boot is not hindered. A commit is, until we let go.
    ASSERT_TRUE(Process::run({"qemu-img", "create", "-q", "-f", "qcow2", "-b", path("raw"), "-F", "raw", folder_ + "/over"})->ok());
    EXPECT_TRUE(Process::run({"qemu-io", "-f", "qcow2", "-c", "write 0 512", folder_ + "/over"})->ok());
    EXPECT_FALSE(Process::run({"qemu-img", "commit", "-q", "-f", "qcow2", folder_ + "/over"})->ok());
    ASSERT_TRUE(one.let_go(vm));
    EXPECT_TRUE(Process::run({"qemu-img", "commit", "-q", "-f", "qcow2", folder_ + "/over"})->ok());
    EXPECT_FALSE(holder());
}

TEST_F(Holding, there_is_one_holder_whoever_asks) {
    ASSERT_TRUE(guard().lock(record()));
    ASSERT_TRUE(guard().hold(vm, disks()));
    const auto first = holder();
    ASSERT_TRUE(first);
    ASSERT_TRUE(guard().hold(vm, disks())) << "the next agent finds it";
    EXPECT_EQ(holder(), first);
    // The image was replaced: what the holder has open is no longer what a start would use.
    std::filesystem::rename(path("raw"), path("raw") + ".old");
    ASSERT_TRUE(Process::run({"qemu-img", "create", "-q", "-f", "raw", path("raw"), "8M"})->ok());
    ASSERT_TRUE(guard().hold(vm, disks()));
    EXPECT_NE(holder(), first);
    EXPECT_NE(io("raw", "write").find("lock"), std::string::npos);
    // It died.
    ::kill(*holder(), SIGKILL);
    for (int i = 0; i < 100 && holder(); ++i) ::usleep(10'000);
    EXPECT_FALSE(holder());
    ASSERT_TRUE(guard().hold(vm, disks()));
    EXPECT_TRUE(holder());
}

TEST_F(Holding, ends_with_the_lock) {
    ASSERT_TRUE(guard().lock(record()));
    ASSERT_TRUE(guard().hold(vm, disks()));
    ASSERT_TRUE(guard().unlock(vm));
    EXPECT_FALSE(holder());
    EXPECT_FALSE(exists(vm.text() + ".hold"));
    ASSERT_TRUE(guard().hold(vm, disks())) << "a release may have come in between";
    EXPECT_FALSE(holder());
    // The lock was taken away by hand: the next agent ends the holder.
    ASSERT_TRUE(guard().lock(record()));
    ASSERT_TRUE(guard().hold(vm, disks()));
    ::unlink((folder_ + "/" + vm.text() + ".json").c_str());
    guard();
    EXPECT_FALSE(holder());
}

TEST_F(Holding, a_writer_under_another_name_is_noticed) {
    ASSERT_TRUE(guard().lock(record()));
    auto writer = Process::start({"qemu-nbd", "-f", "raw", "-k", folder_ + "/w.sock", "-t", path("raw")});
    ASSERT_TRUE(writer);
    for (int i = 0; i < 200 && !std::filesystem::exists(folder_ + "/w.sock"); ++i) ::usleep(10'000);
    const auto held = guard().hold(vm, disks());
    ASSERT_FALSE(held);
    EXPECT_EQ(held.error().code, Errc::conflict) << held.error().text;
    EXPECT_NE(held.error().text.find(path("raw")), std::string::npos) << held.error().text;
    EXPECT_FALSE(holder());
    writer->stop();
    EXPECT_TRUE(guard().hold(vm, disks()));
}

TEST_F(Holding, a_missing_program_is_said_and_nothing_else) {
    FileGuard without(folder_, "/no/such/bailiff-hold");
    ASSERT_TRUE(without.lock(record()));
    EXPECT_EQ(without.hold(vm, disks()).error().code, Errc::unavailable);
    EXPECT_TRUE(without.unlock(vm));
}

}  // namespace
}  // namespace bailiff::agent
