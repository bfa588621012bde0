// SPDX-License-Identifier: Apache-2.0
#include "controller/inventory/who.hpp"

#include <algorithm>

namespace bailiff {
namespace {

/// How a span stands to an instant, the strongest first.
enum class Nearness { covers, near_by, perhaps, apart };

struct Weighed {
    AddressSpan span;
    Nearness standing = Nearness::apart;
};

bool same_vm(const AddressSpan& a, const AddressSpan& b) {
    return a.vm.empty() || b.vm.empty() ? !a.vm_name.empty() && a.vm_name == b.vm_name : a.vm == b.vm;
}

bool same_place(const AddressSpan& a, const AddressSpan& b) {
    return a.prefix == b.prefix && a.first_port == b.first_port && a.last_port == b.last_port && a.source == b.source;
}

Nearness nearness_of(const AddressSpan& span, Instant at, Seconds skew) {
    if (span.from <= at && (!span.until || at < *span.until)) return Nearness::covers;
    if (at < span.from) return !span.earlier && span.from - at <= skew ? Nearness::near_by : span.earlier ? Nearness::perhaps : Nearness::apart;
    return at - *span.until <= skew ? Nearness::near_by : Nearness::apart;
}

std::string span_of_time(Seconds span) {
    const int64_t seconds = std::abs(span.count());
    if (seconds < 120) return std::to_string(seconds) + " s";
    if (seconds < 7200) return std::to_string(seconds / 60) + " min";
    return seconds < 172'800 ? std::to_string(seconds / 3600) + " h" : std::to_string(seconds / 86'400) + " days";
}

std::string source_words(AddressSource source) {
    switch (source) {
        case AddressSource::inventory: return "the inventory";
        case AddressSource::import_: return "an import";
        case AddressSource::cmdb: return "the CMDB";
        case AddressSource::inventory_now: return "the inventory as it is now";
        case AddressSource::enforced: return "its host lets it send from no other";
        case AddressSource::lease: return "a DHCP lease on its host";
    }
    return {};
}

/// "203.0.113.7", or "203.0.113.7 (in 203.0.113.0/29)", with its ports.
std::string place_words(const Address& address, const AddressSpan& span) {
    std::string out = text_of(address);
    if (span.prefix.length != 128) out += " (in " + text_of(span.prefix) + ")";
    if (span.first_port != 0 || span.last_port != last_port_there_is)
        out += ", ports " + std::to_string(span.first_port) + " to " + std::to_string(span.last_port) + ",";
    return out;
}

std::string told(const Address& address, const AddressSpan& span) {
    if (span.source == AddressSource::inventory_now) return vm_words(span) + " has " + text_of(address) + " now, and no record says since when";
    return vm_words(span) + " had " + place_words(address, span) + " " + time_words(span) + " (" + source_words(span.source) + ")";
}

/// An open end is where the same source names the next one at the same place. What hosts say has its end when they no longer say it:
/// there, two at once contradict each other.
std::vector<AddressSpan> with_ends(std::vector<AddressSpan> spans) {
    const auto all = spans;
    for (AddressSpan& span : spans) {
        if (span.until || span.source == AddressSource::enforced || span.source == AddressSource::lease) continue;
        for (const AddressSpan& next : all)
            if (same_place(span, next) && next.from > span.from && (!span.until || next.from < *span.until)) span.until = next.from;
    }
    return spans;
}

Who ambiguous(const Address& address, int64_t port, Instant at, std::vector<AddressSpan> holders, Seconds skew) {
    Who out{Confidence::ambiguous, std::move(holders), ""};
    const auto shares = [&](const AddressSpan& s) { return s.first_port != 0 || s.last_port != last_port_there_is; };
    const bool ports = port == 0 && std::all_of(out.holders.begin(), out.holders.end(), shares);
    // The change of hands that is nearest, if there is one within reach.
    std::optional<Instant> change;
    for (const AddressSpan& span : out.holders)
        for (const auto& border : {std::optional(span.from), span.until})
            if (border && (!change || std::chrono::abs(*border - at) < std::chrono::abs(*change - at))) change = border;
    const auto covers = [&](const AddressSpan& s) { return nearness_of(s, at, Seconds(0)) == Nearness::covers; };
    const bool all_cover = std::all_of(out.holders.begin(), out.holders.end(), covers);
    // A lease has no say in when the address changed hands, unless it is the one that did.
    const bool lease = std::any_of(out.holders.begin(), out.holders.end(), [](const AddressSpan& s) { return s.source == AddressSource::lease; });
    const bool far = !change || std::chrono::abs(*change - at) > skew;
    if (ports) out.reason = text_of(address) + " is shared by ranges of ports, and the report names no port";
    else if (all_cover || (lease && far)) out.reason = "the records contradict each other";
    else if (change)
        out.reason = text_of(address) + " changed hands at " + format_rfc3339(*change) + ", " + span_of_time(*change - at) +
                     (*change >= at ? " after" : " before") + " the observation, and clocks differ";
    std::string list;
    for (const AddressSpan& span : out.holders) list += (list.empty() ? "" : "; or ") + told(address, span);
    out.reason += ": " + list;
    return out;
}

/// Where one VM is known that had it near by, or perhaps: how near that is.
std::string likely_words(const Address& address, const AddressSpan& holder, Instant at) {
    std::string reason = told(address, holder);
    if (holder.source == AddressSource::inventory_now) reason += "; the observation is older than that";
    else if (at < holder.from) reason += ", " + span_of_time(holder.from - at) + " after the observation; nobody is known to have had it before";
    else if (holder.until && *holder.until <= at)
        reason += ", " + span_of_time(at - *holder.until) + " before the observation; nobody is known to have had it after";
    return reason;
}

/// Who was it before, and who after: what a person would look for.
Who nobody(const Address& address, Instant at, std::vector<AddressSpan> ours) {
    const auto spans = with_ends(std::move(ours));
    const AddressSpan *before = nullptr, *after = nullptr;
    for (const AddressSpan& span : spans) {
        if (span.from > at && (!after || span.from < after->from)) after = &span;
        if (span.from <= at && span.until && (!before || *span.until > *before->until)) before = &span;
    }
    std::string reason;
    if (before) reason = told(address, *before);
    if (after) reason += (reason.empty() ? "" : "; ") + told(address, *after);
    if (reason.empty()) return {Confidence::unknown, {}, "no VM has the address " + text_of(address)};
    return {Confidence::unknown, {}, "nobody is known to have had " + text_of(address) + " at " + format_rfc3339(at) + ": " + reason};
}

/// By everything but leases; no holder and no reason when nobody is known.
Who by_records(const Address& address, int64_t port, Instant at, std::vector<AddressSpan> ours, Seconds skew) {
    std::vector<Weighed> weighed;
    for (AddressSpan& span : with_ends(std::move(ours))) {
        const Nearness standing = nearness_of(span, at, skew);
        weighed.push_back({std::move(span), standing});
    }
    const auto narrower = [&](const AddressSpan& a, const AddressSpan& b) {
        if (a.prefix.length != b.prefix.length) return a.prefix.length > b.prefix.length;
        return port != 0 && a.last_port - a.first_port < b.last_port - b.first_port;
    };
    std::stable_sort(weighed.begin(), weighed.end(), [&](const Weighed& a, const Weighed& b) {
        return narrower(a.span, b.span) || (!narrower(b.span, a.span) && a.standing < b.standing);
    });

    std::vector<AddressSpan> holders;
    const auto add = [&](const AddressSpan& span) {
        if (std::none_of(holders.begin(), holders.end(), [&](const AddressSpan& known) { return same_vm(known, span); })) holders.push_back(span);
    };
    const auto surest = std::find_if(weighed.begin(), weighed.end(), [](const Weighed& w) { return w.standing == Nearness::covers; });
    const bool covered = surest != weighed.end();
    if (covered) {
        for (const Weighed& w : weighed) {
            if (narrower(surest->span, w.span)) break;   // a wider one, which is not asked
            const bool counts = w.standing == Nearness::covers || w.standing == Nearness::near_by ||
                                (w.standing == Nearness::perhaps && narrower(w.span, surest->span));
            if (counts) add(w.span);
        }
        // The one that covers it stands first, so that it is named where all agree.
        const auto first = std::find_if(holders.begin(), holders.end(), [&](const AddressSpan& h) { return same_vm(h, surest->span); });
        if (first != holders.end()) {
            *first = surest->span;
            std::rotate(holders.begin(), first, first + 1);
        }
    } else {
        const auto add_all = [&](Nearness wanted) {
            for (const Weighed& w : weighed)
                if (w.standing == wanted) add(w.span);
        };
        add_all(Nearness::near_by);
        if (holders.empty()) add_all(Nearness::perhaps);
    }
    if (holders.size() > 1) return ambiguous(address, port, at, std::move(holders), skew);
    if (holders.size() == 1) {
        const AddressSpan holder = holders.front();
        if (covered) return {Confidence::certain, std::move(holders), told(address, holder)};
        return {Confidence::likely, std::move(holders), likely_words(address, holder, at)};
    }
    return {};
}

}  // namespace

