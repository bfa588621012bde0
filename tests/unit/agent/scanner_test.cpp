// SPDX-License-Identifier: Apache-2.0
// The scanner's processes: what they are told, and what is believed of what they say.
#include "agent/process_scanner.hpp"
#include "agent/scan/scan_result.hpp"
#include "tests/unit/agent/parts.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace bailiff::agent {
namespace {

struct ScannerTest : Parts {
    static Verdict verdict(ScanVerdict word) {
        Verdict v;
        v.verdict = word;
        v.files = 3;
        v.bytes = 40;
        v.engines = {{"clamav", "1", true, {}, ""}};
        if (word == ScanVerdict::infected) {
            v.hits = {{"/evil", "gpt1", "Eicar", "clamav", std::string(64, 'a'), 68}};
            v.hits_total = 1;
        }
        if (word == ScanVerdict::incomplete) {
            v.skipped = {{"/big", "gpt1", SkipReason::size, "", 5}};
            v.skipped_total = 1;
        }
        return v;
    }
    /// A program that prints `text`, notes its arguments and ends with `code`.
    std::string program(const std::string& name, const std::string& text, int code) {
        write(name + ".out", text);
        return write(name, "#!/bin/sh\necho \"$@\" >> " + folder + "/" + name + ".args\ncat > " + folder + "/" + name + ".in\ncat " +
                               folder + "/" + name + ".out\nexit " + std::to_string(code) + "\n", 0700);
    }
    std::string file(const std::string& name) {
        std::ifstream in(folder + "/" + name);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    ScannerPrograms programs(const std::string& scan, const std::string& clean = "") { return {scan, clean, "/run/clamd.sock", "", "", "", "", 512, std::chrono::seconds(20)}; }
    const std::vector<ScanTarget> disks{{"vda", "/images/system", "qcow2", "", ""}, {"vdb", "/overlays/vdb", "qcow2", "/images/data", "raw"}};
};

TEST_F(ScannerTest, formats_and_backing_files_are_named_and_verdicts_add_up) {
    const auto clean = program("scan", verdict_json(verdict(ScanVerdict::clean)) + "\n", 0);
    int told = 0;
    const auto out = ProcessScanner(programs(clean)).scan(disks, [&](int percent) { told = percent; });
    ASSERT_TRUE(out) << out.error().text;
    EXPECT_EQ(out->verdict, ScanVerdict::clean);
    EXPECT_EQ(out->files, 6);
    EXPECT_EQ(told, 100);
    EXPECT_EQ(file("scan.args"), "--json --progress --gentle --format qcow2 --clamd /run/clamd.sock /images/system\n"
                                 "--json --progress --gentle --format qcow2 --backing /images/data --backing-format raw --clamd /run/clamd.sock /overlays/vdb\n");
}

TEST_F(ScannerTest, all_disks_share_the_hosts_cache) {
    auto all = programs(program("scan", verdict_json(verdict(ScanVerdict::clean)) + "\n", 0));
    all.clamd_config = "/etc/clamav/clamd.conf";
    all.clamd_database = "/var/lib/clamav";
    all.cache = "/var/lib/bailiff/verdicts.sqlite";
    ASSERT_TRUE(ProcessScanner(all).scan({disks[0]}, [](int) {}));
    EXPECT_EQ(file("scan.args"), "--json --progress --gentle --format qcow2 --clamd /run/clamd.sock --clamd-database /var/lib/clamav --clamd-config /etc/clamav/clamd.conf --cache /var/lib/bailiff/verdicts.sqlite "
                                 "--cache-size 512M /images/system\n");
}

TEST_F(ScannerTest, hash_lists_and_their_keys_are_named) {
    auto all = programs(program("scan", verdict_json(verdict(ScanVerdict::clean)) + "\n", 0));
    all.hash_list_keys = {"/etc/bailiff/lists.pub"};
    ASSERT_TRUE(ProcessScanner(all).scan({disks[0]}, [](int) {}));
    all.hash_lists = {"/var/lib/bailiff/bad", "/var/lib/bailiff/good"};
    ASSERT_TRUE(ProcessScanner(all).scan({disks[0]}, [](int) {}));
    EXPECT_EQ(file("scan.args"), "--json --progress --gentle --format qcow2 --clamd /run/clamd.sock /images/system\n"
                                 "--json --progress --gentle --format qcow2 --clamd /run/clamd.sock --hash-list /var/lib/bailiff/bad --hash-list /var/lib/bailiff/good "
                                 "--hash-list-key /etc/bailiff/lists.pub /images/system\n");
}

TEST_F(ScannerTest, suspicions_of_all_disks_are_counted_and_the_first_are_kept) {
    auto odd = verdict(ScanVerdict::clean);
    for (int i = 0; i < 15; ++i) odd.suspicious.push_back({"/etc/cron.d/" + std::to_string(i), "gpt1", SuspicionRule::cron_place, "runs from /tmp", std::string(64, 'a'), 9});
    odd.suspicious_total = 15;
    const auto out = ProcessScanner(programs(program("scan", verdict_json(odd) + "\n", 0))).scan(disks, [](int) {});
    ASSERT_TRUE(out) << out.error().text;
    EXPECT_EQ(out->verdict, ScanVerdict::clean);
    EXPECT_EQ(out->suspicious, 30);
    ASSERT_EQ(out->suspicions.size(), most_suspicions);
    EXPECT_EQ(out->suspicions[0], (ScanSuspicion{"/etc/cron.d/0", "cron_place", "runs from /tmp"}));
}

TEST_F(ScannerTest, a_running_vm_is_read_slowly_and_as_what_its_process_serves) {
    auto all = programs(program("scan", verdict_json(verdict(ScanVerdict::clean)) + "\n", 0));
    all.live_mib_per_s = 24;
    const std::string uri = "nbd+unix:///vda?socket=/s/nbd";
    ASSERT_TRUE(ProcessScanner(all).scan_live({{"vda", uri, "raw", "", ""}}, [](int) {}, [] { return std::string(); }));
    EXPECT_EQ(file("scan.args"), "--json --progress --gentle --format raw --clamd /run/clamd.sock --read-rate 24 " + uri + "\n");
}

TEST_F(ScannerTest, what_was_not_written_may_be_passed_over_only_to_watch_a_vm_that_runs) {
    auto partial = verdict(ScanVerdict::clean);
    partial.read = ScanScope::changed;
    partial.known = partial.unchanged = 2;
    auto all = programs(program("scan", verdict_json(partial) + "\n", 0));
    all.cache = "/c";
    const std::string uri = "nbd+unix:///vda?socket=/s/nbd";
    const ScanTarget watched{"vda", uri, "raw", "", "", ScanChanges{"/states/vda", "changes-vda", "bailiff-1", "bailiff-2"}};
    const ScanTarget first{"vda", uri, "raw", "", "", ScanChanges{"/states/vda", "", "", "bailiff-1"}};
    const auto never = [] { return std::string(); };
    const auto live = ProcessScanner(all).scan_live({watched}, [](int) {}, never);
    ASSERT_TRUE(live) << live.error().text;
    EXPECT_EQ(live->verdict, ScanVerdict::clean);
    EXPECT_EQ(live->unchanged, 2);
    ASSERT_TRUE(ProcessScanner(all).scan_live({first}, [](int) {}, never));
    EXPECT_EQ(ProcessScanner(all).scan({watched}, [](int) {})->verdict, ScanVerdict::incomplete) << "what a VM is given back for reads everything";
    all.cache.clear();
    EXPECT_EQ(ProcessScanner(all).scan_live({watched}, [](int) {}, never)->verdict, ScanVerdict::incomplete) << "nobody asked for less";
    const std::string head = "--json --progress --gentle --format raw --clamd /run/clamd.sock ", cache = "--cache /c --cache-size 512M ";
    EXPECT_EQ(file("scan.args"), head + cache + "--state /states/vda --mark bailiff-2 --dirty-bitmap changes-vda --since bailiff-1 " + uri + "\n" +
                                     head + cache + "--state /states/vda --mark bailiff-1 " + uri + "\n" + head + cache + uri + "\n" + head + uri + "\n");
}

TEST_F(ScannerTest, is_not_begun_outside_of_the_control_group_that_the_admin_named) {
    auto all = programs(program("scan", verdict_json(verdict(ScanVerdict::clean)) + "\n", 0));
    all.cgroup = folder + "/none/scan";
    const auto out = ProcessScanner(all).scan({disks[0]}, [](int) {});
    ASSERT_FALSE(out);
    EXPECT_NE(out.error().text.find("control group"), std::string::npos) << out.error().text;
    EXPECT_EQ(file("scan.args"), "");
}

TEST_F(ScannerTest, a_scan_ends_early_with_the_words_why) {
    const auto endless = write("endless", "#!/bin/sh\nexec sleep 60\n", 0700);
    int asked = 0;
    const auto began = std::chrono::steady_clock::now();
    const auto out = ProcessScanner(programs(endless)).scan_live({disks[0]}, [](int) {}, [&] { return ++asked > 2 ? "an order came" : std::string(); });
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().code, Errc::conflict);
    EXPECT_EQ(out.error().text, "an order came");
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(30)) << "long before the scanner would have ended";
}

