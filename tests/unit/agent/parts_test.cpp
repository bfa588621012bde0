// SPDX-License-Identifier: Apache-2.0
// The program's own parts: its socket, its options and its key.
#include "agent/files/durable_file.hpp"
#include "agent/keep_key.hpp"
#include "agent/link_socket.hpp"
#include "agent/options.hpp"
#include "tests/unit/agent/parts.hpp"

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

TEST_F(OptionsTest, clamd_without_what_the_cache_needs_is_advised_about) {
    const auto config = write("agent.conf", "host = h1\n");
    const auto advice = [&](std::vector<std::string> words) {
        words.insert(words.begin(), {"--config", config});
        const auto command = read(words);
        return command ? advice_of(command->options) : command.error().text;
    };
    const std::vector<std::string> clamd{"--clamd", "/run/clamd.sock"};
    EXPECT_NE(advice(clamd).find("clamd-database"), std::string::npos) << advice(clamd);
    EXPECT_NE(advice({"--clamd", "/run/clamd.sock", "--clamd-database", "/var/lib/clamav"}).find("clamd-config"), std::string::npos);
    EXPECT_EQ(advice({"--clamd", "/run/clamd.sock", "--clamd-database", "/var/lib/clamav", "--clamd-config", "/etc/clamav/clamd.conf"}), "");
    EXPECT_EQ(advice({"--clamd", "", "--yara", "/rules"}), "");
    EXPECT_EQ(advice({"--clamd", "/run/clamd.sock", "--scan-cache", "none"}), "") << "the admin wants none";
}

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

}  // namespace
}  // namespace bailiff::agent
