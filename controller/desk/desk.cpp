// SPDX-License-Identifier: Apache-2.0
// Reports become cases, inputs become history, and the clock takes what is due.

#include "controller/core/sources.hpp"
#include "controller/desk/desk.hpp"

#include <algorithm>
#include <cassert>
#include <spdlog/spdlog.h>
#include <tuple>

namespace bailiff {

using core::Case;

Desk::Desk(Ports ports, core::PolicySet policies, DeskOptions options)
    : ports_(ports), policies_(std::move(policies)), options_(std::move(options)) {
    options_.order_life = std::min(options_.order_life, longest_order_life);
}

const core::Policy& Desk::policy_of(const Case& c) const {
    const core::Policy* policy = policies_.find(c.policy, c.policy_revision);
    if (!policy)
        throw StorageOutage("Case " + c.id.text() + " pins policy " + c.policy.text() + " revision " + std::to_string(c.policy_revision) +
                            ", which is not loaded; put that revision's file back.");
    return *policy;
}

const core::Calendar& Desk::calendar_of(const core::Policy& policy) const {
    const core::Calendar* calendar = policies_.calendar_of(policy);
    if (!calendar) throw StorageOutage("Calendar " + policy.calendar + " of policy " + policy.id.text() + " is not loaded; put its file back.");
    return *calendar;
}

void Desk::replace_policies(core::PolicySet policies) {
    for (auto& [id, policy] : policies_.in_force) policies.older.emplace(std::pair(id, policy.revision), policy);
    for (auto& entry : policies_.older) policies.older.insert(entry);
    for (auto& entry : policies_.calendars) policies.calendars.insert(entry);
    policies_ = std::move(policies);
}

// ---- one turn -----------------------------------------------------------------------------------------------------

namespace {

/// The queue of calls holds the ladder's and the promised ones, each from its own time on.
Standing standing_of(const core::Dues& dues) {
    Standing out(dues.deadline, dues.call ? std::optional(dues.call->since) : std::nullopt);
    if (!dues.call_back) return out;
    out.call_since = out.call_since ? std::min(*out.call_since, dues.call_back->at) : dues.call_back->at;
    if (!dues.call_back->told) out.call_back = dues.call_back->at;
    return out;
}

}  // namespace

Result<CaseView> Desk::write(Case before, const std::vector<core::Fact>& facts, const std::string& actor, int64_t stored) {
    const bool was_closed = before.phase == core::Phase::closed;
    const auto counts_for_mutes = [](const Case& c) { return std::tuple(c.phase != core::Phase::closed, c.reports.size(), c.demand > 0); };
    const auto stood = stored > 0 ? counts_for_mutes(before) : std::tuple(false, size_t{0}, false);
    Case after = std::move(before);
    const auto items = core::stamp(after, facts, now(), actor);
    const core::Policy& policy = policy_of(after);
    core::Dues dues = core::owed(after, policy, calendar_of(policy));
    if (items.empty()) return CaseView{std::move(after), std::move(dues), policy.title};
    if (auto saved = ports_.storage.save(stored, after, items, standing_of(dues)); !saved) return fail(saved.error());
    owe_dial(after, dues);
    enter_facts(after, items);
    dispatch(after, dues);
    owe_notices(after, dues);
    if (after.phase == core::Phase::closed && after.demand > 0)
        for (const CaseId& sibling : ports_.storage.open_cases_of(after.vm)) dispatch_again(sibling);
    if (after.phase == core::Phase::closed && !was_closed) judge_reporters(after);
    leaving_.push_back([this, id = after.id, items] { ports_.watchers.changed(id, items); });
    for (const auto& item : items)
        spdlog::info("case={} revision={} actor={} fact={} text=\"{}\"", after.id.text(), item.revision, item.actor, core::word_of(item.fact),
                     core::describe(item.fact));
    // After its own facts have left: what they do to its neighbours, and at its opening to itself, is told after them.
    if (stood != counts_for_mutes(after)) settle_mutes(after.vm);
    return CaseView{std::move(after), std::move(dues), policy.title};
}

Result<CaseView> Desk::act(const CaseId& id, const core::Input& input, const std::string& actor) {
    Result<CaseView> out = fail(Errc::not_found, "There is no case " + id.text() + "; `bailiffctl case list` shows those there are.");
    const auto done = ports_.storage.transaction([&]() -> Result<void> {
        auto c = ports_.storage.find_case(id);
        if (!c) return fail(out.error());
        const core::Policy& policy = policy_of(*c);
        core::Input meant = input;
        if (auto* acceptance = std::get_if<core::AcceptIncomplete>(&meant)) acceptance->by = actor;
        if (auto* appeal = std::get_if<core::DecideAppeal>(&meant)) {
            appeal->by = actor;
            appeal->took_part = took_part(id, actor);
        }
        if (const auto* assign = std::get_if<core::Assign>(&meant); assign && !assign->assignee.empty()) {
            const auto accounts = ports_.storage.accounts();
            const auto named = std::find_if(accounts.begin(), accounts.end(), [&](const Account& a) { return a.name == assign->assignee && !a.disabled; });
            if (named == accounts.end()) return fail(Errc::not_found, "There is no account '" + assign->assignee + "' in use; `bailiffctl account list` shows those there are.");
        }
        auto facts = core::decide(*c, meant, policy, calendar_of(policy), now());
        if (!facts) return fail(facts.error());
        if (std::holds_alternative<core::DeadlineReached>(meant))
            if (const std::string why = braked(*c, *facts); !why.empty()) facts = core::decide(*c, core::AskReview{why}, policy, calendar_of(policy), now());
        if (!facts) return fail(facts.error());
        const int64_t stored = c->revision;
        out = write(std::move(*c), *facts, actor, stored);
        if (!out) return fail(out.error());
        if (const auto* call = std::get_if<core::LogCall>(&meant)) mark_phone(out->c, *call);
        return {};
    });
    if (!done) return fail(done.error());
    return out;
}

/// Whoever decided anything in a case, or was himself the witness that it rests on.
bool Desk::took_part(const CaseId& id, const std::string& actor) {
    constexpr size_t page = 200;
    for (int64_t after = 0;;) {
        const auto items = ports_.storage.history(id, after, page);
        for (const core::HistoryItem& item : items) {
            after = item.revision;
            if (item.actor != actor) continue;
            const auto* opened = std::get_if<core::CaseOpened>(&item.fact);
            const auto* added = std::get_if<core::ReportAdded>(&item.fact);
            const bool decided = std::holds_alternative<core::ReviewDecided>(item.fact) || std::holds_alternative<core::StageApproved>(item.fact) ||
                                 std::holds_alternative<core::IncompleteAccepted>(item.fact) || std::holds_alternative<core::CaseClosed>(item.fact) ||
                                 std::holds_alternative<core::AppealDecided>(item.fact);
            if (decided || (opened && opened->report.ascertained) || (added && added->report.ascertained)) return true;
        }
        if (items.size() < page) return false;
    }
}

Result<CaseView> Desk::view(const CaseId& id) {
    auto c = ports_.storage.find_case(id);
    if (!c) return fail(Errc::not_found, "There is no case " + id.text() + "; `bailiffctl case list` shows those there are.");
    const core::Policy& policy = policy_of(*c);
    core::Dues dues = core::owed(*c, policy, calendar_of(policy));
    return CaseView{std::move(*c), std::move(dues), policy.title};
}

// ---- reports --------------------------------------------------------------------------------------------------------

namespace {

std::optional<Vm> named_vm(Directory& directory, const ReportInput& input, std::string& why) {
    if (!input.vm.empty()) {
        auto vm = directory.find_vm(VmId(input.vm));
        if (!vm) why = "no VM " + input.vm + " is known";
        return vm;
    }
    if (!input.vm_name.empty()) {
        auto vm = directory.vm_by_name(input.vm_name);
        if (!vm) why = "no VM, or more than one, has the name " + input.vm_name;
        return vm;
    }
    why = "the report names no VM and no address";
    return std::nullopt;
}

}  // namespace

Result<ReportOutcome> Desk::report(const ReportInput& input, const std::string& actor) {
    ReportOutcome out;
    const auto done = ports_.storage.transaction([&]() -> Result<void> {
        StoredReport report;
        report.id = ports_.storage.next_report_id();
        const std::string type = core::normal_type(input.type);
        report.summary = {report.id, type.empty() ? input.type : type, input.reporter, input.observed_at == Instant{} ? now() : input.observed_at,
                          input.summary};
        report.summary.ascertained = input.ascertained;
        report.address = input.address;
        report.vm_hint = input.vm.empty() ? input.vm_name : input.vm;
        report.raw = input.raw;
        report.received_at = now();
        report.port = input.port;
        const auto vm = input.vm.empty() && !input.address.empty() ? holder_at_the_time(report, true) : named_vm(ports_.storage, input, report.triage);
        if (report.summary.observed_at > now() + clock_tolerance) report.triage = "it says it was observed in the future", report.wait = ReportWait::nothing;
        if (!vm || !report.triage.empty()) {
            ports_.storage.put_report(report);
            out = {report.id, {}, false, report.triage};
            return {};
        }
        auto filed = file(std::move(report), *vm, actor);
        if (!filed) return fail(filed.error());
        out = *filed;
        return {};
    });
    if (!done) return fail(done.error());
    return out;
}

Result<ReportOutcome> Desk::resolve_report(const ReportId& id, const VmId& vm_id, const std::string& actor) {
    ReportOutcome out;
    const auto done = ports_.storage.transaction([&]() -> Result<void> {
        auto report = ports_.storage.find_report(id);
        if (!report) return fail(Errc::not_found, "There is no report " + id.text() + ".");
        if (!report->case_id.empty()) return fail(Errc::conflict, "Report " + id.text() + " belongs to case " + report->case_id.text() + " already.");
        const auto vm = ports_.storage.find_vm(vm_id);
        if (!vm) return fail(Errc::not_found, "There is no VM " + vm_id.text() + "; `bailiffctl vm list` shows those there are.");
        auto filed = file(std::move(*report), *vm, actor);
        if (!filed) return fail(filed.error());
        if (!filed->triage.empty()) return fail(Errc::invalid, "The report still cannot become a case: " + filed->triage + ".");
        out = *filed;
        return {};
    });
    if (!done) return fail(done.error());
    return out;
}

/// The open case of the VM that a report under this policy joins: the one under it, or one in which such a case goes on.
std::optional<CaseId> Desk::joins(const VmId& vm, const PolicyId& policy, const CaseId& not_this) {
    std::optional<CaseId> goes_on_in;
    for (const CaseId& id : ports_.storage.open_cases_of(vm)) {
        if (id == not_this) continue;
        const auto open = ports_.storage.find_case(id);
        if (!open) continue;
        if (open->policy == policy) return id;
        const bool holds = std::any_of(open->merged.begin(), open->merged.end(), [&](const core::MergedCase& m) { return m.policy == policy; });
        if (holds && !goes_on_in) goes_on_in = id;
    }
    return goes_on_in;
}

/// A closed case stays closed: its last word was said. What begins again not long after is a new case that names it.
CaseId Desk::predecessor_of(const VmId& vm, const core::Policy& policy) {
    if (policy.reopens_within == Seconds{0}) return {};
    CaseFilter newest;
    newest.vm = vm;
    newest.limit = 20;
    for (const Case& c : ports_.storage.list_cases(newest)) {
        const bool counts = c.phase == core::Phase::closed && c.outcome != core::Outcome::merged && c.outcome != core::Outcome::false_positive;
        if (c.policy == policy.id && counts && now() - c.closed_at <= policy.reopens_within) return c.id;
    }
    return {};
}

/// Whoever is counted by his mail is a stranger; so is one of whom nothing is known.
bool Desk::by_a_stranger(const StoredReport& report) { return !report.delivery.empty() && !report.reporter.text().starts_with("account:"); }

/// Joins the VM's open case under the same policy, or opens one. A report that no policy covers waits in triage.
Result<ReportOutcome> Desk::file(StoredReport report, const Vm& vm, const std::string& actor, const CaseId& split_from) {
    const core::Policy* policy = core::policy_for(report.summary.type, policies_.in_force);
    const auto customer = ports_.storage.find_customer(vm.customer);
    report.triage.clear();
    report.wait = ReportWait::nothing;
    report.settled.clear();
    if (by_a_stranger(report)) report.summary.party = report.reporter.empty() ? std::string(core::unproven_party) : report.reporter.text();
    if (!policy) report.triage = "no policy covers the type '" + report.summary.type + "'";
    else if (!customer) report.triage = "VM " + vm.id.text() + " has no customer; `bailiffctl vm set` names one";
    if (!report.triage.empty()) {
        ports_.storage.put_report(report);
        return ReportOutcome{report.id, {}, false, report.triage};
    }
    if (const auto id = joins(vm.id, policy->id, split_from)) {
        report.case_id = *id;
        ports_.storage.put_report(report);
        auto joined = act(*id, core::AddReport{report.summary}, actor);
        if (!joined) return fail(joined.error());
        note_in_case(report, false);
        return ReportOutcome{report.id, *id, false, ""};
    }
    report.case_id = ports_.storage.next_case_id();
    ports_.storage.put_report(report);
    note_in_case(report, true);
    const core::OpenCase opening{report.case_id, vm.id, vm.name, report.address.empty() && !vm.addresses.empty() ? vm.addresses.front() : report.address,
                                 vm.host, customer->id, customer->name, customer->contact, report.summary,
                                 split_from.empty() ? predecessor_of(vm.id, *policy) : CaseId(), split_from};
    auto opened = write(Case{}, core::open_case(opening, *policy, calendar_of(*policy), now()), actor, 0);
    if (!opened) return fail(opened.error());
    // A policy that waits for nobody acts in the same turn as it opens: no case is ever half begun. One that stands still by
    // then has another revision, and the clock takes nothing.
    if (const auto& due = opened->dues.deadline; due && due->at <= now()) {
        auto acted = act(report.case_id, core::DeadlineReached{opened->c.revision}, "clock");
        if (!acted) return fail(acted.error());
    }
    return ReportOutcome{report.id, report.case_id, true, ""};
}

// ---- the clock --------------------------------------------------------------------------------------------------------

size_t Desk::tick() {
    size_t taken = 0;
    for (const DueCase& due : ports_.storage.due(now(), 500)) {
        const auto acted = act(due.id, core::DeadlineReached{due.revision}, "clock");
        if (acted) ++taken;
        else if (acted.error().code != Errc::conflict) spdlog::error("case={} deadline not taken: {}", due.id.text(), acted.error().text);
    }
    remind_of_call_backs();
    file_waiting();
    look_again();
    ask_cmdb();
    reissue();
    settle_locks();
    send_mails();
    send_reporter_mails();
    tell_webhooks();
    tell_dialler();
    checkpoint();
    forget_old();
    return taken;
}

std::optional<Instant> Desk::next_due() {
    const auto deadline = ports_.storage.next_deadline(), call_back = ports_.storage.next_call_back();
    return deadline && call_back ? std::min(*deadline, *call_back) : deadline ? deadline : call_back;
}

void Desk::flush() {
    while (!leaving_.empty()) {
        const auto act = std::move(leaving_.front());
        leaving_.pop_front();
        act();
    }
}
void Desk::discard() {
    leaving_.clear();
    // What was about to be told was not.
    std::erase_if(dials_under_way_, [](const auto& dial) { return dial.second == Instant{}; });
}

void Desk::checkpoint() {
    const auto known = last_checkpoint_ >= 0 ? last_checkpoint_ : [&] {
        const auto all = ports_.storage.checkpoints();
        return all.empty() ? int64_t{0} : all.back().position;
    }();
    // The chain's head is what lies after the last checkpoint; reading it in pages keeps a long gap cheap.
    const auto page = ports_.storage.chain(known, size_t(options_.checkpoint_every));
    if (page.empty() || int64_t(page.size()) < options_.checkpoint_every) return;
    Checkpoint point{page.back().position, page.back().hash, now(), ""};
    const auto sealed = ports_.signer.seal("application/vnd.bailiff.checkpoint.v1+json",
                                           dump_json(Json{{"position", point.position}, {"hash", point.hash}, {"at", format_rfc3339(point.at)}}));
    if (!sealed) return spdlog::warn("checkpoint not signed: {}", sealed.error().text);
    point.envelope = *sealed;
    ports_.storage.put_checkpoint(point);
    leaving_.push_back([this, position = point.position] { last_checkpoint_ = position; });
}

namespace {
/// As long as an agent keeps an answer that was not acknowledged; and longer than any client repeats a request.
constexpr Seconds frames_kept{30 * 86400}, answers_kept{7 * 86400}, between_forgettings{3600};
}  // namespace

/// What grows with every frame and every request is forgotten by age, in small portions.
void Desk::forget_old() {
    if (now() < next_forget_) return;
    bool more = ports_.storage.forget_before(now() - frames_kept, now() - answers_kept) >= Storage::forget_at_once;
    if (const auto gone = let_go("clock")) more = more || gone->more;
    else spdlog::error("what is over its time stays: {}", gone.error().text);
    leaving_.push_back([this, next = more ? now() : now() + between_forgettings] { next_forget_ = next; });
}

}  // namespace bailiff
