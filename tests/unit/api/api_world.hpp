// SPDX-License-Identifier: Apache-2.0
// The API over a real desk and a memory store, in one thread: verbs for tests, answers at once.
#pragma once

#include "controller/api/accounts.hpp"
#include "controller/api/api.hpp"
#include "controller/config/policy_file.hpp"
#include "controller/parsing/inline_reader.hpp"
#include "controller/storage/memory_storage.hpp"
#include "tests/fixtures/fake_clock.hpp"
#include "tests/fixtures/fake_desk.hpp"

#include <bailiff/dsse.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace bailiff::test {

/// What came back.
struct Got {
    int status = 0;
    HttpFields headers;
    std::string body;
    bool early = false;                       ///< refused on the header alone
    Json json() const { return Json::parse(body, nullptr, false); }
    std::string header(std::string_view name) const {
        for (const auto& [field, value] : headers)
            if (field == name) return value;
        return {};
    }
};

/// A stream that keeps what it was sent; it can be made to refuse.
class KeptStream : public EventStream {
  public:
    struct Event {
        std::string event, data, id;
    };
    std::vector<Event> events;
    bool open = true;
    bool send(std::string_view event, std::string_view data, std::string_view id) override {
        if (open) events.push_back({std::string(event), std::string(data), std::string(id)});
        return open;
    }
    void close() override { open = false; }
    bool closed() const override { return !open; }
};

class KeptExchange : public HttpExchange {
  public:
    std::vector<HttpResponse> answers;
    std::shared_ptr<KeptStream> kept;
    void answer(HttpResponse response) override { answers.push_back(std::move(response)); }
    std::shared_ptr<EventStream> stream(HttpFields) override {
        kept = std::make_shared<KeptStream>();
        return kept;
    }
};

class KnownHosts : public HostDoor {
  public:
    std::vector<HostId> shut;
    bool connected(const HostId& host) override { return host.text() == "h1"; }
    Result<HostToken> enrolment_token(const HostId&) override { return HostToken{"one-time-token", std::string(64, 'a'), Instant(Seconds(1'800'000'000))}; }
    void shut_out(const HostId& host) override { shut.push_back(host); }
};

/// Policies and calendars as they are shipped.
inline core::PolicySet shipped_policies() {
    std::vector<FileMistakes> mistakes;
    auto set = load_policies(std::string(BAILIFF_SOURCE_DIR) + "/policies", mistakes);
    EXPECT_TRUE(mistakes.empty());
    return set;
}

/// Customer K-7 with VM web1 on host h1; accounts ana (analyst), apu (approver), ada (admin) whose tokens are their names.
class ApiWorld {
  public:
    static constexpr const char* web1 = "11111111-1111-4111-8111-111111111111";

    explicit ApiWorld(std::string lab_clock_file = {}) : lab_clock_file_(std::move(lab_clock_file)) {
        for (const auto& [account, role] : {std::pair{"ana", Role::analyst}, {"apu", Role::approver}, {"ada", Role::admin}})
            storage.put_account({account, role, sha256_hex(account), false});
        storage.put_customer({CustomerId("K-7"), "Rao Textiles", {"Asha Rao", "abuse@rao.example", "+91 80 5550 1234", "en", "Asia/Kolkata"}, 0});
        Vm vm;
        vm.id = VmId(web1);
        vm.name = "web1";
        vm.host = HostId("h1");
        vm.customer = CustomerId("K-7");
        vm.addresses = {"192.0.2.10"};
        vm.power = Power::running;
        storage.put_vm(vm);
        Host host;
        host.id = HostId("h1");
        storage.put_host(host);
    }

    /// One request through admission and handling, as the server would.
    Got ask(const std::string& method, const std::string& target, const std::string& token = "ada", const Json& body = nullptr,
            const std::vector<std::pair<std::string, std::string>>& headers = {}) {
        return send(method, target, token, body.is_null() ? std::string() : dump_json(body), headers);
    }
    Got send(const std::string& method, const std::string& target, const std::string& token, const std::string& body,
             const std::vector<std::pair<std::string, std::string>>& headers = {}) {
        HttpRequest request;
        request.method = method;
        EXPECT_TRUE(parse_http_target(target, request));
        request.peer_address = peer;
        if (!token.empty()) request.headers["authorization"] = "Bearer " + token;
        if (!body.empty()) {
            request.headers["content-type"] = "application/json";
            request.headers["content-length"] = std::to_string(body.size());
        }
        for (const auto& [field, value] : headers) request.headers[field] = value;
        Got got;
        bool admitted = false;
        api.admit(request, [&](Admission admission) {
            if (admission.refusal) got = {admission.refusal->status, admission.refusal->headers, admission.refusal->body, true};
            admitted = !admission.refusal;
        });
        if (!admitted) return got;
        request.body = body;
        auto exchange = std::make_shared<KeptExchange>();
        api.handle(std::move(request), Respond(exchange));
        stream = exchange->kept;
        EXPECT_EQ(exchange->answers.size() + (stream ? 1 : 0), 1u) << method << " " << target;
        if (stream) return {200, {}, {}, false};
        const auto& answer = exchange->answers.at(0);
        return {answer.status, answer.headers, answer.body, false};
    }
    /// Opens a case on web1 and returns its id.
    std::string open_case(const std::string& type = "content/malware") {
        const auto got = ask("POST", "/api/v1/reports", "ana", {{"type", type}, {"address", "192.0.2.10"}, {"summary", "EICAR"}});
        EXPECT_EQ(got.status, 201) << got.body;
        return got.json().value("case", "");
    }
    /// Moves the clock and lets the desk take what is due.
    void advance(Seconds by) {
        clock.advance(by);
        desk.tick();
        desk.flush();
    }

    FakeClock clock{Instant(Seconds(1'772'420'400))};   // Mon 2026-03-02 08:30 IST: half an hour before opening
    MemoryStorage storage;
    SeededRandom random{7};
    FakeMailer mailer;
    FakeWriter writer;
    FakeSigner signer;
    FakeHosts hosts;
    KnownHosts door;
    InlineReader reader;
    Feed feed{"life1", 5, 3};
    Desk desk{{storage, clock, random, signer, mailer, writer, hosts, feed}, shipped_policies(), {}};
    bool outage = false, full = false;
    std::string peer = "192.0.2.99";
    std::shared_ptr<KeptStream> stream;
    std::vector<ApiLogLine> log;

  private:
    /// The desk's loop with a queue of one: a transaction, the flush, then the answer.
    bool post(const DeskTurn& turn) {
        if (full) return false;
        if (outage) return turn.failed("the disk is full"), true;
        std::function<void()> answer;
        (void)storage.transaction([&]() -> Result<void> { return answer = turn.work(desk), Result<void>(); });
        desk.flush();
        if (answer) answer();
        return true;
    }
    ApiParts parts() {
        ApiParts p;
        p.post = [this](DeskTurn turn) { return post(turn); };
        p.healthy = [this] { return !outage; };
        p.waiting = [] { return size_t(0); };
        p.clock = &clock;
        p.random = &random;
        p.feed = &feed;
        p.hosts = &door;
        p.reader = &reader;
        p.check_policy = [](const std::string& text) {
            std::vector<Mistake> mistakes;
            (void)parse_policy(text, mistakes);
            return mistakes;
        };
        p.lab_clock_file = lab_clock_file_;
        return p;
    }
    std::string lab_clock_file_;

  public:
    Api api{parts(), [this](const ApiLogLine& line) { log.push_back(line); }};
};

}  // namespace bailiff::test
