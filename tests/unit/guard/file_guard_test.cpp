// SPDX-License-Identifier: Apache-2.0
// Locks outlive the agent, are repaired when half of them is lost, and never appear by halves.
#include "agent/guard/file_guard.hpp"

#include "agent/files/durable_file.hpp"

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

TEST_F(FileGuardTest, says_when_its_folder_cannot_be_used) {
    EXPECT_THROW(FileGuard("/proc/no/such/folder"), Outage);
}

}  // namespace
}  // namespace bailiff::agent
