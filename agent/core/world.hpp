// SPDX-License-Identifier: Apache-2.0
// What the agent's core knows of the world: plain values that the ports hand out and the journal remembers.
#pragma once

#include <bailiff/id.hpp>
#include <bailiff/json.hpp>
#include <bailiff/message.hpp>
#include <bailiff/time.hpp>
#include <bailiff/vm.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace bailiff::agent {

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
    std::vector<VmDisk> disks;      ///< of the stored definition (of the live one when transient)
    std::vector<VmNic> nics;
    friend bool operator==(const VmObservation&, const VmObservation&) = default;
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

/// A stored evidence set.
struct EvidenceSet {
    EvidenceId id;
    VmId vm;
    CaseId case_id;
    std::string folder;
    std::string manifest_sha256;
    int64_t bytes = 0;
    Instant taken_at{};
    friend bool operator==(const EvidenceSet&, const EvidenceSet&) = default;
};

/// What is to be frozen. The VM is off and locked; no overlay exists yet.
struct EvidenceRequest {
    EvidenceId id;
    VmId vm;
    CaseId case_id;
    std::vector<VmDisk> disks;
    std::string definition;    ///< stored XML
    Instant now{};
};

/// One image to scan or clean. Formats are from the definition, never probed.
struct ScanTarget {
    std::string target;
    std::string path;
    std::string format;
    std::string backing;         ///< the overlay's base; empty when the image stands alone
    std::string backing_format;
};

/// The outcome of scanning all disks of a VM: infected if any is, else incomplete if any is, else clean.
struct ScanOutcome {
    ScanVerdict verdict = ScanVerdict::incomplete;
    int64_t files = 0, bytes = 0, skipped = 0;
    std::vector<ScanHit> hits;                       ///< all of them
    std::map<std::string, std::string> reports;      ///< disk target -> bailiff-scan's last line, as it came
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
