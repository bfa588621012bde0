// SPDX-License-Identifier: Apache-2.0
#include "agent/link/options.hpp"

#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

namespace bailiff::agent {
namespace {

Result<LinkCommand> read(std::vector<const char*> words) {
    words.insert(words.begin(), "bailiff-link");
    return read_command(int(words.size()), words.data());
}

TEST(ControllerAddress, table) {
    const struct {
        const char* url;
        const char* text;   // "" when refused
    } rows[] = {
        {"https://a.example:9000", "a.example:9000"}, {"https://a.example", "a.example:8443"}, {"https://a.example/", "a.example:8443"},
        {"https://192.0.2.1:1", "192.0.2.1:1"}, {"https://[2001:db8::1]:9", "[2001:db8::1]:9"}, {"https://[::1]", "[::1]:8443"},
        {"http://a.example", ""}, {"a.example", ""}, {"https://", ""}, {"https://a:0", ""}, {"https://a:65536", ""}, {"https://a:", ""},
        {"https://a:1x", ""}, {"https://u@a", ""}, {"https://a/path", ""}, {"https://[::1", ""}, {"https://[::1]x", ""},
    };
    for (const auto& row : rows) {
        const auto parsed = parse_controller(row.url);
        EXPECT_EQ(parsed ? parsed->text() : "", row.text) << row.url;
    }
}

TEST(LinkOptions, flags_and_file_have_the_same_names_and_the_printed_file_can_be_read_back) {
    char name[] = "/tmp/bailiff-link-XXXXXX";
    ASSERT_GE(mkstemp(name), 0);
    std::ofstream(name) << "controller = https://a\ncontroller = https://b:9\ndir = /tmp/x\nback-off-first-ms = 5\n";
    const auto read_file = read({"--config", name});
    ASSERT_TRUE(read_file) << read_file.error().text;
    EXPECT_EQ(read_file->run.controllers, (std::vector<std::string>{"https://a", "https://b:9"}));
    EXPECT_EQ(read_file->run.identity_file(), "/tmp/x/link/identity.pem");
    const auto printed = read({"--config", name, "--print-config", "--agent-socket", "/tmp/s"});
    ASSERT_TRUE(printed);
    EXPECT_EQ(printed->kind, LinkCommand::Kind::print);
    std::ofstream(name) << printed->text;
    const auto again = read({"--config", name, "--print-config"});
    ASSERT_TRUE(again) << again.error().text;
    EXPECT_EQ(again->text, printed->text);

    std::ofstream(name) << "controler = https://a\n";
    EXPECT_FALSE(read({"--config", name})) << "an unknown name is a mistake";
    unlink(name);
    EXPECT_FALSE(read({"--config", name})) << "a named file must be there";
}

TEST(LinkOptions, all_mistakes_are_listed) {
    const auto wrong = read({"--controller", "http://a", "--back-off-first-ms", "0", "--agent-socket", ""});
    ASSERT_FALSE(wrong);
    for (const char* word : {"http://a", "back-off-first-ms"}) EXPECT_NE(wrong.error().text.find(word), std::string::npos) << wrong.error().text;
    EXPECT_NE(read({"--version"})->text.find("bailiff-link "), std::string::npos);
}

TEST(EnrolOptions, what_must_be_there) {
    const std::string digest(64, 'a');
    EXPECT_FALSE(read({"enrol", "--controller", "https://a"}));
    EXPECT_FALSE(read({"enrol", "--controller", "https://a", "--token", "t", "--ca-sha256", "abc"}));
    const auto good = read({"enrol", "--controller", "https://a.example", "--token", "t", "--ca-sha256", digest.c_str()});
    ASSERT_TRUE(good) << good.error().text;
    EXPECT_EQ(good->enrol.name, "a.example");
    EXPECT_FALSE(read({"enrol", "--controller", "https://a", "--token", "t", "--ca-sha256", digest.c_str(), "--name", "../x"}));
}

}  // namespace
}  // namespace bailiff::agent
