// SPDX-License-Identifier: Apache-2.0
// The program's own parts: its socket, its options, and the scanner's processes.
#include "agent/files/durable_file.hpp"
#include "agent/keep_key.hpp"
#include "agent/link_socket.hpp"
#include "agent/options.hpp"
#include "agent/process_scanner.hpp"
#include "agent/scan/scan_result.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace bailiff::agent {
namespace {

class Parts : public testing::Test {
  protected:
    Parts() {
        std::string pattern = "/tmp/bailiff-parts-XXXXXX";
        if (!mkdtemp(pattern.data())) throw std::runtime_error("no temporary folder");
        folder = pattern;
    }
    ~Parts() override { std::filesystem::remove_all(folder); }
    std::string write(const std::string& name, const std::string& text, mode_t mode = 0600) {
        const std::string path = folder + "/" + name;
        std::ofstream(path) << text;
        ::chmod(path.c_str(), mode);
        return path;
    }
    std::string folder;
};

// ---- the socket ----------------------------------------------------------------------------------------------------

class Socket : public Parts {
  protected:
    Socket() {
        socket.on_connected = [this] { ++connected; };
        socket.on_disconnected = [this] { ++disconnected; };
        socket.on_frame = [this](const Frame& frame) { frames.push_back(frame); };
    }
    int connect_peer() {
        const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, path.size());
        EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        serve();
        return fd;
    }
    void serve() {
        for (int i = 0; i < 20; ++i) {
            std::vector<pollfd> descriptors;
            socket.add_to(descriptors);
            if (::poll(descriptors.data(), descriptors.size(), 20) > 0) socket.serve(descriptors);
            else return;
        }
    }
    static void say(int fd, const std::string& bytes) { ASSERT_EQ(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL), ssize_t(bytes.size())); }

    std::string path = folder + "/agent.sock";
    LinkSocket socket{path, ""};
    int connected = 0, disconnected = 0;
    std::vector<Frame> frames;
};

TEST_F(Socket, frames_come_whole_however_the_bytes_come) {
    const int fd = connect_peer();
    EXPECT_EQ(connected, 1);
    const std::string bytes = frame_bytes(encode({MessageId("1"), Ack{{"a"}}})) + frame_bytes(encode({MessageId("2"), Ack{{"b"}}}));
    for (const char c : bytes) say(fd, std::string(1, c));
    serve();
    ASSERT_EQ(frames.size(), 2u);
    EXPECT_EQ(std::get<Ack>(frames[1].message).ids, std::vector<std::string>{"b"});
    socket.send({MessageId("3"), Ack{{"c"}}});
    char buffer[200];
    const auto n = ::recv(fd, buffer, sizeof buffer, 0);
    ASSERT_GT(n, 4);
    EXPECT_EQ(decode({buffer + 4, size_t(n) - 4})->id, MessageId("3"));
    ::close(fd);
    serve();
    EXPECT_EQ(disconnected, 1);
}

TEST_F(Socket, the_newest_connection_wins) {
    const int old = connect_peer();
    const int young = connect_peer();
    EXPECT_EQ(connected, 2);
    EXPECT_EQ(disconnected, 1);
    char byte;
    EXPECT_EQ(::recv(old, &byte, 1, 0), 0) << "the old one is closed";
    say(young, frame_bytes(encode({MessageId("1"), Ack{{"a"}}})));
    serve();
    EXPECT_EQ(frames.size(), 1u);
    ::close(old);
    ::close(young);
}

TEST_F(Socket, a_peer_of_another_protocol_is_disconnected_and_a_frame_that_is_not_understood_is_skipped) {
    const int fd = connect_peer();
    say(fd, frame_bytes("{\"id\":\"1\",\"type\":\"news\",\"body\":{}}") + frame_bytes(encode({MessageId("2"), Ack{{}}})));
    serve();
    EXPECT_EQ(frames.size(), 1u);
    say(fd, "GET / HTTP/1.1\r\n\r\n");
    serve();
    EXPECT_EQ(disconnected, 1);
    ::close(fd);
}

TEST_F(Socket, is_closed_to_others) {
    struct stat info {};
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0660u);
}

// ---- options -------------------------------------------------------------------------------------------------------

struct OptionsTest : Parts {
    Result<Command> read(std::vector<std::string> words) {
        words.insert(words.begin(), "bailiff-agent");
        std::vector<const char*> argv;
        for (const auto& word : words) argv.push_back(word.c_str());
        return read_command(int(argv.size()), argv.data());
    }
};

TEST_F(OptionsTest, flags_win_over_the_file_and_both_have_the_same_names) {
    const auto config = write("agent.conf", "host = h1\nbudget-per-hour = 3\nstate = /srv/bailiff\n");
    const auto command = read({"--config", config, "--budget-per-hour", "4", "--dry-run", "true"});
    ASSERT_TRUE(command) << command.error().text;
    EXPECT_EQ(command->options.host, "h1");
    EXPECT_EQ(command->options.budget_per_hour, 4);
    EXPECT_TRUE(command->options.dry_run);
    EXPECT_EQ(command->options.overlays, "/srv/bailiff/overlays");
}

