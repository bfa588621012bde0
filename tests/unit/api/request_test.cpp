// SPDX-License-Identifier: Apache-2.0
// What requests get that are wrong, repeated, outdated or ill-timed.
#include "controller/api/problem.hpp"
#include "tests/unit/api/api_world.hpp"

namespace bailiff::test {
namespace {

std::vector<std::string> pointers(const Got& got) {
    std::vector<std::string> out;
    for (const auto& error : got.json().value("errors", Json::array())) out.push_back(error.at("pointer").get<std::string>());
    return out;
}

TEST(Routing, NamesWhatThereIs) {
    ApiWorld world;
    EXPECT_EQ(world.ask("GET", "/").status, 404);
    EXPECT_EQ(world.ask("GET", "/api/v1/nothing").status, 404);
    EXPECT_EQ(world.ask("GET", "/api/v1/cases/").status, 404);
    EXPECT_EQ(world.ask("GET", "/api/v1/cases/C-1/").status, 404);
    const auto got = world.ask("DELETE", "/api/v1/reports");
    EXPECT_EQ(got.status, 405);
    EXPECT_EQ(got.header("Allow"), "GET, HEAD, POST, OPTIONS");
    EXPECT_EQ(got.header("Content-Type"), "application/problem+json");
    const auto options = world.ask("OPTIONS", "/api/v1/vms/x", "");
    EXPECT_EQ(options.status, 204);
    EXPECT_EQ(options.header("Allow"), "GET, HEAD, PUT, OPTIONS");
    EXPECT_EQ(world.ask("GET", "/api/v1/policies/check").status, 405) << "the fixed word wins over the name";
    EXPECT_EQ(world.ask("HEAD", "/api/v1/cases").status, 200);
    EXPECT_EQ(world.ask("GET", "/api/v1/cases/" + std::string(200, 'x')).status, 404);
}

TEST(Bodies, AllMistakesAtOnce) {
    ApiWorld world;
    const auto got = world.ask("POST", "/api/v1/reports", "ana", {{"typ", "x"}, {"observed_at", "yesterday"}, {"vm", "web1"}, {"summary", 7}});
    EXPECT_EQ(got.status, 422);
    EXPECT_EQ(pointers(got), (std::vector<std::string>{"/type", "/summary", "/observed_at", "/typ", "/vm"}));
    EXPECT_EQ(got.json().at("title"), "Unprocessable Content") << got.body;
}

struct BadBody {
    const char* body;
    int status;
    const char* pointer;   ///< of the first error, "" for none
};

TEST(Bodies, TableOfWrongReports) {
    ApiWorld world;
    for (const auto& [body, status, pointer] : {
             BadBody{"{", 400, nullptr}, {"[]", 422, ""}, {"null", 422, ""}, {"{\"type\":\"a/b\",\"type\":\"c/d\"}", 400, nullptr},
             {"{} {}", 400, nullptr}, {"\"\xff\"", 400, nullptr}, {R"({"type":"malware","address":"192.0.2.10"})", 422, "/type"},
             {R"({"type":"content/malware"})", 422, ""}, {R"({"type":"","address":"192.0.2.10"})", 422, "/type"},
             {R"({"type":"content/malware","address":["192.0.2.10"]})", 422, "/address"}, {R"({"type":null,"address":"x"})", 422, "/type"}}) {
        const auto got = world.send("POST", "/api/v1/reports", "ana", body);
        EXPECT_EQ(got.status, status) << body << got.body;
        if (pointer) {
            EXPECT_EQ(pointers(got).empty() ? "(none)" : pointers(got)[0], pointer) << body << got.body;
        }
    }
    EXPECT_TRUE(world.storage.reports(false, {}, 10).empty());
}

TEST(Bodies, TableOfWrongActs) {
    ApiWorld world;
    const auto id = world.open_case();
    struct Bad {
        const char* act;
        Json body;
        const char* pointer;
    };
    for (const auto& [act, body, pointer] : std::vector<Bad>{
             {"calls", {{"outcome", "maybe"}}, "/outcome"},
             {"calls", Json::object(), "/outcome"},
             {"calls", {{"outcome", "no_answer"}, {"at", "2026-01-01T00:00:00Z"}}, "/at"},
             {"replies", {{"kind", "fixed"}, {"channel", "pigeon"}}, "/channel"},
             {"replies", {{"steps", "x"}}, "/kind"},
             {"extensions", {{"by", "P1M"}, {"reason", "x"}}, "/by"},
             {"extensions", {{"by", "PT0S"}, {"reason", "x"}}, "/by"},
             {"extensions", {{"by", 3600}, {"reason", "x"}}, "/by"},
             {"hold", Json::object(), "/reason"},
             {"resume", {{"reason", ""}}, "/reason"},
             {"decisions", {{"decision", "destroy"}, {"reason", "x"}}, "/decision"},
             {"approvals", {{"stage", "scan"}}, "/stage"},
             {"reviews", {{"reason", true}}, "/reason"},
             {"close", {{"reason", "x"}, {"force", true}}, "/force"},
             {"notes", {{"text", std::string(20'000, 'x')}}, "/text"}}) {
        const auto before = world.storage.find_case(CaseId(id));
        const auto got = world.ask("POST", "/api/v1/cases/" + id + "/" + act, "ada", body);
        EXPECT_EQ(got.status, 422) << act << dump_json(body) << got.body;
        ASSERT_FALSE(pointers(got).empty()) << act;
        EXPECT_EQ(pointers(got)[0], pointer);
        EXPECT_EQ(world.storage.find_case(CaseId(id)), before);
    }
}

TEST(Bodies, OnlyJsonOnlyWhereTaken) {
    ApiWorld world;
    const auto with_type = [&](const std::string& type) {
        return world.send("POST", "/api/v1/reports", "ana", R"({"type":"content/malware","vm_name":"web1"})", {{"content-type", type}}).status;
    };
    EXPECT_EQ(with_type("text/plain"), 415);
    EXPECT_EQ(with_type("application/x-www-form-urlencoded"), 415);
    EXPECT_EQ(with_type("application/json; charset=utf-8"), 201);
    EXPECT_EQ(with_type("Application/JSON"), 201);
    EXPECT_EQ(world.send("POST", "/api/v1/hosts/h1/ban", "ada", "{}").status, 413);
    EXPECT_EQ(world.send("GET", "/api/v1/cases", "ada", "{}").status, 413);
}

TEST(Queries, UnknownAndWrongOnesAreNamed) {
    ApiWorld world;
    for (const auto& [query, pointer] : {std::pair{"?phaze=open", "?phaze"}, {"?phase=opne", "?phase"}, {"?limit=0", "?limit"}, {"?limit=201", "?limit"},
                                         {"?limit=5x", "?limit"}, {"?open=yes", "?open"}, {"?cursor=%2e%2e", "?cursor"}, {"?vm=", "?vm"},
                                         {"?limit=5&limit=6", "?limit"}}) {
        const auto got = world.ask("GET", std::string("/api/v1/cases") + query);
        EXPECT_EQ(got.status, 422) << query;
        ASSERT_FALSE(pointers(got).empty()) << query;
        EXPECT_EQ(pointers(got)[0], pointer);
    }
    EXPECT_NE(world.ask("GET", "/api/v1/cases?phaze=open").body.find("did you mean 'phase'?"), std::string::npos);
}

TEST(Idempotency, TheSameRequestGetsTheSameAnswer) {
    ApiWorld world;
    const Json body{{"type", "content/malware"}, {"address", "192.0.2.10"}};
    const auto first = world.ask("POST", "/api/v1/reports", "ana", body, {{"idempotency-key", "k1"}});
    const auto again = world.ask("POST", "/api/v1/reports", "ana", body, {{"idempotency-key", "k1"}});
    EXPECT_EQ(first.status, 201);
    EXPECT_EQ(again.status, 201);
    EXPECT_EQ(again.body, first.body);
    EXPECT_EQ(again.header("Location"), first.header("Location"));
    EXPECT_EQ(first.header("Idempotency-Replayed"), "");
    EXPECT_EQ(again.header("Idempotency-Replayed"), "true");
    EXPECT_EQ(world.storage.reports(false, {}, 10).size(), 1u);
    EXPECT_EQ(world.ask("POST", "/api/v1/reports", "ana", {{"type", "content/phishing"}, {"address", "192.0.2.10"}}, {{"idempotency-key", "k1"}}).status, 409);
    EXPECT_EQ(world.ask("POST", "/api/v1/reports", "apu", body, {{"idempotency-key", "k1"}}).header("Idempotency-Replayed"), "") << "keys are each account's own";
    EXPECT_EQ(world.ask("POST", "/api/v1/reports", "ana", body, {{"idempotency-key", std::string(129, 'k')}}).status, 400);
}

TEST(Idempotency, RefusalsAreNotKept) {
    ApiWorld world;
    const auto id = world.open_case();
    const Json body{{"reason", "lawyer"}};
    EXPECT_EQ(world.ask("POST", "/api/v1/cases/" + id + "/resume", "ana", body, {{"idempotency-key", "k"}}).status, 409) << "there is no hold to lift";
    EXPECT_EQ(world.ask("POST", "/api/v1/cases/" + id + "/hold", "ana", body).status, 200);
    EXPECT_EQ(world.ask("POST", "/api/v1/cases/" + id + "/resume", "ana", body, {{"idempotency-key", "k"}}).status, 200);
}

TEST(Preconditions, AnActOnAnOldRevisionIsRefused) {
    ApiWorld world;
    const auto id = world.open_case();
    const std::string path = "/api/v1/cases/" + id;
    const auto etag = world.ask("GET", path).header("ETag");
    EXPECT_EQ(etag, "\"" + std::to_string(world.storage.find_case(CaseId(id))->revision) + "\"");
    const auto note = [&](const std::string& match) { return world.ask("POST", path + "/notes", "ana", {{"text", "x"}}, {{"if-match", match}}); };
    const auto changed = note(etag);
    EXPECT_EQ(changed.status, 200);
    EXPECT_NE(changed.header("ETag"), etag);
    const auto stale = note(etag);
    EXPECT_EQ(stale.status, 412);
    EXPECT_EQ(stale.header("ETag"), changed.header("ETag"));
    EXPECT_EQ(note("W/" + changed.header("ETag")).status, 412) << "a weak tag never matches";
    EXPECT_EQ(note("\"1\", " + changed.header("ETag")).status, 200);
    EXPECT_EQ(note("*").status, 200);
}

TEST(Outages, AreToldWithRetryAfter) {
    ApiWorld world;
    world.outage = true;
    for (const auto& got : {world.ask("GET", "/api/v1/cases"), world.ask("POST", "/api/v1/reports", "ana", {{"type", "content/malware"}, {"vm_name", "x"}}),
                            world.ask("GET", "/readyz", "")}) {
        EXPECT_EQ(got.status, 503) << got.body;
        EXPECT_EQ(got.header("Retry-After"), "5");
    }
    EXPECT_EQ(world.ask("GET", "/healthz", "").status, 200) << "the process itself lives";
    world.outage = false;
    world.full = true;
    EXPECT_EQ(world.ask("GET", "/api/v1/cases").status, 503);
    EXPECT_EQ(world.ask("GET", "/readyz", "").status, 200);
}

TEST(Errors, HaveAStatusEach) {
    EXPECT_EQ(status_of(Errc::not_found), 404);
    EXPECT_EQ(status_of(Errc::conflict), 409);
    EXPECT_EQ(status_of(Errc::invalid), 422);
    EXPECT_EQ(status_of(Errc::forbidden), 403);
    EXPECT_EQ(status_of(Errc::unavailable), 503);
    EXPECT_EQ(status_of(Errc::unknown_outcome), 504);
}

}  // namespace
}  // namespace bailiff::test
