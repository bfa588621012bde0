// SPDX-License-Identifier: Apache-2.0
// A gateway on loopback with real TLS, a desk's thread and a memory store, and verbs to come to it as a host.
#pragma once

#include "controller/gateway/gateway.hpp"
#include "controller/gateway/memory_enrolment_store.hpp"
#include "tests/unit/gateway/raw_client.hpp"

#include <bailiff/system_clock.hpp>
#include <bailiff/system_random.hpp>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <fstream>
#include <future>
#include <gtest/gtest.h>
#include <mutex>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <thread>

namespace bailiff::test {

using std::chrono::milliseconds;

/// Waits for what another thread does; false when it does not happen in time.
template <class Condition>
bool eventually(Condition condition, milliseconds patience = milliseconds(5000)) {
    const SystemClock clock;
    const auto end = clock.monotonic() + patience;
    while (!condition()) {
        if (clock.monotonic() > end) return false;
        std::this_thread::sleep_for(milliseconds(5));
    }
    return true;
}

/// The machine's clock, moved by a test: how certificates of the past are made.
class MovedClock : public SystemClock {
  public:
    Instant now() const override { return SystemClock::now() + Seconds(offset.load()); }
    std::atomic<int64_t> offset{0};
};

/// A desk's thread without a desk: turns one after the other.
class DeskThread {
  public:
    DeskThread() : thread_([this] { run(); }) {}
    ~DeskThread() {
        {
            const std::lock_guard lock(mutex_);
            ending_ = true;
        }
        wake_.notify_one();
        thread_.join();
    }
    bool post(GatewayTurn turn) {
        {
            const std::lock_guard lock(mutex_);
            if (ending_) return false;
            turns_.push_back(std::move(turn));
        }
        wake_.notify_one();
        return true;
    }
    /// Runs `work` there and waits.
    void ask(const std::function<void()>& work) {
        std::promise<void> done;
        ASSERT_TRUE(post({[&]() -> std::function<void()> {
                              work();
                              return [&] { done.set_value(); };
                          },
                          {}}));
        done.get_future().wait();
    }
    std::atomic<bool> storage_is_away{false};

  private:
    void run() {
        std::unique_lock lock(mutex_);
        while (true) {
            wake_.wait(lock, [this] { return ending_ || !turns_.empty(); });
            if (turns_.empty()) return;
            GatewayTurn turn = std::move(turns_.front());
            turns_.pop_front();
            lock.unlock();
            if (storage_is_away && turn.failed) turn.failed();
            else if (const auto after = turn.work()) after();
            turn = {};
            lock.lock();
        }
    }
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<GatewayTurn> turns_;
    bool ending_ = false;
    std::thread thread_;
};

/// A key and a request for it that names whatever the test likes.
inline std::pair<KeyPointer, std::string> make_request(const std::string& subject, const std::string& san) {
    KeyPointer key = make_key();
    const RequestPointer request(X509_REQ_new());
    X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request.get()), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(subject.c_str()), -1, -1, 0);
    X509_REQ_set_pubkey(request.get(), key.get());
    STACK_OF(X509_EXTENSION)* extensions = sk_X509_EXTENSION_new_null();
    sk_X509_EXTENSION_push(extensions, X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, san.c_str()));
    X509_REQ_add_extensions(request.get(), extensions);
    sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
    X509_REQ_sign(request.get(), key.get(), EVP_sha256());
    BIO* bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509_REQ(bio, request.get());
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    std::string pem(data, size_t(size));
    BIO_free(bio);
    return {std::move(key), pem};
}

class GatewayWorld : public ::testing::Test {
  protected:
    GatewayWorld() {
        char name[] = "/tmp/bailiff-gateway-XXXXXX";
        folder = mkdtemp(name);
    }
    ~GatewayWorld() override {
        stop();
        desk.reset();
        std::filesystem::remove_all(folder);
    }

