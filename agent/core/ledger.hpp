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

class Ledger {
  public:
    void apply(const JournalEntry& entry);

    const std::map<std::string, KnownOperation>& operations() const { return operations_; }
    const KnownOperation* find(const std::string& id) const;
    /// Accepted and not ended, in the order of acceptance.
    std::vector<std::string> open() const;
    /// Ended and not acknowledged, oldest first.
    std::vector<std::string> unacknowledged() const;

    /// Fills in what the journal knows; the host's settings and clock are the caller's.
    void describe(HostFacts& host) const;
    CaseFacts describe(const VmId& vm, const CaseId& case_id) const;
    /// VMs whose links we cut and have not restored.
    const std::set<VmId>& isolated() const { return isolated_; }

    /// Ended and acknowledged before `before`, on VMs that are not in `keep`: what may be forgotten.
    std::vector<std::string> forgettable(Instant before, const std::set<VmId>& keep) const;
    /// The `mark` entry that must be written BEFORE anything is forgotten: the high-water marks.
    Json mark() const;
    void forget(const std::vector<std::string>& ids);

  private:
    struct CaseHistory {
        std::optional<ScanFact> base_scan, overlay_scan;
        int64_t last_write = 0;
    };
    void see(int64_t epoch, int64_t seq);
    void accept(const JournalEntry& entry, bool refused);
    void act_done(const JournalEntry& entry, const KnownOperation& operation);
    void act_begun(const JournalEntry& entry, const KnownOperation& operation);

    std::map<std::string, KnownOperation> operations_;
    std::vector<std::string> order_;                       // ids as they came
    int64_t epoch_ = 0, seq_ = 0;
    std::map<VmId, int64_t> generations_;
    std::map<VmId, Instant> harmed_;
    std::map<std::pair<VmId, CaseId>, CaseHistory> cases_;
    std::map<std::string, ScanFact> scans_;                // by job
    std::set<VmId> isolated_, bypassed_;
    std::set<VmId> cut_begun_;     ///< an intent to cut links stands: after a crash nobody knows whether it was done
};

}  // namespace bailiff::agent