TEST_F(ScannerTest, one_incomplete_disk_makes_the_vm_incomplete_and_one_infected_disk_infected) {
    EXPECT_EQ(ProcessScanner(programs(program("scan", verdict_json(verdict(ScanVerdict::incomplete)) + "\n", 3))).scan(disks, [](int) {})->verdict,
              ScanVerdict::incomplete);
    const auto out = ProcessScanner(programs(program("scan", verdict_json(verdict(ScanVerdict::infected)) + "\n", 1))).scan(disks, [](int) {});
    EXPECT_EQ(out->verdict, ScanVerdict::infected);
    EXPECT_EQ(out->hits.size(), 2u);
}

TEST_F(ScannerTest, what_was_not_scanned_has_one_digest_in_whatever_order_it_was_met) {
    const auto digest_of = [&](std::vector<SkippedItem> skipped, uint64_t total) {
        auto v = verdict(ScanVerdict::incomplete);
        v.skipped = std::move(skipped);
        v.skipped_total = total;
        return ProcessScanner(programs(program("scan", verdict_json(v) + "\n", 3))).scan(disks, [](int) {})->skipped_sha256;
    };
    const SkippedItem big{"/big", "gpt1", SkipReason::size, "over 100 MiB", 5}, locked{"/locked", "gpt1", SkipReason::encrypted, "", 9};
    const auto both = digest_of({big, locked}, 2);
    EXPECT_EQ(both.size(), 64u);
    EXPECT_EQ(digest_of({locked, big}, 2), both);
    EXPECT_NE(digest_of({big}, 1), both);
    auto reworded = big, elsewhere = big, otherwise = big;
    reworded.detail = "over 200 MiB";
    EXPECT_EQ(digest_of({reworded, locked}, 2), both) << "a sentence for people says nothing new";
    elsewhere.volume = "gpt2";
    EXPECT_NE(digest_of({elsewhere, locked}, 2), both);
    otherwise.reason = SkipReason::error;
    EXPECT_NE(digest_of({otherwise, locked}, 2), both);
    std::vector<SkippedItem> many(most_listed, big);
    EXPECT_EQ(digest_of(many, most_listed + 1), "") << "what is not listed cannot be compared";
}

