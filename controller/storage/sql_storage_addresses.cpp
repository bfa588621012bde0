// SPDX-License-Identifier: Apache-2.0
// Whose addresses were, and which reports wait for it.
#include "controller/storage/rows.hpp"
#include "controller/storage/sql_storage.hpp"

namespace bailiff {

namespace {
AddressSpan read_span(SqlRows& rows) {
    AddressSpan out;
    const auto network = rows.take<std::string>();
    const auto address = address_of_key(network);
    if (!address) unreadable("a span of addresses", "'" + network + "' is no address");
    out.prefix.network = *address;
    out.prefix.length = rows.take<int>();
    out.from = rows.take<Instant>();
    out.first_port = rows.take<int64_t>();
    out.last_port = rows.take<int64_t>();
    out.source = rows.take<AddressSource>();
    out.until = rows.take<std::optional<Instant>>();
    out.earlier = rows.take<bool>();
    out.vm = rows.take<VmId>();
    out.vm_name = rows.take<std::string>();
    out.customer = rows.take<CustomerId>();
    out.learned_at = rows.take<Instant>();
    return out;
}
}  // namespace

SpanChange SqlStorage::put_span(const AddressSpan& span) {
    const std::string network = key_of(span.prefix.network);
    std::optional<AddressSpan> known;
    {
        auto rows = db_->query(
            "select network, length, from_at, first_port, last_port, source, until_at, earlier, vm, vm_name, customer, learned_at from address_spans "
            "where network = $1 and length = $2 and from_at = $3 and first_port = $4 and last_port = $5 and source = $6",
            network, span.prefix.length, span.from, span.first_port, span.last_port, span.source);
        if (rows.next()) known = read_span(rows);
    }
    if (known) {
        known->learned_at = span.learned_at;
        if (*known == span) return SpanChange::none;
        db_->run(
            "update address_spans set until_at = $7, earlier = $8, vm = $9, vm_name = $10, customer = $11, learned_at = $12 "
            "where network = $1 and length = $2 and from_at = $3 and first_port = $4 and last_port = $5 and source = $6",
            network, span.prefix.length, span.from, span.first_port, span.last_port, span.source, span.until, span.earlier, span.vm, span.vm_name,
            span.customer, span.learned_at);
        return SpanChange::changed;
    }
    db_->run(
        "insert into address_spans (network, length, from_at, first_port, last_port, source, until_at, earlier, vm, vm_name, customer, learned_at) "
        "values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        network, span.prefix.length, span.from, span.first_port, span.last_port, span.source, span.until, span.earlier, span.vm, span.vm_name, span.customer,
        span.learned_at);
    db_->run("insert into address_lengths (length) values ($1) on conflict (length) do nothing", span.prefix.length);
    return SpanChange::added;
}

std::vector<AddressSpan> SqlStorage::spans_of(const Address& address, int64_t port, Instant latest, Instant earliest, size_t limit) {
    std::vector<int> lengths;
    {
        auto rows = db_->query("select length from address_lengths order by length desc");
        while (rows.next()) lengths.push_back(rows.take<int>());
    }
    std::vector<AddressSpan> out;
    for (const int length : lengths) {
        auto rows = db_->query(
            "select network, length, from_at, first_port, last_port, source, until_at, earlier, vm, vm_name, customer, learned_at from address_spans "
            "where network = $1 and length = $2 and from_at <= $3 and (until_at is null or until_at > $4) "
            "and first_port <= $5 and last_port >= $6 order by from_at desc, first_port desc, last_port desc limit $7",
            key_of(prefix_around(address, length).network), length, latest, earliest, port == 0 ? last_port_there_is : port, port, limit);
        while (rows.next()) out.push_back(read_span(rows));
    }
    return out;
}

int64_t SqlStorage::wake_reports(const Prefix& prefix, Instant from, Instant until, size_t limit) {
    return db_->run(
        "update reports set wait = 'again' where number in (select number from reports where address_key between $1 and $2 and address_key <> '' "
        "and observed_at >= $3 and observed_at <= $4 and wait in ('history', 'cmdb') order by address_key, observed_at limit $5)",
        key_of(prefix.network), key_of(last_of(prefix)), from, until, limit);
}

}  // namespace bailiff
