// SPDX-License-Identifier: Apache-2.0
// The port SweepScanner over the hypervisor and the scanner: VMs that are off by reading their disks, running ones by what
// their own process serves.
#pragma once

#include "agent/ports.hpp"

namespace bailiff::agent {

/// Thread-safe as its ports are, which outlive it. Reading a VM that is off locks nothing: whether it was started while it
/// was read is looked at afterwards. A running VM has one name for its job and scratch space, so that what an agent that was
/// killed left behind is known as ours.
class DiskSweep : public SweepScanner {
  public:
    /// `running`: whether VMs that run are swept, too.
    DiskSweep(Hypervisor& hypervisor, Scanner& scanner, Scratch& scratch, bool running)
        : hypervisor_(hypervisor), scanner_(scanner), scratch_(scratch), running_(running) {}
    bool scans_running() const override { return running_; }
    Result<SweptDisks> scan_vm(const VmId& vm, const std::function<bool()>& go_on) override;
    Result<void> end_leftover(const VmId& vm) override;

  private:
    static JobId job_of(const VmId& vm) { return JobId("sweep/" + vm.text()); }
    Result<SweptDisks> scan_at_rest(const VmId& vm, const VmObservation& before, const std::function<bool()>& go_on);
    Result<SweptDisks> scan_running(const VmId& vm, const std::function<bool()>& go_on);
    Result<ScanOutcome> scan_served(const VmId& vm, const std::function<bool()>& go_on);

    Hypervisor& hypervisor_;
    Scanner& scanner_;
    Scratch& scratch_;
    bool running_;
};

}  // namespace bailiff::agent
