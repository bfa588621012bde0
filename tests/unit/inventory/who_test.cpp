// SPDX-License-Identifier: Apache-2.0
// What is concluded from intervals: the time decides, the longest prefix wins, and what is near a change of hands is for a person.
#include "controller/inventory/who.hpp"

#include <gtest/gtest.h>

namespace bailiff::test {
namespace {

constexpr Seconds skew{300};
Instant hour(int64_t n) { return Instant(Seconds(1'772'000'000 + n * 3600)); }

AddressSpan span(const std::string& prefix, const std::string& vm, Instant from, std::optional<Instant> until, AddressSource source = AddressSource::import_) {
    AddressSpan out;
    out.prefix = *parse_prefix(prefix);
    out.vm = VmId(vm);
    out.vm_name = vm;
    out.from = from;
    out.until = until;
    out.source = source;
    return out;
}

Who asked(const std::vector<AddressSpan>& spans, Instant at, const std::string& address = "203.0.113.7", int64_t port = 0) {
    return who_had(*parse_address(address), port, at, spans, skew);
}

std::string vms(const Who& who) {
    std::string out(name(who.confidence));
    for (const auto& holder : who.holders) out += " " + holder.vm.text();
    return out;
}

TEST(Who, the_time_decides) {
    const std::vector spans{span("203.0.113.7", "web1", hour(0), hour(10)), span("203.0.113.7", "db1", hour(10), std::nullopt)};
    EXPECT_EQ(vms(asked(spans, hour(5))), "certain web1");
    EXPECT_EQ(vms(asked(spans, hour(15))), "certain db1") << "it has moved since";
    EXPECT_EQ(asked(spans, hour(5)).reason, "web1 had 203.0.113.7 from 2026-02-25T06:13:20Z until 2026-02-25T16:13:20Z (an import)");
    const Who before = asked(spans, hour(-5));
    EXPECT_EQ(vms(before), "unknown");
    EXPECT_NE(before.reason.find("nobody is known to have had 203.0.113.7"), std::string::npos) << before.reason;
    EXPECT_NE(before.reason.find("web1 had"), std::string::npos) << "who came after helps a person: " << before.reason;
    EXPECT_EQ(vms(asked({}, hour(5))), "unknown");
    EXPECT_EQ(vms(asked(spans, hour(5), "203.0.113.8")), "unknown") << "spans of other addresses say nothing";
}

TEST(Who, near_a_change_of_hands_is_for_a_person) {
    const std::vector spans{span("203.0.113.7", "web1", hour(0), hour(10)), span("203.0.113.7", "db1", hour(10), std::nullopt)};
    for (const Seconds off : {Seconds(-300), Seconds(-1), Seconds(0), Seconds(299), Seconds(300)}) {
        const Who who = asked(spans, hour(10) + off);
        EXPECT_EQ(who.confidence, Confidence::ambiguous) << off.count();
        EXPECT_EQ(who.holders.size(), 2u);
        EXPECT_NE(who.reason.find("changed hands at 2026-02-25T16:13:20Z"), std::string::npos) << who.reason;
        EXPECT_NE(who.reason.find("web1 had"), std::string::npos);
        EXPECT_NE(who.reason.find("db1 had"), std::string::npos);
    }
    EXPECT_EQ(vms(asked(spans, hour(10) - Seconds(301))), "certain web1");
    EXPECT_EQ(vms(asked(spans, hour(10) + Seconds(301))), "certain db1");
    EXPECT_EQ(vms(asked({spans[0]}, hour(10) + Seconds(200))), "likely web1") << "just after, and nobody else";
    EXPECT_EQ(vms(asked({spans[0]}, hour(10) + Seconds(301))), "unknown");
    EXPECT_EQ(vms(asked({spans[1]}, hour(10) - Seconds(200))), "likely db1");
    const std::vector again{span("203.0.113.7", "web1", hour(0), hour(10)), span("203.0.113.7", "web1", hour(10), std::nullopt)};
    EXPECT_EQ(vms(asked(again, hour(10))), "certain web1") << "it did not change hands";
}

TEST(Who, the_longest_prefix_wins) {
    const std::vector spans{span("203.0.113.0/24", "router", hour(0), std::nullopt), span("203.0.113.0/29", "web1", hour(0), std::nullopt),
                            span("203.0.113.7", "db1", hour(0), hour(5))};
    EXPECT_EQ(vms(asked(spans, hour(2))), "certain db1");
    EXPECT_EQ(vms(asked(spans, hour(8))), "certain web1") << "its own interval is over: the network's holds";
    EXPECT_EQ(vms(asked(spans, hour(8), "203.0.113.9")), "certain router");
    EXPECT_EQ(asked(spans, hour(5) + Seconds(60)).confidence, Confidence::ambiguous) << "a minute after it fell back to the network";
    const std::vector six{span("2001:db8:7::/48", "router", hour(0), std::nullopt), span("2001:db8:7:1::/64", "web1", hour(0), std::nullopt)};
    EXPECT_EQ(vms(asked(six, hour(1), "2001:db8:7:1::25")), "certain web1");
    EXPECT_EQ(vms(asked(six, hour(1), "2001:db8:7:2::25")), "certain router");
    EXPECT_EQ(vms(asked(spans, hour(2), "::ffff:203.0.113.7")), "certain db1");
}

TEST(Who, records_that_contradict_each_other_are_for_a_person) {
    const std::vector spans{span("203.0.113.7", "web1", hour(0), std::nullopt), span("203.0.113.7", "db1", hour(2), std::nullopt, AddressSource::inventory)};
    EXPECT_EQ(vms(asked(spans, hour(1))), "certain web1");
    const Who who = asked(spans, hour(8));
    EXPECT_EQ(who.confidence, Confidence::ambiguous);
    EXPECT_NE(who.reason.find("contradict"), std::string::npos) << who.reason;
    const std::vector agree{span("203.0.113.7", "web1", hour(0), std::nullopt), span("203.0.113.7", "web1", hour(2), std::nullopt, AddressSource::inventory)};
    EXPECT_EQ(vms(asked(agree, hour(8))), "certain web1");
}

TEST(Who, an_open_end_is_where_the_same_source_names_the_next) {
    const std::vector spans{span("203.0.113.7", "web1", hour(0), std::nullopt), span("203.0.113.7", "db1", hour(10), std::nullopt)};
    EXPECT_EQ(vms(asked(spans, hour(5))), "certain web1");
    EXPECT_EQ(vms(asked(spans, hour(15))), "certain db1");
}

TEST(Who, the_first_that_was_seen_with_it_may_have_had_it_before) {
    auto first = span("203.0.113.7", "web1", hour(10), std::nullopt, AddressSource::inventory);
    first.earlier = true;
    EXPECT_EQ(vms(asked({first}, hour(12))), "certain web1");
    EXPECT_EQ(vms(asked({first}, hour(-200))), "likely web1");
    EXPECT_NE(asked({first}, hour(8)).reason.find("2 h after the observation"), std::string::npos) << asked({first}, hour(8)).reason;
    const auto known = span("203.0.113.7", "db1", hour(0), hour(9));
    EXPECT_EQ(vms(asked({first, known}, hour(5))), "certain db1") << "what is recorded goes before what may be";
    EXPECT_EQ(vms(asked({first, known}, hour(9) + Seconds(60))), "likely db1");
    EXPECT_EQ(vms(asked({first, known}, hour(9) + Seconds(1800))), "likely web1");
}

TEST(Who, ranges_of_ports_belong_to_different_vms) {
    auto low = span("203.0.113.7", "web1", hour(0), std::nullopt), high = span("203.0.113.7", "db1", hour(0), std::nullopt);
    low.first_port = 1024, low.last_port = 2047;
    high.first_port = 2048, high.last_port = 4095;
    const auto gateway = span("203.0.113.7", "gateway", hour(0), std::nullopt);
    EXPECT_EQ(vms(asked({low, high}, hour(1), "203.0.113.7", 1500)), "certain web1");
    EXPECT_EQ(vms(asked({low, high}, hour(1), "203.0.113.7", 2048)), "certain db1");
    EXPECT_EQ(vms(asked({low, high}, hour(1), "203.0.113.7", 80)), "unknown");
    EXPECT_EQ(vms(asked({gateway, low}, hour(1), "203.0.113.7", 1500)), "certain web1") << "the narrowest range wins";
    EXPECT_EQ(vms(asked({gateway, low}, hour(1), "203.0.113.7", 80)), "certain gateway");
    const Who who = asked({low, high}, hour(1));
    EXPECT_EQ(who.confidence, Confidence::ambiguous);
    EXPECT_NE(who.reason.find("the report names no port"), std::string::npos) << who.reason;
}

TEST(Who, what_a_host_enforces_is_as_good_as_a_record) {
    const auto enforced = span("203.0.113.7", "web1", hour(0), std::nullopt, AddressSource::enforced);
    EXPECT_EQ(vms(asked({enforced}, hour(5))), "certain web1");
    EXPECT_EQ(asked({enforced}, hour(5)).reason, "web1 had 203.0.113.7 since 2026-02-25T06:13:20Z (its host lets it send from no other)");
    const auto record = span("203.0.113.7", "db1", hour(1), std::nullopt, AddressSource::inventory);
    EXPECT_EQ(vms(asked({enforced, record}, hour(5))), "ambiguous web1 db1") << "neither is believed more";
    // Another host that enforces it for another VM ends nothing: the first one still says so.
    const auto other = span("203.0.113.7", "db1", hour(2), std::nullopt, AddressSource::enforced);
    const Who who = asked({enforced, other}, hour(5));
    EXPECT_EQ(vms(who), "ambiguous web1 db1");
    EXPECT_NE(who.reason.find("contradict each other"), std::string::npos) << who.reason;
}

TEST(Who, a_lease_alone_makes_likely_and_overrules_nobody) {
    const auto lease = span("203.0.113.7", "web1", hour(0), std::nullopt, AddressSource::lease);
    EXPECT_EQ(vms(asked({lease}, hour(5))), "likely web1");
    EXPECT_EQ(asked({lease}, hour(5)).reason, "web1 had 203.0.113.7 since 2026-02-25T06:13:20Z (a DHCP lease on its host); nothing but the lease says so");
    EXPECT_EQ(vms(asked({lease}, hour(-1))), "unknown") << "it says nothing of before";
    auto ended = lease;
    ended.until = hour(4);
    EXPECT_EQ(vms(asked({ended}, hour(4) + Seconds(120))), "likely web1");
    EXPECT_NE(asked({ended}, hour(4) + Seconds(120)).reason.find("2 min before the observation"), std::string::npos);
    EXPECT_EQ(vms(asked({ended}, hour(5))), "unknown");
    EXPECT_NE(asked({ended}, hour(5)).reason.find("a DHCP lease on its host"), std::string::npos) << "and a person sees who had it before";

    const auto own = span("203.0.113.7", "web1", hour(0), std::nullopt, AddressSource::inventory);
    EXPECT_EQ(asked({lease, own}, hour(5)), asked({own}, hour(5))) << "one that agrees adds nothing";
    for (const auto source : {AddressSource::inventory, AddressSource::import_, AddressSource::cmdb, AddressSource::enforced}) {
        const Who who = asked({lease, span("203.0.113.7", "db1", hour(0), std::nullopt, source)}, hour(5));
        EXPECT_EQ(vms(who), "ambiguous db1 web1") << name(source);
        EXPECT_NE(who.reason.find("contradict each other"), std::string::npos) << who.reason;
        EXPECT_NE(who.reason.find("a DHCP lease"), std::string::npos) << who.reason;
    }
    // It wins over no wider prefix and over no range of ports either.
    EXPECT_EQ(vms(asked({lease, span("203.0.113.0/29", "db1", hour(0), std::nullopt)}, hour(5))), "ambiguous db1 web1");
    auto ports = span("203.0.113.7", "db1", hour(0), std::nullopt);
    ports.first_port = 1024, ports.last_port = 2047;
    EXPECT_EQ(vms(asked({lease, ports}, hour(5), "203.0.113.7", 1500)), "ambiguous db1 web1");
    // A record that only nearly reaches stays in doubt, whatever the lease says; the reason names no change of hands.
    auto seen = span("203.0.113.7", "db1", hour(50), std::nullopt, AddressSource::inventory_now);
    seen.earlier = true;
    const Who perhaps = asked({lease, seen}, hour(5));
    EXPECT_EQ(vms(perhaps), "ambiguous db1 web1");
    EXPECT_EQ(perhaps.reason.find("changed hands"), std::string::npos) << perhaps.reason;
    EXPECT_EQ(vms(asked({ended, span("203.0.113.7", "db1", hour(4), std::nullopt)}, hour(4) + Seconds(60))), "ambiguous db1 web1");
    EXPECT_EQ(vms(asked({ended, span("203.0.113.7", "db1", hour(4), std::nullopt)}, hour(6))), "certain db1") << "the lease had ended";
}

TEST(Who, leases_of_two_hosts_contradict_each_other) {
    const auto one = span("203.0.113.7", "web1", hour(0), std::nullopt, AddressSource::lease), two = span("203.0.113.7", "db1", hour(3), std::nullopt, AddressSource::lease);
    EXPECT_EQ(vms(asked({one, two}, hour(1))), "likely web1");
    const Who who = asked({one, two}, hour(5));
    EXPECT_EQ(who.confidence, Confidence::ambiguous) << "the later one ends nothing";
    EXPECT_EQ(who.holders.size(), 2u);
}

TEST(Who, a_name_is_enough_to_know_the_same_vm) {
    auto by_name = span("203.0.113.7", "", hour(0), std::nullopt);
    by_name.vm_name = "web1";
    const auto by_id = span("203.0.113.7", "web1", hour(0), std::nullopt, AddressSource::cmdb);
    EXPECT_EQ(asked({by_name, by_id}, hour(1)).confidence, Confidence::certain);
}

TEST(AddressRows, are_read_or_say_what_is_wrong) {
    const auto read = [](const Json& row) { return span_from(row, AddressSource::import_, hour(0)); };
    const auto good = read({{"address", "203.0.113.8/29"}, {"from", "2026-03-01T00:00:00+05:30"}, {"to", ""}, {"vm", "web1"},
                            {"customer", "K-7"}, {"ports", "1024-2047"}});
    ASSERT_TRUE(good) << good.error().text;
    EXPECT_EQ(text_of(good->prefix), "203.0.113.8/29");
    EXPECT_EQ(format_rfc3339(good->from), "2026-02-28T18:30:00Z");
    EXPECT_FALSE(good->until);
    EXPECT_EQ(good->vm_name, "web1");
    EXPECT_TRUE(good->vm.empty());
    EXPECT_EQ(good->first_port, 1024);
    EXPECT_EQ(good->last_port, 2047);
    const auto by_id = read({{"address", "2001:db8:7::/64"}, {"from", "2026-03-01T00:00:00Z"}, {"to", "2026-03-02T00:00:00Z"},
                             {"vm", "11111111-1111-4111-8111-111111111111"}});
    ASSERT_TRUE(by_id) << by_id.error().text;
    EXPECT_EQ(by_id->vm, VmId("11111111-1111-4111-8111-111111111111"));
    EXPECT_EQ(by_id->until, parse_rfc3339("2026-03-02T00:00:00Z").value());
    const std::vector<std::pair<Json, std::string>> wrong{
        {{{"address", "203.0.113.7"}, {"vm", "x"}}, "from"},
        {{{"address", "203.0.113.7"}, {"from", "yesterday"}, {"vm", "x"}}, "RFC 3339"},
        {{{"address", "host7"}, {"from", "2026-03-01T00:00:00Z"}, {"vm", "x"}}, "no address"},
        {{{"address", "203.0.113.9/29"}, {"from", "2026-03-01T00:00:00Z"}, {"vm", "x"}}, "203.0.113.8/29"},
        {{{"address", "0.0.0.0/0"}, {"from", "2026-03-01T00:00:00Z"}, {"vm", "x"}}, "too wide"},
        {{{"address", "2001::/16"}, {"from", "2026-03-01T00:00:00Z"}, {"vm", "x"}}, "too wide"},
        {{{"address", "203.0.113.7"}, {"from", "2026-03-02T00:00:00Z"}, {"to", "2026-03-01T00:00:00Z"}, {"vm", "x"}}, "not after"},
        {{{"address", "203.0.113.7"}, {"from", "2026-03-01T00:00:00Z"}, {"vm", "x"}, {"ports", "9-1"}}, "ports"},
        {{{"address", "203.0.113.7"}, {"from", "2026-03-01T00:00:00Z"}, {"vm", "x"}, {"colour", "red"}}, "colour"},
        {Json("text"), "object"},
    };
    for (const auto& [row, word] : wrong) {
        const auto got = read(row);
        ASSERT_FALSE(got) << row.dump();
        EXPECT_NE(got.error().text.find(word), std::string::npos) << got.error().text;
    }
}

}  // namespace
}  // namespace bailiff::test
