// SPDX-License-Identifier: Apache-2.0
// A policy is data: the ladder of steps that a case of some types climbs, what silence leads to, and what ends it.
#pragma once

#include <bailiff/id.hpp>
#include <bailiff/names.hpp>
#include <bailiff/order.hpp>
#include <bailiff/time.hpp>
#include <bailiff/vm.hpp>
#include "controller/core/calendar.hpp"

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace bailiff::core {

/// Which clock a step runs on: the calendar's working hours, or the wall.
enum class StepClock { working, elapsed };
/// What ends a step early.
enum class WaitsFor {
    reply,  ///< an answer of the customer stops the whole ladder
    call,   ///< a logged call attempt leads to the next step; time alone never does
};
/// What a customer's "I fixed it" must contain to end the case.
enum class Need { steps, root_cause, prevention };
/// When the VM may come back after a sanction.
enum class RestoreWhen {
    verified_clean,  ///< a complete scan says clean (the seed)
    confirmed,       ///< the customer confirmed in writing what `needs` asks, and a person accepted it
};
/// Whether an incomplete scan without a hit can ever count as a clean one.
enum class AcceptsIncomplete {
    never,
    two_people,   ///< two people accept it, each with a reason
};
/// Who may let a treatment's next harmful or irreversible act happen.
enum class DecidedBy { policy, staff };

/// One rung. It starts when the rung before it ends (the first: when the case opens; a rung after a call: at the
/// logged call), and ends `within` later on its clock, or earlier by what it waits for.
struct Step {
    std::string id;                 ///< "reply", "call", "enforce": shown to people
    WaitsFor waits_for = WaitsFor::reply;
    StepClock clock = StepClock::working;
    Seconds within{0};              ///< reply steps: until silence counts. Call steps: until the call is overdue
    std::optional<VmState> then;    ///< reply steps: the sanction when the rung ends in silence; none = next rung
    Seconds escalate_after{0};      ///< call steps: from overdue until the supervisor hears of it; 0 = at once
    friend bool operator==(const Step&, const Step&) = default;
};

/// By when everything should be settled; without the promised confirmation then, a person reviews.
struct Resolution {
    Seconds within{0};
    StepClock clock = StepClock::working;
    friend bool operator==(const Resolution&, const Resolution&) = default;
};

/// By when a person who did not take part must have decided an appeal.
struct AppealRule {
    Seconds within{2 * 86400};
    StepClock clock = StepClock::elapsed;
    friend bool operator==(const AppealRule&, const AppealRule&) = default;
};

/// What the provider's own scans must have found before a case opens without a complaint.
struct DiscoveryRule {
    int64_t clamav = 10, hashes = 10, yara = 5;  ///< weight of a signature of that engine
    int64_t suspicious = 2;             ///< of one that only suspects: heuristics, unwanted programs, an engine not named here
    int64_t opens_at = 10;              ///< the weight from which a case opens; below it, a person looks first
    int64_t cases_per_day = 20;         ///< a brake on false positives: what comes beyond waits for a person; 0 = none opens
    friend bool operator==(const DiscoveryRule&, const DiscoveryRule&) = default;
};

/// A policy file, validated. `id` and `revision` are what a case pins.
struct Policy {
    PolicyId id;
    int64_t revision = 1;
    std::string title;                  ///< "Virus content"
    std::string nature;                 ///< one sentence for the customer: what was found
    std::string source;                 ///< where the requirement comes from
    std::string calendar;               ///< id of the calendar in policies/calendars
    std::vector<std::string> types;     ///< XARF v4 "category/type" it applies to; "messaging/*" for a whole category
    std::vector<Step> ladder;           ///< at least one; the last one has a `then`
    bool without_call = false;          ///< says aloud that a sanction comes without a call before it
    int64_t sources = 2;                ///< independent reporters that a sanction by silence takes; see sources.hpp
    std::vector<PolicyId> inhibits{};   ///< cases of these policies on the same VM stand while one of this is open
    AppealRule appeal{};
    Seconds reopens_within{7 * 86400};  ///< how long after its end the next case of the VM names a closed one; 0 = never
    std::optional<Resolution> resolution;
    std::set<Need> needs;               ///< what a customer's own fix must contain
    RestoreWhen restore_when = RestoreWhen::verified_clean;
    DecidedBy restore_by = DecidedBy::policy;   ///< who accepts a cleaned overlay
    AcceptsIncomplete incomplete = AcceptsIncomplete::two_people;
    Health health = Health::unchecked;  ///< what must hold after the VM was given back
    Seconds health_within{0};
    Seconds signatures_within{0};       ///< how old the signatures of the clean scan may be; 0 = any age
    Limit limit;                        ///< what `limited` closes; empty when no step leads to it
    GateRule gate = GateRule::required; ///< whether a power-off waits until every candidate host holds the lock
    bool evidence_first = false;        ///< freeze evidence of the running VM before it is cut or ended
    bool memory = false;                ///< that evidence holds the guest's memory too
    bool evidence = true;               ///< freeze evidence after power-off, before anything else
    bool scan = true;                   ///< scan after evidence
    DecidedBy clean_by = DecidedBy::staff;      ///< whether an infected disk is cleaned without a person's act
    int64_t clean_rounds = 3;           ///< after so many cleanings that still scan infected, a person reviews
    int64_t support_tokens = 0;         ///< charged when the customer asks the provider to fix it; 0 = not offered
    DiscoveryRule discovery;
    std::vector<std::string> remedies;  ///< texts for the notice: what the customer can do
    friend bool operator==(const Policy&, const Policy&) = default;
};

/// Every deadline of a policy that can be known from what is known; absent = not known yet.
struct Timeline {
    Instant clock_starts;                   ///< opened, or the next opening when the first rung is on working time
    std::optional<Instant> reply_due;       ///< end of the first rung that waits for a reply
    std::optional<Instant> call_due;        ///< when staff should phone: the call rung's start
    std::optional<Instant> enforce_due;     ///< when silence leads to the sanction; needs `called` if there is a call rung
    std::optional<Instant> resolution_due;
    std::vector<std::string> why;
};

/// What `bailiffctl deadline --policy` prints and the ticket announces. `called` is the logged call's instant.
Timeline timeline(const Policy& policy, const Calendar& calendar, Instant opened, std::optional<Instant> called);

/// Whether `pattern` ("content/malware", "messaging/*", "*") covers `type` ("content/malware").
bool covers(std::string_view pattern, std::string_view type);

}  // namespace bailiff::core

