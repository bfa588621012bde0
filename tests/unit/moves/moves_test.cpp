// SPDX-License-Identifier: Apache-2.0
// Several hosts and one desk: the case follows its VM, and what one host says of a VM that is another's counts no more.
#include "controller/config/policy_file.hpp"
#include "controller/storage/memory_storage.hpp"
#include "tests/fixtures/fake_clock.hpp"
#include "tests/fixtures/fake_desk.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace bailiff::test {
namespace {

const VmId web1("11111111-1111-4111-8111-111111111111");
const HostId h1("h1"), h2("h2");

/// A case that demands `off` of a VM on h1; h1 and h2 are connected.
class Moving : public testing::Test {
  protected:
    void SetUp() override {
        std::vector<FileMistakes> mistakes;
        auto policies = load_policies(BAILIFF_SOURCE_DIR "/policies", mistakes);
        ASSERT_TRUE(mistakes.empty());
        clock.set(parse_rfc3339("2026-03-02T06:00:00Z").value());
        desk = std::make_unique<Desk>(Desk::Ports{storage, clock, random, signer, mailer, writer, hosts, watchers}, std::move(policies), DeskOptions{});
        storage.put_customer({CustomerId("7"), "Lotus Textiles", {"Asha Rao", "asha@lotus.example", "+91", "en", ""}, 0});
        for (const auto& host : {h1, h2}) storage.put_host({host, false, false, true, 0, "", "", clock.now(), ""});
        says(h1, {record(Power::running)});
        Vm vm = *storage.find_vm(web1);
        vm.customer = CustomerId("7");
        storage.put_vm(vm);
        case_id = desk->report({"content/malware", web1.text(), "", "", "cert@reporter.example", "EICAR", "", {}}, "staff:ravi").value().case_id;
        ASSERT_TRUE(desk->act(case_id, core::AskReview{"switch it off now"}, "staff:ravi"));
        ASSERT_TRUE(desk->act(case_id, core::LogCall{"Asha Rao", "+91", core::CallOutcome::no_answer, ""}, "staff:ravi"));
        ASSERT_TRUE(desk->act(case_id, core::Decide{core::Decision::treat, "it spreads"}, "staff:meera"));
        turn();
        ASSERT_EQ(open_order().host, h1);
        hosts.sent.clear();
    }
    VmRecord record(Power power) const { return {web1, "web1", power, true, false, false, VmState::running, {}, {}}; }
    void turn() {
        desk->tick();
        desk->flush();
    }
    void frame(const HostId& host, Message message) {
        desk->on_frame(host, Frame{MessageId("m" + std::to_string(++frames)), std::move(message)});
        turn();
    }
    /// The whole inventory of a host.
    void says(const HostId& host, std::vector<VmRecord> vms) {
        InventoryPart part;
        part.generation = ++frames;
        part.vms = std::move(vms);
        part.last = true;
        frame(host, part);
    }
    void answers(const HostId& host, const Order& order, AnswerStatus status, Refusal refusal = Refusal::none, bool was_running = false) {
        OrderAnswer answer{order.order_id, status, refusal, "words", order.desired, Power::off, clock.now(), {}, {}, {}};
        answer.was_running = was_running;
        frame(host, answer);
    }
    std::vector<Order> open_orders() {
        std::vector<Order> out;
        for (const auto& stored : storage.open_orders(HostId())) out.push_back(stored.order);
        return out;
    }
    Order open_order() {
        const auto open = open_orders();
        EXPECT_EQ(open.size(), 1u);
        return open.empty() ? Order{} : open.front();
    }
    core::Case the_case() { return desk->view(case_id)->c; }
    bool asked_again(const HostId& host) const {
        return std::any_of(hosts.sent.begin(), hosts.sent.end(),
                           [&](const auto& sent) { return sent.first == host && std::holds_alternative<Welcome>(sent.second.message); });
    }
    int times_told(const std::string& what) const {
        int count = 0;
        for (const auto& [id, item] : watchers.seen)
            if (const auto* trouble = std::get_if<core::VmTrouble>(&item.fact); trouble && trouble->what == what) ++count;
        return count;
    }

