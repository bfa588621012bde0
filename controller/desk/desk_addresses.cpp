// SPDX-License-Identifier: Apache-2.0
// Whose an address was: from the history of addresses, else from who has it now. A report whose address nobody is known to have had
// waits in triage, and resolves by itself when the history comes: by an import, a change in the inventory, or the CMDB's answer.
//
//   report ── certain or likely ──> its VM
//          ── not certain, and there is a CMDB ──> wait `cmdb` ── answer ──> looked at again
//          ── ambiguous or unknown ──> wait `history` ── news of the address ──> `again` ── tick ──> looked at again

#include "controller/desk/desk.hpp"
#include "controller/inventory/width.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>

namespace bailiff {
namespace {

/// Of one address and length of prefix: what an address that is handed from VM to VM every hour gathers in a month.
constexpr size_t most_spans = 1000;
/// What the directory says of now is taken to have been so for this long.
constexpr Seconds as_good_as_now{3600};
/// To a turn, so that an import of a whole provider's history does not stop everything else.
constexpr size_t looked_at_again = 100, most_woken = 10'000;
constexpr size_t asked_at_once = 8, waiting_seen = 200, lookups_kept = 10'000;
constexpr Seconds answer_good_for{3600}, cmdb_answer_lost_after{600};
/// A CMDB that is away holds nobody up for longer than this whose VM is likely without it.
constexpr Seconds cmdb_patience{900};
constexpr Instant end_of_time{Seconds(253'402'300'799)};

Seconds cmdb_pause(int64_t failures) {
    constexpr std::array<int64_t, 4> waits{5, 30, 60, 300};
    return Seconds(waits[size_t(std::clamp<int64_t>(failures - 1, 0, int64_t(waits.size()) - 1))]);
}

/// What a VM has in the directory: an address, or a network of its own. Nothing for what was written there before it was checked.
std::optional<Prefix> one_vms(const std::string& text) {
    const auto prefix = parse_prefix(text);
    return prefix && fits_one_vm(*prefix) ? std::optional(*prefix) : std::nullopt;
}

std::string key_of(const AddressQuestion& question) {
    return key_of(question.address) + " " + std::to_string(question.port) + " " + std::to_string(question.at.time_since_epoch().count());
}

std::optional<AddressQuestion> question_of(const StoredReport& report) {
    const auto address = parse_address(report.address);
    if (!address) return std::nullopt;
    return AddressQuestion{*address, report.port, report.summary.observed_at};
}

}  // namespace

Located Desk::locate(const std::string& text, int64_t port, Instant at) {
    Located out;
    const auto address = parse_address(text);
    if (!address) {
        out.who.reason = "'" + text + "' is no address";
        return out;
    }
    Storage& storage = ports_.storage;
    auto spans = storage.spans_of(*address, port, at + options_.address_skew, Instant{}, most_spans);
    // Those that began later: the first one seen with an address may have had it before, and a person wants to know who came after.
    for (auto& later : storage.spans_of(*address, port, end_of_time, at, most_spans))
        if (later.from > at + options_.address_skew) spans.push_back(std::move(later));
    auto current = storage.vm_by_address(text_of(*address));
    if (!current) current = storage.vm_by_address(text);   // a directory that was filled before addresses had one text
    const auto recorded = [&](const AddressSpan& s) { return current && s.vm == current->id && !s.until && s.source == AddressSource::inventory; };
    if (current && std::none_of(spans.begin(), spans.end(), recorded))
        spans.push_back({prefix_around(*address, 128), 0, last_port_there_is, now() - as_good_as_now, std::nullopt, true, current->id, current->name,
                         current->customer, AddressSource::inventory_now, now()});
    out.who = who_had(*address, port, at, spans, options_.address_skew);
    if (out.who.confidence == Confidence::certain) {
        // A record that was never closed, and somebody else who has it now, since nobody knows when.
        const AddressSpan& holder = out.who.holders.front();
        const AddressSpan& last = spans.back();
        if (last.source == AddressSource::inventory_now && !holder.until && !holder.vm.empty() && holder.vm != last.vm && holder.prefix.length == 128) {
            out.who.confidence = Confidence::ambiguous;
            out.who.reason = "the records contradict each other: " + out.who.reason + "; but " + vm_words(last) + " has it now, and no record says since when";
            out.who.holders.push_back(last);
        }
    }
    if (out.who.confidence != Confidence::certain && out.who.confidence != Confidence::likely) return out;
    AddressSpan& holder = out.who.holders.front();
    auto vm = holder.vm.empty() ? storage.vm_by_name(holder.vm_name) : storage.find_vm(holder.vm);
    if (!vm) {
        out.who.reason += "; this VM is not known here";
        return out;
    }
    holder.vm = vm->id;
    if (holder.vm_name.empty()) holder.vm_name = vm->name;
    if (!holder.customer.empty() && !vm->customer.empty() && holder.customer != vm->customer) {
        // Nobody answers for what somebody else's VM did under the same number.
        out.who.confidence = Confidence::ambiguous;
        out.who.reason += "; it was customer " + holder.customer.text() + "'s then, and is customer " + vm->customer.text() + "'s now";
        return out;
    }
    out.vm = std::move(vm);
    return out;
}

/// The VM that had the report's address when it was observed; or nothing, and the report says why and what it waits for.
std::optional<Vm> Desk::holder_at_the_time(StoredReport& report, bool may_ask) {
    report.wait = ReportWait::nothing;
    report.triage.clear();
    const auto question = question_of(report);
    if (question && !options_.our_networks.empty() &&
        std::none_of(options_.our_networks.begin(), options_.our_networks.end(), [&](const Prefix& net) { return holds(net, question->address); })) {
        report.triage = report.address + " lies in none of our networks";
        report.settled = "not_ours: " + report.triage;
        count_report(report.reporter, {.not_ours = 1});
        tell_reporter(report.delivery, ReporterNotice::not_ours);
        return std::nullopt;
    }
    Located found = locate(report.address, report.port, report.summary.observed_at);
    report.who = dump_json(to_json(found.who));
    if (question && ports_.lookup && may_ask && found.who.confidence != Confidence::certain) {
        const auto known = lookups_.find(key_of(*question));
        if (known == lookups_.end() || !known->second.answered || now() - known->second.since > answer_good_for) {
            report.wait = ReportWait::cmdb;
            report.triage = "waits for the CMDB, which is asked who had " + report.address + " at " + format_rfc3339(report.summary.observed_at);
            return std::nullopt;
        }
    }
    if (found.vm) return std::move(found.vm);
    report.triage = found.who.reason;
    if (question) report.wait = ReportWait::history;
    return std::nullopt;
}

/// A report that waited, with what is known now.
void Desk::file_anew(StoredReport report, bool may_ask) {
    (void)ports_.storage.transaction([&]() -> Result<void> {
        const auto vm = holder_at_the_time(report, may_ask);
        if (vm && by_a_stranger(report)) report.triage = why_no_stranger_may(*vm, report.summary.type);
        if (vm && report.triage.empty() && !joins_open_case(*vm, report.summary.type)) report.triage = why_throttled(report.reporter);
        if (!vm || !report.triage.empty()) {
            ports_.storage.put_report(report);
            return {};
        }
        spdlog::info("report={} vm={} text=\"found by what is known of {} now\"", report.id.text(), vm->id.text(), report.address);
        const auto filed = file(report, *vm, "addresses");
        if (!filed) {
            report.triage = "it could not be filed: " + filed.error().text;
            ports_.storage.put_report(report);
        }
        return {};
    });
}

/// With the ticks: reports of whose addresses there is news.
void Desk::look_again() {
    for (StoredReport& report : ports_.storage.waiting_reports(ReportWait::again, looked_at_again)) file_anew(std::move(report), true);
}

// ---- what brings news ---------------------------------------------------------------------------------------------

void Desk::wake_for(const AddressSpan& span, int64_t& woken) {
    const Instant from = span.earlier ? Instant{} : span.from - std::min(options_.address_skew, Seconds(span.from.time_since_epoch()));
    const Instant until = span.until ? *span.until + options_.address_skew : end_of_time;
    if (size_t(woken) < most_woken) woken += ports_.storage.wake_reports(span.prefix, from, until, most_woken - size_t(woken));
}

Result<SpansTaken> Desk::take_spans(const std::vector<AddressSpan>& spans) {
    SpansTaken out;
    const auto done = ports_.storage.transaction([&]() -> Result<void> {
        for (AddressSpan span : spans) {
            const auto vm = span.vm.empty() ? ports_.storage.vm_by_name(span.vm_name) : ports_.storage.find_vm(span.vm);
            if (vm) span.vm = vm->id, span.vm_name = vm->name;
            else ++out.unknown_vms;
            switch (ports_.storage.put_span(span)) {
                case SpanChange::none: ++out.unchanged; continue;
                case SpanChange::added: ++out.added; break;
                case SpanChange::changed: ++out.changed; break;
            }
            wake_for(span, out.woken);
        }
        return {};
    });
    if (!done) return fail(done.error());
    return out;
}

void Desk::put_vm(const Vm& vm) {
    (void)ports_.storage.transaction([&]() -> Result<void> {
        const auto before = ports_.storage.find_vm(vm.id);
        Vm after = vm;
        if (before) after.host_addresses = before->host_addresses;   // its host's to say
        ports_.storage.put_vm(after);
        note_addresses(before ? &*before : nullptr, after);
        if (before) note_host_addresses(*before, after);
        return {};
    });
}

/// Closes the intervals of addresses that the VM no longer has and opens those of new ones. A VM that passes to another customer
/// keeps its addresses and begins new intervals, so that nobody answers for what came before him.
void Desk::note_addresses(const Vm* before, const Vm& after) {
    int64_t woken = 0;
    const auto open_of = [&](const Prefix& prefix) -> std::optional<AddressSpan> {
        for (auto& span : ports_.storage.spans_of(prefix.network, 0, now(), now(), most_spans))
            if (span.source == AddressSource::inventory && span.vm == after.id && !span.until && span.prefix == prefix) return std::move(span);
        return std::nullopt;
    };
    const auto put = [&](const AddressSpan& span) {
        (void)ports_.storage.put_span(span);
        wake_for(span, woken);
    };
    const bool passed_on = before && !before->customer.empty() && before->customer != after.customer;
    if (before)
        for (const auto& text : before->addresses) {
            const auto prefix = one_vms(text);
            const bool stays = std::find(after.addresses.begin(), after.addresses.end(), text) != after.addresses.end();
            if (!prefix || (stays && !passed_on)) continue;
            auto span = open_of(*prefix);
            // Never noted: it had it when it was last seen, and nobody knows since when.
            if (!span)
                span = AddressSpan{*prefix, 0, last_port_there_is, std::min(before->seen_at, now() - Seconds(1)), {}, true,
                                   before->id, before->name, before->customer, AddressSource::inventory, now()};
            span->until = now();
            put(*span);
        }
    for (const auto& text : after.addresses) {
        const auto prefix = one_vms(text);
        if (!prefix || open_of(*prefix)) continue;
        // The first that anybody is seen to have it: perhaps it was so before.
        const auto others = ports_.storage.spans_of(prefix->network, 0, now(), Instant{}, most_spans);
        const bool first = std::all_of(others.begin(), others.end(), [](const AddressSpan& s) { return s.source == AddressSource::lease; });
        put(AddressSpan{*prefix, 0, last_port_there_is, now(), {}, first, after.id, after.name, after.customer,
                        AddressSource::inventory, now()});
    }
}

// ---- the CMDB -----------------------------------------------------------------------------------------------------

/// With the ticks: asks for those that wait, and takes up those whose question was answered.
void Desk::ask_cmdb() {
    auto waiting = ports_.storage.waiting_reports(ReportWait::cmdb, waiting_seen);
    if (waiting.empty()) return;
    if (lookups_.size() > lookups_kept) std::erase_if(lookups_, [&](const auto& entry) { return now() - entry.second.since > answer_good_for; });
    size_t under_way = 0, taken = 0;
    for (const auto& [key, lookup] : lookups_) under_way += !lookup.answered && now() - lookup.since < cmdb_answer_lost_after;
    for (StoredReport& report : waiting) {
        const auto question = question_of(report);
        const std::string key = question ? key_of(*question) : std::string();
        const auto known = lookups_.find(key);
        const bool answered = known != lookups_.end() && known->second.answered && now() - known->second.since <= answer_good_for;
        if (!ports_.lookup || !question || answered) {
            if (++taken > looked_at_again) return;
            file_anew(std::move(report), true);
            continue;
        }
        const bool asked = known != lookups_.end() && !known->second.answered && now() - known->second.since < cmdb_answer_lost_after;
        if (asked || under_way >= asked_at_once || now() < cmdb_again_) continue;
        ++under_way;
        lookups_[key] = Lookup{now(), false};
        leaving_.push_back([this, key, question = *question] {
            ports_.lookup->ask(question, [this, key, question](AddressAnswer answer) {
                auto back = [key, question, answer](Desk& desk) { desk.cmdb_answered(key, question, answer); };
                if (come_back_) come_back_(std::move(back));
                else back(*this);
            });
        });
    }
}

void Desk::cmdb_answered(const std::string& key, const AddressQuestion& question, const AddressAnswer& answer) {
    if (answer.answered) {
        cmdb_failures_ = 0;
        cmdb_again_ = {};
        std::vector<AddressSpan> spans;
        for (AddressSpan span : answer.spans) {
            if (!holds(span.prefix, question.address) || span.from > now()) continue;
            // What holds still is known until now: of later observations it is asked again.
            if (!span.until || *span.until > now()) span.until = now() + Seconds(1);
            if (*span.until > span.from) spans.push_back(std::move(span));
        }
        (void)take_spans(spans);
        if (!answer.trouble.empty()) spdlog::warn("cmdb address={} text=\"{}\"", text_of(question.address), answer.trouble);
        leaving_.push_back([this, key] { lookups_[key] = Lookup{now(), true}; });
        return;
    }
    ++cmdb_failures_;
    cmdb_again_ = now() + cmdb_pause(cmdb_failures_);
    lookups_.erase(key);
    spdlog::warn("cmdb failed {} times, again at {}: {}", cmdb_failures_, format_rfc3339(cmdb_again_), answer.trouble);
    for (StoredReport& report : ports_.storage.waiting_reports(ReportWait::cmdb, waiting_seen))
        if (now() - report.received_at > cmdb_patience &&
            locate(report.address, report.port, report.summary.observed_at).vm)
            file_anew(std::move(report), false);
}

}  // namespace bailiff
