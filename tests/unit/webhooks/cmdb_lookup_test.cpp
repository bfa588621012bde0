// SPDX-License-Identifier: Apache-2.0
// The provider's CMDB, asked over real connections to a server on loopback.
#include "controller/api/http_server.hpp"
#include "controller/webhooks/cmdb_lookup.hpp"

#include <bailiff/system_clock.hpp>

#include <gtest/gtest.h>

#include <future>
#include <mutex>

namespace bailiff::test {
namespace {

/// A CMDB that keeps what it was asked, and answers as it is told.
class Cmdb {
  public:
    Cmdb() : server_(options(), {{}, [this](HttpRequest request, const Respond& respond) { take(std::move(request), respond); }, {}}) { EXPECT_TRUE(server_.start()); }
    ~Cmdb() { server_.stop(); }
    std::string url() const { return "http://127.0.0.1:" + std::to_string(server_.bound_port()) + "/addresses?ip={address}&at={at}&port={port}"; }
    HttpResponse answer{200, {}, {}};
    std::vector<HttpRequest> came() {
        const std::lock_guard lock(mutex_);
        return came_;
    }

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
        if (answer.status != 0) respond(answer);
        else kept_.push_back(respond);   // it never comes to an answer
    }
    std::mutex mutex_;
    std::vector<HttpRequest> came_;
    std::vector<Respond> kept_;
    HttpServer server_;
};

AddressQuestion question(const std::string& address = "2001:db8:7::25", int64_t port = 443) {
    return {*parse_address(address), port, *parse_rfc3339("2026-03-02T05:00:00Z")};
}

AddressAnswer asked(CmdbOptions options, const AddressQuestion& what = question()) {
    const SystemClock clock;
    CmdbLookup lookup(std::move(options), clock, 1);
    std::promise<AddressAnswer> answer;
    lookup.ask(what, [&](AddressAnswer got) { answer.set_value(std::move(got)); });
    return answer.get_future().get();
}

const std::string row = R"({"address":"2001:db8:7::/64","from":"2026-03-01T00:00:00Z","to":null,"vm":"web1","customer":"K-7","rack":"B12"})";

TEST(CmdbLookup, asks_with_address_time_and_port) {
    Cmdb cmdb;
    cmdb.answer.body = row;
    const auto got = asked({cmdb.url(), "Authorization: Bearer secret", "", std::chrono::seconds(10)});
    EXPECT_TRUE(got.answered) << got.trouble;
    ASSERT_EQ(got.spans.size(), 1u) << got.trouble;
    EXPECT_EQ(text_of(got.spans[0].prefix), "2001:db8:7::/64");
    EXPECT_EQ(got.spans[0].vm_name, "web1");
    EXPECT_EQ(got.spans[0].source, AddressSource::cmdb);
    const auto came = cmdb.came();
    ASSERT_EQ(came.size(), 1u);
    EXPECT_EQ(came[0].method, "GET");
    EXPECT_EQ(came[0].header("authorization"), "Bearer secret");
    EXPECT_EQ(cmdb_url("http://c/{address}?t={at}&p={port}{else}", question()), "http://c/2001%3Adb8%3A7%3A%3A25?t=2026-03-02T05%3A00%3A00Z&p=443");
    EXPECT_EQ(cmdb_url("http://c/{address}?p={port", question("192.0.2.1", 0)), "http://c/192.0.2.1?p={port") << "what is no mark stays as it stands";
}

TEST(CmdbLookup, nobody_is_an_answer_and_trouble_is_none) {
    for (const int status : {404, 410, 422}) {
        Cmdb cmdb;
        cmdb.answer.status = status;
        const auto got = asked({cmdb.url(), "", "", std::chrono::seconds(10)});
        EXPECT_TRUE(got.answered) << status;
        EXPECT_TRUE(got.spans.empty());
    }
    for (const int status : {301, 401, 429, 500, 503}) {
        Cmdb cmdb;
        cmdb.answer.status = status;
        cmdb.answer.headers.emplace_back("Location", "http://127.0.0.1:1/");
        const auto got = asked({cmdb.url(), "", "", std::chrono::seconds(10)});
        EXPECT_FALSE(got.answered) << status << ": it is asked again";
        EXPECT_NE(got.trouble.find(std::to_string(status)), std::string::npos) << got.trouble;
    }
    EXPECT_FALSE(asked({"http://127.0.0.1:1/{address}", "", "", std::chrono::seconds(10)}).answered);
}

TEST(CmdbLookup, an_answer_that_is_too_long_is_none) {
    Cmdb cmdb;
    cmdb.answer.body = "[" + row + "," + std::string(1 << 20, ' ') + row + "]";
    const auto got = asked({cmdb.url(), "", "", std::chrono::seconds(10)});
    EXPECT_FALSE(got.answered) << "the beginning of a list is no list";
    EXPECT_TRUE(got.spans.empty());
    EXPECT_NE(got.trouble, "");
}

TEST(CmdbLookup, that_hangs_is_given_up) {
    Cmdb cmdb;
    cmdb.answer.status = 0;
    const auto got = asked({cmdb.url(), "", "", std::chrono::milliseconds(300)});
    EXPECT_FALSE(got.answered);
    EXPECT_NE(got.trouble, "");
}

TEST(CmdbAnswers, are_rows_in_some_shapes) {
    const Instant now = *parse_rfc3339("2026-03-02T06:00:00Z");
    const auto spans = [&](const std::string& body) { return cmdb_answer(body, question(), now).spans.size(); };
    EXPECT_EQ(spans(row), 1u);
    EXPECT_EQ(spans("[" + row + "," + row + "]"), 2u);
    EXPECT_EQ(spans("{\"spans\":[" + row + "],\"more\":1}"), 1u);
    EXPECT_EQ(spans(R"({"from":"2026-03-01T00:00:00Z","vm":"web1"})"), 1u) << "without an address it speaks of the one that was asked";
    for (const char* nobody : {"", " \n", "null", "[]", "{}", "{\"spans\":[]}"}) {
        EXPECT_EQ(spans(nobody), 0u) << nobody;
        EXPECT_EQ(cmdb_answer(nobody, question(), now).trouble, "");
    }
    for (const char* broken : {"<html>", "{\"vm\":\"web1\"}", "[7]"}) {
        const auto got = cmdb_answer(broken, question(), now);
        EXPECT_TRUE(got.answered && got.spans.empty()) << broken;
        EXPECT_NE(got.trouble, "") << broken;
    }
}

}  // namespace
}  // namespace bailiff::test
