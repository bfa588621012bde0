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
#include <bailiff/scan_report.hpp>
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
    /// Cuts every interface of the VM, live and in the stored definition, so that it survives a start; what stood there is
    /// written down first. `up`: frees them from everything that this call and `set_limit` put there, exactly.
    /// Cut or limited, a VM of ours is started paused and let go when its network is so. `invalid`, naming the interface,
    /// when one can neither be cut nor detached (hostdev, vdpa, vhost-user); success also when libvirt hangs and the taps
    /// were taken down on the host.
    virtual Result<void> set_links(const VmId& vm, bool up) = 0;
    /// The disks of a running VM. Errors: conflict when it does not run.
    virtual Result<LiveVm> live(const VmId& vm) = 0;
    /// Stops the guest's processors, and lets them go on. Success when it is so already; resume also when it is off.
    virtual Result<void> pause(const VmId& vm) = 0;
    virtual Result<void> resume(const VmId& vm) = 0;
    /// Writes a paused VM's memory to `path`, 0600; ends an older dump first. Returns the format. May take minutes.
    virtual Result<std::string> dump_memory(const VmId& vm, const std::string& path) = 0;
    /// Freezes the guest (bounded; not when it is paused), begins one backup job over all disks of `files`, thaws ALWAYS.
    /// `unavailable` while another job or a migration is under way.
    virtual Result<BackupBegun> begin_backup(const VmId& vm, const BackupFiles& files) = 0;
    /// As `begin_backup`, and nothing is copied: the VM's own process serves the disks of `scratch` as they are at this
    /// instant, read-only, by NBD on the socket, each under its target's name, until `abort_backup`. What the guest
    /// overwrites meanwhile is kept in the scratch files: while they cannot grow, its writes FAIL.
    /// An error that is not `unknown_outcome` can also come of `since` or `mark` alone: try again without.
    virtual Result<BackupBegun> begin_export(const VmId& vm, const DiskExport& served) = 0;
    /// Names of the VM's checkpoints that are ours (`checkpoint_prefix`), the oldest first; none when it does not run.
    virtual Result<std::vector<std::string>> checkpoints(const VmId& vm) = 0;
    /// Removes one with its dirty bitmaps; later ones count on. Success when it is not there. The VM must run.
    virtual Result<void> forget_checkpoint(const VmId& vm, const std::string& name) = 0;
    /// `none` when the VM does not run.
    virtual Result<BackupJob> backup(const VmId& vm) = 0;
    /// Ends the running job when it writes below `folder`; success when there is none.
    virtual Result<void> abort_backup(const VmId& vm, const std::string& folder) = 0;
    /// For a guest that may have been left frozen. Harmless when it is not. `not_found` when the VM does not run.
    virtual Result<void> thaw(const VmId& vm) = 0;
    /// Closes destination ports and caps the rate of every interface, in place of an earlier limit or cut; survives and is
    /// given back as above. The cap holds in each direction.
    virtual Result<void> set_limit(const VmId& vm, const Limit& limit) = 0;
    /// The ways to the running VM's screen and serial lines. Screens that take a password get this one, until `until`; it
    /// ends before that when the VM is freed or ends. Empty when there is nothing to connect to.
    virtual Result<std::vector<Console>> open_consoles(const VmId& vm, const std::string& password, Instant until) = 0;
    /// Whether a sign of health shows now: the VM runs (`steady`), its guest agent answers a ping, or an address of one of
    /// its NICs is known. What cannot be told is no sign; an error only when the VM is not here.
    virtual Result<HealthSign> sign_of_health(const VmId& vm, Health sign) = 0;
    /// The canary: true when the start gate refuses a start as it must (HYPERVISOR.md §2.1).
    virtual Result<bool> prove_gate() = 0;
    /// Called from the adapter's thread for every event, and once with `vm` empty and what "relisted" after a reconnect. An
    /// empty function ends it: when this returns, the former one is not called any more.
    virtual void watch(std::function<void(VmEvent)> on_event) = 0;
};

