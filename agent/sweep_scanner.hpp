// SPDX-License-Identifier: Apache-2.0
// The port SweepScanner over the hypervisor and the scanner: VMs that are off by reading their disks, running ones by what
// their own process serves.
#pragma once

#include "agent/ports.hpp"

#include <bailiff/random.hpp>

namespace bailiff::agent {

/// Thread-safe as its ports are, which outlive it. Reading a VM that is off locks nothing: whether it was started while it
/// was read is looked at afterwards. A running VM has one name for its job and scratch space, so that what an agent that was
/// killed left behind is known as ours.
class DiskSweep : public SweepScanner {
  public:
    /// `running`: whether VMs that run are swept, too. `states`: a folder for what the next sweep of a running VM may pass over;
    /// then such a VM has a checkpoint, and its qcow2 disks are read where they were written since. "": everything is read.
    DiskSweep(Hypervisor& hypervisor, Scanner& scanner, Scratch& scratch, bool running, std::string states, Random& random)
        : hypervisor_(hypervisor), scanner_(scanner), scratch_(scratch), running_(running), states_(std::move(states)), random_(random) {}
    bool scans_running() const override { return running_; }
    Result<SweptDisks> scan_vm(const VmId& vm, const std::function<bool()>& go_on) override;
    Result<void> end_leftover(const VmId& vm) override;
    void forget_others(const std::set<VmId>& here) override;

  private:
    static JobId job_of(const VmId& vm) { return JobId("sweep-" + vm.text()); }
    Result<SweptDisks> scan_at_rest(const VmId& vm, const VmObservation& before, const std::function<bool()>& go_on);
    Result<SweptDisks> scan_running(const VmId& vm, const std::function<bool()>& go_on);
    Result<ScanOutcome> scan_served(const VmId& vm, DiskExport& served, const std::function<bool()>& go_on);
    Result<BackupBegun> begin(const VmId& vm, DiskExport& served);
    void count_writes(const VmId& vm, const LiveVm& live, DiskExport& served);
    void keep_checkpoint(const VmId& vm, const std::string& kept);
    std::string state_file(const VmId& vm, const std::string& target) const { return states_ + "/" + vm.text() + "-" + target; }

    Hypervisor& hypervisor_;
    Scanner& scanner_;
    Scratch& scratch_;
    bool running_;
    std::string states_;
    Random& random_;
};

}  // namespace bailiff::agent
