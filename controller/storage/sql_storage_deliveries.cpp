// SPDX-License-Identifier: Apache-2.0
// Deliveries: what came through a door, whole.
#include "controller/storage/rows.hpp"
#include "controller/storage/sql_storage.hpp"

#include <bailiff/dsse.hpp>

#include <limits>
#include <stdexcept>

namespace bailiff {

namespace {
Delivery read_delivery(SqlRows& rows) {
    Delivery d;
    d.id = rows.take<DeliveryId>();
    d.state = rows.take<DeliveryState>();
    d.digest = rows.take<std::string>();
    d.likeness = rows.take<std::string>();
    d.sender = rows.take<std::string>();
    d.recipient = rows.take<std::string>();
    d.format = rows.take<std::string>();
    d.subject = rows.take<std::string>();
    d.reporter = rows.take<std::string>();
    d.triage = rows.take<std::string>();
    d.notes = rows.take<std::string>();
    d.waiting = rows.take<std::string>();
    d.by_mail = rows.take<bool>();
    d.events = rows.take<int64_t>();
    d.times = rows.take<int64_t>();
    d.received_at = rows.take<Instant>();
    d.last_at = rows.take<Instant>();
    const bool packed = rows.take<std::string>() == "base64";
    d.raw = rows.take<std::string>();
    if (packed && !d.raw.empty()) {
        auto bytes = unbase64(d.raw);
        if (!bytes) unreadable("a delivery's body", bytes.error().text);
        d.raw = std::move(*bytes);
    }
    return d;
}
}  // namespace

DeliveryId SqlStorage::next_delivery_id() { return DeliveryId(id_text('M', next("delivery"))); }

void SqlStorage::put_delivery(const Delivery& d) {
    const auto number = number_of(d.id, 'M');
    if (!number) throw std::logic_error("'" + d.id.text() + "' is no delivery's id; next_delivery_id() makes one");
    const int64_t changed = db_->run(
        "update deliveries set state = $2, sender = $3, recipient = $4, format = $5, subject = $6, reporter = $7, triage = $8, notes = $9, "
        "waiting = $10, events = $11, times = $12, received_at = $13, last_at = $14 where number = $1",
        *number, d.state, d.sender, d.recipient, d.format, d.subject, d.reporter, d.triage, d.notes, d.waiting, d.events, d.times, d.received_at, d.last_at);
    if (changed > 0) return;
    const bool clean = is_clean_text(d.raw);
    db_->run(
        "insert into deliveries (number, id, state, digest, likeness, sender, recipient, format, subject, reporter, triage, notes, waiting, by_mail, "
        "events, times, received_at, last_at, raw_encoding, raw) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, "
        "$20)",
        *number, d.id, d.state, d.digest, d.likeness, d.sender, d.recipient, d.format, d.subject, d.reporter, d.triage, d.notes, d.waiting, d.by_mail,
        d.events, d.times, d.received_at, d.last_at, std::string(clean ? "text" : "base64"), clean ? d.raw : base64(d.raw));
}

std::optional<Delivery> SqlStorage::find_delivery(const DeliveryId& id) {
    auto rows = db_->query(
        "select id, state, digest, likeness, sender, recipient, format, subject, reporter, triage, notes, waiting, by_mail, events, times, received_at, last_at, "
        "raw_encoding, raw from deliveries where id = $1",
        id);
    if (!rows.next()) return std::nullopt;
    return read_delivery(rows);
}

std::optional<Delivery> SqlStorage::same_delivery(const std::string& digest, const std::string& likeness) {
    {
        auto rows = db_->query(
            "select id, state, digest, likeness, sender, recipient, format, subject, reporter, triage, notes, waiting, by_mail, events, times, received_at, "
            "last_at, raw_encoding, '' from deliveries where digest = $1",
            digest);
        if (rows.next()) return read_delivery(rows);
    }
    // The condition of the partial index stands here too, so that it is used.
    auto rows = db_->query(
        "select id, state, digest, likeness, sender, recipient, format, subject, reporter, triage, notes, waiting, by_mail, events, times, received_at, last_at, "
        "raw_encoding, '' from deliveries where likeness = $1 and likeness <> '' order by number limit 1",
        likeness);
    if (!rows.next()) return std::nullopt;
    return read_delivery(rows);
}

std::vector<Delivery> SqlStorage::deliveries(std::optional<DeliveryState> state, const DeliveryId& before, size_t limit) {
    std::vector<Delivery> out;
    const int64_t below = before.empty() ? std::numeric_limits<int64_t>::max() : number_of(before, 'M').value_or(0);
    auto rows = state ? db_->query("select id, state, digest, likeness, sender, recipient, format, subject, reporter, triage, notes, waiting, by_mail, events, times, "
                                   "received_at, last_at, raw_encoding, '' from deliveries where state = $1 and number < $2 order by number desc limit $3",
                                   *state, below, limit)
                      : db_->query("select id, state, digest, likeness, sender, recipient, format, subject, reporter, triage, notes, waiting, by_mail, events, times, "
                                   "received_at, last_at, raw_encoding, '' from deliveries where number < $1 order by number desc limit $2",
                                   below, limit);
    while (rows.next()) out.push_back(read_delivery(rows));
    return out;
}

std::optional<Delivery> SqlStorage::unfinished_delivery() {
    auto rows = db_->query(
        "select id, state, digest, likeness, sender, recipient, format, subject, reporter, triage, notes, waiting, by_mail, events, times, received_at, last_at, "
        "raw_encoding, '' from deliveries where state = 'filing' order by number limit 1");
    if (!rows.next()) return std::nullopt;
    return read_delivery(rows);
}

}  // namespace bailiff
