// SPDX-License-Identifier: Apache-2.0
// An evidence set is complete, read-only, proves itself, and leaves the source as it was.
#include "agent/evidence/file_evidence.hpp"
#include "agent/evidence/host_key.hpp"
#include "agent/evidence/nbd_reader.hpp"
#include "agent/evidence/set_check.hpp"
#include "agent/evidence/sha256.hpp"
#include "tests/unit/evidence/image_fixture.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <thread>

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

// ---- sets of running VMs -------------------------------------------------------------------------------------------

class LiveEvidence : public Evidence {
  protected:
    EvidenceRequest live_request() const {
        EvidenceRequest out = request({disk("disk.qcow2", "qcow2")});
        out.live_definition = "<domain id='1'>…</domain>\n";
        out.live = LiveVm{{{disk("disk.qcow2", "qcow2"), int64_t(content_.size()), 1 << 20}}, int64_t{64} << 20};
        return out;
    }
    FileEvidence signing() const {
        return FileEvidence(folder_ + "/evidence", [](const VmId&) -> Result<std::string> { return std::string(); }, {"h1", key_, folder_ + "/tpm"});
    }
    /// What QEMU does: it fills the empty image that it was given.
    void copy_into(const std::string& target) {
        const auto done = output_of({"qemu-img", "convert", "-n", "-f", "qcow2", "-O", "qcow2", folder_ + "/disk.qcow2", target});
        ASSERT_TRUE(done) << done.error().text;
    }
    EvidenceSet stored(FileEvidence& evidence, bool memory = false) {
        const auto wanted = live_request();
        EXPECT_TRUE(evidence.prepare(wanted));
        const auto files = evidence.make_targets(wanted);
        EXPECT_TRUE(files) << files.error().text;
        copy_into(files->at("vda"));
        LiveCopy copy{begun_, {}};
        if (memory) {
            EXPECT_TRUE(write_durably(evidence.staging(vm_, wanted.id) + "/memory.dump", "what it thought", 0600));
            copy.memory = MemoryDump{"memory.dump", "elf"};
        }
        EXPECT_TRUE(evidence.take_over(vm_, wanted.id));
        const auto set = evidence.store(vm_, wanted.id, copy, {});
        EXPECT_TRUE(set) << set.error().text;
        return *set;
    }
    std::string wrong(const EvidenceSet& set) const {
        CheckOptions options;
        options.keys.emplace(key_.key_id(), key_);
        const auto checked = check_set(set.folder, options);
        return checked ? "" : checked.error().text;
    }
    const SignatureKey key_ = SignatureKey::from_seed(std::string(32, 'h'));
    const BackupBegun begun_{Consistency::frozen, "", false, true, "7", {{"freeze", 3}, {"frozen", 9}}};
};

TEST_F(LiveEvidence, a_set_has_everything_and_says_how_its_instant_was_reached) {
    ASSERT_TRUE(make_folder(folder_ + "/tpm/" + vm_.text() + "/tpm2", 0700));
    ASSERT_TRUE(write_durably(folder_ + "/tpm/" + vm_.text() + "/tpm2/tpm2-00.permall", "sealed", 0600));
    FileEvidence evidence = signing();
    const auto set = stored(evidence, true);
    EXPECT_EQ(set.consistency, Consistency::frozen);
    const auto manifest = parse_manifest(*read_file(in(set, "manifest.json"), 65536));
    ASSERT_TRUE(manifest) << manifest.error().text;
    ASSERT_EQ(manifest->disks.size(), 1u);
    EXPECT_EQ(manifest->disks[0].guest_sha256, sha256_of(content_));
    EXPECT_EQ(manifest->disks[0].method, "backup");
    EXPECT_EQ(manifest->begun.parts.size(), 2u);
    ASSERT_TRUE(manifest->memory);
    EXPECT_EQ(names_in(set.folder), (std::vector<std::string>{"definition.xml", "live.xml", "manifest.dsse", "manifest.json", "memory.dump",
                                                              "tpm-tpm2-tpm2-00.permall", "vda.qcow2"}));
    EXPECT_EQ(wrong(set), "");
    EXPECT_TRUE(evidence.verify(set));
    EXPECT_EQ(*evidence.find_set(vm_, set.id), set);
    EXPECT_FALSE(evidence.find(vm_, case_)) << "it was not taken at rest";
    EXPECT_EQ(evidence.all(), std::vector<EvidenceSet>{set});
}

