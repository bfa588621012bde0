// SPDX-License-Identifier: Apache-2.0
// Whose addresses were, and which reports wait for it, in memory.
#include "controller/storage/memory_storage.hpp"
#include "controller/storage/rows.hpp"

namespace bailiff {

SpanChange MemoryStorage::put_span(const AddressSpan& span) {
    const SpanKey key{span.prefix.network, span.prefix.length, span.from, span.first_port, span.last_port, span.source};
    if (const auto known = spans_.find(key); known != spans_.end()) {
        AddressSpan same = span;
        same.learned_at = known->second.learned_at;
        if (same == known->second) return SpanChange::none;
        log_.assign(spans_, key, span);
        return SpanChange::changed;
    }
    log_.insert(span_lengths_, span.prefix.length);
    log_.assign(spans_, key, span);
    return SpanChange::added;
}

std::vector<AddressSpan> MemoryStorage::spans_of(const Address& address, int64_t port, Instant latest, Instant earliest, size_t limit) {
    std::vector<AddressSpan> out;
    for (auto length = span_lengths_.rbegin(); length != span_lengths_.rend(); ++length) {
        const Address network = prefix_around(address, *length).network;
        // The first that lies behind all of this network and length that began by then.
        auto it = spans_.lower_bound(SpanKey{network, *length, latest + Seconds(1), 0, 0, AddressSource::inventory});
        for (size_t found = 0; it != spans_.begin() && found < limit;) {
            const AddressSpan& span = (--it)->second;
            if (span.prefix.network != network || span.prefix.length != *length) break;
            if (span.until && *span.until <= earliest) continue;
            if (port != 0 && (span.first_port > port || span.last_port < port)) continue;
            out.push_back(span);
            ++found;
        }
    }
    return out;
}

void MemoryStorage::index_waiting(int64_t number, const StoredReport& report) {
    if (const auto old = reports_.find(number); old != reports_.end() && old->second.wait != ReportWait::nothing) {
        log_.remove(waiting_, {old->second.wait, number});
        log_.remove(reports_by_address_, {waiting_key(old->second), number});
    }
    if (report.wait == ReportWait::nothing) return;
    log_.insert(waiting_, {report.wait, number});
    if (const std::string key = waiting_key(report); !key.empty()) log_.insert(reports_by_address_, {key, number});
}

int64_t MemoryStorage::wake_reports(const Prefix& prefix, Instant from, Instant until, size_t limit) {
    std::vector<int64_t> woken;
    const std::string last = key_of(last_of(prefix));
    auto it = reports_by_address_.lower_bound({key_of(prefix.network), 0});
    for (; it != reports_by_address_.end() && it->first <= last && woken.size() < limit; ++it) {
        const StoredReport& report = reports_.at(it->second);
        const bool waits = report.wait == ReportWait::history || report.wait == ReportWait::cmdb;
        if (waits && report.summary.observed_at >= from && report.summary.observed_at <= until) woken.push_back(it->second);
    }
    for (const int64_t number : woken) {
        StoredReport report = reports_.at(number);
        report.wait = ReportWait::again;
        put_report(report);
    }
    return int64_t(woken.size());
}

std::vector<StoredReport> MemoryStorage::waiting_reports(ReportWait wait, size_t limit) {
    std::vector<StoredReport> out;
    if (wait == ReportWait::nothing) return out;
    auto it = waiting_.lower_bound({wait, 0});
    for (; it != waiting_.end() && it->first == wait && out.size() < limit; ++it) out.push_back(reports_.at(it->second));
    return out;
}

}  // namespace bailiff
