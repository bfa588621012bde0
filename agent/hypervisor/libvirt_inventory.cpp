// SPDX-License-Identifier: Apache-2.0
// What is told of all VMs of the host at once, with the addresses that the host knows: a round trip to libvirt for each VM, and one
// for each network, since a host may have hundreds of both.
#include "agent/hypervisor/libvirt_hypervisor.hpp"

#include "agent/files/durable_file.hpp"
#include "agent/hypervisor/domain_xml.hpp"
#include "agent/hypervisor/known_addresses.hpp"
#include "agent/hypervisor/network_notes.hpp"

#include <optional>
#include <set>

namespace bailiff::agent {
namespace {

/// A VM's record, and where its addresses are looked for: nothing of one that cannot send.
struct Listed {
    VmRecord record;
    OwnNetwork network{};
};

/// What libvirt tells of all VMs in one call each.
struct Census {
    std::vector<DomainHandle> all;
    std::set<std::string> running, paused, off, persistent, autostart;
};

/// A handle's UUID; it is in the handle, so that nobody is asked.
std::string uuid_of(const DomainHandle& domain) {
    char uuid[VIR_UUID_STRING_BUFLEN] = {};
    return virDomainGetUUIDString(domain.get(), uuid) < 0 ? "" : uuid;
}

Result<Census> take_census(const ConnectionHandle& connection) {
    Census out;
    auto all = list_domains(connection, 0);
    if (!all) return fail(all.error());
    out.all = std::move(*all);
    const std::pair<unsigned, std::set<std::string>*> groups[] = {{VIR_CONNECT_LIST_DOMAINS_RUNNING, &out.running},
                                                                  {VIR_CONNECT_LIST_DOMAINS_PAUSED, &out.paused},
                                                                  {VIR_CONNECT_LIST_DOMAINS_SHUTOFF, &out.off},
                                                                  {VIR_CONNECT_LIST_DOMAINS_PERSISTENT, &out.persistent},
                                                                  {VIR_CONNECT_LIST_DOMAINS_AUTOSTART, &out.autostart}};
    for (const auto& [flag, uuids] : groups) {
        const auto domains = list_domains(connection, flag);
        if (!domains) return fail(domains.error());
        for (const DomainHandle& domain : *domains) uuids->insert(uuid_of(domain));
    }
    return out;
}

/// One question for a VM that runs, stands paused or is off on its own network: its definition. The disks of a running VM
/// are those that it runs on. Nothing for all others, which must be looked at whole.
std::optional<Listed> plain_record(const DomainHandle& domain, const std::string& uuid, const Census& census) {
    const bool runs = census.running.contains(uuid), stands = census.paused.contains(uuid), off = census.off.contains(uuid);
    if (runs + stands + off != 1) return std::nullopt;
    const LibvirtText xml(virDomainGetXMLDesc(domain.get(), off ? VIR_DOMAIN_XML_INACTIVE : 0));
    if (!xml) return std::nullopt;
    auto facts = read_domain(xml.get());
    if (!facts || facts->ours) return std::nullopt;
    Listed out;
    out.record = {VmId(uuid), facts->name, off ? Power::off : stands ? Power::paused : Power::running, census.persistent.contains(uuid),
                  census.autostart.contains(uuid), false, off ? VmState::off : VmState::running, std::move(facts->disks), facts->nics};
    // Without its number this is the stored definition of a VM that ended just now.
    if (!off && facts->run) out.network = {std::move(facts->nics), std::move(facts->enforced)};
    return out;
}

/// The same for a VM that had to be looked at whole: its interfaces as its owner has them, whatever we hold of them.
OwnNetwork own_network(const LibvirtOptions& options, virDomainPtr domain, const VmId& vm, const VmObservation& seen) {
    if (seen.quarantine_running || (seen.power != Power::running && seen.power != Power::paused)) return {};
    const auto note = read_note(options, vm);
    if (!note) return {};
    if (*note) return network_as_found(**note, seen.nics);
    const LibvirtText xml(virDomainGetXMLDesc(domain, 0));
    if (!xml) return {};
    auto facts = read_domain(xml.get());
    if (!facts || facts->ours || !facts->run) return {};
    return {std::move(facts->nics), std::move(facts->enforced)};
}

/// Of each network or bridge that is asked for; one that does not answer is left out. No network of that name has no leases.
Result<LeasesByNetwork> read_leases(const ConnectionHandle& connection, const std::set<std::string>& wanted) {
    LeasesByNetwork out;
    for (const auto& name : wanted) out[name];
    virNetworkPtr* list = nullptr;
    const int count = virConnectListAllNetworks(connection.get(), &list, VIR_CONNECT_LIST_NETWORKS_ACTIVE);
    if (count < 0) return fail(libvirt_error("list its networks"));
    std::vector<NetworkHandle> networks;
    for (int i = 0; i < count; ++i) networks.emplace_back(list[i]);
    ::free(list);
    for (const NetworkHandle& network : networks) {
        const LibvirtText bridge(virNetworkGetBridgeName(network.get()));
        const char* name = virNetworkGetName(network.get());
        std::set<std::string> names;
        for (const char* one : {name, static_cast<const char*>(bridge.get())})
            if (one && wanted.contains(one)) names.insert(one);
        if (names.empty()) continue;
        virNetworkDHCPLeasePtr* leases = nullptr;
        const int found = virNetworkGetDHCPLeases(network.get(), nullptr, &leases, 0);
        for (const auto& one : names) {
            if (found < 0) out.erase(one);
            for (int i = 0; i < found; ++i)
                // One for IPv6 may name no MAC: nobody is known to have it.
                if (leases[i]->mac && leases[i]->ipaddr) out[one].push_back({lower_mac(leases[i]->mac), leases[i]->ipaddr, leases[i]->expirytime});
        }
        for (int i = 0; i < found; ++i) virNetworkDHCPLeaseFree(leases[i]);
        ::free(leases);
    }
    return out;
}

}  // namespace

/// libvirt's networks may be another daemon's, which hangs by itself: then the leases of the last time count until they run out,
/// and it is not asked again before it has answered.
LeasesByNetwork LibvirtHypervisor::leases(const std::set<std::string>& wanted) {
    if (wanted.empty()) return {};
    static const VmId networks("networks");
    const auto answer = watchdog_.stuck(networks) ? nullptr : watchdog_.begin<LeasesByNetwork>(networks, [core = core_, wanted]() -> Result<LeasesByNetwork> {
        const auto connection = core->operations.open();
        if (!connection) return fail(connection.error());
        return read_leases(*connection, wanted);
    });
    auto read = watchdog_.finish(networks, answer, core_->options.lease_timeout, {Errc::unavailable, "libvirt did not tell its networks' leases in time"});
    const std::lock_guard guard(leases_mutex_);
    LeasesByNetwork now = read ? std::move(*read) : LeasesByNetwork{};
    for (auto& [name, old] : leases_)
        if (wanted.contains(name)) now.try_emplace(name, std::move(old));
    leases_ = std::move(now);
    return leases_;
}

Result<std::vector<VmRecord>> LibvirtHypervisor::list() {
    using All = std::vector<Listed>;
    auto all = watchdog_.run<All>(
        VmId(), core_->options.read_timeout, {Errc::unavailable, "libvirt did not list its VMs in time; it is asked again later."},
        [core = core_]() -> Result<All> {
            const auto connection = core->operations.open();
            if (!connection) return fail(connection.error());
            const auto census = take_census(*connection);
            if (!census) return fail(census.error());
            All records;
            const auto names = names_in(core->options.notes_folder);
            const std::set<std::string> held(names.begin(), names.end());
            for (const DomainHandle& domain : census->all) {
                const std::string uuid = uuid_of(domain);
                if (!held.contains(uuid + ".json"))
                    if (auto plain = plain_record(domain, uuid, *census)) {
                        records.push_back(std::move(*plain));
                        continue;
                    }
                // A VM that vanishes meanwhile is no error: the next list does not have it.
                const auto seen = observe_domain(*core, *connection, domain.get());
                if (!seen) continue;
                const VmState state = seen->quarantine_running    ? VmState::quarantined
                                      : seen->hold.cut            ? VmState::isolated
                                      : !seen->hold.limit.empty() ? VmState::limited
                                      : seen->power == Power::off ? VmState::off
                                                                  : VmState::running;
                records.push_back({{VmId(uuid), seen->name, seen->power, seen->persistent, seen->autostart, false, state, seen->disks, seen->nics},
                                   own_network(core->options, domain.get(), VmId(uuid), *seen)});
            }
            return records;
        });
    if (!all) return fail(all.error());
    std::set<std::string> wanted;
    for (const Listed& one : *all)
        for (const VmNic& nic : one.network.nics)
            if (!nic.network.empty()) wanted.insert(nic.network);
    const LeasesByNetwork given = leases(wanted);
    std::vector<VmRecord> out;
    for (Listed& one : *all) {
        one.record.addresses = known_addresses(one.network, given, clock_.now());
        out.push_back(std::move(one.record));
    }
    return out;
}

}  // namespace bailiff::agent
