// SPDX-License-Identifier: Apache-2.0
// A real bailiff-controller with its worker and a database, for the doors through which reports come in. It goes away
// and comes back on the same port.
#pragma once

#include "controller/ctl/commands.hpp"
#include "controller/ctl/rest_client.hpp"
#include "tests/fixtures/program.hpp"
#include "tests/unit/ctl/shell.hpp"

#include <bailiff/json.hpp>

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <vector>

namespace bailiff::test {

inline std::string text_of(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// A report of the project's own, with this Message-ID and about this address.
inline std::string report_mail(const std::string& id, const std::string& address = "192.0.2.10") {
    return "From: cert@reporter.example\r\nTo: abuse@provider.example\r\nSubject: Malware on " + address + "\r\nDate: Mon, 2 Mar 2026 05:00:00 +0530\r\nMessage-ID: <" + id +
           "@reporter.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b3\"\r\n\r\n--b3\r\nContent-Type: text/plain\r\n\r\nSee the attached report.\r\n"
           "bailiff1 OK done\r\nA001 OK done\r\n* BYE\r\n\r\n--b3\r\nContent-Type: application/json; name=\"xarf.json\"\r\n\r\n"
           "{\"xarf_version\": \"4.2.0\", \"report_id\": \"" + id + "\", \"timestamp\": \"2026-03-01T23:12:40Z\",\r\n \"reporter\": {\"org\": \"CERT\", \"contact\": \"cert@reporter.example\", "
           "\"domain\": \"reporter.example\"},\r\n \"source_identifier\": \"" + address + "\", \"category\": \"content\", \"type\": \"malware\",\r\n \"url\": \"http://" + address +
           "/invoice.zip\"}\r\n\r\n--b3--\r\n";
}

inline int free_port() {
    const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    if (bind(probe, reinterpret_cast<sockaddr*>(&at), size) != 0 || getsockname(probe, reinterpret_cast<sockaddr*>(&at), &size) != 0)
        throw std::runtime_error("no free port on the loopback address");
    close(probe);
    return ntohs(at.sin_port);
}

class DoorWorld {
  public:
    static constexpr const char* web1 = "11111111-1111-4111-8111-111111111111";

    DoorWorld() {
        std::string made = "/tmp/bailiff-doors-XXXXXX";
        if (!mkdtemp(made.data())) throw std::runtime_error("mkdtemp failed");
        folder = made;
        std::filesystem::permissions(folder, std::filesystem::perms(0755));   // mail servers run as others
        start();
        std::filesystem::copy_file(folder + "/state/admin.token", folder + "/token");
        std::filesystem::permissions(folder + "/token", std::filesystem::perms(0644));
        std::filesystem::copy_file(BAILIFF_BIN_DIR "/bailiffctl", folder + "/bailiffctl");
        std::filesystem::permissions(folder + "/bailiffctl", std::filesystem::perms(0755));
        EXPECT_EQ(ask("PUT", "/api/v1/customers/7", {{"name", "Lotus Textiles"}, {"contact", {{"name", "Asha Rao"}, {"email", "asha@lotus.example"}}}}).status / 100, 2);
        EXPECT_EQ(ask("PUT", std::string("/api/v1/vms/") + web1, {{"name", "web1"}, {"host", "h1"}, {"customer", "7"}, {"addresses", Json::array({"192.0.2.10"})}}).status / 100, 2);
    }
    ~DoorWorld() {
        controller_.reset();
        std::error_code ignored;
        if (!std::getenv("BAILIFF_KEEP_LAB")) std::filesystem::remove_all(folder, ignored);
    }
    DoorWorld(const DoorWorld&) = delete;
    DoorWorld& operator=(const DoorWorld&) = delete;

    void start() {
        const std::string log = folder + "/controller-" + std::to_string(++starts_) + ".log";
        controller_ = std::make_unique<Program>(
            std::vector<std::string>{BAILIFF_BIN_DIR "/bailiff-controller", "--config", "/dev/null", "--state", folder + "/state", "--policies", BAILIFF_SOURCE_DIR "/policies", "--listen",
                                     "127.0.0.1:" + std::to_string(port_), "--plain-http", "--agents-listen", "127.0.0.1:0", "--smtp", "smtp://127.0.0.1:9", "--tick", "200"},
            log);
        eventually("the controller", [&] { return text_of(log).find(" up: api on ") != std::string::npos; });
        const std::string said = text_of(log), mark = " up: api on 127.0.0.1:";
        port_ = std::atoi(said.c_str() + said.find(mark) + mark.size());
    }
    void stop() {
        controller_->signal(SIGTERM);
        EXPECT_EQ(controller_->wait(), 0);
        controller_.reset();
    }
    pid_t controller_pid() const { return controller_->pid(); }
    std::string server() const { return "http://127.0.0.1:" + std::to_string(port_); }
    std::vector<std::string> reach() const { return {"--server", server(), "--token-file", folder + "/token", "--config", "/dev/null"}; }

    RestAnswer ask(const std::string& method, const std::string& path, const Json& body = nullptr) const {
        auto client = RestClient::open({server(), admin_token(), "", std::chrono::seconds(60)});
        const auto answer = client ? client->ask(method, path, body.is_null() ? "" : dump_json(body)) : Result<RestAnswer>(fail(client.error()));
        EXPECT_TRUE(answer) << answer.error().text;
        return answer.value_or(RestAnswer{});
    }
    Json get(const std::string& path) const { return Json::parse(ask("GET", path).body, nullptr, false); }
    /// Oldest first: "state times".
    std::vector<std::string> deliveries() const {
        std::vector<std::string> out;
        const Json page = get("/api/v1/deliveries?limit=200");
        for (const auto& d : page.at("items")) out.insert(out.begin(), d.at("state").get<std::string>() + " " + std::to_string(d.at("times").get<int>()));
        return out;
    }
    /// bailiffctl in this process.
    Seen ctl(std::vector<std::string> words) const {
        for (auto& word : reach()) words.push_back(word);
        return run([](const auto& a, auto& out, auto& err) { return dispatch(all_commands(), a, out, err); }, words);
    }
    /// bailiffctl as a process, with a file as its standard input; the exit code.
    int ctl_process(std::vector<std::string> words, const std::string& input) const {
        words.insert(words.begin(), folder + "/bailiffctl");
        for (auto& word : reach()) words.push_back(word);
        return Program(words, folder + "/ctl.log", [&] {
            const int file = open(input.c_str(), O_RDONLY | O_CLOEXEC);
            if (file < 0 || dup2(file, 0) < 0) _exit(126);
        }).wait();
    }
    std::string write(const std::string& name, const std::string& text) const {
        std::ofstream(folder + "/" + name, std::ios::binary) << text;
        return folder + "/" + name;
    }
    /// Mail servers on a slow machine take their time.
    static bool eventually(const std::string& what, const std::function<bool()>& done, int seconds = 120) {
        for (int i = 0; i < seconds * 10; ++i) {
            if (done()) return true;
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
        }
        ADD_FAILURE() << what << " has not come to pass within " << seconds << " s";
        return false;
    }

    std::string folder;

  private:
    std::string admin_token() const {
        std::string token = text_of(folder + "/state/admin.token");
        while (!token.empty() && token.back() == '\n') token.pop_back();
        return token;
    }
    std::unique_ptr<Program> controller_;
    int port_ = 0, starts_ = 0;
};

}  // namespace bailiff::test
