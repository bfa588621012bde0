// SPDX-License-Identifier: Apache-2.0
// What recipients have had from us, and support tokens, in memory.
#include "controller/storage/memory_storage.hpp"

#include <limits>

namespace bailiff {

void MemoryStorage::put_posting(const Posting& posting, Instant keep_since) {
    std::vector<std::pair<std::string, int64_t>> old;
    for (auto it = postings_.lower_bound({posting.recipient, 0}); it != postings_.end() && it->first.first == posting.recipient; ++it)
        if (it->second.at < keep_since) old.push_back(it->first);
    for (const auto& key : old) log_.forget(postings_, key);
    log_.assign(postings_, {posting.recipient, next("posting")}, posting);
}

std::vector<Posting> MemoryStorage::postings_to(const std::string& recipient, Instant since) {
    std::vector<Posting> out;
    for (auto it = postings_.lower_bound({recipient, 0}); it != postings_.end() && it->first.first == recipient; ++it)
        if (it->second.at >= since) out.push_back(it->second);
    return out;
}

void MemoryStorage::put_waiting(const WaitingReport& waiting) {
    drop_waiting(waiting.mail);
    log_.assign(waiting_reports_, waiting.mail, waiting);
    log_.insert(waiting_by_recipient_, {waiting.recipient, waiting.mail});
}

void MemoryStorage::drop_waiting(int64_t mail) {
    const auto found = waiting_reports_.find(mail);
    if (found == waiting_reports_.end()) return;
    log_.remove(waiting_by_recipient_, {found->second.recipient, mail});
    log_.forget(waiting_reports_, mail);
}

std::vector<WaitingReport> MemoryStorage::waiting_for(const std::string& recipient, size_t limit) {
    std::vector<WaitingReport> out;
    for (auto it = waiting_by_recipient_.lower_bound({recipient, 0}); it != waiting_by_recipient_.end() && it->first == recipient && out.size() < limit; ++it)
        out.push_back(waiting_reports_.at(it->second));
    return out;
}

void MemoryStorage::put_told_together(const CaseId& lead, const CaseId& other) { log_.insert(told_together_, {lead, other}); }

std::vector<CaseId> MemoryStorage::told_with(const CaseId& lead) {
    std::vector<CaseId> out;
    for (auto it = told_together_.lower_bound({lead, CaseId()}); it != told_together_.end() && it->first == lead; ++it) out.push_back(it->second);
    return out;
}

std::optional<LedgerEntry> MemoryStorage::enter(LedgerEntry entry) {
    if (ledger_by_key_.contains(entry.key)) return std::nullopt;
    const auto last = last_entry(entry.customer);
    entry.number = (last ? last->number : 0) + 1;
    entry.balance = (last ? last->balance : 0) + entry.amount;
    log_.assign(ledger_, {entry.customer, entry.number}, entry);
    log_.assign(ledger_by_key_, entry.key, std::pair(entry.customer, entry.number));
    return entry;
}

std::optional<LedgerEntry> MemoryStorage::last_entry(const CustomerId& customer) {
    const auto newest = ledger_of(customer, 0, 1);
    return newest.empty() ? std::nullopt : std::optional(newest.front());
}

std::optional<LedgerEntry> MemoryStorage::find_entry(const std::string& key) {
    const auto found = ledger_by_key_.find(key);
    if (found == ledger_by_key_.end()) return std::nullopt;
    return ledger_.at(found->second);
}

std::vector<LedgerEntry> MemoryStorage::ledger_of(const CustomerId& customer, int64_t before, size_t limit) {
    std::vector<LedgerEntry> out;
    for (auto it = ledger_.lower_bound({customer, before == 0 ? std::numeric_limits<int64_t>::max() : before});
         it != ledger_.begin() && out.size() < limit;) {
        --it;
        if (it->first.first != customer) break;
        out.push_back(it->second);
    }
    return out;
}

}  // namespace bailiff
