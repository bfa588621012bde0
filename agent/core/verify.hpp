// SPDX-License-Identifier: Apache-2.0
// Whether this host obeys: the checks of an order or job, in the order of the words of bailiff::Refusal.
//
//   envelope ── verify_order/verify_job ──> checked ── may_begin ──> work begins
//                  │ host facts only                    │ the first look at the VM
//                  └─> Refused                          └─> Refused
#pragma once

#include "agent/core/world.hpp"

#include <bailiff/dsse.hpp>
#include <bailiff/order.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace bailiff::agent {

/// What the host knows before it looks at any VM: its own settings, its clock, and what its journal says.
struct HostFacts {
    HostId host;
    int64_t epoch = 0;                          ///< highest seen
    int64_t seq = 0;                            ///< highest seen in that epoch
    std::map<std::string, std::string> seen;    ///< order or job id -> SHA-256 of its payload
    std::map<VmId, int64_t> generations;        ///< highest seen
    std::map<VmId, Instant> harmed;             ///< last time that a harmful order was accepted
    std::set<std::string> exempt;               ///< UUIDs and names that no order may touch
    std::optional<std::map<VmId, std::string>> vms;  ///< UUID -> name of the VMs here; nothing when not listed yet
    std::map<VmId, Instant> left;               ///< VMs that were migrated away, and when
    int64_t budget_per_hour = 10;               ///< VMs that may be harmed within an hour
    bool draining = false;
    bool dry_run = false;
    Instant now{};
    std::string boot_id;                        ///< of the host's present boot; "" when not known
    std::chrono::milliseconds uptime{0};        ///< the monotonic clock: counts on when the wall clock is set
};

/// Whether the admin's list names the VM, by UUID or by name.
bool is_exempt(const std::set<std::string>& exempt, const VmId& vm, const std::string& name);

/// Passed every check that needs no look at the VM.
template <class Document>
struct Checked {
    Document document;
    std::string payload;       ///< the verified bytes: what is journaled
    std::string sha256;        ///< of the payload
    bool seen_before = false;  ///< the same id with the same content: answer again, do nothing
};

/// Refused. `document` is there when the signature was good and the content could be read: such a refusal is
/// remembered and answered under the document's id. `claimed_id` is for the answer only and proves nothing.
template <class Document>
struct Refused {
    Refusal code = Refusal::none;
    std::string text;
    std::optional<Document> document;
    std::string payload, sha256;
    std::string claimed_id;
};

tl::expected<Checked<Order>, Refused<Order>> verify_order(std::string_view envelope, const TrustedKeys& keys, const HostFacts& host);
tl::expected<Checked<Job>, Refused<Job>> verify_job(std::string_view envelope, const TrustedKeys& keys, const HostFacts& host);

/// One scan of a VM for a case, as the journal has it.
struct ScanFact {
    JobId job;
    VmId vm;
    int64_t position = 0;      ///< of its `done` in the journal
    bool of_overlays = false;
    ScanOutcome outcome;
    bool after_commit = false; ///< by the order that put cleaned disks back
};

/// What the journal says of one VM and case beyond what can be observed.
struct CaseFacts {
    std::optional<ScanFact> last_scan;
    std::map<std::string, ScanFact> scans;   ///< by job id: what a clean job works on
    int64_t last_write = 0;    ///< position of the last clean or quarantine run on the overlays, or bypass of the lock
    std::set<std::string> committed;   ///< disks that a commit wrote, or may have, since the VM was last in its owner's hands
    bool reverting = false;    ///< an evidence set is written back to the disks, and not all of them are done
    bool bypassed = false;     ///< the VM ran on its own disks, past the lock, while overlays may have existed
    bool isolated = false;     ///< we cut its links and have not restored them
    std::optional<Limit> limited;   ///< we closed these and have not opened them; never together with `isolated`
    bool cut_begun = false;    ///< we may have cut or limited: the intent stands, the outcome is not known
    int64_t newest_generation = 0;
    std::optional<Instant> left;   ///< it was migrated away
};

/// Whose backup job runs on a VM.
enum class BackupSeen { none, ours, foreign };

/// What is true of one VM when an operation looks: the hypervisor, the files, and the journal.
struct Observation {
    VmObservation vm;
    std::optional<LockRecord> lock;           ///< of a VM that lives here
    std::optional<LockRecord> guard;          ///< or the lock held for another host's VM; never both
    std::vector<Overlay> overlays;            ///< of this case
    std::optional<EvidenceSet> evidence;      ///< of this case, taken at rest
    std::optional<EvidenceSet> own_set;       ///< the one that this very operation makes
    BackupSeen backup = BackupSeen::none;     ///< only looked at for an operation that copies a running VM
    int backup_percent = 0;
    int64_t backup_bytes = 0;                 ///< copied so far
    CaseFacts history;
};

/// The last checks before the first act; also when an operation waited or the agent was restarted before it began.
std::optional<RefusedPayload> may_begin(const Order& order, const HostFacts& host, const Observation& seen, bool gate_up);
std::optional<RefusedPayload> may_begin(const Job& job, const HostFacts& host, const Observation& seen, bool gate_up);

/// The state of those that an order can demand, as observed. `isolated` and `limited` are what the journal says that we did
/// and did not take back: others cut links and set rates too.
VmState state_of(const VmObservation& vm, bool locked, bool isolated, const std::optional<Limit>& limited = std::nullopt);

/// "the VM … is not on this host", and since when if it was migrated away. libvirt does not say where to.
std::string not_here(const VmId& vm, const std::optional<Instant>& left);

/// Whether every interface of the VM is cut, in whichever way; a VM without interfaces is cut off by nature.
bool links_down(const VmObservation& vm);

/// Empty when every overlay stands on the disk that the VM has under its target now, and no writable disk lacks one; else
/// what does not fit: a panel has redefined the VM meanwhile. A disk that was committed may have lost its overlay already.
std::string mixed_disks(const Observation& seen);

/// Disks that are copied, scanned and overlaid.
std::vector<VmDisk> writable_disks(const std::vector<VmDisk>& disks);

}  // namespace bailiff::agent
