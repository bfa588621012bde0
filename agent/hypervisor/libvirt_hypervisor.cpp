// SPDX-License-Identifier: Apache-2.0
// Looking at VMs, and the acts that need one libvirt call.
#include "agent/hypervisor/libvirt_hypervisor.hpp"

#include "agent/files/durable_file.hpp"
#include "agent/hypervisor/domain_xml.hpp"
#include "agent/hypervisor/libvirt_events.hpp"
#include "agent/hypervisor/network_notes.hpp"

#include <algorithm>
#include <cstring>

namespace bailiff::agent {
namespace {

Power power_of(int state) {
    switch (state) {
        case VIR_DOMAIN_RUNNING:
        case VIR_DOMAIN_BLOCKED:
        // The guest is going down but its process is still there.
        case VIR_DOMAIN_SHUTDOWN: return Power::running;
        case VIR_DOMAIN_PAUSED:
        case VIR_DOMAIN_PMSUSPENDED: return Power::paused;
        case VIR_DOMAIN_SHUTOFF: return Power::off;
        case VIR_DOMAIN_CRASHED: return Power::crashed;
        default: return Power::unknown;
    }
}

/// Started by us, isolated, and on none of its own disks.
bool runs_in_quarantine(const DomainFacts& live, const DomainFacts& stored, const std::string& network) {
    if (!live.ours) return false;
    for (const VmNic& nic : live.nics)
        if (nic.network != network) return false;
    for (const VmDisk& disk : live.disks)
        for (const VmDisk& own : stored.disks)
            if (!disk.read_only && disk.source == own.source) return false;
    return true;
}

bool is_migrating(virDomainPtr domain) {
    int type = 0, count = 0;
    virTypedParameterPtr parameters = nullptr;
    if (virDomainGetJobStats(domain, &type, &parameters, &count, 0) < 0) return false;
    int operation = 0;
    const bool known = virTypedParamsGetInt(parameters, count, VIR_DOMAIN_JOB_OPERATION, &operation) == 1;
    virTypedParamsFree(parameters, count);
    return type != VIR_DOMAIN_JOB_NONE && known &&
           (operation == VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT ||
            operation == VIR_DOMAIN_JOB_OPERATION_MIGRATION_IN);
}

/// The definition that the VM goes back to: the persistent one; of a transient VM its own, or, while it runs in
/// quarantine, the one kept from before its end.
Result<std::string> stored_xml(virDomainPtr domain, const std::string& definitions_folder) {
    const LibvirtText xml(virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE));
    if (!xml) return fail(libvirt_error("give a VM's definition"));
    std::string own(xml.get());
    if (virDomainIsPersistent(domain) != 0 || definitions_folder.empty()) return own;
    const auto facts = read_domain(own);
    if (!facts || !facts->ours) return own;
    return read_file(definitions_folder + "/" + facts->uuid + ".xml", size_t{8} << 20);
}

Error late(Errc code, const std::string& doing) {
    return {code, "libvirt did not " + doing + " in time; " +
                      (code == Errc::unavailable ? "it is asked again later."
                                                 : "it is looked at before the next step.")};
}

}  // namespace

LibvirtHypervisor::Core::Core(LibvirtOptions given)
    : options(std::move(given)), operations(options.uri, 2, 3, 32), urgent(options.uri, 2, 3, 32), taps(options.network_namespace) {}

LibvirtHypervisor::LibvirtHypervisor(LibvirtOptions options, const Clock& clock)
    : core_(std::make_shared<Core>(std::move(options))), clock_(clock) {
    start_event_loop();
}

LibvirtHypervisor::~LibvirtHypervisor() = default;

