// SPDX-License-Identifier: Apache-2.0
// What can be true of a case: the facts that its history is made of. The history is the audit log; a case is its fold.
#pragma once

#include <bailiff/id.hpp>
#include <bailiff/message.hpp>
#include <bailiff/names.hpp>
#include <bailiff/order.hpp>
#include <bailiff/time.hpp>
#include <bailiff/vm.hpp>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace bailiff::core {

/// The mails that Bailiff writes. Templates carry these words.
enum class Notice {
    ticket,             ///< to the customer, at once, at any hour
    further_report,     ///< to the customer: the open case got another report
    call_reminder,      ///< to staff: phone the contact now
    call_overdue,       ///< to staff, then to the supervisor: the call was not made
    answer_incomplete,  ///< to the customer: what is still missing
    switched_off,       ///< to the customer, with the statement of reasons
    network_cut,        ///< the same for limit and isolate
    restored,           ///< to the customer: the VM is back
    closed,             ///< to the customer: nothing more to do
    review_needed,      ///< to staff: a person decides
    operator_needed,    ///< to staff: a host did not obey
    appeal_decided,     ///< to the customer: what became of the appeal
};
/// Whom a notice is for.
enum class Audience { customer, staff, supervisor };
/// How the customer's answer came.
enum class Channel { mail, page, phone, staff };
/// What the customer declares.
enum class ReplyKind {
    acknowledged,  ///< "we are looking into it"
    fixed,         ///< with the steps taken and the root cause
    fix_request,   ///< the provider is to fix it, for support tokens
    dispute,       ///< "this is wrong"
};
/// What came of a phone attempt.
enum class CallOutcome { reached, no_answer, voicemail, wrong_number };
/// What a person decides about a case in review.
enum class Decision {
    resume,    ///< go on where the case stood: the ladder with its remaining time, or the treatment's step again
    enforce,   ///< the policy's sanction, now
    accept,    ///< the customer's answer suffices
    dismiss,   ///< false positive: release and close
    treat,     ///< the provider treats the VM: off, evidence, scan, clean
};
/// How a case ended. `merged`: it goes on in another case.
enum class Outcome { fixed_by_customer, cleaned, found_clean, accepted, false_positive, closed_by_staff, merged };
/// Where a treatment stands: what the case waits for.
enum class Stage {
    none,
    power_off,       ///< the VM going off
    evidence,        ///< job
    scan,            ///< job
    clean_decision,  ///< infected: staff (or policy) lets the cleaning begin
    clean,           ///< job on an overlay
    quarantine,      ///< the cleaned VM booting in isolation
    quarantine_end,  ///< that run going off again
    rescan,          ///< job
    restore_decision,///< verified clean: policy (or staff) accepts
    revert_off,      ///< a quarantine run ending, since its changes are to be dropped
    revert,          ///< job: the disks as they were at power-off
};

/// The party, and the person we write to and phone.
struct Contact {
    std::string name, email, phone;
    std::string language = "en";   ///< of the notices
    std::string zone;              ///< IANA; empty = the calendar's
    friend bool operator==(const Contact&, const Contact&) = default;
};

/// A report as the case keeps it; the whole of it is stored beside.
struct ReportSummary {
    ReportId id;
    std::string type;              ///< XARF v4 "category/type"
    std::string reporter;
    Instant observed_at{};
    std::string summary;           ///< evidence in words
    bool ascertained{};            ///< seen by our own scan, or by staff itself: it needs no second source
    std::string party{};           ///< by mail: the domain that the mail server proved, or "unproven:" and the one that it merely names
    friend bool operator==(const ReportSummary&, const ReportSummary&) = default;
};

/// What a customer's answer says. Empty texts were not given.
struct Reply {
    Channel channel = Channel::mail;
    ReplyKind kind = ReplyKind::acknowledged;
    std::string steps, root_cause, prevention, text;
    friend bool operator==(const Reply&, const Reply&) = default;
};

// ---- the facts -------------------------------------------------------------------------------------------------

