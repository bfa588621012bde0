// SPDX-License-Identifier: Apache-2.0
// A case and the three pure functions that are the whole of its behaviour.
//
//   report ──> open ──reply──> answered ──resolution deadline──> review ──a person──> any of these
//               │  ladder: reply 1 h ─> call ─> 3 h             ^   │
//               │ silence                                       │   │ (also: dispute, host refuses, scan incomplete)
//               v                                               │   v
//           sanctioned (limited, isolated) ──confirmed──────────┘  closed
//           treatment  (off: evidence ─> scan ─> clean ─> quarantine ─> rescan)
//               │ verified clean
//               v
//           restoring ──VM runs──> closed
//
// A hold stops every clock and every new act in any phase but `closed`. So does, before the VM is touched, an open case
// whose policy inhibits this one's. An appeal against a decision has a clock of its own, also when the case is closed.
#pragma once

#include "controller/core/dues.hpp"
#include "controller/core/history.hpp"
#include "controller/core/input.hpp"
#include "controller/core/policy.hpp"

#include <optional>
#include <string>
#include <vector>

namespace bailiff::core {

enum class Phase {
    open,        ///< the ladder runs
    answered,    ///< the customer answered; the confirmation is due by the resolution deadline
    review,      ///< a person decides; all clocks stand
    sanctioned,  ///< limited or isolated, until the customer confirms
    treatment,   ///< off, and `stage` says what happens to it
    restoring,   ///< release ordered
    closed,
};

/// A phone attempt as the case keeps it.
struct Call {
    Instant at{};
    std::string actor;
    CallLogged log;
    friend bool operator==(const Call&, const Call&) = default;
};

/// A mail to the customer that did not arrive, or came late.
struct MailFailure {
    std::string key, to;
    bool final = true;
    friend bool operator==(const MailFailure&, const MailFailure&) = default;
};

/// One person who accepted an incomplete scan.
struct Acceptance {
    Instant at{};
    std::string actor, reason;
    friend bool operator==(const Acceptance&, const Acceptance&) = default;
};

/// A clock that can stand still: `left` of its time remains, counted from `since` while it runs.
struct Countdown {
    bool running = false;
    Instant since{};
    Seconds left{0};
    friend bool operator==(const Countdown&, const Countdown&) = default;
};

/// A case that went on in this one, and what stood here then: an undo is possible while that still is so.
struct MergedCase {
    CaseId id;
    PolicyId policy;
    std::vector<ReportId> reports;
    int64_t replies = 0, demand = 0;
    friend bool operator==(const MergedCase&, const MergedCase&) = default;
};

/// Reports that left for a case of their own.
struct SplitReports {
    CaseId into;
    std::vector<ReportId> reports;
    friend bool operator==(const SplitReports&, const SplitReports&) = default;
};

/// Somebody holds what was decided to be wrong. At most one at a time is not decided yet.
struct Appeal {
    Instant at{};
    std::string actor, text;
    Channel channel = Channel::staff;
    Countdown clock;
    int64_t level = 0;                 ///< 0 = not overdue, 1 = staff reminded, 2+ = supervisor
    Instant decided_at{};              ///< nothing while it is pending
    std::string decided_by, reason;
    bool upheld = false;
    friend bool operator==(const Appeal&, const Appeal&) = default;
};

/// The fold of a history. Every field follows from the facts; nothing else changes it.
struct Case {
    CaseId id;
    int64_t revision = 0;
    Phase phase = Phase::open;
    VmId vm;
    std::string vm_name, vm_address;
    HostId host;
    CustomerId customer;
    std::string customer_name;
    Contact contact;
    PolicyId policy;
    int64_t policy_revision = 0;
    std::vector<ReportSummary> reports;
    Instant opened_at{};
    Instant closed_at{};

    int64_t rung = 0;
    Countdown ladder;
    Countdown resolution;
    Instant call_since{};              ///< the call rung began; escalations and resumptions do not move it. Zero: none, or an old row
    int64_t call_level = 0;            ///< 0 = not overdue, 1 = staff reminded, 2+ = supervisor
    std::vector<Call> calls;
    std::optional<CallBackDue> call_back;      ///< promised and not made
    std::optional<Contact> writes_to;          ///< instead of `contact`, whose mail did not arrive
    std::vector<MailFailure> mail_failures;    ///< one per mail, addressee and kind
    std::vector<Reply> replies;
    std::vector<std::string> missing;  ///< of the last `fixed`
    int64_t tokens = 0;                ///< charged, less what was refunded
    bool held = false;
    std::string hold_reason;
    Phase before_review = Phase::open; ///< where `resume` leads
    std::string review_reason;
    int64_t reviews = 0;

