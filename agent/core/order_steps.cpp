// SPDX-License-Identifier: Apache-2.0
// The ladders of orders: from what is true of a VM to the state that is demanded of it.
#include "agent/core/ladder.hpp"

#include <algorithm>

namespace bailiff::agent {
namespace {

/// Ends a running VM: ask through its agent, ask by ACPI, then end its process, each with its patience.
Step power_down(const View& v) {
    const auto look_again = [&](Milliseconds end) { return Wait{std::min(end, v.now + v.patience.look_again)}; };
    // A paused or hung guest hears nothing; during a migration only ending the process works (HYPERVISOR.md §2.3).
    const bool deaf = v.vm().power == Power::paused || v.vm().stuck || v.vm().migrating;
    if (!deaf && !v.op.no_agent) {
        if (!v.op.agent_asked) return Do{Act::ask_agent, ""};
        if (v.now < *v.op.agent_asked + v.patience.agent) return look_again(*v.op.agent_asked + v.patience.agent);
    }
    if (!deaf && !v.op.no_acpi) {
        if (!v.op.acpi_first) return Do{Act::ask_acpi, ""};
        const auto end = *v.op.acpi_first + v.patience.acpi;
        if (v.now < end) {
            if (v.now >= *v.op.acpi_last + v.patience.acpi_again) return Do{Act::ask_acpi, ""};
            return look_again(std::min(end, *v.op.acpi_last + v.patience.acpi_again));
        }
    }
    if (v.times({Act::end_gracefully, ""}) == 0 && v.op.failures.count("end_gracefully") == 0) return Do{Act::end_gracefully, ""};
    return act(v, Act::kill);
}

Step off_step(const View& v) {
    if (!v.seen.lock) return act(v, Act::lock);
    // The proof is not remembered over a restart: it says something of now only.
    if (!v.op.gate_holds) return Do{Act::prove_gate, ""};
    if (!*v.op.gate_holds)
        return GiveUp{Refusal::gate_down, "the start gate let the canary start, so a power-off would not last; see `bailiff-agent status`"};
    if (v.vm().autostart) return act(v, Act::autostart_off);
    if (!v.off()) return power_down(v);
    // Locked and off, cut links protect nobody, and the stored definition is to be as the panel left it.
    if (links_are_ours(v)) return act(v, Act::links_up);
    return finished(v, "the VM is off and locked");
}

Step isolated_step(const View& v) {
    if (v.seen.lock) return GiveUp{Refusal::unexpected_state, "the VM is locked and off or in quarantine, which is more than isolated; release it first"};
    if (!links_down(v.vm())) return act(v, Act::links_down);
    return finished(v, "every network link of the VM is down; its console works");
}

Step quarantined_step(const View& v) {
    if (v.vm().quarantine_running) {
        if (v.op.token_out) return act(v, Act::revoke);
        return finished(v, "the VM runs from overlays on the quarantine network");
    }
    if (!v.seen.lock) return GiveUp{Refusal::unexpected_state, "the lock was taken off meanwhile; order 'off' first"};
    if (!v.off()) return GiveUp{Refusal::unexpected_state, "the VM runs on its own disks; order 'off' first"};
    if (v.op.order()->evidence == EvidenceRule::required && !v.op.evidence_verified) {
        if (!v.seen.evidence) return GiveUp{Refusal::no_evidence, "the evidence set of the case is gone"};
        return act(v, Act::verify_evidence);
    }
    for (const auto& disk : writable_disks(v.vm().disks))
        if (!v.overlay(disk.target)) return act(v, Act::create_overlay, disk.target);
    if (!v.op.nvram) return act(v, Act::copy_nvram);
    // An intent alone proves nothing: after a crash the same token is permitted again.
    if (v.times({Act::permit, ""}) == 0) return act(v, Act::permit);
    return act(v, Act::start_quarantined);
}

Step running_step(const View& v) {
    if (v.vm().quarantine_running) return power_down(v);
    if (!v.seen.overlays.empty()) {
        if (!v.off()) return GiveUp{Refusal::unexpected_state, "the VM runs on its own disks while overlays exist; look at the host"};
        if (v.seen.evidence && !v.op.evidence_verified && !v.op.commit_begun) return act(v, Act::verify_evidence);
        for (const auto& overlay : v.seen.overlays)
            if (!v.op.committed.contains(overlay.target)) return act(v, Act::commit, overlay.target);
        // Every overlay is kept until all of them are on their disks: until then each commit may be repeated.
        return act(v, Act::drop, v.seen.overlays.front().target);
    }
    if (v.op.commit_begun && v.seen.evidence && !v.op.definition_compared) return act(v, Act::compare_definition);
    if (links_are_ours(v)) return act(v, Act::links_up);
    if (v.seen.lock) {
        if (v.seen.lock->had_autostart && !v.vm().autostart) return act(v, Act::autostart_on);
        return act(v, Act::unlock);
    }
    if (v.off() && v.op.released_lock && v.op.released_lock->was_running) return act(v, Act::start);
    if (v.off()) return finished(v, "the VM is unlocked, and off as it was found");
    return finished(v, "the VM runs and is unlocked");
}

}  // namespace

Step order_step(const View& v) {
    if (!v.vm().exists) return gone(v);
    switch (v.op.order()->desired) {
        case VmState::off: return off_step(v);
        case VmState::quarantined: return quarantined_step(v);
        case VmState::running: return running_step(v);
        case VmState::isolated: return isolated_step(v);
        case VmState::limited: return GiveUp{Refusal::unsupported, "closing single ports is not built on this host yet"};
    }
    return gone(v);
}

}  // namespace bailiff::agent
