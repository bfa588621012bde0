// SPDX-License-Identifier: Apache-2.0
// What the agent needs of the world, in the agent's words. The runner is the only caller; every port has a real
// implementation in a folder beside this file and a stateful fake for simulation and crash tests.
//
// Every call may be repeated after a crash: it looks first and succeeds when its effect already holds.
#pragma once

#include "agent/core/world.hpp"

#include <bailiff/id.hpp>
#include <bailiff/message.hpp>
#include <bailiff/result.hpp>
#include <bailiff/time.hpp>
#include <bailiff/vm.hpp>

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace bailiff::agent {

/// The VM of the canary: it exists nowhere, is locked from the gate's installation on, and its start must be refused.
inline constexpr std::string_view canary_uuid = "ba111ff0-0000-4000-8000-00000000ca9a";

/// The name space of the element `<start token='…'/>` in the metadata of a definition that we start past our own lock.
inline constexpr std::string_view start_metadata_uri = "urn:bailiff:start:1";

/// Thrown by the journal and the guard when the state folder cannot be read or written (disk full, read-only). Nothing
/// harmful starts then; the runner says so in its heartbeat and tries again.
struct Outage : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// The machine's hypervisor. Thread-safe; every call returns within its watchdog (`unavailable` or `unknown_outcome`).
class Hypervisor {
  public:
    virtual ~Hypervisor() = default;
    virtual Result<std::vector<VmRecord>> list() = 0;
    /// `exists == false` when the VM is not here; an error only when the hypervisor cannot be asked.
    virtual Result<VmObservation> observe(const VmId& vm) = 0;
    /// The definition as XML: of the running VM, or the stored one. For evidence and for comparing after restore.
    virtual Result<std::string> definition(const VmId& vm, bool live) = 0;
    /// Asks only; success says nothing about the guest's obedience. `invalid` when the way is not available.
    virtual Result<void> shut_down(const VmId& vm, ShutdownBy by) = 0;
    /// Ends the VM's process: SIGTERM with a short patience when `graceful`, else SIGKILL. Success when it is off.
    virtual Result<void> power_off(const VmId& vm, bool graceful) = 0;
    virtual Result<void> start(const VmId& vm) = 0;
    virtual Result<void> start_quarantined(const VmId& vm, const QuarantineBoot& boot) = 0;
    virtual Result<void> set_autostart(const VmId& vm, bool on) = 0;
    /// Takes the link of every NIC down, or up again: live and in the stored definition, so that it survives a start.
    /// `invalid` when a NIC of the VM cannot be cut (hostdev, vdpa, vhost-user).
    virtual Result<void> set_links(const VmId& vm, bool up) = 0;
    /// The canary: true when the start gate refuses a start as it must (HYPERVISOR.md §2.1).
    virtual Result<bool> prove_gate() = 0;
    /// Called from the adapter's thread for every event, and once with `vm` empty and what "relisted" after a reconnect.
    virtual void watch(std::function<void(VmEvent)> on_event) = 0;
};

/// The lock: files as truth, the start gate reads them. Losing the folder is an outage (exception).
class Guard {
  public:
    virtual ~Guard() = default;
    virtual Result<void> lock(const LockRecord& record) = 0;
    virtual Result<void> unlock(const VmId& vm) = 0;
    virtual std::optional<LockRecord> find(const VmId& vm) = 0;
    virtual std::vector<LockRecord> all() = 0;
    /// Lets exactly the start that carries `token` in its definition pass the gate, until `revoke`.
    virtual Result<void> permit(const VmId& vm, const std::string& token) = 0;
    virtual Result<void> revoke(const VmId& vm) = 0;
};

/// Overlays (qcow2) over the customer's disks. The base is written by `commit` and by nothing else.
class Overlays {
  public:
    virtual ~Overlays() = default;
    virtual Result<std::vector<Overlay>> find(const VmId& vm, const CaseId& case_id) = 0;
    virtual Result<Overlay> create(const VmId& vm, const CaseId& case_id, const VmDisk& disk) = 0;
    /// Writes the overlay's changes into its base; may be repeated as long as the overlay exists.
    virtual Result<void> commit(const Overlay& overlay) = 0;
    virtual Result<void> drop(const Overlay& overlay) = 0;
    /// SHA-256 of nvram copy etc. is none of this port's business; it copies the nvram file for a quarantine boot.
    virtual Result<std::string> copy_nvram(const VmId& vm, const CaseId& case_id) = 0;
};

/// Evidence sets on this host: images, XML, nvram, manifest with SHA-256 of each, all read-only.
class EvidenceStore {
  public:
    virtual ~EvidenceStore() = default;
    /// Returns the stored set when it exists already. `unavailable` when space would not suffice, before writing.
    virtual Result<EvidenceSet> freeze(const EvidenceRequest& request, const std::function<void(int)>& percent) = 0;
    virtual std::optional<EvidenceSet> find(const VmId& vm, const CaseId& case_id) = 0;
    /// Reads every file again and compares with the manifest.
    virtual Result<void> verify(const EvidenceSet& set) = 0;
    /// The stored definition (XML) as it was given to `freeze`, letter by letter.
    virtual Result<std::string> definition(const EvidenceSet& set) = 0;
    /// A folder inside the set for what cleaning moved away; created when missing.
    virtual Result<std::string> removed_folder(const EvidenceSet& set) = 0;
};

/// bailiff-scan and bailiff-clean as processes.
class Scanner {
  public:
    virtual ~Scanner() = default;
    virtual Result<ScanOutcome> scan(const std::vector<ScanTarget>& disks, const std::function<void(int)>& percent) = 0;
    /// Moves the hits of `found` out of the overlays into `keep_folder`. Returns what was moved. Repeatable.
    virtual Result<std::vector<ScanHit>> clean(const std::vector<ScanTarget>& overlays, const ScanOutcome& found,
                                               const std::string& keep_folder) = 0;
};

/// The agent's memory. Losing it is an outage (exception): nothing harmful starts without it.
class Journal {
  public:
    virtual ~Journal() = default;
    virtual int64_t append(const std::string& operation, const std::string& kind, const Json& body, Instant at) = 0;
    virtual std::vector<JournalEntry> read(const std::string& operation) = 0;
    /// Operations that have an `accepted` and no `end`.
    virtual std::vector<std::string> open_operations() = 0;
    virtual std::vector<JournalEntry> read_kind(const std::string& kind) = 0;
    virtual std::vector<JournalEntry> read_all() = 0;
    /// Deletes every entry of these operations: ended, acknowledged and old.
    virtual void forget(const std::vector<std::string>& operations) = 0;
};

/// Towards the controller, through bailiff-link. Sending never blocks and may be lost: what matters is sent again
/// until it is acknowledged.
class Link {
  public:
    virtual ~Link() = default;
    virtual void send(const Frame& frame) = 0;
};

}  // namespace bailiff::agent
