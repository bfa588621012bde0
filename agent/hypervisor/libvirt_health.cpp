// SPDX-License-Identifier: Apache-2.0
// Signs that a VM which was given back is well: it runs, its guest agent answers, an address of it is known.
#include "agent/hypervisor/libvirt_hypervisor.hpp"

#include <libvirt/libvirt-qemu.h>

#include <string>
#include <vector>

namespace bailiff::agent {
namespace {

/// libvirt asks the agent to synchronise first, so an answer is of now, not one that lay in the channel.
HealthSign ask_agent(virDomainPtr domain, int seconds) {
    const LibvirtText answer(virDomainQemuAgentCommand(domain, R"({"execute":"guest-ping"})", seconds, 0));
    if (answer) return {true, "its guest agent answers", 0};
    return {false, "its guest agent did not answer (" + libvirt_error("ping the guest agent").text + ")", 0};
}

struct Addresses {
    virDomainInterfacePtr* list = nullptr;
    int count = 0;
    Addresses(virDomainPtr domain, unsigned source) : count(virDomainInterfaceAddresses(domain, &list, source, 0)) {}
    ~Addresses() {
        for (int i = 0; i < count; ++i) virDomainInterfaceFree(list[i]);
        ::free(list);
    }
    Addresses(const Addresses&) = delete;
    Addresses& operator=(const Addresses&) = delete;
    std::string first() const {
        for (int i = 0; i < count; ++i)
            for (unsigned j = 0; j < list[i]->naddrs; ++j)
                if (const char* address = list[i]->addrs[j].addr) return address;
        return "";
    }
};

/// The neighbour table first: a lease may be older than the start, since a lease outlives the machine that took it.
HealthSign look_for_address(virDomainPtr domain, const HostTaps& taps) {
    const LibvirtText xml(virDomainGetXMLDesc(domain, 0));
    std::vector<std::string> macs;
    if (const auto all = taps_of(xml ? xml.get() : ""))
        for (const auto& one : *all) macs.push_back(one.mac);
    if (const std::string address = taps.neighbour(macs); !address.empty())
        return {true, "its address " + address + " stands in the host's neighbour table", 0};
    if (const std::string address = Addresses(domain, VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE).first(); !address.empty())
        return {true, "its address " + address + " stands in a DHCP lease", 0};
    return {false, "no address of it was seen in a lease or in the neighbour table", 0};
}

}  // namespace

Result<HealthSign> LibvirtHypervisor::sign_of_health(const VmId& vm, Health sign) {
    return watchdog_.run<HealthSign>(
        vm, core_->options.ask_timeout, Error{Errc::unavailable, "libvirt did not tell the VM's health in time"},
        [core = core_, vm, sign]() -> Result<HealthSign> {
            const auto connection = core->operations.open();
            if (!connection) return fail(connection.error());
            const auto domain = find_domain(*connection, vm.text());
            if (!domain) return fail(domain.error());
            int state = 0;
            if (virDomainGetState(domain->get(), &state, nullptr, 0) < 0) return fail(libvirt_error("give the state of VM " + vm.text()));
            const unsigned number = virDomainGetID(domain->get());
            if (number == unsigned(-1)) return HealthSign{false, "it is off", 0};
            HealthSign out{true, "it runs", 0};
            if (state == VIR_DOMAIN_PAUSED || state == VIR_DOMAIN_CRASHED) out = {false, "it stands paused", 0};
            else if (sign == Health::guest_agent) out = ask_agent(domain->get(), core->options.agent_timeout_seconds);
            else if (sign == Health::network) out = look_for_address(domain->get(), core->taps);
            out.run = int64_t(number);
            return out;
        });
}

}  // namespace bailiff::agent
