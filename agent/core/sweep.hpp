// SPDX-License-Identifier: Apache-2.0
// The host's own sweep: which VM is scanned next without anybody asking, and when.
//
//   journal ──> SweepBook ──┐
//   VMs, rules, clock ──────┴─> next_sweep ──> a VM now, or when to look again
//
// Pure. One VM at a time, newest risk first, within a daily window and a budget of bytes read. A restart goes on where it
// was, since everything but what changed while the agent ran is in the journal (kinds: agent/journal/README.md).
#pragma once

#include "agent/core/world.hpp"

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bailiff::agent {

/// Hours of the day by the host's local clock. It is open when that clock shows a time inside it: an hour that a clock
/// change skips is never open, one that happens twice is open twice.
struct DayWindow {
    int from = 0, to = 0;      ///< minutes of the day; `from` inside, `to` outside. Over midnight when to < from
    bool holds(int minute) const { return from < to ? minute >= from && minute < to : minute >= from || minute < to; }
    friend bool operator==(const DayWindow&, const DayWindow&) = default;
};

/// "22:00-06:00"; an empty text is no window: any time. Errors: invalid.
Result<std::optional<DayWindow>> parse_day_window(std::string_view text);

/// Seconds that local time is ahead of UTC at an instant.
using UtcOffset = std::function<Seconds(Instant)>;

/// The first instant from `now` on at which the window is open, to the minute.
Instant opens_at(const DayWindow& window, Instant now, const UtcOffset& offset);

/// What the host's admin wants of the sweep.
struct SweepRules {
    bool on = false;
    Seconds every{7 * 86400};              ///< between two sweeps of one VM, at least
    std::optional<DayWindow> window;       ///< nothing: at any time
    int64_t mib_per_hour = 0;              ///< read on average; what is not used is kept for an hour. 0: no limit
    friend bool operator==(const SweepRules&, const SweepRules&) = default;
};

/// A VM of the host, as the sweep sees it.
struct SweepVm {
    VmId id;
    bool off = true;
    bool left_out = false;     ///< exempt, locked, at work, or without a disk: not the sweep's to read now
    Instant changed{};         ///< last started, stopped or defined, as far as the agent saw it; 0 = it did not
};

/// A VM's last sweep that was completed.
struct Swept {
    Instant at{};
    ScanVerdict verdict = ScanVerdict::incomplete;
    int64_t files = 0, bytes = 0, skipped = 0, hits = 0;
    std::string set;           ///< digest of the signatures that were used
    bool live = false;
    friend bool operator==(const Swept&, const Swept&) = default;
};

/// What the journal knows of one VM.
struct SweepRecord {
    std::string name;
    std::optional<Swept> last;
    int64_t failures = 0;      ///< since then
    Instant tried_at{};        ///< the newest try, whatever came of it
    std::string trouble;       ///< why that one failed or stopped; "" when it did not
};

/// Failed so often, a VM waits for its turn as if it had been swept, behind all others.
inline constexpr int64_t sweep_attempts = 3;
/// After a try that came to nothing, this long.
inline constexpr Seconds sweep_retry{3600};

/// The journal's entries of sweeps, folded. Each sweep is an operation of its own: `sweep_begun`, then one of `swept`,
/// `sweep_failed`, `sweep_stopped`; a `swept` that found something is told to the controller until `discovery_told`.
class SweepBook {
  public:
    void apply(const JournalEntry& entry);
    const std::map<VmId, SweepRecord>& vms() const { return vms_; }
    /// Begun and not ended: one that runs, or that the agent's end interrupted. Operation and VM.
    const std::optional<std::pair<std::string, VmId>>& begun() const { return begun_; }
    Instant begun_at() const { return begun_at_; }
    /// Discoveries that the controller has not acknowledged, by operation.
    const std::map<std::string, Discovery>& untold() const { return untold_; }
    bool knows(const std::string& operation) const { return operations_.contains(operation); }
    /// Digest of the newest signatures that any sweep used; "" when none is known.
    const std::string& newest_set() const { return newest_set_; }
    std::optional<Swept> newest(VmId* vm = nullptr) const;
    /// Operations of which nothing is needed any more, the VMs not in `here` whose last try was before `before` included.
    std::vector<std::string> forgettable(const std::set<VmId>& here, Instant before) const;
    void forget(const std::vector<std::string>& operations);
    /// The bytes that were read beyond the budget at `at`; below 0: what may still be read.
    int64_t debt() const { return debt_; }
    Instant debt_at() const { return debt_at_; }

  private:
    struct Known {
        VmId vm;
        Instant at{};
    };
    std::map<VmId, SweepRecord> vms_;
    std::map<std::string, Known> operations_;
    std::map<VmId, std::string> last_complete_, last_try_;   // operations
    std::optional<std::pair<std::string, VmId>> begun_;
    Instant begun_at_{};
    std::map<std::string, Discovery> untold_;
    std::string newest_set_;
    Instant newest_set_at_{};
    int64_t debt_ = 0;
    Instant debt_at_{};
};

/// The debt after reading `bytes`: a bucket that fills by `mib_per_hour` and holds an hour of it.
int64_t spend(int64_t mib_per_hour, int64_t debt, Instant debt_at, int64_t bytes, Instant now);

/// Digest of what a scan matched with.
std::string set_digest(std::vector<EngineSet> engines);

/// Bodies of the entries.
Json swept_body(const Discovery& found, const std::string& name, int64_t debt);
Json sweep_ended_body(const VmId& vm, const std::string& name, const std::string& text, int64_t failures, int64_t debt);

/// What a sweep tells: the outcome with its hits in a lasting order, so that the same disks give the same list; each
/// content comes once before any comes twice, and `most` are kept.
Discovery discovery_of(const VmId& vm, const ScanOutcome& outcome, bool live, Instant at, size_t most);

/// Why a VM is next.
enum class SweepRisk { asked, never_swept, found_before, newer_signatures, changed, oldest };

struct SweepPlan {
    std::optional<VmId> vm;                ///< to be swept now
    SweepRisk risk = SweepRisk::oldest;
    std::optional<Instant> again;          ///< when nothing is to be done now: look again then; nothing: when something changes
    std::string text;                      ///< in words, for the admin
    size_t due = 0, waiting_for_live = 0;  ///< VMs whose turn it is; those that run and cannot be read yet
    friend bool operator==(const SweepPlan&, const SweepPlan&) = default;
};

/// `asked`: VMs that the host's admin wants swept at once, whatever window, budget and interval say. `running`: whether
/// running VMs can be read.
SweepPlan next_sweep(const SweepRules& rules, const std::vector<SweepVm>& vms, const SweepBook& book, const std::set<VmId>& asked,
                     bool running, Instant now, const UtcOffset& offset);

/// How far the sweep has come, in one sentence: for the heartbeat.
std::string sweep_summary(const SweepRules& rules, const std::vector<SweepVm>& vms, const SweepBook& book, const SweepPlan& plan);

}  // namespace bailiff::agent

template <>
struct bailiff::Names<bailiff::agent::SweepRisk> {
    using E = bailiff::agent::SweepRisk;
    static constexpr std::string_view what = "risk";
    static constexpr std::array table{
        std::pair{E::asked, std::string_view("asked")},
        std::pair{E::never_swept, std::string_view("never_swept")},
        std::pair{E::found_before, std::string_view("found_before")},
        std::pair{E::newer_signatures, std::string_view("newer_signatures")},
        std::pair{E::changed, std::string_view("changed")},
        std::pair{E::oldest, std::string_view("oldest")}};
};
