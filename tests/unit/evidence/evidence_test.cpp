// SPDX-License-Identifier: Apache-2.0
// An evidence set is complete, read-only, proves itself, and leaves the source as it was.
#include "agent/evidence/file_evidence.hpp"
#include "agent/evidence/nbd_reader.hpp"
#include "agent/evidence/sha256.hpp"
#include "tests/unit/evidence/image_fixture.hpp"

#include <sys/stat.h>

namespace bailiff::agent {
namespace {

class Evidence : public test::ImageFixture {
  protected:
    EvidenceRequest request(std::vector<VmDisk> disks) const {
        return {EvidenceId("C-17-job"),         vm_, case_, std::move(disks), "<domain>…</domain>\n",
                Instant(Seconds(1'800'000'000))};
    }
    FileEvidence store(const std::string& nvram = "") const {
        return FileEvidence(folder_ + "/evidence",
                            [nvram](const VmId&) -> Result<std::string> { return nvram; });
    }
    std::string in(const EvidenceSet& set, const std::string& name) const { return set.folder + "/" + name; }
};

TEST_F(Evidence, hashes_text_zeros_and_files_alike) {
    Sha256 pieces;
    pieces.add("begin");
    pieces.add_zeros(content_.size() - 8);
    pieces.add("end");
    EXPECT_EQ(pieces.hex(), sha256_of(content_));
    EXPECT_EQ(*sha256_of_file(folder_ + "/disk.raw"), sha256_of(content_));
    EXPECT_EQ(sha256_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256_of_file(folder_ + "/none").error().code, Errc::not_found);
}

TEST_F(Evidence, reads_what_the_guest_sees_and_skips_what_is_empty) {
    auto reader = NbdReader::open(folder_ + "/disk.qcow2", "qcow2");
    ASSERT_TRUE(reader) << reader.error().text;
    EXPECT_EQ((*reader)->size_bytes(), content_.size());
    std::string seen(content_.size(), '\0');
    uint64_t data = 0, zeros = 0;
    ASSERT_TRUE((*reader)->read_all(
        [&](uint64_t offset, std::string_view bytes) -> Result<void> {
            seen.replace(size_t(offset), bytes.size(), bytes);
            data += bytes.size();
            return {};
        },
        [&](uint64_t, uint64_t count) -> Result<void> {
            zeros += count;
            return {};
        }));
    EXPECT_EQ(seen, content_);
    EXPECT_EQ(data + zeros, content_.size());
    EXPECT_GT(zeros, data);
}

TEST_F(Evidence, says_why_an_image_cannot_be_read) {
    const auto missing = NbdReader::open(folder_ + "/none.qcow2", "qcow2");
    ASSERT_FALSE(missing);
    EXPECT_NE(missing.error().text.find("No such file"), std::string::npos) << missing.error().text;
    EXPECT_FALSE(NbdReader::open(folder_ + "/disk.raw", "qcow2")) << "the format is pinned, not probed";
}

TEST_F(Evidence, a_set_is_complete_read_only_and_verifies) {
    const std::string before = *sha256_of_file(folder_ + "/disk.qcow2");
    ASSERT_TRUE(write_durably(folder_ + "/vars.fd", "variables", 0600));
    FileEvidence evidence = store(folder_ + "/vars.fd");
    std::vector<int> percents;
    const auto set =
        evidence.freeze(request({disk("disk.qcow2", "qcow2"), {"sda", "raw", "/nowhere.iso", true}}),
                        [&](int percent) { percents.push_back(percent); });
    ASSERT_TRUE(set) << set.error().text;
    EXPECT_EQ(set->id, EvidenceId("C-17-job"));
    EXPECT_EQ(percents.back(), 100);
    EXPECT_TRUE(std::is_sorted(percents.begin(), percents.end()));
    EXPECT_EQ(*evidence.definition(*set), "<domain>…</domain>\n");
    EXPECT_EQ(*read_file(in(*set, "nvram.fd"), 100), "variables");
    const auto manifest = parse_manifest(*read_file(in(*set, "manifest.json"), 65536));
    ASSERT_TRUE(manifest) << manifest.error().text;
    ASSERT_EQ(manifest->disks.size(), 1u) << "read-only media are no evidence";
    EXPECT_EQ(manifest->disks[0].guest_sha256, sha256_of(content_));
    EXPECT_EQ(manifest->disks[0].virtual_bytes, int64_t(content_.size()));
    if (manifest->disks[0].method == "copy") {
        EXPECT_EQ(*sha256_of_file(in(*set, "vda.raw")), sha256_of(content_));
        EXPECT_LT(set->bytes, int64_t(content_.size()) / 2) << "holes are kept";
    }
    for (const std::string& name : names_in(set->folder)) {
        struct stat found {};
        ASSERT_EQ(::stat(in(*set, name).c_str(), &found), 0);
        EXPECT_EQ(found.st_mode & 0777, 0400u) << name;
    }
    EXPECT_TRUE(evidence.verify(*set));
    EXPECT_EQ(*sha256_of_file(folder_ + "/disk.qcow2"), before) << "the source is untouched";
    EXPECT_EQ(*evidence.find(vm_, case_), *set);
    EXPECT_FALSE(evidence.find(vm_, CaseId("C-18")));
    EXPECT_EQ(*evidence.freeze(request({}), {}), *set) << "the same set again is the stored one";
    const auto removed = evidence.removed_folder(*set);
    ASSERT_TRUE(removed && evidence.removed_folder(*set));
    EXPECT_TRUE(evidence.verify(*set)) << "what cleaning moves there is no part of the frozen set";
}

TEST_F(Evidence, every_kind_of_tampering_is_found) {
    FileEvidence evidence = store();
    const auto set = evidence.freeze(request({disk("disk.raw", "raw")}), {});
    ASSERT_TRUE(set) << set.error().text;
    const std::string image = in(*set, "vda.raw"), manifest = in(*set, "manifest.json");
    const auto rewrite = [](const std::string& path, size_t at) {
        std::string text = *read_file(path, size_t{32} << 20);
        text[at] = char(text[at] ^ 1);
        EXPECT_TRUE(write_durably(path, text, 0400));
    };
    rewrite(image, 12'345);
    EXPECT_NE(evidence.verify(*set).error().text.find("vda.raw"), std::string::npos);
    rewrite(image, 12'345);
    EXPECT_TRUE(evidence.verify(*set)) << "flipped back";
    rewrite(manifest, 30);
    EXPECT_NE(evidence.verify(*set).error().text.find("manifest"), std::string::npos);
    rewrite(manifest, 30);
    rewrite(in(*set, "definition.xml"), 3);
    EXPECT_EQ(evidence.verify(*set).error().code, Errc::invalid);
    rewrite(in(*set, "definition.xml"), 3);
    ASSERT_TRUE(remove_durably(image));
    EXPECT_NE(evidence.verify(*set).error().text.find("vda.raw"), std::string::npos);
}

TEST_F(Evidence, an_image_on_a_base_is_frozen_with_its_base) {
    ASSERT_TRUE(output_of({"qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b",
                           folder_ + "/disk.qcow2", folder_ + "/top.qcow2"}));
    guest_writes(folder_ + "/top.qcow2", "write -P 0x41 4096 4096");
    FileEvidence evidence = store();
    const auto set = evidence.freeze(request({disk("top.qcow2", "qcow2")}), {});
    ASSERT_TRUE(set) << set.error().text;
    content_.replace(4096, 4096, std::string(4096, 'A'));
    EXPECT_EQ(*sha256_of_file(in(*set, "vda.raw")), sha256_of(content_)) << "one file that stands alone";
}

TEST_F(Evidence, fails_whole_and_leaves_nothing_behind) {
    FileEvidence evidence = store();
    EXPECT_EQ(
        evidence.freeze(request({disk("disk.qcow2", "qcow2"), {"vdb", "raw", "rbd:pool/image", false}}), {})
            .error()
            .code,
        Errc::not_found);
    EXPECT_EQ(evidence.freeze(request({disk("none.raw", "raw")}), {}).error().code, Errc::not_found);
    EXPECT_FALSE(evidence.freeze(request({disk("disk.raw", "qcow2")}), {}));
    EXPECT_EQ(names_in(folder_ + "/evidence/" + vm_.text()), std::vector<std::string>{});
    EvidenceRequest bad = request({});
    bad.vm = VmId("../x");
    EXPECT_EQ(evidence.freeze(bad, {}).error().code, Errc::invalid);
    // A disk that claims to occupy more than there is.
    ASSERT_TRUE(output_of({"truncate", "--size", "2M", folder_ + "/small.raw"}));
    ASSERT_TRUE(output_of({"qemu-img", "create", "-q", "-f", "qcow2", folder_ + "/huge.qcow2", "900T"}));
    ASSERT_TRUE(output_of({"qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b",
                           folder_ + "/huge.qcow2", folder_ + "/top.qcow2"}));
    const auto full = evidence.freeze(request({disk("top.qcow2", "qcow2")}), {});
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().code, Errc::unavailable);
    EXPECT_NE(full.error().text.find("make room"), std::string::npos) << full.error().text;
}

TEST_F(Evidence, what_a_crash_left_behind_is_no_set_and_in_nobodys_way) {
    ASSERT_TRUE(make_folder(folder_ + "/evidence/" + vm_.text() + "/C-17-job.part", 0700));
    ASSERT_TRUE(write_durably(folder_ + "/evidence/" + vm_.text() + "/C-17-job.part/vda.raw", "half", 0400));
    FileEvidence evidence = store();
    EXPECT_FALSE(evidence.find(vm_, case_));
    const auto set = evidence.freeze(request({disk("disk.raw", "raw")}), {});
    ASSERT_TRUE(set) << set.error().text;
    EXPECT_TRUE(evidence.verify(*set));
}

}  // namespace
}  // namespace bailiff::agent