/// The lock: files as truth, the start gate reads them, and a holder on the disks of a VM that is off. Losing the folder
/// is an outage (exception).
class Guard {
  public:
    virtual ~Guard() = default;
    /// Replaces a guard by a lock; a guard never replaces a lock.
    virtual Result<void> lock(const LockRecord& record) = 0;
    /// Lets go of the disks first, so that whoever sees no lock can start the VM.
    virtual Result<void> unlock(const VmId& vm) = 0;
    virtual std::optional<LockRecord> find(const VmId& vm) = 0;
    virtual std::vector<LockRecord> all() = 0;
    /// Lets exactly the start that carries `token` in its definition pass the gate, until `revoke`.
    virtual Result<void> permit(const VmId& vm, const std::string& token) = 0;
    virtual Result<void> revoke(const VmId& vm) = 0;
    /// Keeps every QEMU, of whatever VM, from writing to the local ones of these disks; readers are not hindered. Like the
    /// gate it is repaired by a round and not journaled. `conflict` when somebody writes to one of them already, which
    /// is a start past the lock under another name; `unavailable` when there is no holder: the gate still stands.
    virtual Result<void> hold(const VmId& vm, const std::vector<VmDisk>& disks) = 0;
    /// BEFORE one of our own acts writes to the disks. Returns when nothing holds them any more.
    virtual Result<void> let_go(const VmId& vm) = 0;
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
    /// The newest set of the case that was taken of the powered-off VM: what a commit may rely on.
    virtual std::optional<EvidenceSet> find(const VmId& vm, const CaseId& case_id) = 0;
    /// The set of this name, of a running or powered-off VM.
    virtual std::optional<EvidenceSet> find_set(const VmId& vm, const EvidenceId& id) = 0;
    /// Where a set is while it is not complete.
    virtual std::string staging(const VmId& vm, const EvidenceId& id) = 0;
    /// A running VM's set: its folder, when there is room for it. `unavailable` when not.
    virtual Result<void> prepare(const EvidenceRequest& request) = 0;
    /// Then: everything but disks and memory, and empty images for the disks, under names that no earlier try had: a call
    /// that libvirt still holds of an agent that was killed may run later, and must find nothing to write to.
    virtual Result<BackupFiles> make_targets(const EvidenceRequest& request) = 0;
    /// What `make_targets` made last; empty when nothing.
    virtual BackupFiles targets(const VmId& vm, const EvidenceId& id) = 0;
    /// A name for the memory's file, for the same reason never one that was given before.
    virtual std::string memory_name() = 0;
    /// Then, when the backup has ended well: from here on nobody else writes to the files. Durable, so that a crash while
    /// they are hashed does not ask again how the backup ended.
    virtual Result<void> take_over(const VmId& vm, const EvidenceId& id) = 0;
    virtual bool taken_over(const VmId& vm, const EvidenceId& id) = 0;
    /// Then: hashes and signs. Repeatable; returns the set when it is complete already.
    virtual Result<EvidenceSet> store(const VmId& vm, const EvidenceId& id, const LiveCopy& copy, const std::function<void(int)>& percent) = 0;
    /// Removes what lies in `staging`.
    virtual Result<void> discard(const VmId& vm, const EvidenceId& id) = 0;
    /// Every complete set on this host.
    virtual std::vector<EvidenceSet> all() = 0;
    /// Deletes a set for good.
    virtual Result<void> expire(const EvidenceSet& set) = 0;
    /// Lists and signs what lies in `removed_folder`; called after every cleaning.
    virtual Result<void> index_removed(const EvidenceSet& set) = 0;
    /// Reads every file again and compares with the manifest.
    virtual Result<void> verify(const EvidenceSet& set) = 0;
    /// Writes the set's image of one disk back to where it came from, after which the guest sees exactly what the set
    /// recorded. The VM is off and locked, and the set verified. May be repeated as long as the set exists.
    /// Errors: invalid when the VM's disk is not the one that was frozen; unavailable, also without space.
    virtual Result<void> put_back(const EvidenceSet& set, const VmDisk& disk) = 0;
    /// The stored definition (XML) as it was given to `freeze`, letter by letter.
    virtual Result<std::string> definition(const EvidenceSet& set) = 0;
    /// A folder inside the set for what cleaning moved away; created when missing.
    virtual Result<std::string> removed_folder(const EvidenceSet& set) = 0;
};

