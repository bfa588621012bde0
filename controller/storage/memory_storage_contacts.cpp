// SPDX-License-Identifier: Apache-2.0
// Contacts, wishes to change them, promises to phone, and what a dialler was told, in memory.
#include "controller/storage/memory_storage.hpp"
#include "controller/storage/rows.hpp"

#include <algorithm>
#include <limits>

namespace bailiff {

int64_t MemoryStorage::next_contact_number() { return next("contact"); }

void MemoryStorage::put_contact(const CustomerContact& c) {
    remove_contact(c.customer, c.number);
    if (c.number > 0 && !c.contact.email.empty()) log_.insert(contacts_by_mail_, {lower_address(c.contact.email), {c.customer, c.number}});
    log_.assign(contacts_, {c.customer, c.number}, c);
}

void MemoryStorage::remove_contact(const CustomerId& customer, int64_t number) {
    const auto found = contacts_.find({customer, number});
    if (found == contacts_.end()) return;
    log_.remove(contacts_by_mail_, {lower_address(found->second.contact.email), {customer, number}});
    log_.forget(contacts_, {customer, number});
}

std::vector<CustomerContact> MemoryStorage::contacts_of(const CustomerId& customer) {
    std::vector<CustomerContact> out;
    for (auto it = contacts_.lower_bound({customer, 0}); it != contacts_.end() && it->first.first == customer; ++it) out.push_back(it->second);
    return out;
}

std::vector<CustomerId> MemoryStorage::customers_by_mail(const std::string& address, size_t limit) {
    const std::string wanted = lower_address(address);
    std::set<CustomerId> all;
    for (auto it = customers_by_mail_.lower_bound({wanted, CustomerId()}); it != customers_by_mail_.end() && it->first == wanted; ++it) all.insert(it->second);
    for (auto it = contacts_by_mail_.lower_bound({wanted, {CustomerId(), 0}}); it != contacts_by_mail_.end() && it->first == wanted; ++it)
        all.insert(it->second.first);
    std::vector<CustomerId> out(all.begin(), all.end());
    out.resize(std::min(out.size(), limit));
    return out;
}

std::string MemoryStorage::next_change_id() { return id_text('K', next("contact_change")); }

void MemoryStorage::put_change(const ContactChange& change) {
    const int64_t number = number_of(change.id, 'K').value_or(0);
    log_.assign(change_by_delivery_, change.delivery, number);
    log_.assign(changes_, number, change);
}

std::optional<ContactChange> MemoryStorage::find_change(const std::string& id) {
    const auto found = changes_.find(number_of(id, 'K').value_or(0));
    if (found == changes_.end()) return std::nullopt;
    return found->second;
}

std::optional<ContactChange> MemoryStorage::change_of(const DeliveryId& delivery) {
    const auto found = change_by_delivery_.find(delivery);
    if (found == change_by_delivery_.end()) return std::nullopt;
    return changes_.at(found->second);
}

std::vector<ContactChange> MemoryStorage::changes(std::optional<ChangeState> state, const std::string& before, size_t limit) {
    std::vector<ContactChange> out;
    const int64_t below = before.empty() ? std::numeric_limits<int64_t>::max() : number_of(before, 'K').value_or(0);
    for (auto it = changes_.lower_bound(below); it != changes_.begin() && out.size() < limit;)
        if (const ContactChange& change = (--it)->second; !state || change.state == *state) out.push_back(change);
    return out;
}

int64_t MemoryStorage::waiting_changes(const std::string& from) {
    return std::count_if(changes_.begin(), changes_.end(), [&](const auto& entry) {
        return entry.second.state == ChangeState::waiting && (from.empty() || entry.second.from == from);
    });
}

std::vector<CaseId> MemoryStorage::call_backs(Instant now, size_t limit) {
    std::vector<CaseId> out;
    for (auto it = call_backs_.begin(); it != call_backs_.end() && it->first <= now && out.size() < limit; ++it) out.push_back(cases_.at(it->second).body.id);
    return out;
}

std::optional<Instant> MemoryStorage::next_call_back() {
    if (call_backs_.empty()) return std::nullopt;
    return call_backs_.begin()->first;
}

std::string MemoryStorage::next_dial_id() { return id_text('D', next("dial")); }

void MemoryStorage::put_dial(const Dial& dial) {
    const int64_t number = number_of(dial.id, 'D').value_or(0);
    if (const auto old = dials_.find(number); old != dials_.end()) log_.remove(dials_to_send_, {old->second.next_try, number});
    if (dial.state == DialState::to_tell || dial.state == DialState::to_cancel) log_.insert(dials_to_send_, {dial.next_try, number});
    const auto open = open_dials_.find(dial.case_id);
    if (dial.state == DialState::to_tell || dial.state == DialState::told) log_.assign(open_dials_, dial.case_id, number);
    else if (open != open_dials_.end() && open->second == number) log_.forget(open_dials_, dial.case_id);
    log_.assign(dials_, number, dial);
}

std::optional<Dial> MemoryStorage::find_dial(const std::string& id) {
    const auto found = dials_.find(number_of(id, 'D').value_or(0));
    if (found == dials_.end()) return std::nullopt;
    return found->second;
}

std::optional<Dial> MemoryStorage::open_dial_of(const CaseId& id) {
    const auto found = open_dials_.find(id);
    if (found == open_dials_.end()) return std::nullopt;
    return dials_.at(found->second);
}

std::vector<Dial> MemoryStorage::dials_to_send(Instant now, size_t limit) {
    std::vector<Dial> out;
    for (auto it = dials_to_send_.begin(); it != dials_to_send_.end() && it->first <= now && out.size() < limit; ++it) out.push_back(dials_.at(it->second));
    return out;
}

}  // namespace bailiff
