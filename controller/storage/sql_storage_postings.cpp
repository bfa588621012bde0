// SPDX-License-Identifier: Apache-2.0
// What recipients have had from us, and further reports that wait to be told of.
#include "controller/storage/sql_storage.hpp"

namespace bailiff {

void SqlStorage::put_posting(const Posting& p, Instant keep_since) {
    db_->run("delete from postings where recipient = $1 and at < $2", p.recipient, keep_since);
    db_->run("insert into postings (number, recipient, at, reports) values ($1, $2, $3, $4)", next("posting"), p.recipient, p.at, p.reports);
}

std::vector<Posting> SqlStorage::postings_to(const std::string& recipient, Instant since) {
    std::vector<Posting> out;
    auto rows = db_->query("select at, reports from postings where recipient = $1 and at >= $2 order by at, number", recipient, since);
    while (rows.next()) out.push_back({recipient, rows.take<Instant>(), rows.take<bool>()});
    return out;
}

void SqlStorage::put_waiting(const WaitingReport& w) {
    db_->run(
        "insert into waiting_reports (mail, case_id, recipient) values ($1, $2, $3) on conflict (mail) do update set recipient = excluded.recipient",
        w.mail, w.case_id, w.recipient);
}

void SqlStorage::drop_waiting(int64_t mail) { db_->run("delete from waiting_reports where mail = $1", mail); }

std::vector<WaitingReport> SqlStorage::waiting_for(const std::string& recipient, size_t limit) {
    std::vector<WaitingReport> out;
    auto rows = db_->query("select mail, case_id from waiting_reports where recipient = $1 order by mail limit $2", recipient, limit);
    while (rows.next()) out.push_back({rows.take<int64_t>(), rows.take<CaseId>(), recipient});
    return out;
}

void SqlStorage::put_told_together(const CaseId& lead, const CaseId& other) {
    db_->run("insert into told_together (lead_case, other_case) values ($1, $2) on conflict (lead_case, other_case) do nothing", lead, other);
}

std::vector<CaseId> SqlStorage::told_with(const CaseId& lead) {
    std::vector<CaseId> out;
    auto rows = db_->query("select other_case from told_together where lead_case = $1 order by other_case", lead);
    while (rows.next()) out.push_back(rows.take<CaseId>());
    return out;
}

}  // namespace bailiff
