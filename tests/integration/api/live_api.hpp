// SPDX-License-Identifier: Apache-2.0
// The whole of it: desk's thread, API and HTTP server with TLS on loopback, and bailiffctl's commands against it.
#pragma once

#include "controller/api/api.hpp"
#include "controller/config/policy_file.hpp"
#include "controller/ctl/commands.hpp"
#include "controller/ctl/rest_client.hpp"
#include "controller/parsing/inline_reader.hpp"
#include "controller/storage/memory_storage.hpp"
#include "tests/fixtures/certificate.hpp"
#include "tests/fixtures/fake_clock.hpp"
#include "tests/fixtures/fake_desk.hpp"
#include "tests/unit/ctl/shell.hpp"

#include <bailiff/dsse.hpp>
#include <bailiff/system_clock.hpp>

#include <cstdlib>
#include <filesystem>
#include <future>
#include <memory>

namespace bailiff::test {

/// A command line's words, as a shell splits them: at blanks, except between single quotes. (Lists of texts in braces
/// make GCC work for many minutes on a test of some size.)
inline std::vector<std::string> words_of(const std::string& line) {
    std::vector<std::string> out;
    bool quoted = false, open = false;
    for (const char c : line) {
        if (c == '\'') {
            quoted = !quoted;
            if (!open) out.emplace_back();
            open = true;
        } else if (c == ' ' && !quoted) {
            open = false;
        } else {
            if (!open) out.emplace_back();
            open = true;
            out.back() += c;
        }
    }
    return out;
}

class NoHosts : public HostDoor {
  public:
    bool connected(const HostId&) override { return true; }
    Result<HostToken> enrolment_token(const HostId&) override { return HostToken{"one-time", std::string(64, 'c'), Instant(Seconds(1'800'000'000))}; }
    void shut_out(const HostId&) override {}
};

class LiveApi {
  public:
    static constexpr const char* web1 = "11111111-1111-4111-8111-111111111111";

    LiveApi() {
        std::string made = "/tmp/bailiff-live-XXXXXX";
        if (!mkdtemp(made.data())) throw std::runtime_error("mkdtemp failed");
        folder = made;
        write_certificate(folder);
        for (const auto& [account, role] : {std::pair{"ana", Role::analyst}, {"ada", Role::admin}}) {
            storage.put_account({account, role, sha256_hex(account), false});
            std::ofstream(folder + "/" + account) << account << "\n";
        }
        storage.put_customer({CustomerId("K-7"), "राव वस्त्र", {"Asha Rao", "abuse@rao.example", "+91 80 5550 1234", "en", "Asia/Kolkata"}, 0});
        Vm vm;
        vm.id = VmId(web1);
        vm.name = "web1";
        vm.host = HostId("h1");
        vm.customer = CustomerId("K-7");
        vm.addresses = {"192.0.2.10"};
        storage.put_vm(vm);
        HttpOptions options;
        options.tls = HttpTls{folder + "/cert.pem", folder + "/key.pem", "", false};
        options.clock = &wall;
        options.stream_comment = std::chrono::milliseconds(200);
        loop = std::make_unique<DeskLoop>(desk, storage, wall, std::chrono::milliseconds(50));
        api = std::make_unique<Api>(parts());
        server = std::make_unique<HttpServer>(options, api->handlers());
        const auto up = server->start();
        if (!up) throw std::runtime_error(up.error().text);
    }
    ~LiveApi() {
        server->stop(std::chrono::milliseconds(200));
        loop->stop();
        std::error_code ignored;
        std::filesystem::remove_all(folder, ignored);
    }
    LiveApi(const LiveApi&) = delete;
    LiveApi& operator=(const LiveApi&) = delete;

    std::string url() const { return "https://127.0.0.1:" + std::to_string(server->bound_port()); }
    RestClient client(const std::string& token) const {
        auto made = RestClient::open({url(), token, folder + "/cert.pem", std::chrono::seconds(20)});
        EXPECT_TRUE(made);
        return std::move(*made);
    }
    /// bailiffctl as a shell would start it.
    static Seen type(const std::vector<std::string>& words) {
        return run([](const auto& a, auto& out, auto& err) { return dispatch(all_commands(), a, out, err); }, words);
    }
    /// One command line, as this account.
    Seen ctl(const std::string& line, const std::string& account = "ada") const {
        return type(words_of(line + " --server " + url() + " --ca " + folder + "/cert.pem --token-file " + folder + "/" + account + " --config /dev/null"));
    }
    /// Moves the clock; the desk's thread takes what is due.
    void advance(Seconds by) {
        loop->post([this, by](Desk& d) {
            clock.advance(by);
            d.tick();
        });
    }
    /// Asked on the desk's thread, which owns the feed.
    size_t feed_listeners() {
        std::promise<size_t> answer;
        loop->post([&](Desk&) { answer.set_value(feed.listeners()); });
        return answer.get_future().get();
    }

    std::string folder;
    SystemClock wall;
    FakeClock clock{Instant(Seconds(1'772'420'400))};   // Mon 2026-03-02 08:30 IST
    MemoryStorage storage;
    SeededRandom random{7};
    FakeMailer mailer;
    FakeWriter writer;
    FakeSigner signer;
    FakeHosts hosts;
    NoHosts door;
    InlineReader reader;
    Feed feed{"life1"};
    Desk desk{{storage, clock, random, signer, mailer, writer, hosts, feed}, policies_as_shipped(), {}};
    std::unique_ptr<DeskLoop> loop;
    std::unique_ptr<Api> api;
    std::unique_ptr<HttpServer> server;

  private:
    static core::PolicySet policies_as_shipped() {
        std::vector<FileMistakes> mistakes;
        return load_policies(std::string(BAILIFF_SOURCE_DIR) + "/policies", mistakes);
    }
    ApiParts parts() {
        ApiParts p;
        p.post = [this](DeskTurn turn) { return loop->post(std::move(turn)); };
        p.healthy = [this] { return loop->healthy(); };
        p.waiting = [this] { return loop->waiting(); };
        p.clock = &wall;
        p.random = &random;
        p.feed = &feed;
        p.hosts = &door;
        p.reader = &reader;
        p.check_policy = [](const std::string&) { return std::vector<Mistake>(); };
        return p;
    }
};

}  // namespace bailiff::test
