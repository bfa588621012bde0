// SPDX-License-Identifier: Apache-2.0
// The admin's files: never-touch while it is edited, broken or gone; drain; requests; and the command line behind them.
#include "agent/admin_requests.hpp"
#include "agent/host_rules.hpp"
#include "agent/options.hpp"
#include "tests/fixtures/fake_clock.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>

namespace bailiff::agent {
namespace {

using Names = std::set<std::string>;

struct AdminFiles : testing::Test {
    std::string folder;
    test::FakeClock clock;
    Options options;
    Result<Options> next = fail(Errc::invalid, "not read yet");

    AdminFiles() {
        std::string pattern = "/tmp/bailiff-admin-XXXXXX";
        if (!mkdtemp(pattern.data())) throw std::runtime_error("no temporary folder");
        folder = pattern;
        options.state = folder + "/state";
        options.never_touch = folder + "/never-touch";
        std::filesystem::create_directories(options.state);
    }
    ~AdminFiles() override { std::filesystem::remove_all(folder); }
    HostRulesWatch watch() {
        return HostRulesWatch(options, clock, [this] { return next; });
    }
    void write_list(const std::string& text) const { std::ofstream(options.never_touch) << text; }
    /// Looks until the file has rested.
    static void settle(HostRulesWatch& watch, test::FakeClock& clock) {
        watch.look();
        clock.advance(Seconds(3));
        watch.look();
    }
};

TEST_F(AdminFiles, a_name_counts_at_once_and_leaves_when_the_file_has_rested) {
    write_list("billing\n");
    auto rules = watch();
    EXPECT_EQ(rules.rules().exempt, Names{"billing"});
    write_list("billing\nmail\n");
    EXPECT_TRUE(rules.look());
    EXPECT_EQ(rules.rules().exempt, (Names{"billing", "mail"}));
    settle(rules, clock);
    write_list("");   // an editor empties the file before it writes it
    rules.look();
    EXPECT_EQ(rules.rules().exempt, (Names{"billing", "mail"})) << "not for a moment is nobody exempt";
    write_list("mail\nshop\n");
    rules.look();
    EXPECT_EQ(rules.rules().exempt, (Names{"billing", "mail", "shop"}));
    settle(rules, clock);
    EXPECT_EQ(rules.rules().exempt, (Names{"mail", "shop"}));
    EXPECT_FALSE(rules.look()) << "nothing new";
}

TEST_F(AdminFiles, a_broken_or_vanished_list_leaves_the_old_one_in_force_and_is_said) {
    write_list("billing\n");
    auto rules = watch();
    write_list(std::string("mail\n\0\1\n", 8));
    EXPECT_TRUE(rules.look());
    EXPECT_EQ(rules.rules().exempt, Names{"billing"});
    EXPECT_NE(rules.rules().trouble.find("Line 2"), std::string::npos) << rules.rules().trouble;
    std::filesystem::remove(options.never_touch);
    EXPECT_TRUE(rules.look());
    EXPECT_EQ(rules.rules().exempt, Names{"billing"});
    EXPECT_NE(rules.rules().trouble.find("is gone"), std::string::npos) << rules.rules().trouble;
    std::filesystem::create_directory(options.never_touch);
    rules.look();
    EXPECT_EQ(rules.rules().exempt, Names{"billing"}) << "a folder is no list";
    std::filesystem::remove(options.never_touch);
    rules.look();
    write_list("mail\n");
    settle(rules, clock);
    EXPECT_EQ(rules.rules().exempt, Names{"mail"});
    EXPECT_EQ(rules.rules().trouble, "");
}

TEST_F(AdminFiles, uuids_are_known_in_any_case) {
    write_list("11111111-1111-4111-8111-11111111ABCD\n");
    EXPECT_EQ(*read_never_touch(options.never_touch), Names{"11111111-1111-4111-8111-11111111abcd"});
    write_list("../etc/passwd\n");
    EXPECT_FALSE(read_never_touch(options.never_touch)) << "a slash is in no name";
}

TEST_F(AdminFiles, drain_is_seen_at_the_next_look_and_survives_a_restart) {
    auto rules = watch();
    AdminFolder admin(options.state);
    ASSERT_TRUE(admin.drain({clock.now(), "root", "new disks"}));
    EXPECT_TRUE(rules.look());
    EXPECT_TRUE(rules.rules().draining);
    EXPECT_EQ(rules.rules().drain_reason, "root: new disks");
    EXPECT_TRUE(watch().rules().draining);
    ASSERT_TRUE(admin.undrain());
    EXPECT_TRUE(rules.look());
    EXPECT_FALSE(rules.rules().draining);
    EXPECT_TRUE(admin.undrain()) << "may be repeated";
}

TEST_F(AdminFiles, a_drain_note_that_cannot_be_read_counts_as_draining) {
    auto rules = watch();
    std::filesystem::create_directories(options.state + "/admin");
    std::ofstream(options.state + "/admin/drain.json") << "{";
    EXPECT_TRUE(rules.look());
    EXPECT_TRUE(rules.rules().draining);
    EXPECT_NE(rules.rules().trouble.find("drain off"), std::string::npos) << rules.rules().trouble;
}

TEST_F(AdminFiles, a_reload_takes_the_limits_over_and_a_broken_file_changes_nothing) {
    auto rules = watch();
    Options changed = options;
    changed.budget_per_hour = 3;
    changed.dry_run = changed.draining = true;
    next = changed;
    EXPECT_TRUE(rules.reload());
    EXPECT_EQ(rules.rules().budget_per_hour, 3);
    EXPECT_TRUE(rules.rules().dry_run && rules.rules().draining);
    next = fail(Errc::invalid, "budget-per-hour is from 0 to 10000.");
    EXPECT_TRUE(rules.reload());
    EXPECT_EQ(rules.rules().budget_per_hour, 3);
    EXPECT_NE(rules.rules().trouble.find("old settings stay"), std::string::npos) << rules.rules().trouble;
    next = options;
    EXPECT_TRUE(rules.reload());
    EXPECT_EQ(rules.rules().trouble, "");
    EXPECT_FALSE(rules.rules().dry_run || rules.rules().draining);
}

TEST_F(AdminFiles, a_sweep_is_asked_for_once_and_what_it_does_is_told) {
    AdminFolder admin(options.state);
    EXPECT_FALSE(admin.take_sweep_request());
    ASSERT_TRUE(admin.ask_sweep({"web1"}));
    ASSERT_TRUE(admin.ask_sweep({"web1", "db1"}));
    EXPECT_EQ(admin.take_sweep_request(), (std::vector<std::string>{"web1", "db1"})) << "the newest";
    EXPECT_FALSE(admin.take_sweep_request());
    std::ofstream(options.state + "/admin/sweep-now.json") << "{\"vms\": 5}";
    EXPECT_FALSE(admin.take_sweep_request()) << "nonsense is taken away";
    EXPECT_FALSE(std::filesystem::exists(options.state + "/admin/sweep-now.json"));
    EXPECT_FALSE(admin.told_sweep());
    ASSERT_TRUE(admin.tell_sweep({{"text", "waits"}}));
    EXPECT_EQ(admin.told_sweep()->value("text", ""), "waits");
}

TEST_F(AdminFiles, requests_are_asked_answered_and_forgotten) {
    AdminFolder admin(options.state);
    EXPECT_TRUE(admin.asked().empty());
    const ReleaseRequest request{std::string(32, 'a'), "11111111-1111-4111-8111-111111111111", "root", "a \"quoted\" reason", true, clock.now()};
    ASSERT_TRUE(admin.ask(request));
    std::ofstream(options.state + "/admin/" + std::string(32, 'b') + ".release.json") << "{\"vm\":1}";
    ASSERT_EQ(admin.asked().size(), 1u) << "what cannot be read is no request";
    EXPECT_EQ(admin.asked()[0], request);
    EXPECT_FALSE(admin.answered(request.id));
    ASSERT_TRUE(admin.answer(request.id, {{"unlocked", true}}));
    EXPECT_TRUE(admin.asked().empty());
    EXPECT_EQ(admin.answered(request.id)->at("unlocked"), true);
    admin.forget(request.id);
    EXPECT_FALSE(admin.answered(request.id));
    struct stat info {};
    ASSERT_EQ(::stat((options.state + "/admin").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0700u);
}

// ---- the command line ------------------------------------------------------------------------------------------------

struct AdminWords : testing::Test {
    static Result<Command> read(std::vector<std::string> words) {
        words.insert(words.begin(), "bailiff-agent");
        words.push_back("--config");
        words.push_back("/dev/null");
        std::vector<const char*> argv;
        for (const auto& word : words) argv.push_back(word.c_str());
        return read_command(int(argv.size()), argv.data());
    }
    static std::string mistake(const std::vector<std::string>& words) {
        const auto command = read(words);
        return command ? "" : command.error().text;
    }
};

TEST_F(AdminWords, drain_and_release) {
    const auto drain = read({"drain", "on", "--reason", "new disks", "--json"});
    ASSERT_TRUE(drain) << drain.error().text;
    EXPECT_TRUE(drain->kind == Command::Kind::drain && drain->on && drain->json);
    EXPECT_EQ(drain->reason, "new disks");
    EXPECT_FALSE(read({"drain", "off"})->on);
    const auto release = read({"release", "--force", "web1", "--reason", "a bank", "--start"});
    ASSERT_TRUE(release) << release.error().text;
    EXPECT_TRUE(release->kind == Command::Kind::release && release->start);
    EXPECT_EQ(release->vm, "web1");
    EXPECT_EQ(read({"status", "--json"})->kind, Command::Kind::status);
}

TEST_F(AdminWords, sweep) {
    const auto now = read({"sweep", "now", "web1", "db1", "--json"});
    ASSERT_TRUE(now) << now.error().text;
    EXPECT_TRUE(now->kind == Command::Kind::sweep && now->json);
    EXPECT_EQ(now->words, (std::vector<std::string>{"now", "web1", "db1"}));
    EXPECT_EQ(read({"sweep", "list"})->words, (std::vector<std::string>{"list"}));
}

TEST_F(AdminWords, what_is_missing_is_said_with_the_remedy) {
    EXPECT_NE(mistake({"drain"}).find("drain on"), std::string::npos);
    EXPECT_NE(mistake({"drain", "maybe"}).find("drain off"), std::string::npos);
    EXPECT_NE(mistake({"release", "web1", "--reason", "x"}).find("--force"), std::string::npos);
    EXPECT_NE(mistake({"release", "--force", "web1"}).find("--reason"), std::string::npos);
    EXPECT_NE(mistake({"release", "--force", "--reason", "x"}).find("Name one VM"), std::string::npos);
    EXPECT_NE(mistake({"release", "--force", "a", "b", "--reason", "x"}).find("Name one VM"), std::string::npos);
    EXPECT_FALSE(read({"status", "now"}));
    EXPECT_NE(mistake({"--start"}).find("belong to a command"), std::string::npos);
    const auto help = read({"release", "--help"});
    ASSERT_TRUE(help);
    EXPECT_NE(help->text.find("--force"), std::string::npos);
}

}  // namespace
}  // namespace bailiff::agent
