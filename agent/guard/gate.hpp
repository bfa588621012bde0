// SPDX-License-Identifier: Apache-2.0
// What the start gate decides: whether a start that libvirt is about to make may go on.
//
// The gate is a program of its own, called by libvirt for every step in a VM's life while the VM is locked
// inside libvirt. It must therefore be quick, must not ask libvirt anything, and must never fail for a step
// that is no start: a refused `reconnect` would kill a running VM.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bailiff::agent {

/// What a definition says that matters for the gate.
struct StartFacts {
    std::string uuid;                  ///< empty when the XML cannot be read
    std::vector<std::string> sources;  ///< files and devices of all disks, backing chains included
    std::string token;                 ///< of our own start element; empty when there is none
};

/// One locked disk: by path, and by device and inode, since a path has many spellings.
struct LockedDisk {
    std::string path;
    uint64_t device = 0;
    uint64_t inode = 0;  ///< 0: the file could not be looked at when it was locked
};

/// What `<uuid>.lock` holds.
struct GateLock {
    std::string uuid;
    std::string case_id;
    std::vector<LockedDisk> disks;
};

/// Whether libvirt's words mean that a VM is about to start here: prepare, start, restore or migrate, with
/// begin.
bool begins_a_start(std::string_view operation, std::string_view phase);

StartFacts read_start_facts(std::string_view xml);

/// The lock file's text: "bailiff-lock 1", "case C-17", then "disk DEVICE INODE PATH" per disk; a newline in
/// a path is written as \n, a backslash as \\.
std::string format_lock(const GateLock& lock);
std::optional<GateLock> parse_lock(std::string_view uuid, std::string_view text);

/// The sentence for standard error when the start is refused, which libvirt shows to whoever tried; nothing
/// when it may go on. `permits` are the tokens that count, by VM (file `<uuid>.permit`).
struct Permit {
    std::string uuid;
    std::string token;
};
/// Looks a path up as (device, inode); (0, 0) when that is not possible. A parameter, since a look can hang.
using IdentityOf = std::pair<uint64_t, uint64_t> (*)(const std::string& path);
std::optional<std::string> refuse_start(const StartFacts& facts, const std::vector<GateLock>& locks,
                                        const std::vector<Permit>& permits, IdentityOf identity_of);

/// The real look-up. A block device has many nodes; its number is its identity, and inode 1 marks that kind.
std::pair<uint64_t, uint64_t> disk_identity(const std::string& path);

}  // namespace bailiff::agent