TEST_F(LiveEvidence, every_stop_on_the_way_can_be_gone_on_from) {
    FileEvidence evidence = signing();
    const auto wanted = live_request();
    ASSERT_TRUE(evidence.prepare(wanted) && evidence.prepare(wanted));
    const auto earlier = evidence.make_targets(wanted);
    const auto files = evidence.make_targets(wanted);
    ASSERT_TRUE(earlier && files);
    EXPECT_NE(*earlier, *files) << "a late call of an earlier try finds nothing to write to";
    EXPECT_FALSE(std::filesystem::exists(earlier->at("vda")));
    EXPECT_EQ(evidence.targets(vm_, wanted.id), *files);
    EXPECT_NE(evidence.memory_name(), evidence.memory_name());
    copy_into(files->at("vda"));
    EXPECT_FALSE(evidence.taken_over(vm_, wanted.id));
    ASSERT_TRUE(evidence.take_over(vm_, wanted.id) && evidence.take_over(vm_, wanted.id));
    EXPECT_TRUE(signing().taken_over(vm_, wanted.id)) << "another agent knows it too";
    EXPECT_FALSE(evidence.find_set(vm_, wanted.id));
    // Killed after the manifest and before the folder has its name: what makes them the same is looked for, not remembered.
    const std::string part = evidence.staging(vm_, wanted.id);
    const auto set = evidence.store(vm_, wanted.id, {begun_, {}}, {});
    ASSERT_TRUE(set);
    std::filesystem::rename(set->folder, part);
    EXPECT_TRUE(evidence.taken_over(vm_, wanted.id));
    EXPECT_EQ(*evidence.store(vm_, wanted.id, {begun_, {}}, {}), *set);
    EXPECT_EQ(*evidence.store(vm_, wanted.id, {begun_, {}}, {}), *set) << "and once more";
    EXPECT_EQ(wrong(*set), "");
}

TEST_F(LiveEvidence, a_discarded_copy_leaves_nothing) {
    FileEvidence evidence = signing();
    ASSERT_TRUE(evidence.prepare(live_request()) && evidence.make_targets(live_request()));
    ASSERT_TRUE(evidence.discard(vm_, live_request().id) && evidence.discard(vm_, live_request().id));
    EXPECT_TRUE(names_in(folder_ + "/evidence").empty());
}

TEST_F(LiveEvidence, there_must_be_room_before_anything_begins) {
    FileEvidence evidence = signing();
    auto wanted = live_request();
    wanted.live->memory_bytes = int64_t{1} << 60;
    EXPECT_TRUE(evidence.prepare(wanted)) << "memory is not asked for";
    wanted.memory = true;
    const auto full = evidence.prepare(wanted);
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().code, Errc::unavailable);
    EXPECT_FALSE(std::filesystem::exists(evidence.staging(vm_, wanted.id)));
}

TEST_F(LiveEvidence, a_copy_that_turned_into_something_else_is_not_read) {
    FileEvidence evidence = signing();
    const auto wanted = live_request();
    ASSERT_TRUE(evidence.prepare(wanted));
    const std::string target = evidence.make_targets(wanted)->at("vda");
    ASSERT_TRUE(write_durably(folder_ + "/secret", std::string(65536, 's'), 0600));
    // A process that a guest has taken over writes a header of its own choosing.
    ASSERT_TRUE(output_of({"qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", folder_ + "/secret", target, std::to_string(content_.size())}));
    ASSERT_TRUE(evidence.take_over(vm_, wanted.id));
    EXPECT_EQ(evidence.store(vm_, wanted.id, {begun_, {}}, {}).error().code, Errc::conflict);
    EXPECT_FALSE(evidence.find_set(vm_, wanted.id));
}

TEST_F(LiveEvidence, a_copy_that_somebody_still_writes_to_is_not_taken) {
    FileEvidence evidence = signing();
    const auto wanted = live_request();
    ASSERT_TRUE(evidence.prepare(wanted));
    const std::string target = evidence.make_targets(wanted)->at("vda");
    const int writer = ::open(target.c_str(), O_RDWR | O_CLOEXEC);
    ASSERT_GE(writer, 0);
    EXPECT_EQ(evidence.take_over(vm_, wanted.id).error().code, Errc::conflict);
    ::close(writer);
    EXPECT_TRUE(evidence.take_over(vm_, wanted.id));
}

