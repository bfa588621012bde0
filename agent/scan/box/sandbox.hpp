// SPDX-License-Identifier: Apache-2.0
// The box in which everything that parses a customer's bytes runs.
#pragma once

#include <bailiff/result.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace bailiff::agent {

/// What the process in the box may still use. Descriptors that are open stay usable; nothing new can be opened.
struct SandboxProfile {
    uint64_t address_space = uint64_t{4} << 30;  ///< bytes
    uint64_t cpu_seconds = 6 * 3600;
    uint64_t largest_file = uint64_t{2} << 30;  ///< bytes, also of memory files
    uint64_t descriptors = 256;
    bool may_fork = false;  ///< for the process that forks one worker per stream
};

/// Puts the calling process into the box for good: unprivileged user, empty capabilities, namespaces of its own with an empty
/// root, Landlock without any right, resource limits, and a seccomp allow-list that kills on sockets, exec and ptrace.
/// Namespaces and Landlock are used where the kernel allows them (the list that comes back says which failed); an error
/// means that the seccomp filter or the limits could not be set, and then nothing may be parsed.
/// Call it with one thread.
Result<std::vector<std::string>> enter_sandbox(const SandboxProfile& profile);

/// A second, tighter filter on top of a profile with `may_fork`: the worker itself forks no more.
Result<void> forbid_fork();

}  // namespace bailiff::agent