Result<VmObservation> LibvirtHypervisor::observe_domain(Core& core, const ConnectionHandle& connection, virDomainPtr domain) {
    const LibvirtOptions& options = core.options;
    VmObservation out;
    out.exists = true;
    int state = 0, reason = 0, autostart = 0;
    if (virDomainGetState(domain, &state, &reason, 0) < 0) return fail(libvirt_error("give a VM's state"));
    out.power = power_of(state);
    out.persistent = virDomainIsPersistent(domain) == 1;
    if (out.persistent && virDomainGetAutostart(domain, &autostart) == 0) out.autostart = autostart != 0;
    out.managed_save = virDomainHasManagedSaveImage(domain, 0) == 1;
    if (const unsigned number = virDomainGetID(domain); number != unsigned(-1)) out.run = int64_t(number);
    const auto definition = stored_xml(domain, options.definitions_folder);
    if (!definition) return fail(definition.error());
    const auto stored = read_domain(*definition);
    if (!stored) return fail(stored.error());
    out.name = stored->name;
    out.disks = stored->disks;
    out.nics = stored->nics;
    std::string running;
    if (out.power == Power::running || out.power == Power::paused) {
        const LibvirtText xml(virDomainGetXMLDesc(domain, 0));
        if (!xml) return fail(libvirt_error("give a VM's definition"));
        const auto live = read_domain(xml.get());
        if (!live) return fail(live.error());
        if (!live->run) {
            // It ended between the two questions, and libvirt gave its stored definition: taken for the running one, it would
            // be a VM that somebody started on its own disks, past the lock.
            if (virDomainGetState(domain, &state, &reason, 0) < 0) return fail(libvirt_error("give a VM's state"));
            out.power = power_of(state);
            if (out.power == Power::running || out.power == Power::paused)
                return fail(Errc::unavailable, "The VM ended and was started again while it was looked at.");
        } else {
            // What is plugged in now counts, unless it is our own quarantine form.
            if (!live->ours) {
                out.nics = live->nics;
                running = xml.get();
            }
            out.run = *live->run;
            out.quarantine_running = runs_in_quarantine(*live, *stored, options.quarantine_network);
        }
    }
    auto hold = hold_of(core, connection, VmId(stored->uuid), running, out.persistent ? *definition : "");
    if (!hold) return fail(hold.error());
    out.hold = std::move(*hold);
    return out;
}

Result<void> LibvirtHypervisor::act(const VmId& vm, std::chrono::milliseconds timeout,
                                    const std::string& doing, Call call) {
    return watchdog_.run<void>(vm, timeout, late(Errc::unknown_outcome, doing),
                               [core = core_, call = std::move(call)] { return call(*core); });
}

Result<VmObservation> LibvirtHypervisor::look(Core& core, const VmId& vm) {
    const auto connection = core.operations.open();
    if (!connection) return fail(connection.error());
    const auto domain = find_domain(*connection, vm.text());
    if (domain) return observe_domain(core, *connection, domain->get());
    if (domain.error().code != Errc::not_found) return fail(domain.error());
    VmObservation absent;
    absent.power = Power::off;
    // A transient VM that we ended is still ours to examine and to start again.
    const auto kept = stored_definition(core, vm);
    if (!kept) return absent;
    const auto facts = read_domain(*kept);
    if (!facts) return absent;
    absent.exists = true;
    absent.persistent = false;
    absent.name = facts->name;
    absent.disks = facts->disks;
    absent.nics = facts->nics;
    if (auto hold = hold_of(core, *connection, vm, "", "")) absent.hold = std::move(*hold);
    return absent;
}

Result<VmObservation> LibvirtHypervisor::observe(const VmId& vm) {
    // The only look that waits for the VM's job lock, and so for whoever hangs on its monitor: apart, and briefly.
    const auto job = watchdog_.stuck(vm) ? nullptr : watchdog_.begin<bool>(vm, [core = core_, vm]() -> Result<bool> {
        const auto connection = core->operations.open();
        if (!connection) return fail(connection.error());
        const auto domain = find_domain(*connection, vm.text());
        if (!domain) return fail(domain.error());
        return is_migrating(domain->get());
    });
    auto seen = watchdog_.run<VmObservation>(vm, core_->options.read_timeout,
                                             late(Errc::unavailable, "describe the VM"),
                                             [core = core_, vm] { return look(*core, vm); });
    if (!seen) return seen;
    seen->stuck = watchdog_.stuck(vm);
    if (seen->stuck || (seen->power != Power::running && seen->power != Power::paused)) return seen;
    const auto migrating = watchdog_.finish(vm, job, core_->options.job_timeout, late(Errc::unavailable, "tell the VM's jobs"));
    seen->migrating = migrating.value_or(false);
    seen->stuck = watchdog_.stuck(vm);
    return seen;
}

