// SPDX-License-Identifier: Apache-2.0
// The storage contract: deliveries and the reports that were read out of them.
#include "tests/contract/storage/storage_world.hpp"

#include <bailiff/dsse.hpp>

namespace bailiff::test {
namespace {

class TheDeliveries : public StorageContract {};
BAILIFF_OVER_ALL_STORAGES(TheDeliveries);

Delivery delivery(Storage& storage, const std::string& raw, DeliveryState state = DeliveryState::filed) {
    Delivery out;
    out.id = storage.next_delivery_id();
    out.state = state;
    out.digest = sha256_hex(raw);
    out.likeness = "";
    out.sender = "a@x";
    out.recipient = "b@y";
    out.format = "arf";
    out.subject = "sübject";
    out.reporter = "r";
    out.triage = "t";
    out.notes = "{}";
    out.by_mail = true;
    out.events = 3;
    out.received_at = at(1);
    out.last_at = at(2);
    out.raw = raw;
    return out;
}

Delivery without_raw(Delivery d) {
    d.raw.clear();
    return d;
}

TEST_P(TheDeliveries, come_back_byte_for_byte_and_keep_their_bytes) {
    auto one = delivery(storage(), std::string("\0\xff binary", 9) + std::string(100'000, 'x'));
    EXPECT_EQ(one.id, DeliveryId("M-1"));
    storage().put_delivery(one);
    EXPECT_EQ(storage().find_delivery(one.id), one);
    auto changed = one;
    changed.state = DeliveryState::filing;
    changed.waiting = "[1]";
    changed.times = 7;
    changed.raw = "another";
    changed.digest = "another";
    storage().put_delivery(changed);
    changed.raw = one.raw;
    changed.digest = one.digest;
    EXPECT_EQ(storage().find_delivery(one.id), changed) << "what came first stays as it was";
    EXPECT_FALSE(storage().find_delivery(DeliveryId("M-9")));
    EXPECT_FALSE(storage().find_delivery(DeliveryId("x")));
    Delivery nameless;
    EXPECT_THROW(storage().put_delivery(nameless), std::logic_error);
}

TEST_P(TheDeliveries, are_known_again) {
    auto one = delivery(storage(), "one"), two = delivery(storage(), "two"), three = delivery(storage(), "three");
    two.likeness = three.likeness = sha256_hex("like");
    for (const auto& d : {one, two, three}) storage().put_delivery(d);
    EXPECT_EQ(storage().same_delivery(one.digest, ""), without_raw(one));
    EXPECT_EQ(storage().same_delivery(three.digest, two.likeness), without_raw(three)) << "the bytes decide first";
    EXPECT_EQ(storage().same_delivery(sha256_hex("four"), two.likeness), without_raw(two)) << "the first that is like it";
    EXPECT_FALSE(storage().same_delivery(sha256_hex("four"), sha256_hex("other")));
    EXPECT_FALSE(storage().same_delivery(sha256_hex("four"), "")) << "what has no likeness is like nothing";
}

TEST_P(TheDeliveries, are_listed_and_those_that_are_unfinished_found) {
    EXPECT_FALSE(storage().unfinished_delivery());
    std::vector<Delivery> all;
    for (int i = 0; i < 11; ++i) {
        all.push_back(delivery(storage(), std::to_string(i), i == 4 || i == 9 ? DeliveryState::filing : i % 2 ? DeliveryState::triage : DeliveryState::filed));
        storage().put_delivery(all.back());
    }
    const auto page = storage().deliveries({}, {}, 2);
    ASSERT_EQ(page.size(), 2u);
    EXPECT_EQ(page[0], without_raw(all[10])) << "M-11 is newer than M-2";
    EXPECT_EQ(storage().deliveries({}, page[1].id, 100).size(), 9u);
    EXPECT_EQ(storage().deliveries(DeliveryState::triage, {}, 100).size(), 4u);
    EXPECT_EQ(storage().unfinished_delivery(), without_raw(all[4]));
    all[4].state = DeliveryState::filed;
    storage().put_delivery(all[4]);
    EXPECT_EQ(storage().unfinished_delivery()->id, all[9].id);
}

TEST_P(TheDeliveries, have_their_reports_in_order) {
    const auto one = delivery(storage(), "one"), other = delivery(storage(), "other");
    for (const auto& d : {one, other}) storage().put_delivery(d);
    std::vector<StoredReport> reports;
    for (int i = 0; i < 11; ++i) {
        StoredReport report;
        report.id = storage().next_report_id();
        report.summary.id = report.id;
        if (i != 3) report.delivery = i % 2 ? other.id : one.id;
        storage().put_report(report);
        reports.push_back(report);
    }
    const auto of_one = storage().reports_of(one.id, 100);
    ASSERT_EQ(of_one.size(), 6u);
    EXPECT_EQ(of_one[0], reports[0]);
    EXPECT_EQ(of_one[5], reports[10]);
    EXPECT_EQ(storage().reports_of(one.id, 2).size(), 2u);
    EXPECT_EQ(storage().reports_of(other.id, 100).size(), 4u);
    EXPECT_TRUE(storage().reports_of(DeliveryId(), 100).empty()) << "a report that was handed in by itself has none";
}

TEST_P(TheDeliveries, that_were_rolled_back_are_unknown) {
    const auto one = delivery(storage(), "one", DeliveryState::filing);
    (void)storage().transaction([&]() -> Result<void> {
        auto liked = one;
        liked.likeness = sha256_hex("like");
        storage().put_delivery(liked);
        return fail(Errc::invalid, "no");
    });
    EXPECT_FALSE(storage().find_delivery(one.id));
    EXPECT_FALSE(storage().same_delivery(one.digest, sha256_hex("like")));
    EXPECT_FALSE(storage().unfinished_delivery());
}

}  // namespace
}  // namespace bailiff::test
