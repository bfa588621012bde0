// SPDX-License-Identifier: Apache-2.0
// The verdict cache with real engines: known contents are matched no more, until a signature changes.
#include "tests/integration/scan/workshop.hpp"

namespace bailiff::test {
namespace {

class CachedScan : public testing::Test {
  protected:
    void SetUp() override {
        for (int i = 0; i < 40; ++i) shop.file("usr/lib/part" + std::to_string(i), "the same on every system " + std::to_string(i));
        shop.file("root/eicar.com", eicar());
        shop.file("srv/later.php", "<?php later_known(); ?>");
        image = shop.ext("disk.raw");
        std::filesystem::create_directory(shop.path("rules"));
        std::ofstream(shop.path("rules/one.yar")) << "rule never { strings: $a = \"never there at all\" condition: $a }\n";
    }
    std::vector<std::string> cached() const {
        return {"--cache", shop.path("verdicts.sqlite"), "--clamd", clamd.socket_path(), "--clamd-database", clamd.folder() + "/db", image};
    }
    Workshop shop;
    TestClamd clamd;
    std::string image;
    static constexpr uint64_t files = 42;
};

TEST_F(CachedScan, knows_what_it_matched_and_finds_again_what_it_found) {
    const auto cold = scan_image(cached());
    EXPECT_EQ(cold.verdict.files, files);
    EXPECT_EQ(cold.verdict.known, 0u);
    EXPECT_EQ(cold.found(), std::set<std::string>{"disk /root/eicar.com"});
    const auto again = scan_image(cached());
    EXPECT_EQ(again.verdict.known, files - 1);
    EXPECT_EQ(again.verdict.files, files);
    EXPECT_EQ(again.verdict.bytes, cold.verdict.bytes);
    EXPECT_EQ(again.found(), cold.found());
    EXPECT_EQ(again.verdict.engines, cold.verdict.engines);
    EXPECT_FALSE(again.verdict.engines[0].set.empty());
    EXPECT_EQ(again.err, "");
}

TEST_F(CachedScan, another_vm_of_the_same_system_is_known_but_for_its_own) {
    scan_image(cached());
    shop.file("srv/own.txt", "of this customer alone");
    image = shop.ext("second.raw");
    const auto second = scan_image(cached());
    EXPECT_EQ(second.verdict.files, files + 1);
    EXPECT_EQ(second.verdict.known, files - 1);
}

TEST_F(CachedScan, a_new_signature_is_loaded_and_everything_is_matched_anew) {
    const auto before = scan_image(cached());
    // As a provider adds his own: a file in the folder, and nobody tells clamd.
    std::ofstream(clamd.folder() + "/db/own.ndb") << signature("Own.Later", "later_known");
    const auto after = scan_image(cached());
    EXPECT_EQ(after.verdict.known, 0u);
    EXPECT_EQ(after.found(), (std::set<std::string>{"disk /root/eicar.com", "disk /srv/later.php"}));
    EXPECT_NE(after.verdict.engines[0].set, before.verdict.engines[0].set);
    // And one that is taken away.
    std::filesystem::remove(clamd.folder() + "/db/own.ndb");
    const auto without = scan_image(cached());
    EXPECT_EQ(without.found(), std::set<std::string>{"disk /root/eicar.com"});
    // The folder is as it was but for its times: what was known then is known again.
    EXPECT_EQ(without.verdict.known, files - 1);
}

/// A disk with enough on it for an update to be worth a clamd of its own.
class UpdatedScan : public CachedScan {
  protected:
    void SetUp() override {
        CachedScan::SetUp();
        for (int i = 0; i < 600; ++i) shop.file("usr/share/doc/text" + std::to_string(i), "a text " + std::to_string(i));
        image = shop.ext("disk.raw");
        ASSERT_EQ(scan_image(updating()).found(), std::set<std::string>{"disk /root/eicar.com"});
    }
    std::vector<std::string> updating() const {
        auto out = cached();
        out.insert(out.begin(), {"--clamd-config", clamd.folder() + "/clamd.conf"});
        return out;
    }
    static constexpr uint64_t all = files + 600;
};

TEST_F(UpdatedScan, known_contents_are_matched_with_the_new_signatures_only) {
    // The old signature of EICAR stays, so that only a clamd without it could call the rest clean by mistake.
    std::ofstream(clamd.folder() + "/db/own.ndb") << signature("Own.Later", "later_known");
    const auto after = scan_image(updating());
    EXPECT_NE(after.err.find("1 signatures are new"), std::string::npos) << after.err;
    EXPECT_EQ(after.found(), (std::set<std::string>{"disk /root/eicar.com", "disk /srv/later.php"}));
    EXPECT_EQ(after.verdict.files, all);
    EXPECT_EQ(after.verdict.hits_total, 2u);
    EXPECT_EQ(after.verdict.known, 0u);
    EXPECT_EQ(after.verdict.skipped_total, 0u);
    ASSERT_EQ(after.verdict.engines.size(), 1u) << "one ClamAV, whichever of its processes answered";
    const auto again = scan_image(updating());
    EXPECT_EQ(again.verdict.known, all - 2) << "what the new signatures did not find is known to the new set";
    EXPECT_EQ(again.found(), after.found());
}

TEST_F(UpdatedScan, without_new_signatures_nothing_is_matched_again) {
    std::ofstream(clamd.folder() + "/db/daily.info") << "a new edition\n";
    const auto after = scan_image(updating());
    EXPECT_EQ(after.verdict.known, all - 1);
    EXPECT_EQ(after.found(), std::set<std::string>{"disk /root/eicar.com"});
}

TEST_F(UpdatedScan, what_was_allowed_and_is_no_more_is_matched_with_all_signatures) {
    std::ofstream(clamd.folder() + "/db/own.ndb") << signature("Own.Later", "later_known");
    std::ofstream(clamd.folder() + "/db/own.ign2") << "Own.Later\n";
    EXPECT_EQ(scan_image(updating()).found(), std::set<std::string>{"disk /root/eicar.com"});
    std::filesystem::remove(clamd.folder() + "/db/own.ign2");
    const auto after = scan_image(updating());
    EXPECT_NE(after.err.find("matched with all signatures again"), std::string::npos) << after.err;
    EXPECT_EQ(after.verdict.known, 0u);
    EXPECT_EQ(after.found(), (std::set<std::string>{"disk /root/eicar.com", "disk /srv/later.php"}));
}

TEST_F(UpdatedScan, other_directives_make_nothing_known) {
    std::ofstream(shop.path("other.conf")) << "ScanPDF no\n";
    auto other = cached();
    other.insert(other.begin(), {"--clamd-config", shop.path("other.conf")});
    EXPECT_EQ(scan_image(other).verdict.known, 0u);
    std::filesystem::remove(shop.path("other.conf"));
    EXPECT_EQ(scan_image(other).exit, 2);
}

TEST_F(CachedScan, without_a_proof_nothing_of_clamd_is_remembered) {
    const std::vector<std::string> unproven{"--cache", shop.path("verdicts.sqlite"), "--clamd", clamd.socket_path(), image};
    const auto first = scan_image(unproven);
    EXPECT_NE(first.err.find("--clamd-database"), std::string::npos) << first.err;
    EXPECT_EQ(scan_image(unproven).verdict.known, 0u);
    // A folder that is not clamd's.
    std::filesystem::create_directory(shop.path("elsewhere"));
    auto wrong = unproven;
    wrong.insert(wrong.begin(), {"--clamd-database", shop.path("elsewhere"), "--clamd-wait", "3"});
    const auto second = scan_image(wrong);
    EXPECT_NE(second.err.find("is it clamd's DatabaseDirectory?"), std::string::npos) << second.err;
    EXPECT_EQ(second.verdict.known, 0u);
    EXPECT_EQ(second.found(), std::set<std::string>{"disk /root/eicar.com"});
}

TEST_F(CachedScan, each_engine_remembers_for_itself) {
    auto both = cached();
    scan_image(both);
    both.insert(both.begin(), {"--yara", shop.path("rules")});
    EXPECT_EQ(scan_image(both).verdict.known, 0u) << "YARA has not seen them";
    EXPECT_EQ(scan_image(both).verdict.known, files - 1);
    std::ofstream(shop.path("rules/two.yar")) << "rule later { strings: $a = \"later_known\" condition: $a }\n";
    const auto changed = scan_image(both);
    EXPECT_EQ(changed.verdict.known, 0u);
    EXPECT_EQ(changed.found(), (std::set<std::string>{"disk /root/eicar.com", "disk /srv/later.php"}));
}

TEST_F(CachedScan, a_cache_that_is_none_is_told_and_the_scan_goes_on) {
    std::ofstream(shop.path("verdicts.sqlite")) << std::string(9000, 'x');
    const auto scan = scan_image(cached());
    EXPECT_NE(scan.err.find("goes on without its cache"), std::string::npos) << scan.err;
    EXPECT_EQ(scan.verdict.files, files);
    EXPECT_EQ(scan.found(), std::set<std::string>{"disk /root/eicar.com"});
}

}  // namespace
}  // namespace bailiff::test
