// SPDX-License-Identifier: Apache-2.0
// The lock as files: `<uuid>.json` is the truth, `<uuid>.lock` beside it is what the start gate reads.
#pragma once

#include "agent/guard/image_holder.hpp"
#include "agent/ports.hpp"

#include <mutex>
#include <string>

namespace bailiff::agent {

/// Guard over a folder of root-owned files. Thread-safe. Writes nothing outside the folder; survives a crash
/// between any two writes, since the record is written before the gate's file and removed after it.
class FileGuard : public Guard {
  public:
    /// Makes the folder (0700), locks the canary and writes every gate file anew: identities of disks change
    /// with a reboot, and a gate file that was lost is repaired. A holder whose lock is gone is ended. Throws
    /// Outage when the folder cannot be used. `hold_program` is bailiff-hold; without it no disk is held.
    explicit FileGuard(std::string folder, std::string hold_program = "");

    Result<void> lock(const LockRecord& record) override;
    Result<void> unlock(const VmId& vm) override;
    std::optional<LockRecord> find(const VmId& vm) override;
    std::vector<LockRecord> all() override;
    Result<void> permit(const VmId& vm, const std::string& token) override;
    Result<void> revoke(const VmId& vm) override;
    Result<void> hold(const VmId& vm, const std::vector<VmDisk>& disks) override;
    Result<void> let_go(const VmId& vm) override;

    const std::string& folder() const { return folder_; }

  private:
    std::string path(const VmId& vm, const char* suffix) const;
    Result<void> write_gate_file(const LockRecord& record);
    std::optional<LockRecord> read_record(const VmId& vm);

    std::string folder_;
    ImageHolder holder_;
    std::mutex mutex_;
};

}  // namespace bailiff::agent
