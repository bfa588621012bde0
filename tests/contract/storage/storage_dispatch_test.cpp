// SPDX-License-Identifier: Apache-2.0
// The storage contract: mails, orders, jobs.
#include "tests/contract/storage/storage_world.hpp"

namespace bailiff::test {
namespace {

class TheOutbox : public StorageContract {
  protected:
    void owe(const std::string& case_id, const std::vector<std::string>& keys, Instant now = at(0)) {
        std::vector<core::NoticeDue> dues;
        for (const auto& key : keys) dues.push_back({core::Notice::further_report, key, core::Audience::staff});
        storage().owe(CaseId(case_id), dues, now, [&](const std::string& key) { return "<" + case_id + "." + key + "." + std::to_string(++made_) + "@x>"; });
    }
    std::string states(const std::string& case_id) {
        std::string out;
        for (const auto& mail : storage().mails_of(CaseId(case_id))) out += mail.due.key + "=" + std::string(name(mail.state)) + " ";
        return out;
    }
    int made_ = 0;
};
BAILIFF_OVER_ALL_STORAGES(TheOutbox);
class TheDispatch : public StorageContract {};
BAILIFF_OVER_ALL_STORAGES(TheDispatch);

TEST_P(TheOutbox, holds_exactly_what_is_owed) {
    owe("C-1", {"ticket", "further_report/2"});
    EXPECT_EQ(states("C-1"), "ticket=due further_report/2=due ");
    const auto mails = storage().to_send(at(0), 10);
    ASSERT_EQ(mails.size(), 2u);
    EXPECT_EQ(mails[0].message_id, "<C-1.ticket.1@x>");
    EXPECT_EQ(mails[0].due, (core::NoticeDue{core::Notice::further_report, "ticket", core::Audience::staff}));
    EXPECT_EQ(mails[0].case_id, CaseId("C-1"));
    EXPECT_EQ(mails[0].next_try, at(0));
    EXPECT_EQ(mails[0].attempts, 0);
    owe("C-1", {"ticket"}, at(5));
    EXPECT_EQ(states("C-1"), "ticket=due further_report/2=withdrawn ");
    EXPECT_EQ(made_, 2) << "a mail that is known keeps its Message-ID";
    EXPECT_EQ(storage().to_send(at(9), 10), std::vector{mails[0]});
    owe("C-1", {});
    EXPECT_TRUE(storage().to_send(at(9), 10).empty());
}

TEST_P(TheOutbox, never_adds_a_key_twice) {
    owe("C-1", {"a", "b", "c", "a"});
    auto mails = storage().mails_of(CaseId("C-1"));
    ASSERT_EQ(mails.size(), 3u);
    mails[0].state = MailState::sent;
    mails[1].state = MailState::failed;
    storage().update(mails[0]);
    storage().update(mails[1]);
    owe("C-1", {});
    EXPECT_EQ(states("C-1"), "a=sent b=failed c=withdrawn ");
    owe("C-1", {"a", "b", "c"});
    EXPECT_EQ(states("C-1"), "a=sent b=failed c=withdrawn ");
    owe("C-2", {"a"});
    EXPECT_EQ(states("C-2"), "a=due ") << "keys are a case's own";
}

TEST_P(TheOutbox, is_tried_again_when_it_is_time) {
    owe("C-1", {"a"}, at(10));
    EXPECT_TRUE(storage().to_send(at(9), 10).empty());
    auto mail = storage().to_send(at(10), 10).at(0);
    mail.attempts = 1;
    mail.next_try = at(100);
    mail.last_reply = "451 later";
    storage().update(mail);
    EXPECT_TRUE(storage().to_send(at(99), 10).empty());
    EXPECT_EQ(storage().to_send(at(100), 10), std::vector{mail});
    owe("C-2", {"b"}, at(50));
    ASSERT_EQ(storage().to_send(at(200), 10).size(), 2u);
    EXPECT_EQ(storage().to_send(at(200), 1).at(0).case_id, CaseId("C-2")) << "who waits longest goes first";
}

TEST_P(TheOutbox, does_not_bring_withdrawn_mails_back) {
    owe("C-1", {"a"});
    auto mail = storage().to_send(at(0), 1).at(0);
    owe("C-1", {});
    mail.next_try = at(1);
    storage().update(mail);
    EXPECT_EQ(states("C-1"), "a=withdrawn ");
    mail.state = MailState::sent;
    storage().update(mail);
    EXPECT_EQ(states("C-1"), "a=sent ") << "that it went out all the same must be known";
}

StoredOrder order(const std::string& id, const std::string& host, int64_t seq, int64_t demand = 1) {
    StoredOrder out;
    out.order = Order{OrderId(id), 1, HostId(host), seq, VmId("vm"), 4, CaseId("C-1"), VmState::off, EvidenceRule::required, Expect::running,
                      "virus/1", at(seq), at(seq + 600), "no answer \xE2\x80\x93 \"off\"", {}};
    out.demand = demand;
    out.envelope = "{\"payload\":\"" + id + "\"}";
    return out;
}
StoredJob job(const std::string& id, const std::string& host, int64_t seq) {
    StoredJob out;
    out.job = Job{JobId(id), 2, HostId(host), seq, VmId("vm"), CaseId("C-1"), JobKind::clean, JobId("s"), "virus/1", at(seq), at(seq + 60), "why"};
    out.key = "clean/1.1";
    out.envelope = "e";
    return out;
}
template <class T>
std::string seqs(const std::vector<T>& all) {
    std::string out;
    for (const auto& one : all) {
        if constexpr (std::is_same_v<T, StoredOrder>) out += one.order.host.text() + std::to_string(one.order.seq) + " ";
        else out += one.job.host.text() + std::to_string(one.job.seq) + " ";
    }
    return out;
}

TEST_P(TheDispatch, numbers_never_repeat) {
    EXPECT_EQ(storage().epoch(), 1);
    EXPECT_EQ(storage().next_seq(HostId("h1")), 1);
    EXPECT_EQ(storage().next_seq(HostId("h1")), 2);
    EXPECT_EQ(storage().next_seq(HostId("h2")), 1);
    auto host = *storage().find_host(HostId("h1"));
    EXPECT_EQ(host.seq, 2);
    host.seq = 0;
    host.version = "old copy";
    storage().put_host(host);
    EXPECT_EQ(storage().next_seq(HostId("h1")), 3) << "a stale row sets nothing back";
    EXPECT_EQ(storage().find_host(HostId("h1"))->version, "old copy");
    host.seq = 100;
    storage().put_host(host);
    EXPECT_EQ(storage().next_seq(HostId("h1")), 101) << "a host may have seen more than we know";
    EXPECT_EQ(storage().next_generation(VmId("a")), 1);
    EXPECT_EQ(storage().next_generation(VmId("a")), 2);
    EXPECT_EQ(storage().next_generation(VmId("b")), 1);
}

TEST_P(TheDispatch, keeps_orders_whole) {
    auto one = order("o1", "h1", 7);
    EXPECT_FALSE(storage().find_order(OrderId("o1")));
    storage().put_order(one);
    EXPECT_EQ(storage().find_order(OrderId("o1")), one);
    one.state = DispatchState::finished;
    one.answer = OrderAnswer{OrderId("o1"), AnswerStatus::refused, Refusal::over_budget, "7 of 7", VmState::running, Power::paused, at(3), {{"acpi", 12}}, {}, {}, EvidenceId("C-1-o1"), std::string(64, 'a'), true};
    storage().put_order(one);
    EXPECT_EQ(storage().find_order(OrderId("o1")), one);
}

TEST_P(TheDispatch, keeps_jobs_whole) {
    auto one = job("j1", "h1", 7);
    storage().put_job(one);
    EXPECT_EQ(storage().find_job(JobId("j1")), one);
    one.state = DispatchState::void_;
    one.answer = JobAnswer{JobId("j1"), JobKind::clean, AnswerStatus::done, Refusal::none, "", at(9), 100, EvidenceId("C-1-j"), "ab", ScanVerdict::infected,
                           3, 4, 5, {{"/tmp/x", "EICAR", "clamd", "ff"}}, {{"clean", 7}}};
    storage().put_job(one);
    EXPECT_EQ(storage().find_job(JobId("j1")), one);
    EXPECT_FALSE(storage().find_job(JobId("j2")));
}

TEST_P(TheDispatch, keeps_scan_reports_byte_for_byte_and_the_first_one_of_a_job) {
    const StoredScanReport one{"j1", CaseId("C-1"), HostId("h1"), at(5), ScanVerdict::incomplete, std::string(64, 'a'), false, ReportSignature::valid,
                               "0123456789abcdef", "{\"payload\":\"\xC3\xA4\"}"};
    StoredScanReport other = one, elsewhere = one;
    other.job = "j0";
    other.at = at(6);
    other.signature = ReportSignature::bad;
    elsewhere.job = "j2";
    elsewhere.case_id = CaseId("C-2");
    EXPECT_FALSE(storage().find_scan_report("j1"));
    for (const auto& report : {other, one, elsewhere}) storage().put_scan_report(report);
    EXPECT_EQ(storage().find_scan_report("j1"), one);
    auto changed = one;
    changed.envelope = "another";
    storage().put_scan_report(changed);
    EXPECT_EQ(storage().find_scan_report("j1"), one) << "what a host once said stays said";
    const auto listed = storage().scan_reports_of(CaseId("C-1"));
    ASSERT_EQ(listed.size(), 2u);
    EXPECT_EQ(listed[0].job, "j1") << "oldest first";
    EXPECT_EQ(listed[1].signature, ReportSignature::bad);
    EXPECT_EQ(listed[0].envelope, "") << "a list is no download";
    (void)storage().transaction([&]() -> Result<void> {
        auto undone = one;
        undone.job = "j9";
        storage().put_scan_report(undone);
        return fail(Errc::invalid, "no");
    });
    EXPECT_FALSE(storage().find_scan_report("j9"));
}

TEST_P(TheDispatch, knows_what_is_still_open) {
    for (auto [id, host, seq, state] : {std::tuple{"o1", "h1", 3, DispatchState::issued}, std::tuple{"o2", "h1", 1, DispatchState::accepted},
                                        std::tuple{"o3", "h2", 2, DispatchState::issued}, std::tuple{"o4", "h1", 4, DispatchState::void_},
                                        std::tuple{"o5", "h1", 12, DispatchState::issued}}) {
        auto one = order(id, host, seq);
        one.state = state;
        storage().put_order(one);
        auto work = job(std::string("j") + id, host, seq);
        work.state = state;
        storage().put_job(work);
    }
    EXPECT_EQ(seqs(storage().open_orders(HostId("h1"))), "h11 h13 h112 ");
    EXPECT_EQ(seqs(storage().open_orders({})), "h11 h13 h112 h22 ");
    EXPECT_EQ(seqs(storage().open_jobs(HostId("h1"))), "h11 h13 h112 ");
    EXPECT_EQ(seqs(storage().open_jobs({})), "h11 h13 h112 h22 ");
    auto done = *storage().find_order(OrderId("o1"));
    done.state = DispatchState::finished;
    storage().put_order(done);
    EXPECT_EQ(seqs(storage().open_orders(HostId("h1"))), "h11 h112 ");
    EXPECT_TRUE(storage().open_orders(HostId("h3")).empty());
}

TEST_P(TheDispatch, lists_a_cases_orders_oldest_first) {
    storage().put_order(order("b", "h2", 1, 2));
    storage().put_order(order("a", "h1", 9, 1));
    storage().put_order(order("c", "h1", 10, 1));
    auto foreign = order("d", "h1", 11, 1);
    foreign.order.case_id = CaseId("C-2");
    storage().put_order(foreign);
    EXPECT_EQ(seqs(storage().orders_of(CaseId("C-1"))), "h19 h110 h21 ");
    storage().put_job(job("z", "h1", 1));
    storage().put_job(job("y", "h1", 2));
    EXPECT_EQ(seqs(storage().jobs_of(CaseId("C-1"))), "h11 h12 ");
    EXPECT_TRUE(storage().jobs_of(CaseId("C-2")).empty());
}

TEST_P(TheDispatch, handles_each_frame_once) {
    EXPECT_TRUE(storage().first_time(HostId("h1"), MessageId("m"), at(0)));
    EXPECT_FALSE(storage().first_time(HostId("h1"), MessageId("m"), at(99)));
    EXPECT_TRUE(storage().first_time(HostId("h2"), MessageId("m"), at(0))) << "ids are a host's own";
    EXPECT_TRUE(storage().first_time(HostId("h1"), MessageId("M"), at(0)));
}

TEST_P(TheDispatch, forgets_old_frames_and_answers_and_nothing_else) {
    for (int i = 0; i < 4; ++i) {
        EXPECT_TRUE(storage().first_time(HostId("h1"), MessageId("m" + std::to_string(i)), at(i * 100)));
        storage().remember("alice", "k" + std::to_string(i), "answer", at(i * 100));
    }
    EXPECT_EQ(storage().forget_before(at(0), at(0)), 0) << "what is as old as the limit stays";
    EXPECT_EQ(storage().forget_before(at(101), at(201)), 2 + 3);
    EXPECT_TRUE(storage().first_time(HostId("h1"), MessageId("m1"), at(500))) << "forgotten: it would be handled as new";
    EXPECT_FALSE(storage().first_time(HostId("h1"), MessageId("m2"), at(500)));
    EXPECT_FALSE(storage().recall("alice", "k2"));
    EXPECT_EQ(storage().recall("alice", "k3"), "answer");
    EXPECT_EQ(storage().forget_before(at(101), at(201)), 0);
}

TEST_P(TheDispatch, forgets_in_portions_and_the_oldest_first) {
    const auto done = storage().transaction([&]() -> Result<void> {
        for (int i = 0; i < Storage::forget_at_once + 10; ++i) storage().first_time(HostId("h1"), MessageId("m" + std::to_string(i)), at(i));
        return {};
    });
    ASSERT_TRUE(done);
    EXPECT_EQ(storage().forget_before(at(1'000'000), at(0)), Storage::forget_at_once);
    EXPECT_FALSE(storage().first_time(HostId("h1"), MessageId("m" + std::to_string(Storage::forget_at_once + 9)), at(0)));
    EXPECT_EQ(storage().forget_before(at(1'000'000), at(0)), 10);
}

TEST_P(TheDispatch, forgetting_is_undone_with_its_transaction) {
    EXPECT_TRUE(storage().first_time(HostId("h1"), MessageId("m"), at(0)));
    storage().remember("alice", "k", "answer", at(0));
    EXPECT_FALSE(storage().transaction([&]() -> Result<void> {
        EXPECT_EQ(storage().forget_before(at(1), at(1)), 2);
        return fail(Errc::invalid, "no");
    }));
    EXPECT_FALSE(storage().first_time(HostId("h1"), MessageId("m"), at(0)));
    EXPECT_EQ(storage().recall("alice", "k"), "answer");
}

TEST_P(TheDispatch, a_proof_that_it_can_be_written_changes_nothing_else) {
    const auto c = saved_case(storage());
    storage().prove_writable();
    storage().prove_writable();
    EXPECT_EQ(storage().find_case(c.id), c);
    EXPECT_EQ(storage().next_generation(VmId("a")), 1);
}

}  // namespace
}  // namespace bailiff::test
