// SPDX-License-Identifier: Apache-2.0

#include "tests/simulation/invariants.hpp"

#include "controller/core/sources.hpp"
#include "controller/storage/chain.hpp"

#include <algorithm>
#include <set>

namespace bailiff::test {
namespace {

std::vector<core::Case> all_cases(SimWorld& w) { return w.storage().list_cases({std::nullopt, false, VmId(), CustomerId(), CaseId(), 100000}); }

template <class T>
const T* as(const core::HistoryItem& item) { return std::get_if<T>(&item.fact); }

Broken fold_equals_row(SimWorld& w) {
    Broken out;
    for (const auto& row : all_cases(w)) {
        core::Case folded;
        for (const auto& item : w.storage().history(row.id, 0, 100000)) folded = core::evolve(std::move(folded), item);
        if (!(folded == row)) out.push_back(row.id.text() + ": the fold of its history is not its row");
    }
    return out;
}

Broken chain_is_intact(SimWorld& w) {
    AuditAnchors anchors;
    anchors.checkpoints = w.storage().checkpoints();
    anchors.keys = {{w.signer().key.key_id(), w.signer().key}};
    std::map<CaseId, int64_t> rows;
    for (const auto& c : all_cases(w)) rows[c.id] = c.revision;
    anchors.cases = rows;
    const auto fault = verify_chain(w.storage().chain(0, 10'000'000), anchors);
    return fault ? Broken{fault->text} : Broken{};
}

Broken no_sanction_before_its_deadline(SimWorld& w) {
    Broken out;
    for (const auto& row : all_cases(w)) {
        const core::Policy& policy = *w.desk().policies().find(row.policy, row.policy_revision);
        const core::Calendar& calendar = *w.desk().policies().calendar_of(policy);
        const bool has_call = std::any_of(policy.ladder.begin(), policy.ladder.end(), [](const auto& s) { return s.waits_for == core::WaitsFor::call; });
        Instant since{};
        Seconds left{0};
        bool runs = false, called = false;
        core::StepClock clock = core::StepClock::working;
        for (const auto& item : w.storage().history(row.id, 0, 100000)) {
            if (const auto* f = as<core::RungStarted>(item)) since = item.at, left = f->left, runs = true, clock = policy.ladder[size_t(f->index)].clock;
            if (const auto* f = as<core::LadderStopped>(item); f && f->why != "sanction") runs = false, left = f->left;
            if (as<core::HoldLifted>(item) || as<core::Unmuted>(item)) since = item.at, runs = true;
            if (const auto* f = as<core::Extended>(item); f && !f->resolution) since = item.at, left = f->left;
            if (const auto* f = as<core::CallLogged>(item); f && f->outcome != core::CallOutcome::wrong_number) called = true;
            const auto* demanded = as<core::StateDemanded>(item);
            if (!demanded || !demanded->sanction) continue;
            if (has_call && !called) out.push_back(row.id.text() + ": a sanction without a logged call");
            if (item.actor != "clock") continue;  // a person may enforce at any time, in a review
            const Seconds passed = clock == core::StepClock::working ? calendar.between(since, item.at).amount : item.at - since;
            if (!runs || passed < left) out.push_back(row.id.text() + ": a sanction before the step's time had passed");
        }
    }
    return out;
}

/// The case as it was when the clock demanded a sanction, with the reports that it had then.
Broken no_sanction_by_silence_with_too_few_sources(SimWorld& w) {
    Broken out;
    for (const auto& row : all_cases(w)) {
        const core::Policy& policy = *w.desk().policies().find(row.policy, row.policy_revision);
        core::Case c;
        for (const auto& item : w.storage().history(row.id, 0, 100000)) {
            const auto* demanded = as<core::StateDemanded>(item);
            if (demanded && demanded->sanction && item.actor == "clock") {
                const core::Sources found = core::sources_of(c, policy);
                if (!found.ascertained && int64_t(found.independent.size()) < policy.sources) out.push_back(row.id.text() + ": a sanction by silence with too few sources");
            }
            c = core::evolve(std::move(c), item);
        }
    }
    return out;
}

Broken muted_cases_demand_nothing(SimWorld& w) {
    Broken out;
    for (const auto& row : all_cases(w)) {
        core::Case c;
        for (const auto& item : w.storage().history(row.id, 0, 100000)) {
            if (as<core::StateDemanded>(item) && !c.muted_by.empty()) out.push_back(row.id.text() + ": it demanded a state of its VM while it stood still for " + c.muted_by.text());
            if (as<core::RungStarted>(item) && item.actor == "clock" && !c.muted_by.empty()) out.push_back(row.id.text() + ": its ladder went on while it stood still");
            c = core::evolve(std::move(c), item);
        }
        if (row.muted_by.empty()) continue;
        const auto by = w.storage().find_case(row.muted_by);
        if (!by || by->phase == core::Phase::closed) out.push_back(row.id.text() + ": it stands still for case " + row.muted_by.text() + ", which is over");
    }
    return out;
}

/// Of two cases that were merged or split, each report is the one's or the other's, and the stored report says whose.
Broken each_report_belongs_to_one_case(SimWorld& w) {
    Broken out;
    std::map<ReportId, CaseId> holder;
    for (const auto& row : all_cases(w)) {
        if (!row.merged_into.empty()) continue;
        if (row.reports.empty()) out.push_back(row.id.text() + ": it has no report left");
        for (const auto& report : row.reports) {
            if (!holder.emplace(report.id, row.id).second) out.push_back(report.id.text() + ": it belongs to " + holder[report.id].text() + " and to " + row.id.text());
            const auto stored = w.storage().find_report(report.id);
            if (!stored || stored->case_id != row.id) out.push_back(report.id.text() + ": " + row.id.text() + " holds it, and it says otherwise");
        }
    }
    return out;
}

Broken closed_cases_leave_vms_as_found(SimWorld& w) {
    Broken out;
    for (const auto& host : w.hosts()) {
        for (auto& [id, vm] : host->host.vms) {
            if (host->host.locks.contains(id)) out.push_back(vm.name + " is still locked");
            if (vm.power != Power::running) out.push_back(vm.name + " does not run");
            if (vm.quarantined) out.push_back(vm.name + " is still in quarantine");
            if (!vm.autostart) out.push_back(vm.name + " lost its autostart");
            for (const auto& nic : vm.nics)
                if (!nic.link_up) out.push_back(vm.name + " has a link that is down");
        }
        for (const auto& [vm, lock] : host->host.locks)
            if (lock.guard) out.push_back("a guard is left on " + host->id.text() + " for " + vm.text());
        for (const auto& path : host->host.overlay_paths()) out.push_back("an overlay is left: " + path);
        for (const auto& [vm, token] : host->host.permits) out.push_back("a permit through the gate is left for " + vm.text());
    }
    return out;
}

Broken off_means_off_on_every_host(SimWorld& w) { return w.started_elsewhere(); }

Broken no_disk_written_without_evidence(SimWorld& w) {
    Broken out;
    for (const auto& host : w.hosts())
        if (host->host.writes_without_evidence > 0) out.push_back(host->id.text() + ": an overlay was committed into a disk whose original is not in evidence");
    return out;
}

Broken restored_only_when_clean(SimWorld& w) {
    Broken out;
    for (const auto& row : all_cases(w)) {
        if (row.outcome != core::Outcome::cleaned && row.outcome != core::Outcome::found_clean) continue;
        bool clean = false;
        JobId incomplete;
        std::set<std::string> people;
        for (const auto& item : w.storage().history(row.id, 0, 100000))
            if (const auto* job = as<core::JobFinished>(item)) {
                if (job->kind == JobKind::clean) clean = false;
                if (job->kind != JobKind::scan) continue;
                clean = job->verdict == ScanVerdict::clean;
                incomplete = job->verdict == ScanVerdict::incomplete ? job->job_id : JobId();
                people.clear();
            } else if (const auto* accepted = as<core::IncompleteAccepted>(item); accepted && accepted->scan_job == incomplete) {
                people.insert(item.actor);
                clean = people.size() == 2;
            }
        if (!clean) out.push_back(row.id.text() + ": restored as clean without a clean scan after the last write");
    }
    return out;
}

Broken orders_apply_in_their_order(SimWorld& w) {
    Broken out;
    std::map<VmId, std::vector<StoredOrder>> by_vm;
    for (const auto& row : all_cases(w))
        for (auto& order : w.storage().orders_of(row.id))
            if (order.answer && order.answer->status == AnswerStatus::done) by_vm[order.order.vm_uuid].push_back(order);
    for (auto& [vm, orders] : by_vm) {
        std::sort(orders.begin(), orders.end(), [](const auto& a, const auto& b) { return a.order.vm_generation < b.order.vm_generation; });
        for (size_t i = 1; i < orders.size(); ++i)
            if (orders[i].answer->at < orders[i - 1].answer->at) out.push_back(vm.text() + ": an order was applied after a newer one");
    }
    return out;
}

Broken mails_are_owed_and_said_once(SimWorld& w) {
    Broken out;
    std::map<std::string, const Delivered*> first;
    for (const auto& mail : w.mailer().delivered) first.emplace(mail.message_id, &mail);
    std::set<std::string> known;
    for (const auto& row : all_cases(w))
        for (const auto& mail : w.storage().mails_of(row.id)) {
            known.insert(mail.message_id);
            const auto found = first.find(mail.message_id);
            if (mail.state == MailState::sent && found == first.end()) out.push_back(row.id.text() + ": " + mail.due.key + " counts as sent and never was");
            if (mail.state == MailState::due) out.push_back(row.id.text() + ": " + mail.due.key + " is still due");
            const bool last_word = mail.due.notice == core::Notice::restored || mail.due.notice == core::Notice::closed || mail.due.notice == core::Notice::appeal_decided ||
                                   mail.due.key.starts_with("review_needed/appeal-");
            if (found != first.end() && !last_word && row.phase == core::Phase::closed && found->second->at > row.closed_at)
                out.push_back(row.id.text() + ": " + mail.due.key + " was first sent after the case had closed");
        }
    for (const auto& [id, mail] : first)
        if (!known.contains(id)) out.push_back("a mail was sent that no case owed: " + mail->subject);
    return out;
}

Broken everything_settles(SimWorld& w) {
    Broken out;
    if (w.settled()) return out;
    for (const auto& row : all_cases(w))
        if (row.phase != core::Phase::closed) {
            std::string line = row.id.text() + " is still " + std::string(name(row.phase)) + "/" + std::string(name(row.stage)) + ", VM demanded " +
                               std::string(name(row.desired)) + (row.demand_met ? "" : " (unmet)") + (row.held ? ", held" : "");
            for (const auto& order : w.storage().orders_of(row.id))
                line += "; order " + std::string(name(order.order.desired)) + " " + std::string(name(order.state)) + (order.answer ? " " + std::string(name(order.answer->status)) : "");
            for (const auto& job : w.storage().jobs_of(row.id)) line += "; job " + job.key + " " + std::string(name(job.state));
            out.push_back(line);
        }
    for (const auto& host : w.hosts())
        if (!host->runner || !host->runner->idle()) out.push_back(host->id.text() + ": its agent is not idle");
    return out;
}

}  // namespace

const std::vector<Invariant>& invariants() {
    static const std::vector<Invariant> all{
        {"After faults cease, everything settles: no case waits for ever, no mail is left, no agent is busy.", everything_settles},
        {"The fold of every history is the stored case.", fold_equals_row},
        {"The audit chain verifies, with its signed checkpoints and every case's revision.", chain_is_intact},
        {"No VM is sanctioned before its step's time has passed, nor without a logged call where the ladder has one.", no_sanction_before_its_deadline},
        {"No VM is sanctioned by silence with fewer sources than its policy asks for.", no_sanction_by_silence_with_too_few_sources},
        {"A case that stands still for another one demands no state of its VM, and that other one is open.", muted_cases_demand_nothing},
        {"Each report belongs to one case, whatever was merged and split, and says to which.", each_report_belongs_to_one_case},
        {"Every closed case leaves its VM as found: running, unlocked, connected, autostart as before, nothing left behind.", closed_cases_leave_vms_as_found},
        {"A VM ordered off is never started on any host of its cluster while the lock stands.", off_means_off_on_every_host},
        {"No customer's disk is written unless its original lies in evidence.", no_disk_written_without_evidence},
        {"A VM comes back as clean only after a clean scan newer than the last write, or an incomplete one that two people accepted.", restored_only_when_clean},
        {"An order is never applied after a newer one for the same VM.", orders_apply_in_their_order},
        {"Each mail that counts as sent was accepted, under one Message-ID, owed by a case, and none but the last word (or one of an appeal) after closure.", mails_are_owed_and_said_once},
    };
    return all;
}

}  // namespace bailiff::test
