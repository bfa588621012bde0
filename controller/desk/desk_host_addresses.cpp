// SPDX-License-Identifier: Apache-2.0
// What hosts say of the addresses of their VMs, as a history: an interval begins when a host first names the address and ends when
// a later record of the VM does not, or the VM is gone. What a host said last stands in the VM's row, so that a record with nothing
// new looks up nothing.

#include "controller/desk/desk.hpp"
#include "controller/inventory/width.hpp"

#include <algorithm>

namespace bailiff {
namespace {

/// Of one address and length of prefix, within the last minutes.
constexpr size_t most_lately = 1000;

AddressSource source_of(KnownBy by) { return by == KnownBy::enforced ? AddressSource::enforced : AddressSource::lease; }

bool unique_or_ours(const Prefix& prefix, const std::vector<Prefix>& networks) {
    const Address last = last_of(prefix);
    if (is_globally_unique(prefix.network) && is_globally_unique(last)) return true;
    return std::any_of(networks.begin(), networks.end(), [&](const Prefix& net) { return holds(net, prefix.network) && holds(net, last); });
}

}  // namespace

/// Addresses that only one VM in the world can have, and others within our networks: 192.168.122.2 is on every host. Each once and
/// with its one text.
std::vector<VmAddress> Desk::taken_of(const std::vector<VmAddress>& said) const {
    std::vector<VmAddress> out;
    for (const VmAddress& one : said)
        if (const auto prefix = parse_prefix(one.address); prefix && fits_one_vm(*prefix) && unique_or_ours(*prefix, options_.our_networks))
            out.push_back({one.by, text_of(*prefix)});
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
}

/// A VM that passes to another customer keeps its addresses and begins new intervals.
void Desk::note_host_addresses(const Vm& before, const Vm& after) {
    int64_t woken = 0;
    const bool passed_on = !before.customer.empty() && before.customer != after.customer;
    const auto has = [](const Vm& vm, const VmAddress& one) { return std::binary_search(vm.host_addresses.begin(), vm.host_addresses.end(), one); };
    for (const VmAddress& one : before.host_addresses)
        if (passed_on || !has(after, one)) end_host_span(before, one, woken);
    for (const VmAddress& one : after.host_addresses)
        if (passed_on || !has(before, one)) begin_host_span(after, one, woken);
}

/// Goes on with an interval that ended just now, while nobody else has come: a VM that migrates or starts again is between two hosts,
/// or off, for a moment only.
void Desk::begin_host_span(const Vm& vm, const VmAddress& address, int64_t& woken) {
    const AddressSource source = source_of(address.by);
    const auto prefix = parse_prefix(address.address);
    if (!prefix) return;
    auto lately = ports_.storage.spans_of(prefix->network, 0, now(), now() - options_.address_skew - Seconds(1), most_lately);
    std::erase_if(lately, [&](const AddressSpan& span) { return span.prefix != *prefix; });
    const auto own = std::find_if(lately.begin(), lately.end(), [&](const AddressSpan& span) {
        return span.source == source && span.vm == vm.id && span.customer == vm.customer;
    });
    AddressSpan span{*prefix, 0, last_port_there_is, now(), {}, false, vm.id, vm.name, vm.customer, source, now()};
    if (own != lately.end() && std::none_of(lately.begin(), lately.end(), [&](const AddressSpan& other) {
            return other.vm != vm.id && own->until && other.from >= *own->until;
        })) {
        span = *own;
        span.until.reset();
    } else {
        // A lease says nothing of before. Of what is enforced, the first that is seen was perhaps so before.
        const auto ever = ports_.storage.spans_of(prefix->network, 0, now(), Instant{}, most_lately);
        span.earlier = source == AddressSource::enforced && std::all_of(ever.begin(), ever.end(), [](const AddressSpan& s) { return s.source == AddressSource::lease; });
        // Two VMs, one address and one second: each keeps its own interval.
        while (std::any_of(lately.begin(), lately.end(), [&](const AddressSpan& other) { return other.source == source && other.from == span.from; }))
            span.from -= Seconds(1);
    }
    if (ports_.storage.put_span(span) != SpanChange::none) wake_for(span, woken);
}

void Desk::end_host_span(const Vm& vm, const VmAddress& address, int64_t& woken) {
    const auto prefix = parse_prefix(address.address);
    if (!prefix) return;
    for (AddressSpan& span : ports_.storage.spans_of(prefix->network, 0, now(), now(), most_lately)) {
        if (span.source != source_of(address.by) || span.vm != vm.id || span.until || span.prefix != *prefix) continue;
        span.until = now();
        (void)ports_.storage.put_span(span);
        wake_for(span, woken);
    }
}

/// No host names the VM any more.
void Desk::forget_host_addresses(Vm vm) {
    if (vm.host_addresses.empty()) return;
    const Vm before = vm;
    vm.host_addresses.clear();
    ports_.storage.put_vm(vm);
    note_host_addresses(before, vm);
}

}  // namespace bailiff
