// SPDX-License-Identifier: Apache-2.0
// One host, one guest and one agent on it for a whole suite, and what an agent is asked to do with the guest.
#pragma once

#include "tests/integration/agent/agent_process.hpp"
#include "tests/integration/agent/numbers.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

namespace bailiff::test {

/// A suite makes `host`, `guest` and `agent` in its SetUpTestSuite, unless `lab_missing` says why it cannot. One suite a program.
class GuestUnderAgent : public testing::Test {
  protected:
    static void TearDownTestSuite() {
        if (agent) agent->stop();
        if (agent && testing::Test::HasFailure()) std::cout << agent->log();
        agent.reset();
        guest.reset();
        host.reset();
    }
    void SetUp() override {
        if (const std::string missing = lab_missing(); !missing.empty()) GTEST_SKIP() << missing;
        agent->more_options.clear();
    }
    void TearDown() override {
        if (agent) agent->stop();
    }

    static void must(const std::vector<std::string>& argv) {
        const auto out = agent::output_of(argv);
        if (!out) throw std::runtime_error(out.error().text);
    }
    template <class Document>
    static Message envelope(const Document& d) {
        if constexpr (std::is_same_v<Document, Job>) return JobFrame{agent->sealed(d, job_payload_type)};
        else return OrderFrame{agent->sealed(d, order_payload_type)};
    }
    JobAnswer carry_out(const Job& j) {
        const auto answer = std::get<JobAnswer>(carry_out(envelope(j), j.job_id.text()).message);
        tell(std::string(name(j.kind)), answer);
        return answer;
    }
    OrderAnswer carry_out(const Order& o) {
        const auto answer = std::get<OrderAnswer>(carry_out(envelope(o), o.order_id.text()).message);
        tell(std::string(name(o.desired)), answer);
        return answer;
    }
    /// `meanwhile` is asked between the looks for an answer.
    Frame carry_out(const Message& message, const std::string& id) {
        for (const auto end = clock.monotonic() + std::chrono::minutes(3); clock.monotonic() < end;) {
            if (!agent->running()) agent->start();
            const bool answered = agent->exchange(message, id, std::chrono::milliseconds(5));
            if (meanwhile) meanwhile();
            if (!answered) continue;
            agent->acknowledge(id);
            return agent->answers.at(id);
        }
        throw std::runtime_error("no answer within three minutes: " + agent->log());
    }
    template <class Answer>
    static void tell(const std::string& what, const Answer& answer) {
        std::cout << "measured: " << what << " " << name(answer.status) << ":";
        for (const auto& step : answer.steps) std::cout << " " << step.step << "=" << step.milliseconds;
        std::cout << "\n  " << answer.text << "\n";
    }
    template <class Answer>
    static int64_t step(const Answer& answer, const std::string& name) {
        for (const auto& one : answer.steps)
            if (one.step == name) return one.milliseconds;
        return -1;
    }

    static inline std::unique_ptr<LabHost> host;
    static inline std::unique_ptr<LabGuest> guest;
    static inline std::unique_ptr<AgentProcess> agent;
    static inline Numbers numbers;
    SystemClock clock;
    std::function<void()> meanwhile;
};

}  // namespace bailiff::test
