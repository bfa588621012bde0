// SPDX-License-Identifier: Apache-2.0
// Puts the start gate where libvirt runs it, repairs it, and tells libvirt of the first hook.
#pragma once

#include <bailiff/result.hpp>

#include <sys/types.h>
#include <string>
#include <vector>

namespace bailiff::agent {

/// Where things lie; the defaults are those of a host, a laboratory has its own.
struct GateOptions {
    std::string program = "/usr/lib/bailiff/bailiff-gate";  ///< the static program that is copied
    std::string hooks_folder = "/etc/libvirt/hooks";
    std::string locks_folder = "/var/lib/bailiff/locks";  ///< absolute
    /// Of libvirtd or virtqemud; the first one that names a running daemon counts.
    std::vector<std::string> pid_files{"/run/libvirtd.pid", "/run/libvirt/libvirtd.pid",
                                       "/run/virtqemud.pid"};
};

/// What an installation did.
struct GateChange {
    bool changed = false;         ///< the file was missing, different or not executable
    bool signalled = false;       ///< it was the first hook, and the daemon was told to look (SIGHUP)
    bool restart_needed = false;  ///< it was the first hook, and no running daemon was found to tell
};

/// Installs or repairs the gate; may be called each minute. libvirt remembers that there was no hook when it
/// started, and then ignores the first one until it gets SIGHUP; later changes are live. Errors: unavailable.
Result<GateChange> install_gate(const GateOptions& options);

/// For when the canary says that the gate is down: installs it, and if the file was right, sends the signal
/// again. A daemon that is still starting ignores the signal, as happens when host and agent boot together.
Result<GateChange> repair_gate(const GateOptions& options);

/// Sends SIGHUP to the daemon: it looks for hooks again. True when a daemon was found.
bool signal_daemon(const GateOptions& options);

/// Removes the gate. Locks stay, and hold no more.
Result<void> remove_gate(const GateOptions& options);

}  // namespace bailiff::agent
