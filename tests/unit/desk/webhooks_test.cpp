// SPDX-License-Identifier: Apache-2.0
// Other systems are told everything that they want, once each and in order, through outages, restarts and full disks.
#include "tests/unit/desk/desk_world.hpp"

#include <algorithm>

namespace bailiff::test {
namespace {

/// Keeps what it is given; answers at once, later, or never.
class KeptPoster : public WebhookPoster {
  public:
    bool accepts = true, answers = true;
    std::vector<WebhookMessage> sent;
    std::vector<std::function<void(WebhookAnswer)>> waiting;
    void send(const WebhookMessage& message, std::function<void(WebhookAnswer)> done) override {
        sent.push_back(message);
        if (answers) done({accepts, accepts ? "HTTP 204" : "HTTP 503"});
        else waiting.push_back(std::move(done));
    }
};

struct Told : DeskWorld {
    KeptPoster poster;
    std::unique_ptr<Desk> desk;

    Told() { options.webhooks = {{"tickets", "https://tickets.example/hook", "key", {}, core::WebhookFormat::events}}; }
    void begin() {
        auto with_poster = ports();
        with_poster.poster = &poster;
        desk = std::make_unique<Desk>(with_poster, shipped_policies(), options);
        tick();
    }
    void tick(int times = 1) {
        for (int i = 0; i < times; ++i) {
            (void)storage.transaction([&]() -> Result<void> { return desk->tick(), Result<void>(); });
            desk->flush();
        }
    }
    void report() {
        ASSERT_TRUE(desk->report(report_of("content/malware"), "staff:ana"));
        desk->flush();
    }
    std::vector<std::string> types() {
        std::vector<std::string> out;
        for (const auto& message : poster.sent) out.push_back(Json::parse(message.body).value("type", ""));
        return out;
    }
    int64_t items() { return storage.chain_position(); }
};

TEST_F(Told, each_fact_comes_once_in_order_and_says_nothing_of_how_to_reach_the_customer) {
    begin();
    report();
    tick(20);
    EXPECT_EQ(int64_t(poster.sent.size()), items());
    EXPECT_EQ(types().front(), "case_opened");
    const Json first = Json::parse(poster.sent.front().body);
    EXPECT_EQ(first.at("data").at("case"), "C-1");
    EXPECT_EQ(first.at("data").at("vm_address"), "192.0.2.10");
    EXPECT_EQ(first.at("data").at("fact").at("report").at("summary"), "seen by a test");
    for (const auto& message : poster.sent) {
        EXPECT_EQ(message.body.find("asha@lotus.example"), std::string::npos) << message.body;
        EXPECT_EQ(message.body.find("5550"), std::string::npos) << message.body;
    }
    std::set<std::string> ids;
    for (const auto& message : poster.sent) ids.insert(message.id);
    EXPECT_EQ(ids.size(), poster.sent.size());
    tick(5);
    EXPECT_EQ(int64_t(poster.sent.size()), items());
}

TEST_F(Told, a_new_one_is_told_what_happens_from_then_on) {
    options.webhooks.clear();
    begin();
    report();
    tick(3);
    options.webhooks = {{"tickets", "https://tickets.example/hook", "key", {}, core::WebhookFormat::events}};
    begin();
    const int64_t before = items();
    tick(5);
    EXPECT_TRUE(poster.sent.empty());
    ASSERT_TRUE(desk->act(CaseId("C-1"), core::AddNote{"hello"}, "staff:ana"));
    tick(3);
    EXPECT_EQ(types(), std::vector<std::string>{"note_added"});
    EXPECT_EQ(items(), before + 1);
}

TEST_F(Told, one_that_does_not_answer_is_told_the_same_again_and_later_things_wait) {
    begin();
    poster.accepts = false;
    report();
    tick(3);
    ASSERT_EQ(poster.sent.size(), 1u) << "it is left alone for five seconds";
    clock.advance(Seconds(5));
    tick(3);
    ASSERT_EQ(poster.sent.size(), 2u);
    EXPECT_EQ(poster.sent[1].id, poster.sent[0].id);
    EXPECT_EQ(poster.sent[1].body, poster.sent[0].body);
    EXPECT_GT(poster.sent[1].at, poster.sent[0].at) << "the signature is of this attempt";
    EXPECT_EQ(storage.find_webhook("tickets")->failures, 2);
    EXPECT_EQ(storage.find_webhook("tickets")->last_answer, "HTTP 503");
    for (int i = 0; i < 10; ++i) clock.advance(Seconds(18'000)), tick();
    EXPECT_EQ(storage.find_webhook("tickets")->failures, 12) << "never given up";
    poster.accepts = true;
    clock.advance(Seconds(18'000));
    tick(60);
    EXPECT_EQ(storage.find_webhook("tickets")->position, items());
    EXPECT_EQ(storage.find_webhook("tickets")->failures, 0);
    const auto all = types();
    EXPECT_EQ(std::count(all.begin(), all.end(), "case_opened"), 13);
}

TEST_F(Told, only_what_it_asked_for) {
    options.webhooks[0].facts = {"case_closed"};
    begin();
    report();
    tick(5);
    EXPECT_TRUE(poster.sent.empty());
    EXPECT_EQ(storage.find_webhook("tickets")->position, items()) << "and it is not behind";
    ASSERT_TRUE(desk->act(CaseId("C-1"), core::Close{"tested"}, "staff:ana"));
    tick(5);
    EXPECT_EQ(types(), std::vector<std::string>{"case_closed"});
}

TEST_F(Told, alerts_fire_while_the_case_is_open) {
    options.webhooks[0].format = core::WebhookFormat::alertmanager;
    begin();
    report();
    tick(5);
    ASSERT_EQ(poster.sent.size(), 1u) << "a notice that was sent is no change of an alert";
    const Json firing = Json::parse(poster.sent[0].body);
    EXPECT_EQ(firing.at("version"), "4");
    EXPECT_EQ(firing.at("status"), "firing");
    EXPECT_EQ(firing.at("alerts").at(0).at("labels").at("instance"), "192.0.2.10");
    EXPECT_EQ(firing.at("alerts").at(0).at("startsAt"), "2026-03-02T03:30:00Z");
    ASSERT_TRUE(desk->act(CaseId("C-1"), core::Close{"tested"}, "staff:ana"));
    tick(10);
    const Json resolved = Json::parse(poster.sent.back().body);
    EXPECT_EQ(resolved.at("status"), "resolved");
    EXPECT_EQ(resolved.at("groupKey"), firing.at("groupKey"));
    EXPECT_EQ(resolved.at("alerts").at(0).at("fingerprint"), firing.at("alerts").at(0).at("fingerprint"));
}

TEST_F(Told, a_restart_in_the_middle_repeats_what_was_not_answered) {
    begin();
    poster.answers = false;
    report();
    tick(3);
    ASSERT_EQ(poster.sent.size(), 1u);
    poster.answers = true;
    begin();   // another process
    tick(60);
    EXPECT_EQ(poster.sent[1].id, poster.sent[0].id);
    EXPECT_EQ(storage.find_webhook("tickets")->position, items());
}

TEST_F(Told, an_answer_that_cannot_be_written_down_means_once_more) {
    begin();
    poster.answers = false;
    report();
    tick();
    ASSERT_EQ(poster.waiting.size(), 1u);
    storage.full = true;
    EXPECT_THROW((void)storage.transaction([&]() -> Result<void> { return poster.waiting[0]({true, "HTTP 204"}), Result<void>(); }), StorageOutage);
    desk->discard();
    storage.full = false;
    poster.answers = true;
    tick(60);
    EXPECT_EQ(poster.sent[1].id, poster.sent[0].id) << "the receiver knows the id";
    EXPECT_EQ(storage.find_webhook("tickets")->position, items());
}

TEST_F(Told, an_answer_that_never_comes_back_keeps_nobody_waiting_for_ever) {
    begin();
    poster.answers = false;
    report();
    tick(5);
    EXPECT_EQ(poster.sent.size(), 1u);
    clock.advance(Seconds(600));
    poster.answers = true;
    tick(60);
    EXPECT_EQ(storage.find_webhook("tickets")->position, items());
}

}  // namespace
}  // namespace bailiff::test