struct CaseOpened {
    CaseId case_id;
    VmId vm;
    std::string vm_name, vm_address;
    HostId host;
    CustomerId customer;
    std::string customer_name;
    Contact contact;
    PolicyId policy;
    int64_t policy_revision = 1;
    Seconds resolution_left{0};    ///< 0 = the policy has none
    ReportSummary report;
    CaseId predecessor{};          ///< the same happened on this VM not long ago: the case that was closed then
    CaseId split_from{};           ///< its first report was split off this case
    friend bool operator==(const CaseOpened&, const CaseOpened&) = default;
};
/// `with_ticket`: the ticket, still to be written, tells of it.
struct ReportAdded { ReportSummary report; bool with_ticket{}; friend bool operator==(const ReportAdded&, const ReportAdded&) = default; };
/// The ladder stands on rung `index` with `left` of its time (on the step's clock) from now on.
struct RungStarted {
    int64_t index = 0;
    std::string step;
    Seconds left{0};
    bool call = false;             ///< staff must phone
    friend bool operator==(const RungStarted&, const RungStarted&) = default;
};
/// The ladder's clock stopped with `left` on the current rung.
struct LadderStopped { Seconds left{0}; std::string why; friend bool operator==(const LadderStopped&, const LadderStopped&) = default; };
struct ResolutionStopped { Seconds left{0}; friend bool operator==(const ResolutionStopped&, const ResolutionStopped&) = default; };
struct ResolutionStarted { Seconds left{0}; friend bool operator==(const ResolutionStarted&, const ResolutionStarted&) = default; };
struct CallOverdue { int64_t level = 1; Seconds next{0}; friend bool operator==(const CallOverdue&, const CallOverdue&) = default; };
struct CallLogged {
    std::string contact, number;
    CallOutcome outcome = CallOutcome::no_answer;
    std::string note;
    Instant call_back{};           ///< the contact asked to be phoned again then; zero: did not
    friend bool operator==(const CallLogged&, const CallLogged&) = default;
};
struct ReplyRecorded {
    Reply reply;
    std::vector<std::string> missing;   ///< needs of the policy that a `fixed` does not meet
    friend bool operator==(const ReplyRecorded&, const ReplyRecorded&) = default;
};
/// `key` is the charge's own, the same however often it is told: case and demand. Older histories have none.
struct TokensCharged { int64_t tokens = 0; std::string key{}; friend bool operator==(const TokensCharged&, const TokensCharged&) = default; };
/// The running deadline moved later: its clock has `left` from now on.
struct Extended { Seconds by{0}; Seconds left{0}; bool resolution = false; std::string reason;
    friend bool operator==(const Extended&, const Extended&) = default; };
struct HoldPlaced { std::string reason; friend bool operator==(const HoldPlaced&, const HoldPlaced&) = default; };
struct HoldLifted { std::string reason; friend bool operator==(const HoldLifted&, const HoldLifted&) = default; };
struct ReviewOpened { std::string reason; friend bool operator==(const ReviewOpened&, const ReviewOpened&) = default; };
struct ReviewDecided { Decision decision = Decision::resume; std::string reason;
    friend bool operator==(const ReviewDecided&, const ReviewDecided&) = default; };
/// The case demands a state of its VM. `sanction` is what silence (or a decision) led to and what the notice states.
struct StateDemanded {
    VmState desired = VmState::off;
    EvidenceRule evidence = EvidenceRule::not_required;
    Expect expect = Expect::any;
    bool sanction = false;
    std::string reason;
    friend bool operator==(const StateDemanded&, const StateDemanded&) = default;
};
struct StateReached {
    OrderId order_id;
    VmState state = VmState::off;
    bool already = false;
    std::vector<StepTime> steps;
    EvidenceId evidence{};         ///< the set that the order itself froze
    std::string manifest_sha256{};
    bool was_running = false;      ///< off: what a release restores
    std::string report_sha256{};   ///< running: of the signed report of the scan after a commit
    friend bool operator==(const StateReached&, const StateReached&) = default;
};
struct OrderFailed {
    OrderId order_id;
    AnswerStatus status = AnswerStatus::failed;
    Refusal refusal = Refusal::none;
    std::string text;
    std::string report_sha256{};   ///< running: of the signed report of the scan after a commit, which may be why
    friend bool operator==(const OrderFailed&, const OrderFailed&) = default;
};
struct StageEntered { Stage stage = Stage::none; int64_t round = 1; int64_t attempt = 1;
    friend bool operator==(const StageEntered&, const StageEntered&) = default; };
