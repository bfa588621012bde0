// SPDX-License-Identifier: Apache-2.0
// A controller's side of one agent on a fake host: gives orders and jobs in sentences, and restarts what crashes.
#pragma once

#include "agent/journal/memory_journal.hpp"
#include "agent/runner.hpp"
#include "tests/fixtures/fake_clock.hpp"
#include "tests/fixtures/fake_host.hpp"
#include "tests/unit/agent/order_table.hpp"

#include <bailiff/random.hpp>

#include <cassert>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace bailiff::test {

/// A VM beside table_vm(), for tests that add it.
inline const VmId other_vm("33333333-3333-4333-8333-333333333333");

/// What the agent's process dies of. Not an Outage: nobody catches it.
struct Crash {};

/// In line, but for the live lane on demand: a scan that lasts while other things happen.
class HoldingExecutor : public agent::Executor {
  public:
    bool holds = false;
    void run(agent::Lane lane, std::function<void()> work) override {
        if (holds && lane == agent::Lane::live) held_.push_back(std::move(work));
        else work();
    }
    bool waiting() const { return !held_.empty(); }
    /// What was held runs now; what comes later runs in line again.
    void release() {
        holds = false;
        for (auto held = std::exchange(held_, {}); auto& work : held) work();
    }
    void forget() { held_.clear(); }

  private:
    std::vector<std::function<void()>> held_;
};

class HostUnderTest : public agent::Link {
  public:
    HostUnderTest() {
        settings.host = HostId("h1");
        settings.keys = trusted_keys();
        settings.boot_id = "boot-1";
        host.add_vm(table_vm(), "web1");
        clock.set(table_now());
    }

    FakeClock clock;
    FakeHost host{clock};
    agent::MemoryJournal kept;                    ///< survives the agent
    agent::FaultyJournal journal{kept};
    HoldingExecutor executor;
    SeededRandom random{42};
    agent::RunnerSettings settings;
    std::unique_ptr<agent::Runner> runner;
    std::vector<Frame> sent;                      ///< all frames of the agent, in order
    std::map<std::string, Frame> answers;         ///< final ones, by order or job id
    std::vector<std::string> logged;
    bool acknowledges = true;
    int restarts = 0;

    void send(const Frame& frame) override {
        sent.push_back(frame);
        const auto is_final = [](AnswerStatus s) { return s != AnswerStatus::accepted && s != AnswerStatus::progress; };
        if (const auto* order = std::get_if<OrderAnswer>(&frame.message); order && is_final(order->status))
            answers.insert_or_assign(order->order_id.text(), frame);
        if (const auto* job = std::get_if<JobAnswer>(&frame.message); job && is_final(job->status))
            answers.insert_or_assign(job->job_id.text(), frame);
    }

    /// Starts the agent; a crash while it starts starts it again.
    void boot() {
        for (;;) {
            try {
                runner = std::make_unique<agent::Runner>(host.world(), journal, *this, executor, clock, random, settings);
                runner->on_log = [this](const agent::LogLine& line) { logged.push_back(line.text); };
                runner->start();
                runner->connected();
                runner->tick();
                runner->on_frame({MessageId("w"), Welcome{3, clock.now()}});
                runner->tick();
                return;
            } catch (const Crash&) {
                ++restarts;
            }
        }
    }
    /// Anything that may crash; the agent is up again afterwards.
    template <class Work>
    void surviving(Work work) {
        try {
            work();
        } catch (const Crash&) {
            ++restarts;
            boot();
        }
    }
    void tick() {
        surviving([&] { runner->tick(); });
    }
    /// Lets time pass, tick by tick.
    void pass(Seconds span) {
        for (const auto end = clock.now() + span; clock.now() < end;) {
            clock.advance(Seconds(1));
            tick();
        }
    }
    void hand_over(const Message& message) {
        surviving([&] { runner->on_frame({MessageId("f-" + std::to_string(++frames_)), message}); });
        tick();
    }

    Order order(VmState desired, Expect expect = Expect::any) {
        Order o = good_order();
        o.order_id = OrderId(id_number(1000 + ++ids_));
        o.seq = 100 + ids_;
        o.vm_generation = 10 + ids_;
        o.desired = desired;
        o.expect = expect;
        o.evidence = EvidenceRule::required;
        if (desired == VmState::limited) o.limit = {"25,465,587", 0};
        return fresh(o);
    }
    Job job(JobKind kind, const std::string& scan_job = "") {
        Job j = good_job();
        j.job_id = JobId(id_number(1000 + ++ids_));
        j.seq = 100 + ids_;
        j.kind = kind;
        j.scan_job = JobId(scan_job);
        return fresh(j);
    }

    /// Gives an order or job until it is answered for good, as the controller does: the same envelope again after
    /// every silence. Fails the caller after an hour of the world's time.
    Frame carry_out(const Message& message, const std::string& id) {
        if (!runner) boot();
        for (int second = 0; second < 3600 && !answers.contains(id); ++second) {
            if (second % 20 == 0) hand_over(message);
            pass(Seconds(1));
        }
        if (!answers.contains(id)) throw std::runtime_error("no answer for " + id);
        const Frame answer = answers.at(id);
        if (acknowledges) hand_over(Ack{{answer.id.text()}});
        return answer;
    }
    OrderAnswer carry_out(const Order& o) {
        return std::get<OrderAnswer>(carry_out(OrderFrame{sealed(o)}, o.order_id.text()).message);
    }
    JobAnswer carry_out(const Job& j) { return std::get<JobAnswer>(carry_out(JobFrame{sealed(j)}, j.job_id.text()).message); }

    OrderAnswer make(VmState desired, Expect expect = Expect::any) { return carry_out(order(desired, expect)); }
    JobAnswer run(JobKind kind, const std::string& scan_job = "") { return carry_out(job(kind, scan_job)); }

    FakeVm& vm() { return host.vm(table_vm()); }
    bool events_say(const std::string& what) const {
        for (const auto& frame : sent)
            if (const auto* event = std::get_if<VmEvent>(&frame.message); event && event->what == what) return true;
        return false;
    }

  private:
    template <class Document>
    Document fresh(Document d) const {
        d.issued_at = clock.now();
        d.not_after = clock.now() + Seconds(900);
        return d;
    }
    int ids_ = 0;
    int64_t frames_ = 0;
};

}  // namespace bailiff::test