/// The persistent definition; of a transient VM the running one's, or the one kept from before its end.
Result<std::string> LibvirtHypervisor::stored_definition(Core& core, const VmId& vm) {
    const auto connection = core.operations.open();
    if (!connection) return fail(connection.error());
    const auto domain = find_domain(*connection, vm.text());
    if (domain) return stored_xml(domain->get(), core.options.definitions_folder);
    if (domain.error().code != Errc::not_found) return fail(domain.error());
    if (core.options.definitions_folder.empty() || !is_uuid(vm.text()))
        return fail(Errc::not_found, "The VM " + vm.text() + " is not on this host.");
    return read_file(core.options.definitions_folder + "/" + vm.text() + ".xml", size_t{8} << 20);
}

Result<std::string> LibvirtHypervisor::definition(const VmId& vm, bool live) {
    return watchdog_.run<std::string>(
        vm, core_->options.read_timeout, late(Errc::unavailable, "give the VM's definition"),
        [core = core_, vm, live]() -> Result<std::string> {
            if (!live) return stored_definition(*core, vm);
            const auto connection = core->operations.open();
            if (!connection) return fail(connection.error());
            const auto domain = find_domain(*connection, vm.text());
            if (!domain) return fail(domain.error());
            const LibvirtText xml(virDomainGetXMLDesc(domain->get(), 0));
            if (!xml) return fail(libvirt_error("give the definition of VM " + vm.text()));
            return std::string(xml.get());
        });
}

Result<std::string> LibvirtHypervisor::nvram_path(const VmId& vm) {
    const auto xml = definition(vm, false);
    if (!xml) return fail(xml.error());
    const auto facts = read_domain(*xml);
    if (!facts) return fail(facts.error());
    return facts->nvram;
}

Result<void> LibvirtHypervisor::keep_transient_definition(Core& core, virDomainPtr domain, const VmId& vm) {
    if (core.options.definitions_folder.empty() || virDomainIsPersistent(domain) != 0) return {};
    const LibvirtText xml(virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE));
    if (!xml) return fail(libvirt_error("give the definition of VM " + vm.text()));
    const auto facts = read_domain(xml.get());
    if (facts && facts->ours) return {};
    if (auto made = make_folder(core.options.definitions_folder, 0700); !made) return made;
    return write_durably(core.options.definitions_folder + "/" + vm.text() + ".xml", xml.get(), 0600);
}

Result<void> LibvirtHypervisor::shut_down(const VmId& vm, ShutdownBy by) {
    return act(vm, core_->options.ask_timeout, "ask the guest to shut down",
               [vm, by](Core& core) -> Result<void> {
                   const auto connection = core.operations.open();
                   if (!connection) return fail(connection.error());
                   const auto domain = find_domain(*connection, vm.text());
                   if (!domain) return fail(domain.error());
                   if (virDomainIsActive(domain->get()) == 0) return {};
                   if (auto kept = keep_transient_definition(core, domain->get(), vm); !kept) return kept;
                   if (by == ShutdownBy::guest_agent)
                       virDomainAgentSetResponseTimeout(domain->get(), core.options.agent_timeout_seconds, 0);
                   const unsigned way = by == ShutdownBy::guest_agent ? VIR_DOMAIN_SHUTDOWN_GUEST_AGENT
                                                                      : VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN;
                   if (virDomainShutdownFlags(domain->get(), way) == 0) return {};
                   Error error = libvirt_error("ask VM " + vm.text() + " to shut down");
                   // One code says "already off" as well as "not possible now": the state decides.
                   if (virDomainIsActive(domain->get()) == 0) return {};
                   if (by == ShutdownBy::guest_agent && error.code == Errc::unavailable)
                       error.code = Errc::invalid;
                   return fail(std::move(error));
               });
}

