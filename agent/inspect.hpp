// SPDX-License-Identifier: Apache-2.0
// `bailiff-agent status|locks|journal`: what lies in the state folder, for an admin whose controller is away.
#pragma once

#include "agent/options.hpp"

#include <bailiff/json.hpp>

namespace bailiff::agent {

/// Reads only, also beside a running agent; prints to standard output. The exit status.
int inspect(const Command& command);

/// The offline commands about evidence sets. Returns the exit status: 0, 1 when something is wrong, 2 for wrong words.
int inspect_evidence(const Command& command);
/// Whether an agent works on the state folder now.
bool agent_runs(const Options& options);

/// The lock records as they lie there, without the canary's; one that cannot be read has only `vm` and `mistake`.
Json lock_files(const Options& options);

/// VMs whose network is cut or limited, from the journal: `{"isolated": [uuid…], "limited": {uuid: limit…}}`. Both are
/// empty when there is no journal yet.
Json held_networks(const Options& options);

}  // namespace bailiff::agent
