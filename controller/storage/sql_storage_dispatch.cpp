// SPDX-License-Identifier: Apache-2.0
// Orders, jobs, and what makes each of them happen once.
#include "controller/storage/rows.hpp"
#include "controller/storage/sql_storage.hpp"

namespace bailiff {

namespace {
StoredOrder read_order(SqlRows& rows) {
    StoredOrder out;
    out.demand = rows.take<int64_t>();
    out.state = rows.take<DispatchState>();
    out.order = order_from(rows.take<std::string>());
    out.envelope = rows.take<std::string>();
    if (const auto answer = rows.take<std::optional<std::string>>()) out.answer = order_answer_from(*answer);
    return out;
}
StoredJob read_job(SqlRows& rows) {
    StoredJob out;
    out.key = rows.take<std::string>();
    out.state = rows.take<DispatchState>();
    out.job = job_from(rows.take<std::string>());
    out.envelope = rows.take<std::string>();
    if (const auto answer = rows.take<std::optional<std::string>>()) out.answer = job_answer_from(*answer);
    return out;
}
std::vector<StoredOrder> all_orders(SqlRows rows) {
    std::vector<StoredOrder> out;
    while (rows.next()) out.push_back(read_order(rows));
    return out;
}
std::vector<StoredJob> all_jobs(SqlRows rows) {
    std::vector<StoredJob> out;
    while (rows.next()) out.push_back(read_job(rows));
    return out;
}
template <class Answer>
std::optional<std::string> text_of_answer(const std::optional<Answer>& answer) {
    if (!answer) return std::nullopt;
    return text_of(*answer);
}
}  // namespace

int64_t SqlStorage::next_seq(const HostId& host) {
    auto rows = db_->query(
        "insert into hosts (id, banned, gate_up, seq, version, trouble, seen_at) values ($1, 0, 0, 1, '', '', 0) "
        "on conflict (id) do update set seq = hosts.seq + 1 returning seq",
        host);
    rows.next();
    return rows.column<int64_t>(0);
}

int64_t SqlStorage::next_generation(const VmId& vm) {
    // Never below the epoch: what the hosts saw before a backup was restored lies below it.
    auto rows = db_->query(
        "insert into sequences (name, value) values ($1, $2) on conflict (name) do update set "
        "value = case when sequences.value + 1 > $2 then sequences.value + 1 else $2 end returning value",
        "generation/" + vm.text(), epoch());
    rows.next();
    return rows.column<int64_t>(0);
}

void SqlStorage::put_order(const StoredOrder& o) {
    db_->run(
        "insert into orders (id, case_id, host, seq, demand, issued_at, state, body, envelope, answer) "
        "values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict (id) do update set case_id = excluded.case_id, host = excluded.host, "
        "seq = excluded.seq, demand = excluded.demand, issued_at = excluded.issued_at, state = excluded.state, body = excluded.body, "
        "envelope = excluded.envelope, answer = excluded.answer",
        o.order.order_id, o.order.case_id, o.order.host, o.order.seq, o.demand, o.order.issued_at, o.state, text_of(o.order), o.envelope,
        text_of_answer(o.answer));
}

void SqlStorage::put_job(const StoredJob& j) {
    db_->run(
        "insert into jobs (id, case_id, host, seq, key, issued_at, state, body, envelope, answer) "
        "values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict (id) do update set case_id = excluded.case_id, host = excluded.host, "
        "seq = excluded.seq, key = excluded.key, issued_at = excluded.issued_at, state = excluded.state, body = excluded.body, "
        "envelope = excluded.envelope, answer = excluded.answer",
        j.job.job_id, j.job.case_id, j.job.host, j.job.seq, j.key, j.job.issued_at, j.state, text_of(j.job), j.envelope,
        text_of_answer(j.answer));
}

std::optional<StoredOrder> SqlStorage::find_order(const OrderId& id) {
    auto rows = db_->query("select demand, state, body, envelope, answer from orders where id = $1", id);
    if (!rows.next()) return std::nullopt;
    return read_order(rows);
}

std::optional<StoredJob> SqlStorage::find_job(const JobId& id) {
    auto rows = db_->query("select key, state, body, envelope, answer from jobs where id = $1", id);
    if (!rows.next()) return std::nullopt;
    return read_job(rows);
}

std::vector<StoredOrder> SqlStorage::orders_of(const CaseId& id) {
    return all_orders(db_->query(
        "select demand, state, body, envelope, answer from orders where case_id = $1 order by demand, issued_at, seq, id", id));
}

std::vector<StoredJob> SqlStorage::jobs_of(const CaseId& id) {
    return all_jobs(db_->query("select key, state, body, envelope, answer from jobs where case_id = $1 order by issued_at, seq, id", id));
}

std::vector<StoredOrder> SqlStorage::open_orders(const HostId& host) {
    if (host.empty())
        return all_orders(db_->query(
            "select demand, state, body, envelope, answer from orders where state in ('issued', 'accepted') order by host, seq, id"));
    return all_orders(db_->query(
        "select demand, state, body, envelope, answer from orders where host = $1 and state in ('issued', 'accepted') order by seq, id", host));
}

std::vector<StoredJob> SqlStorage::open_jobs(const HostId& host) {
    if (host.empty())
        return all_jobs(
            db_->query("select key, state, body, envelope, answer from jobs where state in ('issued', 'accepted') order by host, seq, id"));
    return all_jobs(db_->query(
        "select key, state, body, envelope, answer from jobs where host = $1 and state in ('issued', 'accepted') order by seq, id", host));
}

bool SqlStorage::first_time(const HostId& host, const MessageId& id, Instant now) {
    return db_->run("insert into handled_frames (host, id, at) values ($1, $2, $3) on conflict (host, id) do nothing", host, id, now) == 1;
}

}  // namespace bailiff
