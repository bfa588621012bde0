// SPDX-License-Identifier: Apache-2.0
// The page on which customers answer: the hashes of its addresses, and the files that came with statements.
#include "controller/storage/sql_storage.hpp"

#include <bailiff/dsse.hpp>

namespace bailiff {

void SqlStorage::put_token(const CaseToken& t) {
    db_->run("insert into case_tokens (number, use, sha256, case_id, notice, made_at) values ($1, $2, $3, $4, $5, $6) on conflict (use, sha256) do nothing",
             next("case_token"), t.use, t.sha256, t.case_id, t.notice, t.made_at);
    db_->run(
        "delete from case_tokens where case_id = $1 and notice = $2 and use = $3 and number not in "
        "(select number from case_tokens where case_id = $1 and notice = $2 and use = $3 order by number desc limit $4)",
        t.case_id, t.notice, t.use, tokens_per_notice);
}

std::optional<CaseId> SqlStorage::case_of_token(TokenUse use, const std::string& token_sha256) {
    auto rows = db_->query("select case_id from case_tokens where use = $1 and sha256 = $2", use, token_sha256);
    if (!rows.next()) return std::nullopt;
    return rows.column<CaseId>(0);
}

void SqlStorage::put_attachment(const Attachment& a) {
    db_->run("insert into statement_files (case_id, number, name, sha256, size, at, content, by_whom) values ($1, $2, $3, $4, $5, $6, $7, $8)", a.case_id,
             a.number, a.name, a.sha256, a.size, a.at, base64(a.bytes), a.by);
}

std::vector<Attachment> SqlStorage::attachments_of(const CaseId& id) {
    std::vector<Attachment> out;
    auto rows = db_->query("select number, name, sha256, size, at, by_whom from statement_files where case_id = $1 order by number", id);
    while (rows.next())
        out.push_back({id, rows.take<int64_t>(), rows.take<std::string>(), rows.take<std::string>(), rows.take<int64_t>(), rows.take<Instant>(), {}, rows.take<std::string>()});
    return out;
}

std::optional<Attachment> SqlStorage::find_attachment(const CaseId& id, int64_t number) {
    auto rows = db_->query("select name, sha256, size, at, by_whom, content from statement_files where case_id = $1 and number = $2", id, number);
    if (!rows.next()) return std::nullopt;
    Attachment out{id, number, rows.take<std::string>(), rows.take<std::string>(), rows.take<int64_t>(), rows.take<Instant>(), {}, rows.take<std::string>()};
    auto bytes = unbase64(rows.take<std::string>());
    if (!bytes)
        throw StorageOutage("file " + std::to_string(number) + " of case " + id.text() + " cannot be read: " + bytes.error().text +
                            "; the database was changed by hand: restore a backup");
    out.bytes = std::move(*bytes);
    return out;
}

}  // namespace bailiff
