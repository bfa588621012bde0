// SPDX-License-Identifier: Apache-2.0
// Limited and isolated, in each of the host's ways, on a real guest with real traffic to the host's bridge: what passes,
// what does not, and that everything is as it was afterwards, letter by letter.
#include "tests/integration/hypervisor/host_fixture.hpp"
#include "tests/integration/hypervisor/lab_net.hpp"

#include <csignal>
#include <cstdlib>

namespace bailiff::test {
namespace {

using agent::IsolateBy;
using std::chrono::milliseconds;

constexpr uint16_t closed = 2525, open = 8080, streaming = 9000, loading = 9100;
constexpr const char* bridge = "10.77.0.1";

/// One guest for all tests: it tries two ports over and over, keeps one stream, and loads when somebody listens.
class StatesOnLibvirt : public HostFixture {
  protected:
    static void SetUpTestSuite() {
        HostFixture::SetUpTestSuite();
        if (!host_) return;
        // The daemon answers before its networks are up; a call for one of them waits until they are.
        eventually([] { return host_->virsh({"net-list", "--name"}).find("customers") != std::string::npos; }, milliseconds{20'000});
        host_->exec({"ip", "address", "add", "10.77.0.1/24", "dev", "customers0"});
        const std::string to = std::string("=") + bridge + ",";
        guest_ = std::make_unique<LabGuest>(*host_, LabGuestOptions{.name = "talker",
                                                                    .cmdline = {"lab.ip=10.77.0.2/24", "lab.try" + to + "2525,8080",
                                                                                "lab.stream" + to + "9000", "lab.load" + to + "9100"}});
    }
    static void TearDownTestSuite() {
        guest_.reset();
        HostFixture::TearDownTestSuite();
    }

    void SetUp() override {
        HostFixture::SetUp();
        if (IsSkipped()) return;
        listeners_ = std::make_unique<Listeners>(host_->network_namespace(), bridge, std::vector<uint16_t>{closed, open, streaming});
        if (!guest_->runs()) guest_->start();
        ASSERT_TRUE(all_passes()) << "before: " << guest_->console().substr(0, 2000);
        before_ = host_->virsh({"dumpxml", "--inactive", "talker"});
        live_before_ = running_interfaces();
    }
    void TearDown() override {
        if (IsSkipped() || HasFatalFailure()) return;
        expect_as_before();
    }

    agent::LibvirtOptions options_by(IsolateBy way) const {
        auto out = options();
        out.isolate_by = way;
        return out;
    }
    VmId vm() const { return VmId(guest_->uuid()); }
    bool reaches(uint16_t port) {
        const auto now = listeners_->connections(port);
        return eventually([&] { return listeners_->connections(port) > now + 1; }, milliseconds{15'000});
    }
    bool flows() {
        const auto now = listeners_->bytes(streaming);
        return eventually([&] { return listeners_->bytes(streaming) > now + 10; }, milliseconds{15'000});
    }
    /// Both ports and the stream, waited for at once.
    bool all_passes() {
        const auto at_closed = listeners_->connections(closed), at_open = listeners_->connections(open), bytes = listeners_->bytes(streaming);
        return eventually(
            [&] {
                return listeners_->connections(closed) > at_closed + 1 && listeners_->connections(open) > at_open + 1 &&
                       listeners_->bytes(streaming) > bytes + 10;
            },
            milliseconds{20'000});
    }
    /// Nothing at all for a while, in which the guest tries each port at least once; what was on its way when the cut came is let in.
    void expect_silence(const std::vector<uint16_t>& ports) {
        std::this_thread::sleep_for(milliseconds{300});
        std::map<uint16_t, int64_t> then;
        for (const auto port : ports) then[port] = listeners_->connections(port);
        const auto bytes = listeners_->bytes(streaming);
        std::this_thread::sleep_for(milliseconds{2600});
        for (const auto port : ports) EXPECT_EQ(listeners_->connections(port), then[port]) << "port " << port;
        if (ports.size() > 1) {
            EXPECT_EQ(listeners_->bytes(streaming), bytes) << "the open connection";
        }
    }
    int64_t kilobytes_a_second(milliseconds span) {
        Listeners sink(host_->network_namespace(), bridge, {loading});
        EXPECT_TRUE(eventually([&] { return sink.bytes(loading) > 0; }, milliseconds{15'000}));
        sink.bytes_within(loading, milliseconds{700});   // the burst
        return sink.bytes_within(loading, span) * 1000 / 1024 / span.count();
    }
    agent::NetworkHold hold() {
        const auto seen = hypervisor_->observe(vm());
        EXPECT_TRUE(seen) << seen.error().text;
        return seen ? seen->hold : agent::NetworkHold{};
    }
    void expect_as_before() {
        EXPECT_EQ(host_->virsh({"dumpxml", "--inactive", "talker"}), before_) << "the stored definition, letter by letter";
        if (guest_->runs()) {
            EXPECT_EQ(running_interfaces(), live_before_);
        }
        EXPECT_EQ(hold(), agent::NetworkHold{});
        EXPECT_EQ(host_->virsh({"nwfilter-list"}).find("bailiff"), std::string::npos) << "no filter is left";
        EXPECT_EQ(host_->exec({"nft", "list", "tables"}).find("bailiff"), std::string::npos) << "no table is left";
        EXPECT_TRUE(all_passes());
    }
    /// The running interfaces without what libvirt numbers anew: ports of its network, and taps.
    std::string running_interfaces() {
        const std::string xml = host_->virsh({"dumpxml", "talker"});
        std::string out;
        for (size_t at = 0; (at = xml.find("<interface", at)) != std::string::npos; ++at) out += xml.substr(at, xml.find("</interface>", at) - at);
        for (const std::string_view numbered : {" portid='", " dev='"})
            for (size_t at = 0; (at = out.find(numbered, at)) != std::string::npos;)
                out.erase(at, out.find('\'', at + numbered.size()) + 1 - at);
        return out;
    }

    inline static std::unique_ptr<LabGuest> guest_;
    std::unique_ptr<Listeners> listeners_;
    std::string before_, live_before_;
};

TEST_F(StatesOnLibvirt, closed_ports_are_shut_open_ones_work_and_a_restart_changes_nothing) {
    const Limit limit{"25,2525", 0};
    measured("closing two ports of one interface", [&] {
        const auto done = hypervisor_->set_limit(vm(), limit);
        ASSERT_TRUE(done) << done.error().text;
    });
    EXPECT_EQ(hold(), (agent::NetworkHold{true, false, true, limit}));
    expect_silence({closed});
    EXPECT_TRUE(reaches(open));
    EXPECT_TRUE(flows());
    measured("the same again", [&] { ASSERT_TRUE(hypervisor_->set_limit(vm(), limit)); });

    host_->virsh({"destroy", "talker"});
    EXPECT_EQ(hold(), (agent::NetworkHold{true, false, true, limit})) << "off";
    guest_->start();
    EXPECT_EQ(hold(), (agent::NetworkHold{true, false, true, limit}));
    EXPECT_TRUE(reaches(open));
    expect_silence({closed});

    const Limit other{"8080", 0};
    ASSERT_TRUE(hypervisor_->set_limit(vm(), other)) << "another limit replaces the first";
    EXPECT_EQ(hold().limit, other);
    EXPECT_TRUE(reaches(closed));
    expect_silence({open});
    measured("opening them", [&] { ASSERT_TRUE(hypervisor_->set_links(vm(), true)); });
}

TEST_F(StatesOnLibvirt, the_rate_is_capped_and_the_cap_is_seen) {
    const auto free = kilobytes_a_second(milliseconds{1500});
    const Limit limit{"2525", 512};
    measured("closing a port and capping the rate", [&] {
        const auto done = hypervisor_->set_limit(vm(), limit);
        ASSERT_TRUE(done) << done.error().text;
    });
    const auto capped = kilobytes_a_second(milliseconds{4000});
    std::printf("measured: rate of one interface %lld kB/s, capped to 64 kB/s: %lld kB/s\n", static_cast<long long>(free),
                static_cast<long long>(capped));
    // A busy machine's guest sends some hundreds by itself.
    EXPECT_GT(free, 150);
    EXPECT_LT(capped, 90);
    EXPECT_GT(capped, 10);
    EXPECT_EQ(hold(), (agent::NetworkHold{true, false, true, limit}));
    ASSERT_TRUE(hypervisor_->set_links(vm(), true));
    EXPECT_GT(kilobytes_a_second(milliseconds{1500}), 150);
}

TEST_F(StatesOnLibvirt, a_rate_over_a_restart) {
    if (!std::getenv("BAILIFF_LONG")) GTEST_SKIP() << "long: BAILIFF_LONG=1, or contrib/test-long states";
    const Limit limit{"2525", 1024};
    ASSERT_TRUE(hypervisor_->set_limit(vm(), limit));
    host_->virsh({"destroy", "talker"});
    ASSERT_TRUE(hypervisor_->set_limit(vm(), limit)) << "as the watch does when a VM ends";
    EXPECT_EQ(hold(), (agent::NetworkHold{true, false, true, limit}));
    EXPECT_EQ(host_->exec({"nft", "list", "tables"}).find("bailiff"), std::string::npos) << "no table waits for another VM's tap";
    guest_->start();
    EXPECT_EQ(hold().limit.closed_ports, "2525");
    // Where nft sets the rate, a new tap has none until the watch looks; where libvirt does, it is there from the start.
    ASSERT_TRUE(hypervisor_->set_limit(vm(), limit));
    EXPECT_EQ(hold(), (agent::NetworkHold{true, false, true, limit}));
    EXPECT_LT(kilobytes_a_second(milliseconds{2000}), 180);
    ASSERT_TRUE(hypervisor_->set_links(vm(), true));
}

TEST_F(StatesOnLibvirt, isolated_in_each_way_nothing_passes_and_it_comes_back) {
    for (const auto& [way, word] : {std::pair{IsolateBy::link, "link"}, {IsolateBy::network, "network"}, {IsolateBy::filter, "filter"}}) {
        SCOPED_TRACE(word);
        agent::LibvirtHypervisor hypervisor(options_by(way), clock_);
        const auto streams = listeners_->connections(streaming);
        measured(std::string("isolating by ") + word, [&] {
            const auto cut = hypervisor.set_links(vm(), false);
            ASSERT_TRUE(cut) << cut.error().text;
        });
        EXPECT_EQ(hold(), (agent::NetworkHold{true, true, true, {}}));
        expect_silence({closed, open});
        ASSERT_TRUE(hypervisor.set_links(vm(), false)) << "twice is once";
        measured(std::string("connecting again after ") + word, [&] { ASSERT_TRUE(hypervisor.set_links(vm(), true)); });
        expect_as_before();
        if (way == IsolateBy::filter) {
            EXPECT_EQ(listeners_->connections(streaming), streams) << "the open connection was silent, and goes on: the guest's link was never down";
        }
    }
}

TEST_F(StatesOnLibvirt, from_state_to_state_and_through_an_off_vm_without_one_open_packet) {
    const Limit limit{"2525", 0};
    ASSERT_TRUE(hypervisor_->set_links(vm(), false));
    ASSERT_TRUE(hypervisor_->set_limit(vm(), limit)) << "isolated -> limited";
    EXPECT_EQ(hold(), (agent::NetworkHold{true, false, true, limit}));
    EXPECT_TRUE(reaches(open));
    ASSERT_TRUE(hypervisor_->set_links(vm(), false)) << "limited -> isolated";
    EXPECT_EQ(hold(), (agent::NetworkHold{true, true, true, {}}));
    ASSERT_TRUE(hypervisor_->power_off(vm(), false)) << "-> off: the definition is the owner's again";
    ASSERT_TRUE(hypervisor_->set_links(vm(), true));
    EXPECT_EQ(host_->virsh({"dumpxml", "--inactive", "talker"}), before_);
    const auto then = listeners_->connections(open);
    ASSERT_TRUE(hypervisor_->set_links(vm(), false)) << "off -> isolated";
    measured("start of a VM whose network is cut", [&] {
        const auto started = hypervisor_->start(vm());
        ASSERT_TRUE(started) << started.error().text;
    });
    EXPECT_EQ(power(*guest_), Power::running);
    EXPECT_EQ(hold(), (agent::NetworkHold{true, true, true, {}}));
    const int boots = guest_->boots();
    EXPECT_TRUE(guest_->wait_boots(boots) || guest_->wait_boots(boots + 1));
    std::this_thread::sleep_for(milliseconds{4000});
    EXPECT_EQ(listeners_->connections(open), then) << "not one packet";
    ASSERT_TRUE(hypervisor_->set_links(vm(), true)) << "-> running";
}

TEST_F(StatesOnLibvirt, a_rate_of_an_off_vm_is_there_when_it_starts) {
    if (!std::getenv("BAILIFF_LONG")) GTEST_SKIP() << "long: BAILIFF_LONG=1, or contrib/test-long states";
    ASSERT_TRUE(hypervisor_->power_off(vm(), false));
    const Limit limit{"", 1024};
    ASSERT_TRUE(hypervisor_->set_limit(vm(), limit));
    EXPECT_EQ(hold().limit, limit);
    const auto started = hypervisor_->start(vm());
    ASSERT_TRUE(started) << started.error().text;
    EXPECT_EQ(hold(), (agent::NetworkHold{true, false, true, limit}));
    EXPECT_TRUE(reaches(open));
    ASSERT_TRUE(hypervisor_->set_links(vm(), true));
}

TEST_F(StatesOnLibvirt, what_others_change_meanwhile_is_seen_repaired_and_theirs_is_kept) {
    ASSERT_TRUE(hypervisor_->set_links(vm(), false));
    host_->virsh({"domif-setlink", "talker", guest_->mac(), "up"});
    EXPECT_FALSE(hold().cut) << "a link put up again";
    ASSERT_TRUE(hypervisor_->set_links(vm(), false));
    EXPECT_TRUE(hold().cut);
    host_->virsh({"domif-setlink", "talker", guest_->mac(), "up", "--config"});
    EXPECT_TRUE(hold().cut && !hold().whole) << "what only a restart would show";
    ASSERT_TRUE(hypervisor_->set_links(vm(), false));
    host_->virsh({"attach-interface", "talker", "network", "customers", "--mac", "52:54:00:aa:bb:cc", "--model", "virtio", "--live", "--config"});
    EXPECT_FALSE(hold().cut) << "an interface plugged in anew";
    ASSERT_TRUE(hypervisor_->set_links(vm(), false));
    EXPECT_EQ(hold(), (agent::NetworkHold{true, true, true, {}}));
    ASSERT_TRUE(hypervisor_->set_links(vm(), true));
    const auto seen = hypervisor_->observe(vm());
    ASSERT_TRUE(seen);
    ASSERT_EQ(seen->nics.size(), 2u);
    EXPECT_TRUE(seen->nics[0].link_up && seen->nics[1].link_up);
    host_->virsh({"detach-interface", "talker", "network", "--mac", "52:54:00:aa:bb:cc", "--live", "--config"});
    EXPECT_TRUE(eventually([&] { return hypervisor_->observe(vm())->nics.size() == 1; }, milliseconds{20'000}));
}

TEST_F(StatesOnLibvirt, an_address_in_the_neighbour_table_is_a_sign_of_health) {
    const auto sign = [&] {
        const auto seen = hypervisor_->sign_of_health(vm(), Health::network);
        EXPECT_TRUE(seen) << seen.error().text;
        return seen.value_or(agent::HealthSign{});
    };
    EXPECT_TRUE(eventually([&] { return sign().shows; })) << sign().text;
    EXPECT_EQ(sign().text, "its address 10.77.0.2 stands in the host's neighbour table");
    // Cut off, it cannot answer; what the host knew of it before is forgotten here as it would be with time.
    ASSERT_TRUE(hypervisor_->set_links(vm(), false));
    host_->exec({"ip", "neighbour", "flush", "dev", "customers0"});
    EXPECT_FALSE(sign().shows) << sign().text;
    ASSERT_TRUE(hypervisor_->set_links(vm(), true));
    EXPECT_TRUE(eventually([&] { return sign().shows; })) << sign().text;
}

TEST_F(StatesOnLibvirt, a_hung_libvirt_is_not_waited_for) {
    auto impatient = options();
    impatient.cut_timeout = milliseconds{1000};
    agent::LibvirtHypervisor hypervisor(impatient, clock_);
    // The guest's QEMU stands still for a moment, and with it every libvirt call for it; its tap is the kernel's.
    ::kill(host_->qemu("talker"), SIGSTOP);
    measured("isolating while libvirt hangs (patience 1000 ms)", [&] {
        const auto cut = hypervisor.set_links(vm(), false);
        EXPECT_TRUE(cut) << cut.error().text;
    });
    const auto seen = hypervisor.observe(vm());
    ASSERT_TRUE(seen) << seen.error().text;
    EXPECT_TRUE(seen->stuck);
    EXPECT_TRUE(seen->hold.cut);
    EXPECT_FALSE(seen->hold.whole);
    ::kill(host_->qemu("talker"), SIGCONT);
    expect_silence({closed, open});
    EXPECT_TRUE(eventually([&] { return !hypervisor.observe(vm())->stuck; })) << "the hung call came back";
    ASSERT_TRUE(hypervisor.set_links(vm(), false)) << "libvirt follows";
    EXPECT_EQ(hold(), (agent::NetworkHold{true, true, true, {}}));
    expect_silence({closed, open});
    ASSERT_TRUE(hypervisor.set_links(vm(), true));
}

}  // namespace
}  // namespace bailiff::test
