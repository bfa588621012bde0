// SPDX-License-Identifier: Apache-2.0
// bailiff-controller with its page, SQLite, a laboratory's clock and a real SMTP server.
#pragma once

#include "controller/ctl/rest_client.hpp"
#include "tests/fixtures/program.hpp"
#include "tests/fixtures/smtp_server.hpp"

#include <bailiff/dsse.hpp>
#include <bailiff/json.hpp>
#include <bailiff/system_clock.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace bailiff::test {

namespace fs = std::filesystem;

inline std::string file_text(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

inline bool eventually(const std::function<bool()>& condition) {
    for (int i = 0; i < 600; ++i, std::this_thread::sleep_for(std::chrono::milliseconds(50)))
        if (condition()) return true;
    return false;
}

/// The number after `words` in the log.
inline int port_after(const std::string& log, const std::string& words) {
    const size_t at = log.find(words);
    return at == std::string::npos ? 0 : std::atoi(log.c_str() + at + words.size());
}

/// A mail's plain text as a mail program shows it: base64 or quoted-printable, alone or beside its HTML.
inline std::string shown_text(const std::string& bytes) {
    const size_t plain = std::min(bytes.find("Content-Type: text/plain"), bytes.size()), body = bytes.find("\r\n\r\n", plain);
    if (body == std::string::npos) return "no plain text";
    const size_t before = bytes.rfind("\r\n\r\n", plain), end = bytes.find("\r\n--", body);
    const std::string head = bytes.substr(before == std::string::npos ? 0 : before, body - (before == std::string::npos ? 0 : before));
    std::string text = bytes.substr(body + 4, end == std::string::npos ? end : end - body - 4);
    if (head.find("Content-Transfer-Encoding: base64") != std::string::npos) {
        std::erase_if(text, [](char c) { return c == '\r' || c == '\n'; });
        return unbase64(text).value_or("no base64");
    }
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '=') out += text[i];
        else if (text.compare(i, 3, "=\r\n") == 0) i += 2;
        else out += char(std::stoi(text.substr(i + 1, 2), nullptr, 16)), i += 2;
    }
    return out;
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

    /// A case on the customer's VM; the path of its page, out of the mail that the customer got.
    std::string opened_case(const std::string& language, const std::string& type = "content/malware") {
        EXPECT_LT(ask("PUT", "/api/v1/customers/K-7", {{"name", "Rao Textiles"}, {"contact", {{"name", "Asha Rao"}, {"email", "asha@rao.example"}, {"phone", "+91 80 5550 1234"},
                                                                                             {"language", language}, {"zone", "Asia/Kolkata"}}}}).status, 300);
        const auto vm = ask("PUT", "/api/v1/vms/11111111-1111-4111-8111-111111111111", {{"name", "web1"}, {"host", "h1"}, {"customer", "K-7"}, {"addresses", {"192.0.2.10"}}});
        EXPECT_LT(vm.status, 300) << vm.body;
        const auto report = ask("POST", "/api/v1/reports", {{"type", type}, {"address", "192.0.2.10"}, {"summary", "EICAR"}});
        EXPECT_EQ(report.status, 201) << report.body;
        EXPECT_TRUE(eventually([&] { return !smtp.mails().empty(); })) << log();
        if (smtp.mails().empty()) return {};
        const std::string mail = shown_text(smtp.mails().at(0).bytes), mark = "http://127.0.0.1/desk/s/";
        const size_t at = mail.find(mark);
        EXPECT_NE(at, std::string::npos) << mail;
        return at == std::string::npos ? std::string() : "/s/" + mail.substr(at + mark.size(), 64);
    }

    std::string folder;
    TestSmtp smtp;
    std::unique_ptr<Program> controller;
    int page_port = 0, api_port = 0;
};

}  // namespace bailiff::test
