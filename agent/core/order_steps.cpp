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
    // And one that was copied first is not given the moments of a shutdown: they would not be in the copy.
    const bool deaf = v.vm().power == Power::paused || v.vm().stuck || v.vm().migrating || v.op.order()->evidence == EvidenceRule::first;
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

/// Evidence first: of a VM that runs on its own disks.
bool copies_first(const View& v) {
    return v.op.order()->evidence == EvidenceRule::first && !v.vm().quarantine_running;
}

/// The VM ran when it was locked, and its lock was taken off here. One that stands paused may be our own start, held until
/// its network was ready; the start itself knows, and leaves a VM alone that somebody else paused.
bool start_is_due(const View& v) {
    if (!v.op.released_lock || !v.op.released_lock->was_running) return false;
    return v.off() || (v.vm().power == Power::paused && v.op.start_begun && v.times({Act::start, ""}) == 0);
}

Step off_step(const View& v) {
    if (!v.seen.lock) return act(v, Act::lock);
    // The proof is not remembered over a restart: it says something of now only.
    if (!v.op.gate_holds) return Do{Act::prove_gate, ""};
    if (!*v.op.gate_holds && v.op.order()->gate == GateRule::required)
        return GiveUp{Refusal::gate_down, "the start gate let the canary start, so a power-off would not last; see `bailiff-agent status`"};
    // While the VM migrates libvirt changes nothing of it (HYPERVISOR.md §2.3); once it is off, the migration has ended.
    if (v.vm().autostart && (v.off() || !v.vm().migrating)) return act(v, Act::autostart_off);
    if (!v.off() && copies_first(v)) {
        if (auto step = begin_copy(v, true, v.op.order()->memory)) return *step;
        // It stands still until its copy is stored, and then ends without having run again.
        if (auto step = end_copy(v)) return *step;
    }
    if (!v.off()) return power_down(v);
    if (v.op.copy_begun && !v.seen.own_set) return act(v, Act::abort_backup);
    // Locked and off, cut links protect nobody, and the stored definition is to be as the panel left it.
    if (links_are_ours(v)) return act(v, Act::links_up);
    const std::string how = v.seen.own_set ? ", without a shutdown of its guest" + copied_text(v) : "";
    if (!*v.op.gate_holds)
        return finished(v, "the VM is off" + how + ", but the start gate does not hold on this host, and the order did not require it: who "
                           "starts the VM is stopped afterwards only; see `bailiff-agent status`");
    return finished(v, "the VM is off and locked" + how);
}

/// From the network of a VM to one that is cut or limited, on its own disks. A VM that is off and locked comes back that
/// way if it ran when it was locked: the network first, so that not one packet leaves before.
Step restricted_step(const View& v, bool reached, Act put, const std::string& text) {
    if (v.vm().quarantine_running || !v.seen.overlays.empty())
        return GiveUp{Refusal::unexpected_state, "the VM has overlays that wait for a scan; release or revert them first"};
    if (!v.seen.history.committed.empty() && v.seen.lock)
        return GiveUp{Refusal::unexpected_state, "the VM's disks were written and not scanned since; order 'running', or revert them"};
    if (copies_first(v) && !v.off()) {
        if (auto step = begin_copy(v, true, v.op.order()->memory)) return *step;
        // Cut while it stands still, so that nothing in the guest can react to the cut before the copy's instant. Then it
        // goes on: storing takes long, and from that instant on its writes are not in the copy.
        if (!reached) return act(v, put);
        if (auto step = let_guest_go(v)) return *step;
        if (auto step = end_copy(v)) return *step;
    }
    if (v.op.copy_begun && !v.seen.own_set) return act(v, Act::abort_backup);
    if (!reached) return act(v, put);
    if (v.seen.lock) {
        if (!v.off()) return GiveUp{Refusal::unexpected_state, "the VM was started past its lock and is being powered off again"};
        if (v.seen.lock->had_autostart && !v.vm().autostart) return act(v, Act::autostart_on);
        return act(v, Act::unlock);
    }
    if (start_is_due(v)) return act(v, Act::start);
    if (v.off()) return finished(v, "the VM is off and was not started; when it starts, " + text);
    if (v.vm().stuck && !v.vm().hold.whole)
        return finished(v, text + "; libvirt does not answer for this VM, so its interfaces were taken down on the host, and libvirt follows later");
    return finished(v, text + copied_text(v));
}

