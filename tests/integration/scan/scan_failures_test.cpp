// SPDX-License-Identifier: Apache-2.0
// Engines that are missing, die, hang or keep silent: whatever happens, the verdict is never clean.
#include "tests/integration/scan/workshop.hpp"

#include <signal.h>

#include <map>
#include <optional>

namespace bailiff::test {
namespace {

using Set = std::set<std::string>;

std::string many_files(Workshop& shop, int count) {
    for (int i = 0; i < count; ++i) shop.file("d" + std::to_string(i % 40) + "/f" + std::to_string(i), "content " + std::to_string(i));
    return shop.ext("many.raw");
}

TEST(ScanFailures, NoEngineAndNoClamdAreErrors) {
    Workshop shop;
    shop.file("a", "b");
    const std::string image = shop.ext("a.raw");
    const auto none = scan_image({image});
    EXPECT_EQ(none.exit, 2);
    EXPECT_NE(none.err.find("--clamd SOCKET"), std::string::npos) << none.err;
    const auto missing = scan_image({"--clamd", shop.path("nowhere.sock"), image});
    EXPECT_EQ(missing.exit, 2);
    EXPECT_NE(missing.err.find("start it"), std::string::npos) << missing.err;
}

TEST(ScanFailures, ClamdThatDiesMidScanIsIncomplete) {
    Workshop shop;
    const std::string image = many_files(shop, 3000);
    TestClamd clamd;
    auto started = agent::Process::start(scan_command({"--clamd", clamd.socket_path(), "--clamd-wait", "1", image}));
    ASSERT_TRUE(started);
    // The file lists of clamd are not to be seen from here; some answers in, most are still to come.
    std::this_thread::sleep_for(std::chrono::milliseconds(250));
    ASSERT_TRUE(started->running());
    ::kill(clamd.pid(), SIGKILL);
    const auto run = finish_scan(started->wait(std::chrono::seconds(30)));
    EXPECT_EQ(run.exit, 3) << run.out << run.err;
    EXPECT_TRUE(run.skipped().contains("  engine_failed")) << run.out;
    EXPECT_LT(run.verdict.files, 3000U);
}

TEST(ScanFailures, ClamdThatComesBackInTimeGoesOn) {
    Workshop shop;
    const std::string image = many_files(shop, 3000);
    TestClamd clamd;
    auto started = agent::Process::start(scan_command({"--clamd", clamd.socket_path(), "--clamd-wait", "30", image}));
    ASSERT_TRUE(started);
    std::this_thread::sleep_for(std::chrono::milliseconds(250));
    ASSERT_TRUE(started->running());
    clamd.stop();
    clamd.start();
    const auto run = finish_scan(started->wait(std::chrono::seconds(60)));
    EXPECT_EQ(run.exit, 0) << run.err;
    EXPECT_EQ(run.verdict.files, 3000U);
}

TEST(ScanFailures, AClamdThatPausesIsWaitedFor) {
    Workshop shop;
    shop.file("a", "b");
    const std::string image = shop.ext("a.raw");
    TestClamd clamd;
    ::kill(clamd.pid(), SIGSTOP);
    auto started = agent::Process::start(scan_command({"--clamd", clamd.socket_path(), "--file-timeout", "1", image}));
    ASSERT_TRUE(started);
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    ::kill(clamd.pid(), SIGCONT);
    const auto run = finish_scan(started->wait(std::chrono::seconds(30)));
    EXPECT_EQ(run.exit, 0) << "a short stop is no failure: " << run.out << run.err;
}

TEST(ScanFailures, AClamdThatHangsIsGivenUpOn) {
    Workshop shop;
    const std::string image = many_files(shop, 3000);
    TestClamd clamd;
    auto started = agent::Process::start(scan_command({"--clamd", clamd.socket_path(), "--file-timeout", "1", image}));
    ASSERT_TRUE(started);
    std::this_thread::sleep_for(std::chrono::milliseconds(250));
    ASSERT_TRUE(started->running());
    ::kill(clamd.pid(), SIGSTOP);
    const auto run = finish_scan(started->wait(std::chrono::seconds(30)));
    ::kill(clamd.pid(), SIGCONT);
    EXPECT_EQ(run.exit, 3) << run.out << run.err;
    EXPECT_TRUE(run.skipped().contains("  engine_failed")) << run.out;
}

TEST(ScanFailures, LimitsInsideAnArchiveAreReported) {
    Workshop shop;
    shop.file("filler", std::string(3U << 20, 'x') + eicar());
    Workshop::run({"zip", "-q", "-j", shop.tree() + "/bomb.zip", shop.tree() + "/filler"});
    std::filesystem::remove(shop.tree() + "/filler");
    const std::string image = shop.ext("a.raw");
    TestClamd speaking(signature("Test.Eicar", eicar()), "AlertExceedsMax yes\nMaxFileSize 1M\nMaxScanSize 1M\n");
    const auto run = scan_image({"--clamd", speaking.socket_path(), image});
    EXPECT_EQ(run.exit, 3) << run.out;
    EXPECT_EQ(run.skipped(), Set{"disk /bomb.zip limit"});
    TestClamd silent(signature("Test.Eicar", eicar()), "MaxFileSize 1M\nMaxScanSize 1M\n");
    EXPECT_FALSE(scan_image({"--clamd", silent.socket_path(), image}).verdict.engines.at(0).reports_limits);
}

TEST(ScanFailures, YaraFindsAndItsBadRulesAreErrors) {
    Workshop shop;
    shop.file("web/shell.php", "<?php eval($_POST['x']); ?>");
    shop.file("web/fine.php", "<?php echo 1; ?>");
    const std::string image = shop.ext("a.raw"), rules = shop.path("rules");
    std::filesystem::create_directory(rules);
    const auto empty = scan_image({"--yara", rules, image});
    EXPECT_EQ(empty.exit, 2);
    std::ofstream(rules + "/a.yar") << "rule eval_post { strings: $a = \"eval($_POST\" condition: $a }\n";
    std::ofstream(rules + "/b.yara") << "rule php { strings: $a = \"<?php\" condition: $a at 0 and filesize > 20 }\n";
    const auto run = scan_image({"--yara", rules, image});
    EXPECT_EQ(run.found(), Set{"disk /web/shell.php"});
    ASSERT_EQ(run.verdict.hits.size(), 2U) << "two rules, two hits";
    EXPECT_EQ(run.verdict.hits[0].engine, "yara");
    std::map<std::string, std::optional<uint64_t>> offsets;
    for (const auto& hit : run.verdict.hits) offsets[hit.signature] = hit.offset;
    EXPECT_EQ(offsets["eval_post"], 6U) << "where the first string of the rule lies";
    EXPECT_EQ(offsets["php"], 0U);
    EXPECT_EQ(run.verdict.engines.at(0).version.size(), 7U + 64);
    const auto both = scan_image(with_clamd({"--yara", rules, image}));
    EXPECT_EQ(both.verdict.engines.size(), 2U);
    EXPECT_EQ(both.verdict.hits.size(), 2U);
    std::ofstream(rules + "/b.yara") << "rule small { condition: filesize < 20 }\n";
    const auto stringless = scan_image({"--yara", rules, image});
    for (const auto& hit : stringless.verdict.hits) EXPECT_EQ(hit.offset.has_value(), hit.signature == "eval_post") << hit.signature;
    std::ofstream(rules + "/c.yar") << "rule broken {\n  condition: nonsense\n}\n";
    const auto broken = scan_image({"--yara", rules, image});
    EXPECT_EQ(broken.exit, 2);
    EXPECT_NE(broken.err.find("c.yar:2"), std::string::npos) << broken.err;
}

TEST(ScanFailures, ASlowYaraRuleIsATimeOutOfItsFile) {
    Workshop shop;
    shop.file("slow", std::string(24U << 20, 'a'));
    shop.file("fine", "x");
    const std::string image = shop.ext("a.raw", "ext4", 64U << 20), rules = shop.path("rules");
    std::filesystem::create_directory(rules);
    std::ofstream(rules + "/a.yar") << "rule slow { condition: for all i in (0..filesize) : (for any j in (0..1000) : (uint8(i) == 98 or j == 999)) }\n";
    const auto run = scan_image({"--yara", rules, "--file-timeout", "1", image});
    EXPECT_EQ(run.exit, run.verdict.hits.empty() ? 3 : 1) << run.out;
    EXPECT_TRUE(run.skipped().contains("disk /slow timeout") || run.skipped().contains("disk /slow error")) << run.out;
}

}  // namespace
}  // namespace bailiff::test
