// SPDX-License-Identifier: Apache-2.0
// The storage contract with two connections at once: two controllers on one database.
#include "tests/contract/storage/storage_world.hpp"

#include "controller/storage/chain.hpp"

#include <atomic>
#include <set>
#include <thread>

namespace bailiff::test {
namespace {

class TwoControllers : public StorageContract {
  protected:
    void SetUp() override {
        StorageContract::SetUp();
        if (!IsSkipped() && !database().shared()) GTEST_SKIP() << "one connection only";
    }
    /// Runs the same work on `count` connections at the same time.
    template <class Work>
    void at_once(int count, Work work) {
        std::vector<std::unique_ptr<Storage>> storages;
        for (int i = 0; i < count; ++i) storages.push_back(database().open());
        std::vector<std::thread> threads;
        for (int i = 0; i < count; ++i) threads.emplace_back([&, i] { work(*storages[size_t(i)], i); });
        for (auto& thread : threads) thread.join();
    }
};
INSTANTIATE_TEST_SUITE_P(Over, TwoControllers, testing::Values(Backend::sqlite_file, Backend::postgres), testing::PrintToStringParamName());

TEST_P(TwoControllers, lose_no_update_of_one_case) {
    const auto c = saved_case(storage());
    constexpr int rounds = 25;
    std::atomic<int> conflicts{0};
    at_once(3, [&](Storage& mine, int who) {
        for (int done = 0; done < rounds;) {
            auto now = *mine.find_case(c.id);
            const int64_t before = now.revision;
            const auto items = happen(now, {core::NoteAdded{std::to_string(who) + ":" + std::to_string(done)}});
            const auto saved = mine.save(before, now, items, std::nullopt);
            if (saved) ++done;
            else if (saved.error().code == Errc::conflict) ++conflicts;
            else ADD_FAILURE() << saved.error().text;
        }
    });
    const auto stored = *storage().find_case(c.id);
    EXPECT_EQ(stored.revision, 2 + 3 * rounds);
    core::Case folded;
    for (const auto& item : storage().history(c.id, 0, 1000)) folded = core::evolve(std::move(folded), item);
    EXPECT_EQ(folded, stored);
    RecordProperty("conflicts", conflicts.load());
}

TEST_P(TwoControllers, append_to_one_chain) {
    constexpr int rounds = 15;
    at_once(3, [&](Storage& mine, int who) {
        for (int i = 0; i < rounds; ++i) {
            const auto result = mine.transaction([&]() -> Result<void> {
                auto [c, items] = opened(mine.next_case_id(), "vm-" + std::to_string(who));
                return mine.save(0, c, items, std::nullopt);
            });
            if (!result) {
                // A conflict is an answer, too: everything is undone and may be repeated.
                ASSERT_EQ(result.error().code, Errc::conflict) << result.error().text;
                --i;
            }
        }
    });
    AuditAnchors anchors;
    anchors.cases.emplace();
    CaseFilter all;
    all.limit = 1000;
    for (const auto& c : storage().list_cases(all)) anchors.cases->emplace(c.id, c.revision);
    EXPECT_EQ(anchors.cases->size(), size_t(3 * rounds));
    const auto fault = verify_chain(storage().chain(0, 1000), anchors);
    EXPECT_FALSE(fault) << fault->text;
}

TEST_P(TwoControllers, share_all_counters) {
    std::set<std::string> seen[3];
    at_once(3, [&](Storage& mine, int who) {
        for (int i = 0; i < 30; ++i) {
            seen[who].insert("seq " + std::to_string(mine.next_seq(HostId("h1"))));
            seen[who].insert(mine.next_case_id().text());
            seen[who].insert("generation " + std::to_string(mine.next_generation(VmId("vm"))));
            if (mine.first_time(HostId("h1"), MessageId("m" + std::to_string(i)), at(0))) seen[who].insert("frame " + std::to_string(i));
        }
    });
    std::set<std::string> all;
    size_t total = 0;
    for (const auto& one : seen) {
        total += one.size();
        all.insert(one.begin(), one.end());
    }
    EXPECT_EQ(total, all.size()) << "no number was given twice";
    EXPECT_EQ(all.size(), size_t(3 * 30 * 3 + 30)) << "every frame was handled once";
}

TEST_P(TwoControllers, owe_each_mail_once) {
    at_once(3, [&](Storage& mine, int) {
        for (int i = 0; i < 10; ++i) {
            std::vector<core::NoticeDue> dues;
            for (int k = 0; k <= i; ++k) dues.push_back({core::Notice::ticket, "k" + std::to_string(k), core::Audience::customer});
            const auto result = mine.transaction([&]() -> Result<void> {
                // As the desk does it: the case's row is written first, and whoever waits for it sees its mails.
                mine.owe(CaseId("C-1"), dues, at(0), [](const std::string& key) { return "<" + key + ">"; });
                return {};
            });
            if (!result) --i;
        }
    });
    EXPECT_EQ(storage().mails_of(CaseId("C-1")).size(), 10u);
}

TEST_P(TwoControllers, keep_one_ledger) {
    constexpr int rounds = 15;
    std::atomic<int> known{0};
    at_once(3, [&](Storage& mine, int who) {
        for (int i = 0; i < rounds; ++i) {
            const auto result = mine.transaction([&]() -> Result<void> {
                (void)mine.enter({std::to_string(who) + "/" + std::to_string(i), CustomerId("7"), 0, LedgerKind::grant, 1, 0, "test", "staff:ana", CaseId(), at(0)});
                if (!mine.enter({"all/" + std::to_string(i), CustomerId("7"), 0, LedgerKind::charge, -1, 0, "test", "staff:ana", CaseId(), at(0)})) ++known;
                return {};
            });
            if (!result) --i;
        }
    });
    const auto all = storage().ledger_of(CustomerId("7"), 0, 1000);
    ASSERT_EQ(all.size(), size_t(4 * rounds)) << "each key once";
    EXPECT_GE(known.load(), 2 * rounds) << "and the others were told";
    for (size_t i = 0; i < all.size(); ++i) {
        EXPECT_EQ(all[i].number, int64_t(all.size() - i));
        EXPECT_EQ(all[i].balance, (i + 1 < all.size() ? all[i + 1].balance : 0) + all[i].amount);
    }
    EXPECT_EQ(all.front().balance, 2 * rounds);
}

TEST_P(TwoControllers, see_nothing_of_an_unfinished_turn) {
    auto other = database().open();
    const auto result = storage().transaction([&]() -> Result<void> {
        const auto c = saved_case(storage());
        EXPECT_FALSE(other->find_case(c.id));
        return {};
    });
    EXPECT_TRUE(result);
    EXPECT_TRUE(other->find_case(CaseId("C-1")));
}

}  // namespace
}  // namespace bailiff::test