    void start(GatewayOptions options = {}, Seconds host_life = Seconds(24 * 3600)) {
        AuthorityOptions ca;
        ca.folder = folder + "/ca";
        ca.server_names = {"localhost", "127.0.0.1"};
        ca.host_life = host_life;
        auto opened = CertificateAuthority::open(ca, wall);
        ASSERT_TRUE(opened) << opened.error().text;
        authority.emplace(std::move(*opened));
        enrolment.emplace(*authority, store, random);
        desk = std::make_unique<DeskThread>();
        options.address = "127.0.0.1";
        options.port = port;
        GatewayEvents events;
        events.on_connect = [this](const HostId& host) { note("connect " + host.text()); };
        events.on_disconnect = [this](const HostId& host) { note("disconnect " + host.text()); };
        events.on_frame = [this](const HostId& host, const Frame& frame) {
            ++frames;
            note("frame " + host.text() + " " + std::string(type_of(frame.message)) + " " + frame.id.text());
            if (echo) gateway->send(host, frame);
        };
        gateway.emplace(options, *enrolment, [this](GatewayTurn turn) { return desk->post(std::move(turn)); }, events);
        const auto started = gateway->start();
        ASSERT_TRUE(started) << started.error().text;
        port = gateway->bound_port();
    }
    void stop() {
        if (gateway) gateway->stop();
        desk.reset();
        gateway.reset();
    }

    void note(const std::string& what) {
        const std::lock_guard lock(mutex_);
        if (notes_.size() < 1000) notes_.push_back(what);
    }
    std::vector<std::string> notes() {
        const std::lock_guard lock(mutex_);
        return notes_;
    }
    bool noted(const std::string& what, milliseconds patience = milliseconds(5000)) {
        return eventually([&] { const auto all = notes(); return std::find(all.begin(), all.end(), what) != all.end(); }, patience);
    }

    std::string write(const std::string& name, const std::string& text) const {
        std::ofstream(folder + "/" + name) << text;
        return folder + "/" + name;
    }
    EnrolmentToken token(const std::string& host, Seconds life = Seconds(600)) {
        std::optional<EnrolmentToken> out;
        desk->ask([&] { out = enrolment->make_token(HostId(host), life).value(); });
        return *out;
    }
    /// One request over TLS; the whole response.
    std::string ask(const std::string& path, const Json& body, const RawTls& tls = {}) const {
        RawClient client(port, tls);
        const std::string text = dump_json(body);
        client.send("POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " +
                    std::to_string(text.size()) + "\r\n\r\n" + text);
        return client.read_response();
    }
    static Json body_of(const std::string& response) {
        const auto json = parse_json(response.substr(std::min(response.find("\r\n\r\n") + 4, response.size())));
        return json ? *json : Json::object();
    }
    /// Files of a host with a certificate of our CA, by the short way.
    RawTls identity(const std::string& host) {
        const auto [key, request] = make_request(host, "DNS:ignored");
        const auto issued = authority->issue_host(HostId(host), request);
        EXPECT_TRUE(issued);
        const std::string name = host + std::to_string(++made_);
        return {write(name + ".crt", issued->pem), write(name + ".key", key_pem(key.get()))};
    }
    static std::string hello(const std::string& host) { return encode({MessageId("hello"), Hello{HostId(host), "0.1.0", 0, 0, "boot"}}); }
    /// A connected, greeted host.
    std::unique_ptr<RawClient> come_as(const std::string& host, const RawTls& tls) {
        auto client = std::make_unique<RawClient>(port, tls);
        EXPECT_EQ(client->upgrade().substr(0, 12), "HTTP/1.1 101");
        client->send_frame(hello(host));
        return client;
    }

    std::string folder;
    MovedClock wall;
    SystemRandom random;
    MemoryEnrolmentStore store;
    std::optional<CertificateAuthority> authority;
    std::optional<Enrolment> enrolment;
    std::unique_ptr<DeskThread> desk;
    std::optional<Gateway> gateway;
    std::atomic<int64_t> frames{0};
    std::atomic<bool> echo{false};
    uint16_t port = 0;

  private:
    std::mutex mutex_;
    std::vector<std::string> notes_;
    int made_ = 0;
};

/// The first words of an answer, "HTTP/1.1 200".
inline std::string status(const std::string& response) { return response.substr(0, std::min<size_t>(12, response.size())); }

}  // namespace bailiff::test
