// SPDX-License-Identifier: Apache-2.0
// Arguments for bubblewrap: everything unshared, /usr alone to be seen, at most one capability.
#include "agent/scan/box/bubblewrap.hpp"

#include "agent/process/process.hpp"

#include <unistd.h>

namespace bailiff::agent {
namespace {

/// Images belong to whoever QEMU runs as, with any mode, and a backing file keeps that owner after the VM has ended. In
/// a user namespace not even root may read them (the owner is not mapped), so root goes without one and keeps the
/// single capability it needs. Everybody else gets a user namespace and reads what he may.
std::vector<std::string> box_arguments(bool writes) {
    std::vector<std::string> arguments{"/usr/bin/bwrap"};
    if (geteuid() == 0)
        arguments.insert(arguments.end(), {"--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try", "--cap-drop", "ALL",
                                           "--cap-add", writes ? "CAP_DAC_OVERRIDE" : "CAP_DAC_READ_SEARCH"});
    else
        arguments.insert(arguments.end(), {"--unshare-all", "--cap-drop", "ALL"});
    arguments.insert(arguments.end(), {"--die-with-parent", "--new-session", "--clearenv", "--setenv", "LC_ALL", "C.UTF-8", "--ro-bind", "/usr", "/usr",
                                       "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "--symlink", "usr/bin", "/bin", "--symlink",
                                       "usr/sbin", "/sbin", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"});
    return arguments;
}

/// Tried once: hosts differ in whether they allow user namespaces.
bool usable() {
    static const bool answer = [] {
        auto arguments = box_arguments(false);
        arguments.push_back("/usr/bin/true");
        const auto result = Process::run(arguments);
        return result && result->ok();
    }();
    return answer;
}

}  // namespace

Bubblewrap::Bubblewrap() : available_(usable()) {}

std::string Bubblewrap::bind_read_only(const std::string& path, const std::string& inside) {
    if (!available_) return path;
    binds_.insert(binds_.end(), {"--ro-bind", path, inside});
    return inside;
}

std::string Bubblewrap::bind(const std::string& path, const std::string& inside) {
    if (!available_) return path;
    binds_.insert(binds_.end(), {"--bind", path, inside});
    return inside;
}

std::vector<std::string> Bubblewrap::wrap(std::vector<std::string> arguments) const {
    if (!available_) return arguments;
    std::vector<std::string> out = box_arguments(writes_);
    out.insert(out.end(), binds_.begin(), binds_.end());
    out.push_back("--");
    out.insert(out.end(), arguments.begin(), arguments.end());
    return out;
}

}  // namespace bailiff::agent
