// SPDX-License-Identifier: Apache-2.0
// The lock on hosts that are not the VM's own: before a VM goes off, every host of its cluster holds a guard, since HA
// and panels start what is off somewhere else. What each host said stands in its jobs; nothing else is remembered, so a
// restart finds everything, and an answer that comes twice changes nothing.

#include "controller/desk/desk.hpp"

#include <algorithm>
#include <map>
#include <spdlog/spdlog.h>

namespace bailiff {

using core::Case;

namespace {

bool reached(const StoredJob& job) {
    return job.answer && (job.answer->status == AnswerStatus::done || job.answer->status == AnswerStatus::already);
}

/// States in which another host that started the VM would undo what the case demands.
bool needs_lock(VmState state) { return state == VmState::off || state == VmState::quarantined; }

std::string guard_key(const Case& c, const HostId& host) { return "guard/" + std::to_string(c.demand) + "/" + host.text(); }

/// What one host was asked last, and since when it is asked for the demand that stands.
struct Asked {
    std::optional<StoredJob> last;
    std::optional<Instant> since;
    bool guard() const { return last && last->job.kind == JobKind::guard; }
    bool holds() const { return guard() && last->state == DispatchState::finished && reached(*last); }
    /// From the first guard on until an unguard is confirmed: one that was answered by nobody may have arrived.
    bool may_hold() const { return last && !(last->job.kind == JobKind::unguard && reached(*last)); }
};

std::map<HostId, Asked> asked_hosts(const Case& c, const std::vector<StoredJob>& jobs) {
    std::map<HostId, Asked> out;
    for (const StoredJob& job : jobs) {
        if (!is_guard(job.job.kind)) continue;
        Asked& asked = out[job.job.host];
        if (!asked.last || asked.last->job.seq < job.job.seq) asked.last = job;
        if (job.key == guard_key(c, job.job.host) && (!asked.since || job.job.issued_at < *asked.since)) asked.since = job.job.issued_at;
    }
    return out;
}

}  // namespace

bool is_guard(JobKind kind) { return kind == JobKind::guard || kind == JobKind::unguard; }

/// Enrolled (it connected once) and not banned, with the same word as the VM's own host.
std::vector<HostId> Desk::candidates_of(const Case& c) {
    std::vector<HostId> out;
    const auto own = ports_.storage.find_host(c.host);
    if (!own || own->cluster.empty()) return out;
    for (const Host& host : ports_.storage.hosts())
        if (host.id != c.host && host.cluster == own->cluster && !host.banned && host.seen_at != Instant{}) out.push_back(host.id);
    return out;
}

/// Asks for what is missing, lets go of what is no longer wanted, and says how it stands. `ask`: the case may ask hosts
/// now. `again`: also those that refused already.
Desk::LockCount Desk::keep_guards(const Case& c, bool ask, bool again) {
    LockCount out;
    if (c.demand == 0) return out;
    auto jobs = ports_.storage.jobs_of(c.id);
    auto hosts = asked_hosts(c, jobs);
    const bool closed = c.phase == core::Phase::closed;
    const bool needs = !closed && needs_lock(c.desired);
    // A release under way keeps what is held until the VM runs: only then is nobody tempted to start it elsewhere.
    const bool keeps = needs || (!closed && !c.demand_met);
    const auto withdraw = [&](const HostId& host) {
        for (StoredJob& job : jobs)
            if (job.job.host == host && is_guard(job.job.kind) && is_open(job.state)) {
                job.state = DispatchState::void_;
                ports_.storage.put_job(job);
            }
    };
    const auto candidates = needs ? candidates_of(c) : std::vector<HostId>{};
    for (const HostId& host : candidates) {
        Asked& asked = hosts[host];
        if (asked.holds()) continue;
        const bool waits = asked.guard() && is_open(asked.last->state);
        const bool refused = asked.guard() && asked.last->state == DispatchState::finished && asked.last->key == guard_key(c, host);
        if (refused && !again) {
            const JobAnswer& answer = *asked.last->answer;
            out.missing.push_back(host.text() + " answered " +
                                  std::string(answer.refusal == Refusal::none ? name(answer.status) : name(answer.refusal)) + " (" + answer.text + ")");
            continue;
        }
        if (!waits && ask) {
            withdraw(host);
            issue_job(c, core::JobDue{JobKind::guard, guard_key(c, host), JobId()}, host);
        }
        // What was asked for an earlier demand and is still on its way counts from this one's beginning.
        const Instant since = asked.since.value_or(waits ? c.demanded_at : now());
        if (now() - since < options_.guard_patience) out.waiting.push_back(host);
        else
            out.missing.push_back(host.text() + (ports_.hosts.connected(host) ? " did not answer within " : " is not connected and did not answer within ") +
                                  spoken_duration(options_.guard_patience));
    }
    for (const auto& [host, asked] : hosts) {
        // On the VM's own host the order speaks; a release there takes off the lock itself.
        const bool wanted = needs ? host == c.host || std::find(candidates.begin(), candidates.end(), host) != candidates.end() : keeps;
        if (wanted || !asked.may_hold()) continue;
        if (!asked.guard() && is_open(asked.last->state)) continue;   // asked, and owed until it answers
        withdraw(host);
        issue_job(c, core::JobDue{JobKind::unguard, "unguard/" + std::to_string(c.demand) + "/" + host.text(), JobId()}, host);
    }
    return out;
}

/// Whether the order may leave as far as the other hosts are concerned.
bool Desk::locked_everywhere(const Case& c, const core::Dues& dues, bool again) {
    const bool ask = (dues.order || (c.demand_met && !c.held)) && !holder_of_vm(c);
    const LockCount count = keep_guards(c, ask, again);
    if (!dues.order || !needs_lock(dues.order->desired)) return true;
    return (count.waiting.empty() && count.missing.empty()) || c.lock_waived == c.demand;
}

/// Once nobody is waited for: tells the case which hosts do not hold its lock. The core decides what that means.
void Desk::settle_lock(const CaseId& id) {
    const auto c = ports_.storage.find_case(id);
    if (!c || c->phase == core::Phase::closed) return;
    const core::Policy& policy = policy_of(*c);
    const auto dues = core::owed(*c, policy, calendar_of(policy));
    if (!dues.order || !needs_lock(dues.order->desired) || c->lock_waived == c->demand || holder_of_vm(*c)) return;
    const auto orders = ports_.storage.orders_of(id);
    if (std::any_of(orders.begin(), orders.end(), [&](const StoredOrder& order) { return order.demand == c->demand && is_open(order.state); })) return;
    const LockCount count = keep_guards(*c, true, false);
    if (!count.waiting.empty() || count.missing.empty()) return;
    tell_missing(*c, count.missing);
}

void Desk::tell_missing(const Case& c, const std::vector<std::string>& missing) {
    const auto own = ports_.storage.find_host(c.host);
    std::string text = "the lock is not held on every host of cluster " + (own ? own->cluster : "") + ": ";
    for (size_t i = 0; i < missing.size(); ++i) text += (i ? "; " : "") + missing[i];
    const auto acted = act(c.id, core::HostsWithoutLock{c.demand, text}, "controller");
    if (!acted) spdlog::error("case={} missing guards not taken: {}", c.id.text(), acted.error().text);
}

void Desk::guard_answered(const StoredJob& job) {
    const CaseId& id = job.job.case_id;
    if (job.job.kind == JobKind::unguard && !reached(job)) {
        // It stays owed: issued again when it expires, or when the host comes back.
        StoredJob owed = job;
        owed.state = DispatchState::issued;
        ports_.storage.put_job(owed);
        return spdlog::error("case={} host={} does not let go of the lock: {}", id.text(), job.job.host.text(), job.answer->text);
    }
    dispatch_again(id);
    if (const auto c = ports_.storage.find_case(id); c && c->demand_met && !reached(job) && needs_lock(c->desired) && job.key == guard_key(*c, job.job.host))
        tell_missing(*c, {job.job.host.text() + " answered " + std::string(name(job.answer->refusal)) + " (" + job.answer->text + ")"});
    settle_lock(id);
}

/// Hosts that keep a case waiting for longer than the patience: it hears of them.
void Desk::settle_locks() {
    std::set<CaseId> waiting;
    for (const StoredJob& job : ports_.storage.open_jobs(HostId()))
        if (job.job.kind == JobKind::guard && now() - job.job.issued_at >= options_.guard_patience) waiting.insert(job.job.case_id);
    for (const CaseId& id : waiting)
        (void)ports_.storage.transaction([&]() -> Result<void> {
            settle_lock(id);
            return {};
        });
}

/// A host that is back gets what it was owed, with a fresh signature, and is asked again what it refused.
void Desk::host_may_hold(const HostId& host) {
    std::set<CaseId> cases;
    for (StoredJob& job : ports_.storage.open_jobs(host)) {
        if (!is_guard(job.job.kind) || job.job.not_after > now()) continue;
        job.state = DispatchState::void_;
        ports_.storage.put_job(job);
        cases.insert(job.job.case_id);
    }
    const auto own = ports_.storage.find_host(host);
    if (own && !own->cluster.empty())
        for (const CaseId& id : cases_with_lock())
            if (const auto c = ports_.storage.find_case(id))
                if (const auto home = ports_.storage.find_host(c->host); home && home->cluster == own->cluster) cases.insert(id);
    for (const CaseId& id : cases) {
        dispatch_again(id, true);
        settle_lock(id);
    }
}

/// A cluster's word or a ban changed: who must hold which lock may be another question now.
void Desk::hosts_changed() {
    for (const CaseId& id : cases_with_lock()) {
        dispatch_again(id);
        settle_lock(id);
    }
}

/// Open cases that demand a state which other hosts could undo.
std::vector<CaseId> Desk::cases_with_lock() {
    std::vector<CaseId> out;
    for (const core::Phase phase : {core::Phase::sanctioned, core::Phase::treatment, core::Phase::review, core::Phase::restoring}) {
        CaseFilter filter;
        filter.phase = phase;
        filter.limit = 100'000;
        for (const Case& c : ports_.storage.list_cases(filter))
            if (needs_lock(c.desired)) out.push_back(c.id);
    }
    return out;
}

}  // namespace bailiff
