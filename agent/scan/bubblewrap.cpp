// SPDX-License-Identifier: Apache-2.0
// Arguments for bubblewrap: everything unshared, /usr alone to be seen, no capabilities.
#include "agent/scan/bubblewrap.hpp"

#include "agent/process/process.hpp"

namespace bailiff::agent {
namespace {

const std::vector<std::string>& box_arguments() {
    static const std::vector<std::string> arguments{
        "/usr/bin/bwrap", "--unshare-all",  "--die-with-parent", "--new-session", "--cap-drop",  "ALL",     "--clearenv",
        "--setenv",       "LC_ALL",         "C.UTF-8",           "--ro-bind",     "/usr",        "/usr",    "--symlink",
        "usr/lib",        "/lib",           "--symlink",         "usr/lib64",     "/lib64",      "--symlink", "usr/bin",
        "/bin",           "--symlink",      "usr/sbin",          "/sbin",         "--proc",      "/proc",   "--dev",
        "/dev",           "--tmpfs",        "/tmp"};
    return arguments;
}

/// Tried once: hosts differ in whether they allow user namespaces.
bool usable() {
    static const bool answer = [] {
        auto arguments = box_arguments();
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
    std::vector<std::string> out = box_arguments();
    out.insert(out.end(), binds_.begin(), binds_.end());
    out.push_back("--");
    out.insert(out.end(), arguments.begin(), arguments.end());
    return out;
}

}  // namespace bailiff::agent
