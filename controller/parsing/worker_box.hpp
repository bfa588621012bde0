// SPDX-License-Identifier: Apache-2.0
// The box that bailiff-intake shuts itself into before it reads a byte of a stranger's.
#pragma once

#include <bailiff/result.hpp>

namespace bailiff {

/// For ever, for this process: an unprivileged user, no new privileges, no core files, little memory, and a list of system
/// calls that has no opening of files, no sockets, no processes. `unavailable`: it could not be shut, so read nothing.
Result<void> shut_worker_box();

}  // namespace bailiff
