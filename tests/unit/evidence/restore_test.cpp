// SPDX-License-Identifier: Apache-2.0
// A disk that is put back from its evidence set shows the guest exactly what it showed before, in its own format.
#include "agent/evidence/file_evidence.hpp"
#include "agent/evidence/qemu_img.hpp"
#include "tests/unit/evidence/image_fixture.hpp"

#include <sys/stat.h>
#include <fstream>

namespace bailiff::agent {
namespace {

class Restore : public test::ImageFixture {
  protected:
    EvidenceSet frozen(const VmDisk& disk) {
        const auto set = evidence_.freeze({EvidenceId("C-17-job"), vm_, case_, {disk}, "<domain/>\n", Instant(Seconds(1'800'000'000))}, {});
        EXPECT_TRUE(set) << set.error().text;
        return *set;
    }
    std::string seen_by_guest(const VmDisk& disk) const {
        EXPECT_TRUE(convert_image(disk.source, disk.format, folder_ + "/seen.raw", "raw", false, std::chrono::minutes{1}));
        return *read_file(folder_ + "/seen.raw", size_t{32} << 20);
    }
    void write(const VmDisk& disk, const std::string& command) {
        ASSERT_TRUE(output_of({"qemu-io", "-f", disk.format, "-c", command, disk.source}));
    }
    /// Freezes, overwrites data and holes alike, puts back; twice, as after a crash.
    void there_and_back(const VmDisk& disk) {
        const auto set = frozen(disk);
        const std::string before = seen_by_guest(disk);
        struct stat owned {};
        ASSERT_EQ(::chmod(disk.source.c_str(), 0640), 0);
        ASSERT_EQ(::stat(disk.source.c_str(), &owned), 0);
        std::ofstream(disk.source + ".bailiff-part") << "left behind by a crash";
        for (int round = 0; round < 2; ++round) {
            write(disk, "write -P 0x42 0 65536");
            write(disk, "write -P 0x43 8M 1M");
            ASSERT_NE(seen_by_guest(disk), before);
            const auto done = evidence_.put_back(set, disk);
            ASSERT_TRUE(done) << done.error().text;
            EXPECT_EQ(seen_by_guest(disk), before);
        }
        struct stat after {};
        ASSERT_EQ(::stat(disk.source.c_str(), &after), 0);
        EXPECT_EQ(after.st_mode, owned.st_mode);
        EXPECT_EQ(after.st_uid, owned.st_uid);
        EXPECT_TRUE(evidence_.verify(set)) << "the set is only read";
    }
    static FileEvidence store(const std::string& folder) {
        return {folder, [](const VmId&) -> Result<std::string> { return std::string(); }};
    }
    void SetUp() override {
        ImageFixture::SetUp();
        evidence_ = store(folder_ + "/evidence");
    }
    FileEvidence evidence_ = store("/nonexistent");
};

TEST_F(Restore, a_raw_image) {
    there_and_back(disk("disk.raw", "raw"));
    EXPECT_FALSE(std::filesystem::exists(folder_ + "/disk.raw.bailiff-part"));
}

TEST_F(Restore, a_qcow2_image_comes_back_as_qcow2_also_from_a_raw_copy) {
    there_and_back(disk("disk.qcow2", "qcow2"));
    EXPECT_FALSE(std::filesystem::exists(folder_ + "/disk.qcow2.bailiff-part"));
}

TEST_F(Restore, an_image_keeps_its_backing_file_and_that_one_is_not_touched) {
    ASSERT_TRUE(create_overlay(folder_ + "/top.qcow2", folder_ + "/disk.qcow2", "qcow2"));
    const VmDisk top = disk("top.qcow2", "qcow2");
    write(top, "write -P 0x41 4096 4096");
    const std::string base = seen_by_guest(disk("disk.qcow2", "qcow2"));
    there_and_back(top);
    EXPECT_EQ(image_info(top.source, "qcow2")->backing, folder_ + "/disk.qcow2");
    EXPECT_EQ(seen_by_guest(disk("disk.qcow2", "qcow2")), base);
}

TEST_F(Restore, never_another_disk) {
    const auto set = frozen(disk("disk.qcow2", "qcow2"));
    convert("disk.raw", "other.qcow2");
    write(disk("other.qcow2", "qcow2"), "write -P 0x42 0 65536");
    const std::string other = seen_by_guest(disk("other.qcow2", "qcow2"));
    EXPECT_EQ(evidence_.put_back(set, disk("other.qcow2", "qcow2")).error().code, Errc::invalid);
    VmDisk renamed = disk("disk.qcow2", "qcow2");
    renamed.target = "vdb";
    EXPECT_EQ(evidence_.put_back(set, renamed).error().code, Errc::invalid);
    EXPECT_EQ(evidence_.put_back(set, disk("disk.qcow2", "raw")).error().code, Errc::invalid);
    EXPECT_EQ(seen_by_guest(disk("other.qcow2", "qcow2")), other);
}

TEST_F(Restore, a_set_that_was_damaged_since_it_was_verified_replaces_nothing) {
    const VmDisk own = disk("disk.raw", "raw");
    const auto set = frozen(own);
    write(own, "write -P 0x42 0 65536");
    const std::string committed = seen_by_guest(own);
    ASSERT_EQ(::chmod((set.folder + "/vda.raw").c_str(), 0600), 0);
    write({"vda", "raw", set.folder + "/vda.raw", false}, "write -P 0x66 1M 4096");
    EXPECT_EQ(evidence_.put_back(set, own).error().code, Errc::conflict);
    EXPECT_EQ(seen_by_guest(own), committed);
    EXPECT_FALSE(std::filesystem::exists(own.source + ".bailiff-part"));
}

}  // namespace
}  // namespace bailiff::agent
