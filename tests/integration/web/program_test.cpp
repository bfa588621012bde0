// SPDX-License-Identifier: Apache-2.0
// bailiff-controller itself: the address comes by mail, the page stands on its own port, and what is answered there stands
// in the case.
#include "controller/ctl/rest_client.hpp"
#include "tests/fixtures/program.hpp"
#include "tests/fixtures/smtp_server.hpp"
#include "tests/integration/web/browser.hpp"

#include <bailiff/dsse.hpp>
#include <bailiff/json.hpp>
#include <bailiff/system_clock.hpp>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <thread>

namespace bailiff::test {
namespace {

namespace fs = std::filesystem;

std::string file_text(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

bool eventually(const std::function<bool()>& condition) {
    for (int i = 0; i < 600; ++i, std::this_thread::sleep_for(std::chrono::milliseconds(50)))
        if (condition()) return true;
    return false;
}

/// The number after `words` in the log.
int port_after(const std::string& log, const std::string& words) {
    const size_t at = log.find(words);
    return at == std::string::npos ? 0 : std::atoi(log.c_str() + at + words.size());
}

/// A mail's text as a mail program shows it: what is not in English comes in base64.
std::string shown_text(const std::string& bytes) {
    const size_t body = bytes.find("\r\n\r\n");
    EXPECT_NE(bytes.substr(0, body).find("Content-Transfer-Encoding: base64"), std::string::npos) << bytes;
    std::string text = bytes.substr(body);
    std::erase_if(text, [](char c) { return c == '\r' || c == '\n'; });
    return unbase64(text).value_or("no base64");
}

class ThePrograms : public testing::Test {
  protected:
    void SetUp() override {
        std::string made = "/tmp/bailiff-page-XXXXXX";
        ASSERT_TRUE(mkdtemp(made.data()));
        folder = made;
        // Monday 09:00 in the shipped calendar's zone.
        std::ofstream(folder + "/clock") << (*parse_rfc3339("2027-03-01T09:00:00+05:30") - SystemClock().now()).count() << "\n";
    }
    void TearDown() override {
        controller.reset();
        std::error_code ignored;
        fs::remove_all(folder, ignored);
    }
    std::vector<std::string> words() const {
        return {BAILIFF_BIN_DIR "/bailiff-controller", "--config", "/dev/null", "--state", folder + "/state", "--policies", BAILIFF_SOURCE_DIR "/policies",
                "--listen", "127.0.0.1:0", "--plain-http", "--agents-listen", "127.0.0.1:0", "--smtp", smtp.url(), "--smtp-starttls", "never",
                "--mail-from", "abuse@provider.example", "--tick", "100", "--lab-clock", folder + "/clock",
                "--page-listen", "127.0.0.1:0", "--page-plain-http", "--page-url", "http://127.0.0.1/desk/"};
    }
    /// Ends by itself; code and output.
    std::pair<int, std::string> run(std::vector<std::string> all) const {
        const std::string output = folder + "/once.log";
        fs::remove(output);
        const int code = Program(std::move(all), output).wait();
        return {code, file_text(output)};
    }
    std::string log() const { return file_text(folder + "/log"); }
    void start() {
        controller = std::make_unique<Program>(words(), folder + "/log");
        ASSERT_TRUE(eventually([&] { return log().find(" up: api on ") != std::string::npos; })) << log();
        page_port = port_after(log(), "up: customers' page on 127.0.0.1:");
        api_port = port_after(log(), "up: api on 127.0.0.1:");
        ASSERT_NE(page_port, 0) << log();
    }
    RestAnswer ask(const std::string& method, const std::string& path, const Json& body = nullptr) {
        std::string token = file_text(folder + "/state/admin.token");
        token.pop_back();
        auto client = RestClient::open({"http://127.0.0.1:" + std::to_string(api_port), token, "", std::chrono::seconds(30)});
        auto answer = client->ask(method, path, body.is_null() ? std::string() : dump_json(body));
        return answer ? *answer : RestAnswer{};
    }

    std::string folder;
    TestSmtp smtp;
    std::unique_ptr<Program> controller;
    int page_port = 0, api_port = 0;
};

TEST_F(ThePrograms, from_the_mail_to_the_answer) {
    start();
    ASSERT_LT(ask("PUT", "/api/v1/customers/K-7", {{"name", "Rao Textiles"}, {"contact", {{"name", "Asha Rao"}, {"email", "asha@rao.example"}, {"phone", "+91 80 5550 1234"},
                                                                                         {"language", "hi"}, {"zone", "Asia/Kolkata"}}}}).status, 300);
    const auto vm = ask("PUT", "/api/v1/vms/11111111-1111-4111-8111-111111111111", {{"name", "web1"}, {"host", "h1"}, {"customer", "K-7"}, {"addresses", {"192.0.2.10"}}});
    ASSERT_LT(vm.status, 300) << vm.body;
    const auto report = ask("POST", "/api/v1/reports", {{"type", "content/malware"}, {"address", "192.0.2.10"}, {"summary", "EICAR"}});
    ASSERT_EQ(report.status, 201) << report.body;
    ASSERT_TRUE(eventually([&] { return !smtp.mails().empty(); })) << log();
    const std::string mail = shown_text(smtp.mails().at(0).bytes), mark = "http://127.0.0.1/desk/s/";
    const size_t at = mail.find(mark);
    ASSERT_NE(at, std::string::npos) << mail;
    const std::string path = "/s/" + mail.substr(at + mark.size(), 64);

    Browser browser("http://127.0.0.1:" + std::to_string(page_port));
    const auto shown = browser.get(path);
    ASSERT_EQ(shown.status, 200) << shown.body;
    EXPECT_TRUE(shown.says("<html lang=\"hi\">"));
    EXPECT_TRUE(shown.says("सोम 2027-03-01 10:00")) << shown.body;
    const auto sent = browser.post(path, {{"kind", "fixed"}, {"key", hidden(shown, "key")}, {"lang", hidden(shown, "lang")}, {"steps", "फ़ाइल हटाई"},
                                          {"root_cause", "पुराना प्लग-इन"}, {"prevention", "अपडेट"}});
    EXPECT_EQ(sent.status, 303) << sent.body;
    const auto end = browser.get(path + sent.header("location"));
    EXPECT_EQ(end.status, 410);
    EXPECT_TRUE(end.says("हमें आपका उत्तर मिल गया है"));
    const auto history = ask("GET", "/api/v1/cases/C-1/history");
    EXPECT_NE(history.body.find("answer by page: fixed"), std::string::npos) << history.body;
    EXPECT_NE(history.body.find("fixed_by_customer"), std::string::npos) << history.body;
    // The page's port serves nothing of the API, and the API's nothing of the page.
    EXPECT_EQ(browser.get("/api/v1/cases").status, 404);
    EXPECT_EQ(ask("GET", "/s/" + std::string(64, 'a')).status, 404);
    EXPECT_EQ(log().find(path.substr(3)), std::string::npos) << "who reads the log must not be able to answer";
    controller->signal(SIGTERM);
    EXPECT_EQ(controller->wait(), 0);
    controller.reset();
    EXPECT_EQ(file_text(folder + "/state/bailiff.db").find(path.substr(3)), std::string::npos) << "nor who reads the database";
}

TEST_F(ThePrograms, wrong_options_are_named) {
    const auto says = [&](std::vector<std::string> more) {
        auto all = words();
        for (size_t i = 0; i < 5; ++i) all.pop_back();   // the page's own
        all.insert(all.end(), more.begin(), more.end());
        all.push_back("--check");
        return run(all);
    };
    EXPECT_EQ(says({}).first, 0) << says({}).second;
    EXPECT_EQ(says({"--page-url", "https://abuse.example"}).first, 0) << "another replica serves it";
    EXPECT_NE(says({"--page-listen", ":8444", "--page-plain-http"}).second.find("--page-listen needs --page-url"), std::string::npos);
    EXPECT_NE(says({"--page-url", "http://abuse.example"}).second.find("--page-url: write https://"), std::string::npos);
    EXPECT_NE(says({"--page-url", "http://127.0.0.1.evil.example"}).second.find("--page-url: write https://"), std::string::npos);
    EXPECT_NE(says({"--page-url", "https://abuse.example/?x"}).second.find("without blanks"), std::string::npos);
    EXPECT_NE(says({"--page-url", "https://abuse.example", "--page-listen", ":8444"}).second.find("needs --page-tls-certificate"), std::string::npos);
    EXPECT_NE(says({"--page-url", "https://abuse.example", "--page-listen", "8444"}).second.find("has no port"), std::string::npos);
    EXPECT_EQ(says({"--page-url", "https://abuse.example", "--page-listen", ":8444", "--page-tls-certificate", "/x", "--page-tls-key", "/y"}).first, 0);
}

}  // namespace
}  // namespace bailiff::test
