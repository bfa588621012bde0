// SPDX-License-Identifier: Apache-2.0
// What the hosts say: connections, inventories, events and answers. Each frame is handled once and acknowledged only
// after its effects are committed.

#include "controller/desk/desk.hpp"

#include <bailiff/clean_text.hpp>

#include <algorithm>
#include <spdlog/spdlog.h>

namespace bailiff {

void Desk::host_connected(const HostId& id) {
    Host host = ports_.storage.find_host(id).value_or(Host{});
    host.id = id;
    host.seen_at = now();
    ports_.storage.put_host(host);
    spdlog::info("host={} connected", id.text());
}

void Desk::host_disconnected(const HostId& id) { spdlog::warn("host={} disconnected; its orders wait", id.text()); }

void Desk::on_frame(const HostId& host, const Frame& frame) {
    // Answers and events change cases and may come twice; the rest is state that the newest frame simply replaces.
    const bool answer = std::holds_alternative<OrderAnswer>(frame.message) || std::holds_alternative<JobAnswer>(frame.message) ||
                        std::holds_alternative<VmEvent>(frame.message) || std::holds_alternative<Discovery>(frame.message);
    const auto handled = ports_.storage.transaction([&]() -> Result<void> {
        if (answer && !ports_.storage.first_time(host, frame.id, now())) return {};
        if (const auto* m = std::get_if<Hello>(&frame.message)) {
            Host known = ports_.storage.find_host(host).value_or(Host{});
            known.id = host;
            known.version = m->version;
            known.seen_at = now();
            note_epoch(known, *m);
            note_host_key(known, *m);
            ports_.storage.put_host(known);
            leaving_.push_back([this, host] {
                ports_.hosts.send(host, Frame{MessageId(ports_.random.hex128()), welcome()});
                resend(host);
            });
            host_may_hold(host);
        } else if (const auto* beat = std::get_if<Heartbeat>(&frame.message)) {
            Host known = ports_.storage.find_host(host).value_or(Host{});
            known.id = host;
            const bool mended = beat->gate_up && !known.gate_up;
            known.gate_up = beat->gate_up;
            const auto ahead = ahead_.find(host);
            known.trouble = ahead != ahead_.end() ? ahead->second : beat->trouble;
            known.sweep = clean_line(beat->sweep, 300);
            known.seen_at = now();
            ports_.storage.put_host(known);
            if (mended) host_may_hold(host);
        } else if (const auto* part = std::get_if<InventoryPart>(&frame.message)) {
            on_inventory(host, *part);
        } else if (const auto* event = std::get_if<VmEvent>(&frame.message)) {
            on_event(host, *event);
        } else if (const auto* order = std::get_if<OrderAnswer>(&frame.message)) {
            on_order_answer(host, *order);
        } else if (const auto* job = std::get_if<JobAnswer>(&frame.message)) {
            on_job_answer(host, *job);
        } else if (const auto* discovery = std::get_if<Discovery>(&frame.message)) {
            return on_discovery(host, *discovery);
        } else {
            spdlog::debug("host={} sent a {} frame, which only a controller sends", host.text(), type_of(frame.message));
        }
        return {};
    });
    if (!handled) return spdlog::error("host={} frame not handled: {}", host.text(), handled.error().text);
    if (answer)
        leaving_.push_back([this, host, id = frame.id] { ports_.hosts.send(host, Frame{MessageId("ack-" + id.text()), Ack{{id.text()}}}); });
}

/// A host that has seen more than this database ever gave out proves that the database is an old one. Its orders would
/// be taken for replays one by one; a person begins the new epoch, since only a person knows what was restored.
void Desk::note_epoch(Host& host, const Hello& hello) {
    const int64_t epoch = ports_.storage.epoch();
    if (hello.epoch < epoch || (hello.epoch == epoch && hello.seq <= host.seq)) {
        ahead_.erase(host.id);
        host.trouble.clear();   // its own, if any, comes with the heartbeat that follows the welcome
        return;
    }
    host.trouble = "this host has seen order " + std::to_string(hello.seq) + " of epoch " + std::to_string(hello.epoch) + ", the database stands at " +
                   std::to_string(host.seq) + " of epoch " + std::to_string(epoch) +
                   ": a backup was restored; stop every controller, run `bailiff-controller --begin-epoch`, start again";
    ahead_[host.id] = host.trouble;
    spdlog::error("host={} {}", host.id.text(), host.trouble);
}

/// After a connection everything still open is sent again, oldest first; the host answers what it knows already.
void Desk::resend(const HostId& host) {
    std::vector<std::pair<int64_t, Frame>> frames;
    for (const auto& order : ports_.storage.open_orders(host))
        frames.emplace_back(order.order.seq, Frame{MessageId("order-" + order.order.order_id.text()), OrderFrame{order.envelope}});
    for (const auto& job : ports_.storage.open_jobs(host))
        frames.emplace_back(job.job.seq, Frame{MessageId("job-" + job.job.job_id.text()), JobFrame{job.envelope}});
    std::sort(frames.begin(), frames.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (const auto& [seq, frame] : frames) ports_.hosts.send(host, frame);
}

/// Makes a host say again all that it has: a Welcome is answered with the whole inventory.
void Desk::ask_again(const HostId& host) {
    leaving_.push_back([this, host] {
        ports_.hosts.send(host, Frame{MessageId(ports_.random.hex128()), welcome()});
    });
}

void Desk::on_inventory(const HostId& host, const InventoryPart& part) {
    for (const VmRecord& record : part.vms)
        if (is_uuid(record.vm.text())) take_record(host, record);
    auto& seen = inventory_seen_[host];
    if (seen.first != part.generation) seen = {part.generation, {}};
    for (const VmRecord& record : part.vms) seen.second.insert(record.vm);
    if (!part.last) return;
    for (auto& [vm, where] : seen_on_) {
        if (seen.second.contains(vm) || where.erase(host) == 0) continue;
        told_twice_.erase(vm);
        // It was on its way from a host that let go of it, and has not arrived.
        if (!where.empty()) continue;
        if (const auto nowhere = ports_.storage.find_vm(vm); nowhere && nowhere->gone) forget_host_addresses(*nowhere);
    }
    for (Vm& vm : ports_.storage.vms(host, VmId(), 100'000)) {
        if (vm.gone || seen.second.contains(vm.id)) continue;
        vm.gone = true;
        ports_.storage.put_vm(vm);
        const auto& elsewhere = seen_on_[vm.id];
        // The new host may have named the VM before the old one let go of it; it is taken at its next word.
        for (const auto& [other, power] : elsewhere) ask_again(other);
        if (!elsewhere.empty()) continue;
        forget_host_addresses(vm);
        for (const CaseId& id : ports_.storage.open_cases_of(vm.id))
            (void)act(id, core::VmReported{"gone", "the VM is no longer defined on host " + host.text()}, "host:" + host.text());
    }
    inventory_seen_.erase(host);
}

/// While a VM migrates, two hosts name it: the one where it runs has it. Where both say that it runs, the one that said
/// so last has it, and the other is asked again: after a migration it no longer says so. If it does, the VM runs twice.
void Desk::take_record(const HostId& host, const VmRecord& record) {
    auto& where = seen_on_[record.vm];
    const auto before = where.find(host);
    const bool ran_here = before != where.end() && before->second == Power::running;
    where[host] = record.power;
    if (record.power != Power::running) told_twice_.erase(record.vm);
    Vm vm = ports_.storage.find_vm(record.vm).value_or(Vm{});
    const bool elsewhere = !vm.host.empty() && vm.host != host;
    if (elsewhere && !vm.gone) {
        if (record.power != Power::running) return;
        if (ran_here) return runs_twice(vm, host);
        if (const auto other = where.find(vm.host); other != where.end() && other->second == Power::running) ask_again(vm.host);
    }
    const Vm known = vm;
    vm.id = record.vm;
    vm.name = record.name;
    vm.host = host;
    vm.power = record.power;
    vm.state = record.state;
    vm.locked = record.locked;
    vm.gone = false;
    vm.seen_at = now();
    vm.host_addresses = taken_of(record.addresses);
    ports_.storage.put_vm(vm);
    if (vm.host_addresses != known.host_addresses) note_host_addresses(known, vm);
    if (!elsewhere) return;
    spdlog::info("vm={} host={} text=\"it moved here from host {}\"", vm.id.text(), host.text(), known.host.text());
    for (const CaseId& id : ports_.storage.open_cases_of(vm.id)) (void)act(id, core::VmSeenOn{host}, "host:" + host.text());
}

/// No order can mend this: whichever of the two is ended, a person has to say which one's disks are right.
void Desk::runs_twice(const Vm& vm, const HostId& also) {
    const auto& where = seen_on_[vm.id];
    const auto has = where.find(vm.host);
    if (has == where.end() || has->second != Power::running) return;   // the other one has let go of it meanwhile
    if (!told_twice_.insert(vm.id).second) return;
    const std::string text = "the VM runs on host " + vm.host.text() + " and on host " + also.text() + " at once, on the same disks: end one of them now";
    spdlog::error("vm={} event=runs_twice text=\"{}\"", vm.id.text(), text);
    for (const CaseId& id : ports_.storage.open_cases_of(vm.id))
        (void)act(id, core::VmReported{"runs_twice", text}, "host:" + also.text());
}

void Desk::on_event(const HostId& host, const VmEvent& event) {
    spdlog::info("host={} vm={} event={} text=\"{}\"", host.text(), event.vm.text(), event.what, event.text);
    if (event.what != "lock_bypassed" && event.what != "drift_repaired" && event.what != "undefined" && event.what != "crashed" &&
        event.what != "released_by_admin")
        return;
    for (const CaseId& id : ports_.storage.open_cases_of(event.vm))
        (void)act(id, core::VmReported{event.what, event.text}, "host:" + host.text());
}

}  // namespace bailiff
