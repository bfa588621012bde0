// SPDX-License-Identifier: Apache-2.0
// A known-good content takes a hit's place, the guest's mode and owner stay, and e2fsck finds nothing to mend; where it does not
// fit, nothing is changed at all.
#include "tests/integration/scan/cleaning.hpp"

namespace bailiff::test {
namespace {

/// A file of the known-good tree.
std::string golden(const Workshop& shop, const std::string& name, const std::string& content) {
    const std::filesystem::path full = shop.path("golden/" + name);
    std::filesystem::create_directories(full.parent_path());
    std::ofstream(full, std::ios::binary) << content;
    return full.string();
}
std::vector<std::string> replacing(const Workshop& shop, const Overlay& overlay) {
    auto out = keeping(shop, overlay);
    out.insert(out.begin(), {"--known-good", shop.path("golden")});
    return out;
}
std::string debugfs(const std::string& image, const std::string& command) { return Workshop::run({"debugfs", "-R", command, image}); }

/// Bytes that repeat at no block's length.
std::string long_content(size_t size) {
    std::string out;
    for (uint32_t i = 0; out.size() < size; ++i) out += std::to_string(i * 2654435761U) + "\n";
    out.resize(size);
    return out;
}
std::string content_in(Workshop& shop, const std::string& image, const std::string& path) {
    std::filesystem::remove(shop.path("dumped"));
    debugfs(image, "dump " + path + " " + shop.path("dumped"));
    std::ifstream in(shop.path("dumped"), std::ios::binary);
    return std::string{std::istreambuf_iterator<char>(in), {}};
}

struct Made {
    const char *type, *features;
    int inode_size;
};

TEST(CleanReplace, AKnownGoodFileTakesTheHitsPlaceAndTheGuestsModeAndOwnerStay) {
    for (const Made& made : {Made{"ext2", "", 128}, Made{"ext3", "", 256}, Made{"ext4", "", 256}, Made{"ext4", "^metadata_csum,^64bit", 128}}) {
        Workshop shop;
        for (int i = 0; i < 100; ++i) shop.file("usr/bin/program-with-a-long-name-" + std::to_string(i), "program " + std::to_string(i));
        for (const char* name : {"usr/bin/tool", "usr/bin/program-with-a-long-name-77x", "etc/empty", "etc/large", "var/gone"}) shop.file(name, eicar());
        std::filesystem::permissions(shop.tree() + "/usr/bin/tool", std::filesystem::perms(04751));
        if (::geteuid() == 0) { ASSERT_EQ(::chown((shop.tree() + "/usr/bin/tool").c_str(), 1000, 1001), 0); }
        if (::geteuid() == 0) std::filesystem::permissions(shop.tree() + "/usr/bin/tool", std::filesystem::perms(04751));
        std::filesystem::create_hard_link(shop.tree() + "/usr/bin/tool", shop.tree() + "/usr/bin/second");
        const std::string base = shop.blank("a.raw", 48U << 20);
        std::vector<std::string> argv{"mke2fs", "-q", "-F", "-t", made.type, "-b", "1024", "-I", std::to_string(made.inode_size), "-d", shop.tree()};
        if (*made.features) argv.insert(argv.end(), {"-O", made.features});
        argv.push_back(base);
        Workshop::run(argv);
        // In the inode where there is room, and in a block; and a tree of hashes over the folder.
        std::ofstream(shop.path("value")) << std::string(400, 'v');
        Workshop::run({"debugfs", "-w", "-R", "ea_set /usr/bin/tool user.note hello", base});
        Workshop::run({"debugfs", "-w", "-R", "ea_set -f " + shop.path("value") + " /usr/bin/tool user.long", base});
        agent::Process::run({"e2fsck", "-fyD", base}, {});
        Workshop::run({"e2fsck", "-fn", base});
        EXPECT_NE(debugfs(base, "htree_dump /usr/bin").find("Root node dump"), std::string::npos);
        // Beyond what one indirect block maps; with extents much more costs little more.
        const std::string large = long_content(made.type == std::string("ext4") ? 20U << 20 : 3U << 20);
        golden(shop, "usr/bin/tool", "#!/bin/sh\nthe good tool\n");
        golden(shop, "usr/bin/program-with-a-long-name-77x", std::string(1024, 'p'));
        golden(shop, "etc/empty", "");
        golden(shop, "etc/large", large);

        const Overlay overlay = overlay_of(shop, base);
        const auto found = scan_image(with_clamd(overlay.arguments));
        ASSERT_EQ(found.verdict.hits.size(), 6U) << found.out << found.err;
        const std::map<std::string, std::string> due{{"disk /usr/bin/tool", "replaced"}, {"disk /usr/bin/program-with-a-long-name-77x", "replaced"}, {"disk /etc/empty", "replaced"},
                                                     {"disk /etc/large", "replaced"},    {"disk /var/gone", "removed"},                              {"disk /usr/bin/second", "removed"}};
        auto tried = replacing(shop, overlay);
        tried.insert(tried.begin(), "--dry-run");
        const auto dry_run = clean_image(tried, found.out);
        EXPECT_EQ(dry_run.exit, 0) << dry_run.out << dry_run.err;
        EXPECT_EQ(dry_run.actions.at("disk /etc/large"), "would_replace");
        EXPECT_EQ(dry_run.actions.at("disk /var/gone"), "would_remove");

        const auto run = clean_image(replacing(shop, overlay), found.out);
        EXPECT_EQ(run.exit, 0) << made.type << run.out << run.err;
        EXPECT_EQ(run.actions, due) << made.type;
        EXPECT_NE(run.out.find(sha256_hex(large)), std::string::npos) << "the replacement's hash is told";
        const std::string flat = flattened(shop, overlay);
        Workshop::run({"e2fsck", "-fn", flat});
        EXPECT_EQ(content_in(shop, flat, "/usr/bin/tool"), "#!/bin/sh\nthe good tool\n");
        EXPECT_EQ(content_in(shop, flat, "/etc/empty"), "");
        EXPECT_TRUE(content_in(shop, flat, "/etc/large") == large) << made.type;
        EXPECT_EQ(content_in(shop, flat, "/usr/bin/program-with-a-long-name-77x"), std::string(1024, 'p'));
        EXPECT_EQ(content_in(shop, flat, "/usr/bin/program-with-a-long-name-77"), "program 77");
        const std::string stat = debugfs(flat, "stat /usr/bin/tool");
        EXPECT_NE(stat.find("Mode:  04751"), std::string::npos) << stat;
        EXPECT_TRUE(::geteuid() != 0 || stat.find("User:  1000   Group:  1001") != stat.npos) << stat;
        EXPECT_NE(stat.find("Links: 1"), std::string::npos) << stat;
        EXPECT_NE(debugfs(flat, "ea_get /usr/bin/tool user.note").find("hello"), std::string::npos);
        EXPECT_NE(debugfs(flat, "ea_get /usr/bin/tool user.long").find("vvvv"), std::string::npos);
        const auto again = scan_image(with_clamd(overlay.arguments));
        EXPECT_EQ(again.exit, 0) << again.out << again.err;
        EXPECT_EQ(again.verdict.files, 103U) << "the empty one has nothing to scan";
        const auto lines = changes(shop, 1);
        const auto begun = std::find_if(lines.begin(), lines.end(), [](const Json& line) { return line.value("path", "") == "/etc/large"; });
        ASSERT_NE(begun, lines.end());
        EXPECT_EQ((*begun)["will"], "replace");
        EXPECT_EQ((*begun)["replaced_by"], sha256_hex(large));
        EXPECT_EQ((*begun)["known_good"], shop.path("golden/etc/large"));
        const auto twice = clean_image(replacing(shop, overlay), found.out);
        EXPECT_EQ(twice.exit, 0) << "repeatable: " << twice.out << twice.err;
        for (const auto& [path, action] : twice.actions) EXPECT_EQ(action, "absent") << path;
        // Without the tree it is only another content, and left alone.
        EXPECT_EQ(clean_image(keeping(shop, overlay), found.out).actions.at("disk /usr/bin/tool"), "failed");
    }
}

TEST(CleanReplace, WithoutSpaceNothingIsChanged) {
    for (const char* type : {"ext2", "ext3", "ext4"}) {
        Workshop shop;
        shop.file("evil", eicar());
        shop.file("also", eicar());
        shop.file("small", eicar());
        // Fillers of one block each; every second one goes again, so that the space that is left is in pieces.
        for (int i = 0; i < 2000; ++i) std::ofstream(shop.tree() + "/f" + std::to_string(i)) << i;
        const std::string base = shop.blank("a.raw", type == std::string("ext2") ? 3584U << 10 : 4608U << 10);
        std::vector<std::string> argv{"mke2fs", "-q", "-F", "-t", type, "-b", "1024", "-N", "2400", "-m", "0", "-d", shop.tree()};
        if (type != std::string("ext2")) argv.insert(argv.end(), {"-J", "size=1"});
        argv.push_back(base);
        Workshop::run(argv);
        std::ofstream script(shop.path("script"));
        for (int i = 0; i < 2000; i += 2) script << "rm /f" << i << "\n";
        script.close();
        agent::Process::run({"debugfs", "-w", "-f", shop.path("script"), base}, {});
        Workshop::run({"e2fsck", "-fn", base});
        const std::string about = Workshop::run({"dumpe2fs", "-h", base});
        const size_t free = std::stoul(about.substr(about.find("Free blocks:") + 12));
        golden(shop, "evil", long_content((free + 1) * 1024));          // more than there is
        golden(shop, "also", long_content((free - 1) * 1024));          // fits, but for the map of so many pieces
        golden(shop, "small", long_content(1200 * 1024));               // fits, in more pieces than an inode holds
        const Overlay overlay = overlay_of(shop, base);
        const auto found = scan_image(with_clamd(overlay.arguments));
        ASSERT_EQ(found.verdict.hits.size(), 3U) << found.out << found.err;
        const auto run = clean_image(replacing(shop, overlay), found.out);
        EXPECT_EQ(run.exit, 3) << type << run.out << run.err;
        EXPECT_EQ(run.actions, (std::map<std::string, std::string>{{"disk /evil", "failed"}, {"disk /also", "failed"}, {"disk /small", "replaced"}})) << type << run.out;
        EXPECT_NE(run.out.find("no space for the known-good content"), std::string::npos) << run.out;
        const std::string flat = flattened(shop, overlay);
        Workshop::run({"e2fsck", "-fn", flat});
        EXPECT_EQ(content_in(shop, flat, "/evil"), eicar());
        EXPECT_EQ(content_in(shop, flat, "/also"), eicar());
        EXPECT_TRUE(content_in(shop, flat, "/small") == long_content(1200 * 1024)) << type;
        EXPECT_EQ(content_in(shop, flat, "/f1"), "1");
        EXPECT_EQ(scan_image(with_clamd(overlay.arguments)).found(), (std::set<std::string>{"disk /evil", "disk /also"}));
        auto tried = replacing(shop, overlay);
        tried.insert(tried.begin(), "--dry-run");
        EXPECT_EQ(clean_image(tried, found.out).actions.at("disk /evil"), "failed");
    }
}

TEST(CleanReplace, WhereItCannotBeDoneTheReasonIsTold) {
    Workshop shop;
    shop.file("evil", eicar());
    shop.file("twin", eicar());
    const std::string quota = shop.ext("quota.raw", "ext4", 16U << 20, 0, "quota"), dirty = shop.ext("dirty.raw", "ext4", 16U << 20);
    agent::Process::run({"e2fsck", "-fy", quota}, {});   // mke2fs does not count what it copies in
    Workshop::run({"e2fsck", "-fn", quota});
    Workshop::run({"debugfs", "-w", "-R", "feature needs_recovery", dirty});
    const std::string fat = shop.fat("fat.raw", {"evil"}), plain = shop.ext("plain.raw", "ext4", 16U << 20);
    golden(shop, "evil", "good");
    golden(shop, "twin", eicar());   // the tree itself is infected
    const Overlay overlay = overlay_of(shop, shop.gpt("disk.raw", {{quota, 16U << 20}, {dirty, 16U << 20}, {fat, 32U << 20}, {plain, 16U << 20}}));
    const auto found = scan_image(with_clamd(overlay.arguments));
    ASSERT_EQ(found.verdict.hits.size(), 7U) << found.out << found.err;
    const auto run = clean_image(replacing(shop, overlay), found.out);
    EXPECT_EQ(run.exit, 0) << run.out << run.err;
    const std::map<std::string, std::string> due{{"gpt1 /evil", "blanked"}, {"gpt1 /twin", "blanked"}, {"gpt2 /evil", "blanked"}, {"gpt2 /twin", "blanked"},
                                                 {"gpt3 /evil", "blanked"}, {"gpt4 /evil", "replaced"}, {"gpt4 /twin", "removed"}};
    EXPECT_EQ(run.actions, due) << run.out;
    for (const char* why : {"quotas", "journal", "no ext filesystem", "itself among what was found"}) EXPECT_NE(run.out.find(why), std::string::npos) << why << run.out;
    EXPECT_EQ(scan_image(with_clamd(overlay.arguments)).exit, 0);
    const std::string flat = flattened(shop, overlay);
    for (const int part : {0, 3}) {
        const uint64_t at = 1 + (part == 0 ? 0 : 64);
        Workshop::run({"dd", "if=" + flat, "of=" + shop.path("part.raw"), "bs=1M", "skip=" + std::to_string(at), "count=16", "status=none"});
        Workshop::run({"e2fsck", "-fn", shop.path("part.raw")});
    }
    // A tree that is not there is a mistake of the command line, before anything is opened.
    auto wrong = replacing(shop, overlay);
    wrong[1] = shop.path("nowhere");
    EXPECT_EQ(clean_image(wrong, found.out).exit, 2);
}

}  // namespace
}  // namespace bailiff::test
