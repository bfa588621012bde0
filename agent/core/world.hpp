// SPDX-License-Identifier: Apache-2.0
// What the agent's core knows of the world: plain values that the ports hand out and the journal remembers.
#pragma once

#include <bailiff/id.hpp>
#include <bailiff/json.hpp>
#include <bailiff/message.hpp>
#include <bailiff/names.hpp>
#include <bailiff/order.hpp>
#include <bailiff/time.hpp>
#include <bailiff/vm.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace bailiff::agent {

/// What our states have put on a VM's network interfaces: read from the hypervisor, never remembered.
struct NetworkHold {
    bool kept = false;    ///< what stood there before is written down: something of ours is on an interface, or may be
    bool cut = false;     ///< nothing passes any interface of the running VM; of the stored definition when it is off
    bool whole = false;   ///< every interface, running and stored, is as the last demand wants it: a restart changes nothing
    Limit limit;          ///< what every interface of the running VM (of the stored definition when off) bears; empty when none
    friend bool operator==(const NetworkHold&, const NetworkHold&) = default;
};

/// What is true of one VM now: read from the hypervisor, never remembered.
struct VmObservation {
    bool exists = false;            ///< false: not defined and not running on this host
    std::string name;
    Power power = Power::unknown;
    bool stuck = false;             ///< a call on it did not return within its watchdog; other calls still work
    bool persistent = true;
    bool autostart = false;
    bool managed_save = false;
    bool migrating = false;
    bool quarantine_running = false;  ///< running from overlays on the quarantine network: started by us
    int64_t run = 0;                ///< another number after every start; 0 = off
    std::vector<VmDisk> disks;      ///< of the stored definition (of the live one when transient)
    std::vector<VmNic> nics;
    NetworkHold hold;
    friend bool operator==(const VmObservation&, const VmObservation&) = default;
};

/// What shows of a VM's health at one moment.
struct HealthSign {
    bool shows = false;
    std::string text;               ///< "its guest agent answers", or what stood in the way
    int64_t run = 0;                ///< of VmObservation, at that moment
    friend bool operator==(const HealthSign&, const HealthSign&) = default;
};

/// How a guest is asked to end.
enum class ShutdownBy { guest_agent, acpi };

/// How a quarantine boot differs from the VM's definition; everything else is kept, name and UUID included.
struct QuarantineBoot {
    std::map<std::string, std::string> overlays;  ///< disk target -> overlay path, one for every writable disk
    std::string token;                            ///< one-time word that lets this start through our own gate
    std::string nvram;                            ///< copy of the nvram file; empty when the VM has none
};

/// What a lock remembers, as it lies in `locks/<uuid>.json` (root-owned; the gate reads the files beside it).
struct LockRecord {
    VmId vm;
    CaseId case_id;
    std::string name;
    std::vector<VmDisk> disks;
    bool was_running = false;      ///< found so when locked: what release restores
    bool had_autostart = false;
    Instant since{};
    /// Held for a VM that lives on another host, so that it cannot be started on this one. Such a lock says nothing of
    /// the VM: a release starts nothing from it, it makes no VM "off", and it knows no disks. `was_running` means that
    /// the VM was started here past the guard and powered off.
    bool guard = false;
    friend bool operator==(const LockRecord&, const LockRecord&) = default;
};

/// One overlay of one disk, named by VM, case and target so that it can be found after a crash.
struct Overlay {
    std::string target;
    std::string path;
    std::string base;          ///< the customer's image
    std::string base_format;
    friend bool operator==(const Overlay&, const Overlay&) = default;
};

/// How the copies of a set stand to the guest's file systems.
enum class Consistency {
    at_rest,   ///< the VM was off
    frozen,    ///< its agent had frozen the file systems: they are clean
    crash,     ///< as after a power cut: what the guest had not written yet is not on its disks
};

/// A stored evidence set.
struct EvidenceSet {
    EvidenceId id;
    VmId vm;
    CaseId case_id;
    std::string folder;
    std::string manifest_sha256;
    int64_t bytes = 0;
    Instant taken_at{};
    Consistency consistency = Consistency::at_rest;
    friend bool operator==(const EvidenceSet&, const EvidenceSet&) = default;
};

/// One disk of a running VM, with what its copy may need.
struct LiveDisk {
    VmDisk disk;
    int64_t virtual_bytes = 0;
    int64_t allocated_bytes = 0;   ///< of the whole chain; at most the virtual size
};

/// What a running VM consists of.
struct LiveVm {
    std::vector<LiveDisk> disks;
    int64_t memory_bytes = 0;
    int64_t user = 0, group = 0;   ///< that its process runs as
};

/// Where a VM's own process writes the copies of its disks, by disk target. The files exist, empty qcow2 images of the
/// disks' sizes; nobody but that process writes to them until the job ends.
using BackupFiles = std::map<std::string, std::string>;

/// Checkpoints of this beginning are this program's, and nobody else's.
inline constexpr std::string_view checkpoint_prefix = "bailiff-";

