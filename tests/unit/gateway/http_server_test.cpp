// SPDX-License-Identifier: Apache-2.0
// The rules of the HTTP server, byte by byte, on real loopback sockets.
#include "controller/api/http_server.hpp"
#include "raw_client.hpp"

#include <bailiff/system_clock.hpp>

#include <atomic>
#include <gtest/gtest.h>
#include <mutex>
#include <thread>

namespace bailiff::test {
namespace {

using std::chrono::milliseconds;

class HttpRules : public ::testing::Test {
  protected:
    void serve(HttpOptions options = {}) {
        options.clock = &clock_;
        HttpHandlers handlers;
        handlers.admit = [this](const HttpRequest& header, Admit admit) {
            ++admitted_;
            if (header.path == "/secret" && header.header("authorization") != "Bearer good")
                return admit({http_problem(401, "Log in first."), 0});
            if (header.path == "/undecided") return;
            admit({std::nullopt, header.path == "/large" ? size_t{8} << 20 : 0});
        };
        handlers.handle = [this](HttpRequest request, Respond respond) { handle(std::move(request), std::move(respond)); };
        server_ = std::make_unique<HttpServer>(options, handlers);
        const auto started = server_->start();
        ASSERT_TRUE(started) << started.error().text;
    }
    void handle(HttpRequest request, Respond respond) {
        ++handled_;
        if (request.path == "/throw") throw std::runtime_error("the database is away");
        if (request.path == "/dropped") return;
        if (request.path == "/later") {
            later_ = std::thread([respond] { respond(http_json(200, "\"from another thread\"")); });
            return;
        }
        if (request.path == "/events") {
            stream_ = respond.stream();
            streams_ = 1;
            return;
        }
        if (request.path == "/inject") return respond({200, {{"X-Name", "a\r\nX-Evil: 1"}}, "x"});
        std::string echo = request.method + " " + request.path;
        for (const auto& [key, value] : request.query) echo += " " + key + "=" + value;
        respond({200, {{"Content-Type", "text/plain"}}, echo + " body=" + std::to_string(request.body.size())});
    }
    void TearDown() override {
        if (server_) server_->stop(milliseconds(200));
        if (later_.joinable()) later_.join();
    }
    /// Waits until the io thread has begun the stream.
    bool streaming() const {
        for (int i = 0; i < 200 && !streams_; ++i) std::this_thread::sleep_for(milliseconds(10));
        return streams_ == 1;
    }
    uint16_t port() const { return server_->bound_port(); }
    std::string ask(const std::string& bytes) {
        RawClient client(port());
        client.send(bytes);
        return client.read_response();
    }
    static std::string status(const std::string& response) { return response.substr(0, std::min<size_t>(12, response.size())); }

