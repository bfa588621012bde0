// SPDX-License-Identifier: Apache-2.0
// Cases, their history and the audit chain.
#include "controller/storage/chain.hpp"
#include "controller/storage/rows.hpp"
#include "controller/storage/sql_storage.hpp"

#include <cassert>

namespace bailiff {

CaseId SqlStorage::next_case_id() { return CaseId(id_text('C', next("case"))); }

Result<void> SqlStorage::save(int64_t before, const core::Case& after, const std::vector<core::HistoryItem>& items,
                              const Standing& standing) {
    assert(after.revision == before + int64_t(items.size()) && "a case's revision counts its items");
    if (db_->depth() == 0) return transaction([&] { return save(before, after, items, standing); });
    const auto number = number_of(after.id, 'C');
    if (!number) return fail(Errc::invalid, "'" + after.id.text() + "' is no case id; next_case_id() makes one");
    std::optional<Instant> at;
    std::optional<std::string> why;
    if (standing.deadline) {
        at = standing.deadline->at;
        why = text_of(*standing.deadline);
    }
    const std::string body = text_of(after);
    const auto closed_at = after.phase == core::Phase::closed ? std::optional(after.closed_at) : std::nullopt;
    int64_t written = 0;
    if (before == 0) {
        written = db_->run(
            "insert into cases (number, id, revision, phase, vm, customer, host, opened_at, deadline_at, deadline, call_since, call_back_at, body, "
            "closed_at, assignee) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) on conflict do nothing",
            *number, after.id, after.revision, after.phase, after.vm, after.customer, after.host, after.opened_at, at, why,
            standing.call_since, standing.call_back, body, closed_at, after.assignee);
    } else {
        // A column that is named is written to its indices even when it stays what it is, and most inputs change none of these.
        written = db_->run(
            "update cases set revision = $1, deadline_at = $2, deadline = $3, call_since = $4, call_back_at = $5, body = $6 "
            "where number = $7 and revision = $8 and phase = $9 and vm = $10 and customer = $11 and host = $12 and erased = $13 and assignee = $14",
            after.revision, at, why, standing.call_since, standing.call_back, body, *number, before, after.phase, after.vm, after.customer, after.host, after.erased, after.assignee);
        if (written == 0)
            written = db_->run(
                "update cases set revision = $1, phase = $2, vm = $3, customer = $4, host = $5, deadline_at = $6, deadline = $7, "
                "call_since = $8, call_back_at = $9, body = $10, closed_at = $11, erased = $12, assignee = $13 where number = $14 and revision = $15",
                after.revision, after.phase, after.vm, after.customer, after.host, at, why, standing.call_since, standing.call_back, body, closed_at,
                after.erased, after.assignee, *number, before);
    }
    if (written != 1)
        return fail(Errc::conflict, "case " + after.id.text() + " is no longer at revision " + std::to_string(before) +
                                        "; read it again and repeat what still makes sense");
    append(after.id, items);
    return {};
}

void SqlStorage::append(const CaseId& id, const std::vector<core::HistoryItem>& items) {
    if (items.empty()) return;
    int64_t position = 0;
    std::string head;
    {
        // Writing first locks the row on every database, so that two replicas cannot append to one head. (`returning` would
        // cost SQLite a table.)
        db_->run("update chain_head set position = position + $1 where id = 1", items.size());
        auto rows = db_->query("select position, hash from chain_head where id = 1");
        rows.next();
        position = rows.take<int64_t>() - int64_t(items.size());
        head = rows.take<std::string>();
    }
    for (const auto& item : items) {
        const std::string text = chained_text(id, item);
        head = chained_hash(head, text);
        db_->run("insert into history (position, case_id, revision, text, hash) values ($1, $2, $3, $4, $5)", ++position, id, item.revision,
                 text, head);
    }
    db_->run("update chain_head set hash = $1 where id = 1", head);
}

std::optional<core::Case> SqlStorage::find_case(const CaseId& id) {
    auto rows = db_->query("select body from cases where id = $1", id);
    if (!rows.next()) return std::nullopt;
    return case_from(rows.column<std::string>(0));
}

std::optional<core::Deadline> SqlStorage::deadline_of(const CaseId& id) {
    auto rows = db_->query("select deadline, deadline_at from cases where id = $1 and deadline_at is not null", id);
    if (!rows.next()) return std::nullopt;
    return deadline_from(rows.column<std::string>(0), rows.column<Instant>(1));
}

std::vector<core::Case> SqlStorage::calls(const CaseId& after, size_t limit) {
    std::vector<core::Case> out;
    std::optional<std::pair<Instant, int64_t>> last;
    {
        auto rows = db_->query("select call_since, number from cases where id = $1 and call_since is not null", after);
        if (rows.next()) last = {rows.column<Instant>(0), rows.column<int64_t>(1)};
    }
    const auto from = last.value_or(std::pair{Instant{}, int64_t{0}});
    auto rows = db_->query("select body from cases where call_since is not null and (call_since, number) > ($1, $2) order by call_since, number limit $3",
                           from.first, from.second, limit);
    while (rows.next()) out.push_back(case_from(rows.column<std::string>(0)));
    return out;
}

std::vector<CaseId> SqlStorage::open_cases_of(const VmId& vm) {
    std::vector<CaseId> out;
    auto rows = db_->query("select id from cases where vm = $1 and phase <> 'closed' order by number", vm);
    while (rows.next()) out.push_back(rows.take<CaseId>());
    return out;
}

std::vector<core::Case> SqlStorage::list_cases(const CaseFilter& filter) {
    // One text per set of conditions, each with its index; a single text with `$1 = '' or …` would read whole tables.
    std::string sql = "select body from cases where number < $1";
    std::vector<std::string> values;
    const auto with = [&](const char* column, std::string value) {
        values.push_back(std::move(value));
        sql += " and " + std::string(column) + " = $" + std::to_string(values.size() + 2);
    };
    if (filter.open_only) sql += " and phase <> 'closed'";
    if (filter.phase) with("phase", std::string(name(*filter.phase)));
    if (!filter.vm.empty()) with("vm", filter.vm.text());
    if (!filter.customer.empty()) with("customer", filter.customer.text());
    if (!filter.assignee.empty()) {
        with("assignee", filter.assignee);
        sql += " and assignee <> ''";   // the condition of the partial index, so that it is used
    }
    sql += " order by number desc limit $2";
    const int64_t before = filter.before.empty() ? std::numeric_limits<int64_t>::max() : number_of(filter.before, 'C').value_or(0);

    std::vector<core::Case> out;
    const auto read = [&](SqlRows rows) {
        while (rows.next()) out.push_back(case_from(rows.column<std::string>(0)));
    };
    switch (values.size()) {
        case 0: read(db_->query(sql, before, filter.limit)); break;
        case 1: read(db_->query(sql, before, filter.limit, values[0])); break;
        case 2: read(db_->query(sql, before, filter.limit, values[0], values[1])); break;
        case 3: read(db_->query(sql, before, filter.limit, values[0], values[1], values[2])); break;
        case 4: read(db_->query(sql, before, filter.limit, values[0], values[1], values[2], values[3])); break;
    }
    return out;
}

std::vector<core::HistoryItem> SqlStorage::history(const CaseId& id, int64_t after_revision, size_t limit) {
    std::vector<core::HistoryItem> out;
    auto rows = db_->query("select text from history where case_id = $1 and revision > $2 order by revision limit $3", id, after_revision, limit);
    while (rows.next()) out.push_back(item_from(rows.column<std::string>(0)));
    return out;
}

std::vector<DueCase> SqlStorage::due(Instant now, size_t limit) {
    std::vector<DueCase> out;
    auto rows = db_->query("select id, revision, deadline_at from cases where deadline_at <= $1 order by deadline_at, number limit $2", now, limit);
    while (rows.next()) out.push_back(DueCase{rows.take<CaseId>(), rows.take<int64_t>(), rows.take<Instant>()});
    return out;
}

std::optional<Instant> SqlStorage::next_deadline() {
    auto rows = db_->query("select min(deadline_at) from cases where deadline_at is not null");
    if (!rows.next()) return std::nullopt;
    return rows.column<std::optional<Instant>>(0);
}

int64_t SqlStorage::chain_position() {
    auto rows = db_->query("select position from chain_head where id = 1");
    return rows.next() ? rows.column<int64_t>(0) : 0;
}

std::vector<ChainedItem> SqlStorage::chain(int64_t after_position, size_t limit) {
    std::vector<ChainedItem> out;
    auto rows = db_->query("select position, case_id, revision, text, hash, erased from history where position > $1 order by position limit $2",
                           after_position, limit);
    while (rows.next())
        out.push_back(ChainedItem{rows.take<int64_t>(), rows.take<CaseId>(), rows.take<int64_t>(), rows.take<std::string>(),
                                  rows.take<std::string>(), rows.take<int64_t>()});
    return out;
}

void SqlStorage::put_checkpoint(const Checkpoint& c) {
    // The first one at a position stays: a second signature over the same head says nothing new.
    db_->run("insert into checkpoints (position, hash, at, envelope) values ($1, $2, $3, $4) on conflict (position) do nothing", c.position,
             c.hash, c.at, c.envelope);
}

std::vector<Checkpoint> SqlStorage::checkpoints() {
    std::vector<Checkpoint> out;
    auto rows = db_->query("select position, hash, at, envelope from checkpoints order by position");
    while (rows.next())
        out.push_back(Checkpoint{rows.take<int64_t>(), rows.take<std::string>(), rows.take<Instant>(), rows.take<std::string>()});
    return out;
}

// ---- the brake ---------------------------------------------------------------------------------------------------

void SqlStorage::note_sanction(const CaseId& id, Instant at) {
    db_->run("delete from sanctions where at < $1", at - Brake::remembered);
    db_->run("insert into sanctions (at, case_id) values ($1, $2) on conflict (at, case_id) do nothing", at, id);
}

int64_t SqlStorage::sanctions_after(Instant after) {
    auto rows = db_->query("select count(*) from sanctions where at > $1", after);
    rows.next();
    return rows.column<int64_t>(0);
}

}  // namespace bailiff
