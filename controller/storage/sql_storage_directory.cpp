// SPDX-License-Identifier: Apache-2.0
// VMs, customers, hosts.
#include "controller/storage/rows.hpp"
#include "controller/storage/sql_storage.hpp"

namespace bailiff {

namespace {
Customer read_customer(SqlRows& rows) {
    return Customer{.id = rows.take<CustomerId>(),
                    .name = rows.take<std::string>(),
                    .contact = core::Contact{rows.take<std::string>(), rows.take<std::string>(), rows.take<std::string>(),
                                             rows.take<std::string>(), rows.take<std::string>()},
                    .tokens_charged = rows.take<int64_t>()};
}
Host read_host(SqlRows& rows) {
    return Host{.id = rows.take<HostId>(),
                .connected = false,
                .banned = rows.take<bool>(),
                .gate_up = rows.take<bool>(),
                .seq = rows.take<int64_t>(),
                .version = rows.take<std::string>(),
                .trouble = rows.take<std::string>(),
                .seen_at = rows.take<Instant>(),
                .cluster = rows.take<std::string>(),
                .sweep = rows.take<std::string>(),
                .host_key = rows.take<std::string>()};
}
}  // namespace

void SqlStorage::put_vm(const Vm& vm) {
    SqlTransaction transaction(*db_);
    db_->run(
        "insert into vms (id, name, host, customer, power, state, locked, gone, seen_at, host_addresses) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) "
        "on conflict (id) do update set name = excluded.name, host = excluded.host, customer = excluded.customer, "
        "power = excluded.power, state = excluded.state, locked = excluded.locked, gone = excluded.gone, seen_at = excluded.seen_at, "
        "host_addresses = excluded.host_addresses",
        vm.id, vm.name, vm.host, vm.customer, vm.power, vm.state, vm.locked, vm.gone, vm.seen_at, text_of(vm.host_addresses));
    // Addresses rarely change and inventories are frequent: write only what differs.
    std::vector<std::string> stored;
    {
        auto rows = db_->query("select address from vm_addresses where vm = $1 order by place", vm.id);
        while (rows.next()) stored.push_back(rows.take<std::string>());
    }
    if (stored != vm.addresses) {
        db_->run("delete from vm_addresses where vm = $1", vm.id);
        for (size_t place = 0; place < vm.addresses.size(); ++place)
            db_->run("insert into vm_addresses (vm, place, address) values ($1, $2, $3)", vm.id, place, vm.addresses[place]);
    }
    transaction.commit();
}

Vm SqlStorage::read_vm(SqlRows& rows) {
    Vm vm;
    vm.id = rows.take<VmId>();
    vm.name = rows.take<std::string>();
    vm.host = rows.take<HostId>();
    vm.customer = rows.take<CustomerId>();
    vm.power = rows.take<Power>();
    vm.state = rows.take<VmState>();
    vm.locked = rows.take<bool>();
    vm.gone = rows.take<bool>();
    vm.seen_at = rows.take<Instant>();
    vm.host_addresses = host_addresses_from(rows.take<std::string>());
    auto addresses = db_->query("select address from vm_addresses where vm = $1 order by place", vm.id);
    while (addresses.next()) vm.addresses.push_back(addresses.take<std::string>());
    return vm;
}

std::optional<Vm> SqlStorage::only_vm(SqlRows& rows) {
    // The rows come with those that are not gone first; a second one of the same kind makes the answer a guess.
    if (!rows.next()) return std::nullopt;
    Vm vm = read_vm(rows);
    if (rows.next() && rows.column<bool>(7) == vm.gone) return std::nullopt;
    return vm;
}

std::optional<Vm> SqlStorage::find_vm(const VmId& id) {
    auto rows = db_->query("select id, name, host, customer, power, state, locked, gone, seen_at, host_addresses from vms where id = $1", id);
    if (!rows.next()) return std::nullopt;
    return read_vm(rows);
}

std::optional<Vm> SqlStorage::vm_by_address(const std::string& address) {
    auto rows = db_->query(
        "select id, name, host, customer, power, state, locked, gone, seen_at, host_addresses from vms "
        "where id in (select vm from vm_addresses where address = $1) order by gone limit 2",
        address);
    return only_vm(rows);
}

std::optional<Vm> SqlStorage::vm_by_name(const std::string& name) {
    auto rows = db_->query(
        "select id, name, host, customer, power, state, locked, gone, seen_at, host_addresses from vms where name = $1 order by gone limit 2", name);
    return only_vm(rows);
}

std::vector<Vm> SqlStorage::vms(const HostId& host, const VmId& after, size_t limit) {
    std::vector<Vm> out;
    const auto read = [&](SqlRows rows) {
        while (rows.next()) out.push_back(read_vm(rows));
    };
    if (host.empty())
        read(db_->query(
            "select id, name, host, customer, power, state, locked, gone, seen_at, host_addresses from vms where id > $1 order by id limit $2", after, limit));
    else
        read(db_->query("select id, name, host, customer, power, state, locked, gone, seen_at, host_addresses from vms "
                        "where host = $1 and id > $2 order by id limit $3",
                        host, after, limit));
    return out;
}

void SqlStorage::put_customer(const Customer& c) {
    db_->run(
        "insert into customers (id, name, contact_name, email, phone, language, zone, tokens_charged) values ($1, $2, $3, $4, $5, $6, $7, $8) "
        "on conflict (id) do update set name = excluded.name, contact_name = excluded.contact_name, email = excluded.email, "
        "phone = excluded.phone, language = excluded.language, zone = excluded.zone, tokens_charged = excluded.tokens_charged",
        c.id, c.name, c.contact.name, c.contact.email, c.contact.phone, c.contact.language, c.contact.zone, c.tokens_charged);
}

std::optional<Customer> SqlStorage::find_customer(const CustomerId& id) {
    auto rows = db_->query(
        "select id, name, contact_name, email, phone, language, zone, tokens_charged from customers where id = $1", id);
    if (!rows.next()) return std::nullopt;
    return read_customer(rows);
}

std::vector<Customer> SqlStorage::customers(const CustomerId& after, size_t limit) {
    std::vector<Customer> out;
    auto rows = db_->query(
        "select id, name, contact_name, email, phone, language, zone, tokens_charged from customers where id > $1 order by id limit $2",
        after, limit);
    while (rows.next()) out.push_back(read_customer(rows));
    return out;
}

void SqlStorage::put_host(const Host& h) {
    // The counter never goes back, whatever an old copy of the row says: hosts refuse numbers that they have seen.
    db_->run(
        "insert into hosts (id, banned, gate_up, seq, version, trouble, seen_at, cluster, sweep, host_key) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) "
        "on conflict (id) do update set banned = excluded.banned, gate_up = excluded.gate_up, "
        "seq = case when excluded.seq > hosts.seq then excluded.seq else hosts.seq end, "
        "version = excluded.version, trouble = excluded.trouble, seen_at = excluded.seen_at, cluster = excluded.cluster, "
        "sweep = excluded.sweep, host_key = excluded.host_key",
        h.id, h.banned, h.gate_up, h.seq, h.version, h.trouble, h.seen_at, h.cluster, h.sweep, h.host_key);
}

std::optional<Host> SqlStorage::find_host(const HostId& id) {
    auto rows = db_->query("select id, banned, gate_up, seq, version, trouble, seen_at, cluster, sweep, host_key from hosts where id = $1", id);
    if (!rows.next()) return std::nullopt;
    return read_host(rows);
}

std::vector<Host> SqlStorage::hosts() {
    std::vector<Host> out;
    auto rows = db_->query("select id, banned, gate_up, seq, version, trouble, seen_at, cluster, sweep, host_key from hosts order by id");
    while (rows.next()) out.push_back(read_host(rows));
    return out;
}

}  // namespace bailiff
