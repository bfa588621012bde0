// SPDX-License-Identifier: Apache-2.0
// A control group for work that must not be felt by anything else on the host.
#pragma once

#include <bailiff/result.hpp>

#include <string>

namespace bailiff::agent {

/// Makes the group when it is not there; a new one gets the least weight for processors and disks where the kernel lets it be set
/// (cgroup v2 with those controllers). What an admin has set in a group that is there stays. Errors: invalid when the folder
/// above is no control group; unavailable when the kernel refuses.
Result<void> prepare_cgroup(const std::string& folder);

}  // namespace bailiff::agent
