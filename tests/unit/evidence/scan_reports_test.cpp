// SPDX-License-Identifier: Apache-2.0
// A host's scan reports: signed, whole or absent, short on the wire when they must be, and no more than there is room for.
#include "agent/evidence/scan_reports.hpp"
#include "agent/files/durable_file.hpp"
#include "tests/fixtures/fake_clock.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace bailiff::agent {
namespace {

const VmId vm("11111111-1111-4111-8111-111111111111"), other_vm("22222222-2222-4222-8222-222222222222");
std::string job(char digit) { return std::string(32, digit); }

struct Reports : testing::Test {
    std::string folder;
    test::FakeClock clock;
    const SignatureKey key = SignatureKey::from_seed(std::string(32, 'h'));
    const TrustedKeys keys{{key.key_id(), key}};
    Instant began{Seconds(1'800'000'000)};
    Reports() {
        char pattern[] = "/tmp/bailiff-reports-XXXXXX";
        if (!mkdtemp(pattern)) throw std::runtime_error("no folder can be made in /tmp");
        folder = pattern;
        clock.set(began + Seconds(90));
    }
    ~Reports() override { std::filesystem::remove_all(folder); }
    FileScanReports store(ReportBounds bounds = {}) { return {folder + "/scans", key, clock, bounds}; }
    ScanReport report(char digit, size_t skipped = 1) {
        ScanReport out{HostId("h1"), vm, CaseId("C-1"), job(digit), false, began, began, ScanVerdict::incomplete, sha256_hex("s")};
        Json items = Json::array();
        for (size_t i = 0; i < skipped; ++i) items.push_back({{"path", "/home/vault-" + std::to_string(i)}, {"reason", "encrypted"}});
        out.disks["vda"] = {{"verdict", "incomplete"}, {"skipped", items}, {"skipped_total", skipped}, {"engines", Json::array({{{"name", "clamav"}}})}};
        return out;
    }
    std::vector<std::string> files() {
        std::vector<std::string> out;
        for (const auto& one : names_in(folder + "/scans"))
            for (const auto& name : names_in(folder + "/scans/" + one)) out.push_back(folder + "/scans/" + one + "/" + name);
        return out;
    }
};

TEST_F(Reports, are_signed_read_only_and_say_when_the_scan_ended) {
    auto reports = store();
    const auto digest = reports.keep(report('a'));
    ASSERT_TRUE(digest) << digest.error().text;
    const auto opened = open_envelope(reports.travelling(job('a')), keys, largest_scan_report);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->type, scan_report_payload_type);
    EXPECT_EQ(sha256_hex(opened->payload), *digest);
    const auto read = parse_scan_report(opened->payload);
    ASSERT_TRUE(read) << read.error().text;
    EXPECT_EQ(read->started, began);
    EXPECT_EQ(read->ended, began + Seconds(90));
    EXPECT_EQ(read->disks.at("vda"), report('a').disks.at("vda"));
    ASSERT_EQ(files().size(), 1u);
    struct stat found {};
    ASSERT_EQ(::stat(files()[0].c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0777, 0400u);
    EXPECT_EQ(store().travelling(job('a')), reports.travelling(job('a'))) << "after a restart";
    EXPECT_EQ(reports.travelling(job('b')), "");
}

TEST_F(Reports, too_large_to_travel_travel_short_and_lie_whole) {
    auto reports = store();
    const auto digest = reports.keep(report('a', 10'000));
    ASSERT_TRUE(digest) << digest.error().text;
    ASSERT_EQ(files().size(), 2u);
    const std::string brief = reports.travelling(job('a'));
    EXPECT_LE(brief.size(), largest_scan_report);
    const auto read = parse_scan_report(open_envelope(brief, keys, largest_scan_report)->payload);
    ASSERT_TRUE(read);
    EXPECT_FALSE(read->whole);
    EXPECT_EQ(read->whole_sha256, *digest);
    EXPECT_EQ(read->disks.at("vda").at("skipped_total"), 10'000);
    EXPECT_FALSE(read->disks.at("vda").contains("skipped"));
    EXPECT_EQ(read->disks.at("vda").at("left_out").at("skipped"), 10'000);
    EXPECT_EQ(read->disks.at("vda").at("engines").size(), 1u) << "which signatures is never left out";
    const auto whole = open_envelope(*read_file(files()[0].ends_with(".short.dsse") ? files()[1] : files()[0], size_t{64} << 20), keys, largest_kept_report);
    ASSERT_TRUE(whole);
    EXPECT_EQ(sha256_hex(whole->payload), *digest);
}

TEST_F(Reports, of_a_scan_that_was_done_again_replace_the_first_one) {
    auto reports = store();
    ASSERT_TRUE(reports.keep(report('a', 10'000)));
    auto again = report('a');
    again.started += Seconds(60);
    ASSERT_TRUE(reports.keep(again));
    ASSERT_EQ(files().size(), 1u);
    EXPECT_EQ(parse_scan_report(open_envelope(reports.travelling(job('a')), keys, largest_scan_report)->payload)->started, again.started);
}

TEST_F(Reports, beyond_the_bound_let_the_oldest_go_and_never_the_newest) {
    auto reports = store({2, uint64_t{1} << 30});
    for (const char digit : {'a', 'b', 'c'}) {
        auto one = report(digit);
        one.started += Seconds(digit);
        ASSERT_TRUE(reports.keep(one));
    }
    EXPECT_EQ(files().size(), 2u);
    EXPECT_EQ(reports.travelling(job('a')), "");
    auto tight = store({10, 1});
    auto early = report('d');
    early.started -= Seconds(1000);
    ASSERT_TRUE(tight.keep(early));
    EXPECT_EQ(files().size(), 1u);
    EXPECT_NE(tight.travelling(job('d')), "");
}

TEST_F(Reports, expire_when_nothing_needs_them) {
    auto reports = store();
    auto mine = report('a'), others = report('b'), young = report('c');
    others.vm = other_vm;
    young.started += Seconds(1000);
    for (const auto& one : {mine, others, young}) ASSERT_TRUE(reports.keep(one));
    EXPECT_EQ(reports.expire(began + Seconds(1), [](const VmId& id) { return id == other_vm; }), 1);
    EXPECT_EQ(reports.travelling(job('a')), "");
    EXPECT_NE(reports.travelling(job('b')), "");
    EXPECT_NE(reports.travelling(job('c')), "");
}

TEST_F(Reports, without_room_are_an_error_and_leave_nothing_half) {
    std::ofstream(folder + "/scans") << "a file where the folder should be";
    const auto kept = store().keep(report('a'));
    ASSERT_FALSE(kept);
    EXPECT_EQ(store().travelling(job('a')), "");
}

}  // namespace
}  // namespace bailiff::agent
