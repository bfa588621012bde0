// SPDX-License-Identifier: Apache-2.0
// Mails, orders and jobs in memory.
#include "controller/storage/memory_storage.hpp"

#include <algorithm>
#include <limits>
#include <tuple>

namespace bailiff {

// ---- outbox -----------------------------------------------------------------------------------------------------------

void MemoryStorage::owe(const CaseId& case_id, const std::vector<core::NoticeDue>& dues, Instant now,
                        const std::function<std::string(const std::string& key)>& message_id) {
    std::set<std::string> owed;
    for (const auto& due : dues) {
        owed.insert(due.key);
        if (mail_by_key_.contains({case_id, due.key})) continue;
        OutboxMail mail;
        mail.id = next("mail");
        mail.case_id = case_id;
        mail.due = due;
        mail.message_id = message_id(due.key);
        mail.next_try = now;
        log_.assign(mail_by_key_, {case_id, due.key}, mail.id);
        log_.insert(mails_due_, {now, mail.id});
        log_.assign(mails_, mail.id, std::move(mail));
    }
    for (OutboxMail& mail : mails_of(case_id)) {
        if (mail.state != MailState::due || owed.contains(mail.due.key)) continue;
        log_.remove(mails_due_, {mail.next_try, mail.id});
        mail.state = MailState::withdrawn;
        log_.assign(mails_, mail.id, mail);
    }
}

std::vector<OutboxMail> MemoryStorage::to_send(Instant now, size_t limit) {
    std::vector<OutboxMail> out;
    for (auto it = mails_due_.begin(); it != mails_due_.end() && it->first <= now && out.size() < limit; ++it)
        out.push_back(mails_.at(it->second));
    return out;
}

std::vector<OutboxMail> MemoryStorage::mails_of(const CaseId& case_id) {
    std::vector<OutboxMail> out;
    for (auto it = mail_by_key_.lower_bound({case_id, ""}); it != mail_by_key_.end() && it->first.first == case_id; ++it)
        out.push_back(mails_.at(it->second));
    std::sort(out.begin(), out.end(), [](const OutboxMail& a, const OutboxMail& b) { return a.id < b.id; });
    return out;
}

void MemoryStorage::update(const OutboxMail& mail) {
    const auto found = mails_.find(mail.id);
    if (found == mails_.end()) return;
    OutboxMail stored = found->second;
    // What is sent, failed or withdrawn stays so.
    if (stored.state != MailState::due && mail.state == MailState::due) return;
    log_.remove(mails_due_, {stored.next_try, stored.id});
    stored.state = mail.state;
    stored.attempts = mail.attempts;
    stored.next_try = mail.next_try;
    stored.last_reply = mail.last_reply;
    stored.message_id = mail.message_id;
    if (stored.state == MailState::due) log_.insert(mails_due_, {stored.next_try, stored.id});
    log_.assign(mails_, mail.id, std::move(stored));
}

// ---- dispatch ---------------------------------------------------------------------------------------------------------

int64_t MemoryStorage::next_seq(const HostId& host) {
    Host unseen;
    unseen.id = host;
    Host stored = find_host(host).value_or(unseen);
    const int64_t seq = ++stored.seq;
    log_.assign(hosts_, host, std::move(stored));
    return seq;
}

int64_t MemoryStorage::next_generation(const VmId& vm) {
    const std::string sequence = "generation/" + vm.text();
    const auto found = sequences_.find(sequence);
    const int64_t value = std::max(found == sequences_.end() ? 1 : found->second + 1, epoch());
    log_.assign(sequences_, sequence, value);
    return value;
}

void MemoryStorage::put_order(const StoredOrder& order) {
    const OrderId& id = order.order.order_id;
    if (const auto old = orders_.find(id); old != orders_.end()) {
        log_.remove(orders_by_case_, {old->second.order.case_id, id});
        log_.remove(open_orders_, {{old->second.order.host, old->second.order.seq}, id});
    }
    log_.insert(orders_by_case_, {order.order.case_id, id});
    if (is_open(order.state)) log_.insert(open_orders_, {{order.order.host, order.order.seq}, id});
    log_.assign(orders_, id, order);
}

void MemoryStorage::put_job(const StoredJob& job) {
    const JobId& id = job.job.job_id;
    if (const auto old = jobs_.find(id); old != jobs_.end()) {
        log_.remove(jobs_by_case_, {old->second.job.case_id, id});
        log_.remove(open_jobs_, {{old->second.job.host, old->second.job.seq}, id});
    }
    log_.insert(jobs_by_case_, {job.job.case_id, id});
    if (is_open(job.state)) log_.insert(open_jobs_, {{job.job.host, job.job.seq}, id});
    log_.assign(jobs_, id, job);
}

std::optional<StoredOrder> MemoryStorage::find_order(const OrderId& id) {
    const auto found = orders_.find(id);
    if (found == orders_.end()) return std::nullopt;
    return found->second;
}

std::optional<StoredJob> MemoryStorage::find_job(const JobId& id) {
    const auto found = jobs_.find(id);
    if (found == jobs_.end()) return std::nullopt;
    return found->second;
}

std::vector<StoredOrder> MemoryStorage::orders_of(const CaseId& id) {
    std::vector<StoredOrder> out;
    for (auto it = orders_by_case_.lower_bound({id, OrderId()}); it != orders_by_case_.end() && it->first == id; ++it)
        out.push_back(orders_.at(it->second));
    std::stable_sort(out.begin(), out.end(), [](const StoredOrder& a, const StoredOrder& b) {
        return std::tie(a.demand, a.order.issued_at, a.order.seq) < std::tie(b.demand, b.order.issued_at, b.order.seq);
    });
    return out;
}

std::vector<StoredJob> MemoryStorage::jobs_of(const CaseId& id) {
    std::vector<StoredJob> out;
    for (auto it = jobs_by_case_.lower_bound({id, JobId()}); it != jobs_by_case_.end() && it->first == id; ++it)
        out.push_back(jobs_.at(it->second));
    std::stable_sort(out.begin(), out.end(), [](const StoredJob& a, const StoredJob& b) {
        return std::tie(a.job.issued_at, a.job.seq) < std::tie(b.job.issued_at, b.job.seq);
    });
    return out;
}

std::vector<StoredOrder> MemoryStorage::open_orders(const HostId& host) {
    std::vector<StoredOrder> out;
    for (auto it = open_orders_.lower_bound({{host, 0}, OrderId()}); it != open_orders_.end() && (host.empty() || it->first.first == host); ++it)
        out.push_back(orders_.at(it->second));
    return out;
}

std::vector<StoredJob> MemoryStorage::open_jobs(const HostId& host) {
    std::vector<StoredJob> out;
    for (auto it = open_jobs_.lower_bound({{host, 0}, JobId()}); it != open_jobs_.end() && (host.empty() || it->first.first == host); ++it)
        out.push_back(jobs_.at(it->second));
    return out;
}

void MemoryStorage::put_scan_report(const StoredScanReport& report) {
    if (!scan_reports_.contains(report.job)) log_.assign(scan_reports_, report.job, report);
}

std::optional<StoredScanReport> MemoryStorage::find_scan_report(const std::string& job) {
    const auto found = scan_reports_.find(job);
    if (found == scan_reports_.end()) return std::nullopt;
    return found->second;
}

std::vector<StoredScanReport> MemoryStorage::scan_reports_of(const CaseId& id) {
    std::vector<StoredScanReport> out;
    for (const auto& [job, report] : scan_reports_)
        if (report.case_id == id) out.push_back(report);
    for (auto& report : out) report.envelope.clear();
    std::sort(out.begin(), out.end(), [](const StoredScanReport& a, const StoredScanReport& b) { return std::tie(a.at, a.job) < std::tie(b.at, b.job); });
    return out;
}

bool MemoryStorage::first_time(const HostId& host, const MessageId& id, Instant now) {
    if (handled_.contains({host, id})) return false;
    log_.assign(handled_, {host, id}, now);
    return true;
}

}  // namespace bailiff
