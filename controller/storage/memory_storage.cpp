// SPDX-License-Identifier: Apache-2.0
// Transactions, directory, enrolment and access in memory.
#include "controller/storage/memory_storage.hpp"

#include <algorithm>

namespace bailiff {

Result<void> MemoryStorage::transaction(const std::function<Result<void>()>& work) {
    const size_t mark = log_.begin();
    try {
        auto result = work();
        if (result) log_.commit();
        else log_.roll_back(mark);
        return result;
    } catch (...) {
        log_.roll_back(mark);
        throw;
    }
}

int64_t MemoryStorage::next(const std::string& sequence) {
    const auto found = sequences_.find(sequence);
    const int64_t value = found == sequences_.end() ? 1 : found->second + 1;
    log_.assign(sequences_, sequence, value);
    return value;
}

int64_t MemoryStorage::epoch() {
    const auto found = sequences_.find("epoch");
    return found == sequences_.end() ? 1 : found->second;
}

int64_t MemoryStorage::begin_epoch(Instant now) {
    const int64_t value = std::max(epoch() + 1, int64_t(now.time_since_epoch().count()));
    log_.assign(sequences_, "epoch", value);
    return value;
}

int64_t MemoryStorage::forget_before(Instant frames, Instant answers) {
    int64_t forgotten = 0;
    const auto forget = [&](auto& map, Instant before, auto at_of) {
        std::vector<std::pair<Instant, typename std::decay_t<decltype(map)>::key_type>> old;
        for (const auto& [key, value] : map)
            if (at_of(value) < before) old.emplace_back(at_of(value), key);
        std::sort(old.begin(), old.end());
        for (const auto& [at, key] : old) {
            if (forgotten == forget_at_once) return;
            log_.forget(map, key);
            ++forgotten;
        }
    };
    forget(handled_, frames, [](Instant at) { return at; });
    forget(answers_, answers, [](const auto& answer) { return answer.second; });
    return forgotten;
}

// ---- directory ------------------------------------------------------------------------------------------------------

void MemoryStorage::put_vm(const Vm& vm) {
    if (const auto old = vms_.find(vm.id); old != vms_.end()) {
        for (const auto& address : old->second.addresses) log_.remove(by_address_, {address, vm.id});
        log_.remove(by_name_, {old->second.name, vm.id});
    }
    for (const auto& address : vm.addresses) log_.insert(by_address_, {address, vm.id});
    log_.insert(by_name_, {vm.name, vm.id});
    log_.assign(vms_, vm.id, vm);
}

std::optional<Vm> MemoryStorage::find_vm(const VmId& id) {
    const auto found = vms_.find(id);
    if (found == vms_.end()) return std::nullopt;
    return found->second;
}

std::optional<Vm> MemoryStorage::only_vm(const std::set<std::pair<std::string, VmId>>& index, const std::string& key) const {
    const Vm* present = nullptr;
    const Vm* gone = nullptr;
    int present_count = 0, gone_count = 0;
    for (auto it = index.lower_bound({key, VmId()}); it != index.end() && it->first == key; ++it) {
        const Vm& vm = vms_.at(it->second);
        (vm.gone ? gone : present) = &vm;
        ++(vm.gone ? gone_count : present_count);
    }
    if (present_count == 1) return *present;
    if (present_count == 0 && gone_count == 1) return *gone;
    return std::nullopt;
}

std::optional<Vm> MemoryStorage::vm_by_address(const std::string& address) { return only_vm(by_address_, address); }
std::optional<Vm> MemoryStorage::vm_by_name(const std::string& name) { return only_vm(by_name_, name); }

std::vector<Vm> MemoryStorage::vms(const HostId& host, const VmId& after, size_t limit) {
    std::vector<Vm> out;
    for (auto it = vms_.upper_bound(after); it != vms_.end() && out.size() < limit; ++it)
        if (host.empty() || it->second.host == host) out.push_back(it->second);
    return out;
}

void MemoryStorage::put_customer(const Customer& customer) {
    if (const auto old = customers_.find(customer.id); old != customers_.end()) log_.remove(customers_by_mail_, {lower_address(old->second.contact.email), customer.id});
    log_.insert(customers_by_mail_, {lower_address(customer.contact.email), customer.id});
    log_.assign(customers_, customer.id, customer);
}

std::optional<Customer> MemoryStorage::find_customer(const CustomerId& id) {
    const auto found = customers_.find(id);
    if (found == customers_.end()) return std::nullopt;
    return found->second;
}

std::vector<Customer> MemoryStorage::customers(const CustomerId& after, size_t limit) {
    std::vector<Customer> out;
    for (auto it = customers_.upper_bound(after); it != customers_.end() && out.size() < limit; ++it) out.push_back(it->second);
    return out;
}

void MemoryStorage::put_host(const Host& host) {
    Host stored = host;
    stored.connected = false;
    // The counter never goes back, whatever an old copy of the row says.
    if (const auto old = hosts_.find(host.id); old != hosts_.end()) stored.seq = std::max(stored.seq, old->second.seq);
    log_.assign(hosts_, host.id, std::move(stored));
}

std::optional<Host> MemoryStorage::find_host(const HostId& id) {
    const auto found = hosts_.find(id);
    if (found == hosts_.end()) return std::nullopt;
    return found->second;
}

std::vector<Host> MemoryStorage::hosts() {
    std::vector<Host> out;
    for (const auto& [id, host] : hosts_) out.push_back(host);
    return out;
}

// ---- enrolment --------------------------------------------------------------------------------------------------------

void MemoryStorage::put(const std::string& token_hash, const HostId& host, Instant expires) {
    log_.assign(enrolments_, token_hash, PendingEnrolment{host, expires});
}

std::optional<PendingEnrolment> MemoryStorage::take(const std::string& token_hash) {
    const auto found = enrolments_.find(token_hash);
    if (found == enrolments_.end()) return std::nullopt;
    const PendingEnrolment taken = found->second;
    log_.forget(enrolments_, token_hash);
    return taken;
}

bool MemoryStorage::banned(const HostId& host) {
    const auto found = hosts_.find(host);
    return found != hosts_.end() && found->second.banned;
}

std::vector<HostId> MemoryStorage::banned_hosts() {
    std::vector<HostId> out;
    for (const auto& [id, host] : hosts_)
        if (host.banned) out.push_back(id);
    return out;
}

void MemoryStorage::ban(const HostId& host) {
    Host unseen;
    unseen.id = host;
    Host stored = find_host(host).value_or(unseen);
    stored.banned = true;
    log_.assign(hosts_, host, std::move(stored));
}

void MemoryStorage::unban(const HostId& host) {
    auto stored = find_host(host);
    if (!stored) return;
    stored->banned = false;
    log_.assign(hosts_, host, std::move(*stored));
}

void MemoryStorage::record_host_certificate(const HostId& host, const std::string& serial, Instant expires) {
    log_.assign(certificates_, {host, serial}, expires);
}

void MemoryStorage::put_webhook(const WebhookState& state) { log_.assign(webhooks_, state.id, state); }

std::optional<WebhookState> MemoryStorage::find_webhook(const std::string& id) {
    const auto found = webhooks_.find(id);
    if (found == webhooks_.end()) return std::nullopt;
    return found->second;
}

// ---- access -----------------------------------------------------------------------------------------------------------

void MemoryStorage::put_account(const Account& account) { log_.assign(accounts_, account.name, account); }

std::optional<Account> MemoryStorage::account_by_token(const std::string& token_sha256) {
    if (token_sha256.empty()) return std::nullopt;
    for (const auto& [name, account] : accounts_)
        if (account.token_sha256 == token_sha256) return account;
    return std::nullopt;
}

std::vector<Account> MemoryStorage::accounts() {
    std::vector<Account> out;
    for (const auto& [name, account] : accounts_) out.push_back(account);
    return out;
}

std::optional<std::string> MemoryStorage::recall(const std::string& account, const std::string& key) {
    const auto found = answers_.find({account, key});
    if (found == answers_.end()) return std::nullopt;
    return found->second.first;
}

void MemoryStorage::remember(const std::string& account, const std::string& key, const std::string& answer, Instant now) {
    if (!answers_.contains({account, key})) log_.assign(answers_, {account, key}, {answer, now});
}

}  // namespace bailiff
