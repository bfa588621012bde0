// SPDX-License-Identifier: Apache-2.0
// The acts of LibvirtHypervisor that take several steps: quarantine boot, the end of a VM, the canary.
#include "agent/files/durable_file.hpp"
#include "agent/hypervisor/domain_xml.hpp"
#include "agent/hypervisor/libvirt_hypervisor.hpp"
#include "agent/hypervisor/qemu_process.hpp"

#include <bailiff/system_clock.hpp>

#include <libvirt/virterror.h>
#include <thread>

namespace bailiff::agent {

using std::chrono::milliseconds;

Result<void> LibvirtHypervisor::ensure_quarantine_network(Core& core, const ConnectionHandle& connection) {
    const std::lock_guard guard(core.network_mutex);
    const std::string& name = core.options.quarantine_network;
    NetworkHandle network(virNetworkLookupByName(connection.get(), name.c_str()));
    if (!network) {
        // Not defined, only started: nothing of ours stays on the host after a reboot.
        const std::string xml = quarantine_network(name, core.options.quarantine_bridge);
        network.reset(virNetworkCreateXML(connection.get(), xml.c_str()));
        if (!network) return fail(libvirt_error("start the quarantine network " + name));
    } else if (virNetworkIsActive(network.get()) == 0 && virNetworkCreate(network.get()) < 0) {
        return fail(libvirt_error("start the quarantine network " + name));
    }
    const LibvirtText xml(virNetworkGetXMLDesc(network.get(), 0));
    if (!xml) return fail(libvirt_error("describe the quarantine network " + name));
    if (!is_isolated_network(xml.get()))
        return fail(Errc::forbidden, "The network " + name +
                                         " is not isolated; remove it, and it is made anew as it must be.");
    return {};
}

Result<void> LibvirtHypervisor::boot_quarantined(Core& core, const VmId& vm, const QuarantineBoot& boot) {
    const auto connection = core.operations.open();
    if (!connection) return fail(connection.error());
    const std::string& network = core.options.quarantine_network;
    if (const auto present = find_domain(*connection, vm.text());
        present && virDomainIsActive(present->get()) == 1) {
        const LibvirtText live(virDomainGetXMLDesc(present->get(), 0));
        if (!live) return fail(libvirt_error("describe VM " + vm.text()));
        const auto facts = read_domain(live.get());
        if (!facts || !facts->ours)
            return fail(Errc::conflict, "VM " + vm.text() + " runs outside quarantine; power it off first.");
        // A boot that a crash of ours interrupted: it may still stand paused.
        if (auto checked = check_quarantined(live.get(), boot, network); !checked) return checked;
        int state = 0;
        if (virDomainGetState(present->get(), &state, nullptr, 0) == 0 && state != VIR_DOMAIN_PAUSED)
            return {};
        if (virDomainResume(present->get()) < 0) return fail(libvirt_error("resume VM " + vm.text()));
        return {};
    }
    const auto stored = stored_definition(core, vm);
    if (!stored) return fail(stored.error());
    const auto edited = quarantine_domain(*stored, boot, network);
    if (!edited) return fail(edited.error());
    if (auto ready = ensure_quarantine_network(core, *connection); !ready) return ready;
    const DomainHandle started(
        virDomainCreateXML(connection->get(), edited->c_str(), VIR_DOMAIN_START_PAUSED));
    if (!started) return fail(libvirt_error("start VM " + vm.text() + " in quarantine"));
    const LibvirtText live(virDomainGetXMLDesc(started.get(), 0));
    auto checked = live ? check_quarantined(live.get(), boot, network)
                        : Result<void>(fail(libvirt_error("describe VM " + vm.text())));
    if (!checked) {
        // It has not run a single instruction yet.
        virDomainDestroy(started.get());
        return checked;
    }
    virDomainAgentSetResponseTimeout(started.get(), core.options.agent_timeout_seconds, 0);
    if (virDomainResume(started.get()) < 0) return fail(libvirt_error("resume VM " + vm.text()));
    return {};
}

Result<void> LibvirtHypervisor::start_quarantined(const VmId& vm, const QuarantineBoot& boot) {
    return act(vm, core_->options.start_timeout, "start the VM in quarantine",
               [vm, boot](Core& core) { return boot_quarantined(core, vm, boot); });
}

Result<void> LibvirtHypervisor::power_off(const VmId& vm, bool graceful) {
    return act(vm, core_->options.destroy_timeout, "end the VM", [vm, graceful](Core& core) -> Result<void> {
        const auto connection = core.urgent.open();
        if (!connection) return fail(connection.error());
        const auto domain = find_domain(*connection, vm.text());
        if (!domain) {
            if (domain.error().code == Errc::not_found) return {};
            return fail(domain.error());
        }
        const char* name = virDomainGetName(domain->get());
        const QemuProcess process = QemuProcess::find(core.options.run_folder, name ? name : "", vm.text());
        if (virDomainIsActive(domain->get()) == 1) {
            // Without the definition a transient VM could be neither examined nor given back.
            if (auto kept = keep_transient_definition(core, domain->get(), vm); !kept) return kept;
            const unsigned flags = graceful ? VIR_DOMAIN_DESTROY_GRACEFUL : VIR_DOMAIN_DESTROY_DEFAULT;
            if (virDomainDestroyFlags(domain->get(), flags) < 0 && virDomainIsActive(domain->get()) == 1) {
                Error error = libvirt_error("end VM " + vm.text());
                // A process that libvirt cannot end may still end by a signal of ours; libvirt then notices.
                if (graceful || !process.kill_and_wait(milliseconds{5000})) return fail(std::move(error));
            }
        }
        if (process.wait_gone(milliseconds{5000})) return {};
        return fail(Errc::unknown_outcome, "VM " + vm.text() + " is off for libvirt, but its process " +
                                               std::to_string(process.pid()) +
                                               " has not ended; it may hang in a disk call.");
    });
}

Result<bool> LibvirtHypervisor::prove_gate() {
    const VmId canary{std::string(canary_uuid)};
    return watchdog_.run<bool>(
        canary, core_->options.read_timeout,
        Error{Errc::unavailable, "The start gate did not answer in time."}, [core = core_]() -> Result<bool> {
            const auto connection = core->operations.open();
            if (!connection) return fail(connection.error());
            const std::string type =
                core->options.canary_type.empty() ? usable_accelerator() : core->options.canary_type;
            const DomainHandle started(
                virDomainCreateXML(connection->get(), canary_domain(type).c_str(),
                                   VIR_DOMAIN_START_PAUSED | VIR_DOMAIN_START_AUTODESTROY));
            if (started) {
                virDomainDestroy(started.get());
                return false;
            }
            const virErrorPtr error = virGetLastError();
            if (error && error->code == VIR_ERR_HOOK_SCRIPT_FAILED && error->message) {
                // Another hook's refusal proves nothing about ours.
                return std::string_view(error->message).find("Bailiff") != std::string_view::npos;
            }
            return fail(libvirt_error("try the canary's start"));
        });
}

}  // namespace bailiff::agent