TEST_F(ScannerTest, the_oldest_signatures_of_any_disk_count_and_an_undated_disk_makes_them_undated) {
    const Instant young(Seconds(1795507200)), old(Seconds(1795000000));
    /// A scanner that answers for /images/system with one date and for the other disk with another; 0 = none.
    const auto scanned_with = [&](Instant first, Instant second) {
        const auto line = [&](Instant at) {
            auto v = verdict(ScanVerdict::clean);
            v.engines = {{"yara", "sha256:00", true, {}, ""}, {"clamav", "1", true, at, ""}};
            return verdict_json(v);
        };
        write("first.out", line(first) + "\n");
        write("second.out", line(second) + "\n");
        const auto scan = write("scan", "#!/bin/sh\ncase \"$*\" in */images/system) cat " + folder + "/first.out ;; *) cat " + folder + "/second.out ;; esac\n", 0700);
        return ProcessScanner(programs(scan)).scan(disks, [](int) {})->signatures_at;
    };
    EXPECT_EQ(scanned_with(young, young), young);
    EXPECT_EQ(scanned_with(young, old), old);
    EXPECT_EQ(scanned_with(old, young), old);
    EXPECT_EQ(scanned_with(young, Instant{}), Instant{});
    EXPECT_EQ(scanned_with(Instant{}, young), Instant{});
}

