// SPDX-License-Identifier: Apache-2.0
// The notes of network_hold.hpp as files of root's.
#pragma once

#include "agent/hypervisor/libvirt_hypervisor.hpp"

#include <optional>

namespace bailiff::agent {

/// Nothing when there is none. Errors: unavailable for one that cannot be read or is damaged, naming the file.
Result<std::optional<HoldNote>> read_note(const LibvirtOptions& options, const VmId& vm);
/// Durable when it returns. Errors: unavailable.
Result<void> write_note(const LibvirtOptions& options, const VmId& vm, const HoldNote& note);
Result<void> remove_note(const LibvirtOptions& options, const VmId& vm);

/// The status file of a running VM, which libvirt keeps for itself: read when libvirt cannot be asked.
Result<std::string> status_of(const std::string& run_folder, const VmId& vm);

}  // namespace bailiff::agent
