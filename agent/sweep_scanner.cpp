// SPDX-License-Identifier: Apache-2.0
// See sweep_scanner.hpp.
#include "agent/sweep_scanner.hpp"

#include "agent/core/verify.hpp"
#include "agent/live_acts.hpp"

#include <algorithm>
#include <filesystem>

namespace bailiff::agent {
namespace {

bool is_at_rest(const VmObservation& vm) { return vm.power == Power::off || vm.power == Power::crashed; }

/// What becomes a file's name and a word of NBD's.
bool is_plain(const std::string& target) {
    return !target.empty() && std::all_of(target.begin(), target.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
}

}  // namespace

Result<void> DiskSweep::end_leftover(const VmId& vm) { return end_export(hypervisor_, scratch_, vm, job_of(vm)); }

void DiskSweep::forget_others(const std::set<VmId>& here) {
    if (states_.empty()) return;
    constexpr size_t id_digits = 36;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(states_, error)) {
        const std::string name = entry.path().filename().string();
        if (!here.contains(VmId(name.substr(0, id_digits)))) std::filesystem::remove(entry.path(), error);
    }
}

/// Which disks are read by what changed, since when, and what the next sweep may count from. A checkpoint's name is never given
/// twice: a state that was written under it would pass for one of another moment. Of several, as an agent that was killed leaves
/// them, the oldest is the one that whole scans were of; if it is not, the scanner sees that and reads everything.
void DiskSweep::count_writes(const VmId& vm, const LiveVm& live, DiskExport& served) {
    if (states_.empty()) return;
    for (const auto& one : live.disks)
        if (one.disk.format == "qcow2" && is_plain(one.disk.target)) served.counted[one.disk.target] = "changes-" + one.disk.target;
    if (served.counted.empty()) return;
    served.mark = std::string(checkpoint_prefix) + random_.hex128();
    const auto known = hypervisor_.checkpoints(vm);
    if (known && !known->empty()) served.since = known->front();
}

/// From most to least: what changed; everything, with a moment to count from; everything. A bitmap that is gone or broken, a disk
/// that came later, an image that takes no bitmap: the sweep is slower for it and not worse.
Result<BackupBegun> DiskSweep::begin(const VmId& vm, DiskExport& served) {
    for (;;) {
        auto begun = hypervisor_.begin_export(vm, served);
        if (begun || begun.error().code == Errc::unknown_outcome || served.mark.empty()) return begun;
        if (!served.since.empty()) served.since.clear();
        else served.mark.clear();
    }
}

/// All of ours but one go; "" = all. What cannot be removed now is tried again at the next sweep.
void DiskSweep::keep_checkpoint(const VmId& vm, const std::string& kept) {
    const auto known = hypervisor_.checkpoints(vm);
    if (!known) return;
    for (const auto& name : *known)
        if (name != kept) static_cast<void>(hypervisor_.forget_checkpoint(vm, name));
}

/// Between the job's beginning and its end: whatever happens here, the caller ends it.
Result<ScanOutcome> DiskSweep::scan_served(const VmId& vm, DiskExport& served, const std::function<bool()>& go_on) {
    const JobId job = job_of(vm);
    const auto live = hypervisor_.live(vm);
    if (!live) return fail(live.error());
    auto made = scratch_.make(job, *live);
    if (!made) return fail(made.error());
    served = std::move(*made);
    count_writes(vm, *live, served);
    const auto begun = begin(vm, served);
    if (!begun) return fail(begun.error());
    auto targets = targets_of(served);
    for (auto& disk : targets)
        if (const auto counted = served.counted.find(disk.target); counted != served.counted.end() && !served.mark.empty())
            disk.changes = ScanChanges{state_file(vm, disk.target), served.since.empty() ? "" : counted->second, served.since, served.mark};
    // The guest must never find the scratch space full: QEMU would stop it.
    const auto stop = [&] { return go_on() ? scratch_.shortage(job) : std::string("the scan was stopped"); };
    auto outcome = scanner_.scan_live(targets, [](int) {}, stop);
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
    DiskExport served;
    auto outcome = scan_served(vm, served, go_on);
    const auto ended = end_leftover(vm);
    // After a scan that came to nothing, the next one counts from where this one would have.
    if (outcome) keep_checkpoint(vm, served.mark);
    else if (!served.mark.empty()) static_cast<void>(hypervisor_.forget_checkpoint(vm, served.mark));
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
