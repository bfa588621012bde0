// SPDX-License-Identifier: Apache-2.0
// Who may use the API, and the answers that repeated requests get again.
#include "controller/storage/sql_storage.hpp"

namespace bailiff {

namespace {
Account read_account(SqlRows& rows) {
    return Account{rows.take<std::string>(), rows.take<Role>(), rows.take<std::string>(), rows.take<bool>()};
}
}  // namespace

void SqlStorage::put_account(const Account& a) {
    db_->run(
        "insert into accounts (name, role, token_sha256, disabled) values ($1, $2, $3, $4) on conflict (name) do update set "
        "role = excluded.role, token_sha256 = excluded.token_sha256, disabled = excluded.disabled",
        a.name, a.role, a.token_sha256, a.disabled);
}

std::optional<Account> SqlStorage::account_by_token(const std::string& token_sha256) {
    // An account without a token has an empty hash; nobody may come in as that.
    if (token_sha256.empty()) return std::nullopt;
    auto rows = db_->query("select name, role, token_sha256, disabled from accounts where token_sha256 = $1 order by name limit 1", token_sha256);
    if (!rows.next()) return std::nullopt;
    return read_account(rows);
}

std::vector<Account> SqlStorage::accounts() {
    std::vector<Account> out;
    auto rows = db_->query("select name, role, token_sha256, disabled from accounts order by name");
    while (rows.next()) out.push_back(read_account(rows));
    return out;
}

std::optional<std::string> SqlStorage::recall(const std::string& account, const std::string& key) {
    auto rows = db_->query("select answer from answers where account = $1 and key = $2", account, key);
    if (!rows.next()) return std::nullopt;
    return rows.column<std::string>(0);
}

void SqlStorage::remember(const std::string& account, const std::string& key, const std::string& answer, Instant now) {
    // The first answer stands.
    db_->run("insert into answers (account, key, answer, at) values ($1, $2, $3, $4) on conflict (account, key) do nothing", account, key,
             answer, now);
}

}  // namespace bailiff