struct JobFinished {
    JobId job_id;
    JobKind kind = JobKind::scan;
    ScanVerdict verdict = ScanVerdict::incomplete;  ///< scan
    EvidenceId evidence;                            ///< evidence
    std::string manifest_sha256;                    ///< evidence
    int64_t files = 0, bytes = 0, skipped = 0;
    std::vector<ScanHit> hits;                      ///< scan: found. clean: moved away
    int64_t suspicious = 0;                         ///< scan: odd things that a person should look at
    std::vector<ScanSuspicion> suspicions{};        ///< scan: the first of them
    std::string report_sha256{};                    ///< scan: of the whole signed report's payload
    friend bool operator==(const JobFinished&, const JobFinished&) = default;
};
struct JobFailed { JobId job_id; JobKind kind = JobKind::scan; Refusal refusal = Refusal::none; std::string text;
    friend bool operator==(const JobFailed&, const JobFailed&) = default; };
/// A person (or the policy) let the waiting step of a treatment happen.
struct StageApproved { Stage stage = Stage::clean_decision; std::string reason;
    friend bool operator==(const StageApproved&, const StageApproved&) = default; };
struct NoticeSent { Notice notice = Notice::ticket; std::string key, to, message_id;
    friend bool operator==(const NoticeSent&, const NoticeSent&) = default; };
struct NoticeFailed { Notice notice = Notice::ticket; std::string key, to, text;
    friend bool operator==(const NoticeFailed&, const NoticeFailed&) = default; };
/// The agent saw the VM started past the lock, moved or gone.
struct VmTrouble { std::string what, text; friend bool operator==(const VmTrouble&, const VmTrouble&) = default; };
struct VmMoved { HostId host; friend bool operator==(const VmMoved&, const VmMoved&) = default; };
struct NoteAdded { std::string text; friend bool operator==(const NoteAdded&, const NoteAdded&) = default; };
struct CaseClosed { Outcome outcome = Outcome::closed_by_staff; std::string reason;
    friend bool operator==(const CaseClosed&, const CaseClosed&) = default; };

/// A person accepts that the scan `scan_job` did not look at everything. The second one of two lets the treatment go on.
struct IncompleteAccepted { JobId scan_job; std::string reason; bool second = false;
    friend bool operator==(const IncompleteAccepted&, const IncompleteAccepted&) = default; };

/// Hosts that could run the VM do not hold its lock: `text` names them with their reasons. `goes_on`: the policy lets the
/// VM go off all the same.
struct LockIncomplete { std::string text; bool goes_on = false; friend bool operator==(const LockIncomplete&, const LockIncomplete&) = default; };

/// What the items up to revision `upto` said of people was erased, as far as an earlier such item had not done it already.
/// `seal` vouches for the holes (see erasure.hpp), and `envelope` is the controller's signature over it (DSSE).
struct CaseErased { int64_t upto = 0; std::string seal, envelope, reason; friend bool operator==(const CaseErased&, const CaseErased&) = default; };

/// The mail server of the addressee gave a mail back. `final`: for good; else it is only late.
struct NoticeBounced {
    Notice notice = Notice::ticket;
    std::string key, to, status, text;   ///< status: "5.1.1" (RFC 3463)
    bool final = true;
    friend bool operator==(const NoticeBounced&, const NoticeBounced&) = default;
};
/// What did not reach its addressee goes to another contact of the customer as `key`, and so does what follows.
struct MailRedirected {
    Notice notice = Notice::ticket;
    std::string key, of;
    Contact contact;
    friend bool operator==(const MailRedirected&, const MailRedirected&) = default;
};
/// The time has come at which a contact asked to be phoned.
struct CallBackCame { std::string contact, number, note; friend bool operator==(const CallBackCame&, const CallBackCame&) = default; };

// ---- cases that belong together: decide_merge.cpp ---------------------------------------------------------------

