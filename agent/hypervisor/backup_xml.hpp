// SPDX-License-Identifier: Apache-2.0
// What a running VM's definition says of its copy, and libvirt's description of a backup job: as trees, never as text.
#pragma once

#include "agent/core/world.hpp"

#include <bailiff/result.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace bailiff::agent {

/// Facts of a live definition.
struct LiveFacts {
    struct Disk {
        VmDisk disk;
        bool chained = false;      ///< stands on a backing image: its copy may be larger than the image itself
    };
    std::vector<Disk> disks;       ///< the writable ones
    int64_t memory_bytes = 0;
    bool agent_connected = false;  ///< somebody in the guest has opened the guest agent's port
    int64_t user = 0, group = 0;   ///< that the VM's process runs as; root when libvirt's DAC driver gives no label
};
Result<LiveFacts> read_live(std::string_view xml);

/// A push backup of exactly these disks; the others are left out by name. `disks` are all targets of the VM.
std::string backup_description(const std::vector<std::string>& disks, const BackupFiles& files);

/// A pull backup of exactly these disks, served on the socket, each under its target's name; with what was written since
/// `served.since`, if that is not empty.
std::string export_description(const std::vector<std::string>& disks, const DiskExport& served);

/// The checkpoint `served.mark` of the disks that are counted.
std::string checkpoint_description(const std::vector<std::string>& disks, const DiskExport& served);

/// The files that a described job writes to, by disk: the copies of a push backup, the scratch files of a pull backup.
Result<BackupFiles> files_of_backup(std::string_view xml);

/// Targets of all disks, removable and read-only ones too.
Result<std::vector<std::string>> disk_targets(std::string_view domain_xml);

}  // namespace bailiff::agent
