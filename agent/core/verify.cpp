// SPDX-License-Identifier: Apache-2.0
// The checks that need no look at the VM: envelope, content, freshness, and the host's own ceilings.
#include "agent/core/verify.hpp"

#include "agent/core/refuse.hpp"

#include <bailiff/json.hpp>

#include <string_view>
#include <type_traits>

namespace bailiff::agent {
namespace {

const std::string& id_of(const Order& order) { return order.order_id.text(); }
const std::string& id_of(const Job& job) { return job.job_id.text(); }

/// The id that an unverified envelope claims: only so that the controller can match the refusal with what it sent.
std::string claimed_id(std::string_view envelope, const char* field) {
    const auto outer = read_json(envelope, JsonLimits{32 * 1024, 4});
    if (!outer || !outer->is_object() || !outer->contains("payload") || !(*outer)["payload"].is_string()) return {};
    const auto payload = unbase64((*outer)["payload"].get<std::string>());
    if (!payload) return {};
    const auto inner = read_json(*payload, order_limits);
    if (!inner || !inner->is_object() || !inner->contains(field) || !(*inner)[field].is_string()) return {};
    const auto id = (*inner)[field].get<std::string>();
    return is_hex(id, 32) ? id : std::string();
}

RefusedPayload describe_fault(EnvelopeFault fault) {
    switch (fault) {
        case EnvelopeFault::too_large: return {Refusal::too_large, "the envelope has more than 32 KiB"};
        case EnvelopeFault::malformed: return {Refusal::bad_envelope, "this is no DSSE envelope"};
        case EnvelopeFault::unknown_key:
            return {Refusal::unknown_key,
                    "no signature is by a key that this host trusts; put the controller's public key into the agent's "
                    "controllers folder"};
        case EnvelopeFault::bad_signature: return {Refusal::bad_signature, "the signature does not fit the content"};
    }
    return {Refusal::bad_envelope, "this is no DSSE envelope"};
}

/// Host, epoch, id and sequence: is it for us, and is it new? `seen_before` is set instead of a refusal for a repeat.
template <class Document>
Why check_address(const Document& d, const std::string& sha256, const HostFacts& host, bool& seen_before) {
    if (d.host != host.host)
        return refuse(Refusal::other_host, "signed for the host '" + d.host.text() + "'; this is '" + host.host.text() + "'");
    const auto seen = host.seen.find(id_of(d));
    if (seen != host.seen.end() && seen->second == sha256) {
        seen_before = true;
        return std::nullopt;
    }
    if (d.epoch < host.epoch)
        return refuse(Refusal::stale_epoch, "signed in the controller's epoch " + std::to_string(d.epoch) + "; this host has seen " +
                                                std::to_string(host.epoch));
    if (seen != host.seen.end()) return refuse(Refusal::conflict, "this id was used before with other content");
    if (d.epoch == host.epoch && d.seq <= host.seq)
        return refuse(Refusal::replayed, "its number " + std::to_string(d.seq) + " is not above " + std::to_string(host.seq) +
                                             ", the highest this host has seen");
    return std::nullopt;
}

template <class Document>
Why check_time(const Document& d, Instant now) {
    if (d.issued_at > now + clock_tolerance)
        return refuse(Refusal::from_the_future, "issued at " + format_rfc3339(d.issued_at) + ", while this host's clock says " +
                                                    format_rfc3339(now) + "; set the clocks");
    if (d.not_after < now) return refuse(Refusal::expired, "it was good until " + format_rfc3339(d.not_after));
    if (d.not_after < d.issued_at || d.not_after - d.issued_at > longest_order_life)
        return refuse(Refusal::bad_window, "it must be good for at most " + spoken_duration(longest_order_life) + " from when it is issued");
    return std::nullopt;
}

/// Names are known once the VMs were listed; until then `may_begin` looks at the name again.
bool exempt(const HostFacts& host, const VmId& vm) {
    if (!host.vms) return is_exempt(host.exempt, vm, "");
    const auto here = host.vms->find(vm);
    return is_exempt(host.exempt, vm, here == host.vms->end() ? "" : here->second);
}

/// Whether the document takes something from the customer, or works on the VM's disks. A release gives back: the
/// host's ceilings do not hold it up, or a VM that an admin exempts while it is locked would stay locked.
bool gives_back(const Order& order) { return !harmful(order.desired); }
bool gives_back(const Job& job) { return job.kind == JobKind::unguard; }

/// A guard is held for a VM that lives elsewhere, and takes nothing from anybody on this host. So a drained host still
/// takes it: otherwise one host under maintenance would hold up every power-off of its cluster. The never-touch list
/// stands above it all the same: what an admin keeps startable here is kept so, and the controller hears of it.
bool works_here(const Order&) { return true; }
bool works_here(const Job& job) { return job.kind != JobKind::guard && job.kind != JobKind::unguard; }

Why check_generation(const Order& order, const HostFacts& host) {
    const auto newest = host.generations.find(order.vm_uuid);
    if (newest != host.generations.end() && order.vm_generation <= newest->second)
        return refuse(Refusal::stale_generation, "this host has seen generation " + std::to_string(newest->second) +
                                                     " for the VM; the order has " + std::to_string(order.vm_generation));
    return std::nullopt;
}
Why check_generation(const Job&, const HostFacts&) { return std::nullopt; }

/// The ceiling counts VMs, not orders: isolating, then powering off, then quarantining one VM harms one customer.
Why check_budget(const Order& order, const HostFacts& host) {
    if (!harmful(order.desired)) return std::nullopt;
    int64_t others = 0;
    for (const auto& [vm, at] : host.harmed)
        if (vm != order.vm_uuid && at > host.now - Seconds(3600)) ++others;
    if (others < host.budget_per_hour) return std::nullopt;
    return refuse(Refusal::over_budget, std::to_string(others) + " other VMs were restricted on this host within the hour; its own ceiling is " +
                                            std::to_string(host.budget_per_hour) + " (agent.conf: budget-per-hour)");
}
Why check_budget(const Job&, const HostFacts&) { return std::nullopt; }


template <class Document>
Why check_host(const Document& d, const HostFacts& host) {
    if (works_here(d) && host.vms && !host.vms->contains(d.vm_uuid)) {
        const auto left = host.left.find(d.vm_uuid);
        return refuse(Refusal::unknown_vm, not_here(d.vm_uuid, left == host.left.end() ? std::nullopt : std::optional(left->second)));
    }
    if (auto why = check_generation(d, host)) return why;
    if (exempt(host, d.vm_uuid) && !gives_back(d))
        return refuse(Refusal::exempt, "the host's admin lists this VM as never to be touched");
    if (auto why = check_budget(d, host)) return why;
    if (host.draining && works_here(d) && !gives_back(d)) return refuse(Refusal::draining, "the host's admin drains this agent");
    return std::nullopt;
}

template <class Document, class Parse>
tl::expected<Checked<Document>, Refused<Document>> verify(std::string_view envelope, const TrustedKeys& keys, const HostFacts& host,
                                                          std::string_view type, const char* id_field, Parse parse) {
    Refused<Document> no;
    const auto refused = [&](RefusedPayload why) {
        no.code = why.code;
        no.text = std::move(why.text);
        return tl::unexpected(std::move(no));
    };
    // Nothing in an envelope needs an escape; without any there is one spelling of each text.
    if (envelope.find('\\') != std::string_view::npos) return refused({Refusal::bad_envelope, "an envelope has no escapes in its texts"});
    auto opened = open_envelope(envelope, keys);
    if (!opened) {
        no.claimed_id = claimed_id(envelope, id_field);
        return refused(describe_fault(opened.error()));
    }
    no.claimed_id = claimed_id(envelope, id_field);
    if (opened->type != type)
        return refused({Refusal::wrong_type, "the payload's type is '" + opened->type.substr(0, 80) + "'; expected '" + std::string(type) + "'"});
    auto document = parse(opened->payload);
    if (!document) return refused(document.error());

    Checked<Document> yes{*document, opened->payload, sha256_hex(opened->payload), false};
    no.document = *document;
    no.payload = yes.payload;
    no.sha256 = yes.sha256;
    no.claimed_id = id_of(*document);
    if (auto why = check_address(*document, yes.sha256, host, yes.seen_before)) return refused(*why);
    if (yes.seen_before) return yes;
    if (auto why = check_time(*document, host.now)) return refused(*why);
    if (auto why = check_host(*document, host)) return refused(*why);
    return yes;
}

}  // namespace

bool is_exempt(const std::set<std::string>& exempt, const VmId& vm, const std::string& name) {
    return exempt.contains(vm.text()) || (!name.empty() && exempt.contains(name));
}

tl::expected<Checked<Order>, Refused<Order>> verify_order(std::string_view envelope, const TrustedKeys& keys, const HostFacts& host) {
    return verify<Order>(envelope, keys, host, order_payload_type, "order_id", [](std::string_view s) { return parse_order(s); });
}

tl::expected<Checked<Job>, Refused<Job>> verify_job(std::string_view envelope, const TrustedKeys& keys, const HostFacts& host) {
    return verify<Job>(envelope, keys, host, job_payload_type, "job_id", [](std::string_view s) { return parse_job(s); });
}

}  // namespace bailiff::agent