Step isolated_step(const View& v) {
    const auto& hold = v.vm().hold;
    // Cut on the host is cut; that the definition says so too can wait for a libvirt that hangs, and only for that. Links
    // that an earlier version cut have no note of what stood there before.
    const bool lasts = !hold.kept || hold.whole || v.vm().stuck || v.vm().migrating;
    // What the journal does not know as done is not watched: after a crash in between it is done again, which is nothing.
    return restricted_step(v, links_down(v.vm()) && lasts && v.seen.history.isolated, Act::links_down, "every network link of the VM is down; its console works");
}

Step limited_step(const View& v) {
    const auto& hold = v.vm().hold;
    const Limit& limit = v.op.order()->limit;
    // A VM without interfaces reaches nothing, whatever is closed.
    const bool reached = v.seen.history.limited == limit && hold.kept && hold.whole && (v.vm().nics.empty() || (!hold.cut && hold.limit == limit));
    std::string text = "the VM's network is limited:";
    if (!limit.closed_ports.empty()) text += " outgoing ports " + limit.closed_ports + " are closed";
    if (limit.rate_kbit > 0) text += std::string(limit.closed_ports.empty() ? "" : ",") + " each interface carries at most " + std::to_string(limit.rate_kbit) + " kbit/s";
    return restricted_step(v, reached, Act::limit_on, text);
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
    if (const auto mixed = mixed_disks(v.seen); !mixed.empty()) return GiveUp{Refusal::unexpected_state, mixed};
    if (!v.op.nvram) return act(v, Act::copy_nvram);
    // An intent alone proves nothing: after a crash the same token is permitted again. And a VM that ended after its token
    // was taken back needs another one.
    if (!v.op.permitted) return act(v, Act::permit);
    return act(v, Act::start_quarantined);
}

/// The VM is given back, and stays so whatever is seen of it now. An order that asks for its health is answered when that
/// shows (guest_agent, network) or has held (steady), else when the span is over.
Step healthy(const View& v) {
    const Order& order = *v.op.order();
    const std::string text = "the VM runs and is unlocked";
    if (order.health == Health::unchecked) return finished(v, text);
    if (!v.op.superseded_by.empty()) return finished(v, text + "; its health was not waited for, since order " + v.op.superseded_by + " came");
    const auto doubtful = [&](const std::string& why) {
        return End{AnswerStatus::needs_operator, Refusal::unhealthy, "the VM is given back and unlocked, but it is not well: " + why + "; look at its console"};
    };
    if (!v.op.first_sign) return Do{Act::check_health, ""};
    const auto end = v.op.first_sign_at + Seconds(order.health_seconds);
    const std::string span = std::to_string(order.health_seconds) + " s";
    if (v.off()) return doubtful("it is off again within " + span);
    if (v.op.first_sign->run != 0 && v.vm().run != 0 && v.vm().run != v.op.first_sign->run) return doubtful("it was started again within " + span);
    if (order.health == Health::steady) {
        if (v.vm().power == Power::paused) return doubtful("it stands paused");
        if (v.now >= end) return finished(v, text + "; it has run steadily for " + span);
        return Wait{std::min(end, v.now + v.patience.look_again)};
    }
    if (v.op.last_sign->shows) return finished(v, text + "; " + v.op.last_sign->text);
    if (v.now >= end) return doubtful("within " + span + " " + v.op.last_sign->text);
    const auto next = v.op.last_sign_at + v.patience.look_again;
    if (v.now < next) return Wait{std::min(end, next)};
    return Do{Act::check_health, ""};
}

