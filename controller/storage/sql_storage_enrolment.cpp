// SPDX-License-Identifier: Apache-2.0
// Enrolment tokens, bans and certificates of hosts.
#include "controller/storage/sql_storage.hpp"

namespace bailiff {

void SqlStorage::put(const std::string& token_hash, const HostId& host, Instant expires) {
    db_->run(
        "insert into enrolments (token_hash, host, expires) values ($1, $2, $3) on conflict (token_hash) do update set "
        "host = excluded.host, expires = excluded.expires",
        token_hash, host, expires);
}

std::optional<PendingEnrolment> SqlStorage::take(const std::string& token_hash) {
    auto rows = db_->query("delete from enrolments where token_hash = $1 returning host, expires", token_hash);
    if (!rows.next()) return std::nullopt;
    return PendingEnrolment{rows.take<HostId>(), rows.take<Instant>()};
}

bool SqlStorage::banned(const HostId& host) {
    auto rows = db_->query("select banned from hosts where id = $1", host);
    return rows.next() && rows.column<bool>(0);
}

std::vector<HostId> SqlStorage::banned_hosts() {
    std::vector<HostId> out;
    auto rows = db_->query("select id from hosts where banned = 1 order by id");
    while (rows.next()) out.push_back(rows.take<HostId>());
    return out;
}

void SqlStorage::ban(const HostId& host) {
    // A name can be banned before a host of that name was ever seen.
    db_->run(
        "insert into hosts (id, banned, gate_up, seq, version, trouble, seen_at) values ($1, 1, 0, 0, '', '', 0) "
        "on conflict (id) do update set banned = 1",
        host);
}

void SqlStorage::unban(const HostId& host) { db_->run("update hosts set banned = 0 where id = $1", host); }

void SqlStorage::record_host_certificate(const HostId& host, const std::string& serial, Instant expires) {
    db_->run(
        "insert into host_certificates (host, serial, expires) values ($1, $2, $3) on conflict (host, serial) do update set "
        "expires = excluded.expires",
        host, serial, expires);
}

}  // namespace bailiff
