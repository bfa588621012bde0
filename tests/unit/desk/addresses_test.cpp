// SPDX-License-Identifier: Apache-2.0
// Whose an address was: the history decides, what nobody knows waits, and late history resolves it.
#include "tests/unit/desk/desk_world.hpp"

#include <bailiff/dsse.hpp>

namespace bailiff::test {
namespace {

/// Answers when it is told to.
class FakeLookup : public AddressLookup {
  public:
    std::vector<std::pair<AddressQuestion, std::function<void(AddressAnswer)>>> asked;
    void ask(const AddressQuestion& question, std::function<void(AddressAnswer)> done) override { asked.emplace_back(question, std::move(done)); }
};

struct AnAddress : DeskWorld {
    const VmId web2{"22222222-2222-4222-8222-222222222222"};
    const std::string floating = "203.0.113.7";
    FakeLookup lookup;
    std::unique_ptr<Desk> desk;

    void SetUp() override {
        storage.put_customer({CustomerId("8"), "Other", {"Bo", "bo@other.example", "+91 80 5550 0118", "en", ""}, 0});
        storage.put_vm(vm(web2, "web2", "8", {"192.0.2.20"}));
        desk = std::make_unique<Desk>(ports(), shipped_policies(), options);
    }
    void with_cmdb() {
        auto p = ports();
        p.lookup = &lookup;
        desk = std::make_unique<Desk>(p, shipped_policies(), options);
    }
    Vm vm(const VmId& id, const std::string& name, const std::string& customer, std::vector<std::string> addresses) {
        return {id, name, HostId("h1"), CustomerId(customer), std::move(addresses), Power::running, VmState::running, false, false, clock.now()};
    }
    AddressSpan span(const std::string& prefix, const VmId& id, Instant from, std::optional<Instant> until = {}) {
        AddressSpan out;
        out.prefix = *parse_prefix(prefix);
        out.vm = id;
        out.from = from;
        out.until = until;
        out.source = AddressSource::import_;
        out.learned_at = clock.now();
        return out;
    }
    StoredReport report(const std::string& address, Instant observed, int64_t port = 0, const std::string& type = "content/malware") {
        ReportInput input;
        input.type = type;
        input.address = address;
        input.observed_at = observed;
        input.port = port;
        const auto out = desk->report(input, "staff:ravi");
        EXPECT_TRUE(out) << (out ? "" : out.error().text);
        desk->flush();
        return *storage.find_report(out->report);
    }
    StoredReport now_of(const StoredReport& report) { return *storage.find_report(report.id); }
    VmId vm_of(const StoredReport& report) {
        const auto c = storage.find_case(report.case_id);
        return c ? c->vm : VmId("none");
    }
    void tick() { desk->tick(), desk->flush(); }
    Instant ago(int64_t hours) { return clock.now() - Seconds(hours * 3600); }
};

TEST_F(AnAddress, belongs_to_whoever_had_it_then) {
    ASSERT_TRUE(desk->take_spans({span(floating, web1, ago(48), ago(24)), span(floating, web2, ago(24))}));
    const auto before = report(floating, ago(30)), after = report(floating, ago(2));
    EXPECT_EQ(vm_of(before), web1) << "a floating address has moved since";
    EXPECT_EQ(vm_of(after), web2);
    EXPECT_NE(before.who.find("\"confidence\":\"certain\""), std::string::npos) << before.who;
    EXPECT_NE(before.who.find("web1 had 203.0.113.7 from"), std::string::npos) << before.who;
    const auto near = report(floating, ago(24) + Seconds(120));
    EXPECT_TRUE(near.case_id.empty());
    EXPECT_NE(near.triage.find("changed hands"), std::string::npos) << near.triage;
    EXPECT_NE(near.triage.find("web1"), std::string::npos);
    EXPECT_NE(near.triage.find("web2"), std::string::npos);
    EXPECT_EQ(near.wait, ReportWait::history);
}

TEST_F(AnAddress, without_history_is_whose_it_is_now) {
    const auto fresh = report("192.0.2.10", ago(0)), old = report("192.0.2.10", ago(100)), unknown = report("198.51.100.9", ago(0));
    EXPECT_EQ(vm_of(fresh), web1);
    EXPECT_EQ(vm_of(old), web1);
    EXPECT_NE(fresh.who.find("\"certain\""), std::string::npos) << fresh.who;
    EXPECT_NE(old.who.find("\"likely\""), std::string::npos) << old.who;
    EXPECT_NE(old.who.find("no record says since when"), std::string::npos) << old.who;
    EXPECT_EQ(unknown.triage, "no VM has the address 198.51.100.9");
}

TEST_F(AnAddress, that_a_record_gives_to_one_and_the_directory_to_another_is_for_a_person) {
    ASSERT_TRUE(desk->take_spans({span("192.0.2.10", web2, ago(48))}));
    for (const int64_t hours : {0, 30}) {
        const auto report_then = report("192.0.2.10", ago(hours));
        EXPECT_TRUE(report_then.case_id.empty());
        EXPECT_NE(report_then.triage.find("contradict each other"), std::string::npos) << report_then.triage;
        EXPECT_NE(report_then.triage.find("web1"), std::string::npos);
        EXPECT_NE(report_then.triage.find("web2"), std::string::npos);
    }
}

TEST_F(AnAddress, that_changes_in_the_inventory_leaves_a_history) {
    desk->put_vm(vm(web1, "web1", "7", {"192.0.2.10", floating}));
    const Instant began = clock.now();
    clock.advance(Seconds(86'400));
    desk->put_vm(vm(web1, "web1", "7", {"192.0.2.10"}));
    desk->put_vm(vm(web2, "web2", "8", {"192.0.2.20", floating}));
    clock.advance(Seconds(86'400));
    EXPECT_EQ(vm_of(report(floating, began + Seconds(3600))), web1);
    EXPECT_EQ(vm_of(report(floating, ago(1))), web2);
    EXPECT_EQ(report(floating, began + Seconds(86'400)).wait, ReportWait::history) << "at the change itself a person decides";
    EXPECT_EQ(desk->locate(floating, 0, began - Seconds(86'400)).who.confidence, Confidence::likely) << "the first that was seen with it";
    // Taken away before its history was ever noted: it had it when it was last seen.
    desk->put_vm(vm(web2, "web2", "8", {}));
    EXPECT_EQ(desk->locate("192.0.2.20", 0, ago(40)).vm->id, web2);
    EXPECT_EQ(desk->locate("192.0.2.20", 0, clock.now() + Seconds(4000)).who.confidence, Confidence::unknown);
}

TEST_F(AnAddress, in_a_network_of_the_inventory_leaves_a_history_too) {
    desk->put_vm(vm(web1, "web1", "7", {"2001:db8:7::/64"}));
    clock.advance(Seconds(86'400));
    desk->put_vm(vm(web1, "web1", "7", {}));
    desk->put_vm(vm(web2, "web2", "8", {"2001:db8:7::/64", "0.0.0.0/0", "no address"}));
    clock.advance(Seconds(86'400));
    EXPECT_EQ(vm_of(report("2001:db8:7::25", ago(30))), web1);
    EXPECT_EQ(vm_of(report("2001:db8:7::25", ago(1))), web2);
    EXPECT_EQ(desk->locate("198.51.100.9", 0, ago(1)).who.confidence, Confidence::unknown) << "nobody has all of the Internet";
}

TEST_F(AnAddress, of_a_vm_that_was_another_customers_is_for_a_person) {
    desk->put_vm(vm(web1, "web1", "7", {floating}));
    clock.advance(Seconds(86'400));
    desk->put_vm(vm(web1, "web1", "8", {floating}));
    clock.advance(Seconds(86'400));
    const auto before = report(floating, ago(30)), after = report(floating, ago(1));
    EXPECT_TRUE(before.case_id.empty());
    EXPECT_NE(before.triage.find("it was customer 7's then, and is customer 8's now"), std::string::npos) << before.triage;
    EXPECT_EQ(vm_of(after), web1);
}

TEST_F(AnAddress, whose_history_comes_late_resolves_its_reports) {
    const auto one = report(floating, ago(30)), six = report("2001:db8:7::25", ago(30));
    const auto other_time = report(floating, ago(60)), elsewhere = report("203.0.113.99", ago(30));
    for (const auto& r : {one, six, other_time, elsewhere}) EXPECT_EQ(r.wait, ReportWait::history);
    const auto taken = desk->take_spans({span(floating, web1, ago(48)), span("2001:db8:7::/64", web2, ago(48))});
    ASSERT_TRUE(taken);
    EXPECT_EQ(taken->added, 2);
    EXPECT_EQ(taken->woken, 2);
    EXPECT_TRUE(now_of(one).case_id.empty()) << "with the next tick, not within the import";
    tick();
    EXPECT_EQ(vm_of(now_of(one)), web1);
    EXPECT_EQ(vm_of(now_of(six)), web2);
    EXPECT_EQ(now_of(one).wait, ReportWait::nothing);
    EXPECT_EQ(now_of(one).triage, "");
    EXPECT_NE(now_of(one).who.find("an import"), std::string::npos) << "and says why: " << now_of(one).who;
    EXPECT_EQ(storage.history(now_of(one).case_id, 0, 1)[0].actor, "addresses");
    EXPECT_EQ(now_of(other_time), other_time);
    EXPECT_EQ(now_of(elsewhere), elsewhere);
    const auto again = desk->take_spans({span(floating, web1, ago(48))});
    EXPECT_EQ(again->unchanged, 1);
    EXPECT_EQ(again->woken, 0);
}

TEST_F(AnAddress, news_of_thousands_are_taken_in_portions) {
    for (int i = 0; i < 250; ++i) report(floating, ago(30));
    ASSERT_EQ(desk->take_spans({span(floating, web1, ago(48))})->woken, 250);
    tick();
    EXPECT_EQ(storage.waiting_reports(ReportWait::again, 1000).size(), 150u);
    tick();
    tick();
    EXPECT_TRUE(storage.waiting_reports(ReportWait::again, 1000).empty());
    EXPECT_EQ(storage.list_cases({}).size(), 1u) << "all of them one case";
}

TEST_F(AnAddress, found_late_opens_no_case_that_acts_by_itself_on_a_strangers_word) {
    ReadEvent event;
    event.type = "connection/ddos";
    event.address = floating;
    event.observed_at = ago(30);
    Reading reading;
    reading.events = {event};
    const std::string bytes = "Subject: s\n\nb";
    const auto got = desk->receive({bytes, sha256_hex(bytes), "", "x@y.example", "a@p", 0, true, reading}, "staff:intake");
    ASSERT_TRUE(got);
    ASSERT_EQ(storage.reports_of(got->delivery.id, 9)[0].wait, ReportWait::history);
    ASSERT_TRUE(desk->take_spans({span(floating, web1, ago(48))}));
    tick();
    const auto report = storage.reports_of(got->delivery.id, 9)[0];
    EXPECT_TRUE(report.case_id.empty());
    EXPECT_NE(report.triage.find("acts on the VM without a call"), std::string::npos) << report.triage;
    EXPECT_EQ(report.wait, ReportWait::nothing) << "it waits for a person now";
    EXPECT_NE(report.who.find("web1"), std::string::npos) << "who is told whose it was";
}

TEST_F(AnAddress, may_be_of_a_vm_that_is_known_by_name_only_or_not_yet) {
    auto by_name = span(floating, VmId(), ago(48));
    by_name.vm_name = "web2";
    auto later = span("203.0.113.8", VmId(), ago(48));
    later.vm_name = "web9";
    const auto taken = desk->take_spans({by_name, later});
    EXPECT_EQ(taken->unknown_vms, 1);
    EXPECT_EQ(vm_of(report(floating, ago(1))), web2);
    const auto waiting = report("203.0.113.8", ago(1));
    EXPECT_NE(waiting.triage.find("web9 had 203.0.113.8"), std::string::npos) << waiting.triage;
    EXPECT_NE(waiting.triage.find("not known here"), std::string::npos) << waiting.triage;
}

TEST_F(AnAddress, shared_by_ports_needs_the_port) {
    auto low = span(floating, web1, ago(48)), high = span(floating, web2, ago(48));
    low.first_port = 1024, low.last_port = 2047, high.first_port = 2048, high.last_port = 4095;
    ASSERT_TRUE(desk->take_spans({low, high}));
    EXPECT_EQ(vm_of(report(floating, ago(1), 3000)), web2);
    EXPECT_EQ(vm_of(report(floating, ago(1), 1024)), web1);
    EXPECT_NE(report(floating, ago(1)).triage.find("names no port"), std::string::npos);
}

TEST_F(AnAddress, outside_of_our_networks_is_not_ours) {
    options.our_networks = {*parse_prefix("192.0.2.0/24"), *parse_prefix("2001:db8::/32")};
    desk = std::make_unique<Desk>(ports(), shipped_policies(), options);
    const auto theirs = report("198.51.100.9", ago(0));
    EXPECT_EQ(theirs.settled, "not_ours: 198.51.100.9 lies in none of our networks");
    EXPECT_TRUE(storage.reports(true, {}, 10).empty());
    EXPECT_EQ(vm_of(report("192.0.2.10", ago(0))), web1);
    EXPECT_EQ(report("2001:db8::9", ago(0)).wait, ReportWait::history);
}

// ---- the CMDB -----------------------------------------------------------------------------------------------------

TEST_F(AnAddress, is_asked_of_the_cmdb_and_the_report_waits_meanwhile) {
    with_cmdb();
    const auto waiting = report(floating, ago(30));
    EXPECT_EQ(waiting.wait, ReportWait::cmdb);
    EXPECT_NE(waiting.triage.find("waits for the CMDB"), std::string::npos) << waiting.triage;
    tick();
    tick();
    ASSERT_EQ(lookup.asked.size(), 1u) << "once";
    EXPECT_EQ(lookup.asked[0].first.at, ago(30));
    auto span_told = span(floating, web2, ago(40));
    span_told.source = AddressSource::cmdb;
    lookup.asked[0].second({true, {span_told}, ""});
    tick();
    tick();
    EXPECT_EQ(vm_of(now_of(waiting)), web2);
    EXPECT_NE(now_of(waiting).who.find("the CMDB"), std::string::npos);
    EXPECT_EQ(lookup.asked.size(), 1u);
    EXPECT_EQ(vm_of(report(floating, ago(20))), web2) << "the answer is kept";
    clock.advance(Seconds(86'400));
    EXPECT_EQ(report(floating, ago(1)).wait, ReportWait::cmdb) << "what held then need not hold now: it is asked again";
}

TEST_F(AnAddress, that_the_cmdb_does_not_know_waits_for_history) {
    with_cmdb();
    const auto waiting = report(floating, ago(30));
    tick();
    lookup.asked.at(0).second({true, {}, ""});
    tick();
    tick();
    EXPECT_EQ(now_of(waiting).wait, ReportWait::history);
    EXPECT_EQ(now_of(waiting).triage, "no VM has the address 203.0.113.7");
    EXPECT_EQ(report(floating, ago(30)).wait, ReportWait::history) << "it is not asked again so soon";
    ASSERT_TRUE(desk->take_spans({span(floating, web1, ago(48))}));
    tick();
    EXPECT_EQ(vm_of(now_of(waiting)), web1);
}

TEST_F(AnAddress, a_cmdb_that_is_away_is_asked_again_and_holds_nobody_up_for_long) {
    with_cmdb();
    const auto likely = report("192.0.2.10", ago(100)), unknown = report(floating, ago(30));
    EXPECT_EQ(likely.wait, ReportWait::cmdb);
    tick();
    ASSERT_EQ(lookup.asked.size(), 2u);
    for (size_t i = 0; i < 2; ++i) lookup.asked[i].second({false, {}, "timed out"});
    tick();
    EXPECT_EQ(lookup.asked.size(), 2u) << "not at once";
    EXPECT_TRUE(now_of(likely).case_id.empty());
    clock.advance(Seconds(1000));
    tick();
    ASSERT_EQ(lookup.asked.size(), 4u);
    lookup.asked[2].second({false, {}, "timed out"});
    tick();
    EXPECT_EQ(vm_of(now_of(likely)), web1) << "a quarter of an hour is long enough for what is likely anyhow";
    EXPECT_EQ(now_of(unknown).wait, ReportWait::cmdb) << "what nobody knows waits on";
}

TEST_F(AnAddress, that_is_certain_is_not_asked_of_the_cmdb) {
    with_cmdb();
    ASSERT_TRUE(desk->take_spans({span(floating, web1, ago(48))}));
    EXPECT_EQ(vm_of(report(floating, ago(30))), web1);
    tick();
    EXPECT_TRUE(lookup.asked.empty());
}

TEST_F(AnAddress, waits_on_when_the_cmdb_was_switched_off) {
    with_cmdb();
    const auto waiting = report(floating, ago(30));
    desk = std::make_unique<Desk>(ports(), shipped_policies(), options);
    tick();
    EXPECT_EQ(now_of(waiting).wait, ReportWait::history);
}

}  // namespace
}  // namespace bailiff::test
