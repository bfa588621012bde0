// SPDX-License-Identifier: Apache-2.0
// Webhook files: read with their secrets, and every mistake named.
#include "controller/config/webhook_file.hpp"
#include "tests/unit/policy/files.hpp"

namespace bailiff::test {
namespace {

const std::string secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n";

TEST(WebhookFile, names_who_is_told_of_what) {
    const TemporaryFolder folder;
    folder.write("tickets.json", R"({"url": "https://tickets.example/hook", "secret_file": "tickets.secret", "facts": ["case_opened"]})");
    folder.write("alerts.json", R"({"url": "http://10.0.0.5:9093/hook", "secret_file": "tickets.secret", "format": "alertmanager"})");
    folder.write("tickets.secret", secret);
    std::vector<FileMistakes> mistakes;
    const auto hooks = load_webhooks(folder.path(), mistakes);
    EXPECT_TRUE(mistakes.empty()) << describe(mistakes);
    ASSERT_EQ(hooks.size(), 2u);
    EXPECT_EQ(hooks[0].id, "alerts");
    EXPECT_EQ(name(hooks[0].format), "alertmanager");
    EXPECT_EQ(hooks[1].id, "tickets");
    EXPECT_EQ(hooks[1].facts, std::vector<std::string>{"case_opened"});
    EXPECT_EQ(hooks[1].secret.size(), 24u);
}

TEST(WebhookFile, names_its_mistakes) {
    const TemporaryFolder folder;
    folder.write("good.secret", secret);
    folder.write("short.secret", "whsec_YWJj\n");
    folder.write("plain.secret", "correct horse battery staple");
    const auto wrong = [&](const std::string& text) {
        folder.write("x.json", text);
        std::vector<FileMistakes> mistakes;
        EXPECT_TRUE(load_webhooks(folder.path(), mistakes).empty()) << text;
        return describe(mistakes);
    };
    const auto with = [&](const std::string& url, const std::string& rest = "") { return wrong(R"({"secret_file": "good.secret", "url": ")" + url + "\"" + rest + "}"); };
    for (const char* url : {"ftp://x.example/", "tickets.example", "https://", "https:///hook", "https://ana:secret@x.example/", "https://x.example/a b"})
        EXPECT_NE(with(url).find("/url"), std::string::npos) << url;
    EXPECT_NE(with("https://x.example/", R"(, "facts": ["case_open"])").find("/facts/0"), std::string::npos);
    EXPECT_NE(with("https://x.example/", R"(, "format": "slack")").find("/format"), std::string::npos);
    EXPECT_NE(with("https://x.example/", R"(, "secret": "x")").find("/secret"), std::string::npos);
    for (const char* file : {"short.secret", "plain.secret", "absent.secret"})
        EXPECT_NE(wrong(R"({"url": "https://x.example/", "secret_file": ")" + std::string(file) + "\"}").find("/secret_file"), std::string::npos) << file;
    EXPECT_NE(wrong("{").find("x.json"), std::string::npos);
    std::vector<FileMistakes> mistakes;
    EXPECT_TRUE(load_webhooks(folder.path() / "absent", mistakes).empty());
    EXPECT_FALSE(mistakes.empty());
}

}  // namespace
}  // namespace bailiff::test
