// SPDX-License-Identifier: Apache-2.0
// A case in each phase, made the only way there is: by deciding and folding inputs.
#pragma once

#include "controller/core/case.hpp"

#include <stdexcept>

namespace bailiff::test {

using namespace core;

inline Instant nine() { return *parse_rfc3339("2026-03-02T09:00:00+05:30"); }

inline Calendar office() {
    CalendarData data;
    data.id = "office";
    data.timezone = "Asia/Kolkata";
    for (auto& day : data.hours) day = {{540, 1080}};
    return *Calendar::build(std::move(data));
}

/// The seed's policy in few words.
inline Policy virus_policy() {
    Policy p;
    p.id = PolicyId("virus-content");
    p.title = "Virus content";
    p.calendar = "office";
    p.types = {"content/malware"};
    p.ladder = {{"reply", WaitsFor::reply, StepClock::working, Seconds(3600), std::nullopt, Seconds(0)},
                {"call", WaitsFor::call, StepClock::working, Seconds(1800), std::nullopt, Seconds(3600)},
                {"enforce", WaitsFor::reply, StepClock::working, Seconds(10800), VmState::off, Seconds(0)}};
    p.resolution = Resolution{Seconds(14400), StepClock::working};
    p.needs = {Need::steps, Need::root_cause};
    p.sources = 1;
    p.support_tokens = 2;
    return p;
}

/// The same ladder, but the network is cut and a written confirmation opens it again.
inline Policy spam_policy() {
    Policy p = virus_policy();
    p.id = PolicyId("general");
    p.ladder.back().then = VmState::isolated;
    p.restore_when = RestoreWhen::confirmed;
    p.restore_by = DecidedBy::staff;
    p.evidence = p.scan = false;
    p.support_tokens = 0;
    return p;
}

/// Another case of the same customer and VM.
inline OtherCase other_case(const char* id = "C-2") {
    return {CaseId(id), PolicyId("general"), VmId("11111111-1111-4111-8111-111111111111"), CustomerId("7"),
            {{ReportId("R-8"), "messaging/spam", "feedback@mailer.example", nine(), "spam"}}, true, false, ""};
}

/// A case with its policy, its history and its clock.
struct Walk {
    Policy policy;
    Calendar calendar = office();
    Case c;
    Instant now = nine();
    std::vector<HistoryItem> history;

