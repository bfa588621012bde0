// SPDX-License-Identifier: Apache-2.0
// Orders for the VMs of one laboratory host, numbered as a controller numbers them.
#pragma once

#include "tests/integration/agent/agent_process.hpp"
#include "tests/integration/agent/numbers.hpp"

#include <chrono>
#include <stdexcept>
#include <string>

namespace bailiff::test {

/// Signs orders and jobs for one agent, sends them, and waits for their ends.
class ControllerSide {
  public:
    explicit ControllerSide(AgentProcess& agent) : agent_(agent) {}

    Order order(const std::string& vm, VmState desired, Expect expect = Expect::any) {
        Order o = numbers_.order(VmId(vm), desired);
        o.expect = expect;
        return o;
    }
    Job job(const std::string& vm, JobKind kind) { return numbers_.job(VmId(vm), kind); }
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
    AgentProcess& agent_;
    Numbers numbers_;
};

}  // namespace bailiff::test