/// Another case's reports go on in this one, and that one is closed. `told`: its customer has had its ticket.
struct CaseTakenIn {
    CaseId other;
    PolicyId policy;                    ///< of the other: later reports under it come here
    std::vector<ReportSummary> reports;
    bool told = true;
    bool undoes_split = false;          ///< they were this case's own before, and are again
    std::string reason;
    friend bool operator==(const CaseTakenIn&, const CaseTakenIn&) = default;
};
/// This case's reports go on in case `into`.
struct MergedInto { CaseId into; std::string reason; friend bool operator==(const MergedInto&, const MergedInto&) = default; };
/// What was taken in has gone back to case `other`.
struct MergeUndone { CaseId other; std::string reason; friend bool operator==(const MergeUndone&, const MergeUndone&) = default; };
/// This case is open again, as it was before it went into `from`.
struct CameBack { CaseId from; std::string reason; friend bool operator==(const CameBack&, const CameBack&) = default; };
/// Reports that do not belong here left for case `into`, or for triage where that is empty.
struct ReportsSplitOff {
    std::vector<ReportId> reports;
    CaseId into;
    std::string reason;
    friend bool operator==(const ReportsSplitOff&, const ReportsSplitOff&) = default;
};
/// While case `by` is open, this one's clocks stand: what it is about follows from that one.
struct Muted { CaseId by; PolicyId policy; friend bool operator==(const Muted&, const Muted&) = default; };
struct Unmuted { CaseId by; std::string why; friend bool operator==(const Unmuted&, const Unmuted&) = default; };

// ---- appeals, and who looks after a case ------------------------------------------------------------------------

/// Somebody holds what was decided to be wrong; `left` on the policy's clock for appeals from now on.
struct AppealLodged {
    std::string text;
    Channel channel = Channel::staff;
    Seconds left{0};
    friend bool operator==(const AppealLodged&, const AppealLodged&) = default;
};
struct AppealOverdue { int64_t level = 1; Seconds next{0}; friend bool operator==(const AppealOverdue&, const AppealOverdue&) = default; };
struct AppealDecided { bool upheld = false; std::string reason; friend bool operator==(const AppealDecided&, const AppealDecided&) = default; };
/// An account's name; empty: nobody looks after it any more.
struct Assigned { std::string assignee; friend bool operator==(const Assigned&, const Assigned&) = default; };

/// Some or all of what the case was charged goes back to the customer.
struct TokensRefunded { int64_t tokens = 0; std::string reason, key; friend bool operator==(const TokensRefunded&, const TokensRefunded&) = default; };

using Fact = std::variant<CaseOpened, ReportAdded, RungStarted, LadderStopped, ResolutionStopped, ResolutionStarted, CallOverdue,
                          CallLogged, ReplyRecorded, TokensCharged, Extended, HoldPlaced, HoldLifted, ReviewOpened, ReviewDecided,
                          StateDemanded, StateReached, OrderFailed, StageEntered, JobFinished, JobFailed, StageApproved, NoticeSent,
                          NoticeFailed, VmTrouble, VmMoved, NoteAdded, CaseClosed, LockIncomplete, IncompleteAccepted, CaseErased,
                          NoticeBounced, MailRedirected, CallBackCame,
                          CaseTakenIn, MergedInto, MergeUndone, CameBack, ReportsSplitOff, Muted, Unmuted, AppealLodged, AppealOverdue, AppealDecided, Assigned,
                          TokensRefunded>;

/// One line of the history. `revision` counts from 1 within the case and is the case's revision after this item.
struct HistoryItem {
    int64_t revision = 0;
    Instant at{};
    std::string actor;             ///< "customer", "staff:alice", "host:h1", "clock", "controller"
    Fact fact;
    friend bool operator==(const HistoryItem&, const HistoryItem&) = default;
};

/// "case_opened", "call_logged": the word of a fact in JSON, SQL and pages.
std::string_view word_of(const Fact& fact);
/// Whether there is a fact of this word.
bool is_fact_word(std::string_view word);
/// The fact as a flat object of its fields; `parse_fact` reads it back. Written once, read for years: fields are only added.
Json json_of(const Fact& fact);
Result<Fact> parse_fact(std::string_view word, const Json& body);
/// The whole item: {"revision","at","actor","fact","body"}; its text is what the audit chain hashes.
Json json_of(const HistoryItem& item);
Result<HistoryItem> parse_item(const Json& json);
/// One line for people: "call logged: no_answer, Asha Rao +91…".
std::string describe(const Fact& fact);

}  // namespace bailiff::core