std::string vm_words(const AddressSpan& span) {
    if (span.vm_name.empty()) return span.vm.empty() ? "a VM without a name" : "VM " + span.vm.text();
    return span.vm_name;
}

std::string time_words(const AddressSpan& span) {
    const std::string since = span.from == Instant{} ? "" : format_rfc3339(span.from);
    if (span.until)
        return (since.empty() ? "" : (span.earlier ? "from " + since + " or earlier " : "from " + since + " ")) + "until " + format_rfc3339(*span.until);
    return since.empty() ? "for as long as the records reach" : span.earlier ? "since at least " + since : "since " + since;
}

Who who_had(const Address& address, int64_t port, Instant at, const std::vector<AddressSpan>& spans, Seconds skew) {
    std::vector<AddressSpan> ours, records, leases;
    for (const AddressSpan& span : spans) {
        if (!holds(span.prefix, address) || (port != 0 && (port < span.first_port || span.last_port < port))) continue;
        ours.push_back(span);
        if (span.source != AddressSource::lease) records.push_back(span);
        else if (const auto standing = nearness_of(span, at, skew); standing == Nearness::covers) leases.insert(leases.begin(), span);
        else if (standing == Nearness::near_by) leases.push_back(span);
    }
    Who out = by_records(address, port, at, std::move(records), skew);
    // A guest may keep to its lease or not, and may ask for one that is another's: it makes nobody certain, and overrules nobody.
    const size_t recorded = out.holders.size();
    for (const AddressSpan& lease : leases)
        if (std::none_of(out.holders.begin(), out.holders.end(), [&](const AddressSpan& known) { return same_vm(known, lease); })) out.holders.push_back(lease);
    if (out.holders.empty()) return nobody(address, at, std::move(ours));
    if (out.holders.size() == recorded) return out;
    if (out.holders.size() > 1) return ambiguous(address, port, at, std::move(out.holders), skew);
    out.confidence = Confidence::likely;
    out.reason = likely_words(address, out.holders.front(), at) + "; nothing but the lease says so";
    return out;
}

Json to_json(const AddressSpan& span) {
    Json out{{"prefix", text_of(span.prefix)}, {"vm", span.vm.text()}, {"vm_name", span.vm_name}, {"customer", span.customer.text()},
             {"from", span.from == Instant{} ? Json() : Json(format_rfc3339(span.from))}, {"until", span.until ? Json(format_rfc3339(*span.until)) : Json()},
             {"earlier", span.earlier}, {"source", name(span.source)}};
    if (span.first_port != 0 || span.last_port != last_port_there_is) out["ports"] = std::to_string(span.first_port) + "-" + std::to_string(span.last_port);
    return out;
}

Json to_json(const Who& who) {
    Json out{{"confidence", name(who.confidence)}, {"reason", who.reason}, {"holders", Json::array()}};
    for (const AddressSpan& span : who.holders) out["holders"].push_back(to_json(span));
    return out;
}

}  // namespace bailiff
