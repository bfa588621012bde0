// SPDX-License-Identifier: Apache-2.0
// What the runner does for its host without being told: prove the gate, list the VMs, repair locks, forget the old.
#include "agent/runner.hpp"

#include "agent/live_acts.hpp"

#include <algorithm>
#include <utility>

namespace bailiff::agent {
namespace {

bool is_off(const VmObservation& vm) { return vm.power == Power::off || vm.power == Power::crashed; }

}  // namespace

void Runner::in_background(Lane lane, std::function<std::function<void()>()> work) {
    executor_.run(lane, [this, work = std::move(work)] { post(work()); });
}

void Runner::event(const VmId& vm, const std::string& what, const std::string& text) {
    log(LogLine::Level::warning, "event=" + what + " vm=" + vm.text() + " text=\"" + text + "\"");
    send("", VmEvent{vm, what, clock_.now(), text});
}

void Runner::on_event(const VmEvent& seen) {
    if (seen.what != "relisted") {
        log(LogLine::Level::info, "event=" + seen.what + " vm=" + seen.vm.text());
        send("", seen);
        if (seen.what == "migrated") left_[seen.vm] = seen.at;
        if (seen.what == "started") left_.erase(seen.vm);
        if (seen.what == "started" || seen.what == "defined" || seen.what == "undefined" || seen.what == "migrated")
            stop_sweep(seen.vm, "it was " + seen.what);
        if (!seen.vm.empty()) changed_[seen.vm] = seen.at;
        // An operation that waits for this VM looks at once.
        if (const auto queue = queues_.find(seen.vm); queue != queues_.end() && !queue->second.empty()) {
            live_.at(queue->second.front()).wake = Milliseconds(0);
            live_.at(queue->second.front()).poked = true;
        }
        // A VM that starts has new taps: what does not survive that is put there at once. One that ends leaves a name behind
        // that another VM's tap may get.
        const bool taps = seen.what == "started" || seen.what == "stopped" || seen.what == "crashed";
        if (taps && (ledger_.isolated().contains(seen.vm) || ledger_.limited().contains(seen.vm))) enforce_network(seen.vm);
    }
    next_inventory_ = clock_.monotonic();
}

void Runner::prove_gate() {
    if (proving_) return;
    proving_ = true;
    ++proofs_;
    in_background(Lane::quick, [this] {
        const auto began = clock_.monotonic();
        auto holds = guarded([&] { return world_.hypervisor.prove_gate(); });
        if (holds && !*holds && settings_.repair_gate) {
            settings_.repair_gate();
            holds = guarded([&] { return world_.hypervisor.prove_gate(); });
        }
        const auto took = clock_.monotonic() - began;
        return [this, holds = std::move(holds), took] {
            proving_ = false;
            proven(holds, took);
            if (!holds) {
                trouble_ = "the start gate could not be proven: " + holds.error().text;
                log(LogLine::Level::warning, "event=trouble text=\"" + trouble_ + "\"");
                // Tried again soon; what it said last stands until then.
                next_canary_ = std::min(next_canary_, clock_.monotonic() + settings_.after_outage);
                return;
            }
            const bool changed = gate_up_ != std::optional<bool>(*holds);
            const bool first = !gate_up_;
            gate_up_ = *holds;
            if (!changed || (first && *holds)) return;
            event(VmId(), *holds ? "gate_up" : "gate_down",
                  *holds ? "the start gate refuses the canary again"
                         : "the start gate let the canary start: locked VMs can be started by anyone; see the hooks folder of libvirt");
        };
    });
}

void Runner::list_vms() {
    if (listing_) {
        // What changed while the list was made may not be in it.
        list_again_ = true;
        return;
    }
    listing_ = true;
    in_background(Lane::quick, [this] {
        std::map<VmId, std::string> known;
        auto vms = guarded([&]() -> Result<std::vector<VmRecord>> {
            auto listed = world_.hypervisor.list();
            if (!listed) return fail(listed.error());
            // A transient VM that we powered off is in no list, and still ours to give back.
            for (const auto& lock : world_.guard.all())
                if (lock.vm.text() != canary_uuid && !lock.guard) known[lock.vm] = lock.name;
            for (auto& vm : *listed) {
                vm.locked = known.contains(vm.vm);
                known[vm.vm] = vm.name;
            }
            return listed;
        });
        return [this, vms = std::move(vms), known = std::move(known)]() mutable {
            listing_ = false;
            if (std::exchange(list_again_, false)) next_inventory_ = clock_.monotonic();
            if (!vms) {
                trouble_ = "the VMs of this host could not be listed: " + vms.error().text;
                log(LogLine::Level::warning, "event=trouble text=\"" + trouble_ + "\"");
                next_inventory_ = std::min(next_inventory_, clock_.monotonic() + settings_.after_outage);
                return;
            }
            trouble_.clear();
            // A VM that came, went or was started may be one to sweep, or none any more.
            if (vms_.size() != vms->size() || !listed_) next_sweep_ = clock_.monotonic();
            vms_ = std::move(*vms);
            known_ = std::move(known);
            listed_ = true;
            for (auto& vm : vms_) {
                VmObservation seen;
                seen.power = vm.power;
                seen.nics = vm.nics;
                seen.quarantine_running = vm.state == VmState::quarantined;
                seen.hold.cut = vm.state == VmState::isolated;
                // Which limit it bears is looked at by the watch; a list only says that it bears one.
                std::optional<Limit> limited;
                if (const auto found = ledger_.limited().find(vm.vm); found != ledger_.limited().end()) limited = found->second;
                if (limited && vm.state == VmState::limited) seen.hold.limit = *limited;
                vm.state = state_of(seen, vm.locked, ledger_.isolated().contains(vm.vm), limited);
            }
            send_inventory_if_changed(false);
        };
    });
}

void Runner::send_inventory_if_changed(bool anyway) {
    if (!listed_ || !welcomed_) return;
    std::string everything;
    for (const auto& vm : vms_) everything += dump_json(codec::json_of(vm));
    const std::string hash = sha256_hex(everything);
    if (hash == sent_inventory_ && !anyway) return;
    sent_inventory_ = hash;
    InventoryPart part;
    // Grows over restarts too: seconds of the wall clock, then a counter.
    part.generation = clock_.now().time_since_epoch().count() * 1000 + ++sent_ % 1000;
    size_t bytes = 0;
    for (const auto& vm : vms_) {
        const size_t size = dump_json(codec::json_of(vm)).size();
        if (part.vms.size() == 500 || (bytes + size > largest_frame / 2 && !part.vms.empty())) {
            part.last = false;
            send("", part);
            part.vms.clear();
            part.last = true;
            bytes = 0;
        }
        part.vms.push_back(vm);
        bytes += size;
    }
    send("", part);
}

void Runner::heartbeat() {
    Heartbeat beat;
    beat.now = clock_.now();
    beat.gate_up = gate_up();
    beat.open_operations = int64_t(live_.size());
    beat.locks = std::count_if(vms_.begin(), vms_.end(), [](const VmRecord& vm) { return vm.locked; });
    told_trouble_ = trouble();
    beat.trouble = told_trouble_.substr(0, 1000);
    if (world_.sweeper) beat.sweep = sweep_summary(settings_.sweep, sweep_vms(), sweeps_, sweep_plan_);
    send("", beat);
    tell_discoveries();
}

void Runner::enforce() {
    in_background(Lane::quick, [this] {
        std::vector<LockRecord> locks;
        std::string outage;
        try {
            locks = world_.guard.all();
        } catch (const Outage& why) {
            outage = why.what();
        }
        return [this, locks = std::move(locks), outage] {
            if (!outage.empty()) {
                trouble_ = outage;
                return;
            }
            for (const auto& lock : locks)
                if (lock.vm.text() != canary_uuid) enforce_lock(lock);
        };
    });
}

/// An order knows best what its VM is to be, and a guard is being taken or let go. Any other job works on disks at rest:
/// a scan of hours must not keep a VM that was started meanwhile running for hours.
bool Runner::leave_to_operation(const VmId& vm) const {
    const auto queue = queues_.find(vm);
    if (queue == queues_.end() || queue->second.empty()) return false;
    const auto* job = live_.at(queue->second.front()).operation.job();
    return !job || job->kind == JobKind::guard || job->kind == JobKind::unguard;
}

void Runner::enforce_lock(const LockRecord& lock) {
    if (leave_to_operation(lock.vm) || enforcing_.contains(lock.vm)) return;
    enforcing_.insert(lock.vm);
    // Nothing is held while an operation is open: it may be about to write, or to give the VM back.
    in_background(Lane::quick, [this, lock, hold = !lock.guard && !queues_.contains(lock.vm)] {
        auto seen = guarded([&] { return look(world_, lock.vm, lock.case_id); });
        const bool bypassed = seen && seen->vm.exists && (seen->lock || seen->guard) && !is_off(seen->vm) && !seen->vm.quarantine_running;
        // While a quarantine run reads the disks below its overlays, they are still not to be written by anybody.
        Result<void> held;
        if (hold && seen && seen->lock && !bypassed)
            held = guarded([&] {
                // A VM that was moved away is its new host's to hold: on shared storage it could not start there otherwise.
                return seen->vm.exists ? world_.guard.hold(lock.vm, seen->lock->disks) : world_.guard.let_go(lock.vm);
            });
        return [this, lock, bypassed, held, seen = std::move(seen)] {
            tell_holder(lock, held);
            const bool spared = is_exempt(settings_.exempt, lock.vm, seen ? seen->vm.name : lock.name);
            if (!bypassed || (spared && spared_.contains(lock.vm))) {
                if (!bypassed) spared_.erase(lock.vm);
                enforcing_.erase(lock.vm);
                return;
            }
            if (const auto queue = queues_.find(lock.vm); queue != queues_.end() && !live_.at(queue->second.front()).operation.gave_up) {
                const std::string id = queue->second.front();
                attempt(id, [&] {
                    note(id, "gave_up", {{"refusal", name(Refusal::unexpected_state)}, {"text", "the VM was started meanwhile; it is powered off again"}});
                });
            }
            const std::string text =
                spared       ? "the locked VM runs, and the host's admin lists it as never to be touched, so it is left alone"
                : lock.guard ? "the VM, which is ordered off, was found running on this host, which is not its own; it is powered off again"
                             : "the locked VM was found running; it is powered off again";
            const Json body{{"vm", lock.vm.text()}, {"overlays", !seen->overlays.empty()}, {"text", text}};
            const auto at = clock_.now();
            try {
                const auto position = append("", "bypassed", body, at);
                ledger_.apply({position, "", "bypassed", body, at});
                log(LogLine::Level::warning, "event=lock_bypassed vm=" + lock.vm.text() + " text=\"" + text + "\"");
                tell_bypasses();
            } catch (const Outage& outage) {
                journal_failed(outage, "");   // the VM is powered off all the same: the lock was there first
                event(lock.vm, "lock_bypassed", text);
            }
            if (spared) {
                // The admin's list wins over the lock too. It is said once for each time that the VM runs.
                spared_.insert(lock.vm);
                enforcing_.erase(lock.vm);
                return;
            }
            in_background(Lane::quick, [this, lock] {
                if (lock.guard) {
                    // Should the VM be ordered off here later, its lock must know that it ran.
                    LockRecord found = lock;
                    found.was_running = true;
                    (void)guarded([&] { return world_.guard.lock(found); });
                }
                auto off = guarded([&] { return world_.hypervisor.power_off(lock.vm, true); });
                if (!off) off = guarded([&] { return world_.hypervisor.power_off(lock.vm, false); });
                return [this, lock, off] {
                    enforcing_.erase(lock.vm);
                    if (!off) event(lock.vm, "lock_bypassed", "the locked VM runs and cannot be powered off: " + off.error().text);
                    next_inventory_ = clock_.monotonic() + (off ? Milliseconds(1000) : settings_.after_outage);
                };
            });
        };
    });
}

/// A start past the lock is told until the controller has acknowledged it, over broken links and restarts: its case must
/// know of it even if the VM was started while nobody was connected.
void Runner::tell_bypasses() {
    for (const auto& [id, bypass] : ledger_.untold()) send(id, VmEvent{bypass.vm, "lock_bypassed", bypass.at, bypass.text});
}

/// Of a holder the log says what changed, and the case only what is a way past the lock.
void Runner::tell_holder(const LockRecord& lock, const Result<void>& held) {
    std::string& said = holder_said_[lock.vm];
    const std::string text = held ? "" : held.error().text;
    if (text == std::exchange(said, text)) return;
    if (text.empty()) return log(LogLine::Level::info, "event=held vm=" + lock.vm.text());
    if (held.error().code == Errc::conflict) return event(lock.vm, "lock_bypassed", text);
    log(LogLine::Level::warning, "event=not_held vm=" + lock.vm.text() + " text=\"" + text + "\"");
}

void Runner::watch_networks() {
    for (const auto& vm : ledger_.isolated()) enforce_network(vm);
    for (const auto& [vm, limit] : ledger_.limited()) enforce_network(vm);
}

bool Runner::serves_disks() const {
    return std::any_of(live_.begin(), live_.end(), [](const auto& one) { return one.second.operation.scans_live() && one.second.operation.copy_begun; });
}

std::vector<std::pair<VmId, JobId>> Runner::served() const {
    std::vector<std::pair<VmId, JobId>> out;
    for (const auto& [id, live] : live_)
        if (live.operation.scans_live() && live.operation.copy_begun) out.emplace_back(live.operation.vm(), live.operation.job()->job_id);
    return out;
}

/// One scan of a running VM at a time: BEFORE a VM's disks are served, nobody else's are, so that no guest pays for a wait.
bool Runner::waits_for_live_lane(const std::string& id, const Do& step) const {
    if ((step.act != Act::prepare_backup && step.act != Act::begin_backup) || !live_.at(id).operation.scans_live()) return false;
    if (live_.at(id).operation.copy_begun) return false;
    return serves_disks();
}

/// From the moment that a VM's disks are served until they are no more, also while a scan waits or hangs.
void Runner::watch_scratches() {
    for (const auto& [vm, job] : served()) {
        const std::string id = job.text();
        if (!scratches_.insert(id).second) continue;
        in_background(Lane::quick, [this, id, vm = vm, job = job] {
            std::string why;
            try {
                why = watch_scratch(world_, vm, job);
            } catch (const Outage&) {
                // Nothing of the guard is asked; should that change, the next look is not far.
            }
            return [this, id, vm, why] {
                scratches_.erase(id);
                const auto live = live_.find(id);
                if (why.empty() || live == live_.end() || !live->second.operation.cut_short.empty()) return;
                live->second.operation.cut_short = why;
                log(LogLine::Level::warning, "event=scan_cut_short id=" + id + " vm=" + vm.text() + " text=\"" + why + "\"");
            };
        });
    }
}

namespace {

/// What was found wrong, for the event; empty when the network is as it must be. Nothing means: cut.
std::string drift_of(const VmObservation& vm, const std::optional<Limit>& limited) {
    const NetworkHold& hold = vm.hold;
    if (!limited) {
        if (!links_down(vm)) return "an interface of the isolated VM was found connected";
        // A hung libvirt is not asked again and again: on the host, the VM is cut.
        if (vm.stuck || vm.migrating || !hold.kept || hold.whole) return "";
        return "the isolated VM would have been connected at its next start";
    }
    if (vm.stuck || vm.migrating) return "";
    if (!vm.nics.empty() && (hold.cut || hold.limit != *limited)) return "the limited VM was found with another network than ordered";
    return hold.kept && hold.whole ? "" : "the limited VM would have had another network at its next start";
}

}  // namespace

void Runner::enforce_network(const VmId& vm) {
    // An operation sees to the network itself, but for a scan of hours.
    const auto queue = queues_.find(vm);
    const bool scanned = queue != queues_.end() && queue->second.size() == 1 && live_.at(queue->second.front()).operation.scans_live();
    if ((queue != queues_.end() && !scanned) || enforcing_.contains(vm)) return;
    if (const auto known = known_.find(vm); is_exempt(settings_.exempt, vm, known == known_.end() ? "" : known->second)) return;
    enforcing_.insert(vm);
    std::optional<Limit> limited;
    if (const auto found = ledger_.limited().find(vm); found != ledger_.limited().end()) limited = found->second;
    in_background(Lane::quick, [this, vm, limited] {
        std::string drift, trouble;
        const auto seen = guarded([&] { return world_.hypervisor.observe(vm); });
        // In quarantine it has no customer's network, and off it is out of reach; an operation or the lock's round sees to both.
        if (seen && seen->exists && !seen->quarantine_running) drift = drift_of(*seen, limited);
        if (!drift.empty()) {
            const auto repaired = guarded([&] {
                return limited ? world_.hypervisor.set_limit(vm, *limited) : world_.hypervisor.set_links(vm, false);
            });
            if (!repaired) trouble = repaired.error().text;
        }
        return [this, vm, drift, trouble] {
            enforcing_.erase(vm);
            if (drift.empty()) return;
            if (trouble.empty()) return event(vm, "drift_repaired", drift + "; it is again as ordered");
            log(LogLine::Level::error, "event=drift vm=" + vm.text() + " text=\"" + drift + ", and it cannot be repaired: " + trouble + "\"");
        };
    });
}

}  // namespace bailiff::agent