TEST_F(LiveEvidence, the_first_damage_is_named) {
    FileEvidence evidence = signing();
    const auto set = stored(evidence, true);
    const auto edit = [&](const std::string& name, const std::string& text) {
        ASSERT_TRUE(write_durably(in(set, name), text, 0400));
    };
    const auto keep = [&](const std::string& name) { return *read_file(in(set, name), size_t{32} << 20); };
    for (const auto& [name, word] : {std::pair{"memory.dump", "changed"}, {"live.xml", "changed"}, {"vda.qcow2", "changed"},
                                     {"manifest.json", "not the one that was signed"}, {"manifest.dsse", "edited"}}) {
        const std::string before = keep(name);
        std::string other = before;
        // In the manifest a letter of a word, and in the envelope one of its payload: both still read.
        const size_t at = std::string_view(name).ends_with("son") ? other.find("\"backup\"") + 1 : other.find("payload\":\"") + 20;
        other[at < other.size() ? at : 5] = other[at < other.size() ? at : 5] == 'A' ? 'B' : 'A';
        edit(name, other);
        EXPECT_NE(wrong(set).find(word), std::string::npos) << name << ": " << wrong(set);
        ASSERT_TRUE(remove_durably(in(set, name)));
        EXPECT_NE(wrong(set), "") << name << " is missing";
        edit(name, before);
        EXPECT_EQ(wrong(set), "") << name;
    }
    edit("vdb.qcow2", "one more disk");
    EXPECT_NE(wrong(set).find("vdb.qcow2"), std::string::npos);
    ASSERT_TRUE(remove_durably(in(set, "vdb.qcow2")));
    ::chmod(in(set, "vda.qcow2").c_str(), 0600);
    EXPECT_NE(wrong(set).find("may be written"), std::string::npos);
    ::chmod(in(set, "vda.qcow2").c_str(), 0400);
    CheckOptions others;
    const auto other_key = SignatureKey::from_seed(std::string(32, 'o'));
    others.keys.emplace(other_key.key_id(), other_key);
    EXPECT_NE(check_set(set.folder, others).error().text.find("not trusted"), std::string::npos);
}

TEST_F(LiveEvidence, what_was_cleaned_away_has_a_signed_list_of_its_own) {
    FileEvidence evidence = signing();
    const auto set = evidence.freeze(request({disk("disk.qcow2", "qcow2")}), {});
    ASSERT_TRUE(set);
    const auto removed = evidence.removed_folder(*set);
    ASSERT_TRUE(write_durably(*removed + "/" + sha256_of("evil"), "evil", 0400));
    EXPECT_NE(wrong(*set), "") << "not listed yet";
    EXPECT_TRUE(evidence.verify(*set)) << "which is nothing that a commit waits for";
    ASSERT_TRUE(evidence.index_removed(*set) && evidence.index_removed(*set));
    EXPECT_EQ(wrong(*set), "");
    ASSERT_TRUE(write_durably(*removed + "/" + sha256_of("evil"), "good", 0400));
    EXPECT_NE(wrong(*set).find("changed"), std::string::npos);
    ASSERT_TRUE(evidence.index_removed(*set));
    EXPECT_EQ(wrong(*set), "") << "listed anew by the host itself";
    std::string index = *read_file(*removed + "/index.json", 65536);
    index.replace(index.find(sha256_of("good"), index.find("sha256\"")), 4, "0000");
    ASSERT_TRUE(write_durably(*removed + "/index.json", index, 0400));
    EXPECT_NE(wrong(*set).find("edited"), std::string::npos) << wrong(*set);
}

TEST_F(LiveEvidence, an_expired_set_is_gone_and_so_is_what_a_crash_left_of_one) {
    FileEvidence evidence = signing();
    const auto set = stored(evidence);
    ASSERT_TRUE(make_folder(folder_ + "/evidence/" + vm_.text() + "/C-1-old.expired", 0700));
    ASSERT_TRUE(evidence.expire(set) && evidence.expire(set));
    EXPECT_FALSE(evidence.find_set(vm_, set.id));
    EXPECT_TRUE(names_in(folder_ + "/evidence/" + vm_.text()).empty());
}

TEST_F(LiveEvidence, the_hosts_key_is_made_once_and_never_replaced) {
    const std::string path = folder_ + "/host-key.pem";
    EXPECT_EQ(load_host_key(path).error().code, Errc::not_found);
    const auto key = load_or_make_host_key(path);
    ASSERT_TRUE(key) << key.error().text;
    struct stat found {};
    ASSERT_EQ(::stat(path.c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0777, 0600u);
    EXPECT_EQ(load_or_make_host_key(path)->key_id(), key->key_id());
    ASSERT_TRUE(write_durably(path, "rubbish", 0600));
    EXPECT_EQ(load_or_make_host_key(path).error().code, Errc::invalid);
    EXPECT_EQ(*read_file(path, 100), "rubbish");
}

TEST_F(Evidence, a_disk_that_another_process_serves_is_read_from_there) {
    const std::string socket = folder_ + "/nbd.sock";
    auto server = Process::start({"qemu-nbd", "--persistent", "--shared=4", "--format=raw", "--socket=" + socket, "--export-name=data", folder_ + "/disk.raw"});
    ASSERT_TRUE(server) << server.error().text;
    for (int i = 0; i < 200 && !std::filesystem::exists(socket); ++i) std::this_thread::sleep_for(std::chrono::milliseconds{20});
    FileEvidence evidence = store();
    const auto set = evidence.freeze(request({{"vda", "raw", "nbd+unix:///data?socket=" + socket, false}}), {});
    server->stop();
    ASSERT_TRUE(set) << set.error().text;
    EXPECT_EQ(*sha256_of_file(in(*set, "vda.raw")), sha256_of(content_));
}

}  // namespace
}  // namespace bailiff::agent
