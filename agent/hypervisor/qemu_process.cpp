// SPDX-License-Identifier: Apache-2.0
// Reads /proc and sends signals through pidfds.
#include "agent/hypervisor/qemu_process.hpp"

#include "agent/files/durable_file.hpp"

#include <bailiff/system_clock.hpp>

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <algorithm>
#include <charconv>
#include <csignal>
#include <thread>
#include <vector>

namespace bailiff::agent {
namespace {

struct ProcessStat {
    char state = '\0';
    std::string started;
};

/// Fields 3 and 22 of /proc/PID/stat; the name in field 2 may hold anything, so counting begins after its
/// bracket.
ProcessStat stat_of(pid_t pid) {
    const auto text = read_file("/proc/" + std::to_string(pid) + "/stat", 4096);
    ProcessStat out;
    if (!text) return out;
    const size_t bracket = text->rfind(')');
    if (bracket == std::string::npos) return out;
    std::vector<std::string> fields;
    size_t at = bracket + 1;
    while (at < text->size()) {
        const size_t begin = text->find_first_not_of(' ', at);
        if (begin == std::string::npos) break;
        at = std::min(text->find(' ', begin), text->size());
        fields.push_back(text->substr(begin, at - begin));
    }
    if (fields.size() < 20) return out;
    out.state = fields[0][0];
    out.started = fields[19];
    return out;
}

}  // namespace

QemuProcess QemuProcess::find(const std::string& run_folder, const std::string& name,
                              const std::string& uuid) {
    QemuProcess out;
    const auto text = read_file(run_folder + "/" + name + ".pid", 64);
    pid_t pid = 0;
    if (!text || std::from_chars(text->data(), text->data() + text->size(), pid).ec != std::errc{} ||
        pid <= 1)
        return out;
    const auto command = read_file("/proc/" + std::to_string(pid) + "/cmdline", size_t{1} << 20);
    if (!command || command->find(uuid) == std::string::npos) return out;
    out.pid_ = pid;
    out.started_ = stat_of(pid).started;
    return out;
}

bool QemuProcess::gone() const {
    if (pid_ == 0) return true;
    const ProcessStat now = stat_of(pid_);
    return now.started != started_ || now.state == 'Z' || now.state == 'X';
}

bool QemuProcess::wait_gone(std::chrono::milliseconds patience) const {
    const SystemClock clock;
    const auto deadline = clock.monotonic() + patience;
    while (!gone()) {
        if (clock.monotonic() >= deadline) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
    return true;
}

bool QemuProcess::kill_and_wait(std::chrono::milliseconds patience) const {
    if (pid_ == 0) return false;
    const int fd = int(::syscall(SYS_pidfd_open, pid_, 0));
    if (fd >= 0) {
        // Checked after opening: from here on the descriptor means this process and no later one.
        if (!gone()) ::syscall(SYS_pidfd_send_signal, fd, SIGKILL, nullptr, 0);
        ::close(fd);
    }
    return wait_gone(patience);
}

std::string usable_accelerator() {
    // Some sandboxes have a /dev/kvm under which every guest hangs; their processors show no extension.
    const auto processor = read_file("/proc/cpuinfo", size_t{64} << 20);
    if (!processor ||
        (processor->find(" vmx") == std::string::npos && processor->find(" svm") == std::string::npos))
        return "qemu";
    const int fd = ::open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (fd < 0) return "qemu";
    ::close(fd);
    return "kvm";
}

}  // namespace bailiff::agent
