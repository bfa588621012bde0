// SPDX-License-Identifier: Apache-2.0
// The port Hypervisor over libvirt and QEMU.
//
// Connections of three purposes: events, operations, urgent. Ending a VM never waits behind an operation that
// hangs, and nobody waits for libvirt longer than the call's watchdog: a call that does not return marks its
// VM stuck, keeps its connection, and is left alone.
#pragma once

#include "agent/hypervisor/known_addresses.hpp"
#include "agent/hypervisor/libvirt_connection.hpp"
#include "agent/hypervisor/network_hold.hpp"
#include "agent/hypervisor/taps.hpp"
#include "agent/hypervisor/watchdog.hpp"
#include "agent/ports.hpp"

#include <bailiff/time.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>

namespace bailiff::agent {

class LibvirtEvents;

/// Where the hypervisor is and how patient we are with it.
struct LibvirtOptions {
    std::string uri = "qemu:///system";
    std::string run_folder =
        "/run/libvirt/qemu";  ///< of the pid files, to see that a process has really ended
    std::string
        definitions_folder;  ///< keeps definitions of transient VMs beyond their end; empty: they are lost
    std::string notes_folder;  ///< remembers what stood on interfaces that we cut or limit, until it is given back
    std::string network_namespace;  ///< laboratory: /proc/PID/ns/net of a libvirtd that lives in another one
    IsolateBy isolate_by = IsolateBy::link;
    std::string quarantine_network = "bailiff-quarantine";
    std::string quarantine_bridge = "bailiffq0";
    std::string canary_type;  ///< "kvm" or "qemu"; empty: kvm where it can work
    int agent_timeout_seconds =
        5;  ///< given to every VM: libvirt's own default waits for a guest agent for ever
    int export_freeze_seconds = 1;  ///< the same while a guest is frozen for a live scan; libvirt counts in whole seconds
    std::chrono::milliseconds read_timeout{10'000};
    std::chrono::milliseconds lease_timeout{2'000};   ///< of all networks together
    std::chrono::milliseconds job_timeout{2'000};   ///< whether it migrates; waits for other jobs of the VM
    std::chrono::milliseconds ask_timeout{12'000};  ///< shutdown requests, autostart
    std::chrono::milliseconds cut_timeout{5'000};     ///< then the taps are taken down without libvirt
    std::chrono::milliseconds limit_timeout{30'000};  ///< filters take libvirt half a second for each interface
    std::chrono::milliseconds start_timeout{90'000};
    std::chrono::milliseconds destroy_timeout{45'000};
    std::chrono::milliseconds backup_timeout{60'000};   ///< freeze, begin and thaw together
    std::chrono::milliseconds memory_timeout{3'600'000};
    int64_t backup_mib_per_s = 0;                       ///< of all disks of a VM together; 0: as fast as it goes
};

/// Thread-safe. A refused start is `forbidden` with the gate's own words.
class LibvirtHypervisor : public Hypervisor {
  public:
    LibvirtHypervisor(LibvirtOptions options, const Clock& clock);
    ~LibvirtHypervisor() override;

    Result<std::vector<VmRecord>> list() override;
    Result<VmObservation> observe(const VmId& vm) override;
    Result<std::string> definition(const VmId& vm, bool live) override;
    Result<void> shut_down(const VmId& vm, ShutdownBy by) override;
    Result<void> power_off(const VmId& vm, bool graceful) override;
    Result<void> start(const VmId& vm) override;
    Result<void> start_quarantined(const VmId& vm, const QuarantineBoot& boot) override;
    Result<void> set_autostart(const VmId& vm, bool on) override;
    Result<void> set_links(const VmId& vm, bool up) override;
    Result<void> set_limit(const VmId& vm, const Limit& limit) override;
    Result<std::vector<Console>> open_consoles(const VmId& vm, const std::string& password, Instant until) override;

    // libvirt_backup.cpp
    Result<LiveVm> live(const VmId& vm) override;
    Result<void> pause(const VmId& vm) override;
    Result<void> resume(const VmId& vm) override;
    Result<std::string> dump_memory(const VmId& vm, const std::string& path) override;
    Result<BackupBegun> begin_backup(const VmId& vm, const BackupFiles& files) override;
    Result<BackupBegun> begin_export(const VmId& vm, const DiskExport& served) override;
    Result<std::vector<std::string>> checkpoints(const VmId& vm) override;
    Result<void> forget_checkpoint(const VmId& vm, const std::string& name) override;
    Result<BackupJob> backup(const VmId& vm) override;
    Result<void> abort_backup(const VmId& vm, const std::string& folder) override;
    Result<void> thaw(const VmId& vm) override;

    Result<HealthSign> sign_of_health(const VmId& vm, Health sign) override;
    Result<bool> prove_gate() override;
    void watch(std::function<void(VmEvent)> on_event) override;

    /// Path of the VM's nvram file, "" when it has none: for Overlays and EvidenceStore.
    Result<std::string> nvram_path(const VmId& vm);

  private:
    /// All that a call uses: it may outlive this object when it hangs.
    struct Core {
        LibvirtOptions options;
        LibvirtConnections operations, urgent;
        std::mutex network_mutex;
        HostTaps taps;
        explicit Core(LibvirtOptions given);
        /// Calls that change one VM's network are numbered: one that hung must not undo what came after it.
        uint64_t next_call(const VmId& vm);
        bool newest(const VmId& vm, uint64_t call);
        std::mutex calls_mutex;
        std::map<VmId, uint64_t> calls;
    };
    using Call = std::function<Result<void>(Core&)>;

    // libvirt_inventory.cpp
    LeasesByNetwork leases(const std::set<std::string>& wanted);

    Result<void> act(const VmId& vm, std::chrono::milliseconds timeout, const std::string& doing, Call call);
    static Result<VmObservation> look(Core& core, const VmId& vm);
    static Result<std::string> stored_definition(Core& core, const VmId& vm);
    static Result<void> keep_transient_definition(Core& core, virDomainPtr domain, const VmId& vm);
    static Result<void> ensure_quarantine_network(Core& core, const ConnectionHandle& connection);
    struct JobDescription {
        std::string backup, checkpoint;   ///< libvirt's XML; the checkpoint is made at the same instant, "" = none
    };
    using DescribeJob = std::function<JobDescription(const std::vector<std::string>& disks)>;
    /// Freeze, begin, thaw. `files`: those whose copying is held to the speed; 0: as fast as it goes.
    Result<BackupBegun> begin_job(const VmId& vm, DescribeJob describe, int freeze_seconds, int64_t mib_per_s, const BackupFiles& files);
    // libvirt_network.cpp
    Result<void> demand(const VmId& vm, const NetworkDemand& demand, std::chrono::milliseconds timeout, const std::string& doing);
    Result<void> cut_taps(const VmId& vm);
    static Result<void> cut_at_once(Core& core, virDomainPtr domain, const VmId& vm, HoldNote& note, uint64_t call);
    static Result<void> demand_network(Core& core, const VmId& vm, const NetworkDemand& demand, uint64_t call);
    static Result<void> converge(Core& core, const ConnectionHandle& connection, virDomainPtr domain, const VmId& vm, HoldNote& note, uint64_t call);
    static Result<void> start_held(Core& core, const ConnectionHandle& connection, virDomainPtr domain, const VmId& vm, HoldNote note, uint64_t call);
    static Result<NetworkHold> hold_of(Core& core, const ConnectionHandle& connection, const VmId& vm, const std::string& live, const std::string& stored);
    static Result<VmObservation> observe_domain(Core& core, const ConnectionHandle& connection, virDomainPtr domain);
    static Result<void> boot_quarantined(Core& core, const VmId& vm, const QuarantineBoot& boot);

    std::shared_ptr<Core> core_;
    const Clock& clock_;
    Watchdog watchdog_;
    std::mutex leases_mutex_;
    LeasesByNetwork leases_;       ///< as they were read last
    std::mutex events_mutex_;
    std::unique_ptr<LibvirtEvents> events_;
};

}  // namespace bailiff::agent
