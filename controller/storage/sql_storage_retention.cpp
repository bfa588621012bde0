// SPDX-License-Identifier: Apache-2.0
// What is over its time, and how it goes.
#include "controller/storage/chain.hpp"
#include "controller/storage/sql_storage.hpp"

#include <bailiff/dsse.hpp>

#include <stdexcept>

namespace bailiff {

namespace {

// The conditions of the partial indices stand in each text, so that they are used. What an open case needs is never over its time.
constexpr std::string_view old_deliveries =
    "select d.number, d.received_at from deliveries d where d.raw <> '' and d.received_at < $1 and d.state <> 'filing' and not exists "
    "(select 1 from reports r join cases c on c.id = r.case_id where r.delivery = d.id and r.delivery <> '' and c.phase <> 'closed') "
    "order by d.received_at, d.number limit $2";
constexpr std::string_view old_reports =
    "select r.number, r.received_at from reports r where r.raw <> '' and r.received_at < $1 and not exists "
    "(select 1 from cases c where c.id = r.case_id and c.phase <> 'closed') order by r.received_at, r.number limit $2";
constexpr std::string_view old_files =
    "select f.case_id, f.number, f.at from statement_files f join cases c on c.id = f.case_id where f.content <> '' and f.at < $1 and c.closed_at < $1 "
    "order by f.at limit $2";

}  // namespace

Overdue SqlStorage::overdue(KeptClass kept, Instant before, size_t limit) {
    Overdue out;
    const auto count = [&](std::string_view sql, int column) {
        auto rows = db_->query(sql, before, limit);
        while (rows.next()) {
            const auto at = rows.column<Instant>(column);
            if (out.count++ == 0 || at < out.oldest) out.oldest = at;
        }
    };
    switch (kept) {
        case KeptClass::raw: count(old_deliveries, 1), count(old_reports, 1); break;
        case KeptClass::files: count(old_files, 2); break;
        case KeptClass::cases:
            count("select number, closed_at from cases where closed_at is not null and erased = 0 and closed_at < $1 order by closed_at, number limit $2", 1);
            break;
        case KeptClass::audit:
            count("select number, closed_at from cases where closed_at is not null and erased = 1 and closed_at < $1 order by closed_at, number limit $2", 1);
            break;
    }
    return out;
}

int64_t SqlStorage::forget(KeptClass kept, Instant before, size_t limit) {
    const auto numbers = [&](std::string_view sql) {
        std::vector<int64_t> out;
        auto rows = db_->query(sql, before, limit);
        while (rows.next()) out.push_back(rows.column<int64_t>(0));
        return out;
    };
    int64_t gone = 0;
    switch (kept) {
        case KeptClass::raw:
            for (const int64_t number : numbers(old_deliveries)) gone += db_->run("update deliveries set raw = '', raw_encoding = 'text' where number = $1", number);
            for (const int64_t number : numbers(old_reports)) gone += db_->run("update reports set raw = '', raw_encoding = 'text' where number = $1", number);
            break;
        case KeptClass::files: {
            std::vector<std::pair<CaseId, int64_t>> files;
            {
                auto rows = db_->query(old_files, before, limit);
                while (rows.next()) {
                    const auto id = rows.take<CaseId>();
                    files.emplace_back(id, rows.take<int64_t>());
                }
            }
            for (const auto& [id, number] : files) gone += db_->run("update statement_files set content = '' where case_id = $1 and number = $2", id, number);
            break;
        }
        case KeptClass::cases:
        case KeptClass::audit: throw std::logic_error("cases go one by one");
    }
    return gone;
}

std::vector<CaseId> SqlStorage::cases_to_erase(Instant before, size_t limit) {
    std::vector<CaseId> out;
    auto rows = db_->query("select id from cases where closed_at is not null and erased = 0 and closed_at < $1 order by closed_at, number limit $2", before, limit);
    while (rows.next()) out.push_back(rows.take<CaseId>());
    return out;
}

std::vector<CaseId> SqlStorage::cases_to_erase(const CustomerId& customer, size_t limit) {
    std::vector<CaseId> out;
    auto rows = db_->query("select id from cases where customer = $1 and phase = 'closed' and erased = 0 order by number limit $2", customer, limit);
    while (rows.next()) out.push_back(rows.take<CaseId>());
    return out;
}

bool SqlStorage::has_vms(const CustomerId& customer) {
    auto rows = db_->query("select 1 from vms where customer = $1 and gone = 0 limit 1", customer);
    return rows.next();
}

std::vector<core::ErasedLink> SqlStorage::links_of(const CaseId& id, const std::vector<core::HistoryItem>& left) {
    std::vector<core::ErasedLink> out;
    for (const auto& item : left) {
        auto rows = db_->query(
            "select h.position, h.hash, coalesce(b.hash, '') from history h left join history b on b.position = h.position - 1 where h.case_id = $1 and h.revision = $2",
            id, item.revision);
        if (!rows.next()) throw std::logic_error("case " + id.text() + " has no item " + std::to_string(item.revision));
        core::ErasedLink link;
        link.position = rows.take<int64_t>();
        link.revision = item.revision;
        link.hash = rows.take<std::string>();
        link.before = rows.take<std::string>();
        link.left_sha256 = sha256_hex(chained_text(id, item));
        out.push_back(std::move(link));
    }
    return out;
}

void SqlStorage::erase_texts(const CaseId& id, const std::vector<core::HistoryItem>& left, int64_t by) {
    SqlWhole whole(*db_);
    for (const auto& item : left)
        db_->run("update history set text = $1, erased = $2 where case_id = $3 and revision = $4", chained_text(id, item), by, id, item.revision);
    whole.commit();
}

void SqlStorage::erase_beside(const CaseId& id, const std::vector<ReportId>& reports) {
    SqlWhole whole(*db_);
    for (const char* table : {"outbox", "orders", "jobs", "scan_reports", "case_tokens", "statement_files", "reporters_in_cases", "waiting_reports", "dials"})
        db_->run("delete from " + std::string(table) + " where case_id = $1", id);
    db_->run("delete from told_together where lead_case = $1 or other_case = $1", id);
    db_->run("update ledger set reason = $1 where case_id = $2", std::string(core::erased_word), id);
    for (const ReportId& report : reports) {
        std::string delivery;
        {
            auto rows = db_->query("select delivery from reports where id = $1 and case_id = $2", report, id);
            if (!rows.next()) continue;
            delivery = rows.column<std::string>(0);
        }
        db_->run("update reports set reporter = '', summary = '', address = '', vm_hint = '', raw_encoding = 'text', raw = '', fingerprint = '', who = '', "
                 "reporter_id = '', settled = '' where id = $1",
                 report);
        if (delivery.empty()) continue;
        const int64_t erased = db_->run(
            "update deliveries set sender = '', recipient = '', subject = '', reporter = '', triage = '', notes = '', raw_encoding = 'text', raw = '' "
            "where id = $1 and not exists (select 1 from reports r left join cases c on c.id = r.case_id where r.delivery = $1 and r.delivery <> '' and "
            "(r.case_id = '' or c.erased = 0))",
            delivery);
        if (erased == 0) continue;
        db_->run("delete from delivery_reporters where delivery = $1", delivery);
        db_->run("delete from reporter_mails where delivery = $1", delivery);
    }
    whole.commit();
}

void SqlStorage::erase_beside(const CustomerId& id) {
    SqlWhole whole(*db_);
    db_->run("delete from contacts where customer = $1", id);
    db_->run("delete from contact_changes where customer = $1", id);
    db_->run("update ledger set reason = $1 where customer = $2", std::string(core::erased_word), id);
    whole.commit();
}

std::vector<CaseId> SqlStorage::courses_to_forget(Instant before, size_t limit) {
    std::vector<CaseId> out;
    auto rows = db_->query("select id from cases where closed_at is not null and erased = 1 and closed_at < $1 order by closed_at, number limit $2", before, limit);
    while (rows.next()) out.push_back(rows.take<CaseId>());
    return out;
}

void SqlStorage::forget_course(const CaseId& id) {
    SqlWhole whole(*db_);
    std::vector<std::pair<int64_t, std::string>> left;
    {
        auto rows = db_->query("select revision, text from history where case_id = $1 and erased > 0 order by revision", id);
        while (rows.next()) {
            const auto revision = rows.take<int64_t>();
            left.emplace_back(revision, sha256_hex(rows.take<std::string>()));
        }
    }
    for (const auto& [revision, digest] : left)
        db_->run("update history set text = $1 where case_id = $2 and revision = $3", link_text(id, revision, digest), id, revision);
    db_->run("delete from reports where case_id = $1", id);
    db_->run("delete from cases where id = $1", id);
    whole.commit();
}

}  // namespace bailiff
