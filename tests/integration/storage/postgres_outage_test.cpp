// SPDX-License-Identifier: Apache-2.0
// A PostgreSQL server goes away and comes back; replicas stand in each other's way.
#include "controller/storage/postgres.hpp"
#include "controller/storage/sql_storage.hpp"
#include "tests/fixtures/postgres.hpp"

#include <bailiff/system_clock.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace bailiff::test {
namespace {

class PostgresOutage : public testing::Test {
  protected:
    void SetUp() override {
        if (!has_postgres()) GTEST_SKIP() << "built without PostgreSQL";
        if (const auto missing = TestPostgres::missing()) GTEST_SKIP() << *missing;
        server_.emplace();
    }
    std::unique_ptr<SqlStorage> open() {
        auto connection = open_postgres(server_->url(), clock_, {.first_wait = std::chrono::milliseconds(20), .longest_wait = std::chrono::milliseconds(100)});
        if (!connection) throw std::runtime_error(connection.error().text);
        return *SqlStorage::open(std::move(*connection));
    }
    static Customer customer(const std::string& id) { return Customer{CustomerId(id), "n", {}, 0}; }

    SystemClock clock_;
    std::optional<TestPostgres> server_;
};

TEST_F(PostgresOutage, is_an_exception_until_the_server_is_back) {
    auto storage = open();
    storage->put_customer(customer("1"));
    EXPECT_THROW(static_cast<void>(storage->transaction([&]() -> Result<void> {
        storage->put_customer(customer("2"));
        server_->stop();
        EXPECT_THROW(storage->put_customer(customer("3")), StorageOutage);
        // Whoever swallows the outage does not get the rest of the turn committed alone.
        EXPECT_THROW(storage->put_customer(customer("4")), StorageOutage);
        return {};
    })),
                 StorageOutage);
    for (int i = 0; i < 5; ++i) EXPECT_THROW(storage->find_customer(CustomerId("1")), StorageOutage);

    server_->start();
    std::optional<std::vector<Customer>> all;
    for (int tries = 0; tries < 100 && !all; ++tries) {
        try {
            all = storage->customers({}, 10);
        } catch (const StorageOutage&) {
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
    }
    ASSERT_TRUE(all) << "it reconnects by itself";
    EXPECT_EQ(*all, std::vector{customer("1")});
    EXPECT_TRUE(storage->transaction([&]() -> Result<void> {
        storage->put_customer(customer("5"));
        return {};
    }));
    EXPECT_TRUE(storage->find_customer(CustomerId("5")));
}

TEST_F(PostgresOutage, a_session_that_died_between_turns_is_replaced_unnoticed) {
    auto storage = open();
    storage->put_customer(customer("1"));
    server_->stop();
    server_->start();
    EXPECT_TRUE(storage->transaction([&]() -> Result<void> {
        storage->put_customer(customer("2"));
        return {};
    }));
    EXPECT_EQ(storage->customers({}, 10).size(), 2u);
}

TEST_F(PostgresOutage, a_deadlock_is_a_conflict_for_one_and_nothing_for_the_other) {
    auto first = open(), second = open();
    std::atomic<int> arrived{0};
    const auto meet = [&] {
        ++arrived;
        while (arrived < 2) std::this_thread::yield();
    };
    const auto cross = [&](SqlStorage& storage, const char* one, const char* other) {
        return storage.transaction([&]() -> Result<void> {
            storage.next_seq(HostId(one));
            meet();
            storage.next_seq(HostId(other));
            return {};
        });
    };
    Result<void> results[2];
    std::thread thread([&] { results[0] = cross(*first, "a", "b"); });
    results[1] = cross(*second, "b", "a");
    thread.join();
    ASSERT_NE(bool(results[0]), bool(results[1]));
    EXPECT_EQ((results[0] ? results[1] : results[0]).error().code, Errc::conflict);
    EXPECT_EQ(first->next_seq(HostId("a")), 2);
    EXPECT_EQ(second->next_seq(HostId("b")), 2);
}

TEST_F(PostgresOutage, no_server_is_said_at_the_start) {
    server_->stop();
    const auto refused = open_postgres(server_->url(), clock_);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::unavailable);
    EXPECT_NE(refused.error().text.find("check that PostgreSQL runs"), std::string::npos) << refused.error().text;
}

}  // namespace
}  // namespace bailiff::test
