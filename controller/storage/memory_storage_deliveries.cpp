// SPDX-License-Identifier: Apache-2.0
// Deliveries in memory.
#include "controller/storage/memory_storage.hpp"
#include "controller/storage/rows.hpp"

#include <limits>
#include <stdexcept>

namespace bailiff {

namespace {
Delivery without_raw(Delivery d) {
    d.raw.clear();
    return d;
}
}  // namespace

DeliveryId MemoryStorage::next_delivery_id() { return DeliveryId(id_text('M', next("delivery"))); }

void MemoryStorage::put_delivery(const Delivery& delivery) {
    const auto number = number_of(delivery.id, 'M');
    if (!number) throw std::logic_error("'" + delivery.id.text() + "' is no delivery's id; next_delivery_id() makes one");
    Delivery stored = delivery;
    if (const auto known = deliveries_.find(*number); known != deliveries_.end()) {
        stored.raw = known->second.raw;
        stored.digest = known->second.digest;
        stored.likeness = known->second.likeness;
    } else {
        log_.assign(delivery_by_digest_, stored.digest, *number);
        if (!stored.likeness.empty()) log_.insert(delivery_by_likeness_, {stored.likeness, *number});
    }
    if (stored.state == DeliveryState::filing) log_.insert(unfinished_deliveries_, *number);
    else log_.remove(unfinished_deliveries_, *number);
    log_.assign(deliveries_, *number, std::move(stored));
}

std::optional<Delivery> MemoryStorage::find_delivery(const DeliveryId& id) {
    const auto number = number_of(id, 'M');
    const auto found = number ? deliveries_.find(*number) : deliveries_.end();
    if (found == deliveries_.end()) return std::nullopt;
    return found->second;
}

std::optional<Delivery> MemoryStorage::same_delivery(const std::string& digest, const std::string& likeness) {
    if (const auto found = delivery_by_digest_.find(digest); found != delivery_by_digest_.end()) return without_raw(deliveries_.at(found->second));
    if (likeness.empty()) return std::nullopt;
    const auto like = delivery_by_likeness_.lower_bound({likeness, 0});
    if (like == delivery_by_likeness_.end() || like->first != likeness) return std::nullopt;
    return without_raw(deliveries_.at(like->second));
}

std::vector<Delivery> MemoryStorage::deliveries(std::optional<DeliveryState> state, const DeliveryId& before, size_t limit) {
    std::vector<Delivery> out;
    const int64_t below = before.empty() ? std::numeric_limits<int64_t>::max() : number_of(before, 'M').value_or(0);
    for (auto it = deliveries_.lower_bound(below); it != deliveries_.begin() && out.size() < limit;) {
        const Delivery& delivery = (--it)->second;
        if (!state || delivery.state == *state) out.push_back(without_raw(delivery));
    }
    return out;
}

std::optional<Delivery> MemoryStorage::unfinished_delivery() {
    if (unfinished_deliveries_.empty()) return std::nullopt;
    return without_raw(deliveries_.at(*unfinished_deliveries_.begin()));
}

std::vector<StoredReport> MemoryStorage::reports_of(const DeliveryId& id, size_t limit) {
    std::vector<StoredReport> out;
    if (id.empty()) return out;
    for (auto it = reports_by_delivery_.lower_bound({id, 0}); it != reports_by_delivery_.end() && it->first == id && out.size() < limit; ++it)
        out.push_back(reports_.at(it->second));
    return out;
}

}  // namespace bailiff
