// SPDX-License-Identifier: Apache-2.0
// Contacts, wishes to change them, promises to phone, and what a dialler was told.
#include "controller/storage/rows.hpp"
#include "controller/storage/sql_storage.hpp"

#include <limits>

namespace bailiff {

namespace {

constexpr const char* change_columns =
    "select id, state, customer, sender, subject, words, proven, delivery, at, decided_by, reason, decided_at, applied from contact_changes ";
constexpr const char* dial_columns = "select id, case_id, what, state, attempts, next_try, last_answer from dials ";

ContactChange read_change(SqlRows& rows) {
    ContactChange c;
    c.id = rows.take<std::string>();
    c.state = rows.take<ChangeState>();
    c.customer = rows.take<CustomerId>();
    c.from = rows.take<std::string>();
    c.subject = rows.take<std::string>();
    c.text = rows.take<std::string>();
    c.proven = rows.take<bool>();
    c.delivery = rows.take<DeliveryId>();
    c.at = rows.take<Instant>();
    c.decided_by = rows.take<std::string>();
    c.reason = rows.take<std::string>();
    c.decided_at = rows.take<Instant>();
    c.applied = rows.take<std::string>();
    return c;
}

Dial read_dial(SqlRows& rows) {
    Dial d;
    d.id = rows.take<std::string>();
    d.case_id = rows.take<CaseId>();
    d.what = rows.take<std::string>();
    d.state = rows.take<DialState>();
    d.attempts = rows.take<int64_t>();
    d.next_try = rows.take<Instant>();
    d.last_answer = rows.take<std::string>();
    return d;
}

}  // namespace

// ---- contacts -------------------------------------------------------------------------------------------------------

int64_t SqlStorage::next_contact_number() { return next("contact"); }

void SqlStorage::put_contact(const CustomerContact& c) {
    db_->run(
        "insert into contacts (customer, number, role, name, email, phone, language, zone, preference, mail, phone_state, mail_note, changed_by, changed_at) "
        "values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) on conflict (customer, number) do update set role = excluded.role, "
        "name = excluded.name, email = excluded.email, phone = excluded.phone, language = excluded.language, zone = excluded.zone, "
        "preference = excluded.preference, mail = excluded.mail, phone_state = excluded.phone_state, mail_note = excluded.mail_note, "
        "changed_by = excluded.changed_by, changed_at = excluded.changed_at",
        c.customer, c.number, c.role, c.contact.name, c.contact.email, c.contact.phone, c.contact.language, c.contact.zone, c.preference, c.mail, c.phone,
        c.mail_note, c.changed_by, c.changed_at);
}

void SqlStorage::remove_contact(const CustomerId& customer, int64_t number) {
    db_->run("delete from contacts where customer = $1 and number = $2", customer, number);
}

std::vector<CustomerContact> SqlStorage::contacts_of(const CustomerId& customer) {
    std::vector<CustomerContact> out;
    auto rows = db_->query(
        "select number, role, name, email, phone, language, zone, preference, mail, phone_state, mail_note, changed_by, changed_at from contacts "
        "where customer = $1 order by number",
        customer);
    while (rows.next()) {
        CustomerContact& c = out.emplace_back();
        c.customer = customer;
        c.number = rows.take<int64_t>();
        c.role = rows.take<ContactRole>();
        c.contact.name = rows.take<std::string>();
        c.contact.email = rows.take<std::string>();
        c.contact.phone = rows.take<std::string>();
        c.contact.language = rows.take<std::string>();
        c.contact.zone = rows.take<std::string>();
        c.preference = rows.take<int64_t>();
        c.mail = rows.take<MailStanding>();
        c.phone = rows.take<PhoneStanding>();
        c.mail_note = rows.take<std::string>();
        c.changed_by = rows.take<std::string>();
        c.changed_at = rows.take<Instant>();
    }
    return out;
}

std::vector<CustomerId> SqlStorage::customers_by_mail(const std::string& address, size_t limit) {
    std::vector<CustomerId> out;
    // What the row of an authorised contact says was his address once: who he is now stands with the customer.
    auto rows = db_->query(
        "select id from customers where lower(email) = $1 union select customer from contacts where lower(email) = $1 and number > 0 order by 1 limit $2",
        lower_address(address), limit);
    while (rows.next()) out.push_back(rows.take<CustomerId>());
    return out;
}

// ---- wishes to change them ------------------------------------------------------------------------------------------

std::string SqlStorage::next_change_id() { return id_text('K', next("contact_change")); }

void SqlStorage::put_change(const ContactChange& c) {
    db_->run(
        "insert into contact_changes (number, id, state, customer, sender, subject, words, proven, delivery, at, decided_by, reason, decided_at, applied) "
        "values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) on conflict (number) do update set state = excluded.state, "
        "customer = excluded.customer, decided_by = excluded.decided_by, reason = excluded.reason, decided_at = excluded.decided_at, applied = excluded.applied",
        number_of(c.id, 'K').value_or(0), c.id, c.state, c.customer, c.from, c.subject, c.text, c.proven, c.delivery, c.at, c.decided_by, c.reason,
        c.decided_at, c.applied);
}

std::optional<ContactChange> SqlStorage::find_change(const std::string& id) {
    auto rows = db_->query(std::string(change_columns) + "where id = $1", id);
    if (!rows.next()) return std::nullopt;
    return read_change(rows);
}

std::optional<ContactChange> SqlStorage::change_of(const DeliveryId& delivery) {
    auto rows = db_->query(std::string(change_columns) + "where delivery = $1", delivery);
    if (!rows.next()) return std::nullopt;
    return read_change(rows);
}

std::vector<ContactChange> SqlStorage::changes(std::optional<ChangeState> state, const std::string& before, size_t limit) {
    const int64_t below = before.empty() ? std::numeric_limits<int64_t>::max() : number_of(before, 'K').value_or(0);
    std::vector<ContactChange> out;
    const auto read = [&](SqlRows rows) {
        while (rows.next()) out.push_back(read_change(rows));
    };
    if (state) read(db_->query(std::string(change_columns) + "where state = $1 and number < $2 order by number desc limit $3", *state, below, limit));
    else read(db_->query(std::string(change_columns) + "where number < $1 order by number desc limit $2", below, limit));
    return out;
}

int64_t SqlStorage::waiting_changes(const std::string& from) {
    auto rows = from.empty() ? db_->query("select count(*) from contact_changes where state = 'waiting'")
                             : db_->query("select count(*) from contact_changes where state = 'waiting' and sender = $1", from);
    return rows.next() ? rows.column<int64_t>(0) : 0;
}

// ---- promises to phone ----------------------------------------------------------------------------------------------

std::vector<CaseId> SqlStorage::call_backs(Instant now, size_t limit) {
    std::vector<CaseId> out;
    auto rows = db_->query("select id from cases where call_back_at <= $1 order by call_back_at, number limit $2", now, limit);
    while (rows.next()) out.push_back(rows.take<CaseId>());
    return out;
}

std::optional<Instant> SqlStorage::next_call_back() {
    auto rows = db_->query("select min(call_back_at) from cases where call_back_at is not null");
    if (!rows.next()) return std::nullopt;
    return rows.column<std::optional<Instant>>(0);
}

// ---- what a dialler was told ----------------------------------------------------------------------------------------

std::string SqlStorage::next_dial_id() { return id_text('D', next("dial")); }

void SqlStorage::put_dial(const Dial& d) {
    db_->run(
        "insert into dials (number, id, case_id, what, state, attempts, next_try, last_answer) values ($1, $2, $3, $4, $5, $6, $7, $8) "
        "on conflict (number) do update set state = excluded.state, attempts = excluded.attempts, next_try = excluded.next_try, "
        "last_answer = excluded.last_answer",
        number_of(d.id, 'D').value_or(0), d.id, d.case_id, d.what, d.state, d.attempts, d.next_try, d.last_answer);
}

std::optional<Dial> SqlStorage::find_dial(const std::string& id) {
    auto rows = db_->query(std::string(dial_columns) + "where id = $1", id);
    if (!rows.next()) return std::nullopt;
    return read_dial(rows);
}

std::optional<Dial> SqlStorage::open_dial_of(const CaseId& id) {
    auto rows = db_->query(std::string(dial_columns) + "where case_id = $1 and (state = 'to_tell' or state = 'told') order by number desc limit 1", id);
    if (!rows.next()) return std::nullopt;
    return read_dial(rows);
}

std::vector<Dial> SqlStorage::dials_to_send(Instant now, size_t limit) {
    std::vector<Dial> out;
    auto rows = db_->query(
        std::string(dial_columns) + "where (state = 'to_tell' or state = 'to_cancel') and next_try <= $1 order by next_try, number limit $2", now, limit);
    while (rows.next()) out.push_back(read_dial(rows));
    return out;
}

}  // namespace bailiff
