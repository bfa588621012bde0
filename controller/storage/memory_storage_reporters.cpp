// SPDX-License-Identifier: Apache-2.0
// Who reports, in memory.
#include "controller/storage/memory_storage.hpp"

#include <algorithm>

namespace bailiff {

void MemoryStorage::put_reporter(const Reporter& reporter) { log_.assign(reporters_, reporter.id, reporter); }

std::optional<Reporter> MemoryStorage::find_reporter(const ReporterId& id) {
    const auto found = reporters_.find(id);
    if (found == reporters_.end()) return std::nullopt;
    return found->second;
}

std::vector<Reporter> MemoryStorage::reporters(const ReporterId& after, size_t limit) {
    std::vector<Reporter> out;
    for (auto it = reporters_.upper_bound(after); it != reporters_.end() && out.size() < limit; ++it) out.push_back(it->second);
    return out;
}

void MemoryStorage::put_delivery_reporter(const DeliveryReporter& entry) { log_.assign(delivery_reporters_, entry.delivery, entry); }

std::optional<DeliveryReporter> MemoryStorage::delivery_reporter(const DeliveryId& id) {
    const auto found = delivery_reporters_.find(id);
    if (found == delivery_reporters_.end()) return std::nullopt;
    return found->second;
}

void MemoryStorage::count_reporter(const ReporterId& id, int64_t day, const ReporterCounts& more) {
    ReporterCounts sum;
    if (const auto found = reporter_days_.find({id, day}); found != reporter_days_.end()) sum = found->second;
    log_.assign(reporter_days_, {id, day}, sum + more);
}

ReporterCounts MemoryStorage::reporter_counts(const ReporterId& id, int64_t day) {
    ReporterCounts sum;
    for (auto it = reporter_days_.lower_bound({id, day}); it != reporter_days_.end() && it->first.first == id; ++it) sum = sum + it->second;
    return sum;
}

void MemoryStorage::note_reporter_in_case(const InCase& entry) { log_.insert(reporters_in_cases_, {entry.case_id, entry.reporter, entry.delivery}); }

std::vector<Reporters::InCase> MemoryStorage::reporters_in_case(const CaseId& id, size_t limit) {
    std::vector<InCase> out;
    auto it = reporters_in_cases_.lower_bound({id, ReporterId(), DeliveryId()});
    for (; it != reporters_in_cases_.end() && std::get<0>(*it) == id && out.size() < limit; ++it)
        out.push_back({std::get<0>(*it), std::get<1>(*it), std::get<2>(*it)});
    return out;
}

bool MemoryStorage::owe_reporter_mail(const ReporterMail& mail) {
    if (reporter_mails_.contains({mail.delivery, mail.notice})) return false;
    log_.assign(reporter_mails_, {mail.delivery, mail.notice}, mail);
    return true;
}

void MemoryStorage::update_reporter_mail(const ReporterMail& mail) {
    if (reporter_mails_.contains({mail.delivery, mail.notice})) log_.assign(reporter_mails_, {mail.delivery, mail.notice}, mail);
}

std::vector<ReporterMail> MemoryStorage::reporter_mails_to_send(Instant now, size_t limit) {
    std::vector<ReporterMail> out;
    for (const auto& [key, mail] : reporter_mails_)
        if (mail.state == MailState::due && mail.next_try <= now) out.push_back(mail);
    std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.next_try < b.next_try; });
    if (out.size() > limit) out.resize(limit);
    return out;
}

std::vector<ReporterMail> MemoryStorage::reporter_mails_of(const DeliveryId& id) {
    std::vector<ReporterMail> out;
    auto it = reporter_mails_.lower_bound({id, ReporterNotice::received});
    for (; it != reporter_mails_.end() && it->first.first == id; ++it) out.push_back(it->second);
    return out;
}

}  // namespace bailiff
