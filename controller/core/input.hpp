// SPDX-License-Identifier: Apache-2.0
// Everything that can happen to a case. One struct per act or event; the REST API's bodies are these.
#pragma once

#include "controller/core/history.hpp"

#include <optional>
#include <string>
#include <variant>

namespace bailiff::core {

/// What is known when a case opens.
struct OpenCase {
    CaseId case_id;
    VmId vm;
    std::string vm_name, vm_address;
    HostId host;
    CustomerId customer;
    std::string customer_name;
    Contact contact;
    ReportSummary report;
    CaseId predecessor{}, split_from{};   ///< see CaseOpened
};

/// The clock: the deadline that was computed at `revision` has come. A stale revision yields nothing.
struct DeadlineReached { int64_t revision = 0; };
struct AddReport { ReportSummary report; bool with_ticket{}; };
struct LogCall { std::string contact, number; CallOutcome outcome = CallOutcome::no_answer; std::string note; Instant call_back{}; };
struct RecordReply { Reply reply; };
struct Extend { Seconds by{0}; std::string reason; };
struct PlaceHold { std::string reason; };
struct LiftHold { std::string reason; };
struct Decide { Decision decision = Decision::resume; std::string reason; };
/// Lets the stage that waits for a person go on: `clean_decision` or `restore_decision`.
struct Approve { Stage stage = Stage::clean_decision; std::string reason; };
/// Staff asks for a person's review now (an appeal, a doubt).
struct AskReview { std::string reason; };
struct Close { std::string reason; };
struct AddNote { std::string text; };
struct NoticeAccepted { Notice notice = Notice::ticket; std::string key, to, message_id; };
/// `next`: another contact of the customer who can be written to.
struct NoticeRefused { Notice notice = Notice::ticket; std::string key, to, text; std::optional<Contact> next{}; };
/// A mail that had been sent came back, or is late.
struct MailBounced { Notice notice = Notice::ticket; std::string key, to, status, text; bool final = true; std::optional<Contact> next{}; };
/// The clock: the time at which a contact asked to be phoned.
struct CallBackReached {};
/// The host's final answer to an order of demand `demand`.
struct OrderAnswered { int64_t demand = 0; OrderAnswer answer; };
/// The host's final answer to the job with `key`.
struct JobAnswered { std::string key; JobAnswer answer; };
struct VmReported { std::string what, text; };
struct VmSeenOn { HostId host; };
/// Hosts that could run the VM do not hold its lock: what they answered, or that they do not answer. `demand` is the one
/// whose order waits for them.
struct HostsWithoutLock { int64_t demand = 0; std::string text; };

/// One of the two people who must accept that a scan did not look at everything. `by` is the actor: the desk fills it in,
/// no body can choose it. `scan_job` names the scan, so that nobody accepts another one than was looked at.
struct AcceptIncomplete { JobId scan_job; std::string reason; std::string by; };

/// What the history up to now says of people is erased: the desk does it, and this is its record.
struct EraseCase { std::string seal, envelope, reason; };

/// What one case must know of another that is to go on in it. The desk fills it in from the stored case.
struct OtherCase {
    CaseId id;
    PolicyId policy;
    VmId vm;
    CustomerId customer;
    std::vector<ReportSummary> reports;
    bool told{};                       ///< the customer has had its ticket
    bool answered{};                   ///< the customer has answered it
    std::string review_reason{};       ///< it waits for a person's decision, for this reason; else empty
};
/// The other case's reports go on here. `insist`: though it is about another VM. `undoes_split`: they left this case before.
struct TakeIn { OtherCase other; bool insist = false; bool undoes_split = false; std::string reason; };
/// The other half: this case goes on in `into`.
struct MergeAway { CaseId into; std::string reason; };
/// What was taken in of `other` goes back; and the other half: this case is open again.
struct UndoMerge { CaseId other; std::string reason; };
struct ComeBack { CaseId from; std::string reason; };
/// Reports that do not belong here leave for case `into`, or for triage where that is empty.
struct SplitOff { std::vector<ReportId> reports; CaseId into; std::string reason; };
/// The desk's own: a case whose policy inhibits this one's was opened on the VM, or is no more.
struct Mute { CaseId by; PolicyId policy; };
struct Unmute { std::string why; };

struct LodgeAppeal { std::string text; Channel channel = Channel::staff; };
/// `by` is the actor and `took_part` whether that person had a hand in this case's decisions: the desk fills both in, no
/// body can choose them.
struct DecideAppeal { bool upheld = false; std::string reason; std::string by; bool took_part = false; };
struct Assign { std::string assignee; };

/// What the case was charged goes back: so many tokens, or with 0 all that are left.
struct RefundTokens { int64_t tokens = 0; std::string reason; };

using Input = std::variant<DeadlineReached, AddReport, LogCall, RecordReply, Extend, PlaceHold, LiftHold, Decide, Approve, AskReview,
                           Close, AddNote, NoticeAccepted, NoticeRefused, OrderAnswered, JobAnswered, VmReported, VmSeenOn, HostsWithoutLock, AcceptIncomplete, EraseCase,
                           MailBounced, CallBackReached,
                           TakeIn, MergeAway, UndoMerge, ComeBack, SplitOff, Mute, Unmute, LodgeAppeal, DecideAppeal, Assign,
                           RefundTokens>;

/// "log_call", "record_reply": for logs, pages and the transition table.
std::string_view word_of(const Input& input);

}  // namespace bailiff::core