/// Where a VM's process keeps, while it serves its disks, what the guest overwrites. A folder for each job; all that belongs to
/// the job lies below it.
class Scratch {
  public:
    virtual ~Scratch() = default;
    virtual std::string folder(const JobId& job) = 0;
    /// Makes the folder anew. `unavailable` when the file system has no room for what a job may need.
    virtual Result<void> prepare(const JobId& job) = 0;
    /// Then: empty files for the disks, and a folder for the socket in which the VM's process may make it.
    virtual Result<DiskExport> make(const JobId& job, const LiveVm& vm) = 0;
    /// What `make` made last; empty when nothing.
    virtual DiskExport made(const JobId& job) = 0;
    /// Why the job must end now, well BEFORE a write of the guest would fail; "" while there is room.
    virtual std::string shortage(const JobId& job) = 0;
    virtual Result<void> remove(const JobId& job) = 0;
};

/// bailiff-scan and bailiff-clean as processes.
class Scanner {
  public:
    virtual ~Scanner() = default;
    virtual Result<ScanOutcome> scan(const std::vector<ScanTarget>& disks, const std::function<void(int)>& percent) = 0;
    /// Reads what a running VM's process serves, slowly enough for the guest. `stop` is asked all the time: words end the scan
    /// with `conflict`, which says them.
    virtual Result<ScanOutcome> scan_live(const std::vector<ScanTarget>& exports, const std::function<void(int)>& percent,
                                          const std::function<std::string()>& stop) = 0;
    /// The same of disks that nobody holds for us: whoever wants to write to them meanwhile can, so a VM starts as ever.
    /// Asks `go_on` about every second and ends when it says no. Errors: conflict when somebody writes to a disk already,
    /// or `go_on` said no.
    virtual Result<ScanOutcome> scan_unheld(const std::vector<ScanTarget>& disks, const std::function<bool()>& go_on) = 0;
    /// Moves the hits of `found` out of the overlays into `keep_folder`. Returns what was moved. Repeatable.
    virtual Result<std::vector<ScanHit>> clean(const std::vector<ScanTarget>& overlays, const ScanOutcome& found,
                                               const std::string& keep_folder) = 0;
};

/// What a sweep found in a VM.
struct SweptDisks {
    ScanOutcome outcome;
    bool live = false;           ///< the VM ran
};

/// Reads all disks of a VM that no case has hold of, in the background.
class SweepScanner {
  public:
    virtual ~SweepScanner() = default;
    /// Whether `scan_vm` can read a VM that runs. While it says no, running VMs wait, which is no failure.
    virtual bool scans_running() const = 0;
    /// Never keeps a VM from being started, stopped or worked on. Asks `go_on` about every second and ends when it says no.
    /// Errors: conflict when what was read says nothing of the VM (it was started meanwhile, or `go_on` said no);
    /// not_found when the VM is gone; unavailable for the rest.
    virtual Result<SweptDisks> scan_vm(const VmId& vm, const std::function<bool()>& go_on) = 0;
    /// Ends what a scan of an agent that was killed left on the VM; success when there is nothing.
    virtual Result<void> end_leftover(const VmId& vm) = 0;
    /// Drops what was kept for the next sweep of any VM but these.
    virtual void forget_others(const std::set<VmId>& here) = 0;
};

/// The signed reports of scans, kept on this host.
class ScanReports {
  public:
    virtual ~ScanReports() = default;
    /// Sets `ended` to now, signs and keeps it durably; an earlier one of the same job is replaced. Returns the SHA-256 of
    /// the whole report's payload. Errors: unavailable.
    virtual Result<std::string> keep(ScanReport report) = 0;
    /// The envelope that travels to the controller: the whole report, or its short form when that is too large. "" when there
    /// is none (any more).
    virtual std::string travelling(const std::string& job) = 0;
    /// Deletes those of scans that began before `before`, save for VMs of which `needed` says so; returns how many.
    virtual int64_t expire(Instant before, const std::function<bool(const VmId&)>& needed) = 0;
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
