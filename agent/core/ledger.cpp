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
        // An earlier version wrote no limits.
        if (entry.body.contains("limited"))
            for (const auto& [vm, limit] : entry.body.at("limited").items()) limited_[VmId(vm)] = limit_of(limit);
        return;
    }
    if (entry.kind == "bypassed") {
        const VmId vm(entry.body.at("vm").get<std::string>());
        if (entry.body.at("overlays").get<bool>()) bypassed_.insert(vm);
        last_bypass_[vm] = entry.position;
        untold_[telling_id(entry)] = {vm, entry.at, entry.body.value("text", "the locked VM was found running; it is powered off again")};
        for (auto& [key, history] : cases_)
            if (key.first == vm) {
                // The VM wrote to its own disks: no earlier verdict holds any more.
                history.base_scan.reset();
                history.last_write = entry.position;
            }
        // Nor does what was copied before. A set has its job's name (Operation::set_id).
        for (const auto& [id, operation] : operations_)
            if (operation.vm == vm && operation.is_job && operation.kind == JobKind::evidence)
                outdated_.insert(EvidenceId(operation.case_id.text() + "-" + id));
        return;
    }
    if (entry.kind.starts_with("admin_")) return admin_acted(entry);
    if (entry.kind == "told") {
        untold_.erase(entry.body.at("id").get<std::string>());
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
        if (const auto harmed = harmed_.find(operation.vm); operation.answer.value("status", "") == "refused" && harmed != harmed_.end()) {
            harmed->second.erase(entry.operation);
            if (harmed->second.empty()) harmed_.erase(harmed);
        }
        operation.entries.clear();
        return;
    }
    operation.entries.push_back(entry);
    if (entry.kind == "intent") act_begun(entry, operation);
    if (entry.kind == "done") act_done(entry, operation);
}

