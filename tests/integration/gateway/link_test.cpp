// SPDX-License-Identifier: Apache-2.0
// The real bailiff-link between a real gateway and the agent's socket.
#include "controller/api/http_server.hpp"
#include "gateway_world.hpp"

#include <bailiff/framing.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/un.h>
#include <sys/wait.h>

namespace bailiff::test {
namespace {

/// A program under test: started without a shell, ended by its id.
class Program {
  public:
    Program(std::vector<std::string> words, const std::string& log) {
        std::vector<char*> argv;
        for (auto& word : words) argv.push_back(word.data());
        argv.push_back(nullptr);
        const int file = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        pid_ = fork();
        if (pid_ == 0) {
            dup2(file, 1);
            dup2(file, 2);
            execv(argv[0], argv.data());
            _exit(127);
        }
        close(file);
    }
    ~Program() {
        if (pid_ > 0) kill(pid_, SIGKILL), wait();
    }
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;
    void signal(int number) const { kill(pid_, number); }
    /// The exit code, -1 when a signal ended it.
    int wait() {
        int status = 0;
        waitpid(pid_, &status, 0);
        pid_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

  private:
    pid_t pid_ = -1;
};

/// The agent's end of its Unix socket: accepts, says Hello, keeps what comes.
class FakeAgent {
  public:
    FakeAgent(std::string path, std::string host) : path_(std::move(path)), host_(std::move(host)) {
        unlink(path_.c_str());
        listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_un at{};
        at.sun_family = AF_UNIX;
        path_.copy(at.sun_path, sizeof at.sun_path - 1);
        EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
        EXPECT_EQ(listen(listener_, 4), 0);
        thread_ = std::thread([this] { run(); });
    }
    ~FakeAgent() {
        ending_ = true;
        thread_.join();
        close(listener_);
        unlink(path_.c_str());
    }
    bool send(const std::string& text) { return send_raw(frame_bytes(text)); }
    bool send_raw(const std::string& bytes) {
        size_t sent = 0;
        while (sent < bytes.size()) {
            const ssize_t n = ::send(peer_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
            if (n <= 0) return false;
            sent += size_t(n);
        }
        return true;
    }
    std::vector<std::string> received() {
        const std::lock_guard lock(mutex_);
        return received_;
    }
    std::atomic<int> connections{0};
    std::atomic<int64_t> count{0};

  private:
    void run() {
        while (!ending_) {
            pollfd wait{listener_, POLLIN, 0};
            if (poll(&wait, 1, 20) != 1) continue;
            const int peer = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            peer_ = peer;
            ++connections;
            send(encode({MessageId("hello" + std::to_string(connections)), Hello{HostId(host_), "0.1.0", 0, 0, "boot"}}));
            serve(peer);
            peer_ = -1;
            close(peer);
        }
    }
    void serve(int peer) {
        FrameReader reader;
        char block[65536];
        while (!ending_) {
            pollfd wait{peer, POLLIN, 0};
            if (poll(&wait, 1, 20) != 1) continue;
            const ssize_t size = recv(peer, block, sizeof block, 0);
            if (size <= 0) return;
            reader.feed({block, size_t(size)});
            while (true) {
                auto next = reader.next();
                if (!next || !*next) break;
                ++count;
                const std::lock_guard lock(mutex_);
                if (received_.size() < 1000) received_.push_back(**next);
            }
        }
    }
    std::string path_, host_;
    int listener_ = -1;
    std::atomic<int> peer_{-1};
    std::atomic<bool> ending_{false};
    std::mutex mutex_;
    std::vector<std::string> received_;
    std::thread thread_;
};

class Linking : public GatewayWorld {
  protected:
    std::string url(uint16_t at) const { return "https://127.0.0.1:" + std::to_string(at); }
    int enrol(const EnrolmentToken& made, const std::string& digest, std::vector<std::string> more = {}) {
        std::vector<std::string> words{binary(), "enrol", "--controller", url(port), "--token", made.token, "--ca-sha256", digest, "--dir", folder + "/etc", "--name", "main"};
        words.insert(words.end(), more.begin(), more.end());
        return Program(words, folder + "/log").wait();
    }
    std::unique_ptr<Program> link(std::vector<std::string> more = {}) {
        std::vector<std::string> words{binary(), "--config", folder + "/etc/link.conf", "--dir", folder + "/etc", "--agent-socket", folder + "/agent.sock",
                                       "--back-off-first-ms", "50", "--back-off-most-ms", "200"};
        words.insert(words.end(), more.begin(), more.end());
        return std::make_unique<Program>(words, folder + "/log");
    }
    void enrol_host7() {
        const EnrolmentToken made = token("host7");
        ASSERT_EQ(enrol(made, made.authority_sha256), 0) << log();
    }
    std::string log() const {
        std::ifstream in(folder + "/log");
        return {std::istreambuf_iterator<char>(in), {}};
    }
    bool logged(const std::string& text) const {
        return eventually([&] { return log().find(text) != std::string::npos; });
    }
    static std::string binary() { return BAILIFF_BIN_DIR "/bailiff-link"; }
    static Frame beat(const std::string& id) { return {MessageId(id), Heartbeat{Instant(Seconds(1)), true, 1, 0, ""}}; }
};

TEST_F(Linking, enrolment_pins_the_authority_and_stores_what_the_agent_trusts) {
    start();
    const EnrolmentToken made = token("host7");
    EXPECT_EQ(enrol(made, std::string(64, '0')), 1);
    EXPECT_NE(log().find("does not prove who it is"), std::string::npos) << log();
    EXPECT_FALSE(std::filesystem::exists(folder + "/etc/link/identity.pem"));
    desk->ask([&] { EXPECT_EQ(store.tokens.size(), 1u) << "the token was not sent to a stranger"; });

    EXPECT_EQ(enrol(made, made.authority_sha256), 0) << log();
    const auto mode = std::filesystem::status(folder + "/etc/link/identity.pem").permissions();
    EXPECT_EQ(mode, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    std::ifstream order(folder + "/etc/controllers/main.pub");
    const auto key = SignatureKey::from_public_pem(std::string(std::istreambuf_iterator<char>(order), {}));
    ASSERT_TRUE(key);
    EXPECT_EQ(key->key_id(), authority->order_key().key_id());
    EXPECT_EQ(enrol(made, made.authority_sha256), 1);
    EXPECT_NE(log().find("ask the abuse desk for a new one"), std::string::npos) << log();
}

TEST_F(Linking, a_server_with_another_name_is_not_believed) {
    AuthorityOptions ca{folder + "/ca", {"controller.example"}};
    ASSERT_TRUE(CertificateAuthority::open(ca, wall));
    auto opened = CertificateAuthority::open(ca, wall);
    authority.emplace(std::move(*opened));
    enrolment.emplace(*authority, store, random);
    desk = std::make_unique<DeskThread>();
    GatewayOptions options;
    options.address = "127.0.0.1";
    options.port = 0;
    gateway.emplace(options, *enrolment, [this](GatewayTurn turn) { return desk->post(std::move(turn)); }, GatewayEvents{});
    ASSERT_TRUE(gateway->start());
    port = gateway->bound_port();
    const EnrolmentToken made = token("host7");
    EXPECT_EQ(enrol(made, made.authority_sha256), 1);
    EXPECT_NE(log().find("does not prove who it is"), std::string::npos) << log();
}

TEST_F(Linking, frames_pass_both_ways_unread) {
    start();
    enrol_host7();
    FakeAgent agent(folder + "/agent.sock", "host7");
    const auto program = link();
    ASSERT_TRUE(noted("frame host7 hello hello1")) << log();
    EXPECT_TRUE(gateway->send(HostId("host7"), {MessageId("w"), Welcome{3, Instant(Seconds(5))}}));
    const Frame large{MessageId("large"), OrderFrame{std::string(60'000, 'x')}};
    EXPECT_TRUE(gateway->send(HostId("host7"), large));
    ASSERT_TRUE(eventually([&] { return agent.received().size() == 2; }));
    EXPECT_EQ(*decode(agent.received()[1]), large);
    agent.send(encode(beat("b1")));
    EXPECT_TRUE(noted("frame host7 heartbeat b1"));

    program->signal(SIGTERM);
    EXPECT_EQ(program->wait(), 0);
    EXPECT_TRUE(noted("disconnect host7"));
}

TEST_F(Linking, a_controller_that_restarts_is_found_again) {
    start();
    enrol_host7();
    FakeAgent agent(folder + "/agent.sock", "host7");
    const auto program = link();
    ASSERT_TRUE(noted("frame host7 hello hello1")) << log();
    stop();
    std::this_thread::sleep_for(milliseconds(300));
    start();
    EXPECT_TRUE(noted("frame host7 hello hello2", milliseconds(10'000))) << log();
}

TEST_F(Linking, an_agent_that_restarts_is_found_again) {
    start();
    enrol_host7();
    const auto program = link();
    {
        FakeAgent agent(folder + "/agent.sock", "host7");
        ASSERT_TRUE(noted("frame host7 hello hello1")) << log();
    }
    ASSERT_TRUE(noted("disconnect host7"));
    FakeAgent agent(folder + "/agent.sock", "host7");
    EXPECT_TRUE(eventually([&] { return gateway->connected(HostId("host7")); }, milliseconds(10'000))) << log();
}

TEST_F(Linking, an_oversize_frame_of_the_agent_ends_the_connection) {
    start();
    enrol_host7();
    FakeAgent agent(folder + "/agent.sock", "host7");
    const auto program = link();
    ASSERT_TRUE(noted("frame host7 hello hello1")) << log();
    agent.send_raw(std::string("\x00\x10\x00\x01", 4));
    EXPECT_TRUE(noted("disconnect host7"));
    EXPECT_TRUE(logged("frame of 1048577 bytes"));
    EXPECT_TRUE(noted("frame host7 hello hello2")) << "and comes back";
}

TEST_F(Linking, the_next_controller_is_tried_and_the_first_preferred_again) {
    start();
    enrol_host7();
    const uint16_t second = port;
    // A first controller that is down: a port that was free a moment ago.
    uint16_t first = 0;
    {
        HttpServer probe({}, {{}, [](HttpRequest, Respond) {}, {}});
        ASSERT_TRUE(probe.start());
        first = probe.bound_port();
    }
    write("two.conf", "controller = " + url(first) + "\ncontroller = " + url(second) + "\n");
    FakeAgent agent(folder + "/agent.sock", "host7");
    const auto program = std::make_unique<Program>(
        std::vector<std::string>{binary(), "--config", folder + "/two.conf", "--dir", folder + "/etc", "--agent-socket", folder + "/agent.sock",
                                 "--prefer-first-after-ms", "200", "--back-off-first-ms", "50"},
        folder + "/log");
    ASSERT_TRUE(noted("connect host7")) << log();
    // The first comes up: same authority, its own listener.
    GatewayOptions options;
    options.address = "127.0.0.1";
    options.port = first;
    std::atomic<bool> preferred{false};
    GatewayEvents events;
    events.on_connect = [&](const HostId&) { preferred = true; };
    Gateway other(options, *enrolment, [this](GatewayTurn turn) { return desk->post(std::move(turn)); }, events);
    ASSERT_TRUE(other.start());
    EXPECT_TRUE(eventually([&] { return preferred.load(); })) << log();
    EXPECT_TRUE(noted("disconnect host7"));
    program->signal(SIGTERM);
    EXPECT_EQ(program->wait(), 0);
}

TEST_F(Linking, a_certificate_is_renewed_at_half_its_life) {
    start({}, Seconds(4));
    enrol_host7();
    FakeAgent agent(folder + "/agent.sock", "host7");
    const auto program = link();
    ASSERT_TRUE(noted("connect host7")) << log();
    std::this_thread::sleep_for(milliseconds(6500));  // longer than any one certificate lives
    EXPECT_TRUE(eventually([&] { return gateway->connected(HostId("host7")); })) << log();
    EXPECT_EQ(log().find("expired"), std::string::npos) << log();
    desk->ask([&] {
        EXPECT_GE(store.certificates.size(), 3u);
        for (const auto& certificate : store.certificates) EXPECT_EQ(certificate.host.text(), "host7");
    });
}

TEST_F(Linking, a_banned_host_is_cut_off_and_stays_out) {
    start();
    enrol_host7();
    FakeAgent agent(folder + "/agent.sock", "host7");
    const auto program = link();
    ASSERT_TRUE(noted("connect host7")) << log();
    const auto begin = wall.monotonic();
    desk->ask([&] { store.ban(HostId("host7")); });
    ASSERT_TRUE(noted("disconnect host7"));
    EXPECT_LT(wall.monotonic() - begin, milliseconds(1000));
    EXPECT_TRUE(logged("status 403"));
    EXPECT_FALSE(gateway->connected(HostId("host7")));
}

}  // namespace
}  // namespace bailiff::test