/// Cleaned overlays onto their disks, with proof before and after.
Step accept_overlays(const View& v) {
    if (!v.off()) return GiveUp{Refusal::unexpected_state, "the VM runs on its own disks while overlays exist; look at the host"};
    if (v.seen.evidence && !v.op.commit_begun) {
        if (!v.op.evidence_verified) return act(v, Act::verify_evidence);
        // The definition is compared before the first write and after the last one: a panel may redefine the VM meanwhile.
        if (v.times({Act::compare_definition, ""}) == 0) return act(v, Act::compare_definition);
    }
    for (const auto& overlay : v.seen.overlays)
        if (!v.op.committed.contains(overlay.target)) {
            if (const auto mixed = mixed_disks(v.seen); !mixed.empty()) return GiveUp{Refusal::unexpected_state, mixed};
            return act(v, Act::commit, overlay.target);
        }
    // Every overlay is kept until all of them are on their disks: until then each commit may be repeated.
    return act(v, Act::drop, v.seen.overlays.front().target);
}

/// What two people accepted holds for exactly the things that were not scanned then: not one more, not another one.
bool as_accepted(const View& v) {
    const auto accepted = v.seen.history.scans.find(v.op.order()->accepted_scan.text());
    if (v.op.order()->accepted_scan.empty() || accepted == v.seen.history.scans.end()) return false;
    const auto& now = *v.op.rescanned;
    return now.verdict == ScanVerdict::incomplete && now.hits.empty() && !now.skipped_sha256.empty() &&
           now.skipped_sha256 == accepted->second.outcome.skipped_sha256;
}

Step running_step(const View& v) {
    if (v.vm().quarantine_running) return power_down(v);
    if (!v.seen.overlays.empty()) return accept_overlays(v);
    if (!v.seen.history.committed.empty() && v.seen.lock) {
        // The disks as they now are, before anybody can start them; also when another order has committed them.
        if (!v.op.rescanned) return act(v, Act::rescan);
        if (v.op.rescanned->verdict != ScanVerdict::clean && !as_accepted(v))
            return GiveUp{Refusal::not_verified_clean, "the scan of the disks after the commit says '" + std::string(name(v.op.rescanned->verdict)) +
                                                           "', so the VM stays locked; revert puts the disks back from the evidence set"};
        if (v.seen.evidence && v.times({Act::compare_definition, ""}) < (v.op.commit_begun ? 2 : 1)) return act(v, Act::compare_definition);
    }
    if (links_are_ours(v)) return act(v, Act::links_up);
    if (v.seen.lock) {
        if (v.seen.lock->had_autostart && !v.vm().autostart) return act(v, Act::autostart_on);
        return act(v, Act::unlock);
    }
    if (start_is_due(v)) {
        // One start: where health is asked for, a VM that does not stay up is an answer and no reason to try again.
        if (v.off() && v.op.order()->health != Health::unchecked && v.times({Act::start, ""}) > 0) return healthy(v);
        return act(v, Act::start);
    }
    if (v.off()) return finished(v, "the VM is unlocked, and off as it was found");
    return healthy(v);
}

/// The state is reached; now how people get to the VM, which is not remembered over a restart.
Step with_console(const View& v, Step step) {
    const bool reached = std::holds_alternative<End>(step);
    if (reached && !v.off() && !v.vm().stuck && !v.op.consoles) return Do{Act::open_console, ""};
    return step;
}

}  // namespace

Step order_step(const View& v) {
    if (!v.vm().exists) {
        if (const auto step = let_go(v)) return *step;
        return gone(v);
    }
    switch (v.op.order()->desired) {
        case VmState::off: return off_step(v);
        case VmState::quarantined: return with_console(v, quarantined_step(v));
        case VmState::running: return running_step(v);
        case VmState::isolated: return with_console(v, isolated_step(v));
        case VmState::limited: return limited_step(v);
    }
    return gone(v);
}

}  // namespace bailiff::agent
