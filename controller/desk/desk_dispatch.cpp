// SPDX-License-Identifier: Apache-2.0
// What a case owes its host becomes a signed order or job: written in the same transaction, sent after it.

#include "controller/desk/desk.hpp"

#include <algorithm>
#include <spdlog/spdlog.h>

namespace bailiff {

using core::Case;

namespace {

std::string policy_word(const Case& c) { return c.policy.text() + "/" + std::to_string(c.policy_revision); }

/// How often one demand (or job key) is issued anew after a refusal before a person hears of it.
constexpr auto reissues = 3;

/// Refusals that say "late" or "again", not "no": the same demand is simply issued anew. An order of an earlier epoch
/// is one of these: it lay open in a backup that was restored.
bool only_late(Refusal refusal) {
    return refusal == Refusal::expired || refusal == Refusal::replayed || refusal == Refusal::from_the_future ||
           refusal == Refusal::stale_generation || refusal == Refusal::stale_epoch;
}

}  // namespace

/// One order and one job at most are under way per case. An order for an older demand that the host has not taken up
/// is void the moment the case demands something else; the generation fences it off if it is still on its way.
void Desk::dispatch(const Case& c, const core::Dues& dues, bool ask_again) {
    bool order_stands = false;
    if (c.demand > 0)
        for (StoredOrder& order : open_orders_of(c)) {
            const bool wanted = dues.order && order.demand == dues.order->demand && order.order.host == c.host;
            if (wanted) order_stands = true;
            else if (order.state == DispatchState::issued) {
                order.state = DispatchState::void_;
                ports_.storage.put_order(order);
            }
        }
    const bool locked = locked_everywhere(c, dues, ask_again);
    if (!dues.order && !dues.job) return;
    if (const auto holder = holder_of_vm(c)) {
        spdlog::info("case={} waits: case {} has hold of VM {}", c.id.text(), holder->text(), c.vm.text());
        return;
    }
    if (dues.order && !order_stands && locked) issue_order(c, *dues.order);
    if (!dues.job) return;
    const auto jobs = ports_.storage.jobs_of(c.id);
    const bool job_stands = std::any_of(jobs.begin(), jobs.end(), [&](const StoredJob& job) { return job.key == dues.job->key && job.state != DispatchState::void_; });
    if (!job_stands) issue_job(c, *dues.job, c.host);
}

/// Of several open cases of one VM, one at a time has hold of it: from the state it demands until the VM runs as it was.
/// The others wait, first come first served: two cases that clean, cut and restore the same disks would undo each other.
std::optional<CaseId> Desk::holder_of_vm(const Case& c) {
    const auto holds = [](const Case& other) { return other.demand > 0 && !(other.desired == VmState::running && other.demand_met); };
    for (const CaseId& id : ports_.storage.open_cases_of(c.vm)) {
        if (id == c.id) continue;
        const auto other = ports_.storage.find_case(id);
        if (!other || !holds(*other)) continue;
        if (std::pair(other->held_vm_since, other->id) < std::pair(c.held_vm_since, c.id)) return other->id;
    }
    return std::nullopt;
}

std::vector<StoredOrder> Desk::open_orders_of(const Case& c) {
    auto orders = ports_.storage.orders_of(c.id);
    std::erase_if(orders, [](const StoredOrder& order) { return !is_open(order.state); });
    return orders;
}

void Desk::issue_order(const Case& c, const core::OrderDue& due) {
    const core::Policy& policy = policy_of(c);
    StoredOrder stored;
    Order& order = stored.order;
    order.order_id = OrderId(ports_.random.hex128());
    order.epoch = ports_.storage.epoch();
    order.host = c.host;
    order.seq = ports_.storage.next_seq(c.host);
    order.vm_uuid = c.vm;
    order.vm_generation = ports_.storage.next_generation(c.vm);
    order.case_id = c.id;
    order.desired = due.desired;
    order.evidence = due.evidence;
    order.expect = due.expect;
    order.policy = policy_word(c);
    order.issued_at = now();
    order.not_after = now() + options_.order_life;
    order.reason = due.reason.substr(0, 500);
    order.gate = policy.gate;
    if (due.desired == VmState::off) order.was_running = c.was_running;
    if (due.desired == VmState::limited) order.limit = policy.limit;
    if (due.evidence == EvidenceRule::first) order.memory = policy.memory;
    if (due.desired == VmState::running) {
        order.health = policy.health;
        order.health_seconds = policy.health_within.count();
        order.signatures_seconds = policy.signatures_within.count();
        order.accepted_scan = due.accepted_scan;
    }
    stored.demand = due.demand;
    const auto envelope = ports_.signer.seal(order_payload_type, dump_json(to_json(order)));
    if (!envelope) throw StorageOutage("The order of case " + c.id.text() + " could not be signed: " + envelope.error().text);
    stored.envelope = *envelope;
    ports_.storage.put_order(stored);
    leaving_.push_back([this, host = c.host, id = order.order_id, envelope = stored.envelope] {
        ports_.hosts.send(host, Frame{MessageId("order-" + id.text()), OrderFrame{envelope}});
    });
}

void Desk::issue_job(const Case& c, const core::JobDue& due, const HostId& host) {
    StoredJob stored;
    Job& job = stored.job;
    job.job_id = JobId(ports_.random.hex128());
    job.epoch = ports_.storage.epoch();
    job.host = host;
    job.seq = ports_.storage.next_seq(host);
    job.vm_uuid = c.vm;
    job.case_id = c.id;
    job.kind = due.kind;
    job.scan_job = due.scan_job;
    job.policy = policy_word(c);
    job.issued_at = now();
    job.not_after = now() + options_.order_life;
    job.reason = due.key + " of case " + c.id.text();
    stored.key = due.key;
    const auto envelope = ports_.signer.seal(job_payload_type, dump_json(to_json(job)));
    if (!envelope) throw StorageOutage("The job of case " + c.id.text() + " could not be signed: " + envelope.error().text);
    stored.envelope = *envelope;
    ports_.storage.put_job(stored);
    leaving_.push_back([this, host, id = job.job_id, envelope = stored.envelope] {
        ports_.hosts.send(host, Frame{MessageId("job-" + id.text()), JobFrame{envelope}});
    });
}

/// Issues what the case is owed and does not have under way.
void Desk::dispatch_again(const CaseId& id, bool ask_again) {
    const auto c = ports_.storage.find_case(id);
    if (!c) return;
    const core::Policy& policy = policy_of(*c);
    const core::Dues dues = core::owed(*c, policy, calendar_of(policy));
    dispatch(*c, dues, ask_again);
    owe_notices(*c, dues);
}

/// Orders and jobs that no host took up before they expired are issued anew with a fresh id: an order that lay on the
/// wire must not act hours later, and a demand must not be lost.
void Desk::reissue() {
    give_up_search();
    const auto expired = [&](DispatchState state, Instant not_after) {
        return state == DispatchState::issued && now() > not_after + clock_tolerance;
    };
    for (StoredOrder& order : ports_.storage.open_orders(HostId())) {
        if (!expired(order.state, order.order.not_after)) continue;
        (void)ports_.storage.transaction([&]() -> Result<void> {
            order.state = DispatchState::void_;
            ports_.storage.put_order(order);
            dispatch_again(order.order.case_id);
            return {};
        });
    }
    for (StoredJob& job : ports_.storage.open_jobs(HostId())) {
        if (!expired(job.state, job.job.not_after)) continue;
        // What is owed to a host that is away waits for it, instead of being signed anew every ten minutes for weeks.
        if (is_guard(job.job.kind) && !ports_.hosts.connected(job.job.host)) continue;
        (void)ports_.storage.transaction([&]() -> Result<void> {
            job.state = DispatchState::void_;
            ports_.storage.put_job(job);
            dispatch_again(job.job.case_id);
            return {};
        });
    }
}

/// Orders and jobs whose host did not have the VM. If that host names it again, they are issued anew; if no host does
/// within the time, the case hears the answer after all.
void Desk::give_up_search() {
    std::set<std::string> waiting;
    const auto each = [&](auto& stored, const std::string& id, const auto& document, const auto& tell_case) {
        if (stored.state != DispatchState::issued || !stored.answer || stored.answer->refusal != Refusal::unknown_vm) return;
        waiting.insert(id);
        const Instant since = missing_since_.try_emplace(id, now()).first->second;   // after a restart the search begins anew
        const auto vm = ports_.storage.find_vm(document.vm_uuid);
        const bool back = vm && !vm->gone && vm->host == document.host && vm->seen_at > since;
        if (!back && now() < since + options_.search) return;
        (void)ports_.storage.transaction([&]() -> Result<void> {
            stored.state = back ? DispatchState::void_ : DispatchState::finished;
            if (back) tell_case.again();
            else tell_case.answer();
            return {};
        });
        waiting.erase(id);
    };
    struct Tell {
        std::function<void()> again, answer;
    };
    for (StoredOrder& order : ports_.storage.open_orders(HostId()))
        each(order, order.order.order_id.text(), order.order,
             Tell{[&] {
                      ports_.storage.put_order(order);
                      dispatch_again(order.order.case_id);
                  },
                  [&] {
                      ports_.storage.put_order(order);
                      (void)act(order.order.case_id, core::OrderAnswered{order.demand, *order.answer}, "host:" + order.order.host.text());
                  }});
    for (StoredJob& job : ports_.storage.open_jobs(HostId()))
        each(job, job.job.job_id.text(), job.job,
             Tell{[&] {
                      ports_.storage.put_job(job);
                      dispatch_again(job.job.case_id);
                  },
                  [&] {
                      ports_.storage.put_job(job);
                      (void)act(job.job.case_id, core::JobAnswered{job.key, *job.answer}, "host:" + job.job.host.text());
                  }});
    std::erase_if(missing_since_, [&](const auto& entry) { return !waiting.contains(entry.first); });
}

// ---- answers ------------------------------------------------------------------------------------------------------

void Desk::on_order_answer(const HostId& host, const OrderAnswer& answer) {
    auto order = ports_.storage.find_order(answer.order_id);
    // A host speaks only for its own orders; anything else is noise or worse, and is logged.
    if (!order || order->order.host != host) return spdlog::warn("host={} answers an order that is not its own: {}", host.text(), answer.order_id.text());
    if (order->state == DispatchState::finished || order->state == DispatchState::void_) return;
    OrderAnswer kept = answer;
    keep_report(host, order->order.case_id, order->order.vm_uuid, answer.order_id.text(), kept);
    order->answer = kept;
    const bool under_way = answer.status == AnswerStatus::accepted || answer.status == AnswerStatus::progress;
    const auto before = ports_.storage.orders_of(order->order.case_id);
    const bool again = answer.status == AnswerStatus::refused && only_late(answer.refusal) &&
                       std::count_if(before.begin(), before.end(), [&](const StoredOrder& o) {
                           return o.demand == order->demand && o.answer && o.state == DispatchState::void_;
                       }) < reissues;
    order->state = under_way ? DispatchState::accepted : again ? DispatchState::void_ : DispatchState::finished;
    const auto c = ports_.storage.find_case(order->order.case_id);
    const bool missing = answer.refusal == Refusal::unknown_vm && c && c->host == host;
    if (missing) {
        // It has moved, or is gone. The order waits until its new host names it (then the case moves, and so does the order).
        order->state = DispatchState::issued;
        missing_since_.try_emplace(order->order.order_id.text(), now());
    }
    ports_.storage.put_order(*order);
    if (under_way || missing) return;
    if (again) return dispatch_again(order->order.case_id);
    // What the host says of a VM that is another's by now, be it good or bad, is true of the past.
    if (c && c->host != host)
        return spdlog::info("case={} host={} answers order {}, but the VM is on host {} now: {}", c->id.text(), host.text(),
                            answer.order_id.text(), c->host.text(), answer.text);
    const auto acted = act(order->order.case_id, core::OrderAnswered{order->demand, answer}, "host:" + host.text());
    if (!acted) spdlog::error("case={} answer of host {} not taken: {}", order->order.case_id.text(), host.text(), acted.error().text);
}

void Desk::on_job_answer(const HostId& host, const JobAnswer& answer) {
    auto job = ports_.storage.find_job(answer.job_id);
    if (!job || job->job.host != host) return spdlog::warn("host={} answers a job that is not its own: {}", host.text(), answer.job_id.text());
    if (job->state == DispatchState::finished || job->state == DispatchState::void_) return;
    JobAnswer kept = answer;
    keep_report(host, job->job.case_id, job->job.vm_uuid, answer.job_id.text(), kept);
    job->answer = kept;
    const bool under_way = answer.status == AnswerStatus::accepted || answer.status == AnswerStatus::progress;
    const auto before = ports_.storage.jobs_of(job->job.case_id);
    const bool again = answer.status == AnswerStatus::refused && only_late(answer.refusal) &&
                       std::count_if(before.begin(), before.end(), [&](const StoredJob& j) {
                           return j.key == job->key && j.answer && j.state == DispatchState::void_;
                       }) < reissues;
    job->state = under_way ? DispatchState::accepted : again ? DispatchState::void_ : DispatchState::finished;
    const auto c = ports_.storage.find_case(job->job.case_id);
    const bool missing = answer.refusal == Refusal::unknown_vm && c && c->host == host;
    if (missing) {
        job->state = DispatchState::issued;
        missing_since_.try_emplace(job->job.job_id.text(), now());
    }
    ports_.storage.put_job(*job);
    if (under_way || missing) return;
    if (again) return dispatch_again(job->job.case_id);
    if (is_guard(job->job.kind)) return guard_answered(*job);
    const auto acted = act(job->job.case_id, core::JobAnswered{job->key, answer}, "host:" + host.text());
    if (!acted) spdlog::error("case={} answer of host {} not taken: {}", job->job.case_id.text(), host.text(), acted.error().text);
}

}  // namespace bailiff
