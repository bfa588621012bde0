// SPDX-License-Identifier: Apache-2.0
// The start gate, installed as /etc/libvirt/hooks/qemu.d/00-bailiff: reads the locks, says yes (0) or no (1).
//
// Called by libvirt as `00-bailiff VM-NAME OPERATION PHASE EXTRA` with the definition on standard input.
// Prints nothing on standard output, since libvirt takes that for a new definition when it restores or
// migrates.
#include "agent/guard/gate.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>

namespace {

using namespace bailiff::agent;

std::string read_all(int fd, size_t cap) {
    std::string out;
    char buffer[16384];
    while (out.size() < cap) {
        const ssize_t n = ::read(fd, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        out.append(buffer, size_t(n));
    }
    return out;
}

std::string read_path(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return "";
    std::string out = read_all(fd, size_t{1} << 20);
    ::close(fd);
    return out;
}

/// Where the locks lie: what the link `bailiff-locks` beside qemu.d points to, written by the installation.
std::string locks_folder() {
    char own[PATH_MAX + 1] = {};
    if (::readlink("/proc/self/exe", own, PATH_MAX) > 0) {
        std::string hooks(own);
        for (int level = 0; level < 2; ++level) hooks.resize(std::min(hooks.rfind('/'), hooks.size()));
        const std::string link = hooks + "/bailiff-locks";
        char target[PATH_MAX + 1] = {};
        if (::readlink(link.c_str(), target, PATH_MAX) > 0) return target;
    }
    return "/var/lib/bailiff/locks";
}

/// A dead network file system must not hold up every start on the host for long: after a second the start
/// goes on, and the agent's watch over events switches a locked VM off again.
[[noreturn]] void too_slow(int) {
    static constexpr char text[] =
        "Bailiff: the start gate was too slow to decide; the start is let through.\n";
    (void)!::write(STDERR_FILENO, text, sizeof text - 1);
    ::_exit(0);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 4 || !begins_a_start(argv[2], argv[3])) return 0;
    const std::string folder = locks_folder();
    std::vector<GateLock> locks;
    std::vector<Permit> permits;
    DIR* stream = ::opendir(folder.c_str());
    if (!stream) return 0;
    while (const dirent* entry = ::readdir(stream)) {
        const std::string name(entry->d_name);
        if (name.size() != 41 && name.size() != 43) continue;
        const std::string uuid = name.substr(0, 36);
        if (name.ends_with(".lock")) {
            // A lock that cannot be read still locks its VM: its name is enough.
            auto lock = parse_lock(uuid, read_path(folder + "/" + name));
            locks.push_back(lock ? std::move(*lock) : GateLock{uuid, "unknown", {}});
        } else if (name.ends_with(".permit")) {
            permits.push_back({uuid, read_path(folder + "/" + name)});
        }
    }
    ::closedir(stream);
    if (locks.empty()) return 0;
    const StartFacts facts = read_start_facts(read_all(STDIN_FILENO, size_t{8} << 20));
    // What needs no look at the disks is decided before the clock starts: it is never let through.
    const auto no_identity = [](const std::string&) { return std::pair<uint64_t, uint64_t>{0, 0}; };
    auto refusal = refuse_start(facts, locks, permits, no_identity);
    if (!refusal) {
        std::signal(SIGALRM, too_slow);
        ::alarm(1);
        refusal = refuse_start(facts, locks, permits, disk_identity);
        ::alarm(0);
    }
    if (!refusal) return 0;
    refusal->push_back('\n');
    (void)!::write(STDERR_FILENO, refusal->data(), refusal->size());
    return 1;
}
