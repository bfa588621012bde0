// SPDX-License-Identifier: Apache-2.0
// `bailiff-agent drain` and `release --force`: the admin's side. Without libvirt; what needs it is given.
#pragma once

#include "agent/admin_requests.hpp"
#include "agent/options.hpp"

#include <bailiff/time.hpp>

#include <functional>
#include <string>

namespace bailiff::agent {

/// Switches draining on or off. Works beside a running agent, which looks before every order, and without one.
int drain(const Command& command, const Clock& clock);

/// The request that the command line makes; not_found when the VM is neither locked nor isolated here.
Result<ReleaseRequest> release_request(const Command& command, const std::string& id, const Clock& clock);

/// Carries the request out: through a running agent, which is waited for at most `patience`, or with `here` when none
/// runs. Prints what was done and what stays. The exit status: 0 when the lock is off.
int release(const Command& command, const ReleaseRequest& request, const std::function<Result<Json>()>& here, const Clock& clock,
            std::chrono::milliseconds patience);

}  // namespace bailiff::agent
