// SPDX-License-Identifier: Apache-2.0
// What the runner does for its host without being told: prove the gate, list the VMs, repair locks, forget the old.
#include "agent/runner.hpp"

#include <algorithm>
#include <utility>

namespace bailiff::agent {
namespace {

/// Work of the background: an outage of the guard's folder is an answer like any other.
template <class Work>
auto guarded(Work work) -> decltype(work()) {
    try {
        return work();
    } catch (const Outage& outage) {
        return fail(Errc::unavailable, outage.what());
    }
}

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
        // An operation that waits for this VM looks at once.
        if (const auto queue = queues_.find(seen.vm); queue != queues_.end() && !queue->second.empty())
            live_.at(queue->second.front()).wake = Milliseconds(0);
    }
    next_inventory_ = clock_.monotonic();
}

void Runner::prove_gate() {
    if (proving_) return;
    proving_ = true;
    in_background(Lane::quick, [this] {
        auto holds = guarded([&] { return world_.hypervisor.prove_gate(); });
        if (holds && !*holds && settings_.repair_gate) {
            settings_.repair_gate();
            holds = guarded([&] { return world_.hypervisor.prove_gate(); });
        }
        return [this, holds = std::move(holds)] {
            proving_ = false;
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
    if (listing_) return;
    listing_ = true;
    in_background(Lane::quick, [this] {
        std::map<VmId, std::string> known;
        auto vms = guarded([&]() -> Result<std::vector<VmRecord>> {
            auto listed = world_.hypervisor.list();
            if (!listed) return fail(listed.error());
            // A transient VM that we powered off is in no list, and still ours to give back.
            for (const auto& lock : world_.guard.all())
                if (lock.vm.text() != canary_uuid) known[lock.vm] = lock.name;
            for (auto& vm : *listed) {
                vm.locked = known.contains(vm.vm);
                known[vm.vm] = vm.name;
            }
            return listed;
        });
        return [this, vms = std::move(vms), known = std::move(known)]() mutable {
            listing_ = false;
            if (!vms) {
                trouble_ = "the VMs of this host could not be listed: " + vms.error().text;
                log(LogLine::Level::warning, "event=trouble text=\"" + trouble_ + "\"");
                next_inventory_ = std::min(next_inventory_, clock_.monotonic() + settings_.after_outage);
                return;
            }
            trouble_.clear();
            vms_ = std::move(*vms);
            known_ = std::move(known);
            listed_ = true;
            for (auto& vm : vms_) {
                VmObservation seen;
                seen.power = vm.power;
                seen.nics = vm.nics;
                seen.quarantine_running = vm.state == VmState::quarantined;
                vm.state = state_of(seen, vm.locked, ledger_.isolated().contains(vm.vm));
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
    beat.trouble = trouble_.substr(0, 1000);
    send("", beat);
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
            for (const auto& vm : ledger_.isolated()) enforce_isolation(vm);
        };
    });
}

void Runner::enforce_lock(const LockRecord& lock) {
    if (queues_.contains(lock.vm) || enforcing_.contains(lock.vm)) return;
    enforcing_.insert(lock.vm);
    in_background(Lane::quick, [this, lock] {
        auto seen = guarded([&] { return look(world_, lock.vm, lock.case_id); });
        return [this, lock, seen = std::move(seen)] {
            const bool bypassed = seen && seen->vm.exists && seen->lock && !is_off(seen->vm) && !seen->vm.quarantine_running;
            if (!bypassed) {
                enforcing_.erase(lock.vm);
                return;
            }
            const Json body{{"vm", lock.vm.text()}, {"overlays", !seen->overlays.empty()}};
            const auto at = clock_.now();
            try {
                const auto position = journal_.append("", "bypassed", body, at);
                ledger_.apply({position, "", "bypassed", body, at});
            } catch (const Outage& outage) {
                trouble_ = outage.what();   // the VM is powered off all the same: the lock was there first
            }
            event(lock.vm, "lock_bypassed", "the locked VM was found running; it is powered off again");
            in_background(Lane::quick, [this, lock] {
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

void Runner::enforce_isolation(const VmId& vm) {
    if (queues_.contains(vm) || enforcing_.contains(vm)) return;
    enforcing_.insert(vm);
    in_background(Lane::quick, [this, vm] {
        auto seen = guarded([&] { return look(world_, vm, CaseId()); });
        bool repaired = false;
        if (seen && seen->vm.exists && !seen->lock && !links_down(seen->vm))
            repaired = guarded([&] { return world_.hypervisor.set_links(vm, false); }).has_value();
        return [this, vm, repaired] {
            enforcing_.erase(vm);
            if (repaired) event(vm, "lock_bypassed", "a link of the isolated VM was found up; it is down again");
        };
    });
}

void Runner::forget_old() {
    std::set<VmId> keep = ledger_.isolated();
    for (const auto& vm : vms_)
        if (vm.locked) keep.insert(vm.vm);
    for (const auto& [vm, queue] : queues_) keep.insert(vm);
    if (!listed_) return;   // the locks are not known yet
    const auto ids = ledger_.forgettable(clock_.now() - settings_.remember, keep);
    if (ids.empty()) return;
    try {
        journal_.append("", "mark", ledger_.mark(), clock_.now());
        journal_.forget(ids);
        ledger_.forget(ids);
    } catch (const Outage& outage) {
        trouble_ = outage.what();
    }
}

}  // namespace bailiff::agent
