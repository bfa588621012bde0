// SPDX-License-Identifier: Apache-2.0
// What is over its time, in memory.
#include "controller/storage/chain.hpp"
#include "controller/storage/memory_storage.hpp"
#include "controller/storage/rows.hpp"

#include <bailiff/dsse.hpp>

#include <algorithm>
#include <stdexcept>

namespace bailiff {

namespace {

template <class Map, class Pick>
void forget_those(UndoLog& log, Map& map, Pick pick) {
    std::vector<typename Map::key_type> keys;
    for (const auto& [key, value] : map)
        if (pick(value)) keys.push_back(key);
    for (const auto& key : keys) log.forget(map, key);
}

}  // namespace

bool MemoryStorage::still_open(const CaseId& id) const {
    const CaseRow* found = row(id);
    return found && found->body.phase != core::Phase::closed;
}

std::vector<MemoryStorage::Aged> MemoryStorage::aged(KeptClass kept, Instant before, size_t limit) const {
    std::vector<Aged> out;
    switch (kept) {
        case KeptClass::raw:
            for (const auto& [number, d] : deliveries_) {
                bool needed = d.raw.empty() || d.received_at >= before || d.state == DeliveryState::filing;
                for (auto it = reports_by_delivery_.lower_bound({d.id, 0}); !needed && it != reports_by_delivery_.end() && it->first == d.id; ++it)
                    needed = still_open(reports_.at(it->second).case_id);
                if (!needed) out.push_back({d.received_at, 0, number, {}});
            }
            for (const auto& [number, r] : reports_)
                if (!r.raw.empty() && r.received_at < before && !still_open(r.case_id)) out.push_back({r.received_at, 1, number, {}});
            break;
        case KeptClass::files:
            for (const auto& [key, file] : statement_files_) {
                const CaseRow* of = row(file.case_id);
                if (!file.bytes.empty() && file.at < before && of && of->body.phase == core::Phase::closed && of->body.closed_at < before)
                    out.push_back({file.at, 0, file.number, file.case_id});
            }
            break;
        case KeptClass::cases:
            for (const auto& [number, stored] : cases_)
                if (stored.body.phase == core::Phase::closed && !stored.body.erased && stored.body.closed_at < before)
                    out.push_back({stored.body.closed_at, 0, number, stored.body.id});
            break;
        case KeptClass::audit:
            for (const auto& [number, stored] : cases_)
                if (stored.body.erased && stored.body.closed_at < before) out.push_back({stored.body.closed_at, 0, number, stored.body.id});
            break;
    }
    // At most `limit` of each kind, like the queries of a database.
    std::sort(out.begin(), out.end(), [](const Aged& a, const Aged& b) { return std::tie(a.kind, a.at, a.number) < std::tie(b.kind, b.at, b.number); });
    std::map<int, size_t> seen;
    std::erase_if(out, [&](const Aged& one) { return ++seen[one.kind] > limit; });
    return out;
}

Overdue MemoryStorage::overdue(KeptClass kept, Instant before, size_t limit) {
    Overdue out;
    for (const auto& one : aged(kept, before, limit))
        if (out.count++ == 0 || one.at < out.oldest) out.oldest = one.at;
    return out;
}

int64_t MemoryStorage::forget(KeptClass kept, Instant before, size_t limit) {
    if (kept == KeptClass::cases || kept == KeptClass::audit) throw std::logic_error("cases go one by one");
    const auto due = aged(kept, before, limit);
    for (const auto& one : due) {
        if (kept == KeptClass::files) {
            Attachment file = statement_files_.at({one.case_id, one.number});
            file.bytes.clear();
            log_.assign(statement_files_, {one.case_id, one.number}, std::move(file));
        } else if (one.kind == 0) {
            Delivery delivery = deliveries_.at(one.number);
            delivery.raw.clear();
            log_.assign(deliveries_, one.number, std::move(delivery));
        } else {
            StoredReport report = reports_.at(one.number);
            report.raw.clear();
            log_.assign(reports_, one.number, std::move(report));
        }
    }
    return int64_t(due.size());
}

std::vector<CaseId> MemoryStorage::cases_to_erase(Instant before, size_t limit) {
    std::vector<CaseId> out;
    for (const auto& one : aged(KeptClass::cases, before, limit)) out.push_back(one.case_id);
    return out;
}

std::vector<CaseId> MemoryStorage::cases_to_erase(const CustomerId& customer, size_t limit) {
    std::vector<CaseId> out;
    for (const auto& [number, stored] : cases_)
        if (stored.body.customer == customer && stored.body.phase == core::Phase::closed && !stored.body.erased && out.size() < limit) out.push_back(stored.body.id);
    return out;
}

bool MemoryStorage::has_vms(const CustomerId& customer) {
    return std::any_of(vms_.begin(), vms_.end(), [&](const auto& entry) { return entry.second.customer == customer && !entry.second.gone; });
}

std::vector<core::ErasedLink> MemoryStorage::links_of(const CaseId& id, const std::vector<core::HistoryItem>& left) {
    std::vector<core::ErasedLink> out;
    for (const auto& item : left)
        for (size_t i = 0; i < chain_.size(); ++i)
            if (chain_[i].case_id == id && chain_[i].revision == item.revision)
                out.push_back({chain_[i].position, item.revision, i ? chain_[i - 1].hash : "", chain_[i].hash, sha256_hex(chained_text(id, item))});
    return out;
}

void MemoryStorage::erase_texts(const CaseId& id, const std::vector<core::HistoryItem>& left, int64_t by) {
    auto& history = histories_.at(id);
    for (const auto& item : left) {
        log_.replace(history, size_t(item.revision - 1), item);
        for (size_t i = 0; i < chain_.size(); ++i) {
            if (chain_[i].case_id != id || chain_[i].revision != item.revision) continue;
            ChainedItem link = chain_[i];
            link.text = chained_text(id, item);
            link.erased = by;
            log_.replace(chain_, i, std::move(link));
        }
    }
}

void MemoryStorage::erase_beside(const CaseId& id, const std::vector<ReportId>& reports) {
    for (const auto& mail : mails_of(id)) {
        log_.forget(mail_by_key_, {id, mail.due.key});
        log_.remove(mails_due_, {mail.next_try, mail.id});
        log_.forget(mails_, mail.id);
    }
    for (const auto& order : orders_of(id)) {
        log_.remove(orders_by_case_, {id, order.order.order_id});
        log_.remove(open_orders_, {{order.order.host, order.order.seq}, order.order.order_id});
        log_.forget(orders_, order.order.order_id);
    }
    for (const auto& job : jobs_of(id)) {
        log_.remove(jobs_by_case_, {id, job.job.job_id});
        log_.remove(open_jobs_, {{job.job.host, job.job.seq}, job.job.job_id});
        log_.forget(jobs_, job.job.job_id);
    }
    forget_those(log_, scan_reports_, [&](const StoredScanReport& report) { return report.case_id == id; });
    for (const auto& [key, token] : tokens_)
        if (token.case_id == id) log_.forget(tokens_by_hash_, {token.use, token.sha256});
    forget_those(log_, tokens_, [&](const CaseToken& token) { return token.case_id == id; });
    forget_those(log_, statement_files_, [&](const Attachment& file) { return file.case_id == id; });
    for (const auto& [mail, waiting] : waiting_reports_)
        if (waiting.case_id == id) log_.remove(waiting_by_recipient_, std::pair(waiting.recipient, mail));
    forget_those(log_, waiting_reports_, [&](const WaitingReport& waiting) { return waiting.case_id == id; });
    for (const auto& [number, dial] : dials_)
        if (dial.case_id == id) log_.remove(dials_to_send_, std::pair(dial.next_try, number));
    log_.forget(open_dials_, id);
    forget_those(log_, dials_, [&](const Dial& dial) { return dial.case_id == id; });
    std::vector<std::pair<CaseId, CaseId>> together;
    for (const auto& pair : told_together_)
        if (pair.first == id || pair.second == id) together.push_back(pair);
    for (const auto& pair : together) log_.remove(told_together_, pair);
    erase_reasons([&](const LedgerEntry& entry) { return entry.case_id == id; });
    std::vector<std::tuple<CaseId, ReporterId, DeliveryId>> reported;
    for (auto it = reporters_in_cases_.lower_bound({id, ReporterId(), DeliveryId()}); it != reporters_in_cases_.end() && std::get<0>(*it) == id; ++it) reported.push_back(*it);
    for (const auto& entry : reported) log_.remove(reporters_in_cases_, entry);
    for (const ReportId& report_id : reports) {
        const auto number = number_of(report_id, 'R');
        const auto found = number ? reports_.find(*number) : reports_.end();
        if (found == reports_.end() || found->second.case_id != id) continue;
        StoredReport report = found->second;
        report.summary.reporter.clear();
        report.summary.summary.clear();
        report.address.clear();
        report.vm_hint.clear();
        report.raw.clear();
        report.fingerprint.clear();
        report.who.clear();
        report.reporter = ReporterId();
        report.settled.clear();
        log_.assign(reports_, *number, report);
        if (report.delivery.empty()) continue;
        bool needed = false;
        for (auto it = reports_by_delivery_.lower_bound({report.delivery, 0}); it != reports_by_delivery_.end() && it->first == report.delivery; ++it) {
            const CaseRow* of = row(reports_.at(it->second).case_id);
            needed = needed || !of || !of->body.erased;
        }
        if (needed) continue;
        const auto delivery_number = number_of(report.delivery, 'M');
        Delivery delivery = deliveries_.at(*delivery_number);
        for (std::string* words : {&delivery.sender, &delivery.recipient, &delivery.subject, &delivery.reporter, &delivery.triage, &delivery.notes, &delivery.raw})
            words->clear();
        log_.assign(deliveries_, *delivery_number, std::move(delivery));
        log_.forget(delivery_reporters_, report.delivery);
        for (const auto& [notice, word] : Names<ReporterNotice>::table) log_.forget(reporter_mails_, {report.delivery, notice});
    }
}

void MemoryStorage::erase_reasons(const std::function<bool(const LedgerEntry&)>& of) {
    for (const auto& [key, entry] : std::map(ledger_)) {
        if (!of(entry)) continue;
        LedgerEntry left = entry;
        left.reason = core::erased_word;
        log_.assign(ledger_, key, std::move(left));
    }
}

void MemoryStorage::erase_beside(const CustomerId& id) {
    for (const auto& contact : contacts_of(id)) remove_contact(id, contact.number);
    for (const auto& [number, change] : changes_)
        if (change.customer == id) log_.forget(change_by_delivery_, change.delivery);
    forget_those(log_, changes_, [&](const ContactChange& change) { return change.customer == id; });
    erase_reasons([&](const LedgerEntry& entry) { return entry.customer == id; });
}

std::vector<CaseId> MemoryStorage::courses_to_forget(Instant before, size_t limit) {
    std::vector<CaseId> out;
    for (const auto& one : aged(KeptClass::audit, before, limit)) out.push_back(one.case_id);
    return out;
}

void MemoryStorage::forget_course(const CaseId& id) {
    for (size_t i = 0; i < chain_.size(); ++i) {
        if (chain_[i].case_id != id || chain_[i].erased == 0) continue;
        ChainedItem link = chain_[i];
        link.text = link_text(id, link.revision, sha256_hex(link.text));
        log_.replace(chain_, i, std::move(link));
    }
    for (const auto& [number, report] : reports_)
        if (report.case_id == id && !report.delivery.empty()) log_.remove(reports_by_delivery_, std::pair(report.delivery, number));
    forget_those(log_, reports_, [&](const StoredReport& report) { return report.case_id == id; });
    log_.forget(histories_, id);
    if (const auto number = number_of(id, 'C')) log_.forget(cases_, *number);
}

}  // namespace bailiff
