// SPDX-License-Identifier: Apache-2.0
// Support tokens: charged once, refunded with a reason, and told to billing under a key that counts once.
#include "tests/unit/desk/desk_world.hpp"

namespace bailiff::test {
namespace {

struct Tokens : DeskWorld {
    const CaseId c1{"C-1"};
    const CustomerId lotus{"7"};
    std::unique_ptr<Desk> desk;

    Tokens() {
        desk = std::make_unique<Desk>(ports(), shipped_policies(), options);
        EXPECT_TRUE(desk->report(report_of("content/malware"), "staff:ana"));
        tick();
    }
    void tick() {
        (void)storage.transaction([&]() -> Result<void> { return desk->tick(), Result<void>(); });
        desk->flush();
    }
    void pay() { ASSERT_TRUE(desk->act(c1, core::RecordReply{{core::Channel::page, core::ReplyKind::fix_request, "", "", "", "please"}}, "customer")); }
    core::Case c() { return *storage.find_case(c1); }
    int64_t balance() {
        const auto last = storage.last_entry(lotus);
        return last ? last->balance : 0;
    }
    int64_t charged() { return storage.find_customer(lotus)->tokens_charged; }
};

TEST_F(Tokens, a_fix_is_charged_once_under_the_key_of_its_demand) {
    pay();
    EXPECT_EQ(c().tokens, 1);
    const auto entry = storage.find_entry("C-1/charge/1");
    ASSERT_TRUE(entry);
    EXPECT_EQ(entry->amount, -1);
    EXPECT_EQ(entry->actor, "customer");
    EXPECT_EQ(entry->case_id, c1);
    EXPECT_EQ(balance(), -1);
    EXPECT_EQ(charged(), 1);
    EXPECT_EQ(c().demand, 1) << "what was paid for";
    pay();
    EXPECT_EQ(balance(), -1) << "asked for again while it is being done";
}

TEST_F(Tokens, a_turn_that_was_rolled_back_charges_nothing_and_its_repetition_once) {
    storage.full = true;
    EXPECT_THROW((void)desk->act(c1, core::RecordReply{{core::Channel::page, core::ReplyKind::fix_request, "", "", "", ""}}, "customer"), StorageOutage);
    desk->discard();
    EXPECT_EQ(balance(), 0);
    storage.full = false;
    pay();
    EXPECT_EQ(balance(), -1);
}

TEST_F(Tokens, a_false_positive_is_refunded_without_asking) {
    pay();
    ASSERT_TRUE(desk->act(c1, core::RecordReply{{core::Channel::page, core::ReplyKind::dispute, "", "", "", "it is wrong"}}, "customer"));
    ASSERT_TRUE(desk->act(c1, core::Decide{core::Decision::dismiss, "the sensor was wrong"}, "staff:meera"));
    for (int i = 0; i < 4 && c().phase != core::Phase::closed; ++i) {
        tick();
        for (const auto& order : storage.open_orders(HostId("h1")))
            desk->on_frame(HostId("h1"), Frame{MessageId("m" + std::to_string(i)), OrderAnswer{order.order.order_id, AnswerStatus::done, Refusal::none, "", order.order.desired,
                                                                                              order.order.desired == VmState::off ? Power::off : Power::running, clock.now(), {}, {}, {}}});
    }
    ASSERT_EQ(c().phase, core::Phase::closed);
    EXPECT_EQ(name(*c().outcome), "false_positive");
    EXPECT_EQ(c().tokens, 0);
    EXPECT_EQ(balance(), 0);
    EXPECT_EQ(charged(), 0);
    const auto last = storage.last_entry(lotus);
    EXPECT_EQ(last->kind, LedgerKind::refund);
    EXPECT_EQ(last->reason, "the report was wrong");
    EXPECT_FALSE(desk->act(c1, core::RefundTokens{0, "again"}, "staff:meera")) << "nothing is left to go back";
}

TEST_F(Tokens, a_refund_by_a_person_takes_a_reason_and_gives_back_no_more_than_was_charged) {
    EXPECT_FALSE(desk->act(c1, core::RefundTokens{0, "nothing was charged"}, "staff:meera"));
    pay();
    EXPECT_FALSE(desk->act(c1, core::RefundTokens{1, ""}, "staff:meera"));
    EXPECT_FALSE(desk->act(c1, core::RefundTokens{2, "too much"}, "staff:meera"));
    EXPECT_FALSE(desk->act(c1, core::RefundTokens{-1, "backwards"}, "staff:meera"));
    ASSERT_TRUE(desk->act(c1, core::RefundTokens{0, "took too long"}, "staff:meera"));
    EXPECT_EQ(balance(), 0);
    EXPECT_EQ(charged(), 0);
    const auto items = storage.history(c1, 0, 100);
    EXPECT_EQ(core::describe(items.back().fact), "1 support tokens refunded: took too long");
    EXPECT_EQ(storage.last_entry(lotus)->key, "C-1/refund/" + std::to_string(items.back().revision));
}

TEST_F(Tokens, a_charge_of_an_older_release_enters_together_with_its_refund) {
    auto old = c();
    const auto stored = old.revision;
    const auto items = core::stamp(old, {core::TokensCharged{3, ""}}, clock.now(), "customer");
    ASSERT_TRUE(storage.save(stored, old, items, std::nullopt));
    EXPECT_EQ(balance(), 0);
    ASSERT_TRUE(desk->act(c1, core::RefundTokens{2, "part of it"}, "staff:meera"));
    EXPECT_EQ(balance(), -1);
    ASSERT_TRUE(desk->act(c1, core::RefundTokens{0, "the rest"}, "staff:meera"));
    EXPECT_EQ(balance(), 0);
    EXPECT_EQ(storage.ledger_of(lotus, 0, 10).size(), 3u) << "the old charge once";
}

TEST_F(Tokens, grants_and_adjustments_have_an_actor_and_a_reason) {
    ASSERT_TRUE(desk->enter_tokens(lotus, LedgerKind::grant, 5, "bought, invoice 12", "staff:meera"));
    const auto entered = desk->enter_tokens(lotus, LedgerKind::adjustment, -2, "counted twice", "staff:meera");
    ASSERT_TRUE(entered);
    EXPECT_EQ(entered->balance, 3);
    EXPECT_EQ(charged(), 0) << "nobody was charged";
    EXPECT_FALSE(desk->enter_tokens(lotus, LedgerKind::grant, -5, "x", "staff:meera"));
    EXPECT_FALSE(desk->enter_tokens(lotus, LedgerKind::grant, 0, "x", "staff:meera"));
    EXPECT_FALSE(desk->enter_tokens(lotus, LedgerKind::grant, 5, "", "staff:meera"));
    EXPECT_FALSE(desk->enter_tokens(lotus, LedgerKind::charge, -5, "x", "staff:meera"));
    EXPECT_FALSE(desk->enter_tokens(CustomerId("nobody"), LedgerKind::grant, 5, "x", "staff:meera"));
}

TEST_F(Tokens, the_ticket_names_the_price_and_the_balance_where_there_is_one) {
    EXPECT_FALSE(Json::parse(mailer.sent[0].text).contains("token_balance")) << "nothing is known of this customer's tokens";
    EXPECT_NE(Json::parse(mailer.sent[0].text).at("provider_fix").get<std::string>().find("one support token is charged"), std::string::npos);
    ASSERT_TRUE(desk->enter_tokens(lotus, LedgerKind::grant, 5, "bought", "staff:meera"));
    ASSERT_TRUE(desk->report(report_of("messaging/spam"), "staff:ana"));
    tick();
    EXPECT_EQ(Json::parse(mailer.sent.back().text).value("token_balance", Json("no price")), storage.find_case(CaseId("C-2"))->policy == PolicyId("general") && desk->policies().in_force.at(PolicyId("general")).support_tokens == 0 ? Json("no price") : Json("5"));
}

TEST_F(Tokens, billing_is_told_amount_and_key) {
    pay();
    ASSERT_TRUE(desk->act(c1, core::RefundTokens{0, "took too long"}, "staff:meera"));
    core::Webhook hook;
    hook.id = "billing";
    hook.facts = {"tokens_charged", "tokens_refunded"};
    std::vector<Json> told;
    for (const auto& item : storage.history(c1, 0, 100))
        if (core::tells(hook, item.fact)) told.push_back(core::webhook_body(hook, c(), item));
    ASSERT_EQ(told.size(), 2u);
    EXPECT_EQ(told[0].at("type"), "tokens_charged");
    EXPECT_EQ(told[0].at("data").at("tokens"), (Json{{"amount", 1}, {"idempotency_key", "C-1/charge/1"}}));
    EXPECT_EQ(told[0].at("data").at("customer"), "7");
    EXPECT_EQ(told[1].at("type"), "tokens_refunded");
    EXPECT_EQ(told[1].at("data").at("tokens").at("amount"), -1);
    EXPECT_EQ(told[1].at("data").at("tokens").at("idempotency_key"), storage.last_entry(lotus)->key);
}

}  // namespace
}  // namespace bailiff::test
