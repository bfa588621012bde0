// SPDX-License-Identifier: Apache-2.0
// Who reports, how often they were right, and the mails that they get.
#include "controller/storage/sql_storage.hpp"

#include <algorithm>

namespace bailiff {

namespace {
/// What read_reporter() takes, in its order.
const std::string all_of_a_reporter =
    "select id, first_at, last_at, standing, reason, judged_by, standing_at, hour, in_hour, day, told_in_day from reporters ";

Reporter read_reporter(SqlRows& rows) {
    Reporter out;
    out.id = rows.take<ReporterId>();
    out.first_at = rows.take<Instant>();
    out.last_at = rows.take<Instant>();
    out.standing = rows.take<ReporterStanding>();
    out.reason = rows.take<std::string>();
    out.by = rows.take<std::string>();
    out.standing_at = rows.take<Instant>();
    out.hour = rows.take<int64_t>();
    out.in_hour = rows.take<int64_t>();
    out.day = rows.take<int64_t>();
    out.told_in_day = rows.take<int64_t>();
    return out;
}
ReporterMail read_reporter_mail(SqlRows& rows) {
    ReporterMail out;
    out.delivery = rows.take<DeliveryId>();
    out.notice = rows.take<ReporterNotice>();
    out.reporter = rows.take<ReporterId>();
    out.to = rows.take<std::string>();
    out.message_id = rows.take<std::string>();
    out.state = rows.take<MailState>();
    out.attempts = rows.take<int64_t>();
    out.next_try = rows.take<Instant>();
    out.last_reply = rows.take<std::string>();
    return out;
}
}  // namespace

void SqlStorage::put_reporter(const Reporter& r) {
    db_->run(
        "insert into reporters (id, first_at, last_at, standing, reason, judged_by, standing_at, hour, in_hour, day, told_in_day) "
        "values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) on conflict (id) do update set last_at = excluded.last_at, standing = excluded.standing, "
        "reason = excluded.reason, judged_by = excluded.judged_by, standing_at = excluded.standing_at, hour = excluded.hour, in_hour = excluded.in_hour, "
        "day = excluded.day, told_in_day = excluded.told_in_day",
        r.id, r.first_at, r.last_at, r.standing, r.reason, r.by, r.standing_at, r.hour, r.in_hour, r.day, r.told_in_day);
}

std::optional<Reporter> SqlStorage::find_reporter(const ReporterId& id) {
    auto rows = db_->query(all_of_a_reporter + "where id = $1", id);
    if (!rows.next()) return std::nullopt;
    return read_reporter(rows);
}

std::vector<Reporter> SqlStorage::reporters(const ReporterId& after, size_t limit) {
    std::vector<Reporter> out;
    auto rows = db_->query(all_of_a_reporter + "where id > $1 order by id limit $2", after, limit);
    while (rows.next()) out.push_back(read_reporter(rows));
    return out;
}

void SqlStorage::put_delivery_reporter(const DeliveryReporter& entry) {
    db_->run(
        "insert into delivery_reporters (delivery, reporter, tell) values ($1, $2, $3) on conflict (delivery) do update set "
        "reporter = excluded.reporter, tell = excluded.tell",
        entry.delivery, entry.reporter, entry.tell);
}

std::optional<DeliveryReporter> SqlStorage::delivery_reporter(const DeliveryId& id) {
    auto rows = db_->query("select delivery, reporter, tell from delivery_reporters where delivery = $1", id);
    if (!rows.next()) return std::nullopt;
    return DeliveryReporter{rows.take<DeliveryId>(), rows.take<ReporterId>(), rows.take<std::string>()};
}

void SqlStorage::count_reporter(const ReporterId& id, int64_t day, const ReporterCounts& more) {
    db_->run(
        "insert into reporter_days (reporter, day, reports, opened, duplicates, right_, wrong, not_ours, unparseable) "
        "values ($1, $2, $3, $4, $5, $6, $7, $8, $9) "
        "on conflict (reporter, day) do update set reports = reporter_days.reports + excluded.reports, opened = reporter_days.opened + excluded.opened, "
        "duplicates = reporter_days.duplicates + excluded.duplicates, right_ = reporter_days.right_ + excluded.right_, "
        "wrong = reporter_days.wrong + excluded.wrong, not_ours = reporter_days.not_ours + excluded.not_ours, "
        "unparseable = reporter_days.unparseable + excluded.unparseable",
        id, day, more.reports, more.opened, more.duplicates, more.right, more.wrong, more.not_ours, more.unparseable);
}

ReporterCounts SqlStorage::reporter_counts(const ReporterId& id, int64_t day) {
    ReporterCounts sum;
    auto rows = db_->query(
        "select reports, opened, duplicates, right_, wrong, not_ours, unparseable from reporter_days where reporter = $1 and day >= $2", id,
        day);
    while (rows.next())
        sum = sum + ReporterCounts{rows.take<int64_t>(), rows.take<int64_t>(), rows.take<int64_t>(), rows.take<int64_t>(),
                                   rows.take<int64_t>(), rows.take<int64_t>(), rows.take<int64_t>()};
    return sum;
}

void SqlStorage::note_reporter_in_case(const InCase& entry) {
    db_->run("insert into reporters_in_cases (case_id, reporter, delivery) values ($1, $2, $3) on conflict (case_id, reporter, delivery) do nothing",
             entry.case_id, entry.reporter, entry.delivery);
}

std::vector<Reporters::InCase> SqlStorage::reporters_in_case(const CaseId& id, size_t limit) {
    std::vector<InCase> out;
    auto rows = db_->query("select case_id, reporter, delivery from reporters_in_cases where case_id = $1 order by reporter, delivery limit $2", id, limit);
    while (rows.next()) out.push_back(InCase{rows.take<CaseId>(), rows.take<ReporterId>(), rows.take<DeliveryId>()});
    return out;
}

bool SqlStorage::owe_reporter_mail(const ReporterMail& m) {
    return db_->run(
               "insert into reporter_mails (delivery, notice, reporter, recipient, message_id, state, attempts, next_try, last_reply) "
               "values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (delivery, notice) do nothing",
               m.delivery, m.notice, m.reporter, m.to, m.message_id, m.state, m.attempts, m.next_try, m.last_reply) > 0;
}

void SqlStorage::update_reporter_mail(const ReporterMail& m) {
    db_->run("update reporter_mails set state = $3, attempts = $4, next_try = $5, last_reply = $6 where delivery = $1 and notice = $2", m.delivery, m.notice,
             m.state, m.attempts, m.next_try, m.last_reply);
}

std::vector<ReporterMail> SqlStorage::reporter_mails_to_send(Instant now, size_t limit) {
    std::vector<ReporterMail> out;
    auto rows = db_->query(
        "select delivery, notice, reporter, recipient, message_id, state, attempts, next_try, last_reply from reporter_mails "
        "where state = 'due' and next_try <= $1 order by next_try, delivery limit $2",
        now, limit);
    while (rows.next()) out.push_back(read_reporter_mail(rows));
    return out;
}

std::vector<ReporterMail> SqlStorage::reporter_mails_of(const DeliveryId& id) {
    std::vector<ReporterMail> out;
    auto rows = db_->query(
        "select delivery, notice, reporter, recipient, message_id, state, attempts, next_try, last_reply from reporter_mails where delivery = $1", id);
    while (rows.next()) out.push_back(read_reporter_mail(rows));
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.notice < b.notice; });
    return out;
}

}  // namespace bailiff
