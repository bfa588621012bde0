// SPDX-License-Identifier: Apache-2.0
// See sweep_scanner.hpp.
#include "agent/sweep_scanner.hpp"

#include "agent/core/verify.hpp"

namespace bailiff::agent {
namespace {

bool is_at_rest(const VmObservation& vm) { return vm.power == Power::off || vm.power == Power::crashed; }

}  // namespace

/// A running VM's disks are read through its own process, as a copy of one instant.
Result<SweptDisks> DiskSweep::scan_running(const VmId& vm) {
    return fail(Errc::unavailable, "the VM " + vm.text() + " runs, and live scans are not there yet");
}

Result<SweptDisks> DiskSweep::scan_vm(const VmId& vm, const std::function<bool()>& go_on) {
    const auto before = hypervisor_.observe(vm);
    if (!before) return fail(before.error());
    if (!before->exists) return fail(Errc::not_found, not_here(vm, std::nullopt));
    if (!is_at_rest(*before)) return scan_running(vm);
    std::vector<ScanTarget> targets;
    for (const auto& disk : writable_disks(before->disks)) targets.push_back({disk.target, disk.source, disk.format, "", ""});
    auto outcome = scanner_.scan_unheld(targets, go_on);
    if (!outcome) return fail(outcome.error());
    const auto after = hypervisor_.observe(vm);
    if (!after) return fail(after.error());
    // Another VM may have the same disks; that one's writing is told by QEMU's locks, at the beginning of the scan.
    if (!is_at_rest(*after) || after->disks != before->disks)
        return fail(Errc::conflict, "the VM was started or given other disks while it was scanned");
    return SweptDisks{std::move(*outcome), false};
}

}  // namespace bailiff::agent
