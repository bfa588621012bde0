// SPDX-License-Identifier: Apache-2.0
// See ledger.hpp.
#include "agent/core/ledger.hpp"

#include "agent/core/records.hpp"

#include <algorithm>
#include <stdexcept>

namespace bailiff::agent {

void Ledger::apply(const JournalEntry& entry) {
    if (entry.kind == "accepted") return accept(entry, false);
    if (entry.kind == "refused") return accept(entry, true);
    if (entry.kind == "mark") {
        see(entry.body.at("epoch").get<int64_t>(), entry.body.at("seq").get<int64_t>());
        for (const auto& [vm, generation] : entry.body.at("generations").items()) {
            auto& newest = generations_[VmId(vm)];
            newest = std::max(newest, generation.get<int64_t>());
        }
        for (const auto& vm : entry.body.at("isolated")) isolated_.insert(VmId(vm.get<std::string>()));
        return;
    }
    if (entry.kind == "bypassed") {
        const VmId vm(entry.body.at("vm").get<std::string>());
        if (entry.body.at("overlays").get<bool>()) bypassed_.insert(vm);
        for (auto& [key, history] : cases_)
            if (key.first == vm) {
                // The VM wrote to its own disks: no earlier verdict holds any more.
                history.base_scan.reset();
                history.last_write = entry.position;
            }
        return;
    }
    const auto found = operations_.find(entry.operation);
    if (found == operations_.end()) return;   // forgotten, or a kind of a later version
    KnownOperation& operation = found->second;
    if (entry.kind == "acked") {
        operation.acked = true;
        return;
    }
    if (entry.kind == "end") {
        operation.ended = true;
        operation.answer = entry.body.at("answer");
        // A refused order harmed nobody: it does not count towards the host's ceiling.
        const auto harmed = harmed_.find(operation.vm);
        if (operation.answer.value("status", "") == "refused" && harmed != harmed_.end() && harmed->second == operation.at)
            harmed_.erase(harmed);
        operation.entries.clear();
        return;
    }
    operation.entries.push_back(entry);
    if (entry.kind == "intent") act_begun(entry, operation);
    if (entry.kind == "done") act_done(entry, operation);
}

void Ledger::see(int64_t epoch, int64_t seq) {
    // A new epoch numbers from the beginning.
    if (epoch > epoch_) seq_ = 0;
    epoch_ = std::max(epoch_, epoch);
    if (epoch == epoch_) seq_ = std::max(seq_, seq);
}

void Ledger::accept(const JournalEntry& entry, bool refused) {
    KnownOperation known;
    known.is_job = entry.body.at("type").get<std::string>() == "job";
    known.payload = entry.body.at("payload").get<std::string>();
    known.sha256 = entry.body.at("sha256").get<std::string>();
    known.at = entry.at;
    int64_t epoch = 0, seq = 0;
    const auto shared = [&](const auto& document) {
        known.vm = document.vm_uuid;
        known.case_id = document.case_id;
        epoch = document.epoch;
        seq = document.seq;
    };
    if (known.is_job) {
        const auto job = parse_job(known.payload);
        if (!job) throw std::runtime_error("the journal holds a job that cannot be read; restore the state folder");
        shared(*job);
        known.kind = job->kind;
    } else {
        const auto order = parse_order(known.payload);
        if (!order) throw std::runtime_error("the journal holds an order that cannot be read; restore the state folder");
        shared(*order);
        known.desired = order->desired;
        known.vm_generation = order->vm_generation;
        if (!refused) {
            auto& newest = generations_[order->vm_uuid];
            newest = std::max(newest, order->vm_generation);
            if (harmful(order->desired)) harmed_[order->vm_uuid] = entry.at;
        }
    }
    see(epoch, seq);
    known.ended = refused;
    if (refused) known.answer = entry.body.at("answer");
    if (operations_.emplace(entry.operation, std::move(known)).second) order_.push_back(entry.operation);
}

void Ledger::act_begun(const JournalEntry& entry, const KnownOperation& operation) {
    const auto act = entry.body.at("act").get<std::string>();
    if (act == "clean" || act == "start_quarantined") cases_[{operation.vm, operation.case_id}].last_write = entry.position;
    // From the intent on, links may be down or up. They are kept down only once the cut is known to be done, and no
    // longer from the moment they are to be raised: a crash in between must not cut a VM that was given back.
    if (act == "links_down" || act == "links_up") cut_begun_.insert(operation.vm);
    if (act == "links_up") isolated_.erase(operation.vm);
}

void Ledger::act_done(const JournalEntry& entry, const KnownOperation& operation) {
    const auto act = entry.body.at("act").get<std::string>();
    auto& history = cases_[{operation.vm, operation.case_id}];
    if (act == "scan") {
        ScanFact fact{JobId(entry.operation), operation.vm, entry.position, entry.body.at("of_overlays").get<bool>(),
                      scan_outcome_of(entry.body.at("outcome"))};
        scans_[entry.operation] = fact;
        (fact.of_overlays ? history.overlay_scan : history.base_scan) = std::move(fact);
    } else if (act == "commit") {
        // What was scanned as an overlay now stands on the disk itself.
        if (history.overlay_scan) history.base_scan = history.overlay_scan;
    } else if (act == "drop") {
        history.overlay_scan.reset();
        bypassed_.erase(operation.vm);
    } else if (act == "links_down") {
        isolated_.insert(operation.vm);
    } else if (act == "links_up") {
        isolated_.erase(operation.vm);
        cut_begun_.erase(operation.vm);
    }
}

const KnownOperation* Ledger::find(const std::string& id) const {
    const auto found = operations_.find(id);
    return found == operations_.end() ? nullptr : &found->second;
}

std::vector<std::string> Ledger::open() const {
    std::vector<std::string> out;
    for (const auto& id : order_)
        if (!operations_.at(id).ended) out.push_back(id);
    return out;
}

std::vector<std::string> Ledger::unacknowledged() const {
    std::vector<std::string> out;
    for (const auto& id : order_)
        if (const auto& operation = operations_.at(id); operation.ended && !operation.acked) out.push_back(id);
    return out;
}

void Ledger::describe(HostFacts& host) const {
    host.epoch = epoch_;
    host.seq = seq_;
    host.generations = generations_;
    host.harmed = harmed_;
    host.seen.clear();
    for (const auto& [id, operation] : operations_) host.seen[id] = operation.sha256;
}

CaseFacts Ledger::describe(const VmId& vm, const CaseId& case_id) const {
    CaseFacts out;
    if (const auto found = cases_.find({vm, case_id}); found != cases_.end()) {
        out.last_scan = found->second.overlay_scan ? found->second.overlay_scan : found->second.base_scan;
        out.last_write = found->second.last_write;
    }
    for (const auto& [id, scan] : scans_)
        if (scan.vm == vm) out.scans[id] = scan;
    out.bypassed = bypassed_.contains(vm);
    out.isolated = isolated_.contains(vm);
    out.cut_begun = cut_begun_.contains(vm);
    if (const auto newest = generations_.find(vm); newest != generations_.end()) out.newest_generation = newest->second;
    return out;
}

std::vector<std::string> Ledger::forgettable(Instant before, const std::set<VmId>& keep) const {
    std::vector<std::string> out;
    for (const auto& id : order_) {
        const auto& operation = operations_.at(id);
        if (operation.ended && operation.acked && operation.at < before && !keep.contains(operation.vm)) out.push_back(id);
    }
    return out;
}

Json Ledger::mark() const {
    Json generations = Json::object(), isolated = Json::array();
    for (const auto& [vm, generation] : generations_) generations[vm.text()] = generation;
    for (const auto& vm : isolated_) isolated.push_back(vm.text());
    return {{"epoch", epoch_}, {"seq", seq_}, {"generations", generations}, {"isolated", isolated}};
}

void Ledger::forget(const std::vector<std::string>& ids) {
    for (const auto& id : ids) {
        operations_.erase(id);
        scans_.erase(id);
        std::erase(order_, id);
    }
}

}  // namespace bailiff::agent
