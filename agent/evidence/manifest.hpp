// SPDX-License-Identifier: Apache-2.0
// An evidence set's table of contents: every file with its size and SHA-256, and where each disk came from.
#pragma once

#include "agent/evidence/disk_copy.hpp"
#include "agent/ports.hpp"

#include <bailiff/json.hpp>

#include <string>
#include <vector>

namespace bailiff::agent {

struct ManifestFile {
    std::string name;
    int64_t bytes = 0;
    std::string sha256;
};

/// `manifest.json`. Strict: what is not known is a mistake, since nobody may add to a manifest afterwards.
struct Manifest {
    EvidenceId id;
    VmId vm;
    CaseId case_id;
    Instant taken_at{};
    std::vector<FrozenDisk> disks;
    std::vector<ManifestFile> files;
    /// How the copies stand to the guest: for a set of a running VM, `begun` says how its instant was reached.
    BackupBegun begun{Consistency::at_rest, {}, false, true, {}, {}};
    std::optional<MemoryDump> memory = {};
};

std::string format_manifest(const Manifest& manifest);
Result<Manifest> parse_manifest(std::string_view text);

}  // namespace bailiff::agent