Result<void> LibvirtHypervisor::start(const VmId& vm) {
    const uint64_t call = core_->next_call(vm);
    return act(vm, core_->options.start_timeout, "start the VM", [vm, call](Core& core) -> Result<void> {
        const auto connection = core.operations.open();
        if (!connection) return fail(connection.error());
        auto domain = find_domain(*connection, vm.text());
        if (!domain && domain.error().code != Errc::not_found) return fail(domain.error());
        auto note = read_note(core.options, vm);
        if (!note) return fail(note.error());
        if (*note) return start_held(core, *connection, domain ? domain->get() : nullptr, vm, std::move(**note), call);
        if (domain) {
            if (virDomainIsActive(domain->get()) == 1 || virDomainCreate(domain->get()) == 0) return {};
            Error error = libvirt_error("start VM " + vm.text());
            if (virDomainIsActive(domain->get()) == 1) return {};
            return fail(std::move(error));
        }
        const auto kept = stored_definition(core, vm);
        if (!kept) return fail(kept.error());
        const DomainHandle created(virDomainCreateXML(connection->get(), kept->c_str(), 0));
        if (!created) return fail(libvirt_error("start VM " + vm.text()));
        // It has its own definition again; an old one would outlive a VM that its owner removes.
        return remove_durably(core.options.definitions_folder + "/" + vm.text() + ".xml");
    });
}

Result<void> LibvirtHypervisor::set_autostart(const VmId& vm, bool on) {
    return act(vm, core_->options.ask_timeout, "set autostart", [vm, on](Core& core) -> Result<void> {
        const auto connection = core.operations.open();
        if (!connection) return fail(connection.error());
        const auto domain = find_domain(*connection, vm.text());
        if (!domain) return fail(domain.error());
        if (virDomainIsPersistent(domain->get()) == 0) {
            if (!on) return {};
            return fail(Errc::invalid,
                        "VM " + vm.text() + " has no stored definition and cannot start by itself.");
        }
        if (virDomainSetAutostart(domain->get(), on ? 1 : 0) == 0) return {};
        return fail(libvirt_error("set autostart of VM " + vm.text()));
    });
}

void LibvirtHypervisor::watch(std::function<void(VmEvent)> on_event) {
    const std::lock_guard guard(events_mutex_);
    events_.reset();
    if (!on_event) return;
    // Other programs' calls to a guest agent must not hang for ever either, and hold up ours: each VM that
    // starts, and each that runs when we connect, gets the time-out. A worker does it, since the event thread
    // must not block.
    events_ = std::make_unique<LibvirtEvents>(
        core_->options.uri, clock_, [this, on_event = std::move(on_event)](VmEvent event) {
            if (event.what == "started" || event.what == "relisted")
                watchdog_.post(event.vm, [core = core_, vm = event.vm] {
                    const auto connection = core->operations.open();
                    if (!connection) return;
                    std::vector<DomainHandle> running;
                    if (vm.empty()) {
                        if (auto all = list_domains(*connection, VIR_CONNECT_LIST_DOMAINS_ACTIVE))
                            running = std::move(*all);
                    } else if (auto domain = find_domain(*connection, vm.text())) {
                        running.push_back(std::move(*domain));
                    }
                    for (const DomainHandle& domain : running)
                        virDomainAgentSetResponseTimeout(domain.get(), core->options.agent_timeout_seconds,
                                                         0);
                });
            on_event(std::move(event));
        });
}

}  // namespace bailiff::agent
