// SPDX-License-Identifier: Apache-2.0
// The pipe's end and the Maildir, against a real controller that is there, away, and back.
#include "tests/integration/intake/door_world.hpp"

#include <sys/stat.h>
#include <sysexits.h>

namespace bailiff::test {
namespace {

namespace fs = std::filesystem;

TEST(Doors, thePipesEndSaysWhatAMailServerMustDo) {
    DoorWorld world;
    const auto mail = world.write("one.eml", report_mail("one"));
    EXPECT_EQ(world.ctl_process({"intake", "mail", "--sender", "cert@reporter.example", "--recipient", "abuse@provider.example"}, mail), EX_OK);
    const auto kept = world.get("/api/v1/deliveries/M-1");
    EXPECT_EQ(kept.at("state"), "filed") << kept;
    EXPECT_EQ(kept.at("sender"), "cert@reporter.example");
    EXPECT_EQ(kept.at("recipient"), "abuse@provider.example");
    EXPECT_EQ(kept.at("reports").at(0).at("case"), "C-1");
    EXPECT_EQ(world.ctl_process({"intake", "mail"}, mail), EX_OK) << "a retry after a lost answer";
    EXPECT_EQ(world.ctl_process({"intake", "mail", "--sender", "", "--recipient", "abuse@provider.example"}, mail), EX_OK) << "a bounce has no sender";
    EXPECT_EQ(world.deliveries(), (std::vector<std::string>{"filed 3"}));

    EXPECT_EQ(world.ctl_process({"intake", "mail"}, "/dev/null"), EX_DATAERR);
    EXPECT_EQ(world.ctl_process({"intake", "mail", "--oops"}, mail), EX_USAGE);
    EXPECT_EQ(world.ctl_process({"intake", "mail", "word"}, mail), EX_USAGE);
    const auto direct = [&](std::vector<std::string> words) {
        words.insert(words.begin(), {"intake", "mail", "--file", mail});
        return run([](const auto& a, auto& out, auto& err) { return dispatch(all_commands(), a, out, err); }, words).code;
    };
    EXPECT_EQ(direct({"--config", "/dev/null", "--token-file", world.folder + "/token", "--server", "gopher://x"}), EX_CONFIG);
    EXPECT_EQ(direct({"--config", "/dev/null", "--token-file", "/nonexistent", "--server", world.server()}), EX_TEMPFAIL) << "a token that is just being replaced costs no mail";
    const auto wrong = world.write("wrong-token", "wrong\n");
    EXPECT_EQ(direct({"--config", "/dev/null", "--token-file", wrong, "--server", world.server()}), EX_TEMPFAIL);

    world.stop();
    const auto two = world.write("two.eml", report_mail("two"));
    EXPECT_EQ(world.ctl_process({"intake", "mail"}, two), EX_TEMPFAIL);
    world.start();
    EXPECT_EQ(world.ctl_process({"intake", "mail"}, two), EX_OK);
    EXPECT_EQ(world.deliveries(), (std::vector<std::string>{"filed 3", "filed 1"}));
    EXPECT_EQ(world.get("/api/v1/cases/C-1").at("reports").size(), 2u) << "the same facts join the case";
}

TEST(Doors, ofAMailAboveTheLimitTheBeginningIsKept) {
    DoorWorld world;
    const auto large = world.write("large.eml", report_mail("large") + std::string(30 << 20, 'x'));
    EXPECT_EQ(world.ctl_process({"intake", "mail"}, large), EX_OK) << text_of(world.folder + "/ctl.log");
    const auto kept = world.get("/api/v1/deliveries/M-1");
    EXPECT_EQ(kept.at("state"), "triage");
    EXPECT_NE(kept.at("triage").get<std::string>().find("only the first 25 MB are kept"), std::string::npos) << kept.at("triage");
    EXPECT_EQ(world.ask("GET", "/api/v1/deliveries/M-1/raw").body.size(), size_t{25} << 20);
}

TEST(Doors, aMailThatEndsTheWorkerIsKept) {
    DoorWorld world;
    // The worker's box stays as it is; its end is played by a signal from outside, on every one that begins.
    const auto mail = world.write("one.eml", report_mail("one"));
    EXPECT_EQ(world.ctl_process({"intake", "mail"}, mail), EX_OK);
    const auto worker = [&]() -> pid_t {
        for (const auto& entry : fs::directory_iterator("/proc")) {
            const std::string name = entry.path().filename();
            if (name.find_first_not_of("0123456789") != std::string::npos) continue;
            const std::string status = text_of(entry.path().string() + "/status");
            if (status.starts_with("Name:\tbailiff-intake\n") && status.find("\nPPid:\t" + std::to_string(world.controller_pid()) + "\n") != std::string::npos) return std::atoi(name.c_str());
        }
        return -1;
    };
    const pid_t first = worker();
    ASSERT_GT(first, 0);
    kill(first, SIGKILL);
    EXPECT_EQ(world.ctl_process({"intake", "mail"}, world.write("two.eml", report_mail("two"))), EX_OK);
    EXPECT_EQ(world.deliveries(), (std::vector<std::string>{"filed 1", "filed 1"}));
    EXPECT_NE(worker(), first);
}

struct AMaildir {
    explicit AMaildir(const DoorWorld& world) : path(world.folder + "/Maildir") {
        for (const char* part : {"new", "cur", "tmp"}) fs::create_directories(path + "/" + part);
    }
    void put(const std::string& name, const std::string& text) const {
        std::ofstream(path + "/tmp/" + name, std::ios::binary) << text;
        fs::rename(path + "/tmp/" + name, path + "/new/" + name);
    }
    std::vector<std::string> names(const char* part) const {
        std::vector<std::string> out;
        for (const auto& entry : fs::directory_iterator(path + "/" + part)) out.push_back(entry.path().filename());
        std::sort(out.begin(), out.end());
        return out;
    }
    std::string path;
};

TEST(Doors, aMaildirIsEmptiedOfWhatIsKeptOnly) {
    DoorWorld world;
    const AMaildir maildir(world);
    maildir.put("1.a.host", report_mail("a"));
    maildir.put("2.b.host", report_mail("b", "198.51.100.7"));
    maildir.put("3.copy.host", report_mail("a"));
    fs::create_symlink("/etc/passwd", maildir.path + "/new/4.link.host");
    mkfifo((maildir.path + "/new/5.pipe.host").c_str(), 0600);
    maildir.put("6.empty.host", "");
    const auto seen = world.ctl({"intake", "maildir", maildir.path});
    EXPECT_EQ(seen.code, EX_TEMPFAIL) << "three stay: " << seen.out << seen.err;
    EXPECT_EQ(maildir.names("cur"), (std::vector<std::string>{"1.a.host:2,S", "2.b.host:2,S", "3.copy.host:2,S"}));
    EXPECT_EQ(maildir.names("new"), (std::vector<std::string>{"4.link.host", "5.pipe.host", "6.empty.host"}));
    EXPECT_EQ(world.deliveries(), (std::vector<std::string>{"filed 2", "filed 1"}));
    for (const auto& name : maildir.names("new")) fs::remove(maildir.path + "/new/" + name);
    EXPECT_EQ(world.ctl({"intake", "maildir", maildir.path}).code, EX_OK);
    EXPECT_EQ(world.ctl({"intake", "maildir", "/nonexistent"}).code, EX_TEMPFAIL);
    EXPECT_EQ(world.ctl({"intake", "maildir"}).code, EX_USAGE);

    world.stop();
    maildir.put("7.c.host", report_mail("c"));
    maildir.put("8.d.host", report_mail("d"));
    EXPECT_EQ(world.ctl({"intake", "maildir", maildir.path}).code, EX_TEMPFAIL);
    EXPECT_EQ(maildir.names("new").size(), 2u) << "both stay while the controller is away";
    world.start();
    EXPECT_EQ(world.ctl({"intake", "maildir", maildir.path}).code, EX_OK);
    EXPECT_TRUE(maildir.names("new").empty());
    EXPECT_EQ(world.deliveries().size(), 4u);
}

TEST(Doors, aWatchedMaildirGoesOn) {
    DoorWorld world;
    const AMaildir maildir(world);
    std::vector<std::string> words{world.folder + "/bailiffctl", "intake", "maildir", maildir.path, "--watch", "--every", "1"};
    for (auto& word : world.reach()) words.push_back(word);
    const Program watcher(words, world.folder + "/watch.log");
    maildir.put("1.a.host", report_mail("a"));
    DoorWorld::eventually("the first mail", [&] { return maildir.names("cur").size() == 1; });
    world.stop();
    maildir.put("2.b.host", report_mail("b"));
    DoorWorld::eventually("a failed try", [&] { return text_of(world.folder + "/watch.log").find("2.b.host stays in new/") != std::string::npos; });
    world.start();
    DoorWorld::eventually("the second mail", [&] { return maildir.names("cur").size() == 2; });
    EXPECT_EQ(world.deliveries(), (std::vector<std::string>{"filed 1", "filed 1"}));
}

}  // namespace
}  // namespace bailiff::test
