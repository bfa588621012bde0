// SPDX-License-Identifier: Apache-2.0
// The API over real HTTPS: admission before the body, event streams with resume, many clients at once.
#include "controller/ctl/sse_reader.hpp"
#include "tests/integration/api/live_api.hpp"

#include <atomic>
#include <thread>

namespace bailiff::test {
namespace {

constexpr const char* report = R"({"type":"content/malware","address":"192.0.2.10"})";

TEST(Https, AsksAndAnswers) {
    LiveApi live;
    auto ana = live.client("ana");
    const auto made = ana.ask("POST", "/api/v1/reports", report);
    ASSERT_TRUE(made) << made.error().text;
    EXPECT_EQ(made->status, 201) << made->body;
    EXPECT_EQ(made->headers.at("location"), "/api/v1/reports/R-1");
    const auto got = ana.ask("GET", "/api/v1/cases/C-1");
    ASSERT_TRUE(got);
    EXPECT_EQ(got->status, 200);
    EXPECT_EQ(got->headers.at("content-type"), "application/json");
    EXPECT_EQ(got->headers.at("cache-control"), "no-store");
    EXPECT_TRUE(got->headers.contains("etag"));
    const auto none = live.client("").ask("GET", "/readyz");
    ASSERT_TRUE(none);
    EXPECT_EQ(none->status, 200) << none->body;
}

TEST(Https, StrangersBodiesAreNotRead) {
    LiveApi live;
    // 16 MiB from somebody without a token: refused on the header, whatever follows.
    const auto got = live.client("wrong").ask("POST", "/api/v1/reports", std::string(16 << 20, 'x'));
    if (got) {
        EXPECT_TRUE(got->status == 401 || got->status == 413) << got->status;
    } else {
        EXPECT_EQ(got.error().code, Errc::unknown_outcome) << "the connection may close while the body is still being sent";
    }
    const auto large = live.client("ana").ask("POST", "/api/v1/reports", "\"" + std::string(2 << 20, 'x') + "\"");
    if (large) {
        EXPECT_EQ(large->status, 413);
    }
    EXPECT_EQ(live.client("ana").ask("GET", "/api/v1/reports")->body, R"({"items":[]})");
}

TEST(Https, TheCertificateIsChecked) {
    LiveApi live;
    auto blind = RestClient::open({live.url(), "ana", "", std::chrono::seconds(5)});
    ASSERT_TRUE(blind);
    const auto refused = blind->ask("GET", "/healthz");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::unavailable);
    EXPECT_NE(refused.error().text.find("--ca"), std::string::npos) << refused.error().text;
}

TEST(RestClients, SendTokensOnlyWhereTheyAreSafe) {
    for (const char* server : {"http://abuse.example", "http://127.0.0.1:80@evil.example", "http://127.0.0.1.evil.example", "ftp://x", "abuse.example", "https://a b"})
        EXPECT_FALSE(RestClient::open({server, "t", "", std::chrono::seconds(1)})) << server;
    for (const char* server : {"http://127.0.0.1:8080", "http://localhost:1/", "http://[::1]:8080", "https://abuse.example"})
        EXPECT_TRUE(RestClient::open({server, "t", "", std::chrono::seconds(1)})) << server;
    EXPECT_EQ(url_escaped("a b/é"), "a%20b%2F%C3%A9");
}

TEST(Https, EventsAreStreamedAndResumed) {
    LiveApi live;
    auto ana = live.client("ana");
    std::string last;
    const auto listen = [&](size_t wanted, const RestHeaders& headers, const std::function<void()>& at_hello) {
        std::vector<SseEvent> events;
        SseReader reader;
        auto client = live.client("ana");
        const auto answer = client.stream("/api/v1/changes", headers, [&](std::string_view piece) {
            for (const auto& event : reader.take(piece)) {
                if (event.name == "hello") at_hello();
                else events.push_back(event);
                last = event.id;
            }
            return events.size() < wanted;
        });
        EXPECT_TRUE(answer);
        return events;
    };
    std::thread reporter;
    const auto first = listen(1, {}, [&] { reporter = std::thread([&] { EXPECT_TRUE(live.client("ana").ask("POST", "/api/v1/reports", report)); }); });
    reporter.join();
    ASSERT_GE(first.size(), 1u);
    EXPECT_EQ(Json::parse(first[0].data).at("case"), "C-1");
    std::vector<std::string> texts;
    for (const char* text : {"one", "two"})
        ASSERT_EQ(ana.ask("POST", "/api/v1/cases/C-1/notes", std::string(R"({"text":")") + text + "\"}")->status, 200);
    while (texts.size() < 2) {
        for (const auto& event : listen(1, {{"Last-Event-ID", last}}, [] {})) {
            const Json data = Json::parse(event.data);
            for (const auto& item : data.at("items"))
                if (item.at("fact") == "note_added") texts.push_back(item.at("text").get<std::string>());
        }
    }
    ASSERT_EQ(texts.size(), 2u);
    EXPECT_NE(texts[0].find("one"), std::string::npos);
    EXPECT_NE(texts[1].find("two"), std::string::npos);
}

TEST(Https, ManyClientsAtOnceEachGetTheirAnswer) {
    LiveApi live;
    ASSERT_EQ(live.client("ana").ask("POST", "/api/v1/reports", report)->status, 201);
    std::vector<std::thread> clients;
    std::atomic<int> good{0};
    for (int i = 0; i < 8; ++i)
        clients.emplace_back([&, i] {
            auto client = live.client("ana");
            for (int j = 0; j < 10; ++j) {
                const auto answer = client.ask("POST", "/api/v1/cases/C-1/notes", R"({"text":"n"})", {{"Idempotency-Key", std::to_string(i) + "-" + std::to_string(j / 2)}});
                good += answer && answer->status == 200;
            }
        });
    for (auto& client : clients) client.join();
    EXPECT_EQ(good, 80);
    const auto history = Json::parse(live.client("ana").ask("GET", "/api/v1/cases/C-1/history?limit=200")->body).at("items");
    EXPECT_EQ(std::count_if(history.begin(), history.end(), [](const Json& item) { return item.at("fact") == "note_added"; }), 40)
        << "each key acts once";
}

}  // namespace
}  // namespace bailiff::test
