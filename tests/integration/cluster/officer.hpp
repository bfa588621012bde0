// SPDX-License-Identifier: Apache-2.0
// One laboratory host with its bailiff-agent, and the one who gives it orders in sentences.
#pragma once

#include "tests/integration/agent/agent_process.hpp"
#include "tests/integration/agent/numbers.hpp"

#include <bailiff/system_clock.hpp>

#include <functional>
#include <iostream>
#include <memory>
#include <string>

namespace bailiff::test {

/// True for what an order or job is to end in.
inline bool reached(AnswerStatus status) { return status == AnswerStatus::done || status == AnswerStatus::already; }

class Officer {
  public:
    Officer(Numbers& numbers, std::string name) : agent(host, name), numbers_(numbers), name_(std::move(name)) {}
    ~Officer() { agent.stop(); }

    LabHost host;
    AgentProcess agent;
    /// Runs in every round while an answer is awaited, and may do harm: kill, restart, migrate.
    std::function<void()> meanwhile;
    std::chrono::minutes patience{4};

    Order order(const VmId& vm, VmState desired, Expect expect = Expect::any, const CaseId& case_id = CaseId("C-1")) {
        Order o = numbers_.order(vm, desired, HostId(name_), case_id);
        o.expect = expect;
        return o;
    }
    OrderAnswer give(const Order& o) {
        const auto answer = std::get<OrderAnswer>(
            carry_out(OrderFrame{agent.sealed(o, order_payload_type)}, o.order_id.text()).message);
        std::cout << name_ << ": " << name(o.desired) << ": " << name(answer.status) << " " << name(answer.refusal) << " " << answer.text << "\n";
        return answer;
    }
    OrderAnswer make(const VmId& vm, VmState desired, Expect expect = Expect::any) { return give(order(vm, desired, expect)); }
    JobAnswer run(const VmId& vm, JobKind kind, const std::string& scan = "") {
        Job j = numbers_.job(vm, kind, HostId(name_));
        j.scan_job = JobId(scan);
        const auto answer = std::get<JobAnswer>(carry_out(JobFrame{agent.sealed(j, job_payload_type)}, j.job_id.text()).message);
        std::cout << name_ << ": " << name(kind) << ": " << name(answer.status) << " " << name(answer.refusal) << " " << answer.text << "\n";
        return answer;
    }
    Frame carry_out(const Message& message, const std::string& id) {
        for (const auto end = clock_.monotonic() + patience; clock_.monotonic() < end;) {
            if (!agent.running()) agent.start();
            const bool answered = agent.exchange(message, id, std::chrono::milliseconds(5));
            if (answered) {
                agent.acknowledge(id);
                return agent.answers.at(id);
            }
            if (meanwhile) meanwhile();
        }
        agent.stop();
        throw std::runtime_error("no answer of " + name_ + " in time; its log:\n" + agent.log());
    }
    /// "running", "shut off", …; "" when the host does not have the VM.
    std::string state(const std::string& guest) const {
        const auto said = agent::Process::run({"virsh", "--quiet", "--connect", host.uri(), "domstate", guest});
        if (!said || !said->ok()) return "";
        return said->out.substr(0, said->out.find('\n'));
    }
    /// What virsh says on standard error; "" when the command succeeded.
    std::string virsh_error(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), {"virsh", "--quiet", "--connect", host.uri()});
        agent::ProcessOptions options;
        options.timeout = std::chrono::seconds(90);
        const auto said = agent::Process::run(arguments, options);
        if (said && said->ok()) return "";
        return !said ? said.error().text : said->err.empty() ? said->describe() : said->err;
    }
    bool locks(const VmId& vm) const { return std::filesystem::exists(agent.state() + "/locks/" + vm.text() + ".lock"); }
    std::string locks_folder() const { return agent.state() + "/locks"; }

  private:
    Numbers& numbers_;
    std::string name_;
    SystemClock clock_;
};

}  // namespace bailiff::test
