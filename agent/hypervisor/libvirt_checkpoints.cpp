// SPDX-License-Identifier: Apache-2.0
// Checkpoints of a running VM: moments from which libvirt counts the writes, as dirty bitmaps in the qcow2 images.
//
// They change nothing of the VM's definition, but `virsh undefine` then asks for --checkpoints-metadata. Hence only where the
// host's admin wants them.
#include "agent/hypervisor/libvirt_hypervisor.hpp"

#include <libvirt/virterror.h>

#include <cstdlib>
#include <memory>
#include <string_view>

namespace bailiff::agent {
namespace {

struct FreeCheckpoint {
    void operator()(virDomainCheckpoint* checkpoint) const { virDomainCheckpointFree(checkpoint); }
};
using CheckpointHandle = std::unique_ptr<virDomainCheckpoint, FreeCheckpoint>;

bool runs(const DomainHandle& domain) { return virDomainIsActive(domain.get()) == 1; }

}  // namespace

Result<std::vector<std::string>> LibvirtHypervisor::checkpoints(const VmId& vm) {
    using Names = std::vector<std::string>;
    return watchdog_.run<Names>(vm, core_->options.read_timeout, Error{Errc::unavailable, "libvirt did not list the VM's checkpoints in time; it is asked again later."},
                                [core = core_, vm]() -> Result<Names> {
        const auto connection = core->operations.open();
        if (!connection) return fail(connection.error());
        const auto domain = find_domain(*connection, vm.text());
        if (!domain && domain.error().code == Errc::not_found) return Names{};
        if (!domain) return fail(domain.error());
        if (!runs(*domain)) return Names{};
        virDomainCheckpointPtr* list = nullptr;
        const int count = virDomainListAllCheckpoints(domain->get(), &list, VIR_DOMAIN_CHECKPOINT_LIST_TOPOLOGICAL);
        if (count < 0) return fail(libvirt_error("list the checkpoints of VM " + vm.text()));
        Names out;
        for (int i = 0; i < count; ++i) {
            const CheckpointHandle one(list[i]);
            const std::string_view name = virDomainCheckpointGetName(one.get());
            if (name.starts_with(checkpoint_prefix)) out.emplace_back(name);
        }
        std::free(list);
        return out;
    });
}

Result<void> LibvirtHypervisor::forget_checkpoint(const VmId& vm, const std::string& name) {
    return act(vm, core_->options.ask_timeout, "forget a checkpoint", [vm, name](Core& core) -> Result<void> {
        const auto connection = core.operations.open();
        if (!connection) return fail(connection.error());
        const auto domain = find_domain(*connection, vm.text());
        if (!domain) return fail(domain.error());
        const CheckpointHandle checkpoint(virDomainCheckpointLookupByName(domain->get(), name.c_str(), 0));
        if (!checkpoint) {
            const virErrorPtr error = virGetLastError();
            if (error && error->code == VIR_ERR_NO_DOMAIN_CHECKPOINT) return {};
            return fail(libvirt_error("look for a checkpoint of VM " + vm.text()));
        }
        if (virDomainCheckpointDelete(checkpoint.get(), 0) == 0) return {};
        Error error = libvirt_error("forget a checkpoint of VM " + vm.text());
        // An image that was replaced has lost its bitmap; then only libvirt's own note of it is left.
        if (runs(*domain) && virDomainCheckpointDelete(checkpoint.get(), VIR_DOMAIN_CHECKPOINT_DELETE_METADATA_ONLY) == 0) return {};
        return fail(std::move(error));
    });
}

}  // namespace bailiff::agent
