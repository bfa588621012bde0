// SPDX-License-Identifier: Apache-2.0
// Support tokens: entries that are only added.
#include "controller/storage/sql_storage.hpp"

namespace bailiff {
namespace {

LedgerEntry read_entry(SqlRows& rows) {
    LedgerEntry e;
    e.key = rows.take<std::string>();
    e.customer = rows.take<CustomerId>();
    e.number = rows.take<int64_t>();
    e.kind = rows.take<LedgerKind>();
    e.amount = rows.take<int64_t>();
    e.balance = rows.take<int64_t>();
    e.reason = rows.take<std::string>();
    e.actor = rows.take<std::string>();
    e.case_id = rows.take<CaseId>();
    e.at = rows.take<Instant>();
    return e;
}

}  // namespace

std::optional<LedgerEntry> SqlStorage::enter(LedgerEntry e) {
    // Another replica waits here until our transaction ends, and then sees our entry: numbers and balances have no gap.
    (void)next("ledger");
    if (find_entry(e.key)) return std::nullopt;
    const auto last = last_entry(e.customer);
    e.number = (last ? last->number : 0) + 1;
    e.balance = (last ? last->balance : 0) + e.amount;
    db_->run(
        "insert into ledger (key, customer, number, kind, amount, balance, reason, actor, case_id, at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        e.key, e.customer, e.number, e.kind, e.amount, e.balance, e.reason, e.actor, e.case_id, e.at);
    return e;
}

std::optional<LedgerEntry> SqlStorage::last_entry(const CustomerId& customer) {
    const auto newest = ledger_of(customer, 0, 1);
    return newest.empty() ? std::nullopt : std::optional(newest.front());
}

std::optional<LedgerEntry> SqlStorage::find_entry(const std::string& key) {
    auto rows = db_->query("select key, customer, number, kind, amount, balance, reason, actor, case_id, at from ledger where key = $1", key);
    if (!rows.next()) return std::nullopt;
    return read_entry(rows);
}

std::vector<LedgerEntry> SqlStorage::ledger_of(const CustomerId& customer, int64_t before, size_t limit) {
    std::vector<LedgerEntry> out;
    auto rows = db_->query(
        "select key, customer, number, kind, amount, balance, reason, actor, case_id, at from ledger where customer = $1 and ($2 = 0 or number < $2) "
        "order by number desc limit $3",
        customer, before, limit);
    while (rows.next()) out.push_back(read_entry(rows));
    return out;
}

}  // namespace bailiff
