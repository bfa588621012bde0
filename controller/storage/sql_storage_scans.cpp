// SPDX-License-Identifier: Apache-2.0
// The signed reports of scans.
#include "controller/storage/sql_storage.hpp"

namespace bailiff {

namespace {
StoredScanReport read_scan_report(SqlRows& rows) {
    StoredScanReport out;
    out.job = rows.take<std::string>();
    out.case_id = rows.take<CaseId>();
    out.host = rows.take<HostId>();
    out.at = rows.take<Instant>();
    out.verdict = rows.take<ScanVerdict>();
    out.sha256 = rows.take<std::string>();
    out.whole = rows.take<bool>();
    out.signature = rows.take<ReportSignature>();
    out.key_id = rows.take<std::string>();
    out.envelope = rows.take<std::string>();
    return out;
}
}  // namespace

void SqlStorage::put_scan_report(const StoredScanReport& r) {
    db_->run(
        "insert into scan_reports (job, case_id, host, at, verdict, sha256, whole, signature, key_id, envelope) "
        "values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict (job) do nothing",
        r.job, r.case_id, r.host, r.at, r.verdict, r.sha256, r.whole, r.signature, r.key_id, r.envelope);
}

std::optional<StoredScanReport> SqlStorage::find_scan_report(const std::string& job) {
    auto rows = db_->query("select job, case_id, host, at, verdict, sha256, whole, signature, key_id, envelope from scan_reports where job = $1", job);
    if (!rows.next()) return std::nullopt;
    return read_scan_report(rows);
}

std::vector<StoredScanReport> SqlStorage::scan_reports_of(const CaseId& id) {
    std::vector<StoredScanReport> out;
    auto rows = db_->query(
        "select job, case_id, host, at, verdict, sha256, whole, signature, key_id, '' from scan_reports where case_id = $1 order by at, job", id);
    while (rows.next()) out.push_back(read_scan_report(rows));
    return out;
}

}  // namespace bailiff
