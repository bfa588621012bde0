// SPDX-License-Identifier: Apache-2.0
// Holders as processes.
#include "agent/guard/image_holder.hpp"

#include "agent/files/durable_file.hpp"
#include "agent/guard/gate.hpp"
#include "agent/process/process.hpp"

#include <sys/stat.h>
#include <algorithm>
#include <charconv>
#include <csignal>
#include <cerrno>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>

namespace bailiff::agent {
namespace {

using Identity = std::pair<uint64_t, uint64_t>;

/// What a process has open, by device and inode. Unreadable: nothing.
std::vector<Identity> open_files_of(pid_t pid) {
    std::vector<Identity> out;
    const std::string folder = "/proc/" + std::to_string(pid) + "/fd";
    for (const auto& name : names_in(folder)) out.push_back(disk_identity(folder + "/" + name));
    return out;
}

/// The number may belong to somebody else by now: it is a holder only if it calls itself that, for this VM.
bool is_holder(pid_t pid, const VmId& vm) {
    const auto line = read_file("/proc/" + std::to_string(pid) + "/cmdline", size_t{1} << 20);
    if (!line) return false;
    const auto first = line->find('\0');
    if (first == std::string::npos) return false;
    return std::string_view(*line).substr(0, first).ends_with("bailiff-hold") && line->compare(first + 1, vm.text().size() + 1, vm.text() + '\0') == 0;
}

}  // namespace

ImageHolder::ImageHolder(std::string folder, std::string program) : folder_(std::move(folder)), program_(std::move(program)) {}

std::string ImageHolder::pid_file(const VmId& vm) const { return folder_ + "/" + vm.text() + ".hold"; }

std::optional<pid_t> ImageHolder::find(const VmId& vm) const {
    const auto text = read_file(pid_file(vm), 32);
    if (!text) return std::nullopt;
    pid_t pid = 0;
    std::from_chars(text->data(), text->data() + text->size(), pid);
    if (pid <= 1 || !is_holder(pid, vm)) return std::nullopt;
    return pid;
}

Result<void> ImageHolder::hold(const VmId& vm, const std::vector<std::string>& paths) {
    // What is not there cannot be started either; what has no path (RBD, iSCSI) is for the storage to lock.
    std::vector<std::string> here;
    std::vector<Identity> wanted;
    for (const auto& path : paths)
        if (const auto identity = disk_identity(path); path.starts_with('/') && identity != Identity{0, 0}) {
            here.push_back(path);
            wanted.push_back(identity);
        }
    if (const auto pid = find(vm)) {
        const auto open = open_files_of(*pid);
        if (std::all_of(wanted.begin(), wanted.end(), [&](const Identity& one) { return std::find(open.begin(), open.end(), one) != open.end(); }))
            return {};
        if (auto ended = let_go(vm); !ended) return ended;
    }
    if (here.empty()) return {};
    if (program_.empty() || ::access(program_.c_str(), X_OK) != 0)
        return fail(Errc::unavailable, "no program holds the disks of locked VMs: " + (program_.empty() ? "bailiff-hold" : program_) +
                                           " is missing; install it (agent.conf: hold-program)");
    std::vector<std::string> argv{program_, vm.text(), pid_file(vm)};
    argv.insert(argv.end(), here.begin(), here.end());
    ProcessOptions options;
    options.timeout = std::chrono::seconds(5);
    options.limits.open_files = here.size() + 32;
    options.limits.file_size_bytes = 4096;
    auto done = Process::run(argv, options);
    if (!done) return fail(done.error());
    if (done->ok()) return {};
    while (!done->err.empty() && done->err.back() == '\n') done->err.pop_back();
    if (done->exit_code == 3) return fail(Errc::conflict, done->err);
    return fail(Errc::unavailable, "the disks of VM " + vm.text() + " are not held: " + done->describe());
}

Result<void> ImageHolder::let_go(const VmId& vm) {
    const auto pid = find(vm);
    if (!pid) return remove_durably(pid_file(vm));
    // A descriptor of the process, so that the number cannot come to mean another one between the look and the signal.
    const int process = int(::syscall(SYS_pidfd_open, *pid, 0));
    if (process < 0 && errno == ESRCH) return remove_durably(pid_file(vm));
    bool ended = false;
    if (process >= 0) {
        if (is_holder(*pid, vm)) ::syscall(SYS_pidfd_send_signal, process, SIGKILL, nullptr, 0);
        pollfd waiting{process, POLLIN, 0};
        ended = ::poll(&waiting, 1, 5'000) == 1;
        ::close(process);
    }
    if (!ended) return fail(Errc::unavailable, "the holder of VM " + vm.text() + " (process " + std::to_string(*pid) + ") does not end; its storage may hang");
    return remove_durably(pid_file(vm));
}

}  // namespace bailiff::agent