namespace bailiff {

template <>
struct Names<core::StepClock> {
    static constexpr std::string_view what = "clock";
    static constexpr std::array table{std::pair{core::StepClock::working, std::string_view("working")},
                                      std::pair{core::StepClock::elapsed, std::string_view("elapsed")}};
};
template <>
struct Names<core::WaitsFor> {
    static constexpr std::string_view what = "thing a step waits for";
    static constexpr std::array table{std::pair{core::WaitsFor::reply, std::string_view("reply")},
                                      std::pair{core::WaitsFor::call, std::string_view("call")}};
};
template <>
struct Names<core::Need> {
    static constexpr std::string_view what = "part of an answer";
    static constexpr std::array table{std::pair{core::Need::steps, std::string_view("steps")},
                                      std::pair{core::Need::root_cause, std::string_view("root_cause")},
                                      std::pair{core::Need::prevention, std::string_view("prevention")}};
};
template <>
struct Names<core::RestoreWhen> {
    static constexpr std::string_view what = "restore condition";
    static constexpr std::array table{std::pair{core::RestoreWhen::verified_clean, std::string_view("verified_clean")},
                                      std::pair{core::RestoreWhen::confirmed, std::string_view("confirmed")}};
};
template <>
struct Names<core::AcceptsIncomplete> {
    static constexpr std::string_view what = "rule for incomplete scans";
    static constexpr std::array table{std::pair{core::AcceptsIncomplete::never, std::string_view("never")},
                                      std::pair{core::AcceptsIncomplete::two_people, std::string_view("two_people")}};
};
template <>
struct Names<core::DecidedBy> {
    static constexpr std::string_view what = "decider";
    static constexpr std::array table{std::pair{core::DecidedBy::policy, std::string_view("policy")},
                                      std::pair{core::DecidedBy::staff, std::string_view("staff")}};
};

}  // namespace bailiff
