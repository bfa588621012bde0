// SPDX-License-Identifier: Apache-2.0
// What a real libvirtd knows of its guests' addresses: a filter with the address as its parameter, and leases as dnsmasq's helper
// writes them.
#include "tests/integration/hypervisor/host_fixture.hpp"

#include <bailiff/order.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace bailiff::test {
namespace {

constexpr const char* helper = "/usr/lib/libvirt/libvirt_leaseshelper";

class KnownToTheHost : public HostFixture {
  protected:
    void SetUp() override {
        HostFixture::SetUp();
        if (IsSkipped()) return;
        // The filter's name is libvirt's; where its package of filters is not installed, the rule that matters stands for it.
        const std::string path = host_->folder() + "/clean-traffic.xml";
        std::ofstream(path) << "<filter name='clean-traffic' chain='ipv4'><rule action='return' direction='out' priority='500'><ip srcipaddr='$IP'/></rule>"
                               "<rule action='drop' direction='out' priority='1000'/></filter>";
        if (host_->virsh({"nwfilter-list"}).find("clean-traffic") == std::string::npos) host_->virsh({"nwfilter-define", path});
    }
    /// Puts the filter on the guest's interface, with its addresses.
    void filter(const LabGuest& guest, const std::vector<std::string>& addresses) {
        std::ifstream in(guest.xml_path());
        std::stringstream text;
        text << in.rdbuf();
        std::string xml = text.str(), reference = "<filterref filter=\"clean-traffic\">";
        for (const auto& address : addresses) reference += "<parameter name=\"IP\" value=\"" + address + "\"/>";
        xml.insert(xml.find("</interface>"), reference + "</filterref>");
        const std::string path = host_->folder() + "/filtered.xml";
        std::ofstream(path) << xml;
        host_->virsh({"define", path});
    }
    /// What dnsmasq runs at each change of a lease.
    void lease(const std::string& act, const std::string& mac, const std::string& address, int64_t expires) {
        host_->exec({"mkdir", "-p", "/var/lib/libvirt/dnsmasq"});
        host_->exec({"env", "VIR_BRIDGE_NAME=customers0", "DNSMASQ_INTERFACE=customers0", "DNSMASQ_LEASE_EXPIRES=" + std::to_string(expires), helper, act, mac, address, "guest"});
    }
    std::vector<VmAddress> known(const LabGuest& guest) {
        const auto listed = hypervisor_->list();
        EXPECT_TRUE(listed) << (listed ? "" : listed.error().text);
        if (!listed) return {};
        const auto found = std::find_if(listed->begin(), listed->end(), [&](const VmRecord& record) { return record.vm.text() == guest.uuid(); });
        EXPECT_NE(found, listed->end());
        return found == listed->end() ? std::vector<VmAddress>{} : found->addresses;
    }
    int64_t now() const { return clock_.now().time_since_epoch().count(); }
};

TEST_F(KnownToTheHost, are_enforced_addresses_whatever_we_hold) {
    using List = std::vector<VmAddress>;
    LabGuest guest(*host_, {.name = "enforced"});
    filter(guest, {"203.0.113.7", "203.0.113.8"});
    EXPECT_EQ(known(guest), List{}) << "a VM that is off sends nothing";
    host_->virsh({"start", "enforced"});
    const List own{{KnownBy::enforced, "203.0.113.7"}, {KnownBy::enforced, "203.0.113.8"}};
    EXPECT_EQ(known(guest), own);
    host_->virsh({"suspend", "enforced"});
    EXPECT_EQ(known(guest), own);
    host_->virsh({"resume", "enforced"});
    // A limit puts a filter of ours there, a cut takes the link down: whose the address is stays as it was.
    const VmId vm(guest.uuid());
    ASSERT_TRUE(hypervisor_->set_limit(vm, Limit{"25", 0}));
    EXPECT_EQ(known(guest), own);
    ASSERT_TRUE(hypervisor_->set_links(vm, false));
    EXPECT_EQ(known(guest), own);
    ASSERT_TRUE(hypervisor_->set_links(vm, true));
    EXPECT_EQ(known(guest), own);
    ASSERT_TRUE(hypervisor_->power_off(vm, false));
    EXPECT_EQ(known(guest), List{});
}

TEST_F(KnownToTheHost, are_current_leases_of_its_interfaces) {
    if (!std::filesystem::exists(helper)) GTEST_SKIP() << "needs " << helper << " (package libvirt-daemon)";
    using List = std::vector<VmAddress>;
    LabGuest guest(*host_, {.name = "leased"});
    lease("add", guest.mac(), "203.0.113.20", now() + 3600);
    lease("add", guest.mac(), "203.0.113.21", now() + 4);
    lease("add", "52:54:00:ff:ff:ff", "203.0.113.22", now() + 3600);
    EXPECT_EQ(known(guest), List{}) << "a VM that is off sends nothing";
    host_->virsh({"start", "leased"});
    EXPECT_TRUE(eventually([&] { return known(guest) == List{{KnownBy::lease, "203.0.113.20"}}; })) << "the other one ran out, or is another machine's";
    measured("list with leases", [&] { (void)hypervisor_->list(); });
    lease("del", guest.mac(), "203.0.113.20", now());
    EXPECT_EQ(known(guest), List{});
    ASSERT_TRUE(hypervisor_->power_off(VmId(guest.uuid()), false));
}

}  // namespace
}  // namespace bailiff::test
