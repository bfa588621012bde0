// SPDX-License-Identifier: Apache-2.0
// The signed reports of scans: taken out of the answers that bring them, checked as far as the host's key is known, kept.

#include "controller/desk/desk.hpp"

#include <bailiff/scan_report.hpp>

#include <spdlog/spdlog.h>

namespace bailiff {

namespace {

/// Whether the report speaks of what its answer speaks of: a good signature over another scan proves nothing about this one.
bool fits(const ScanReport& report, const StoredScanReport& stored, const VmId& vm, const std::string& payload) {
    const std::string digest = report.whole ? sha256_hex(payload) : report.whole_sha256;
    return report.host == stored.host && report.vm == vm && report.case_id == stored.case_id && report.job == stored.job && digest == stored.sha256;
}

}  // namespace

/// The key comes over the host's own connection, whose certificate names it. Another one than before is worth a line: the
/// host lost its key, or was set up anew.
void Desk::note_host_key(Host& host, const Hello& hello) {
    if (hello.host_key.empty() || hello.host_key == host.host_key) return;
    const auto key = SignatureKey::from_public_pem(hello.host_key);
    if (!key) return spdlog::warn("host={} event=host_key text=\"it names a key that cannot be used: {}\"", host.id.text(), key.error().text);
    if (!host.host_key.empty()) spdlog::warn("host={} event=host_key text=\"it signs with another key from now on: {}\"", host.id.text(), key->key_id());
    host.host_key = hello.host_key;
}

void Desk::keep_report(const HostId& host, const CaseId& case_id, const VmId& vm, const std::string& job, JobAnswer& answer) {
    StoredScanReport report{job, case_id, host, now(), answer.verdict, answer.scan_report_sha256, true, ReportSignature::unknown, "", std::move(answer.scan_report)};
    answer.scan_report.clear();
    store_report(std::move(report), vm, answer.verdict);
}

/// The answer of a release says nothing of the verdict; the report does.
void Desk::keep_report(const HostId& host, const CaseId& case_id, const VmId& vm, const std::string& job, OrderAnswer& answer) {
    StoredScanReport report{job, case_id, host, now(), ScanVerdict::incomplete, answer.scan_report_sha256, true, ReportSignature::unknown, "", std::move(answer.scan_report)};
    answer.scan_report.clear();
    store_report(std::move(report), vm, std::nullopt);
}

void Desk::store_report(StoredScanReport stored, const VmId& vm, std::optional<ScanVerdict> told) {
    if (stored.envelope.empty() || stored.sha256.empty()) return;
    const auto seen = look_into_envelope(stored.envelope, largest_scan_report);
    if (!seen) return spdlog::warn("host={} case={} event=scan_report text=\"what came as the report of scan {} is no envelope\"", stored.host.text(), stored.case_id.text(), stored.job);
    if (is_hex(seen->key_id, 16)) stored.key_id = seen->key_id;
    const auto report = parse_scan_report(seen->payload);
    if (report) {
        stored.whole = report->whole;
        stored.verdict = told.value_or(report->verdict);
    }
    const auto host = ports_.storage.find_host(stored.host);
    if (!report || report->verdict != stored.verdict || seen->type != scan_report_payload_type || !fits(*report, stored, vm, seen->payload)) {
        stored.signature = ReportSignature::bad;
    } else if (host && !host->host_key.empty()) {
        const auto key = SignatureKey::from_public_pem(host->host_key);
        const auto opened = key ? open_envelope(stored.envelope, {{key->key_id(), *key}}, largest_scan_report)
                                : tl::expected<Opened, EnvelopeFault>(tl::unexpected(EnvelopeFault::unknown_key));
        stored.signature = opened ? ReportSignature::valid : ReportSignature::bad;
    }
    if (stored.signature == ReportSignature::bad)
        spdlog::error("host={} case={} event=scan_report text=\"the report of scan {} is not what its host signed\"", stored.host.text(), stored.case_id.text(), stored.job);
    ports_.storage.put_scan_report(stored);
}

}  // namespace bailiff
