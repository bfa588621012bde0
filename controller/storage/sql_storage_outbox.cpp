// SPDX-License-Identifier: Apache-2.0
// Mails on their way.
#include "controller/storage/sql_storage.hpp"

#include <map>
#include <set>

namespace bailiff {

namespace {
OutboxMail read_mail(SqlRows& rows) {
    OutboxMail m;
    m.id = rows.take<int64_t>();
    m.case_id = rows.take<CaseId>();
    m.due.key = rows.take<std::string>();
    m.due.notice = rows.take<core::Notice>();
    m.due.audience = rows.take<core::Audience>();
    m.message_id = rows.take<std::string>();
    m.state = rows.take<MailState>();
    m.attempts = rows.take<int64_t>();
    m.next_try = rows.take<Instant>();
    m.last_reply = rows.take<std::string>();
    return m;
}
}  // namespace

void SqlStorage::owe(const CaseId& case_id, const std::vector<core::NoticeDue>& dues, Instant now,
                     const std::function<std::string(const std::string& key)>& message_id) {
    SqlWhole whole(*db_);
    std::map<std::string, MailState> known;
    {
        auto rows = db_->query("select key, state from outbox where case_id = $1", case_id);
        while (rows.next()) {
            auto key = rows.take<std::string>();
            known.emplace(std::move(key), rows.take<MailState>());
        }
    }
    std::set<std::string> owed;
    for (const auto& due : dues) {
        owed.insert(due.key);
        if (known.contains(due.key)) continue;
        known.emplace(due.key, MailState::due);
        db_->run(
            "insert into outbox (id, case_id, key, notice, audience, message_id, state, attempts, next_try, last_reply) "
            "values ($1, $2, $3, $4, $5, $6, 'due', 0, $7, '') on conflict (case_id, key) do nothing",
            next("mail"), case_id, due.key, due.notice, due.audience, message_id(due.key), now);
    }
    for (const auto& [key, state] : known)
        if (state == MailState::due && !owed.contains(key))
            db_->run("update outbox set state = 'withdrawn' where case_id = $1 and key = $2 and state = 'due'", case_id, key);
    whole.commit();
}

std::vector<OutboxMail> SqlStorage::to_send(Instant now, size_t limit) {
    std::vector<OutboxMail> out;
    auto rows = db_->query(
        "select id, case_id, key, notice, audience, message_id, state, attempts, next_try, last_reply from outbox "
        "where state = 'due' and next_try <= $1 order by next_try, id limit $2",
        now, limit);
    while (rows.next()) out.push_back(read_mail(rows));
    return out;
}

std::vector<OutboxMail> SqlStorage::mails_of(const CaseId& case_id) {
    std::vector<OutboxMail> out;
    auto rows = db_->query(
        "select id, case_id, key, notice, audience, message_id, state, attempts, next_try, last_reply from outbox "
        "where case_id = $1 order by id",
        case_id);
    while (rows.next()) out.push_back(read_mail(rows));
    return out;
}

void SqlStorage::update(const OutboxMail& m) {
    // What is sent, failed or withdrawn stays so: a mailer's late "try again" must not bring a withdrawn mail back.
    db_->run(
        "update outbox set state = $1, attempts = $2, next_try = $3, last_reply = $4, message_id = $6 where id = $5 and (state = 'due' or $1 <> 'due')",
        m.state, m.attempts, m.next_try, m.last_reply, m.id, m.message_id);
}

}  // namespace bailiff
