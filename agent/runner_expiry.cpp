// SPDX-License-Identifier: Apache-2.0
// What a host need not keep any more: old entries of the journal, and the evidence and scan reports of cases long closed.
#include "agent/runner.hpp"

#include <set>
#include <utility>
#include <vector>

namespace bailiff::agent {

void Runner::forget_old() {
    try {
        forget_sweeps();
    } catch (const Outage& outage) {
        return journal_failed(outage, "");
    }
    std::set<VmId> keep = ledger_.isolated();
    for (const auto& [vm, limit] : ledger_.limited()) keep.insert(vm);
    for (const auto& vm : vms_)
        if (vm.locked) keep.insert(vm.vm);
    for (const auto& [vm, queue] : queues_) keep.insert(vm);
    if (!listed_) return;   // the locks are not known yet
    const auto ids = ledger_.forgettable(clock_.now() - settings_.remember, keep);
    if (ids.empty()) return;
    try {
        append("", "mark", ledger_.mark(), clock_.now());
        journal_.forget(ids);
        ledger_.forget(ids);
    } catch (const Outage& outage) {
        journal_failed(outage, "");
    }
}

void Runner::expire_evidence() {
    if (settings_.keep_evidence == Seconds(0) || !listed_) return;
    // Cut off, limited or at work: its case is open.
    std::set<VmId> busy = ledger_.isolated();
    for (const auto& [vm, limit] : ledger_.limited()) busy.insert(vm);
    for (const auto& [vm, queue] : queues_) busy.insert(vm);
    in_background(Lane::slow, [this, busy = std::move(busy), before = clock_.now() - settings_.keep_evidence] {
        auto due = guarded([&]() -> Result<std::vector<EvidenceSet>> {
            std::vector<EvidenceSet> out;
            for (auto& set : world_.evidence.all()) {
                if (set.taken_at >= before || busy.contains(set.vm) || world_.guard.find(set.vm)) continue;
                const auto overlays = world_.overlays.find(set.vm, set.case_id);
                if (overlays && overlays->empty()) out.push_back(std::move(set));
            }
            world_.reports.expire(before, [&](const VmId& vm) { return busy.contains(vm) || world_.guard.find(vm); });
            return out;
        });
        return [this, due = std::move(due)] {
            if (!due) return log(LogLine::Level::warning, "event=expire text=\"" + due.error().text + "\"");
            for (const auto& set : *due) expire(set);
        };
    });
}

void Runner::expire(const EvidenceSet& set) {
    if (queues_.contains(set.vm)) return;   // tomorrow
    append("", "expired", {{"vm", set.vm.text()}, {"case", set.case_id.text()}, {"set", set.id.text()}, {"manifest_sha256", set.manifest_sha256}},
                    clock_.now());
    in_background(Lane::slow, [this, set] {
        const auto gone = guarded([&]() -> Result<void> {
            // A lock that came meanwhile wins.
            if (world_.guard.find(set.vm)) return fail(Errc::conflict, "its VM is locked again");
            return world_.evidence.expire(set);
        });
        return [this, set, gone] {
            const std::string what = "evidence set " + set.id.text() + " of " + format_rfc3339(set.taken_at);
            if (!gone) return log(LogLine::Level::warning, "event=expire vm=" + set.vm.text() + " text=\"" + what + " is kept: " + gone.error().text + "\"");
            event(set.vm, "evidence_expired", what + " was deleted: its time is over, and its case is closed on this host");
        };
    });
}

}  // namespace bailiff::agent
