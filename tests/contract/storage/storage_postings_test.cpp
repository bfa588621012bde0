// SPDX-License-Identifier: Apache-2.0
// The storage contract: what recipients have had, reports that wait, addresses for answers, and the ledger of support tokens.
#include "tests/contract/storage/storage_world.hpp"

namespace bailiff::test {
namespace {

class ThePostings : public StorageContract {};
BAILIFF_OVER_ALL_STORAGES(ThePostings);
class TheLedger : public StorageContract {};
BAILIFF_OVER_ALL_STORAGES(TheLedger);

TEST_P(ThePostings, are_counted_per_recipient_and_forgotten_by_age) {
    for (int i = 0; i < 4; ++i) storage().put_posting({"a@x.example", at(i * 10), i % 2 == 1}, at(0));
    storage().put_posting({"b@x.example", at(5), false}, at(0));
    EXPECT_EQ(storage().postings_to("a@x.example", at(20)), (std::vector<Posting>{{"a@x.example", at(20), false}, {"a@x.example", at(30), true}}));
    storage().put_posting({"a@x.example", at(40), false}, at(30));
    EXPECT_EQ(storage().postings_to("a@x.example", at(0)).size(), 2u) << "those before 30 are forgotten";
    EXPECT_EQ(storage().postings_to("b@x.example", at(0)).size(), 1u) << "another's are not";
    EXPECT_TRUE(storage().postings_to("c@x.example", at(0)).empty());
}

TEST_P(ThePostings, keep_reports_that_wait_by_recipient) {
    storage().put_waiting({7, CaseId("C-1"), "a@x.example"});
    storage().put_waiting({5, CaseId("C-2"), "a@x.example"});
    storage().put_waiting({6, CaseId("C-3"), "b@x.example"});
    EXPECT_EQ(storage().waiting_for("a@x.example", 10), (std::vector<WaitingReport>{{5, CaseId("C-2"), "a@x.example"}, {7, CaseId("C-1"), "a@x.example"}}));
    EXPECT_EQ(storage().waiting_for("a@x.example", 1).size(), 1u);
    storage().put_waiting({5, CaseId("C-2"), "b@x.example"});
    EXPECT_EQ(storage().waiting_for("a@x.example", 10).size(), 1u) << "the contact has another address now";
    EXPECT_EQ(storage().waiting_for("b@x.example", 10).size(), 2u);
    storage().drop_waiting(7);
    storage().drop_waiting(99);
    EXPECT_TRUE(storage().waiting_for("a@x.example", 10).empty());
}

TEST_P(ThePostings, remember_which_cases_one_mail_told_of) {
    storage().put_told_together(CaseId("C-1"), CaseId("C-3"));
    storage().put_told_together(CaseId("C-1"), CaseId("C-2"));
    storage().put_told_together(CaseId("C-1"), CaseId("C-2"));
    EXPECT_EQ(storage().told_with(CaseId("C-1")), (std::vector{CaseId("C-2"), CaseId("C-3")}));
    EXPECT_TRUE(storage().told_with(CaseId("C-2")).empty());
}

TEST_P(ThePostings, find_a_case_by_the_address_that_was_answered) {
    for (int i = 0; i < 6; ++i) storage().put_token({TokenUse::reply, "t" + std::to_string(i), CaseId("C-1"), "ticket", at(0)});
    storage().put_token({TokenUse::reply, "other", CaseId("C-2"), "ticket", at(0)});
    storage().put_token({TokenUse::reply, "other", CaseId("C-9"), "ticket", at(0)});
    for (int i = 0; i < 6; ++i)
        EXPECT_EQ(storage().case_of_token(TokenUse::reply, "t" + std::to_string(i)).has_value(), i >= 6 - Statements::tokens_per_notice) << i;
    EXPECT_EQ(storage().case_of_token(TokenUse::reply, "other"), CaseId("C-2")) << "an address never changes its case";
    EXPECT_FALSE(storage().case_of_token(TokenUse::page, "other")) << "it opens no page";
    for (int i = 0; i < 6; ++i) storage().put_token({TokenUse::page, "p" + std::to_string(i), CaseId("C-1"), "ticket", at(0)});
    EXPECT_TRUE(storage().case_of_token(TokenUse::reply, "t5")) << "the page's addresses of the same notice leave room for it";
    storage().put_token({TokenUse::page, "other", CaseId("C-3"), "ticket", at(0)});
    EXPECT_EQ(storage().case_of_token(TokenUse::page, "other"), CaseId("C-3")) << "a token of each kind stands for itself";
    EXPECT_EQ(storage().case_of_token(TokenUse::reply, "other"), CaseId("C-2"));
    EXPECT_FALSE(storage().case_of_token(TokenUse::reply, ""));
}

LedgerEntry entry(const std::string& key, int64_t amount, LedgerKind kind = LedgerKind::grant, const std::string& customer = "7") {
    return {key, CustomerId(customer), 0, kind, amount, 0, "reason of " + key, "staff:meera", CaseId(), at(1)};
}

TEST_P(TheLedger, numbers_entries_and_keeps_the_balance) {
    EXPECT_EQ(storage().enter(entry("a", 5))->balance, 5);
    const auto charge = storage().enter(entry("b", -7, LedgerKind::charge));
    ASSERT_TRUE(charge);
    EXPECT_EQ(charge->number, 2);
    EXPECT_EQ(charge->balance, -2) << "below zero: to be billed";
    EXPECT_EQ(storage().enter(entry("c", 3, LedgerKind::grant, "8"))->number, 1) << "each customer has a ledger of his own";
    EXPECT_EQ(storage().last_entry(CustomerId("7")), charge);
    EXPECT_EQ(storage().find_entry("b"), charge);
    EXPECT_FALSE(storage().last_entry(CustomerId("9")));
    const auto all = storage().ledger_of(CustomerId("7"), 0, 10);
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].key, "b") << "newest first";
    EXPECT_EQ(storage().ledger_of(CustomerId("7"), 2, 10).size(), 1u);
    EXPECT_EQ(storage().ledger_of(CustomerId("7"), 0, 1).size(), 1u);
}

TEST_P(TheLedger, takes_a_key_once) {
    ASSERT_TRUE(storage().enter(entry("C-1/charge/1", -1, LedgerKind::charge)));
    EXPECT_FALSE(storage().enter(entry("C-1/charge/1", -1, LedgerKind::charge)));
    EXPECT_FALSE(storage().enter(entry("C-1/charge/1", -9, LedgerKind::charge, "8"))) << "whoever it names";
    EXPECT_EQ(storage().last_entry(CustomerId("7"))->balance, -1);
}

TEST_P(TheLedger, is_undone_with_its_transaction) {
    EXPECT_FALSE(storage().transaction([&]() -> Result<void> {
        storage().enter(entry("a", 5));
        storage().put_waiting({7, CaseId("C-1"), "a@x.example"});
        storage().put_posting({"a@x.example", at(0), true}, at(0));
        return fail(Errc::conflict, "no");
    }));
    EXPECT_FALSE(storage().last_entry(CustomerId("7")));
    EXPECT_FALSE(storage().find_entry("a"));
    EXPECT_TRUE(storage().waiting_for("a@x.example", 10).empty());
    EXPECT_TRUE(storage().postings_to("a@x.example", at(0)).empty());
}

}  // namespace
}  // namespace bailiff::test
