// SPDX-License-Identifier: Apache-2.0
// What the hosts say: connections, inventories, events and answers. Each frame is handled once and acknowledged only
// after its effects are committed.

#include "controller/desk/desk.hpp"

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
                        std::holds_alternative<VmEvent>(frame.message);
    const auto handled = ports_.storage.transaction([&]() -> Result<void> {
        if (answer && !ports_.storage.first_time(host, frame.id, now())) return {};
        if (const auto* m = std::get_if<Hello>(&frame.message)) {
            Host known = ports_.storage.find_host(host).value_or(Host{});
            known.id = host;
            known.version = m->version;
            known.seen_at = now();
            ports_.storage.put_host(known);
            leaving_.push_back([this, host] {
                ports_.hosts.send(host, Frame{MessageId(ports_.random.hex128()), Welcome{ports_.storage.epoch(), now()}});
                resend(host);
            });
        } else if (const auto* beat = std::get_if<Heartbeat>(&frame.message)) {
            Host known = ports_.storage.find_host(host).value_or(Host{});
            known.id = host;
            known.gate_up = beat->gate_up;
            known.trouble = beat->trouble;
            known.seen_at = now();
            ports_.storage.put_host(known);
        } else if (const auto* part = std::get_if<InventoryPart>(&frame.message)) {
            on_inventory(host, *part);
        } else if (const auto* event = std::get_if<VmEvent>(&frame.message)) {
            on_event(host, *event);
        } else if (const auto* order = std::get_if<OrderAnswer>(&frame.message)) {
            on_order_answer(host, *order);
        } else if (const auto* job = std::get_if<JobAnswer>(&frame.message)) {
            on_job_answer(host, *job);
        } else {
            spdlog::debug("host={} sent a {} frame, which only a controller sends", host.text(), type_of(frame.message));
        }
        return {};
    });
    if (!handled) return spdlog::error("host={} frame not handled: {}", host.text(), handled.error().text);
    if (answer)
        leaving_.push_back([this, host, id = frame.id] { ports_.hosts.send(host, Frame{MessageId("ack-" + id.text()), Ack{{id.text()}}}); });
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

void Desk::on_inventory(const HostId& host, const InventoryPart& part) {
    for (const VmRecord& record : part.vms) {
        if (!is_uuid(record.vm.text())) continue;
        Vm vm = ports_.storage.find_vm(record.vm).value_or(Vm{});
        const bool moved = !vm.host.empty() && vm.host != host && !vm.gone;
        // Two hosts may name one VM while it migrates: the one where it runs has it.
        if (moved && record.power != Power::running) continue;
        vm.id = record.vm;
        vm.name = record.name;
        vm.host = host;
        vm.power = record.power;
        vm.state = record.state;
        vm.locked = record.locked;
        vm.gone = false;
        vm.seen_at = now();
        ports_.storage.put_vm(vm);
        if (!moved) continue;
        for (const CaseId& id : ports_.storage.open_cases_of(vm.id)) (void)act(id, core::VmSeenOn{host}, "host:" + host.text());
    }
    auto& seen = inventory_seen_[host];
    if (seen.first != part.generation) seen = {part.generation, {}};
    for (const VmRecord& record : part.vms) seen.second.insert(record.vm);
    if (!part.last) return;
    for (Vm& vm : ports_.storage.vms(host, VmId(), 100'000)) {
        if (vm.gone || seen.second.contains(vm.id)) continue;
        vm.gone = true;
        ports_.storage.put_vm(vm);
        for (const CaseId& id : ports_.storage.open_cases_of(vm.id))
            (void)act(id, core::VmReported{"gone", "the VM is no longer defined on host " + host.text()}, "host:" + host.text());
    }
    inventory_seen_.erase(host);
}

void Desk::on_event(const HostId& host, const VmEvent& event) {
    spdlog::info("host={} vm={} event={} text=\"{}\"", host.text(), event.vm.text(), event.what, event.text);
    if (event.what != "lock_bypassed" && event.what != "undefined" && event.what != "crashed") return;
    for (const CaseId& id : ports_.storage.open_cases_of(event.vm))
        (void)act(id, core::VmReported{event.what, event.text}, "host:" + host.text());
}

}  // namespace bailiff
