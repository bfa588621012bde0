// SPDX-License-Identifier: Apache-2.0
// The port Scratch as folders: `<folder>/<job>/`, with one qcow2 for each disk, and `socket/` for the VM's own process.
#pragma once

#include "agent/ports.hpp"

#include <cstdint>
#include <string>

namespace bailiff::agent {

/// How much a live scan may take of the host's disk.
struct ScratchBounds {
    int64_t most_bytes = int64_t{4} << 30;   ///< what one VM may overwrite while it is scanned
    int64_t keep_percent = 10;               ///< of the file system that stay free, whoever fills it
};

/// Stateless, thread-safe for different jobs. Room for `most_bytes` and for what stays free must be there before a scan begins.
class FolderScratch : public Scratch {
  public:
    FolderScratch(std::string folder, ScratchBounds bounds) : folder_(std::move(folder)), bounds_(bounds) {}

    std::string folder(const JobId& job) override;
    Result<void> prepare(const JobId& job) override;
    Result<DiskExport> make(const JobId& job, const LiveVm& vm) override;
    DiskExport made(const JobId& job) override;
    std::string shortage(const JobId& job) override;
    Result<void> remove(const JobId& job) override;

  private:
    std::string folder_;
    ScratchBounds bounds_;
};

}  // namespace bailiff::agent
