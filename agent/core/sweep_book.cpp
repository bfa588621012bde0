// SPDX-License-Identifier: Apache-2.0
// See sweep.hpp: what the journal says, and what is written there.
#include "agent/core/sweep.hpp"

#include <bailiff/clean_text.hpp>
#include <bailiff/dsse.hpp>

#include <algorithm>
#include <tuple>

namespace bailiff::agent {
namespace {

/// The body of a `swept` as it was told or is to be told; nothing when a later version wrote what this one cannot read.
std::optional<Discovery> read_told(const Json& body) {
    std::vector<Mistake> mistakes;
    JsonReader reader(body, mistakes);
    Discovery out = codec::read_discovery(reader, mistakes);
    if (!mistakes.empty()) return std::nullopt;
    return out;
}

}  // namespace

void SweepBook::apply(const JournalEntry& entry) {
    if (entry.kind == "discovery_told") {
        untold_.erase(entry.operation);
        return;
    }
    const bool begins = entry.kind == "sweep_begun", completes = entry.kind == "swept";
    const bool ends = completes || entry.kind == "sweep_failed" || entry.kind == "sweep_stopped";
    if (!begins && !ends) return;
    const VmId vm(entry.body.value("vm", ""));
    operations_[entry.operation] = {vm, entry.at};
    SweepRecord& record = vms_[vm];
    record.name = entry.body.value("name", record.name);
    record.tried_at = entry.at;
    last_try_[vm] = entry.operation;
    if (begins) {
        begun_ = {entry.operation, vm};
        begun_at_ = entry.at;
        return;
    }
    if (begun_ && begun_->first == entry.operation) begun_.reset();
    debt_ = entry.body.value("debt", int64_t{0});
    debt_at_ = entry.at;
    if (!completes) {
        record.failures = entry.body.value("failures", int64_t{0});
        record.trouble = entry.body.value("text", "it came to nothing");
        return;
    }
    record.failures = 0;
    record.trouble.clear();
    last_complete_[vm] = entry.operation;
    const auto found = read_told(entry.body.value("found", Json::object()));
    if (!found) return;
    record.last = Swept{entry.at, found->verdict, found->files, found->bytes, found->skipped, found->hits_total, set_digest(found->engines), found->live};
    if (entry.at >= newest_set_at_) {
        newest_set_ = record.last->set;
        newest_set_at_ = entry.at;
    }
    // The same found again: one telling says both, however long no controller takes it.
    std::erase_if(untold_, [&](const auto& older) { return older.second.vm == vm && older.second.hits == found->hits; });
    if (!found->hits.empty()) untold_[entry.operation] = *found;
}

std::optional<Swept> SweepBook::newest(VmId* which) const {
    std::optional<Swept> out;
    for (const auto& [vm, record] : vms_)
        if (record.last && (!out || record.last->at > out->at)) {
            out = record.last;
            if (which) *which = vm;
        }
    return out;
}

std::vector<std::string> SweepBook::forgettable(const std::set<VmId>& here, Instant before) const {
    std::vector<std::string> out;
    const auto names = [](const std::map<VmId, std::string>& last, const VmId& vm, const std::string& operation) {
        const auto found = last.find(vm);
        return found != last.end() && found->second == operation;
    };
    for (const auto& [operation, known] : operations_) {
        if (untold_.contains(operation) || (begun_ && begun_->first == operation)) continue;
        const bool needed = names(last_complete_, known.vm, operation) || names(last_try_, known.vm, operation);
        if (!needed || (!here.contains(known.vm) && vms_.at(known.vm).tried_at < before)) out.push_back(operation);
    }
    return out;
}

void SweepBook::forget(const std::vector<std::string>& operations) {
    for (const auto& operation : operations) {
        const auto known = operations_.find(operation);
        if (known == operations_.end()) continue;
        const VmId vm = known->second.vm;
        operations_.erase(known);
        for (auto* last : {&last_complete_, &last_try_})
            if (const auto found = last->find(vm); found != last->end() && found->second == operation) last->erase(found);
        if (!last_complete_.contains(vm) && !last_try_.contains(vm)) vms_.erase(vm);
    }
}

std::string set_digest(std::vector<EngineSet> engines) {
    std::sort(engines.begin(), engines.end(), [](const EngineSet& a, const EngineSet& b) { return std::tie(a.engine, a.version, a.set) < std::tie(b.engine, b.version, b.set); });
    std::string all;
    for (const auto& one : engines) all += dump_json(codec::json_of(one)) + "\n";
    return all.empty() ? "" : sha256_hex(all).substr(0, 32);
}

Json swept_body(const Discovery& found, const std::string& name, int64_t debt) {
    return {{"vm", found.vm.text()}, {"name", name}, {"found", codec::json_of(found)}, {"debt", debt}};
}

Json sweep_ended_body(const VmId& vm, const std::string& name, const std::string& text, int64_t failures, int64_t debt) {
    return {{"vm", vm.text()}, {"name", name}, {"text", text}, {"failures", failures}, {"debt", debt}};
}

Discovery discovery_of(const VmId& vm, const ScanOutcome& outcome, bool live, Instant at, size_t most) {
    Discovery out;
    out.vm = vm;
    out.at = at;
    out.verdict = outcome.verdict;
    out.live = live;
    out.files = outcome.files;
    out.bytes = outcome.bytes;
    out.skipped = outcome.skipped;
    out.hits_total = int64_t(outcome.hits.size());
    out.engines = outcome.engines;
    if (out.engines.size() > 16) out.engines.resize(16);
    for (auto& engine : out.engines) {
        engine.version = clean_block(engine.version, 512);
        engine.set = clean_block(engine.set, 512);
    }
    std::vector<ScanHit> sorted = outcome.hits;
    const auto key = [](const ScanHit& h) { return std::tie(h.sha256, h.path, h.signature, h.engine); };
    std::sort(sorted.begin(), sorted.end(), [&](const ScanHit& a, const ScanHit& b) { return key(a) < key(b); });
    // Names are of the guest's choosing, and so is their length: a quarter of a frame is enough.
    size_t bytes = 0;
    const auto take = [&](ScanHit hit) {
        if (hit.path.size() > 32'768) hit.path = clean_block(hit.path, 32'768);
        if (hit.signature.size() > 512) hit.signature = clean_block(hit.signature, 512);
        bytes += 6 * (hit.path.size() + hit.signature.size()) + 200;
        if (out.hits.size() < most && (out.hits.empty() || bytes <= largest_frame / 4)) out.hits.push_back(std::move(hit));
    };
    std::set<std::string> seen;
    std::vector<ScanHit> again;
    for (const auto& hit : sorted) {
        if (seen.insert(hit.sha256).second) take(hit);
        else again.push_back(hit);
    }
    for (auto& hit : again) take(std::move(hit));
    return out;
}

}  // namespace bailiff::agent
