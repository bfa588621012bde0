// SPDX-License-Identifier: Apache-2.0
// `bailiff-agent sweep list|now`, and the sweep's part of `bailiff-agent status`. Without libvirt.
#pragma once

#include "agent/options.hpp"

#include <bailiff/json.hpp>

namespace bailiff::agent {

/// The exit status. `now` leaves a request for the running agent, or for its next start.
int sweep(const Command& command);

/// `{on, text, next, scanning, swept, found, failing, untold, last}` as the journal and the running agent have it.
Json sweep_status(const Options& options);
void print_sweep_lines(const Json& status);

}  // namespace bailiff::agent