    VmState desired = VmState::running;
    int64_t demand = 0;                ///< counts the states demanded; an order belongs to one demand
    StateDemanded demanded;
    bool demand_met = true;
    Instant demanded_at{};
    Instant held_vm_since{};           ///< the first demand: among cases of one VM the earliest has hold of it
    bool was_running = false;          ///< the VM is off because of this case: a release starts it
    bool sanctioned_once = false;      ///< the customer was told of a sanction: the end of it must be told too
    Stage stage = Stage::none;
    int64_t round = 0;                 ///< of cleaning, from 1
    int64_t attempt = 1;               ///< of the current job
    int64_t jobs = 0;                  ///< ever asked for: makes each job's key unlike any other's
    bool overlays = false;             ///< cleaning has begun: changes may lie beside the disks
    int64_t lock_waived = 0;           ///< the demand whose order may leave though not every host holds the lock
    bool giving_back = false;          ///< a person decided that the VM goes back as it was
    EvidenceId evidence;
    std::optional<ScanVerdict> verdict;
    JobId scan_job;                    ///< the last scan
    std::vector<ScanHit> hits;         ///< of the last scan
    int64_t suspicious = 0;            ///< of the last scan: odd things, for a person to look at; the verdict knows nothing of them
    std::vector<ScanSuspicion> suspicions{};   ///< the first of them
    JobId incomplete_scan;             ///< the case is in review since this scan was incomplete; empty otherwise
    std::vector<Acceptance> acceptances;   ///< of that scan
    JobId accepted_scan;               ///< the last scan, when it was incomplete and two people accepted it
    int64_t cleaned = 0;               ///< files moved away
    std::vector<NoticeDue> notices;    ///< owed and not yet sent
    std::optional<Outcome> outcome;
    Outcome outcome_if_restored = Outcome::cleaned;
    bool erased = false;               ///< what it said of people is gone

    CaseId predecessor{};              ///< the case of the same VM and policy that was closed not long before this one opened
    CaseId split_from{};               ///< the case that its first report came from
    std::vector<MergedCase> merged{};  ///< cases that went on in this one
    CaseId merged_into{};              ///< the case in which this one goes on
    Phase before_merge = Phase::open;
    bool ticket_unsent{};              ///< it went into another case before its customer had a ticket of it
    std::vector<SplitReports> splits{};
    int64_t reports_left{};            ///< so many have left it again
    CaseId muted_by{};                 ///< the open case for which this one stands still
    std::vector<Appeal> appeals{};     ///< the oldest first
    std::string assignee{};            ///< the account that looks after it; empty: nobody
    friend bool operator==(const Case&, const Case&) = default;
};

/// Its clocks stand, and it asks nothing of a host: it is on hold, or another case of its VM goes first.
inline bool stands_still(const Case& c) { return c.held || !c.muted_by.empty(); }
/// The appeal that waits to be decided; null when none does.
inline const Appeal* pending_appeal(const Case& c) {
    return c.appeals.empty() || c.appeals.back().decided_at != Instant{} ? nullptr : &c.appeals.back();
}

/// A new case: what `decide` would be for a case that does not exist yet. `now` is when it was ascertained.
std::vector<Fact> open_case(const OpenCase& input, const Policy& policy, const Calendar& calendar, Instant now);

/// May this happen now, and what is then true? Pure. An empty list is a legitimate answer (a stale deadline, a
/// repeated answer). Errors: `conflict` when the phase does not allow it (the text names both), `forbidden` when the
/// policy does not, `invalid` when the input itself is wrong. `policy` is the revision that the case pins.
Result<std::vector<Fact>> decide(const Case& c, const Input& input, const Policy& policy, const Calendar& calendar, Instant now);

/// Total: every history ever written folds. Takes `c` by value so that a fold moves.
Case evolve(Case c, const HistoryItem& item);

/// What the world owes this case now. Follows from the case alone; `now` plays no part.
Dues owed(const Case& c, const Policy& policy, const Calendar& calendar);

/// Whom the case's mails go to.
inline const Contact& addressee(const Case& c) { return c.writes_to ? *c.writes_to : c.contact; }

/// The job whose answer the case waits for, held or not. Nothing when it waits for something else.
std::optional<JobDue> awaited_job(const Case& c);

/// The fold as JSON, for the case's row; reads back to the same case. What stands as in a new case is left out, which halves a
/// row: so the defaults of Case are part of the format, and stay.
Json json_of(const Case& c);
Result<Case> parse_case(const Json& json);

/// Folds facts that happen together onto a case and stamps them as items.
std::vector<HistoryItem> stamp(Case& c, const std::vector<Fact>& facts, Instant at, const std::string& actor);

}  // namespace bailiff::core

namespace bailiff {
template <>
struct Names<core::Phase> {
    static constexpr std::string_view what = "phase";
    static constexpr std::array table{
        std::pair{core::Phase::open, std::string_view("open")},           std::pair{core::Phase::answered, std::string_view("answered")},
        std::pair{core::Phase::review, std::string_view("review")},       std::pair{core::Phase::sanctioned, std::string_view("sanctioned")},
        std::pair{core::Phase::treatment, std::string_view("treatment")}, std::pair{core::Phase::restoring, std::string_view("restoring")},
        std::pair{core::Phase::closed, std::string_view("closed")}};
};
}  // namespace bailiff
