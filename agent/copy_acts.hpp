// SPDX-License-Identifier: Apache-2.0
// The acts that copy a running VM: each is a few calls of Hypervisor and EvidenceStore, which know nothing of each other.
#pragma once

#include "agent/acts.hpp"

namespace bailiff::agent {

/// Of an operation that copies: whether its set exists, and whose backup job runs.
Result<void> look_at_copy(const World& world, const VmId& vm, const EvidenceId& set, Observation& into);

/// Room for the set, and nobody else at work on the VM.
Result<Json> prepare_backup(const World& world, const Operation& operation, const Observation& seen, Instant now);
Result<Json> dump_memory(const World& world, const Operation& operation);
/// Adopts the job that this would begin; ends one of ours that is another.
Result<Json> begin_backup(const World& world, const Operation& operation, const Observation& seen, Instant now);
/// `conflict` when the job is not known to have ended well: then it is done away with and begun anew.
Result<Json> store_backup(const World& world, const Operation& operation, const std::function<void(int)>& percent);
/// Ends our job, if any, and removes what it wrote.
Result<void> abort_backup(const World& world, const Operation& operation);

}  // namespace bailiff::agent
