// SPDX-License-Identifier: Apache-2.0
// Cutting and limiting a VM's interfaces, and giving them back: the note first, then filters, then interface by interface.
#include "agent/files/durable_file.hpp"
#include "agent/hypervisor/domain_xml.hpp"
#include "agent/hypervisor/libvirt_hypervisor.hpp"
#include "agent/hypervisor/network_notes.hpp"

#include <libvirt/virterror.h>

#include <algorithm>
#include <memory>
#include <set>

namespace bailiff::agent {
namespace {

struct FilterFree {
    void operator()(virNWFilterPtr filter) const { virNWFilterFree(filter); }
};
using FilterHandle = std::unique_ptr<virNWFilter, FilterFree>;

/// The two forms of a VM that are changed: the running one first, since that is what hurts others; the stored one too, or a
/// restart would undo it.
struct Layer {
    unsigned xml, affect;
    std::map<std::string, std::string> HoldNote::* found;
};
std::vector<Layer> layers_of(virDomainPtr domain) {
    std::vector<Layer> out;
    if (virDomainIsActive(domain) == 1) out.push_back({0, VIR_DOMAIN_AFFECT_LIVE, &HoldNote::live});
    if (virDomainIsPersistent(domain) == 1) out.push_back({VIR_DOMAIN_XML_INACTIVE, VIR_DOMAIN_AFFECT_CONFIG, &HoldNote::stored});
    return out;
}

Result<std::string> xml_of(virDomainPtr domain, unsigned flags) {
    const LibvirtText xml(virDomainGetXMLDesc(domain, flags));
    if (!xml) return fail(libvirt_error("describe a VM"));
    return std::string(xml.get());
}

std::vector<std::string> tap_names(const std::string& live) {
    std::vector<std::string> out;
    if (const auto taps = taps_of(live))
        for (const auto& one : *taps)
            if (!one.tap.empty()) out.push_back(one.tap);
    return out;
}

Result<void> define_filter(const ConnectionHandle& connection, const FilterWanted& wanted, const NetworkDemand& demand) {
    std::string uuid;
    if (const FilterHandle present{virNWFilterLookupByName(connection.get(), wanted.name.c_str())}) {
        char text[VIR_UUID_STRING_BUFLEN] = {};
        if (virNWFilterGetUUIDString(present.get(), text) == 0) uuid = text;
    }
    const FilterHandle defined(virNWFilterDefineXML(connection.get(), filter_definition(wanted, demand, uuid).c_str()));
    if (!defined) return fail(libvirt_error("define the network filter " + wanted.name));
    return {};
}

/// What each of our filters closes, by name; one that is gone closes nothing.
std::map<std::string, std::string> closed_by(const ConnectionHandle& connection, const std::set<std::string>& names) {
    std::map<std::string, std::string> out;
    for (const auto& name : names) {
        const FilterHandle filter{virNWFilterLookupByName(connection.get(), name.c_str())};
        const LibvirtText xml(filter ? virNWFilterGetXMLDesc(filter.get(), 0) : nullptr);
        if (xml) out[name] = closed_by_filter(xml.get());
    }
    return out;
}

/// Every filter of ours for this VM, also those to which nothing refers any more.
void undefine_filters(const ConnectionHandle& connection, const VmId& vm) {
    virNWFilterPtr* filters = nullptr;
    const int count = virConnectListAllNWFilters(connection.get(), &filters, 0);
    for (int i = 0; i < count; ++i) {
        const FilterHandle filter(filters[i]);
        const char* name = virNWFilterGetName(filter.get());
        // One that is still in use is refused, and removed with the next change.
        if (name && std::string_view(name).starts_with("bailiff-" + vm.text())) virNWFilterUndefine(filter.get());
    }
    ::free(filters);
}

/// libvirt puts a rate on a tap with tc, which needs modules that small kernels lack.
bool kernel_lacks_rates(const std::string& words) { return words.find("(tc ") != std::string::npos; }

/// What a failed attempt left on the tap goes; the definition has no rate either way.
void clear_rates(virDomainPtr domain, const std::vector<std::string>& taps) {
    for (const auto& tap : taps) {
        virTypedParameterPtr parameters = nullptr;
        int count = 0, most = 0;
        virTypedParamsAddUInt(&parameters, &count, &most, VIR_DOMAIN_BANDWIDTH_IN_AVERAGE, 0);
        virTypedParamsAddUInt(&parameters, &count, &most, VIR_DOMAIN_BANDWIDTH_OUT_AVERAGE, 0);
        virDomainSetInterfaceParameters(domain, tap.c_str(), parameters, count, VIR_DOMAIN_AFFECT_LIVE);
        virTypedParamsFree(parameters, count);
    }
}

bool stands_paused(virDomainPtr domain) {
    int state = 0;
    return virDomainGetState(domain, &state, nullptr, 0) == 0 && state == VIR_DOMAIN_PAUSED;
}

Error overtaken() { return {Errc::unknown_outcome, "A later change of the VM's network overtook this one."}; }

}  // namespace

uint64_t LibvirtHypervisor::Core::next_call(const VmId& vm) {
    const std::lock_guard guard(calls_mutex);
    return ++calls[vm];
}

bool LibvirtHypervisor::Core::newest(const VmId& vm, uint64_t call) {
    const std::lock_guard guard(calls_mutex);
    return calls[vm] == call;
}

Result<void> LibvirtHypervisor::converge(Core& core, const ConnectionHandle& connection, virDomainPtr domain, const VmId& vm, HoldNote& note,
                                         uint64_t call) {
    const std::string& network = core.options.quarantine_network;
    // Filters first: an interface can only refer to what exists.
    const auto layers = layers_of(domain);
    for (const Layer& layer : layers) {
        const auto xml = xml_of(domain, layer.xml);
        if (!xml) return fail(xml.error());
        const auto wanted = filters_wanted(*xml, note, note.*layer.found, vm.text());
        if (!wanted) return fail(wanted.error());
        for (const FilterWanted& filter : *wanted)
            if (auto defined = define_filter(connection, filter, note.demand); !defined) return defined;
    }
    std::string out_of_reach;
    std::vector<std::string> taps;
    for (const Layer& layer : layers) {
        const auto xml = xml_of(domain, layer.xml);
        if (!xml) return fail(xml.error());
        if (layer.affect == VIR_DOMAIN_AFFECT_LIVE) taps = tap_names(*xml);
        const auto updates = interface_updates(*xml, note, note.*layer.found, vm.text(), network);
        if (!updates) return fail(updates.error());
        out_of_reach = updates->out_of_reach;
        for (const std::string& update : updates->updates) {
            if (!core.newest(vm, call)) return fail(overtaken());
            if (virDomainUpdateDeviceFlags(domain, update.c_str(), layer.affect) == 0) continue;
            const Error error = libvirt_error("change an interface of VM " + vm.text());
            if (note.rate_on_tap || note.demand.limit.rate_kbit == 0 || !kernel_lacks_rates(error.text)) return fail(error);
            clear_rates(domain, taps);
            note.rate_on_tap = true;
            if (auto written = write_note(core.options, vm, note); !written) return written;
            return converge(core, connection, domain, vm, note, call);
        }
    }
    if (!core.newest(vm, call)) return fail(overtaken());
    if (note.rate_on_tap) {
        const int64_t rate = note.demand.limit.rate_kbit;
        if (auto set = core.taps.set_rate(rate_table(vm.text()), rate > 0 ? taps : std::vector<std::string>{}, kilobytes_of(rate)); !set) return set;
        note.rate_on_tap = rate > 0;
    }
    // What was taken down before libvirt had done its part, or while it hung, comes up again now.
    for (const auto& tap : note.taps_down)
        if (auto raised = core.taps.set_up(tap, true); !raised && raised.error().code != Errc::not_found) return raised;
    note.taps_down.clear();
    // A one-time password ends with the state it was given for; the owner's own counts again.
    if (!note.demand.cut && !note.graphics.empty()) {
        if (virDomainIsActive(domain) == 1)
            for (const auto& graphics : note.graphics)
                if (virDomainUpdateDeviceFlags(domain, graphics.c_str(), VIR_DOMAIN_AFFECT_LIVE) < 0)
                    return fail(libvirt_error("give a screen of VM " + vm.text() + " its password back"));
        note.graphics.clear();
    }
    const bool filtered = note.demand.cut ? note.by == IsolateBy::filter : !note.demand.limit.closed_ports.empty();
    if (!filtered) undefine_filters(connection, vm);
    if (note.starting && !layers.empty() && layers.front().affect == VIR_DOMAIN_AFFECT_LIVE) {
        if (stands_paused(domain) && virDomainResume(domain) < 0) return fail(libvirt_error("resume VM " + vm.text()));
        note.starting = false;
    }
    if (note.demand.nothing()) return remove_note(core.options, vm);
    if (auto written = write_note(core.options, vm, note); !written) return written;
    // What could be done is done, and stays until it is given back; a person sees to the rest.
    if (!out_of_reach.empty()) return fail(Errc::invalid, out_of_reach);
    return {};
}

/// The kernel takes an interface down in microseconds, libvirt in milliseconds: the running VM's taps go down first, after a
/// note of what stands there and as little else as possible. What the kernel does not do, libvirt does next; converge()
/// raises the taps once libvirt holds the cut itself. A tap that its owner took down stays his.
Result<void> LibvirtHypervisor::cut_at_once(Core& core, virDomainPtr domain, const VmId& vm, HoldNote& note, uint64_t call) {
    // The handle knows it without a question.
    if (virDomainGetID(domain) == unsigned(-1)) return {};
    const auto live = xml_of(domain, 0);
    if (!live) return fail(live.error());
    std::vector<std::string> open;
    for (const auto& tap : tap_names(*live))
        if (core.taps.is_up(tap).value_or(false)) open.push_back(tap);
    if (open.empty()) return {};
    const auto noted = note_interfaces(*live, note, core.options.quarantine_network, note.live);
    if (!noted) return fail(noted.error());
    note.demand = {true, {}};
    note.by = core.options.isolate_by;
    note.taps_down.insert(open.begin(), open.end());
    if (!core.newest(vm, call)) return fail(overtaken());
    if (auto written = write_note(core.options, vm, note); !written) return written;
    for (const auto& tap : open) (void)core.taps.set_up(tap, false);
    return {};
}

Result<void> LibvirtHypervisor::demand_network(Core& core, const VmId& vm, const NetworkDemand& demand, uint64_t call) {
    const auto connection = core.operations.open();
    if (!connection) return fail(connection.error());
    const auto domain = find_domain(*connection, vm.text());
    if (!domain && domain.error().code != Errc::not_found) return fail(domain.error());
    auto present = read_note(core.options, vm);
    if (!present) return fail(present.error());
    const std::string& network = core.options.quarantine_network;
    if (!*present && demand.nothing() && domain) {
        // Links that an earlier version cut have no note: up is what they were.
        for (const Layer& layer : layers_of(domain->get())) {
            const auto xml = xml_of(domain->get(), layer.xml);
            if (!xml) return fail(xml.error());
            const auto updates = link_updates(*xml, true);
            if (!updates) return fail(updates.error());
            for (const std::string& update : *updates)
                if (virDomainUpdateDeviceFlags(domain->get(), update.c_str(), layer.affect) < 0)
                    return fail(libvirt_error("raise the links of VM " + vm.text()));
        }
        return {};
    }
    HoldNote note = *present ? std::move(**present) : HoldNote{};
    if (domain && demand.cut)
        if (auto cut = cut_at_once(core, domain->get(), vm, note, call); !cut) return cut;
    if (domain)
        for (const Layer& layer : layers_of(domain->get())) {
            const auto xml = xml_of(domain->get(), layer.xml);
            if (!xml) return fail(xml.error());
            const auto noted = note_interfaces(*xml, note, network, note.*layer.found);
            if (!noted) return fail(noted.error());
        }
    note.demand = demand;
    if (demand.cut) note.by = core.options.isolate_by;
    if (demand.limit.rate_kbit > 0) note.rates.insert(demand.limit.rate_kbit);
    // A definition that asks libvirt for a rate which this kernel cannot give does not start. Only a running VM shows
    // whether it can, so until then the rate is the tap's.
    if (demand.limit.rate_kbit > 0 && domain && virDomainIsActive(domain->get()) != 1) note.rate_on_tap = true;
    if (demand.cut && note.by == IsolateBy::network)
        if (auto ready = ensure_quarantine_network(core, *connection); !ready) return ready;
    if (!core.newest(vm, call)) return fail(overtaken());
    if (domain) {
        // BEFORE the first change.
        if (auto written = write_note(core.options, vm, note); !written) return written;
        return converge(core, *connection, domain->get(), vm, note, call);
    }
    // A transient VM that we ended has nothing to change: its start reads the note.
    if (const auto kept = stored_definition(core, vm); !kept) return fail(kept.error());
    return demand.nothing() ? remove_note(core.options, vm) : write_note(core.options, vm, note);
}

Result<void> LibvirtHypervisor::start_held(Core& core, const ConnectionHandle& connection, virDomainPtr domain, const VmId& vm, HoldNote note,
                                           uint64_t call) {
    const bool active = domain && virDomainIsActive(domain) == 1;
    // Somebody else's start, or a pause that is none of ours.
    if (active && !note.starting) return {};
    DomainHandle created;
    if (!active) {
        note.starting = true;
        // Now libvirt can show whether it sets rates on this kernel.
        note.rate_on_tap = false;
        if (auto written = write_note(core.options, vm, note); !written) return written;
        if (domain) {
            if (virDomainCreateWithFlags(domain, VIR_DOMAIN_START_PAUSED) < 0) return fail(libvirt_error("start VM " + vm.text()));
        } else {
            const auto kept = stored_definition(core, vm);
            if (!kept) return fail(kept.error());
            created.reset(virDomainCreateXML(connection.get(), kept->c_str(), VIR_DOMAIN_START_PAUSED));
            if (!created) return fail(libvirt_error("start VM " + vm.text()));
            domain = created.get();
        }
    }
    for (const Layer& layer : layers_of(domain)) {
        const auto xml = xml_of(domain, layer.xml);
        if (!xml) return fail(xml.error());
        // The running form is new: what is found on it is what the stored form says, or what the owner wrote since.
        if (layer.affect == VIR_DOMAIN_AFFECT_LIVE && !active)
            for (const auto& [key, found] : note.stored) note.live[key] = found;
        const auto noted = note_interfaces(*xml, note, core.options.quarantine_network, note.*layer.found);
        if (!noted) return fail(noted.error());
    }
    auto ready = write_note(core.options, vm, note);
    if (ready) ready = converge(core, connection, domain, vm, note, call);
    if (!ready) {
        // It has not run a single instruction yet.
        if (stands_paused(domain)) virDomainDestroy(domain);
        return ready;
    }
    if (created) return remove_durably(core.options.definitions_folder + "/" + vm.text() + ".xml");
    return {};
}

Result<NetworkHold> LibvirtHypervisor::hold_of(Core& core, const ConnectionHandle& connection, const VmId& vm, const std::string& live,
                                               const std::string& stored) {
    NetworkHold hold;
    const auto present = read_note(core.options, vm);
    if (!present) return fail(present.error());
    if (!*present) return hold;
    const HoldNote& note = **present;
    const std::string& network = core.options.quarantine_network;
    hold.kept = hold.whole = true;
    if (live.empty() && stored.empty()) {
        // A transient VM that is off: nothing to look at, and its start reads the note.
        hold.cut = note.demand.cut;
        hold.limit = note.demand.limit;
        return hold;
    }
    std::set<std::string> names = our_filters(live);
    names.merge(our_filters(stored));
    const auto closed = closed_by(connection, names);
    const auto look = [&](const std::string& xml, const std::map<std::string, std::string>& found) {
        return layer_facts(xml, note, found, vm.text(), network, closed);
    };
    if (!stored.empty()) {
        const auto facts = look(stored, note.stored);
        if (!facts) return fail(facts.error());
        hold.whole = facts->fits;
        hold.cut = facts->cut;
        hold.limit = facts->limit.value_or(Limit{});
        if (note.rate_on_tap && facts->limit) hold.limit.rate_kbit = note.demand.limit.rate_kbit;   // put there when it starts
    }
    if (live.empty()) {
        // A table outlives its tap, and would rate the next one of that name: another VM's.
        hold.whole = hold.whole && !(note.rate_on_tap && core.taps.has_table(rate_table(vm.text())));
        return hold;
    }
    const auto facts = look(live, note.live);
    if (!facts) return fail(facts.error());
    hold.whole = hold.whole && facts->fits && note.taps_down.empty() && !note.starting;
    hold.limit = facts->limit.value_or(Limit{});
    hold.cut = facts->cut;
    const auto taps = taps_of(live);
    if (!hold.cut && taps) {
        hold.cut = std::all_of(facts->open.begin(), facts->open.end(), [&](const std::string& mac) {
            return std::any_of(taps->begin(), taps->end(),
                               [&](const TapOf& one) { return one.mac == mac && !core.taps.is_up(one.tap).value_or(true); });
        });
    }
    if (note.rate_on_tap && note.demand.limit.rate_kbit > 0) {
        const auto rate = core.taps.rate(rate_table(vm.text()), tap_names(live));
        const int64_t wanted = kilobytes_of(note.demand.limit.rate_kbit);
        hold.limit.rate_kbit = rate == wanted ? note.demand.limit.rate_kbit : rate.value_or(0) * 8;
        hold.whole = hold.whole && rate == wanted;
    }
    return hold;
}

Result<void> LibvirtHypervisor::demand(const VmId& vm, const NetworkDemand& wanted, std::chrono::milliseconds timeout, const std::string& doing) {
    const uint64_t call = core_->next_call(vm);
    return act(vm, timeout, doing, [vm, wanted, call](Core& core) { return demand_network(core, vm, wanted, call); });
}

/// Without libvirt: its own status file says which taps the VM has, and the kernel takes them down.
Result<void> LibvirtHypervisor::cut_taps(const VmId& vm) {
    const uint64_t call = core_->next_call(vm);
    auto present = read_note(core_->options, vm);
    if (!present) return fail(present.error());
    HoldNote note = *present ? std::move(**present) : HoldNote{};
    const auto status = status_of(core_->options.run_folder, vm);
    if (!status) return fail(status.error());
    const auto taps = taps_of(*status);
    if (!taps) return fail(taps.error());
    for (const TapOf& one : *taps)
        if (one.tap.empty()) return fail(Errc::invalid, "The interface " + one.mac + " has no tap on this host that could be taken down.");
    note.demand = {true, {}};
    for (const TapOf& one : *taps)
        if (core_->taps.is_up(one.tap).value_or(true)) note.taps_down.insert(one.tap);
    if (!core_->newest(vm, call)) return fail(overtaken());
    if (auto written = write_note(core_->options, vm, note); !written) return written;
    for (const TapOf& one : *taps)
        if (auto down = core_->taps.set_up(one.tap, false); !down) return down;
    return {};
}

Result<void> LibvirtHypervisor::set_links(const VmId& vm, bool up) {
    if (up) return demand(vm, {}, core_->options.limit_timeout, "connect the VM");
    Result<void> done = fail(Errc::unknown_outcome, "libvirt hangs on a call for VM " + vm.text() + ".");
    // Where a call hangs, a further one would only hang behind it.
    if (!watchdog_.stuck(vm)) done = demand(vm, {true, {}}, core_->options.cut_timeout, "cut the VM off");
    if (done || (done.error().code != Errc::unknown_outcome && done.error().code != Errc::unavailable)) return done;
    if (auto cut = cut_taps(vm); cut) return {};
    return done;
}

Result<void> LibvirtHypervisor::set_limit(const VmId& vm, const Limit& limit) {
    return demand(vm, {false, limit}, core_->options.limit_timeout, "limit the VM's network");
}

}  // namespace bailiff::agent
