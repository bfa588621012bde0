// SPDX-License-Identifier: Apache-2.0
// How far other systems have been told.
#include "controller/storage/sql_storage.hpp"

namespace bailiff {

void SqlStorage::put_webhook(const WebhookState& s) {
    db_->run(
        "insert into webhooks (id, position, failures, next_try, last_answer) values ($1, $2, $3, $4, $5) on conflict (id) do update set "
        "position = excluded.position, failures = excluded.failures, next_try = excluded.next_try, last_answer = excluded.last_answer",
        s.id, s.position, s.failures, s.next_try, s.last_answer);
}

std::optional<WebhookState> SqlStorage::find_webhook(const std::string& id) {
    auto rows = db_->query("select id, position, failures, next_try, last_answer from webhooks where id = $1", id);
    if (!rows.next()) return std::nullopt;
    WebhookState out;
    out.id = rows.take<std::string>();
    out.position = rows.take<int64_t>();
    out.failures = rows.take<int64_t>();
    out.next_try = rows.take<Instant>();
    out.last_answer = rows.take<std::string>();
    return out;
}

}  // namespace bailiff
