// SPDX-License-Identifier: Apache-2.0
// Cases, history, reports and policies in memory.
#include "controller/storage/chain.hpp"
#include "controller/storage/memory_storage.hpp"
#include "controller/storage/rows.hpp"

#include <algorithm>
#include <cassert>
#include <limits>
#include <stdexcept>

namespace bailiff {

CaseId MemoryStorage::next_case_id() { return CaseId(id_text('C', next("case"))); }
ReportId MemoryStorage::next_report_id() { return ReportId(id_text('R', next("report"))); }

const MemoryStorage::CaseRow* MemoryStorage::row(const CaseId& id) const {
    const auto number = number_of(id, 'C');
    const auto found = number ? cases_.find(*number) : cases_.end();
    return found == cases_.end() ? nullptr : &found->second;
}

Result<void> MemoryStorage::save(int64_t before, const core::Case& after, const std::vector<core::HistoryItem>& items,
                                 const Standing& standing) {
    assert(after.revision == before + int64_t(items.size()) && "a case's revision counts its items");
    const auto number = number_of(after.id, 'C');
    if (!number) return fail(Errc::invalid, "'" + after.id.text() + "' is no case id; next_case_id() makes one");
    const CaseRow* old = row(after.id);
    if ((old ? old->body.revision : 0) != before || (before == 0 && old))
        return fail(Errc::conflict, "case " + after.id.text() + " is no longer at revision " + std::to_string(before) +
                                        "; read it again and repeat what still makes sense");
    return transaction([&]() -> Result<void> {
        if (old) {
            log_.remove(open_by_vm_, {old->body.vm, *number});
            if (old->standing.deadline) log_.remove(deadlines_, {old->standing.deadline->at, *number});
            if (old->standing.call_since) log_.remove(calls_, {*old->standing.call_since, *number});
            if (old->standing.call_back) log_.remove(call_backs_, {*old->standing.call_back, *number});
        }
        if (after.phase != core::Phase::closed) log_.insert(open_by_vm_, {after.vm, *number});
        if (standing.deadline) log_.insert(deadlines_, {standing.deadline->at, *number});
        if (standing.call_since) log_.insert(calls_, {*standing.call_since, *number});
        if (standing.call_back) log_.insert(call_backs_, {*standing.call_back, *number});
        log_.assign(cases_, *number, CaseRow{after, standing});
        if (!histories_.contains(after.id)) log_.assign(histories_, after.id, {});
        auto& history = histories_.at(after.id);
        for (const auto& item : items) {
            ChainedItem link{int64_t(chain_.size()) + 1, after.id, item.revision, chained_text(after.id, item), {}, 0};
            link.hash = chained_hash(chain_.empty() ? "" : chain_.back().hash, link.text);
            log_.append(chain_, std::move(link));
            log_.append(history, item);
        }
        return {};
    });
}

std::optional<core::Case> MemoryStorage::find_case(const CaseId& id) {
    const CaseRow* found = row(id);
    if (!found) return std::nullopt;
    return found->body;
}

std::optional<core::Deadline> MemoryStorage::deadline_of(const CaseId& id) {
    const CaseRow* found = row(id);
    return found ? found->standing.deadline : std::nullopt;
}

std::vector<core::Case> MemoryStorage::calls(const CaseId& after, size_t limit) {
    std::vector<core::Case> out;
    const CaseRow* last = row(after);
    const bool waits = last && last->standing.call_since;
    auto it = waits ? calls_.upper_bound({*last->standing.call_since, *number_of(after, 'C')}) : calls_.begin();
    for (; it != calls_.end() && out.size() < limit; ++it) out.push_back(cases_.at(it->second).body);
    return out;
}

std::vector<CaseId> MemoryStorage::open_cases_of(const VmId& vm) {
    std::vector<CaseId> out;
    for (auto it = open_by_vm_.lower_bound({vm, 0}); it != open_by_vm_.end() && it->first == vm; ++it)
        out.push_back(cases_.at(it->second).body.id);
    return out;
}

std::vector<core::Case> MemoryStorage::list_cases(const CaseFilter& filter) {
    std::vector<core::Case> out;
    const int64_t before = filter.before.empty() ? std::numeric_limits<int64_t>::max() : number_of(filter.before, 'C').value_or(0);
    for (auto it = cases_.lower_bound(before); it != cases_.begin() && out.size() < filter.limit;) {
        const core::Case& c = (--it)->second.body;
        if (filter.open_only && c.phase == core::Phase::closed) continue;
        if (filter.phase && c.phase != *filter.phase) continue;
        if (!filter.vm.empty() && c.vm != filter.vm) continue;
        if (!filter.customer.empty() && c.customer != filter.customer) continue;
        if (!filter.assignee.empty() && c.assignee != filter.assignee) continue;
        out.push_back(c);
    }
    return out;
}

std::vector<core::HistoryItem> MemoryStorage::history(const CaseId& id, int64_t after_revision, size_t limit) {
    std::vector<core::HistoryItem> out;
    const auto found = histories_.find(id);
    if (found == histories_.end()) return out;
    for (size_t i = size_t(std::max<int64_t>(after_revision, 0)); i < found->second.size() && out.size() < limit; ++i)
        out.push_back(found->second[i]);
    return out;
}

std::vector<DueCase> MemoryStorage::due(Instant now, size_t limit) {
    std::vector<DueCase> out;
    for (auto it = deadlines_.begin(); it != deadlines_.end() && it->first <= now && out.size() < limit; ++it) {
        const core::Case& c = cases_.at(it->second).body;
        out.push_back(DueCase{c.id, c.revision, it->first});
    }
    return out;
}

std::optional<Instant> MemoryStorage::next_deadline() {
    if (deadlines_.empty()) return std::nullopt;
    return deadlines_.begin()->first;
}

void MemoryStorage::put_report(const StoredReport& report) {
    const auto number = number_of(report.id, 'R');
    if (!number) throw std::logic_error("'" + report.id.text() + "' is no report id; next_report_id() makes one");
    StoredReport stored = report;
    stored.summary.id = report.id;
    if (!report.delivery.empty()) log_.insert(reports_by_delivery_, {report.delivery, *number});
    index_waiting(*number, stored);
    log_.assign(reports_, *number, std::move(stored));
}

std::optional<StoredReport> MemoryStorage::find_report(const ReportId& id) {
    const auto number = number_of(id, 'R');
    const auto found = number ? reports_.find(*number) : reports_.end();
    if (found == reports_.end()) return std::nullopt;
    return found->second;
}

std::optional<StoredReport> MemoryStorage::report_by_fingerprint(const std::string& fingerprint) {
    for (auto it = reports_.rbegin(); it != reports_.rend() && !fingerprint.empty(); ++it)
        if (it->second.fingerprint == fingerprint) return it->second;
    return std::nullopt;
}

std::vector<StoredReport> MemoryStorage::reports(bool triage_only, const ReportId& before, size_t limit) {
    std::vector<StoredReport> out;
    const int64_t below = before.empty() ? std::numeric_limits<int64_t>::max() : number_of(before, 'R').value_or(0);
    for (auto it = reports_.lower_bound(below); it != reports_.begin() && out.size() < limit;) {
        const StoredReport& report = (--it)->second;
        if (!triage_only || (report.case_id.empty() && report.settled.empty())) out.push_back(report);
    }
    return out;
}

int64_t MemoryStorage::chain_position() { return int64_t(chain_.size()); }

std::vector<ChainedItem> MemoryStorage::chain(int64_t after_position, size_t limit) {
    std::vector<ChainedItem> out;
    for (size_t i = size_t(std::max<int64_t>(after_position, 0)); i < chain_.size() && out.size() < limit; ++i) out.push_back(chain_[i]);
    return out;
}

void MemoryStorage::put_checkpoint(const Checkpoint& checkpoint) {
    if (!checkpoints_.contains(checkpoint.position)) log_.assign(checkpoints_, checkpoint.position, checkpoint);
}

std::vector<Checkpoint> MemoryStorage::checkpoints() {
    std::vector<Checkpoint> out;
    for (const auto& [position, checkpoint] : checkpoints_) out.push_back(checkpoint);
    return out;
}

void MemoryStorage::keep_policy(const Kept& policy) {
    if (!policies_.contains({policy.id, policy.revision})) log_.assign(policies_, {policy.id, policy.revision}, policy);
}

std::vector<PolicyArchive::Kept> MemoryStorage::kept_policies() {
    std::vector<Kept> out;
    for (const auto& [key, policy] : policies_) out.push_back(policy);
    return out;
}

// ---- the brake ---------------------------------------------------------------------------------------------------

void MemoryStorage::note_sanction(const CaseId& id, Instant at) {
    while (!sanctions_.empty() && sanctions_.begin()->first < at - Brake::remembered) log_.remove(sanctions_, std::pair(*sanctions_.begin()));
    log_.insert(sanctions_, {at, id});
}

int64_t MemoryStorage::sanctions_after(Instant after) {
    return std::count_if(sanctions_.begin(), sanctions_.end(), [&](const auto& sanction) { return sanction.first > after; });
}

}  // namespace bailiff
