// SPDX-License-Identifier: Apache-2.0
// Messages over real connections to a server on loopback.
#include "controller/api/http_server.hpp"
#include "controller/webhooks/signature.hpp"
#include "controller/webhooks/webhook_worker.hpp"

#include <bailiff/dsse.hpp>
#include <bailiff/system_clock.hpp>

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <mutex>

namespace bailiff::test {
namespace {

/// A receiver that keeps what came, and answers as it is told.
class Receiver {
  public:
    Receiver() : server_(options(), {{},
                                     [this](HttpRequest request, const Respond& respond) { take(std::move(request), respond); }, {}}) {
        EXPECT_TRUE(server_.start());
    }
    ~Receiver() { server_.stop(); }
    std::string url(const std::string& host = "127.0.0.1") const { return "http://" + host + ":" + std::to_string(server_.bound_port()) + "/hook"; }
    std::vector<HttpRequest> came() {
        const std::lock_guard lock(mutex_);
        return came_;
    }
    HttpResponse answer{204, {}, {}};

  private:
    static HttpOptions options() {
        static const SystemClock clock;
        HttpOptions out;
        out.address = "127.0.0.1";
        out.clock = &clock;
        return out;
    }
    void take(HttpRequest request, const Respond& respond) {
        const std::lock_guard lock(mutex_);
        came_.push_back(std::move(request));
        respond(answer);
    }
    std::mutex mutex_;
    std::vector<HttpRequest> came_;
    HttpServer server_;
};

HttpPosterOptions loopback(std::chrono::milliseconds timeout = std::chrono::seconds(10)) { return {{*parse_network("127.0.0.0/8")}, "", timeout}; }
WebhookMessage message(const std::string& url) { return {"msg_1", url, "the key of a webhook, 32 bytes..", R"({"type":"case_opened"})", Instant(Seconds(1'772'420'400))}; }

TEST(WebhookSignature, is_that_of_the_specifications_example) {
    const auto key = unbase64("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    EXPECT_EQ(webhook_signature(*key, "msg_p5jXN8AQM9LWM0D4loKWxJek", Instant(Seconds(1'614'265'330)), R"({"test": 2432232314})"),
              "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST(HttpPoster, a_message_comes_whole_and_signed) {
    Receiver receiver;
    const auto sent = message(receiver.url());
    const auto answer = HttpPoster(loopback()).post(sent);
    EXPECT_TRUE(answer.accepted) << answer.text;
    EXPECT_EQ(answer.text, "HTTP 204");
    const auto came = receiver.came();
    ASSERT_EQ(came.size(), 1u);
    EXPECT_EQ(came[0].method, "POST");
    EXPECT_EQ(came[0].path, "/hook");
    EXPECT_EQ(came[0].body, sent.body);
    EXPECT_EQ(came[0].header("content-type"), "application/json");
    EXPECT_EQ(came[0].header("webhook-id"), "msg_1");
    EXPECT_EQ(came[0].header("webhook-timestamp"), "1772420400");
    EXPECT_EQ(came[0].header("webhook-signature"), webhook_signature(sent.secret, sent.id, sent.at, sent.body));
}

TEST(HttpPoster, nothing_goes_to_our_own_network_whatever_the_name) {
    Receiver receiver;
    for (const char* host : {"127.0.0.1", "localhost"}) {
        const auto answer = HttpPoster({}).post(message(receiver.url(host)));
        EXPECT_FALSE(answer.accepted);
        EXPECT_NE(answer.text.find("--webhook-network"), std::string::npos) << answer.text;
    }
    HttpPosterOptions other{{*parse_network("10.0.0.0/8")}, "", std::chrono::seconds(5)};
    EXPECT_FALSE(HttpPoster(other).post(message("https://127.0.0.1:1/")).accepted);
    EXPECT_NE(HttpPoster(other).post(message("https://127.0.0.1:1/")).text.find("no public network"), std::string::npos);
    EXPECT_TRUE(receiver.came().empty());
}

TEST(HttpPoster, other_answers_are_failures_and_a_redirect_is_not_followed) {
    Receiver receiver, elsewhere;
    receiver.answer = {302, {{"Location", elsewhere.url()}}, {}};
    EXPECT_FALSE(HttpPoster(loopback()).post(message(receiver.url())).accepted);
    EXPECT_TRUE(elsewhere.came().empty());
    receiver.answer = {503, {}, "not today\nplease"};
    EXPECT_EQ(HttpPoster(loopback()).post(message(receiver.url())).text, "HTTP 503: not today please");
    receiver.answer = {200, {}, std::string(1 << 20, 'x')};
    EXPECT_TRUE(HttpPoster(loopback()).post(message(receiver.url())).accepted) << "it has taken the message, however much it says";
    EXPECT_FALSE(HttpPoster(loopback()).post(message("http://127.0.0.1:1/")).accepted);
    EXPECT_FALSE(HttpPoster(loopback()).post(message("ftp://127.0.0.1/")).accepted);
    EXPECT_FALSE(HttpPoster(loopback()).post(message("file:///etc/passwd")).accepted);
}

/// Takes connections and never says a word.
class Silent {
  public:
    Silent() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), size), 0);
        EXPECT_EQ(::listen(socket_, 8), 0);
        ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
        port_ = ntohs(address.sin_port);
    }
    ~Silent() { ::close(socket_); }
    Silent(const Silent&) = delete;
    Silent& operator=(const Silent&) = delete;
    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/"; }

  private:
    int socket_;
    uint16_t port_ = 0;
};

TEST(WebhookWorker, a_system_that_hangs_holds_up_no_other) {
    Silent silent;
    Receiver receiver;
    std::promise<WebhookAnswer> hung, taken;
    const SystemClock clock;
    const auto began = clock.monotonic();
    {
        WebhookWorker worker(loopback(std::chrono::milliseconds(2000)), 2);
        worker.send(message(silent.url()), [&](WebhookAnswer a) { hung.set_value(std::move(a)); });
        worker.send(message(receiver.url()), [&](WebhookAnswer a) { taken.set_value(std::move(a)); });
        EXPECT_TRUE(taken.get_future().get().accepted);
        EXPECT_LT(clock.monotonic() - began, std::chrono::milliseconds(1900));
    }
    EXPECT_FALSE(hung.get_future().get().accepted);
}

}  // namespace
}  // namespace bailiff::test