namespace bailiff {

#define BAILIFF_WORD(E, w) std::pair{core::E::w, std::string_view(#w)}
template <>
struct Names<core::Notice> {
    static constexpr std::string_view what = "notice";
    static constexpr std::array table{
        BAILIFF_WORD(Notice, ticket), BAILIFF_WORD(Notice, further_report), BAILIFF_WORD(Notice, call_reminder),
        BAILIFF_WORD(Notice, call_overdue), BAILIFF_WORD(Notice, answer_incomplete), BAILIFF_WORD(Notice, switched_off),
        BAILIFF_WORD(Notice, network_cut), BAILIFF_WORD(Notice, restored), BAILIFF_WORD(Notice, closed),
        BAILIFF_WORD(Notice, review_needed), BAILIFF_WORD(Notice, operator_needed),
        BAILIFF_WORD(Notice, appeal_decided)};
};
template <>
struct Names<core::Audience> {
    static constexpr std::string_view what = "audience";
    static constexpr std::array table{BAILIFF_WORD(Audience, customer), BAILIFF_WORD(Audience, staff), BAILIFF_WORD(Audience, supervisor)};
};
template <>
struct Names<core::Channel> {
    static constexpr std::string_view what = "channel";
    static constexpr std::array table{BAILIFF_WORD(Channel, mail), BAILIFF_WORD(Channel, page), BAILIFF_WORD(Channel, phone),
                                      BAILIFF_WORD(Channel, staff)};
};
template <>
struct Names<core::ReplyKind> {
    static constexpr std::string_view what = "kind of reply";
    static constexpr std::array table{BAILIFF_WORD(ReplyKind, acknowledged), BAILIFF_WORD(ReplyKind, fixed),
                                      BAILIFF_WORD(ReplyKind, fix_request), BAILIFF_WORD(ReplyKind, dispute)};
};
template <>
struct Names<core::CallOutcome> {
    static constexpr std::string_view what = "call outcome";
    static constexpr std::array table{BAILIFF_WORD(CallOutcome, reached), BAILIFF_WORD(CallOutcome, no_answer),
                                      BAILIFF_WORD(CallOutcome, voicemail), BAILIFF_WORD(CallOutcome, wrong_number)};
};
template <>
struct Names<core::Decision> {
    static constexpr std::string_view what = "decision";
    static constexpr std::array table{BAILIFF_WORD(Decision, resume), BAILIFF_WORD(Decision, enforce), BAILIFF_WORD(Decision, accept),
                                      BAILIFF_WORD(Decision, dismiss), BAILIFF_WORD(Decision, treat)};
};
template <>
struct Names<core::Outcome> {
    static constexpr std::string_view what = "outcome";
    static constexpr std::array table{BAILIFF_WORD(Outcome, fixed_by_customer), BAILIFF_WORD(Outcome, cleaned),
                                      BAILIFF_WORD(Outcome, found_clean), BAILIFF_WORD(Outcome, accepted),
                                      BAILIFF_WORD(Outcome, false_positive), BAILIFF_WORD(Outcome, closed_by_staff),
                                      BAILIFF_WORD(Outcome, merged)};
};
template <>
struct Names<core::Stage> {
    static constexpr std::string_view what = "stage";
    static constexpr std::array table{
        BAILIFF_WORD(Stage, none), BAILIFF_WORD(Stage, power_off), BAILIFF_WORD(Stage, evidence), BAILIFF_WORD(Stage, scan),
        BAILIFF_WORD(Stage, clean_decision), BAILIFF_WORD(Stage, clean), BAILIFF_WORD(Stage, quarantine),
        BAILIFF_WORD(Stage, quarantine_end), BAILIFF_WORD(Stage, rescan), BAILIFF_WORD(Stage, restore_decision),
        BAILIFF_WORD(Stage, revert_off), BAILIFF_WORD(Stage, revert)};
};
#undef BAILIFF_WORD

}  // namespace bailiff