TEST_F(ScannerTest, a_verdict_about_what_has_changed_gives_no_vm_back) {
    auto partial = verdict(ScanVerdict::clean);
    partial.known = partial.unchanged = 2;
    partial.read = ScanScope::changed;
    const auto out = ProcessScanner(programs(program("scan", verdict_json(partial) + "\n", 0))).scan({disks[0]}, [](int) {});
    ASSERT_TRUE(out) << out.error().text;
    EXPECT_EQ(out->verdict, ScanVerdict::incomplete);
    EXPECT_EQ(out->skipped, 2);
}

TEST_F(ScannerTest, progress_is_passed_on_and_never_says_that_it_is_done) {
    ScanProgress half{10, 50, 0, 100}, over{20, 300, 0, 100};
    const auto text = progress_json(half) + "\n{\"progress\":{}}\n" + std::string(2000, '{') + "\n" + progress_json(over) + "\n" + verdict_json(verdict(ScanVerdict::clean)) + "\n";
    std::vector<int> told;
    ASSERT_TRUE(ProcessScanner(programs(program("scan", text, 0))).scan(disks, [&](int percent) { told.push_back(percent); }));
    EXPECT_EQ(told, (std::vector<int>{25, 49, 50, 75, 99, 100}));
}

TEST_F(ScannerTest, nothing_but_two_agreeing_witnesses_is_clean) {
    const auto clean = verdict_json(verdict(ScanVerdict::clean)) + "\n";
    for (const auto& [text, code] : {std::pair{clean, 1}, {clean, 2}, {clean, 3}, {clean, 139}, {std::string(), 0}, {std::string("clean\n"), 0},
                                     {verdict_json(verdict(ScanVerdict::infected)) + "\n", 0}, {clean.substr(0, 30), 0}}) {
        const auto out = ProcessScanner(programs(program("scan", text, code))).scan(disks, [](int) {});
        ASSERT_FALSE(out) << "taken for a verdict: " << code << " " << text;
        EXPECT_EQ(out.error().code, Errc::unavailable);
    }
    EXPECT_FALSE(ProcessScanner(programs("/nonexistent/scan")).scan(disks, [](int) {}));
    EXPECT_FALSE(ProcessScanner(programs(program("scan", clean, 0))).scan({}, [](int) {})) << "no disk is not a clean VM";
}