    SystemClock clock_;
    std::atomic<int> admitted_{0}, handled_{0}, streams_{0};
    std::thread later_;
    std::shared_ptr<EventStream> stream_;
    std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpRules, table) {
    serve();
    const std::string host = "Host: x\r\n";
    const struct {
        const char* what;
        std::string request, status;
        int handled;
    } rows[] = {
        {"plain", "GET /a HTTP/1.1\r\n" + host + "\r\n", "HTTP/1.1 200", 1},
        {"body", "POST /a HTTP/1.1\r\n" + host + "Content-Length: 3\r\n\r\nabc", "HTTP/1.1 200", 1},
        {"no Host", "GET /a HTTP/1.1\r\n\r\n", "HTTP/1.1 400", 0},
        {"two Hosts", "GET /a HTTP/1.1\r\n" + host + host + "\r\n", "HTTP/1.1 400", 0},
        {"HTTP/1.0", "GET /a HTTP/1.0\r\n" + host + "\r\n", "HTTP/1.1 505", 0},
        {"chunked", "POST /a HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 411", 0},
        {"chunked, odd case", "POST /a HTTP/1.1\r\n" + host + "tRANSFER-eNCODING: xchunked\r\n\r\n", "HTTP/1.1 411", 0},
        {"TE and CL", "POST /a HTTP/1.1\r\n" + host + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc", "HTTP/1.1 4", 0},
        {"CL and TE", "POST /a HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 4", 0},
        {"two lengths", "POST /a HTTP/1.1\r\n" + host + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 400", 0},
        {"different lengths", "POST /a HTTP/1.1\r\n" + host + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "HTTP/1.1 400", 0},
        {"negative length", "POST /a HTTP/1.1\r\n" + host + "Content-Length: -3\r\n\r\nabc", "HTTP/1.1 400", 0},
        {"body over the limit", "POST /a HTTP/1.1\r\n" + host + "Content-Length: 1048577\r\n\r\n", "HTTP/1.1 413", 0},
        {"limit of its own", "POST /large HTTP/1.1\r\n" + host + "Content-Length: 1048577\r\n\r\n" + std::string(1048577, 'x'), "HTTP/1.1 200", 1},
        {"absurd length", "POST /a HTTP/1.1\r\n" + host + "Content-Length: 99999999999999999999999\r\n\r\n", "HTTP/1.1 400", 0},
        {"refused by header", "POST /secret HTTP/1.1\r\n" + host + "Content-Length: 900000\r\n\r\n", "HTTP/1.1 401", 0},
        {"two credentials", "GET /secret HTTP/1.1\r\n" + host + "Authorization: Bearer good\r\nAuthorization: Bearer bad\r\n\r\n", "HTTP/1.1 400", 0},
        {"admitted", "GET /secret HTTP/1.1\r\n" + host + "Authorization: Bearer good\r\n\r\n", "HTTP/1.1 200", 1},
        {"nobody decides", "GET /undecided HTTP/1.1\r\n" + host + "\r\n", "HTTP/1.1 503", 0},
        {"encoded slash", "GET /a%2fb HTTP/1.1\r\n" + host + "\r\n", "HTTP/1.1 400", 0},
        {"dot segment", "GET /a/../b HTTP/1.1\r\n" + host + "\r\n", "HTTP/1.1 400", 0},
        {"encoded dots", "GET /a/%2e%2e/b HTTP/1.1\r\n" + host + "\r\n", "HTTP/1.1 400", 0},
        {"zero byte", "GET /a%00 HTTP/1.1\r\n" + host + "\r\n", "HTTP/1.1 400", 0},
        {"cut escape", "GET /a%2 HTTP/1.1\r\n" + host + "\r\n", "HTTP/1.1 400", 0},
        {"absolute form", "GET http://x/a HTTP/1.1\r\n" + host + "\r\n", "HTTP/1.1 400", 0},
        {"garbage", "\x16\x03\x01\x02\r\n\r\n", "HTTP/1.1 400", 0},
        {"space before colon", "GET /a HTTP/1.1\r\n" + host + "Content-Length : 3\r\n\r\n", "HTTP/1.1 400", 0},
        {"header too large", "GET /a HTTP/1.1\r\n" + host + "X: " + std::string(20000, 'x') + "\r\n\r\n", "HTTP/1.1 431", 0},
        {"upgrade without TLS", "GET /a HTTP/1.1\r\n" + host + "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", "HTTP/1.1 426", 0},
        {"handler throws", "GET /throw HTTP/1.1\r\n" + host + "\r\n", "HTTP/1.1 503", 1},
        {"handler drops", "GET /dropped HTTP/1.1\r\n" + host + "\r\n", "HTTP/1.1 500", 1},
        {"answered elsewhere", "GET /later HTTP/1.1\r\n" + host + "\r\n", "HTTP/1.1 200", 1},
    };
    for (const auto& row : rows) {
        const int before = handled_;
        const std::string response = ask(row.request);
        EXPECT_EQ(response.substr(0, row.status.size()), row.status) << row.what << ": " << response;
        EXPECT_EQ(handled_ - before, row.handled) << row.what;
    }
}

TEST_F(HttpRules, security_fields_and_date_are_on_every_response) {
    serve();
    for (const char* path : {"/a", "/secret"}) {
        const std::string response = ask("GET " + std::string(path) + " HTTP/1.1\r\nHost: x\r\n\r\n");
        for (const char* field : {"X-Content-Type-Options: nosniff", "Cache-Control: no-store", "Content-Security-Policy: default-src 'none'",
                                  "Referrer-Policy: no-referrer", "Date: "})
            EXPECT_NE(response.find(field), std::string::npos) << path << " lacks " << field;
    }
}

TEST_F(HttpRules, a_value_cannot_add_a_field) {
    serve();
    EXPECT_EQ(ask("GET /inject HTTP/1.1\r\nHost: x\r\n\r\n").find("\r\nX-Evil"), std::string::npos);
}

TEST_F(HttpRules, query_is_decoded_and_a_connection_serves_many_requests) {
    serve();
    std::optional<RawClient> connection(std::in_place, port());
    RawClient& client = *connection;
    for (int i = 0; i < 3; ++i) {
        client.send("GET /x%20y?a=1&b=%C3%A4+c&a=2 HTTP/1.1\r\nHost: x\r\n\r\n");
        EXPECT_NE(client.read_response().find("GET /x y a=1 b=\xC3\xA4 c a=2"), std::string::npos);
    }
    // Pipelined, and a HEAD without body.
    client.send("HEAD /h HTTP/1.1\r\nHost: x\r\n\r\nGET /p HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    EXPECT_NE(client.read_until("\r\n\r\n").find("Content-Length: 14"), std::string::npos);
    EXPECT_NE(client.read_response().find("GET /p"), std::string::npos);
    EXPECT_TRUE(client.ended());
    connection.reset();
    for (int i = 0; i < 200 && server_->connections(); ++i) std::this_thread::sleep_for(milliseconds(10));
    EXPECT_EQ(server_->connections(), 0u);
}

TEST_F(HttpRules, expect_100_is_answered_after_admission_only) {
    serve();
    RawClient client(port());
    client.send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("ab");
    EXPECT_NE(client.read_response().find("body=2"), std::string::npos);
    EXPECT_EQ(status(ask("POST /secret HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")), "HTTP/1.1 401");
}

TEST_F(HttpRules, slow_headers_and_bodies_are_cut_off) {
    HttpOptions options;
    options.header_timeout = options.body_timeout = milliseconds(300);
    options.idle_timeout = milliseconds(300);
    serve(options);
    const auto drip = [&](const std::string& first) {
        RawClient client(port(), std::nullopt, 50);
        client.send(first);
        const auto begin = clock_.monotonic();
        // A byte every 50 ms keeps the socket busy, not the deadline.
        while (!client.ended() && clock_.monotonic() - begin < milliseconds(3000)) client.send("x");
        return clock_.monotonic() - begin;
    };
    EXPECT_LT(drip("GET /a HTTP/1.1\r\nX: "), milliseconds(1500));
    EXPECT_LT(drip("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n"), milliseconds(1500));
    RawClient idle(port());
    EXPECT_TRUE(idle.ended());
}

TEST_F(HttpRules, too_many_connections_are_closed_at_once) {
    HttpOptions options;
    options.most_connections_per_address = 2;
    serve(options);
    RawClient one(port()), two(port());
    for (auto* client : {&one, &two}) {
        client->send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
        EXPECT_EQ(status(client->read_response()), "HTTP/1.1 200");
    }
    RawClient three(port());
    EXPECT_TRUE(three.ended());
}

TEST_F(HttpRules, events_flow_until_the_peer_leaves) {
    HttpOptions options;
    options.stream_comment = milliseconds(100);
    serve(options);
    {
        RawClient client(port());
        client.send("GET /events HTTP/1.1\r\nHost: x\r\n\r\n");
        EXPECT_NE(client.read_until("\r\n\r\n").find("text/event-stream"), std::string::npos);
        ASSERT_TRUE(streaming());
        EXPECT_TRUE(stream_->send("case", "line one\nline two", "7"));
        EXPECT_EQ(client.read_until("\n\n"), "id: 7\nevent: case\ndata: line one\ndata: line two\n\n");
        EXPECT_EQ(client.read_until(":\n\n"), ":\n\n");
        EXPECT_FALSE(stream_->closed());
    }
    for (int i = 0; i < 100 && !stream_->closed(); ++i) std::this_thread::sleep_for(milliseconds(20));
    EXPECT_TRUE(stream_->closed());
    EXPECT_FALSE(stream_->send("case", "x", ""));
}

TEST_F(HttpRules, a_browser_that_does_not_read_loses_its_stream) {
    HttpOptions options;
    options.most_stream_bytes = 100'000;
    serve(options);
    RawClient client(port());
    client.send("GET /events HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_TRUE(streaming());
    bool open = true;
    for (int i = 0; i < 10'000 && open; ++i) open = stream_->send("", std::string(10'000, 'x'), "");
    EXPECT_FALSE(open);
}

TEST_F(HttpRules, stop_ends_streams_and_an_answer_after_it_is_harmless) {
    serve();
    RawClient client(port());
    client.send("GET /events HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_FALSE(client.read_until("\r\n\r\n").empty());
    ASSERT_TRUE(streaming());
    server_->stop(milliseconds(500));
    EXPECT_TRUE(client.ended());
    EXPECT_FALSE(stream_->send("a", "b", "c"));
    server_.reset();
    stream_->close();
}

TEST_F(HttpRules, only_loopback_is_served_without_tls) {
    HttpOptions options;
    options.address = "0.0.0.0";
    HttpServer server(options, {{}, [](HttpRequest, Respond) {}, {}});
    const auto started = server.start();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, Errc::invalid);
}

}  // namespace
}  // namespace bailiff::test