TEST_F(OptionsTest, what_is_printed_reads_back_the_same) {
    const auto config = write("agent.conf", "host = h1\nclamd = /run/clamd.sock\ndraining = true\nhash-list = /lists/bad\nhash-list = /lists/good\nhash-list-key = /lists/key.pub\n");
    const auto printed = read({"--config", config, "--print-config"});
    ASSERT_TRUE(printed);
    const auto again = read({"--config", write("printed.conf", printed->text), "--print-config"});
    ASSERT_TRUE(again) << again.error().text;
    EXPECT_EQ(again->text, printed->text);
    EXPECT_NE(printed->text.find("draining = true\n"), std::string::npos) << printed->text;
    EXPECT_NE(printed->text.find("hash-list = /lists/bad\nhash-list = /lists/good\n"), std::string::npos) << printed->text;
}

TEST_F(OptionsTest, every_mistake_is_named_at_once) {
    const auto key = write("bad.pub", "no key");
    const auto command = read({"--config", "/dev/null", "--state", "here", "--budget-per-hour", "-1", "--controllers", folder});
    ASSERT_FALSE(command);
    for (const auto& word : {"host", "state", "budget-per-hour", "bad.pub"})
        EXPECT_NE(command.error().text.find(word), std::string::npos) << word << " is missing in: " << command.error().text;
    const auto lists = read({"--config", "/dev/null", "--host", "h1", "--controllers", folder + "/none", "--hash-list", "here", "--hash-list", "/lists/bad"});
    ASSERT_FALSE(lists);
    for (const auto& word : {"hash-list must be an absolute path", "needs a hash-list-key"})
        EXPECT_NE(lists.error().text.find(word), std::string::npos) << word << " is missing in: " << lists.error().text;
    EXPECT_FALSE(read({"--config", "/dev/null", "--hostname", "h1"}));
    EXPECT_FALSE(read({"--config", "/nonexistent"}));
    EXPECT_FALSE(read({"obey"}));
}

TEST_F(OptionsTest, the_sweep_is_off_until_it_is_said_and_its_mistakes_are_named) {
    EXPECT_FALSE(read({"--config", write("plain.conf", "host = h1\n")})->options.sweep);
    const auto config = write("agent.conf", "host = h1\nsweep = on\nsweep-every = P3D\nsweep-window = 22:00-06:00\nsweep-budget-mib-per-hour = 5000\n");
    const auto command = read({"--config", config});
    ASSERT_TRUE(command) << command.error().text;
    EXPECT_TRUE(command->options.sweep);
    EXPECT_EQ(command->options.sweep_every, "P3D");
    EXPECT_EQ(command->options.sweep_window, "22:00-06:00");
    EXPECT_EQ(command->options.sweep_budget_mib_per_hour, 5000);
    const auto wrong = read({"--config", config, "--sweep-every", "PT1S", "--sweep-window", "at night", "--sweep-budget-mib-per-hour", "-1"});
    ASSERT_FALSE(wrong);
    for (const auto& word : {"sweep-every is", "sweep-window: 'at night'", "sweep-budget-mib-per-hour is"})
        EXPECT_NE(wrong.error().text.find(word), std::string::npos) << word << " is missing in: " << wrong.error().text;
}

TEST_F(OptionsTest, the_never_touch_file_has_comments) {
    const auto list = read_never_touch(write("never-touch", "# the provider's own\nbilling  # the bank waits\n\n11111111-1111-4111-8111-111111111111\n"));
    ASSERT_TRUE(list);
    EXPECT_EQ(*list, (std::set<std::string>{"billing", "11111111-1111-4111-8111-111111111111"}));
    EXPECT_TRUE(read_never_touch(folder + "/missing")->empty());
}

TEST_F(OptionsTest, what_is_kept_is_sealed_for_the_named_key_or_for_one_of_the_hosts_own) {
    Options own;
    own.state = folder;
    const auto made = load_or_make_keep_key(own);
    ASSERT_TRUE(made) << made.error().text;
    EXPECT_TRUE(made->own);
    struct stat status {};
    ASSERT_EQ(::stat(own.own_keep_key().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0600U);
    const auto secret = *read_file(own.own_keep_key(), 4096), open = *read_file(made->path, 4096);
    ASSERT_TRUE(load_or_make_keep_key(own));
    EXPECT_EQ(*read_file(own.own_keep_key(), 4096), secret) << "made once";
    EXPECT_EQ(load_own_unsealing_key(own)->public_half().public_pem(), open);
    // The public half comes back; without the private one, which somebody took away, nothing new is made.
    std::filesystem::remove(made->path);
    ASSERT_TRUE(load_or_make_keep_key(own));
    EXPECT_EQ(*read_file(made->path, 4096), open);
    std::filesystem::remove(own.own_keep_key());
    ASSERT_TRUE(load_or_make_keep_key(own));
    EXPECT_FALSE(std::filesystem::exists(own.own_keep_key()));
    EXPECT_EQ(*read_file(made->path, 4096), open);
    write("keep-key.pem", "rubbish");
    EXPECT_EQ(load_or_make_keep_key(own).error().code, Errc::invalid) << "never replaced: what was sealed for it would be lost";

    Options named;
    named.state = folder;
    named.keep_key = write("staff.pub", UnsealingKey::make().public_half().public_pem());
    EXPECT_EQ(load_or_make_keep_key(named)->path, named.keep_key);
    EXPECT_FALSE(load_or_make_keep_key(named)->own);
    const auto command = read({"--config", "/dev/null", "--host", "h1", "--keep-key", write("staff.pem", UnsealingKey::make().private_pem())});
    ASSERT_FALSE(command);
    EXPECT_NE(command.error().text.find("private half"), std::string::npos) << command.error().text;
}

// ---- the scanner ---------------------------------------------------------------------------------------------------

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
