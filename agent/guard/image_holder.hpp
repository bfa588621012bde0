// SPDX-License-Identifier: Apache-2.0
// Starts, finds and ends the processes that hold the disks of locked VMs (bailiff-hold).
#pragma once

#include <bailiff/id.hpp>
#include <bailiff/result.hpp>

#include <sys/types.h>
#include <optional>
#include <string>
#include <vector>

namespace bailiff::agent {

/// One holder per VM, known by `<uuid>.hold` in the locks folder: its pid, locked as long as it lives. A holder outlives
/// the agent, and is found again by the next one. Not thread-safe: FileGuard calls it under its own mutex.
class ImageHolder {
  public:
    /// An empty `program` holds nothing and says so.
    ImageHolder(std::string folder, std::string program);

    /// Success when a holder has exactly these files open, started now or before. A holder of other files (a disk was
    /// added, an image replaced) is replaced. Errors: as Guard::hold.
    Result<void> hold(const VmId& vm, const std::vector<std::string>& paths);
    /// Ends it and waits for its end. No holder is success.
    Result<void> let_go(const VmId& vm);
    /// The living holder's process; nothing when there is none.
    std::optional<pid_t> find(const VmId& vm) const;

  private:
    std::string pid_file(const VmId& vm) const;
    std::string folder_, program_;
};

}  // namespace bailiff::agent
