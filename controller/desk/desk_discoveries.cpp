// SPDX-License-Identifier: Apache-2.0
// What the hosts' own sweeps find becomes a report: with enough weight it opens a case, without it waits for a person.
//
//   discovery ── not a VM of this host ──> refused, logged
//             ── known: in triage, or in a case that is open ──> nothing new
//             ── enough weight, and the day's brake not reached ──> a case, or a further report of the open one
//             ── else ──> triage, with the reason

#include "controller/desk/desk.hpp"

#include "controller/core/discovery.hpp"

#include <bailiff/clean_text.hpp>

#include <algorithm>
#include <spdlog/spdlog.h>

namespace bailiff {

Message Desk::welcome() { return Welcome{ports_.storage.epoch(), now(), {std::string(discovery_type)}}; }

/// The newest report of the same contents in the same VM says whether they are news: not while a person has still to look
/// at it, nor while its case is open. After the case, they are: somebody did not clean up.
bool Desk::known_discovery(const std::string& fingerprint) {
    const auto known = ports_.storage.report_by_fingerprint(fingerprint);
    if (!known) return false;
    if (known->case_id.empty()) return true;
    const auto c = ports_.storage.find_case(known->case_id);
    return c && c->phase != core::Phase::closed;
}

/// Cases that our own scans have opened since then.
int64_t Desk::discovered_since(Instant since) {
    int64_t found = 0;
    CaseFilter filter;
    for (;;) {
        const auto page = ports_.storage.list_cases(filter);
        for (const auto& c : page) {
            if (c.opened_at < since) return found;
            found += !c.reports.empty() && core::is_own_scan(c.reports.front().reporter);
        }
        if (page.size() < filter.limit) return found;
        filter.before = page.back().id;
    }
}

/// Why no case opens by itself; empty when one does. What was decided to be a false positive, and a signature that is wrong
/// about every VM, must not reach customers before a person has looked.
std::string Desk::why_a_person_first(const Vm& vm, const Discovery& discovery, const std::string& fingerprint) {
    const core::Policy* policy = core::policy_for(core::discovery_report_type, policies_.in_force);
    if (!policy) return "";   // `file` says so
    const core::DiscoveryRule& rule = policy->discovery;
    const int64_t weight = core::weight_of(rule, discovery.hits);
    const auto cases = ports_.storage.open_cases_of(vm.id);
    const auto open = std::find_if(cases.begin(), cases.end(), [&](const CaseId& id) {
        const auto c = ports_.storage.find_case(id);
        return c && c->policy == policy->id;
    });
    const std::string remedy = ". Look at what was found, then give it its VM";
    if (const auto known = ports_.storage.report_by_fingerprint(fingerprint))
        if (const auto c = ports_.storage.find_case(known->case_id); c && c->outcome == core::Outcome::false_positive)
            return "case " + c->id.text() + " was dismissed as a false positive, and our own scan has found the same contents again" + remedy;
    if (weight < rule.opens_at)
        return "what our own scan found weighs " + std::to_string(weight) + ", and the policy " + policy->id.text() + " opens a case at " +
               std::to_string(rule.opens_at) + (open == cases.end() ? "" : "; case " + open->text() + " of this VM is open") + remedy;
    if (open != cases.end() || discovered_since(now() - Seconds(86400)) < rule.cases_per_day) return "";
    return "our own scans have opened " + std::to_string(rule.cases_per_day) + " cases within a day, which is as many as the policy " +
           policy->id.text() + " lets open by themselves: a signature may be wrong" + remedy;
}

Result<void> Desk::on_discovery(const HostId& host, const Discovery& discovery) {
    const auto vm = ports_.storage.find_vm(discovery.vm);
    if (!vm || vm->gone || vm->host != host) {
        // A host speaks for its own VMs. One that has just moved is swept again where it is now.
        spdlog::warn("host={} vm={} text=\"a discovery in a VM that is not this host's is refused\"", host.text(), discovery.vm.text());
        return {};
    }
    if (discovery.hits.empty()) return {};
    StoredReport report;
    report.fingerprint = core::fingerprint_of(discovery.vm, discovery.hits);
    if (known_discovery(report.fingerprint)) {
        spdlog::info("host={} vm={} text=\"found again what is known already\"", host.text(), vm->id.text());
        return {};
    }
    report.id = ports_.storage.next_report_id();
    report.summary = {report.id, std::string(core::discovery_report_type), core::own_scan_on(host), std::min(discovery.at, now()), core::evidence_of(discovery)};
    report.summary.ascertained = true;
    report.vm_hint = vm->id.text();
    report.raw = dump_json(codec::json_of(discovery));
    report.received_at = now();
    report.triage = why_a_person_first(*vm, discovery, report.fingerprint);
    if (!report.triage.empty()) {
        spdlog::info("host={} vm={} report={} triage=\"{}\"", host.text(), vm->id.text(), report.id.text(), report.triage);
        ports_.storage.put_report(report);
        return {};
    }
    const auto filed = file(std::move(report), *vm, "host:" + host.text());
    if (!filed) return fail(filed.error());
    return {};
}

}  // namespace bailiff
