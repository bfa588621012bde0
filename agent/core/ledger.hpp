// SPDX-License-Identifier: Apache-2.0
// What the journal says, folded: which orders were seen, what is still open or unanswered, what was found and written.
//
// The kinds of entries are listed in agent/journal/README.md. The ledger holds nothing that the journal does not:
// folding the same entries gives the same ledger, after every restart.
#pragma once

#include "agent/core/verify.hpp"
#include "agent/core/world.hpp"

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace bailiff::agent {

/// One order or job that passed the signature check.
struct KnownOperation {
    bool is_job = false;
    std::string payload;       ///< the verified bytes
    std::string sha256;
    VmId vm;
    CaseId case_id;
    VmState desired = VmState::running;      ///< orders
    JobKind kind = JobKind::scan;            ///< jobs
    int64_t vm_generation = 0;               ///< orders
    Instant at{};
    bool ended = false;
    bool acked = false;
    Json answer;               ///< the body of the last answer: OrderAnswer or JobAnswer
    std::vector<JournalEntry> entries;       ///< while it is open: what Operation folds
};

/// A VM that the host's admin gave back without an order (`bailiff-agent release --force`).
struct ForcedRelease {
    int64_t position = 0;      ///< of the `admin_release` in the journal; names the event for the controller
    Json request;              ///< its body: request, vm, name, case, by, reason, start
    Json outcome;              ///< body of the `admin_released`: done, left; null while it is under way
    Instant at{};
    bool told = false;         ///< the controller has acknowledged the event
};

/// A start past a lock that the controller has not acknowledged yet.
struct Untold {
    VmId vm;
    Instant at{};
    std::string text;
};

class Ledger {
  public:
    void apply(const JournalEntry& entry);

    const std::map<std::string, KnownOperation>& operations() const { return operations_; }
    const KnownOperation* find(const std::string& id) const;
    /// Accepted and not ended, in the order of acceptance.
    std::vector<std::string> open() const;
    /// Ended and not acknowledged, oldest first.
    std::vector<std::string> unacknowledged() const;

    /// Fills in what the journal knows; the host's settings and clock are the caller's, and set before. `harmed` is in
    /// terms of `now`, so that a clock that was set neither empties the budget nor blocks it.
    void describe(HostFacts& host) const;
    CaseFacts describe(const VmId& vm, const CaseId& case_id) const;
    /// VMs whose links we cut and have not restored.
    const std::set<VmId>& isolated() const { return isolated_; }
    /// What an admin gave back by force, in the order of the journal.
    const std::vector<ForcedRelease>& forced_releases() const { return forced_; }

    /// By the id of the frame that tells it; in the order in which it happened.
    const std::map<std::string, Untold>& untold() const { return untold_; }
    /// The frame's id of a `bypassed` entry: unlike any other, also of a state folder that was lost.
    static std::string telling_id(const JournalEntry& entry);
    /// Whether the VM ran past its lock since this set was begun: it may be torn, and shows the disks as they are no longer.
    bool outdated(const EvidenceId& set) const { return outdated_.contains(set); }
    /// VMs that we limited and have not given back, with their limits. A VM is in one of both at most.
    const std::map<VmId, Limit>& limited() const { return limited_; }

    /// Ended and acknowledged before `before`, on VMs that are not in `keep`: what may be forgotten.
    std::vector<std::string> forgettable(Instant before, const std::set<VmId>& keep) const;
    /// The `mark` entry that must be written BEFORE anything is forgotten: the high-water marks.
    Json mark() const;
    void forget(const std::vector<std::string>& ids);

  private:
    struct CaseHistory {
        std::optional<ScanFact> base_scan, overlay_scan;
        std::optional<ScanFact> evidence_scan;     ///< of the disks as they were before the first commit
        std::set<std::string> committed;           ///< see CaseFacts
        bool reverting = false;
        int64_t last_write = 0;
    };
    void see(int64_t epoch, int64_t seq);
    void accept(const JournalEntry& entry, bool refused);
    void act_done(const JournalEntry& entry, const KnownOperation& operation);
    void act_begun(const JournalEntry& entry, const KnownOperation& operation);
    void admin_acted(const JournalEntry& entry);

    std::map<std::string, KnownOperation> operations_;
    std::vector<std::string> order_;                       // ids as they came
    int64_t epoch_ = 0, seq_ = 0;
    std::map<VmId, int64_t> generations_;
    /// When a harmful order was accepted, by both clocks.
    struct Harm {
        Instant at{};
        std::string boot_id;
        std::chrono::milliseconds uptime{0};
        Instant in_terms_of(const HostFacts& host) const;
    };
    std::map<VmId, std::map<std::string, Harm>> harmed_;   // by order
    std::vector<ForcedRelease> forced_;
    std::map<std::pair<VmId, CaseId>, CaseHistory> cases_;
    std::map<std::string, ScanFact> scans_;                // by job
    std::set<VmId> isolated_, bypassed_;
    std::map<std::string, Untold> untold_;
    std::map<VmId, int64_t> last_bypass_;                  ///< position
    std::set<EvidenceId> outdated_;
    std::map<VmId, Limit> limited_;
    std::set<VmId> cut_begun_;     ///< an intent to cut, limit or raise links stands: after a crash nobody knows whether it was done
};

}  // namespace bailiff::agent
