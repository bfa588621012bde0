// SPDX-License-Identifier: Apache-2.0
// The checks that look at the VM: whether what the order or job presumes is still true when work would begin.
#include "agent/core/verify.hpp"

#include <algorithm>

namespace bailiff::agent {
namespace {

using Why = std::optional<RefusedPayload>;

Why refuse(Refusal code, std::string text) { return RefusedPayload{code, std::move(text)}; }

bool is_off(const VmObservation& vm) { return vm.power == Power::off || vm.power == Power::crashed; }

Why check_expected(const Order& order, const Observation& seen) {
    const auto state = state_of(seen.vm, seen.lock.has_value(), seen.history.isolated);
    bool holds = true;
    switch (order.expect) {
        case Expect::any: break;
        case Expect::running: holds = !is_off(seen.vm) && state == VmState::running; break;
        case Expect::off: holds = is_off(seen.vm); break;
        case Expect::isolated: holds = state == VmState::isolated; break;
        case Expect::limited: holds = state == VmState::limited; break;
        case Expect::quarantined: holds = state == VmState::quarantined; break;
    }
    if (holds) return std::nullopt;
    return refuse(Refusal::unexpected_state, "the order expects the VM '" + std::string(name(order.expect)) + "', but it is '" +
                                                 std::string(name(state)) + "' with power '" + std::string(name(seen.vm.power)) + "'");
}

/// The rule that lets a VM come back: a complete clean verdict on exactly what would be put back.
Why check_clean(const Order& order, const Observation& seen) {
    const auto& scan = seen.history.last_scan;
    if (!seen.overlays.empty()) {
        if (seen.history.bypassed)
            return refuse(Refusal::not_verified_clean,
                          "the VM was started past the lock while overlays existed, so they no longer fit its disks; revert them");
        if (seen.vm.quarantine_running)
            return refuse(Refusal::not_verified_clean, "the quarantine run still writes; order 'off', then scan again");
        if (!scan || !scan->of_overlays || scan->position < seen.history.last_write)
            return refuse(Refusal::not_verified_clean, "the overlays were not scanned since the last write to them; scan them");
        if (scan->outcome.verdict != ScanVerdict::clean)
            return refuse(Refusal::not_verified_clean, "the last scan of the overlays says '" +
                                                           std::string(name(scan->outcome.verdict)) + "'; only 'clean' is put back");
        return std::nullopt;
    }
    // Without overlays nothing was changed. A policy that demands evidence demands a clean VM too.
    if (order.evidence == EvidenceRule::required && scan && scan->outcome.verdict == ScanVerdict::infected)
        return refuse(Refusal::not_verified_clean, "the last scan of the VM's disks says 'infected', and nothing was cleaned since");
    return std::nullopt;
}

bool known_scan(const Job& job, const Observation& seen) {
    const auto scan = seen.history.scans.find(job.scan_job.text());
    return scan != seen.history.scans.end() && scan->second.vm == job.vm_uuid;
}

template <class Document>
Why check_fresh(const Document& d, const HostFacts& host, const Observation& seen) {
    // An operation may have waited for another one of its VM, or for the agent: nothing starts late.
    if (d.not_after < host.now) return refuse(Refusal::expired, "it was good until " + format_rfc3339(d.not_after));
    if (!seen.vm.exists) return refuse(Refusal::unknown_vm, "the VM " + d.vm_uuid.text() + " is not on this host");
    return std::nullopt;
}

}  // namespace

std::optional<RefusedPayload> may_begin(const Order& order, const HostFacts& host, const Observation& seen, bool gate_up) {
    if (auto why = check_fresh(order, host, seen)) return why;
    if (order.vm_generation < seen.history.newest_generation)
        return refuse(Refusal::stale_generation, "a newer order for the VM came while this one waited");
    if (auto why = check_expected(order, seen)) return why;
    const bool needs_lock = order.desired == VmState::quarantined;
    if (needs_lock && (!seen.lock || (!is_off(seen.vm) && !seen.vm.quarantine_running)))
        return refuse(Refusal::unexpected_state, "a quarantine boot needs the VM off and locked; order 'off' first");
    if (!gate_up && (order.desired == VmState::off || order.desired == VmState::quarantined))
        return refuse(Refusal::gate_down, "the start gate does not hold on this host, so the VM could be started again by anyone; "
                                          "see `bailiff-agent status`");
    const bool needs_evidence = order.evidence == EvidenceRule::required &&
                                (order.desired == VmState::quarantined || (order.desired == VmState::running && !seen.overlays.empty()));
    if (needs_evidence && !seen.evidence)
        return refuse(Refusal::no_evidence, "there is no evidence set of case " + order.case_id.text() + " on this host");
    if (order.desired == VmState::running)
        if (auto why = check_clean(order, seen)) return why;
    if (host.dry_run)
        return refuse(Refusal::dry_run, "this host is in dry-run: the order passed every check, and would make the VM '" +
                                            std::string(name(order.desired)) + "'");
    return std::nullopt;
}

std::optional<RefusedPayload> may_begin(const Job& job, const HostFacts& host, const Observation& seen, bool gate_up) {
    if (auto why = check_fresh(job, host, seen)) return why;
    if (!is_off(seen.vm))
        return refuse(Refusal::unexpected_state, "the VM's power is '" + std::string(name(seen.vm.power)) + "'; a job of kind '" +
                                                     std::string(name(job.kind)) + "' needs it off");
    if (!seen.lock && job.kind != JobKind::scan)
        return refuse(Refusal::unexpected_state, "the VM is not locked, so it could start meanwhile; order 'off' first");
    if (job.kind == JobKind::clean && !known_scan(job, seen))
        return refuse(Refusal::unexpected_state, "this host has no scan '" + job.scan_job.text() + "' of the VM; scan again");
    if (job.kind == JobKind::clean && !gate_up)
        return refuse(Refusal::gate_down, "the start gate does not hold on this host, so the VM could start while it is cleaned");
    if (job.kind == JobKind::clean && !seen.evidence)
        return refuse(Refusal::no_evidence, "there is no evidence set of case " + job.case_id.text() + " on this host");
    if (host.dry_run)
        return refuse(Refusal::dry_run, "this host is in dry-run: the job passed every check");
    return std::nullopt;
}

bool links_down(const VmObservation& vm) {
    return std::none_of(vm.nics.begin(), vm.nics.end(), [](const VmNic& nic) { return nic.link_up; });
}

VmState state_of(const VmObservation& vm, bool locked, bool isolated) {
    if (vm.quarantine_running) return VmState::quarantined;
    if (is_off(vm) && locked) return VmState::off;
    if (isolated && links_down(vm)) return VmState::isolated;
    return VmState::running;
}

std::vector<VmDisk> writable_disks(const std::vector<VmDisk>& disks) {
    std::vector<VmDisk> out;
    for (const auto& disk : disks)
        if (!disk.read_only) out.push_back(disk);
    return out;
}

}  // namespace bailiff::agent
