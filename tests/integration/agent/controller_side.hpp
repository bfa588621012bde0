// SPDX-License-Identifier: Apache-2.0
// Orders for the VMs of one laboratory host, numbered as a controller numbers them.
#pragma once

#include "tests/integration/agent/agent_process.hpp"

#include <chrono>
#include <stdexcept>
#include <string>

namespace bailiff::test {

/// Signs orders and jobs for one agent, sends them, and waits for their ends.
class ControllerSide {
  public:
    explicit ControllerSide(AgentProcess& agent) : agent_(agent) {}

    Order order(const std::string& vm, VmState desired, Expect expect = Expect::any) {
        Order o;
        o.order_id = OrderId(next_id());
        address(o, vm);
        o.vm_generation = number_;
        o.desired = desired;
        o.expect = expect;
        return o;
    }
    Job job(const std::string& vm, JobKind kind) {
        Job j;
        j.job_id = JobId(next_id());
        address(j, vm);
        j.kind = kind;
        return j;
    }
    Message sealed(const Order& o) const { return OrderFrame{agent_.sealed(o, order_payload_type)}; }
    Message sealed(const Job& j) const { return JobFrame{agent_.sealed(j, job_payload_type)}; }

    /// Until the final answer; throws after `patience`.
    Frame finish(const Message& message, const std::string& id, std::chrono::seconds patience = std::chrono::seconds(120)) {
        for (const auto end = std::chrono::steady_clock::now() + patience; std::chrono::steady_clock::now() < end;) {
            if (!agent_.running()) throw std::runtime_error("the agent ended: " + agent_.log());
            if (!agent_.exchange(message, id, std::chrono::milliseconds(2))) continue;
            agent_.acknowledge(id);
            return agent_.answers.at(id);
        }
        throw std::runtime_error("no answer to " + id);
    }
    OrderAnswer make(const std::string& vm, VmState desired, Expect expect = Expect::any) {
        const auto o = order(vm, desired, expect);
        return std::get<OrderAnswer>(finish(sealed(o), o.order_id.text()).message);
    }
    JobAnswer run(const std::string& vm, JobKind kind) {
        const auto j = job(vm, kind);
        return std::get<JobAnswer>(finish(sealed(j), j.job_id.text()).message);
    }

  private:
    std::string next_id() {
        const std::string text = std::to_string(++number_);
        return std::string(32 - text.size(), '0') + text;
    }
    template <class Document>
    void address(Document& d, const std::string& vm) const {
        d.host = HostId("h1");
        d.seq = number_;
        d.vm_uuid = VmId(vm);
        d.case_id = CaseId("C-1");
        d.policy = "virus-content/1";
        d.issued_at = clock_.now();
        d.not_after = clock_.now() + Seconds(900);
        d.reason = "A test.";
    }
    AgentProcess& agent_;
    SystemClock clock_;
    int64_t number_ = 0;
};

}  // namespace bailiff::test
