// SPDX-License-Identifier: Apache-2.0
// Reports, cases, acts, the call queue, the stream, the directory, the clock: what the addresses do.
#include "controller/api/acts.hpp"
#include "tests/unit/api/api_world.hpp"

#include <cstdio>
#include <fstream>

namespace bailiff::test {
namespace {

TEST(Reports, OpenJoinOrWait) {
    ApiWorld world;
    const Json report{{"type", "content/malware"}, {"address", "192.0.2.10"}, {"summary", "EICAR"}, {"raw", "From: x"}};
    const auto first = world.ask("POST", "/api/v1/reports", "ana", report).json();
    EXPECT_EQ(first.at("opened"), true);
    const auto second = world.ask("POST", "/api/v1/reports", "ana", report).json();
    EXPECT_EQ(second.at("opened"), false);
    EXPECT_EQ(second.at("case"), first.at("case"));
    const auto lost = world.ask("POST", "/api/v1/reports", "ana", {{"type", "content/malware"}, {"address", "203.0.113.1"}}).json();
    EXPECT_EQ(lost.at("case"), "");
    EXPECT_NE(lost.at("triage"), "");
    const auto waiting = world.ask("GET", "/api/v1/reports?triage=true").json();
    ASSERT_EQ(waiting.at("items").size(), 1u);
    const auto id = waiting.at("items")[0].at("id").get<std::string>();
    EXPECT_EQ(world.ask("POST", "/api/v1/reports/" + id + "/resolve", "ana", {{"vm", "web1"}}).status, 422);
    EXPECT_EQ(world.ask("POST", "/api/v1/reports/R-99/resolve", "ana", {{"vm", ApiWorld::web1}}).status, 404);
    EXPECT_EQ(world.ask("POST", "/api/v1/reports/" + id + "/resolve", "ana", {{"vm", ApiWorld::web1}}).json().at("case"), first.at("case"));
    EXPECT_TRUE(world.ask("GET", "/api/v1/reports?triage=true").json().at("items").empty());
    const auto whole = world.ask("GET", "/api/v1/reports/" + first.at("report").get<std::string>()).json();
    EXPECT_EQ(whole.at("raw"), "From: x");
    EXPECT_EQ(whole.at("reporter"), "ana");
}

TEST(Cases, ShowEverythingWithReasons) {
    ApiWorld world;
    const auto id = world.open_case();
    const auto c = world.ask("GET", "/api/v1/cases/" + id).json();
    EXPECT_EQ(c.at("phase"), "open");
    EXPECT_EQ(c.at("vm").at("name"), "web1");
    EXPECT_EQ(c.at("customer").at("contact").at("email"), "abuse@rao.example");
    EXPECT_EQ(c.at("opened_at"), "2026-03-02T03:00:00Z");
    EXPECT_EQ(c.at("opened_at_local"), "Mon 2026-03-02 08:30 IST");
    EXPECT_EQ(c.at("deadline").at("at"), "2026-03-02T04:30:00Z") << "09:00 opening and one working hour";
    EXPECT_FALSE(c.at("deadline").at("why").empty());
    ASSERT_EQ(c.at("notices").size(), 1u) << c.dump();
    EXPECT_EQ(c.at("notices")[0].at("key"), "ticket");
    for (const char* field : {"dues", "reports", "calls", "replies", "orders", "jobs", "evidence", "verdict", "missing"}) EXPECT_TRUE(c.contains(field)) << field;
    EXPECT_EQ(world.ask("GET", "/api/v1/cases/C-99").status, 404);
}

TEST(Cases, PagesFollowTheCursor) {
    ApiWorld world;
    for (int i = 0; i < 5; ++i) {
        Vm vm;
        vm.id = VmId("22222222-2222-4222-8222-22222222222" + std::to_string(i));
        vm.name = "db" + std::to_string(i);
        vm.customer = CustomerId("K-7");
        vm.host = HostId("h1");
        world.storage.put_vm(vm);
        EXPECT_EQ(world.ask("POST", "/api/v1/reports", "ana", {{"type", "content/malware"}, {"vm", vm.id.text()}}).status, 201);
    }
    std::vector<std::string> seen;
    std::string cursor;
    int pages = 0;
    do {
        const auto page = world.ask("GET", "/api/v1/cases?open=true&limit=2" + (cursor.empty() ? "" : "&cursor=" + cursor)).json();
        for (const auto& item : page.at("items")) seen.push_back(item.at("id").get<std::string>());
        cursor = page.value("next", "");
        ++pages;
    } while (!cursor.empty());
    EXPECT_EQ(seen, (std::vector<std::string>{"C-5", "C-4", "C-3", "C-2", "C-1"}));
    EXPECT_EQ(pages, 3);
    const auto vms = world.ask("GET", "/api/v1/vms?limit=4").json();
    EXPECT_EQ(vms.at("items").size(), 4u);
    EXPECT_EQ(world.ask("GET", "/api/v1/vms?limit=4&cursor=" + vms.at("next").get<std::string>()).json().at("items").size(), 2u);
    const auto history = world.ask("GET", "/api/v1/cases/C-1/history?limit=1").json();
    EXPECT_EQ(history.at("next"), 1);
    EXPECT_EQ(history.at("items")[0].at("fact"), "case_opened");
    EXPECT_EQ(world.ask("GET", "/api/v1/cases/C-1/history?cursor=1").json().at("items")[0].at("revision"), 2);
}

TEST(Acts, EachBecomesItsInput) {
    ApiWorld world;
    const auto id = world.open_case();
    const std::string path = "/api/v1/cases/" + id + "/";
    EXPECT_EQ(world.ask("POST", path + "notes", "ana", {{"text", "a note"}}).status, 200);
    EXPECT_EQ(world.ask("POST", path + "extensions", "ana", {{"by", "PT2H"}, {"reason", "travels"}}).json().at("deadline").at("at"), "2026-03-02T06:30:00Z");
    EXPECT_EQ(world.ask("POST", path + "hold", "ana", {{"reason", "lawyer"}}).json().at("held"), true);
    EXPECT_EQ(world.ask("POST", path + "resume", "ana", {{"reason", "done"}}).json().at("held"), false);
    const auto called = world.ask("POST", path + "calls", "ana", {{"outcome", "no_answer"}}).json();
    EXPECT_EQ(called.at("calls")[0].at("number"), "+91 80 5550 1234") << "the contact's, when none is given";
    EXPECT_EQ(called.at("calls")[0].at("actor"), "staff:ana");
    EXPECT_EQ(world.ask("POST", path + "replies", "ana", {{"kind", "acknowledged"}}).json().at("phase"), "answered");
    EXPECT_EQ(world.ask("POST", path + "reviews", "ana", {{"reason", "a doubt"}}).json().at("phase"), "review");
    EXPECT_EQ(world.ask("POST", path + "decisions", "ana", {{"decision", "resume"}, {"reason", "no doubt"}}).status, 200);
    EXPECT_EQ(world.ask("POST", path + "approvals", "apu", {{"stage", "clean_decision"}}).status, 409) << "nothing waits";
    const auto closed = world.ask("POST", path + "close", "apu", {{"reason", "settled"}});
    EXPECT_EQ(closed.status, 200) << closed.body;
    EXPECT_EQ(world.ask("POST", path + "close", "apu", {{"reason", "settled"}}).header("ETag"), closed.header("ETag")) << "closed is closed";
    EXPECT_EQ(world.ask("POST", "/api/v1/cases/C-99/notes", "ana", {{"text", "x"}}).status, 404);
}

TEST(Acts, EveryActHasItsRoute) {
    for (const Act& act : acts()) {
        const auto match = match_route(api_routes(), "POST", "/api/v1/cases/C-1/" + std::string(act.word));
        ASSERT_TRUE(match.route) << act.word;
        EXPECT_EQ(match.route->role, act.role) << act.word;
    }
}

TEST(Calls, TheQueueSaysWhomToPhoneAndWhat) {
    ApiWorld world;
    const auto id = world.open_case();
    EXPECT_TRUE(world.ask("GET", "/api/v1/calls").json().at("items").empty());
    world.advance(Seconds(90 * 60));   // 10:00: an hour of silence
    const auto queue = world.ask("GET", "/api/v1/calls").json().at("items");
    ASSERT_EQ(queue.size(), 1u);
    EXPECT_EQ(queue[0].at("case"), id);
    EXPECT_EQ(queue[0].at("number"), "+91 80 5550 1234");
    EXPECT_EQ(queue[0].at("local_time"), "Mon 2026-03-02 10:00 IST");
    EXPECT_EQ(queue[0].at("since_local"), "Mon 2026-03-02 10:00 IST");
    EXPECT_GE(queue[0].at("script").size(), 4u);
    EXPECT_EQ(world.ask("POST", "/api/v1/cases/" + id + "/calls", "ana", {{"outcome", "no_answer"}}).status, 200);
    EXPECT_TRUE(world.ask("GET", "/api/v1/calls").json().at("items").empty());
}

TEST(Changes, AreStreamedAndResumed) {
    ApiWorld world;
    ASSERT_EQ(world.ask("GET", "/api/v1/changes", "ana").status, 200);
    const auto first = world.stream;
    ASSERT_TRUE(first);
    EXPECT_EQ(first->events.at(0).event, "hello");
    const auto id = world.open_case();
    ASSERT_GE(first->events.size(), 2u);
    EXPECT_EQ(first->events[1].event, "case");
    EXPECT_EQ(Json::parse(first->events[1].data).at("case"), id);
    const auto last = first->events.back().id;
    first->open = false;
    for (int i = 0; i < 3; ++i) world.ask("POST", "/api/v1/cases/" + id + "/notes", "ana", {{"text", "n" + std::to_string(i)}});
    world.ask("GET", "/api/v1/changes", "ana", nullptr, {{"last-event-id", last}});
    const auto second = world.stream;
    ASSERT_EQ(second->events.size(), 3u) << "exactly what was missed";
    EXPECT_NE(second->events[0].data.find("n0"), std::string::npos);
    world.ask("POST", "/api/v1/cases/" + id + "/notes", "ana", {{"text", "live"}});
    EXPECT_EQ(second->events.size(), 4u);
    world.ask("GET", "/api/v1/changes?case=C-99", "ana", nullptr, {{"last-event-id", last}});
    EXPECT_TRUE(world.stream->events.empty()) << "another case's changes";
}

TEST(Changes, SayWhenTheyAreNoLongerKept) {
    ApiWorld world;
    const auto id = world.open_case();
    for (int i = 0; i < 8; ++i) world.ask("POST", "/api/v1/cases/" + id + "/notes", "ana", {{"text", "n"}});
    for (const char* last : {"life1-1", "life0-3", "nonsense", "life1-99", "life1-"}) {
        world.ask("GET", "/api/v1/changes", "ana", nullptr, {{"last-event-id", last}});
        ASSERT_EQ(world.stream->events.size(), 1u) << last;
        EXPECT_EQ(world.stream->events[0].event, "reset") << last;
        world.stream->open = false;
    }
    for (int i = 0; i < 3; ++i) EXPECT_EQ(world.ask("GET", "/api/v1/changes", "ana").status, 200);
    EXPECT_EQ(world.ask("GET", "/api/v1/changes", "ana").status, 503) << "the fourth listener of three";
}

TEST(Directory, KeepsWhatAgentsObserved) {
    ApiWorld world;
    const std::string path = std::string("/api/v1/vms/") + ApiWorld::web1;
    const auto put = world.ask("PUT", path, "apu", {{"name", "web9"}, {"host", "h1"}, {"customer", "K-7"}, {"addresses", {"192.0.2.11"}}});
    EXPECT_EQ(put.status, 200) << put.body;
    EXPECT_EQ(put.json().at("power"), "running");
    EXPECT_EQ(world.ask("GET", "/api/v1/vms?address=192.0.2.11").json().at("items")[0].at("name"), "web9");
    EXPECT_EQ(world.ask("PUT", path, "apu", {{"name", "x"}, {"host", "h1"}, {"customer", "K-8"}}).status, 422);
    EXPECT_EQ(world.ask("PUT", "/api/v1/vms/web1", "apu", {{"name", "x"}, {"host", "h1"}, {"customer", "K-7"}}).status, 422);
    const std::string other = "/api/v1/vms/33333333-3333-4333-8333-333333333333";
    EXPECT_EQ(world.ask("PUT", other, "apu", {{"name", "x"}, {"host", "h1"}, {"customer", "K-7"}, {"addresses", {"192.0.2.11"}}}).status, 422);
    EXPECT_EQ(world.ask("PUT", other, "apu", {{"name", "x"}, {"host", "h1"}, {"customer", "K-7"}}).status, 201);
    const auto customer = [&](const Json& contact) { return world.ask("PUT", "/api/v1/customers/K-9", "ana", {{"name", "N"}, {"contact", contact}}).status; };
    EXPECT_EQ(customer({{"name", "A"}, {"email", "a@b.example"}}), 201);
    EXPECT_EQ(customer({{"name", "A"}, {"email", "a@b.example\r\nBcc: x@y"}}), 422);
    for (const char* address : {"nobody", "a@b@c.example", "\"a\"@b.example", "a..b@c.example"})
        EXPECT_EQ(customer({{"name", "A"}, {"email", address}}), 422) << "no mail could go to " << address;
    EXPECT_EQ(customer({{"name", "A"}, {"email", "desk@localhost"}}), 200) << "a name of the provider's own network";
    EXPECT_EQ(customer({{"name", "A"}, {"email", "a@b.example"}, {"zone", "Asia/Calcuta"}}), 422);
}

TEST(Hosts, BannedOnesAreShutOutAfterTheCommit) {
    ApiWorld world;
    EXPECT_EQ(world.ask("POST", "/api/v1/hosts/h1/enrolment-tokens").json().at("ca_sha256"), std::string(64, 'a'));
    EXPECT_EQ(world.ask("POST", "/api/v1/hosts/h1/ban").json().at("banned"), true);
    EXPECT_EQ(world.door.shut, std::vector{HostId("h1")});
    EXPECT_EQ(world.ask("POST", "/api/v1/hosts/h1/enrolment-tokens").status, 409);
    EXPECT_EQ(world.ask("POST", "/api/v1/hosts/h1/unban").json().at("banned"), false);
    EXPECT_EQ(world.ask("POST", "/api/v1/hosts/h2/ban").status, 404);
    EXPECT_EQ(world.ask("GET", "/api/v1/hosts/h1").json().at("connected"), true);
    EXPECT_EQ(world.ask("GET", "/api/v1/hosts/h1").json().at("cluster"), "");
    EXPECT_EQ(world.ask("PUT", "/api/v1/hosts/h1", "ada", {{"cluster", "west"}}).json().at("cluster"), "west");
    EXPECT_EQ(world.storage.find_host(HostId("h1"))->cluster, "west");
    EXPECT_EQ(world.ask("PUT", "/api/v1/hosts/h1", "ada", Json::object()).status, 422) << "what is not said is not cleared";
    EXPECT_EQ(world.ask("PUT", "/api/v1/hosts/h1", "ada", {{"cluster", "the west"}}).status, 422);
    EXPECT_EQ(world.ask("PUT", "/api/v1/hosts/h1", "ada", {{"cluster", "west"}, {"banned", true}}).status, 422);
    EXPECT_EQ(world.ask("PUT", "/api/v1/hosts/h2", "ada", {{"cluster", "west"}}).status, 404);
    EXPECT_EQ(world.ask("PUT", "/api/v1/hosts/h1", "apu", {{"cluster", "west"}}).status, 403);
    EXPECT_EQ(world.ask("PUT", "/api/v1/hosts/h1", "ada", {{"cluster", ""}}).json().at("cluster"), "");
}

TEST(Audit, IsExportedInPartsWithAnEnd) {
    ApiWorld world;
    const auto id = world.open_case();
    const auto first = world.ask("GET", "/api/v1/audit/export?limit=2", "apu");
    EXPECT_EQ(first.header("Link"), "</api/v1/audit/export?after=2&limit=2>; rel=\"next\"");
    const auto rest = world.ask("GET", "/api/v1/audit/export?after=2", "apu");
    EXPECT_EQ(rest.header("Link"), "");
    std::string previous;
    int64_t position = 0;
    std::istringstream lines(first.body + rest.body);
    for (std::string line; std::getline(lines, line);) {
        const auto item = Json::parse(line);
        if (item.contains("cases")) {
            EXPECT_EQ(item.at("cases").at(id), world.storage.find_case(CaseId(id))->revision);
        } else if (!item.contains("checkpoint")) {
            EXPECT_EQ(item.at("position"), ++position);
            previous = sha256_hex(previous + "\n" + item.at("text").get<std::string>());
            EXPECT_EQ(item.at("hash"), previous);
        }
    }
    EXPECT_EQ(position, world.storage.find_case(CaseId(id))->revision);
}

TEST(Policies, AreShownAndChecked) {
    ApiWorld world;
    EXPECT_EQ(world.ask("GET", "/api/v1/policies/virus-content").json().at("hours"), "Mon-Sun 09:00-18:00 (Asia/Kolkata)");
    EXPECT_GE(world.ask("GET", "/api/v1/policies").json().at("items").size(), 3u);
    EXPECT_EQ(world.ask("GET", "/api/v1/policies/none").status, 404);
    EXPECT_EQ(world.ask("GET", "/api/v1/policies/virus-content?revision=99").status, 404);
    const auto checked = world.ask("POST", "/api/v1/policies/check", "ana", {{"id", "x"}}).json();
    EXPECT_EQ(checked.at("ok"), false);
    EXPECT_FALSE(checked.at("mistakes").empty());
}

TEST(LabClock, IsThereOnlyInALaboratoryAndOnlyGoesForward) {
    ApiWorld real;
    EXPECT_EQ(real.ask("GET", "/api/v1/clock").status, 404);
    EXPECT_EQ(real.ask("POST", "/api/v1/clock", "ada", {{"advance", "PT1H"}}).status, 404);
    std::string folder = "/tmp/bailiff-api-XXXXXX";
    ASSERT_TRUE(mkdtemp(folder.data()));
    const std::string file = folder + "/clock";
    {
        ApiWorld lab(file);
        lab.open_case();
        EXPECT_EQ(lab.ask("POST", "/api/v1/clock", "ada", {{"advance", "PT1H"}}).json().at("offset_seconds"), 3600);
        EXPECT_EQ(lab.ask("POST", "/api/v1/clock", "ada", {{"to_next_deadline", true}}).json().at("offset_seconds"), 3600 + 5400);
        std::ifstream in(file);
        int64_t offset = 0;
        in >> offset;
        EXPECT_EQ(offset, 9000);
        EXPECT_EQ(lab.ask("POST", "/api/v1/clock", "ada", {{"to", "2020-01-01T00:00:00Z"}}).status, 409);
        EXPECT_EQ(lab.ask("POST", "/api/v1/clock", "ada", {{"advance", "PT1H"}, {"to_next_deadline", true}}).status, 422);
        EXPECT_EQ(lab.ask("POST", "/api/v1/clock", "ada", Json::object()).status, 422);
        EXPECT_EQ(lab.ask("POST", "/api/v1/clock", "ada", {{"advance", "-PT1H"}}).status, 422);
    }
    std::remove(file.c_str());
    std::remove(folder.c_str());
}

TEST(Metrics, AreText) {
    ApiWorld world;
    world.open_case();
    const auto got = world.ask("GET", "/metrics", "ana");
    EXPECT_NE(got.body.find("# TYPE bailiff_api_answers_total counter\nbailiff_api_answers_total{class=\"2xx\"} 1\n"), std::string::npos) << got.body;
    EXPECT_NE(got.body.find("bailiff_hosts_connected 1\n"), std::string::npos);
    EXPECT_EQ(metrics_text({{"a", "b", false, {{"l", "x\"\\\n"}}, 1.5}}), "# HELP a b\n# TYPE a gauge\na{l=\"x\\\"\\\\\\n\"} 1.5\n");
}

}  // namespace
}  // namespace bailiff::test
