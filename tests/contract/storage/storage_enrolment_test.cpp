// SPDX-License-Identifier: Apache-2.0
// The storage contract: tokens, bans and certificates of hosts, as the gateway uses them.
#include "controller/gateway/ports.hpp"
#include "tests/contract/storage/storage_world.hpp"

#include <thread>

namespace bailiff::test {
namespace {

class TheEnrolment : public StorageContract {
  protected:
    EnrolmentStore& enrolment() { return dynamic_cast<EnrolmentStore&>(storage()); }
};
BAILIFF_OVER_ALL_STORAGES(TheEnrolment);

TEST_P(TheEnrolment, gives_a_token_once) {
    const std::string hash(64, 'a');
    EXPECT_FALSE(enrolment().take(hash));
    enrolment().put(hash, HostId("h1"), at(60));
    EXPECT_EQ(enrolment().take(hash), (PendingEnrolment{HostId("h1"), at(60)}));
    EXPECT_FALSE(enrolment().take(hash));
}

TEST_P(TheEnrolment, gives_the_token_back_when_the_turn_fails) {
    const std::string hash(64, 'a');
    enrolment().put(hash, HostId("h1"), at(60));
    EXPECT_FALSE(storage().transaction([&]() -> Result<void> {
        EXPECT_TRUE(enrolment().take(hash));
        enrolment().ban(HostId("h9"));
        enrolment().record_host_certificate(HostId("h1"), "0a", at(90));
        return fail(Errc::unavailable, "the answer never left");
    }));
    EXPECT_TRUE(enrolment().take(hash));
    EXPECT_FALSE(enrolment().banned(HostId("h9")));
}

TEST_P(TheEnrolment, bans_hosts_known_and_unknown) {
    EXPECT_FALSE(enrolment().banned(HostId("h1")));
    Host known;
    known.id = HostId("h1");
    known.version = "0.1.0";
    storage().put_host(known);
    for (int i = 0; i < 2; ++i) enrolment().ban(HostId("h1"));
    enrolment().ban(HostId("a0"));
    EXPECT_TRUE(enrolment().banned(HostId("h1")));
    EXPECT_EQ(enrolment().banned_hosts(), (std::vector{HostId("a0"), HostId("h1")}));
    EXPECT_TRUE(storage().find_host(HostId("h1"))->banned) << "staff see the same ban";
    EXPECT_EQ(storage().find_host(HostId("h1"))->version, "0.1.0");
    for (int i = 0; i < 2; ++i) enrolment().unban(HostId("h1"));
    enrolment().unban(HostId("never-seen"));
    EXPECT_EQ(enrolment().banned_hosts(), std::vector{HostId("a0")});
    EXPECT_FALSE(storage().find_host(HostId("never-seen")));
}

TEST_P(TheEnrolment, gives_a_token_to_one_of_several_takers) {
    if (!database().shared()) GTEST_SKIP() << "one connection only";
    const std::string hash(64, 'b');
    enrolment().put(hash, HostId("h1"), at(60));
    std::unique_ptr<Storage> storages[3];
    for (auto& one : storages) one = database().open();
    int taken[3] = {};
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i)
        threads.emplace_back([&, i] { taken[i] = dynamic_cast<EnrolmentStore&>(*storages[i]).take(hash) ? 1 : 0; });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(taken[0] + taken[1] + taken[2], 1);
}

}  // namespace
}  // namespace bailiff::test
