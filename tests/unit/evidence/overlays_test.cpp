// SPDX-License-Identifier: Apache-2.0
// An overlay takes every write; its base changes by commit alone, and only when it is still the same base.
#include "agent/evidence/qemu_overlays.hpp"
#include "agent/evidence/sha256.hpp"
#include "tests/unit/evidence/image_fixture.hpp"

#include <filesystem>

namespace bailiff::agent {
namespace {

class OverlaysTest : public test::ImageFixture {
  protected:
    QemuOverlays overlays(const std::string& nvram = "") const {
        return QemuOverlays(folder_ + "/overlays",
                            [nvram](const VmId&) -> Result<std::string> { return nvram; });
    }
    std::string hash(const std::string& name) const { return *sha256_of_file(folder_ + "/" + name); }
    std::string base_content() {
        EXPECT_TRUE(output_of({"qemu-img", "convert", "-f", "qcow2", "-O", "raw", folder_ + "/disk.qcow2",
                               folder_ + "/out.raw"}));
        return *read_file(folder_ + "/out.raw", size_t{32} << 20);
    }
};

TEST_F(OverlaysTest, takes_the_writes_and_commits_them_as_often_as_asked) {
    QemuOverlays overlays = this->overlays();
    const std::string before = hash("disk.qcow2");
    const auto made = overlays.create(vm_, case_, disk("disk.qcow2", "qcow2"));
    ASSERT_TRUE(made) << made.error().text;
    EXPECT_EQ(made->target, "vda");
    EXPECT_EQ(*overlays.create(vm_, case_, disk("disk.qcow2", "qcow2")), *made)
        << "making it twice is making it once";
    EXPECT_EQ(*overlays.find(vm_, case_), std::vector{*made});
    EXPECT_TRUE(overlays.find(vm_, CaseId("C-18"))->empty());
    guest_writes(made->path, "write -P 0x42 0 4096");
    EXPECT_EQ(hash("disk.qcow2"), before);
    ASSERT_TRUE(overlays.commit(*made));
    ASSERT_TRUE(overlays.commit(*made)) << "a commit may be repeated";
    content_.replace(0, 4096, std::string(4096, 'B'));
    EXPECT_EQ(base_content(), content_);
    ASSERT_TRUE(overlays.drop(*made));
    ASSERT_TRUE(overlays.drop(*made)) << "and so may a drop";
    EXPECT_TRUE(overlays.find(vm_, case_)->empty());
    EXPECT_FALSE(std::filesystem::exists(folder_ + "/overlays/" + vm_.text()));
}

TEST_F(OverlaysTest, a_dropped_overlay_leaves_the_base_as_it_was) {
    QemuOverlays overlays = this->overlays();
    const std::string before = hash("disk.qcow2");
    const auto made = overlays.create(vm_, case_, disk("disk.qcow2", "qcow2"));
    ASSERT_TRUE(made);
    guest_writes(made->path, "write -P 0x42 0 65536");
    ASSERT_TRUE(overlays.drop(*made));
    EXPECT_EQ(hash("disk.qcow2"), before);
}

/// An agent was killed between making the folder and opening it.
TEST_F(OverlaysTest, a_folder_left_closed_is_opened_to_qemu) {
    const std::string folder = folder_ + "/overlays/" + vm_.text();
    std::filesystem::create_directories(folder);
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all);
    ASSERT_TRUE(overlays().create(vm_, case_, disk("disk.qcow2", "qcow2")));
    EXPECT_EQ(std::filesystem::status(folder).permissions(), std::filesystem::perms(0711));
}

TEST_F(OverlaysTest, refuses_to_commit_into_another_image) {
    QemuOverlays overlays = this->overlays();
    const auto made = overlays.create(vm_, case_, disk("disk.qcow2", "qcow2"));
    ASSERT_TRUE(made);
    guest_writes(made->path, "write -P 0x42 0 4096");
    // A panel has restored the image from its backup meanwhile: the same name, another file.
    convert("disk.raw", "restored.qcow2");
    std::filesystem::rename(folder_ + "/restored.qcow2", folder_ + "/disk.qcow2");
    const std::string restored = hash("disk.qcow2");
    EXPECT_EQ(overlays.commit(*made).error().code, Errc::conflict);
    EXPECT_EQ(hash("disk.qcow2"), restored);
    Overlay elsewhere = *made;
    elsewhere.base = folder_ + "/disk.raw";
    EXPECT_EQ(overlays.commit(elsewhere).error().code, Errc::conflict);
    VmDisk other = disk("disk.raw", "raw");
    EXPECT_EQ(overlays.create(vm_, case_, other).error().code, Errc::conflict)
        << "vda stands on another image already";
}

TEST_F(OverlaysTest, stands_on_raw_images_too) {
    QemuOverlays overlays = this->overlays();
    const auto made = overlays.create(vm_, case_, disk("disk.raw", "raw"));
    ASSERT_TRUE(made) << made.error().text;
    guest_writes(made->path, "write -P 0x43 4096 4096");
    ASSERT_TRUE(overlays.commit(*made));
    content_.replace(4096, 4096, std::string(4096, 'C'));
    EXPECT_EQ(hash("disk.raw"), sha256_of(content_));
}

TEST_F(OverlaysTest, refuses_names_that_lead_elsewhere) {
    QemuOverlays overlays = this->overlays();
    VmDisk bad = disk("disk.raw", "raw");
    bad.target = "../vda";
    EXPECT_EQ(overlays.create(vm_, case_, bad).error().code, Errc::invalid);
    EXPECT_EQ(overlays.create(VmId("../x"), case_, disk("disk.raw", "raw")).error().code, Errc::invalid);
    EXPECT_EQ(overlays.create(vm_, case_, {"vda", "raw", "rbd:pool/image", false}).error().code,
              Errc::invalid);
    EXPECT_EQ(overlays.drop({"vda", folder_ + "/disk.qcow2", "", ""}).error().code, Errc::invalid);
    EXPECT_EQ(overlays.drop({"vda", folder_ + "/overlays/../disk.qcow2", "", ""}).error().code,
              Errc::invalid);
    EXPECT_TRUE(std::filesystem::exists(folder_ + "/disk.qcow2"));
}

TEST_F(OverlaysTest, copies_nvram_once) {
    EXPECT_EQ(*overlays().copy_nvram(vm_, case_), "");
    ASSERT_TRUE(write_durably(folder_ + "/vars.fd", "first", 0600));
    QemuOverlays overlays = this->overlays(folder_ + "/vars.fd");
    const auto copy = overlays.copy_nvram(vm_, case_);
    ASSERT_TRUE(copy) << copy.error().text;
    ASSERT_TRUE(write_durably(folder_ + "/vars.fd", "second", 0600));
    EXPECT_EQ(*overlays.copy_nvram(vm_, case_), *copy);
    EXPECT_EQ(*read_file(*copy, 100), "first") << "the quarantined VM may have written to it";
}

}  // namespace
}  // namespace bailiff::agent
