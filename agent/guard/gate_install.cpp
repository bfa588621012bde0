// SPDX-License-Identifier: Apache-2.0
// Copies the gate into libvirt's folder of hooks and links it to the locks.
#include "agent/guard/gate_install.hpp"

#include "agent/files/durable_file.hpp"

#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <charconv>
#include <climits>
#include <csignal>
#include <cstring>

namespace bailiff::agent {
namespace {

constexpr size_t program_cap_bytes = size_t{64} << 20;

bool executable(const std::string& path) {
    struct stat found {};
    return ::stat(path.c_str(), &found) == 0 && S_ISREG(found.st_mode) && (found.st_mode & 0111) != 0;
}

/// Whether libvirt saw any hook for QEMU when it last looked, as far as the files tell.
bool any_hook(const std::string& hooks_folder) {
    if (executable(hooks_folder + "/qemu")) return true;
    for (const std::string& name : names_in(hooks_folder + "/qemu.d"))
        if (executable(hooks_folder + "/qemu.d/" + name)) return true;
    return false;
}

Result<void> link_locks(const GateOptions& options) {
    const std::string link = options.hooks_folder + "/bailiff-locks", part = link + ".part";
    char target[PATH_MAX + 1] = {};
    if (::readlink(link.c_str(), target, PATH_MAX) > 0 && options.locks_folder == target) return {};
    ::unlink(part.c_str());
    if (::symlink(options.locks_folder.c_str(), part.c_str()) != 0)
        return fail(Errc::unavailable, "Cannot make the link " + part + ": " + std::strerror(errno) + ".");
    return rename_durably(part, link);
}

}  // namespace

bool signal_daemon(const GateOptions& options) {
    for (const std::string& file : options.pid_files) {
        const auto text = read_file(file, 64);
        pid_t pid = 0;
        if (!text || std::from_chars(text->data(), text->data() + text->size(), pid).ec != std::errc{} ||
            pid <= 1)
            continue;
        // The number may be another process's by now.
        const auto command = read_file("/proc/" + std::to_string(pid) + "/comm", 64);
        if (!command || (*command != "libvirtd\n" && *command != "virtqemud\n")) continue;
        if (::kill(pid, SIGHUP) == 0) return true;
    }
    return false;
}

Result<GateChange> install_gate(const GateOptions& options) {
    if (options.locks_folder.empty() || options.locks_folder[0] != '/')
        return fail(Errc::invalid, "The folder of locks must be an absolute path.");
    const auto wanted = read_file(options.program, program_cap_bytes);
    if (!wanted) return fail(wanted.error());
    const std::string folder = options.hooks_folder + "/qemu.d", gate = folder + "/00-bailiff";
    GateChange change;
    if (auto linked = link_locks(options); !linked) {
        if (auto made = make_folder(folder, 0755); !made) return fail(made.error());
        if (linked = link_locks(options); !linked) return fail(linked.error());
    }
    const auto present = read_file(gate, program_cap_bytes);
    if (present && *present == *wanted && executable(gate)) return change;
    const bool first = !any_hook(options.hooks_folder) && !present;
    if (auto made = make_folder(folder, 0755); !made) return fail(made.error());
    if (auto written = write_durably(gate, *wanted, 0755); !written) return fail(written.error());
    change.changed = true;
    if (first) {
        change.signalled = signal_daemon(options);
        change.restart_needed = !change.signalled;
    }
    return change;
}

Result<GateChange> repair_gate(const GateOptions& options) {
    auto change = install_gate(options);
    if (change && !change->signalled) {
        change->signalled = signal_daemon(options);
        change->restart_needed = !change->signalled;
    }
    return change;
}

Result<void> remove_gate(const GateOptions& options) {
    if (auto removed = remove_durably(options.hooks_folder + "/qemu.d/00-bailiff"); !removed) return removed;
    return remove_durably(options.hooks_folder + "/bailiff-locks");
}

}  // namespace bailiff::agent
