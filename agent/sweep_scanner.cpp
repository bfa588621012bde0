// SPDX-License-Identifier: Apache-2.0
// See sweep_scanner.hpp.
#include "agent/sweep_scanner.hpp"

#include "agent/core/verify.hpp"
#include "agent/live_acts.hpp"

namespace bailiff::agent {
namespace {

bool is_at_rest(const VmObservation& vm) { return vm.power == Power::off || vm.power == Power::crashed; }

}  // namespace

Result<void> DiskSweep::end_leftover(const VmId& vm) { return end_export(hypervisor_, scratch_, vm, job_of(vm)); }

/// Between the job's beginning and its end: whatever happens here, the caller ends it.
Result<ScanOutcome> DiskSweep::scan_served(const VmId& vm, const std::function<bool()>& go_on) {
    const JobId job = job_of(vm);
    const auto live = hypervisor_.live(vm);
    if (!live) return fail(live.error());
    const auto served = scratch_.make(job, *live);
    if (!served) return fail(served.error());
    const auto begun = hypervisor_.begin_export(vm, *served);
    if (!begun) return fail(begun.error());
    // The guest must never find the scratch space full: QEMU would stop it.
    const auto stop = [&] { return go_on() ? scratch_.shortage(job) : std::string("the scan was stopped"); };
    auto outcome = scanner_.scan_live(targets_of(*served), [](int) {}, stop);
    if (!outcome) return outcome;
    const auto still = hypervisor_.backup(vm);
    if (!still) return fail(still.error());
    // What was read last may have come from a job that had ended.
    if (still->state != BackupJob::State::running || still->run != begun->run)
        return fail(Errc::conflict, "the VM was stopped, or its backup job ended, while it was scanned");
    return outcome;
}

/// A running VM's disks are read through its own process, as a copy of one instant.
Result<SweptDisks> DiskSweep::scan_running(const VmId& vm, const std::function<bool()>& go_on) {
    if (!running_) return fail(Errc::unavailable, "the VM " + vm.text() + " runs, and this host sweeps VMs that are off only");
    const auto busy = hypervisor_.backup(vm);
    if (!busy) return fail(busy.error());
    if (busy->state == BackupJob::State::running && !serves_from(*busy, scratch_.folder(job_of(vm))))
        return fail(Errc::conflict, "another program's backup job runs on the VM, and libvirt allows one at a time");
    if (auto ended = end_leftover(vm); !ended) return fail(ended.error());
    if (auto made = scratch_.prepare(job_of(vm)); !made) return fail(made.error());
    auto outcome = scan_served(vm, go_on);
    const auto ended = end_leftover(vm);
    if (!outcome) return fail(outcome.error());
    if (!ended) return fail(ended.error());
    return SweptDisks{std::move(*outcome), true};
}

Result<SweptDisks> DiskSweep::scan_at_rest(const VmId& vm, const VmObservation& before, const std::function<bool()>& go_on) {
    std::vector<ScanTarget> targets;
    for (const auto& disk : writable_disks(before.disks)) targets.push_back({disk.target, disk.source, disk.format, "", ""});
    auto outcome = scanner_.scan_unheld(targets, go_on);
    if (!outcome) return fail(outcome.error());
    const auto after = hypervisor_.observe(vm);
    if (!after) return fail(after.error());
    // Another VM may have the same disks; that one's writing is told by QEMU's locks, at the beginning of the scan.
    if (!is_at_rest(*after) || after->disks != before.disks)
        return fail(Errc::conflict, "the VM was started or given other disks while it was scanned");
    return SweptDisks{std::move(*outcome), false};
}

Result<SweptDisks> DiskSweep::scan_vm(const VmId& vm, const std::function<bool()>& go_on) {
    const auto before = hypervisor_.observe(vm);
    if (!before) return fail(before.error());
    if (!before->exists) return fail(Errc::not_found, not_here(vm, std::nullopt));
    if (before->migrating) return fail(Errc::conflict, "the VM is migrating");
    return is_at_rest(*before) ? scan_at_rest(vm, *before, go_on) : scan_running(vm, go_on);
}

}  // namespace bailiff::agent