/// What a VM's own process serves of its disks, by disk target, and where it keeps what the guest overwrites meanwhile.
struct DiskExport {
    std::string socket;            ///< Unix socket, made by that process
    BackupFiles scratch;           ///< empty qcow2 images of the disks' sizes
    /// Disks whose writes are counted by checkpoints, which libvirt keeps as dirty bitmaps in the images, and under which name
    /// the count is served.
    std::map<std::string, std::string> counted{};
    std::string since{};           ///< the checkpoint that the count begins at; "" = nothing is counted
    std::string mark{};            ///< a checkpoint that is made at the instant of the export, for a later one; "" = none
    friend bool operator==(const DiskExport&, const DiskExport&) = default;
};

/// The instant of a copy, as it was reached.
struct BackupBegun {
    Consistency consistency = Consistency::crash;
    std::string note;                ///< why it is not `frozen`; "" when it is
    bool paused = false;             ///< the guest stood still: memory and disks are of one instant
    bool thawed = true;              ///< false: the guest's agent was told to freeze and has not confirmed the thaw
    std::string run;                 ///< which run of the VM: another one after a restart of the VM
    std::vector<StepTime> parts;     ///< the calls, and `frozen`: from before the freeze until after the thaw
};

/// The VM's backup job, whoever began it.
struct BackupJob {
    enum class State { none, running, completed } state = State::none;   ///< completed: the last job, and successfully
    BackupFiles files;               ///< running: what it writes, copies or scratch
    std::string run;
    int percent = 0;
    int64_t copied_bytes = 0;        ///< running: of all disks so far
};

/// The memory of a paused VM, as it lies in a set.
struct MemoryDump {
    std::string file;                ///< in the set's folder
    std::string format;              ///< "kdump-zlib" or "elf"
};

/// What is to be frozen. The VM is off and locked, and no overlay exists yet; or it runs, and `live` says of what.
struct EvidenceRequest {
    EvidenceId id;
    VmId vm;
    CaseId case_id;
    std::vector<VmDisk> disks;
    std::string definition;    ///< stored XML
    Instant now{};
    std::string live_definition = {};    ///< of a running VM, else empty
    std::optional<LiveVm> live = {};
    bool memory = false;                 ///< running: room for its memory is needed too
};

/// What is known of a running VM's copy once it is complete.
struct LiveCopy {
    BackupBegun begun;
    std::optional<MemoryDump> memory;
};

/// What lets a scan pass over what was not written since the one before; see the options of bailiff-scan.
struct ScanChanges {
    std::string state;           ///< file: written by this scan, and by the one before
    std::string bitmap;          ///< dirty bitmap that is served with the disk; "" = everything is read
    std::string since;           ///< the moment that it counts from
    std::string mark;            ///< the moment of what is read now
};

/// One image to scan or clean. Formats are from the definition, never probed.
struct ScanTarget {
    std::string target;
    std::string path;
    std::string format;
    std::string backing;         ///< the overlay's base; empty when the image stands alone
    std::string backing_format;
    std::optional<ScanChanges> changes{};  ///< only for watching a disk; what gives a VM back reads everything
};

/// Suspicions that are journaled and sent; all of them stand in the reports.
inline constexpr size_t most_suspicions = 20;

/// The outcome of scanning all disks of a VM: infected if any is, else incomplete if any is, else clean.
struct ScanOutcome {
    ScanVerdict verdict = ScanVerdict::incomplete;
    int64_t files = 0, bytes = 0, skipped = 0;
    std::vector<ScanHit> hits;                       ///< all of them
    std::map<std::string, std::string> reports;      ///< disk target -> bailiff-scan's last line, as it came
    Instant signatures_at{};                         ///< of the oldest signatures used on any disk; 0 = not every disk's are dated
    int64_t unchanged = 0;                           ///< of `files`: passed over, since nothing of them was written; see ScanTarget::changes
    int64_t suspicious = 0;                          ///< how many suspicions there are; they change no verdict
    std::vector<ScanSuspicion> suspicions{};         ///< the first `most_suspicions` of them
    std::vector<EngineSet> engines{};                ///< what matched, each once
    std::string skipped_sha256{};                    ///< see ScanReport::skipped_sha256; "" also of a journal from before this field
    std::string report_sha256{};                     ///< of the signed report's payload; "" when it could not be kept
};

/// One line of the journal: append-only, in order, durable when `append` returns.
struct JournalEntry {
    int64_t position = 0;      ///< set by the journal
    std::string operation;     ///< order or job id; "" for host-wide entries
    std::string kind;          ///< accepted, intent, done, end, answer, acked, high_water …: see journal/README.md
    Json body;
    Instant at{};
};

}  // namespace bailiff::agent

template <>
struct bailiff::Names<bailiff::agent::Consistency> {
    using Consistency = bailiff::agent::Consistency;
    static constexpr std::string_view what = "consistency";
    static constexpr std::array table{std::pair{Consistency::at_rest, std::string_view("at_rest")},
                                      std::pair{Consistency::frozen, std::string_view("frozen")},
                                      std::pair{Consistency::crash, std::string_view("crash")}};
};