    FakeClock clock;
    SeededRandom random{1};
    MemoryStorage storage;
    FakeMailer mailer;
    FakeWriter writer;
    FakeSigner signer;
    FakeHosts hosts;
    FakeWatchers watchers;
    std::unique_ptr<Desk> desk;
    CaseId case_id;
    int64_t frames = 0;
};

TEST_F(Moving, an_order_not_yet_taken_up_follows_the_vm) {
    const Order first = open_order();
    says(h2, {record(Power::running)});
    EXPECT_EQ(the_case().host, h2);
    const Order second = open_order();
    EXPECT_EQ(second.host, h2);
    EXPECT_GT(second.vm_generation, first.vm_generation);
    // The old host's late word is no news, be it good or bad.
    answers(h1, first, AnswerStatus::done);
    EXPECT_FALSE(the_case().demand_met);
    answers(h2, second, AnswerStatus::done);
    EXPECT_TRUE(the_case().demand_met);
}

TEST_F(Moving, an_order_under_way_follows_the_vm_and_the_old_host_s_end_counts_no_more) {
    const Order first = open_order();
    answers(h1, first, AnswerStatus::accepted);
    says(h2, {record(Power::running)});
    EXPECT_EQ(storage.find_order(first.order_id)->state, DispatchState::accepted);
    answers(h1, first, AnswerStatus::needs_operator, Refusal::unknown_vm);
    EXPECT_EQ(the_case().phase, core::Phase::treatment) << "no person is called: the VM is where it was found";
    EXPECT_EQ(open_order().host, h2);
}

TEST_F(Moving, a_host_without_the_vm_is_no_end_as_long_as_another_may_name_it) {
    const Order first = open_order();
    answers(h1, first, AnswerStatus::refused, Refusal::unknown_vm);
    EXPECT_EQ(the_case().phase, core::Phase::treatment);
    clock.advance(Seconds(60));
    turn();
    EXPECT_EQ(open_order().order_id, first.order_id) << "one order, that waits";
    says(h2, {record(Power::running)});
    EXPECT_EQ(open_order().host, h2);
    EXPECT_EQ(the_case().phase, core::Phase::treatment);
}

TEST_F(Moving, a_vm_that_nobody_names_comes_before_a_person) {
    answers(h1, open_order(), AnswerStatus::refused, Refusal::unknown_vm);
    clock.advance(Seconds(149));
    turn();
    EXPECT_EQ(the_case().phase, core::Phase::treatment);
    clock.advance(Seconds(2));
    turn();
    EXPECT_EQ(the_case().phase, core::Phase::review);
    EXPECT_TRUE(open_orders().empty());
}

TEST_F(Moving, a_vm_that_was_away_for_a_moment_is_ordered_off_anew) {
    const Order first = open_order();
    answers(h1, first, AnswerStatus::refused, Refusal::unknown_vm);
    clock.advance(Seconds(5));
    says(h1, {record(Power::running)});
    const Order second = open_order();
    EXPECT_EQ(second.host, h1);
    EXPECT_NE(second.order_id, first.order_id);
}

TEST_F(Moving, a_vm_moved_in_the_middle_of_its_treatment_is_locked_and_treated_where_it_is) {
    answers(h1, open_order(), AnswerStatus::done);
    ASSERT_EQ(the_case().stage, core::Stage::evidence);
    says(h2, {record(Power::running)});
    EXPECT_EQ(the_case().host, h2);
    EXPECT_EQ(the_case().stage, core::Stage::power_off);
    const Order again = open_order();
    EXPECT_EQ(again.host, h2);
    EXPECT_EQ(again.desired, VmState::off);
    // The evidence job that h1 had answers into the past.
    for (const auto& job : storage.open_jobs(h1)) {
        JobAnswer answer;
        answer.job_id = job.job.job_id;
        answer.kind = job.job.kind;
        answer.status = AnswerStatus::done;
        frame(h1, answer);
    }
    EXPECT_EQ(the_case().stage, core::Stage::power_off);
    answers(h2, again, AnswerStatus::done);
    EXPECT_EQ(the_case().stage, core::Stage::evidence);
    const auto jobs = storage.open_jobs(h2);
    ASSERT_EQ(jobs.size(), 1u);
    EXPECT_EQ(jobs.front().job.kind, JobKind::evidence);
}

TEST_F(Moving, a_vm_that_is_off_has_moved_when_its_old_host_lets_go_of_it) {
    answers(h1, open_order(), AnswerStatus::done);
    says(h1, {record(Power::off)});
    // The panel's new host defines it first, and does not say so again by itself.
    says(h2, {record(Power::off)});
    EXPECT_EQ(the_case().host, h1) << "two hosts define it and it runs on neither: it stays where it was";
    hosts.sent.clear();
    says(h1, {});
    EXPECT_TRUE(asked_again(h2));
    EXPECT_EQ(times_told("gone"), 0) << "it is not gone";
    says(h2, {record(Power::off)});
    EXPECT_EQ(the_case().host, h2);
    EXPECT_EQ(open_order().host, h2);
    EXPECT_EQ(open_order().desired, VmState::off);
}

TEST_F(Moving, every_further_host_is_told_that_the_vm_is_off_because_of_the_case) {
    EXPECT_FALSE(open_order().was_running) << "the first host sees for itself";
    answers(h1, open_order(), AnswerStatus::done, Refusal::none, true);
    says(h1, {});
    says(h2, {record(Power::off)});
    EXPECT_EQ(open_order().host, h2);
    EXPECT_TRUE(open_order().was_running);
    answers(h2, open_order(), AnswerStatus::already, Refusal::none, true);
    // And back.
    says(h2, {});
    says(h1, {record(Power::off)});
    EXPECT_TRUE(open_order().was_running);
    answers(h1, open_order(), AnswerStatus::already, Refusal::none, true);
    // Given back it is as it was, and what comes later is another matter.
    ASSERT_TRUE(desk->act(case_id, core::AskReview{"a mistake"}, "staff:ravi"));
    ASSERT_TRUE(desk->act(case_id, core::Decide{core::Decision::dismiss, "a mistake"}, "staff:meera"));
    turn();
    EXPECT_EQ(open_order().desired, VmState::running);
    EXPECT_FALSE(open_order().was_running) << "goes with off only; the host's lock knows";
    answers(h1, open_order(), AnswerStatus::done);
    EXPECT_FALSE(the_case().was_running);
}

TEST_F(Moving, while_it_migrates_the_host_where_it_runs_has_it) {
    says(h2, {record(Power::paused)});
    EXPECT_EQ(the_case().host, h1) << "the half of a migration that has not begun to run";
    says(h1, {record(Power::paused)});
    says(h2, {record(Power::running)});
    EXPECT_EQ(the_case().host, h2);
    says(h1, {});
    EXPECT_EQ(the_case().host, h2);
    EXPECT_EQ(times_told("runs_twice"), 0);
    EXPECT_EQ(times_told("gone"), 0);
}

TEST_F(Moving, a_vm_that_runs_on_two_hosts_is_told_loudly_and_once_at_a_time) {
    says(h2, {record(Power::running)});
    EXPECT_TRUE(asked_again(h1)) << "h1's word may be from before a migration";
    EXPECT_EQ(times_told("runs_twice"), 0);
    says(h1, {record(Power::running)});
    EXPECT_EQ(times_told("runs_twice"), 1);
    EXPECT_EQ(the_case().host, h2) << "the case does not run to and fro";
    says(h1, {record(Power::running)});
    says(h2, {record(Power::running)});
    EXPECT_EQ(times_told("runs_twice"), 1) << "told once";
    EXPECT_EQ(open_orders().size(), 1u);
    // One of them is ended, and later it happens again.
    says(h1, {record(Power::off)});
    says(h1, {record(Power::running)});
    says(h2, {record(Power::running)});
    EXPECT_EQ(times_told("runs_twice"), 2);
}

TEST_F(Moving, an_order_to_a_dead_host_is_kept_and_sent_again) {
    const Order order = open_order();
    hosts.down.insert(h1);
    desk->host_disconnected(h1);
    clock.advance(Seconds(400));
    turn();
    EXPECT_EQ(open_order().order_id, order.order_id);
    // Longer than an order lives: a fresh one takes its place, and waits too.
    clock.advance(Seconds(600));
    turn();
    const Order fresh = open_order();
    EXPECT_NE(fresh.order_id, order.order_id);
    EXPECT_EQ(fresh.desired, VmState::off);
    hosts.down.clear();
    hosts.sent.clear();
    frame(h1, Hello{h1, "0.1.0", 1, 0, "second boot"});
    const auto again = std::count_if(hosts.sent.begin(), hosts.sent.end(), [](const auto& sent) { return std::holds_alternative<OrderFrame>(sent.second.message); });
    EXPECT_EQ(again, 1);
    answers(h1, open_order(), AnswerStatus::done);
    EXPECT_TRUE(the_case().demand_met);
}

}  // namespace
}  // namespace bailiff::test
