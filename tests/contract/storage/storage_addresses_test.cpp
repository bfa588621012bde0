// SPDX-License-Identifier: Apache-2.0
// The storage contract: whose addresses were, and the reports that wait for it.
#include "tests/contract/storage/storage_world.hpp"

namespace bailiff::test {
namespace {

class TheAddresses : public StorageContract {};
BAILIFF_OVER_ALL_STORAGES(TheAddresses);

const Instant for_ever = Instant(Seconds(253'402'300'799));

AddressSpan span(const std::string& prefix, const std::string& vm, Instant from, std::optional<Instant> until = {}) {
    AddressSpan out;
    out.prefix = *parse_prefix(prefix);
    out.vm = VmId(vm);
    out.vm_name = "name of " + vm;
    out.customer = CustomerId("7");
    out.from = from;
    out.until = until;
    out.source = AddressSource::import_;
    out.learned_at = at(500);
    return out;
}

Address address(const std::string& text) { return *parse_address(text); }

StoredReport waiting(Storage& storage, const std::string& address, Instant observed, ReportWait wait = ReportWait::history) {
    StoredReport out;
    out.id = storage.next_report_id();
    out.summary = {out.id, "content/malware", "cert@example.net", observed, "seen"};
    out.address = address;
    out.triage = "whose?";
    out.wait = wait;
    out.who = "{\"confidence\":\"unknown\"}";
    out.port = 443;
    out.reporter = ReporterId("example.net");
    storage.put_report(out);
    return out;
}

TEST_P(TheAddresses, come_back_and_are_corrected) {
    auto one = span("203.0.113.7", "vm-1", at(0), at(100));
    one.earlier = true;
    one.first_port = 1024, one.last_port = 2047;
    EXPECT_EQ(storage().put_span(one), SpanChange::added);
    EXPECT_EQ(storage().spans_of(address("203.0.113.7"), 0, for_ever, Instant{}, 10), std::vector{one});
    auto again = one;
    again.learned_at = at(900);
    EXPECT_EQ(storage().put_span(again), SpanChange::none) << "when it was learned is no change";
    EXPECT_EQ(storage().spans_of(address("203.0.113.7"), 0, for_ever, Instant{}, 10), std::vector{one});
    again.until.reset();
    again.vm = VmId("vm-2");
    EXPECT_EQ(storage().put_span(again), SpanChange::changed);
    EXPECT_EQ(storage().spans_of(address("203.0.113.7"), 0, for_ever, Instant{}, 10), std::vector{again});
    auto other_source = again;
    other_source.source = AddressSource::inventory;
    EXPECT_EQ(storage().put_span(other_source), SpanChange::added) << "each source has its own word";
    EXPECT_EQ(storage().spans_of(address("203.0.113.7"), 0, for_ever, Instant{}, 10).size(), 2u);
}

TEST_P(TheAddresses, come_back_from_every_source_that_says_them) {
    auto one = span("203.0.113.7", "vm-1", at(0));
    for (const auto source : {AddressSource::inventory, AddressSource::import_, AddressSource::cmdb, AddressSource::enforced, AddressSource::lease}) {
        one.source = source;
        EXPECT_EQ(storage().put_span(one), SpanChange::added) << name(source);
        EXPECT_EQ(storage().put_span(one), SpanChange::none) << name(source);
    }
    EXPECT_EQ(storage().spans_of(address("203.0.113.7"), 0, for_ever, Instant{}, 10).size(), 5u);
}

TEST_P(TheAddresses, are_found_by_longest_prefix_time_and_port) {
    const auto net = span("203.0.113.0/24", "router", at(0)), routed = span("203.0.113.0/29", "vm-1", at(50)), old = span("203.0.113.7", "vm-2", at(0), at(100)),
               now = span("203.0.113.7", "vm-3", at(100)), six = span("2001:db8:7::/64", "vm-1", at(0));
    for (const auto& one : {net, now, six, routed, old}) storage().put_span(one);
    EXPECT_EQ(storage().spans_of(address("203.0.113.7"), 0, for_ever, Instant{}, 10), (std::vector{now, old, routed, net}));
    EXPECT_EQ(storage().spans_of(address("203.0.113.7"), 0, at(99), Instant{}, 10), (std::vector{old, routed, net})) << "those that had begun";
    EXPECT_EQ(storage().spans_of(address("203.0.113.7"), 0, at(49), Instant{}, 10), (std::vector{old, net}));
    EXPECT_EQ(storage().spans_of(address("203.0.113.7"), 0, for_ever, at(100), 10), (std::vector{now, routed, net})) << "the end is not included";
    EXPECT_EQ(storage().spans_of(address("203.0.113.7"), 0, for_ever, Instant{}, 1), (std::vector{now, routed, net})) << "so many of each length";
    EXPECT_EQ(storage().spans_of(address("203.0.113.200"), 0, for_ever, Instant{}, 10), (std::vector{net}));
    EXPECT_EQ(storage().spans_of(address("2001:db8:7::ffff"), 0, for_ever, Instant{}, 10), (std::vector{six}));
    EXPECT_TRUE(storage().spans_of(address("2001:db8:8::1"), 0, for_ever, Instant{}, 10).empty());
    auto ports = span("198.51.100.1", "vm-4", at(0));
    ports.first_port = 1024, ports.last_port = 2047;
    storage().put_span(ports);
    EXPECT_EQ(storage().spans_of(address("198.51.100.1"), 1024, for_ever, Instant{}, 10), (std::vector{ports}));
    EXPECT_EQ(storage().spans_of(address("198.51.100.1"), 0, for_ever, Instant{}, 10), (std::vector{ports}));
    EXPECT_TRUE(storage().spans_of(address("198.51.100.1"), 2048, for_ever, Instant{}, 10).empty());
}

TEST_P(TheAddresses, wake_the_reports_that_wait_for_them) {
    const auto one = waiting(storage(), "203.0.113.7", at(10)), late = waiting(storage(), "203.0.113.7", at(900)),
               asked = waiting(storage(), "203.0.113.9", at(10), ReportWait::cmdb), six = waiting(storage(), "2001:DB8:7::1", at(10)),
               person = waiting(storage(), "203.0.113.7", at(10), ReportWait::nothing);
    EXPECT_EQ(storage().find_report(one.id), one) << "with what it waits for";
    EXPECT_EQ(storage().waiting_reports(ReportWait::history, 10), (std::vector{one, late, six}));
    EXPECT_EQ(storage().waiting_reports(ReportWait::history, 1), (std::vector{one}));
    EXPECT_EQ(storage().waiting_reports(ReportWait::cmdb, 10), (std::vector{asked}));
    EXPECT_TRUE(storage().waiting_reports(ReportWait::nothing, 10).empty()) << "that would be all of them";
    EXPECT_EQ(storage().wake_reports(*parse_prefix("203.0.113.0/29"), at(0), at(100), 10), 1) << "by address and time";
    auto woken = one;
    woken.wait = ReportWait::again;
    EXPECT_EQ(storage().waiting_reports(ReportWait::again, 10), (std::vector{woken}));
    EXPECT_EQ(storage().wake_reports(*parse_prefix("203.0.113.0/29"), at(0), at(100), 10), 0) << "it is awake";
    EXPECT_EQ(storage().wake_reports(*parse_prefix("2001:db8:7::/64"), at(0), at(100), 10), 1) << "however the report writes it";
    EXPECT_EQ(storage().wake_reports(*parse_prefix("203.0.113.0/24"), at(0), at(1000), 1), 1) << "no more than asked for";
    EXPECT_EQ(storage().wake_reports(*parse_prefix("203.0.113.0/24"), at(0), at(1000), 10), 1);
    EXPECT_EQ(storage().find_report(person.id), person);
    woken.wait = ReportWait::nothing;
    woken.case_id = CaseId("C-1");
    storage().put_report(woken);
    EXPECT_EQ(storage().waiting_reports(ReportWait::again, 10).size(), 3u) << "it has its case";
}

TEST_P(TheAddresses, settled_reports_leave_triage) {
    auto one = waiting(storage(), "203.0.113.7", at(10));
    EXPECT_EQ(storage().reports(true, {}, 10).size(), 1u);
    one.settled = "not_ours: the neighbour's";
    one.wait = ReportWait::nothing;
    storage().put_report(one);
    EXPECT_TRUE(storage().reports(true, {}, 10).empty());
    EXPECT_EQ(storage().reports(false, {}, 10), std::vector{one});
}

TEST_P(TheAddresses, that_were_rolled_back_are_unknown) {
    const auto report = waiting(storage(), "203.0.113.7", at(10));
    (void)storage().transaction([&]() -> Result<void> {
        storage().put_span(span("203.0.113.7", "vm-1", at(0)));
        storage().wake_reports(*parse_prefix("203.0.113.7"), at(0), at(100), 10);
        return fail(Errc::invalid, "no");
    });
    EXPECT_TRUE(storage().spans_of(address("203.0.113.7"), 0, for_ever, Instant{}, 10).empty());
    EXPECT_EQ(storage().waiting_reports(ReportWait::history, 10), (std::vector{report}));
    EXPECT_EQ(storage().wake_reports(*parse_prefix("203.0.113.7"), at(0), at(100), 10), 1);
}

class TheReporters : public StorageContract {};
BAILIFF_OVER_ALL_STORAGES(TheReporters);

TEST_P(TheReporters, come_back_and_are_listed) {
    Reporter one{ReporterId("example.net"), at(0), at(10), ReporterStanding::throttled, "always wrong", "staff:ada", at(5), 7, 3, 9, 2};
    Reporter two;
    two.id = ReporterId("unproven:example.net");
    two.first_at = two.last_at = at(10);
    storage().put_reporter(two);
    storage().put_reporter(one);
    EXPECT_EQ(storage().find_reporter(one.id), one);
    EXPECT_FALSE(storage().find_reporter(ReporterId("example.org")));
    one.standing = ReporterStanding::exempt;
    one.last_at = at(99);
    storage().put_reporter(one);
    EXPECT_EQ(storage().reporters({}, 10), (std::vector{one, two}));
    EXPECT_EQ(storage().reporters({}, 1), (std::vector{one}));
    EXPECT_EQ(storage().reporters(one.id, 10), (std::vector{two}));
    const DeliveryReporter sent{DeliveryId("M-1"), one.id, "abuse@example.net"};
    storage().put_delivery_reporter(sent);
    EXPECT_EQ(storage().delivery_reporter(sent.delivery), sent);
    EXPECT_FALSE(storage().delivery_reporter(DeliveryId("M-2")));
}

TEST_P(TheReporters, are_counted_by_day) {
    const ReporterId one("example.net"), other("unproven:example.net");
    EXPECT_EQ(storage().reporter_counts(one, 0), ReporterCounts{});
    storage().count_reporter(one, 100, {.reports = 2, .opened = 1});
    storage().count_reporter(one, 100, {.reports = 1, .duplicates = 1, .wrong = 1});
    storage().count_reporter(one, 190, {.right = 3, .not_ours = 1, .unparseable = 4});
    storage().count_reporter(other, 100, {.wrong = 9});
    EXPECT_EQ(storage().reporter_counts(one, 0), (ReporterCounts{3, 1, 1, 3, 1, 1, 4}));
    EXPECT_EQ(storage().reporter_counts(one, 101), (ReporterCounts{0, 0, 0, 3, 0, 1, 4}));
    EXPECT_EQ(storage().reporter_counts(one, 191), ReporterCounts{});
}

TEST_P(TheReporters, are_known_in_their_cases) {
    const Reporters::InCase a{CaseId("C-1"), ReporterId("a.example"), DeliveryId("M-1")}, b{CaseId("C-1"), ReporterId("b.example"), DeliveryId("M-2")},
        other{CaseId("C-10"), ReporterId("a.example"), DeliveryId("M-3")};
    for (const auto& entry : {b, a, a, other}) storage().note_reporter_in_case(entry);
    EXPECT_EQ(storage().reporters_in_case(CaseId("C-1"), 10), (std::vector{a, b}));
    EXPECT_EQ(storage().reporters_in_case(CaseId("C-1"), 1), (std::vector{a}));
    EXPECT_TRUE(storage().reporters_in_case(CaseId("C-2"), 10).empty());
}

TEST_P(TheReporters, are_owed_each_mail_once) {
    ReporterMail mail{DeliveryId("M-1"), ReporterNotice::received, ReporterId("a.example"), "abuse@a.example", "<M-1.received.x@p>", MailState::due, 0, at(10), ""};
    EXPECT_TRUE(storage().owe_reporter_mail(mail));
    auto again = mail;
    again.message_id = "<another>";
    EXPECT_FALSE(storage().owe_reporter_mail(again));
    auto closed = mail;
    closed.notice = ReporterNotice::closed;
    closed.next_try = at(5);
    EXPECT_TRUE(storage().owe_reporter_mail(closed));
    EXPECT_TRUE(storage().reporter_mails_to_send(at(4), 10).empty());
    EXPECT_EQ(storage().reporter_mails_to_send(at(10), 10), (std::vector{closed, mail}));
    EXPECT_EQ(storage().reporter_mails_to_send(at(10), 1), (std::vector{closed}));
    closed.state = MailState::sent;
    closed.last_reply = "250 ok";
    storage().update_reporter_mail(closed);
    EXPECT_EQ(storage().reporter_mails_to_send(at(10), 10), (std::vector{mail}));
    EXPECT_EQ(storage().reporter_mails_of(mail.delivery), (std::vector{mail, closed}));
    EXPECT_FALSE(storage().owe_reporter_mail(closed)) << "sent is sent";
    EXPECT_TRUE(storage().reporter_mails_of(DeliveryId("M-2")).empty());
}

}  // namespace
}  // namespace bailiff::test
