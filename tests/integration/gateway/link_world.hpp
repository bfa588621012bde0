// SPDX-License-Identifier: Apache-2.0
// The real bailiff-link as a process, and the agent's end of its socket.
#pragma once

#include "gateway_world.hpp"
#include "tests/fixtures/program.hpp"

#include <bailiff/framing.hpp>

#include <poll.h>
#include <sys/un.h>

namespace bailiff::test {

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

}  // namespace bailiff::test
