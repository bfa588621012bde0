// SPDX-License-Identifier: Apache-2.0
// The checks that look at the VM: whether what the order or job presumes is still true when work would begin.
#include "agent/core/verify.hpp"

#include "agent/core/refuse.hpp"

#include <algorithm>

namespace bailiff::agent {
namespace {

bool is_off(const VmObservation& vm) { return vm.power == Power::off || vm.power == Power::crashed; }

Why check_expected(const Order& order, const Observation& seen) {
    const auto state = state_of(seen.vm, seen.lock.has_value(), seen.history.isolated, seen.history.limited);
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

/// Whether the scan that would let the VM come back was made with signatures as new as the order asks.
Why check_signatures(const Order& order, const ScanFact& scan, Instant now) {
    if (order.signatures_seconds == 0) return std::nullopt;
    const Instant oldest = now - Seconds(order.signatures_seconds), made = scan.outcome.signatures_at;
    const std::string asked = ", and the order asks for none from before " + format_rfc3339(oldest) + "; update them and scan again";
    if (made == Instant{}) return refuse(Refusal::not_verified_clean, "the signatures of the clean scan bear no date" + asked);
    if (made < oldest) return refuse(Refusal::not_verified_clean, "the signatures of the clean scan are of " + format_rfc3339(made) + asked);
    return std::nullopt;
}

/// An order that put cleaned disks back scans them once more. When it failed after that, at the unlocking, its scan is the last
/// one; it says the same as the accepted one if it found nothing and left out exactly the same things.
bool is_scan_after_the_commit(const Observation& seen, const ScanFact& last, const JobId& accepted) {
    const auto named = seen.history.scans.find(accepted.text());
    return last.after_commit && named != seen.history.scans.end() && named->second.vm == last.vm && last.outcome.hits.empty() &&
           last.outcome.verdict == ScanVerdict::incomplete && named->second.outcome.verdict == ScanVerdict::incomplete &&
           !last.outcome.skipped_sha256.empty() && last.outcome.skipped_sha256 == named->second.outcome.skipped_sha256;
}

/// Two people accepted the incomplete scan that the order names. It must be the very last one that this host made of what
/// would be put back, so that nothing else is accepted along with it.
Why check_accepted(const Order& order, const Observation& seen, Instant now) {
    const auto& scan = seen.history.last_scan;
    const std::string named = "the order puts the VM back on the word of scan " + order.accepted_scan.text() + ", ";
    if (!scan || scan->position < seen.history.last_write)
        return refuse(Refusal::not_verified_clean, named + "but the disks were written since their last scan; scan them again");
    if (scan->job != order.accepted_scan && !is_scan_after_the_commit(seen, *scan, order.accepted_scan))
        return refuse(Refusal::not_verified_clean, named + "but the last scan here is " + scan->job.text() + "; look at that one");
    if (scan->outcome.verdict != ScanVerdict::incomplete || !scan->outcome.hits.empty())
        return refuse(Refusal::not_verified_clean, named + "but that scan says '" + std::string(name(scan->outcome.verdict)) + "', and only an incomplete one is accepted");
    return check_signatures(order, *scan, now);
}

/// The rule that lets a VM come back: a complete clean verdict on exactly what would be put back.
Why check_clean(const Order& order, const Observation& seen, Instant now) {
    const auto& scan = seen.history.last_scan;
    if (seen.history.reverting)
        return refuse(Refusal::not_verified_clean, "a revert to the evidence set was begun and not finished, so the disks are neither; revert them again");
    if (!seen.overlays.empty()) {
        if (seen.history.bypassed)
            return refuse(Refusal::not_verified_clean,
                          "the VM was started past the lock while overlays existed, so they no longer fit its disks; revert them");
        if (seen.vm.quarantine_running)
            return refuse(Refusal::not_verified_clean, "the quarantine run still writes; order 'off', then scan again");
        if (!scan || !scan->of_overlays || scan->position < seen.history.last_write)
            return refuse(Refusal::not_verified_clean, "the overlays were not scanned since the last write to them; scan them");
        if (order.accepted_scan.empty() && scan->outcome.verdict != ScanVerdict::clean)
            return refuse(Refusal::not_verified_clean, "the last scan of the overlays says '" +
                                                           std::string(name(scan->outcome.verdict)) + "'; only 'clean' is put back");
        // Memory that was saved beside the disks as they were would be resumed over disks that it does not know.
        if (seen.vm.managed_save)
            return refuse(Refusal::unsupported, "the VM has saved memory, which does not fit cleaned disks; remove it (virsh managedsave-remove) or revert them");
        if (const auto mixed = mixed_disks(seen); !mixed.empty()) return refuse(Refusal::unexpected_state, mixed);
        return order.accepted_scan.empty() ? check_signatures(order, *scan, now) : check_accepted(order, seen, now);
    }
    if (!order.accepted_scan.empty()) return check_accepted(order, seen, now);
    // Without overlays nothing was changed. A policy that demands evidence demands a clean VM too.
    if (order.evidence == EvidenceRule::required && scan && scan->outcome.verdict == ScanVerdict::infected)
        return refuse(Refusal::not_verified_clean, "the last scan of the VM's disks says 'infected', and nothing was cleaned since");
    if (order.evidence == EvidenceRule::required && scan && scan->outcome.verdict == ScanVerdict::incomplete)
        return refuse(Refusal::not_verified_clean, "the last scan of the VM's disks is incomplete, and the order names no scan that two people accepted");
    if (order.evidence != EvidenceRule::required || order.signatures_seconds == 0) return std::nullopt;
    if (!scan || scan->outcome.verdict != ScanVerdict::clean)
        return refuse(Refusal::not_verified_clean, "the VM's disks were not found clean by a scan of this case, and the order asks for one with new signatures; scan them");
    return check_signatures(order, *scan, now);
}

/// `isolated` and `limited` are states of a VM that runs on its own disks. From the lock it gets there only when those
/// disks are what it shall run on.
Why check_restricted(const Order& order, const Observation& seen, Instant now) {
    if (seen.vm.quarantine_running)
        return refuse(Refusal::unexpected_state, "the VM runs in quarantine, which is more than '" + std::string(name(order.desired)) +
                                                     "'; order 'off', scan and release it, or revert its overlays");
    if (!seen.overlays.empty())
        return refuse(Refusal::unexpected_state, "overlays of the VM's disks wait for a scan; release or revert them before it runs on its own disks");
    if (seen.lock && !is_off(seen.vm))
        return refuse(Refusal::unexpected_state, "the VM was started past its lock and is being powered off again; try again when it is off");
    // A closed port does not stop what an infected disk does; a network that is cut does.
    if (seen.lock && order.desired == VmState::limited) return check_clean(order, seen, now);
    return std::nullopt;
}

bool known_scan(const Job& job, const Observation& seen) {
    const auto scan = seen.history.scans.find(job.scan_job.text());
    return scan != seen.history.scans.end() && scan->second.vm == job.vm_uuid;
}

bool takes(const Order& order) { return harmful(order.desired); }
bool takes(const Job&) { return true; }

/// An operation may have waited for another one of its VM, or for the agent: nothing starts late.
template <class Document>
Why check_time(const Document& d, const HostFacts& host) {
    if (d.not_after < host.now) return refuse(Refusal::expired, "it was good until " + format_rfc3339(d.not_after));
    return std::nullopt;
}

template <class Document>
Why check_fresh(const Document& d, const HostFacts& host, const Observation& seen) {
    if (auto why = check_time(d, host)) return why;
    if (!seen.vm.exists) return refuse(Refusal::unknown_vm, not_here(d.vm_uuid, seen.history.left));
    // Again, since the list may have grown, and a name is known for certain only now.
    if (takes(d) && is_exempt(host.exempt, d.vm_uuid, seen.vm.name))
        return refuse(Refusal::exempt, "the host's admin lists this VM as never to be touched");
    return std::nullopt;
}

/// Guarding looks at this host only: the VM need not be here, and must not run here.
Why may_guard(const Job& job, const HostFacts& host, const Observation& seen, bool gate_up) {
    if (auto why = check_time(job, host)) return why;
    if (job.kind == JobKind::unguard) return std::nullopt;
    if (seen.vm.exists && !is_off(seen.vm) && !seen.lock)
        return refuse(Refusal::unexpected_state, "the VM runs on this very host, so there is nothing to guard; order 'off' here");
    if (!gate_up)
        return refuse(Refusal::gate_down, "the start gate does not hold on this host, so the VM could be started here by anyone; "
                                          "see `bailiff-agent status`");
    if (host.dry_run) return refuse(Refusal::dry_run, "this host is in dry-run: the guard passed every check");
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
    if (!gate_up && order.gate == GateRule::required && (order.desired == VmState::off || order.desired == VmState::quarantined))
        return refuse(Refusal::gate_down, "the start gate does not hold on this host, so the VM could be started again by anyone; "
                                          "see `bailiff-agent status`");
    if (order.desired == VmState::isolated || order.desired == VmState::limited)
        if (auto why = check_restricted(order, seen, host.now)) return why;
    const bool needs_evidence = order.evidence == EvidenceRule::required &&
                                (order.desired == VmState::quarantined || (order.desired == VmState::running && !seen.overlays.empty()));
    if (needs_evidence && !seen.evidence)
        return refuse(Refusal::no_evidence, "there is no evidence set of case " + order.case_id.text() + " on this host");
    if (order.desired == VmState::running)
        if (auto why = check_clean(order, seen, host.now)) return why;
    if (host.dry_run)
        return refuse(Refusal::dry_run, "this host is in dry-run: the order passed every check, and would make the VM '" +
                                            std::string(name(order.desired)) + "'");
    return std::nullopt;
}

std::optional<RefusedPayload> may_begin(const Job& job, const HostFacts& host, const Observation& seen, bool gate_up) {
    if (job.kind == JobKind::guard || job.kind == JobKind::unguard) return may_guard(job, host, seen, gate_up);
    if (auto why = check_fresh(job, host, seen)) return why;
    const bool runs = !is_off(seen.vm) && seen.vm.power != Power::unknown && !seen.vm.quarantine_running;
    const bool live = (job.kind == JobKind::evidence || job.kind == JobKind::scan_live) && runs;
    if (job.kind == JobKind::scan_live && !live)
        return refuse(Refusal::unexpected_state, "the VM's power is '" + std::string(name(seen.vm.power)) + "'" +
                                                     (seen.vm.quarantine_running ? " in quarantine" : "") +
                                                     "; a scan of the running VM needs it running on its own disks; a job of kind 'scan' reads disks at rest");
    if (job.kind == JobKind::scan_live && seen.lock)
        return refuse(Refusal::unexpected_state, "the VM was started past its lock and is being powered off again; scan it when it is off");
    if (!is_off(seen.vm) && !live)
        return refuse(Refusal::unexpected_state, "the VM's power is '" + std::string(name(seen.vm.power)) + "'; a job of kind '" +
                                                     std::string(name(job.kind)) + "' needs it off");
    if (job.memory && !live)
        return refuse(Refusal::unexpected_state, "the job asks for the VM's memory, which is only there while it runs");
    if (!seen.lock && job.kind != JobKind::scan && !live)
        return refuse(Refusal::unexpected_state, "the VM is not locked, so it could start meanwhile; order 'off' first");
    if (job.kind == JobKind::clean && !known_scan(job, seen))
        return refuse(Refusal::unexpected_state, "this host has no scan '" + job.scan_job.text() + "' of the VM; scan again");
    if (job.kind == JobKind::clean && !gate_up)
        return refuse(Refusal::gate_down, "the start gate does not hold on this host, so the VM could start while it is cleaned");
    if (job.kind == JobKind::clean && !seen.evidence)
        return refuse(Refusal::no_evidence, "there is no evidence set of case " + job.case_id.text() + " on this host");
    if (job.kind == JobKind::revert && !seen.history.committed.empty()) {
        if (!gate_up)
            return refuse(Refusal::gate_down, "the start gate does not hold on this host, so the VM could start while its disks are put back");
        if (!seen.evidence)
            return refuse(Refusal::no_evidence, "a commit wrote to the VM's disks, and there is no evidence set of case " + job.case_id.text() +
                                                    " on this host to put them back from");
    }
    if (host.dry_run)
        return refuse(Refusal::dry_run, "this host is in dry-run: the job passed every check");
    return std::nullopt;
}

std::string not_here(const VmId& vm, const std::optional<Instant>& left) {
    return "the VM " + vm.text() + " is not on this host" +
           (left ? "; it was migrated away at " + format_rfc3339(*left) + ", and libvirt does not say where to" : "");
}

bool links_down(const VmObservation& vm) {
    return vm.hold.cut || std::none_of(vm.nics.begin(), vm.nics.end(), [](const VmNic& nic) { return nic.link_up; });
}

VmState state_of(const VmObservation& vm, bool locked, bool isolated, const std::optional<Limit>& limited) {
    if (vm.quarantine_running) return VmState::quarantined;
    if (is_off(vm) && locked) return VmState::off;
    if (isolated && links_down(vm)) return VmState::isolated;
    if (limited && vm.hold.limit == *limited) return VmState::limited;
    return VmState::running;
}

std::string mixed_disks(const Observation& seen) {
    const std::string remedy = "; revert, then compare the VM's definition with the one in its evidence set";
    const auto writable = writable_disks(seen.vm.disks);
    for (const auto& overlay : seen.overlays) {
        const auto disk = std::find_if(writable.begin(), writable.end(), [&](const VmDisk& d) { return d.target == overlay.target; });
        if (disk == writable.end()) return "the VM no longer has the disk " + overlay.target + ", whose overlay stands on " + overlay.base + remedy;
        // A half-dropped overlay has lost its label: it says nothing of its base, and can only be dropped.
        if (!overlay.base.empty() && disk->source != overlay.base)
            return "the VM's disk " + overlay.target + " is " + disk->source + " now, and its overlay stands on " + overlay.base + remedy;
    }
    for (const auto& disk : writable) {
        const bool has = std::any_of(seen.overlays.begin(), seen.overlays.end(), [&](const Overlay& o) { return o.target == disk.target; });
        if (!has && !seen.history.committed.contains(disk.target))
            return "the VM's disk " + disk.target + " (" + disk.source + ") came after the overlays and has none" + remedy;
    }
    return "";
}

std::vector<VmDisk> writable_disks(const std::vector<VmDisk>& disks) {
    std::vector<VmDisk> out;
    for (const auto& disk : disks)
        if (!disk.read_only) out.push_back(disk);
    return out;
}

}  // namespace bailiff::agent