TEST_F(ScannerTest, what_nobody_holds_is_shared_and_names_what_matched) {
    const auto out = ProcessScanner(programs(program("scan", verdict_json(verdict(ScanVerdict::infected)) + "\n", 1))).scan_unheld({disks[0]}, [] { return true; });
    ASSERT_TRUE(out) << out.error().text;
    EXPECT_EQ(out->hits.size(), 1u);
    EXPECT_EQ(out->engines, (std::vector<EngineSet>{{"clamav", "1", "", {}}}));
    EXPECT_EQ(file("scan.args"), "--json --progress --gentle --format qcow2 --clamd /run/clamd.sock --share /images/system\n");
    EXPECT_EQ(ProcessScanner(programs(program("scan", "", 4))).scan_unheld(disks, [] { return true; }).error().code, Errc::conflict) << "somebody writes to it";
    EXPECT_EQ(ProcessScanner(programs(program("scan", "", 4))).scan(disks, [](int) {}).error().code, Errc::unavailable);
    EXPECT_EQ(ProcessScanner(programs(program("scan", "", 2))).scan_unheld(disks, [] { return true; }).error().code, Errc::unavailable);
}

TEST_F(ScannerTest, a_scan_that_may_not_go_on_is_ended) {
    const auto slow = write("scan", "#!/bin/sh\necho begun > " + folder + "/begun\nsleep 600\n", 0700);
    const auto out = ProcessScanner(programs(slow)).scan_unheld(disks, [&] { return file("begun").empty(); });
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().code, Errc::conflict) << out.error().text;
    EXPECT_NE(out.error().text.find("stopped"), std::string::npos);
}

TEST_F(ScannerTest, cleaning_gets_the_scans_own_report_and_only_overlays) {
    ScanOutcome found;
    found.reports["vdb"] = verdict_json(verdict(ScanVerdict::infected));
    found.reports["vda"] = verdict_json(verdict(ScanVerdict::clean));
    const auto clean = program("clean", "{\"path\":\"/evil\",\"action\":\"removed\"}\n{\"changed\":1,\"absent\":0,\"failed\":0}\n", 0);
    auto all = programs("", clean);
    all.keep_key = "/staff.pub";
    all.known_good = {"/golden/debian", "/golden/ours"};
    const auto moved = ProcessScanner(all).clean(disks, found, "/keep");
    ASSERT_TRUE(moved) << moved.error().text;
    ASSERT_EQ(moved->size(), 1u);
    EXPECT_EQ(moved->front().signature, "Eicar");
    EXPECT_EQ(file("clean.args"), "--json --keep /keep --keep-key /staff.pub --known-good /golden/debian --known-good /golden/ours --format qcow2 --backing /images/data --backing-format raw /overlays/vdb\n");
    EXPECT_EQ(file("clean.in"), found.reports["vdb"] + "\n");
    found.reports["vda"] = found.reports["vdb"];
    EXPECT_EQ(ProcessScanner(programs("", clean)).clean(disks, found, "/keep").error().code, Errc::forbidden);
}

TEST_F(ScannerTest, a_cleaning_that_fails_is_not_tried_again_on_the_same_overlay) {
    ScanOutcome found;
    found.reports["vdb"] = verdict_json(verdict(ScanVerdict::infected));
    EXPECT_EQ(ProcessScanner(programs("", program("clean", "", 2))).clean(disks, found, "/keep").error().code, Errc::invalid);
    const auto listed = program("clean", "{\"path\":\"/evil\",\"action\":\"listed\"}\n{\"path\":\"/evil\",\"action\":\"would_remove\"}\n", 0);
    EXPECT_TRUE(ProcessScanner(programs("", listed)).clean(disks, found, "/keep")->empty()) << "what is only listed is still there";
    const auto replaced = program("clean", "{\"path\":\"/evil\",\"action\":\"replaced\"}\n", 0);
    EXPECT_EQ(ProcessScanner(programs("", replaced)).clean(disks, found, "/keep")->size(), 1u);
    const auto partly = program("clean", "{\"path\":\"/evil\",\"action\":\"failed\"}\n", 3);
    EXPECT_TRUE(ProcessScanner(programs("", partly)).clean(disks, found, "/keep")->empty()) << "the next scan tells what is left";
}

}  // namespace
}  // namespace bailiff::agent
