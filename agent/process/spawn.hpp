// SPDX-License-Identifier: Apache-2.0
// The fork and exec behind Process, apart because only async-signal-safe calls may stand between the two.
#pragma once

#include "agent/process/process.hpp"

#include <sys/types.h>

namespace bailiff::agent {

/// A child that was started: its id, a pidfd, and our ends of its output pipes (non-blocking, close-on-exec).
struct Spawned {
    pid_t pid;
    int pidfd;
    int out;
    int err;
};

Result<Spawned> spawn(const std::vector<std::string>& argv, const ProcessOptions& options);

}  // namespace bailiff::agent