std::string Ledger::telling_id(const JournalEntry& entry) {
    return "bypass-" + std::to_string(entry.at.time_since_epoch().count()) + "-" + std::to_string(entry.position);
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
        const auto order = parse_journaled_order(known.payload);
        if (!order) throw std::runtime_error("the journal holds an order that cannot be read; restore the state folder");
        shared(*order);
        known.desired = order->desired;
        known.vm_generation = order->vm_generation;
        if (!refused) {
            auto& newest = generations_[order->vm_uuid];
            newest = std::max(newest, order->vm_generation);
            if (harmful(order->desired))
                harmed_[order->vm_uuid][entry.operation] = {entry.at, entry.body.value("boot", ""), std::chrono::milliseconds(entry.body.value("uptime", int64_t{0}))};
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
    auto& history = cases_[{operation.vm, operation.case_id}];
    if (act == "commit") {
        if (history.committed.empty()) history.evidence_scan = history.base_scan;
        history.committed.insert(entry.body.at("target").get<std::string>());
    }
    if (act == "put_back") {
        history.reverting = true;
        history.base_scan.reset();
    }
    // From here on the disks are the owner's again, and what he writes must not be thrown away by a revert.
    if (act == "unlock") history.committed.clear();
    // From the intent on, links may be down or up. They are kept down only once the cut is known to be done, and no
    // longer from the moment they are to be raised: a crash in between must not cut a VM that was given back.
    if (act == "links_down" || act == "links_up" || act == "limit_on") cut_begun_.insert(operation.vm);
    if (act == "links_up") {
        isolated_.erase(operation.vm);
        limited_.erase(operation.vm);
    }
}

void Ledger::act_done(const JournalEntry& entry, const KnownOperation& operation) {
    const auto act = entry.body.at("act").get<std::string>();
    auto& history = cases_[{operation.vm, operation.case_id}];
    if (act == "scan" || act == "rescan") {
        // A scan during which the VM ran has read what was not at rest: it says nothing.
        const auto ran = last_bypass_.find(operation.vm);
        const auto begun = std::find_if(operation.entries.rbegin(), operation.entries.rend(), [](const JournalEntry& e) { return e.kind == "intent"; });
        if (ran != last_bypass_.end() && begun != operation.entries.rend() && begun->position < ran->second) return;
        ScanFact fact{JobId(entry.operation), operation.vm, entry.position, entry.body.at("of_overlays").get<bool>(),
                      scan_outcome_of(entry.body.at("outcome")), act == "rescan"};
        if (act == "scan") scans_[entry.operation] = fact;
        (fact.of_overlays ? history.overlay_scan : history.base_scan) = std::move(fact);
    } else if (act == "commit") {
        // What was scanned as an overlay now stands on the disk itself.
        if (history.overlay_scan) history.base_scan = history.overlay_scan;
    } else if (act == "put_back") {
        history.committed.erase(entry.body.at("target").get<std::string>());
        history.reverting = !history.committed.empty();
        if (!history.reverting) history.base_scan = history.evidence_scan;
    } else if (act == "drop") {
        history.overlay_scan.reset();
        bypassed_.erase(operation.vm);
    } else if (act == "links_down") {
        isolated_.insert(operation.vm);
        limited_.erase(operation.vm);
    } else if (act == "limit_on") {
        limited_[operation.vm] = limit_of(entry.body);
        isolated_.erase(operation.vm);
    } else if (act == "links_up") {
        isolated_.erase(operation.vm);
        limited_.erase(operation.vm);
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
    host.harmed.clear();
    for (const auto& [vm, orders] : harmed_)
        for (const auto& [id, harm] : orders) {
            auto& last = host.harmed.emplace(vm, Instant::min()).first->second;
            last = std::max(last, harm.in_terms_of(host));
        }
    host.seen.clear();
    for (const auto& [id, operation] : operations_) host.seen[id] = operation.sha256;
}

CaseFacts Ledger::describe(const VmId& vm, const CaseId& case_id) const {
    CaseFacts out;
    if (const auto found = cases_.find({vm, case_id}); found != cases_.end()) {
        out.last_scan = found->second.overlay_scan ? found->second.overlay_scan : found->second.base_scan;
        out.last_write = found->second.last_write;
        out.committed = found->second.committed;
        out.reverting = found->second.reverting;
    }
    for (const auto& [id, scan] : scans_)
        if (scan.vm == vm) out.scans[id] = scan;
    out.bypassed = bypassed_.contains(vm);
    out.isolated = isolated_.contains(vm);
    out.cut_begun = cut_begun_.contains(vm);
    if (const auto limit = limited_.find(vm); limit != limited_.end()) out.limited = limit->second;
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
    Json generations = Json::object(), isolated = Json::array(), limited = Json::object();
    for (const auto& [vm, generation] : generations_) generations[vm.text()] = generation;
    for (const auto& vm : isolated_) isolated.push_back(vm.text());
    for (const auto& [vm, limit] : limited_) limited[vm.text()] = to_json(limit);
    return {{"epoch", epoch_}, {"seq", seq_}, {"generations", generations}, {"isolated", isolated}, {"limited", limited}};
}

Instant Ledger::Harm::in_terms_of(const HostFacts& host) const {
    if (host.boot_id.empty() || boot_id.empty()) return at;
    const auto seconds = [](std::chrono::milliseconds span) { return std::chrono::duration_cast<Seconds>(span); };
    // Within one boot the monotonic clock knows, whatever was done to the wall clock meanwhile.
    if (boot_id == host.boot_id) return host.now - seconds(std::max(host.uptime - uptime, std::chrono::milliseconds(0)));
    // What happened before the host came up is at least as old as that: a wall clock that was ahead then cannot block
    // the budget for longer than an hour. One that jumped ahead during a reboot looks like time that has passed.
    return std::min(at, host.now - seconds(host.uptime));
}

void Ledger::admin_acted(const JournalEntry& entry) {
    if (entry.kind == "admin_release") {
        const VmId vm(entry.body.at("vm").get<std::string>());
        forced_.push_back({entry.position, entry.body, nullptr, entry.at, false});
        // From here on it is the admin's: nothing is cut, limited or taken down again.
        isolated_.erase(vm);
        limited_.erase(vm);
        if (entry.body.value("overlays", false)) bypassed_.insert(vm);
        for (auto& [key, history] : cases_)
            if (key.first == vm) {
                // As after an unlock: the disks are the owner's again.
                history.committed.clear();
                history.reverting = false;
                history.base_scan.reset();
                history.last_write = entry.position;
            }
        return;
    }
    for (auto& release : forced_) {
        if (release.position != entry.body.value("release", int64_t{0})) continue;
        if (entry.kind == "admin_told") release.told = true;
        if (entry.kind != "admin_released") continue;
        release.outcome = entry.body;
        // Links that could not be raised stay ours, so that the next release raises them.
        if (entry.body.value("links_up", false)) cut_begun_.erase(VmId(release.request.at("vm").get<std::string>()));
    }
}

void Ledger::forget(const std::vector<std::string>& ids) {
    for (const auto& id : ids) {
        if (const auto known = operations_.find(id); known != operations_.end())
            if (const auto harmed = harmed_.find(known->second.vm); harmed != harmed_.end()) {
                harmed->second.erase(id);
                if (harmed->second.empty()) harmed_.erase(harmed);
            }
        operations_.erase(id);
        scans_.erase(id);
        std::erase(order_, id);
    }
}

}  // namespace bailiff::agent
