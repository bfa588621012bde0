// SPDX-License-Identifier: Apache-2.0
// Reports as they came, with or without a case; policies as they once were in force.
#include "controller/storage/rows.hpp"
#include "controller/storage/sql_storage.hpp"

#include <bailiff/dsse.hpp>

#include <stdexcept>

namespace bailiff {

namespace {
/// What read_report() takes, in its order.
const std::string all_of_a_report =
    "select id, case_id, triage, type, reporter, observed_at, summary, address, vm_hint, raw_encoding, raw, received_at, fingerprint, delivery, port, "
    "wait, who, reporter_id, settled, ascertained from reports ";

StoredReport read_report(SqlRows& rows) {
    StoredReport r;
    r.id = rows.take<ReportId>();
    r.case_id = rows.take<CaseId>();
    r.triage = rows.take<std::string>();
    r.summary.id = r.id;
    r.summary.type = rows.take<std::string>();
    r.summary.reporter = rows.take<std::string>();
    r.summary.observed_at = rows.take<Instant>();
    r.summary.summary = rows.take<std::string>();
    r.address = rows.take<std::string>();
    r.vm_hint = rows.take<std::string>();
    const bool encoded = rows.take<std::string>() == "base64";
    r.raw = rows.take<std::string>();
    r.received_at = rows.take<Instant>();
    r.fingerprint = rows.take<std::string>();
    r.delivery = rows.take<DeliveryId>();
    r.port = rows.take<int64_t>();
    r.wait = rows.take<ReportWait>();
    r.who = rows.take<std::string>();
    r.reporter = rows.take<ReporterId>();
    r.settled = rows.take<std::string>();
    r.summary.ascertained = rows.take<int64_t>() != 0;
    if (encoded) {
        auto bytes = unbase64(r.raw);
        if (!bytes) unreadable("a report's body", bytes.error().text);
        r.raw = std::move(*bytes);
    }
    return r;
}
}  // namespace

std::vector<StoredReport> SqlStorage::waiting_reports(ReportWait wait, size_t limit) {
    std::vector<StoredReport> out;
    auto rows = db_->query(all_of_a_report + "where wait = $1 and wait <> '' order by number limit $2", wait, limit);
    while (rows.next()) out.push_back(read_report(rows));
    return out;
}

ReportId SqlStorage::next_report_id() { return ReportId(id_text('R', next("report"))); }

void SqlStorage::put_report(const StoredReport& r) {
    const auto number = number_of(r.id, 'R');
    if (!number) throw std::logic_error("'" + r.id.text() + "' is no report id; next_report_id() makes one");
    const bool clean = is_clean_text(r.raw);
    db_->run(
        "insert into reports (number, id, case_id, triage, type, reporter, observed_at, summary, address, vm_hint, raw_encoding, raw, "
        "received_at, fingerprint, delivery, port, wait, who, reporter_id, settled, address_key, ascertained) "
        "values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22) on conflict (number) do update set "
        "case_id = excluded.case_id, triage = excluded.triage, type = excluded.type, reporter = excluded.reporter, "
        "observed_at = excluded.observed_at, summary = excluded.summary, address = excluded.address, vm_hint = excluded.vm_hint, "
        "raw_encoding = excluded.raw_encoding, raw = excluded.raw, received_at = excluded.received_at, "
        "fingerprint = excluded.fingerprint, delivery = excluded.delivery, port = excluded.port, wait = excluded.wait, who = excluded.who, "
        "reporter_id = excluded.reporter_id, settled = excluded.settled, address_key = excluded.address_key, ascertained = excluded.ascertained",
        *number, r.id, r.case_id, r.triage, r.summary.type, r.summary.reporter, r.summary.observed_at, r.summary.summary, r.address, r.vm_hint,
        std::string(clean ? "text" : "base64"), clean ? r.raw : base64(r.raw), r.received_at, r.fingerprint, r.delivery, r.port, r.wait, r.who, r.reporter,
        r.settled, waiting_key(r), int64_t(r.summary.ascertained));
}

std::optional<StoredReport> SqlStorage::find_report(const ReportId& id) {
    auto rows = db_->query(all_of_a_report + "where id = $1", id);
    if (!rows.next()) return std::nullopt;
    return read_report(rows);
}

std::optional<StoredReport> SqlStorage::report_by_fingerprint(const std::string& fingerprint) {
    // The condition of the partial index stands here too, so that it is used.
    auto rows = db_->query(all_of_a_report + "where fingerprint = $1 and fingerprint <> '' order by number desc limit 1", fingerprint);
    if (!rows.next()) return std::nullopt;
    return read_report(rows);
}

std::vector<StoredReport> SqlStorage::reports(bool triage_only, const ReportId& before, size_t limit) {
    std::vector<StoredReport> out;
    const int64_t below = before.empty() ? std::numeric_limits<int64_t>::max() : number_of(before, 'R').value_or(0);
    auto rows = db_->query(all_of_a_report + (triage_only ? "where case_id = '' and settled = '' and " : "where ") + "number < $1 order by number desc limit $2",
                           below, limit);
    while (rows.next()) out.push_back(read_report(rows));
    return out;
}

std::vector<StoredReport> SqlStorage::reports_of(const DeliveryId& id, size_t limit) {
    std::vector<StoredReport> out;
    auto rows = db_->query(all_of_a_report + "where delivery = $1 and delivery <> '' order by number limit $2", id, limit);
    while (rows.next()) out.push_back(read_report(rows));
    return out;
}

void SqlStorage::keep_policy(const Kept& policy) {
    db_->run("insert into policies (id, revision, text) values ($1, $2, $3) on conflict (id, revision) do nothing", policy.id, policy.revision,
             policy.text);
}

std::vector<PolicyArchive::Kept> SqlStorage::kept_policies() {
    std::vector<Kept> out;
    auto rows = db_->query("select id, revision, text from policies order by id, revision");
    while (rows.next()) out.push_back(Kept{rows.take<PolicyId>(), rows.take<int64_t>(), rows.take<std::string>()});
    return out;
}

}  // namespace bailiff
