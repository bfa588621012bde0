// SPDX-License-Identifier: Apache-2.0
// Whether the host obeys: the whole table of wrong orders and jobs, random damage, and the host's own ceilings.
#include "agent/core/verify.hpp"
#include "tests/unit/agent/order_table.hpp"

#include <bailiff/random.hpp>

#include <gtest/gtest.h>

namespace bailiff::agent {
namespace {

using namespace bailiff::test;

HostFacts table_host() {
    HostFacts host;
    host.host = HostId("h1");
    host.epoch = 3;
    host.seq = 40;
    host.seen[id_number(1)] = sha256_hex("what was seen under this id");
    host.generations[table_vm()] = 6;
    host.vms = std::map<VmId, std::string>{{table_vm(), "web1"}, {VmId("33333333-3333-4333-8333-333333333333"), "billing"}};
    host.exempt = {"billing"};
    host.now = table_now();
    return host;
}

template <class Row, class Verify>
void expect_refusals(const std::vector<Row>& rows, Verify verify) {
    for (const auto& row : rows) {
        const auto result = verify(row.envelope);
        ASSERT_FALSE(result.has_value()) << row.name << " was accepted";
        EXPECT_EQ(name(result.error().code), name(row.expected)) << row.name << ": " << result.error().text;
        EXPECT_FALSE(result.error().text.empty()) << row.name << " is refused without a word";
    }
}

TEST(OrderTable, a_good_order_and_a_good_job_pass) {
    const auto order = verify_order(sealed(good_order()), trusted_keys(), table_host());
    ASSERT_TRUE(order.has_value()) << order.error().text;
    EXPECT_EQ(order->document, good_order());
    EXPECT_FALSE(order->seen_before);
    const auto job = verify_job(sealed(good_job()), trusted_keys(), table_host());
    ASSERT_TRUE(job.has_value()) << job.error().text;
    EXPECT_EQ(job->document, good_job());
}

TEST(OrderTable, every_wrong_order_is_refused_with_its_own_code) {
    const auto rows = order_table();
    EXPECT_GE(rows.size(), 220u);
    expect_refusals(rows, [&](const std::string& text) { return verify_order(text, trusted_keys(), table_host()); });
    RecordProperty("rows", int(rows.size()));
}

TEST(OrderTable, every_wrong_job_is_refused_with_its_own_code) {
    const auto rows = job_table();
    EXPECT_GE(rows.size(), 190u);
    expect_refusals(rows, [&](const std::string& text) { return verify_job(text, trusted_keys(), table_host()); });
    RecordProperty("rows", int(rows.size()));
}

TEST(OrderTable, an_order_is_no_job_and_a_job_is_no_order) {
    EXPECT_EQ(verify_job(sealed(good_order()), trusted_keys(), table_host()).error().code, Refusal::wrong_type);
    EXPECT_EQ(verify_order(sealed(good_job()), trusted_keys(), table_host()).error().code, Refusal::wrong_type);
}

TEST(Verify, the_same_order_again_is_known_even_when_its_time_and_number_have_passed) {
    auto host = table_host();
    const auto first = verify_order(sealed(good_order()), trusted_keys(), host);
    ASSERT_TRUE(first);
    host.seen[good_order().order_id.text()] = first->sha256;
    host.seq = 90;
    host.now += Seconds(86400);
    const auto again = verify_order(sealed(good_order()), trusted_keys(), host);
    ASSERT_TRUE(again);
    EXPECT_TRUE(again->seen_before);
}

TEST(Verify, a_new_epoch_numbers_from_the_beginning) {
    auto order = good_order();
    order.epoch = 4;
    order.seq = 1;
    EXPECT_TRUE(verify_order(sealed(order), trusted_keys(), table_host()));
}

TEST(Verify, the_budget_counts_other_vms_within_the_hour) {
    auto host = table_host();
    host.budget_per_hour = 2;
    const auto harmed = [&](const std::string& vm, int64_t seconds_ago) { host.harmed[VmId(vm)] = host.now - Seconds(seconds_ago); };
    harmed("a", 10);
    harmed("b", 3600);
    harmed(table_vm().text(), 5);
    EXPECT_TRUE(verify_order(sealed(good_order()), trusted_keys(), host)) << "an hour ago and the same VM do not count";
    harmed("b", 3599);
    EXPECT_EQ(verify_order(sealed(good_order()), trusted_keys(), host).error().code, Refusal::over_budget);
    auto release = good_order();
    release.desired = VmState::running;
    EXPECT_TRUE(verify_order(sealed(release), trusted_keys(), host)) << "giving back is not limited";
}

TEST(Verify, a_draining_host_takes_nothing_and_gives_back) {
    auto host = table_host();
    host.draining = true;
    EXPECT_EQ(verify_order(sealed(good_order()), trusted_keys(), host).error().code, Refusal::draining);
    EXPECT_EQ(verify_job(sealed(good_job()), trusted_keys(), host).error().code, Refusal::draining);
    auto release = good_order();
    release.desired = VmState::running;
    EXPECT_TRUE(verify_order(sealed(release), trusted_keys(), host));
}

TEST(Verify, an_exempt_vm_is_known_by_uuid_and_by_name) {
    for (const auto& word : {table_vm().text(), std::string("web1")}) {
        auto host = table_host();
        host.exempt = {word};
        EXPECT_EQ(verify_order(sealed(good_order()), trusted_keys(), host).error().code, Refusal::exempt);
        EXPECT_EQ(verify_job(sealed(good_job()), trusted_keys(), host).error().code, Refusal::exempt);
    }
}

/// One random change of a text. White space is never put in: outside of strings JSON ignores it, so that an
/// envelope with a space more is the same order and rightly passes.
std::string damaged(std::string text, Random& random) {
    const auto byte = [&] {
        char c;
        do c = char(random.below(256));
        while (c == ' ' || c == '\n' || c == '\r' || c == '\t');
        return c;
    };
    const size_t at = random.below(text.size());
    switch (random.below(7)) {
        case 0: text[at] = byte(); break;
        case 1: text[at] = char(text[at] ^ (1 << random.below(8))); break;
        case 2: text.erase(at, 1 + random.below(4)); break;
        case 3: text.insert(at, 1, byte()); break;
        case 4: std::swap(text[at], text[random.below(text.size())]); break;
        case 5: text.insert(at, text.substr(random.below(text.size()), 1 + random.below(16))); break;
        case 6: text.resize(at); break;
    }
    return text;
}

template <class Verify>
void expect_damage_refused(const std::string& good, int rounds, uint64_t seed, Verify verify) {
    SeededRandom random(seed);
    int same = 0;
    for (int i = 0; i < rounds; ++i) {
        std::string text = damaged(good, random);
        while (random.below(3) == 0) text = text.empty() ? text : damaged(text, random);
        if (text == good) {
            ++same;   // a swap of equal letters
            continue;
        }
        ASSERT_FALSE(verify(text)) << "accepted: " << text;
    }
    EXPECT_LT(same, rounds / 20);
}

TEST(Damage, none_of_a_hundred_thousand_damaged_orders_is_accepted) {
    const auto keys = trusted_keys();
    const auto host = table_host();
    expect_damage_refused(sealed(good_order()), 100'000, 1, [&](const std::string& s) { return verify_order(s, keys, host).has_value(); });
}

TEST(Damage, none_of_fifty_thousand_damaged_jobs_is_accepted) {
    const auto keys = trusted_keys();
    const auto host = table_host();
    expect_damage_refused(sealed(good_job()), 50'000, 2, [&](const std::string& s) { return verify_job(s, keys, host).has_value(); });
}

/// What is damaged after signing never passes; what is damaged *before* signing must at least not crash, and passes
/// only when it is a whole order again.
TEST(Damage, signed_nonsense_is_judged_by_its_content) {
    const auto keys = trusted_keys();
    const auto host = table_host();
    SeededRandom random(3);
    const std::string good = dump_json(to_json(good_order()));
    for (int i = 0; i < 5'000; ++i) {
        const std::string text = damaged(good, random);
        const auto result = verify_order(seal(trusted_key(), order_payload_type, text), keys, host);
        if (!result) continue;
        EXPECT_EQ(result->document.host, HostId("h1"));
        EXPECT_EQ(result->document.vm_uuid, table_vm());
        EXPECT_GT(result->document.seq, 40);
    }
}

}  // namespace
}  // namespace bailiff::agent
