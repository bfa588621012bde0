// SPDX-License-Identifier: Apache-2.0
// The port SweepScanner over the hypervisor and the scanner: VMs that are off by reading their disks.
#pragma once

#include "agent/ports.hpp"

namespace bailiff::agent {

/// Thread-safe as its ports are, which outlive it. Reading a VM that is off locks nothing: whether it was started while it
/// was read is looked at afterwards.
class DiskSweep : public SweepScanner {
  public:
    DiskSweep(Hypervisor& hypervisor, Scanner& scanner) : hypervisor_(hypervisor), scanner_(scanner) {}
    bool scans_running() const override { return false; }
    Result<SweptDisks> scan_vm(const VmId& vm, const std::function<bool()>& go_on) override;

  private:
    Result<SweptDisks> scan_running(const VmId& vm);
    Hypervisor& hypervisor_;
    Scanner& scanner_;
};

}  // namespace bailiff::agent
