// SPDX-License-Identifier: Apache-2.0
// Scratch space of live scans: what is made for QEMU, and the words with which a scan ends before it is full.
#include "agent/evidence/scan_scratch.hpp"

#include "agent/evidence/qemu_img.hpp"

#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace bailiff::agent {
namespace {

class ScratchOfScans : public testing::Test {
  protected:
    ScratchOfScans() {
        char name[] = "/tmp/bailiff-scratch-XXXXXX";
        folder = std::string(::mkdtemp(name)) + "/live-scan";
        vm.disks = {{{"vda", "qcow2", "/images/a", false}, 64 << 20, 0}, {{"vdb", "raw", "/images/b", false}, 1 << 20, 0}, {{"sda", "raw", "/images/c", true}, 1 << 20, 0}};
        vm.user = ::geteuid();
        vm.group = ::getegid();
    }
    ~ScratchOfScans() override { std::filesystem::remove_all(std::filesystem::path(folder).parent_path()); }
    static unsigned mode(const std::string& path) {
        struct stat found {};
        return ::stat(path.c_str(), &found) == 0 ? found.st_mode & 07777U : 0;
    }

    const JobId job{std::string(32, '7')};
    LiveVm vm;
    std::string folder;
};

TEST_F(ScratchOfScans, a_file_for_each_disk_that_the_guest_writes_and_a_place_for_the_socket) {
    FolderScratch scratch(folder, {1 << 20, 1});
    ASSERT_TRUE(scratch.prepare(job));
    EXPECT_TRUE(scratch.made(job).scratch.empty());
    EXPECT_EQ(scratch.shortage(job), "");
    const auto made = scratch.make(job, vm);
    ASSERT_TRUE(made) << made.error().text;
    ASSERT_EQ(made->scratch.size(), 2u);
    EXPECT_EQ(*made, scratch.made(job)) << "a restarted agent knows them too";
    for (const auto& [target, path] : made->scratch) {
        EXPECT_TRUE(path.starts_with(scratch.folder(job) + "/"));
        EXPECT_EQ(mode(path), 0600u);
    }
    EXPECT_EQ(image_info(made->scratch.at("vda"), "qcow2")->virtual_bytes, 64 << 20);
    EXPECT_EQ(mode(scratch.folder(job)), 0711u) << "QEMU's user opens what it knows, lists nothing and makes nothing";
    EXPECT_EQ(mode(std::filesystem::path(made->socket).parent_path()), 0700u);
    EXPECT_TRUE(scratch.make(job, vm)) << "again, after a crash";
    ASSERT_TRUE(scratch.remove(job));
    EXPECT_FALSE(std::filesystem::exists(scratch.folder(job)));
    EXPECT_TRUE(scratch.remove(job)) << "and again";
    EXPECT_EQ(scratch.shortage(job), "") << "what is not there takes no room";
}

TEST_F(ScratchOfScans, ends_when_a_guest_takes_more_than_its_share) {
    FolderScratch scratch(folder, {2 << 20, 1});
    const auto made = scratch.make(job, vm);
    ASSERT_TRUE(made);
    EXPECT_EQ(scratch.shortage(job), "");
    std::ofstream(made->scratch.at("vdb"), std::ios::binary | std::ios::app) << std::string(3 << 20, 'x') << std::flush;
    EXPECT_NE(scratch.shortage(job).find("2 MiB"), std::string::npos) << scratch.shortage(job);
    EXPECT_NE(scratch.shortage(job).find("live-scan-scratch-mib"), std::string::npos);
}

TEST_F(ScratchOfScans, needs_room_before_and_keeps_room_meanwhile) {
    FolderScratch roomy(folder, {1 << 20, 1});
    ASSERT_TRUE(roomy.make(job, vm));
    // Nobody has all of a disk free.
    FolderScratch greedy(folder, {1 << 20, 100});
    EXPECT_NE(greedy.shortage(job).find("live-scan-keep-percent"), std::string::npos) << greedy.shortage(job);
    const auto refused = greedy.prepare(job);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::unavailable);
    EXPECT_NE(refused.error().text.find("live-scan-scratch-mib"), std::string::npos) << refused.error().text;
    EXPECT_FALSE(FolderScratch(folder, {int64_t{1} << 60, 1}).prepare(job));
}

TEST_F(ScratchOfScans, names_that_would_lead_elsewhere_are_refused) {
    FolderScratch scratch(folder, {1 << 20, 1});
    EXPECT_FALSE(scratch.remove(JobId("../images")));
    vm.disks[0].disk.target = "../../vda";
    EXPECT_FALSE(scratch.make(job, vm));
    vm.disks.resize(0);
    EXPECT_FALSE(scratch.make(job, vm)) << "nothing to serve";
    EXPECT_FALSE(FolderScratch(folder + std::string(80, 'x'), {1 << 20, 1}).prepare(JobId("../x")));
}

}  // namespace
}  // namespace bailiff::agent
