// SPDX-License-Identifier: Apache-2.0
// What people do in the simulated provider: reporters, customers, staff, and whoever starts a machine by hand.

#include "tests/simulation/world.hpp"

#include <array>

namespace bailiff::test {

void SimWorld::act(const CaseId& id, const core::Input& input, const std::string& actor) {
    turn([&](Desk& desk) { (void)desk.act(id, input, actor); });  // a refusal is as legitimate here as at a real desk
}

void SimWorld::reports() {
    static constexpr std::array types{"content/malware", "content/malware", "content/malware", "messaging/spam", "connection/ddos", "connection/high_bandwidth", "content/phishing"};
    static constexpr std::array reporters{"cert@reporter.example", "Abuse <abuse@mail.reporter.example>", "soc@bank.example"};
    const VmId vm = vms_[random_.below(vms_.size())];
    ReportInput report;
    report.type = types[random_.below(types.size())];
    report.vm = vm.text();
    report.reporter = reporters[random_.below(reporters.size())];
    report.ascertained = chance(100);
    report.summary = "seen";
    // Malware is often really there; sometimes the report is wrong.
    SimHost& home = *home_[vm];
    if (report.type.starts_with("content/malware") && chance(700) && home.host.vm(vm).power == Power::running && !home.host.locks.contains(vm))
        home.host.plant(vm, "/var/www/bad" + std::to_string(random_.below(3)) + ".php", "<?php EICAR");
    // What a customer encrypts no engine reads.
    if (chance(100) && home.host.vm(vm).power == Power::running && !home.host.locks.contains(vm)) home.host.plant(vm, "/home/vault.kdbx", "ENCRYPTED");
    turn([&](Desk& desk) { (void)desk.report(report, "staff:ravi"); });
}

void SimWorld::customers(const core::Case& c) {
    if (!chance(quiet_ ? 2 : 6)) return;
    static constexpr std::array kinds{core::ReplyKind::acknowledged, core::ReplyKind::fixed, core::ReplyKind::fixed, core::ReplyKind::fix_request, core::ReplyKind::dispute};
    core::Reply reply;
    reply.kind = kinds[random_.below(kinds.size())];
    if (reply.kind == core::ReplyKind::fixed) {
        reply.steps = "removed it";
        if (random_.below(2)) reply.root_cause = reply.prevention = "a weak password";
    }
    act(c.id, core::RecordReply{reply}, "customer");
}

void SimWorld::staff(const core::Case& c, const core::Dues& dues) {
    const int64_t zeal = quiet_ ? 300 : 60;
    if (dues.call && chance(zeal)) {
        static constexpr std::array outcomes{core::CallOutcome::no_answer, core::CallOutcome::voicemail, core::CallOutcome::reached, core::CallOutcome::wrong_number};
        act(c.id, core::LogCall{"Asha", "+91", outcomes[random_.below(outcomes.size())], ""}, "staff:ravi");
    }
    if (c.phase == core::Phase::review && chance(zeal)) {
        static constexpr std::array decisions{core::Decision::resume, core::Decision::enforce, core::Decision::accept, core::Decision::dismiss, core::Decision::treat};
        act(c.id, core::Decide{decisions[random_.below(decisions.size())], "looked at it"}, "staff:meera");
    }
    // Either of two people, so that one alone now and then tries twice.
    if (!c.incomplete_scan.empty() && chance(2 * zeal)) act(c.id, core::AcceptIncomplete{c.incomplete_scan, "looked at the list", ""}, random_.below(2) ? "staff:meera" : "staff:ravi");
    if (c.phase == core::Phase::treatment && (c.stage == core::Stage::clean_decision || c.stage == core::Stage::restore_decision) && chance(zeal))
        act(c.id, core::Approve{c.stage, "go on"}, "staff:meera");
    if (c.phase == core::Phase::sanctioned && c.demand_met && chance(quiet_ ? 50 : 5)) act(c.id, core::AskReview{"it has been long"}, "staff:ravi");
    if (c.held) {
        if (chance(quiet_ ? 500 : 20)) act(c.id, core::LiftHold{"go"}, "staff:ravi");
    } else if (!quiet_ && chance(2)) {
        act(c.id, core::PlaceHold{"wait"}, "staff:ravi");
    }
    if (!quiet_ && chance(2)) act(c.id, core::Extend{Seconds(3600), "asked for it"}, "staff:ravi");
    if (!quiet_ && chance(1)) act(c.id, core::Close{"nothing to do"}, "staff:meera");
}

/// Two cases that somebody takes for one, one that he takes for two, and second thoughts.
void SimWorld::case_desk(const core::Case& c) {
    if (chance(10)) {
        for (const CaseId& other : storage_->open_cases_of(c.vm))
            if (other != c.id) return void(turn([&](Desk& desk) { (void)desk.merge(c.id, other, false, "one matter", "staff:ravi"); }));
    }
    if (!c.merged.empty() && chance(20)) turn([&](Desk& desk) { (void)desk.undo(c.id, c.merged.back().id, "two matters", "staff:meera"); });
    if (!c.splits.empty() && chance(20)) turn([&](Desk& desk) { (void)desk.undo(c.id, c.splits.back().into, "one matter", "staff:meera"); });
    if (c.reports.size() > 1 && chance(10)) {
        SplitRequest request;
        request.reports = {c.reports[random_.below(c.reports.size())].id};
        request.to_triage = chance(500);
        request.reason = "another matter";
        turn([&](Desk& desk) { (void)desk.split(c.id, request, "staff:meera"); });
    }
    if (c.sanctioned_once && c.appeals.size() < 3 && chance(10)) act(c.id, core::LodgeAppeal{"it was not us", core::Channel::mail}, "customer");
}

/// Whoever has time decides; those who had a hand in the case are sent away.
void SimWorld::appeals() {
    static constexpr std::array judges{"staff:meera", "staff:ravi", "staff:anil", "staff:vera", "staff:ida", "staff:jon", "staff:kim"};
    for (const auto& due : storage_->due(clock_.now() + Seconds(365 * 86400), 1000)) {
        const auto c = storage_->find_case(due.id);
        if (!c || !core::pending_appeal(*c) || !chance(quiet_ ? 300 : 10)) continue;
        act(due.id, core::DecideAppeal{chance(300), "looked at it", "", false}, judges[random_.below(judges.size())]);
    }
}

/// Somebody with virsh, a guest that dies, a connection that breaks, a mail server that goes away.
void SimWorld::mischief() {
    if (!faults_) return;
    if (chance(5)) break_connection(*hosts_[random_.below(hosts_.size())]);
    if (chance(3)) mailer_.away = !mailer_.away;
    mailer_.lost_answers_percent = 5;
    if (chance(10)) {
        const VmId vm = vms_[random_.below(vms_.size())];
        home_[vm]->host.start_by_hand(vm);
    }
}

/// HA that finds a VM off starts it on another host of the cluster, as CloudStack and Masakari do: at any time, also
/// while agents and controller are down. Only the start gate stands in its way.
void SimWorld::high_availability() {
    if (plan_.seed % 4 == 0) return;
    for (const VmId& vm : vms_) {
        const Power power = home_[vm]->host.vm(vm).power;
        if ((power != Power::off && power != Power::crashed) || !chance(300)) continue;
        const SimHost& other = *hosts_[random_.below(hosts_.size())];
        if (&other == home_[vm]) continue;
        if (other.host.lets_start(vm)) started_elsewhere_.push_back(format_rfc3339(clock_.now()) + ": " + vm.text() + " was started on " + other.id.text());
        else ++refused_elsewhere_;
    }
}

void SimWorld::people() {
    if (!quiet_ && chance(15)) reports();
    mischief();
    high_availability();
    appeals();
    for (const auto& c : storage_->list_cases({std::nullopt, true, VmId(), CustomerId(), CaseId(), 1000})) {
        const auto view = desk_->view(c.id);
        if (!view) continue;
        customers(view->c);
        if (const auto again = desk_->view(c.id); again && again->c.phase != core::Phase::closed) staff(again->c, again->dues);
        if (const auto again = storage_->find_case(c.id); again && !quiet_ && again->phase != core::Phase::closed) case_desk(*again);
    }
}

}  // namespace bailiff::test
