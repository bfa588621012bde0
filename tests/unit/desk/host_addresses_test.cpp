// SPDX-License-Identifier: Apache-2.0
// What hosts say of the addresses of their VMs becomes a history of its own, and costs nothing while nothing changes.
#include "tests/unit/desk/desk_world.hpp"

namespace bailiff::test {
namespace {

/// Counts how often the history is asked or written.
class CountingStorage : public FullableStorage {
  public:
    int asked = 0, written = 0;
    std::vector<AddressSpan> spans_of(const Address& address, int64_t port, Instant latest, Instant earliest, size_t limit) override {
        ++asked;
        return FullableStorage::spans_of(address, port, latest, earliest, limit);
    }
    SpanChange put_span(const AddressSpan& span) override {
        ++written;
        return FullableStorage::put_span(span);
    }
};

struct HostsSay : DeskWorld {
    const VmId web2{"22222222-2222-4222-8222-222222222222"};
    const HostId h1{"h1"}, h2{"h2"};
    const std::string floating = "203.0.113.7";
    CountingStorage counted;
    std::unique_ptr<Desk> desk;
    int64_t frames = 0;

    void SetUp() override { begin(); }
    void begin() {
        auto p = ports();
        counted.put_customer({CustomerId("7"), "Lotus Textiles", {"Asha Rao", "asha@lotus.example", "+91 80 5550 0117", "en", ""}, 0});
        desk = std::make_unique<Desk>(Desk::Ports{counted, p.clock, p.random, p.signer, p.mailer, p.writer, p.hosts, p.watchers}, shipped_policies(), options);
    }
    VmRecord record(const VmId& id, std::vector<VmAddress> addresses, Power power = Power::running) {
        VmRecord out;
        out.vm = id;
        out.name = id == web1 ? "web1" : "web2";
        out.power = power;
        out.addresses = std::move(addresses);
        return out;
    }
    VmAddress enforced(const std::string& text) { return {KnownBy::enforced, text}; }
    VmAddress lease(const std::string& text) { return {KnownBy::lease, text}; }
    /// The whole inventory of a host.
    void says(const HostId& host, std::vector<VmRecord> vms) {
        InventoryPart part{++frames, true, std::move(vms)};
        desk->on_frame(host, Frame{MessageId("m" + std::to_string(frames)), std::move(part)});
        desk->flush();
    }
    std::vector<AddressSpan> spans(const std::string& address) {
        return counted.spans_of(*parse_address(address), 0, Instant(Seconds(253'402'300'799)), Instant{}, 100);
    }
    std::string who(const std::string& address, Instant at) {
        const auto found = desk->locate(address, 0, at);
        return std::string(name(found.who.confidence)) + (found.vm ? " " + found.vm->name : "");
    }
    void hours(int64_t n) { clock.advance(Seconds(n * 3600)); }
    Instant ago(int64_t n) { return clock.now() - Seconds(n * 3600); }
};

TEST_F(HostsSay, which_opens_and_closes_intervals) {
    says(h1, {record(web1, {enforced(floating), lease("198.51.100.9")})});
    const Instant began = clock.now();
    ASSERT_EQ(spans(floating).size(), 1u);
    EXPECT_EQ(spans(floating)[0].source, AddressSource::enforced);
    EXPECT_EQ(spans(floating)[0].from, began);
    EXPECT_TRUE(spans(floating)[0].earlier) << "the first that is seen with it";
    EXPECT_FALSE(spans("198.51.100.9")[0].earlier) << "a lease says nothing of before";
    hours(10);
    says(h1, {record(web1, {enforced(floating)})});
    EXPECT_EQ(spans("198.51.100.9")[0].until, clock.now()) << "the lease ended";
    hours(10);
    EXPECT_EQ(who(floating, ago(1)), "certain web1");
    EXPECT_EQ(who(floating, began - Seconds(3600)), "likely web1");
    EXPECT_EQ(who("198.51.100.9", ago(11)), "likely web1");
    EXPECT_EQ(who("198.51.100.9", ago(1)), "unknown");
    says(h1, {});
    EXPECT_EQ(spans(floating)[0].until, clock.now()) << "the VM is gone";
    EXPECT_TRUE(counted.find_vm(web1)->host_addresses.empty());
    hours(1);
    says(h1, {record(web1, {enforced(floating)})});
    EXPECT_EQ(spans(floating).size(), 2u) << "it is back, and nobody knows of the hour between";
}

TEST_F(HostsSay, the_same_again_and_nothing_is_looked_up) {
    std::vector<VmRecord> all{record(web1, {enforced(floating), lease("198.51.100.9")}), record(web2, {lease("198.51.100.10")})};
    says(h1, all);
    counted.asked = counted.written = 0;
    hours(1);
    says(h1, all);
    // Written otherwise, and more than once: the same.
    all[0].addresses = {lease("198.51.100.9"), enforced("::ffff:203.0.113.7"), enforced(floating)};
    says(h1, all);
    begin();   // the controller starts again
    says(h1, all);
    EXPECT_EQ(counted.asked, 0);
    EXPECT_EQ(counted.written, 0);
    EXPECT_EQ(counted.find_vm(web1)->host_addresses, (std::vector<VmAddress>{enforced(floating), lease("198.51.100.9")}));
}

TEST_F(HostsSay, what_is_no_address_of_one_vm_alone_and_it_is_not_taken) {
    const std::vector<VmAddress> odd{lease("192.168.122.2"), enforced("10.1.2.3"), enforced("fd00::7"), enforced("fe80::1"), enforced("127.0.0.1"), enforced("0.0.0.0/0"),
                                     enforced("192.0.0.0/16"), enforced("web1"), enforced(""), enforced("203.0.113.9/29")};
    says(h1, {record(web1, odd)});
    EXPECT_TRUE(counted.find_vm(web1)->host_addresses.empty());
    EXPECT_EQ(counted.written, 0);
    options.our_networks = {*parse_prefix("10.0.0.0/8"), *parse_prefix("fd00::/16")};
    begin();
    says(h1, {record(web1, odd)});
    EXPECT_EQ(counted.find_vm(web1)->host_addresses, (std::vector<VmAddress>{enforced("10.1.2.3"), enforced("fd00::7")})) << "within our networks";
    EXPECT_EQ(who("10.1.2.3", clock.now()), "certain web1");
    EXPECT_EQ(who("192.168.122.2", clock.now()), "unknown");
}

TEST_F(HostsSay, a_vm_that_migrates_keeps_its_interval) {
    says(h1, {record(web1, {enforced(floating)})});
    hours(5);
    says(h2, {record(web1, {enforced(floating)}, Power::paused)});   // on its way
    says(h2, {record(web1, {enforced(floating)})});
    says(h1, {});
    ASSERT_EQ(spans(floating).size(), 1u);
    EXPECT_FALSE(spans(floating)[0].until);
    EXPECT_EQ(counted.written, 1);
    // The old host lets go of it first, or shows it off for a moment: the interval goes on.
    hours(5);
    says(h2, {});
    EXPECT_TRUE(spans(floating)[0].until);
    clock.advance(Seconds(20));
    says(h1, {record(web1, {enforced(floating)})});
    says(h1, {record(web1, {}, Power::off)});
    clock.advance(Seconds(250));
    says(h1, {record(web1, {enforced(floating)})});
    ASSERT_EQ(spans(floating).size(), 1u);
    EXPECT_FALSE(spans(floating)[0].until);
    // Not when somebody else came meanwhile.
    says(h1, {record(web1, {})});
    clock.advance(Seconds(60));
    says(h1, {record(web1, {}), record(web2, {enforced(floating)})});
    clock.advance(Seconds(60));
    says(h1, {record(web1, {enforced(floating)}), record(web2, {})});
    EXPECT_EQ(spans(floating).size(), 3u);
}

TEST_F(HostsSay, a_vm_on_no_host_has_no_address) {
    says(h1, {record(web1, {enforced(floating)})});
    says(h2, {record(web1, {enforced(floating)}, Power::paused)});
    says(h1, {});   // on its way
    EXPECT_FALSE(spans(floating)[0].until);
    says(h2, {});   // and never arrived
    EXPECT_EQ(spans(floating)[0].until, clock.now());
    EXPECT_TRUE(counted.find_vm(web1)->host_addresses.empty());
}

TEST_F(HostsSay, two_at_once_and_it_is_for_a_person) {
    says(h1, {record(web1, {lease(floating)}), record(web2, {lease(floating)})});
    EXPECT_EQ(spans(floating).size(), 2u) << "the same second, and neither is lost";
    hours(1);
    EXPECT_EQ(who(floating, clock.now()), "ambiguous");
    says(h1, {record(web1, {}), record(web2, {lease(floating)})});
    hours(1);
    EXPECT_EQ(who(floating, clock.now()), "likely web2");
    EXPECT_EQ(who(floating, ago(1) - Seconds(1200)), "ambiguous");
}

TEST_F(HostsSay, a_vm_that_passes_to_another_customer_begins_anew) {
    counted.put_customer({CustomerId("8"), "Other", {"Bo", "bo@other.example", "+91 80 5550 0118", "en", ""}, 0});
    says(h1, {record(web1, {enforced(floating)})});
    Vm vm = *counted.find_vm(web1);
    vm.customer = CustomerId("7");
    vm.host_addresses.clear();   // nobody but its host says them
    desk->put_vm(vm);
    EXPECT_EQ(spans(floating).size(), 1u) << "that it is known whose it is changes nothing";
    EXPECT_EQ(counted.find_vm(web1)->host_addresses.size(), 1u);
    hours(10);
    vm.customer = CustomerId("8");
    desk->put_vm(vm);
    ASSERT_EQ(spans(floating).size(), 2u);
    EXPECT_EQ(spans(floating)[0].customer, CustomerId("8"));
    EXPECT_EQ(spans(floating)[1].until, clock.now());
    hours(1);
    says(h1, {record(web1, {})});
    EXPECT_EQ(spans(floating)[0].until, clock.now());
}

TEST_F(HostsSay, reports_that_waited_find_their_vm) {
    says(h1, {record(web1, {})});
    Vm vm = *counted.find_vm(web1);
    vm.customer = CustomerId("7");
    desk->put_vm(vm);
    ReportInput input;
    input.type = "content/malware";
    input.address = floating;
    input.observed_at = clock.now();
    const auto report = desk->report(input, "staff:ravi");
    ASSERT_TRUE(report);
    EXPECT_TRUE(report->case_id.empty());
    clock.advance(Seconds(120));
    says(h1, {record(web1, {lease(floating)})});
    desk->tick(), desk->flush();
    const auto stored = *counted.find_report(report->report);
    EXPECT_FALSE(stored.case_id.empty()) << stored.triage;
    EXPECT_NE(stored.who.find("nothing but the lease says so"), std::string::npos) << stored.who;
}

}  // namespace
}  // namespace bailiff::test