    explicit Walk(Policy p) : policy(std::move(p)) {
        const OpenCase opening{CaseId("C-1"), VmId("11111111-1111-4111-8111-111111111111"), "web1", "192.0.2.10", HostId("h1"), CustomerId("7"), "Lotus",
                               {"Asha", "asha@lotus.example", "+91", "en", ""}, {ReportId("R-1"), "content/malware", "cert", now, "EICAR"}};
        add(open_case(opening, policy, calendar, now), "staff:ravi");
    }
    void add(const std::vector<Fact>& facts, const std::string& actor) {
        for (auto& item : stamp(c, facts, now, actor)) history.push_back(std::move(item));
    }
    Result<std::vector<Fact>> ask(const Input& input) const { return decide(c, input, policy, calendar, now); }
    Walk& then(const Input& input, const std::string& actor = "test") {
        auto facts = ask(input);
        if (!facts) throw std::runtime_error(facts.error().text);
        add(*facts, actor);
        return *this;
    }
    /// To the deadline that stands, and over it.
    Walk& due() {
        now = owed(c, policy, calendar).deadline.value().at;
        return then(DeadlineReached{c.revision});
    }
    Walk& called() { return then(LogCall{"Asha", "+91", CallOutcome::no_answer, ""}); }
    Walk& obeyed() {
        OrderAnswer answer;
        answer.order_id = OrderId("o");
        answer.status = AnswerStatus::done;
        answer.state = c.desired;
        return then(OrderAnswered{c.demand, answer});
    }
    Walk& finished(ScanVerdict verdict = ScanVerdict::clean) {
        const auto job = awaited_job(c).value();
        JobAnswer answer;
        answer.job_id = JobId(job.key);
        answer.kind = job.kind;
        answer.status = AnswerStatus::done;
        answer.verdict = verdict;
        answer.files = 1;
        answer.evidence = EvidenceId("C-1-e");
        return then(JobAnswered{job.key, answer});
    }
};

/// Every situation a case can be in, with a name.
inline std::vector<std::pair<std::string, Walk>> situations() {
    std::vector<std::pair<std::string, Walk>> out;
    const auto add = [&](const char* what, Walk walk) { out.emplace_back(what, std::move(walk)); };
    add("open, reply awaited", Walk(virus_policy()));
    add("open, call due", Walk(virus_policy()).due());
    add("open, called", Walk(virus_policy()).due().called());
    add("open, on hold", Walk(virus_policy()).then(PlaceHold{"wait"}));
    add("answered", Walk(virus_policy()).then(RecordReply{{Channel::mail, ReplyKind::acknowledged, "", "", "", ""}}));
    add("review", Walk(virus_policy()).then(AskReview{"doubt"}));
    add("sanctioned (isolated)", Walk(spam_policy()).due().called().due().obeyed());
    const Walk off = Walk(virus_policy()).due().called().due();
    add("treatment/power_off", off);
    add("treatment/evidence", Walk(off).obeyed());
    add("treatment/scan", Walk(off).obeyed().finished());
    const Walk infected = Walk(off).obeyed().finished().finished(ScanVerdict::infected);
    add("treatment/clean_decision", infected);
    const Walk cleaning = Walk(infected).then(Approve{Stage::clean_decision, "go"});
    add("treatment/clean", cleaning);
    add("treatment/quarantine", Walk(cleaning).finished());
    add("treatment/quarantine_end", Walk(cleaning).finished().obeyed());
    add("treatment/rescan", Walk(cleaning).finished().obeyed().obeyed());
    Policy careful = virus_policy();
    careful.restore_by = DecidedBy::staff;
    add("treatment/restore_decision", Walk(careful).due().called().due().obeyed().finished().finished());
    const Walk restoring = Walk(cleaning).finished().obeyed().obeyed().finished();
    add("restoring", restoring);
    const Walk incomplete = Walk(off).obeyed().finished().finished(ScanVerdict::incomplete);
    add("review of an incomplete scan", incomplete);
    add("review of an incomplete scan, accepted once", Walk(incomplete).then(AcceptIncomplete{incomplete.c.incomplete_scan, "a swap file", "staff:meera"}, "staff:meera"));
    add("review of a treatment", Walk(off).obeyed().then(AskReview{"doubt"}));
    const Walk closed = Walk(restoring).obeyed();
    add("closed", closed);
    add("closed and erased", Walk(closed).then(EraseCase{"a seal", "an envelope", "two years are over"}));
    add("open, muted", Walk(virus_policy()).then(Mute{CaseId("C-9"), PolicyId("outbound-attack")}));
    add("review, muted", Walk(virus_policy()).then(AskReview{"doubt"}).then(Mute{CaseId("C-9"), PolicyId("outbound-attack")}));
    add("open, silent, too few sources", [] {
        Policy two = virus_policy();
        two.sources = 2;
        return Walk(two).due().called();
    }());
    add("open, another case was merged into it", Walk(virus_policy()).then(TakeIn{other_case(), false, false, "one matter"}));
    add("merged into another case", Walk(virus_policy()).then(MergeAway{CaseId("C-2"), "one matter"}));
    add("sanctioned, appeal pending", Walk(spam_policy()).due().called().due().obeyed().then(LodgeAppeal{"not me", Channel::mail}, "customer"));
    add("closed, appeal pending", Walk(restoring).obeyed().then(LodgeAppeal{"the tokens", Channel::mail}, "customer"));
    const Walk paid = Walk(virus_policy()).then(RecordReply{{Channel::page, ReplyKind::fix_request, "", "", "", ""}}, "customer");
    add("treatment/power_off that the customer pays for", paid);
    add("review of a treatment that the customer pays for", Walk(paid).then(RecordReply{{Channel::page, ReplyKind::dispute, "", "", "", ""}}, "customer"));
    return out;
}

/// One input of every kind (several where they differ), with a name.
inline std::vector<std::pair<std::string, Input>> inputs(const Walk& walk) {
    const Case& c = walk.c;
    OrderAnswer done, refused;
    done.status = AnswerStatus::done;
    done.state = c.desired;
    refused.status = AnswerStatus::refused;
    refused.refusal = Refusal::gate_down;
    refused.text = "no gate";
    const auto job = awaited_job(c);
    const auto job_answer = [&](AnswerStatus status, ScanVerdict verdict) {
        JobAnswer a;
        a.kind = job ? job->kind : JobKind::scan;
        a.status = status;
        a.verdict = verdict;
        a.text = "text";
        return JobAnswered{job ? job->key : "scan/9.9", a};
    };
    const auto reply = [](ReplyKind kind, const char* steps, const char* cause) { return RecordReply{{Channel::mail, kind, steps, cause, "", ""}}; };
    const std::string notice = c.notices.empty() ? "none" : c.notices.front().key;
    return {
        {"deadline_reached", DeadlineReached{c.revision}},
        {"deadline_reached, stale", DeadlineReached{c.revision - 1}},
        {"add_report", AddReport{{ReportId("R-2"), "content/malware", "cert", walk.now, ""}}},
        {"add_report, known", AddReport{{ReportId("R-1"), "content/malware", "cert", walk.now, ""}}},
        {"log_call no_answer", LogCall{"Asha", "+91", CallOutcome::no_answer, ""}},
        {"log_call wrong_number", LogCall{"Asha", "+91", CallOutcome::wrong_number, ""}},
        {"record_reply acknowledged", reply(ReplyKind::acknowledged, "", "")},
        {"record_reply fixed", reply(ReplyKind::fixed, "removed it", "weak password")},
        {"record_reply fixed, incomplete", reply(ReplyKind::fixed, "removed it", "")},
        {"record_reply fix_request", reply(ReplyKind::fix_request, "", "")},
        {"record_reply dispute", reply(ReplyKind::dispute, "", "")},
        {"extend", Extend{Seconds(3600), "asked"}},
        {"place_hold", PlaceHold{"wait"}},
        {"lift_hold", LiftHold{"go"}},
        {"decide resume", Decide{Decision::resume, "why"}},
        {"decide enforce", Decide{Decision::enforce, "why"}},
        {"decide accept", Decide{Decision::accept, "why"}},
        {"decide dismiss", Decide{Decision::dismiss, "why"}},
        {"decide treat", Decide{Decision::treat, "why"}},
        {"approve clean_decision", Approve{Stage::clean_decision, "why"}},
        {"approve restore_decision", Approve{Stage::restore_decision, "why"}},
        {"ask_review", AskReview{"doubt"}},
        {"close", Close{"why"}},
        {"add_note", AddNote{"text"}},
        {"notice_accepted", NoticeAccepted{Notice::ticket, notice, "a@b", "<m@d>"}},
        {"notice_refused", NoticeRefused{Notice::ticket, notice, "a@b", "550"}},
        {"notice_refused, another contact is there", NoticeRefused{Notice::ticket, notice, "a@b", "550", Contact{"Vikram", "noc@lotus.example", "", "en", ""}}},
        {"mail_bounced", MailBounced{Notice::ticket, "ticket", "asha@lotus.example", "5.1.1", "no such user", true, Contact{"Vikram", "noc@lotus.example", "", "en", ""}}},
        {"mail_bounced, nobody else is there", MailBounced{Notice::ticket, "ticket", "asha@lotus.example", "5.1.1", "no such user", true, {}}},
        {"mail_bounced, late only", MailBounced{Notice::ticket, "ticket", "asha@lotus.example", "4.4.1", "later", false, {}}},
        {"log_call reached, to be called back", LogCall{"Asha", "+91", CallOutcome::reached, "", walk.now + Seconds(3600)}},
        {"call_back_reached", CallBackReached{}},
        {"order_answered done", OrderAnswered{c.demand, done}},
        {"order_answered refused", OrderAnswered{c.demand, refused}},
        {"order_answered, older demand", OrderAnswered{c.demand - 1, done}},
        {"job_answered done, clean", job_answer(AnswerStatus::done, ScanVerdict::clean)},
        {"job_answered done, infected", job_answer(AnswerStatus::done, ScanVerdict::infected)},
        {"job_answered done, incomplete", job_answer(AnswerStatus::done, ScanVerdict::incomplete)},
        {"job_answered failed", job_answer(AnswerStatus::failed, ScanVerdict::incomplete)},
        {"vm_reported", VmReported{"lock_bypassed", "text"}},
        {"vm_seen_on", VmSeenOn{HostId("h2")}},
        {"accept_incomplete", AcceptIncomplete{c.incomplete_scan, "why", "staff:ravi"}},
        {"accept_incomplete, the same person", AcceptIncomplete{c.incomplete_scan, "why", "staff:meera"}},
        {"accept_incomplete, another scan", AcceptIncomplete{JobId("scan/9.9"), "why", "staff:ravi"}},
        {"accept_incomplete, the customer", AcceptIncomplete{c.incomplete_scan, "why", "customer"}},
        {"erase_case", EraseCase{"a seal", "an envelope", "asked by the customer"}},
        {"erase_case, no reason", EraseCase{"a seal", "an envelope", ""}},
        {"hosts_without_lock", HostsWithoutLock{c.demand, "h2 answered gate_down (no gate)"}},
        {"hosts_without_lock, older demand", HostsWithoutLock{c.demand - 1, "h2"}},
        {"take_in", TakeIn{other_case("C-3"), false, false, "one matter"}},
        {"take_in, it was answered", TakeIn{[] {
             OtherCase other = other_case("C-3");
             other.answered = true;
             return other;
         }(), false, false, "one matter"}},
        {"take_in, of another customer", TakeIn{[] {
             OtherCase other = other_case("C-3");
             other.customer = CustomerId("8");
             return other;
         }(), true, false, "one matter"}},
        {"merge_away", MergeAway{CaseId("C-3"), "one matter"}},
        {"undo_merge", UndoMerge{CaseId("C-2"), "two matters"}},
        {"come_back", ComeBack{CaseId("C-2"), "two matters"}},
        {"split_off", SplitOff{{ReportId("R-8")}, CaseId("C-3"), "two matters"}},
        {"split_off, all", SplitOff{{ReportId("R-1"), ReportId("R-8")}, CaseId("C-3"), "two matters"}},
        {"mute", Mute{CaseId("C-9"), PolicyId("outbound-attack")}},
        {"unmute", Unmute{"C-9 is closed"}},
        {"lodge_appeal", LodgeAppeal{"not me", Channel::mail}},
        {"decide_appeal upheld", DecideAppeal{true, "right", "staff:ravi", false}},
        {"decide_appeal rejected", DecideAppeal{false, "wrong", "staff:ravi", false}},
        {"decide_appeal, took part", DecideAppeal{false, "wrong", "staff:meera", true}},
        {"assign", Assign{"ravi"}},
        {"refund_tokens", RefundTokens{0, "why"}},
        {"refund_tokens, more than were charged", RefundTokens{c.tokens + 1, "why"}},
    };
}

}  // namespace bailiff::test
