// SPDX-License-Identifier: Apache-2.0
// What the files of `decide` share: the situation that every decision looks at, and the moves that several make.
#pragma once

#include "controller/core/case.hpp"

#include <string>
#include <vector>

namespace bailiff::core {

using Facts = std::vector<Fact>;

/// What every decision looks at.
struct Situation {
    const Case& c;
    const Policy& policy;
    const Calendar& calendar;
    Instant now;

    const Step& rung() const;
    /// What remains of a countdown now; standing ones keep theirs.
    Seconds left(const Countdown& count, StepClock clock) const;
    Seconds ladder_left() const { return left(c.ladder, rung().clock); }
    Seconds resolution_left() const;
};

/// "Case C-1 is open: what": the input came at the wrong time.
Result<Facts> conflict(const Case& c, const std::string& what);
RungStarted start_rung(const Policy& policy, size_t index);
/// Both clocks stop: a person or the host has the word now.
void stop_clocks(const Situation& d, Facts& facts, const std::string& why);
/// Into review: both clocks stand until a person decides.
void review(const Situation& d, Facts& facts, const std::string& reason);
/// The sanction of a step: a cut network waits for the customer; a machine switched off is treated when the policy
/// wants it verified clean.
void sanction(const Situation& d, Facts& facts, VmState state, const std::string& reason);
void begin_treatment(const Situation& d, Facts& facts, const std::string& reason);
/// Release. Whether cleaned disks are committed is the host's to check: it does so only after a clean scan.
void restore(const Situation& d, Facts& facts, EvidenceRule evidence, const std::string& reason);
/// Back as a person decided. What was cleaned and never verified is dropped first: it must not reach the disks.
void give_back(const Situation& d, Facts& facts, const std::string& reason);
/// Whether the last scan lets the VM come back: clean, or incomplete and accepted by two people.
bool vouched(const Case& c);
/// The VM, once touched, must be given back before the case can close.
bool touched(const Case& c);
/// `why` the VM may come back: "verified clean".
void approve_restore(const Situation& d, Facts& facts, const std::string& reason, const std::string& why);
/// After a scan that lets the VM come back.
void scan_suffices(const Situation& d, Facts& facts, const std::string& reason, const std::string& why);
void approve_clean(const Situation& d, Facts& facts, const std::string& reason);
/// What did not reach `to` goes to `next`, if that is somebody who has not failed yet.
void redirect(const Situation& d, Facts& facts, Notice notice, const std::string& key, const std::string& to, const std::optional<Contact>& next);
bool waits_for_state(Stage stage);
/// The state that was demanded holds. What follows depends on why it was demanded.
void after_state(const Situation& d, Facts& facts, Phase phase);

// One function per input; each reads like the process it follows.
Result<Facts> on(const Situation& d, const DeadlineReached& in);
Result<Facts> on(const Situation& d, const AddReport& in);
Result<Facts> on(const Situation& d, const LogCall& in);
Result<Facts> on(const Situation& d, const RecordReply& in);
Result<Facts> on(const Situation& d, const Extend& in);
Result<Facts> on(const Situation& d, const PlaceHold& in);
Result<Facts> on(const Situation& d, const LiftHold& in);
Result<Facts> on(const Situation& d, const Decide& in);
Result<Facts> on(const Situation& d, const Approve& in);
Result<Facts> on(const Situation& d, const AskReview& in);
Result<Facts> on(const Situation& d, const Close& in);
Result<Facts> on(const Situation& d, const AddNote& in);
Result<Facts> on(const Situation& d, const NoticeAccepted& in);
Result<Facts> on(const Situation& d, const NoticeRefused& in);
Result<Facts> on(const Situation& d, const OrderAnswered& in);
Result<Facts> on(const Situation& d, const JobAnswered& in);
Result<Facts> on(const Situation& d, const VmReported& in);
Result<Facts> on(const Situation& d, const VmSeenOn& in);
Result<Facts> on(const Situation& d, const HostsWithoutLock& in);
Result<Facts> on(const Situation& d, const AcceptIncomplete& in);
Result<Facts> on(const Situation& d, const EraseCase& in);
Result<Facts> on(const Situation& d, const MailBounced& in);
Result<Facts> on(const Situation& d, const CallBackReached& in);
Result<Facts> on(const Situation& d, const TakeIn& in);
Result<Facts> on(const Situation& d, const MergeAway& in);
Result<Facts> on(const Situation& d, const UndoMerge& in);
Result<Facts> on(const Situation& d, const ComeBack& in);
Result<Facts> on(const Situation& d, const SplitOff& in);
Result<Facts> on(const Situation& d, const Mute& in);
Result<Facts> on(const Situation& d, const Unmute& in);
Result<Facts> on(const Situation& d, const LodgeAppeal& in);
Result<Facts> on(const Situation& d, const DecideAppeal& in);
Result<Facts> on(const Situation& d, const Assign& in);

}  // namespace bailiff::core
