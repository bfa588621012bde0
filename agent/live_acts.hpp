// SPDX-License-Identifier: Apache-2.0
// The acts that scan a running VM: each is a few calls of Hypervisor, Scratch and Scanner, which know nothing of each other.
#pragma once

#include "agent/acts.hpp"

namespace bailiff::agent {

/// Whether a backup job writes below this folder, and nowhere else.
bool serves_from(const BackupJob& job, const std::string& folder);
/// What is served, as a scanner is told to read it.
std::vector<ScanTarget> targets_of(const DiskExport& served);

/// Whose backup job runs on the VM, for an operation that scans it.
Result<void> look_at_export(const World& world, const VmId& vm, const JobId& job, Observation& into);

/// Room for what the guest may overwrite meanwhile, and nobody else at work on the VM.
Result<Json> prepare_export(const World& world, const Operation& operation, const Observation& seen);
/// Adopts the job that this would begin; ends one of ours that is another.
Result<Json> begin_export(const World& world, const Operation& operation);
/// `stop`: words end it early.
Result<Json> scan_export(const World& world, const Operation& operation, const std::function<void(int)>& percent,
                         const std::function<std::string()>& stop);
/// Ends our job, if any, and removes its socket and scratch files.
Result<void> end_export(Hypervisor& hypervisor, Scratch& scratch, const VmId& vm, const JobId& job);

/// One look at the scratch space of a scan under way. When it runs short, the job is ended here and now, and the words say why;
/// the guest must never find it full. "" while there is room, and when it could not be looked at.
std::string watch_scratch(const World& world, const VmId& vm, const JobId& job);

}  // namespace bailiff::agent
